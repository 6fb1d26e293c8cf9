#include "page_policy.h"

#include <string.h>

#include "base/buf.h"
#include "fetch/s3_address.h"

/* No inline script or style, no frames, no forms sent away. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; img-src 'self'"

/* What ends a source or a directive, and what CSP would read otherwise than a browser reads a URL.
 */
#define NOT_IN_A_SOURCE " \t\r\n;,'\"?#*\\"

/* A source that ends with a slash stands for all below it (CSP 3, 6.7.2.10). */
static void allow_pictures(struct buf *policy, const char *address, const char *path)
{
    size_t len = strlen(address);

    while (len && address[len - 1] == '/')
        len--;
    if (strcspn(address, NOT_IN_A_SOURCE) >= len)
        buf_printf(policy, " %.*s%s", (int)len, address, path);
}

char *page_policy_make(const struct settings *settings, const struct output_target *target)
{
    struct buf policy = BUF_INIT;

    buf_text(&policy, POLICY);
    if (target->kind == OUTPUT_S3) {
        AUTO(text_freep)
        char *base =
            s3_base_url(settings->s3_endpoint, settings->s3_region, target->bucket, target->prefix);

        if (base)
            allow_pictures(&policy, base, "/");
    } else if (settings->public_url) {
        allow_pictures(&policy, settings->public_url, OUTPUT_PATH);
    }
    return buf_detach(&policy);
}
