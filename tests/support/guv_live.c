#include "guv_live.h"

#include <signal.h>
#include <unistd.h>

#include "scratch_broker.h"
#include "scratch_db.h"

/* ---- the platform ---- */

void start_platform(struct fixture *f, const char *procfile, const char *scale)
{
    const char *const argv[] = {FORMATION,  f->procfile,     "--app", "demo",
                                "--strict", "--scale",       scale,   "--grace",
                                "1",        "--restart-max", "1",     "--limit",
                                "6",        "--token-env",   "TOKEN", NULL};
    static const char *const variables[] = {"TOKEN=" TOKEN, NULL};
    FILE *file = fopen(f->procfile, "w");
    const char *url;

    assert_non_null(file);
    fputs(procfile, file);
    assert_int_equal(fclose(file), 0);
    program_start(&f->formation, argv, variables);
    program_expect(&f->formation, "/formation\n");
    url = strstr(f->formation.out.data, "http://");
    assert_non_null(url);
    snprintf(f->platform, sizeof f->platform, "%.*s", (int)(strstr(url, "/apps") - url), url);
    snprintf(f->environment[0], LINE, "GUV_HEROKU_URL=%s", f->platform);
}

static void call_platform(struct fixture *f, const char *method, const char *path, const char *body,
                          struct http_answer *ret)
{
    static const char *const headers[] = {"Accept: application/vnd.heroku+json; version=3",
                                          "Authorization: Bearer " TOKEN, "User-Agent: test",
                                          "Content-Type: application/json", NULL};
    struct http_request request = {.method = method, .body = body, .headers = headers};
    char url[200];

    snprintf(url, sizeof url, "%s%s", f->platform, path);
    http_send(url, &request, ret);
}

void control(struct fixture *f, const char *path, const char *body)
{
    struct http_answer a;

    call_platform(f, "PUT", path, body, &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
}

int requests(struct fixture *f, const char *method)
{
    struct http_answer a;
    int n;

    call_platform(f, "GET", "/__requests", NULL, &a);
    n = (int)json_integer_value(json_object_get(a.json, method));
    http_answer_release(&a);
    return n;
}

int quantity(struct fixture *f, const char *type)
{
    struct http_answer a;
    char path[80];
    int n;

    snprintf(path, sizeof path, "/apps/demo/formation/%s", type);
    call_platform(f, "GET", path, NULL, &a);
    assert_int_equal(a.status, 200);
    n = (int)json_integer_value(json_object_get(a.json, "quantity"));
    http_answer_release(&a);
    return n;
}

const char *worker_line(char *line, const char *type, const char *queue, int work_ms,
                        const char *how)
{
    snprintf(line, LINE, "%s: exec %s %s %s %d %s\n", type, QUEUE_WORKER, scratch_broker_url(),
             queue, work_ms, how);
    return line;
}

/* ---- guv ---- */

void start_guv(struct fixture *f, struct program *guv, const char *config,
               const char *const *options)
{
    const char *argv[16] = {GUV, "-c", config};
    size_t n = 3;

    while (options && *options)
        argv[n++] = *options++;
    program_start(guv, argv, f->variables);
}

void start_leader(struct fixture *f, const char *config)
{
    start_guv(f, &f->guv, config, NULL);
    program_expect(&f->guv, "event=leader");
}

void put_jobs(const char *queue, int n)
{
    struct operator_session *o = operator_open();

    operator_publish_burst(o, queue, "job", n);
    operator_close(o);
}

int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(scratch_dir(f->dir), 0);
    snprintf(f->procfile, sizeof f->procfile, "%s/Procfile", f->dir);
    snprintf(f->decisions, sizeof f->decisions, "%s/decisions", f->dir);
    snprintf(f->environment[1], LINE, "GUV_HEROKU_TOKEN=" TOKEN);
    snprintf(f->environment[2], LINE, "MSGFLO_BROKER=%s", scratch_broker_url());
    snprintf(f->environment[3], LINE, "MSGFLO_MANAGEMENT_URL=%s", scratch_broker_management_url());
    snprintf(f->environment[4], LINE, "DATABASE_URL=%s", scratch_db_url());
    for (size_t i = 0; i < 5; i++)
        f->variables[i] = f->environment[i];
    broker_declare_exchange("jobs");
    broker_declare_queue("jobs", NULL);
    broker_bind_queue("jobs", "jobs");
    *state = f;
    return 0;
}

void look_for_secrets(struct program *p)
{
    const char *at = strstr(scratch_broker_url(), "://"), *end = strchr(at, '@');
    char password[100];

    snprintf(password, sizeof password, "%.*s", (int)(end - strchr(at + 3, ':') - 1),
             strchr(at + 3, ':') + 1);
    assert_false(program_has_said(p, TOKEN));
    assert_false(program_has_said(p, password));
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->guv.pid)
        assert_int_equal(program_end(&f->guv, SIGTERM), 0);
    if (f->second.pid)
        assert_int_equal(program_end(&f->second, SIGTERM), 0);
    look_for_secrets(&f->guv);
    look_for_secrets(&f->second);
    if (f->formation.pid)
        program_end(&f->formation, SIGTERM);
    program_release(&f->guv);
    program_release(&f->second);
    program_release(&f->formation);
    broker_delete_queue("jobs");
    unlink(f->procfile);
    unlink(f->decisions);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

/* ---- the servers ---- */

int start_servers(void **state)
{
    unsetenv("MSGFLO_TEST_BROKER");              /* one that can be stopped, */
    setenv("RABBITMQ_STATISTICS_MS", "1000", 1); /* and measures more often than each 5 s */
    if (scratch_db_start(state) || scratch_broker_start(state))
        return -1;
    return scratch_broker_make_private() ? 0 : -1;
}

int end_servers(void **state)
{
    return scratch_broker_end(state) | scratch_db_end(state);
}
