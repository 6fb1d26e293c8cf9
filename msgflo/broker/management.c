#include "broker/management.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "lib/broker_url.h"

#define ANSWER_MAX_BYTES (64 * 1024 * 1024)
#define CONNECT_MS 5000L
#define LIST_MS 30000L  /* for an answer about all of a kind, which may be thousands */
#define ANSWER_MS 4000L /* about one; a move of an edge waits for several (SWEEP_AGE_MS) */

struct management {
    CURL *curl; /* keeps the connection from one request to the next */
    struct broker_url broker;
    char *base_url; /* without a slash at its end */
    char *ca_file;
};

/* ---- beginning and end ---- */

static char *make_base_url(const struct broker_url *broker, const char *given)
{
    AUTO(buf_release) struct buf url = BUF_INIT;
    bool ipv6 = strchr(broker->host, ':') != NULL;

    if (given)
        buf_text(&url, given);
    else
        buf_printf(&url, "%s://%s%s%s%s", broker->tls ? "https" : "http", ipv6 ? "[" : "",
                   broker->host, ipv6 ? "]" : "", broker->tls ? "" : ":15672");
    while (url.len && url.data[url.len - 1] == '/')
        url.data[--url.len] = '\0';
    return buf_detach(&url);
}

int management_open(const char *broker_url, const char *base_url, const char *ca_file,
                    struct management **ret, struct err *e)
{
    AUTO(management_closep) struct management *m = calloc(1, sizeof(*m));
    struct msgflo_error why = {MSGFLO_OK, ""};

    if (!m)
        return err_set(e, ERR_NOMEM, "no memory for the management API");
    if (broker_url_parse(broker_url, strlen(broker_url), &m->broker, &why))
        return err_set(e, ERR_INPUT, "%s", why.text);
    if (m->broker.kind != BROKER_URL_AMQP)
        return err_set(e, ERR_INPUT, "only RabbitMQ has a management API");
    m->base_url = make_base_url(&m->broker, base_url);
    m->ca_file = ca_file ? strdup(ca_file) : NULL;
    m->curl = curl_easy_init();
    if (!m->base_url || (ca_file && !m->ca_file) || !m->curl)
        return err_set(e, ERR_NOMEM, "no memory for the management API");
    *ret = m;
    m = NULL;
    return 0;
}

void management_close(struct management *m)
{
    if (!m)
        return;
    curl_easy_cleanup(m->curl);
    broker_url_release(&m->broker);
    free(m->base_url);
    free(m->ca_file);
    free(m);
}

const char *management_url(const struct management *m)
{
    return m->base_url;
}

const char *management_vhost(const struct management *m)
{
    return m->broker.vhost;
}

/* ---- requests ---- */

/* CURLOPT_WRITEFUNCTION: another length than asked for ends the transfer. */
static size_t take(char *bytes, size_t size, size_t n, void *answer)
{
    return buf_append(answer, bytes, size * n) ? 0 : size * n;
}

static void add_escaped(struct management *m, struct buf *url, const char *text)
{
    char *escaped = curl_easy_escape(m->curl, text, 0);

    url->failed |= !escaped;
    buf_printf(url, "/%s", escaped ? escaped : "");
    curl_free(escaped);
}

/* BASE/api/KIND/VHOST[/NAME][REST] */
static int set_url(struct management *m, const char *kind, const char *name, const char *rest)
{
    AUTO(buf_release) struct buf url = BUF_INIT;

    buf_printf(&url, "%s/api/%s", m->base_url, kind);
    add_escaped(m, &url, m->broker.vhost);
    if (name)
        add_escaped(m, &url, name);
    buf_text(&url, rest);
    return !url.failed && curl_easy_setopt(m->curl, CURLOPT_URL, url.data) == CURLE_OK ? 0 : -1;
}

static void set_options(struct management *m, const char *method, const char *body,
                        struct buf *answer)
{
    curl_easy_setopt(m->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(m->curl, CURLOPT_USERNAME, m->broker.user);
    curl_easy_setopt(m->curl, CURLOPT_PASSWORD, m->broker.password);
    if (m->ca_file)
        curl_easy_setopt(m->curl, CURLOPT_CAINFO, m->ca_file);
    curl_easy_setopt(m->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(m->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(m->curl, CURLOPT_CUSTOMREQUEST, method);
    if (body)
        curl_easy_setopt(m->curl, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(m->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(m->curl, CURLOPT_WRITEDATA, answer);
}

/* One request: its status (2xx or 404), or -1 with *e. body may be NULL. */
static long request(struct management *m, const char *method, const char *kind, const char *name,
                    const char *rest, const char *body, struct buf *answer, struct err *e)
{
    CURLcode code;
    long status = 0;

    curl_easy_reset(m->curl); /* keeps the connection */
    if (set_url(m, kind, name, rest))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    set_options(m, method, body, answer);
    curl_easy_setopt(m->curl, CURLOPT_TIMEOUT_MS, name ? ANSWER_MS : LIST_MS);
    code = curl_easy_perform(m->curl);
    if (answer->failed)
        return err_set(e, ERR_LIMIT, "its answer is over %d bytes", ANSWER_MAX_BYTES);
    if (code != CURLE_OK)
        return err_set(e, ERR_UNAVAILABLE, "%s", curl_easy_strerror(code));
    curl_easy_getinfo(m->curl, CURLINFO_RESPONSE_CODE, &status);
    if ((status >= 200 && status <= 299) || status == 404)
        return status;
    return err_set(e, status >= 400 && status <= 499 ? ERR_INPUT : ERR_UNAVAILABLE,
                   "it answers with status %ld", status);
}

/* What GET answers, new; NULL with *e. ERR_INPUT: there is no such thing. */
static json_t *get(struct management *m, const char *kind, const char *name, const char *rest,
                   struct err *e)
{
    AUTO(buf_release) struct buf answer = {.max_bytes = ANSWER_MAX_BYTES};
    long status = request(m, "GET", kind, name, rest, NULL, &answer, e);
    json_t *json;

    if (status < 0)
        return NULL;
    if (status == 404) {
        err_set(e, ERR_INPUT, "it knows no %s '%s'", kind, name ? name : m->broker.vhost);
        return NULL;
    }
    json = json_loadb(answer.data ? answer.data : "", answer.len, 0, NULL);
    if (!json_is_object(json) && !json_is_array(json)) {
        json_decref(json);
        err_set(e, ERR_UNAVAILABLE, "its answer tells no %s", kind);
        return NULL;
    }
    return json;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool is_text(const json_t *object, const char *key, const char *wanted)
{
    const char *text = text_of(object, key);

    return text && strcmp(text, wanted) == 0;
}

/* ---- bindings ---- */

/* Adds one item of the answer, if it is of the kind MsgFlo makes. */
static int add_binding(struct link_list *list, const json_t *item, struct err *e)
{
    const char *source = text_of(item, "source"), *destination = text_of(item, "destination");

    if (!source || !*source || !destination || !is_text(item, "routing_key", "") ||
        json_object_size(json_object_get(item, "arguments")) > 0)
        return 0;
    return link_list_add(list, source, destination, is_text(item, "destination_type", "exchange"),
                         e);
}

typedef int add_link_fn(struct link_list *list, const json_t *item, struct err *e);

/* What `add` makes of each item of the answer. */
static int list_links(struct management *m, const char *kind, const char *name, const char *rest,
                      add_link_fn *add, struct link_list *ret, struct err *e)
{
    struct link_list list = {0};
    json_t *json = get(m, kind, name, rest, e), *item;
    size_t i;
    int rc = 0;

    if (!json)
        return -1;
    json_array_foreach(json, i, item)
    {
        if (!rc)
            rc = add(&list, item, e);
    }
    json_decref(json);
    if (rc) {
        link_list_release(&list);
        return -1;
    }
    *ret = list;
    return 0;
}

int management_bindings(struct management *m, struct link_list *ret, struct err *e)
{
    return list_links(m, "bindings", NULL, "", add_binding, ret, e);
}

static int add_any_binding(struct link_list *list, const json_t *item, struct err *e)
{
    const char *source = text_of(item, "source"), *destination = text_of(item, "destination");

    return link_list_add(list, source ? source : "", destination ? destination : "",
                         is_text(item, "destination_type", "exchange"), e);
}

int management_bindings_of(struct management *m, const char *exchange, struct link_list *ret,
                           struct err *e)
{
    return list_links(m, "exchanges", exchange, "/bindings/source", add_any_binding, ret, e);
}

/* ---- queues ---- */

static uint64_t count_of(const json_t *object, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(object, key));

    return n > 0 ? (uint64_t)n : 0;
}

static double rate_of(const json_t *queue, const char *details)
{
    const json_t *stats = json_object_get(queue, "message_stats");

    return json_number_value(json_object_get(json_object_get(stats, details), "rate"));
}

static int fill_stats(struct queue_stats *ret, const json_t *queue, const char *name)
{
    *ret = (struct queue_stats){.name = strdup(name),
                                .ready = count_of(queue, "messages_ready"),
                                .unacked = count_of(queue, "messages_unacknowledged"),
                                .consumers = count_of(queue, "consumers"),
                                .published_per_s = rate_of(queue, "publish_details"),
                                .taken_per_s = rate_of(queue, "deliver_get_details")};
    return ret->name ? 0 : -1;
}

int management_queues(struct management *m, struct queue_stats_list *ret, struct err *e)
{
    struct queue_stats_list list = {0};
    json_t *json = get(m, "queues", NULL,
                       "?columns=name,messages_ready,messages_unacknowledged,consumers,"
                       "message_stats.publish_details.rate,message_stats.deliver_get_details.rate",
                       e),
           *item;
    bool failed;
    size_t i;

    if (!json)
        return -1;
    list.queues = calloc(json_array_size(json) + 1, sizeof(*list.queues));
    failed = !list.queues;
    json_array_foreach(json, i, item)
    {
        if (!failed && text_of(item, "name"))
            failed = fill_stats(&list.queues[list.n++], item, text_of(item, "name"));
    }
    json_decref(json);
    if (failed) {
        queue_stats_list_release(&list);
        return err_set(e, ERR_NOMEM, "no memory for the queues");
    }
    *ret = list;
    return 0;
}

void queue_stats_list_release(struct queue_stats_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->queues[i].name);
    free(list->queues);
    memset(list, 0, sizeof(*list));
}

/* ---- policies ---- */

/* A regular expression (Erlang's, which is Perl's) for this name and no other. */
static void put_pattern(struct buf *out, const char *name)
{
    buf_text(out, "^");
    for (const char *c = name; *c; c++)
        buf_printf(out, strchr("\\^$.|?*+()[]{}", *c) ? "\\%c" : "%c", *c);
    buf_text(out, "$");
}

/* Back from that to the name; NULL without memory, or for another pattern. */
static char *name_of_pattern(const char *pattern)
{
    AUTO(buf_release) struct buf name = BUF_INIT;
    size_t len = strlen(pattern);

    if (len < 2 || pattern[0] != '^' || pattern[len - 1] != '$')
        return NULL;
    for (size_t i = 1; i < len - 1; i++) {
        i += pattern[i] == '\\' && i + 1 < len - 1;
        buf_append(&name, pattern + i, 1);
    }
    return buf_detach(&name);
}

/* What the policy that applies to the exchange says, new, and its priority; an empty one if none
 * does. */
static int policy_so_far(struct management *m, const json_t *exchange, json_t **ret_definition,
                         json_int_t *ret_priority, struct err *e)
{
    const char *name = text_of(exchange, "policy");
    json_t *policy = name && *name ? get(m, "policies", name, "", e) : json_object();

    if (!policy)
        return -1;
    *ret_definition = json_deep_copy(json_object_get(policy, "definition"));
    *ret_priority = json_integer_value(json_object_get(policy, "priority"));
    json_decref(policy);
    if (!*ret_definition)
        *ret_definition = json_object();
    return 0;
}

/* The definition is taken. */
static int put_policy(struct management *m, const char *policy, const char *exchange,
                      json_t *definition_take, json_int_t priority, struct err *e)
{
    AUTO(buf_release) struct buf answer = {.max_bytes = ANSWER_MAX_BYTES};
    AUTO(buf_release) struct buf pattern = BUF_INIT;
    AUTO(text_freep) char *body = NULL;
    json_t *json;
    long status;

    put_pattern(&pattern, exchange);
    json = json_pack("{s:s, s:o, s:I, s:s}", "pattern", pattern.data, "definition", definition_take,
                     "priority", priority, "apply-to", "exchanges");
    body = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!body)
        return err_set(e, ERR_NOMEM, "no memory for a policy");
    status = request(m, "PUT", "policies", policy, "", body, &answer, e);
    if (status == 404)
        return err_set(e, ERR_INPUT, "it takes no policies");
    return status < 0 ? -1 : 0;
}

int management_set_alternate(struct management *m, const char *policy, const char *exchange,
                             const char *alternate, struct err *e)
{
    json_t *there = get(m, "exchanges", exchange, "", e), *definition;
    json_int_t priority;
    int rc = -1;

    if (!there)
        return -1;
    if (is_text(there, "policy", policy)) {
        rc = 0;
    } else if (json_object_get(json_object_get(there, "arguments"), "alternate-exchange")) {
        err_set(e, ERR_INPUT, "exchange '%s' was declared with an alternate exchange", exchange);
    } else if (policy_so_far(m, there, &definition, &priority, e) == 0) {
        json_object_set_new(definition, "alternate-exchange", json_string(alternate));
        rc = put_policy(m, policy, exchange, definition, priority + 1, e);
    }
    json_decref(there);
    return rc;
}

static int add_alternate(struct link_list *list, const json_t *item, struct err *e)
{
    const char *policy = text_of(item, "name"), *pattern = text_of(item, "pattern");
    AUTO(text_freep) char *exchange = pattern ? name_of_pattern(pattern) : NULL;

    if (!policy || !exchange ||
        !is_text(json_object_get(item, "definition"), "alternate-exchange", policy))
        return 0;
    return link_list_add(list, exchange, policy, true, e);
}

int management_alternates(struct management *m, struct link_list *ret, struct err *e)
{
    return list_links(m, "policies", NULL, "", add_alternate, ret, e);
}

int management_remove_policy(struct management *m, const char *policy, bool *ret_was_there,
                             struct err *e)
{
    AUTO(buf_release) struct buf answer = {.max_bytes = ANSWER_MAX_BYTES};
    long status = request(m, "DELETE", "policies", policy, "", NULL, &answer, e);

    if (status < 0)
        return -1;
    *ret_was_there = status != 404;
    return 0;
}

int management_policy_applies(struct management *m, const char *policy, const char *exchange,
                              bool *ret, struct err *e)
{
    json_t *json = get(m, "exchanges", exchange, "", e);

    if (!json)
        return -1;
    *ret = is_text(json, "policy", policy);
    json_decref(json);
    return 0;
}
