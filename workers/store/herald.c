#include "herald.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define LOOK_MS 1000

/* What is lost, or refused by the broker, stays in the table and comes back after its lease. */
static void note_fate(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    struct herald *h = user;

    (void)p;
    h->open--;
    h->lost |= fate != MSGFLO_CONFIRMED;
}

static void send_all(struct herald *h)
{
    for (size_t i = 0; i < h->taken.ended_count; i++) {
        const struct ended_job *job = &h->taken.ended[i];
        const struct msgflo_message m = {.body = job->document, .size = strlen(job->document)};
        struct msgflo_error e = {MSGFLO_OK, ""};

        log_info("job_ended",
                 "job=%s status=%s total=%d completed=%d failed=%d cancelled=%d took_ms=%lld",
                 job->id, job->status, job->total, job->completed, job->failed, job->cancelled,
                 (long long)job->took_ms);
        if (msgflo_send(h->participant, "out", &m, note_fate, h, &e) == 0)
            h->open++;
        else
            h->lost = true;
    }
}

/* An outage is told of where a batch meets it. */
static void note_trouble(const struct err *e)
{
    if (e->code != ERR_UNAVAILABLE && e->code != ERR_TIMEOUT)
        log_error("jobs_not_told", "code=%s message=%s", err_code_name(e->code),
                  log_quote(e->text));
}

static void take(struct herald *h)
{
    struct err e = ERR_INIT;

    if (apply_take_untold(h->db, &h->taken, &e)) {
        note_trouble(&e);
        outcome_release(&h->taken);
    }
    h->lost = false;
    send_all(h);
}

static void finish(struct herald *h)
{
    struct err e = ERR_INIT;

    if (!h->lost && apply_forget_untold(h->db, &h->taken, &e))
        note_trouble(&e);
    outcome_release(&h->taken);
    h->look_mono_ms = clock_mono_ms(); /* there may be more */
}

void herald_work(struct herald *h, bool stopping)
{
    if (h->taken.ended_count == 0) {
        if (herald_timeout_ms(h) > 0)
            return;
        h->look_mono_ms = clock_mono_ms() + LOOK_MS;
        if (stopping || !msgflo_connected(h->participant))
            return;
        take(h);
    }
    if (h->taken.ended_count > 0 && h->open == 0)
        finish(h);
}

int herald_timeout_ms(const struct herald *h)
{
    const int look_ms = clock_until_ms(h->look_mono_ms), retry_ms = db_retry_ms(h->db);

    if (h->taken.ended_count > 0)
        return LOOK_MS;
    return look_ms > retry_ms ? look_ms : retry_ms;
}

void herald_release(struct herald *h)
{
    outcome_release(&h->taken);
}
