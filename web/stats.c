/*
 * Design notes. A group is a bucket of a priority, and each priority is one more for the whole
 * range. Percentiles are found by selection, in place, which for a few hundred thousand times is
 * milliseconds where sorting them would be a tenth of a second: other requests wait meanwhile.
 */
#include "stats.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rank.h"

#define CODES_MAX 40 /* participants of others may make up codes; the rest counts as "other" */
#define CODE_SIZE 40
#define OTHER_CODE "other"

static const char *const priorities[] = {"interactive", "bulk"};
#define PRIORITIES (sizeof priorities / sizeof *priorities)

static const char *const measures[] = {"waiting_s", "processing_s", "completion_s"};
#define MEASURES (sizeof measures / sizeof *measures)

struct group {
    int64_t arrived, completed, failed, cancelled;
    size_t timed; /* its images among the times */
};

struct times {
    uint32_t group;
    float s[MEASURES];
};

struct code {
    char name[CODE_SIZE];
    int64_t images;
};

struct stats {
    struct stats_query query;
    int64_t first; /* bucket of the range, counted from 1970 on */
    size_t buckets;
    struct group *groups; /* by bucket, then by priority */
    struct times *times;
    size_t count, size;
    struct code codes[CODES_MAX];
    size_t code_count;
};

struct stats *stats_new(const struct stats_query *query)
{
    struct stats *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->query = *query;
    s->first = query->since_ms / query->bucket_ms;
    s->buckets = (size_t)stats_query_buckets(query);
    s->groups = calloc(s->buckets * PRIORITIES, sizeof *s->groups);
    if (s->groups)
        return s;
    free(s);
    return NULL;
}

void stats_free(struct stats *s)
{
    if (!s)
        return;
    free(s->groups);
    free(s->times);
    free(s);
}

/* ---- adding */

/* The group of what was at that time, or -1 for none. */
static long group_find(const struct stats *s, int64_t at_ms, const char *priority)
{
    if (at_ms < s->query.since_ms || at_ms >= s->query.until_ms)
        return -1;
    for (size_t i = 0; i < PRIORITIES; i++)
        if (strcmp(priorities[i], priority) == 0)
            return (long)((size_t)(at_ms / s->query.bucket_ms - s->first) * PRIORITIES + i);
    return -1;
}

void stats_add_arrivals(struct stats *s, int64_t at_ms, const char *priority, int images)
{
    const long group = group_find(s, at_ms, priority);

    if (group >= 0)
        s->groups[group].arrived += images;
}

static size_t code_find(const struct stats *s, const char *code)
{
    size_t i = 0;

    while (i < s->code_count && strcmp(s->codes[i].name, code) != 0)
        i++;
    return i;
}

static void count_code(struct stats *s, const char *code)
{
    size_t i;

    if (!code || strlen(code) >= CODE_SIZE)
        code = OTHER_CODE;
    i = code_find(s, code);
    if (i == s->code_count && i >= CODES_MAX - 1) {
        code = OTHER_CODE; /* has the last place, or one before */
        i = code_find(s, code);
    }
    if (i == s->code_count) {
        memcpy(s->codes[i].name, code, strlen(code) + 1);
        s->code_count++;
    }
    s->codes[i].images++;
}

static int keep_times(struct stats *s, size_t group, const struct stats_image *image)
{
    const double given[MEASURES] = {image->waiting_s, image->processing_s, image->completion_s};
    struct times *grown;

    if (s->count == s->size) {
        const size_t size = s->size ? s->size * 2 : 1024;

        grown = realloc(s->times, size * sizeof *grown);
        if (!grown)
            return -1;
        s->times = grown;
        s->size = size;
    }
    s->times[s->count].group = (uint32_t)group;
    for (size_t i = 0; i < MEASURES; i++)
        s->times[s->count].s[i] = (float)given[i];
    s->count++;
    s->groups[group].timed++;
    return 0;
}

int stats_add_image(struct stats *s, const struct stats_image *image)
{
    const long found = group_find(s, image->at_ms, image->priority);
    struct group *group = found < 0 ? NULL : &s->groups[found];

    if (!group)
        return 0;
    if (strcmp(image->status, "cancelled") == 0) {
        group->cancelled++;
        return 0; /* the time until somebody gave up says nothing of the service */
    }
    if (strcmp(image->status, "failed") == 0) {
        group->failed++;
        count_code(s, image->code);
    } else {
        group->completed++;
    }
    return keep_times(s, (size_t)found, image);
}

/* ---- percentiles */

/* As percentile_cont() of SQL, whose rank may lie between two values. */
static double percentile(double *v, size_t n, double fraction)
{
    const double rank = fraction * (double)(n - 1);
    const size_t below = (size_t)rank;
    double value, next;

    rank_select(v, n, below);
    value = v[below];
    if (below + 1 == n)
        return value;
    rank_select(v + below + 1, n - below - 1, 0);
    next = v[below + 1];
    return value + (next - value) * (rank - (double)below);
}

/* Seconds to the millisecond; null of none. */
static json_t *percentile_json(double *v, size_t n, double fraction)
{
    return n ? json_real(round(percentile(v, n, fraction) * 1000) / 1000) : json_null();
}

static json_t *percentiles_json(double *v, size_t n)
{
    return json_pack("{s:o, s:o, s:o}", "p50", percentile_json(v, n, 0.5), "p90",
                     percentile_json(v, n, 0.9), "p99", percentile_json(v, n, 0.99));
}

/* ---- writing */

static json_t *time_json(int64_t wall_ms)
{
    char text[TIMESTAMP_SIZE];

    clock_timestamp(wall_ms, text);
    return json_string(text);
}

/* Adds the percentiles of n times, which stand together. scratch has room for so many. */
static int add_percentiles(json_t *json, const struct times *times, size_t n, double *scratch)
{
    for (size_t m = 0; m < MEASURES; m++) {
        size_t known = 0;

        for (size_t i = 0; i < n; i++)
            if (!isnan(times[i].s[m]))
                scratch[known++] = (double)times[i].s[m];
        if (json_object_set_new(json, measures[m], percentiles_json(scratch, known)))
            return -1;
    }
    return 0;
}

/* A group, seen for so many seconds. at_ms < 0: the whole range. */
static json_t *group_json(const struct group *g, const char *priority, int64_t at_ms, double seen_s,
                          const struct times *times, double *scratch)
{
    const double rate = seen_s > 0 ? (double)(g->completed + g->failed) / seen_s : 0;
    json_t *json = json_object();

    if ((at_ms < 0 || json_object_set_new(json, "at", time_json(at_ms)) == 0) &&
        json_object_set_new(json, "priority", json_string(priority)) == 0 &&
        json_object_set_new(json, "arrived", json_integer(g->arrived)) == 0 &&
        json_object_set_new(json, "completed", json_integer(g->completed)) == 0 &&
        json_object_set_new(json, "failed", json_integer(g->failed)) == 0 &&
        json_object_set_new(json, "cancelled", json_integer(g->cancelled)) == 0 &&
        json_object_set_new(json, "images_per_second", json_real(round(rate * 1000) / 1000)) == 0 &&
        add_percentiles(json, times, g->timed, scratch) == 0)
        return json;
    json_decref(json);
    return NULL;
}

/* Seconds of the time from a to b that are in the range and are over. */
static double seen_s(const struct stats *s, int64_t a_ms, int64_t b_ms, int64_t now_ms)
{
    if (a_ms < s->query.since_ms)
        a_ms = s->query.since_ms;
    if (b_ms > s->query.until_ms)
        b_ms = s->query.until_ms;
    if (b_ms > now_ms)
        b_ms = now_ms;
    return b_ms > a_ms ? (double)(b_ms - a_ms) / 1000 : 0;
}

static bool is_empty(const struct group *g)
{
    return g->arrived + g->completed + g->failed + g->cancelled == 0;
}

/* The times by group, those of a bucket together. New, or NULL at no memory. */
static struct times *times_in_order(const struct stats *s, size_t *ret_starts)
{
    struct times *ordered = malloc((s->count + 1) * sizeof *ordered);
    size_t start = 0;

    if (!ordered)
        return NULL;
    for (size_t i = 0; i < s->buckets * PRIORITIES; i++) {
        ret_starts[i] = start;
        start += s->groups[i].timed;
    }
    for (size_t i = 0; i < s->count; i++)
        ordered[ret_starts[s->times[i].group]++] = s->times[i];
    for (size_t i = 0; i < s->buckets * PRIORITIES; i++)
        ret_starts[i] -= s->groups[i].timed;
    return ordered;
}

static int add_buckets(json_t *list, const struct stats *s, int64_t now_ms,
                       const struct times *ordered, const size_t *starts, double *scratch)
{
    for (size_t i = 0; i < s->buckets * PRIORITIES; i++) {
        const int64_t at_ms = (s->first + (int64_t)(i / PRIORITIES)) * s->query.bucket_ms;
        const double seconds = seen_s(s, at_ms, at_ms + s->query.bucket_ms, now_ms);

        if (!is_empty(&s->groups[i]) &&
            json_array_append_new(list, group_json(&s->groups[i], priorities[i % PRIORITIES], at_ms,
                                                   seconds, ordered + starts[i], scratch)))
            return -1;
    }
    return 0;
}

/* All of a priority; its times are put together at ordered, which is written over. */
static json_t *total_json(const struct stats *s, size_t priority, int64_t now_ms,
                          struct times *ordered, double *scratch)
{
    struct group sum = {0, 0, 0, 0, 0};

    for (size_t i = priority; i < s->buckets * PRIORITIES; i += PRIORITIES) {
        sum.arrived += s->groups[i].arrived;
        sum.completed += s->groups[i].completed;
        sum.failed += s->groups[i].failed;
        sum.cancelled += s->groups[i].cancelled;
    }
    for (size_t i = 0; i < s->count; i++)
        if (s->times[i].group % PRIORITIES == priority)
            ordered[sum.timed++] = s->times[i];
    return group_json(&sum, priorities[priority], -1,
                      seen_s(s, s->query.since_ms, s->query.until_ms, now_ms), ordered, scratch);
}

static int compare_codes(const void *a, const void *b)
{
    const struct code *x = a, *y = b;

    return x->images != y->images ? (x->images < y->images ? 1 : -1) : strcmp(x->name, y->name);
}

static json_t *failures_json(struct stats *s)
{
    json_t *list = json_array();

    qsort(s->codes, s->code_count, sizeof *s->codes, compare_codes);
    for (size_t i = 0; i < s->code_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:I}", "code", s->codes[i].name, "images",
                                              (json_int_t)s->codes[i].images));
    return list;
}

char *stats_json(struct stats *s, int64_t now_ms)
{
    size_t *starts = calloc(s->buckets * PRIORITIES, sizeof *starts);
    double *scratch = malloc((s->count + 1) * sizeof *scratch);
    struct times *ordered = starts ? times_in_order(s, starts) : NULL;
    json_t *buckets = json_array(), *totals = json_array(), *json = NULL;
    char *text = NULL;
    bool bad = !ordered || !scratch || add_buckets(buckets, s, now_ms, ordered, starts, scratch);

    for (size_t i = 0; !bad && i < PRIORITIES; i++)
        bad = json_array_append_new(totals, total_json(s, i, now_ms, ordered, scratch));
    json =
        json_pack("{s:o, s:o, s:I, s:o, s:o, s:o}", "since", time_json(s->query.since_ms), "until",
                  time_json(s->query.until_ms), "bucket_s", (json_int_t)(s->query.bucket_ms / 1000),
                  "buckets", buckets, "totals", totals, "failures", failures_json(s));
    if (!bad && json)
        text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(json);
    free(starts);
    free(scratch);
    free(ordered);
    return text;
}
