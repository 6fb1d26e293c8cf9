/*
 * Design notes. Statements are sent and awaited with poll() rather than run by PQexec(), because
 * the server's own statement_timeout does not help when the server is frozen or the network drops
 * packets: then nothing answers, and the deadline here closes the connection.
 */
#include "db.h"

#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"

#define RETRY_FIRST_MS 500
#define RETRY_MOST_MS 15000
#define ANSWER_GRACE_MS 2000 /* how much longer than the server's limit its answer may take */
#define NAME_SIZE 16

struct db {
    char *url;
    char *application;
    bool wants_tls; /* unless its URL says otherwise */
    int connect_timeout_s;
    int statement_timeout_ms;
    const char *settings;
    PGconn *conn; /* NULL: not connected */
    unsigned generation;
    bool proved; /* a statement has succeeded in this session */
    int retry_delay_ms;
    int64_t retry_mono_ms;
    const char **prepared; /* the SQL of the session's statements s0, s1, ... */
    size_t prepared_count, prepared_size;
};

void pg_clearp(PGresult **res)
{
    PQclear(*res);
}

long db_rows_changed(const PGresult *res)
{
    /* PQcmdTuples() takes a non-const result only for the sake of old callers. */
    const char *rows = PQcmdTuples((PGresult *)(uintptr_t)res);

    return strtol(rows, NULL, 10);
}

/* ---- opening ---- */

static bool is_local_host(const char *host, size_t len)
{
    return len == 0 || host[0] == '/' || host[0] == '@' ||
           (len == 9 && memcmp(host, "localhost", 9) == 0) ||
           (len > 4 && memcmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= len) ||
           (len == 3 && memcmp(host, "::1", 3) == 0);
}

/* hosts is a comma-separated list, as libpq takes it. */
static bool has_remote_host(const char *hosts)
{
    while (hosts && *hosts) {
        size_t len = strcspn(hosts, ",");

        if (!is_local_host(hosts, len))
            return true;
        hosts += len + (hosts[len] == ',');
    }
    return false;
}

/* What libpq says of a bad URL may quote a piece of the password, so it is not passed on. */
static PQconninfoOption *parse_url(const char *url, struct err *e)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &message);

    PQfreemem(message);
    if (!options)
        err_set(e, ERR_INPUT,
                "the database's URL cannot be read: check its host, its port and the "
                "percent-escapes of its password");
    return options;
}

int db_check_url(const char *url, struct err *e)
{
    PQconninfoOption *options = parse_url(url, e);

    PQconninfoFree(options);
    return options ? 0 : -1;
}

/* A part of the URL, or what libpq takes for it from the environment. Lent. */
static const char *url_part(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0)
            return o->val ? o->val : config_env(o->envvar);
    return NULL;
}

/* hostaddr is where host is found, so that host is then only a name for certificates. */
static int read_url(struct db *db, struct err *e)
{
    PQconninfoOption *options = parse_url(db->url, e);
    const char *address;

    if (!options)
        return -1;
    address = url_part(options, "hostaddr");
    db->wants_tls =
        has_remote_host(address ? address : url_part(options, "host")) && !config_env("PGSSLMODE");
    PQconninfoFree(options);
    return 0;
}

struct db *db_new(const struct db_options *options, struct err *e)
{
    struct db *db = calloc(1, sizeof *db);

    if (!db || !(db->url = strdup(options->url)) ||
        !(db->application = strdup(options->application))) {
        err_set(e, ERR_NOMEM, "a database connection");
        db_free(db);
        return NULL;
    }
    db->connect_timeout_s = options->connect_timeout_s ? options->connect_timeout_s : 5;
    db->statement_timeout_ms =
        options->statement_timeout_ms ? options->statement_timeout_ms : 10000;
    db->settings = options->settings ? options->settings : "";
    if (read_url(db, e)) {
        db_free(db);
        return NULL;
    }
    return db;
}

/* Random, so that many processes do not come back to a restarted server in the same moment. */
static void postpone(struct db *db)
{
    unsigned random = 0;
    int delay_ms = db->retry_delay_ms * 2;

    if (delay_ms < RETRY_FIRST_MS)
        delay_ms = RETRY_FIRST_MS;
    if (delay_ms > RETRY_MOST_MS)
        delay_ms = RETRY_MOST_MS;
    db->retry_delay_ms = delay_ms;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (unsigned)clock_mono_ms();
    db->retry_mono_ms = clock_mono_ms() + delay_ms / 2 + (int)(random % (unsigned)delay_ms) / 2;
}

static void disconnect(struct db *db)
{
    if (!db->conn)
        return;
    PQfinish(db->conn);
    db->conn = NULL;
    db->prepared_count = 0;
    if (!db->proved)
        postpone(db);
}

void db_free(struct db *db)
{
    if (!db)
        return;
    disconnect(db);
    free(db->prepared);
    free(db->application);
    free(db->url);
    free(db);
}

static void drop_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static PGconn *open_connection(const struct db *db)
{
    char connect_timeout[12], user_timeout[12];
    /* What stands before dbname gives way to the URL's own parameters. */
    const char *const keywords[] = {"sslmode",          "connect_timeout",
                                    "keepalives_idle",  "keepalives_interval",
                                    "keepalives_count", "tcp_user_timeout",
                                    "dbname",           "application_name",
                                    "client_encoding",  NULL};
    const char *const values[] = {db->wants_tls ? "require" : NULL,
                                  connect_timeout,
                                  "10",
                                  "5",
                                  "3",
                                  user_timeout,
                                  db->url,
                                  db->application,
                                  "UTF8",
                                  NULL};

    snprintf(connect_timeout, sizeof connect_timeout, "%d", db->connect_timeout_s);
    snprintf(user_timeout, sizeof user_timeout, "%d", db->statement_timeout_ms);
    return PQconnectdbParams(keywords, values, 1);
}

/* text up to its first line end. */
static int line_len(const char *text)
{
    return (int)strcspn(text, "\r\n");
}

/*
 * Set by statement and not by the connection parameter `options`, which the URL may hold too. A
 * session whose process froze inside a transaction must not keep its locks.
 */
static int set_up_session(struct db *db, struct err *e)
{
    AUTO(buf_release) struct buf sql = BUF_INIT;

    buf_printf(&sql,
               "SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %d; "
               "SET timezone = 'UTC'; %s",
               db->statement_timeout_ms, db->statement_timeout_ms + ANSWER_GRACE_MS, db->settings);
    return sql.failed ? err_set(e, ERR_NOMEM, "the settings of a session")
                      : db_command(db, sql.data, e);
}

int db_connect(struct db *db, struct err *e)
{
    if (db->conn)
        return 0;
    if (db_retry_ms(db) > 0)
        return err_set(e, ERR_UNAVAILABLE, "the database is away; tried again in %d ms",
                       db_retry_ms(db));
    db->proved = false;
    db->conn = open_connection(db);
    if (!db->conn) {
        postpone(db);
        return err_set(e, ERR_NOMEM, "a database connection");
    }
    PQsetNoticeProcessor(db->conn, drop_notice, NULL);
    if (PQstatus(db->conn) != CONNECTION_OK) {
        const char *text = PQerrorMessage(db->conn);

        err_set(e, ERR_UNAVAILABLE, "the database is away: %.*s", line_len(text), text);
        disconnect(db);
        return -1;
    }
    if (set_up_session(db, e)) {
        disconnect(db);
        return -1;
    }
    db->proved = false; /* setting up the session proves nothing of what is wanted from it */
    db->generation++;
    return 0;
}

bool db_connected(const struct db *db)
{
    return db->conn != NULL;
}

unsigned db_generation(const struct db *db)
{
    return db->generation;
}

int db_retry_ms(const struct db *db)
{
    return db->conn ? 0 : clock_until_ms(db->retry_mono_ms);
}

PGconn *db_conn(struct db *db)
{
    return db->conn;
}

/* ---- errors ---- */

/* By the longest prefix first. Sessions that cannot go on are closed, so that a new one heals it.
 */
static const struct sqlstate {
    const char *prefix;
    enum err_code code;
    bool closes;
} sqlstates[] = {
    {"57014", ERR_TIMEOUT, false},    /* query_canceled: statement_timeout */
    {"55P03", ERR_TIMEOUT, false},    /* lock_not_available: lock_timeout */
    {"40", ERR_TIMEOUT, false},       /* deadlock, serialization failure: may be tried again */
    {"22", ERR_INPUT, false},         /* data exception */
    {"23", ERR_INPUT, false},         /* integrity constraint violation */
    {"54", ERR_LIMIT, false},         /* program limit exceeded: too deep, too large */
    {"08", ERR_UNAVAILABLE, true},    /* connection exception */
    {"53", ERR_UNAVAILABLE, true},    /* no disk, no memory, too many connections */
    {"57P", ERR_UNAVAILABLE, true},   /* shutting down, starting up, crashed */
    {"58", ERR_UNAVAILABLE, true},    /* system error: I/O */
    {"25006", ERR_UNAVAILABLE, true}, /* read only: it has become a standby */
    {"25P03", ERR_UNAVAILABLE, true}, /* idle_in_transaction_session_timeout */
    {"0A000", ERR_UNAVAILABLE, true}, /* cached plan must not change result type: was migrated */
    {"26000", ERR_UNAVAILABLE, true}, /* the prepared statement is gone */
};

static const struct sqlstate *sqlstate_find(const char *state)
{
    static const struct sqlstate other = {"", ERR_BUG, false};

    for (size_t i = 0; i < sizeof sqlstates / sizeof *sqlstates; i++)
        if (strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0)
            return &sqlstates[i];
    return &other;
}

int db_failed(struct db *db, const char *what, struct err *e)
{
    const char *text = db->conn ? PQerrorMessage(db->conn) : "not connected";
    bool broken = !db->conn || PQstatus(db->conn) == CONNECTION_BAD;

    err_set(e, broken ? ERR_UNAVAILABLE : ERR_BUG, "%s: %.*s", what, line_len(text), text);
    if (broken)
        disconnect(db);
    return -1;
}

/* Fills *e from a result that says an error, or from the connection when there is none. */
static int result_failed(struct db *db, const PGresult *res, struct err *e)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const struct sqlstate *kind;

    if (!state || !text)
        return db_failed(db, "the database's connection", e);
    kind = sqlstate_find(state);
    err_set(e, kind->code, "the database said: %.*s (SQLSTATE %s)", line_len(text), text, state);
    if (kind->closes || PQstatus(db->conn) == CONNECTION_BAD)
        disconnect(db);
    return -1;
}

/* ---- statements ---- */

/* Waits until a result can be read without blocking. */
static int await_answer(struct db *db, int64_t deadline_mono_ms, struct err *e)
{
    while (PQisBusy(db->conn)) {
        struct pollfd fd = {PQsocket(db->conn), POLLIN, 0};
        int left_ms = clock_until_ms(deadline_mono_ms);

        if (left_ms == 0) {
            err_set(e, ERR_UNAVAILABLE, "the database has not answered within %d ms",
                    db->statement_timeout_ms + ANSWER_GRACE_MS);
            disconnect(db);
            return -1;
        }
        if (poll(&fd, 1, left_ms) > 0 && !PQconsumeInput(db->conn))
            return db_failed(db, "the database's connection", e);
    }
    return 0;
}

/* The last result of what was sent; an error's result before it wins. NULL with *e. */
static PGresult *read_results(struct db *db, struct err *e)
{
    int64_t deadline = clock_mono_ms() + db->statement_timeout_ms + ANSWER_GRACE_MS;
    PGresult *last = NULL, *next;
    ExecStatusType status;

    for (;;) {
        if (await_answer(db, deadline, e)) {
            PQclear(last);
            return NULL;
        }
        next = PQgetResult(db->conn);
        if (!next)
            break;
        if (last && PQresultStatus(last) == PGRES_FATAL_ERROR) {
            PQclear(next);
            continue;
        }
        PQclear(last);
        last = next;
    }
    status = PQresultStatus(last);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
        result_failed(db, last, e);
        PQclear(last);
        return NULL;
    }
    db->proved = true;
    db->retry_delay_ms = 0;
    return last;
}

/* Room to remember one more statement, which must be there before the server remembers it. */
static int make_room(struct db *db, struct err *e)
{
    size_t size = db->prepared_size ? db->prepared_size * 2 : 16;
    const char **grown;

    if (db->prepared_count < db->prepared_size)
        return 0;
    grown = realloc(db->prepared, size * sizeof *grown);
    if (!grown)
        return err_set(e, ERR_NOMEM, "a prepared statement");
    db->prepared = grown;
    db->prepared_size = size;
    return 0;
}

/* Writes the statement's name, preparing it on its first use. */
static int prepare(struct db *db, const char *sql, char name[NAME_SIZE], struct err *e)
{
    PGresult *res;
    size_t i;

    for (i = 0; i < db->prepared_count && db->prepared[i] != sql; i++)
        ;
    snprintf(name, NAME_SIZE, "s%u", (unsigned)i);
    if (i < db->prepared_count)
        return 0;
    if (make_room(db, e))
        return -1;
    if (!PQsendPrepare(db->conn, name, sql, 0, NULL))
        return db_failed(db, "preparing a statement", e);
    res = read_results(db, e);
    if (!res)
        return -1;
    PQclear(res);
    db->prepared[db->prepared_count++] = sql;
    return 0;
}

PGresult *db_exec_binary(struct db *db, const char *sql, int n, const char *const *params,
                         const int *lengths, const int *formats, int result_format, struct err *e)
{
    char name[NAME_SIZE];

    if (db_connect(db, e) || prepare(db, sql, name, e))
        return NULL;
    if (!PQsendQueryPrepared(db->conn, name, n, params, lengths, formats, result_format)) {
        db_failed(db, "sending a statement", e);
        return NULL;
    }
    return read_results(db, e);
}

PGresult *db_exec(struct db *db, const char *sql, int n, const char *const *params, struct err *e)
{
    return db_exec_binary(db, sql, n, params, NULL, NULL, 0, e);
}

int db_command(struct db *db, const char *sql, struct err *e)
{
    PGresult *res;

    if (db_connect(db, e))
        return -1;
    if (!PQsendQuery(db->conn, sql))
        return db_failed(db, "sending a statement", e);
    res = read_results(db, e);
    if (!res)
        return -1;
    PQclear(res);
    return 0;
}
