#include "tool/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ECMA-48, and DEC's and xterm's private modes: 1049 the other screen, 25 the cursor, 7 that a line
 * too long goes on in the next one, which would push the first lines out. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
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
    raw.c_cc[VQUIT] = _POSIX_VDISABLE; /* and one that Ctrl-\ ends would leave it as it is */
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

/* Bytes of the first `columns` characters of a line. */
static size_t cut(const char *line, size_t len, size_t columns)
{
    size_t n = 0, at = 0;

    while (at < len && (n += ((unsigned char)line[at] & 0xc0) != 0x80) <= columns)
        at++;
    return at;
}

/* Each line is cleared before it is written: behind one as wide as the terminal, the cursor stands
 * on its last character. */
void terminal_draw(const char *text)
{
    size_t columns, lines, i;

    terminal_size(&columns, &lines);
    fputs(HOME, stdout);
    for (i = 0; i < lines && *text; i++) {
        size_t len = strcspn(text, "\n");

        fprintf(stdout, "%s" CLEAR_LINE "%.*s", i ? "\r\n" : "", (int)cut(text, len, columns),
                text);
        text += len + (text[len] != '\0');
    }
    if (i < lines)
        fputs("\r\n" CLEAR_BELOW, stdout);
    fflush(stdout);
}

int terminal_key(void)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    unsigned char key;

    if (poll(&fd, 1, 0) != 1)
        return 0;
    return read(STDIN_FILENO, &key, 1) == 1 ? key : -1;
}
