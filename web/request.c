#include "request.h"

#include <string.h>

#include "base/clock.h"
#include "web/outbox_item.h"
#include "web/streams.h"

struct request *request_new(struct waiters *waiters, struct MHD_Connection *connection,
                            const char *method, const char *path)
{
    struct request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->waiters = waiters;
    r->connection = connection;
    atomic_init(&r->references, 1);
    atomic_init(&r->settled, false);
    r->answer = (struct answer)ANSWER_INIT;
    r->started_mono_ms = clock_mono_ms();
    r->wait_s = -1;
    r->method = strdup(method);
    r->path = strdup(path);
    if (!r->method || !r->path) {
        request_drop(r);
        return NULL;
    }
    r->route = route_find(r->method, r->path);
    return r;
}

void request_hold(struct request *r)
{
    atomic_fetch_add(&r->references, 1);
}

void request_drop(struct request *r)
{
    if (atomic_fetch_sub(&r->references, 1) != 1)
        return;
    if (r->held_in)
        atomic_fetch_sub(r->held_in, r->held_bytes);
    answer_release(&r->answer);
    buf_release(&r->body);
    outbox_item_free(r->item);
    free(r->method);
    free(r->path);
    free(r->if_none_match);
    free(r->last_event_id);
    stream_close(r->stream);
    free(r->row);
    free(r->job_text);
    free(r->bytes);
    free(r->list);
    free(r->stats);
    free(r);
}

int request_reserve(struct request *r, atomic_llong *account, size_t bytes, int64_t max)
{
    const long long more = (long long)bytes;

    if (atomic_fetch_add(account, more) + more > max) {
        atomic_fetch_sub(account, more);
        return -1;
    }
    r->held_in = account;
    r->held_bytes += more;
    return 0;
}

struct request *request_of(struct waiter *w)
{
    return (struct request *)w; /* its first member */
}

void request_settle(struct request *r, struct answer *a_taken)
{
    if (atomic_exchange(&r->settled, true)) {
        answer_release(a_taken);
    } else {
        r->answer = *a_taken;
        *a_taken = (struct answer)ANSWER_INIT;
        waiters_leave(r->waiters, &r->waiter);
        MHD_resume_connection(r->connection);
    }
    request_drop(r);
}

bool request_is_settled(struct request *r)
{
    return atomic_load(&r->settled);
}
