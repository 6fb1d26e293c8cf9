/*
 * request.h - what a download and an S3 put have in common: one transfer after the other on the
 * fetcher's curl_multi, until an end or a deadline, and then one report. Private to lib/fetch.
 */
#ifndef FETCH_REQUEST_H
#define FETCH_REQUEST_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "budget.h"
#include "fetch/fetch.h"

struct request_kind {
    /* The transfer on f->easy is over, or the deadline has passed (CURLE_OPERATION_TIMEDOUT).
     * Returns whether the request is over too; if not, f->easy is set up for the next transfer. */
    bool (*transfer_ended)(struct fetch *f, CURLcode code);
    void (*report)(struct fetch *f); /* tells whoever asked */
    void (*free)(struct fetch *f);   /* all but f->easy, and f itself */
};

/* The first member of each kind's own struct. */
struct fetch {
    const struct request_kind *kind;
    struct fetcher *fetcher;
    TAILQ_ENTRY(fetch) link; /* in fetcher->live or fetcher->ended */
    CURL *easy;
    int64_t deadline_mono_ms;
    int64_t paused_mono_ms; /* since when the byte budget holds it up; 0: it does not */
    enum { FETCH_NEW, FETCH_LIVE, FETCH_ENDED, FETCH_REPORTING } state;
};

TAILQ_HEAD(fetch_list, fetch);

struct fetcher {
    CURLM *multi;
    struct fetcher_options options;
    char *user_agent;
    char *ca_file; /* or NULL */
    struct budget budget;
    struct fetch_list live;  /* on the multi, in the order of their start */
    struct fetch_list ended; /* to be reported */
    struct curl_waitfd *wait;
    size_t wait_size;
};

/* Makes f->easy with the options that every request has. Returns 0, or -1 with *e. */
int request_init(struct fetch *f, struct fetcher *fetcher, const struct request_kind *kind,
                 int64_t timeout_ms, struct err *e) MUST_CHECK;

/* Puts it on the multi. Returns 0, or -1 with *e. */
int request_start(struct fetch *f, struct err *e) MUST_CHECK;

/* Ends it before any transfer; it is reported by the next fetcher_poll(). */
void request_end_unstarted(struct fetch *f);

/* For a write callback that returns CURL_WRITEFUNC_PAUSE for want of budget. Until there is some,
 * the deadline stands still: the wait is ours, not the server's fault. */
void request_paused(struct fetch *f);

/* Takes it off the multi and frees it. */
void request_free(struct fetch *f);

#endif
