/*
 * respond.h - an answer as an HTTP response of libmicrohttpd.
 */
#ifndef WEB_RESPOND_H
#define WEB_RESPOND_H

#include <microhttpd.h>

#include "web/request.h"

/* Queues r->answer, whose body and file pass to the response. close: the connection ends after it.
 * Returns what the access handler returns. */
enum MHD_Result respond(struct request *r, bool close);

/*
 * Writes a problem to the connection's socket itself and has it closed, while the body still comes
 * in: libmicrohttpd takes no response then. Returns what the access handler returns.
 */
enum MHD_Result respond_mid_body(struct request *r, unsigned status, const char *detail);

#endif
