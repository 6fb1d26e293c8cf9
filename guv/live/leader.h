/*
 * leader.h - which of several guvs acts: the one that holds the Postgres advisory locks of all its
 * apps, in a session of its own. The locks go with the session, so a guv that dies, is cut off or
 * loses its database acts no more and another one takes over.
 *
 * The database must be reached directly: through a pooler that shares sessions between clients,
 * the locks would be somebody else's; that is noticed, and then nobody leads.
 * Belongs to one thread.
 */
#ifndef GUV_LIVE_LEADER_H
#define GUV_LIVE_LEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct leader; /* opaque */

/* Connects to nothing yet. The texts are lent. idle_ms: the locks of a guv that has not asked for
 * so long are given back for it. Returns 0 and a new one, or -1 (ERR_INPUT: a bad URL;
 * ERR_NOMEM). */
int leader_new(const char *database_url, const char *const *apps, size_t n, int idle_ms,
               struct leader **ret, struct err *e) MUST_CHECK;
void leader_free(struct leader *l); /* NULL is fine. Gives the locks back */

/* Asks the database whether the locks are held, and tries to take them if not. Blocks for some
 * seconds at most. */
bool leader_check(struct leader *l);

/* What the last leader_check() found. */
bool leader_is(const struct leader *l);

/* Why the last leader_check() could not tell; "": it could, whatever it found. Lent. */
const char *leader_trouble(const struct leader *l);

#endif
