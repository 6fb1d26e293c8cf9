#include "inport.h"

static void list_append(struct delivery_list *list, struct msgflo_delivery *d)
{
    d->prev = list->last;
    d->next = NULL;
    if (list->last)
        list->last->next = d;
    else
        list->first = d;
    list->last = d;
}

static void list_remove(struct delivery_list *list, struct msgflo_delivery *d)
{
    if (d->prev)
        d->prev->next = d->next;
    else
        list->first = d->next;
    if (d->next)
        d->next->prev = d->prev;
    else
        list->last = d->prev;
}

static void list_free(struct delivery_list *list)
{
    while (list->first) {
        struct msgflo_delivery *d = list->first;

        list_remove(list, d);
        free(d);
    }
}

/* Takes it out of its port; false if the broker has given it to somebody else. */
static bool take_out(struct msgflo_delivery *d)
{
    struct inport *in = d->inport;

    if (d->voided) {
        list_remove(&in->voided, d);
        return false;
    }
    if (in->waiting == d)
        in->waiting = d->next;
    list_remove(&in->open, d);
    return true;
}

static uint64_t lowest_open(const struct inport *in)
{
    return in->open.first ? in->open.first->tag : UINT64_MAX;
}

void inport_write_acks(struct inport *in)
{
    struct transport *t = in->transport;

    if (in->done_count == 0)
        return;
    t->table->ack(t, in->index, in->done, in->done_count, lowest_open(in));
    in->done_count = 0;
}

/* Room for one more tag; without memory for it, what is there is written to make some. */
static bool reserve_done(struct inport *in)
{
    size_t size = in->done_size ? 2 * in->done_size : 16;
    uint64_t *done;

    if (in->done_count < in->done_size)
        return true;
    done = realloc(in->done, size * sizeof *done);
    if (done) {
        in->done = done;
        in->done_size = size;
    } else {
        inport_write_acks(in);
    }
    return in->done_count < in->done_size;
}

void msgflo_ack(struct msgflo_delivery *d)
{
    struct inport *in = d->inport;

    if (take_out(d)) {
        if (reserve_done(in))
            in->done[in->done_count++] = d->tag;
        else
            in->transport->table->ack(in->transport, in->index, &d->tag, 1, lowest_open(in));
    }
    free(d);
}

void msgflo_ack_upto(struct msgflo_delivery *d)
{
    struct inport *in = d->inport;

    if (!d->voided)
        while (in->open.first != d)
            msgflo_ack(in->open.first);
    msgflo_ack(d);
}

static void end_delivery(struct msgflo_delivery *d, enum transport_end how)
{
    struct inport *in = d->inport;
    struct transport *t = in->transport;

    if (take_out(d))
        t->table->end(t, in->index, d, how);
    free(d);
}

void msgflo_reject(struct msgflo_delivery *d)
{
    end_delivery(d, TRANSPORT_REJECT);
}

void msgflo_requeue(struct msgflo_delivery *d)
{
    end_delivery(d, TRANSPORT_REQUEUE);
}

const char *msgflo_delivery_port(const struct msgflo_delivery *d)
{
    return d->inport->port->id;
}

void inport_add(struct inport *in, struct msgflo_delivery *d_take)
{
    d_take->inport = in;
    list_append(&in->open, d_take);
    if (!in->waiting)
        in->waiting = d_take;
}

struct msgflo_delivery *inport_next(struct inport *in)
{
    struct msgflo_delivery *d = in->waiting;

    if (d)
        in->waiting = d->next;
    return d;
}

size_t inport_in_hand(const struct inport *in)
{
    size_t n = 0;

    for (const struct msgflo_delivery *d = in->open.first; d != in->waiting; d = d->next)
        n++;
    for (const struct msgflo_delivery *d = in->voided.first; d; d = d->next)
        n++;
    return n;
}

void inport_give_back_waiting(struct inport *in)
{
    while (in->waiting)
        msgflo_requeue(in->waiting);
}

void inport_void(struct inport *in)
{
    while (in->open.first) {
        struct msgflo_delivery *d = in->open.first;
        bool handed_over = d != in->waiting;

        if (!handed_over)
            in->waiting = d->next;
        list_remove(&in->open, d);
        d->voided = true;
        if (handed_over)
            list_append(&in->voided, d);
        else
            free(d);
    }
    in->done_count = 0;
}

void inport_release(struct inport *in)
{
    list_free(&in->open);
    list_free(&in->voided);
    free(in->done);
}
