/*
 * pages.h - the files built into the program: the first page and what belongs to it, the API's
 * description, and the sample images.
 */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include "job/output_target.h"
#include "job/settings.h"
#include "web/answer.h"

/* Gives the API's description the limits of these settings, and the page a policy that lets it show
 * outputs of that target, for good: once, before any thread answers. Returns 0, or -1 with *e. */
int pages_prepare(const struct settings *settings, const struct output_target *target,
                  struct err *e) MUST_CHECK;

/* Makes the file at that path the answer, or 304 when if_none_match (may be NULL) has its tag, or
 * 404. */
void pages_answer(struct answer *a, const char *path, const char *if_none_match);

#endif
