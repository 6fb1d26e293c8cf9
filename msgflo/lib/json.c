#include "msgflo/json.h"

#include <string.h>

#include "error.h"

json_t *msgflo_delivery_json(const struct msgflo_delivery *d, struct msgflo_error *e)
{
    const char *body = msgflo_delivery_body(d);
    size_t size = msgflo_delivery_size(d), flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *value = json_loadb(body, size, flags, NULL);

    if (!value) /* which leaves a number too large for an integer */
        value = json_loadb(body, size, flags | JSON_DECODE_INT_AS_REAL, NULL);
    if (!value)
        value = json_stringn(body, size);
    if (!value)
        fail(e, MSGFLO_INVALID, "the message on '%s' is neither JSON nor UTF-8 text",
             msgflo_delivery_port(d));
    return value;
}

int msgflo_send_json(struct msgflo_participant *p, const char *outport, const json_t *value,
                     const struct msgflo_message *like, msgflo_sent_fn *sent, void *user,
                     struct msgflo_error *e)
{
    AUTO(text_freep) char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct msgflo_message m = like ? *like : (struct msgflo_message){.body = NULL};

    if (!text)
        return fail(e, MSGFLO_INVALID, "the value for '%s' makes no JSON", outport);
    m.body = text;
    m.size = strlen(text);
    if (!m.content_type)
        m.content_type = "application/json"; /* not that of what it passes on */
    return msgflo_send(p, outport, &m, sent, user, e);
}
