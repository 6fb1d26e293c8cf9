/*
 * system.h - the whole system on this machine, for tests that break it: start, look inside, kill.
 * Hides the script tests/support/system and formation's calls. One system a program. A call that
 * cannot do what it says fails the test.
 */
#ifndef TESTS_SYSTEM_H
#define TESTS_SYSTEM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Starts it with what the script takes ("resize=2", "IMAGERESIZE_ATTEMPTS=2"), NULL-terminated, and
 * puts its settings into this process's environment. */
void system_start(const char *const *words);

/* Stops it and deletes its folder; keeps the folder when `keep`, for a look at the logs. */
void system_end(bool keep);

/* The folder it is in. Lent. */
const char *system_dir(void);

/* bin/lib/services NAME VERB DIR: "rabbitmq", "stop". */
void system_service(const char *name, const char *verb);

/* Runs a program with its settings in the environment and its output in DIR/command.log; argv[0] is
 * found in the build's programs or on the PATH. Returns its exit status. */
int system_run(const char *const *argv);

/* The pids of a type ("resize") that run now; NULL: of all types. At most max; returns how many. */
size_t system_pids(const char *type, pid_t *ret, size_t max);

/* Whether every process there is to be runs, and none is still on its way out. */
bool system_is_settled(void);

/* Children of a process: a resize worker's decoders. */
size_t children_of(pid_t parent, pid_t *ret, size_t max);

/* Resident memory of a process and its children, in KiB; 0 when it is gone. */
int64_t resident_kib(pid_t pid);

void system_scale(const char *type, int quantity);

/* One statement; the first column of the first row as a number, or as text (new); NULL is -1 /
 * NULL. Connects anew when the connection is lost. */
int64_t sql_number(const char *sql);
char *sql_text(const char *sql);

/* Whether `sql` gives `wanted` before timeout_ms is over; asked again and again. */
bool sql_becomes(const char *sql, int64_t wanted, int64_t timeout_ms);

/* A GET of RabbitMQ's management API ("queues/%2f/resize.IN"); new reference, NULL on 404. */
json_t *rabbitmq_get(const char *path);
/* Another call of it: the HTTP status. */
long rabbitmq_call(const char *method, const char *path, const char *body);

/* Waits a short while between two looks at something that tells no event. */
void look_again(void);

#endif
