/*
 * procfile.h - reads a Procfile ("type: command" lines) and .env files ("KEY=VALUE" lines).
 * Both parsers take bytes and do no I/O.
 */
#ifndef FORMATION_PROCFILE_H
#define FORMATION_PROCFILE_H

#include <stddef.h>

#include "base/err.h"

#define PROCFILE_MAX_BYTES ((size_t)64 * 1024)
#define PROCFILE_MAX_TYPES 50
#define PROCFILE_TYPE_MAX 63 /* characters of a type's name */
#define COMMAND_MAX_WORDS 63

struct procfile_entry {
    char *type;    /* letters, digits, '-' and '_' */
    char *command; /* not empty */
};

struct procfile {
    struct procfile_entry entries[PROCFILE_MAX_TYPES];
    size_t n;
};

/*
 * Reads len bytes; blank lines and lines that start with '#' are skipped. Fills *ret, for the
 * caller to procfile_release(), and returns 0; or -1 with *e naming the line (ERR_INPUT, ERR_LIMIT,
 * ERR_NOMEM) and *ret empty.
 */
int procfile_parse(const char *bytes, size_t len, struct procfile *ret, struct err *e) MUST_CHECK;
void procfile_release(struct procfile *p);

/*
 * The words of a command that needs no shell, as execvp() takes them: new, for the caller to
 * command_words_free(). NULL without an error when only a shell can run it: quotes, variables,
 * pipes and the like, or too many words.
 */
char **command_words(const char *command);
void command_words_free(char **words);

/* Is told each variable of an .env file in order; the texts are lent for the call. */
typedef void env_fn(void *arg, const char *name, const char *value);

/*
 * Reads len bytes of "KEY=VALUE" lines; an `export ` before the key, and one pair of quotes round
 * the value, are taken off; nothing in the value is expanded. Returns 0, or -1 with *e naming the
 * line (ERR_INPUT, ERR_LIMIT, ERR_NOMEM).
 */
int envfile_parse(const char *bytes, size_t len, env_fn *fn, void *arg, struct err *e) MUST_CHECK;

#endif
