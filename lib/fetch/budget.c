/*
 * budget.c - see budget.h.
 */
#include "budget.h"

#include <assert.h>
#include <stddef.h>

static bool fits(const struct budget *b, int64_t len)
{
    return b->held + len <= b->max_bytes;
}

bool budget_would_give(const struct budget *b, const void *who, int64_t len)
{
    return fits(b, len) || b->over == who || (!b->over && !b->finished);
}

bool budget_take(struct budget *b, const void *who, int64_t len)
{
    if (!budget_would_give(b, who, len))
        return false;
    if (!fits(b, len))
        b->over = who;
    b->held += len;
    return true;
}

static void leave(struct budget *b, const void *who)
{
    if (b->over == who)
        b->over = NULL;
}

void budget_finish(struct budget *b, const void *who, int64_t len)
{
    leave(b, who);
    b->finished += len;
}

void budget_drop(struct budget *b, const void *who, int64_t len)
{
    leave(b, who);
    b->held -= len;
}

void budget_release(struct budget *b, int64_t len)
{
    assert(len <= b->finished);
    b->finished -= len;
    b->held -= len;
}
