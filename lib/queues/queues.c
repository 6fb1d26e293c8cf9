/*
 * Design notes. AMQP tells less than the management API, so going over to it makes jobs in hand
 * disappear from what is known. When the API has answered a while ago, its silence is therefore
 * taken as a fault of the moment, in which nothing is known, and AMQP is asked only when it lasts.
 */
#include "queues/queues.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "queues/broker_address.h"
#include "queues/passive.h"

#define TRY_AGAIN_MS 30000 /* an API that does not answer */

/* Statistics that stand still for longer are not believed: three polls, and three times the
 * interval in which the broker makes them (collect_statistics_interval, by default). */
#define STALE_POLLS 3
#define STALE_LEAST_MS (3 * 5000)

/* What is asked of the API. */
enum asked { ASKED_QUEUES, ASKED_EXCHANGES, ASKED_CONSUMERS };

struct queues {
    struct queues_options options;
    struct broker_address address;
    char *urls[QUEUES_CALLS_MAX]; /* NULL: it is not wanted */
    struct http_call calls[QUEUES_CALLS_MAX];
    bool is_asked;            /* the calls were given out */
    int64_t asked_mono_ms;    /* the last time it was */
    bool has_answered;        /* ever */
    int64_t answered_mono_ms; /* the last time */
    bool may_amqp;
    struct passive *passive; /* NULL: not connected */
    enum queues_source source;
    struct queue_stats *stats; /* options.n of each */
    struct staleness *staleness;
    bool *is_stale;
    double *places;
    double *published; /* options.n_exchanges */
    char trouble[400];
};

/* ---- beginning and end ---- */

static char *make_url(const struct broker_address *a, const char *base, char *path_taken)
{
    AUTO(buf_release) struct buf url = BUF_INIT;
    AUTO(text_freep) char *path = path_taken;
    bool ipv6 = strchr(a->host, ':') != NULL;

    if (base)
        buf_text(&url, base);
    else
        buf_printf(&url, "%s://%s%s%s%s", a->tls ? "https" : "http", ipv6 ? "[" : "", a->host,
                   ipv6 ? "]" : "", a->tls ? "" : ":15672");
    while (url.len && url.data[url.len - 1] == '/')
        url.data[--url.len] = '\0';
    url.failed |= !path;
    buf_text(&url, path ? path : "");
    return buf_detach(&url);
}

static void forget_all(struct queues *q)
{
    q->source = QUEUES_NONE;
    for (size_t i = 0; i < q->options.n; i++) {
        q->stats[i] = queue_stats_unknown();
        q->places[i] = (double)NAN;
        q->is_stale[i] = false;
    }
    for (size_t i = 0; i < q->options.n_exchanges; i++)
        q->published[i] = (double)NAN;
}

/* Returns -1 at no memory. */
static int make_calls(struct queues *q)
{
    static char *(*const path_of[])(const char *vhost) = {
        [ASKED_QUEUES] = queue_stats_path,
        [ASKED_EXCHANGES] = exchange_stats_path,
        [ASKED_CONSUMERS] = consumer_stats_path,
    };
    const bool wanted[] = {
        [ASKED_QUEUES] = true,
        [ASKED_EXCHANGES] = q->options.n_exchanges > 0,
        [ASKED_CONSUMERS] = q->options.with_places,
    };
    bool failed = false;

    for (size_t i = 0; i < QUEUES_CALLS_MAX; i++) {
        if (!wanted[i])
            continue;
        q->urls[i] = make_url(&q->address, q->options.management_url, path_of[i](q->address.vhost));
        failed |= !q->urls[i];
        q->calls[i] = (struct http_call){.method = "GET",
                                         .url = q->urls[i],
                                         .user = q->address.user,
                                         .password = q->address.password,
                                         .max_bytes = q->options.answer_max_bytes};
    }
    return failed ? -1 : 0;
}

int queues_new(const struct queues_options *options, struct queues **ret, struct err *e)
{
    struct queues *q = calloc(1, sizeof(*q));

    if (!q)
        return err_set(e, ERR_NOMEM, "no memory for queues");
    q->options = *options;
    if (broker_address_parse(options->broker_url, &q->address, e)) {
        queues_free(q);
        return -1;
    }
    q->may_amqp = true;
    q->stats = calloc(options->n + 1, sizeof(*q->stats));
    q->staleness = calloc(options->n + 1, sizeof(*q->staleness));
    q->is_stale = calloc(options->n + 1, sizeof(*q->is_stale));
    q->places = calloc(options->n + 1, sizeof(*q->places));
    q->published = calloc(options->n_exchanges + 1, sizeof(*q->published));
    if (make_calls(q) || !q->stats || !q->staleness || !q->is_stale || !q->places ||
        !q->published) {
        queues_free(q);
        return err_set(e, ERR_NOMEM, "no memory for queues");
    }
    forget_all(q);
    *ret = q;
    return 0;
}

void queues_free(struct queues *q)
{
    if (!q)
        return;
    passive_close(q->passive);
    for (size_t i = 0; i < QUEUES_CALLS_MAX; i++) {
        http_call_release(&q->calls[i]);
        free(q->urls[i]);
    }
    broker_address_release(&q->address);
    free(q->places);
    free(q->published);
    free(q->stats);
    free(q->staleness);
    free(q->is_stale);
    free(q);
}

/* ---- the management API ---- */

/* Whether its silence is a fault of the moment. */
static bool is_trusted(const struct queues *q, int64_t now_mono_ms)
{
    return q->has_answered && now_mono_ms - q->answered_mono_ms < q->options.patience_ms;
}

size_t queues_calls(struct queues *q, struct http_call *ret[QUEUES_CALLS_MAX], int64_t now_mono_ms)
{
    size_t n = 0;

    q->is_asked = q->source != QUEUES_AMQP || now_mono_ms - q->asked_mono_ms >= TRY_AGAIN_MS;
    if (!q->is_asked)
        return 0;
    q->asked_mono_ms = now_mono_ms;
    for (size_t i = 0; i < QUEUES_CALLS_MAX; i++)
        if (q->urls[i])
            ret[n++] = &q->calls[i];
    return n;
}

static void drop_what_stands_still(struct queues *q, int64_t now_mono_ms)
{
    double limit_ms = fmax(STALE_POLLS * q->options.poll_s * 1000, STALE_LEAST_MS);

    for (size_t i = 0; i < q->options.n; i++) {
        q->is_stale[i] =
            staleness_look(&q->staleness[i], &q->stats[i], now_mono_ms, (int64_t)limit_ms);
        if (q->is_stale[i]) {
            q->stats[i] = queue_stats_unknown();
            q->stats[i].is_there = true;
        }
    }
}

/* The bytes of an answer, which may be none. */
static const char *bytes_of(const struct http_call *call)
{
    return call->answer.data ? call->answer.data : "";
}

static int take_answer(struct queues *q, struct err *e)
{
    const struct http_call *call = &q->calls[ASKED_QUEUES];

    if (call->status == 0)
        return err_set(e, call->err.code, "the management API: %s", call->err.text);
    if (call->status == 401 || call->status == 403)
        return err_set(e, ERR_INPUT,
                       "the management API refuses the broker's user (status %ld): it needs the "
                       "tag `management`",
                       call->status);
    if (call->status != 200)
        return err_set(e, ERR_UNAVAILABLE, "the management API answers with status %ld",
                       call->status);
    return queue_stats_parse(bytes_of(call), call->answer.len, q->options.names, q->options.n,
                             q->stats, e);
}

/* Of the calls beside it: what they did not bring is not known. */
static int take_the_others(struct queues *q, struct err *e)
{
    const struct http_call *exchanges = &q->calls[ASKED_EXCHANGES];
    const struct http_call *consumers = &q->calls[ASKED_CONSUMERS];
    int rc = 0;

    if (q->urls[ASKED_EXCHANGES])
        rc |= exchange_stats_parse(bytes_of(exchanges), exchanges->answer.len, q->options.exchanges,
                                   q->options.n_exchanges, q->published, e);
    if (q->urls[ASKED_CONSUMERS])
        rc |= consumer_stats_parse(bytes_of(consumers), consumers->answer.len, q->options.names,
                                   q->options.n, q->places, e);
    return rc;
}

/* ---- AMQP ---- */

static int count_all(struct queues *q, struct err *e)
{
    if (!q->passive && passive_open(&q->address, q->options.ca_file, &q->passive, e))
        return -1;
    for (size_t i = 0; i < q->options.n; i++) {
        struct queue_stats s = queue_stats_unknown();

        if (passive_count(q->passive, q->options.names[i], &s.is_there, &s.ready, &s.consumers, e))
            return -1;
        s.messages = s.ready;
        q->stats[i] = s;
    }
    return 0;
}

static int ask_amqp(struct queues *q, struct err *e)
{
    bool was_open = q->passive != NULL;
    struct err first = ERR_INIT;

    if (count_all(q, &first) == 0)
        return 0;
    passive_close(q->passive);
    q->passive = NULL;
    if (was_open && count_all(q, e) == 0) /* it had been lost since the last poll */
        return 0;
    err_set(e, first.code, "%s", first.text);
    passive_close(q->passive);
    q->passive = NULL;
    return -1;
}

/* ---- both ---- */

static void set_trouble(struct queues *q, const char *a, const char *b)
{
    snprintf(q->trouble, sizeof(q->trouble), "%.190s%s%.190s", a, *a && *b ? "; " : "", b);
    utf8_repair(q->trouble, strlen(q->trouble)); /* cut, perhaps within a character */
}

void queues_take(struct queues *q, int64_t now_mono_ms)
{
    char why[200] = "";
    struct err e = ERR_INIT, amqp = ERR_INIT;

    if (q->is_asked) {
        if (take_answer(q, &e) == 0) {
            q->has_answered = true;
            q->answered_mono_ms = now_mono_ms;
            q->source = QUEUES_MANAGEMENT;
            passive_close(q->passive);
            q->passive = NULL;
            drop_what_stands_still(q, now_mono_ms);
            take_the_others(q, &e);
            set_trouble(q, e.text, "");
            return;
        }
        snprintf(why, sizeof(why), "%.199s", e.text);
        if (is_trusted(q, now_mono_ms)) {
            forget_all(q);
            set_trouble(q, why, "");
            return;
        }
        set_trouble(q, why, "asking over AMQP, which tells less");
    }
    forget_all(q);
    if (!q->may_amqp) {
        if (q->is_asked)
            set_trouble(q, why, "");
        return;
    }
    if (ask_amqp(q, &amqp) == 0) {
        q->source = QUEUES_AMQP;
        return;
    }
    forget_all(q);
    set_trouble(q, why, amqp.text);
}

void queues_let_amqp(struct queues *q, bool may)
{
    q->may_amqp = may;
    if (may)
        return;
    passive_close(q->passive);
    q->passive = NULL;
}

enum queues_source queues_source(const struct queues *q)
{
    return q->source;
}

const struct queue_stats *queues_at(const struct queues *q, size_t i)
{
    return &q->stats[i];
}

double queues_published_to(const struct queues *q, size_t i)
{
    return q->published[i];
}

double queues_places(const struct queues *q, size_t i)
{
    return q->places[i];
}

bool queues_is_stale(const struct queues *q, size_t i)
{
    return q->is_stale[i];
}

const char *queues_trouble(const struct queues *q)
{
    return q->trouble;
}
