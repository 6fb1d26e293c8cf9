/*
 * scratch_jobs.h - jobs in a test's database, made there without web, and what has become of them.
 */
#ifndef TESTS_SCRATCH_JOBS_H
#define TESTS_SCRATCH_JOBS_H

#include "base/uuid.h"
#include "scratch_db.h"

#define IMAGES_MAX 8

struct job {
    char id[UUID_SIZE];
    size_t count;
    char images[IMAGES_MAX][UUID_SIZE];
};

/* A job of a second ago, with the metadata {"n": 1}, whose images are queued. */
void make_job(struct db *db, struct job *job, size_t count);

/* "version status queued running completed failed" of a job, which times it has, and how many of
 * its images are cancelled if any is. Lent until the next call of these. */
const char *job_row(struct db *db, const struct job *job);

/* "status attempts retried" of an image, the code of its error, and whether it has a result and was
 * cancelled. Lent as above. */
const char *image_row(struct db *db, const char *image);

#endif
