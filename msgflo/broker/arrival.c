#include "broker/arrival.h"

#include <string.h>

struct arrival *arrival_new(struct stream *stream, uint64_t tag)
{
    struct arrival *a = calloc(1, sizeof(*a));

    if (a) {
        a->stream = stream;
        a->tag = tag;
    }
    return a;
}

void arrival_free(struct arrival *a)
{
    if (!a)
        return;
    free(a->body);
    free(a);
}

static void copy_short_text(char to[SHORT_TEXT_SIZE], amqp_bytes_t text)
{
    size_t len = text.len < SHORT_TEXT_SIZE ? text.len : SHORT_TEXT_SIZE - 1;

    if (len)
        memcpy(to, text.bytes, len);
    to[len] = '\0';
}

int arrival_header(struct arrival *a, const amqp_frame_t *frame, uint64_t max_bytes,
                   struct msgflo_error *e)
{
    const amqp_basic_properties_t *p = frame->payload.properties.decoded;

    a->size = frame->payload.properties.body_size;
    if (p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG)
        copy_short_text(a->content_type, p->content_type);
    if (p->_flags & AMQP_BASIC_EXPIRATION_FLAG)
        copy_short_text(a->expiration, p->expiration);
    if (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
        copy_short_text(a->message_id, p->message_id);
    if (p->_flags & AMQP_BASIC_TIMESTAMP_FLAG)
        a->timestamp_s = p->timestamp;
    if (a->size <= max_bytes) {
        a->body = calloc(1, (size_t)a->size + 1);
        if (!a->body)
            return fail(e, MSGFLO_NOMEM, "no memory for a message of %llu bytes",
                        (unsigned long long)a->size);
    }
    return a->size == 0;
}

int arrival_body(struct arrival *a, amqp_bytes_t part, struct msgflo_error *e)
{
    if (part.len > a->size - a->received)
        return fail(e, MSGFLO_UNAVAILABLE, "the broker sent more of a message than it said");
    if (a->body && part.len)
        memcpy(a->body + a->received, part.bytes, part.len);
    a->received += part.len;
    return a->received == a->size;
}
