/*
 * target.h - the deployment under test, seen through HTTP alone.
 *
 * IMAGERESIZE_TEST_TARGET is its address. IMAGERESIZE_TEST_SOURCES is the address of a folder of
 * test images (make_images writes them) that the deployment can fetch from; without it only the
 * deployment's own sample images are used, and the tests that need the others are not in the run,
 * which says so. SSL_CERT_FILE names other authorities for https than the system's.
 *
 * Nothing is assumed about what else the deployment is doing, what it holds, or how fast it is. It
 * may start only when it is asked, and sit behind a router that says so with 503.
 */
#ifndef BLACKBOX_TARGET_H
#define BLACKBOX_TARGET_H

#include <stdbool.h>

#include "http.h"
#include "unit.h"

/*
 * Reads the settings and waits up to a minute for the deployment to be ready: for its start, its
 * database and its broker. Ends the program with a sentence when it is not, at once where waiting
 * cannot help: no such name, a certificate that is not valid, another service.
 */
void target_init(void);
bool target_has_sources(void);

/* A name for this run alone, for what it leaves in the deployment: "blackbox-1a2b3c4d5e6f7a8b". */
const char *target_run(void);

/* target + path. New. */
char *target_url(const char *path);
/* A test image by its file name. New. */
char *source_url(const char *name);
/* The deployment's own sample image number i, from 0. New. */
char *sample_url(size_t i);

/* Whether a status speaks of the moment alone: 429, 502, 503, 504. */
bool may_pass(long status);

/* http_send() that comes again, as it is asked to, on an answer that may pass. For two minutes. */
void target_send(const char *url, const struct http_request *request, struct http_answer *ret);

void target_get(const char *path, struct http_answer *ret);
void target_post(const char *path, const char *body, struct http_answer *ret);

/*
 * Posts a job and returns what its end looks like: a new reference. Fails the test when it is not
 * accepted or has not ended in time: two minutes, for a bulk job fifteen, since an autoscaler may
 * start its worker as late as its deadline of ten allows. `body` is taken.
 */
json_t *run_job(json_t *body);
/* Accepts only: the id, new. The job's metadata names this run, where it has none. `body` is taken.
 */
char *post_job(json_t *body);
/* Waits for the end of a job: a new reference. */
json_t *wait_job(const char *id);

/* {"images": [image]} for run_job(); `image` is taken. */
json_t *job_of(json_t *image);

/* A path into JSON, "images/0/error/code"; fails the test when it is not there. Lent. */
json_t *at(json_t *json, const char *path);
const char *text_at(json_t *json, const char *path);
json_int_t int_at(json_t *json, const char *path);

/* What the deployment says its limits are, in /openapi.json. Lent for ever. */
struct target_limits {
    size_t body_bytes, images, outputs, url_bytes, ref_bytes, metadata_bytes;
    int side_px;
};
const struct target_limits *target_limits(void);

/* Fails the test unless the answer is a well-formed problem+json of that status. */
void assert_problem(const struct http_answer *a, int status);

/* The groups; each runs its tests and returns how many failed. */
int run_http_tests(void);
int run_create_tests(void);
int run_job_tests(void);
int run_list_tests(void);
int run_cancel_tests(void);
int run_event_tests(void);
int run_output_tests(void);
int run_image_tests(void);
int run_graph_tests(void);

#endif
