/*
 * fbp_scan.h - inside the .fbp parser: its state, characters, places in the text and the values
 * (IIPs, metadata) that are not the language's own. Only fbp*.c include it.
 */
#ifndef MSGFLO_FBP_SCAN_H
#define MSGFLO_FBP_SCAN_H

#include "graph/fbp.h"

/* What a rule wanted where it failed, for the message. */
enum expected {
    EXPECT_ARROW = 1,
    EXPECT_PROCESS = 2,
    EXPECT_OPEN = 4,
    EXPECT_CLOSE = 8,
    EXPECT_DOT = 16,
    EXPECT_COLON = 32,
    EXPECT_PORT = 64,
    EXPECT_VALUE = 128,
    EXPECT_META = 256,
    EXPECT_NOTHING = 512
};

struct parser {
    const char *text;
    size_t len, pos;
    size_t fail_at;    /* the furthest place where a rule failed */
    unsigned expected; /* enum expected, of what would have matched there */
    bool fatal;        /* *e is set, for the place fail_at */
    bool case_sensitive;
    struct span default_in, default_out;
    struct graph *graph;
    json_t *anonymous_counts; /* how many of a name there are */
    json_t *anonymous_names;  /* by their place in the text */
    struct buf *warnings;
    unsigned n_warnings;
    struct err *e;
};

/* Notes that a rule failed here. Returns false, so that a rule can end in `return scan_fail(...)`.
 */
bool scan_fail(struct parser *p, unsigned what);

/* *e has been set for the byte at: nothing more is read. Returns false. */
bool scan_stop(struct parser *p, size_t at);

/* scan_stop() for want of memory. */
bool scan_stop_nomem(struct parser *p, size_t at);

/* Returns false. */
bool scan_rewind(struct parser *p, size_t pos);

/* Spaces only: to this language a tab is no blank. Returns how many. */
size_t scan_blanks(struct parser *p);

/* Each takes what it is called after, or fails and takes nothing. */
bool scan_newline(struct parser *p);
bool scan_literal(struct parser *p, const char *word, unsigned what);
bool scan_name(struct parser *p, bool (*is)(char), unsigned what, struct span *ret);

/* As many characters as there are of the kind, perhaps none. Lent from the text. */
struct span scan_run(struct parser *p, bool (*is)(char));

bool scan_is_letter(char c);
bool scan_is_digit(char c);
bool scan_is_node_char(char c);
bool scan_is_port_char(char c);
bool scan_is_component_char(char c);
bool scan_is_meta_char(char c);
bool scan_is_annotation_char(char c);

/* Bytes of the line end at pos (\n, \r, U+2028 or U+2029; \r\n is two), or 0. */
size_t scan_newline_len(const char *text, size_t len, size_t pos);

bool scan_utf8_is_valid(const char *text, size_t len, size_t *ret_at);

struct fbp_place scan_place(const char *text, size_t len, size_t at);

/* Sets *e from the furthest place a rule failed: "expected a process or a value, found '%'". */
void scan_set_syntax_error(const struct parser *p);

/* An IIP: 'text' or JSON. *ret is new. */
bool scan_quoted(struct parser *p, json_t **ret);
bool scan_json(struct parser *p, json_t **ret);

/* What the name of an anonymous process begins with, its number following: "_", the component with
 * its first run of other than letters and digits made one "_", and "_". */
void scan_anonymous_stem(struct span component, struct buf *stem);

/* The metadata of a process, "x=1,y=2,main": new, or NULL without memory. */
json_t *scan_metadata(struct span text);

#endif
