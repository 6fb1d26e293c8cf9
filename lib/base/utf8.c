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

void utf8_tame(char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i], next = i + 1 < len ? (unsigned char)s[i + 1] : 0;

        if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            s[i] = s[i + 1] = '?';
        else if (c < 0x20 || c == 0x7f)
            s[i] = '?';
    }
}
