#include "program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit.h"

void program_start(struct program *p, const char *const *argv, const char *const *variables)
{
    int fds[2];

    *p = (struct program){.out_fd = -1};
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that was killed leaves nothing behind */
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        for (; *variables; variables++)
            putenv((char *)(uintptr_t)*variables);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(fds[1]);
    p->out_fd = fds[0];
}

/* Reads more; false when there is none left to come, or not in time. */
static bool read_more(struct program *p, int timeout_ms)
{
    struct pollfd fd = {.fd = p->out_fd, .events = POLLIN};
    char block[4096];
    ssize_t n;

    if (poll(&fd, 1, timeout_ms) <= 0)
        return false;
    n = read(p->out_fd, block, sizeof block);
    return n > 0 && buf_append(&p->out, block, (size_t)n) == 0;
}

void program_expect(struct program *p, const char *text)
{
    int64_t deadline = clock_mono_ms() + PROGRAM_PATIENCE_MS;
    const char *found;

    while (!p->out.data || !(found = strstr(p->out.data + p->read, text)))
        if (!read_more(p, clock_until_ms(deadline)))
            fail_msg("no '%s' in: %s", text, p->out.data ? p->out.data + p->read : "");
    p->read = (size_t)(found - p->out.data) + strlen(text);
}

bool program_has_said(struct program *p, const char *text)
{
    while (p->out_fd > 0 && read_more(p, 0)) /* zeroed: it was never started */
        ;
    return p->out.data && strstr(p->out.data, text);
}

int program_end(struct program *p, int signal_number)
{
    int status;

    assert_true(p->pid > 0);
    if (signal_number)
        kill(p->pid, signal_number);
    while (read_more(p, PROGRAM_PATIENCE_MS)) /* its end closes the pipe */
        ;
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    p->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void program_release(struct program *p)
{
    if (p->pid > 0) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    if (p->out_fd > 0)
        close(p->out_fd);
    buf_release(&p->out);
    *p = (struct program){.out_fd = -1};
}
