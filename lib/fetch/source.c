/*
 * source.c - see source.h.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int source_open(void)
{
    return memfd_create("source", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int source_append(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int source_seal(int fd)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}
