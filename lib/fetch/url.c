/*
 * url.c - see url.h.
 */
#include "url.h"

#include <string.h>

static void curl_text_freep(char **text)
{
    curl_free(*text);
}

static int check_scheme(CURLU *url, struct err *e)
{
    AUTO(curl_text_freep) char *scheme = NULL;

    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0))
        return err_set(e, ERR_INPUT, "the URL is not valid");
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return err_set(e, ERR_INPUT, "the URL's scheme is neither http nor https");
    return 0;
}

/* A parsed URL keeps its parts; those that text has replace them, and a relative text is resolved.
 */
int url_follow(CURLU *url, const char *location, struct err *e)
{
    CURLUcode code;

    if (strlen(location) > URL_MAX_BYTES)
        return err_set(e, ERR_INPUT, "the URL is longer than %d bytes", URL_MAX_BYTES);
    code = curl_url_set(url, CURLUPART_URL, location,
                        CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER | CURLU_URLENCODE);
    if (code == CURLUE_OUT_OF_MEMORY)
        return err_set(e, ERR_NOMEM, "no memory for a URL");
    if (code == CURLUE_USER_NOT_ALLOWED)
        return err_set(e, ERR_INPUT, "the URL has a user or a password in it");
    if (code)
        return err_set(e, ERR_INPUT, "the URL is not valid");
    return check_scheme(url, e);
}

CURLU *url_open(const char *text, struct err *e)
{
    CURLU *url = curl_url();

    if (!url) {
        err_set(e, ERR_NOMEM, "no memory for a URL");
        return NULL;
    }
    if (url_follow(url, text, e)) {
        curl_url_cleanup(url);
        return NULL;
    }
    return url;
}
