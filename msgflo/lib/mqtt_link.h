/*
 * mqtt_link.h - one MQTT connection through libmosquitto, without threads: opens within a time
 * limit, speaks MQTT 5 or, where the broker does not, 3.1.1, and never blocks once open. Every
 * answer of the broker or of libmosquitto becomes one sentence here.
 */
#ifndef MSGFLO_MQTT_LINK_H
#define MSGFLO_MQTT_LINK_H

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "broker_url.h"

/* A user property (MQTT 5) of this name holds a message's id. */
#define MQTT_MESSAGE_ID "message_id"

struct mqtt_link_options {
    const struct broker_url *to; /* lent while it is open, as all below */
    const char *client_id;
    bool clean_session;
    unsigned keep_alive_s; /* 0: none */
    /* Messages that the broker may send ahead of our PUBACKs; 0: libmosquitto's 20. MQTT 5 only. */
    unsigned receive_max;
    /* Nothing is written but by mqtt_link_write(), so PUBACKs can be held back: libmosquitto makes
     * one for each message it has read, and writes it at once unless it believes in a thread of the
     * caller's that will. */
    bool writes_held;
    const char *ca_file; /* for mqtts; NULL: the system's bundle */
};

/* What comes in, told from mqtt_link_read() only. NULL: is passed over. */
struct mqtt_link_events {
    void (*message)(void *user, const struct mosquitto_message *m, const mosquitto_property *props);
    /* The PUBACK of our message mid. reason: of MQTT 5 (mqtt_protocol.h); 0 on 3.1.1. */
    void (*published)(void *user, int mid, int reason);
};

struct mqtt_link {
    struct mosquitto *mosq; /* NULL while closed */
    const struct mqtt_link_events *events;
    void *user; /* of events */
    bool mqtt5;
    int connack;              /* -1: has not come */
    int open_subscriptions;   /* SUBACKs to come */
    int open_unsubscriptions; /* UNSUBACKs */
    bool subscription_refused;
    uint32_t watched_for;    /* by mqtt_link_watch(); 0 until then */
    struct msgflo_error why; /* code not MSGFLO_OK: it is of no use any more */
};

/* Whether TLS to that address can be set up at all: 0, or -1 with *e (MSGFLO_INVALID: ca_file). */
int mqtt_link_check_tls(const struct broker_url *url, const char *ca_file,
                        struct msgflo_error *e) MUST_CHECK;

/*
 * Connects by deadline_mono_ms. Returns 0, or -1 with *e: MSGFLO_UNAVAILABLE, MSGFLO_REFUSED (wrong
 * password, a certificate that does not hold), MSGFLO_INVALID (ca_file); the link is then closed.
 * The name look-up is the system's and has its own time limit.
 */
int mqtt_link_open(struct mqtt_link *l, const struct mqtt_link_options *options,
                   const struct mqtt_link_events *events, void *user, int64_t deadline_mono_ms,
                   struct msgflo_error *e) MUST_CHECK;

/* If polite, and nothing is wrong, writes what waits (held PUBACKs, too) and says goodbye; then
 * closes. A closed link is fine. */
void mqtt_link_close(struct mqtt_link *l, bool polite);

int mqtt_link_fd(const struct mqtt_link *l);
bool mqtt_link_wants_write(const struct mqtt_link *l);
/* Has epoll_fd tell of its events (EPOLLIN, EPOLLOUT or neither) from now on, as id. A failure
 * shows in l->why. */
void mqtt_link_watch(struct mqtt_link *l, int epoll_fd, uint32_t id, uint32_t events);

/* Each returns 0, or -1 with *e when the connection is lost. */
int mqtt_link_read(struct mqtt_link *l, struct msgflo_error *e) MUST_CHECK; /* one packet */
int mqtt_link_write(struct mqtt_link *l, struct msgflo_error *e) MUST_CHECK;
/* Sends what keeps the connection alive, and notices a broker that does not answer. */
int mqtt_link_tick(struct mqtt_link *l, struct msgflo_error *e) MUST_CHECK;

/* QoS 1. The broker's answer comes by mqtt_link_read(): one SUBACK less is open. */
int mqtt_link_subscribe(struct mqtt_link *l, const char *filter, struct msgflo_error *e) MUST_CHECK;
int mqtt_link_unsubscribe(struct mqtt_link *l, const char *filter,
                          struct msgflo_error *e) MUST_CHECK;

/* A message to be published; the rest than topic and body goes with MQTT 5 only. */
struct mqtt_message {
    const char *topic;
    const void *body;
    size_t size;
    const char *content_type, *message_id; /* or NULL */
    const char *const (*headers)[2];       /* text, pairs of name and value */
    size_t header_count;
    unsigned expiry_s; /* 0: never */
    /* Of a message that is passed on: its content type and user properties go with it. Or NULL. */
    const mosquitto_property *passed_on;
};

/*
 * Publishes with QoS 1, not retained; copied. Returns 0 and its mid, or -1 with *e: MSGFLO_INVALID
 * (no topic, too large, or no UTF-8: nothing was sent), MSGFLO_NOMEM, MSGFLO_UNAVAILABLE (lost).
 */
int mqtt_link_publish(struct mqtt_link *l, const struct mqtt_message *m, int *ret_mid,
                      struct msgflo_error *e) MUST_CHECK;

#endif
