#include "job_rows.h"

#include <stdlib.h>
#include <string.h>

enum {
    JOB_VERSION = JOB_ROWS_VERSION,
    JOB_ID,
    JOB_STATUS,
    JOB_PRIORITY,
    JOB_TOTAL,
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_COMPLETED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_CREATED_AT,
    JOB_STARTED_AT,
    JOB_COMPLETED_AT,
    JOB_FAILED_AT,
    JOB_CANCELLED_AT,
    JOB_METADATA,
    IMAGE_ID,
    IMAGE_REF,
    IMAGE_INPUT,
    IMAGE_STATUS,
    IMAGE_PARAMETERS,
    IMAGE_RESULT,
    IMAGE_ERROR,
    IMAGE_ATTEMPTS,
    IMAGE_CREATED_AT,
    IMAGE_STARTED_AT,
    IMAGE_COMPLETED_AT,
    IMAGE_FAILED_AT,
    IMAGE_CANCELLED_AT,
    COLUMNS
};

_Static_assert(COLUMNS == JOB_ROWS_COLUMNS, "job_rows.h counts them");

/* NULL for SQL's null. */
static const char *text_at(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column) ? NULL : PQgetvalue(res, row, column);
}

static int number_at(const PGresult *res, int row, int column)
{
    return atoi(PQgetvalue(res, row, column));
}

struct job_row job_row_of(const PGresult *res, int row)
{
    return (struct job_row){
        .id = text_at(res, row, JOB_ID),
        .status = text_at(res, row, JOB_STATUS),
        .priority = text_at(res, row, JOB_PRIORITY),
        .version = strtoll(PQgetvalue(res, row, JOB_VERSION), NULL, 10),
        .total = number_at(res, row, JOB_TOTAL),
        .queued = number_at(res, row, JOB_QUEUED),
        .running = number_at(res, row, JOB_RUNNING),
        .completed = number_at(res, row, JOB_COMPLETED),
        .failed = number_at(res, row, JOB_FAILED),
        .cancelled = number_at(res, row, JOB_CANCELLED),
        .created_at = text_at(res, row, JOB_CREATED_AT),
        .started_at = text_at(res, row, JOB_STARTED_AT),
        .completed_at = text_at(res, row, JOB_COMPLETED_AT),
        .failed_at = text_at(res, row, JOB_FAILED_AT),
        .cancelled_at = text_at(res, row, JOB_CANCELLED_AT),
        .metadata = text_at(res, row, JOB_METADATA),
    };
}

struct image_row image_row_of(const PGresult *res, int row)
{
    return (struct image_row){
        .id = text_at(res, row, IMAGE_ID),
        .ref = text_at(res, row, IMAGE_REF),
        .input = text_at(res, row, IMAGE_INPUT),
        .status = text_at(res, row, IMAGE_STATUS),
        .parameters = text_at(res, row, IMAGE_PARAMETERS),
        .result = text_at(res, row, IMAGE_RESULT),
        .error = text_at(res, row, IMAGE_ERROR),
        .attempts = number_at(res, row, IMAGE_ATTEMPTS),
        .created_at = text_at(res, row, IMAGE_CREATED_AT),
        .started_at = text_at(res, row, IMAGE_STARTED_AT),
        .completed_at = text_at(res, row, IMAGE_COMPLETED_AT),
        .failed_at = text_at(res, row, IMAGE_FAILED_AT),
        .cancelled_at = text_at(res, row, IMAGE_CANCELLED_AT),
    };
}

bool job_has_ended(const struct job_row *job)
{
    return strcmp(job->status, "queued") != 0 && strcmp(job->status, "running") != 0;
}

char *job_text_of(const PGresult *res, const char *base_url)
{
    const int n = PQntuples(res);
    const struct job_row job = job_row_of(res, 0);
    struct image_row *images = calloc((size_t)n, sizeof *images);
    char *text;

    if (!images)
        return NULL;
    for (int i = 0; i < n; i++)
        images[i] = image_row_of(res, i);
    text = job_json(&job, images, (size_t)n, base_url);
    free(images);
    return text;
}
