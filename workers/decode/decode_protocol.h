/*
 * decode_protocol.h - what crosses the socket between the resize worker and a decoder.
 *
 * One SOCK_SEQPACKET socket (the decoder's descriptor 3), one struct a packet, both ends built
 * together. The two sides trust each other differently: the decoder believes its parent, the
 * parent checks every field of an answer, because whoever breaks a decoder writes these.
 *
 *     parent                                   decoder
 *       |<------------- READY -------------------|   warmed up and caged
 *       |-- WORK (+ source fd, output fds) ----->|   reads the header only
 *       |<- NEEDS (memory it will take) ---------|   or DONE with a failure
 *       |-- GO --------------------------------->|   when memory is free for it
 *       |<- DONE (sizes, or a failure) ----------|   outputs are in the output fds
 *
 * The parent ends a decoder by closing the socket (it exits 0) or by SIGKILL.
 */
#ifndef WORKERS_DECODE_PROTOCOL_H
#define WORKERS_DECODE_PROTOCOL_H

#include <stdint.h>

#define DECODE_PROTOCOL_VERSION 1
#define DECODE_SOCKET_FD 3
#define DECODE_MAX_OUTPUTS 8
#define DECODE_MESSAGE_SIZE 200

enum decode_kind { DECODE_READY = 1, DECODE_WORK, DECODE_NEEDS, DECODE_GO, DECODE_DONE };

/* Bits of what a decoder's libraries can read and write, told in READY. */
enum decode_format {
    DECODE_FORMAT_NONE, /* in a request: keep the input's */
    DECODE_FORMAT_JPEG,
    DECODE_FORMAT_PNG,
    DECODE_FORMAT_WEBP,
    DECODE_FORMAT_GIF,
    DECODE_FORMAT_AVIF,
    DECODE_FORMAT_COUNT
};

enum decode_fit {
    DECODE_FIT_INSIDE,
    DECODE_FIT_COVER,
    DECODE_FIT_CONTAIN,
    DECODE_FIT_FILL,
    DECODE_FIT_OUTSIDE
};

enum decode_gravity {
    DECODE_GRAVITY_CENTER,
    DECODE_GRAVITY_NORTH,
    DECODE_GRAVITY_NORTHEAST,
    DECODE_GRAVITY_EAST,
    DECODE_GRAVITY_SOUTHEAST,
    DECODE_GRAVITY_SOUTH,
    DECODE_GRAVITY_SOUTHWEST,
    DECODE_GRAVITY_WEST,
    DECODE_GRAVITY_NORTHWEST,
    DECODE_GRAVITY_ATTENTION,
    DECODE_GRAVITY_ENTROPY
};

/* Why an image failed, as far as a decoder can tell; lib/job has the error codes of the API. */
enum decode_status {
    DECODE_OK,
    DECODE_UNSUPPORTED,        /* not an image, or of a kind that is not allowed or not built in */
    DECODE_CORRUPT,            /* it is one, but broken or cut short */
    DECODE_TOO_LARGE,          /* more pixels, or more memory, than the limits allow */
    DECODE_OUTPUT_TOO_LARGE,   /* an output past the side or the bytes allowed */
    DECODE_OUTPUT_UNSUPPORTED, /* these libraries cannot write that format */
    DECODE_INTERNAL
};

struct decode_output_request {
    uint32_t width_px, height_px;  /* 0: from the other by the aspect ratio; not both 0 */
    uint32_t fit, gravity, format; /* enums above */
    uint32_t quality;              /* 1..100; 0: the format's default */
    uint32_t enlarge;              /* 0: never larger than the source */
    uint32_t has_background;
    uint8_t background[4]; /* r g b a; for flattening and for the bars of contain */
};

/* With the source's descriptor first, then one for each output, as SCM_RIGHTS. */
struct decode_work {
    uint32_t kind;
    uint32_t output_count;
    uint64_t id; /* echoed in the answers */
    uint64_t source_bytes;
    uint64_t max_pixels;       /* width x height x frames of the source */
    uint64_t max_memory_bytes; /* estimated need above this is DECODE_TOO_LARGE */
    uint64_t max_output_bytes; /* of one output */
    uint32_t max_side_px;      /* of one output */
    uint32_t unused;
    struct decode_output_request outputs[DECODE_MAX_OUTPUTS];
};

/* READY, NEEDS and GO. */
struct decode_note {
    uint32_t kind;
    uint32_t version;      /* READY: DECODE_PROTOCOL_VERSION */
    uint64_t id;           /* NEEDS, GO */
    uint64_t memory_bytes; /* NEEDS: what the image will take beside what the process holds now */
    uint32_t can_read;     /* READY: bit (1 << decode_format) */
    uint32_t can_write;
};

struct decode_output_result {
    uint32_t width_px, height_px; /* of a frame */
    uint32_t format, frames;
    uint64_t bytes;
};

struct decode_done {
    uint32_t kind;
    uint32_t status; /* enum decode_status */
    uint64_t id;
    uint64_t cpu_us;                            /* this image's, all threads of the decoder */
    uint32_t source_width_px, source_height_px; /* as shown: after orientation; of a frame */
    uint32_t source_format, source_frames;
    uint32_t output_count;
    uint32_t unused;
    struct decode_output_result outputs[DECODE_MAX_OUTPUTS];
    char message[DECODE_MESSAGE_SIZE]; /* NUL-terminated sentence when status is not DECODE_OK */
};

#endif
