/*
 * program.c - the main function that participants share.
 *
 * Design notes
 * - Signals are blocked but while waiting in ppoll(), so that none falls between looking at the
 * flag and going to sleep.
 * - There is one program a process, and its signal handler needs it: hence the static state.
 */
#include "msgflo/program.h"

#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "error.h"

#define DRAIN_MS 25000 /* Heroku kills 30 s after SIGTERM */

/* So long an outage at the start is kept to itself, for starters that take any word on standard
 * error for a failure. Later that is what it is. */
#define QUIET_START_MS 10000

#define PREFETCH_MAX 65535 /* a short (AMQP 0-9-1, basic.qos) */
#define PROGRAM 1u

/* What the environment says. */
struct surroundings {
    const char *broker, *ca_file;
    int64_t discovery_period_s;
};

static const struct config_setting settings[] = {
    {.name = "MSGFLO_BROKER",
     .fallback = "CLOUDAMQP_URL",
     .kind = CONFIG_TEXT,
     .value_default = "amqp://localhost",
     .unit = "",
     .used_by = PROGRAM,
     .offset = offsetof(struct surroundings, broker),
     .help = "URL of the broker."},
    {.name = "SSL_CERT_FILE",
     .kind = CONFIG_TEXT,
     .unit = "",
     .used_by = PROGRAM,
     .offset = offsetof(struct surroundings, ca_file),
     .help = "Certificate authorities to trust, PEM."},
    {.name = "MSGFLO_DISCOVERY_PERIOD",
     .kind = CONFIG_NUMBER,
     .value_default = "60",
     .min = 1,
     .max = 86400,
     .unit = "s",
     .used_by = PROGRAM,
     .offset = offsetof(struct surroundings, discovery_period_s),
     .help = "How long an announcement holds."},
};

static struct {
    const char *name;               /* for messages on standard error */
    struct msgflo_options given;    /* by whoever called */
    bool started;                   /* the first line is out */
    char held[600];                 /* trouble that came before that, the latest; or empty */
    enum msgflo_state held_state;   /* what kind of trouble */
    volatile sig_atomic_t signaled; /* SIGTERM or SIGINT came */
} program;

/* ---- command line ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void print_help(const struct msgflo_definition *definition)
{
    const char *role = program.given.role;

    printf("usage: %s [options]\n", program.name);
    printf("The participant %s%s%s\n\n", definition->component, definition->label ? ": " : "",
           definition->label ? definition->label : "");
    printf("  --role NAME    names its queues and groups equal workers (%s)\n",
           role ? role : "required");
    fputs("  --broker URL   amqp:// amqps:// mqtt:// or mqtts:// (MSGFLO_BROKER, CLOUDAMQP_URL,\n"
          "                 amqp://localhost)\n"
          "  --prefetch N   unacked deliveries at once, 1 to 65535\n"
          "  --version      prints the version of the library\n"
          "  --help         prints this\n",
          stdout);
}

static int read_prefetch(const char *text, unsigned *ret)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n < 1 || n > PREFETCH_MAX) {
        fprintf(stderr, "%s: --prefetch takes a number from 1 to %d\n", program.name, PREFETCH_MAX);
        return -1;
    }
    *ret = (unsigned)n;
    return 0;
}

/* Reads the command line into *o. Returns -1 to go on, or the status to exit with. */
static int read_command_line(int argc, char **argv, const struct msgflo_definition *definition,
                             struct msgflo_options *o)
{
    static const struct option known[] = {
        {"role", required_argument, NULL, 'r'},     {"broker", required_argument, NULL, 'b'},
        {"prefetch", required_argument, NULL, 'p'}, {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
        switch (c) {
        case 'r':
            o->role = optarg;
            break;
        case 'b':
            o->broker = optarg;
            break;
        case 'p':
            if (read_prefetch(optarg, &o->prefetch))
                return 2;
            break;
        case 'v':
            puts(msgflo_version());
            return 0;
        case 'h':
            print_help(definition);
            return 0;
        default: /* getopt has said what is wrong */
            return 2;
        }
    if (optind < argc) {
        fprintf(stderr, "%s: what is '%s'? --help tells the options\n", program.name, argv[optind]);
        return 2;
    }
    return -1;
}

static int read_surroundings(struct msgflo_options *o)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct surroundings s;

    if (config_load(settings, sizeof settings / sizeof *settings, PROGRAM, &s, &problems)) {
        fprintf(stderr, "%s: %s", program.name, problems.failed ? "no memory\n" : problems.data);
        return -1;
    }
    if (!o->broker)
        o->broker = s.broker;
    if (!o->ca_file)
        o->ca_file = s.ca_file;
    if (o->discovery_period_s == 0)
        o->discovery_period_s = (unsigned)s.discovery_period_s;
    return 0;
}

/* ---- what it says ---- */

static void say_trouble(const char *text)
{
    fprintf(stderr, "%s: %s\n", program.name, text);
}

static void say_started(const char *id)
{
    printf("connected as %s\n", id);
    fflush(stdout);
    program.started = true;
    if (*program.held && program.held_state == MSGFLO_WARNING)
        say_trouble(program.held);
}

static void hold_trouble(enum msgflo_state state, const char *text)
{
    snprintf(program.held, sizeof program.held, "%s", text);
    program.held_state = state;
}

static void on_state(struct msgflo_participant *p, enum msgflo_state state, const char *text,
                     void *user)
{
    if (state == MSGFLO_CONNECTED && !program.started)
        say_started(text);
    else if (state == MSGFLO_CONNECTED)
        say_trouble("connected again");
    else if (program.started || isatty(STDERR_FILENO))
        say_trouble(text);
    else
        hold_trouble(state, text);
    if (program.given.on_state)
        program.given.on_state(p, state, text, user);
}

/* ---- signals ---- */

static void on_signal(int number)
{
    (void)number;
    program.signaled = 1;
}

/* Both signals come only while *ret_waiting is the mask; a second one takes its default course. */
static void take_signals(sigset_t *ret_waiting)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigprocmask(SIG_BLOCK, &ours, ret_waiting);
    sigdelset(ret_waiting, SIGTERM);
    sigdelset(ret_waiting, SIGINT);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* whoever started it may read no more than the first line */
}

/* ---- its life ---- */

/* Services once, after waiting for at most max_ms. */
static void turn(struct msgflo_participant *p, int max_ms, const sigset_t *waiting)
{
    struct pollfd pfd = {msgflo_fd(p), POLLIN, 0};
    int ms = msgflo_timeout_ms(p);
    struct timespec timeout;

    if (ms > max_ms)
        ms = max_ms;
    timeout = (struct timespec){ms / 1000, (long)(ms % 1000) * 1000000};
    ppoll(&pfd, 1, &timeout, waiting); /* a negative descriptor is passed over: poll(2) */
    msgflo_service(p);
}

/* Until the first line is out, or the quiet is over. */
static void start(struct msgflo_participant *p, const sigset_t *waiting)
{
    int64_t quiet_until_mono_ms = clock_mono_ms() + QUIET_START_MS;

    while (!program.started && !program.signaled && clock_until_ms(quiet_until_mono_ms) > 0)
        turn(p, clock_until_ms(quiet_until_mono_ms), waiting);
    if (!program.started && !program.signaled && *program.held)
        say_trouble(program.held);
}

static void drain(struct msgflo_participant *p, const sigset_t *waiting)
{
    int64_t deadline_mono_ms = clock_mono_ms() + DRAIN_MS;

    msgflo_stop_inputs(p);
    while (msgflo_connected(p) && !msgflo_drained(p) && clock_until_ms(deadline_mono_ms) > 0)
        turn(p, clock_until_ms(deadline_mono_ms), waiting);
}

int msgflo_program(int argc, char **argv, const struct msgflo_definition *definition,
                   const struct msgflo_options *options)
{
    struct msgflo_options o = options ? *options : (struct msgflo_options){.role = NULL};
    struct msgflo_error e = {MSGFLO_OK, ""};
    struct msgflo_participant *p;
    sigset_t waiting;
    int status;

    program.name = base_name(argv[0]);
    program.given = o;
    status = read_command_line(argc, argv, definition, &o);
    if (status >= 0)
        return status;
    if (!o.role) {
        fprintf(stderr, "%s: --role NAME is required\n", program.name);
        return 2;
    }
    if (read_surroundings(&o))
        return 2;
    o.on_state = on_state;
    p = msgflo_new(definition, &o, &e);
    if (!p) {
        fprintf(stderr, "%s: %s\n", program.name, e.text);
        return 1;
    }
    take_signals(&waiting);
    start(p, &waiting);
    while (!program.signaled)
        turn(p, INT_MAX, &waiting);
    drain(p, &waiting);
    msgflo_free(p);
    return 0;
}
