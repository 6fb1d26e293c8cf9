#include "shared_text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct shared_text {
    atomic_int references;
    char *bytes;
    size_t len;
};

struct shared_text *shared_text_new(char *text_taken)
{
    struct shared_text *t = text_taken ? malloc(sizeof *t) : NULL;

    if (!t) {
        free(text_taken);
        return NULL;
    }
    atomic_init(&t->references, 1);
    t->bytes = text_taken;
    t->len = strlen(text_taken);
    return t;
}

struct shared_text *shared_text_hold(struct shared_text *t)
{
    atomic_fetch_add(&t->references, 1);
    return t;
}

void shared_text_drop(struct shared_text *t)
{
    if (!t || atomic_fetch_sub(&t->references, 1) != 1)
        return;
    free(t->bytes);
    free(t);
}

const char *shared_text_bytes(const struct shared_text *t, size_t *ret_len)
{
    *ret_len = t->len;
    return t->bytes;
}
