/*
 * outage.h - says once that something is away, and once that it is back, however often it is tried.
 */
#ifndef WEB_OUTAGE_H
#define WEB_OUTAGE_H

#include <stdbool.h>

#include "base/err.h"

struct outage {
    const char *who; /* the thread, for the log; lent for ever */
    bool down;
};

void outage_begins(struct outage *o, const struct err *e);
void outage_ends(struct outage *o);

#endif
