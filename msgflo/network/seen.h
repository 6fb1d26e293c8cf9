/*
 * seen.h - who is there: parses the announcements of participants and keeps the roles and processes
 * heard of, with the time each was heard last. No I/O and no clock: times come in.
 */
#ifndef MSGFLO_NETWORK_SEEN_H
#define MSGFLO_NETWORK_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SEEN_MAX_BYTES (256 * 1024) /* of one announcement */
#define SEEN_MAX_PORTS 500          /* each way */
#define SEEN_MAX_PARTICIPANTS 10000
#define SEEN_PERIOD_DEFAULT_MS 60000 /* MsgFlo's discovery period; announced every period / 2.2 */

struct seen_port {
    char *id, *type;
    char *queue;       /* NULL: none is told */
    char *description; /* or NULL */
};

/* What one announcement says. */
struct participant {
    char *id, *role, *component;
    char *label, *icon; /* or NULL */
    struct seen_port *inports, *outports;
    size_t n_inports, n_outports;

    int64_t first_seen_ms, last_seen_ms; /* kept by struct seen */
    int64_t interval_ms; /* between announcements, as measured from them; the default's at first */
};

/*
 * Reads {"protocol":"discovery","command":"participant","payload":DEF}. Extra members are fine.
 * Returns 0 and a new one for participant_free(), or -1 with ERR_INPUT or ERR_LIMIT naming what is
 * missing or wrong.
 */
int participant_parse(const char *text, size_t len, struct participant **ret,
                      struct err *e) MUST_CHECK;
void participant_free(struct participant *p);

struct seen;

struct seen *seen_new(void); /* NULL without memory */
void seen_free(struct seen *s);

enum seen_change {
    SEEN_SAME,    /* heard again */
    SEEN_NEW,     /* a process not known, or one that had gone */
    SEEN_CHANGED, /* its definition is another one */
};

/* p_take becomes part of s, in place of what was known of its id. -1: ERR_LIMIT, ERR_NOMEM. */
int seen_heard(struct seen *s, struct participant *p_take, int64_t now_ms, enum seen_change *ret,
               struct err *e) MUST_CHECK;

/* Stale: two of its own intervals were missed. Gone: silent for three of its announced periods. */
bool participant_is_stale(const struct participant *p, int64_t now_ms);

/* Takes out one that has gone and returns it, for participant_free(); NULL: there is none (more).
 */
struct participant *seen_take_gone(struct seen *s, int64_t now_ms);

/* Takes out and frees all of the role: its processes have been ended. */
void seen_forget(struct seen *s, const char *role);

/* In the order of role, then id. Lent until s changes. */
size_t seen_count(const struct seen *s);
const struct participant *seen_at(const struct seen *s, size_t i);
/* The first that is not stale, else any, of that role; NULL: none. */
const struct participant *seen_role(const struct seen *s, const char *role, int64_t now_ms);
/* Its port's queue, or NULL. Port ids are compared as they are, then without regard to case. */
const char *participant_queue(const struct participant *p, bool is_inport, const char *port);

#endif
