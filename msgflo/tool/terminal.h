/*
 * terminal.h - a whole terminal to draw on: another screen while it is open, keys without Enter,
 * and all as it was before when it is closed.
 */
#ifndef MSGFLO_TOOL_TERMINAL_H
#define MSGFLO_TOOL_TERMINAL_H

#include <termios.h>

#include "base/buf.h"
#include "base/err.h"

struct terminal {
    bool is_open;
    struct termios before;
};

/* Whether standard input and output are one. */
bool terminal_is_there(void);

/* A change of its size interrupts poll() from now on. 0, or -1 with *e. */
int terminal_open(struct terminal *t, struct err *e) MUST_CHECK;
void terminal_close(struct terminal *t);

void terminal_size(size_t *ret_columns, size_t *ret_lines);

/* Puts the lines of text there, from the top; what does not fit, in height or width, is left out.
 */
void terminal_draw(const char *text);

/* The next key that was pressed; 0: none; -1: there is no terminal any more. */
int terminal_key(void);

#endif
