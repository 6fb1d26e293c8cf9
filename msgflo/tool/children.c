/*
 * children.c - see the header. A child is in one of four states: running, waiting to be started
 * again (no pid), being stopped (no name), or dead (neither), to be freed once no callback can be
 * using it.
 */
#include "tool/children.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tool/spawn.h"

#define KILL_AFTER_MS 10000
#define RESTART_FIRST_MS 1000
#define RESTART_MAX_MS 30000
#define RAN_WELL_MS 30000 /* after so long a run, the next delay is the first one again */
#define TAIL_BYTES 1000   /* kept of standard error, for `ended` */
#define FDS_PER_CHILD 3

/* One of its outputs, line by line. */
struct stream {
    int fd; /* or -1 */
    size_t n;
    char line[CHILD_LINE_MAX_BYTES + 1];
};

struct child {
    char *name, *command;
    pid_t pid; /* 0: not running */
    int pidfd;
    struct stream out, err;
    char tail[TAIL_BYTES + 1];
    bool has_started; /* its first byte has come */
    int64_t began_mono_ms;
    int restart_delay_ms; /* of the next time */
    int64_t due_mono_ms;  /* to start again or, being stopped, to kill */
};

struct children {
    struct children_events events;
    void *user;
    char *shell, *broker; /* or NULL */
    bool restart;
    struct child *list[CHILDREN_MAX];
    size_t n;
};

/* --- one child --------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void child_free(struct child *c)
{
    if (!c)
        return;
    free(c->name);
    free(c->command);
    free(c);
}

static struct child *child_new(const char *name, const char *command)
{
    struct child *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->pidfd = c->out.fd = c->err.fd = -1;
    c->name = strdup(name);
    c->command = strdup(command);
    if (c->name && c->command)
        return c;
    child_free(c);
    return NULL;
}

static int child_start(struct children *all, struct child *c, struct err *e)
{
    struct spawned spawned;

    c->has_started = false;
    c->tail[0] = '\0';
    c->out.n = c->err.n = 0;
    c->began_mono_ms = clock_mono_ms();
    if (spawn(c->command, all->shell, all->broker, &spawned, e))
        return -1;
    c->pid = spawned.pid;
    c->pidfd = spawned.pidfd;
    c->out.fd = spawned.out_fd;
    c->err.fd = spawned.err_fd;
    return 0;
}

static bool child_is_dead(const struct child *c)
{
    return !c->pid && !c->name;
}

/* The rest of its group goes with it, or what comes in its place would have to share its work. */
static void child_has_ended(struct child *c)
{
    kill(-c->pid, SIGKILL);
    c->pid = 0;
    close_fd(&c->pidfd);
    close_fd(&c->out.fd);
    close_fd(&c->err.fd);
}

/* --- output ------------------------------------------------------------------------------ */

/* Keeps whole last lines as far as they fit. */
static void keep_tail(struct child *c, const char *line)
{
    size_t n = strlen(line), have = strlen(c->tail);
    char *from = c->tail;

    if (n >= TAIL_BYTES)
        n = TAIL_BYTES - 1;
    while (have + n + 1 > TAIL_BYTES) {
        char *end = strchr(from, '\n');
        size_t cut = end ? (size_t)(end - from) + 1 : have;

        from += cut;
        have -= cut;
    }
    memmove(c->tail, from, have);
    memcpy(c->tail + have, line, n);
    memcpy(c->tail + have + n, "\n", 2);
}

static void tell_line(struct children *all, struct child *c, enum child_stream which)
{
    struct stream *s = which == CHILD_STDOUT ? &c->out : &c->err;

    if (s->n && s->line[s->n - 1] == '\r')
        s->n--;
    s->line[s->n] = '\0';
    s->n = 0;
    if (which == CHILD_STDERR)
        keep_tail(c, s->line);
    if (c->name && all->events.output)
        all->events.output(all->user, c->name, which, s->line);
}

static void take_bytes(struct children *all, struct child *c, enum child_stream which,
                       const char *bytes, size_t n)
{
    struct stream *s = which == CHILD_STDOUT ? &c->out : &c->err;

    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            tell_line(all, c, which);
            continue;
        }
        if (s->n == CHILD_LINE_MAX_BYTES)
            tell_line(all, c, which);
        s->line[s->n++] = bytes[i] ? bytes[i] : '?';
    }
}

/* At most one piece, so that a child that talks without end does not keep the others waiting.
 * Returns whether there was one. */
static bool read_some(struct children *all, struct child *c, enum child_stream which)
{
    struct stream *s = which == CHILD_STDOUT ? &c->out : &c->err;
    char bytes[8192];
    ssize_t n = s->fd < 0 ? -1 : read(s->fd, bytes, sizeof(bytes));

    if (n == 0)
        close_fd(&s->fd);
    if (n <= 0)
        return false;
    if (which == CHILD_STDOUT && !c->has_started) {
        c->has_started = true;
        if (c->name && all->events.started)
            all->events.started(all->user, c->name);
    }
    take_bytes(all, c, which, bytes, (size_t)n);
    return true;
}

/* What it wrote before it ended; a grandchild may hold the pipe open and go on writing. */
static void read_rest(struct children *all, struct child *c)
{
    for (int i = 0; i < 16 && read_some(all, c, CHILD_STDOUT); i++)
        ;
    for (int i = 0; i < 16 && read_some(all, c, CHILD_STDERR); i++)
        ;
    if (c->out.n)
        tell_line(all, c, CHILD_STDOUT);
    if (c->err.n)
        tell_line(all, c, CHILD_STDERR);
}

/* --- ends and restarts ------------------------------------------------------------------- */

static void tell_end(struct children *all, struct child *c, const char *text)
{
    char *name = c->name;
    int delay = -1;

    if (all->restart) {
        if (!c->restart_delay_ms || clock_mono_ms() - c->began_mono_ms >= RAN_WELL_MS)
            c->restart_delay_ms = RESTART_FIRST_MS;
        delay = c->restart_delay_ms;
        c->due_mono_ms = clock_mono_ms() + delay;
        c->restart_delay_ms = delay * 2 > RESTART_MAX_MS ? RESTART_MAX_MS : delay * 2;
    }
    if (delay < 0)
        c->name = NULL; /* it is dead, and its name free */
    if (all->events.ended)
        all->events.ended(all->user, name, text, c->tail, delay);
    free(delay < 0 ? name : NULL);
}

static void check_end(struct children *all, struct child *c)
{
    char text[80];
    int status;

    if (waitpid(c->pid, &status, WNOHANG) != c->pid)
        return;
    read_rest(all, c);
    child_has_ended(c);
    if (!c->name)
        return;
    if (WIFSIGNALED(status))
        snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(status));
    tell_end(all, c, text);
}

static void do_what_is_due(struct children *all, struct child *c)
{
    struct err e = ERR_INIT;

    if (!c->due_mono_ms || clock_mono_ms() < c->due_mono_ms)
        return;
    c->due_mono_ms = 0;
    if (c->pid && !c->name)
        kill(-c->pid, SIGKILL);
    else if (c->name && !c->pid && child_start(all, c, &e))
        tell_end(all, c, e.text);
}

/* --- all of them ------------------------------------------------------------------------- */

int children_new(const struct children_options *options, const struct children_events *events,
                 void *user, struct children **ret, struct err *e)
{
    struct children *all = calloc(1, sizeof(*all));

    if (!all)
        return err_set(e, ERR_NOMEM, "no memory for processes");
    all->events = *events;
    all->user = user;
    all->restart = options->restart;
    all->shell = options->shell ? strdup(options->shell) : NULL;
    all->broker = options->broker ? strdup(options->broker) : NULL;
    if ((options->shell && !all->shell) || (options->broker && !all->broker)) {
        children_free(all);
        return err_set(e, ERR_NOMEM, "no memory for processes");
    }
    *ret = all;
    return 0;
}

void children_free(struct children *all)
{
    if (!all)
        return;
    children_stop_all(all, KILL_AFTER_MS);
    free(all->shell);
    free(all->broker);
    free(all);
}

static struct child *find(const struct children *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->list[i]->name && strcmp(all->list[i]->name, name) == 0)
            return all->list[i];
    return NULL;
}

bool children_has(const struct children *all, const char *name)
{
    return find(all, name) != NULL;
}

pid_t children_pid(const struct children *all, const char *name)
{
    const struct child *c = find(all, name);

    return c ? c->pid : 0;
}

int children_start(struct children *all, const char *name, const char *command, struct err *e)
{
    struct child *c;

    if (find(all, name))
        return err_set(e, ERR_INPUT, "'%s' has been started already", name);
    if (all->n == CHILDREN_MAX)
        return err_set(e, ERR_LIMIT, "more than %d processes", CHILDREN_MAX);
    c = child_new(name, command);
    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a process");
    if (child_start(all, c, e)) {
        child_free(c);
        return -1;
    }
    all->list[all->n++] = c;
    return 0;
}

static void stop(struct child *c, int64_t kill_at_mono_ms)
{
    if (c->pid && c->name)
        kill(-c->pid, SIGTERM);
    if (!c->pid)
        c->due_mono_ms = 0;
    else if (c->name || kill_at_mono_ms < c->due_mono_ms)
        c->due_mono_ms = kill_at_mono_ms;
    free(c->name);
    c->name = NULL;
}

bool children_stop(struct children *all, const char *name)
{
    struct child *c = find(all, name);

    if (c)
        stop(c, clock_mono_ms() + KILL_AFTER_MS);
    return c != NULL;
}

static void free_dead(struct children *all)
{
    size_t to = 0;

    for (size_t i = 0; i < all->n; i++)
        if (child_is_dead(all->list[i]))
            child_free(all->list[i]);
        else
            all->list[to++] = all->list[i];
    all->n = to;
}

void children_stop_all(struct children *all, int timeout_ms)
{
    struct pollfd fds[CHILDREN_MAX * FDS_PER_CHILD];
    int64_t deadline = clock_mono_ms() + timeout_ms;

    for (size_t i = 0; i < all->n; i++)
        stop(all->list[i], deadline);
    free_dead(all);
    while (all->n) { /* what is killed does end */
        poll(fds, children_fds(all, fds, CHILDREN_MAX * FDS_PER_CHILD), children_timeout_ms(all));
        children_service(all);
    }
}

size_t children_fds(struct children *all, struct pollfd *ret, size_t n)
{
    size_t used = 0;

    for (size_t i = 0; i < all->n; i++) {
        const int fds[FDS_PER_CHILD] = {all->list[i]->pidfd, all->list[i]->out.fd,
                                        all->list[i]->err.fd};

        for (size_t j = 0; j < FDS_PER_CHILD; j++)
            if (fds[j] >= 0 && used < n)
                ret[used++] = (struct pollfd){.fd = fds[j], .events = POLLIN};
    }
    return used;
}

int children_timeout_ms(struct children *all)
{
    int least = -1;

    for (size_t i = 0; i < all->n; i++) {
        int64_t due = all->list[i]->due_mono_ms;

        if (due && (least < 0 || clock_until_ms(due) < least))
            least = clock_until_ms(due);
    }
    return least;
}

void children_service(struct children *all)
{
    size_t n = all->n; /* one that a callback starts has its turn the next time */

    for (size_t i = 0; i < n; i++) {
        struct child *c = all->list[i];

        read_some(all, c, CHILD_STDOUT);
        read_some(all, c, CHILD_STDERR);
        if (c->pid)
            check_end(all, c);
        do_what_is_due(all, c);
    }
    free_dead(all);
}
