/*
 * pages.h - the files built into the program: the first page and what belongs to it, the API's
 * description, and the sample images.
 */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include "web/answer.h"

/* Makes the file at that path the answer, or 304 when if_none_match (may be NULL) has its tag, or
 * 404. */
void pages_answer(struct answer *a, const char *path, const char *if_none_match);

#endif
