/*
 * guv_live.h - guv from outside: the real program with a real RabbitMQ and a real Postgres, and
 * `formation --strict` as the platform, which runs real workers. The policy is the original's
 * unless said otherwise: what it decides is easy to tell beforehand.
 */
#ifndef TESTS_GUV_LIVE_H
#define TESTS_GUV_LIVE_H

#include "unit.h"

#include "http.h"
#include "program.h"
#include "scratch_dir.h"

#define TOKEN "token-that-nobody-may-see"
#define LINE 400

#define SETTINGS "'*': {pollinterval: 1, history: 3, policy: guv, app: demo}\n"
/* 40 jobs of 0.1 s are worth 3 workers. */
#define WORK SETTINGS "work: {queue: jobs, p: 0.1, deadline: 2, min: 0, max: 3}\n"

struct fixture {
    struct program formation, guv, second;
    char dir[SCRATCH_DIR_SIZE], procfile[SCRATCH_DIR_SIZE + 16], decisions[SCRATCH_DIR_SIZE + 16];
    char platform[80]; /* http://127.0.0.1:PORT */
    char environment[6][LINE];
    const char *variables[8];
};

/* Group set-up and tear-down for cmocka_run_group_tests(), and those of each test. */
int start_servers(void **state);
int end_servers(void **state);
int set_up(void **state);
int tear_down(void **state);

#define live_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- the platform */

/* Runs `TYPE: queue_worker BROKER jobs MS HOW` for each of the types given in the Procfile's way.
 */
void start_platform(struct fixture *f, const char *procfile, const char *scale);
void control(struct fixture *f, const char *path, const char *body);
int requests(struct fixture *f, const char *method);
int quantity(struct fixture *f, const char *type);
const char *worker_line(char *line, const char *type, const char *queue, int work_ms,
                        const char *how);

/* ---- guv */

void start_guv(struct fixture *f, struct program *guv, const char *config,
               const char *const *options);
/* One that leads. */
void start_leader(struct fixture *f, const char *config);
void put_jobs(const char *queue, int n);
/* What no output may hold. */
void look_for_secrets(struct program *p);

#endif
