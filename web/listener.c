#include "listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/db.h"
#include "web/news.h"
#include "web/outage.h"

#define RETRY_LEAST_MS 200
#define TELL_RETRY_MS 1000
#define CREATED "jobs_created"

struct listener {
    pthread_t thread;
    struct web *web;
    struct db *db;
    struct outage outage;
    int stop_fd; /* readable: end */
    /* owner: its thread */
    unsigned listening;   /* the session that listens, by db_generation() */
    int64_t tell_mono_ms; /* streams are told nothing before */
};

static void look_at_all(const struct web *web)
{
    waiters_wake_all(web->waiters);
    streams_missed(web->streams, clock_mono_ms());
}

static void tell_listed(const struct web *web, const char *payload, bool created)
{
    char job[UUID_SIZE];

    if (!*payload && created)
        streams_missed(web->streams, clock_mono_ms());
    else if (!*payload)
        look_at_all(web);
    while (*payload) {
        const size_t len = strcspn(payload, " ");

        if (len == UUID_SIZE - 1) {
            memcpy(job, payload, len);
            job[len] = '\0';
            if (!created)
                waiters_wake(web->waiters, job);
            streams_changed(web->streams, job, clock_mono_ms());
        }
        payload += len + strspn(payload + len, " ");
    }
}

static bool is_listening(const struct listener *l)
{
    return db_connected(l->db) && db_generation(l->db) == l->listening;
}

/* In a new session: what was notified before it is lost, so that all look again. */
static int listen_anew(struct listener *l, struct err *e)
{
    if (db_command(l->db, "LISTEN jobs_changed", e) || db_command(l->db, "LISTEN " CREATED, e))
        return -1;
    l->listening = db_generation(l->db);
    outage_ends(&l->outage);
    look_at_all(l->web);
    return 0;
}

/* What this process has told the others comes back too. */
static bool is_own(const struct listener *l, const PGnotify *notify)
{
    return notify->be_pid == PQbackendPID(db_conn(l->db));
}

static int hear(struct listener *l, struct err *e)
{
    PGnotify *notify;

    if (!PQconsumeInput(db_conn(l->db)))
        return db_failed(l->db, "listening", e);
    while ((notify = PQnotifies(db_conn(l->db)))) {
        if (!is_own(l, notify))
            tell_listed(l->web, notify->extra, strcmp(notify->relname, CREATED) == 0);
        PQfreemem(notify);
    }
    return 0;
}

/* Tells streams what there is to tell. Returns how long until there may be more; -1: until the next
 * notification. */
static int tell_streams(struct listener *l)
{
    struct err e = ERR_INIT;
    int wait_ms;

    if (clock_mono_ms() < l->tell_mono_ms)
        return clock_until_ms(l->tell_mono_ms);
    if (news_tell(l->db, l->web->streams, &wait_ms, &e) == 0)
        return wait_ms;
    if (e.code == ERR_UNAVAILABLE)
        outage_begins(&l->outage, &e);
    else
        log_error("database_error", "thread=listener code=%s message=%s", err_code_name(e.code),
                  log_quote(e.text));
    streams_missed(l->web->streams, clock_mono_ms());
    l->tell_mono_ms = clock_mono_ms() + TELL_RETRY_MS;
    return TELL_RETRY_MS;
}

static void *run(void *arg)
{
    struct listener *l = arg;
    struct pollfd fds[] = {{l->stop_fd, POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}};

    while (!(fds[0].revents & POLLIN)) {
        struct err e = ERR_INIT;
        int timeout_ms = -1;

        if ((!is_listening(l) && listen_anew(l, &e)) || hear(l, &e))
            outage_begins(&l->outage, &e);
        if (is_listening(l))
            timeout_ms = tell_streams(l);
        if (!is_listening(l)) {
            timeout_ms = db_retry_ms(l->db);
            if (timeout_ms < RETRY_LEAST_MS)
                timeout_ms = RETRY_LEAST_MS;
        }
        fds[1].fd = is_listening(l) ? PQsocket(db_conn(l->db)) : -1;
        fds[2].fd = is_listening(l) && clock_mono_ms() >= l->tell_mono_ms
                        ? streams_news_fd(l->web->streams)
                        : -1;
        poll(fds, 3, timeout_ms);
    }
    return NULL;
}

struct listener *listener_start(struct web *web, struct err *e)
{
    struct listener *l = calloc(1, sizeof *l);
    const struct db_options options = {.url = web->settings.database_url,
                                       .application = "imageresize-web listener",
                                       .statement_timeout_ms = STATEMENT_TIMEOUT_MS};

    if (!l) {
        err_set(e, ERR_NOMEM, "the listener");
        return NULL;
    }
    l->web = web;
    l->outage.who = "listener";
    l->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->db = l->stop_fd < 0 ? NULL : db_new(&options, e);
    if (l->db && pthread_create(&l->thread, NULL, run, l) == 0)
        return l;
    err_set(e, ERR_UNAVAILABLE, "the listener cannot be started: %s", strerror(errno));
    db_free(l->db);
    if (l->stop_fd >= 0)
        close(l->stop_fd);
    free(l);
    return NULL;
}

void listener_stop(struct listener *l)
{
    const uint64_t one = 1;

    if (write(l->stop_fd, &one, sizeof one) < 0) {
        /* full, so readable already */
    }
    pthread_join(l->thread, NULL);
    db_free(l->db);
    close(l->stop_fd);
    free(l);
}
