/*
 * log.h - one event a line on standard output, as logfmt:
 *     level=info event=image_done job=0192... image=0192... took_ms=41
 * Programs log; libraries return errors. A line is at most LOG_LINE_MAX bytes, so that no log
 * router splits it (Heroku's does at 10,000), and is written whole by one write(). Safe from any
 * thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "err.h"

#define LOG_LINE_MAX 8000

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* What every line of this process starts with beside the level, such as "role=resize"; lent for
 * ever. Lines below least are dropped. Call once, before other threads start. */
void log_init(const char *prefix, enum log_level least);

/*
 * event names what happened (snake_case). fmt gives the fields; write a text that may hold blanks
 * or quotes through log_quote(): log_info("image_failed", "job=%s message=%s", id,
 * log_quote(text)).
 */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define log_debug(...) log_event(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_event(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_event(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_event(LOG_ERROR, __VA_ARGS__)

/*
 * text in double quotes, with quotes, backslashes and control characters escaped, cut at 1000
 * bytes. Lent until the eighth next call in the same thread.
 */
const char *log_quote(const char *text);

/* Hides the password of a URL: "amqp://me:xxx@host/". Lent as log_quote()'s. */
const char *log_url(const char *url);

#endif
