/*
 * url.h - strangers' URLs, parsed by libcurl's parser alone, so that what was checked is what is
 * fetched. Pure.
 */
#ifndef FETCH_URL_H
#define FETCH_URL_H

#include <curl/curl.h>

#include "base/err.h"

#define URL_MAX_BYTES 8192 /* of a redirect's target too; signed ones are long */

/*
 * New, for curl_url_cleanup(), or NULL with *e (ERR_INPUT: it may not be fetched, for the reason in
 * e->text, which repeats nothing of the URL).
 */
CURLU *url_open(const char *text, struct err *e) MUST_CHECK;

/* Turns url into where the Location of an answer leads from it. Returns 0, or -1 with *e as above;
 * url is then of no more use. */
int url_follow(CURLU *url, const char *location, struct err *e) MUST_CHECK;

#endif
