/*
 * downloads.c - see downloads.h.
 */
#include "downloads.h"

#include "scratch_dir.h"
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_MS 30000 /* a test that waits longer hangs */

struct image_server server;
unsigned char picture[PICTURE_BYTES];
static char folder[SCRATCH_DIR_SIZE];
static char file[SCRATCH_DIR_SIZE + 64];

int start_server(void **state)
{
    FILE *f;

    (void)state;
    for (size_t i = 0; i < sizeof picture; i++)
        picture[i] = (unsigned char)(i * 2654435761u >> 13);
    if (scratch_dir(folder))
        return -1;
    snprintf(file, sizeof file, "%s/%s", folder, PICTURE);
    f = fopen(file, "w");
    if (!f || fwrite(picture, 1, sizeof picture, f) != sizeof picture || fclose(f))
        return -1;
    return image_server_start(BINARY_DIR "/tests/support/image-server", folder, &server);
}

int stop_server(void **state)
{
    (void)state;
    image_server_stop(&server);
    unlink(file);
    return rmdir(folder);
}

struct fetcher_options usual_options(const struct guard *guard)
{
    return (struct fetcher_options){
        .guard = guard,
        .timeout_ms = 20000,
        .max_redirects = 3,
        .max_bytes = 1 << 20,
        .max_bytes_in_hand = 1 << 30,
        .user_agent = "test",
    };
}

struct guard *guard_for_server(void)
{
    char allow[64];
    struct err e = ERR_INIT;
    struct guard *g;

    snprintf(allow, sizeof allow, "127.0.0.1/32:%d", server.port);
    g = guard_new(allow, &e);
    assert_non_null(g);
    return g;
}

struct fetcher *fetcher_with(const struct fetcher_options *options)
{
    struct err e = ERR_INIT;
    struct fetcher *f = fetcher_new(options, &e);

    if (!f)
        fail_msg("%s", e.text);
    return f;
}

void note(struct fetch *f, const struct fetch_result *result, void *outcome)
{
    struct outcome *o = outcome;

    (void)f;
    assert_false(o->ended);
    o->ended = true;
    o->result = *result;
    snprintf(o->detail, sizeof o->detail, "%s", result->detail);
    o->result.detail = o->detail;
}

void outcome_release(struct outcome *o)
{
    if (o->ended && o->result.source_fd >= 0)
        close(o->result.source_fd);
    *o = (struct outcome){.ended = false};
}

struct fetch *begin(struct fetcher *f, const char *path, struct outcome *ret)
{
    char url[512];
    struct err e = ERR_INIT;
    struct fetch *request;

    snprintf(url, sizeof url, "%s%s", *path == '/' ? server.base : "", path);
    *ret = (struct outcome){.ended = false};
    request = fetcher_get(f, url, note, ret, &e);
    if (!request)
        fail_msg("%s: %s", url, e.text);
    return request;
}

static bool all_ended(const struct outcome *outcomes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!outcomes[i].ended)
            return false;
    return true;
}

void await_all(struct fetcher *f, const struct outcome *outcomes, size_t n)
{
    int64_t deadline_mono_ms = clock_mono_ms() + PATIENCE_MS;
    struct err e = ERR_INIT;

    while (!all_ended(outcomes, n)) {
        if (clock_mono_ms() > deadline_mono_ms)
            fail_msg("a download does not end");
        if (fetcher_poll(f, NULL, 0, clock_until_ms(deadline_mono_ms), &e))
            fail_msg("%s", e.text);
    }
}

void download(struct fetcher *f, const char *path, struct outcome *ret)
{
    begin(f, path, ret);
    await_all(f, ret, 1);
}

void assert_picture(const struct outcome *o, size_t bytes)
{
    static unsigned char got[PICTURE_BYTES + 1];
    struct stat st;

    if (o->result.outcome != FETCH_OK)
        fail_msg("not fetched: %s", o->detail);
    assert_int_equal(o->result.bytes, bytes);
    assert_int_equal(o->result.http_status, 200);
    assert_int_equal(fstat(o->result.source_fd, &st), 0);
    assert_int_equal(st.st_size, bytes);
    assert_int_equal(pread(o->result.source_fd, got, sizeof got, 0), bytes);
    assert_memory_equal(got, picture, bytes);
}
