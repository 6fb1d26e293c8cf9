/*
 * setup.h - the parts of `msgflo setup`, one a file: its options, what it has in hand, and the
 * steps that cmd_setup.c puts in a row. Only setup*.c and cmd_setup.c include it.
 */
#ifndef MSGFLO_TOOL_SETUP_H
#define MSGFLO_TOOL_SETUP_H

#include "network/seen.h"
#include "tool/command.h"
#include "tool/loop.h"
#include "tool/settings.h"

struct setup_options {
    const char *graph, *broker, *management;
    const char *library, *components, *shell;
    struct option_texts only, ignore, forward; /* of forward: stdout, stderr */
    int64_t timeout_s;
    bool participants, discover, forever, prune, json;
};

/* What --prune found and did, for the user. */
struct pruned {
    struct link_list removed;
    bool removed_is_known; /* else those are what could have been there */
    struct buf checked;    /* a line on what was looked at; empty without --prune */
};

struct setup {
    const struct command *self;
    struct setup_options options;
    struct tool_settings settings;
    struct graph *graph;
    struct topology topology;
    struct loop loop;
    struct broker *broker;

    struct children *children;
    struct name_list participants; /* that were started, in the order of the graph */
    size_t n_started;              /* of which so many have said so */
    bool keeps_running;            /* with --forever, once all is set up */
    struct err failure;            /* before: one of them has ended, and so does the command */

    struct seen *seen; /* with --discover */
    struct pruned pruned;
    struct buf warnings; /* lines */
};

/*
 * Starts those of the graph's participants that --only and --ignore leave, and waits until each has
 * written its first byte. Returns 0, or -1 with *e: one has no command, ended, or was not there in
 * time (ERR_TIMEOUT).
 */
int setup_participants(struct setup *s, struct err *e) MUST_CHECK;

/* From before the participants start, so that none of their announcements is missed (npm msgflo
 * issue #94). */
int setup_follow_discovery(struct setup *s, struct err *e) MUST_CHECK;

/* Waits until every participant of the graph has announced itself; s->topology then has their
 * queues. ERR_TIMEOUT names who is missing. */
int setup_discover(struct setup *s, struct err *e) MUST_CHECK;

/* Removes the bindings between roles of the graph that it does not want. */
int setup_prune(struct setup *s, struct err *e) MUST_CHECK;

/* One loop_step() until deadline. Returns -1 also when a participant has failed, when a signal has
 * come, and with ERR_TIMEOUT and no text when the time is over. */
int setup_wait(struct setup *s, int64_t deadline_mono_ms, struct err *e) MUST_CHECK;

#endif
