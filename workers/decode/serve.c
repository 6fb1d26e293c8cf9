/* serve.c - packets and descriptors in, resize.h, packets out. */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cage.h"
#include "decode_protocol.h"
#include "resize.h"

#define MAX_FDS (1 + DECODE_MAX_OUTPUTS)
/* An image above this leaves more behind than the next one is likely to use. */
#define LARGE_BYTES (64u << 20)

enum received { RECEIVED, RECEIVED_END, RECEIVED_FAILED, RECEIVED_STRANGE };

struct packet_fds {
    int fd[MAX_FDS];
    size_t count;
};

static void close_fds(struct packet_fds *fds)
{
    for (size_t i = 0; i < fds->count; i++)
        close(fds->fd[i]);
    fds->count = 0;
}

/* Out of the way of 0 to 2: see cage.h. */
static int move_up(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, CAGE_FIRST_FD);

    close(fd);
    return moved;
}

static bool take_fds(struct msghdr *msg, struct packet_fds *ret)
{
    bool ok = !(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC));

    ret->count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || n > MAX_FDS)
            return false;
        memcpy(ret->fd, CMSG_DATA(c), n * sizeof(int));
        ret->count = n;
    }
    for (size_t i = 0; i < ret->count; i++) {
        ret->fd[i] = move_up(ret->fd[i]);
        ok = ok && ret->fd[i] >= 0;
    }
    return ok;
}

/* One packet of exactly this size and kind (every struct begins with its kind). */
static enum received receive(void *packet, size_t size, uint32_t kind, struct packet_fds *fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    struct iovec iov = {packet, size};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    uint32_t got_kind;
    ssize_t n;

    do
        n = recvmsg(DECODE_SOCKET_FD, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return RECEIVED_END;
    if (n < 0)
        return errno == ECONNRESET ? RECEIVED_END : RECEIVED_FAILED;
    if (!take_fds(&msg, fds) || (size_t)n != size)
        return RECEIVED_STRANGE;
    memcpy(&got_kind, packet, sizeof(got_kind));
    return got_kind == kind ? RECEIVED : RECEIVED_STRANGE;
}

static int send_packet(void *packet, size_t size)
{
    struct iovec iov = {packet, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    do
        n = sendmsg(DECODE_SOCKET_FD, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size ? 0 : -1;
}

static uint64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool request_is_sound(const struct decode_output_request *o)
{
    return (o->width_px > 0 || o->height_px > 0) && o->width_px <= INT32_MAX &&
           o->height_px <= INT32_MAX && o->fit <= DECODE_FIT_OUTSIDE &&
           o->gravity <= DECODE_GRAVITY_ENTROPY && o->format < DECODE_FORMAT_COUNT &&
           o->quality <= 100;
}

static bool work_is_sound(const struct decode_work *work, const struct packet_fds *fds)
{
    if (work->output_count < 1 || work->output_count > DECODE_MAX_OUTPUTS ||
        fds->count != 1 + work->output_count)
        return false;
    for (uint32_t i = 0; i < work->output_count; i++) {
        if (!request_is_sound(&work->outputs[i]))
            return false;
    }
    return true;
}

/* The source, for reading. The parent has sealed it: it cannot shrink under us. */
static int map_source(int fd, uint64_t len, const uint8_t **ret, struct failure *f)
{
    off_t size = lseek(fd, 0, SEEK_END);
    void *bytes;

    *ret = NULL;
    if (len == 0)
        return 0;
    if (size < 0 || (uint64_t)size < len)
        return failure_set(f, DECODE_INTERNAL, "the source is shorter than was said");
    /* Populated at once: a page fault for each page of a large file costs milliseconds. */
    bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (bytes == MAP_FAILED)
        return failure_set(f, DECODE_INTERNAL, "the source could not be mapped");
    *ret = bytes;
    return 0;
}

static void unmap_source(const uint8_t *bytes, uint64_t len)
{
    union {
        const void *in;
        void *out;
    } cast = {bytes};

    if (bytes)
        munmap(cast.out, len);
}

/* A resize_sink: data is the packet_fds of the work. */
static int write_output(void *data, uint32_t output, const uint8_t *bytes, size_t len,
                        struct failure *f)
{
    int fd = ((const struct packet_fds *)data)->fd[1 + output];

    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return failure_set(f, DECODE_INTERNAL, "the output could not be written");
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Says what the image needs and waits until the parent has it. */
static enum received ask_for_memory(const struct decode_work *work, uint64_t memory_bytes)
{
    struct decode_note note = {.kind = DECODE_NEEDS, .id = work->id, .memory_bytes = memory_bytes};
    struct packet_fds fds = {.count = 0};
    enum received got;

    if (send_packet(&note, sizeof(note)) < 0)
        return RECEIVED_FAILED;
    got = receive(&note, sizeof(note), DECODE_GO, &fds);
    close_fds(&fds);
    return got == RECEIVED && note.id != work->id ? RECEIVED_STRANGE : got;
}

/* Everything between WORK and DONE. A failure of the image is in *f, one of the parent returned. */
static enum received process(const struct decode_work *work, struct packet_fds *fds,
                             uint32_t can_read, uint32_t can_write, struct decode_done *done,
                             struct failure *f)
{
    const uint8_t *bytes = NULL;
    struct resize *r = NULL;
    uint64_t memory_bytes = 0;
    enum received parent = RECEIVED;

    if (map_source(fds->fd[0], work->source_bytes, &bytes, f) == 0 &&
        resize_open(bytes, work->source_bytes, work, can_read, can_write, done, &r, f) == 0) {
        memory_bytes = resize_memory_bytes(r);
        parent = ask_for_memory(work, memory_bytes);
        if (parent == RECEIVED && resize_run(r, write_output, fds, done, f) < 0)
            done->output_count = 0;
    }
    resize_close(r);
    if (memory_bytes > LARGE_BYTES)
        malloc_trim(0); /* gaps between what is kept are given back as well */
    unmap_source(bytes, work->source_bytes);
    return parent;
}

static enum received serve_one(uint32_t can_read, uint32_t can_write)
{
    struct decode_work work;
    struct decode_done done = {.kind = DECODE_DONE};
    struct failure f = FAILURE_INIT;
    struct packet_fds fds = {.count = 0};
    enum received got = receive(&work, sizeof(work), DECODE_WORK, &fds);
    uint64_t began_us = cpu_us();

    if (got == RECEIVED && !work_is_sound(&work, &fds))
        got = RECEIVED_STRANGE;
    if (got == RECEIVED)
        got = process(&work, &fds, can_read, can_write, &done, &f);
    close_fds(&fds);
    if (got != RECEIVED)
        return got;
    done.id = work.id;
    done.status = f.status;
    memcpy(done.message, f.text, sizeof(done.message));
    done.cpu_us = cpu_us() - began_us;
    return send_packet(&done, sizeof(done)) < 0 ? RECEIVED_FAILED : RECEIVED;
}

int serve(uint32_t can_read, uint32_t can_write)
{
    struct decode_note ready = {.kind = DECODE_READY,
                                .version = DECODE_PROTOCOL_VERSION,
                                .can_read = can_read,
                                .can_write = can_write};
    enum received got = RECEIVED;

    if (send_packet(&ready, sizeof(ready)) < 0)
        return 1;
    while (got == RECEIVED)
        got = serve_one(can_read, can_write);
    return got == RECEIVED_END ? 0 : got == RECEIVED_FAILED ? 1 : 2;
}
