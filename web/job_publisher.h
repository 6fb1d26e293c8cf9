/*
 * job_publisher.h - the thread that owns this process's participant, imageresize/HttpApi, and sends
 * the messages of the outbox through it: persistent, mandatory, confirmed, and no more than a
 * window of them without a confirm.
 */
#ifndef WEB_JOB_PUBLISHER_H
#define WEB_JOB_PUBLISHER_H

#include "job/settings.h"
#include "web/outbox_item.h"
#include "web/queue.h"

struct job_publisher;

/* Starts it. Every item that was offered comes back on done, which must have room for capacity
 * items, and is woken once the broker is there. Returns a new one, or NULL with *e. */
struct job_publisher *job_publisher_start(const struct settings *settings, const char *role,
                                          size_t capacity, struct queue *done,
                                          struct err *e) MUST_CHECK;

/* Awaits the fates of what is under way for at most timeout_ms; all items are on done after. */
void job_publisher_stop(struct job_publisher *p, int timeout_ms);
void job_publisher_free(struct job_publisher *p); /* NULL is fine */

/* How many items it takes now: 0 while the broker is away. */
size_t job_publisher_room(struct job_publisher *p);

/* Takes the item, or returns -1 when it has no room: it is then still the caller's. Items are
 * offered by one thread, which calls job_publisher_forget() for each that is back and finished. */
int job_publisher_offer(struct job_publisher *p, struct outbox_item *item) MUST_CHECK;
void job_publisher_forget(struct job_publisher *p);

bool job_publisher_is_connected(struct job_publisher *p);

#endif
