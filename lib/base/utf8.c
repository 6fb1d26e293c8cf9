#include "utf8.h"

size_t utf8_len(const char *s, size_t len)
{
    unsigned char c = len ? (unsigned char)s[0] : 0xff;
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned long code = c & lead_bits[n];

    if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)s[i] & 0x3f);
    }
    if ((n == 3 && code < 0x800) || (n == 4 && (code < 0x10000 || code > 0x10ffff)) ||
        (code >= 0xd800 && code < 0xe000))
        return 0;
    return n;
}

void utf8_repair(char *s, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_len(s + i, len - i);
        if (n == 0) {
            s[i] = '?';
            n = 1;
        }
    }
}

/* DEL and the C1 controls are controls, too (U+0080 to U+009F: C2 80 to C2 9F in UTF-8). */
void utf8_tame(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            *c = '?';
}
