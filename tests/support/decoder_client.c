/* decoder_client.c - fork, exec, memfds and packets. */
#include "decoder_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define DEADLINE_MS 60000

/* In the child. Puts the socket where the program expects it. */
static _Noreturn void exec_decoder(const char *path, char *const argv[], int fd)
{
    char *const env[] = {NULL};
    int null = open("/dev/null", O_RDWR);

    if (fd != DECODE_SOCKET_FD)
        dup2(fd, DECODE_SOCKET_FD);
    else
        fcntl(fd, F_SETFD, 0);
    for (int i = 0; i < 2; i++)
        dup2(null, i); /* 2 stays: a sanitizer's report should be seen */
    close_range(DECODE_SOCKET_FD + 1, ~0U, 0);
    execve(path, argv, env);
    _exit(127);
}

static void receive(struct decoder_client *c, void *packet, size_t size, size_t *ret)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    ssize_t n;

    assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
    n = recv(c->fd, packet, size, 0);
    assert_true(n > 0); /* 0: the decoder died */
    *ret = (size_t)n;
}

void decoder_client_spawn(const char *path, const char *arg1, const char *arg2,
                          struct decoder_client *ret)
{
    char words[3][200];
    char *argv[] = {words[0], arg1 ? words[1] : NULL, arg2 ? words[2] : NULL, NULL};
    int pair[2];

    snprintf(words[0], sizeof(words[0]), "%s", path);
    snprintf(words[1], sizeof(words[1]), "%s", arg1 ? arg1 : "");
    snprintf(words[2], sizeof(words[2]), "%s", arg2 ? arg2 : "");
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    ret->pid = fork();
    assert_true(ret->pid >= 0);
    if (ret->pid == 0)
        exec_decoder(path, argv, pair[1]);
    close(pair[1]);
    ret->fd = pair[0];
}

void decoder_client_start(const char *path, const char *arg1, const char *arg2,
                          struct decoder_client *ret)
{
    size_t n;

    decoder_client_spawn(path, arg1, arg2, ret);
    receive(ret, &ret->ready, sizeof(ret->ready), &n);
    assert_int_equal(n, sizeof(ret->ready));
    assert_int_equal(ret->ready.kind, DECODE_READY);
    assert_int_equal(ret->ready.version, DECODE_PROTOCOL_VERSION);
}

int decoder_client_stop(struct decoder_client *c)
{
    int status = -1;

    close(c->fd);
    waitpid(c->pid, &status, 0);
    return status;
}

struct decode_work decoder_client_work(uint32_t width_px, uint32_t height_px)
{
    static uint64_t id = 1000;
    struct decode_work work = {
        .kind = DECODE_WORK,
        .output_count = 1,
        .id = id++,
        .max_pixels = 50000000,
        .max_memory_bytes = 512u << 20,
        .max_output_bytes = 25u << 20,
        .max_side_px = 4096,
    };

    work.outputs[0].width_px = width_px;
    work.outputs[0].height_px = height_px;
    return work;
}

static int sealed_source(const void *bytes, size_t len)
{
    int fd = memfd_create("source", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), 0);
    return fd;
}

static void send_work(struct decoder_client *c, struct decode_work *work, const int *fds,
                      size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE((1 + DECODE_MAX_OUTPUTS) * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {work, sizeof(*work)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
    assert_int_equal(sendmsg(c->fd, &msg, MSG_NOSIGNAL), (ssize_t)sizeof(*work));
}

static void read_output(int fd, struct decoder_output *ret)
{
    off_t size = lseek(fd, 0, SEEK_END);

    assert_true(size >= 0);
    ret->len = (size_t)size;
    ret->bytes = malloc(ret->len + 1);
    assert_non_null(ret->bytes);
    assert_int_equal(pread(fd, ret->bytes, ret->len, 0), size);
}

void decoder_client_run(struct decoder_client *c, const void *source, size_t len,
                        struct decode_work *work, struct decode_done *ret,
                        struct decoder_output *outputs, uint64_t *ret_memory_bytes)
{
    union {
        struct decode_note note;
        struct decode_done done;
    } got;
    int fds[1 + DECODE_MAX_OUTPUTS];
    size_t count = 1 + work->output_count, n;
    uint64_t memory_bytes = 0;

    work->source_bytes = len;
    fds[0] = sealed_source(source, len);
    for (size_t i = 1; i < count; i++)
        assert_true((fds[i] = memfd_create("output", MFD_CLOEXEC)) >= 0);
    send_work(c, work, fds, count);

    receive(c, &got, sizeof(got), &n);
    if (got.note.kind == DECODE_NEEDS) {
        assert_int_equal(n, sizeof(got.note));
        assert_int_equal(got.note.id, work->id);
        memory_bytes = got.note.memory_bytes;
        got.note = (struct decode_note){.kind = DECODE_GO, .id = work->id};
        assert_int_equal(send(c->fd, &got.note, sizeof(got.note), MSG_NOSIGNAL),
                         (ssize_t)sizeof(got.note));
        receive(c, &got, sizeof(got), &n);
    }
    assert_int_equal(n, sizeof(got.done));
    assert_int_equal(got.done.kind, DECODE_DONE);
    assert_int_equal(got.done.id, work->id);
    *ret = got.done;
    if (ret_memory_bytes)
        *ret_memory_bytes = memory_bytes;
    for (size_t i = 1; i < count; i++)
        read_output(fds[i], &outputs[i - 1]);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

void decoder_output_release(struct decoder_output *outputs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(outputs[i].bytes);
}

uint64_t decoder_client_memory_kb(const struct decoder_client *c, const char *field)
{
    char path[64], line[200];
    unsigned long long kb = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)c->pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        size_t len = strlen(field);

        if (strncmp(line, field, len) == 0 && line[len] == ':')
            kb = strtoull(line + len + 1, NULL, 10);
    }
    fclose(f);
    return kb;
}
