/*
 * config.h - settings from the environment. The only module that calls getenv.
 * A program has a table of settings (the service's is lib/job/settings.c); config_load() reads all
 * that concern it, checks all, and reports every problem at once.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum config_kind {
    CONFIG_TEXT,  /* const char * */
    CONFIG_NUMBER /* int64_t: decimal digits, within min and max */
};

struct config_setting {
    const char *name;     /* of the environment variable */
    const char *fallback; /* another variable asked when this one is not set, or NULL */
    enum config_kind kind;
    const char *value_default; /* as it would be written in the environment; NULL: none */
    int64_t min, max;          /* CONFIG_NUMBER: inclusive */
    const char *unit;          /* "ms", "bytes", "px": for the help; "" if it has none */
    unsigned used_by;          /* bits of the programs that read it; the table's owner names them */
    size_t offset;             /* where the value goes in the program's struct: offsetof() */
    /* A further check of a text, or NULL. Writes what is wrong, without the name, to why. */
    int (*check)(const char *value, struct buf *why);
    const char *help; /* one sentence, for the README's table */
};

/*
 * Fills the struct at ret from the environment for the program whose bit is `program`. A variable
 * set to the empty text counts as not set. Texts are lent from the environment for ever.
 * Returns 0, or -1 with one line a problem appended to problems ("PORT: must be 1..65535, is 'x'").
 */
int config_load(const struct config_setting *table, size_t n, unsigned program, void *ret,
                struct buf *problems) MUST_CHECK;

/* The variable's value, or NULL when it is not set or empty. For the few that no table can hold. */
const char *config_env(const char *name);

/* Decimal digits with an optional minus, nothing else. Returns 0, or -1 for any other text. */
int config_parse_number(const char *text, int64_t *ret);

#endif
