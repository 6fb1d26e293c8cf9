#include "settings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int check_database_url(const char *value, struct buf *why)
{
    if (strncmp(value, "postgres://", 11) == 0 || strncmp(value, "postgresql://", 13) == 0)
        return 0;
    buf_text(why, "must start with postgres:// or postgresql://");
    return -1;
}

static int check_broker(const char *value, struct buf *why)
{
    if (strncmp(value, "amqp://", 7) == 0 || strncmp(value, "amqps://", 8) == 0)
        return 0;
    buf_text(why, "must start with amqp:// or amqps://");
    return -1;
}

static int check_http_url(const char *value, struct buf *why)
{
    if (strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0)
        return 0;
    buf_text(why, "must start with http:// or https://");
    return -1;
}

/* It goes in front of every address that web answers with. */
static int check_public_url(const char *value, struct buf *why)
{
    if (check_http_url(value, why))
        return -1;
    if (strlen(value) <= SETTINGS_PUBLIC_URL_MAX)
        return 0;
    buf_printf(why, "must be at most %d bytes", SETTINGS_PUBLIC_URL_MAX);
    return -1;
}

static int check_output(const char *value, struct buf *why)
{
    if (strcmp(value, "postgres:") == 0 || strncmp(value, "file:///", 8) == 0 ||
        (strncmp(value, "s3://", 5) == 0 && value[5] && value[5] != '/'))
        return 0;
    buf_text(why,
             "must be postgres:, file:///dir or s3://bucket/prefix"); /* it may hold a password */
    return -1;
}

static int check_region(const char *value, struct buf *why)
{
    if (value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0')
        return 0;
    buf_text(why, "must be the name of a region, such as us-east-1");
    return -1;
}

static int check_readable(const char *value, struct buf *why)
{
    if (access(value, R_OK) == 0)
        return 0;
    buf_printf(why, "'%.200s' cannot be read: %s", value, strerror(errno));
    return -1;
}

static int check_on_off(const char *value, struct buf *why)
{
    if (strcmp(value, "on") == 0 || strcmp(value, "off") == 0)
        return 0;
    buf_printf(why, "must be on or off, is '%.60s'", value);
    return -1;
}

static int check_log_level(const char *value, struct buf *why)
{
    if (strcmp(value, "debug") == 0 || strcmp(value, "info") == 0 || strcmp(value, "warn") == 0 ||
        strcmp(value, "error") == 0)
        return 0;
    buf_printf(why, "must be debug, info, warn or error, is '%.60s'", value);
    return -1;
}

/* Keys that would be ignored leave the service open to everybody, so they stop it instead. */
static int refuse_api_keys(const char *value, struct buf *why)
{
    (void)value;
    buf_text(why, "API keys are not supported yet; unset it to run without them");
    return -1;
}

#define ALL (PROGRAM_WEB | PROGRAM_RESIZE | PROGRAM_STORE)
#define TEXT(name, fallback, value, used_by, field, check, help)                                   \
    {                                                                                              \
        name, fallback, CONFIG_TEXT, value, 0, 0, "", used_by, offsetof(struct settings, field),   \
            check, help                                                                            \
    }
#define NUMBER(name, value, min, max, unit, used_by, field, help)                                  \
    {                                                                                              \
        name, NULL, CONFIG_NUMBER, value, min, max, unit, used_by,                                 \
            offsetof(struct settings, field), NULL, help                                           \
    }

/* In the order of the README's table. */
const struct config_setting settings_table[] = {
    NUMBER("PORT", "5000", 1, 65535, "", PROGRAM_WEB, port, "where the HTTP API listens"),
    TEXT("DATABASE_URL", NULL, NULL, ALL, database_url, check_database_url,
         "the Postgres database; remote hosts are reached with TLS"),
    TEXT("MSGFLO_BROKER", "CLOUDAMQP_URL", "amqp://localhost", ALL, broker, check_broker,
         "the RabbitMQ broker; amqps:// is held to its certificate and name"),
    TEXT("SSL_CERT_FILE", NULL, NULL, ALL, ca_file, check_readable,
         "certificate authorities for amqps:// and https://, PEM; not set: the system's"),
    NUMBER("MSGFLO_DISCOVERY_PERIOD", "60", 1, 3600, "s", ALL, discovery_period_s,
           "how long an announcement of a participant holds"),
    TEXT("LOG_LEVEL", NULL, "info", ALL, log_level, check_log_level,
         "the least level that is logged: debug, info, warn, error"),

    TEXT("IMAGERESIZE_OUTPUT", NULL, NULL, PROGRAM_WEB | PROGRAM_RESIZE, output, check_output,
         "where results are kept: postgres:, file:///dir or s3://bucket/prefix; not set: Bucketeer "
         "where it is attached, else postgres:"),
    TEXT("IMAGERESIZE_S3_ENDPOINT", NULL, NULL, PROGRAM_RESIZE, s3_endpoint, check_http_url,
         "an S3-compatible server, http(s)://host or, for virtual-host style, "
         "http(s)://{bucket}.host; "
         "not set: Amazon's of the region"),
    TEXT("IMAGERESIZE_S3_REGION", "BUCKETEER_AWS_REGION", "us-east-1", PROGRAM_RESIZE, s3_region,
         check_region, "the bucket's region"),
    TEXT("IMAGERESIZE_S3_KEY", "BUCKETEER_AWS_ACCESS_KEY_ID", NULL, PROGRAM_RESIZE, s3_key, NULL,
         "access key of the bucket"),
    TEXT("IMAGERESIZE_S3_SECRET", "BUCKETEER_AWS_SECRET_ACCESS_KEY", NULL, PROGRAM_RESIZE,
         s3_secret, NULL, "secret key of the bucket"),
    TEXT("BUCKETEER_BUCKET_NAME", NULL, NULL, PROGRAM_WEB | PROGRAM_RESIZE, s3_bucketeer_bucket,
         NULL, "the bucket used, under public/, when IMAGERESIZE_OUTPUT is not set"),
    TEXT("IMAGERESIZE_PUBLIC_URL", NULL, NULL, PROGRAM_WEB, public_url, check_public_url,
         "the address clients use; not set: taken from each request"),
    TEXT("IMAGERESIZE_API_KEYS", NULL, NULL, PROGRAM_WEB, api_keys, refuse_api_keys,
         "not supported yet: web refuses to start when it is set"),

    NUMBER("IMAGERESIZE_KEEP_ALIVE", "100", 1, 3600, "s", PROGRAM_WEB, keep_alive_s,
           "how long an idle connection is kept: longer than a proxy before it keeps its own"),
    NUMBER("IMAGERESIZE_MAX_BODY", "1048576", 1024, 104857600, "bytes", PROGRAM_WEB, max_body_bytes,
           "largest body of a request"),
    NUMBER("IMAGERESIZE_MAX_IMAGES", "100", 1, 1000, "images", PROGRAM_WEB, max_images,
           "most images of a job"),
    NUMBER("IMAGERESIZE_MAX_OUTPUTS", "8", 1, 8, "outputs", PROGRAM_WEB, max_outputs,
           "most outputs of an image"),
    NUMBER("IMAGERESIZE_MAX_URL", "2048", 64, 8192, "bytes", PROGRAM_WEB, max_url_bytes,
           "longest URL of a source"),
    NUMBER("IMAGERESIZE_MAX_SIDE", "4096", 1, 16384, "px", PROGRAM_WEB | PROGRAM_RESIZE,
           max_side_px, "longest side of an output"),
    NUMBER("IMAGERESIZE_MAX_METADATA", "4096", 0, 65536, "bytes", PROGRAM_WEB, max_metadata_bytes,
           "largest metadata of a job"),
    NUMBER("IMAGERESIZE_MAX_PAGE", "100", 1, 1000, "jobs", PROGRAM_WEB, max_page,
           "most jobs of one page of a list"),
    NUMBER("IMAGERESIZE_MAX_STATS", "200000", 1, 1000000, "jobs and images", PROGRAM_WEB, max_stats,
           "most that one answer of statistics is made of; a longer range is refused"),
    NUMBER("IMAGERESIZE_MAX_WAITERS", "1000", 0, 100000, "requests", PROGRAM_WEB, max_waiters,
           "most requests held by Prefer: wait at once; one more is answered at once"),
    NUMBER("IMAGERESIZE_MAX_STREAMS", "1000", 0, 2000, "streams", PROGRAM_WEB, max_streams,
           "most streams of events open at once; one more is answered with 503"),
    NUMBER("IMAGERESIZE_STREAM_RATE", "200", 1, 100000, "events/s", PROGRAM_WEB, stream_rate,
           "most events a second on GET /events; what is more is told as a reset"),
    NUMBER("IMAGERESIZE_STREAM_HEARTBEAT", "15", 1, 50, "s", PROGRAM_WEB, stream_heartbeat_s,
           "a quiet stream says something at least so often: sooner than a proxy gives up"),
    NUMBER("IMAGERESIZE_STREAM_PATIENCE", "20", 1, 300, "s", PROGRAM_WEB, stream_patience_s,
           "a stream whose reader takes nothing for so long is cut off"),
    NUMBER("IMAGERESIZE_CREATE_BATCH", "50", 1, 1000, "jobs", PROGRAM_WEB, create_batch,
           "most jobs saved in one transaction"),
    NUMBER("IMAGERESIZE_PUBLISH_WINDOW", "500", 1, 10000, "messages", PROGRAM_WEB, publish_window,
           "most messages published and not yet confirmed"),
    NUMBER("IMAGERESIZE_OUTBOX_LEASE", "30", 1, 3600, "s", PROGRAM_WEB, outbox_lease_s,
           "how long a web process has its outbox rows to itself"),

    TEXT(
        "IMAGERESIZE_FETCH_ALLOW", NULL, NULL, PROGRAM_RESIZE, fetch_allow, NULL,
        "places that may be fetched from though they are not public: CIDR[:port], comma-separated"),
    NUMBER("IMAGERESIZE_FETCH_TIMEOUT", "10", 1, 300, "s", PROGRAM_RESIZE, fetch_timeout_s,
           "longest time to fetch a source, redirects and all"),
    NUMBER("IMAGERESIZE_MAX_REDIRECTS", "3", 0, 20, "hops", PROGRAM_RESIZE, max_redirects,
           "most redirects followed for a source"),
    NUMBER("IMAGERESIZE_MAX_SOURCE", "25", 1, 1024, "MB", PROGRAM_RESIZE, max_source_mb,
           "largest source"),
    NUMBER("IMAGERESIZE_MAX_PIXELS", "50", 1, 1000, "megapixels", PROGRAM_RESIZE, max_megapixels,
           "largest source: width x height x frames"),
    NUMBER("IMAGERESIZE_MAX_OUTPUT", "50", 1, 1024, "MB", PROGRAM_RESIZE, max_output_mb,
           "largest output"),
    NUMBER("IMAGERESIZE_RESIZE_CONCURRENT", "10", 1, 1000, "images", PROGRAM_RESIZE,
           resize_concurrent, "images in hand at once in a resize process"),
    NUMBER("IMAGERESIZE_SOURCE_MEMORY", "64", 1, 65536, "MB", PROGRAM_RESIZE, source_memory_mb,
           "source bytes in hand at once; further downloads wait"),
    NUMBER("IMAGERESIZE_DECODERS", "0", 0, 256, "processes", PROGRAM_RESIZE, decoders,
           "decoders of a resize process; 0: one a CPU, fewer where memory is short"),
    NUMBER("IMAGERESIZE_RESIZE_TIMEOUT", "10", 1, 300, "s", PROGRAM_RESIZE, resize_timeout_s,
           "most CPU time for one image; three times that in wall time"),
    NUMBER("IMAGERESIZE_MEMORY", "0", 0, 1048576, "MB", PROGRAM_RESIZE, memory_mb,
           "what a resize process and its decoders may use; 0: the limit of their cgroup"),
    NUMBER("IMAGERESIZE_DECODER_MEMORY", "384", 32, 65536, "MB", PROGRAM_RESIZE, decoder_memory_mb,
           "estimated memory of the images being decoded at once; one image that needs more fails; "
           "not set: less where memory is short"),
    NUMBER("IMAGERESIZE_DECODER_IMAGES", "1000", 1, 1000000, "images", PROGRAM_RESIZE,
           decoder_images, "images after which a decoder is replaced"),
    NUMBER("IMAGERESIZE_DECODER_RESIDENT", "160", 32, 65536, "MB", PROGRAM_RESIZE,
           decoder_resident_mb, "resident size above which an idle decoder is replaced"),
    NUMBER(
        "IMAGERESIZE_STORE_PATIENCE", "30", 1, 300, "s", PROGRAM_RESIZE, store_patience_s,
        "how long a result is kept that cannot be stored; then this try of its image has failed"),
    TEXT("IMAGERESIZE_SANDBOX", NULL, "on", PROGRAM_RESIZE, sandbox, check_on_off,
         "off lets decoders run where the kernel has no seccomp"),

    NUMBER("IMAGERESIZE_ATTEMPTS", "4", 1, 20, "tries", PROGRAM_STORE, attempts,
           "tries of an image before a passing failure is final"),
    NUMBER("IMAGERESIZE_RETRY_DELAY", "1000", 1, 3600000, "ms", PROGRAM_STORE, retry_delay_ms,
           "delay before the second try; five times more each further one"),
    NUMBER("IMAGERESIZE_STORE_BATCH", "100", 1, 1000, "messages", PROGRAM_STORE, store_batch,
           "most messages applied in one transaction"),
    NUMBER("IMAGERESIZE_STORE_BATCH_WAIT", "10", 0, 10000, "ms", PROGRAM_STORE, store_batch_wait_ms,
           "how long a batch waits to fill"),
};

const size_t settings_count = sizeof settings_table / sizeof *settings_table;
