/*
 * imageresize-decode - reads images that nobody vouches for, where they can do no harm.
 * Started by the resize worker with an empty environment and one socket as descriptor 3:
 *     imageresize-decode [--data-limit BYTES] [--no-sandbox]
 * Exits 0 when the parent closes the socket, 1 on a failure of its own, 2 for a wrong call, 3
 * where system calls cannot be filtered and --no-sandbox was not given.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/err.h"

#include "cage.h"
#include "formats.h"
#include "serve.h"
#include "warm_up.h"

#define EXIT_USAGE 2
#define EXIT_NO_SANDBOX 3

struct options {
    uint64_t data_limit_bytes;
    bool sandbox;
};

static int usage(void)
{
    fputs("usage: imageresize-decode [--data-limit BYTES] [--no-sandbox] | --version\n"
          "Started by the resize worker, with a socket as descriptor 3.\n",
          stderr);
    return -1;
}

static int read_options(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){0, true};
    for (int i = 1; i < argc; i++) {
        int64_t bytes;

        if (strcmp(argv[i], "--no-sandbox") == 0) {
            ret->sandbox = false;
        } else if (strcmp(argv[i], "--data-limit") == 0 && i + 1 < argc &&
                   config_parse_number(argv[i + 1], &bytes) == 0 && bytes > 0) {
            ret->data_limit_bytes = (uint64_t)bytes;
            i++;
        } else {
            return usage();
        }
    }
    return 0;
}

/*
 * One arena: a decoder computes on one thread at a time, and each further arena keeps memory of
 * its own for ever. What one image frees the next takes again, up to RESERVE_BYTES: fresh pages
 * cost more than the decoding of many an image (measured: 16 MP progressive JPEG, 250 ms of CPU
 * with glibc's smallest thresholds, 80 ms with these). Above that it goes back to the system.
 */
#define RESERVE_BYTES (64 << 20)

static void set_up_malloc(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, RESERVE_BYTES / 2);
    mallopt(M_TRIM_THRESHOLD, RESERVE_BYTES);
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct options options;
    uint32_t can_read, can_write;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("imageresize-decode %s, libvips %s\n", IMAGERESIZE_VERSION, vips_version_string());
        return 0;
    }
    if (read_options(argc, argv, &options) < 0)
        return EXIT_USAGE;
    if (options.sandbox && !cage_is_possible())
        return EXIT_NO_SANDBOX;
    set_up_malloc();
    if (formats_init(argv[0]) != 0)
        return 1;
    warm_up(&can_read, &can_write);
    if (cage_close(options.data_limit_bytes, options.sandbox, &e) < 0)
        return EXIT_NO_SANDBOX;
    return serve(can_read, can_write);
}
