/*
 * event.h - what one delivery says of one image, whether it is a message or a dead letter. No I/O.
 * Hides what participants write differently: missing attempts, odd times, unknown error codes.
 */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"

#define EVENT_ERROR_TEXT_MAX 500 /* bytes kept of an error's message */

enum event_kind {
    EVENT_NONE, /* nothing is known, not even the image */
    EVENT_STARTED,
    EVENT_DONE,
    EVENT_FAILED,
    EVENT_DEAD /* nobody could do anything with its message */
};

struct event {
    enum event_kind kind;
    char image[UUID_SIZE];
    int attempt;        /* from 1; 0: not said */
    int64_t started_ms; /* wall time; 0: not said */
    int64_t ended_ms;   /* wall time, always set for an end: now where it is not said */
    json_t *result;     /* EVENT_DONE: owned */
    json_t *error;      /* EVENT_FAILED and EVENT_DEAD: code, message, retryable, stage; owned */
    bool retryable;
    bool again; /* it may have been applied before: a redelivery, or a commit without an answer */
};

void event_release(struct event *ev);

/*
 * Reads a delivery of port IN. Returns 0, or -1 with *e: ERR_NOMEM, for which the message is not to
 * blame, with an EVENT_NONE; else it says nothing of use, and ret is an EVENT_DEAD when its image
 * can be told all the same, or an EVENT_NONE.
 */
int event_read(const void *bytes, size_t len, struct event *ret, struct err *e) MUST_CHECK;

/* Reads a delivery of port DEAD: an EVENT_DEAD. Returns 0, or -1 with *e and an EVENT_NONE. */
int event_read_dead(const void *bytes, size_t len, struct event *ret, struct err *e) MUST_CHECK;

#endif
