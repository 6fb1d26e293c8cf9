/*
 * target.h - the deployment under test, seen through HTTP alone.
 *
 * IMAGERESIZE_TEST_TARGET is its address. IMAGERESIZE_TEST_SOURCES is the address of a folder of
 * test images (make-images writes them) that the deployment can fetch from; without it only the
 * deployment's own sample images are used, and the tests that need the others are not in the run,
 * which says so. Nothing is assumed about what else the deployment is doing.
 */
#ifndef BLACKBOX_TARGET_H
#define BLACKBOX_TARGET_H

#include <stdbool.h>

#include "http.h"
#include "unit.h"

/* Reads the settings and waits up to a minute for the deployment to answer. Ends the program with
 * a sentence when it does not. */
void target_init(void);
bool target_has_sources(void);

/* target + path. New. */
char *target_url(const char *path);
/* A test image by its file name. New. */
char *source_url(const char *name);
/* The deployment's own sample image number i, from 0. New. */
char *sample_url(size_t i);

void target_get(const char *path, struct http_answer *ret);
void target_post(const char *path, const char *body, struct http_answer *ret);

/* Posts a job and returns what its end looks like: a new reference. Fails the test when it is not
 * accepted or has not ended within two minutes. `body` is taken. */
json_t *run_job(json_t *body);
/* Accepts only: the id, new. `body` is taken. */
char *post_job(json_t *body);
/* Waits for the end of a job: a new reference. */
json_t *wait_job(const char *id);

/* {"images": [image]} for run_job(); `image` is taken. */
json_t *job_of(json_t *image);

/* A path into JSON, "images/0/error/code"; fails the test when it is not there. Lent. */
json_t *at(json_t *json, const char *path);
const char *text_at(json_t *json, const char *path);
json_int_t int_at(json_t *json, const char *path);

/* Fails the test unless the answer is a well-formed problem+json of that status. */
void assert_problem(const struct http_answer *a, int status);

/* The groups; each runs its tests and returns how many failed. */
int run_http_tests(void);
int run_create_tests(void);
int run_job_tests(void);
int run_output_tests(void);
int run_image_tests(void);

#endif
