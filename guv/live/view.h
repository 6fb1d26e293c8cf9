/*
 * view.h - what guv knows and has decided, role by role: made by governor.c, shown by report.c.
 */
#ifndef GUV_LIVE_VIEW_H
#define GUV_LIVE_VIEW_H

#include "live/platform.h"
#include "policy/policy.h"
#include "queues/queues.h"

/* Why a role is where it is. The log speaks when it changes. */
enum mood {
    MOOD_NEW,           /* nothing was decided yet */
    MOOD_STEADY,        /* the policy decides, and its word is done */
    MOOD_LATE,          /* the same, and some jobs cannot make their deadline any more */
    MOOD_PINNED,        /* the same, and the maximum is too little */
    MOOD_FROZEN,        /* the same, and workers that were asked for never came */
    MOOD_NO_APP,        /* the platform does not show the app */
    MOOD_NO_TYPE,       /* the app has no such process type */
    MOOD_NO_BROKER,     /* the broker cannot be read */
    MOOD_NO_QUEUE,      /* the broker has no such queue */
    MOOD_NO_STATISTICS, /* the broker says nothing of the queue, or its numbers stand still */
    MOOD_LIMITED,       /* the platform runs no more */
    MOOD_RATE,          /* too few requests are left to take workers away */
    MOOD_REFUSED,       /* the platform did not take it: tried again */
    MOOD_COUNT
};

const char *mood_name(enum mood m); /* "steady", "no_queue"; lent for ever */

struct role_view {
    const struct role_settings *settings;
    const struct app *app;
    const struct scaled_type *type;
    struct observation seen;
    struct decision decided; /* workers: after all bounds, limits and budgets */
    enum mood mood;
    unsigned long scaled, held; /* decisions since the start */
};

struct view {
    const struct role_view *roles;
    size_t n_roles;
    const struct platform *platform;
    enum queues_source source;
    const char *broker_trouble, *leader_trouble; /* "": none */
    bool is_leader;                              /* or needs no lock */
    bool dry_run;
    double poll_s;
    int budget;
    unsigned long polls;
    double polled_s_ago; /* NAN: not yet */
    double poll_took_s;
};

#endif
