/*
 * options.h - the options of a subcommand as one table: it is parsed from, and --help is printed
 * from it. Takes --name VALUE, --name=VALUE, -n VALUE, and options after arguments.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

#define OPTIONS_MAX 32          /* in a table */
#define OPTIONS_MAX_REPEATS 100 /* of one option, or of arguments */

enum option_kind {
    OPTION_FLAG,   /* bool; --name, --name=true and --name=false (npm's msgflo has [BOOL]s) */
    OPTION_TEXT,   /* const char * */
    OPTION_NUMBER, /* int64_t, within min and max */
    OPTION_TEXTS,  /* struct option_texts; may be repeated */
    OPTION_ITEMS   /* the same, and each value is split at its commas */
};

struct option_texts {
    const char *items[OPTIONS_MAX_REPEATS]; /* lent from argv, whose commas may become NULs */
    size_t n;
};

struct option_spec {
    const char *name;  /* without its dashes */
    const char *alias; /* another spelling, or NULL */
    char letter;       /* of the short form, or 0 */
    enum option_kind kind;
    const char *value;         /* what its value is called: "FILE"; NULL for a flag */
    size_t offset;             /* where the value goes in the command's struct: offsetof() */
    const char *value_default; /* of a text or number, as it would be given; NULL: left as it is */
    int64_t min, max;
    const char *unit; /* of a number, in the plural: "seconds"; or NULL */
    const char *help; /* a sentence without a full stop */
};

struct option_table {
    const struct option_spec *specs;
    size_t n;
};

/* Whether text is one of the list. */
bool option_texts_have(const struct option_texts *list, const char *text);

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_WRONG };

/*
 * Fills the struct at values, which is zeroed but for what has no default, from argv[1] on: first
 * the defaults, then what is given; ret_rest gets the arguments that are no options. OPTIONS_HELP:
 * --help or -h is among them. OPTIONS_WRONG: *e names the option and what it takes.
 */
enum options_result options_parse(const struct option_table *table, int argc, char **argv,
                                  void *values, struct option_texts *ret_rest,
                                  struct err *e) MUST_CHECK;

/* A paragraph an option, wrapped for 80 columns, appended to out. */
void options_help(const struct option_table *table, struct buf *out);

#endif
