#include "sampler.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "http/http_client.h"
#include "queues/queues.h"
#include "web/architecture.h"
#include "web/notes.h"
#include "web/samples.h"
#include "web/shared_text.h"

struct sampler {
    struct web *web;
    pthread_t thread;
    int wake_fd;
    atomic_bool stopping;
    atomic_llong asked_mono_ms; /* when somebody did last */

    pthread_mutex_t lock;
    struct shared_text *latest; /* guarded by lock, as is */
    char etag[ETAG_SIZE];

    /* owner: its thread, once that runs */
    struct architecture architecture;
    struct queues *queues;
    struct http_client *http;
    struct samples *samples;
    struct queue_stats *stats;
    double *places, *published;
    char id[9]; /* of this process, for its tags */
    unsigned long long version;
    bool is_in_trouble;
};

/* ---- the answer ---- */

static json_t *limits_json(const struct settings *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "max_images", (json_int_t)s->max_images,
                     "max_outputs", (json_int_t)s->max_outputs, "max_side",
                     (json_int_t)s->max_side_px, "max_url", (json_int_t)s->max_url_bytes,
                     "max_metadata", (json_int_t)s->max_metadata_bytes, "max_body",
                     (json_int_t)s->max_body_bytes);
}

/* At no memory the last answer stays. */
static void make_answer(struct sampler *s)
{
    const int64_t now = clock_wall_ms();
    json_auto_t *json = samples_json(s->samples, now);
    struct shared_text *made, *old;

    if (json_object_set_new(json, "notes", notes_json(s->web->notes, now)) ||
        json_object_set_new(json, "demo", json_boolean(s->web->settings.demo)) ||
        json_object_set_new(json, "limits", limits_json(&s->web->settings)))
        return;
    made = shared_text_new(json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(4)));
    if (!made)
        return;
    pthread_mutex_lock(&s->lock);
    old = s->latest;
    s->latest = made;
    snprintf(s->etag, sizeof s->etag, "\"%s-%llu\"", s->id, ++s->version);
    pthread_mutex_unlock(&s->lock);
    shared_text_drop(old);
}

static void wake(struct sampler *s)
{
    const uint64_t one = 1;
    ssize_t written = write(s->wake_fd, &one, sizeof one);

    (void)written; /* it fails only when the counter is full, and then it is readable already */
}

void sampler_answer(struct sampler *s, struct answer *a, const char *if_none_match)
{
    const long long now = clock_mono_ms();
    const long long before = atomic_exchange(&s->asked_mono_ms, now);

    if (now - before > SAMPLER_WATCHED_FOR_MS)
        wake(s);
    pthread_mutex_lock(&s->lock);
    memcpy(a->etag, s->etag, sizeof a->etag);
    a->shared = shared_text_hold(s->latest);
    pthread_mutex_unlock(&s->lock);
    shared_text_bytes(a->shared, &a->body_len);
    a->content_type = "application/json";
    a->cache_control = "no-cache";
    a->status = 200;
    if (header_none_match(if_none_match, a->etag)) {
        a->status = 304;
        a->body_len = 0;
        shared_text_drop(a->shared);
        a->shared = NULL;
    }
}

void sampler_show_notes(struct sampler *s)
{
    wake(s);
}

/* ---- the thread ---- */

static bool is_watched(struct sampler *s)
{
    return clock_mono_ms() - atomic_load(&s->asked_mono_ms) <= SAMPLER_WATCHED_FOR_MS;
}

/* Says once that something is wrong, and once that it is not any more. */
static void log_trouble(struct sampler *s)
{
    const char *trouble = queues_trouble(s->queues);

    if ((*trouble != '\0') == s->is_in_trouble)
        return;
    s->is_in_trouble = !s->is_in_trouble;
    if (s->is_in_trouble)
        log_warn("queues_not_read", "message=%s", log_quote(trouble));
    else
        log_info("queues_read", "source=management");
}

static void take_reading(struct sampler *s)
{
    struct reading r = {.queues = s->stats, .places = s->places, .published = s->published};
    struct http_call *calls[QUEUES_CALLS_MAX];
    size_t n;

    queues_let_amqp(s->queues, is_watched(s));
    n = queues_calls(s->queues, calls, clock_mono_ms());
    http_client_run(s->http, calls, n, clock_mono_ms() + SAMPLER_CALLS_MS);
    queues_take(s->queues, clock_mono_ms());
    log_trouble(s);
    for (size_t i = 0; i < s->architecture.n_queues; i++) {
        s->stats[i] = *queues_at(s->queues, i);
        s->places[i] = queues_places(s->queues, i);
    }
    for (size_t i = 0; i < s->architecture.n_exchanges; i++)
        s->published[i] = queues_published_to(s->queues, i);
    r.source = queues_source(s->queues);
    r.broker_is_up = job_publisher_is_connected(s->web->publisher) || r.source != QUEUES_NONE;
    r.wall_ms = clock_wall_ms();
    r.mono_ms = clock_mono_ms();
    samples_add(s->samples, &r);
}

static void *run(void *arg)
{
    struct sampler *s = arg;
    int64_t last_mono_ms = 0;

    while (!atomic_load(&s->stopping)) {
        const int64_t each_ms = is_watched(s) ? SAMPLER_WATCHED_MS : SAMPLER_IDLE_MS;
        const int left_ms = last_mono_ms ? clock_until_ms(last_mono_ms + each_ms) : 0;
        struct pollfd fd = {s->wake_fd, POLLIN, 0};
        uint64_t woken;

        if (left_ms == 0) {
            last_mono_ms = clock_mono_ms();
            take_reading(s);
            make_answer(s);
        } else if (poll(&fd, 1, left_ms) > 0 && read(s->wake_fd, &woken, sizeof woken) > 0) {
            make_answer(s); /* for new notes; whoever has begun to ask has another each_ms */
        }
    }
    return NULL;
}

/* ---- beginning and end ---- */

static void sampler_free(struct sampler *s)
{
    samples_free(s->samples);
    queues_free(s->queues);
    http_client_free(s->http);
    architecture_release(&s->architecture);
    shared_text_drop(s->latest);
    free(s->stats);
    free(s->places);
    free(s->published);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static int meet_broker(struct sampler *s, struct err *e)
{
    const struct settings *settings = &s->web->settings;
    const struct architecture *a = &s->architecture;
    const struct queues_options options = {
        .broker_url = settings->broker,
        .management_url = settings->management_url,
        .ca_file = settings->ca_file,
        .names = (const char *const *)a->queues,
        .n = a->n_queues,
        .exchanges = (const char *const *)a->exchanges,
        .n_exchanges = a->n_exchanges,
        .with_places = true,
        .poll_s = SAMPLER_WATCHED_MS / 1000.0,
        .answer_max_bytes = SAMPLER_ANSWER_MAX_BYTES,
        .patience_ms = SAMPLER_PATIENCE_MS,
    };
    const struct http_client_options http = {.ca_file = settings->ca_file, .meanwhile_fd = -1};

    return queues_new(&options, &s->queues, e) || http_client_new(&http, &s->http, e) ? -1 : 0;
}

static int prepare(struct sampler *s, struct err *e)
{
    const struct settings *settings = &s->web->settings;
    const struct samples_options options = {.architecture = &s->architecture,
                                            .deadline_s = settings->deadline_s,
                                            .deadline_bulk_s = settings->deadline_bulk_s};
    char id[UUID_SIZE];

    uuid_make(id);
    memcpy(s->id, id + UUID_SIZE - sizeof s->id, sizeof s->id); /* its end, which is random */
    s->stats = calloc(s->architecture.n_queues + 1, sizeof *s->stats);
    s->places = calloc(s->architecture.n_queues + 1, sizeof *s->places);
    s->published = calloc(s->architecture.n_exchanges + 1, sizeof *s->published);
    s->samples = samples_new(&options, e);
    if (!s->stats || !s->places || !s->published || !s->samples)
        return err_set(e, ERR_NOMEM, "the sampler");
    make_answer(s);
    return s->latest ? meet_broker(s, e) : err_set(e, ERR_NOMEM, "the sampler");
}

int sampler_start(struct web *web, struct sampler **ret, struct err *ret_trouble, struct err *e)
{
    struct sampler *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(e, ERR_NOMEM, "the sampler");
    s->web = web;
    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&s->lock, NULL);
    atomic_init(&s->asked_mono_ms, clock_mono_ms() - SAMPLER_WATCHED_FOR_MS - 1);
    if (architecture_load(web->settings.graph, &s->architecture, ret_trouble)) {
        log_warn("no_graph", "message=%s", log_quote(ret_trouble->text));
        sampler_free(s);
        *ret = NULL;
        return 0;
    }
    if (s->wake_fd < 0)
        err_set(e, ERR_UNAVAILABLE, "eventfd: %s", strerror(errno));
    else if (prepare(s, e) == 0 && pthread_create(&s->thread, NULL, run, s))
        err_set(e, ERR_UNAVAILABLE, "the sampler's thread cannot be started");
    if (e->code != ERR_NONE) {
        sampler_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void sampler_tell_to_stop(struct sampler *s)
{
    atomic_store(&s->stopping, true);
    wake(s);
}

void sampler_stop(struct sampler *s)
{
    sampler_tell_to_stop(s);
    pthread_join(s->thread, NULL);
    sampler_free(s);
}
