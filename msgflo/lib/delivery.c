#include "delivery.h"

#include <string.h>

struct msgflo_delivery *delivery_new(size_t size, size_t header_count, size_t text_size)
{
    size_t pairs_size = 2 * header_count * sizeof(char *);
    struct msgflo_delivery *d = calloc(1, sizeof *d + pairs_size + text_size + size + 1);

    if (!d)
        return NULL;
    d->size = size;
    d->header_count = header_count;
    d->headers = (const char **)(void *)(d + 1);
    d->texts = (char *)(d + 1) + pairs_size;
    d->body = d->texts + text_size;
    return d;
}

const void *msgflo_delivery_body(const struct msgflo_delivery *d)
{
    return d->body;
}

size_t msgflo_delivery_size(const struct msgflo_delivery *d)
{
    return d->size;
}

bool msgflo_delivery_redelivered(const struct msgflo_delivery *d)
{
    return d->redelivered;
}

const char *msgflo_delivery_content_type(const struct msgflo_delivery *d)
{
    return d->content_type;
}

const char *msgflo_delivery_message_id(const struct msgflo_delivery *d)
{
    return d->message_id;
}

bool msgflo_delivery_header_at(const struct msgflo_delivery *d, size_t i, const char **ret_name,
                               const char **ret_value)
{
    if (i >= d->header_count)
        return false;
    *ret_name = d->headers[2 * i];
    *ret_value = d->headers[2 * i + 1];
    return true;
}

const char *msgflo_delivery_header(const struct msgflo_delivery *d, const char *name)
{
    for (size_t i = 0; i < d->header_count; i++)
        if (strcmp(d->headers[2 * i], name) == 0)
            return d->headers[2 * i + 1];
    return NULL;
}
