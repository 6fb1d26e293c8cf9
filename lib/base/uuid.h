/*
 * uuid.h - UUID version 7 (RFC 9562, section 5.7): keys that sort by the time they were made, so
 * that new rows land at the end of an index.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>

/* 36 characters and the NUL. */
#define UUID_SIZE 37

/* Writes a new id in lower case. Safe from any thread. Aborts if the system gives no randomness. */
void uuid_make(char ret[UUID_SIZE]);

/* Whether text is a UUID of any version in the usual form, in either case. */
bool uuid_is_valid(const char *text);

#endif
