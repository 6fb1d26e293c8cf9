/*
 * run_page.h - what `msgflo run` shows a browser and a terminal: the address by which an editor
 * opens the live network, and a page around it. Texts in, texts out.
 */
#ifndef MSGFLO_TOOL_RUN_PAGE_H
#define MSGFLO_TOOL_RUN_PAGE_H

#include <stdbool.h>

#include "base/buf.h"

struct run_page {           /* all lent */
    const char *ide;        /* the editor's address, such as "https://app.flowhub.io" */
    const char *ws_address; /* "ws://127.0.0.1:3569" */
    const char *runtime_id;
    const char *label; /* of the network, for people */
};

/* Appends the live address: the editor's, with what it needs to connect. secret may be NULL.
 * Returns 0, or -1: no memory. */
int run_page_live_url(const struct run_page *page, const char *secret, struct buf *ret) MUST_CHECK;

/*
 * Appends the page. Its link never holds the secret, because whoever reaches the port can read the
 * page; needs_secret makes it say how to give one. Returns 0, or -1: no memory.
 */
int run_page_html(const struct run_page *page, bool needs_secret, struct buf *ret) MUST_CHECK;

#endif
