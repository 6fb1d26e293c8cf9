#include "control.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_client.h"
#include "web/demo.h"
#include "web/notes.h"
#include "web/request.h"
#include "web/sampler.h"

#define AGENT "User-Agent: imageresize-web/" PROJECT_VERSION
#define ACCEPT "Accept: application/vnd.heroku+json; version=3"
#define CONTENT_TYPE "Content-Type: application/json"
#define URL_SIZE 600

struct control {
    struct web *web;
    pthread_t thread;
    atomic_bool stopping;
    struct http_client *http; /* owner: its thread, once that runs */
};

/* ---- formation's calls ---- */

struct call {
    struct http_call http;
    char url[URL_SIZE];
};

static void call_release(struct call *c)
{
    http_call_release(&c->http);
}

/* path: after "/apps/{app}". body may be NULL, and is lent until the call has run. */
static void prepare(const struct control *c, struct call *call, const char *method,
                    const char *path, const char *body)
{
    const struct settings *s = &c->web->settings;
    const char *base = s->heroku_url;
    const size_t len = strlen(base);

    snprintf(call->url, sizeof call->url, "%.*s/apps/%s%s",
             (int)(len > 0 && base[len - 1] == '/' ? len - 1 : len), base, s->heroku_app, path);
    call->http = (struct http_call){.method = method,
                                    .url = call->url,
                                    .headers = {ACCEPT, AGENT, body ? CONTENT_TYPE : NULL},
                                    .body = body,
                                    .is_direct = true,
                                    .max_bytes = CONTROL_ANSWER_MAX_BYTES};
}

static void run_calls(struct control *c, struct http_call *const *calls, size_t n)
{
    http_client_run(c->http, calls, n, clock_mono_ms() + CONTROL_CALL_MS);
}

/* The answer of a call that was answered with 200: new. NULL with the problem in *a. */
static json_t *take(const struct call *call, struct answer *a)
{
    const struct http_call *h = &call->http;
    json_t *json = NULL;

    if (h->status == 200)
        json = json_loadb(h->answer.data ? h->answer.data : "", h->answer.len, 0, NULL);
    if (json)
        return json;
    if (h->status == 0)
        answer_problem(a, 503, "formation, which runs the processes, cannot be reached: %.200s",
                       h->err.text);
    else
        answer_problem(a, 503, "formation, which runs the processes, answers with status %ld%s",
                       h->status, h->status == 200 ? ", and not in JSON" : "");
    return NULL;
}

/* How things are: new. NULL with the problem in *a. */
static json_t *look(struct control *c, struct answer *a)
{
    AUTO(call_release) struct call formation = {.url = ""};
    AUTO(call_release) struct call dynos = {.url = ""};
    struct http_call *const both[] = {&formation.http, &dynos.http};
    json_auto_t *types = NULL, *processes = NULL;
    json_t *state;

    prepare(c, &formation, "GET", "/formation", NULL);
    prepare(c, &dynos, "GET", "/dynos", NULL);
    run_calls(c, both, 2);
    types = take(&formation, a);
    processes = types ? take(&dynos, a) : NULL;
    if (!processes)
        return NULL;
    state = demo_state(types, processes);
    if (!state)
        answer_problem(a, 503, "formation answers with what is no formation");
    return state;
}

static void answer_state(struct control *c, struct answer *a)
{
    json_auto_t *state = look(c, a);

    if (state)
        answer_json(a, 200, json_dumps(state, JSON_COMPACT));
}

/* ---- the orders ---- */

static void note(struct control *c, const char *text)
{
    notes_add(c->web->notes, clock_wall_ms(), "%s", text);
    log_info("demo", "message=%s", log_quote(text));
    if (c->web->sampler)
        sampler_show_notes(c->web->sampler);
}

/* The names of a list of dynos, with commas between, and as a JSON list. */
static json_t *names_of(const json_t *dynos, struct buf *ret_text)
{
    json_t *names = json_array();
    const json_t *dyno;
    size_t i;

    json_array_foreach(dynos, i, dyno)
    {
        const char *name = json_string_value(json_object_get(dyno, "name"));

        if (!name)
            continue;
        buf_printf(ret_text, "%s%s", ret_text->len ? ", " : "", name);
        json_array_append_new(names, json_string(name));
    }
    return names;
}

static void answer_killed(struct answer *a, json_t *names_taken)
{
    json_auto_t *json = json_pack("{s:o}", "killed", names_taken);

    answer_json(a, 200, json_dumps(json, JSON_COMPACT));
}

static void carry_out_kill(struct control *c, const struct demo_order *order, const json_t *state,
                           struct answer *a)
{
    const char *name = order->all ? order->type : demo_running(state, order->type);
    AUTO(call_release) struct call call = {.url = ""};
    AUTO(buf_release) struct buf killed = BUF_INIT, text = BUF_INIT;
    json_auto_t *dynos = NULL;
    json_t *names;
    char path[DEMO_TYPE_SIZE + 60];

    if (!name) { /* none of them runs */
        answer_killed(a, json_array());
        return;
    }
    snprintf(path, sizeof path, "/dynos/%.100s?signal=KILL", name);
    prepare(c, &call, "DELETE", path, NULL);
    run_calls(c, &(struct http_call *){&call.http}, 1);
    dynos = take(&call, a);
    if (!dynos)
        return;
    names = names_of(dynos, &killed);
    if (killed.len > 0) {
        buf_printf(&text, order->all ? "every %s killed: %s" : "one %s killed: %s", order->type,
                   killed.data);
        note(c, text.data ? text.data : "killed");
    }
    answer_killed(a, names);
}

/* Sets quantities: all or none. Returns 0, or -1 with the problem in *a. */
static int set_quantities(struct control *c, json_t *updates_taken, struct answer *a)
{
    json_auto_t *body = json_pack("{s:o}", "updates", updates_taken);
    AUTO(text_freep) char *text = json_dumps(body, JSON_COMPACT);
    AUTO(call_release) struct call call = {.url = ""};
    json_auto_t *taken = NULL;

    if (!text) {
        answer_problem(a, 503, "out of memory");
        return -1;
    }
    prepare(c, &call, "PATCH", "/formation", text);
    run_calls(c, &(struct http_call *){&call.http}, 1);
    taken = take(&call, a);
    return taken ? 0 : -1;
}

static void carry_out_scale(struct control *c, const struct demo_order *order, const json_t *state,
                            struct answer *a)
{
    const bool has_guv = demo_quantity(state, "guv") >= 0;
    const int before = demo_quantity(state, order->type);
    json_t *updates = json_array();
    char text[NOTE_SIZE];

    if (has_guv) /* first: it would undo the rest */
        json_array_append_new(updates, json_pack("{s:s, s:i}", "type", "guv", "quantity", 0));
    json_array_append_new(
        updates, json_pack("{s:s, s:i}", "type", order->type, "quantity", order->quantity));
    if (set_quantities(c, updates, a))
        return;
    snprintf(text, sizeof text, "%s scaled by hand from %d to %d%s", order->type, before,
             order->quantity, demo_quantity(state, "guv") > 0 ? "; guv is off" : "");
    note(c, text);
    answer_state(c, a);
}

static void carry_out_guv(struct control *c, const struct demo_order *order, struct answer *a)
{
    json_t *updates = json_pack("[{s:s, s:i}]", "type", "guv", "quantity", order->on ? 1 : 0);

    if (set_quantities(c, updates, a))
        return;
    note(c, order->on ? "guv is on: it scales again" : "guv is off");
    answer_state(c, a);
}

static void carry_out(struct control *c, const struct demo_order *order, struct answer *a)
{
    AUTO(problems_release) struct problems problems = PROBLEMS_INIT;
    json_auto_t *state = look(c, a);

    if (!state)
        return;
    if (demo_check(order, state, &problems)) {
        answer_validation(a, &problems);
        return;
    }
    switch (order->verb) {
    case DEMO_LOOK:
        answer_json(a, 200, json_dumps(state, JSON_COMPACT));
        break;
    case DEMO_KILL:
        carry_out_kill(c, order, state, a);
        break;
    case DEMO_SCALE:
        carry_out_scale(c, order, state, a);
        break;
    case DEMO_GUV:
        carry_out_guv(c, order, a);
        break;
    }
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct control *c = arg;

    while (!atomic_load(&c->stopping)) {
        struct pollfd fd = {queue_fd(c->web->to_control), POLLIN, 0};
        void *request;

        poll(&fd, 1, -1);
        while (!atomic_load(&c->stopping) && queue_take(c->web->to_control, &request, 1)) {
            struct request *r = request;
            struct answer a = ANSWER_INIT;

            /* Given up meanwhile: who asked was told that it was not done. */
            if (!request_is_settled(r))
                carry_out(c, &r->order, &a);
            request_settle(r, &a);
        }
    }
    return NULL;
}

struct control *control_start(struct web *web, struct err *e)
{
    static const struct http_client_options options = {.meanwhile_fd = -1};
    struct control *c = calloc(1, sizeof *c);

    if (!c) {
        err_set(e, ERR_NOMEM, "the demo's control");
        return NULL;
    }
    c->web = web;
    if (http_client_new(&options, &c->http, e) == 0 &&
        pthread_create(&c->thread, NULL, run, c) == 0)
        return c;
    err_set(e, ERR_UNAVAILABLE, "the demo's thread cannot be started");
    http_client_free(c->http);
    free(c);
    return NULL;
}

void control_tell_to_stop(struct control *c)
{
    atomic_store(&c->stopping, true);
    queue_wake(c->web->to_control);
}

void control_stop(struct control *c)
{
    control_tell_to_stop(c);
    pthread_join(c->thread, NULL);
    http_client_free(c->http);
    free(c);
}
