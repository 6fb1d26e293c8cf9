#include "listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "db/db.h"
#include "web/outage.h"

#define RETRY_LEAST_MS 200

struct listener {
    pthread_t thread;
    struct web *web;
    struct db *db;
    struct outage outage;
    int stop_fd; /* readable: end */
    /* owner: its thread */
    unsigned listening; /* the session that listens, by db_generation() */
};

static void wake_listed(struct waiters *waiters, const char *payload)
{
    char job[UUID_SIZE];

    if (!*payload)
        waiters_wake_all(waiters);
    while (*payload) {
        const size_t len = strcspn(payload, " ");

        if (len == UUID_SIZE - 1) {
            memcpy(job, payload, len);
            job[len] = '\0';
            waiters_wake(waiters, job);
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
    if (db_command(l->db, "LISTEN jobs_changed", e))
        return -1;
    l->listening = db_generation(l->db);
    outage_ends(&l->outage);
    waiters_wake_all(l->web->waiters);
    return 0;
}

static int hear(struct listener *l, struct err *e)
{
    PGnotify *notify;

    if (!PQconsumeInput(db_conn(l->db)))
        return db_failed(l->db, "listening", e);
    while ((notify = PQnotifies(db_conn(l->db)))) {
        wake_listed(l->web->waiters, notify->extra);
        PQfreemem(notify);
    }
    return 0;
}

static void *run(void *arg)
{
    struct listener *l = arg;
    struct pollfd fds[2] = {{l->stop_fd, POLLIN, 0}, {-1, POLLIN, 0}};

    while (!(fds[0].revents & POLLIN)) {
        struct err e = ERR_INIT;
        int timeout_ms = -1;

        if ((!is_listening(l) && listen_anew(l, &e)) || hear(l, &e))
            outage_begins(&l->outage, &e);
        if (!is_listening(l)) {
            timeout_ms = db_retry_ms(l->db);
            if (timeout_ms < RETRY_LEAST_MS)
                timeout_ms = RETRY_LEAST_MS;
        }
        fds[1].fd = is_listening(l) ? PQsocket(db_conn(l->db)) : -1;
        poll(fds, 2, timeout_ms);
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
