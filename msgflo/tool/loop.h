/*
 * loop.h - what commands that stay wait for: SIGINT or SIGTERM, messages of a broker, the children.
 * One thread; while a loop is open these two signals are blocked and come by it.
 */
#ifndef MSGFLO_TOOL_LOOP_H
#define MSGFLO_TOOL_LOOP_H

#include <stdbool.h>

#include "base/err.h"
#include "broker/broker.h"
#include "tool/children.h"

struct loop {
    int stop_fd;
    bool stopped;              /* a signal has come */
    struct broker *broker;     /* lent, or NULL */
    bool has_more;             /* of its messages perhaps, in memory, where no poll tells of them */
    struct children *children; /* lent, or NULL */
    int input_fd;              /* one more to wake for, or -1 */
    void (*input)(void *user); /* it can be read; NULL: whoever calls loop_step() looks himself */
    void (*delivered)(void *user, const struct broker_delivery *d); /* may be NULL */
    void *user;
};

/* Returns 0, or -1 with *e; then a loop for loop_release(), which waits for signals only. */
int loop_open(struct loop *l, struct err *e) MUST_CHECK;
void loop_release(struct loop *l);

/*
 * Waits until something happens, for at most timeout_ms (< 0: for ever), and lets it be handled.
 * Returns 0 also when nothing has happened or stopped has become true; -1 with ERR_UNAVAILABLE:
 * the broker is gone.
 */
int loop_step(struct loop *l, int timeout_ms, struct err *e) MUST_CHECK;

/* Steps, without waiting, until what the broker has sent so far is handled. Returns as loop_step().
 */
int loop_catch_up(struct loop *l, struct err *e) MUST_CHECK;

#endif
