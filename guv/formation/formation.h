/*
 * formation.h - runs the types of a Procfile: so many processes of each, started again when they
 * die, stopped in order. Heroku's words: a *type* of the Procfile has a *quantity*; a process of it
 * is a *dyno* named `type.n`.
 * Hides fork, pipes, signals and restart delays. One thread: everything here is called from one
 * loop, which waits on the epoll descriptor it gives at the start.
 */
#ifndef FORMATION_FORMATION_H
#define FORMATION_FORMATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/uuid.h"
#include "procfile.h"

struct formation; /* opaque: the fields live in formation.c */

struct formation_options {
    int epoll_fd;           /* lent; event.data.ptr of ours is a struct dyno */
    unsigned base_port;     /* PORT of web.1; web.2 gets the next, and so on */
    int64_t restart_max_ms; /* the longest delay before a dyno that died is started again */
    int64_t grace_ms;       /* between SIGTERM and SIGKILL */
    int limit;              /* most dynos of one type */
    bool colour;            /* colour the names in front of the output */
};

struct type {
    const char *name, *command; /* lent by the Procfile */
    char id[UUID_SIZE];
    int quantity;
    int64_t created_at, updated_at; /* wall ms */
};

/* Who moves it: formation_tick() starts a waiting dyno, its death makes it wait again, a smaller
 * quantity or the end stops it, and a stopping one that died is gone, or waits if it is wanted
 * again. */
enum dyno_state { DYNO_WAITING, DYNO_UP, DYNO_STOPPING };

struct dyno {
    struct dyno *next;
    struct type *type;
    int n; /* from 1 */
    char name[PROCFILE_TYPE_MAX + 12];
    char id[UUID_SIZE];
    enum dyno_state state;
    bool crashed;        /* waiting because it died */
    pid_t pid;           /* of the process and of its group; 0 while waiting */
    int64_t due_mono_ms; /* waiting: when to start it; stopping: when to kill it */
    int64_t started_mono_ms;
    int64_t delay_ms;               /* before its next start after a death */
    int64_t created_at, updated_at; /* wall ms */
    int output_fd;                  /* its standard output and error; -1 while waiting */
    size_t line_len;
    char line[8000]; /* output that has no end of line yet */
};

/*
 * A formation with quantity 0 of each type but `release`, which is a phase of a deployment and not
 * a process to keep. p is lent until formation_free(). Returns 0 and a new one, or -1 with *e set.
 */
int formation_new(const struct procfile *p, const struct formation_options *options,
                  struct formation **ret, struct err *e) MUST_CHECK;

/* Frees it. Dynos that still run are killed. NULL is fine. */
void formation_free(struct formation *f);

/* The types in the Procfile's order; dynos in the order of type and n. */
size_t formation_types(struct formation *f, struct type **ret);
struct dyno *formation_dynos(struct formation *f);
struct type *formation_type(struct formation *f, const char *name); /* NULL: no such type */
int formation_limit(const struct formation *f);

/* Sets how many dynos there are to be; 0 to the limit. formation_tick() then makes it so; the
 * highest-numbered stop first. Returns 0, or -1 for no memory, with the quantity as it was. */
int formation_scale(struct formation *f, struct type *type, int quantity, struct err *e) MUST_CHECK;

/* SIGTERM to all, and nothing is started any more. May be called again. */
void formation_stop(struct formation *f);

/* SIGKILL to one and its children. To the formation that is a death like others: it starts it again
 * unless it was stopping. Returns false when it does not run. */
bool formation_kill_dyno(const struct dyno *d);

/* SIGKILL to all that still run. */
void formation_kill(struct formation *f);

/* Whether formation_stop() was called and the last dyno has gone. */
bool formation_is_over(const struct formation *f);

/* Takes in the deaths, starts and kills what is due. Call after each wake-up. */
void formation_tick(struct formation *f);

/* Milliseconds until formation_tick() has something to do; -1: nothing that time brings. */
int formation_timeout_ms(const struct formation *f);

/* Passes on what a dyno has written. Call when its descriptor is readable. */
void formation_read(const struct formation *f, struct dyno *dyno);

/* One line of our own, in the form of the dynos' lines. */
void formation_say(const struct formation *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
