/*
 * step_proxy.h - stands between a program and its RabbitMQ, on AMQP and on the management API, and
 * lets a test act at each step that the program takes, and end it there. Hides frames and sockets.
 *
 * A step is a request of the API; or a method on one of the channels 1 to 3, which broker/session.h
 * keeps for steps, for publishing and for held messages; or one that begins or ends a stream, on
 * another channel. A call that fails fails the test.
 */
#ifndef TESTS_STEP_PROXY_H
#define TESTS_STEP_PROXY_H

#include <stdbool.h>

/* What becomes of a step; from 400 on: the API answers with this status, and does nothing. */
enum step_fate {
    STEP_PASSES,
    STEP_LOST, /* all connections end, and nothing is done */
    STEP_CUT,  /* it is carried out; then all connections end, before its answer is told */
    STEP_LAST, /* the same, and no others are taken: as if the program were killed there */
    STEP_HANGS /* a request of the API: gets no answer, and nothing is done */
};

/* Called in the proxy's thread before a step is passed on; `step` is its name. */
typedef int step_fn(void *user, const char *step);

struct step_proxy; /* opaque */

/* The URLs are lent until step_proxy_stop(). */
struct step_proxy *step_proxy_start(const char *broker_url, const char *management_url,
                                    step_fn *decide, void *user);
void step_proxy_stop(struct step_proxy *p);

/* Whether decide() is asked; from the beginning it is not, and all passes. */
void step_proxy_watch(struct step_proxy *p, bool on);

/* Through the proxy. */
const char *step_proxy_broker_url(const struct step_proxy *p);
const char *step_proxy_management_url(const struct step_proxy *p);

#endif
