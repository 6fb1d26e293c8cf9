/*
 * scratch_db.h - a database for one test program, with the service's tables. Hides where it comes
 * from: a schema of its own in IMAGERESIZE_TEST_DATABASE_URL; or in a database of its own on the
 * server that test programs share, in the folder IMAGERESIZE_TEST_SERVICES (bin/lib/services); or
 * else in a private server started for it. A call that fails fails the test.
 */
#ifndef TESTS_SCRATCH_DB_H
#define TESTS_SCRATCH_DB_H

#include "db/db.h"

/* Group set-up and tear-down for cmocka_run_group_tests(). */
int scratch_db_start(void **state);
int scratch_db_end(void **state);

const char *scratch_db_url(void);

/* A new connection to it, with that limit for statements (0: the default). */
struct db *scratch_db_open(int statement_timeout_ms);

/* Runs a file of sql/, as psql would but for its backslash commands. */
void scratch_db_run_file(struct db *db, const char *name);

/* One statement; its first column of its first row as a number (-1: null), or as text, lent until
 * the next call. */
long long scratch_db_number(struct db *db, const char *sql);
const char *scratch_db_text(struct db *db, const char *sql);

void scratch_db_run(struct db *db, const char *sql);

#endif
