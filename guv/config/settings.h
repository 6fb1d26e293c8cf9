/*
 * settings.h - what a guv file says, with every default, shorthand and inheritance worked out.
 * The format is the original guv's, in YAML (guvscale.yaml files work unchanged), with keys added
 * to it. Hides libyaml. Does no I/O: bytes in, settings and problems out.
 */
#ifndef GUV_CONFIG_SETTINGS_H
#define GUV_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define SETTINGS_MAX_BYTES ((size_t)1024 * 1024) /* of a file */
#define SETTINGS_MAX_ROLES 1000
#define SETTINGS_MAX_KEYS 64    /* of one role */
#define SETTINGS_MAX_TEXT 16384 /* bytes of one value */
#define SETTINGS_MAX_WORKERS 10000
#define SETTINGS_MAX_CONCURRENCY 65535 /* AMQP's prefetch count is a short */
#define SETTINGS_MAX_NAME 255          /* bytes; AMQP's queue names are short strings */
#define SETTINGS_MAX_S 31536000.0      /* a year */

enum policy_kind {
    POLICY_TUBE,    /* keeps the queue standing inside its deadline: tube.h */
    POLICY_ORIGINAL /* decides as the original guv does: original.h. In files: "guv" */
};

/* One role: a queue, and the worker type that takes from it. Texts are lent by the settings. */
struct role_settings {
    const char *name;
    int line; /* of the file, where it starts; from 1 */

    double processing_s;  /* mean service time of a job */
    double stddev_s;      /* one sigma of it; above 0 */
    double deadline_s;    /* from a job's arrival to its end */
    double percentile;    /* share of jobs that must make it, in percent: above 0, below 100 */
    double target_s;      /* the original's: deadline - z * stddev, or as set; above processing_s */
    int concurrency;      /* jobs at a time in one worker */
    double boot_s;        /* from the request for a worker until it takes jobs */
    double shutdown_s;    /* between a worker's SIGTERM and its SIGKILL */
    int minimum, maximum; /* workers; 0 <= minimum <= maximum; a maximum of 0 is a role at rest */
    double slack;         /* the part of the deadline that may be used for waiting: above 0, to 1 */
    int priority;         /* the larger one is served first when the budget is short */
    double billing_s;     /* a worker is paid for in steps of this; 0: by the second */
    enum policy_kind policy;

    const char *worker;      /* the platform's process type */
    const char *queue;       /* on the broker */
    const char *app;         /* on the platform; NULL: the one of the environment */
    const char *dynosize;    /* "standard-1x", for costs; NULL: not said */
    const char *jobs_query;  /* SQL, or NULL: see docs/guv.md, "jobs" */
    const char *boots_query; /* SQL, or NULL */
};

struct guv_settings {
    struct role_settings *roles; /* in the file's order, without '*' */
    size_t n_roles;

    double poll_s;      /* between two decisions */
    bool poll_is_set;   /* by the file; else poll_s follows from the shortest deadline */
    double history_s;   /* the original's window for scaling down */
    const char *broker; /* NULL: the environment's */
    const char *apikey; /* NULL: the environment's. A secret */
    int budget;         /* most workers of all roles together; 0: no limit */
    int budget_line;    /* of the file; 0: it says none */
    const char *statuspage, *metric; /* the original's, kept; not used. NULL: not said */

    struct buf
        warnings; /* lines: unknown keys, odd keys, settings that cannot meet their deadline */
    void *texts;  /* what the texts above are lent from */
};

/*
 * Reads a file's bytes. Returns 0 and fills *ret, for the caller to settings_release(); or -1 with
 * one line a problem appended to problems ("line 4, role 'resize', deadline: must be a number of
 * seconds above 0, is 'soon'") and *ret empty. Nothing and comments alone are a file with no roles.
 */
int settings_parse(const char *bytes, size_t len, struct guv_settings *ret,
                   struct buf *problems) MUST_CHECK;

/*
 * The same for checking a file, as guv-validate did: a key that the format does not have is a
 * problem, unless it is one of those allowed, which are not even warned of. settings_parse() warns
 * of every such key, in the same words, and ignores it.
 */
int settings_parse_strictly(const char *bytes, size_t len, const char *const *allowed,
                            size_t n_allowed, struct guv_settings *ret,
                            struct buf *problems) MUST_CHECK;
void settings_release(struct guv_settings *s);

/* The time between two decisions where the file sets none: of the shortest deadline. */
double settings_default_poll_s(const struct guv_settings *s);

/* The same for a role of that policy: the original has an interval of its own. */
double settings_poll_s(const struct guv_settings *s, enum policy_kind policy);

/* "tube", "guv"; lent for ever. */
const char *policy_kind_name(enum policy_kind kind);

/* Returns 0, or -1: there is no policy of that name. */
int policy_kind_find(const char *name, enum policy_kind *ret) MUST_CHECK;

/* The role of that name, or NULL. */
const struct role_settings *settings_role(const struct guv_settings *s, const char *name);

#endif
