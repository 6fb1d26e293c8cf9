/* draw.c - the steps of libvips from a frame to an output. */
#include "draw.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"

static void image_unrefp(VipsImage **image)
{
    g_clear_object(image);
}

/* The colour behind and around the picture. Without one asked for: nothing where the format has
 * transparency, white where it has none. */
static void background(const struct drawing *d, double ret[4])
{
    static const uint8_t white[4] = {255, 255, 255, 255}, clear[4] = {0, 0, 0, 0};
    const uint8_t *colour = d->format == DECODE_FORMAT_JPEG ? white : clear;

    if (d->request->has_background)
        colour = d->request->background;
    for (int i = 0; i < 4; i++)
        ret[i] = colour[i];
}

/*
 * The steps from a frame to an output, in this order. Each makes a new image of the one before it,
 * or passes it on.
 */
typedef int (*step)(VipsImage *in, const struct drawing *d, VipsImage **ret);

static int pass_on(VipsImage *in, VipsImage **ret)
{
    *ret = g_object_ref(in);
    return 0;
}

/*
 * Whether pixels must go through a colour profile to become sRGB. The usual sRGB profile, which
 * most cameras embed, names itself in its header (ICC.1, 7.2: manufacturer and model at byte 48):
 * it would cost more than many a small image and change nothing.
 */
static bool needs_profile(VipsImage *in)
{
    const void *profile;
    size_t len;

    if (vips_image_guess_interpretation(in) == VIPS_INTERPRETATION_CMYK)
        return true;
    if (!vips_image_get_typeof(in, VIPS_META_ICC_NAME) ||
        vips_image_get_blob(in, VIPS_META_ICC_NAME, &profile, &len) != 0)
        return false;
    return len < 56 || memcmp((const char *)profile + 48, "IEC sRGB", 8) != 0;
}

static int scale(VipsImage *in, const struct drawing *d, VipsImage **ret)
{
    return vips_thumbnail_image(in, ret, (int)d->plan.scaled_width_px, "height",
                                (int)d->plan.scaled_height_px, "size", VIPS_SIZE_FORCE,
                                needs_profile(in) ? "export_profile" : NULL, "srgb", NULL);
}

/* Grey stays grey where nothing of another colour will be beside it. */
static int to_srgb(VipsImage *in, const struct drawing *d, VipsImage **ret)
{
    VipsInterpretation type = vips_image_guess_interpretation(in);

    if (type == VIPS_INTERPRETATION_sRGB ||
        (type == VIPS_INTERPRETATION_B_W && d->request->fit != DECODE_FIT_CONTAIN &&
         !vips_image_hasalpha(in)))
        return pass_on(in, ret);
    return vips_colourspace(in, ret, VIPS_INTERPRETATION_sRGB, NULL);
}

static int flatten(VipsImage *in, const struct drawing *d, VipsImage **ret)
{
    VipsArrayDouble *colour;
    double rgba[4];
    int rc;

    if (d->format != DECODE_FORMAT_JPEG || !vips_image_hasalpha(in))
        return pass_on(in, ret);
    background(d, rgba);
    colour = vips_array_double_new(rgba, 3);
    rc = vips_flatten(in, ret, "background", colour, NULL);
    vips_area_unref(VIPS_AREA(colour));
    return rc;
}

/* Cut to the output's size, at the planned place or where libvips finds most to see. */
static int crop(VipsImage *in, const struct drawing *d, VipsImage **ret)
{
    AUTO(image_unrefp) VipsImage *whole = NULL;
    const struct plan *p = &d->plan;

    if (!p->smart)
        return vips_extract_area(in, ret, -p->left_px, -p->top_px, (int)p->width_px,
                                 (int)p->height_px, NULL);
    /* It looks at the picture before it cuts: the rows must be there twice. */
    whole = vips_image_copy_memory(in);
    if (!whole)
        return -1;
    return vips_smartcrop(whole, ret, (int)p->width_px, (int)p->height_px, "interesting",
                          d->request->gravity == DECODE_GRAVITY_ENTROPY
                              ? VIPS_INTERESTING_ENTROPY
                              : VIPS_INTERESTING_ATTENTION,
                          NULL);
}

static int pad(VipsImage *in, const struct drawing *d, VipsImage **ret)
{
    AUTO(image_unrefp) VipsImage *with_alpha = NULL;
    const struct plan *p = &d->plan;
    VipsArrayDouble *colour;
    double rgba[4];
    int rc;

    background(d, rgba);
    if (d->format == DECODE_FORMAT_JPEG || vips_image_hasalpha(in) || rgba[3] == 255)
        with_alpha = g_object_ref(in);
    else if (vips_addalpha(in, &with_alpha, NULL) != 0)
        return -1;
    colour = vips_array_double_new(rgba, vips_image_hasalpha(with_alpha) ? 4 : 3);
    rc = vips_embed(with_alpha, ret, p->left_px, p->top_px, (int)p->width_px, (int)p->height_px,
                    "extend", VIPS_EXTEND_BACKGROUND, "background", colour, NULL);
    vips_area_unref(VIPS_AREA(colour));
    return rc;
}

static int crop_or_pad(VipsImage *in, const struct drawing *d, VipsImage **ret)
{
    const struct plan *p = &d->plan;

    if (p->width_px < p->scaled_width_px || p->height_px < p->scaled_height_px)
        return crop(in, d, ret);
    if (p->width_px > p->scaled_width_px || p->height_px > p->scaled_height_px)
        return pad(in, d, ret);
    return pass_on(in, ret);
}

VipsImage *draw(VipsImage *frame, const struct drawing *d)
{
    static const step steps[] = {scale, to_srgb, flatten, crop_or_pad};
    VipsImage *image = g_object_ref(frame);

    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        VipsImage *next = NULL;
        int rc = steps[i](image, d, &next);

        g_object_unref(image);
        if (rc != 0)
            return NULL;
        image = next;
    }
    return image;
}
