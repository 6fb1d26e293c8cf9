/*
 * speaker.h - what guv says while it runs: a log line when something changes, one now and then when
 * nothing does, and a line of JSON for each decision if asked. Remembers what it has said.
 */
#ifndef GUV_LIVE_SPEAKER_H
#define GUV_LIVE_SPEAKER_H

#include "live/view.h"

struct speaker; /* opaque */

/* For so many roles, apps. decisions is a file to append to, "-" for standard output, NULL for
 * none. Returns 0 and a new one, or -1 (ERR_INPUT: the file cannot be opened; ERR_NOMEM). */
int speaker_new(const char *decisions, size_t n_roles, struct speaker **ret,
                struct err *e) MUST_CHECK;
void speaker_free(struct speaker *s); /* NULL is fine */

/* After the reading: what of broker, platform and lock has changed. */
void speaker_troubles(struct speaker *s, const struct view *v);

/* What the application's records could not tell of a role: once. "" : they could. */
void speaker_statistics(struct speaker *s, const struct view *v, size_t role, const char *trouble);

/* A role was decided on; from is the number of workers before. acts: it was sent to the platform.
 */
void speaker_decided(struct speaker *s, const struct view *v, size_t role, int from, bool acts);

/* After a round: that it is alive, now and then. */
void speaker_summary(struct speaker *s, const struct view *v, int64_t now_mono_ms);

#endif
