/*
 * test_participant_amqps.c - amqps:// on a real RabbitMQ: who is talked to, and who is not.
 */
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "msgflo/msgflo.h"
#include "program.h"
#include "scratch_dir.h"

#include "unit.h"

#define DEADLINE_MS 30000

static char server_dir[SCRATCH_DIR_SIZE];
static char url[300], ca_file[300]; /* as `services rabbitmq start DIR tls` prints them */

static int start_server(void **state)
{
    const char *shared = getenv("IMAGERESIZE_TEST_SERVICES"); /* as scratch_broker.h has it */
    char command[600];
    FILE *services;

    (void)state;
    if (!shared || !*shared)
        assert_int_equal(scratch_dir(server_dir), 0);
    snprintf(command, sizeof command, "%s/bin/lib/services rabbitmq start %s tls", SOURCE_DIR,
             server_dir[0] ? server_dir : shared);
    services = popen(command, "r");
    assert_non_null(services);
    for (int i = 0; i < 4; i++) /* the fourth is the URL */
        assert_non_null(fgets(url, sizeof url, services));
    assert_non_null(fgets(ca_file, sizeof ca_file, services));
    assert_int_equal(pclose(services), 0);
    url[strcspn(url, "\n")] = ca_file[strcspn(ca_file, "\n")] = '\0';
    return 0;
}

static int end_server(void **state)
{
    char command[600];

    (void)state;
    if (!server_dir[0])
        return 0;
    snprintf(command, sizeof command, "%s/bin/lib/services remove %s", SOURCE_DIR, server_dir);
    return system(command) || rmdir(server_dir);
}

/* What a participant was told. */
struct heard {
    size_t states[3], fates[4];
    char text[600]; /* of the latest state */
};

static void on_state(struct msgflo_participant *p, enum msgflo_state state, const char *text,
                     void *user)
{
    struct heard *heard = user;

    (void)p;
    heard->states[state]++;
    snprintf(heard->text, sizeof heard->text, "%s", text);
}

static void on_sent(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    (void)p;
    ((struct heard *)user)->fates[fate]++;
}

static struct msgflo_participant *make_participant(const char *broker, const char *ca,
                                                   struct heard *heard)
{
    static const struct msgflo_port out = {.id = "out"};
    static const struct msgflo_definition definition = {
        .component = "test/Tls", .outports = &out, .outport_count = 1};
    const struct msgflo_options options = {
        .broker = broker, .ca_file = ca, .role = "tls", .on_state = on_state, .user = heard};
    struct msgflo_error e;
    struct msgflo_participant *p;

    memset(heard, 0, sizeof *heard);
    p = msgflo_new(&definition, &options, &e);
    if (!p)
        fail_msg("%s", e.text);
    return p;
}

static void wait_for(struct msgflo_participant *p, const size_t *what, const struct heard *heard)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (*what == 0) {
        struct pollfd pfd = {msgflo_fd(p), POLLIN, 0};

        poll(&pfd, 1, msgflo_timeout_ms(p) < 1000 ? msgflo_timeout_ms(p) : 1000);
        msgflo_service(p);
        if (clock_mono_ms() > deadline)
            fail_msg("the last word was: %s", heard->text);
    }
}

/* The outage it is told of names no password, and there was no connection. */
static void is_refused(const char *broker, const char *ca)
{
    struct heard heard;
    struct msgflo_participant *p = make_participant(broker, ca, &heard);

    wait_for(p, &heard.states[MSGFLO_DISCONNECTED], &heard);
    assert_int_equal(heard.states[MSGFLO_CONNECTED], 0);
    if (!strstr(heard.text, "SSL") && !strstr(heard.text, "certificate"))
        fail_msg("not for its certificate: %s", heard.text);
    msgflo_free(p);
}

static void connects_to_the_host_that_the_certificate_names(void **state)
{
    struct heard heard;
    struct msgflo_participant *p = make_participant(url, ca_file, &heard);
    const struct msgflo_message m = {.body = "1", .size = 1};

    (void)state;
    wait_for(p, &heard.states[MSGFLO_CONNECTED], &heard);
    assert_int_equal(msgflo_send(p, "out", &m, on_sent, &heard, NULL), 0);
    wait_for(p, &heard.fates[MSGFLO_CONFIRMED], &heard);
    msgflo_free(p);
}

static void refuses_a_host_of_another_name(void **state)
{
    const char *port = strrchr(url, ':'), *host = strrchr(url, '@');
    char other[300];

    (void)state;
    snprintf(other, sizeof other, "%.*s@127.0.0.1%s", (int)(host - url), url, port);
    is_refused(other, ca_file);
}

static void refuses_an_authority_that_it_was_not_told_of(void **state)
{
    (void)state;
    is_refused(url, NULL); /* the system's bundle */
}

/* A program of the service, with the setting: SSL_CERT_FILE=ca, or none. It says what it hears. */
static void start_store(struct program *p, const char *broker, const char *ca)
{
    const char *const argv[] = {STORE, NULL};
    char broker_setting[400], ca_setting[400];
    const char *const variables[] = {broker_setting, "DATABASE_URL=postgres://me@127.0.0.1:1/x",
                                     ca ? ca_setting : NULL, NULL};

    snprintf(broker_setting, sizeof broker_setting, "MSGFLO_BROKER=%s", broker);
    snprintf(ca_setting, sizeof ca_setting, "SSL_CERT_FILE=%s", ca ? ca : "");
    program_start(p, argv, variables);
}

static void programs_take_the_authorities_of_their_setting_and_log_a_refusal(void **state)
{
    struct program p;

    (void)state;
    start_store(&p, url, ca_file);
    program_expect(&p, "event=broker_up");
    assert_int_equal(program_end(&p, SIGTERM), 0);
    program_release(&p);

    start_store(&p, url, NULL);
    program_expect(&p, "event=broker_down message=\"broker localhost:");
    program_expect(&p, "certificate");
    assert_int_equal(program_end(&p, SIGTERM), 0);
    assert_false(program_has_said(&p, "broker_up"));
    program_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_to_the_host_that_the_certificate_names),
        cmocka_unit_test(refuses_a_host_of_another_name),
        cmocka_unit_test(refuses_an_authority_that_it_was_not_told_of),
        cmocka_unit_test(programs_take_the_authorities_of_their_setting_and_log_a_refusal),
    };

    return cmocka_run_group_tests(tests, start_server, end_server);
}
