/*
 * corpus.c - the same photographs in three sizes, for measuring: of about 1, 4 and 16 megapixels,
 * JPEG of quality 82 to 91, one in ten progressive. The same files from the same sources each time.
 *     bench-corpus FOLDER COUNT SOURCE...
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <vips/vips.h>

static int make(const char *source, const char *folder, int i)
{
    static const double pixels[] = {1e6, 4e6, 16e6};
    VipsImage *in = vips_image_new_from_file(source, "access", VIPS_ACCESS_RANDOM, NULL);
    VipsImage *part = NULL, *out = NULL;
    char path[4096];
    double scale;
    int width, height, rc = -1;

    if (!in)
        return -1;
    /* Another part of the picture each time, so that no two files are alike. */
    width = vips_image_get_width(in) * (70 + i * 7 % 30) / 100;
    height = vips_image_get_height(in) * (70 + i * 11 % 30) / 100;
    scale = sqrt(pixels[i % 3] / ((double)width * height));
    snprintf(path, sizeof path, "%s/%03d-%dmp.jpg", folder, i, (int)(pixels[i % 3] / 1e6));
    if (vips_extract_area(in, &part, 0, 0, width, height, NULL) == 0 &&
        vips_resize(part, &out, scale, NULL) == 0)
        rc = vips_jpegsave(out, path, "Q", 82 + i % 10, "interlace", i % 10 == 9, "strip", TRUE,
                           NULL);
    if (out)
        g_object_unref(out);
    if (part)
        g_object_unref(part);
    g_object_unref(in);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s FOLDER COUNT SOURCE...\n", argv[0]);
        return 2;
    }
    if (VIPS_INIT(argv[0]))
        return 1;
    for (int i = 0; i < atoi(argv[2]); i++)
        if (make(argv[3 + (i / 3) % (argc - 3)], argv[1], i)) {
            fprintf(stderr, "%s", vips_error_buffer());
            return 1;
        }
    return 0;
}
