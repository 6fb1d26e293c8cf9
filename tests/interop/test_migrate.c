/*
 * test_migrate.c - bin/migrate on a real Postgres, in a schema of its own.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include "scratch_db.h"

#define AT_ONCE 4

static struct db *db;
static char url[600];                                /* of an empty schema */
static char root[] = "/tmp/imageresize-test-XXXXXX"; /* bin/ and sql/, to be changed at will */

static int set_up(void **state)
{
    char command[400];

    if (scratch_db_start(state))
        return -1;
    db = scratch_db_open(0);
    assert_non_null(mkdtemp(root));
    snprintf(command, sizeof command, "cp -r %s/bin %s/sql %s", SOURCE_DIR, SOURCE_DIR, root);
    return system(command);
}

static int tear_down(void **state)
{
    char command[100];

    db_free(db);
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) | scratch_db_end(state);
}

static int empty_schema(void **state)
{
    const char *search_path = strstr(scratch_db_url(), "search_path");

    (void)state;
    assert_non_null(search_path);
    scratch_db_run(db, "DROP SCHEMA IF EXISTS migrated CASCADE");
    scratch_db_run(db, "CREATE SCHEMA migrated");
    snprintf(url, sizeof url, "%.*ssearch_path%%3Dmigrated", (int)(search_path - scratch_db_url()),
             scratch_db_url());
    return 0;
}

/* Starts `DATABASE_URL=... bin/migrate` with its messages to read. */
static FILE *start(const char *database_url)
{
    char command[900];
    FILE *messages;

    snprintf(command, sizeof command, "DATABASE_URL='%s' %s/bin/migrate 2>&1", database_url, root);
    messages = popen(command, "r");
    assert_non_null(messages);
    return messages;
}

/* Waits for its end; returns its exit status, with what it said in text. */
static int finish(FILE *messages, char *text, size_t size)
{
    size_t len = fread(text, 1, size - 1, messages);
    int status = pclose(messages);

    text[len] = '\0';
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void migrate(void)
{
    char text[2000];

    if (finish(start(url), text, sizeof text))
        fail_msg("%s", text);
}

static long long applied(void)
{
    return scratch_db_number(db, "SELECT count(*) FROM migrated.schema_migrations");
}

static void several_at_once_apply_each_file_once(void **state)
{
    FILE *runs[AT_ONCE];
    char text[2000];

    (void)state;
    for (int i = 0; i < AT_ONCE; i++)
        runs[i] = start(url);
    for (int i = 0; i < AT_ONCE; i++)
        if (finish(runs[i], text, sizeof text))
            fail_msg("%s", text);
    assert_true(applied() >= 2);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM migrated.jobs"), 0);
}

static void a_second_run_changes_nothing(void **state)
{
    static const char newest[] = "SELECT max(applied_at)::text FROM migrated.schema_migrations";
    char before[64];
    long long n;

    (void)state;
    migrate();
    n = applied();
    snprintf(before, sizeof before, "%s", scratch_db_text(db, newest));
    migrate();
    assert_int_equal(applied(), n);
    assert_string_equal(scratch_db_text(db, newest), before);
}

static void a_file_that_fails_is_named_and_leaves_no_trace(void **state)
{
    char path[100], text[2000];
    long long n;
    FILE *file;

    (void)state;
    migrate();
    n = applied();
    snprintf(path, sizeof path, "%s/sql/999_broken.sql", root);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("CREATE TABLE half_done (n int);\nSELECT no_such_column;\n", file);
    fclose(file);
    assert_int_equal(finish(start(url), text, sizeof text), 1);
    unlink(path);
    assert_non_null(strstr(text, "999_broken.sql:2"));
    assert_int_equal(applied(), n);
    assert_int_equal(
        scratch_db_number(db, "SELECT (to_regclass('migrated.half_done') IS NULL)::int"), 1);
    migrate(); /* and the lock is free */
}

static void says_in_one_line_what_is_wrong_with_the_address(void **state)
{
    static const struct {
        const char *url, *message;
    } cases[] = {
        {"", "bin/migrate: DATABASE_URL is not set\n"},
        {"mysql://x", "bin/migrate: DATABASE_URL must start with postgres:// or postgresql://\n"},
    };
    char text[2000];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(finish(start(cases[i].url), text, sizeof text), 1);
        assert_string_equal(text, cases[i].message);
    }
    assert_int_equal(finish(start("postgres://127.0.0.1:1/x"), text, sizeof text), 1);
    assert_non_null(strstr(text, "bin/migrate: the database was not brought up to date\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(several_at_once_apply_each_file_once, empty_schema),
        cmocka_unit_test_setup(a_second_run_changes_nothing, empty_schema),
        cmocka_unit_test_setup(a_file_that_fails_is_named_and_leaves_no_trace, empty_schema),
        cmocka_unit_test(says_in_one_line_what_is_wrong_with_the_address),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
