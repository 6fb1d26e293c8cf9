/*
 * test_participant_program.c - msgflo-repeat and msgflo-drop as whoever starts them sees them: the
 * command line, the first line, signals; with a real RabbitMQ, its classic and its quorum queues.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "msgflo/msgflo.h"
#include "scratch_broker.h"

#include "unit.h"

#define DEADLINE_MS 30000

struct program {
    pid_t pid;
    int out, err; /* pipes */
};

/* Starts it with these arguments, up to a NULL, and with none of our settings in its environment
 * but the one that is given as NAME=VALUE, or NULL. */
static void start(struct program *p, const char *file, const char *setting,
                  const char *const *arguments)
{
    int out[2], err[2];
    char *argv[10] = {strdup(file)};

    for (size_t i = 0; arguments[i] && i < 8; i++)
        argv[i + 1] = strdup(arguments[i]);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        unsetenv("MSGFLO_BROKER");
        unsetenv("CLOUDAMQP_URL");
        unsetenv("MSGFLO_DISCOVERY_PERIOD");
        if (setting)
            putenv(strdup(setting));
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    p->out = out[0];
    p->err = err[0];
    for (size_t i = 0; argv[i]; i++)
        free(argv[i]);
}

/* Reads up to a line's end, or to the end of all, into ret (size bytes, NUL after it). */
static void read_text(int fd, bool line, char *ret, size_t size)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;
    struct pollfd pfd = {fd, POLLIN, 0};
    size_t len = 0;

    for (;;) {
        ssize_t n;

        if (poll(&pfd, 1, clock_until_ms(deadline)) != 1)
            fail_msg("after '%.*s' there came nothing", (int)len, ret);
        n = read(fd, ret + len, line ? 1 : size - 1 - len);
        assert_true(n >= 0);
        if (n == 0 || len + (size_t)n == size - 1)
            break;
        len += (size_t)n;
        if (line && ret[len - 1] == '\n')
            break;
    }
    ret[len] = '\0';
}

/* Waits for its end. The rest of what it printed goes to ret_out and ret_err, 2000 bytes each. */
static int exit_status(struct program *p, char *ret_out, char *ret_err)
{
    int status;

    read_text(p->out, false, ret_out, 2000);
    read_text(p->err, false, ret_err, 2000);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    close(p->out);
    close(p->err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void has_said_nothing(int fd)
{
    struct pollfd pfd = {fd, POLLIN, 0};

    assert_int_equal(poll(&pfd, 1, 0), 0);
}

/* ---- the command line ---- */

static void a_command_line_gives_a_status_and_a_reason(void **state)
{
    static const struct {
        const char *arguments[5];
        const char *setting;
        int status;
        const char *out, *err; /* in what it prints; NULL: nothing is printed there */
    } cases[] = {
        {{"--version"}, NULL, 0, "0.", NULL},
        {{"--help"}, NULL, 0, "--role NAME", NULL},
        {{"--help"}, NULL, 0, "core/Repeat", NULL},
        {{"--what"}, NULL, 2, NULL, "--what"},
        {{"--role"}, NULL, 2, NULL, "--role"},
        {{"stray"}, NULL, 2, NULL, "'stray'"},
        {{"--broker", "http://u:secret@h"}, NULL, 1, NULL, "must start with"},
        {{"--role", "r"}, "MSGFLO_BROKER=http://u:secret@h", 1, NULL, "must start with"},
        {{NULL}, "CLOUDAMQP_URL=http://u:secret@h", 1, NULL, "must start with"},
        {{"--broker", "amqp://h", "--role", ""}, "MSGFLO_BROKER=http://h", 1, NULL, "no role"},
        {{"--broker", "amqps://h"}, "SSL_CERT_FILE=/nowhere", 1, NULL, "'/nowhere'"},
        {{NULL}, "MSGFLO_DISCOVERY_PERIOD=x", 2, NULL, "MSGFLO_DISCOVERY_PERIOD"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[2000], err[2000];
        struct program p;

        start(&p, REPEAT, cases[i].setting, cases[i].arguments);
        assert_int_equal(exit_status(&p, out, err), cases[i].status);
        if (cases[i].out ? !strstr(out, cases[i].out) : *out != '\0')
            fail_msg("case %zu prints: %s", i, out);
        if (cases[i].err ? !strstr(err, cases[i].err) : *err != '\0')
            fail_msg("case %zu says: %s", i, err);
        assert_null(strstr(err, "secret"));
    }
}

/* ---- the start ---- */

static void start_role(struct program *p, const char *file, const char *role)
{
    start(p, file, NULL,
          (const char *const[]){"--role", role, "--broker", scratch_broker_url(), NULL});
}

static void the_first_line_comes_once_it_is_announced_and_no_error_before(void **state)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;
    char line[200], out[2000], err[2000], *announcement = NULL;
    struct program p;

    (void)state;
    /* As msgflo-cpp does: the program is warned of it, but says so only later. */
    assert_true(broker_declare_queue("first.IN", NULL));
    start_role(&p, REPEAT, "first");
    read_text(p.out, true, line, sizeof line);
    assert_memory_equal(line, "connected as first-", 19);
    line[strcspn(line, "\n")] = '\0';
    while (!announcement || !strstr(announcement, line + strlen("connected as "))) {
        free(announcement);
        announcement = broker_take("fbp", NULL);
        assert_true(clock_mono_ms() < deadline);
    }
    free(announcement);
    kill(p.pid, SIGTERM);
    assert_int_equal(exit_status(&p, out, err), 0);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "PRECONDITION_FAILED"));
    broker_delete_queue("first.IN");
    broker_delete_exchange("first.IN");
    broker_delete_exchange("first.OUT");
}

/* A broker that takes the connection and ends it: an outage, at a moment that the test knows. */
static void without_a_broker_it_is_silent_and_ends_when_told_to(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), connection;
    char setting[60], out[2000], err[2000];
    struct program p;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)(void *)&address, size), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)(void *)&address, &size), 0);
    snprintf(setting, sizeof setting, "MSGFLO_BROKER=amqp://127.0.0.1:%d", ntohs(address.sin_port));
    start(&p, DROP, setting, (const char *const[]){"--role", "lonely", NULL});
    for (int i = 0; i < 2; i++) { /* it comes again */
        connection = accept(listener, NULL, NULL);
        assert_true(connection >= 0);
        close(connection);
    }
    has_said_nothing(p.err);
    kill(p.pid, SIGINT);
    assert_int_equal(exit_status(&p, out, err), 0);
    assert_string_equal(out, "");
    assert_string_equal(err, "");
    close(listener);
}

/* ---- the stop ---- */

static void count(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    (void)p;
    assert_string_equal(msgflo_delivery_content_type(d), "text/plain");
    assert_string_equal(msgflo_delivery_header(d, "traceparent"), "00-ab");
    ++*(size_t *)user;
    msgflo_ack(d);
}

static void turn(struct msgflo_participant *p)
{
    struct pollfd pfd = {msgflo_fd(p), POLLIN, 0};
    int ms = msgflo_timeout_ms(p);

    poll(&pfd, 1, ms < 100 ? ms : 100);
    msgflo_service(p);
}

#define MANY 4000

static void stopped_in_the_middle_it_finishes_what_is_in_hand(void **state)
{
    static const char *const headers[][2] = {{"traceparent", "00-ab"}};
    static const struct msgflo_port in = {.id = "in", .on_input = count}, out = {.id = "out"};
    static const struct msgflo_definition definition = {.component = "test/Source",
                                                        .inports = &in,
                                                        .inport_count = 1,
                                                        .outports = &out,
                                                        .outport_count = 1};
    const struct msgflo_message m = {.body = "1",
                                     .size = 1,
                                     .content_type = "text/plain",
                                     .headers = headers,
                                     .header_count = 1};
    size_t got = 0;
    const struct msgflo_options options = {
        .broker = scratch_broker_url(), .role = "source", .prefetch = 500, .user = &got};
    struct msgflo_participant *source = msgflo_new(&definition, &options, NULL);
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;
    char line[200], rest[2000], err[2000];
    struct program p;

    (void)state;
    assert_non_null(source);
    while (!msgflo_connected(source) && clock_mono_ms() < deadline)
        turn(source);
    start_role(&p, REPEAT, "middle");
    read_text(p.out, true, line, sizeof line);
    broker_bind_queue("middle.IN", "source.OUT");
    broker_bind_queue("source.IN", "middle.OUT");
    for (int i = 0; i < MANY / 2; i++)
        assert_int_equal(msgflo_send(source, "out", &m, NULL, NULL, NULL), 0);
    while (got < 100 && clock_mono_ms() < deadline)
        turn(source);
    /* It may have passed on all of them by now; of those that come while it is frozen most are
     * left. */
    kill(p.pid, SIGSTOP);
    for (int i = MANY / 2; i < MANY; i++)
        assert_int_equal(msgflo_send(source, "out", &m, NULL, NULL, NULL), 0);
    kill(p.pid, SIGTERM);
    kill(p.pid, SIGCONT);
    assert_int_equal(exit_status(&p, rest, err), 0);
    assert_string_equal(err, "");
    /* Each is either with us or still in its queue, and none is twice. */
    while (got + (size_t)broker_depth("middle.IN") < MANY && clock_mono_ms() < deadline)
        turn(source);
    assert_true(got < MANY);
    for (int i = 0; i < 20; i++)
        turn(source);
    assert_int_equal(got + (size_t)broker_depth("middle.IN"), MANY);
    msgflo_free(source);
    broker_delete_queue("middle.IN");
    broker_delete_queue("source.IN");
    broker_delete_exchange("middle.IN");
    broker_delete_exchange("middle.OUT");
    broker_delete_exchange("source.IN");
    broker_delete_exchange("source.OUT");
}

static void drop_takes_all_there_is(void **state)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;
    char line[200], out[2000], err[2000];
    struct program p;

    (void)state;
    start_role(&p, DROP, "drop");
    read_text(p.out, true, line, sizeof line);
    for (int i = 0; i < 20; i++)
        broker_put("drop.IN", "1", 1);
    while (broker_depth("drop.IN") > 0)
        assert_true(clock_mono_ms() < deadline);
    kill(p.pid, SIGTERM);
    assert_int_equal(exit_status(&p, out, err), 0);
    assert_int_equal(broker_depth("drop.IN"), 0);
    broker_delete_queue("drop.IN");
    broker_delete_exchange("drop.IN");
}

static int use_quorum(void **state)
{
    (void)state;
    return scratch_broker_use(true) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest no_broker[] = {
        cmocka_unit_test(a_command_line_gives_a_status_and_a_reason),
        cmocka_unit_test(without_a_broker_it_is_silent_and_ends_when_told_to),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_comes_once_it_is_announced_and_no_error_before),
        cmocka_unit_test(stopped_in_the_middle_it_finishes_what_is_in_hand),
        cmocka_unit_test(drop_takes_all_there_is),
    };

    int failed = cmocka_run_group_tests_name("no broker", no_broker, NULL, NULL);

    failed += cmocka_run_group_tests_name("classic queues", tests, scratch_broker_start, NULL);
    if (scratch_broker_use(true))
        failed += cmocka_run_group_tests_name("quorum queues", tests, use_quorum, NULL);
    return failed + (scratch_broker_end(NULL) != 0);
}
