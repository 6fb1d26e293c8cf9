#include "stats_query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SINCE_DEFAULT "15m"
#define BUCKETS_WANTED 90 /* where the question leaves it to us */
#define SECOND_MS INT64_C(1000)
#define DAY_S INT64_C(86400)

const char *const stats_query_names[] = {"since", "until", "bucket", NULL};

/* What people read off a scale easily; the last is the longest there is. */
static const int64_t round_s[] = {1,   2,   5,    10,   15,   30,    60,    120,   300,
                                  600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY_S};

#define ROUND_COUNT (sizeof round_s / sizeof *round_s)

/* The least of them with which the range has so many buckets at most; the longest if none has. */
static int64_t bucket_for(int64_t range_ms, int64_t buckets)
{
    size_t i = 0;

    while (i + 1 < ROUND_COUNT && range_ms > round_s[i] * SECOND_MS * buckets)
        i++;
    return round_s[i] * SECOND_MS;
}

static int parse_range(struct parameters *p, int64_t now_ms, struct stats_query *q)
{
    const char *since = parameters_value(p, "since"), *until = parameters_value(p, "until");
    const int64_t longest_ms = DAY_S * SECOND_MS * STATS_BUCKETS_MAX;
    int bad = parameters_moment(p, "since", since ? since : SINCE_DEFAULT, now_ms, &q->since_ms);

    q->until_ms = now_ms;
    if (until)
        bad |= parameters_moment(p, "until", until, now_ms, &q->until_ms);
    if (bad)
        return -1;
    if (q->since_ms >= q->until_ms)
        return problems_add_parameter(&p->problems, "since", "must be before %s",
                                      until ? "until" : "now");
    if (q->until_ms - q->since_ms > longest_ms)
        return problems_add_parameter(&p->problems, "since", "must be at most %d days before until",
                                      STATS_BUCKETS_MAX);
    return 0;
}

static void parse_bucket(struct parameters *p, bool has_range, struct stats_query *q)
{
    const char *text = parameters_value(p, "bucket");
    const int64_t range_ms = q->until_ms - q->since_ms;

    q->bucket_ms = bucket_for(range_ms, BUCKETS_WANTED);
    if (!text)
        return;
    if (parameters_span(text, &q->bucket_ms) || q->bucket_ms > DAY_S * SECOND_MS)
        problems_add_parameter(&p->problems, "bucket", "must be 1s..1d, as 10s, 5m or 1h");
    else if (has_range && range_ms > q->bucket_ms * STATS_BUCKETS_MAX)
        problems_add_parameter(
            &p->problems, "bucket",
            "must be at least %" PRId64 "s for this range: there are at most %d buckets",
            (range_ms / SECOND_MS + STATS_BUCKETS_MAX - 1) / STATS_BUCKETS_MAX, STATS_BUCKETS_MAX);
}

int stats_query_parse(struct parameters *p, int64_t now_ms, struct stats_query *ret)
{
    memset(ret, 0, sizeof *ret);
    parse_bucket(p, parse_range(p, now_ms, ret) == 0, ret);
    for (const char *const *name = stats_query_names; *name; name++) {
        const char *value = parameters_value(p, *name);
        const size_t len = strlen(ret->key);

        /* Long ones are faulty, and are not asked. */
        snprintf(ret->key + len, sizeof ret->key - len, "%s&", value ? value : "");
    }
    return p->problems.count ? -1 : 0;
}

int stats_query_buckets(const struct stats_query *q)
{
    return (int)((q->until_ms - 1) / q->bucket_ms - q->since_ms / q->bucket_ms + 1);
}
