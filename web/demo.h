/*
 * demo.h - the panel "Try to break it": what is asked of it and by whom, and what formation's
 * answers say. Only where IMAGERESIZE_DEMO=1. No I/O.
 */
#ifndef WEB_DEMO_H
#define WEB_DEMO_H

#include <jansson.h>
#include <stdbool.h>

#include "job/problems.h"

#define DEMO_QUANTITY_MAX 10 /* processes of one type, by hand: they are all on one machine */
#define DEMO_TYPE_SIZE 64

/* What a request's headers say of who sends it. Lent; NULL: not there. */
struct demo_sender {
    const char *host, *origin, *fetch_site, *public_url;
};

/*
 * NULL when the sender may be listened to, else what is wrong, lent for ever. A browser tells in
 * Origin and Sec-Fetch-Site whose page sends, so that no other site's page may. A page of a site
 * whose name leads here would be our own by these, so names are taken only of this machine and of
 * public_url; addresses always.
 */
const char *demo_refusal(const struct demo_sender *sender);

enum demo_verb { DEMO_LOOK, DEMO_KILL, DEMO_SCALE, DEMO_GUV };

struct demo_order {
    enum demo_verb verb;
    char type[DEMO_TYPE_SIZE];
    bool all;     /* DEMO_KILL: each of the type; else one */
    int quantity; /* DEMO_SCALE */
    bool on;      /* DEMO_GUV */
};

/* Reads the body of a request. Returns 0, or -1 with faults added to problems, or with *e: it is no
 * JSON object (ERR_INPUT). */
int demo_parse(enum demo_verb verb, const char *bytes, size_t len, struct demo_order *ret,
               struct problems *problems, struct err *e) MUST_CHECK;

/* GET /demo, of formation's lists of types and of dynos; new. NULL: they are no such lists, or no
 * memory. */
json_t *demo_state(const json_t *formation, const json_t *dynos);

/* Of a state: the type's quantity, -1: there is no such type. */
int demo_quantity(const json_t *state, const char *type);

/* The first process of the type that runs, lent by the state; NULL: none does. */
const char *demo_running(const json_t *state, const char *type);

/* Adds what is wrong with an order, given how things are. Returns 0, or -1. */
int demo_check(const struct demo_order *order, const json_t *state,
               struct problems *problems) MUST_CHECK;

#endif
