/*
 * chaos.h - what the tests that break the system share: jobs by the hundred, and the proof that
 * every image ended exactly once.
 */
#ifndef TESTS_CHAOS_H
#define TESTS_CHAOS_H

#include "http.h"
#include "system.h"
#include "unit.h"

/* IMAGERESIZE_MAX_STATS of the system. */
#define STATS_MAX 20000

/* Makes Postgres write down each end of an image, and each change of one that had ended, for as
 * long as this system lives. */
void ends_watch(void);

/*
 * Posts a job of n images of that source path under the image server ("ok/baseline.jpg"). Returns
 * the HTTP status, 0 when nothing answered; the id goes to ret_id (UUID_SIZE) when it was accepted
 * and ret_id is not NULL.
 */
long post_images(const char *source, int n, char *ret_id);

/* Cancels the job. Returns the HTTP status, 0 when nothing answered. */
long cancel_job(const char *id);

/* Posts until n images are accepted, going on over refusals until timeout_ms. */
void post_until(const char *source, int n, int per_job, int64_t timeout_ms);

/* Fails the test unless all images end before timeout_ms, each exactly once, with nothing left in
 * the outbox and no message left in a queue of ours. */
void assert_all_end_once(int64_t timeout_ms);

/* Waits until web, broker and database are all well, all queues have their consumers, and
 * no process is on its way in or out. */
void assert_recovers(int64_t timeout_ms);

/* Scales the type to none and waits until its processes have gone: until then they may take more.
 */
void stop_all_of(const char *type);

/* How often a line with `text` stands in formation's log. */
int log_count(const char *text);
/* Waits until there are n lines more than `before`, and fails the test when there are others: what
 * a process has done is written down somewhat later. */
void assert_log_grows(const char *text, int before, int n);
/* The same among the lines of one process ("resize.2"). */
int log_count_of(const char *process, const char *text);

/* How often a process ended that nobody had told to: a test that kills none wants no more of them.
 */
int crashes(void);

/* An image's error code and status by its job's id, position 0; new texts. */
char *image_code(const char *job);
char *image_status(const char *job);
bool job_ends(const char *job, int64_t timeout_ms);

int run_cancel_tests(void);
int run_stats_tests(void);
int run_kill_tests(void);
int run_outage_tests(void);
int run_queue_tests(void);
int run_source_tests(void);
int run_decoder_tests(void);
int run_bucket_tests(void);
int run_stop_tests(void);
int run_stream_tests(void);
int run_dyno_tests(void);
int run_demo_tests(void);

#endif
