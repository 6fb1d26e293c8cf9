#include "decode_answer.h"

#include <inttypes.h>
#include <string.h>

static int check_packet(const union decode_answer *answer, size_t len, uint32_t kind, size_t size,
                        struct err *e)
{
    if (len != size || answer->kind != kind)
        return err_set(e, ERR_INPUT, "a packet of %zu bytes where kind %" PRIu32 " was due", len,
                       kind);
    return 0;
}

static int check_id(uint64_t id, const struct decode_work *asked, struct err *e)
{
    if (id != asked->id)
        return err_set(e, ERR_INPUT, "an answer to another image");
    return 0;
}

int decode_answer_is_ready(const union decode_answer *answer, size_t len, struct err *e)
{
    if (check_packet(answer, len, DECODE_READY, sizeof answer->note, e))
        return -1;
    if (answer->note.version != DECODE_PROTOCOL_VERSION)
        return err_set(e, ERR_INPUT, "protocol version %" PRIu32 ", not %d", answer->note.version,
                       DECODE_PROTOCOL_VERSION);
    return 0;
}

int decode_answer_is_needs(const union decode_answer *answer, size_t len,
                           const struct decode_work *asked, struct err *e)
{
    if (check_packet(answer, len, DECODE_NEEDS, sizeof answer->note, e) ||
        check_id(answer->note.id, asked, e))
        return -1;
    if (answer->note.memory_bytes > asked->max_memory_bytes)
        return err_set(e, ERR_INPUT, "a need of memory over the limit");
    return 0;
}

static int check_source(const struct decode_done *done, const struct decode_work *asked,
                        struct err *e)
{
    uint64_t pixels = (uint64_t)done->source_width_px * done->source_height_px;

    if (pixels == 0 || done->source_frames == 0 || pixels > asked->max_pixels / done->source_frames)
        return err_set(e, ERR_INPUT, "a source size that was not allowed");
    if (done->source_format == DECODE_FORMAT_NONE || done->source_format >= DECODE_FORMAT_COUNT)
        return err_set(e, ERR_INPUT, "a source format there is not");
    return 0;
}

static int check_output(const struct decode_output_result *output,
                        const struct decode_output_request *request,
                        const struct decode_work *asked, struct err *e)
{
    if (output->width_px == 0 || output->width_px > asked->max_side_px || output->height_px == 0 ||
        output->height_px > asked->max_side_px || output->frames == 0)
        return err_set(e, ERR_INPUT, "an output size that was not allowed");
    if (output->format == DECODE_FORMAT_NONE || output->format >= DECODE_FORMAT_COUNT ||
        (request->format != DECODE_FORMAT_NONE && request->format != output->format))
        return err_set(e, ERR_INPUT, "an output format that was not asked for");
    if (output->bytes == 0 || output->bytes > asked->max_output_bytes)
        return err_set(e, ERR_INPUT, "an output of more bytes than was allowed, or of none");
    return 0;
}

static int check_outputs(const struct decode_done *done, const struct decode_work *asked,
                         struct err *e)
{
    if (done->output_count != asked->output_count)
        return err_set(e, ERR_INPUT, "another number of outputs");
    for (uint32_t i = 0; i < done->output_count; i++)
        if (check_output(&done->outputs[i], &asked->outputs[i], asked, e))
            return -1;
    return 0;
}

static void make_printable(char message[DECODE_MESSAGE_SIZE])
{
    message[DECODE_MESSAGE_SIZE - 1] = '\0';
    for (char *c = message; *c; c++)
        if (*c < 0x20 || *c >= 0x7f)
            *c = '?';
}

int decode_answer_is_done(union decode_answer *answer, size_t len, const struct decode_work *asked,
                          struct err *e)
{
    struct decode_done *done = &answer->done;

    if (check_packet(answer, len, DECODE_DONE, sizeof *done, e) || check_id(done->id, asked, e))
        return -1;
    make_printable(done->message);
    if (done->status > DECODE_INTERNAL)
        return err_set(e, ERR_INPUT, "a status there is not");
    if (done->status != DECODE_OK)
        return 0;
    return check_source(done, asked, e) || check_outputs(done, asked, e) ? -1 : 0;
}
