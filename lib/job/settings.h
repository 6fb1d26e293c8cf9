/*
 * settings.h - every setting of the service, in one table (settings.c); lib/start reads it.
 * The README's table is held to it by a test.
 */
#ifndef JOB_SETTINGS_H
#define JOB_SETTINGS_H

#include <stdint.h>

#include "base/config.h"

/* Who reads a setting. */
enum settings_program { PROGRAM_WEB = 1, PROGRAM_RESIZE = 2, PROGRAM_STORE = 4 };

#define SETTINGS_PUBLIC_URL_MAX 299 /* bytes */

#define MEBIBYTE (INT64_C(1024) * 1024)

/* Texts are lent for ever and NULL when not set and without a default. */
struct settings {
    int64_t port;
    const char *database_url;
    const char *broker, *ca_file;
    int64_t discovery_period_s;
    const char *log_level;

    const char *output;
    const char *s3_endpoint, *s3_region, *s3_key, *s3_secret, *s3_bucketeer_bucket;
    const char *public_url;
    const char *api_keys;

    int64_t keep_alive_s, max_body_bytes, max_images, max_outputs, max_url_bytes, max_side_px;
    int64_t max_metadata_bytes, max_page, max_stats, max_waiters, create_batch, publish_window,
        outbox_lease_s;
    int64_t max_streams, stream_rate, stream_heartbeat_s, stream_patience_s;

    const char *fetch_allow;
    int64_t fetch_timeout_s, max_redirects, max_source_mb, max_megapixels;
    int64_t resize_concurrent, source_memory_mb, decoders, resize_timeout_s;
    int64_t memory_mb, decoder_memory_mb, decoder_images, decoder_resident_mb, max_output_mb;
    int64_t store_patience_s;
    const char *sandbox;

    int64_t attempts, retry_delay_ms;
    int64_t store_batch, store_batch_wait_ms;
};

extern const struct config_setting settings_table[];
extern const size_t settings_count;

#endif
