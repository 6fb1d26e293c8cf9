/*
 * allowance.c - the sum. Its numbers were measured with libvips 8.14 on Debian 12;
 * docs/operations.md has what came of them.
 */
#include "allowance.h"

/* The process itself (11 MB), the code of libvips and what it links, once for all decoders (33 MB),
 * and some outputs that are not stored yet. */
#define FIXED_MB 80
/* A decoder that has nothing to do, */
#define DECODER_MB 12
/* and what it keeps of the images before: RESERVE_BYTES of workers/decode/main.c. */
#define RESERVE_MB 64

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* All but the images being decoded. The worst that can be is one decoder at work on all the memory
 * that images get, while the others keep their reserves. */
static int64_t overhead_mb(const struct allowance_wish *w, int64_t decoders)
{
    return FIXED_MB + w->source_memory_mb + w->max_source_mb + decoders * DECODER_MB +
           (decoders - 1) * RESERVE_MB;
}

/* Whether so many decoders get something done with what they leave each other. */
static bool is_sound(const struct allowance_wish *w, int64_t decoders)
{
    int64_t wanted_mb = w->decoder_memory_mb;

    if (!w->decoder_memory_fixed)
        wanted_mb = least(wanted_mb, decoders * ALLOWANCE_LARGE_MB);
    return w->memory_mb - overhead_mb(w, decoders) >= wanted_mb;
}

static int64_t choose_decoders(const struct allowance_wish *w)
{
    int64_t n = w->cpus > 0 ? w->cpus : 1;

    if (w->decoders > 0)
        return w->decoders;
    while (w->memory_mb > 0 && n > 1 && !is_sound(w, n))
        n--;
    return n;
}

struct allowance allowance_reckon(const struct allowance_wish *w)
{
    struct allowance a = {.decoders = choose_decoders(w),
                          .decoder_memory_mb = w->decoder_memory_mb};
    int64_t overhead = overhead_mb(w, a.decoders), left_mb = w->memory_mb - overhead;

    if (w->memory_mb > 0 && !w->decoder_memory_fixed) {
        if (left_mb < ALLOWANCE_LARGE_MB)
            left_mb = ALLOWANCE_LARGE_MB;
        a.decoder_memory_mb = least(a.decoder_memory_mb, left_mb);
    }
    a.needed_mb = overhead + a.decoder_memory_mb;
    return a;
}
