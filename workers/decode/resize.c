/*
 * resize.c - header, plan, frames and files of one image; draw.c has the steps of a frame.
 *
 * Design notes. The source is opened once more for pixels, JPEG at the largest scaling that still
 * covers every output, and read from top to bottom once. Each frame becomes each output by
 * vips_thumbnail_image() to the exact size planned (alpha premultiplied, colours to sRGB through
 * the embedded profile, turned upright), then crop or padding, then into memory. Only memory is
 * encoded, so a failure while pixels are drawn is the source's and one while encoding is ours.
 * An animation goes frame by frame, so that no frame bleeds into the next as it is scaled.
 * With several outputs a frame is decoded once and kept; when there is no room to keep it, the
 * source is decoded again for each output.
 */
#include "resize.h"

#include <string.h>

#include <vips/vips.h>

#include "draw.h"
#include "estimate.h"
#include "formats.h"
#include "header.h"
#include "plan.h"

struct output {
    struct drawing drawing;
    bool animated;
    /* The frames drawn so far, one below the other; new, for g_free(). */
    uint8_t *pixels;
    size_t frame_bytes;
    int bands;
    VipsInterpretation type;
};

struct resize {
    const uint8_t *bytes; /* lent */
    size_t len;
    const struct decode_work *work; /* lent */
    struct image_facts facts;
    bool turned; /* the orientation swaps the sides */
    uint64_t memory_bytes;
    bool shared; /* a frame is decoded once for all outputs */
    struct output outputs[DECODE_MAX_OUTPUTS];
};

static void image_unrefp(VipsImage **image)
{
    g_clear_object(image);
}

/* Takes what libvips said last, so that it is not said again of the next image. */
static int fail_with_vips(struct failure *f, enum decode_status status, const char *sentence)
{
    AUTO(text_freep) char *said = vips_error_buffer_copy();

    if (said && strstr(said, "out of memory"))
        return failure_set(f, DECODE_TOO_LARGE, "the image needs more memory than is allowed");
    return failure_set_with(f, status, sentence, said);
}

/* ---- the header ---- */

static int refuse_kind(const char *other, size_t len, struct failure *f)
{
    if (len == 0)
        return failure_set(f, DECODE_UNSUPPORTED, "the source is empty");
    if (other)
        return failure_set(f, DECODE_UNSUPPORTED,
                           "%s is not supported: use jpeg, png, webp, "
                           "gif or avif",
                           other);
    return failure_set(f, DECODE_UNSUPPORTED, "the source is not an image of a known kind");
}

static int check_kind(const uint8_t *bytes, size_t len, uint32_t can_read, enum decode_format *ret,
                      struct failure *f)
{
    const char *other;

    *ret = header_sniff(bytes, len, &other);
    if (*ret == DECODE_FORMAT_NONE)
        return refuse_kind(other, len, f);
    if (!(can_read & (1u << *ret)))
        return failure_set(f, DECODE_UNSUPPORTED, "%s cannot be read by the libraries installed",
                           header_format_name(*ret));
    if (*ret == DECODE_FORMAT_AVIF && !header_avif_is_av1(bytes, len))
        return failure_set(f, DECODE_UNSUPPORTED, "avif that is broken, or not coded as AV1");
    return 0;
}

/* What only the bytes themselves tell: libvips says neither before it decodes. */
static void read_raw_header(const uint8_t *bytes, size_t len, struct image_facts *facts)
{
    struct jpeg_header jpeg;
    struct png_header png;

    if (facts->format == DECODE_FORMAT_JPEG && header_jpeg(bytes, len, &jpeg) == 0 && jpeg.buffered)
        facts->coefficient_bytes = jpeg.coefficient_bytes;
    if (facts->format == DECODE_FORMAT_PNG && header_png(bytes, len, &png) == 0)
        facts->interlaced = png.interlaced;
}

static int read_header(struct resize *r, struct failure *f)
{
    AUTO(image_unrefp) VipsImage *image = NULL;
    struct image_facts *facts = &r->facts;

    image = formats_open(facts->format, r->bytes, r->len, 1, false);
    if (!image)
        return fail_with_vips(f, DECODE_CORRUPT, "the header of the image is broken");
    facts->width_px = (uint32_t)vips_image_get_width(image);
    facts->height_px = (uint32_t)vips_image_get_height(image);
    facts->pixel_bytes = (uint32_t)(vips_image_get_bands(image) *
                                    (int)vips_format_sizeof(vips_image_get_format(image)));
    facts->shrink = 1;
    facts->frames = 1;
    /* AVIF counts the pictures in a file as pages too: only the main one is of interest. */
    if (facts->format == DECODE_FORMAT_GIF || facts->format == DECODE_FORMAT_WEBP)
        facts->frames = (uint32_t)vips_image_get_n_pages(image);
    r->turned = vips_image_get_orientation_swap(image);
    read_raw_header(r->bytes, r->len, facts);
    return 0;
}

static int check_pixels(const struct resize *r, struct failure *f)
{
    const struct image_facts *s = &r->facts;
    uint64_t frame = (uint64_t)s->width_px * s->height_px;

    if (frame <= r->work->max_pixels / s->frames)
        return 0;
    if (s->frames == 1)
        return failure_set(f, DECODE_TOO_LARGE,
                           "the image is %u x %u pixels, more than the %llu "
                           "allowed",
                           s->width_px, s->height_px, (unsigned long long)r->work->max_pixels);
    return failure_set(f, DECODE_TOO_LARGE,
                       "the image is %u frames of %u x %u pixels, more than "
                       "the %llu allowed",
                       s->frames, s->width_px, s->height_px,
                       (unsigned long long)r->work->max_pixels);
}

/* ---- the plan ---- */

/* Asked for, else the input's own kind, else jpeg. */
static int choose_format(uint32_t asked, enum decode_format input, uint32_t can_write,
                         enum decode_format *ret, struct failure *f)
{
    *ret = asked != DECODE_FORMAT_NONE ? (enum decode_format)asked : input;
    if (can_write & (1u << *ret))
        return 0;
    if (asked != DECODE_FORMAT_NONE)
        return failure_set(f, DECODE_OUTPUT_UNSUPPORTED,
                           "%s cannot be written by the libraries installed",
                           header_format_name(*ret));
    *ret = DECODE_FORMAT_JPEG;
    return 0;
}

static int check_sides(const struct output *o, const struct decode_work *work, struct failure *f)
{
    uint32_t max_px = formats_max_side_px(o->drawing.format);
    uint64_t scaled = (uint64_t)o->drawing.plan.scaled_width_px * o->drawing.plan.scaled_height_px;

    if (work->max_side_px < max_px)
        max_px = work->max_side_px;
    if (o->drawing.plan.width_px > max_px || o->drawing.plan.height_px > max_px)
        return failure_set(f, DECODE_OUTPUT_TOO_LARGE,
                           "the output would be %u x %u pixels, more than %u a side",
                           o->drawing.plan.width_px, o->drawing.plan.height_px, max_px);
    /* Covering a box with a very long image, enlarged: nearly all of it would be cropped off. */
    if (scaled > work->max_pixels &&
        scaled > (uint64_t)o->drawing.plan.width_px * o->drawing.plan.height_px)
        return failure_set(f, DECODE_OUTPUT_TOO_LARGE,
                           "the image would be enlarged to %u x %u pixels before it is cropped",
                           o->drawing.plan.scaled_width_px, o->drawing.plan.scaled_height_px);
    return 0;
}

static int plan_output(struct resize *r, const struct decode_output_request *request,
                       uint32_t can_write, struct output *o, struct failure *f)
{
    uint32_t width_px = r->turned ? r->facts.height_px : r->facts.width_px;
    uint32_t height_px = r->turned ? r->facts.width_px : r->facts.height_px;

    o->drawing.request = request;
    if (choose_format(request->format, r->facts.format, can_write, &o->drawing.format, f) < 0)
        return -1;
    o->animated =
        r->facts.frames > 1 && request->fit == DECODE_FIT_INSIDE &&
        (o->drawing.format == DECODE_FORMAT_GIF || o->drawing.format == DECODE_FORMAT_WEBP);
    plan_make(width_px, height_px, request, &o->drawing.plan);
    return check_sides(o, r->work, f);
}

/* How far the decoder can scale, and how many of its rows the smallest output takes together. */
static void plan_source(struct resize *r)
{
    struct image_facts *s = &r->facts;
    uint32_t width_px = 1, height_px = 1, least_px = UINT32_MAX;

    for (uint32_t i = 0; i < r->work->output_count; i++) {
        const struct plan *p = &r->outputs[i].drawing.plan;

        width_px = MAX(width_px, r->turned ? p->scaled_height_px : p->scaled_width_px);
        height_px = MAX(height_px, r->turned ? p->scaled_width_px : p->scaled_height_px);
        least_px = MIN(least_px, r->turned ? p->scaled_width_px : p->scaled_height_px);
    }
    if (s->format == DECODE_FORMAT_JPEG)
        s->shrink = plan_jpeg_shrink(s->width_px, s->height_px, width_px, height_px);
    s->rows_each = MAX(1, s->height_px / s->shrink / least_px);
}

static uint64_t outputs_memory(const struct resize *r)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < r->work->output_count; i++) {
        const struct output *o = &r->outputs[i];
        struct output_facts facts = {
            .format = o->drawing.format,
            .width_px = o->drawing.plan.width_px,
            .height_px = o->drawing.plan.height_px,
            .scaled_width_px = o->drawing.plan.scaled_width_px,
            .scaled_height_px = o->drawing.plan.scaled_height_px,
            .frames = o->animated ? r->facts.frames : 1,
            .scaled_whole = o->drawing.plan.smart || r->turned,
        };

        sum += estimate_output(&facts);
    }
    return sum;
}

static int plan_memory(struct resize *r, struct failure *f)
{
    uint64_t frame = estimate_shared_frame(&r->facts);

    r->memory_bytes = estimate_source(&r->facts) + outputs_memory(r);
    if (r->work->output_count > 1 && r->memory_bytes + frame <= r->work->max_memory_bytes) {
        r->shared = true;
        r->memory_bytes += frame;
    }
    if (r->memory_bytes <= r->work->max_memory_bytes)
        return 0;
    return failure_set(f, DECODE_TOO_LARGE,
                       "%s of %u x %u pixels needs about %llu MB of memory, more than is allowed",
                       header_format_name(r->facts.format), r->facts.width_px, r->facts.height_px,
                       (unsigned long long)(r->memory_bytes >> 20));
}

static void tell_source(const struct resize *r, struct decode_done *done)
{
    done->source_width_px = r->turned ? r->facts.height_px : r->facts.width_px;
    done->source_height_px = r->turned ? r->facts.width_px : r->facts.height_px;
    done->source_format = r->facts.format;
    done->source_frames = r->facts.frames;
}

static int open_and_plan(struct resize *r, uint32_t can_read, uint32_t can_write,
                         struct decode_done *done, struct failure *f)
{
    if (check_kind(r->bytes, r->len, can_read, &r->facts.format, f) < 0 || read_header(r, f) < 0)
        return -1;
    tell_source(r, done);
    if (check_pixels(r, f) < 0)
        return -1;
    for (uint32_t i = 0; i < r->work->output_count; i++) {
        if (plan_output(r, &r->work->outputs[i], can_write, &r->outputs[i], f) < 0)
            return -1;
    }
    plan_source(r);
    return plan_memory(r, f);
}

int resize_open(const uint8_t *bytes, size_t len, const struct decode_work *work, uint32_t can_read,
                uint32_t can_write, struct decode_done *done, struct resize **ret,
                struct failure *f)
{
    struct resize *r = g_new0(struct resize, 1);

    r->bytes = bytes;
    r->len = len;
    r->work = work;
    if (open_and_plan(r, can_read, can_write, done, f) < 0) {
        resize_close(r);
        return -1;
    }
    *ret = r;
    return 0;
}

uint64_t resize_memory_bytes(const struct resize *r)
{
    return r->memory_bytes;
}

void resize_close(struct resize *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < DECODE_MAX_OUTPUTS; i++)
        g_free(r->outputs[i].pixels);
    vips_error_clear();
    g_free(r);
}

/* ---- the pixels ---- */

/* Runs the pipeline of one frame and lays its pixels under those of the frames before. */
static int draw_frame(VipsImage *frame, struct output *o, uint32_t number, uint32_t frames,
                      struct failure *f)
{
    AUTO(image_unrefp) VipsImage *image = draw(frame, &o->drawing);
    void *pixels = image ? vips_image_write_to_memory(image, &o->frame_bytes) : NULL;

    if (!pixels)
        return fail_with_vips(f, DECODE_CORRUPT, "the image is broken or cut short");
    if (number == 0) {
        o->bands = vips_image_get_bands(image);
        o->type = vips_image_get_interpretation(image);
        o->pixels = frames > 1 ? g_try_malloc_n(frames, o->frame_bytes) : pixels;
    }
    if (frames > 1) {
        if (o->pixels)
            memcpy(o->pixels + number * o->frame_bytes, pixels, o->frame_bytes);
        g_free(pixels);
    }
    if (!o->pixels)
        return failure_set(f, DECODE_TOO_LARGE, "the frames need more memory than is allowed");
    return 0;
}

/* The source for the outputs from first up to end, and how many of its frames they need. */
static VipsImage *open_source(const struct resize *r, uint32_t first, uint32_t end,
                              uint32_t *ret_frames)
{
    *ret_frames = 1;
    for (uint32_t i = first; i < end; i++) {
        if (r->outputs[i].animated)
            *ret_frames = r->facts.frames;
    }
    return formats_open(r->facts.format, r->bytes, r->len, r->facts.shrink, *ret_frames > 1);
}

/* One frame of the stack, without the marks of an animation. */
static VipsImage *cut_frame(VipsImage *source, uint32_t number, uint32_t frames)
{
    int height_px = vips_image_get_height(source) / (int)frames;
    VipsImage *frame = NULL;

    if (frames == 1)
        return g_object_ref(source);
    if (vips_extract_area(source, &frame, 0, (int)number * height_px, vips_image_get_width(source),
                          height_px, NULL) != 0)
        return NULL;
    vips_image_remove(frame, VIPS_META_PAGE_HEIGHT);
    vips_image_remove(frame, VIPS_META_N_PAGES);
    return frame;
}

static int draw_outputs(struct resize *r, VipsImage *frame, uint32_t number, uint32_t first,
                        uint32_t end, struct failure *f)
{
    for (uint32_t i = first; i < end; i++) {
        struct output *o = &r->outputs[i];

        if (number > 0 && !o->animated)
            continue;
        if (draw_frame(frame, o, number, o->animated ? r->facts.frames : 1, f) < 0)
            return -1;
    }
    return 0;
}

/* Loop count and delays, which an encoder takes from the image it is given. */
static void copy_timing(VipsImage *from, VipsImage *to)
{
    int *delays, n, loop;

    if (vips_image_get_typeof(from, "delay") &&
        vips_image_get_array_int(from, "delay", &delays, &n) == 0)
        vips_image_set_array_int(to, "delay", delays, n);
    if (vips_image_get_typeof(from, "loop") && vips_image_get_int(from, "loop", &loop) == 0)
        vips_image_set_int(to, "loop", loop);
}

static VipsImage *finished(const struct output *o, uint32_t frames, VipsImage *source)
{
    VipsImage *memory = vips_image_new_from_memory(
        o->pixels, o->frame_bytes * frames, (int)o->drawing.plan.width_px,
        (int)(o->drawing.plan.height_px * frames), o->bands, VIPS_FORMAT_UCHAR);
    VipsImage *typed = NULL;

    if (!memory)
        return NULL;
    vips_copy(memory, &typed, "interpretation", o->type, NULL);
    g_object_unref(memory);
    if (typed && frames > 1) {
        vips_image_set_int(typed, VIPS_META_PAGE_HEIGHT, (int)o->drawing.plan.height_px);
        copy_timing(source, typed);
    }
    return typed;
}

static int encode_output(struct resize *r, uint32_t number, VipsImage *source, resize_sink sink,
                         void *data, struct decode_output_result *result, struct failure *f)
{
    struct output *o = &r->outputs[number];
    uint32_t frames = o->animated ? r->facts.frames : 1;
    AUTO(image_unrefp) VipsImage *image = finished(o, frames, source);
    uint8_t *bytes = NULL;
    size_t len = 0;
    int rc;

    if (!image ||
        formats_encode(image, o->drawing.format, o->drawing.request->quality, &bytes, &len) != 0)
        return fail_with_vips(f, DECODE_INTERNAL, "the output could not be encoded");
    *result = (struct decode_output_result){o->drawing.plan.width_px, o->drawing.plan.height_px,
                                            o->drawing.format, frames, len};
    if (len > r->work->max_output_bytes)
        rc = failure_set(f, DECODE_OUTPUT_TOO_LARGE,
                         "the output would be %zu bytes, more than the %llu allowed", len,
                         (unsigned long long)r->work->max_output_bytes);
    else
        rc = sink(data, number, bytes, len, f);
    g_free(bytes);
    return rc;
}

/* Decodes the source once for the outputs from first up to end. */
static int run_outputs(struct resize *r, uint32_t first, uint32_t end, resize_sink sink, void *data,
                       struct decode_done *done, struct failure *f)
{
    AUTO(image_unrefp) VipsImage *source = NULL;
    uint32_t frames;

    source = open_source(r, first, end, &frames);
    if (!source)
        return fail_with_vips(f, DECODE_CORRUPT, "the image is broken");
    for (uint32_t n = 0; n < frames; n++) {
        AUTO(image_unrefp) VipsImage *frame = cut_frame(source, n, frames);

        if (frame && end - first > 1) {
            VipsImage *kept = vips_image_copy_memory(frame);

            g_object_unref(frame);
            frame = kept;
        }
        if (!frame)
            return fail_with_vips(f, DECODE_CORRUPT, "the image is broken or cut short");
        if (draw_outputs(r, frame, n, first, end, f) < 0)
            return -1;
    }
    for (uint32_t i = first; i < end; i++) {
        if (encode_output(r, i, source, sink, data, &done->outputs[i], f) < 0)
            return -1;
    }
    return 0;
}

int resize_run(struct resize *r, resize_sink sink, void *data, struct decode_done *done,
               struct failure *f)
{
    uint32_t count = r->work->output_count;
    uint32_t step_size = r->shared ? count : 1;

    done->output_count = count;
    for (uint32_t i = 0; i < count; i += step_size) {
        if (run_outputs(r, i, i + step_size, sink, data, done, f) < 0)
            return -1;
    }
    return 0;
}
