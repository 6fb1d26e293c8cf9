/*
 * coordinator_script.c - see the header.
 */
#include "coordinator_script.h"

#include "unit.h"

#include "graph/fbp.h"

static uint64_t command(struct script *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

static uint64_t command(struct script *s, const char *fmt, ...)
{
    char line[600];
    va_list args;

    if (s->full)
        return 0;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    buf_printf(&s->log, "%s\n", line);
    return ++s->last_command;
}

static const char *const kinds[] = {"", "roundrobin ", "deadletter "};

static uint64_t bind(void *user, const struct binding *b)
{
    return command(user, "bind %s%s -> %s", kinds[b->kind], b->src, b->tgt);
}

static uint64_t unbind(void *user, const struct binding *b)
{
    return command(user, "unbind %s%s -> %s", kinds[b->kind], b->src, b->tgt);
}

static uint64_t move(void *user, const struct binding *from, const struct binding *to, bool alone)
{
    return command(user, "move %s%s -> %s to %s%s", kinds[from->kind], from->src, from->tgt,
                   to->tgt, alone ? " alone" : "");
}

static uint64_t send(void *user, const char *queue, const char *body, size_t size)
{
    return command(user, "send %s %.*s", queue, (int)size, body);
}

static uint64_t observe(void *user, const char *outport)
{
    return command(user, "observe %s", outport);
}

static uint64_t unobserve(void *user, const char *outport)
{
    return command(user, "unobserve %s", outport);
}

static int child_start(void *user, const char *role, const char *line, struct err *e)
{
    struct script *s = user;

    if (strstr(line, "missing"))
        return err_set(e, ERR_INPUT, "there is no program 'missing'");
    buf_printf(&s->log, "start %s: %s\n", role, line);
    return 0;
}

static void child_stop(void *user, const char *role)
{
    struct script *s = user;

    buf_printf(&s->log, "stop %s\n", role);
}

/* "> 1 graph:addnode {'id':...}", with r-7 before the payload where it answers request r-7. */
static void to_client(void *user, uint64_t client, const char *text, size_t len, bool droppable)
{
    struct script *s = user;
    json_t *m = json_loadb(text, len, 0, NULL), *to = json_object_get(m, "responseTo");
    char *payload =
        json_dumps(json_object_get(m, "payload"), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    (void)droppable;
    for (char *q = payload; *q; q++)
        if (*q == '"')
            *q = '\'';
    if (!s->quiet_client)
        buf_printf(&s->log, "> %d %s:%s %s%s%s\n", (int)client,
                   json_string_value(json_object_get(m, "protocol")),
                   json_string_value(json_object_get(m, "command")),
                   to ? json_string_value(to) : "", to ? " " : "", payload);
    free(payload);
    json_decref(m);
}

static void graph_changed(void *user, const struct graph *g)
{
    struct script *s = user;

    (void)g;
    s->changes++;
}

static const struct coordinator_actions actions = {
    .bind = bind,
    .unbind = unbind,
    .move = move,
    .send = send,
    .observe = observe,
    .unobserve = unobserve,
    .child_start = child_start,
    .child_stop = child_stop,
    .to_client = to_client,
    .graph_changed = graph_changed,
};

static void follow(struct script *s)
{
    if (!s->together)
        coordinator_tick(s->c, s->now_ms);
}

void script_start(struct script *s, const char *fbp, const char *library,
                  const struct coordinator_options *options)
{
    struct coordinator_options own = {.runtime_id = "0a6b8f5e-32b4-4c57-9d3b-5b7dd4a0e3a1"};
    struct graph *g = NULL;
    struct err e = ERR_INIT;

    memset(s, 0, sizeof(*s));
    if (options)
        own = *options;
    if (library) {
        json_t *json = json_loads(library, 0, NULL);

        if (library_from_json(json, NULL, &s->library, &e))
            fail_msg("%s", e.text);
        json_decref(json);
        own.library = s->library;
    }
    if (fbp && fbp_parse(fbp, strlen(fbp), NULL, &g, NULL, NULL, &e))
        fail_msg("%s", e.text);
    if (coordinator_new(&own, &actions, s, g, s->now_ms, &s->c, &e))
        fail_msg("%s", e.text);
    coordinator_connected(s->c, s->now_ms);
    follow(s);
}

void script_end(struct script *s)
{
    coordinator_free(s->c);
    library_free(s->library);
    buf_release(&s->log);
}

static void write_ports(struct buf *out, const char *role, const char *ports)
{
    char copy[200], *at = copy, *port;

    snprintf(copy, sizeof(copy), "%s", ports);
    while ((port = strtok_r(at, " ", &at))) {
        char *queue = strchr(port, '=');

        if (queue)
            *queue++ = '\0';
        buf_printf(out, "%s{\"id\":\"%s\",\"type\":\"any\"",
                   out->data[out->len - 1] == '[' ? "" : ",", port);
        if (queue)
            buf_printf(out, ",\"queue\":\"%s\"", queue);
        buf_text(out, "}");
    }
    (void)role;
}

void script_hear(struct script *s, const char *role, const char *id, const char *inports,
                 const char *outports)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct err e = ERR_INIT;

    buf_printf(&text,
               "{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":{\"id\":\"%s\","
               "\"role\":\"%s\",\"component\":\"test/Component\",\"inports\":[",
               id, role);
    write_ports(&text, role, inports);
    buf_text(&text, "],\"outports\":[");
    write_ports(&text, role, outports);
    buf_text(&text, "]}}");
    if (coordinator_discovered(s->c, text.data, text.len, s->now_ms, &e))
        fail_msg("%s", e.text);
    follow(s);
}

void script_say(struct script *s, uint64_t client, const char *protocol, const char *name,
                const char *payload)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "{'protocol':'%s','command':'%s','payload':%s}", protocol, name, payload);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\'')
            text.data[i] = '"';
    coordinator_message(s->c, client, text.data, text.len, s->now_ms);
    follow(s);
}

void script_done(struct script *s, uint64_t number, const char *refused)
{
    struct err e = ERR_INIT;

    if (refused)
        err_set(&e, ERR_INPUT, "%s", refused);
    coordinator_done(s->c, number, refused ? &e : NULL, s->now_ms);
    follow(s);
}

void script_wait(struct script *s, int64_t ms)
{
    s->now_ms += ms;
    coordinator_tick(s->c, s->now_ms);
}

void script_expect(struct script *s, const char *lines)
{
    assert_string_equal(s->log.data ? s->log.data : "", lines);
    script_forget(s);
}

void script_expect_some(struct script *s, const char *part)
{
    if (!s->log.data || !strstr(s->log.data, part))
        fail_msg("no\n%s\nin\n%s", part, s->log.data ? s->log.data : "");
    script_forget(s);
}

void script_expect_none(struct script *s, const char *part)
{
    if (s->log.data && strstr(s->log.data, part))
        fail_msg("%s\nin\n%s", part, s->log.data);
    script_forget(s);
}

void script_forget(struct script *s)
{
    buf_clear(&s->log);
    if (s->log.data)
        s->log.data[0] = '\0';
}
