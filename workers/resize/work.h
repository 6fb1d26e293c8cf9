/*
 * work.h - the images in hand: each from its delivery to the ack, through download, decoder and
 * result store. Hides every decision about one image: what is told to whom, what is tried again,
 * when its message is done with.
 *
 * One thread owns a workshop, its tools and its participant.
 */
#ifndef WORKERS_RESIZE_WORK_H
#define WORKERS_RESIZE_WORK_H

#include "decoder_pool.h"
#include "fetch/fetch.h"
#include "job/settings.h"
#include "msgflo/msgflo.h"
#include "result_store.h"

struct workshop;

/* Lent for the workshop's life. */
struct workshop_tools {
    const struct settings *settings;
    struct fetcher *fetcher;
    struct decoder_pool *decoders;
    struct result_store *store;
};

/* New, or NULL with *e. */
struct workshop *workshop_new(const struct workshop_tools *tools, struct err *e) MUST_CHECK;

/* Frees. At the end call workshop_give_back(), then msgflo_free(), which tells the last fates and
 * so needs the workshop, then this. NULL is fine. */
void workshop_free(struct workshop *w);

/* The participant's on_input: takes the delivery. */
void workshop_take(struct workshop *w, struct msgflo_participant *p, struct msgflo_delivery *d);

/* The connection is gone, and with it every delivery in hand: their messages come again, here or
 * elsewhere. What is under way for them is dropped with the next workshop_service(). */
void workshop_disconnected(struct workshop *w);

/* From now on nothing is waited for: what the result store or the broker cannot take at once goes
 * back to the queue. */
void workshop_drain(struct workshop *w);

/* Gives back to the queue what has not ended, for the end of a drain that took too long. What
 * awaits the fate of its report stays in hand until that is told. */
void workshop_give_back(struct workshop *w);

size_t workshop_in_hand(const struct workshop *w);

/* Messages rejected because they could not be read, since the start. */
uint64_t workshop_rejected(const struct workshop *w);

/* Milliseconds until workshop_service() wants to be called. */
int workshop_timeout_ms(const struct workshop *w);
void workshop_service(struct workshop *w);

#endif
