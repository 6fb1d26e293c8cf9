/*
 * resize.h - one image: from the bytes of a source to the bytes of its outputs.
 * Hides the libvips pipeline. First resize_open() reads the header alone and says what memory the
 * rest will take; then resize_run() decodes. One image at a time, all on one thread.
 */
#ifndef WORKERS_DECODE_RESIZE_H
#define WORKERS_DECODE_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#include "decode_protocol.h"
#include "failure.h"

struct resize;

/* Takes one finished output: its bytes, lent for the call. Returns 0, or -1 with *f set. */
typedef int (*resize_sink)(void *data, uint32_t output, const uint8_t *bytes, size_t len,
                           struct failure *f);

/*
 * Reads the header, checks every limit of the request and plans the outputs. bytes and work are
 * lent until resize_close(). can_read and can_write are those of warm_up(). Fills the
 * source_ fields of *done as far as they are known, even on failure.
 * Returns 0 and a new struct for resize_close(), or -1 with *f set.
 */
int resize_open(const uint8_t *bytes, size_t len, const struct decode_work *work, uint32_t can_read,
                uint32_t can_write, struct decode_done *done, struct resize **ret,
                struct failure *f) MUST_CHECK;

/* Bytes that resize_run() will take at most, beside what the process holds before. */
uint64_t resize_memory_bytes(const struct resize *r);

/*
 * Decodes, scales and encodes; calls sink once for each output and fills outputs[] of *done.
 * Returns 0, or -1 with *f set.
 */
int resize_run(struct resize *r, resize_sink sink, void *data, struct decode_done *done,
               struct failure *f) MUST_CHECK;

/* NULL is fine. */
void resize_close(struct resize *r);

#endif
