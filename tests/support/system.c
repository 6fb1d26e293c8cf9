#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http.h"
#include "scratch_dir.h"
#include "unit.h"

static char dir[SCRATCH_DIR_SIZE];
static PGconn *conn;

/* Runs a program with stdin closed and stdout and stderr in DIR/NAME. Returns its exit status. */
static int run(const char *const *argv, const char *log_name)
{
    char log[256];
    pid_t pid;
    int status;

    snprintf(log, sizeof log, "%s/%s", dir, log_name);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char *args[64];
        size_t n = 0;
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        for (; argv[n] && n < 63; n++)
            args[n] = strdup(argv[n]);
        args[n] = NULL;
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(fd, 1);
        dup2(fd, 2);
        execvp(args[0], args);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_well(const char *const *argv)
{
    int status = run(argv, "harness.log");

    if (status)
        fail_msg("%s %s: status %d, see %s/harness.log", argv[0], argv[1], status, dir);
}

static void read_settings(void)
{
    char path[256], line[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/env", dir);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char *value = strchr(line, '=');

        assert_non_null(value);
        *value++ = '\0';
        value[strcspn(value, "\n")] = '\0';
        setenv(line, value, 1);
    }
    fclose(file);
}

void system_start(const char *const *words)
{
    const char *argv[64] = {SOURCE_DIR "/tests/support/system", "start", dir, BINARY_DIR};
    size_t n = 4;

    assert_int_equal(scratch_dir(dir), 0);
    for (; words && *words && n < 63; words++)
        argv[n++] = *words;
    run_well(argv);
    read_settings();
}

void system_end(bool keep)
{
    const char *const argv[] = {SOURCE_DIR "/tests/support/system", keep ? "stop" : "remove", dir,
                                NULL};

    PQfinish(conn);
    conn = NULL;
    if (keep)
        fprintf(stderr, "The logs are in %s\n", dir);
    run_well(argv);
}

const char *system_dir(void)
{
    return dir;
}

void system_service(const char *name, const char *verb)
{
    const char *const argv[] = {SOURCE_DIR "/bin/lib/services", name, verb, dir, NULL};

    run_well(argv);
}

int system_run(const char *const *argv)
{
    static char *path;

    if (!path) {
        assert_true(asprintf(&path, "%s/app/dist/bin:%s", dir, getenv("PATH")) > 0);
        setenv("PATH", path, 1);
    }
    return run(argv, "command.log");
}

static json_t *formation_get(const char *what)
{
    char url[256];
    struct http_answer a;
    json_t *json;

    snprintf(url, sizeof url, "%s/%s", getenv("IMAGERESIZE_TEST_FORMATION"), what);
    http_send(
        url,
        &(struct http_request){
            .headers = (const char *[]){"Accept: application/vnd.heroku+json; version=3", NULL}},
        &a);
    assert_int_equal(a.status, 200);
    json = json_incref(a.json);
    http_answer_release(&a);
    return json;
}

size_t system_pids(const char *type, pid_t *ret, size_t max)
{
    json_t *dynos = formation_get("dynos"), *dyno;
    size_t i, n = 0;

    json_array_foreach(dynos, i, dyno)
    {
        const char *name = json_string_value(json_object_get(dyno, "type"));
        json_int_t pid = json_integer_value(json_object_get(dyno, "pid"));

        if (pid > 0 && n < max && (!type || strcmp(type, name) == 0))
            ret[n++] = (pid_t)pid;
    }
    json_decref(dynos);
    return n;
}

void system_scale(const char *type, int quantity)
{
    char url[256], body[64];
    struct http_answer a;

    snprintf(url, sizeof url, "%s/formation/%s", getenv("IMAGERESIZE_TEST_FORMATION"), type);
    snprintf(body, sizeof body, "{\"quantity\":%d}", quantity);
    http_send(url,
              &(struct http_request){
                  .method = "PATCH",
                  .body = body,
                  .headers = (const char *[]){"Accept: application/vnd.heroku+json; version=3",
                                              "Content-Type: application/json", NULL}},
              &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
}

bool system_is_settled(void)
{
    json_t *dynos = formation_get("dynos"), *dyno;
    bool settled = true;
    size_t i;

    json_array_foreach(dynos, i, dyno)
    {
        const char *state = json_string_value(json_object_get(dyno, "state"));

        settled = settled && state && strcmp(state, "up") == 0;
    }
    json_decref(dynos);
    return settled;
}

/* The parent of a process, or -1 when it is gone. */
static pid_t parent_of(const char *pid)
{
    char path[64], stat[512];
    const char *p;
    FILE *file;
    int parent = -1;
    size_t len;

    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return -1;
    len = fread(stat, 1, sizeof stat - 1, file);
    fclose(file);
    stat[len] = '\0';
    p = strrchr(stat, ')'); /* the name before it may hold anything */
    if (!p || sscanf(p + 1, " %*c %d", &parent) != 1)
        return -1;
    return parent;
}

size_t children_of(pid_t parent, pid_t *ret, size_t max)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    size_t n = 0;

    assert_non_null(proc);
    while ((entry = readdir(proc)) && n < max)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            parent_of(entry->d_name) == parent)
            ret[n++] = (pid_t)atoi(entry->d_name);
    closedir(proc);
    return n;
}

static int64_t own_resident_kib(pid_t pid)
{
    char path[64];
    long pages = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int64_t resident_kib(pid_t pid)
{
    pid_t children[64];
    size_t n = children_of(pid, children, 64);
    int64_t sum = own_resident_kib(pid);

    for (size_t i = 0; i < n; i++)
        sum += own_resident_kib(children[i]);
    return sum;
}

static PGresult *query_once(const char *sql)
{
    if (!conn || PQstatus(conn) != CONNECTION_OK) {
        PQfinish(conn);
        conn = PQconnectdb(getenv("DATABASE_URL"));
    }
    return PQexec(conn, sql);
}

/* A connection that the server closed while it was idle is only found broken by the first use. */
static PGresult *query(const char *sql)
{
    PGresult *res = query_once(sql);

    if (PQstatus(conn) != CONNECTION_OK) {
        PQclear(res);
        res = query_once(sql);
    }
    if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    return res;
}

char *sql_text(const char *sql)
{
    PGresult *res = query(sql);
    char *text = NULL;

    if (PQntuples(res) > 0 && !PQgetisnull(res, 0, 0))
        text = strdup(PQgetvalue(res, 0, 0));
    PQclear(res);
    return text;
}

int64_t sql_number(const char *sql)
{
    char *text = sql_text(sql);
    int64_t n = text ? atoll(text) : -1;

    free(text);
    return n;
}

void look_again(void)
{
    nanosleep(&(struct timespec){0, 50000000}, NULL);
}

bool sql_becomes(const char *sql, int64_t wanted, int64_t timeout_ms)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;

    while (sql_number(sql) != wanted) {
        if (clock_mono_ms() > deadline)
            return false;
        look_again();
    }
    return true;
}

static void rabbitmq_send(const char *method, const char *path, const char *body,
                          struct http_answer *ret)
{
    char url[512];

    snprintf(url, sizeof url, "%s/api/%s", getenv("MSGFLO_MANAGEMENT_URL"), path);
    http_send(url,
              &(struct http_request){
                  .method = method,
                  .body = body,
                  .headers = (const char *[]){"Content-Type: application/json", NULL},
                  .timeout_ms = 300000}, /* a million messages are not purged in a moment */
              ret);
}

json_t *rabbitmq_get(const char *path)
{
    struct http_answer a;
    json_t *json = NULL;

    rabbitmq_send(NULL, path, NULL, &a);
    if (a.status != 404) {
        assert_int_equal(a.status, 200);
        json = json_incref(a.json);
    }
    http_answer_release(&a);
    return json;
}

long rabbitmq_call(const char *method, const char *path, const char *body)
{
    struct http_answer a;
    long status;

    rabbitmq_send(method, path, body, &a);
    status = a.status;
    http_answer_release(&a);
    return status;
}
