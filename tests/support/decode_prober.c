/*
 * imageresize-decode-prober - tries to get out of the decoder's own cage, for test_decode_cage.c.
 * Closes the cage as imageresize-decode does (or not, with --no-sandbox, to show that the attempts
 * themselves are sound), tries each way out, and sends one packet: a line an attempt, "NAME 0" for
 * a success, else "NAME ERRNO".
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "decode/cage.h"
#include "decode/decode_protocol.h"

static int close_fd(int fd)
{
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int open_to_read(void)
{
    return close_fd(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int open_to_write(void)
{
    return close_fd(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

static int look_at_file(void)
{
    struct stat st;

    return stat("/etc/passwd", &st);
}

static int make_memfd(void)
{
    return close_fd(memfd_create("x", MFD_CLOEXEC));
}

static int make_folder(void)
{
    return mkdir("/", 0700) != 0 && errno == EEXIST ? 0 : -1;
}

static int make_tcp_socket(void)
{
    return close_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_unix_socket(void)
{
    return close_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_socket_pair(void)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    close(pair[0]);
    return close_fd(pair[1]);
}

static int end_child(pid_t pid)
{
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int make_process(void)
{
    return end_child((pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

#if defined(SYS_fork)
static int make_process_by_fork(void)
{
    return end_child((pid_t)syscall(SYS_fork));
}
#endif

static int run_program(void)
{
    static char name[] = "/nowhere";
    char *argv[] = {name, NULL}, *env[] = {NULL};

    execve("/nowhere", argv, env);
    return errno == ENOENT ? 0 : -1; /* got as far as looking for it */
}

static int signal_parent(void)
{
    return kill(getppid(), 0);
}

static int trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : -1;
}

static int map_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return -1;
    return munmap(p, 4096);
}

static int make_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int rc, saved;

    if (p == MAP_FAILED)
        return 0; /* memory itself must be had: shows as a success, which fails the test */
    rc = mprotect(p, 4096, PROT_READ | PROT_EXEC);
    saved = errno;
    munmap(p, 4096);
    errno = saved;
    return rc;
}

static int raise_limit(void)
{
    struct rlimit r = {1 << 20, 1 << 20};

    return setrlimit(RLIMIT_CORE, &r);
}

static int receive_elsewhere(void)
{
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    recvmsg(DECODE_SOCKET_FD + 1, &msg, MSG_DONTWAIT);
    return errno == EPERM ? -1 : 0;
}

static void *nothing(void *data)
{
    return data;
}

static int make_thread(void)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, nothing, NULL);

    if (rc == 0)
        pthread_join(thread, NULL);
    errno = rc;
    return rc ? -1 : 0;
}

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"open_to_read", open_to_read},
    {"open_to_write", open_to_write},
    {"look_at_file", look_at_file},
    {"make_memfd", make_memfd},
    {"make_folder", make_folder},
    {"make_tcp_socket", make_tcp_socket},
    {"make_unix_socket", make_unix_socket},
    {"make_socket_pair", make_socket_pair},
    {"make_process", make_process},
#if defined(SYS_fork)
    {"make_process_by_fork", make_process_by_fork},
#endif
    {"run_program", run_program},
    {"signal_parent", signal_parent},
    {"map_executable", map_executable},
    {"make_executable", make_executable},
    {"raise_limit", raise_limit},
    {"receive_elsewhere", receive_elsewhere},
    {"make_thread", make_thread},
    {"trace", trace}, /* last: a traced process stops at each signal */
};

int main(int argc, char **argv)
{
    struct buf report = BUF_INIT;
    struct err e = ERR_INIT;
    struct iovec iov;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    bool filter = argc < 2 || strcmp(argv[1], "--no-sandbox") != 0;

    if (cage_close(0, filter, &e) < 0)
        return 3;
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        int rc = (errno = 0, attempts[i].attempt());

        buf_printf(&report, "%s %d\n", attempts[i].name, rc == 0 ? 0 : errno);
    }
    iov = (struct iovec){report.data, report.len};
    return report.failed || sendmsg(DECODE_SOCKET_FD, &msg, 0) < 0;
}
