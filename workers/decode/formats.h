/*
 * formats.h - the loaders and savers that are reachable, and no other.
 * Hides which libvips operations, options and plug-ins stand behind a format. libvips keeps one
 * error buffer for the whole process, so all of this is for one thread.
 */
#ifndef WORKERS_DECODE_FORMATS_H
#define WORKERS_DECODE_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vips/vips.h>

#include "decode_protocol.h"

/* Starts libvips: one thread an image, no cache of operations, no loader but ours. Call once,
 * before any other thread. Returns 0 or -1. */
int formats_init(const char *program);

/*
 * Opens a source of a known format: the header now, pixels when they are asked for, from top to
 * bottom and once. A broken pixel is an error, never a grey area. bytes are lent until the image
 * is unreferenced. shrink is 1, 2, 4 or 8 and for JPEG only; all_frames stacks those of an
 * animation into one tall image. Returns a new image to g_object_unref(), or NULL with libvips's
 * error buffer filled.
 */
VipsImage *formats_open(enum decode_format format, const uint8_t *bytes, size_t len,
                        uint32_t shrink, bool all_frames);

/*
 * Encodes without metadata. quality is 1..100 or 0 for the default: jpeg 80, webp 80, avif 50; png
 * and gif lose nothing by it and ignore it. Returns 0 and new bytes to g_free(), or -1 with
 * libvips's error buffer filled.
 */
int formats_encode(VipsImage *image, enum decode_format format, uint32_t quality,
                   uint8_t **ret_bytes, size_t *ret_len);

/* The longest side the format can hold, in pixels. */
uint32_t formats_max_side_px(enum decode_format format);

#endif
