/*
 * guard.h - which addresses a stranger's URL may make this machine connect to: public ones, and the
 * places that IMAGERESIZE_FETCH_ALLOW names. Pure: no sockets, no resolver.
 */
#ifndef FETCH_GUARD_H
#define FETCH_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

struct guard;

/*
 * allow: "CIDR[:port]" entries, comma-separated, IPv6 in brackets before a port
 * ("127.0.0.1/32:5000,[::1]/128:5000,10.1.0.0/16"); a bare address is its own /32 or /128; NULL or
 * "": none. Returns it for guard_free(), or NULL with *e naming the entry that is wrong.
 */
struct guard *guard_new(const char *allow, struct err *e) MUST_CHECK;
void guard_free(struct guard *g);

/*
 * Whether the address may be connected to. Addresses that embed an IPv4 one (mapped, compatible,
 * NAT64, 6to4, Teredo, ISATAP) are judged by that one too; an unknown family is refused.
 */
bool guard_permits(const struct guard *g, const struct sockaddr *address, socklen_t len);

#endif
