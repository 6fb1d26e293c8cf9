/*
 * decoder.h - one decoder process: started, spoken to, measured, ended.
 * Hides how a process is started so that it inherits nothing, and how descriptors cross a socket.
 * Non-blocking but for decoder_kill(), which waits for a process that is already dying.
 */
#ifndef WORKERS_RESIZE_DECODER_H
#define WORKERS_RESIZE_DECODER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "decode_answer.h"

struct decoder {
    pid_t pid;  /* 0: there is none */
    int socket; /* -1: closed */
};

struct decoder_command {
    const char *program;      /* path of imageresize-decode; lent */
    bool sandbox;             /* false: it runs where the kernel has no seccomp */
    int64_t data_limit_bytes; /* of its memory; 0: none */
};

/* imageresize-decode's exit status where system calls cannot be filtered. */
#define DECODER_EXIT_NO_SANDBOX 3

/* Starts one; it says READY when it is. Returns 0, or -1 with *e. */
int decoder_start(const struct decoder_command *command, struct decoder *ret,
                  struct err *e) MUST_CHECK;

/* Sends the work with its descriptors, which stay the caller's. Returns 0, or -1: it is gone. */
int decoder_send_work(const struct decoder *d, const struct decode_work *work, int source_fd,
                      const int *output_fds) MUST_CHECK;
int decoder_send_go(const struct decoder *d, uint64_t id) MUST_CHECK;

/* One packet, if there is one. Returns its length, 0 for none, -1 when the decoder is gone or
 * sends what no packet is. */
ssize_t decoder_receive(const struct decoder *d, union decode_answer *ret);

/* CPU time it has used since it began, all threads; -1 when it cannot be told. */
int64_t decoder_cpu_ms(const struct decoder *d);

/* Its resident memory; 0 when it cannot be told. */
int64_t decoder_resident_bytes(const struct decoder *d);

/*
 * What the kernel ends it for: by SIGXCPU once it has used more_cpu_ms beyond what it has by now,
 * which stands behind the parent's own watch, for the time after a parent is killed; and by SIGXFSZ
 * when it writes to an output past output_bytes, which else could take all of the machine's memory.
 */
void decoder_limit(const struct decoder *d, int64_t more_cpu_ms, uint64_t output_bytes);

/* Closes its socket, upon which an idle one exits by itself. */
void decoder_dismiss(struct decoder *d);

/* Whether a dismissed one has exited; its process is then no more. */
bool decoder_has_left(struct decoder *d);

/* Ends it, if it has not ended, and gives its wait status (0 where there was none). A decoder that
 * was ending by itself keeps the status it ended with. */
int decoder_kill(struct decoder *d);

#endif
