#include "scratch_db.h"

#include <unistd.h>

#include "scratch_dir.h"
#include "unit.h"

static char server_dir[SCRATCH_DIR_SIZE];
static bool has_server;
static char *server_url;
static char *schema_url;
static char schema[40];

static char *format(const char *fmt, const char *a, const char *b)
{
    size_t size = strlen(fmt) + strlen(a) + strlen(b) + 1;
    char *text = malloc(size);

    assert_non_null(text);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, size, fmt, a, b);
#pragma GCC diagnostic pop
    return text;
}

/* Starts a server in that folder, or finds it running, and returns its URL. */
static char *start_server(const char *dir)
{
    char *command, line[300] = "";
    FILE *services;

    command = format("%s/bin/lib/services postgres start %s", SOURCE_DIR, dir);
    services = popen(command, "r");
    assert_non_null(services);
    assert_non_null(fgets(line, sizeof line, services));
    while (fgetc(services) != EOF)
        ;
    assert_int_equal(pclose(services), 0);
    free(command);
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

static struct db *open_url(const char *url, int statement_timeout_ms)
{
    struct db_options options = {.url = url,
                                 .application = "imageresize-test",
                                 .statement_timeout_ms = statement_timeout_ms};
    struct err e = ERR_INIT;
    struct db *db = db_new(&options, &e);

    assert_non_null(db);
    if (db_connect(db, &e))
        fail_msg("%s", e.text);
    return db;
}

/* A database of our own: sessions, notifications and locks of others are not seen there. */
static char *make_database(const char *shared_dir)
{
    char *url = start_server(shared_dir), *statement, *own;
    struct db *db = open_url(url, 0);

    statement = format("CREATE DATABASE %s%s", schema, "");
    scratch_db_run(db, statement);
    db_free(db);
    *strrchr(url, '/') = '\0';
    own = format("%s/%s", url, schema);
    free(statement);
    free(url);
    return own;
}

static char *find_server(void)
{
    const char *given = getenv("IMAGERESIZE_TEST_DATABASE_URL");
    const char *shared_dir = getenv("IMAGERESIZE_TEST_SERVICES");

    if (given && *given)
        return strdup(given);
    if (shared_dir && *shared_dir)
        return make_database(shared_dir);
    assert_int_equal(scratch_dir(server_dir), 0);
    has_server = true;
    return start_server(server_dir);
}

const char *scratch_db_url(void)
{
    return schema_url;
}

struct db *scratch_db_open(int statement_timeout_ms)
{
    return open_url(schema_url, statement_timeout_ms);
}

int scratch_db_start(void **state)
{
    char *statement;
    struct db *db;

    (void)state;
    snprintf(schema, sizeof schema, "scratch_%ld", (long)getpid());
    server_url = find_server();
    db = open_url(server_url, 0);
    statement = format("CREATE SCHEMA %s%s", schema, "");
    scratch_db_run(db, statement);
    free(statement);
    db_free(db);
    schema_url = format(strchr(server_url, '?') ? "%s&options=-csearch_path%%3D%s"
                                                : "%s?options=-csearch_path%%3D%s",
                        server_url, schema);
    db = scratch_db_open(0);
    scratch_db_run_file(db, "001_jobs_images_outbox.sql");
    scratch_db_run_file(db, "002_views.sql");
    scratch_db_run_file(db, "003_list_and_cancel.sql");
    scratch_db_run_file(db, "004_image_versions.sql");
    db_free(db);
    return 0;
}

int scratch_db_end(void **state)
{
    char *command;
    int rc = 0;

    (void)state;
    if (has_server) {
        command = format("%s/bin/lib/services remove %s", SOURCE_DIR, server_dir);
        rc = system(command) || rmdir(server_dir);
        free(command);
    } else if (schema[0]) {
        struct db *db = open_url(server_url, 0);

        command = format("DROP SCHEMA %s CASCADE%s", schema, "");
        scratch_db_run(db, command);
        free(command);
        db_free(db);
    }
    free(server_url);
    free(schema_url);
    return rc;
}

void scratch_db_run(struct db *db, const char *sql)
{
    struct err e = ERR_INIT;

    if (db_command(db, sql, &e))
        fail_msg("%s: %s", sql, e.text);
}

void scratch_db_run_file(struct db *db, const char *name)
{
    char *path = format("%s/sql/%s", SOURCE_DIR, name), *text = calloc(1, 65536), *line;
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, file) < 65535);
    fclose(file);
    if (strncmp(text, "\\", 1) == 0)
        text[0] = '\n';
    while ((line = strstr(text, "\n\\")))
        for (line++; *line != '\n'; line++)
            *line = ' ';
    while ((line = strstr(text, "\\g /dev/null")))
        memcpy(line, ";           ", 12);
    scratch_db_run(db, text);
    free(text);
    free(path);
}

static PGresult *query(struct db *db, const char *sql)
{
    static PGresult *last;

    PQclear(last);
    last = NULL;
    if (!db)
        return NULL;
    last = PQexec(db_conn(db), sql);
    if (PQresultStatus(last) != PGRES_TUPLES_OK || PQntuples(last) < 1)
        fail_msg("%s: %s", sql, PQresultErrorMessage(last));
    return last;
}

long long scratch_db_number(struct db *db, const char *sql)
{
    PGresult *res = query(db, sql);

    return PQgetisnull(res, 0, 0) ? -1 : strtoll(PQgetvalue(res, 0, 0), NULL, 10);
}

const char *scratch_db_text(struct db *db, const char *sql)
{
    return PQgetvalue(query(db, sql), 0, 0);
}
