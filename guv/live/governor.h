/*
 * governor.h - the loop of guv: looks at broker, platform and records, asks the policy of each
 * role, and makes the platform follow. One thread.
 *
 * What holds whatever happens: a poll starts from what the platform shows; the minimum holds, and
 * the maximum; nothing is taken away on missing data; without the management API at least one
 * worker stays while there are consumers; only the guv that holds the lock changes anything.
 */
#ifndef GUV_LIVE_GOVERNOR_H
#define GUV_LIVE_GOVERNOR_H

#include "live/environment.h"
#include "live/view.h"

struct governor; /* opaque */

struct governor_options {
    const struct guv_settings *settings;   /* lent */
    const struct environment *environment; /* lent */
    bool dry_run;                          /* changes nothing and says what it would do */
    bool is_single;                        /* no other guv can be there: no lock */
    const char *decisions;                 /* file for decisions, "-", or NULL */
    int metrics_port;                      /* -1: none; 0: any free one */
};

/* Returns 0 and a new one, or -1 with *e (ERR_INPUT: the settings do not do; ERR_UNAVAILABLE: the
 * metrics' port is taken; ERR_NOMEM). Connects to nothing yet. */
int governor_new(const struct governor_options *options, struct governor **ret,
                 struct err *e) MUST_CHECK;
void governor_free(struct governor *g); /* NULL is fine */

/* Reads broker and platform, once, and decides nothing. */
void governor_look(struct governor *g);

/* One poll: looks, decides, acts. */
void governor_round(struct governor *g);

/* A round each poll interval, for ever. */
void governor_run(struct governor *g) __attribute__((noreturn));

/* What it knows; lent until the next call. */
const struct view *governor_view(struct governor *g);

/* Whether the broker and each app could be read in the last round, or look. */
bool governor_has_seen_all(const struct governor *g);

/* The port of the metrics; 0: none. */
unsigned governor_metrics_port(const struct governor *g);

#endif
