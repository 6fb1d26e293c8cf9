/*
 * web_live.h - web from outside: the real program with a real RabbitMQ and a Postgres.
 */
#ifndef TESTS_WEB_LIVE_H
#define TESTS_WEB_LIVE_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "unit.h"

#include "http.h"
#include "program.h"
#include "scratch_dir.h"

#define LINE 400
#define SETTINGS_MAX 12
#define PATIENCE_MS 60000

struct fixture {
    struct program web, worker, formation;
    char dir[SCRATCH_DIR_SIZE];
    char lines[SETTINGS_MAX][LINE];
    const char *settings[SETTINGS_MAX + 1];
    size_t n_settings;
    int port;
    struct MHD_Daemon *api; /* a management API of ours */
    const char *api_answer;
    atomic_int api_calls;
};

/* Of each test. The program has started a broker and a database. */
int set_up(void **state);
int tear_down(void **state);

#define live_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

void look_again(void);
void set(struct fixture *f, const char *name, const char *value);
void start_web(struct fixture *f);
void ask(struct fixture *f, const char *method, const char *path, const char *body,
         const char *const *headers, struct http_answer *ret);
json_t *graph(struct fixture *f);
json_t *node(json_t *json, const char *name);

/* What is seen once it has come to be: each "object.member=value", where object is a node's queue,
 * a node after "@", or "" for the graph itself. */
void wait_for(struct fixture *f, const char *const *wanted);
#define wait_for_all(f, ...) wait_for(f, (const char *const[]){__VA_ARGS__, NULL})

#endif
