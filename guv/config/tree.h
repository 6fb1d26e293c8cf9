/*
 * tree.h - a YAML document as a tree that knows its lines. Hides libyaml.
 * Scalars are what the original guv's parser (js-yaml, YAML 1.1) takes them for; beside that, 1e3
 * is a number, as in JSON. An alias is the anchored node itself, not a copy, and a merge (<<) is
 * counted: a small text cannot become a big tree.
 */
#ifndef GUV_CONFIG_TREE_H
#define GUV_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define TREE_MAX_DEPTH 20     /* of maps and lists */
#define TREE_MAX_NODES 100000 /* values, and what << merges, each time */
#define TREE_MAX_PAIRS 1200   /* of one map: keys are compared with each other */
#define TREE_MAX_ANCHORS 200
#define TREE_MAX_TEXT 16384 /* bytes of a key or a scalar */

enum tree_kind { TREE_NULL, TREE_BOOL, TREE_NUMBER, TREE_TEXT, TREE_LIST, TREE_MAP };

struct tree_node {
    enum tree_kind kind;
    int line;           /* from 1 */
    const char *text;   /* of a scalar: as written, without quotes */
    double number;      /* TREE_NUMBER: it may be infinite or no number (.inf, .nan) */
    bool is_odd_number; /* octal, hexadecimal, binary or sexagesimal: YAML 1.2 reads it otherwise */
    struct tree_pair *pairs; /* TREE_MAP: in the file's order */
    struct tree_item *items; /* TREE_LIST */
};

struct tree_pair {
    const char *key;
    int line;
    int again_line; /* where the key is given again, which no map may; 0: it is not */
    bool is_merged; /* by <<, which a key of the map's own replaces */
    const struct tree_node *value;
    struct tree_pair *next;
};

struct tree_item {
    const struct tree_node *value;
    struct tree_item *next;
};

struct tree {
    const struct tree_node *root; /* NULL: no document, or comments alone. Lent */
    void *memory;                 /* of all nodes and texts */
};

/* Returns 0 and the one document in bytes, for the caller to tree_release(); or -1 with *e naming
 * the line (ERR_INPUT, ERR_LIMIT, ERR_NOMEM). */
int tree_parse(const char *bytes, size_t len, struct tree *ret, struct err *e) MUST_CHECK;
void tree_release(struct tree *t);

#endif
