/*
 * config_source.h - where a guv file comes from, the same for every command: -f FILE, else
 * --config TEXT, else GUV_CONFIG, else graphs/guv.yaml.
 */
#ifndef GUV_TOOL_CONFIG_SOURCE_H
#define GUV_TOOL_CONFIG_SOURCE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define CONFIG_SOURCE_DEFAULT "graphs/guv.yaml"

struct config_source {
    const char *name; /* for messages: a path, "--config" or "GUV_CONFIG". Lent as the options */
    struct buf text;
};

/*
 * file and text are what the options say, or NULL; file "-" is standard input. GUV_CONFIG is the
 * text itself if it has a newline or ": ", as the original's always is, else a path.
 * Returns 0 and *ret for config_source_release(), or -1 with *e naming the source (ERR_INPUT: both
 * are given, or no such file; ERR_LIMIT: longer than settings may be; ERR_NOMEM).
 */
int config_source_read(const char *file, const char *text, struct config_source *ret,
                       struct err *e) MUST_CHECK;
void config_source_release(struct config_source *source); /* for AUTO */

#define CONFIG_SOURCE_INIT                                                                         \
    {                                                                                              \
        NULL, BUF_INIT                                                                             \
    }

/* For the option table of a command: the members of its struct that get the two. */
#define CONFIG_SOURCE_OPTIONS(type, file_member, text_member)                                      \
    {.name = "file",                                                                               \
     .letter = 'f',                                                                                \
     .kind = OPTION_TEXT,                                                                          \
     .value = "FILE",                                                                              \
     .offset = offsetof(type, file_member),                                                        \
     .help = "the settings; - is standard input (GUV_CONFIG, else " CONFIG_SOURCE_DEFAULT ")"},    \
    {                                                                                              \
        .name = "config", .letter = 'c', .kind = OPTION_TEXT, .value = "TEXT",                     \
        .offset = offsetof(type, text_member), .help = "the settings themselves"                   \
    }

#endif
