/*
 * broker_link.h - one AMQP 0-9-1 connection: address, login, and calls that block no longer than
 * they were given. Every answer of the broker or of rabbitmq-c becomes one sentence here.
 */
#ifndef MSGFLO_BROKER_LINK_H
#define MSGFLO_BROKER_LINK_H

/* rabbitmq-c moved its headers in 0.12, and the old ones warn since. */
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#endif

#include "broker_url.h"
#include "error.h"
#include "transport.h"

/* Whether TLS to that address can be set up at all: 0, or -1 with *e (MSGFLO_INVALID: ca_file). */
int broker_link_check_tls(const struct broker_url *url, const char *ca_file,
                          struct msgflo_error *e) MUST_CHECK;

struct broker_link {
    amqp_connection_state_t conn; /* NULL while closed */
    int64_t deadline_mono_ms;     /* calls that wait for an answer fail after it */
};

/*
 * Connects and logs in within config->connect_timeout_ms. Returns 0, or -1 with *e
 * (MSGFLO_UNAVAILABLE, or MSGFLO_REFUSED: wrong password or virtual host); the link is then closed.
 * The name look-up is the system's and has its own time limit.
 */
int broker_link_open(struct broker_link *l, const struct broker_url *url,
                     const struct transport_config *config, struct msgflo_error *e) MUST_CHECK;

/* Says goodbye if polite, waiting a moment for the answer, so that what was written last arrives;
 * then closes. A closed link is fine. */
void broker_link_close(struct broker_link *l, bool polite);

/* Calls that wait for an answer have timeout_ms from now, all together. */
void broker_link_set_deadline(struct broker_link *l, unsigned timeout_ms);

/*
 * To be called before a call that waits for an answer, and on its answer: 0, or -1 with *e.
 * MSGFLO_REFUSED: the broker closed this channel (and that is confirmed to it); any other code: the
 * connection is of no use any more. what names the thing: "queue 'x'".
 */
int broker_link_begin(struct broker_link *l, struct msgflo_error *e) MUST_CHECK;
int broker_link_answer(struct broker_link *l, amqp_channel_t channel, amqp_rpc_reply_t reply,
                       const char *what, struct msgflo_error *e) MUST_CHECK;

/* A frame that was sent, or read, with this status: 0, or -1 with *e (MSGFLO_UNAVAILABLE, or
 * MSGFLO_REFUSED: a certificate that is not trusted). */
int broker_link_status(int status, const char *what, struct msgflo_error *e) MUST_CHECK;

/* The broker closes the channel, or the connection: confirms that; the reason goes to *e. */
int broker_link_channel_closed(struct broker_link *l, amqp_channel_t channel,
                               const amqp_channel_close_t *close, const char *what,
                               struct msgflo_error *e);
int broker_link_closed(struct broker_link *l, const amqp_connection_close_t *close,
                       struct msgflo_error *e);

/* Whether something can be written within timeout_ms without blocking. */
bool broker_link_writable(const struct broker_link *l, int timeout_ms);

static inline amqp_bytes_t bytes_of(const char *text)
{
    return amqp_cstring_bytes(text);
}

#endif
