/*
 * headers.h - the request headers we understand: texts in, facts out. No I/O, nothing kept.
 */
#ifndef WEB_HEADERS_H
#define WEB_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "job/settings.h"

#define REQUEST_ID_SIZE 201 /* Heroku takes 20..200 characters from clients; with the NUL */
#define BASE_URL_SIZE (SETTINGS_PUBLIC_URL_MAX + 1)
#define WAIT_MAX_S 25 /* Heroku's router gives up after 30 */

/* Seconds of `wait` in a Prefer header, at most WAIT_MAX_S; -1 when it has none, when that is no
 * number, or when the header is NULL: what a server cannot honour it passes over (RFC 7240, 2). */
int header_prefer_wait(const char *prefer);

/* Whether an If-None-Match header (NULL: no) has the tag or is "*": the weak comparison of RFC
 * 9110, 8.8.3.2. etag is with its quotes and perhaps W/. */
bool header_none_match(const char *if_none_match, const char *etag);

/* Copies a request id of 8..200 of [A-Za-z0-9._-], or makes one when given is NULL or not sane. */
void header_request_id(const char *given, char ret[REQUEST_ID_SIZE]);

/* Whether the media type is application/json, in UTF-8 when it says so. NULL: no. */
bool header_is_json(const char *content_type);

/*
 * The address this service is known by, without a slash at its end: public_url, or from the
 * headers X-Forwarded-Proto (may be NULL) and Host. Returns 0, or -1 when Host is missing or is
 * none and public_url is NULL.
 */
int header_base_url(const char *public_url, const char *forwarded_proto, const char *host,
                    char ret[BASE_URL_SIZE]) MUST_CHECK;

#endif
