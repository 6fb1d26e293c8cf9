#include "procfile.h"

#include <stdbool.h>
#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* What has no meaning to a shell, and so may stand in a command that is run without one. */
#define PLAIN_CHARS NAME_CHARS " \t-./:=,@%+"

/* Walks over the lines of a text that it owns and cuts up. */
struct lines {
    char *next;
    unsigned number; /* of the line last returned, from 1 */
};

/* The next line without its end and the blanks round it, or NULL after the last. */
static char *lines_next(struct lines *lines)
{
    char *line = lines->next, *end;

    if (!line || !*line)
        return NULL;
    end = line + strcspn(line, "\n");
    lines->next = *end ? end + 1 : end;
    *end = '\0';
    while (end > line && strchr(" \t\r", end[-1]))
        *--end = '\0';
    lines->number++;
    return line + strspn(line, " \t");
}

/* The bytes as a text of our own to cut up: new. NULL with *e set. */
static char *copy_text(const char *bytes, size_t len, struct err *e)
{
    char *text;

    if (len > PROCFILE_MAX_BYTES) {
        err_set(e, ERR_LIMIT, "more than %zu bytes", PROCFILE_MAX_BYTES);
        return NULL;
    }
    if (memchr(bytes, '\0', len)) {
        err_set(e, ERR_INPUT, "holds a NUL byte");
        return NULL;
    }
    text = strndup(bytes, len);
    if (!text)
        err_set(e, ERR_NOMEM, "no memory");
    return text;
}

static bool has_type(const struct procfile *p, const char *type)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->entries[i].type, type) == 0)
            return true;
    return false;
}

static int add_entry(struct procfile *p, const char *type, const char *command, unsigned line,
                     struct err *e)
{
    struct procfile_entry *entry = &p->entries[p->n];

    if (has_type(p, type))
        return err_set(e, ERR_INPUT, "line %u: type '%s' is there already", line, type);
    if (p->n == PROCFILE_MAX_TYPES)
        return err_set(e, ERR_LIMIT, "line %u: more than %d types", line, PROCFILE_MAX_TYPES);
    entry->type = strdup(type);
    entry->command = strdup(command);
    p->n++; /* counted even when half built: release frees it */
    if (!entry->type || !entry->command)
        return err_set(e, ERR_NOMEM, "no memory");
    return 0;
}

static int parse_line(struct procfile *p, char *text, unsigned line, struct err *e)
{
    size_t type_len = strspn(text, NAME_CHARS "-");
    char *command;

    if (type_len == 0 || text[type_len] != ':')
        return err_set(e, ERR_INPUT, "line %u: want 'type: command', found '%.60s'", line, text);
    if (type_len > PROCFILE_TYPE_MAX)
        return err_set(e, ERR_LIMIT, "line %u: a type of more than %d characters", line,
                       PROCFILE_TYPE_MAX);
    text[type_len] = '\0';
    command = text + type_len + 1;
    command += strspn(command, " \t");
    if (!*command)
        return err_set(e, ERR_INPUT, "line %u: type '%s' has no command", line, text);
    return add_entry(p, text, command, line, e);
}

int procfile_parse(const char *bytes, size_t len, struct procfile *ret, struct err *e)
{
    AUTO(text_freep) char *text = copy_text(bytes, len, e);
    struct lines lines = {text, 0};
    char *line;

    memset(ret, 0, sizeof *ret);
    if (!text)
        return -1;
    while ((line = lines_next(&lines))) {
        if (!*line || *line == '#')
            continue;
        if (parse_line(ret, line, lines.number, e)) {
            procfile_release(ret);
            return -1;
        }
    }
    return 0;
}

void procfile_release(struct procfile *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->entries[i].type);
        free(p->entries[i].command);
    }
    p->n = 0;
}

char **command_words(const char *command)
{
    size_t first = strcspn(command, " \t"), n = 0;
    char **words, *text, *rest, *word;

    if (command[strspn(command, PLAIN_CHARS)] || memchr(command, '=', first))
        return NULL; /* VAR=value before a command is the shell's to set */
    words = calloc(COMMAND_MAX_WORDS + 2, sizeof *words);
    text = strdup(command);
    if (!words || !text)
        goto none;
    words[0] = text; /* the first word is where the copy starts, so that one free() ends both */
    rest = text + strspn(text, " \t");
    while ((word = strtok_r(rest, " \t", &rest))) {
        if (n == COMMAND_MAX_WORDS)
            goto none;
        words[n++] = word;
    }
    if (n > 0 && words[0] == text)
        return words;
none:
    free(text);
    free(words);
    return NULL;
}

void command_words_free(char **words)
{
    if (!words)
        return;
    free(words[0]);
    free(words);
}

/* Takes one pair of equal quotes off. */
static char *unquote(char *value)
{
    size_t len = strlen(value);

    if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value) {
        value[len - 1] = '\0';
        return value + 1;
    }
    return value;
}

int envfile_parse(const char *bytes, size_t len, env_fn *fn, void *arg, struct err *e)
{
    AUTO(text_freep) char *text = copy_text(bytes, len, e);
    struct lines lines = {text, 0};
    char *line;

    if (!text)
        return -1;
    while ((line = lines_next(&lines))) {
        size_t name_len;

        if (!*line || *line == '#')
            continue;
        if (strncmp(line, "export ", 7) == 0)
            line += 7;
        name_len = strspn(line, NAME_CHARS);
        if (name_len == 0 || line[name_len] != '=' || strchr("0123456789", *line))
            return err_set(e, ERR_INPUT, "line %u: want KEY=VALUE", lines.number);
        line[name_len] = '\0';
        fn(arg, line, unquote(line + name_len + 1));
    }
    return 0;
}
