#include "fates.h"

#include <string.h>

struct fate_entry {
    msgflo_sent_fn *fn;
    void *user;
    bool returned;
    bool told;
};

void fates_init(struct fates *f)
{
    memset(f, 0, sizeof *f);
    f->first = f->next = 1;
}

void fates_release(struct fates *f)
{
    free(f->ring);
    fates_init(f);
}

static struct fate_entry *entry_at(struct fates *f, uint64_t seq)
{
    return &f->ring[seq & (f->size - 1)];
}

static bool is_under_way(const struct fates *f, uint64_t seq)
{
    return seq >= f->first && seq < f->next;
}

int fates_reserve(struct fates *f)
{
    size_t used = (size_t)(f->next - f->first), size = f->size ? 2 * f->size : 64;
    struct fate_entry *old = f->ring, *ring;
    size_t old_size = f->size;

    if (used < f->size)
        return 0;
    if (size > SIZE_MAX / sizeof *ring)
        return -1;
    ring = calloc(size, sizeof *ring);
    if (!ring)
        return -1;
    f->ring = ring;
    f->size = size;
    for (uint64_t seq = f->first; seq < f->next; seq++)
        *entry_at(f, seq) = old[seq & (old_size - 1)];
    free(old);
    return 0;
}

void fates_add(struct fates *f, msgflo_sent_fn *fn, void *user)
{
    *entry_at(f, f->next++) = (struct fate_entry){fn, user, false, false};
    f->with_fn += fn != NULL;
}

void fates_returned(struct fates *f, uint64_t seq)
{
    if (is_under_way(f, seq))
        entry_at(f, seq)->returned = true;
}

static void tell(struct fates *f, uint64_t seq, enum msgflo_fate fate, struct msgflo_participant *p)
{
    struct fate_entry *entry = entry_at(f, seq), told = *entry;

    if (told.told)
        return;
    entry->told = true;
    while (f->first < f->next && entry_at(f, f->first)->told)
        f->first++;
    if (!told.fn)
        return;
    f->with_fn--;
    if (fate == MSGFLO_CONFIRMED && told.returned)
        fate = MSGFLO_RETURNED;
    told.fn(p, fate, told.user); /* last: it may send, which may move the ring */
}

void fates_settle(struct fates *f, uint64_t seq, bool upto, enum msgflo_fate fate,
                  struct msgflo_participant *p)
{
    if (seq >= f->next)
        return;
    if (!upto) {
        if (is_under_way(f, seq))
            tell(f, seq, fate, p);
        return;
    }
    while (f->first <= seq)
        tell(f, f->first, fate, p);
}

void fates_lose_all(struct fates *f, struct msgflo_participant *p)
{
    fates_settle(f, f->next - 1, true, MSGFLO_LOST, p);
}
