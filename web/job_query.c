/*
 * Design notes. A cursor is hexadecimal digits, of fixed lengths: its version (2), the last job's
 * id (32), the start of the range (12: milliseconds since 1970; "15m" is as long ago on the last
 * page as on the first), a hash of the filters (8), and one of all of it (8). Nothing in it is
 * secret or is believed: a forged one only begins elsewhere. The hashes are for honest mistakes: a
 * cursor that was cut, one of another service, one that is sent with other filters than its own.
 */
#include "job_query.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"

#define CURSOR_VERSION "01"

enum { PART_VERSION = 0, PART_ID = 2, PART_SINCE = 34, PART_FILTERS = 46, PART_CHECK = 54 };

static const char after_all[] = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const char *const job_query_names[] = {"status", "priority", "since", "until",
                                       "limit",  "cursor",   NULL};

/* FNV-1a, with a NUL after each text. */
static uint32_t hash_text(uint32_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i <= len; i++)
        hash = (hash ^ (i < len ? (unsigned char)text[i] : 0U)) * UINT32_C(16777619);
    return hash;
}

#define HASH_INIT UINT32_C(2166136261)

/* ---- words */

static const char *const statuses[] = {"queued", "running", "completed", "failed", "cancelled"};
static const char *const priorities[] = {"interactive", "bulk"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* The number of the word of len bytes at text, or n. */
static size_t word_find(const char *const *words, size_t n, const char *text, size_t len)
{
    size_t i = 0;

    while (i < n && (strlen(words[i]) != len || memcmp(words[i], text, len) != 0))
        i++;
    return i;
}

/* A bit for each word of a list with commas between; NULL is all. 0 for another text. */
static unsigned words_parse(const char *const *words, size_t n, const char *text)
{
    unsigned found = 0;

    if (!text)
        return (1U << n) - 1;
    for (;; text++) {
        const size_t len = strcspn(text, ","), i = word_find(words, n, text, len);

        if (i == n)
            return 0;
        found |= 1U << i;
        text += len;
        if (!*text)
            return found;
    }
}

static void words_write(const char *const *words, size_t n, unsigned found, char *ret, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        if (found & 1U << i)
            len += (size_t)snprintf(ret + len, size - len, "%c%s", len ? ',' : '{', words[i]);
    snprintf(ret + len, size - len, "}");
}

/* ---- cursors */

static uint32_t hash_cursor(const char *cursor)
{
    return hash_text(HASH_INIT, cursor, PART_CHECK);
}

void job_query_next(const struct job_query *q, const char *last, char ret[CURSOR_SIZE])
{
    char *out = ret + snprintf(ret, CURSOR_SIZE, CURSOR_VERSION);

    for (; *last; last++)
        if (*last != '-')
            *out++ = *last;
    snprintf(out, CURSOR_SIZE - PART_SINCE, "%012" PRIx64 "%08" PRIx32, (uint64_t)q->since_ms,
             q->filters);
    snprintf(ret + PART_CHECK, CURSOR_SIZE - PART_CHECK, "%08" PRIx32, hash_cursor(ret));
}

/* The number in digits of a cursor from first to before end. */
static uint64_t part(const char *cursor, size_t first, size_t end)
{
    char digits[17];

    snprintf(digits, sizeof digits, "%.*s", (int)(end - first), cursor + first);
    return strtoull(digits, NULL, 16);
}

static void cursor_parse(struct parameters *p, const char *cursor, struct job_query *q)
{
    const size_t len = strlen(cursor);

    if (len != CURSOR_SIZE - 1 || strspn(cursor, "0123456789abcdef") != len ||
        part(cursor, PART_CHECK, len) != hash_cursor(cursor) ||
        strncmp(cursor, CURSOR_VERSION, PART_ID) != 0) {
        problems_add_parameter(&p->problems, "cursor",
                               "must be one that an answer of this list gave as next");
        return;
    }
    if (part(cursor, PART_FILTERS, PART_CHECK) != q->filters) {
        problems_add_parameter(&p->problems, "cursor",
                               "belongs to a list with other filters: status, priority, since and "
                               "until must be as they were");
        return;
    }
    q->since_ms = (int64_t)part(cursor, PART_SINCE, PART_FILTERS);
    snprintf(q->before, sizeof q->before, "%.8s-%.4s-%.4s-%.4s-%.12s", cursor + PART_ID,
             cursor + PART_ID + 8, cursor + PART_ID + 12, cursor + PART_ID + 16,
             cursor + PART_ID + 20);
}

/* ---- parameters */

static void parse_words(struct parameters *p, struct job_query *q)
{
    const unsigned status = words_parse(statuses, COUNT(statuses), parameters_value(p, "status"));
    const unsigned priority =
        words_parse(priorities, COUNT(priorities), parameters_value(p, "priority"));

    if (!status)
        problems_add_parameter(&p->problems, "status",
                               "must be one or several of queued, running, completed, failed, "
                               "cancelled, with commas between");
    if (!priority)
        problems_add_parameter(&p->problems, "priority",
                               "must be interactive or bulk, or both with a comma between");
    words_write(statuses, COUNT(statuses), status, q->statuses, sizeof q->statuses);
    words_write(priorities, COUNT(priorities), priority, q->priorities, sizeof q->priorities);
}

static void parse_limit(struct parameters *p, int64_t max_limit, struct job_query *q)
{
    const char *text = parameters_value(p, "limit");
    int64_t limit = max_limit < JOB_QUERY_LIMIT_DEFAULT ? max_limit : JOB_QUERY_LIMIT_DEFAULT;

    if (text && (config_parse_number(text, &limit) || limit < 1 || limit > max_limit))
        problems_add_parameter(&p->problems, "limit", "must be 1..%" PRId64, max_limit);
    q->limit = (int)limit;
}

static void parse_range(struct parameters *p, int64_t now_ms, struct job_query *q)
{
    const char *since = parameters_value(p, "since"), *until = parameters_value(p, "until");
    int64_t since_ms = 0, until_ms = 0;
    bool good = true;

    memcpy(q->before, after_all, sizeof after_all);
    if (since)
        good &= parameters_moment(p, "since", since, now_ms, &since_ms) == 0;
    if (until)
        good &= parameters_moment(p, "until", until, now_ms, &until_ms) == 0;
    /* A cursor has its own start, which may be earlier than that of "15m" by now. */
    if (good && since && until && since_ms >= until_ms && !parameters_value(p, "cursor"))
        problems_add_parameter(&p->problems, "since", "must be before until");
    if (until)
        uuid_least(until_ms, q->before);
    q->since_ms = since_ms;
}

/* What lists must have in common for a cursor to pass between them. The texts, and not the times:
 * "15m" stays the same list. */
static uint32_t hash_filters(const struct parameters *p, const struct job_query *q)
{
    const char *since = parameters_value(p, "since"), *until = parameters_value(p, "until");
    uint32_t hash = hash_text(HASH_INIT, q->statuses, strlen(q->statuses));

    hash = hash_text(hash, q->priorities, strlen(q->priorities));
    hash = hash_text(hash, since ? since : "", since ? strlen(since) : 0);
    return hash_text(hash, until ? until : "", until ? strlen(until) : 0);
}

int job_query_parse(struct parameters *p, int64_t now_ms, int64_t max_limit, struct job_query *ret)
{
    const char *cursor = parameters_value(p, "cursor");

    memset(ret, 0, sizeof *ret);
    parse_words(p, ret);
    parse_limit(p, max_limit, ret);
    parse_range(p, now_ms, ret);
    ret->filters = hash_filters(p, ret);
    if (cursor)
        cursor_parse(p, cursor, ret);
    uuid_least(ret->since_ms, ret->from);
    return p->problems.count ? -1 : 0;
}
