/*
 * child.c - see child.h.
 */
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static pid_t spawn(const char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t actions;
    char *own[16] = {NULL};
    pid_t pid = -1;

    for (size_t i = 0; argv[i] && i < sizeof own / sizeof *own - 1; i++)
        own[i] = strdup(argv[i]); /* posix_spawn() wants them writable */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (posix_spawnp(&pid, own[0], &actions, NULL, own, environ))
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; own[i]; i++)
        free(own[i]);
    return pid;
}

/* Returns 0, or -1: it ended without a line. */
static int read_line(int fd, char *line, size_t size)
{
    size_t len = 0;
    char *end = NULL;

    while (!end && len < size - 1) {
        ssize_t n = read(fd, line + len, size - 1 - len);

        if (n <= 0)
            return -1;
        len += (size_t)n;
        line[len] = '\0';
        end = strchr(line, '\n');
    }
    if (!end)
        return -1;
    *end = '\0';
    return 0;
}

int child_start(const char *const *argv, struct child *ret)
{
    int in[2], out[2], failed;

    *ret = (struct child){.pid = -1, .stdin_fd = -1};
    if (pipe2(in, O_CLOEXEC))
        return -1;
    if (pipe2(out, O_CLOEXEC)) {
        close(in[0]);
        close(in[1]);
        return -1;
    }
    ret->pid = spawn(argv, in[0], out[1]);
    ret->stdin_fd = in[1];
    close(in[0]);
    close(out[1]);
    failed = ret->pid < 0 || read_line(out[0], ret->line, sizeof ret->line);
    close(out[0]);
    if (failed)
        child_stop(ret);
    return failed ? -1 : 0;
}

void child_stop(struct child *c)
{
    if (c->stdin_fd >= 0)
        close(c->stdin_fd);
    if (c->pid > 0) {
        kill(c->pid, SIGTERM);
        waitpid(c->pid, NULL, 0);
    }
    c->pid = -1;
    c->stdin_fd = -1;
}
