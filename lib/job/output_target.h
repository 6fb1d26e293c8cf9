/*
 * output_target.h - where outputs are kept, read from IMAGERESIZE_OUTPUT, and what each is called.
 * The resize worker writes by it, web serves by it. Pure: nothing is opened.
 */
#ifndef JOB_OUTPUT_TARGET_H
#define JOB_OUTPUT_TARGET_H

#include <stdbool.h>

#include "base/err.h"
#include "base/uuid.h"

enum output_kind {
    OUTPUT_POSTGRES, /* table outputs; web serves it */
    OUTPUT_FILE,     /* a folder that web sees too, and serves */
    OUTPUT_S3        /* a bucket that clients read themselves */
};

#define OUTPUT_DIR_SIZE 1024
#define OUTPUT_BUCKET_SIZE 64
#define OUTPUT_PREFIX_SIZE 256

struct output_target {
    enum output_kind kind;
    char dir[OUTPUT_DIR_SIZE];       /* OUTPUT_FILE: absolute, without a slash at its end */
    char bucket[OUTPUT_BUCKET_SIZE]; /* OUTPUT_S3 */
    char prefix[OUTPUT_PREFIX_SIZE]; /* OUTPUT_S3: "" or "some/path" */
};

/*
 * setting: IMAGERESIZE_OUTPUT, "postgres:", "file:///dir" or "s3://bucket/prefix"; NULL when not
 * set: then Bucketeer's bucket under public/ (what the add-on lets the world read), or postgres:
 * where bucketeer_bucket is NULL too. Returns 0, or -1 with *e (ERR_INPUT) naming the setting.
 */
int output_target_parse(const char *setting, const char *bucketeer_bucket,
                        struct output_target *ret, struct err *e) MUST_CHECK;

/* Image id, "-", 16 hex digits, ".", an extension of at most 4 letters, and the NUL. */
#define OUTPUT_NAME_SIZE (36 + 1 + 16 + 1 + 4 + 1)

/* Where web serves an output of a kind it serves: this and the name. */
#define OUTPUT_PATH "/outputs/"

/*
 * The name of an output of that image: sha256_hex is of its bytes, of which the first 16 digits
 * are used. So a name never stands for other bytes, cannot be guessed, and writing it twice does
 * no harm. extension: "jpg", without a dot.
 */
void output_name_make(const char image[UUID_SIZE], const char *sha256_hex, const char *extension,
                      char ret[OUTPUT_NAME_SIZE]);

/* Whether name could have been made above; what may be looked up in a store. */
bool output_name_is_valid(const char *name);

#endif
