/*
 * cage.c - no-new-privileges, resource limits and an allow-list of system calls.
 *
 * The list was found by running every loader and saver under strace, after the warm-up, on Debian
 * 12; names that an architecture or an old libseccomp does not know are left out by libseccomp.
 */
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <seccomp.h>

#include "decode_protocol.h"

/* Allowed with any arguments. */
static const char *const calls[] = {
    /* descriptors that are open already */
    "read",
    "write",
    "readv",
    "writev",
    "lseek",
    "close",
    "poll",
    "ppoll",
    /* memory; mmap and mprotect are below */
    "munmap",
    "mremap",
    "madvise",
    "brk",
    /* threads of our own */
    "futex",
    "futex_time64",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "exit",
    "exit_group",
    "sched_yield",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_getattr",
    "membarrier",
    "restart_syscall",
    "gettid",
    "getpid",
    /* signals to ourselves: what abort() needs; tgkill is below */
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    /* clocks and randomness */
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "getrandom",
    "getrusage",
    "uname",
#if defined(__SANITIZE_ADDRESS__)
    "readlink",
    "getpgrp",
#endif
};

#if defined(__SANITIZE_ADDRESS__)
/* LeakSanitizer stops threads with ptrace, which the cage forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

struct rule {
    const char *call;
    struct scmp_arg_cmp arg;
};

static int allow_any(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        int nr = seccomp_syscall_resolve_name(calls[i]);
        int rc;

        if (nr == __NR_SCMP_ERROR)
            continue;
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Allowed with one argument as given. */
static int allow_some(scmp_filter_ctx filter)
{
    const scmp_datum_t namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                    CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
    const struct rule rules[] = {
        {"mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
        {"mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
        {"clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | namespaces, CLONE_THREAD)},
        {"recvmsg", SCMP_A0(SCMP_CMP_EQ, DECODE_SOCKET_FD)},
        {"sendmsg", SCMP_A0(SCMP_CMP_EQ, DECODE_SOCKET_FD)},
        {"tgkill", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())},
        {"prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)},
        /* GLib gives a pool's threads the priority of the one that made it. 0: the caller. */
        {"sched_setattr", SCMP_A0(SCMP_CMP_EQ, 0)},
        {"fcntl", SCMP_A1(SCMP_CMP_EQ, F_DUPFD_CLOEXEC)},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        int nr = seccomp_syscall_resolve_name(rules[i].call);
        int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 1, rules[i].arg);

        if (rc < 0)
            return rc;
    }
    return 0;
}

static int load_filter(struct err *e)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc = -ENOMEM;

    if (!filter)
        return err_set(e, ERR_NOMEM, "seccomp filter");
    /* On all threads: the warm-up has left some in pools. */
    rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    /* A search tree instead of a chain: every wake-up of a thread passes the filter. Libraries
     * before 2.5 have chains only. */
    if (rc == 0)
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    /* Its flags are behind a pointer, which a filter cannot follow; glibc then uses clone. */
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0)
        rc = allow_any(filter);
    if (rc == 0)
        rc = allow_some(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc < 0)
        return err_set(e, ERR_UNAVAILABLE, "seccomp filter: %s", strerror(-rc));
    return 0;
}

bool cage_is_possible(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 && seccomp_api_get() >= 2;
}

static int limit(int resource, const char *name, rlim_t value, struct err *e)
{
    struct rlimit r = {value, value};

    if (setrlimit((__rlimit_resource_t)resource, &r) != 0)
        return err_set(e, ERR_UNAVAILABLE, "limit of %s: %s", name, strerror(errno));
    return 0;
}

/* First to go when the machine runs short: its parent starts another. Not allowed to matter. */
static void offer_to_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, "1000", 4) != 4)
        errno = 0;
    close(fd);
}

static int set_limits(uint64_t data_limit_bytes, struct err *e)
{
    if (limit(RLIMIT_CORE, "core", 0, e) < 0 || limit(RLIMIT_NOFILE, "files", 64, e) < 0)
        return -1;
#if defined(__SANITIZE_ADDRESS__)
    data_limit_bytes = 0; /* its shadow memory is terabytes */
#endif
    return data_limit_bytes > 0 ? limit(RLIMIT_DATA, "data", data_limit_bytes, e) : 0;
}

static void close_descriptors(void)
{
#if defined(__SANITIZE_ADDRESS__)
    close_range(0, 1, 0); /* keeps 2, for the sanitizer's report */
#else
    close_range(0, DECODE_SOCKET_FD - 1, 0);
#endif
    close_range(DECODE_SOCKET_FD + 1, ~0U, 0);
}

int cage_close(uint64_t data_limit_bytes, bool filter, struct err *e)
{
    offer_to_oom_killer();
    /* An orphan would work on for nobody, and nobody would watch its time. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set(e, ERR_UNAVAILABLE, "no new privileges: %s", strerror(errno));
    if (set_limits(data_limit_bytes, e) < 0)
        return -1;
    close_descriptors();
    return filter ? load_filter(e) : 0;
}
