/*
 * test_deploy.c - the release phase: with settings that cannot work it fails before it changes
 * anything, with one line that names the setting; with good ones it migrates and binds.
 */
#include "unit.h"

#include "program.h"
#include "scratch_broker.h"
#include "scratch_db.h"
#include "scratch_dir.h"

#define SETTINGS_MAX 8

static struct db *db;
static char root[SCRATCH_DIR_SIZE]; /* as a slug has it: bin/, graphs/, sql/, dist/bin/ */
static char database[700], broker[400];

static int set_up(void **state)
{
    const char *search_path;
    char command[900];

    if (scratch_db_start(state) || scratch_broker_start(state) || scratch_dir(root))
        return -1;
    db = scratch_db_open(0);
    search_path = strstr(scratch_db_url(), "search_path");
    assert_non_null(search_path);
    snprintf(database, sizeof database, "DATABASE_URL=%.*ssearch_path%%3Dreleased",
             (int)(search_path - scratch_db_url()), scratch_db_url());
    snprintf(broker, sizeof broker, "MSGFLO_BROKER=%s", scratch_broker_url());
    snprintf(command, sizeof command,
             "cp -r %s/bin %s/graphs %s/sql %s && "
             "cmake --install %s --prefix %s/dist --component programs >%s/install.log",
             SOURCE_DIR, SOURCE_DIR, SOURCE_DIR, root, BINARY_DIR, root, root);
    return system(command);
}

static int tear_down(void **state)
{
    char command[SCRATCH_DIR_SIZE + 20];

    db_free(db);
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) | scratch_broker_end(state) | scratch_db_end(state);
}

static int empty_schema(void **state)
{
    (void)state;
    scratch_db_run(db, "DROP SCHEMA IF EXISTS released CASCADE");
    scratch_db_run(db, "CREATE SCHEMA released");
    return 0;
}

/* Runs it with these settings and none besides; what it says goes to p->out. Returns its status. */
static int deploy(const char *const *settings, struct program *p)
{
    const char *argv[SETTINGS_MAX + 8];
    char path[300], script[SCRATCH_DIR_SIZE + 20];
    size_t n = 0;

    snprintf(path, sizeof path, "PATH=%s", getenv("PATH"));
    snprintf(script, sizeof script, "%s/bin/deploy", root);
    argv[n++] = "/usr/bin/env";
    argv[n++] = "-i";
    argv[n++] = path;
    for (size_t i = 0; settings[i]; i++)
        argv[n++] = settings[i];
    argv[n++] = script;
    argv[n] = NULL;
    program_start(p, argv, (const char *const[]){NULL});
    return program_end(p, 0);
}

static bool is_untouched(void)
{
    return scratch_db_number(db,
                             "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid "
                             "= c.relnamespace WHERE n.nspname = 'released'") == 0;
}

#define DB "DATABASE_URL=postgres://me:secret@127.0.0.1:1/x"
#define MQ "MSGFLO_BROKER=amqp://me:secret@127.0.0.1:1"
#define GUV "GUV_HEROKU_TOKEN=secret"

/* The line begins with the name. Neither database nor broker is asked for anything. */
static const struct {
    const char *named;
    const char *settings[SETTINGS_MAX];
} bad[] = {
    {"DATABASE_URL", {MQ, "DYNO=release.1"}},
    {"DATABASE_URL", {MQ}},
    {"DATABASE_URL", {MQ, GUV, "GUV_APP=a", "DYNO=release.1"}},
    {"DATABASE_URL", {"DATABASE_URL=mysql://me:secret@h/x", MQ}},
    {"DATABASE_URL", {"DATABASE_URL=postgres://me:secret%zz@h/x", MQ, GUV, "GUV_APP=a"}},
    {"MSGFLO_BROKER", {DB, "DYNO=release.1"}},
    {"MSGFLO_BROKER", {DB, "MSGFLO_BROKER=http://me:secret@h"}},
    {"MSGFLO_BROKER", {DB, "MSGFLO_BROKER=amqp://me:secret@h:99999"}},
    {"CLOUDAMQP_URL", {DB, "CLOUDAMQP_URL=http://me:secret@h", GUV, "GUV_APP=a"}},
    {"CLOUDAMQP_URL", {DB, "CLOUDAMQP_URL=amqps://me:secret@h/a%zz"}},
    {"MSGFLO_BROKER", {DB, "MSGFLO_BROKER=amqps://h", "SSL_CERT_FILE=/dev/null"}},
    {"SSL_CERT_FILE", {DB, MQ, "SSL_CERT_FILE=/nowhere"}},
    {"IMAGERESIZE_OUTPUT", {DB, MQ, "IMAGERESIZE_OUTPUT=ftp://me:secret@bucket/public"}},
    {"IMAGERESIZE_OUTPUT", {DB, MQ, "IMAGERESIZE_OUTPUT=s3://me:secret@bucket/public"}},
    {"IMAGERESIZE_OUTPUT", {DB, MQ, "IMAGERESIZE_OUTPUT=s3://Bucket"}},
    {"IMAGERESIZE_OUTPUT",
     {DB, MQ, "IMAGERESIZE_OUTPUT=s3://bucket/a//b", "IMAGERESIZE_S3_KEY=k",
      "IMAGERESIZE_S3_SECRET=secret"}},
    {"BUCKETEER_BUCKET_NAME", {DB, MQ, "BUCKETEER_BUCKET_NAME=b"}},
    {"IMAGERESIZE_S3_KEY",
     {DB, MQ, "IMAGERESIZE_OUTPUT=s3://bucket", "IMAGERESIZE_S3_SECRET=secret"}},
    {"IMAGERESIZE_S3_SECRET",
     {DB, MQ, "BUCKETEER_BUCKET_NAME=bucket", "BUCKETEER_AWS_ACCESS_KEY_ID=k"}},
    {"IMAGERESIZE_S3_ENDPOINT", {DB, MQ, "IMAGERESIZE_S3_ENDPOINT=http://me:secret@h"}},
    {"IMAGERESIZE_S3_ENDPOINT",
     {DB, MQ, "IMAGERESIZE_S3_ENDPOINT=https://{bucket}.h", "IMAGERESIZE_OUTPUT=s3://my.bucket",
      "IMAGERESIZE_S3_KEY=k", "IMAGERESIZE_S3_SECRET=secret"}},
    {"IMAGERESIZE_S3_REGION", {DB, MQ, "IMAGERESIZE_S3_REGION=eu:1"}},
    {"IMAGERESIZE_OUTPUT", {DB, MQ, "IMAGERESIZE_OUTPUT=file:///tmp", "DYNO=release.1"}},
    {"IMAGERESIZE_FETCH_ALLOW", {DB, MQ, "IMAGERESIZE_FETCH_ALLOW=localhost"}},
    {"IMAGERESIZE_DECODERS", {DB, MQ, "IMAGERESIZE_DECODERS=257"}},
    {"IMAGERESIZE_ATTEMPTS", {DB, MQ, "IMAGERESIZE_ATTEMPTS=0"}},
    {"PORT", {DB, MQ, "PORT=65536"}},
    {"LOG_LEVEL", {DB, MQ, "LOG_LEVEL=loud"}},
    {"IMAGERESIZE_API_KEYS", {DB, MQ, "IMAGERESIZE_API_KEYS=secret"}},
    {"GUV_APP", {DB, MQ, GUV}},
    {"GUV_METRICS", {DB, MQ, GUV, "GUV_APP=a", "GUV_METRICS=x"}},
};

static void names_the_bad_setting_in_one_line_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct program p = {.pid = 0};
        char wanted[100];
        int status = deploy(bad[i].settings, &p);
        const char *said = p.out.data ? p.out.data : "";

        snprintf(wanted, sizeof wanted, "bin/deploy: %s: ", bad[i].named);
        if (status != 1 || strncmp(said, wanted, strlen(wanted)) != 0 ||
            strchr(said, '\n') != said + strlen(said) - 1 || strstr(said, "secret"))
            fail_msg("case %zu, of %s: status %d and\n%s", i, bad[i].named, status, said);
        program_release(&p);
    }
}

/* The same with a database and a broker that could be changed. */
static void leaves_the_database_alone_when_a_setting_is_bad(void **state)
{
    struct program p = {.pid = 0};
    const char *const settings[] = {database, broker, "IMAGERESIZE_OUTPUT=s3://bucket",
                                    "IMAGERESIZE_S3_KEY=k", NULL};

    (void)state;
    assert_int_equal(deploy(settings, &p), 1);
    assert_string_equal(p.out.data,
                        "bin/deploy: IMAGERESIZE_S3_SECRET: must be set when outputs go "
                        "to s3://\n");
    assert_true(is_untouched());
    program_release(&p);
}

static void names_each_of_several_bad_settings_once(void **state)
{
    struct program p = {.pid = 0};
    const char *const settings[] = {"LOG_LEVEL=loud", "PORT=0", MQ, NULL};

    (void)state;
    assert_int_equal(deploy(settings, &p), 1);
    assert_string_equal(p.out.data,
                        "bin/deploy: PORT: must be 1..65535, is '0'\n"
                        "bin/deploy: LOG_LEVEL: must be debug, info, warn or error, is 'loud'\n"
                        "bin/deploy: DATABASE_URL: must be set\n");
    program_release(&p);
}

static void with_good_settings_it_migrates_and_binds_and_notes_that_guv_is_not_used(void **state)
{
    struct program p = {.pid = 0};
    const char *const settings[] = {database, broker, "DYNO=release.1", NULL};

    (void)state;
    if (deploy(settings, &p))
        fail_msg("%s", p.out.data);
    assert_true(program_has_said(&p, "bin/deploy: note: GUV_HEROKU_TOKEN is not set"));
    assert_false(is_untouched());
    assert_int_equal(broker_depth("resize.IN"), 0);
    program_release(&p);
}

static void with_guv_set_up_it_has_nothing_to_note(void **state)
{
    struct program p = {.pid = 0};
    const char *const settings[] = {database, broker, GUV, "GUV_APP=a", NULL};

    (void)state;
    if (deploy(settings, &p))
        fail_msg("%s", p.out.data);
    assert_false(program_has_said(&p, "note"));
    program_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_bad_setting_in_one_line_and_changes_nothing),
        cmocka_unit_test_setup(leaves_the_database_alone_when_a_setting_is_bad, empty_schema),
        cmocka_unit_test(names_each_of_several_bad_settings_once),
        cmocka_unit_test_setup(
            with_good_settings_it_migrates_and_binds_and_notes_that_guv_is_not_used, empty_schema),
        cmocka_unit_test_setup(with_guv_set_up_it_has_nothing_to_note, empty_schema),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
