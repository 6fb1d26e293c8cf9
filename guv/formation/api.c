#include "api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <microhttpd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "strict.h"

#define MAX_BODY_BYTES ((size_t)64 * 1024)
#define IDLE_TIMEOUT_S 60
#define MAX_CONNECTIONS 64

struct api {
    struct MHD_Daemon *daemon;
    struct api_options options;
    struct formation *formation;
    char app_id[UUID_SIZE];
    struct strict strict; /* of no meaning unless options.strict */
};

/* Lives from a request's first bytes to its completion; hangs on libmicrohttpd's req_cls. */
struct request {
    struct buf body;
    const char *range;  /* its Range header, lent while it is answered; NULL: none */
    const char *signal; /* of its query, the same */
};

struct answer {
    unsigned status;
    json_t *body;         /* new; NULL: no memory */
    const char *allow;    /* of a 405 */
    int retry_after_s;    /* 0: is not said */
    char next_range[100]; /* of a 206; "": none */
};

/* ---- what the calls show */

static json_t *timestamp(int64_t wall_ms)
{
    char text[TIMESTAMP_SIZE];

    clock_timestamp(wall_ms, text);
    return json_string(text);
}

static json_t *app_json(const struct api *api)
{
    return json_pack("{s:s, s:s}", "id", api->app_id, "name", api->options.app);
}

static json_t *type_json(const struct api *api, const struct type *t)
{
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:o, s:o, s:o}", "id", t->id, "type", t->name,
                     "quantity", t->quantity, "size", "Standard-1X", "command", t->command, "app",
                     app_json(api), "created_at", timestamp(t->created_at), "updated_at",
                     timestamp(t->updated_at));
}

static const char *state_name(const struct dyno *d)
{
    switch (d->state) {
    case DYNO_UP:
        return "up";
    case DYNO_STOPPING:
        return "down";
    case DYNO_WAITING:
        break;
    }
    return d->crashed ? "crashed" : "starting";
}

static json_t *dyno_json(const struct api *api, const struct dyno *d)
{
    json_t *pid = d->pid ? json_integer(d->pid) : json_null();

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "id", d->id, "name",
                     d->name, "type", d->type->name, "state", state_name(d), "command",
                     d->type->command, "pid", pid, "size", "Standard-1X", "app", app_json(api),
                     "created_at", timestamp(d->created_at), "updated_at",
                     timestamp(d->updated_at));
}

static json_t *formation_json(const struct api *api)
{
    json_t *list = json_array();
    struct type *types;
    size_t n = formation_types(api->formation, &types);

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, type_json(api, &types[i]));
    return list;
}

static json_t *dynos_json(const struct api *api)
{
    json_t *list = json_array();

    for (struct dyno *d = formation_dynos(api->formation); d; d = d->next)
        json_array_append_new(list, dyno_json(api, d));
    return list;
}

static struct answer ok(json_t *body)
{
    return (struct answer){.status = MHD_HTTP_OK, .body = body};
}

static struct answer refuse(unsigned status, const char *id, const char *message)
{
    return (struct answer){.status = status,
                           .body = json_pack("{s:s, s:s}", "id", id, "message", message)};
}

static struct answer refuse_method(const char *allow)
{
    struct answer a = refuse(MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed",
                             "This path does not know that method.");

    a.allow = allow;
    return a;
}

static struct answer refuse_quantity_above(int limit)
{
    struct answer a = refuse(MHD_HTTP_UNPROCESSABLE_CONTENT, "cannot_run_above_limit",
                             "Cannot run so many dynos of one type.");

    if (a.body)
        json_object_set_new(a.body, "limit", json_integer(limit));
    return a;
}

static struct answer refuse_params(const char *message)
{
    return refuse(MHD_HTTP_UNPROCESSABLE_CONTENT, "invalid_params", message);
}

/* ---- what the calls change */

struct update {
    struct type *type;
    int quantity;
};

/* One update as Heroku takes it; `size` is allowed and has no meaning here. Returns whether it is
 * good, else with *a the answer that says why. name is the type's in the path, or NULL: it is in
 * the update. */
static bool read_update(const struct api *api, const json_t *json, const char *name,
                        struct update *ret, struct answer *a)
{
    const json_t *quantity = json_object_get(json, "quantity");
    size_t known = json_object_get(json, "size") ? 2 : 1; /* members it may have */
    int limit = formation_limit(api->formation);

    if (!name) {
        name = json_string_value(json_object_get(json, "type"));
        known++;
    }
    if (!name || json_object_size(json) != known || !json_is_integer(quantity) ||
        json_integer_value(quantity) < 0) {
        *a = refuse_params("An update has a type and a quantity of 0 or more, and nothing else.");
        return false;
    }
    ret->type = formation_type(api->formation, name);
    if (!ret->type) {
        *a = refuse(MHD_HTTP_NOT_FOUND, "not_found", "Couldn't find that process type.");
        return false;
    }
    if (json_integer_value(quantity) > limit) {
        *a = refuse_quantity_above(limit);
        return false;
    }
    ret->quantity = (int)json_integer_value(quantity);
    return true;
}

static bool scale(const struct api *api, const struct update *u, struct answer *a)
{
    struct err e = ERR_INIT;

    if (formation_scale(api->formation, u->type, u->quantity, &e) == 0)
        return true;
    *a = refuse(MHD_HTTP_INTERNAL_SERVER_ERROR, "internal", e.text);
    return false;
}

static struct answer patch_one(const struct api *api, const json_t *body, const char *name)
{
    struct update u;
    struct answer a;

    if (!read_update(api, body, name, &u, &a) || !scale(api, &u, &a))
        return a;
    return ok(type_json(api, u.type));
}

/* All or nothing: no update is made before all are known to be good. */
static struct answer patch_many(const struct api *api, const json_t *body)
{
    const json_t *list = json_object_get(body, "updates");
    struct update updates[PROCFILE_MAX_TYPES];
    size_t n = json_array_size(list);
    struct answer a;
    json_t *shown;

    if (!json_is_array(list) || json_object_size(body) != 1 || n > PROCFILE_MAX_TYPES)
        return refuse_params("The body is an object with one member, the list `updates`.");
    for (size_t i = 0; i < n; i++)
        if (!read_update(api, json_array_get(list, i), NULL, &updates[i], &a))
            return a;
    shown = json_array();
    for (size_t i = 0; i < n; i++) {
        if (!scale(api, &updates[i], &a)) {
            json_decref(shown);
            return a;
        }
        json_array_append_new(shown, type_json(api, updates[i].type));
    }
    return ok(shown);
}

static struct answer patch(const struct api *api, const struct buf *bytes, const char *type)
{
    json_auto_t *body = NULL;

    if (bytes->failed)
        return refuse(MHD_HTTP_CONTENT_TOO_LARGE, "too_large", "The body is too large.");
    body = json_loadb(bytes->data ? bytes->data : "", bytes->len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(body))
        return refuse(MHD_HTTP_BAD_REQUEST, "bad_request", "The body is not a JSON object.");
    return type ? patch_one(api, body, type) : patch_many(api, body);
}

/* name: of a dyno, or of a type, for all of its dynos. */
static struct answer kill_dynos(const struct api *api, const char *name, const char *signal)
{
    bool is_known = formation_type(api->formation, name) != NULL;
    json_t *killed;

    if (!signal || strcmp(signal, "KILL") != 0)
        return refuse_params("The query must be signal=KILL.");
    killed = json_array();
    for (struct dyno *d = formation_dynos(api->formation); d; d = d->next) {
        if (strcmp(d->name, name) != 0 && strcmp(d->type->name, name) != 0)
            continue;
        is_known = true;
        if (formation_kill_dyno(d))
            json_array_append_new(killed, dyno_json(api, d));
    }
    if (is_known)
        return ok(killed);
    json_decref(killed);
    return refuse(MHD_HTTP_NOT_FOUND, "not_found", "Couldn't find that dyno.");
}

/* ---- paths */

/* What is left of path after prefix, or NULL when it does not start with that. */
static const char *after(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    return path && strncmp(path, prefix, len) == 0 ? path + len : NULL;
}

/* The part of the list that a range asks for ("id ]ID..; max=N": after that id), as Heroku gives
 * lists that are longer than a page. */
static struct answer ok_page(const struct api *api, json_t *list, const char *range)
{
    struct answer a = ok(json_array());
    const char *after_id = after(range, "id ]");
    size_t i = 0, page = (size_t)api->strict.page;

    while (after_id && i < json_array_size(list) &&
           strncmp(json_string_value(json_object_get(json_array_get(list, i), "id")), after_id,
                   UUID_SIZE - 1) != 0)
        i++;
    i += after_id != NULL;
    for (; i < json_array_size(list) && json_array_size(a.body) < page; i++)
        json_array_append(a.body, json_array_get(list, i));
    if (i < json_array_size(list)) {
        const json_t *last = json_array_get(list, i - 1);

        a.status = MHD_HTTP_PARTIAL_CONTENT;
        snprintf(a.next_range, sizeof a.next_range, "id ]%s..; max=%d",
                 json_string_value(json_object_get(last, "id")), api->strict.page);
    }
    json_decref(list);
    return a;
}

static struct answer answer_formation(const struct api *api, const char *method, const char *type,
                                      const struct request *r)
{
    const struct type *found = type ? formation_type(api->formation, type) : NULL;

    if (strcmp(method, MHD_HTTP_METHOD_PATCH) == 0)
        return patch(api, &r->body, type);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return refuse_method("GET, PATCH");
    if (!type)
        return api->options.strict ? ok_page(api, formation_json(api), r->range)
                                   : ok(formation_json(api));
    if (!found)
        return refuse(MHD_HTTP_NOT_FOUND, "not_found", "Couldn't find that process type.");
    return ok(type_json(api, found));
}

static struct answer answer_to(const struct api *api, const char *method, const char *path,
                               const struct request *r)
{
    const char *of_app = after(after(path, "/apps/"), api->options.app);

    if (!of_app || *of_app != '/')
        return refuse(MHD_HTTP_NOT_FOUND, "not_found", "Couldn't find that app.");
    if (strcmp(of_app, "/formation") == 0)
        return answer_formation(api, method, NULL, r);
    if (after(of_app, "/formation/"))
        return answer_formation(api, method, after(of_app, "/formation/"), r);
    if (after(of_app, "/dynos/") && !api->options.strict)
        return strcmp(method, MHD_HTTP_METHOD_DELETE) == 0
                   ? kill_dynos(api, after(of_app, "/dynos/"), r->signal)
                   : refuse_method("DELETE");
    if (strcmp(of_app, "/dynos") != 0)
        return refuse(MHD_HTTP_NOT_FOUND, "not_found", "There is no such path.");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return refuse_method("GET");
    return ok(dynos_json(api));
}

/* The calls that tests make, which exist in strict mode only. */
static struct answer answer_control(struct api *api, const char *method, const char *path,
                                    const struct request *r)
{
    json_auto_t *body = json_loadb(r->body.data ? r->body.data : "", r->body.len, 0, NULL);

    if (strcmp(path, "/__requests") == 0)
        return ok(strict_requests_json(&api->strict));
    if (strcmp(method, MHD_HTTP_METHOD_PUT) != 0)
        return refuse_method("PUT");
    if (!json_is_object(body) || !strict_control(&api->strict, path, body))
        return refuse_params("See strict.h for what the control calls take.");
    return ok(json_object());
}

static struct answer refuse_as(const struct strict_refusal *r)
{
    struct answer a = refuse(r->status, r->id, r->message);

    if (a.body && r->limit >= 0)
        json_object_set_new(a.body, "limit", json_integer(r->limit));
    a.retry_after_s = r->retry_after_s > 0 ? r->retry_after_s : 0;
    return a;
}

/* ---- libmicrohttpd */

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool is_authorized(const struct api *api, struct MHD_Connection *connection)
{
    const char *token = after(header(connection, MHD_HTTP_HEADER_AUTHORIZATION), "Bearer ");

    return !api->options.token || (token && strcmp(token, api->options.token) == 0);
}

static struct answer answer_all(struct api *api, struct MHD_Connection *connection,
                                const char *method, const char *path, struct request *r)
{
    const struct strict_request shown = {method, header(connection, MHD_HTTP_HEADER_ACCEPT),
                                         header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
                                         header(connection, MHD_HTTP_HEADER_USER_AGENT),
                                         header(connection, MHD_HTTP_HEADER_AUTHORIZATION)};
    struct strict_refusal refusal;

    if (api->options.strict && after(path, "/__"))
        return answer_control(api, method, path, r);
    if (api->options.strict && strict_check(&api->strict, &shown, clock_mono_ms(), &refusal))
        return refuse_as(&refusal);
    if (!is_authorized(api, connection))
        return refuse(MHD_HTTP_UNAUTHORIZED, "unauthorized", "Invalid credentials provided.");
    r->range = header(connection, MHD_HTTP_HEADER_RANGE);
    r->signal = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "signal");
    return answer_to(api, method, path, r);
}

/* Heroku's headers, and those of this answer. */
static void add_headers(const struct api *api, const struct answer *a,
                        struct MHD_Response *response)
{
    char number[16], id[UUID_SIZE];

    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (a->allow)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, a->allow);
    if (a->next_range[0])
        MHD_add_response_header(response, "Next-Range", a->next_range);
    if (a->retry_after_s) {
        snprintf(number, sizeof number, "%d", a->retry_after_s);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, number);
    }
    if (api->options.strict) {
        uuid_make(id);
        MHD_add_response_header(response, "Request-Id", id);
        snprintf(number, sizeof number, "%d", (int)api->strict.remaining);
        MHD_add_response_header(response, "RateLimit-Remaining", number);
    }
}

static enum MHD_Result send_answer(const struct api *api, struct MHD_Connection *connection,
                                   const struct answer *a)
{
    char *text = json_dumps(a->body, JSON_COMPACT); /* NULL for a NULL body too */
    struct MHD_Response *response;
    enum MHD_Result result;

    if (!text)
        return MHD_NO; /* no memory: libmicrohttpd closes the connection */
    response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(text);
        return MHD_NO;
    }
    add_headers(api, a, response);
    result = MHD_queue_response(connection, a->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **req_cls)
{
    struct api *api = arg;
    struct request *r = *req_cls;
    struct answer a;
    enum MHD_Result result;

    (void)version;
    if (!r) { /* the head of the request; its body follows */
        r = calloc(1, sizeof *r);
        if (!r)
            return MHD_NO;
        r->body.max_bytes = MAX_BODY_BYTES;
        *req_cls = r;
        return MHD_YES;
    }
    if (*data_len > 0) {
        buf_append(&r->body, data, *data_len); /* a failure is remembered and answered below */
        *data_len = 0;
        return MHD_YES;
    }
    a = answer_all(api, connection, method, path, r);
    result = send_answer(api, connection, &a);
    json_decref(a.body);
    return result;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode how)
{
    struct request *r = *req_cls;

    (void)arg;
    (void)connection;
    (void)how;
    if (!r)
        return;
    buf_release(&r->body);
    free(r);
    *req_cls = NULL;
}

int api_open(const struct api_options *options, struct formation *f, struct api **ret,
             struct err *e)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)options->port),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    struct api *api = calloc(1, sizeof *api);

    if (!api)
        return err_set(e, ERR_NOMEM, "no memory");
    api->options = *options;
    api->formation = f;
    uuid_make(api->app_id);
    strict_init(&api->strict, clock_mono_ms());
    api->daemon =
        MHD_start_daemon(MHD_USE_EPOLL, (uint16_t)options->port, NULL, NULL, on_request, api,
                         MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_SOCK_ADDR,
                         &address, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_END);
    if (!api->daemon) {
        free(api);
        return err_set(e, ERR_UNAVAILABLE, "cannot listen on 127.0.0.1:%u: %s", options->port,
                       strerror(errno));
    }
    *ret = api;
    return 0;
}

void api_close(struct api *api)
{
    if (!api)
        return;
    MHD_stop_daemon(api->daemon);
    free(api);
}

unsigned api_port(const struct api *api)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_BIND_PORT);

    return info ? info->port : api->options.port;
}

int api_fd(const struct api *api)
{
    return MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int api_timeout_ms(const struct api *api)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    if (MHD_get_timeout(api->daemon, &timeout_ms) != MHD_YES)
        return -1;
    return timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
}

void api_run(struct api *api)
{
    MHD_run(api->daemon);
}
