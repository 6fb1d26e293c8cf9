/*
 * validate_report.h - what settings come to: every effective value, the jobs that the workers of
 * each role can do, and what they cost. Secrets (broker, apikey) are not in it.
 */
#ifndef GUV_TOOL_VALIDATE_REPORT_H
#define GUV_TOOL_VALIDATE_REPORT_H

#include "config/settings.h"

/* Tables, then the warnings, appended to out. Returns 0, or -1: no memory. */
int validate_report_text(const struct guv_settings *s, struct buf *out) MUST_CHECK;

/* The same as one JSON object and a line's end. */
int validate_report_json(const struct guv_settings *s, struct buf *out) MUST_CHECK;

/* {"problems": [...]} of lines as settings_parse() gives them. */
int validate_report_problems_json(const struct buf *lines, struct buf *out) MUST_CHECK;

#endif
