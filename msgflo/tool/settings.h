/*
 * settings.h - what the msgflo tool takes from the environment where no option says otherwise.
 */
#ifndef MSGFLO_TOOL_SETTINGS_H
#define MSGFLO_TOOL_SETTINGS_H

#include <stddef.h>

#include "base/config.h"

struct tool_settings {
    const char *broker;     /* amqp:// or amqps:// */
    const char *management; /* RabbitMQ's management API, or NULL: derived from the broker's URL */
    const char *ca_file;    /* PEM, of the authorities that amqps:// and https:// are held to */
};

extern const struct config_setting tool_settings_table[];
extern const size_t tool_settings_count;

/* Returns 0, or -1 with *e listing the problems (ERR_INPUT). */
int tool_settings_load(struct tool_settings *ret, struct err *e) MUST_CHECK;

#endif
