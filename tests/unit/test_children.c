/*
 * test_children.c - processes that the tool starts: what is told of them, how they are stopped,
 * started again, and ended with us.
 */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "tool/children.h"
#include "tool/spawn.h"

#define DEADLINE_MS 20000

/* One line an event. */
struct heard {
    struct buf text;
    struct children *children;
    const char *start_on_end; /* a command to start in an `ended` callback */
};

static void on_started(void *user, const char *name)
{
    buf_printf(&((struct heard *)user)->text, "%s started\n", name);
}

static void on_output(void *user, const char *name, enum child_stream stream, const char *line)
{
    buf_printf(&((struct heard *)user)->text, "%s %s %s\n", name,
               stream == CHILD_STDOUT ? "out" : "err", line);
}

static void on_ended(void *user, const char *name, const char *text, const char *last_stderr,
                     int restart_ms)
{
    struct heard *h = user;
    struct err e = ERR_INIT;

    buf_printf(&h->text, "%s ended: %s, %d, %s\n", name, text, restart_ms, last_stderr);
    if (h->start_on_end)
        assert_int_equal(children_start(h->children, name, h->start_on_end, &e), 0);
    h->start_on_end = NULL;
}

static const struct children_events events = {on_started, on_output, on_ended};

static int set_up(void **state)
{
    struct heard *h = calloc(1, sizeof(*h));

    *state = h;
    return h ? 0 : -1;
}

static int tear_down(void **state)
{
    struct heard *h = *state;

    children_free(h->children);
    buf_release(&h->text);
    free(h);
    return 0;
}

static void make(struct heard *h, const char *shell, bool restart)
{
    struct children_options options = {shell, "amqp://there", restart};
    struct err e = ERR_INIT;

    assert_int_equal(children_new(&options, &events, h, &h->children, &e), 0);
}

static void start(struct heard *h, const char *name, const char *command)
{
    struct err e = ERR_INIT;

    if (children_start(h->children, name, command, &e))
        fail_msg("%s", e.text);
}

/* Until the text has been heard. */
static void wait_for(struct heard *h, const char *text)
{
    struct pollfd fds[20];
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (!h->text.data || !strstr(h->text.data, text)) {
        int until = clock_until_ms(deadline), due = children_timeout_ms(h->children);

        if (!until)
            fail_msg("'%s' did not come, but: %s", text, h->text.data ? h->text.data : "nothing");
        poll(fds, children_fds(h->children, fds, 20), due < 0 || due > until ? until : due);
        children_service(h->children);
    }
}

static void tells_the_first_byte_the_lines_and_the_end(void **state)
{
    struct heard *h = *state;

    make(h, "/bin/sh", false);
    start(h, "a", "printf 'one\\r\\ntwo' ; printf 'bad\\nworse\\n' >&2; exit 3");
    assert_true(children_has(h->children, "a"));
    assert_true(children_pid(h->children, "a") > 0);
    wait_for(h, "a ended: exit status 3, -1, bad\nworse\n\n");
    assert_true(strstr(h->text.data, "a started\na out one\n") == h->text.data);
    assert_non_null(strstr(h->text.data, "a out two\n"));
    assert_non_null(strstr(h->text.data, "a err bad\na err worse\n"));
    assert_false(children_has(h->children, "a"));
    assert_int_equal(children_pid(h->children, "a"), 0);
}

static void tells_a_long_line_in_pieces(void **state)
{
    struct heard *h = *state;
    const char *line;

    make(h, "/bin/sh", false);
    start(h, "a", "printf '%05000d\\n' 7; printf 'x\\0y\\n'");
    wait_for(h, "ended");
    line = strstr(h->text.data, "a out ");
    assert_int_equal(strcspn(line, "\n"), strlen("a out ") + CHILD_LINE_MAX_BYTES);
    assert_non_null(strstr(h->text.data, "07\na out x?y\n"));
}

static void names_the_signal_that_ended_it(void **state)
{
    struct heard *h = *state;

    make(h, "/bin/sh", false);
    start(h, "a", "kill -9 $$");
    wait_for(h, "a ended: signal 9 (Killed), -1, \n");
}

static void gives_its_children_the_broker_and_no_input(void **state)
{
    struct heard *h = *state;

    make(h, "/bin/sh", false);
    start(h, "a", "echo $MSGFLO_BROKER; cat");
    wait_for(h, "a out amqp://there\n");
    wait_for(h, "a ended: exit status 0");
}

static void splits_a_command_without_a_shell(void **state)
{
    struct heard *h = *state;

    make(h, NULL, false);
    start(h, "a", "/bin/echo  --iips '{\"in\":\"it'\\''s $HOME\"}' \"a \\\"b\" c\\ d");
    wait_for(h, "a out --iips {\"in\":\"it's $HOME\"} a \"b c d\n");
}

static void refuses_a_command_that_is_none(void **state)
{
    static const struct {
        const char *command, *error;
    } cases[] = {{"", "an empty command"},
                 {"  ", "an empty command"},
                 {"a 'b", "a quote in a command has no end"},
                 {"/nowhere/x y", "cannot start '/nowhere/x': No such file or directory"}};
    struct heard *h = *state;

    make(h, NULL, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = ERR_INIT;

        assert_int_equal(children_start(h->children, "a", cases[i].command, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.text, cases[i].error);
        assert_false(children_has(h->children, "a"));
    }
}

static void starts_one_of_a_name_at_a_time(void **state)
{
    struct heard *h = *state;
    struct err e = ERR_INIT;

    make(h, NULL, false);
    start(h, "a", "sleep 1000");
    assert_int_equal(children_start(h->children, "a", "sleep 1000", &e), -1);
    assert_true(children_stop(h->children, "a"));
    assert_false(children_stop(h->children, "a"));
    start(h, "a", "sleep 1000");
}

static void starts_again_with_growing_delay(void **state)
{
    struct heard *h = *state;

    make(h, "/bin/sh", true);
    start(h, "a", "echo here; exit 1");
    wait_for(h, "a ended: exit status 1, 1000, ");
    assert_true(children_has(h->children, "a"));
    assert_int_equal(children_pid(h->children, "a"), 0);
    wait_for(h, "a ended: exit status 1, 2000, ");
    assert_true(children_stop(h->children, "a"));
    assert_int_equal(children_timeout_ms(h->children), -1);
}

static void may_start_another_while_it_tells_the_end(void **state)
{
    struct heard *h = *state;

    make(h, "/bin/sh", false);
    h->start_on_end = "echo again";
    start(h, "a", "exit 0");
    wait_for(h, "a out again\n");
    wait_for(h, "a out again\na ended");
}

/* Also of one that nobody waits for any more. */
static bool is_running(pid_t pid)
{
    char path[64], stat[512] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (!f)
        return false;
    if (!fgets(stat, sizeof(stat), f))
        stat[0] = '\0';
    fclose(f);
    return stat[0] && !strstr(stat, ") Z ");
}

static void wait_until_gone(pid_t pid)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (is_running(pid)) {
        assert_true(clock_until_ms(deadline) > 0);
        poll(NULL, 0, 5);
    }
}

static void stops_the_whole_group_without_telling_an_end(void **state)
{
    struct heard *h = *state;
    pid_t grandchild;

    make(h, "/bin/sh", true);
    start(h, "a", "sleep 1000 & echo pid $!; wait");
    wait_for(h, "a out pid ");
    grandchild = (pid_t)atoi(strstr(h->text.data, "pid ") + 4);
    buf_clear(&h->text);
    children_stop_all(h->children, 5000);
    assert_false(children_has(h->children, "a"));
    assert_int_equal(h->text.len, 0);
    wait_until_gone(grandchild);
}

static void kills_what_does_not_stop(void **state)
{
    struct heard *h = *state;
    pid_t pid;

    make(h, "/bin/sh", false);
    start(h, "a", "trap '' TERM; echo deaf; while :; do sleep 1000; done");
    wait_for(h, "a out deaf\n");
    pid = children_pid(h->children, "a");
    children_stop_all(h->children, 50);
    assert_false(is_running(pid));
}

/* A process of its own starts a child, tells its pid, and is killed. */
static void ends_its_children_even_when_it_is_killed(void **state)
{
    int ends[2];
    pid_t pid, child = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct spawned spawned;
        struct err e = ERR_INIT;
        int rc = spawn("sleep 1000", NULL, NULL, &spawned, &e);

        if (rc || write(ends[1], &spawned.pid, sizeof(spawned.pid)) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]); /* so that one that fails is not waited for */
    assert_int_equal(read(ends[0], &child, sizeof(child)), sizeof(child));
    assert_true(is_running(child));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    wait_until_gone(child);
    close(ends[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_the_first_byte_the_lines_and_the_end),
        TEST(tells_a_long_line_in_pieces),
        TEST(names_the_signal_that_ended_it),
        TEST(gives_its_children_the_broker_and_no_input),
        TEST(splits_a_command_without_a_shell),
        TEST(refuses_a_command_that_is_none),
        TEST(starts_one_of_a_name_at_a_time),
        TEST(starts_again_with_growing_delay),
        TEST(may_start_another_while_it_tells_the_end),
        TEST(stops_the_whole_group_without_telling_an_end),
        TEST(kills_what_does_not_stop),
        TEST(ends_its_children_even_when_it_is_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
