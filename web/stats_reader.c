/*
 * Design notes. web has three connections to Postgres and no fourth for this, and the reader's
 * serves GET /jobs/{id} too. So no statement of this may be long, however long the range and
 * however many images are in it: a question is asked in slices by index, and all that takes the
 * whole (percentiles) is done here. IMAGERESIZE_MAX_STATS bounds the slices of a question, and so
 * its time and memory. An answer is kept for a second, or four times as long as it took where that
 * is more: however many ask, and whatever, statistics take a part of the reader's time only.
 */
#include "stats_reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "stats_sql.h"
#include "web/request.h"
#include "web/stats.h"

#define SLICE_ROWS 2000  /* as in the statements */
#define QUESTIONS_MAX 16 /* different ones */
#define FRESH_MS 1000
#define FRESH_FACTOR 4
#define MOMENT_SIZE 48

enum question_state {
    QUESTION_NONE,
    QUESTION_ASKED,
    QUESTION_JOBS,   /* its jobs are being read */
    QUESTION_IMAGES, /* its images are */
    QUESTION_ANSWERED
};

struct question {
    enum question_state state;
    struct stats_query query;
    struct request *asking; /* who waits for it, by next_asking */
    uint64_t turn;          /* the least is next */
    int64_t began_mono_ms;

    /* owner: its steps */
    struct stats *stats;
    int64_t rows;
    char after_id[UUID_SIZE], after_at[MOMENT_SIZE];

    /* QUESTION_ANSWERED */
    char *body; /* NULL: too many rows */
    int64_t fresh_until_mono_ms;
};

struct stats_reader {
    struct web *web;
    uint64_t turns;
    struct question questions[QUESTIONS_MAX];
};

struct stats_reader *stats_reader_new(struct web *web, struct err *e)
{
    struct stats_reader *sr = calloc(1, sizeof *sr);

    if (!sr) {
        err_set(e, ERR_NOMEM, "the reader of statistics");
        return NULL;
    }
    sr->web = web;
    return sr;
}

/* Takes the next one off the list of who asks. */
static struct request *next_asking(struct question *q)
{
    struct request *r = q->asking;

    if (r)
        q->asking = r->next_asking;
    return r;
}

static void clear(struct question *q)
{
    struct request *r;

    while ((r = next_asking(q)))
        request_drop(r);
    stats_free(q->stats);
    free(q->body);
    memset(q, 0, sizeof *q);
}

void stats_reader_free(struct stats_reader *sr)
{
    for (size_t i = 0; sr && i < QUESTIONS_MAX; i++)
        clear(&sr->questions[i]);
    free(sr);
}

/* ---- answers */

static void answer_too_many(struct stats_reader *sr, struct answer *a)
{
    struct problems problems = PROBLEMS_INIT;

    problems_add_parameter(&problems, "since",
                           "more than %" PRId64 " jobs and images are in this range, the most that "
                           "statistics are made of here (IMAGERESIZE_MAX_STATS): ask for a shorter "
                           "one",
                           sr->web->settings.max_stats);
    answer_validation(a, &problems);
    problems_release(&problems);
}

static void answer(struct stats_reader *sr, const struct question *q, struct request *r)
{
    struct answer a = ANSWER_INIT;

    if (q->body)
        answer_json(&a, 200, strdup(q->body));
    else
        answer_too_many(sr, &a);
    if (request_reserve(r, &sr->web->held_bytes, a.body_len, HELD_BYTES_MAX)) {
        answer_release(&a);
        answer_problem(&a, 503, "too much is in hand already");
    }
    request_settle(r, &a);
}

/* body is taken; NULL says that the question is too large. */
static void finish(struct stats_reader *sr, struct question *q, char *body_taken)
{
    const int64_t now = clock_mono_ms(), took_ms = now - q->began_mono_ms;
    const int64_t fresh_ms = took_ms * FRESH_FACTOR;
    struct request *r;

    stats_free(q->stats);
    q->stats = NULL;
    q->body = body_taken;
    q->state = QUESTION_ANSWERED;
    q->fresh_until_mono_ms = now + (fresh_ms > FRESH_MS ? fresh_ms : FRESH_MS);
    while ((r = next_asking(q)))
        answer(sr, q, r);
}

/* ---- asking */

static bool is_in_work(const struct question *q)
{
    return q->state != QUESTION_NONE && q->state != QUESTION_ANSWERED;
}

static bool is_fresh(const struct question *q)
{
    return q->state == QUESTION_ANSWERED && clock_mono_ms() < q->fresh_until_mono_ms;
}

static struct question *find(struct stats_reader *sr, const char *key)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct question *q = &sr->questions[i];

        if ((is_in_work(q) || is_fresh(q)) && strcmp(q->query.key, key) == 0)
            return q;
    }
    return NULL;
}

/* A place for a new question, that of the answer longest known if there is no other; NULL when all
 * are in work. */
static struct question *make_place(struct stats_reader *sr)
{
    struct question *oldest = NULL;

    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct question *q = &sr->questions[i];

        if (!is_in_work(q) && (!oldest || q->turn < oldest->turn))
            oldest = q;
    }
    if (oldest)
        clear(oldest);
    return oldest;
}

void stats_reader_ask(struct stats_reader *sr, struct request *r)
{
    struct question *q = find(sr, r->stats->key);
    struct answer a = ANSWER_INIT;

    if (q && q->state == QUESTION_ANSWERED) {
        answer(sr, q, r);
        return;
    }
    if (!q && (q = make_place(sr))) {
        q->state = QUESTION_ASKED;
        q->query = *r->stats;
        q->turn = ++sr->turns;
    }
    if (q) {
        r->next_asking = q->asking;
        q->asking = r;
        return;
    }
    answer_problem(&a, 503, "too many different statistics are asked for at once");
    request_settle(r, &a);
}

/* ---- reading */

static bool is_anybody_there(const struct question *q)
{
    for (struct request *r = q->asking; r; r = r->next_asking)
        if (!request_is_settled(r))
            return true;
    return false;
}

/* Whose turn it is; NULL: nobody's. */
static struct question *next_question(struct stats_reader *sr)
{
    struct question *next = NULL;

    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct question *q = &sr->questions[i];

        if (is_in_work(q) && (!next || q->turn < next->turn))
            next = q;
    }
    return next;
}

bool stats_reader_has_work(struct stats_reader *sr)
{
    return next_question(sr) != NULL;
}

/* NULL for SQL's null. */
static const char *text_at(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column) ? NULL : PQgetvalue(res, row, column);
}

static double seconds_at(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column) ? (double)NAN : strtod(PQgetvalue(res, row, column), NULL);
}

static int64_t ms_at(const PGresult *res, int row, int column)
{
    return strtoll(PQgetvalue(res, row, column), NULL, 10);
}

static int begin(struct question *q, struct err *e)
{
    q->began_mono_ms = clock_mono_ms();
    q->stats = stats_new(&q->query);
    if (!q->stats)
        return err_set(e, ERR_NOMEM, "statistics");
    uuid_least(q->query.since_ms, q->after_id);
    q->state = QUESTION_JOBS;
    return 0;
}

/* Each returns how many rows it has read, or -1 with *e. */
static int read_jobs(struct question *q, struct db *db, struct err *e)
{
    AUTO(pg_clearp) PGresult *res = NULL;
    char before[UUID_SIZE];
    int n;

    uuid_least(q->query.until_ms, before);
    res = db_exec(db, web_stats_jobs_sql, 2, (const char *[]){q->after_id, before}, e);
    if (!res)
        return -1;
    n = PQntuples(res);
    for (int i = 0; i < n; i++)
        stats_add_arrivals(q->stats, ms_at(res, i, 1), PQgetvalue(res, i, 2),
                           atoi(PQgetvalue(res, i, 3)));
    if (n > 0)
        snprintf(q->after_id, sizeof q->after_id, "%s", PQgetvalue(res, n - 1, 0));
    return n;
}

static int read_images(struct question *q, struct db *db, struct err *e)
{
    AUTO(pg_clearp) PGresult *res = NULL;
    char before[TIMESTAMP_SIZE];
    int n;

    clock_timestamp(q->query.until_ms, before);
    res =
        db_exec(db, web_stats_images_sql, 3, (const char *[]){q->after_at, q->after_id, before}, e);
    if (!res)
        return -1;
    n = PQntuples(res);
    for (int i = 0; i < n; i++) {
        const struct stats_image image = {
            .at_ms = ms_at(res, i, 2),
            .priority = PQgetvalue(res, i, 3),
            .status = PQgetvalue(res, i, 4),
            .code = text_at(res, i, 5),
            .waiting_s = seconds_at(res, i, 6),
            .processing_s = seconds_at(res, i, 7),
            .completion_s = seconds_at(res, i, 8),
        };

        if (stats_add_image(q->stats, &image))
            return err_set(e, ERR_NOMEM, "statistics of %" PRId64 " images", q->rows);
    }
    if (n > 0) {
        snprintf(q->after_at, sizeof q->after_at, "%s", PQgetvalue(res, n - 1, 0));
        snprintf(q->after_id, sizeof q->after_id, "%s", PQgetvalue(res, n - 1, 1));
    }
    return n;
}

/* The last slice of its kind has been read. */
static int go_on(struct stats_reader *sr, struct question *q, struct err *e)
{
    char *body;

    if (q->state == QUESTION_JOBS) {
        clock_timestamp(q->query.since_ms, q->after_at);
        uuid_least(0, q->after_id);
        q->state = QUESTION_IMAGES;
        return 0;
    }
    body = stats_json(q->stats, clock_wall_ms());
    if (!body)
        return err_set(e, ERR_NOMEM, "statistics of %" PRId64 " images", q->rows);
    finish(sr, q, body);
    return 0;
}

static int read_slice(struct stats_reader *sr, struct question *q, struct db *db, struct err *e)
{
    int rows;

    if (q->state == QUESTION_ASKED && begin(q, e))
        return -1;
    rows = q->state == QUESTION_JOBS ? read_jobs(q, db, e) : read_images(q, db, e);
    if (rows < 0)
        return -1;
    q->rows += rows;
    if (q->rows > sr->web->settings.max_stats)
        finish(sr, q, NULL);
    else if (rows < SLICE_ROWS)
        return go_on(sr, q, e);
    return 0;
}

int stats_reader_step(struct stats_reader *sr, struct db *db, struct err *e)
{
    struct question *q = next_question(sr);
    struct request *r;

    if (q && !is_anybody_there(q)) {
        clear(q);
        return 0;
    }
    if (!q || read_slice(sr, q, db, e) == 0)
        return 0;
    while ((r = next_asking(q))) {
        struct answer a = ANSWER_INIT;

        answer_err(&a, e);
        request_settle(r, &a);
    }
    clear(q);
    return -1;
}
