#include "mqtt_delivery.h"

#include <string.h>

static bool is_message_id(const char *name)
{
    return strcmp(name, MQTT_MESSAGE_ID) == 0;
}

/* Calls fn, if there is one, for each header: a user property other than the message id. Returns
 * how many there are, and the bytes of their texts. */
static size_t each_header(const mosquitto_property *props,
                          void (*fn)(void *user, size_t i, const char *name, const char *value),
                          void *user, size_t *ret_text_size)
{
    char *name, *value;
    size_t n = 0;

    *ret_text_size = 0;
    for (const mosquitto_property *p = mosquitto_property_read_string_pair(
             props, MQTT_PROP_USER_PROPERTY, &name, &value, false);
         p;
         p = mosquitto_property_read_string_pair(p, MQTT_PROP_USER_PROPERTY, &name, &value, true)) {
        if (!is_message_id(name)) {
            *ret_text_size += strlen(name) + strlen(value) + 2;
            if (fn)
                fn(user, n, name, value);
            n++;
        }
        free(name);
        free(value);
    }
    return n;
}

struct header_filling {
    struct msgflo_delivery *d;
    char *at;
};

static const char *append_text(struct header_filling *f, const char *text)
{
    char *copy = f->at;
    size_t size = strlen(text) + 1;

    memcpy(copy, text, size);
    f->at += size;
    return copy;
}

static void fill_header(void *user, size_t i, const char *name, const char *value)
{
    struct header_filling *f = user;

    f->d->headers[2 * i] = append_text(f, name);
    f->d->headers[2 * i + 1] = append_text(f, value);
}

struct msgflo_delivery *mqtt_delivery(const struct mosquitto_message *m,
                                      const mosquitto_property *props)
{
    size_t size = m->payloadlen > 0 ? (size_t)m->payloadlen : 0, text_size;
    size_t header_count = each_header(props, NULL, NULL, &text_size);
    struct msgflo_delivery *d = delivery_new(size, header_count, text_size);
    struct header_filling f = {d, d ? d->texts : NULL};

    if (!d)
        return NULL;
    each_header(props, fill_header, &f, &text_size);
    if (size)
        memcpy(d->body, m->payload, size);
    return d;
}
