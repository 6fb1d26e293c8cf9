/*
 * coordinator_script.h - a coordinator in a test: each action it takes becomes a line, and each
 * message to a client too, so that a test says what happens and compares what was done.
 */
#ifndef TESTS_COORDINATOR_SCRIPT_H
#define TESTS_COORDINATOR_SCRIPT_H

#include "base/buf.h"
#include "network/coordinator.h"

struct script {
    struct coordinator *c;
    struct library *library;
    struct buf log;
    int64_t now_ms;
    uint64_t last_command;
    bool full;         /* commands find no room */
    bool together;     /* what the next events ask for waits for script_wait() */
    bool quiet_client; /* messages to clients are not logged */
    int changes;       /* of the main graph */
};

/* fbp and library (JSON) may be NULL. options may be NULL; its library is set from `library`. */
void script_start(struct script *s, const char *fbp, const char *library,
                  const struct coordinator_options *options);
void script_end(struct script *s);

/* A process of the role announces itself: ports are texts like "in" or "in=queue", split by
 * blanks. */
void script_hear(struct script *s, const char *role, const char *id, const char *inports,
                 const char *outports);
/* The payload has ' for ". */
void script_say(struct script *s, uint64_t client, const char *protocol, const char *command,
                const char *payload);
/* The last command was carried out, or refused with the text. */
void script_done(struct script *s, uint64_t command, const char *refused);
void script_wait(struct script *s, int64_t ms);

/* What was done since the last call; with ' for " in messages. */
void script_expect(struct script *s, const char *lines);
/* Only that this is among it. */
void script_expect_some(struct script *s, const char *part);
void script_expect_none(struct script *s, const char *part);
void script_forget(struct script *s);

#endif
