/*
 * job_rows.h - jobs and images as rows of a result, to what job_json.h takes. Hides which column is
 * which: a query of jobs begins with those of sql/queries/web_job.sql, in its order.
 */
#ifndef WEB_JOB_ROWS_H
#define WEB_JOB_ROWS_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "web/job_json.h"

/* Column 0 is the job's version, which is its ETag. After those of web_job.sql a query may have
 * columns of its own. */
#define JOB_ROWS_VERSION 0
#define JOB_ROWS_COLUMNS 29

/* The job, or the image, of a row. Its texts are lent by the result. */
struct job_row job_row_of(const PGresult *res, int row);
struct image_row image_row_of(const PGresult *res, int row);

/* Whether it will not change any more. */
bool job_has_ended(const struct job_row *job);

/* A whole job, whose images are the rows, as JSON. New, or NULL as job_json(). */
char *job_text_of(const PGresult *res, const char *base_url) MUST_CHECK;

#endif
