/*
 * decode_answer.h - judges what a decoder answers, packet by packet. Pure.
 * Whoever breaks a decoder writes its answers, so nothing in one is believed: each field is held
 * against what was asked, and one that cannot be true costs the decoder its life.
 */
#ifndef WORKERS_RESIZE_DECODE_ANSWER_H
#define WORKERS_RESIZE_DECODE_ANSWER_H

#include <stddef.h>

#include "base/err.h"
#include "decode/decode_protocol.h"

/* The largest packet an answer can be. */
union decode_answer {
    uint32_t kind; /* every struct begins with it */
    struct decode_note note;
    struct decode_done done;
};

/* Each returns 0, or -1 with *e saying which field lies. len is the packet's, in bytes. */
int decode_answer_is_ready(const union decode_answer *answer, size_t len, struct err *e) MUST_CHECK;
int decode_answer_is_needs(const union decode_answer *answer, size_t len,
                           const struct decode_work *asked, struct err *e) MUST_CHECK;

/* Also makes the message printable: control and non-ASCII characters become '?', and it ends. */
int decode_answer_is_done(union decode_answer *answer, size_t len, const struct decode_work *asked,
                          struct err *e) MUST_CHECK;

#endif
