/*
 * loopback.h - whether an address is certainly of this machine. Pure.
 */
#ifndef START_LOOPBACK_H
#define START_LOOPBACK_H

#include <stdbool.h>

/* http:// at 127.0.0.1, [::1] or localhost, written so, with a port or without; no user, no path
 * but
 * "/". Other texts of these addresses are not taken: nobody needs them. */
bool loopback_is_http(const char *url);

#endif
