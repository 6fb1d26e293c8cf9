#include "uuid.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "clock.h"

void uuid_make(char ret[UUID_SIZE])
{
    uint64_t ms = (uint64_t)clock_wall_ms();
    unsigned char b[16];

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        abort(); /* ids that may repeat are worse than none; 16 bytes never come short (random(7))
                  */
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    snprintf(ret, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

int64_t uuid_wall_ms(const char *uuid)
{
    /* The first 48 bits (RFC 9562, section 5.7): eight digits, a dash, four digits. */
    const long long high = strtoll(uuid, NULL, 16), low = strtoll(uuid + 9, NULL, 16);

    return high << 16 | low;
}

void uuid_least(int64_t wall_ms, char ret[UUID_SIZE])
{
    const uint64_t ms = (uint64_t)wall_ms & UINT64_C(0xffffffffffff);

    snprintf(ret, UUID_SIZE, "%08x-%04x-0000-0000-000000000000", (unsigned)(ms >> 16),
             (unsigned)(ms & 0xffff));
}

bool uuid_is_valid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return text[36] == '\0';
}
