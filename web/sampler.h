/*
 * sampler.h - the thread that looks at the broker for GET /graph: once for all who ask, often while
 * somebody does and seldom otherwise. Its answer is made once a reading and shared by all.
 *
 * Hides how the broker is read (lib/queues). While its management API does not answer, and somebody
 * asks, it takes a connection of its own to the broker: docs/decisions/0009.
 */
#ifndef WEB_SAMPLER_H
#define WEB_SAMPLER_H

#include "web/answer.h"
#include "web/web.h"

#define SAMPLER_WATCHED_MS 2000      /* between two readings while somebody asks */
#define SAMPLER_IDLE_MS 10000        /* while nobody does */
#define SAMPLER_WATCHED_FOR_MS 15000 /* who has asked so long ago still does */
#define SAMPLER_CALLS_MS 3000        /* by then the management API has answered, or has not */
#define SAMPLER_PATIENCE_MS 10000    /* with one that has answered before */
#define SAMPLER_ANSWER_MAX_BYTES ((size_t)1024 * 1024) /* of its: some 2,500 queues */

struct sampler; /* opaque */

/*
 * Starts it. Returns 0 and a new one; or 0 and NULL when there is no graph to show, with why in
 * ret_trouble, which was logged; or -1 with *e (ERR_INPUT, ERR_NOMEM, ERR_UNAVAILABLE).
 */
int sampler_start(struct web *web, struct sampler **ret, struct err *ret_trouble,
                  struct err *e) MUST_CHECK;

/* From here on it begins nothing more. */
void sampler_tell_to_stop(struct sampler *s);
/* Waits for its end and frees it. */
void sampler_stop(struct sampler *s);

/* Answers GET /graph: from what it has, at once. Any thread. */
void sampler_answer(struct sampler *s, struct answer *a, const char *if_none_match);

/* A note was added: the next answer has it. Any thread. */
void sampler_show_notes(struct sampler *s);

#endif
