/*
 * run_check.h - guv --check: whether guv would start with the settings there are, for a release
 * that is to fail before an app has a guv that does not.
 */
#ifndef GUV_TOOL_RUN_CHECK_H
#define GUV_TOOL_RUN_CHECK_H

#include "tool/settings_file.h"

/*
 * Whether the environment has a way into a platform: a token, or a platform other than Heroku's.
 * Without one guv cannot run, unless the guv file has a token.
 */
bool run_check_is_used(void);

/*
 * Connects to nothing. A line a problem on standard error, "SETTING: what is wrong", in the words
 * of the service's own programs where it is their setting too. Returns GUV_DONE or GUV_USAGE.
 */
int run_check(const struct settings_file *f, bool is_single);

/* guv is not used here: says so in a line. Returns GUV_DONE, since the other processes do without
 * guv, and a release must not fail for what nobody wants. */
int run_check_unused(void);

#endif
