/*
 * ceiling.c - bare libvips on the files given, N threads: the most that resizing alone can do here,
 * next to which the whole service is measured.
 *     bench-ceiling thumbnail|shrink THREADS SIZE FILE...
 * thumbnail: vips_thumbnail_buffer, as most programs call it. shrink: for JPEG, the largest
 * shrink-on-load that still covers the target, then the same: the cheapest way that is safe.
 * Prints images/s and CPU milliseconds an image. Output: JPEG, quality 80, stripped, thrown away.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <vips/vips.h>

struct file {
    void *bytes;
    size_t len;
};

static struct file *files;
static int file_count;
static int size_px;
static bool shrink;
static atomic_int next_file;

static double seconds(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The largest JPEG shrink (1, 2, 4, 8) after which the image still covers the target. */
static int jpeg_shrink(const struct file *f)
{
    VipsImage *header = vips_image_new_from_buffer(f->bytes, f->len, "", NULL);
    double factor;
    int by = 1;

    if (!header)
        return 1;
    factor = fmax(vips_image_get_width(header), vips_image_get_height(header)) / size_px;
    while (by < 8 && by * 2 <= factor)
        by *= 2;
    g_object_unref(header);
    return by;
}

static VipsImage *thumbnail(const struct file *f)
{
    VipsImage *in = NULL, *out = NULL;

    if (!shrink) {
        if (vips_thumbnail_buffer(f->bytes, f->len, &out, size_px, "height", size_px, "size",
                                  VIPS_SIZE_DOWN, "fail_on", VIPS_FAIL_ON_ERROR, NULL))
            return NULL;
        return out;
    }
    if (vips_jpegload_buffer(f->bytes, f->len, &in, "shrink", jpeg_shrink(f), "access",
                             VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL))
        return NULL;
    if (vips_thumbnail_image(in, &out, size_px, "height", size_px, "size", VIPS_SIZE_DOWN, NULL))
        out = NULL;
    g_object_unref(in);
    return out;
}

static void *work(void *user)
{
    int i;

    while ((i = atomic_fetch_add(&next_file, 1)) < file_count) {
        VipsImage *image = thumbnail(&files[i]);
        void *bytes = NULL;
        size_t len;

        if (!image || vips_jpegsave_buffer(image, &bytes, &len, "Q", 80, "strip", TRUE, NULL)) {
            fprintf(stderr, "file %d: %s", i, vips_error_buffer());
            exit(1);
        }
        g_object_unref(image);
        g_free(bytes);
    }
    return user;
}

static void read_file(const char *path, struct file *ret)
{
    gchar *bytes;

    if (!g_file_get_contents(path, &bytes, &ret->len, NULL)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    ret->bytes = bytes;
}

int main(int argc, char **argv)
{
    GThread *threads[64];
    int thread_count;
    double wall, cpu;

    if (argc < 5 || (strcmp(argv[1], "thumbnail") != 0 && strcmp(argv[1], "shrink") != 0)) {
        fprintf(stderr, "usage: %s thumbnail|shrink THREADS SIZE FILE...\n", argv[0]);
        return 2;
    }
    if (VIPS_INIT(argv[0]))
        return 1;
    vips_cache_set_max(0);
    vips_concurrency_set(1);
    shrink = strcmp(argv[1], "shrink") == 0;
    thread_count = CLAMP(atoi(argv[2]), 1, 64);
    size_px = atoi(argv[3]);
    file_count = argc - 4;
    files = g_new0(struct file, (gsize)file_count);
    for (int i = 0; i < file_count; i++)
        read_file(argv[i + 4], &files[i]);
    wall = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < thread_count; i++)
        threads[i] = g_thread_new("work", work, NULL);
    for (int i = 0; i < thread_count; i++)
        g_thread_join(threads[i]);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%.2f %.2f\n", file_count / wall, cpu * 1000 / file_count);
    return 0;
}
