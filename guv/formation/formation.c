#include "formation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define RESTART_MIN_MS 100
#define STABLE_MS 60000 /* who lived as long starts again without a grown delay */

struct formation {
    struct formation_options options;
    struct type types[PROCFILE_MAX_TYPES];
    size_t n_types;
    struct dyno *dynos;
    bool stopping;
    int name_width; /* of the longest name printed so far, so that the lines stand in a column */
};

/* ---- output */

static void print_line(const struct formation *f, const char *name, int colour, const char *text,
                       size_t len)
{
    if (f->options.colour)
        printf("\033[%dm%-*s |\033[0m %.*s\n", colour, f->name_width, name, (int)len, text);
    else
        printf("%-*s | %.*s\n", f->name_width, name, (int)len, text);
}

void formation_say(const struct formation *f, const char *fmt, ...)
{
    char text[500];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    print_line(f, "formation", 37, text, strlen(text));
    fflush(stdout);
}

static void print_output(const struct formation *f, const struct dyno *d, const char *text,
                         size_t len)
{
    int colour = 31 + (int)((d->type - f->types) % 6); /* the six colours of ANSI terminals */

    print_line(f, d->name, colour, text, len);
}

/* Prints the whole lines that d->line holds, and a full buffer as if it were one. */
static void flush_lines(const struct formation *f, struct dyno *d)
{
    char *start = d->line, *end = d->line + d->line_len, *newline;

    while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
        print_output(f, d, start, (size_t)(newline - start));
        start = newline + 1;
    }
    d->line_len = (size_t)(end - start);
    memmove(d->line, start, d->line_len);
    if (d->line_len == sizeof d->line) {
        print_output(f, d, d->line, d->line_len);
        d->line_len = 0;
    }
}

static void close_output(const struct formation *f, struct dyno *d)
{
    if (d->output_fd < 0)
        return;
    if (d->line_len > 0)
        print_output(f, d, d->line, d->line_len);
    d->line_len = 0;
    /* Not left to close(): a child between fork and exec holds the descriptor too, and so keeps it
     * in the set. */
    epoll_ctl(f->options.epoll_fd, EPOLL_CTL_DEL, d->output_fd, NULL);
    close(d->output_fd);
    d->output_fd = -1;
}

void formation_read(const struct formation *f, struct dyno *d)
{
    while (d->output_fd >= 0) {
        ssize_t n = read(d->output_fd, d->line + d->line_len, sizeof d->line - d->line_len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            close_output(f, d);
            break;
        }
        d->line_len += (size_t)n;
        flush_lines(f, d);
    }
    fflush(stdout);
}

/* ---- starting and stopping one dyno */

static void child_environment(const struct formation *f, const struct dyno *d)
{
    char port[12];

    setenv("PS", d->name, 1); /* as foreman does; DYNO would say that this is Heroku */
    unsetenv("PORT");         /* only web may listen */
    if (strcmp(d->type->name, "web") == 0) {
        snprintf(port, sizeof port, "%u", f->options.base_port + (unsigned)d->n - 1);
        setenv("PORT", port, 1);
    }
}

/* In the child: becomes the command, or says why not. */
static void child_run(const struct formation *f, const struct dyno *d, int output_fd, pid_t parent)
{
    char **words = command_words(d->type->command);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a formation that is killed leaves nobody behind */
    if (getppid() != parent)
        _exit(1); /* it died before that was asked for */
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(null_fd, STDIN_FILENO);
    dup2(output_fd, STDOUT_FILENO);
    dup2(output_fd, STDERR_FILENO);
    child_environment(f, d);
    if (words)
        execvp(words[0], words);
    /* A shell too for words that name no program: `exec` and such. It says what is wrong. */
    execl("/bin/sh", "sh", "-c", d->type->command, (char *)NULL);
    dprintf(STDERR_FILENO, "cannot run /bin/sh: %s\n", strerror(errno));
    _exit(127);
}

/* Returns 0 with the dyno up, or -1 with the reason in errno. */
static int spawn(const struct formation *f, struct dyno *d)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = d}};
    pid_t parent = getpid(), pid;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC))
        return -1;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    pid = epoll_ctl(f->options.epoll_fd, EPOLL_CTL_ADD, fds[0], &event) ? -1 : fork();
    if (pid == 0)
        child_run(f, d, fds[1], parent);
    close(fds[1]);
    if (pid < 0) {
        epoll_ctl(f->options.epoll_fd, EPOLL_CTL_DEL, fds[0], NULL);
        close(fds[0]);
        return -1;
    }
    setpgid(pid, pid); /* here too: whoever comes first, the group is there before we signal it */
    d->pid = pid;
    d->output_fd = fds[0];
    return 0;
}

static void set_state(struct dyno *d, enum dyno_state state)
{
    d->state = state;
    d->updated_at = clock_wall_ms();
}

static void grow_delay(const struct formation *f, struct dyno *d, bool stable)
{
    d->delay_ms = stable || d->delay_ms == 0 ? RESTART_MIN_MS : d->delay_ms * 2;
    if (d->delay_ms > f->options.restart_max_ms)
        d->delay_ms = f->options.restart_max_ms;
}

static void wait_to_start_again(const struct formation *f, struct dyno *d, bool stable)
{
    grow_delay(f, d, stable);
    d->crashed = true;
    d->due_mono_ms = clock_mono_ms() + d->delay_ms;
    set_state(d, DYNO_WAITING);
}

static void start_dyno(const struct formation *f, struct dyno *d)
{
    if (spawn(f, d)) {
        formation_say(f, "%s cannot be started: %s", d->name, strerror(errno));
        wait_to_start_again(f, d, false);
        return;
    }
    d->started_mono_ms = clock_mono_ms();
    uuid_make(d->id); /* to Heroku a dyno that starts again is another one */
    d->crashed = false;
    set_state(d, DYNO_UP);
    formation_say(f, "%s is up, pid %d", d->name, (int)d->pid);
}

/* To the whole group, as Heroku does. */
static void signal_dyno(const struct dyno *d, int signal_number)
{
    if (d->pid > 0)
        kill(-d->pid, signal_number);
}

static void stop_dyno(const struct formation *f, struct dyno *d)
{
    if (d->state != DYNO_UP)
        return;
    signal_dyno(d, SIGTERM);
    d->due_mono_ms = clock_mono_ms() + f->options.grace_ms;
    set_state(d, DYNO_STOPPING);
}

/* ---- the set of dynos */

static bool is_wanted(const struct formation *f, const struct dyno *d)
{
    return !f->stopping && d->n <= d->type->quantity;
}

static struct dyno *find_dyno(struct formation *f, const struct type *type, int n)
{
    for (struct dyno *d = f->dynos; d; d = d->next)
        if (d->type == type && d->n == n)
            return d;
    return NULL;
}

/* Keeps the list in the order of type, then n. */
static void insert_dyno(struct formation *f, struct dyno *d)
{
    struct dyno **at = &f->dynos;

    while (*at && ((*at)->type < d->type || ((*at)->type == d->type && (*at)->n < d->n)))
        at = &(*at)->next;
    d->next = *at;
    *at = d;
}

static int add_dyno(struct formation *f, struct type *type, int n)
{
    struct dyno *d = calloc(1, sizeof *d);

    if (!d)
        return -1;
    d->type = type;
    d->n = n;
    d->output_fd = -1;
    d->created_at = d->updated_at = clock_wall_ms();
    uuid_make(d->id);
    snprintf(d->name, sizeof d->name, "%s.%d", type->name, n);
    if ((int)strlen(d->name) > f->name_width)
        f->name_width = (int)strlen(d->name);
    insert_dyno(f, d);
    return 0;
}

static void remove_unwanted(struct formation *f)
{
    struct dyno **at = &f->dynos;

    while (*at) {
        struct dyno *d = *at;

        if (d->state != DYNO_WAITING || is_wanted(f, d)) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        free(d);
    }
}

static void say_how_it_ended(const struct formation *f, const struct dyno *d, int status)
{
    char how[60];

    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "ended by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof how, "exited with status %d", WEXITSTATUS(status));
    if (d->state == DYNO_WAITING && d->crashed)
        formation_say(f, "%s %s; starts again in %.1f s", d->name, how,
                      (double)d->delay_ms / 1000.0);
    else
        formation_say(f, "%s %s", d->name, how);
}

static void take_death(const struct formation *f, struct dyno *d, int status)
{
    bool stable = clock_mono_ms() - d->started_mono_ms >= STABLE_MS;

    formation_read(f, d);
    close_output(f, d);
    d->pid = 0;
    if (d->state == DYNO_UP && is_wanted(f, d)) {
        wait_to_start_again(f, d, stable);
    } else {
        d->crashed = false; /* it was told to go; should it be wanted again, it starts at once */
        d->delay_ms = 0;
        d->due_mono_ms = clock_mono_ms();
        set_state(d, DYNO_WAITING);
    }
    say_how_it_ended(f, d, status);
}

static struct dyno *dyno_of_pid(const struct formation *f, pid_t pid)
{
    for (struct dyno *d = f->dynos; d; d = d->next)
        if (d->pid == pid)
            return d;
    return NULL;
}

/* The rest of a dyno's group is killed while its leader is still a zombie: until that is taken in,
 * nobody else can get the number. */
static void reap(struct formation *f)
{
    siginfo_t dead = {.si_pid = 0};
    int status;

    while (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid > 0) {
        struct dyno *d = dyno_of_pid(f, dead.si_pid);

        if (d)
            signal_dyno(d, SIGKILL);
        if (waitpid(dead.si_pid, &status, 0) == dead.si_pid && d)
            take_death(f, d, status);
        dead.si_pid = 0; /* waitid() may leave it when there is nobody more */
    }
}

/* ---- the formation */

int formation_new(const struct procfile *p, const struct formation_options *options,
                  struct formation **ret, struct err *e)
{
    struct formation *f = calloc(1, sizeof *f);

    if (!f)
        return err_set(e, ERR_NOMEM, "no memory");
    f->options = *options;
    f->name_width = (int)strlen("formation");
    for (size_t i = 0; i < p->n; i++) {
        struct type *type = &f->types[f->n_types];

        if (strcmp(p->entries[i].type, "release") == 0)
            continue;
        type->name = p->entries[i].type;
        type->command = p->entries[i].command;
        type->created_at = type->updated_at = clock_wall_ms();
        uuid_make(type->id);
        f->n_types++;
    }
    *ret = f;
    return 0;
}

void formation_free(struct formation *f)
{
    struct dyno *next;

    if (!f)
        return;
    formation_kill(f);
    for (struct dyno *d = f->dynos; d; d = next) {
        next = d->next;
        close_output(f, d);
        free(d);
    }
    free(f);
}

size_t formation_types(struct formation *f, struct type **ret)
{
    *ret = f->types;
    return f->n_types;
}

struct dyno *formation_dynos(struct formation *f)
{
    return f->dynos;
}

struct type *formation_type(struct formation *f, const char *name)
{
    for (size_t i = 0; i < f->n_types; i++)
        if (strcmp(f->types[i].name, name) == 0)
            return &f->types[i];
    return NULL;
}

int formation_limit(const struct formation *f)
{
    return f->options.limit;
}

int formation_scale(struct formation *f, struct type *type, int quantity, struct err *e)
{
    if (type->quantity == quantity)
        return 0;
    for (int n = 1; n <= quantity; n++)
        if (!find_dyno(f, type, n) && add_dyno(f, type, n))
            return err_set(e, ERR_NOMEM, "no memory for %s.%d", type->name, n);
    type->quantity = quantity;
    type->updated_at = clock_wall_ms();
    return 0;
}

void formation_stop(struct formation *f)
{
    f->stopping = true;
}

bool formation_kill_dyno(const struct dyno *d)
{
    signal_dyno(d, SIGKILL);
    return d->pid > 0;
}

void formation_kill(struct formation *f)
{
    for (struct dyno *d = f->dynos; d; d = d->next)
        formation_kill_dyno(d);
}

bool formation_is_over(const struct formation *f)
{
    return f->stopping && !f->dynos;
}

void formation_tick(struct formation *f)
{
    reap(f);
    remove_unwanted(f);
    for (struct dyno *d = f->dynos; d; d = d->next) {
        if (!is_wanted(f, d))
            stop_dyno(f, d);
        if (d->state == DYNO_UP || clock_until_ms(d->due_mono_ms) > 0)
            continue;
        if (d->state == DYNO_WAITING) {
            start_dyno(f, d);
        } else {
            signal_dyno(d, SIGKILL);
            d->due_mono_ms = INT64_MAX; /* its death is all there is to wait for */
        }
    }
}

int formation_timeout_ms(const struct formation *f)
{
    int timeout_ms = -1;

    for (const struct dyno *d = f->dynos; d; d = d->next) {
        int until_ms = d->state == DYNO_UP ? INT_MAX : clock_until_ms(d->due_mono_ms);

        if (until_ms < INT_MAX && (timeout_ms < 0 || until_ms < timeout_ms))
            timeout_ms = until_ms;
    }
    return timeout_ms;
}
