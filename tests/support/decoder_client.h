/*
 * decoder_client.h - a decoder started and driven from a test, one image at a time.
 * The resize worker has its own; this one waits for each answer with a deadline and fails the
 * test when it does not come.
 */
#ifndef TESTS_DECODER_CLIENT_H
#define TESTS_DECODER_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "decode/decode_protocol.h"

struct decoder_client {
    pid_t pid;
    int fd;
    struct decode_note ready;
};

/* Starts the program at path with up to two more arguments (NULL: none), an empty environment and
 * the socket. */
void decoder_client_spawn(const char *path, const char *arg1, const char *arg2,
                          struct decoder_client *ret);

/* The same, and takes READY. */
void decoder_client_start(const char *path, const char *arg1, const char *arg2,
                          struct decoder_client *ret);

/* Closes the socket and returns the status of waitpid(). */
int decoder_client_stop(struct decoder_client *c);

/* A work of one output to fit this box, with the service's limits. The rest may be changed. */
struct decode_work decoder_client_work(uint32_t width_px, uint32_t height_px);

struct decoder_output {
    uint8_t *bytes; /* new */
    size_t len;
};

/*
 * Sends one image and follows it to DONE. *ret_memory_bytes is what NEEDS said, 0 if it failed
 * before; may be NULL. outputs has room for work->output_count; release them after.
 */
void decoder_client_run(struct decoder_client *c, const void *source, size_t len,
                        struct decode_work *work, struct decode_done *ret,
                        struct decoder_output *outputs, uint64_t *ret_memory_bytes);

void decoder_output_release(struct decoder_output *outputs, size_t n);

/* A field of /proc/PID/status in kB, such as "VmRSS" or "VmHWM". */
uint64_t decoder_client_memory_kb(const struct decoder_client *c, const char *field);

#endif
