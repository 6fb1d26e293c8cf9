/*
 * Design notes. A decoder gets an empty environment, its socket as descriptor 3, /dev/null as 0 to
 * 2, and nothing else: whatever a library of ours left open without close-on-exec is closed on the
 * way. posix_spawn() rather than fork(): it shares memory until the exec, so a big parent costs
 * nothing.
 *
 * LD_LIBRARY_PATH alone is passed on where it is set: on Heroku, libvips stands in the app's own
 * folder, and the dynamic linker would not find it.
 *
 * A decoder keeps SIGTERM, SIGINT and SIGHUP blocked. Heroku sends SIGTERM to every process of a
 * dyno, and a terminal's Ctrl-C goes to all of a group; the worker finishes what it has in hand,
 * for which it needs its decoders.
 */
#include "decoder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/config.h"

static int plan_descriptors(posix_spawn_file_actions_t *actions, int socket)
{
    /* The socket first: it may itself be one of 0 to 2 in a parent started without them. */
    if (posix_spawn_file_actions_adddup2(actions, socket, DECODE_SOCKET_FD) ||
        posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0) ||
        posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0) ||
        posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0) ||
        posix_spawn_file_actions_addclosefrom_np(actions, DECODE_SOCKET_FD + 1))
        return -1;
    return 0;
}

static int plan_signals(posix_spawnattr_t *attributes)
{
    sigset_t blocked, defaults;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGHUP);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    return posix_spawnattr_setsigmask(attributes, &blocked) ||
                   posix_spawnattr_setsigdefault(attributes, &defaults) ||
                   posix_spawnattr_setflags(attributes,
                                            POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
               ? -1
               : 0;
}

/* Returns 0 or an errno. */
static int spawn(const struct decoder_command *command, int socket, pid_t *ret)
{
    char limit[24], library_path[4096];
    const char *path = config_env("LD_LIBRARY_PATH");
    const char *argv[] = {command->program, NULL, NULL, NULL, NULL};
    const char *envp[] = {NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int argc = 1, error;

    if (!command->sandbox)
        argv[argc++] = "--no-sandbox";
    if (command->data_limit_bytes > 0) {
        snprintf(limit, sizeof limit, "%" PRId64, command->data_limit_bytes);
        argv[argc++] = "--data-limit";
        argv[argc++] = limit;
    }
    if (path && strlen(path) < sizeof library_path - 20) {
        snprintf(library_path, sizeof library_path, "LD_LIBRARY_PATH=%s", path);
        envp[0] = library_path;
    }
    error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    if (plan_descriptors(&actions, socket) || plan_signals(&attributes))
        error = ENOMEM;
    else /* POSIX promises not to change the texts, though its types do not say so */
        error = posix_spawn(ret, command->program, &actions, &attributes,
                            (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int decoder_start(const struct decoder_command *command, struct decoder *ret, struct err *e)
{
    int pair[2], error;

    *ret = (struct decoder){0, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
        return err_set(e, ERR_UNAVAILABLE, "a decoder's socket: %s", strerror(errno));
    /* Ours alone is non-blocking: the decoder waits on its end. */
    if (fcntl(pair[1], F_SETFL, 0) < 0)
        error = errno;
    else
        error = spawn(command, pair[1], &ret->pid);
    close(pair[1]);
    if (error) {
        close(pair[0]);
        ret->pid = 0;
        return err_set(e, ERR_UNAVAILABLE, "%s: %s", command->program, strerror(error));
    }
    ret->socket = pair[0];
    return 0;
}

/* ---- the socket ---- */

static int send_packet(const struct decoder *d, const void *packet, size_t size, const int *fds,
                       size_t fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE((1 + DECODE_MAX_OUTPUTS) * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)packet, size};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (fd_count > 0) {
        struct cmsghdr *header;

        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
    }
    do
        n = sendmsg(d->socket, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size ? 0 : -1;
}

int decoder_send_work(const struct decoder *d, const struct decode_work *work, int source_fd,
                      const int *output_fds)
{
    int fds[1 + DECODE_MAX_OUTPUTS] = {source_fd};

    memcpy(fds + 1, output_fds, work->output_count * sizeof *fds);
    return send_packet(d, work, sizeof *work, fds, 1 + work->output_count);
}

int decoder_send_go(const struct decoder *d, uint64_t id)
{
    const struct decode_note go = {.kind = DECODE_GO, .id = id};

    return send_packet(d, &go, sizeof go, NULL, 0);
}

/* Without room for control data, descriptors that a broken decoder sends are dropped by the
 * kernel. */
ssize_t decoder_receive(const struct decoder *d, union decode_answer *ret)
{
    ssize_t n;

    memset(ret, 0, sizeof *ret);
    do
        n = recv(d->socket, ret, sizeof *ret, MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    return n == 0 || (size_t)n > sizeof *ret ? -1 : n;
}

/* ---- measuring ---- */

int64_t decoder_cpu_ms(const struct decoder *d)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(d->pid, &clock) || clock_gettime(clock, &used))
        return -1;
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

int64_t decoder_resident_bytes(const struct decoder *d)
{
    char path[40], text[64];
    long pages = 0;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)d->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%*s %ld", &pages) != 1 || pages < 0)
        return 0;
    return pages * (int64_t)sysconf(_SC_PAGESIZE);
}

void decoder_limit(const struct decoder *d, int64_t more_cpu_ms, uint64_t output_bytes)
{
    int64_t used_ms = decoder_cpu_ms(d);
    struct rlimit cpu = {0, RLIM_INFINITY}, output = {output_bytes, output_bytes};

    (void)prlimit(d->pid, RLIMIT_FSIZE, &output, NULL);
    if (used_ms < 0)
        return;
    cpu.rlim_cur = (rlim_t)((used_ms + more_cpu_ms) / 1000 + 1); /* the kernel counts seconds */
    (void)prlimit(d->pid, RLIMIT_CPU, &cpu, NULL);
}

/* ---- ending ---- */

void decoder_dismiss(struct decoder *d)
{
    if (d->socket >= 0)
        close(d->socket);
    d->socket = -1;
}

bool decoder_has_left(struct decoder *d)
{
    if (d->pid && waitpid(d->pid, NULL, WNOHANG) == d->pid)
        d->pid = 0;
    return d->pid == 0;
}

/* A process closes its descriptors only after its end is decided, so one whose socket was found
 * closed keeps the status it died with: SIGKILL then changes nothing. */
int decoder_kill(struct decoder *d)
{
    int status = 0;

    decoder_dismiss(d);
    if (d->pid) {
        (void)kill(d->pid, SIGKILL);
        while (waitpid(d->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    d->pid = 0;
    return status;
}
