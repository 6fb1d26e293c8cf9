#include "sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void context_freep(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

int sha256_of_fd(int fd, int64_t len, char ret[SHA256_HEX_SIZE], struct err *e)
{
    AUTO(context_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char bytes[32768], digest[EVP_MAX_MD_SIZE];
    int64_t at = 0;

    if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
        return err_set(e, ERR_NOMEM, "a hash");
    while (at < len) {
        size_t want = len - at < (int64_t)sizeof bytes ? (size_t)(len - at) : sizeof bytes;
        ssize_t n = pread(fd, bytes, want, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, ERR_BUG, "reading an output: %s",
                           n ? strerror(errno) : "it is short");
        if (!EVP_DigestUpdate(context, bytes, (size_t)n))
            return err_set(e, ERR_NOMEM, "a hash");
        at += n;
    }
    if (!EVP_DigestFinal_ex(context, digest, NULL))
        return err_set(e, ERR_NOMEM, "a hash");
    for (size_t i = 0; i < SHA256_HEX_SIZE / 2; i++)
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
    return 0;
}
