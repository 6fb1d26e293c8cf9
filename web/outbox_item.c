#include "outbox_item.h"

#include <stdio.h>
#include <string.h>

#define DELAY_FIRST_MS 1000
#define DELAY_MOST_MS 30000

struct outbox_item *outbox_item_new(const char *job, const char *priority, size_t count)
{
    struct outbox_item *item = calloc(1, sizeof *item + count * sizeof item->messages[0]);

    if (!item)
        return NULL;
    snprintf(item->job, sizeof item->job, "%s", job);
    item->outport = strcmp(priority, "bulk") == 0 ? OUTPORT_BULK : OUTPORT_INTERACTIVE;
    item->count = count;
    for (size_t i = 0; i < count; i++)
        item->messages[i].item = item;
    return item;
}

void outbox_item_free(struct outbox_item *item)
{
    if (!item)
        return;
    for (size_t i = 0; i < item->count; i++)
        free(item->messages[i].text);
    free(item);
}

bool outbox_item_is_confirmed(const struct outbox_item *item)
{
    for (size_t i = 0; i < item->count; i++)
        if (!item->messages[i].confirmed)
            return false;
    return true;
}

int outbox_item_delay_ms(const struct outbox_item *item)
{
    int delay_ms = DELAY_FIRST_MS;

    if (!item->refused)
        return 0;
    for (int i = 0; i < item->deferred && delay_ms < DELAY_MOST_MS; i++)
        delay_ms *= 2;
    return delay_ms < DELAY_MOST_MS ? delay_ms : DELAY_MOST_MS;
}
