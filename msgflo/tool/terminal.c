#include "tool/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ECMA-48, and xterm's private modes: 1049 the other screen, 25 the cursor. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

static void wake(int sig)
{
    (void)sig;
}

bool terminal_is_there(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int terminal_open(struct terminal *t, struct err *e)
{
    struct sigaction action = {.sa_handler = wake};
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &t->before))
        return err_set(e, ERR_UNAVAILABLE, "terminal: %s", strerror(errno));
    raw = t->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* a stopped program would leave the screen to itself */
    sigaction(SIGWINCH, &action, NULL);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw))
        return err_set(e, ERR_UNAVAILABLE, "terminal: %s", strerror(errno));
    t->is_open = true;
    fputs(ENTER, stdout);
    fflush(stdout);
    return 0;
}

void terminal_close(struct terminal *t)
{
    if (!t->is_open)
        return;
    t->is_open = false;
    fputs(LEAVE, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &t->before);
}

void terminal_size(size_t *ret_columns, size_t *ret_lines)
{
    struct winsize size;

    *ret_columns = 80;
    *ret_lines = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
        *ret_columns = size.ws_col;
        *ret_lines = size.ws_row;
    }
}

void terminal_draw(const char *text)
{
    size_t columns, lines;

    terminal_size(&columns, &lines);
    fputs(HOME, stdout);
    for (size_t i = 0; i < lines && *text; i++) {
        size_t len = strcspn(text, "\n");

        fprintf(stdout, "%s%.*s" CLEAR_LINE, i ? "\r\n" : "", (int)len, text);
        text += len + (text[len] != '\0');
    }
    fputs(CLEAR_BELOW, stdout);
    fflush(stdout);
}

int terminal_key(void)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    unsigned char key;

    return poll(&fd, 1, 0) == 1 && read(STDIN_FILENO, &key, 1) == 1 ? key : 0;
}
