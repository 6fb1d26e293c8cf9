#include "live/governor.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "live/footprint.h"
#include "live/job_stats.h"
#include "live/leader.h"
#include "live/metrics_server.h"
#include "live/report.h"
#include "live/speaker.h"

/* The shares of a poll after which its readings and its writings are given up: one slow app must
 * not hold up the others beyond a poll. */
#define READ_SHARE 0.4
#define STATISTICS_SHARE 0.6
#define WRITE_SHARE 0.9
#define API_PATIENCE_MS 60000 /* of the management API, before AMQP is asked, which tells less */
#define API_ANSWER_MAX_BYTES ((size_t)16 * 1024 * 1024) /* some 40,000 queues */
#define STEP_LEAST_MS 1000 /* a connection with TLS, whatever the interval */
#define STEP_MOST_MS 10000

/* What was seen is acted on for two polls and so long, no slow peer takes longer: after it, this
 * process was frozen, or its machine. */
#define LOOK_LASTS_MS 15000
#define LOOK_LASTS_MOST_MS 1e9 /* an int, whatever the poll */

#define UNKNOWN ((double)NAN)

/* What belongs to a role beside its view. */
struct role {
    struct policy *policy;
    struct scaled_type *type; /* that of the view */
    struct app *app;
    int from;     /* workers when this round began */
    bool is_free; /* it may be changed in this round */
};

struct governor {
    struct governor_options options;
    struct http_client *http;
    struct queues *queues;
    struct platform platform;
    struct job_stats *job_stats;   /* NULL: no role has any */
    struct leader *leader;         /* NULL: none is needed */
    struct metrics_server *server; /* NULL: no metrics */
    struct speaker *speaker;
    const char **queue_names;
    struct role *roles;
    struct role_view *views;
    size_t n;
    struct view view;
    int64_t began_mono_ms; /* the last round; 0: none yet */
};

/* ---- beginning ---- */

static double poll_ms(const struct governor *g)
{
    return g->options.settings->poll_s * 1000;
}

/* For so long what was seen is acted on. */
static double look_lasts_ms(const struct governor *g)
{
    return fmin(2 * poll_ms(g) + LOOK_LASTS_MS, LOOK_LASTS_MOST_MS);
}

/* The time by which so much of the poll that began is over. */
static int64_t share_of_poll(const struct governor *g, double share)
{
    double ms = poll_ms(g) * share;

    if (ms < STEP_LEAST_MS * share / READ_SHARE)
        ms = STEP_LEAST_MS * share / READ_SHARE;
    if (ms > STEP_MOST_MS * share / READ_SHARE)
        ms = STEP_MOST_MS * share / READ_SHARE;
    return g->began_mono_ms + (int64_t)ms;
}

static int add_role(struct governor *g, size_t i, struct err *e)
{
    const struct role_settings *s = &g->options.settings->roles[i];
    const char *app = s->app ? s->app : g->options.environment->app;
    size_t app_at, type_at;

    g->queue_names[i] = s->queue;
    if (!app)
        return err_set(e, ERR_INPUT,
                       "role '%s' has no app: set `app`, or GUV_APP, or HEROKU_APP_NAME", s->name);
    if (platform_add(&g->platform, app, s->worker, &app_at, &type_at, e) ||
        policy_new(s, settings_poll_s(g->options.settings, s->policy),
                   g->options.settings->history_s, &g->roles[i].policy, e))
        return -1;
    g->roles[i].app = &g->platform.apps[app_at];
    g->views[i] = (struct role_view){.settings = s, .app = g->roles[i].app};
    g->views[i].seen = observation_of(0, 0);
    return 0;
}

/* The types moved while they were added. */
static void find_types(struct governor *g)
{
    for (size_t i = 0; i < g->n; i++) {
        struct app *a = g->roles[i].app;

        for (size_t k = 0; k < a->n_types; k++)
            if (strcmp(a->types[k].name, g->views[i].settings->worker) == 0)
                g->views[i].type = g->roles[i].type = &a->types[k];
    }
}

static int add_roles(struct governor *g, struct err *e)
{
    const struct environment *env = g->options.environment;

    g->n = g->options.settings->n_roles;
    g->roles = calloc(g->n + 1, sizeof(*g->roles));
    g->views = calloc(g->n + 1, sizeof(*g->views));
    g->queue_names = calloc(g->n + 1, sizeof(*g->queue_names));
    if (!g->roles || !g->views || !g->queue_names)
        return err_set(e, ERR_NOMEM, "no memory for roles");
    if (g->n == 0)
        return err_set(e, ERR_INPUT, "the settings have no roles");
    if (!env->token && strcmp(env->heroku_url, HEROKU_URL) == 0)
        return err_set(e, ERR_INPUT,
                       "no token for the platform: set GUV_HEROKU_TOKEN, or HEROKU_API_KEY");
    if (platform_init(&g->platform, env->heroku_url, env->token, e))
        return -1;
    for (size_t i = 0; i < g->n; i++)
        if (add_role(g, i, e))
            return -1;
    find_types(g);
    return 0;
}

static int meet_broker(struct governor *g, struct err *e)
{
    const struct environment *env = g->options.environment;
    struct queues_options options = {.broker_url = env->broker,
                                     .management_url = env->management_url,
                                     .ca_file = env->ca_file,
                                     .names = g->queue_names,
                                     .n = g->n,
                                     .poll_s = g->options.settings->poll_s,
                                     .answer_max_bytes = API_ANSWER_MAX_BYTES,
                                     .patience_ms = API_PATIENCE_MS};

    if (!env->broker)
        return err_set(e, ERR_INPUT,
                       "no broker: set `broker`, or GUV_BROKER, MSGFLO_BROKER or CLOUDAMQP_URL");
    return queues_new(&options, &g->queues, e);
}

static int meet_database(struct governor *g, struct err *e)
{
    const char *url = g->options.environment->database_url;
    const char *apps[PLATFORM_APPS_MAX];
    bool has_queries = false;

    for (size_t i = 0; i < g->n; i++)
        has_queries |= g->views[i].settings->jobs_query || g->views[i].settings->boots_query;
    if (has_queries && url &&
        job_stats_new(url, g->options.settings->roles, g->n, &g->job_stats, e))
        return -1;
    if (g->options.is_single || g->options.dry_run)
        return 0;
    if (!url)
        return err_set(e, ERR_INPUT,
                       "no lock: set DATABASE_URL, or say --single if no other guv can run");
    for (size_t i = 0; i < g->platform.n_apps; i++)
        apps[i] = g->platform.apps[i].name;
    return leader_new(url, apps, g->platform.n_apps, (int)look_lasts_ms(g), &g->leader, e);
}

/* ---- what goes on while answers are awaited ---- */

static const struct view *get_view(void *arg)
{
    return governor_view(arg);
}

static int server_timeout_ms(void *arg)
{
    return metrics_server_timeout_ms(((struct governor *)arg)->server);
}

static void run_server(void *arg)
{
    metrics_server_run(((struct governor *)arg)->server);
}

static int open_http(struct governor *g, struct err *e)
{
    struct http_client_options options = {.ca_file = g->options.environment->ca_file,
                                          .meanwhile_fd = -1};

    if (g->options.metrics_port >= 0) {
        if (metrics_server_open((unsigned)g->options.metrics_port, get_view, g, &g->server, e))
            return -1;
        options.meanwhile_fd = metrics_server_fd(g->server);
        options.meanwhile_timeout_ms = server_timeout_ms;
        options.meanwhile = run_server;
        options.arg = g;
    }
    return http_client_new(&options, &g->http, e);
}

int governor_new(const struct governor_options *options, struct governor **ret, struct err *e)
{
    struct governor *g = calloc(1, sizeof(*g));

    if (!g)
        return err_set(e, ERR_NOMEM, "no memory");
    g->options = *options;
    if (add_roles(g, e) || meet_broker(g, e) || meet_database(g, e) || open_http(g, e) ||
        speaker_new(options->decisions, g->n, &g->speaker, e)) {
        governor_free(g);
        return -1;
    }
    *ret = g;
    return 0;
}

void governor_free(struct governor *g)
{
    if (!g)
        return;
    speaker_free(g->speaker);
    http_client_free(g->http);
    metrics_server_close(g->server);
    leader_free(g->leader);
    job_stats_free(g->job_stats);
    queues_free(g->queues);
    platform_release(&g->platform);
    for (size_t i = 0; g->roles && i < g->n; i++)
        policy_free(g->roles[i].policy);
    free(g->roles);
    free(g->views);
    free(g->queue_names);
    free(g);
}

unsigned governor_metrics_port(const struct governor *g)
{
    return g->server ? metrics_server_port(g->server) : 0;
}

const struct view *governor_view(struct governor *g)
{
    const struct guv_settings *s = g->options.settings;
    bool leads = !g->leader || leader_is(g->leader);

    g->view.roles = g->views;
    g->view.n_roles = g->n;
    g->view.platform = &g->platform;
    g->view.source = queues_source(g->queues);
    g->view.broker_trouble = queues_trouble(g->queues);
    g->view.leader_trouble = g->leader ? leader_trouble(g->leader) : "";
    g->view.is_leader = leads && !g->options.dry_run;
    g->view.dry_run = g->options.dry_run;
    g->view.poll_s = s->poll_s;
    g->view.budget = s->budget;
    g->view.polled_s_ago =
        g->began_mono_ms ? (double)(clock_mono_ms() - g->began_mono_ms) / 1000 : UNKNOWN;
    return &g->view;
}

bool governor_has_seen_all(const struct governor *g)
{
    bool all = queues_source(g->queues) != QUEUES_NONE;

    for (size_t i = 0; i < g->platform.n_apps; i++)
        all &= g->platform.apps[i].is_read;
    return all;
}

/* ---- looking ---- */

static struct observation observation(const struct governor *g, size_t i)
{
    const struct queue_stats *q = queues_at(g->queues, i);
    struct observation o =
        observation_of((double)g->began_mono_ms / 1000, g->roles[i].type->current);

    o.messages = q->messages;
    o.unacked = q->unacked;
    o.consumers = q->consumers;
    o.publish_rate = q->publish_rate;
    o.ack_rate = q->ack_rate;
    o.published = q->published;
    o.acked = q->acked;
    if (g->job_stats)
        job_stats_fill(g->job_stats, i, &o);
    return o;
}

static void read_all(struct governor *g)
{
    struct http_call *calls[PLATFORM_APPS_MAX + QUEUES_CALLS_MAX];
    int64_t deadline = share_of_poll(g, READ_SHARE);
    size_t n = platform_reads(&g->platform, calls, g->began_mono_ms);

    n += queues_calls(g->queues, calls + n, g->began_mono_ms);
    http_client_run(g->http, calls, n, deadline);
    while ((n = platform_take_reads(&g->platform, calls, clock_mono_ms())) > 0)
        http_client_run(g->http, calls, n, deadline);
    queues_take(g->queues, clock_mono_ms());
}

void governor_look(struct governor *g)
{
    g->began_mono_ms = clock_mono_ms();
    read_all(g);
    if (g->job_stats)
        job_stats_read(g->job_stats, share_of_poll(g, STATISTICS_SHARE));
    for (size_t i = 0; i < g->n; i++) {
        g->views[i].seen = observation(g, i);
        if (g->job_stats)
            speaker_statistics(g->speaker, governor_view(g), i, job_stats_trouble(g->job_stats, i));
    }
}

/* ---- deciding ---- */

/* What stands in the way of knowing, if anything. */
static enum mood mood_of_reading(const struct governor *g, size_t i)
{
    const struct queue_stats *q = queues_at(g->queues, i);
    const struct role *r = &g->roles[i];

    if (!r->app->is_read)
        return MOOD_NO_APP;
    if (r->type->is_missing || r->type->current < 0)
        return MOOD_NO_TYPE;
    if (queues_source(g->queues) == QUEUES_NONE)
        return MOOD_NO_BROKER;
    if (!q->is_there)
        return MOOD_NO_QUEUE;
    return isnan(q->messages) ? MOOD_NO_STATISTICS : MOOD_STEADY;
}

static void say_why(struct decision *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say_why(struct decision *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(d->reason, sizeof(d->reason), fmt, args);
    va_end(args);
    utf8_repair(d->reason, strlen(d->reason)); /* a name may have been cut within a character */
}

static void explain_reading(const struct governor *g, size_t i)
{
    struct role_view *v = &g->views[i];
    struct decision *d = &v->decided;

    switch (v->mood) {
    case MOOD_NO_APP:
        say_why(d, "the app '%.50s' cannot be read: %.110s", v->app->name, v->app->trouble);
        break;
    case MOOD_NO_TYPE:
        say_why(d, "the app '%.60s' has no process type '%.60s'", v->app->name, v->type->name);
        break;
    case MOOD_NO_BROKER:
        say_why(d, "the broker cannot be read: %.150s", queues_trouble(g->queues));
        break;
    case MOOD_NO_QUEUE:
        say_why(d, "the broker has no queue '%.100s'", v->settings->queue);
        break;
    case MOOD_NO_STATISTICS:
        say_why(d, "the broker's statistics of the queue %s",
                queues_is_stale(g->queues, i) ? "stand still" : "are not there yet");
        break;
    case MOOD_NEW:
    case MOOD_STEADY:
    case MOOD_LATE:
    case MOOD_PINNED:
    case MOOD_FROZEN:
    case MOOD_LIMITED:
    case MOOD_RATE:
    case MOOD_REFUSED:
    case MOOD_COUNT:
        break;
    }
}

static void ask_policy(struct governor *g, size_t i)
{
    struct role_view *v = &g->views[i];
    struct role *r = &g->roles[i];

    r->from = r->type->current;
    r->is_free = r->app->is_read && !r->type->is_missing && r->from >= 0;
    v->mood = mood_of_reading(g, i);
    if (r->from < 0) { /* never seen: there is nothing to decide on */
        v->decided = (struct decision){.kind = DECISION_HOLD,
                                       .workers = 0,
                                       .load = UNKNOWN,
                                       .arrivals_s = UNKNOWN,
                                       .processing_s = UNKNOWN,
                                       .boot_s = UNKNOWN,
                                       .room_s = UNKNOWN,
                                       .backlog_s = UNKNOWN,
                                       .catch_up_s = UNKNOWN,
                                       .violation_s = (double)INFINITY};
        return;
    }
    policy_decide(r->policy, &v->seen, &v->decided);
    if (v->decided.kind == DECISION_HOLD)
        v->decided.workers = r->from;
}

/* The rules that hold whatever the policy says. */
static void keep_rules(struct role_view *v, int from)
{
    const struct role_settings *s = v->settings;
    const struct observation *o = &v->seen;
    struct decision *d = &v->decided;

    if (d->workers > s->maximum) {
        d->workers = s->maximum;
        say_why(d, "the maximum is %d", s->maximum);
    }
    if (d->workers < from && isnan(o->messages)) {
        d->workers = from;
        say_why(d, "nothing is taken away while the queue cannot be read");
    }
    if (d->workers < 1 && from >= 1 && isnan(o->unacked) && o->consumers > 0) {
        d->workers = 1;
        say_why(d, "one stays while there are consumers: without the management API nobody knows "
                   "what they have in hand");
    }
    if (d->workers < s->minimum) {
        d->workers = s->minimum;
        say_why(d, "the minimum is %d", s->minimum);
    }
}

/* Shares the budget between the roles that can be changed; what the others have is spent. A poll
 * in which there is no memory for that changes nothing. */
static void share_budget(struct governor *g)
{
    const struct role_settings **settings = calloc(g->n + 1, sizeof(*settings));
    struct decision *decisions = calloc(g->n + 1, sizeof(*decisions));
    int *current = calloc(g->n + 1, sizeof(*current)), left = g->options.settings->budget;
    struct err e = ERR_INIT;
    bool is_shared = settings && decisions && current;
    size_t n = 0;

    for (size_t i = 0; is_shared && i < g->n; i++) {
        if (!g->roles[i].is_free) {
            left -= g->views[i].type->current > 0 ? g->views[i].type->current : 0;
            continue;
        }
        settings[n] = g->views[i].settings;
        current[n] = g->roles[i].from;
        decisions[n++] = g->views[i].decided;
    }
    is_shared =
        is_shared && budget_share(left > 1 ? left : 1, settings, current, decisions, n, &e) == 0;
    for (size_t i = 0, k = 0; i < g->n; i++) {
        if (!g->roles[i].is_free)
            continue;
        if (is_shared)
            g->views[i].decided = decisions[k++];
        else
            g->views[i].decided.workers = g->roles[i].from;
        keep_rules(&g->views[i], g->roles[i].from); /* they go above a budget, too */
    }
    free(settings);
    free(decisions);
    free(current);
}

/* What the platform would not take, or may not be asked for. */
static void keep_limits(struct governor *g, size_t i)
{
    struct role_view *v = &g->views[i];
    int from = g->roles[i].from, want = v->decided.workers;
    int limited = platform_limited(v->type, want, g->began_mono_ms);

    if (limited < want) {
        v->decided.workers = limited;
        v->mood = MOOD_LIMITED;
        say_why(&v->decided, "%d are wanted, the platform runs no more than %d", want, limited);
    } else if (want < from && platform_is_rate_low(&g->platform)) {
        v->decided.workers = from;
        v->mood = MOOD_RATE;
        say_why(&v->decided, "%.0f requests are left at the platform: nothing is taken away",
                g->platform.rate_remaining);
    }
}

static void settle(struct governor *g, size_t i)
{
    struct role_view *v = &g->views[i];
    struct role *r = &g->roles[i];

    if (!r->is_free) {
        v->decided.workers = r->from > 0 ? r->from : 0;
    } else {
        keep_limits(g, i);
        if (v->mood == MOOD_STEADY && v->decided.is_frozen)
            v->mood = MOOD_FROZEN;
        if (v->mood == MOOD_STEADY && v->decided.late)
            v->mood = MOOD_LATE;
        if (v->mood == MOOD_STEADY && v->decided.pinned)
            v->mood = MOOD_PINNED;
    }
    v->decided.kind = r->is_free && v->decided.workers != r->from ? DECISION_SCALE : DECISION_HOLD;
    if (v->decided.kind == DECISION_HOLD)
        explain_reading(g, i);
    if (!v->decided.reason[0]) /* a policy that is content says nothing */
        say_why(&v->decided, "what runs is enough");
}

static void decide(struct governor *g)
{
    for (size_t i = 0; i < g->n; i++) {
        ask_policy(g, i);
        if (g->roles[i].is_free)
            keep_rules(&g->views[i], g->roles[i].from);
    }
    if (g->options.settings->budget > 0)
        share_budget(g);
    for (size_t i = 0; i < g->n; i++)
        settle(g, i);
}

/* ---- acting ---- */

static bool may_act(struct governor *g)
{
    bool is_old = (double)(clock_mono_ms() - g->began_mono_ms) > look_lasts_ms(g);

    return !g->options.dry_run && !is_old && (!g->leader || leader_check(g->leader));
}

static void send_phase(struct governor *g, enum platform_phase phase, int64_t deadline_mono_ms)
{
    struct http_call *calls[PLATFORM_APPS_MAX];
    size_t n = platform_writes(&g->platform, phase, calls, clock_mono_ms());

    while (n > 0 && may_act(g)) { /* asked before each PATCH: the lock may have gone meanwhile */
        http_client_run(g->http, calls, n, deadline_mono_ms);
        n = platform_take_writes(&g->platform, calls, clock_mono_ms());
    }
}

/* There is time for a request at least, however long the looking took. */
static void send_all(struct governor *g, int64_t deadline_mono_ms)
{
    int64_t soonest = clock_mono_ms() + STEP_LEAST_MS;

    if (deadline_mono_ms < soonest)
        deadline_mono_ms = soonest;
    send_phase(g, PLATFORM_FIRST_DOWN, deadline_mono_ms);
    send_phase(g, PLATFORM_THEN_UP, deadline_mono_ms);
}

/* The platform has another number than was decided: which, and why. */
static void explain_refusal(struct governor *g, size_t i)
{
    struct role_view *v = &g->views[i];
    int want = v->decided.workers;

    if (v->type->wanted != want) { /* it told a limit */
        v->mood = MOOD_LIMITED;
        say_why(&v->decided, "%d are wanted, the platform runs no more than %d", want,
                v->type->limit);
    } else {
        v->mood = MOOD_REFUSED;
        say_why(&v->decided, "%d are wanted, and asked for again: %.120s", want,
                *v->app->trouble ? v->app->trouble : "it was not sent");
    }
}

/* After sending: what each role has now. `from` is where it was before. */
static void take_results(struct governor *g, size_t i, int from, bool acts)
{
    struct role_view *v = &g->views[i];
    int now = v->type->current;
    bool is_refused = acts && v->decided.kind == DECISION_SCALE && now != v->decided.workers;

    if (is_refused) {
        explain_refusal(g, i);
        if (now == from)
            v->decided.kind = DECISION_HOLD;
        if (v->mood == MOOD_LIMITED || now != from)
            v->decided.workers = now;
    }
    if (v->decided.kind == DECISION_SCALE)
        v->scaled++;
    else
        v->held++;
    speaker_decided(g->speaker, governor_view(g), i, from, acts);
}

static void act(struct governor *g)
{
    bool acts = may_act(g);

    speaker_troubles(g->speaker, governor_view(g)); /* before what it decides */
    for (size_t i = 0; acts && i < g->n; i++)
        if (g->roles[i].is_free)
            g->roles[i].type->wanted = g->views[i].decided.workers;
    if (acts)
        send_all(g, share_of_poll(g, WRITE_SHARE));
    for (size_t i = 0; i < g->n; i++)
        take_results(g, i, g->roles[i].from, acts);
    speaker_troubles(g->speaker, governor_view(g));
}

void governor_round(struct governor *g)
{
    governor_look(g);
    decide(g);
    act(g);
    g->view.polls++;
    g->view.poll_took_s = (double)(clock_mono_ms() - g->began_mono_ms) / 1000;
    speaker_summary(g->speaker, governor_view(g), clock_mono_ms());
}

/* ---- the loop ---- */

/* Between two polls: what the platform did not take is asked for again once its time has come. */
static void try_again(struct governor *g, int64_t deadline_mono_ms)
{
    if (!may_act(g)) {
        platform_forget_wishes(&g->platform);
        return;
    }
    for (size_t i = 0; i < g->n; i++)
        g->roles[i].from = g->roles[i].type->current;
    send_all(g, deadline_mono_ms);
    for (size_t i = 0; i < g->n; i++) {
        struct role_view *v = &g->views[i];

        if (v->type->current == g->roles[i].from)
            continue;
        v->decided.kind = DECISION_SCALE;
        v->decided.workers = v->type->current;
        v->mood = MOOD_STEADY;
        say_why(&v->decided, "the platform takes it now");
        take_results(g, i, g->roles[i].from, true);
    }
    speaker_troubles(g->speaker, governor_view(g));
}

static int until_ms(const struct governor *g, int64_t next_mono_ms)
{
    int server_ms = g->server ? metrics_server_timeout_ms(g->server) : -1;
    int left_ms = clock_until_ms(next_mono_ms);
    int64_t again_mono_ms;

    if (platform_retry_at(&g->platform, &again_mono_ms) && clock_until_ms(again_mono_ms) < left_ms)
        left_ms = clock_until_ms(again_mono_ms);
    return server_ms >= 0 && server_ms < left_ms ? server_ms : left_ms;
}

static void wait_until(struct governor *g, int64_t next_mono_ms)
{
    struct pollfd fd = {g->server ? metrics_server_fd(g->server) : -1, POLLIN, 0};
    int64_t again_mono_ms;

    while (clock_until_ms(next_mono_ms) > 0) {
        poll(&fd, 1, until_ms(g, next_mono_ms));
        if (g->server)
            metrics_server_run(g->server);
        if (platform_retry_at(&g->platform, &again_mono_ms) && clock_until_ms(again_mono_ms) == 0 &&
            clock_until_ms(next_mono_ms) > 0)
            try_again(g, next_mono_ms);
    }
}

void governor_run(struct governor *g)
{
    int64_t next = clock_mono_ms(), period = (int64_t)poll_ms(g);

    for (;;) {
        governor_round(g);
        if (g->view.polls == 1)
            footprint_trim();
        next += period;             /* of the clock, not of the end of the round: no drift */
        if (clock_mono_ms() > next) /* a round that took longer: those it missed are left out */
            next += (clock_mono_ms() - next) / period * period + period;
        wait_until(g, next);
    }
}
