/*
 * run_loop.c - the live network of `msgflo run`: wires the coordinator, which knows what to do, to
 * the broker's worker, the WebSocket server and the children, which do it, in one poll loop.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "broker/broker_worker.h"
#include "network/coordinator.h"
#include "network/protocol.h"
#include "tool/files.h"
#include "tool/graph_file.h"
#include "tool/loop.h"
#include "tool/run.h"
#include "tool/run_page.h"
#include "tool/ws_server.h"

#define SAVE_AFTER_MS 500 /* edits come in flocks: saved together */
#define SAVE_AGAIN_MS 5000
#define DROPPED_EVERY_MS 1000
#define STOP_CHILDREN_MS 10000
#define STOP_BROKER_MS 2000

struct run {
    const struct command *self;
    const struct run_options *options;
    struct coordinator *coordinator;
    struct broker_worker *worker;
    struct ws_server *server;
    struct children *children;
    struct loop loop;
    int epoll_fd;            /* of the worker and the server */
    int64_t save_at_mono_ms; /* 0: the graph is as its file */
    bool save_failed;        /* the last time, and that has been said */
    int64_t dropped_at_mono_ms;
    uint64_t clients[RUN_MAX_CLIENTS];
    size_t n_clients;
};

/* On one line: names that clients and participants give are in it, which might look like lines of
 * ours or be commands to a terminal. */
static void say(const struct run *r, const char *what, const char *text)
{
    AUTO(buf_release) struct buf line = BUF_INIT;

    buf_printf(&line, "msgflo %s: %s%s", r->self->name, what, text);
    if (line.failed)
        return;
    utf8_tame(line.data, line.len);
    fprintf(stderr, "%s\n", line.data);
}

/* --- what the coordinator does ------------------------------------------------------------- */

static uint64_t do_bind(void *user, const struct binding *b)
{
    struct run *r = user;

    return broker_worker_bind(r->worker, b);
}

static uint64_t do_unbind(void *user, const struct binding *b)
{
    struct run *r = user;

    return broker_worker_unbind(r->worker, b);
}

static uint64_t do_move(void *user, const struct binding *from, const struct binding *to,
                        bool alone)
{
    struct run *r = user;

    return broker_worker_move(r->worker, from, to, alone);
}

static uint64_t do_send(void *user, const char *queue, const char *body, size_t size)
{
    struct run *r = user;

    return broker_worker_send(r->worker, queue, body, size);
}

static uint64_t do_observe(void *user, const char *outport)
{
    struct run *r = user;

    return broker_worker_observe(r->worker, outport);
}

static uint64_t do_unobserve(void *user, const char *outport)
{
    struct run *r = user;

    return broker_worker_unobserve(r->worker, outport);
}

static int do_child_start(void *user, const char *role, const char *command, struct err *e)
{
    struct run *r = user;

    return children_start(r->children, role, command, e);
}

static void do_child_stop(void *user, const char *role)
{
    struct run *r = user;

    children_stop(r->children, role);
}

static void do_to_client(void *user, uint64_t client, const char *text, size_t len, bool droppable)
{
    struct run *r = user;

    ws_server_send(r->server, client, text, len, droppable ? WS_DROPPABLE : WS_NEEDED);
}

static int do_read_source(void *user, const char *file, struct buf *ret)
{
    (void)user;
    return file_read(file, ret, NULL);
}

static void do_graph_changed(void *user, const struct graph *g)
{
    struct run *r = user;
    int64_t at_mono_ms = clock_mono_ms() + SAVE_AFTER_MS;

    (void)g;
    if (r->options->auto_save && (!r->save_at_mono_ms || at_mono_ms < r->save_at_mono_ms))
        r->save_at_mono_ms = at_mono_ms;
}

static void do_warn(void *user, const char *text)
{
    say(user, "warning: ", text);
}

static const struct coordinator_actions actions = {
    .bind = do_bind,
    .unbind = do_unbind,
    .move = do_move,
    .send = do_send,
    .observe = do_observe,
    .unobserve = do_unobserve,
    .child_start = do_child_start,
    .child_stop = do_child_stop,
    .to_client = do_to_client,
    .read_source = do_read_source,
    .warn = do_warn,
    .graph_changed = do_graph_changed,
};

/* --- what the coordinator is told: by the broker -------------------------------------------- */

static void on_connected(void *user, unsigned abilities)
{
    struct run *r = user;

    (void)abilities; /* what this kind of broker cannot do it refuses, and clients are told */
    say(r, "connected to the broker", "");
    coordinator_connected(r->coordinator, clock_mono_ms());
}

static void on_disconnected(void *user, const char *why)
{
    struct run *r = user;

    say(r, "the broker is away: ", why);
    coordinator_disconnected(r->coordinator, why, clock_mono_ms());
}

static void on_discovered(void *user, const char *body, size_t size)
{
    struct run *r = user;
    struct err e = ERR_INIT;

    if (coordinator_discovered(r->coordinator, body, size, clock_mono_ms(), &e))
        say(r, "warning: discovery: ", e.text);
}

static void on_observed(void *user, const char *outport, const char *body, size_t size)
{
    struct run *r = user;

    coordinator_observed(r->coordinator, outport, body, size, clock_mono_ms());
}

static void on_done(void *user, uint64_t command, const struct err *e)
{
    struct run *r = user;

    coordinator_done(r->coordinator, command, e, clock_mono_ms());
}

static void on_warning(void *user, const char *text)
{
    say(user, "warning: ", text);
}

static const struct broker_worker_events broker_events = {
    .connected = on_connected,
    .disconnected = on_disconnected,
    .discovered = on_discovered,
    .observed = on_observed,
    .done = on_done,
    .warning = on_warning,
};

/* --- by clients ---------------------------------------------------------------------------- */

static void on_opened(void *user, uint64_t client)
{
    struct run *r = user;

    if (r->n_clients < RUN_MAX_CLIENTS)
        r->clients[r->n_clients++] = client;
    coordinator_opened(r->coordinator, client, clock_mono_ms());
}

static void on_message(void *user, uint64_t client, const char *text, size_t len)
{
    struct run *r = user;

    coordinator_message(r->coordinator, client, text, len, clock_mono_ms());
}

static void on_closed(void *user, uint64_t client)
{
    struct run *r = user;

    for (size_t i = 0; i < r->n_clients; i++)
        if (r->clients[i] == client)
            r->clients[i--] = r->clients[--r->n_clients];
    coordinator_closed(r->coordinator, client, clock_mono_ms());
}

static const struct ws_events client_events = {
    .opened = on_opened,
    .message = on_message,
    .closed = on_closed,
};

/* Whoever reads too slowly learns that it has not seen everything. */
static void tell_dropped(struct run *r)
{
    for (size_t i = 0; i < r->n_clients; i++) {
        unsigned long long n = ws_server_dropped(r->server, r->clients[i]);
        AUTO(text_freep) char *text = NULL;
        char line[100];

        if (!n)
            continue;
        snprintf(line, sizeof(line), "%llu data messages were left out: too many for this client",
                 n);
        text = protocol_text("network", "output",
                             json_pack("{s:s, s:s}", "message", line, "type", "message"), NULL);
        if (text)
            ws_server_send(r->server, r->clients[i], text, strlen(text), WS_NEEDED);
    }
}

/* --- by children --------------------------------------------------------------------------- */

static void on_output(void *user, const char *name, enum child_stream stream, const char *line)
{
    struct run *r = user;
    const struct option_texts *forward = &r->options->forward;
    const char *stream_name = stream == CHILD_STDERR ? "stderr" : "stdout";

    if (!forward->n || option_texts_have(forward, stream_name))
        fprintf(stream == CHILD_STDERR ? stderr : stdout, "%s: %s\n", name, line);
    fflush(stdout);
    coordinator_output(r->coordinator, name, line, clock_mono_ms());
}

static void on_ended(void *user, const char *name, const char *text, const char *last_stderr,
                     int restart_ms)
{
    struct run *r = user;

    (void)restart_ms;
    fprintf(stderr, "msgflo %s: %s: %s\n", r->self->name, name, text);
    coordinator_child_ended(r->coordinator, name, text, last_stderr, clock_mono_ms());
}

static const struct children_events child_events = {.output = on_output, .ended = on_ended};

/* --- opening -------------------------------------------------------------------------------- */

/* What people call the network: its file's name. */
static const char *label_of(const struct run_options *o)
{
    const char *slash = o->graph ? strrchr(o->graph, '/') : NULL;

    if (!o->graph)
        return "msgflo";
    return slash ? slash + 1 : o->graph;
}

static int open_coordinator(struct run *r, struct graph *g_take, const struct library *library,
                            struct err *e)
{
    const struct run_options *o = r->options;
    int64_t now_ms = clock_mono_ms();
    struct coordinator_options options = {
        .runtime_id = o->runtime_id,
        .label = label_of(o),
        .name_space = library_namespace(library),
        .repository = library_repository(library),
        .secret = o->secret,
        .secret_read_only = o->secret_read_only,
        .ignored = o->ignore.items,
        .n_ignored = o->ignore.n,
        .library = library,
        .wall_offset_ms = clock_wall_ms() - now_ms,
    };

    return coordinator_new(&options, &actions, r, g_take, now_ms, &r->coordinator, e);
}

static int open_worker(struct run *r, struct err *e)
{
    struct broker_worker_options options = {
        .url = r->options->broker,
        .ca_file = r->options->ca_file,
        .name = "msgflo run",
        .management_url = r->options->management,
    };

    return broker_worker_start(&options, &broker_events, r, &r->worker, e);
}

static int open_server(struct run *r, struct err *e)
{
    struct ws_options options = {
        .host = r->options->host,
        .port = (uint16_t)r->options->port,
        .subprotocol = "noflo",
        .origins = r->options->origins.items,
        .n_origins = r->options->origins.n,
        .max_message_bytes = PROTOCOL_MAX_BYTES,
        .max_clients = RUN_MAX_CLIENTS,
    };

    return ws_server_open(&options, &client_events, r, &r->server, e);
}

static int watch_fd(struct run *r, int fd, struct err *e)
{
    struct epoll_event event = {.events = EPOLLIN};

    return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event)
               ? err_set(e, ERR_UNAVAILABLE, "epoll: %s", strerror(errno))
               : 0;
}

/* Signals first, so that the worker's thread has them blocked, too. */
static int open_all(struct run *r, struct graph *g_take, const struct library *library,
                    struct err *e)
{
    struct children_options children = {.broker = r->options->broker, .restart = true};

    if (open_coordinator(r, g_take, library, e) || loop_open(&r->loop, e) || open_server(r, e) ||
        open_worker(r, e) || children_new(&children, &child_events, r, &r->children, e))
        return -1;
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r->epoll_fd < 0)
        return err_set(e, ERR_UNAVAILABLE, "epoll: %s", strerror(errno));
    if (watch_fd(r, ws_server_fd(r->server), e) || watch_fd(r, broker_worker_fd(r->worker), e))
        return -1;
    r->loop.input_fd = r->epoll_fd;
    r->loop.children = r->children;
    return 0;
}

/* The host as it stands in an address; one that stands for every interface leads here, too. */
static void write_address(const struct run *r, struct buf *out)
{
    const char *host = r->options->host;
    bool is_v6 = strchr(host, ':') && host[0] != '[';

    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
        host = "localhost";
        is_v6 = false;
    }
    buf_printf(out, "ws://%s%s%s:%u", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
               ws_server_port(r->server));
}

static int introduce(struct run *r, struct err *e)
{
    const struct run_options *o = r->options;
    AUTO(buf_release) struct buf address = BUF_INIT, url = BUF_INIT, html = BUF_INIT;
    struct run_page page = {o->ide, NULL, o->runtime_id, label_of(o)};

    write_address(r, &address);
    page.ws_address = address.data;
    if (address.failed || run_page_live_url(&page, o->secret, &url) ||
        run_page_html(&page, o->secret != NULL, &html))
        return err_set(e, ERR_NOMEM, "no memory for a page");
    if (ws_server_set_page(r->server, html.data, html.len, e))
        return -1;
    printf("msgflo started on %s\nOpen in Flowhub: %s\n", address.data, url.data);
    fflush(stdout);
    return 0;
}

/* --- living --------------------------------------------------------------------------------- */

/* Tried again until it works: what it takes may be mended, or edited away. */
static void save(struct run *r)
{
    struct err e = ERR_INIT;

    if (!r->save_at_mono_ms)
        return;
    if (graph_file_save(r->options->graph, coordinator_main(r->coordinator), &e) == 0) {
        if (r->save_failed)
            say(r, "the graph is saved again", "");
        r->save_failed = false;
        r->save_at_mono_ms = 0;
        return;
    }
    if (!r->save_failed || r->loop.stopped)
        say(r, "warning: the graph is not saved: ", e.text);
    r->save_failed = true;
    r->save_at_mono_ms = clock_mono_ms() + SAVE_AGAIN_MS;
}

static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int timeout_ms(const struct run *r)
{
    int ms = sooner(coordinator_timeout_ms(r->coordinator, clock_mono_ms()),
                    ws_server_timeout_ms(r->server));

    return r->save_at_mono_ms ? sooner(ms, clock_until_ms(r->save_at_mono_ms)) : ms;
}

static int turn(struct run *r, struct err *e)
{
    if (loop_step(&r->loop, timeout_ms(r), e))
        return -1;
    ws_server_service(r->server);
    broker_worker_service(r->worker);
    coordinator_tick(r->coordinator, clock_mono_ms());
    if (r->save_at_mono_ms && clock_until_ms(r->save_at_mono_ms) == 0)
        save(r);
    if (clock_until_ms(r->dropped_at_mono_ms) == 0) {
        tell_dropped(r);
        r->dropped_at_mono_ms = clock_mono_ms() + DROPPED_EVERY_MS;
    }
    return 0;
}

/* Edges that are on their way out go now; all others stay bound, and the network goes on. */
static void run_release(struct run *r)
{
    if (r->worker && r->coordinator)
        coordinator_tick(r->coordinator, clock_mono_ms() + COORDINATOR_GRACE_MS);
    if (r->coordinator)
        save(r);
    if (r->children)
        children_stop_all(r->children, STOP_CHILDREN_MS);
    children_free(r->children);
    ws_server_close(r->server);
    if (r->worker)
        broker_worker_stop(r->worker, STOP_BROKER_MS);
    coordinator_free(r->coordinator);
    loop_release(&r->loop);
    if (r->epoll_fd >= 0)
        close(r->epoll_fd);
}

int run_live(const struct command *self, const struct run_options *options, struct graph *g_take,
             const struct library *library, struct err *e)
{
    AUTO(run_release)
    struct run r = {.self = self, .options = options, .loop = {.stop_fd = -1}, .epoll_fd = -1};

    if (open_all(&r, g_take, library, e) || introduce(&r, e))
        return -1;
    coordinator_tick(r.coordinator, clock_mono_ms()); /* starts the children */
    while (!r.loop.stopped)
        if (turn(&r, e))
            return -1;
    return 0;
}
