/*
 * options.c - see the header. getopt_long does the splitting; its own messages are not used,
 * because they do not know what an option takes.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#define HELP_COLUMNS 80
#define HELP_INDENT 24

/* A value that getopt_long gives for a long option must not look like a letter. */
#define LONG_BASE 1000

static void *target(const struct option_spec *spec, void *values)
{
    return (char *)values + spec->offset;
}

static bool is_list(enum option_kind kind)
{
    return kind == OPTION_TEXTS || kind == OPTION_ITEMS;
}

bool option_texts_have(const struct option_texts *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

/* --- values ------------------------------------------------------------------------------ */

static int add_text(const struct option_spec *spec, struct option_texts *list, const char *text,
                    struct err *e)
{
    if (list->n == OPTIONS_MAX_REPEATS)
        return err_set(e, ERR_INPUT, "--%s: at most %d times", spec->name, OPTIONS_MAX_REPEATS);
    list->items[list->n++] = text;
    return 0;
}

/* text is of argv, which a program may write to. */
static int add_items(const struct option_spec *spec, struct option_texts *list, char *text,
                     struct err *e)
{
    char *rest = NULL;

    for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
        if (add_text(spec, list, item, e))
            return -1;
    return 0;
}

static int set_number(const struct option_spec *spec, const char *text, int64_t *ret, struct err *e)
{
    int64_t number;

    if (config_parse_number(text, &number) || number < spec->min || number > spec->max)
        return err_set(e, ERR_INPUT, "--%s: %lld to %lld%s%s, not '%s'", spec->name,
                       (long long)spec->min, (long long)spec->max, spec->unit ? " " : "",
                       spec->unit ? spec->unit : "", text);
    *ret = number;
    return 0;
}

static int set_flag(const struct option_spec *spec, const char *text, bool *ret, struct err *e)
{
    if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return err_set(e, ERR_INPUT, "--%s: true or false, not '%s'", spec->name, text);
    *ret = !text || strcmp(text, "true") == 0;
    return 0;
}

static int set_value(const struct option_spec *spec, char *text, void *values, struct err *e)
{
    void *to = target(spec, values);

    switch (spec->kind) {
    case OPTION_FLAG:
        return set_flag(spec, text, to, e);
    case OPTION_NUMBER:
        return set_number(spec, text, to, e);
    case OPTION_TEXT:
        *(const char **)to = text;
        return 0;
    case OPTION_TEXTS:
        return add_text(spec, to, text, e);
    case OPTION_ITEMS:
        return add_items(spec, to, text, e);
    }
    return 0;
}

static int set_defaults(const struct option_table *table, void *values, struct err *e)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct option_spec *spec = &table->specs[i];

        if (spec->value_default && spec->kind == OPTION_TEXT)
            *(const char **)target(spec, values) = spec->value_default;
        else if (spec->value_default && spec->kind == OPTION_NUMBER &&
                 set_number(spec, spec->value_default, target(spec, values), e))
            return -1;
    }
    return 0;
}

/* --- getopt ------------------------------------------------------------------------------ */

struct tables {
    struct option longs[OPTIONS_MAX * 2 + 2]; /* each with its alias, --help, the end */
    char shorts[OPTIONS_MAX * 2 + 3];
};

static void make_tables(const struct option_table *table, struct tables *ret)
{
    struct option *to = ret->longs;
    char *letter = ret->shorts;

    *letter++ = ':'; /* a missing value is told apart from an unknown option */
    *letter++ = 'h';
    for (size_t i = 0; i < table->n; i++) {
        const struct option_spec *spec = &table->specs[i];
        int takes = spec->kind == OPTION_FLAG ? optional_argument : required_argument;

        *to++ = (struct option){spec->name, takes, NULL, LONG_BASE + (int)i};
        if (spec->alias)
            *to++ = (struct option){spec->alias, takes, NULL, LONG_BASE + (int)i};
        if (spec->letter) {
            *letter++ = spec->letter;
            if (spec->kind != OPTION_FLAG)
                *letter++ = ':';
        }
    }
    *letter = '\0';
    *to++ = (struct option){"help", no_argument, NULL, 'h'};
    *to = (struct option){NULL, 0, NULL, 0};
}

static const struct option_spec *find_spec(const struct option_table *table, int option)
{
    if (option >= LONG_BASE)
        return &table->specs[option - LONG_BASE];
    for (size_t i = 0; i < table->n; i++)
        if (option && table->specs[i].letter == option)
            return &table->specs[i];
    return NULL;
}

/* npm's optional boolean may be a word of its own: --participants true. */
static char *flag_value(int argc, char **argv)
{
    if (optarg || optind >= argc ||
        (strcmp(argv[optind], "true") != 0 && strcmp(argv[optind], "false") != 0))
        return optarg;
    return argv[optind++];
}

static enum options_result wrong_option(const struct option_table *table, int option, char **argv,
                                        struct err *e)
{
    const struct option_spec *spec = find_spec(table, optopt);

    if (option == ':' && spec)
        err_set(e, ERR_INPUT, "--%s: %s is missing", spec->name, spec->value);
    else if (optopt && optopt < LONG_BASE)
        err_set(e, ERR_INPUT, "there is no option '-%c'", optopt);
    else
        err_set(e, ERR_INPUT, "there is no option '%s'", argv[optind - 1]);
    return OPTIONS_WRONG;
}

enum options_result options_parse(const struct option_table *table, int argc, char **argv,
                                  void *values, struct option_texts *ret_rest, struct err *e)
{
    struct tables tables;
    int option;

    ret_rest->n = 0;
    make_tables(table, &tables);
    if (set_defaults(table, values, e))
        return OPTIONS_WRONG;
    opterr = 0;
    optind = 0; /* glibc: from the start, with nothing left of a former call */
    while ((option = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
        const struct option_spec *spec = find_spec(table, option);

        if (option == 'h' && !spec)
            return OPTIONS_HELP;
        if (!spec)
            return wrong_option(table, option, argv, e);
        if (set_value(spec, spec->kind == OPTION_FLAG ? flag_value(argc, argv) : optarg, values, e))
            return OPTIONS_WRONG;
    }
    for (; optind < argc; optind++) {
        if (ret_rest->n == OPTIONS_MAX_REPEATS) {
            err_set(e, ERR_INPUT, "more than %d arguments", OPTIONS_MAX_REPEATS);
            return OPTIONS_WRONG;
        }
        ret_rest->items[ret_rest->n++] = argv[optind];
    }
    return OPTIONS_OK;
}

/* --- help -------------------------------------------------------------------------------- */

/* Words from column `column` on, the next lines indented. */
static void put_words(struct buf *out, const char *text, size_t *column)
{
    while (*text) {
        size_t n = strcspn(text, " ");

        if (*column + 1 + n > HELP_COLUMNS) {
            buf_printf(out, "\n%*s", HELP_INDENT, "");
            *column = HELP_INDENT;
        } else if (*column > HELP_INDENT) {
            buf_text(out, " ");
            ++*column;
        }
        buf_append(out, text, n);
        *column += n;
        text += n + strspn(text + n, " ");
    }
}

static void put_option(struct buf *out, const struct option_spec *spec)
{
    char head[80];
    size_t column;
    AUTO(buf_release) struct buf about = BUF_INIT;

    if (spec->letter)
        snprintf(head, sizeof(head), "  -%c, --%s %s", spec->letter, spec->name,
                 spec->value ? spec->value : "");
    else
        snprintf(head, sizeof(head), "  --%s %s", spec->name, spec->value ? spec->value : "");
    buf_printf(out, "%-*s", HELP_INDENT, head);
    column = strlen(head) < HELP_INDENT ? HELP_INDENT : HELP_COLUMNS;
    buf_text(&about, spec->help);
    if (is_list(spec->kind))
        buf_text(&about, "; may be repeated");
    if (spec->value_default)
        buf_printf(&about, " (%s)", spec->value_default);
    if (!about.failed)
        put_words(out, about.data, &column);
    buf_text(out, "\n");
}

void options_help(const struct option_table *table, struct buf *out)
{
    static const struct option_spec help = {.name = "help", .letter = 'h', .help = "prints this"};

    for (size_t i = 0; i < table->n; i++)
        put_option(out, &table->specs[i]);
    put_option(out, &help);
}
