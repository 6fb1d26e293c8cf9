#include "batch.h"

#include <string.h>

static int reserve(struct items *items, size_t count)
{
    size_t size = items->size ? items->size : 64;
    struct item *grown;

    if (count <= items->size)
        return 0;
    while (size < count)
        size *= 2;
    grown = realloc(items->list, size * sizeof *grown);
    if (!grown)
        return -1;
    items->list = grown;
    items->size = size;
    return 0;
}

int items_add(struct items *items, struct msgflo_delivery *d, const struct event *ev, bool dead,
              bool refused)
{
    if (reserve(items, items->count + 1)) {
        msgflo_requeue(d);
        return -1;
    }
    items->list[items->count++] = (struct item){d, *ev, dead, refused};
    return 0;
}

int items_take(struct items *from, size_t n, struct items *to)
{
    if (n > from->count)
        n = from->count;
    if (reserve(to, n))
        return -1;
    memcpy(to->list, from->list, n * sizeof *to->list);
    to->count = n;
    from->count -= n;
    memmove(from->list, from->list + n, from->count * sizeof *from->list);
    return 0;
}

static void clear(struct items *items)
{
    for (size_t i = 0; i < items->count; i++)
        event_release(&items->list[i].event);
    items->count = 0;
}

/* One by one: the participant joins them into as few acks on the wire as it can. */
void items_settle(struct items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        struct item *item = &items->list[i];

        if (item->refused && !item->dead)
            msgflo_reject(item->delivery);
        else
            msgflo_ack(item->delivery);
    }
    clear(items);
}

void items_drop(struct items *items)
{
    for (size_t i = 0; i < items->count; i++)
        msgflo_requeue(items->list[i].delivery);
    clear(items);
}

void items_release(struct items *items)
{
    clear(items);
    free(items->list);
    memset(items, 0, sizeof *items);
}
