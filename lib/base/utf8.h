/*
 * utf8.h - what is UTF-8 and what is not (RFC 3629, section 4).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character at s, of which len can be read, or 0 if there is none. */
size_t utf8_len(const char *s, size_t len);

/* Puts a '?' in the place of each byte that is no part of a character. */
void utf8_repair(char *s, size_t len);

/* Puts a '?' in the place of each byte of a control character, so that a text from outside cannot
 * speak to a terminal: below U+0020, U+007F, and U+0080 to U+009F, of two bytes. */
void utf8_tame(char *s, size_t len);

#endif
