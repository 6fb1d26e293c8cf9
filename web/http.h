/*
 * http.h - the HTTP side: libmicrohttpd's daemon, and how a request becomes work for the other
 * threads and their answer a response. Parsing and validation run in its threads; what waits for
 * the database is suspended, and holds none of them.
 */
#ifndef WEB_HTTP_H
#define WEB_HTTP_H

#include "web/web.h"

struct http;

/* Listens at once, on IPv6 and IPv4 or where there is no IPv6 on IPv4 alone. New, or NULL with *e.
 */
struct http *http_start(struct web *web, struct err *e) MUST_CHECK;

/* Takes no more connections; those there are go on. */
void http_stop_accepting(struct http *http);

/* Requests that have been begun and not answered; streams are not among them once they flow. */
size_t http_in_hand(struct http *http);

/* Those of them that have not arrived whole. */
size_t http_arriving(struct http *http);

/* Ends and frees it; no request may be suspended any more. */
void http_stop(struct http *http);

#endif
