/*
 * herald.h - tells on OUT of jobs that web has ended by cancelling them, at least once each. It
 * looks for them once a second, between batches.
 */
#ifndef STORE_HERALD_H
#define STORE_HERALD_H

#include <msgflo/msgflo.h>

#include "apply.h"

struct herald {
    struct msgflo_participant *participant; /* lent */
    struct db *db;                          /* lent */
    /* Zero at first. */
    struct outcome taken; /* being told of */
    size_t open;          /* of these: no fate yet */
    bool lost;            /* not all were confirmed */
    int64_t look_mono_ms; /* not before then */
};

/* Does what can be done now. stopping: takes no more. */
void herald_work(struct herald *h, bool stopping);

/* How long there is nothing to do for it, unless a fate is told. */
int herald_timeout_ms(const struct herald *h);

/* After the participant is freed. What has not been told of by then is, by whoever looks next. */
void herald_release(struct herald *h);

#endif
