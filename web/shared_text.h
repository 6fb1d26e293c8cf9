/*
 * shared_text.h - bytes that are made once and answered to many: counted, and gone with the last of
 * them. Safe from any thread.
 */
#ifndef WEB_SHARED_TEXT_H
#define WEB_SHARED_TEXT_H

#include <stddef.h>

struct shared_text; /* opaque */

/* Of a text made by malloc(), with one reference; NULL at no memory. */
struct shared_text *shared_text_new(char *text_taken);

/* One more reference to it. */
struct shared_text *shared_text_hold(struct shared_text *t);
void shared_text_drop(struct shared_text *t); /* NULL is fine */

/* Lent while the reference is held. */
const char *shared_text_bytes(const struct shared_text *t, size_t *ret_len);

#endif
