/*
 * main.c - formation: runs the processes of a Procfile on this machine and lets Heroku's formation
 * calls scale them. This file reads the command line and waits; the work is in formation.c, api.c.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api.h"
#include "base/buf.h"
#include "base/config.h"
#include "formation.h"
#include "procfile.h"

static const char usage[] =
    "usage: formation PROCFILE [OPTION...]\n"
    "Runs the processes of PROCFILE (all types but `release`), restarts those that die, and "
    "answers\n"
    "Heroku's formation calls on 127.0.0.1. SIGTERM or SIGINT stops them all.\n"
    "  --scale TYPE=N,...   how many of each type; 1 of a type that is not named\n"
    "  --port N             where the formation calls are answered (0, the default: a free port)\n"
    "  --app NAME           the app's name in those calls (imageresize)\n"
    "  --token-env NAME     the variable that holds the bearer token they must bring (no token)\n"
    "  --strict             refuse what Heroku's API would, and fail on demand (for tests)\n"
    "  --limit N            most processes of one type (100)\n"
    "  --env FILE           KEY=VALUE lines for the processes' environment\n"
    "  --base-port N        PORT of web.1; web.2 has the next, and so on (5000)\n"
    "  --grace SECONDS      between SIGTERM and SIGKILL (30)\n"
    "  --restart-max SECONDS  longest delay before a process that died is started again (30)\n"
    "  --version, --help\n";

struct options {
    const char *procfile, *env_file, *scale, *token_env;
    struct api_options api;
    struct formation_options formation;
};

/* What the loop waits for beside the dynos' output. */
struct loop {
    int epoll_fd, signal_fd;
    struct api *api;
    struct formation *formation;
};

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "formation: %s: %s\n", what, why);
    return 1;
}

/* ---- command line */

static int read_number(const char *option, const char *text, int64_t min, int64_t max, int64_t *ret)
{
    if (config_parse_number(text, ret) == 0 && *ret >= min && *ret <= max)
        return 0;
    fprintf(stderr, "formation: --%s: must be %lld..%lld, is '%s'\n", option, (long long)min,
            (long long)max, text);
    return -1;
}

enum option_id {
    OPT_APP = 1,
    OPT_BASE_PORT,
    OPT_ENV,
    OPT_GRACE,
    OPT_LIMIT,
    OPT_PORT,
    OPT_RESTART_MAX,
    OPT_SCALE,
    OPT_STRICT,
    OPT_TOKEN_ENV,
    OPT_VERSION,
    OPT_HELP
};

static const struct option long_options[] = {
    {"app", required_argument, NULL, OPT_APP},
    {"base-port", required_argument, NULL, OPT_BASE_PORT},
    {"env", required_argument, NULL, OPT_ENV},
    {"grace", required_argument, NULL, OPT_GRACE},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"port", required_argument, NULL, OPT_PORT},
    {"restart-max", required_argument, NULL, OPT_RESTART_MAX},
    {"scale", required_argument, NULL, OPT_SCALE},
    {"strict", no_argument, NULL, OPT_STRICT},
    {"token-env", required_argument, NULL, OPT_TOKEN_ENV},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* Returns 0, or -1 after saying what is wrong. */
static int read_option(struct options *o, int id, const char *name, const char *value)
{
    int64_t n = 0;
    int rc = 0;

    switch (id) {
    case OPT_APP:
        o->api.app = value;
        break;
    case OPT_ENV:
        o->env_file = value;
        break;
    case OPT_SCALE:
        o->scale = value;
        break;
    case OPT_STRICT:
        o->api.strict = true;
        break;
    case OPT_TOKEN_ENV:
        o->token_env = value;
        break;
    case OPT_BASE_PORT:
        rc = read_number(name, value, 1, 65000, &n);
        o->formation.base_port = (unsigned)n;
        break;
    case OPT_PORT:
        rc = read_number(name, value, 0, 65535, &n);
        o->api.port = (unsigned)n;
        break;
    case OPT_LIMIT:
        rc = read_number(name, value, 1, 1000, &n);
        o->formation.limit = (int)n;
        break;
    case OPT_GRACE:
        rc = read_number(name, value, 0, 3600, &n);
        o->formation.grace_ms = n * 1000;
        break;
    case OPT_RESTART_MAX:
        rc = read_number(name, value, 1, 3600, &n);
        o->formation.restart_max_ms = n * 1000;
        break;
    default:
        rc = -1; /* getopt has said it */
    }
    return rc;
}

/* Returns -1 to go on, else the program's exit status. */
static int read_command_line(int argc, char **argv, struct options *o)
{
    int id, index = 0;

    while ((id = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (id == OPT_HELP) {
            fputs(usage, stdout);
            return 0;
        }
        if (id == OPT_VERSION) {
            puts("formation " PROJECT_VERSION);
            return 0;
        }
        if (read_option(o, id, long_options[index].name, optarg))
            return 2;
    }
    if (optind + 1 != argc) {
        fputs(usage, stderr);
        return 2;
    }
    o->procfile = argv[optind];
    if (o->token_env)
        o->api.token = config_env(o->token_env);
    if (o->token_env && !o->api.token) {
        fprintf(stderr, "formation: --token-env: %s is not set\n", o->token_env);
        return 2;
    }
    return -1;
}

/* ---- files */

static int read_file(const char *path, struct buf *ret, struct err *e)
{
    FILE *file = fopen(path, "re");
    char block[4096];
    size_t n;

    if (!file)
        return err_set(e, ERR_INPUT, "%s", strerror(errno));
    ret->max_bytes = PROCFILE_MAX_BYTES;
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        buf_append(ret, block, n);
    if (ferror(file))
        err_set(e, ERR_INPUT, "%s", strerror(errno));
    fclose(file);
    if (ret->failed)
        err_set(e, ERR_LIMIT, "more than %zu bytes", PROCFILE_MAX_BYTES);
    return e->code == ERR_NONE ? 0 : -1;
}

static void set_variable(void *arg, const char *name, const char *value)
{
    (void)arg;
    setenv(name, value, 1);
}

static int load_environment(const char *path, struct err *e)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    if (!path)
        return 0;
    if (read_file(path, &text, e))
        return -1;
    return envfile_parse(text.data ? text.data : "", text.len, set_variable, NULL, e);
}

static int load_procfile(const char *path, struct procfile *ret, struct err *e)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    if (read_file(path, &text, e))
        return -1;
    return procfile_parse(text.data ? text.data : "", text.len, ret, e);
}

/* ---- scale */

static int scale_one(struct formation *f, const char *name, const char *quantity, struct err *e)
{
    struct type *type = formation_type(f, name);
    int64_t n;

    if (!type)
        return err_set(e, ERR_INPUT, "the Procfile has no type '%s'", name);
    if (config_parse_number(quantity, &n) || n < 0 || n > formation_limit(f))
        return err_set(e, ERR_INPUT, "%s: must be 0..%d, is '%s'", name, formation_limit(f),
                       quantity);
    return formation_scale(f, type, (int)n, e);
}

/* What --scale says of the types it names, and 1 of the others. */
static int scale_all(struct formation *f, const char *scale, struct err *e)
{
    AUTO(text_freep) char *text = strdup(scale ? scale : "");
    bool named[PROCFILE_MAX_TYPES] = {false};
    struct type *types;
    size_t n = formation_types(f, &types);
    char *rest = text, *item;

    if (!text)
        return err_set(e, ERR_NOMEM, "no memory");
    while ((item = strtok_r(rest, ",", &rest))) {
        char *quantity = strchr(item, '=');

        if (!quantity)
            return err_set(e, ERR_INPUT, "want TYPE=N, found '%s'", item);
        *quantity++ = '\0';
        if (scale_one(f, item, quantity, e))
            return -1;
        named[formation_type(f, item) - types] = true;
    }
    for (size_t i = 0; i < n; i++)
        if (!named[i] && formation_scale(f, &types[i], 1, e))
            return -1;
    return 0;
}

/* ---- the loop */

static int watch(int epoll_fd, int fd, void *who)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = who}};

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Blocks the signals this program lives by and gives a descriptor that tells of them. */
static int open_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN); /* a reader of our output that goes must not end the dynos */
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void take_signals(struct loop *loop, bool *stopping)
{
    struct signalfd_siginfo info;

    while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue; /* formation_tick() looks for itself */
        if (*stopping && info.ssi_signo == SIGINT)
            formation_kill(loop->formation); /* a second Ctrl-C: somebody has no time */
        else
            formation_stop(loop->formation);
        *stopping = true;
    }
}

static int shorter(int a_ms, int b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

static void run(struct loop *loop)
{
    struct epoll_event events[16];
    bool stopping = false;

    while (!formation_is_over(loop->formation)) {
        int timeout_ms = shorter(formation_timeout_ms(loop->formation), api_timeout_ms(loop->api));
        int n = epoll_wait(loop->epoll_fd, events, 16, timeout_ms);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &loop->signal_fd)
                take_signals(loop, &stopping);
            else if (events[i].data.ptr != loop->api)
                formation_read(loop->formation, events[i].data.ptr);
        }
        api_run(loop->api);
        formation_tick(loop->formation); /* last: it frees dynos that the events may name */
    }
}

static int serve(const struct options *o, const struct procfile *procfile)
{
    struct loop loop = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .signal_fd = open_signals()};
    struct formation_options options = o->formation;
    struct err e = ERR_INIT;
    int status = 1;

    options.epoll_fd = loop.epoll_fd;
    options.colour = isatty(STDOUT_FILENO);
    if (formation_new(procfile, &options, &loop.formation, &e)) {
        fail(o->procfile, e.text);
    } else if (api_open(&o->api, loop.formation, &loop.api, &e)) {
        fail("formation calls", e.text);
    } else if (scale_all(loop.formation, o->scale, &e)) {
        fail("--scale", e.text);
    } else if (watch(loop.epoll_fd, loop.signal_fd, &loop.signal_fd) ||
               watch(loop.epoll_fd, api_fd(loop.api), loop.api)) {
        fail("epoll", strerror(errno));
    } else {
        /* The first line: whoever asked for any free port reads here which it is. */
        formation_say(loop.formation, "http://127.0.0.1:%u/apps/%s/formation", api_port(loop.api),
                      o->api.app);
        formation_tick(loop.formation);
        run(&loop);
        status = 0;
    }
    api_close(loop.api);
    formation_free(loop.formation);
    close(loop.signal_fd);
    close(loop.epoll_fd);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {
        .api = {.port = 0, .app = "imageresize"},
        .formation = {.base_port = 5000, .restart_max_ms = 30000, .grace_ms = 30000, .limit = 100},
    };
    AUTO(procfile_release) struct procfile procfile = {.n = 0};
    struct err e = ERR_INIT;
    int status = read_command_line(argc, argv, &o);

    if (status >= 0)
        return status;
    if (load_environment(o.env_file, &e))
        return fail(o.env_file, e.text);
    if (load_procfile(o.procfile, &procfile, &e))
        return fail(o.procfile, e.text);
    return serve(&o, &procfile);
}
