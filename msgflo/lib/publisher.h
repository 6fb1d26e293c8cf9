/*
 * publisher.h - the AMQP channel a participant publishes on, in confirm mode: properties, and which
 * message a confirm means.
 * A confirm counts the publishes of its channel from 1 (RabbitMQ, "Publisher Confirms"); messages
 * are numbered over all channels there ever were. Since all of them go by this one channel in the
 * order of their numbers, the difference is constant for the channel's life.
 */
#ifndef MSGFLO_PUBLISHER_H
#define MSGFLO_PUBLISHER_H

#include "broker_link.h"

struct publisher {
    amqp_channel_t channel;
    bool open;
    uint64_t first_seq; /* the number of this channel's first message */
    uint64_t count;     /* messages published on this channel */
};

/* Opens the channel and selects confirms. 0, or -1 with *e as broker_link_answer(). */
int publisher_open(struct publisher *p, struct broker_link *l, struct msgflo_error *e) MUST_CHECK;

/* To an exchange ("" with a queue's name as key for that queue). ttl_ms of 0: stays until taken.
 * 0, or -1 with *e: MSGFLO_NOMEM leaves the connection as it was, else it is of no use. */
int publisher_publish(struct publisher *p, struct broker_link *l, const char *exchange,
                      const char *routing_key, const struct transport_message *tm, const char *role,
                      unsigned ttl_ms, struct msgflo_error *e) MUST_CHECK;

/* The same for a message that is passed on with the properties it has. */
int publisher_pass_on(struct publisher *p, struct broker_link *l, const char *exchange,
                      const char *routing_key, bool mandatory,
                      const amqp_basic_properties_t *properties, amqp_bytes_t body,
                      uint64_t publish_seq, struct msgflo_error *e) MUST_CHECK;

/* The number of the message that a confirm's tag means; 0: none. Tag 0 with multiple is the last
 * one published. */
uint64_t publisher_seq(const struct publisher *p, uint64_t tag, bool multiple);

#endif
