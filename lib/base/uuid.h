/*
 * uuid.h - UUID version 7 (RFC 9562, section 5.7): keys that sort by the time they were made, so
 * that new rows land at the end of an index.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

/* 36 characters and the NUL. */
#define UUID_SIZE 37

/* Writes a new id in lower case. Safe from any thread. Aborts if the system gives no randomness. */
void uuid_make(char ret[UUID_SIZE]);

/* When a valid id was made, if it is of version 7: milliseconds since 1970 UTC. */
int64_t uuid_wall_ms(const char *uuid);

/* Writes the least id of that millisecond (years 1970 to 9999): those made from then on are not
 * less, those made before it are. */
void uuid_least(int64_t wall_ms, char ret[UUID_SIZE]);

/* Whether text is a UUID of any version in the usual form, in either case. */
bool uuid_is_valid(const char *text);

#endif
