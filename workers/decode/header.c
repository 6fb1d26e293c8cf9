/* header.c - signatures, JPEG frame headers (ITU T.81 B.2), PNG IHDR, ISO base media boxes. */
#include "header.h"

#include <string.h>

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static bool starts(const uint8_t *bytes, size_t len, size_t at, const char *what, size_t what_len)
{
    return len >= at + what_len && memcmp(bytes + at, what, what_len) == 0;
}

/* The brands of an ftyp box, the major one first: what a file of this family is. */
static enum decode_format sniff_ftyp(const uint8_t *bytes, size_t len, const char **ret_other)
{
    size_t box = be32(bytes);

    if (box > len)
        box = len;
    *ret_other = "heic";
    for (size_t at = 8; at + 4 <= box; at += 4) {
        if (at == 12)
            continue; /* the minor version, not a brand */
        if (memcmp(bytes + at, "avif", 4) == 0 || memcmp(bytes + at, "avis", 4) == 0) {
            *ret_other = NULL;
            return DECODE_FORMAT_AVIF;
        }
        if (at == 8 && memcmp(bytes + at, "mif1", 4) != 0 && memcmp(bytes + at, "msf1", 4) != 0 &&
            memcmp(bytes + at, "he", 2) != 0)
            *ret_other = "video";
    }
    return DECODE_FORMAT_NONE;
}

static const char *name_other(const uint8_t *bytes, size_t len)
{
    static const struct {
        const char *magic;
        size_t len;
        const char *name;
    } others[] = {
        {"BM", 2, "bmp"},
        {"II*\0", 4, "tiff"},
        {"MM\0*", 4, "tiff"},
        {"%PDF", 4, "pdf"},
        {"<svg", 4, "svg"},
        {"<?xml", 5, "xml or svg"},
        {"<!DOCTYPE", 9, "html"},
        {"<!doctype", 9, "html"},
        {"<html", 5, "html"},
        {"8BPS", 4, "psd"},
        {"\xff\x0a", 2, "jpeg xl"},
        {"\0\0\0\x0cJXL ", 8, "jpeg xl"},
        {"\0\0\0\x0cjP  ", 8, "jpeg 2000"},
        {"\0\0\1\0", 4, "ico"},
        {"\x1f\x8b", 2, "gzip"},
        {"PK\3\4", 4, "zip"},
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (starts(bytes, len, 0, others[i].magic, others[i].len))
            return others[i].name;
    }
    return NULL;
}

enum decode_format header_sniff(const uint8_t *bytes, size_t len, const char **ret_other)
{
    *ret_other = NULL;
    if (starts(bytes, len, 0, "\xff\xd8\xff", 3))
        return DECODE_FORMAT_JPEG;
    if (starts(bytes, len, 0, "\x89PNG\r\n\x1a\n", 8))
        return DECODE_FORMAT_PNG;
    if (starts(bytes, len, 0, "GIF87a", 6) || starts(bytes, len, 0, "GIF89a", 6))
        return DECODE_FORMAT_GIF;
    if (starts(bytes, len, 0, "RIFF", 4) && starts(bytes, len, 8, "WEBP", 4))
        return DECODE_FORMAT_WEBP;
    if (starts(bytes, len, 4, "ftyp", 4) && len >= 12)
        return sniff_ftyp(bytes, len, ret_other);
    *ret_other = name_other(bytes, len);
    return DECODE_FORMAT_NONE;
}

const char *header_format_name(enum decode_format format)
{
    switch (format) {
    case DECODE_FORMAT_JPEG:
        return "jpeg";
    case DECODE_FORMAT_PNG:
        return "png";
    case DECODE_FORMAT_WEBP:
        return "webp";
    case DECODE_FORMAT_GIF:
        return "gif";
    case DECODE_FORMAT_AVIF:
        return "avif";
    case DECODE_FORMAT_NONE:
    case DECODE_FORMAT_COUNT:
        break;
    }
    return "unknown";
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* The frame header's parameters; p is after its length, with len bytes. */
static int read_sof(uint8_t marker, const uint8_t *p, size_t len, struct jpeg_header *ret)
{
    uint32_t max_h = 1, max_v = 1;

    if (len < 6 || len < 6 + 3 * (size_t)p[5])
        return -1;
    memset(ret, 0, sizeof(*ret));
    ret->height_px = be16(p + 1);
    ret->width_px = be16(p + 3);
    ret->components = p[5];
    ret->buffered = (marker & 3) == 2; /* SOF2, 6, 10, 14: progressive (table B.1) */
    for (uint32_t c = 0; c < ret->components; c++) {
        uint32_t h = p[7 + 3 * c] >> 4, v = p[7 + 3 * c] & 15;

        max_h = h > max_h ? h : max_h;
        max_v = v > max_v ? v : max_v;
    }
    for (uint32_t c = 0; c < ret->components; c++) {
        uint64_t h = p[7 + 3 * c] >> 4, v = p[7 + 3 * c] & 15;
        /* Blocks in whole MCUs: libjpeg's arrays are that wide and high. */
        uint64_t across = ceil_div(ret->width_px, 8 * (uint64_t)max_h) * h;
        uint64_t down = ceil_div(ret->height_px, 8 * (uint64_t)max_v) * v;

        ret->coefficient_bytes += across * down * 64 * 2;
    }
    return 0;
}

static bool is_sof(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

int header_jpeg(const uint8_t *bytes, size_t len, struct jpeg_header *ret)
{
    size_t at = 2;
    bool found = false;

    if (!starts(bytes, len, 0, "\xff\xd8", 2))
        return -1;
    while (at + 4 <= len) {
        uint8_t marker = bytes[at + 1];
        size_t segment;

        /* Garbage between segments is skipped as libjpeg does; 0xff may be repeated as fill. */
        if (bytes[at] != 0xff || marker == 0xff || marker == 0 || marker == 1 ||
            (marker >= 0xd0 && marker <= 0xd8)) {
            at++;
            continue;
        }
        if (marker == 0xd9)
            break;
        segment = be16(bytes + at + 2);
        if (segment < 2 || segment > len - at - 2)
            break;
        if (is_sof(marker)) {
            if (read_sof(marker, bytes + at + 4, segment - 2, ret) < 0)
                return -1;
            found = true;
        }
        if (marker == 0xda) { /* a scan without all components: others follow */
            if (found && segment >= 3 && bytes[at + 4] < ret->components)
                ret->buffered = true;
            break;
        }
        at += 2 + segment;
    }
    return found ? 0 : -1;
}

int header_png(const uint8_t *bytes, size_t len, struct png_header *ret)
{
    static const uint8_t channels[] = {1, 0, 3, 3, 2, 0, 4}; /* by colour type (PNG 11.2.1) */
    uint8_t colour;

    if (len < 33 || !starts(bytes, len, 8, "\0\0\0\rIHDR", 8))
        return -1;
    colour = bytes[25];
    if (colour >= sizeof(channels) || channels[colour] == 0)
        return -1;
    ret->width_px = be32(bytes + 16);
    ret->height_px = be32(bytes + 20);
    ret->bits = bytes[24];
    ret->channels = channels[colour];
    ret->interlaced = bytes[28] != 0;
    return 0;
}

/* One box of an ISO base media file (ISO 14496-12, 4.2). */
struct box {
    const uint8_t *type;
    const uint8_t *body;
    size_t len;
};

/* Takes the next box off (*bytes, *len). Returns false at the end or at a broken one. */
static bool next_box(const uint8_t **bytes, size_t *len, struct box *ret)
{
    uint64_t size;
    size_t head = 8;

    if (*len < 8)
        return false;
    size = be32(*bytes);
    ret->type = *bytes + 4;
    if (size == 1) {
        if (*len < 16)
            return false;
        size = (uint64_t)be32(*bytes + 8) << 32 | be32(*bytes + 12);
        head = 16;
    } else if (size == 0) {
        size = *len; /* to the end of the file */
    }
    if (size < head || size > *len)
        return false;
    ret->body = *bytes + head;
    ret->len = (size_t)size - head;
    *bytes += size;
    *len -= (size_t)size;
    return true;
}

static bool find_box(const uint8_t *bytes, size_t len, const char *type, struct box *ret)
{
    while (next_box(&bytes, &len, ret)) {
        if (memcmp(ret->type, type, 4) == 0)
            return true;
    }
    return false;
}

/* av01, and items that are put together from av01 ones or hold no picture. */
static bool is_av1_item(const struct box *infe)
{
    static const char allowed[][5] = {"av01", "grid", "iden", "iovl",
                                      "tmap", "Exif", "mime", "uri "};
    /* version, flags; item_ID of 2 bytes (version 2) or 4 (3); protection index; type */
    size_t at = 4 + 2 + 2;

    if (infe->len < 1 || infe->body[0] < 2)
        return false;
    if (infe->body[0] > 2)
        at += 2;
    if (infe->len < at + 4)
        return false;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (memcmp(infe->body + at, allowed[i], 4) == 0)
            return true;
    }
    return false;
}

bool header_avif_is_av1(const uint8_t *bytes, size_t len)
{
    struct box meta, iinf, infe;
    const uint8_t *items;
    size_t left, head;

    if (!find_box(bytes, len, "meta", &meta) || meta.len < 4 ||
        !find_box(meta.body + 4, meta.len - 4, "iinf", &iinf) || iinf.len < 6)
        return false;
    head = iinf.body[0] == 0 ? 6 : 8; /* the item count has 2 or 4 bytes */
    if (iinf.len < head)
        return false;
    items = iinf.body + head;
    left = iinf.len - head;
    while (next_box(&items, &left, &infe)) {
        if (memcmp(infe.type, "infe", 4) == 0 && !is_av1_item(&infe))
            return false;
    }
    return left == 0;
}
