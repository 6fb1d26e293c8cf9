/*
 * source.h - the bytes of a download in a memfd, which is sealed before anybody else sees it, so
 * that a decoder that has mapped it can rely on its size and contents.
 */
#ifndef FETCH_SOURCE_H
#define FETCH_SOURCE_H

#include <stddef.h>

/* A new, empty one, or -1 with errno. */
int source_open(void);

/* Appends all of it. Returns 0, or -1 with errno. */
int source_append(int fd, const void *bytes, size_t len);

/* No change of any kind is possible after. Returns 0, or -1 with errno. */
int source_seal(int fd);

#endif
