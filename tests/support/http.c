#include "http.h"

#include <ctype.h>
#include <curl/curl.h>

#include "base/buf.h"
#include "unit.h"

static size_t take_body(char *bytes, size_t size, size_t n, void *user)
{
    return buf_append(user, bytes, size * n) ? 0 : size * n;
}

static size_t take_header(char *line, size_t size, size_t n, void *user)
{
    size_t len = size * n;
    char *colon = memchr(line, ':', len);
    AUTO(text_freep) char *name = NULL;
    char *value;
    size_t name_len, value_len;

    if (!colon)
        return len;
    name_len = (size_t)(colon - line);
    name = strndup(line, name_len);
    for (size_t i = 0; i < name_len; i++)
        name[i] = (char)tolower((unsigned char)name[i]);
    value = colon + 1;
    value_len = len - name_len - 1;
    while (value_len && isspace((unsigned char)value[value_len - 1]))
        value_len--;
    while (value_len && isspace((unsigned char)*value))
        value++, value_len--;
    json_object_set_new(user, name, json_stringn_nocheck(value, value_len));
    return len;
}

void http_answer_release(struct http_answer *a)
{
    json_decref(a->headers);
    json_decref(a->json);
    free(a->body);
    memset(a, 0, sizeof *a);
}

static void set_method(CURL *curl, const struct http_request *r)
{
    if (r->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(r->len ? r->len : strlen(r->body)));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body);
    }
    if (r->method && strcmp(r->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (r->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
}

const char *http_ca_file(void)
{
    const char *file = getenv("SSL_CERT_FILE");

    return file && *file ? file : curl_version_info(CURLVERSION_NOW)->cainfo;
}

void http_send(const char *url, const struct http_request *request, struct http_answer *ret)
{
    static const struct http_request plain_get;
    const struct http_request *r = request ? request : &plain_get;
    struct curl_slist *headers = NULL;
    struct buf body = BUF_INIT;
    CURL *curl = curl_easy_init();
    CURLcode rc;

    memset(ret, 0, sizeof *ret);
    ret->headers = json_object();
    assert_non_null(curl);
    for (const char *const *h = r->headers; h && *h; h++)
        headers = curl_slist_append(headers, *h);
    set_method(curl, r);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CAINFO, http_ca_file());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, r->timeout_ms ? r->timeout_ms : 30000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, ret->headers);
    rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (rc != CURLE_OK)
        fail_msg("%s %s: %s", r->method ? r->method : "GET", url, curl_easy_strerror(rc));
    ret->len = body.len;
    ret->body = buf_detach(&body);
    assert_non_null(ret->body);
    ret->json = json_loadb(ret->body, ret->len, JSON_DECODE_ANY, NULL);
}

const char *http_header(const struct http_answer *a, const char *name)
{
    return json_string_value(json_object_get(a->headers, name));
}
