/*
 * page_policy.h - the Content-Security-Policy of the page: nothing but what this service serves,
 * and pictures from where its outputs are.
 */
#ifndef WEB_PAGE_POLICY_H
#define WEB_PAGE_POLICY_H

#include "job/output_target.h"
#include "job/settings.h"

/* New, or NULL at no memory. An address that a policy cannot hold is left out: the page then shows
 * links in place of pictures. */
char *page_policy_make(const struct settings *settings, const struct output_target *target);

#endif
