/*
 * test_terminal.c - what `msgflo top` does to a terminal, looked at from the other side of it.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool/loop.h"
#include "tool/terminal.h"

/* A terminal as standard input and output, and what was there before. */
struct fixture {
    int other_side, before[2];
};

static void set_size(const struct fixture *f, unsigned short columns, unsigned short lines)
{
    const struct winsize size = {.ws_col = columns, .ws_row = lines};

    assert_int_equal(ioctl(f->other_side, TIOCSWINSZ, &size), 0);
}

static int enter(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct termios as_is;
    int fd;

    assert_non_null(f);
    f->other_side = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_int_equal(grantpt(f->other_side), 0);
    assert_int_equal(unlockpt(f->other_side), 0);
    fd = open(ptsname(f->other_side), O_RDWR | O_NOCTTY);
    assert_true(fd > STDOUT_FILENO);
    assert_int_equal(tcgetattr(fd, &as_is), 0);
    as_is.c_oflag &= ~(tcflag_t)OPOST; /* so that what was written is read */
    assert_int_equal(tcsetattr(fd, TCSANOW, &as_is), 0);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        f->before[i] = dup(i);
        assert_int_equal(dup2(fd, i), i);
    }
    close(fd);
    *state = f;
    return 0;
}

static int leave(void **state)
{
    struct fixture *f = *state;

    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(f->before[i], i);
        close(f->before[i]);
    }
    close(f->other_side);
    free(f);
    return 0;
}

/* All that was written to the terminal. */
static const char *written(const struct fixture *f)
{
    static char text[2000];
    ssize_t n = read(f->other_side, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void draws_no_line_beyond_its_edges(void **state)
{
    const struct fixture *f = *state;

    set_size(f, 5, 3);
    terminal_draw("\xc3\xa4longer\nb\n");
    assert_string_equal(written(f), "\033[H\033[K\xc3\xa4long\r\n\033[Kb\r\n\033[J");
    terminal_draw("12345\n12345\n12345\n4\n");
    assert_string_equal(written(f), "\033[H\033[K12345\r\n\033[K12345\r\n\033[K12345");
    set_size(f, 1, 1);
    terminal_draw("ab\ncd");
    assert_string_equal(written(f), "\033[H\033[Ka");
}

static void takes_a_terminal_without_size_for_one_of_80_by_24(void **state)
{
    size_t columns, lines;

    set_size(*state, 0, 0);
    terminal_size(&columns, &lines);
    assert_int_equal(columns, 80);
    assert_int_equal(lines, 24);
}

static void leaves_it_as_it_was(void **state)
{
    const struct fixture *f = *state;
    struct terminal t = {0};
    struct termios before, now;
    struct err e = ERR_INIT;

    assert_int_equal(tcgetattr(STDIN_FILENO, &before), 0);
    assert_int_equal(terminal_open(&t, &e), 0);
    assert_string_equal(written(f), "\033[?1049h\033[?25l\033[?7l");
    assert_int_equal(tcgetattr(STDIN_FILENO, &now), 0);
    assert_int_equal(now.c_cc[VQUIT], _POSIX_VDISABLE); /* its core would not tidy up */
    assert_int_equal(now.c_cc[VSUSP], _POSIX_VDISABLE);
    terminal_close(&t);
    terminal_close(&t);
    assert_string_equal(written(f), "\033[?7h\033[?25h\033[?1049l");
    assert_int_equal(tcgetattr(STDIN_FILENO, &now), 0);
    assert_int_equal(now.c_lflag, before.c_lflag);
    assert_memory_equal(now.c_cc, before.c_cc, sizeof(now.c_cc));
}

static void tells_keys_and_the_end_of_the_terminal(void **state)
{
    struct fixture *f = *state;
    struct terminal t = {0};
    struct err e = ERR_INIT;

    assert_int_equal(terminal_open(&t, &e), 0);
    assert_int_equal(terminal_key(), 0);
    assert_int_equal(write(f->other_side, "q", 1), 1);
    assert_int_equal(terminal_key(), 'q');
    assert_int_equal(terminal_key(), 0);
    close(f->other_side);
    f->other_side = -1;
    assert_int_equal(terminal_key(), -1);
}

static void note_key(void *user)
{
    *(int *)user = terminal_key();
}

/* Else its file stays readable, and whoever waits without looking (for a broker) spins. */
static void a_loop_lets_keys_be_taken(void **state)
{
    const struct fixture *f = *state;
    struct terminal t = {0};
    struct loop loop;
    int key = 0;
    struct err e = ERR_INIT;

    assert_int_equal(terminal_open(&t, &e), 0);
    assert_int_equal(loop_open(&loop, &e), 0);
    loop.input_fd = STDIN_FILENO;
    loop.input = note_key;
    loop.user = &key;
    assert_int_equal(write(f->other_side, "x", 1), 1);
    assert_int_equal(loop_step(&loop, 10000, &e), 0);
    assert_int_equal(key, 'x');
    loop_release(&loop);
    terminal_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(draws_no_line_beyond_its_edges, enter, leave),
        cmocka_unit_test_setup_teardown(takes_a_terminal_without_size_for_one_of_80_by_24, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(leaves_it_as_it_was, enter, leave),
        cmocka_unit_test_setup_teardown(a_loop_lets_keys_be_taken, enter, leave),
        cmocka_unit_test_setup_teardown(tells_keys_and_the_end_of_the_terminal, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
