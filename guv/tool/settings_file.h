/*
 * settings_file.h - what the commands that look at broker and platform start from: the guv file,
 * read, checked and completed by the environment.
 */
#ifndef GUV_TOOL_SETTINGS_FILE_H
#define GUV_TOOL_SETTINGS_FILE_H

#include "config/settings.h"
#include "live/environment.h"

struct settings_file {
    struct guv_settings settings;
    struct environment environment;
};

/*
 * file and text as config_source_read() takes them. Returns GUV_DONE and *ret for
 * settings_file_release(), or another enum guv_exit with lines on standard error that say why,
 * which begin with the command unless it is NULL.
 */
int settings_file_load(const char *command, const char *file, const char *text,
                       struct settings_file *ret) MUST_CHECK;
void settings_file_release(struct settings_file *f); /* for AUTO */

#endif
