/*
 * budget.c - who gets the workers when there are too few for all.
 */
#include <stdio.h>

#include "policy.h"

struct share {
    const struct role_settings *role;
    struct decision *decision;
    int wanted, current, given;
};

/* Whose turn comes first: by the deadline that breaks first, then by priority, then in the file's
 * order. */
static int is_before(const struct share *a, const struct share *b)
{
    if (a->decision->violation_s != b->decision->violation_s)
        return a->decision->violation_s < b->decision->violation_s;
    if (a->role->priority != b->role->priority)
        return a->role->priority > b->role->priority;
    return a->role->line < b->role->line;
}

static void sort(struct share *shares, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && is_before(&shares[k], &shares[k - 1]); k--) {
            struct share swap = shares[k];

            shares[k] = shares[k - 1];
            shares[k - 1] = swap;
        }
}

/* What a role has in hand already, as far as its known jobs need it. */
static int to_keep(const struct share *s)
{
    int keep = s->current < s->wanted ? s->current : s->wanted;

    return s->decision->floor < keep ? s->decision->floor : keep;
}

/* What nobody may take from it. */
static int at_least(const struct share *s)
{
    int least = s->role->minimum;

    if (s->decision->is_blind && s->current > least)
        least = s->current;
    return least < s->wanted ? least : s->wanted;
}

static int all_of_it(const struct share *s)
{
    return s->wanted;
}

/* Single workers in turn, up to what each may have in this round. Returns what is left. */
static int give(struct share *shares, size_t n, int left, int (*up_to)(const struct share *))
{
    bool any = true;

    while (any && left > 0) {
        any = false;
        for (size_t i = 0; i < n && left > 0; i++)
            if (shares[i].given < up_to(&shares[i])) {
                shares[i].given++;
                left--;
                any = true;
            }
    }
    return left;
}

static void settle(struct share *s, int budget)
{
    struct decision *d = s->decision;

    if (s->given == d->workers)
        return;
    snprintf(d->reason, sizeof d->reason, "%d of the %d it wants: the budget is %d workers",
             s->given, d->workers, budget);
    d->workers = s->given;
    d->kind = s->given == s->current ? DECISION_HOLD : DECISION_SCALE;
}

int budget_share(int budget, const struct role_settings *const *roles, const int *current,
                 struct decision *decisions, size_t n, struct err *e)
{
    struct share *shares;
    int wanted = 0, left = budget;

    for (size_t i = 0; i < n; i++)
        wanted += decisions[i].workers;
    if (budget <= 0 || wanted <= budget)
        return 0;
    shares = calloc(n, sizeof *shares);
    if (!shares)
        return err_set(e, ERR_NOMEM, "no memory for the budget of %zu roles", n);
    for (size_t i = 0; i < n; i++) {
        shares[i] = (struct share){roles[i], &decisions[i], decisions[i].workers, current[i], 0};
        shares[i].given = at_least(&shares[i]);
        left -= shares[i].given;
    }
    sort(shares, n);
    left = give(shares, n, left, to_keep);
    give(shares, n, left, all_of_it);
    for (size_t i = 0; i < n; i++)
        settle(&shares[i], budget);
    free(shares);
    return 0;
}
