/*
 * platform.h - the apps whose formations guv reads and changes, by Heroku's Platform API. Knows
 * what may be asked and when: retries, rates, limits. Says what to send and takes in what came;
 * the sending is the caller's, who runs several calls at once (http_client.h).
 *
 * A round:  n = platform_reads(..);  run;  while (platform_take_reads(..)) run the n more;
 *           set `wanted` of the types;  for each phase: n = platform_writes(..);  run;
 *           while (platform_take_writes(..)) run the n more.
 * An error on one app holds that app only. Belongs to one thread.
 */
#ifndef GUV_LIVE_PLATFORM_H
#define GUV_LIVE_PLATFORM_H

#include "http/http_client.h"
#include "live/backoff.h"
#include "live/heroku.h"

#define PLATFORM_APPS_MAX 100
#define PLATFORM_PAGES_MAX 10 /* of a formation, after the first; Heroku's have 200 types */
#define PLATFORM_LIMIT_MS                                                                          \
    (10 * 60 * 1000) /* a limit that the platform told is believed so long                         \
                      */
#define PLATFORM_RATE_LOW (HEROKU_RATE_MOST / 10) /* below: only what adds workers */
#define PLATFORM_RATE_LOW_READ_MS 60000           /* and reads so far apart */

/* A process type that guv scales. */
struct scaled_type {
    const char *name; /* lent */
    int current;      /* as the platform showed it last, or took it since; -1: never */
    bool is_missing;  /* the app, when it was read last, had no such type */
    int wanted;       /* current: nothing is asked for */
    int limit;        /* the platform runs no more for now; -1: it has said nothing */
    int64_t limit_until_mono_ms;
};

/* One app. To be looked at; platform.c alone changes it, but for `wanted` of the types. */
struct app {
    const char *name; /* lent */
    struct scaled_type *types;
    size_t n_types;
    bool is_read;      /* in this round: `current` is what the platform shows now */
    bool was_written;  /* the last write of this round was taken */
    char trouble[300]; /* why it could not be read or changed; "": all is well */
    unsigned errors;   /* since the start */

    int64_t read_mono_ms; /* when `current` was shown last */
    struct backoff reads, writes;
    struct http_call call;
    bool is_running;               /* the call was given out */
    bool is_retried;               /* after a limit, once a round */
    struct heroku_formation shown; /* while pages come, and */
    int pages;                     /* how many came after the first */
    struct buf url, body;
    char range[HTTP_RANGE_SIZE + 16];
};

struct platform {
    struct app *apps;
    size_t n_apps;
    double rate_remaining; /* requests, as the platform told last; NAN: it has not */
    struct backoff all;    /* 429 counts for the whole account */
    char *base_url;        /* without a slash at its end */
    char *authorization;   /* the header; a secret */
    char agent[64];
};

/* token NULL: none is sent. base_url NULL: Heroku's. Returns 0, or -1 (ERR_INPUT: a token
 * that would end its header; ERR_NOMEM). */
int platform_init(struct platform *p, const char *base_url, const char *token,
                  struct err *e) MUST_CHECK;
void platform_release(struct platform *p);

/* Adds a type of an app, before the first round. The texts are lent. Returns 0 and where it is
 * (app and type by index), or -1 (ERR_INPUT: it is there already; ERR_LIMIT; ERR_NOMEM). */
int platform_add(struct platform *p, const char *app, const char *type, size_t *ret_app,
                 size_t *ret_type, struct err *e) MUST_CHECK;

/* Each gives the calls to run, at most PLATFORM_APPS_MAX, and returns how many. */
size_t platform_reads(struct platform *p, struct http_call **ret, int64_t now_mono_ms);
size_t platform_take_reads(struct platform *p, struct http_call **ret, int64_t now_mono_ms);

/* Workers are taken away before others are added: first the apps in which some are taken away. */
enum platform_phase { PLATFORM_FIRST_DOWN, PLATFORM_THEN_UP };

size_t platform_writes(struct platform *p, enum platform_phase phase, struct http_call **ret,
                       int64_t now_mono_ms);
size_t platform_take_writes(struct platform *p, struct http_call **ret, int64_t now_mono_ms);

/* How many workers the type may have now: n, or the platform's limit. */
int platform_limited(const struct scaled_type *t, int n, int64_t now_mono_ms);

/* Whether there is something wanted that the platform has not taken, and the monotonic time from
 * which it may be asked for again. */
bool platform_retry_at(const struct platform *p, int64_t *ret_mono_ms);

/* Nothing is wanted but what runs. */
void platform_forget_wishes(struct platform *p);

/* Fewer requests are left than a tenth. */
bool platform_is_rate_low(const struct platform *p);

#endif
