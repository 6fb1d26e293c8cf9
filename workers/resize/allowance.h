/*
 * allowance.h - how many decoders a resize process has, and what memory the images in them get, so
 * that the process and its decoders stay within what they may use. Pure: it reckons.
 */
#ifndef WORKERS_RESIZE_ALLOWANCE_H
#define WORKERS_RESIZE_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#define ALLOWANCE_LARGE_MB 120 /* what a progressive JPEG of 16 megapixels takes in a decoder */

/* What there is, and what was asked for. */
struct allowance_wish {
    int64_t memory_mb; /* for everything; 0: no limit */
    int cpus;
    int64_t decoders;          /* 0: as many as do good */
    int64_t decoder_memory_mb; /* of the images being decoded at once */
    bool decoder_memory_fixed; /* no less than that; else it is the most there need be */
    int64_t source_memory_mb, max_source_mb;
};

struct allowance {
    int64_t decoders;
    int64_t decoder_memory_mb;
    int64_t needed_mb; /* of everything, at most */
};

/*
 * Without a limit: a decoder a CPU, and the memory that was asked for. With one: as many decoders,
 * up to one a CPU, as leave each ALLOWANCE_LARGE_MB or all of them decoder_memory_mb. There is
 * always one decoder, and memory for one such image, though needed_mb is then above memory_mb.
 */
struct allowance allowance_reckon(const struct allowance_wish *wish);

#endif
