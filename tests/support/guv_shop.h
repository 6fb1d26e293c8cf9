/*
 * guv_shop.h - a small queue that makes histories for the tests of guv's policies: its workers come
 * and go as decided.
 */
#ifndef TESTS_GUV_SHOP_H
#define TESTS_GUV_SHOP_H

#include "unit.h"

#include "policy/policy.h"

#define POLL_S 5.0

extern const struct role_settings resize;

struct shop {
    const struct role_settings *role;
    struct policy *policy;
    double t_s, arrived, ended, ready, in_hand;
    double come_s[64]; /* when each worker that was asked for takes jobs; oldest first */
    int workers;       /* asked for */
    double per_s;      /* jobs that arrive */
    double takes_s;    /* a job */
    bool never_come;   /* workers crash at their start */
    struct decision last;
};

void shop_open(struct shop *s, const struct role_settings *role);
void shop_close(struct shop *s);

/* Of those asked for, how many take jobs. */
int consumers(const struct shop *s);
void set_workers(struct shop *s, int workers);

/* A batch that came within one interval. */
void batch(struct shop *s, double jobs);
/* What happens within one interval. */
void interval(struct shop *s);

struct observation look(const struct shop *s);
const struct decision *decide(struct shop *s, const struct observation *o);
/* One interval, and the decision after it. */
const struct decision *step(struct shop *s);
void run(struct shop *s, double seconds);

#endif
