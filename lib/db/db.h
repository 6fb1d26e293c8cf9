/*
 * db.h - one connection to Postgres. Hides how it is opened (TLS for remote hosts, time limits) and
 * when it is tried again.
 *
 * A struct db belongs to one thread at a time. Calls block, for at most the limits given at
 * db_new(): connect_timeout_s for a connection, statement_timeout_ms (and two seconds for the
 * answer to come, even from a frozen server) for a statement.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/err.h"

struct db;

struct db_options {
    /* postgres://...; copied. A server on another machine is reached with TLS, unless the URL, or
     * PGSSLMODE, says otherwise by its sslmode; libpq itself would only prefer TLS. */
    const char *url;
    const char *application;  /* application_name, to be found in pg_stat_activity; copied */
    int connect_timeout_s;    /* 0: 5 */
    int statement_timeout_ms; /* 0: 10000 */
    const char *settings;     /* further SET statements of each session, or NULL; lent for ever */
};

/* Returns 0, or -1 with *e (ERR_INPUT: a URL libpq does not take). Quotes nothing of it. */
int db_check_url(const char *url, struct err *e) MUST_CHECK;

/* New and not connected, or NULL with *e (ERR_INPUT: a URL libpq does not take). */
struct db *db_new(const struct db_options *options, struct err *e) MUST_CHECK;
void db_free(struct db *db);

/*
 * Whether it is connected, connecting when it is not and the time for another try has come (the
 * delay grows from 0.5 to 15 s, with jitter). Returns 0 connected, or -1 with *e
 * (ERR_UNAVAILABLE). A new connection has no LISTEN and no prepared statements.
 */
int db_connect(struct db *db, struct err *e) MUST_CHECK;
bool db_connected(const struct db *db);

/* Times it has been connected: a change tells that the session is a new one. */
unsigned db_generation(const struct db *db);

/* Milliseconds until db_connect() will try again; 0 when it would now or is connected. */
int db_retry_ms(const struct db *db);

/* Runs one statement with text parameters (NULL is SQL's null), prepared on its first use in this
 * session: sql is a constant, told apart by its address. Connects when it must. Returns the result
 * for PQclear(), or NULL with *e (ERR_UNAVAILABLE: connection lost or shutting down, nothing is
 * known of the statement; ERR_TIMEOUT: cancelled by a time limit or a deadlock, may be tried again;
 * ERR_INPUT: SQLSTATE class 22 or 23, refused data; ERR_LIMIT: class 54, too much of them; ERR_BUG:
 * another SQL error). */
PGresult *db_exec(struct db *db, const char *sql, int n, const char *const *params,
                  struct err *e) MUST_CHECK;

/* As db_exec(), for parameters and results in binary form: lengths and formats as in libpq. */
PGresult *db_exec_binary(struct db *db, const char *sql, int n, const char *const *params,
                         const int *lengths, const int *formats, int result_format,
                         struct err *e) MUST_CHECK;

/* One statement without parameters or preparation: BEGIN, COMMIT, ROLLBACK, LISTEN x. */
int db_command(struct db *db, const char *sql, struct err *e) MUST_CHECK;

/* The connection itself, for pipelines, notifications and its socket; NULL when not connected. */
PGconn *db_conn(struct db *db);

/* Tells that a call on db_conn() failed: closes when the connection is broken, fills *e. */
int db_failed(struct db *db, const char *what, struct err *e);

/* PQclear for AUTO. */
void pg_clearp(PGresult **res);

/* Rows an UPDATE, INSERT or DELETE changed. */
long db_rows_changed(const PGresult *res);

#endif
