#include "tool/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

extern char **environ;

/* --- words ------------------------------------------------------------------------------- */

/* Copies one word to `to`, which is not behind `from`, without its quotes. Returns where it ended,
 * or NULL: a quote has no end. */
static const char *copy_word(const char *from, char *to)
{
    char quote = '\0';

    for (; *from && (quote || !strchr(" \t\n", *from)); from++)
        if (*from == '\\' && quote != '\'' && from[1])
            *to++ = *++from;
        else if (quote ? *from == quote : *from == '\'' || *from == '"')
            quote = quote ? '\0' : *from;
        else
            *to++ = *from;
    if (quote)
        return NULL;
    from += *from != '\0'; /* the blank that the NUL may be written over */
    *to = '\0';
    return from;
}

int spawn_split(char *text, char *words[SPAWN_MAX_WORDS + 1], struct err *e)
{
    const char *from = text;
    int n = 0;

    while (*(from += strspn(from, " \t\n"))) {
        char *word = text + (from - text);

        if (n == SPAWN_MAX_WORDS)
            return err_set(e, ERR_INPUT, "a command of more than %d words", SPAWN_MAX_WORDS);
        words[n++] = word;
        from = copy_word(from, word);
        if (!from)
            return err_set(e, ERR_INPUT, "a quote in a command has no end");
    }
    words[n] = NULL;
    return n;
}

/* --- environment ------------------------------------------------------------------------- */

#define BROKER "MSGFLO_BROKER="

/* Ours with the broker put in: a list whose texts are lent, but for the broker's own. New, for
 * free(). */
static char **make_environment(char *broker_setting)
{
    size_t n = 0, to = 0;
    char **list;

    while (environ[n])
        n++;
    list = malloc((n + 2) * sizeof(*list));
    if (!list)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!broker_setting || strncmp(environ[i], BROKER, strlen(BROKER)) != 0)
            list[to++] = environ[i];
    if (broker_setting)
        list[to++] = broker_setting;
    list[to] = NULL;
    return list;
}

/* --- fork and exec ----------------------------------------------------------------------- */

enum pipe_name { PIPE_OUT, PIPE_ERR, PIPE_FAILURE, N_PIPES };

/* What the child needs, made before the fork. */
struct plan {
    char **words, **environment;
    pid_t parent;
    int pipes[N_PIPES][2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_pipes(struct plan *plan)
{
    for (size_t i = 0; i < N_PIPES; i++) {
        close_fd(&plan->pipes[i][0]);
        close_fd(&plan->pipes[i][1]);
    }
}

/* The kernel's signal comes when the thread that forked ends; if that was before the prctl, the
 * parent is another one already. */
static int become_child(const struct plan *plan)
{
    sigset_t none;
    int empty = open("/dev/null", O_RDONLY);

    sigemptyset(&none);
    if (empty < 0 || setpgid(0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
        getppid() != plan->parent || dup2(empty, STDIN_FILENO) < 0 ||
        dup2(plan->pipes[PIPE_OUT][1], STDOUT_FILENO) < 0 ||
        dup2(plan->pipes[PIPE_ERR][1], STDERR_FILENO) < 0)
        return -1;
    if (empty > STDERR_FILENO)
        close(empty);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL); /* an ignored one would stay ignored after exec */
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Never returns. */
static void run_child(const struct plan *plan)
{
    int cause;

    if (become_child(plan) == 0)
        execvpe(plan->words[0], plan->words, plan->environment);
    cause = errno;
    if (write(plan->pipes[PIPE_FAILURE][1], &cause, sizeof(cause)) < 0)
        _exit(126);
    _exit(127);
}

/* Waits for exec. Returns 0, or the errno of its failure. */
static int wait_for_exec(struct plan *plan)
{
    int cause = 0;
    ssize_t n;

    close_fd(&plan->pipes[PIPE_FAILURE][1]);
    do
        n = read(plan->pipes[PIPE_FAILURE][0], &cause, sizeof(cause));
    while (n < 0 && errno == EINTR);
    return n == sizeof(cause) ? cause : 0; /* exec closes the pipe with nothing in it */
}

static int start(struct plan *plan, struct spawned *ret, struct err *e)
{
    pid_t pid = fork();
    int cause, pidfd;

    if (pid == 0)
        run_child(plan);
    if (pid < 0)
        return err_set(e, ERR_UNAVAILABLE, "cannot start '%s': %s", plan->words[0],
                       strerror(errno));
    setpgid(pid, pid); /* here too, so that the group is there when we return */
    cause = wait_for_exec(plan);
    pidfd = cause ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        cause = cause ? cause : errno;
        kill(-pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return err_set(e, ERR_INPUT, "cannot start '%s': %s", plan->words[0], strerror(cause));
    }
    *ret = (struct spawned){pid, pidfd, plan->pipes[PIPE_OUT][0], plan->pipes[PIPE_ERR][0]};
    plan->pipes[PIPE_OUT][0] = plan->pipes[PIPE_ERR][0] = -1;
    return 0;
}

static int open_pipes(struct plan *plan, struct err *e)
{
    for (size_t i = 0; i < N_PIPES; i++)
        if (pipe2(plan->pipes[i], O_CLOEXEC) ||
            (i != PIPE_FAILURE && fcntl(plan->pipes[i][0], F_SETFL, O_NONBLOCK)))
            return err_set(e, ERR_UNAVAILABLE, "a pipe: %s", strerror(errno));
    return 0;
}

/* The words of the command, in words; text and program are writable copies. */
static int plan_words(char *text, char *program, char *words[SPAWN_MAX_WORDS + 1], struct err *e)
{
    static char dash_c[] = "-c";
    int n;

    if (program) {
        words[0] = program;
        words[1] = dash_c;
        words[2] = text;
        words[3] = NULL;
        return 0;
    }
    n = spawn_split(text, words, e);
    return n == 0 ? err_set(e, ERR_INPUT, "an empty command") : n < 0 ? -1 : 0;
}

int spawn(const char *command, const char *shell, const char *broker, struct spawned *ret,
          struct err *e)
{
    char *words[SPAWN_MAX_WORDS + 1];
    struct plan plan = {words, NULL, getpid(), {{-1, -1}, {-1, -1}, {-1, -1}}};
    AUTO(text_freep) char *text = strdup(command);
    AUTO(text_freep) char *program = shell ? strdup(shell) : NULL;
    AUTO(buf_release) struct buf setting = BUF_INIT;
    int rc;

    if (broker)
        buf_printf(&setting, BROKER "%s", broker);
    plan.environment = make_environment(setting.data);
    if (!text || !plan.environment || setting.failed || (shell && !program))
        rc = err_set(e, ERR_NOMEM, "no memory for a process");
    else if (plan_words(text, program, words, e) || open_pipes(&plan, e))
        rc = -1;
    else
        rc = start(&plan, ret, e);
    close_pipes(&plan);
    free(plan.environment);
    return rc;
}
