/*
 * fuzz_foreign.c - any bytes as the YAML of a participant that cannot announce itself: what is read
 * is an announcement that the discovery parser takes, unless its ports are too many or too long for
 * that.
 */
#include <string.h>

#include "fuzz.h"
#include "network/seen.h"
#include "tool/foreign.h"

static void check_announcement(const struct foreign *f)
{
    struct participant *p = NULL;
    struct err e = ERR_INIT;

    MUST(f->id && f->role && f->announcement);
    if (participant_parse(f->announcement, strlen(f->announcement), &p, &e)) {
        MUST(e.code == ERR_LIMIT);
        return;
    }
    MUST(strcmp(p->id, f->id) == 0 && strcmp(p->role, f->role) == 0);
    participant_free(p);
}

static void read_text(const char *text, size_t len, const char *role)
{
    struct foreign f = {0};
    struct err e = ERR_INIT;

    if (foreign_parse(text, len, role, &f, &e)) {
        MUST(e.text[0]);
        return;
    }
    check_announcement(&f);
    foreign_release(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_text((const char *)data, size, "lamp");
    read_text((const char *)data, size, NULL);
    return 0;
}
