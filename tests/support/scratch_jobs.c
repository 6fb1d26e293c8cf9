#include "scratch_jobs.h"

#include "unit.h"

void make_job(struct db *db, struct job *job, size_t count)
{
    char sql[400];

    assert_true(count <= IMAGES_MAX);
    uuid_make(job->id);
    job->count = count;
    snprintf(sql, sizeof sql,
             "INSERT INTO jobs (id, priority, created_at, total, queued, metadata) "
             "VALUES ('%s', 'interactive', now() - interval '1 second', %zu, %zu, '{\"n\": 1}')",
             job->id, count, count);
    scratch_db_run(db, sql);
    for (size_t i = 0; i < count; i++) {
        uuid_make(job->images[i]);
        snprintf(sql, sizeof sql,
                 "INSERT INTO images (id, job, position, input, parameters, created_at) SELECT "
                 "'%s', id, %zu, 'https://a.example/', '{}', created_at FROM jobs WHERE id = '%s'",
                 job->images[i], i, job->id);
        scratch_db_run(db, sql);
    }
}

const char *job_row(struct db *db, const struct job *job)
{
    char sql[600];

    snprintf(sql, sizeof sql,
             "SELECT concat_ws(' ', version, status, queued, running, completed, failed, "
             "CASE WHEN started_at IS NOT NULL THEN 'started' END, "
             "CASE WHEN completed_at IS NOT NULL THEN 'completed_at' END, "
             "CASE WHEN failed_at IS NOT NULL THEN 'failed_at' END, "
             "CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled_at' END, "
             "CASE WHEN cancelled > 0 THEN cancelled || ' cancelled' END) "
             "FROM jobs WHERE id = '%s'",
             job->id);
    return scratch_db_text(db, sql);
}

const char *image_row(struct db *db, const char *image)
{
    char sql[400];

    snprintf(sql, sizeof sql,
             "SELECT concat_ws(' ', status, attempts, retried, error ->> 'code', "
             "CASE WHEN result IS NOT NULL THEN 'result' END, "
             "CASE WHEN cancelled_at >= created_at THEN 'cancelled_at' END) "
             "FROM images WHERE id = '%s'",
             image);
    return scratch_db_text(db, sql);
}
