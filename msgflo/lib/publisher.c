#include "publisher.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define DELIVERY_TRANSIENT 1
#define DELIVERY_PERSISTENT 2

int publisher_open(struct publisher *p, struct broker_link *l, struct msgflo_error *e)
{
    p->open = false;
    p->count = 0;
    if (broker_link_begin(l, e))
        return -1;
    amqp_channel_open(l->conn, p->channel);
    if (broker_link_answer(l, p->channel, amqp_get_rpc_reply(l->conn), "publishing channel", e) ||
        broker_link_begin(l, e))
        return -1;
    amqp_confirm_select(l->conn, p->channel);
    if (broker_link_answer(l, p->channel, amqp_get_rpc_reply(l->conn), "confirm mode", e))
        return -1;
    p->open = true;
    return 0;
}

/* The message's headers as a table, whose entries the caller frees. 0, or -1 without memory. */
static int make_headers(const struct msgflo_message *m, amqp_table_t *ret)
{
    if (m->header_count == 0)
        return 0;
    ret->entries = calloc(m->header_count, sizeof *ret->entries);
    if (!ret->entries)
        return -1;
    ret->num_entries = (int)m->header_count;
    for (size_t i = 0; i < m->header_count; i++) {
        ret->entries[i].key = bytes_of(m->headers[i][0]);
        ret->entries[i].value.kind = AMQP_FIELD_KIND_UTF8;
        ret->entries[i].value.value.bytes = bytes_of(m->headers[i][1]);
    }
    return 0;
}

static amqp_bytes_t body_of(const struct msgflo_message *m)
{
    amqp_bytes_t body = {m->size, NULL};

    memcpy(&body.bytes, &m->body, sizeof body.bytes); /* rabbitmq-c only reads it */
    return body;
}

int publisher_pass_on(struct publisher *p, struct broker_link *l, const char *exchange,
                      const char *routing_key, bool mandatory,
                      const amqp_basic_properties_t *properties, amqp_bytes_t body,
                      uint64_t publish_seq, struct msgflo_error *e)
{
    int status = amqp_basic_publish(l->conn, p->channel, bytes_of(exchange), bytes_of(routing_key),
                                    mandatory, 0, properties, body);

    if (broker_link_status(status, "publishing", e))
        return -1;
    if (p->count++ == 0)
        p->first_seq = publish_seq;
    return 0;
}

int publisher_publish(struct publisher *p, struct broker_link *l, const char *exchange,
                      const char *routing_key, const struct transport_message *tm, const char *role,
                      unsigned ttl_ms, struct msgflo_error *e)
{
    const struct msgflo_message *m = tm->m;
    amqp_basic_properties_t props = {0};
    char ttl[16];
    int status;

    if (make_headers(m, &props.headers))
        return fail(e, MSGFLO_NOMEM, "no memory for %zu headers", m->header_count);
    props._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                   AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_APP_ID_FLAG;
    props.content_type = bytes_of(m->content_type ? m->content_type : "application/json");
    props.delivery_mode = m->transient ? DELIVERY_TRANSIENT : DELIVERY_PERSISTENT;
    props.message_id = bytes_of(tm->message_id);
    props.timestamp = (uint64_t)clock_wall_ms() / 1000;
    props.app_id = bytes_of(role);
    if (m->header_count)
        props._flags |= AMQP_BASIC_HEADERS_FLAG;
    if (ttl_ms) {
        snprintf(ttl, sizeof ttl, "%u", ttl_ms);
        props._flags |= AMQP_BASIC_EXPIRATION_FLAG;
        props.expiration = bytes_of(ttl);
    }
    status = publisher_pass_on(p, l, exchange, routing_key, m->mandatory, &props, body_of(m),
                               tm->publish_seq, e);
    free(props.headers.entries);
    return status;
}

uint64_t publisher_seq(const struct publisher *p, uint64_t tag, bool multiple)
{
    if (tag == 0 && multiple)
        tag = p->count;
    return tag == 0 || tag > p->count ? 0 : p->first_seq + tag - 1;
}
