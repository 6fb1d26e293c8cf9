#include "mqtt_delivery.h"

#include <string.h>

/* A property of a message: a header, or (name MQTT_MESSAGE_ID) its id, or (NULL) its content type.
 * Both texts are lent for the call. */
typedef void text_fn(void *user, const char *name, const char *value);

static void each_text(const mosquitto_property *props, text_fn *fn, void *user)
{
    char *name = NULL, *value = NULL;
    const mosquitto_property *p =
        mosquitto_property_read_string(props, MQTT_PROP_CONTENT_TYPE, &value, false);

    if (p)
        fn(user, NULL, value);
    free(value);
    p = mosquitto_property_read_string_pair(props, MQTT_PROP_USER_PROPERTY, &name, &value, false);
    while (p) {
        fn(user, name, value);
        free(name);
        free(value);
        p = mosquitto_property_read_string_pair(p, MQTT_PROP_USER_PROPERTY, &name, &value, true);
    }
}

struct extent {
    size_t header_count, text_size;
};

static void measure(void *user, const char *name, const char *value)
{
    struct extent *x = user;

    x->text_size += strlen(value) + 1;
    if (name && strcmp(name, MQTT_MESSAGE_ID) != 0) {
        x->text_size += strlen(name) + 1;
        x->header_count++;
    }
}

struct filling {
    struct msgflo_delivery *d;
    char *at; /* in its texts */
    size_t header_count;
};

static const char *append(struct filling *f, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(f->at, text, size);

    f->at += size;
    return copy;
}

static void fill(void *user, const char *name, const char *value)
{
    struct filling *f = user;

    if (!name) {
        f->d->content_type = append(f, value);
    } else if (strcmp(name, MQTT_MESSAGE_ID) == 0) {
        f->d->message_id = append(f, value);
    } else {
        f->d->headers[2 * f->header_count] = append(f, name);
        f->d->headers[2 * f->header_count + 1] = append(f, value);
        f->header_count++;
    }
}

struct msgflo_delivery *mqtt_delivery(const struct mosquitto_message *m,
                                      const mosquitto_property *props)
{
    size_t size = m->payloadlen > 0 ? (size_t)m->payloadlen : 0;
    struct extent x = {0, 0};
    struct filling f = {NULL, NULL, 0};

    each_text(props, measure, &x);
    f.d = delivery_new(size, x.header_count, x.text_size);
    if (!f.d)
        return NULL;
    f.at = f.d->texts;
    each_text(props, fill, &f);
    if (size)
        memcpy(f.d->body, m->payload, size);
    return f.d;
}
