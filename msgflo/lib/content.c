#include "content.h"

#include <string.h>

void content_release(struct content *c)
{
    free(c->delivery);
    memset(c, 0, sizeof *c);
}

int content_deliver(struct content *c, const amqp_basic_deliver_t *m)
{
    content_release(c);
    c->kind = CONTENT_DELIVERY;
    c->tag = m->delivery_tag;
    c->redelivered = m->redelivered != 0;
    return 0;
}

int content_return(struct content *c)
{
    content_release(c);
    c->kind = CONTENT_RETURN;
    return 0;
}

static bool is_text(const amqp_table_entry_t *entry)
{
    return entry->value.kind == AMQP_FIELD_KIND_UTF8 || entry->value.kind == AMQP_FIELD_KIND_BYTES;
}

static char *put_text(char *to, amqp_bytes_t text)
{
    if (text.len)
        memcpy(to, text.bytes, text.len);
    to[text.len] = '\0';
    return to + text.len + 1;
}

/* Puts a property's text and its NUL at *at, which moves on; NULL for one that is not set. */
static const char *put_property(char **at, bool is_set, amqp_bytes_t property)
{
    char *text = *at;

    if (!is_set)
        return NULL;
    *at = put_text(text, property);
    return text;
}

/* With those of the properties that a program can see; NULL without memory. */
static struct msgflo_delivery *delivery_with_properties(size_t size,
                                                        const amqp_basic_properties_t *p)
{
    const amqp_table_t *headers =
        p->_flags & AMQP_BASIC_HEADERS_FLAG ? &p->headers : &amqp_empty_table;
    bool has_type = p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG;
    bool has_id = p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG;
    size_t count = 0, k = 0;
    size_t text_size =
        (has_type ? p->content_type.len + 1 : 0) + (has_id ? p->message_id.len + 1 : 0);
    struct msgflo_delivery *d;
    char *text;

    for (int i = 0; i < headers->num_entries; i++)
        if (is_text(&headers->entries[i])) {
            count++;
            text_size +=
                headers->entries[i].key.len + headers->entries[i].value.value.bytes.len + 2;
        }
    d = delivery_new(size, count, text_size);
    if (!d)
        return NULL;
    text = d->texts;
    d->content_type = put_property(&text, has_type, p->content_type);
    d->message_id = put_property(&text, has_id, p->message_id);
    for (int i = 0; i < headers->num_entries; i++) {
        const amqp_table_entry_t *entry = &headers->entries[i];

        if (!is_text(entry))
            continue;
        d->headers[k++] = text;
        text = put_text(text, entry->key);
        d->headers[k++] = text;
        text = put_text(text, entry->value.value.bytes);
    }
    return d;
}

/* The number at the end of ID-SEQ; 0 for any other text. */
static uint64_t seq_of(amqp_bytes_t message_id, const char *participant_id)
{
    const char *text = message_id.bytes;
    size_t id_len = strlen(participant_id);
    uint64_t seq = 0;

    if (message_id.len <= id_len + 1 || memcmp(text, participant_id, id_len) != 0)
        return 0;
    for (size_t i = id_len + 1; i < message_id.len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        seq = seq * 10 + (uint64_t)(text[i] - '0');
    }
    return seq;
}

int content_header(struct content *c, const amqp_frame_t *frame, size_t max_bytes,
                   const char *participant_id, struct msgflo_error *e)
{
    const amqp_basic_properties_t *p = frame->payload.properties.decoded;

    c->body_size = frame->payload.properties.body_size;
    if (c->kind == CONTENT_RETURN && p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
        c->publish_seq = seq_of(p->message_id, participant_id);
    if (c->kind == CONTENT_DELIVERY && c->body_size <= max_bytes) {
        c->delivery = delivery_with_properties((size_t)c->body_size, p);
        if (!c->delivery)
            return fail(e, MSGFLO_NOMEM, "no memory for a message of %llu bytes",
                        (unsigned long long)c->body_size);
        c->delivery->tag = c->tag;
        c->delivery->redelivered = c->redelivered;
    }
    return c->body_size == 0;
}

int content_body(struct content *c, amqp_bytes_t part, struct msgflo_error *e)
{
    if (c->kind == CONTENT_NONE || part.len > c->body_size - c->received)
        return fail(e, MSGFLO_UNAVAILABLE, "the broker sent more of a message than it said");
    if (c->delivery && part.len)
        memcpy(c->delivery->body + c->received, part.bytes, part.len);
    c->received += part.len;
    return c->received == c->body_size;
}
