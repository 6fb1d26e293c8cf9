/*
 * test_msgflo_tool.c - the msgflo program from outside, without a broker: what it prints and its
 * exit status.
 */
#include "unit.h"

#include <sys/wait.h>

#include "base/buf.h"

#define GRAPH SOURCE_DIR "/graphs/imageresize.fbp"
#define LIBRARY SOURCE_DIR "/graphs/components.json"

/* Runs the tool with arguments as the shell takes them; both its outputs go to ret. Returns the
 * exit status. */
static int run(const char *arguments, struct buf *ret)
{
    char command[2048], chunk[1024];
    size_t n;
    FILE *f;
    int status;

    snprintf(command, sizeof(command), "%s %s 2>&1", MSGFLO_TOOL, arguments);
    f = popen(command, "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_append(ret, chunk, n);
    status = pclose(f);
    buf_append(ret, "", 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_run(const char *arguments, int status, const char *contains)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    int got = run(arguments, &out);

    if (got != status || !strstr(out.data, contains))
        fail_msg("msgflo %s: status %d and \"%s\"", arguments, got, out.data);
}

/* A graph of the text given, in a file of its own. */
static void make_graph(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char *const commands[] = {"setup", "procfile", "register", "list", "top",
                                       "graph", "send",     "dump",     "run"};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void helps_with_every_command(void **state)
{
    (void)state;
    assert_run("--version", 0, "msgflo ");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        char arguments[64], usage[64];

        assert_run("--help", 0, commands[i]);
        snprintf(arguments, sizeof(arguments), "%s --help", commands[i]);
        snprintf(usage, sizeof(usage), "usage: msgflo %s ", commands[i]);
        assert_run(arguments, 0, usage);
    }
}

/* The manual page's part on a command, new. */
static char *page_part(const char *page, const char *command)
{
    char head[64];
    const char *from, *end;

    snprintf(head, sizeof(head), "\n.Ss %s\n", command);
    from = strstr(page, head);
    assert_non_null(from);
    end = strstr(from + 1, "\n.S");
    return strndup(from, (size_t)(end - from));
}

static void fails_when_what_was_asked_for_cannot_be_printed(void **state)
{
    (void)state;
    assert_run("--version >/dev/full", 1, "");
    assert_run("--help >/dev/full", 1, "");
    assert_run("setup --help >/dev/full", 1, "");
    assert_run("graph " GRAPH " >/dev/full", 1, "");
}

static void has_every_option_in_the_manual_page(void **state)
{
    AUTO(buf_release) struct buf page = BUF_INIT;
    FILE *f = fopen(SOURCE_DIR "/msgflo/man/msgflo.1", "r");
    char chunk[1024];
    size_t n;

    (void)state;
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_append(&page, chunk, n);
    fclose(f);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        AUTO(buf_release) struct buf help = BUF_INIT;
        AUTO(text_freep) char *part = page_part(page.data, commands[i]);
        char words[64];

        snprintf(words, sizeof(words), "%s --help", commands[i]);
        assert_int_equal(run(words, &help), 0);
        for (const char *at = help.data; (at = strstr(at, "\n  -")); at++) {
            const char *name = strstr(at, "--") + 2;

            snprintf(words, sizeof(words), "Fl -%.*s", (int)strcspn(name, " \n"), name);
            if (!strstr(part, words) && strncmp(name, "help", 4) != 0)
                fail_msg("msgflo.1 says nothing of %s: %s", commands[i], words);
        }
    }
}

static void answers_wrong_usage_with_status_2(void **state)
{
    (void)state;
    assert_run("", 2, "usage: msgflo COMMAND");
    assert_run("seutp", 2, "there is no command 'seutp'");
    assert_run("setup", 2, "one graph file is needed");
    assert_run("setup a.fbp b.fbp", 2, "one graph file is needed");
    assert_run("setup " GRAPH " --prnue", 2, "there is no option '--prnue'");
    assert_run("setup " GRAPH " --timeout -1", 2, "--timeout: 0 to 3600 seconds, not '-1'");
    assert_run("setup " GRAPH " --timeout 3601", 2, "--timeout: 0 to 3600 seconds, not '3601'");
    assert_run("send --queue q", 2, "--queue and --json are needed");
    assert_run("dump", 2, "--queue is needed");
    assert_run("dump --queue q --amount 0", 2, "--amount: 1 to 10000, not '0'");
    assert_run("dump --queue q --amount 10001", 2, "--amount: 1 to 10000, not '10001'");
    assert_run("graph " GRAPH " --format gif", 2, "--format: json, fbp, svg or mermaid, not 'gif'");
}

static void names_the_file_and_place_of_a_fault(void **state)
{
    (void)state;
    make_graph(BINARY_DIR "/fault.fbp", "a(A) OUT -> IN b(B)\nb OUT => IN a\n");
    assert_run("graph " BINARY_DIR "/fault.fbp", 1,
               "fault.fbp: line 2, column 7: expected '->' or a process or a value, found '='");
    make_graph(BINARY_DIR "/fault.json", "{\"processes\": {}, \"connections\": [1]}");
    assert_run("graph " BINARY_DIR "/fault.json", 1,
               "fault.json: connections[0]: must be an object");
    make_graph(BINARY_DIR "/fault.json", "{\n");
    assert_run("graph " BINARY_DIR "/fault.json", 1, "fault.json: line 2, column");
    assert_run("graph " BINARY_DIR "/nowhere.fbp", 1, "nowhere.fbp: No such file or directory");
    assert_run("graph " LIBRARY, 1, "components.json: a graph needs the members processes");
    assert_run("graph " SOURCE_DIR "/LICENSE", 1, "a graph's name ends in .fbp or .json");
}

static void warns_of_what_is_surely_not_meant(void **state)
{
    (void)state;
    make_graph(BINARY_DIR "/warned.fbp", "a(A) -> b -> c(C)\nb(B)\n");
    assert_run("graph " BINARY_DIR "/warned.fbp", 0, "warning: line 1, column 9: ");
}

static void gives_the_same_JSON_after_a_round_trip(void **state)
{
    AUTO(buf_release) struct buf first = BUF_INIT;
    AUTO(buf_release) struct buf second = BUF_INIT;

    (void)state;
    assert_run("graph " GRAPH " --format json -o " BINARY_DIR "/trip.json", 0, "");
    assert_run("graph " BINARY_DIR "/trip.json --format fbp -o " BINARY_DIR "/trip.fbp", 0, "");
    assert_int_equal(run("graph " GRAPH " --format json", &first), 0);
    assert_int_equal(run("graph " BINARY_DIR "/trip.fbp --format json", &second), 0);
    assert_string_equal(first.data, second.data);
}

static void prints_a_Procfile_as_npm_does(void **state)
{
    AUTO(buf_release) struct buf out = BUF_INIT;

    (void)state;
    assert_int_equal(run("procfile " GRAPH " --library " LIBRARY " --ignore web --ignore bulk"
                         " --include 'a: b' --include 'c: d'",
                         &out),
                     0);
    assert_string_equal(out.data, "resize: dist/bin/imageresize-resize --role resize\n"
                                  "store: dist/bin/imageresize-store --role store\na: b\nc: d\n");
    buf_clear(&out);
    /* the empty line is npm's */
    assert_int_equal(run("procfile " GRAPH " --library " LIBRARY " --ignore web --ignore bulk"
                         " --ignore store",
                         &out),
                     0);
    assert_string_equal(out.data, "resize: dist/bin/imageresize-resize --role resize\n\n");
}

static void refuses_a_role_without_command(void **state)
{
    (void)state;
    make_graph(BINARY_DIR "/unknown.fbp", "a(x/Unknown)\n");
    assert_run("procfile " BINARY_DIR "/unknown.fbp --library " LIBRARY, 1,
               "No component x/Unknown defined for role a");
}

static void sends_nothing_that_is_no_JSON(void **state)
{
    (void)state;
    assert_run("send --queue q --json '{\"a\":}' --broker amqp://127.0.0.1:1", 1,
               "--json: column 6");
}

static void tells_a_missing_broker_from_a_wrong_address(void **state)
{
    (void)state;
    /* port 1 of loopback: nobody listens there */
    assert_run("setup " GRAPH " --timeout 0 --broker amqp://127.0.0.1:1", 3,
               "broker 127.0.0.1:1: ");
    assert_run("setup " GRAPH " --timeout 0 --broker http://me:secret@127.0.0.1", 1,
               "'http://me:xxx@127.0.0.1' is no amqp://, amqps://, mqtt:// or mqtts:// URL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helps_with_every_command),
        cmocka_unit_test(fails_when_what_was_asked_for_cannot_be_printed),
        cmocka_unit_test(has_every_option_in_the_manual_page),
        cmocka_unit_test(answers_wrong_usage_with_status_2),
        cmocka_unit_test(names_the_file_and_place_of_a_fault),
        cmocka_unit_test(warns_of_what_is_surely_not_meant),
        cmocka_unit_test(gives_the_same_JSON_after_a_round_trip),
        cmocka_unit_test(prints_a_Procfile_as_npm_does),
        cmocka_unit_test(refuses_a_role_without_command),
        cmocka_unit_test(sends_nothing_that_is_no_JSON),
        cmocka_unit_test(tells_a_missing_broker_from_a_wrong_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
