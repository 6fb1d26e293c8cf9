#include "tool/management.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX_BYTES (64 * 1024 * 1024)
#define CONNECT_MS 5000L
#define ANSWER_MS 30000L

char *management_url(const struct broker_url *broker)
{
    AUTO(buf_release) struct buf url = BUF_INIT;
    bool ipv6 = strchr(broker->host, ':') != NULL;

    buf_printf(&url, "%s://%s%s%s%s", broker->tls ? "https" : "http", ipv6 ? "[" : "", broker->host,
               ipv6 ? "]" : "", broker->tls ? "" : ":15672");
    return buf_detach(&url);
}

/* CURLOPT_WRITEFUNCTION: another length than asked for ends the transfer. */
static size_t take(char *bytes, size_t size, size_t n, void *answer)
{
    return buf_append(answer, bytes, size * n) ? 0 : size * n;
}

static void curl_easy_cleanupp(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static int set_url(CURL *curl, const char *base_url, const char *vhost)
{
    AUTO(buf_release) struct buf url = BUF_INIT;
    char *escaped = curl_easy_escape(curl, vhost, 0);
    size_t base_len = strlen(base_url);

    while (base_len && base_url[base_len - 1] == '/')
        base_len--;
    buf_append(&url, base_url, base_len);
    buf_printf(&url, "/api/bindings/%s", escaped ? escaped : "");
    curl_free(escaped);
    return !url.failed && curl_easy_setopt(curl, CURLOPT_URL, url.data) == CURLE_OK ? 0 : -1;
}

static int fetch(const char *base_url, const struct broker_url *broker, const char *ca_file,
                 struct buf *answer, struct err *e)
{
    AUTO(curl_easy_cleanupp) CURL *curl = curl_easy_init();
    CURLcode code;
    long status = 0;

    if (!curl || set_url(curl, base_url, broker->vhost))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERNAME, broker->user);
    curl_easy_setopt(curl, CURLOPT_PASSWORD, broker->password);
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    code = curl_easy_perform(curl);
    if (answer->failed)
        return err_set(e, ERR_LIMIT, "its answer is over %d bytes", ANSWER_MAX_BYTES);
    if (code != CURLE_OK)
        return err_set(e, ERR_UNAVAILABLE, "%s", curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return err_set(e, ERR_UNAVAILABLE, "it answers with status %ld", status);
    return 0;
}

static bool is_text(const json_t *object, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text && strcmp(text, wanted) == 0;
}

/* Adds one item of the answer, if it is of the kind MsgFlo makes. */
static int add_binding(struct link_list *list, const json_t *item, struct err *e)
{
    const char *source = json_string_value(json_object_get(item, "source"));
    const char *destination = json_string_value(json_object_get(item, "destination"));

    if (!source || !*source || !destination || !is_text(item, "routing_key", "") ||
        json_object_size(json_object_get(item, "arguments")) > 0)
        return 0;
    return link_list_add(list, source, destination, is_text(item, "destination_type", "exchange"),
                         e);
}

int management_bindings(const char *base_url, const struct broker_url *broker, const char *ca_file,
                        struct link_list *ret, struct err *e)
{
    AUTO(buf_release) struct buf answer = {.max_bytes = ANSWER_MAX_BYTES};
    AUTO(link_list_release) struct link_list list = {0};
    json_t *json, *item;
    size_t i;
    int rc = 0;

    if (fetch(base_url, broker, ca_file, &answer, e))
        return -1;
    json = json_loadb(answer.data ? answer.data : "", answer.len, 0, NULL);
    if (!json_is_array(json)) {
        json_decref(json);
        return err_set(e, ERR_UNAVAILABLE, "its answer is no list of bindings");
    }
    json_array_foreach(json, i, item)
    {
        if (!rc)
            rc = add_binding(&list, item, e);
    }
    json_decref(json);
    if (rc)
        return -1;
    *ret = list;
    list = (struct link_list){0};
    return 0;
}
