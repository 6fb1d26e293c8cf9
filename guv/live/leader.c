#include "live/leader.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "db/db.h"

#define TIMEOUT_MS 2000

struct leader {
    struct db *db;
    const char **apps; /* sorted, so that two guvs take their locks in the same order */
    size_t n;
    int idle_ms;
    bool is_leader;
    unsigned session; /* in which the locks were taken */
    char backend[16]; /* the process of that session, as the server tells it */
    char trouble[300];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int leader_new(const char *database_url, const char *const *apps, size_t n, int idle_ms,
               struct leader **ret, struct err *e)
{
    struct db_options options = {.url = database_url,
                                 .application = "guv leader",
                                 .connect_timeout_s = 2,
                                 .statement_timeout_ms = TIMEOUT_MS};
    struct leader *l = calloc(1, sizeof(*l));

    if (!l || !(l->apps = calloc(n + 1, sizeof(*l->apps)))) {
        leader_free(l);
        return err_set(e, ERR_NOMEM, "no memory for the lock");
    }
    for (size_t i = 0; i < n; i++)
        l->apps[i] = apps[i];
    l->n = n;
    l->idle_ms = idle_ms;
    qsort(l->apps, n, sizeof(*l->apps), by_name);
    l->db = db_new(&options, e);
    if (!l->db) {
        leader_free(l);
        return -1;
    }
    *ret = l;
    return 0;
}

void leader_free(struct leader *l)
{
    if (!l)
        return;
    db_free(l->db);
    free(l->apps);
    free(l);
}

/* ---- the database ---- */

/* The one value of a statement's one row, into ret. */
static int ask(struct leader *l, const char *sql, const char *parameter, char *ret, size_t size,
               struct err *e)
{
    AUTO(pg_clearp) PGresult *res = db_exec(l->db, sql, parameter ? 1 : 0, &parameter, e);

    if (!res)
        return -1;
    if (PQntuples(res) != 1)
        return err_set(e, ERR_BUG, "an answer of another form");
    snprintf(ret, size, "%s", PQgetvalue(res, 0, 0));
    return 0;
}

/* Whether the session is the one that took the locks, all the way to the server's process. */
static int ask_session(struct leader *l, bool *ret_is_same, struct err *e)
{
    char backend[sizeof(l->backend)];

    if (ask(l, "SELECT pg_backend_pid()", NULL, backend, sizeof(backend), e))
        return -1;
    *ret_is_same =
        l->is_leader && db_generation(l->db) == l->session && strcmp(backend, l->backend) == 0;
    if (l->is_leader && db_generation(l->db) == l->session && !*ret_is_same)
        return err_set(e, ERR_UNAVAILABLE,
                       "the database is behind a pooler that shares its sessions; guv needs a "
                       "connection of its own");
    memcpy(l->backend, backend, sizeof(backend));
    return 0;
}

/*
 * So that the server, too, notices a guv that was cut off, within 20 s; and one that is frozen,
 * whose machine goes on to acknowledge. PostgreSQL has that limit since version 14.
 */
static int set_up_session(struct leader *l, struct err *e)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; "
             "SET tcp_keepalives_count = 3; "
             "SELECT set_config('idle_session_timeout', '%d', false) "
             "WHERE current_setting('idle_session_timeout', true) IS NOT NULL",
             l->idle_ms);
    return db_command(l->db, sql, e);
}

/* All locks or none. hashtext() of 'guv' and of the app: to be found in pg_locks. */
static int take_locks(struct leader *l, struct err *e)
{
    bool has_all = true;
    char got[8];

    if (db_generation(l->db) != l->session && set_up_session(l, e))
        return -1;
    for (size_t i = 0; has_all && i < l->n; i++) {
        if (ask(l, "SELECT pg_try_advisory_lock(hashtext('guv'), hashtext($1))", l->apps[i], got,
                sizeof(got), e))
            return -1;
        has_all = got[0] == 't';
    }
    if (!has_all && db_command(l->db, "SELECT pg_advisory_unlock_all()", e))
        return -1;
    l->is_leader = has_all;
    l->session = db_generation(l->db);
    return 0;
}

static int check(struct leader *l, struct err *e)
{
    bool is_same = false;

    if (db_connect(l->db, e) || ask_session(l, &is_same, e))
        return -1;
    return is_same ? 0 : take_locks(l, e);
}

bool leader_check(struct leader *l)
{
    struct err e = ERR_INIT;

    if (db_retry_ms(l->db) > 0) { /* until then, what it told when it failed is why */
        l->is_leader = false;
        return false;
    }
    l->trouble[0] = '\0';
    if (check(l, &e)) {
        l->is_leader = false;
        snprintf(l->trouble, sizeof(l->trouble), "%.299s", e.text);
        utf8_repair(l->trouble, strlen(l->trouble)); /* cut, perhaps within a character */
    }
    return l->is_leader;
}

bool leader_is(const struct leader *l)
{
    return l->is_leader;
}

const char *leader_trouble(const struct leader *l)
{
    return l->trouble;
}
