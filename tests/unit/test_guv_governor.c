/*
 * test_guv_governor.c - what the governor does with a policy's word: the rules that hold whatever
 * it says. The policy is a script, and broker and platform are one small server here.
 */
#include <jansson.h>
#include <math.h>
#include <microhttpd.h>
#include <pthread.h>

#include "unit.h"

#include "base/clock.h"
#include "live/governor.h"
#include "live/report.h"

#define UNKNOWN ((double)NAN)

/* ---- the scripted policy ---- */

static struct {
    int wanted;    /* -1: holds */
    double poll_s; /* that it was made with */
    struct observation seen;
    int64_t froze_ms; /* for so long, between looking and deciding */
} script;

static int64_t frozen_ms;

int64_t __real_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void);

int64_t __wrap_clock_mono_ms(void)
{
    return __real_clock_mono_ms() + frozen_ms;
}

struct policy {
    int unused;
};

int policy_new(const struct role_settings *settings, double poll_s, double history_s,
               struct policy **ret, struct err *e)
{
    (void)settings;
    (void)history_s;
    (void)e;
    script.poll_s = poll_s;
    *ret = calloc(1, sizeof(**ret));
    return 0;
}

void policy_free(struct policy *p)
{
    free(p);
}

struct observation observation_of(double t_s, int workers)
{
    struct observation o = {.t_s = t_s, .workers = workers};

    o.messages = o.unacked = o.consumers = o.publish_rate = o.ack_rate = UNKNOWN;
    o.published = o.acked = o.oldest_s = o.service_n = o.service_mean_s = UNKNOWN;
    o.service_sd_s = o.boot_n = o.boot_mean_s = UNKNOWN;
    return o;
}

void policy_decide(struct policy *p, const struct observation *o, struct decision *ret)
{
    (void)p;
    script.seen = *o;
    frozen_ms += script.froze_ms;
    *ret = (struct decision){.kind = script.wanted < 0 ? DECISION_HOLD : DECISION_SCALE,
                             .workers = script.wanted < 0 ? o->workers : script.wanted,
                             .reason = "so says the script",
                             .catch_up_s = UNKNOWN};
}

int budget_share(int budget, const struct role_settings *const *roles, const int *current,
                 struct decision *decisions, size_t n, struct err *e)
{
    (void)roles;
    (void)current;
    (void)e;
    for (size_t i = 0; i < n; i++)
        if (decisions[i].workers > budget)
            decisions[i].workers = budget;
    return 0;
}

/* ---- the server ---- */

static struct {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;  /* guards the rest */
    const char *queues;    /* what the management API answers; NULL: 503 */
    const char *formation; /* NULL: 503 */
    unsigned patch_status;
    const char *patch_answer;
    char patched[400]; /* the bodies of all PATCHes, one a line */
    struct MHD_Connection *suspended;
} server;

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, const char *text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                             MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(c, status, r);

    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **req_cls)
{
    static int seen;
    const char *text = strncmp(path, "/api/", 5) == 0 ? server.queues : server.formation;
    size_t used = strlen(server.patched);
    enum MHD_Result result;

    (void)arg;
    (void)version;
    if (!*req_cls) {
        *req_cls = &seen;
        return MHD_YES;
    }
    if (*data_len > 0) {
        pthread_mutex_lock(&server.lock);
        snprintf(server.patched + used, sizeof server.patched - used, "%.*s\n", (int)*data_len,
                 data);
        pthread_mutex_unlock(&server.lock);
        *data_len = 0;
        return MHD_YES;
    }
    pthread_mutex_lock(&server.lock);
    if (strstr(path, "/slow/")) { /* no answer before the test's end, and then none */
        pthread_mutex_unlock(&server.lock);
        MHD_suspend_connection(c);
        server.suspended = c;
        return MHD_YES;
    }
    if (strcmp(method, "PATCH") == 0)
        result = reply(c, server.patch_status, server.patch_answer);
    else
        result = reply(c, text ? 200 : 503, text ? text : "{}");
    pthread_mutex_unlock(&server.lock);
    return result;
}

/* ---- one governor ---- */

struct fixture {
    struct role_settings role;
    struct guv_settings settings;
    struct environment environment;
    struct governor_options options;
    struct governor *governor;
    char url[60];
};

#define QUEUE(more) "[{\"name\":\"jobs\"" more "}]"
#define BUSY                                                                                       \
    QUEUE(",\"messages\":10,\"messages_ready\":8,\"messages_unacknowledged\":2,"                   \
          "\"consumers\":2")
#define TWO "[{\"type\":\"work\",\"quantity\":2}]"

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    script.wanted = -1;
    script.froze_ms = 0;
    server.queues = BUSY;
    server.formation = TWO;
    server.patch_status = 200;
    server.patch_answer = "[]";
    server.patched[0] = '\0';
    pthread_mutex_init(&server.lock, NULL);
    server.daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
                                     NULL, NULL, on_request, NULL, MHD_OPTION_END);
    assert_non_null(server.daemon);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u",
             MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    f->role = (struct role_settings){.name = "work",
                                     .worker = "work",
                                     .queue = "jobs",
                                     .app = "demo",
                                     .minimum = 0,
                                     .maximum = 5};
    f->settings =
        (struct guv_settings){.roles = &f->role, .n_roles = 1, .poll_s = 1, .history_s = 1};
    f->environment = (struct environment){.broker = "amqp://127.0.0.1:1", /* nobody is there */
                                          .management_url = f->url,
                                          .heroku_url = f->url,
                                          .token = "sekret"};
    f->options = (struct governor_options){.settings = &f->settings,
                                           .environment = &f->environment,
                                           .is_single = true,
                                           .metrics_port = -1};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    governor_free(f->governor);
    if (server.suspended)
        MHD_resume_connection(server.suspended);
    server.suspended = NULL;
    MHD_stop_daemon(server.daemon);
    free(f);
    return 0;
}

static void one_round(struct fixture *f)
{
    struct err e = ERR_INIT;

    if (!f->governor && governor_new(&f->options, &f->governor, &e))
        fail_msg("%s", e.text);
    governor_round(f->governor);
}

/* A round in which the policy wants so many; what is then patched, "" for nothing. */
static const char *patched(struct fixture *f, int wanted)
{
    script.wanted = wanted;
    server.patched[0] = '\0';
    one_round(f);
    return server.patched;
}

#define PATCH_TO(n) "{\"updates\":[{\"type\":\"work\",\"quantity\":" #n "}]}\n"

static const struct role_view *seen(struct fixture *f)
{
    return &governor_view(f->governor)->roles[0];
}

static void does_what_the_policy_says(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(patched(f, -1), "");
    assert_int_equal(script.seen.workers, 2);
    assert_true(script.seen.messages == 10 && script.seen.unacked == 2);
    assert_true(isnan(script.seen.published));
    assert_string_equal(patched(f, 4), PATCH_TO(4));
    assert_int_equal(seen(f)->mood, MOOD_STEADY);
}

static void the_originals_policy_looks_each_30_s_unless_the_file_says_else(void **state)
{
    struct fixture *f = *state;

    one_round(f);
    assert_true(script.poll_s == 1);
    governor_free(f->governor);
    f->governor = NULL;
    f->role.policy = POLICY_ORIGINAL;
    one_round(f);
    assert_true(script.poll_s == 30);
    governor_free(f->governor);
    f->governor = NULL;
    f->settings.poll_is_set = true;
    one_round(f);
    assert_true(script.poll_s == 1);
}

static void starts_from_what_the_platform_shows(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(patched(f, 4), PATCH_TO(4));
    assert_string_equal(patched(f, 4),
                        PATCH_TO(4)); /* the platform still shows 2: somebody's hand */
    server.formation = "[{\"type\":\"work\",\"quantity\":4}]";
    assert_string_equal(patched(f, 4), "");
}

static void keeps_minimum_and_maximum(void **state)
{
    struct fixture *f = *state;

    f->role.minimum = 1;
    assert_string_equal(patched(f, 9), PATCH_TO(5));
    assert_string_equal(patched(f, 0), PATCH_TO(1));
    server.formation = "[{\"type\":\"work\",\"quantity\":8}]";
    assert_string_equal(patched(f, -1), PATCH_TO(5));
    server.formation = "[{\"type\":\"work\",\"quantity\":0}]";
    assert_string_equal(patched(f, -1), PATCH_TO(1));
}

static void takes_nothing_away_on_missing_data(void **state)
{
    static const struct {
        const char *queues;
        enum mood mood;
    } cases[] = {
        {NULL, MOOD_NO_BROKER},
        {"[]", MOOD_NO_QUEUE},
        {QUEUE(""), MOOD_NO_STATISTICS},
    };
    struct fixture *f = *state;

    one_round(f); /* the API has answered: its silence is then no reason to ask over AMQP */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        server.queues = cases[i].queues;
        assert_string_equal(patched(f, 0), "");
        assert_int_equal(seen(f)->mood, cases[i].mood);
        assert_true(isnan(script.seen.messages));
        assert_string_equal(patched(f, 3), PATCH_TO(3)); /* but more may be due */
    }
    f->role.maximum = 1;
    assert_string_equal(patched(f, -1), "");
    server.queues = BUSY;
    assert_string_equal(patched(f, -1), PATCH_TO(1));
}

static void holds_what_the_platform_does_not_show(void **state)
{
    struct fixture *f = *state;

    server.formation = NULL;
    assert_string_equal(patched(f, 4), "");
    assert_int_equal(seen(f)->mood, MOOD_NO_APP);
    assert_false(governor_has_seen_all(f->governor));
}

static void an_app_that_does_not_answer_holds_up_no_other(void **state)
{
    struct role_settings two[2];
    struct fixture *f = *state;
    int64_t began = clock_mono_ms();

    two[0] = two[1] = f->role;
    two[1].name = two[1].app = "slow";
    f->settings.roles = two;
    f->settings.n_roles = 2;
    assert_string_equal(patched(f, 4), PATCH_TO(4));
    assert_in_range(clock_mono_ms() - began, 0, 20000); /* it is given up after 1 s */
    assert_int_equal(governor_view(f->governor)->roles[1].mood, MOOD_NO_APP);
    assert_string_equal(governor_view(f->governor)->roles[1].app->trouble,
                        "reading the formation: no answer in time");
}

static void holds_a_type_that_the_app_has_not(void **state)
{
    struct fixture *f = *state;

    server.formation = "[{\"type\":\"web\",\"quantity\":1}]";
    assert_string_equal(patched(f, 4), "");
    assert_int_equal(seen(f)->mood, MOOD_NO_TYPE);
    assert_string_equal(seen(f)->decided.reason, "the app 'demo' has no process type 'work'");
}

static void what_the_platform_refuses_is_told(void **state)
{
    struct fixture *f = *state;

    server.patch_status = 402;
    server.patch_answer = "{\"id\":\"delinquent\",\"message\":\"Pay.\"}";
    assert_string_equal(patched(f, 4), PATCH_TO(4));
    assert_int_equal(seen(f)->mood, MOOD_REFUSED);
    assert_non_null(strstr(seen(f)->decided.reason, "delinquent: Pay."));
    assert_null(strstr(seen(f)->decided.reason, "sekret"));
}

static void a_limit_below_what_is_wanted_is_told_and_kept(void **state)
{
    struct fixture *f = *state;

    server.patch_status = 422;
    server.patch_answer = "{\"id\":\"cannot_run_above_limit\",\"limit\":2}";
    assert_string_equal(patched(f, 4), PATCH_TO(4)); /* 2 run: nothing is left to ask for */
    assert_int_equal(seen(f)->mood, MOOD_LIMITED);
    assert_string_equal(patched(f, 4), "");
    assert_int_equal(seen(f)->mood, MOOD_LIMITED);
    server.patch_status = 200;
    assert_string_equal(patched(f, 1), PATCH_TO(1));
}

static void a_dry_run_sends_nothing(void **state)
{
    struct fixture *f = *state;

    f->options.dry_run = true;
    assert_string_equal(patched(f, 4), "");
    assert_int_equal(seen(f)->decided.kind, DECISION_SCALE);
}

static void a_budget_takes_nothing_away_on_missing_data(void **state)
{
    struct role_settings two[2];
    struct fixture *f = *state;

    two[0] = two[1] = f->role;
    two[1].name = two[1].worker = "ghost";
    two[1].queue = "none"; /* which is not there */
    f->settings.roles = two;
    f->settings.n_roles = 2;
    f->settings.budget = 3;
    server.formation = "[{\"type\":\"work\",\"quantity\":0},{\"type\":\"ghost\",\"quantity\":1}]";
    assert_string_equal(patched(f, 5), "{\"updates\":[{\"type\":\"work\",\"quantity\":3},"
                                       "{\"type\":\"ghost\",\"quantity\":3}]}\n");
    server.formation = "[{\"type\":\"work\",\"quantity\":4},{\"type\":\"ghost\",\"quantity\":4}]";
    assert_string_equal(patched(f, -1), PATCH_TO(3));
}

/* A text that is cut within a character is none, and JSON takes none such. */
static void what_is_cut_stays_text(void **state)
{
    struct fixture *f = *state;
    char queue[200];

    for (size_t odd = 0; odd < 2; odd++) { /* the cut is at an even place, or at an odd one */
        json_auto_t *status = NULL;

        strcpy(queue, odd ? "x" : "");
        for (size_t i = 0; i < 90; i++)
            strcat(queue, "\xc3\xbc");
        f->role.queue = queue;
        governor_free(f->governor);
        f->governor = NULL;
        assert_string_equal(patched(f, -1), "");
        assert_int_equal(seen(f)->mood, MOOD_NO_QUEUE);
        status = report_status(governor_view(f->governor));
        assert_true(json_is_object(json_array_get(json_object_get(status, "roles"), 0)));
    }
}

/* SIGSTOP, or a laptop's lid: another guv may have acted since. */
static void does_not_act_on_what_it_saw_long_ago(void **state)
{
    struct fixture *f = *state;

    script.froze_ms = 10000; /* slow peers: still good */
    assert_string_equal(patched(f, 4), PATCH_TO(4));
    script.froze_ms = 60000;
    assert_string_equal(patched(f, 0), "");
    script.froze_ms = 0;
    assert_string_equal(patched(f, 1), PATCH_TO(1));
}

static void says_why_the_lock_is_not_known_and_not_when_it_tries_again(void **state)
{
    struct fixture *f = *state;
    char said[300];

    f->options.is_single = false;
    f->environment.database_url = "postgres://127.0.0.1:1/nobody"; /* nobody is there */
    assert_string_equal(patched(f, 4), "");
    snprintf(said, sizeof said, "%s", governor_view(f->governor)->leader_trouble);
    assert_non_null(strstr(said, "the database is away: "));
    assert_string_equal(patched(f, 4), "");
    assert_string_equal(governor_view(f->governor)->leader_trouble, said);
}

static void refuses_to_start_without_what_it_needs(void **state)
{
    struct fixture *f = *state;
    struct governor *g = NULL;
    struct err e = ERR_INIT;

    f->options.is_single = false;
    assert_int_equal(governor_new(&f->options, &g, &e), -1);
    assert_non_null(strstr(e.text, "DATABASE_URL"));
    err_clear(&e);
    f->options.is_single = true;
    f->environment.broker = NULL;
    assert_int_equal(governor_new(&f->options, &g, &e), -1);
    assert_non_null(strstr(e.text, "CLOUDAMQP_URL"));
    err_clear(&e);
    f->role.app = NULL;
    assert_int_equal(governor_new(&f->options, &g, &e), -1);
    assert_non_null(strstr(e.text, "GUV_APP"));
    err_clear(&e);
    f->environment.heroku_url = "https://api.heroku.com";
    f->environment.token = NULL;
    assert_int_equal(governor_new(&f->options, &g, &e), -1);
    assert_non_null(strstr(e.text, "GUV_HEROKU_TOKEN"));
    err_clear(&e);
    f->settings.n_roles = 0;
    assert_int_equal(governor_new(&f->options, &g, &e), -1);
    assert_non_null(strstr(e.text, "no roles"));
    assert_null(g);
}

#define governor_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        governor_test(does_what_the_policy_says),
        governor_test(the_originals_policy_looks_each_30_s_unless_the_file_says_else),
        governor_test(starts_from_what_the_platform_shows),
        governor_test(keeps_minimum_and_maximum),
        governor_test(takes_nothing_away_on_missing_data),
        governor_test(holds_what_the_platform_does_not_show),
        governor_test(an_app_that_does_not_answer_holds_up_no_other),
        governor_test(holds_a_type_that_the_app_has_not),
        governor_test(what_the_platform_refuses_is_told),
        governor_test(a_limit_below_what_is_wanted_is_told_and_kept),
        governor_test(a_dry_run_sends_nothing),
        governor_test(a_budget_takes_nothing_away_on_missing_data),
        governor_test(what_is_cut_stays_text),
        governor_test(does_not_act_on_what_it_saw_long_ago),
        governor_test(says_why_the_lock_is_not_known_and_not_when_it_tries_again),
        governor_test(refuses_to_start_without_what_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
