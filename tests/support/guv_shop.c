#include "guv_shop.h"

const struct role_settings resize = {.name = "resize",
                                     .processing_s = 1,
                                     .stddev_s = 0.5,
                                     .deadline_s = 180,
                                     .percentile = 99,
                                     .target_s = 178.8,
                                     .concurrency = 10,
                                     .boot_s = 30,
                                     .shutdown_s = 30,
                                     .maximum = 40,
                                     .slack = 1};

void shop_open(struct shop *s, const struct role_settings *role)
{
    *s = (struct shop){.role = role, .takes_s = role->processing_s};
    assert_int_equal(policy_new(role, POLL_S, 120, &s->policy, NULL), 0);
}

void shop_close(struct shop *s)
{
    policy_free(s->policy);
}

int consumers(const struct shop *s)
{
    int n = 0;

    for (int i = 0; i < s->workers; i++)
        n += s->come_s[i] <= s->t_s;
    return n;
}

/* What happens within one second. */
static void second(struct shop *s)
{
    double places = (double)consumers(s) * s->role->concurrency;
    double done = fmin(s->in_hand, s->in_hand / s->takes_s);
    double taken;

    s->t_s++;
    s->arrived += s->per_s;
    s->ready += s->per_s;
    s->ended += done;
    s->in_hand -= done;
    taken = fmin(s->ready, fmax(0, places - s->in_hand));
    s->ready -= taken;
    s->in_hand += taken;
}

void interval(struct shop *s)
{
    for (int i = 0; i < (int)POLL_S; i++)
        second(s);
}

void set_workers(struct shop *s, int workers)
{
    for (int i = s->workers; i < workers; i++)
        s->come_s[i] = s->never_come ? (double)INFINITY : s->t_s + s->role->boot_s;
    s->workers = workers;
}

struct observation look(const struct shop *s)
{
    struct observation o = observation_of(s->t_s, s->workers);

    o.messages = s->ready + s->in_hand;
    o.unacked = s->in_hand;
    o.consumers = consumers(s);
    o.published = s->arrived;
    o.acked = s->ended;
    return o;
}

const struct decision *decide(struct shop *s, const struct observation *o)
{
    policy_decide(s->policy, o, &s->last);
    set_workers(s, s->last.workers);
    return &s->last;
}

const struct decision *step(struct shop *s)
{
    struct observation o;

    interval(s);
    o = look(s);
    return decide(s, &o);
}

void run(struct shop *s, double seconds)
{
    for (double until_s = s->t_s + seconds; s->t_s < until_s;)
        step(s);
}

void batch(struct shop *s, double jobs)
{
    s->arrived += jobs;
    s->ready += jobs;
}
