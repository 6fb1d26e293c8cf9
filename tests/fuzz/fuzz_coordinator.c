/*
 * fuzz_coordinator.c - whole sessions: each line of the input is an event, told by its first
 * character, and nothing that clients, participants or the broker say may do harm.
 */
#include <string.h>

#include "fuzz.h"
#include "network/coordinator.h"

#define LIBRARY "{\"namespace\":\"core\",\"components\":{\"Repeat\":\"repeat #ROLE #IIPS\"}}"

struct session {
    uint64_t last_command;
    bool full; /* commands find no room */
};

static uint64_t command(struct session *s)
{
    return s->full ? 0 : ++s->last_command;
}

static uint64_t one_binding(void *user, const struct binding *b)
{
    (void)b;
    return command(user);
}

static uint64_t move(void *user, const struct binding *from, const struct binding *to, bool alone)
{
    (void)from, (void)to, (void)alone;
    return command(user);
}

static uint64_t send(void *user, const char *queue, const char *body, size_t size)
{
    (void)queue, (void)body, (void)size;
    return command(user);
}

static uint64_t one_outport(void *user, const char *outport)
{
    (void)outport;
    return command(user);
}

static int child_start(void *user, const char *role, const char *line, struct err *e)
{
    (void)user, (void)line;
    return role[0] == 'x' ? err_set(e, ERR_INPUT, "no") : 0;
}

static void child_stop(void *user, const char *role)
{
    (void)user, (void)role;
}

/* What clients are sent must be JSON; a message may hold a NUL. */
static void to_client(void *user, uint64_t client, const char *text, size_t len, bool droppable)
{
    json_t *message = json_loadb(text, len, JSON_ALLOW_NUL, NULL);

    (void)user, (void)client, (void)droppable;
    if (!message)
        abort();
    json_decref(message);
}

static const struct coordinator_actions actions = {
    .bind = one_binding,
    .unbind = one_binding,
    .move = move,
    .send = send,
    .observe = one_outport,
    .unobserve = one_outport,
    .child_start = child_start,
    .child_stop = child_stop,
    .to_client = to_client,
};

static void observed(struct coordinator *c, const char *text, size_t len, int64_t now_ms)
{
    char outport[64] = "";
    const char *blank = memchr(text, ' ', len);
    size_t n = blank ? (size_t)(blank - text) : len;

    if (n >= sizeof(outport))
        return;
    memcpy(outport, text, n);
    coordinator_observed(c, outport, text + n, len - n, now_ms);
}

static void one_event(struct coordinator *c, struct session *s, const char *line, size_t len,
                      int64_t *now_ms)
{
    struct err refused = {ERR_INPUT, "refused"};
    const char *text = line + 1;

    switch (line[0]) {
    case '1':
    case '2':
        coordinator_message(c, (uint64_t)(line[0] - '0'), text, len - 1, *now_ms);
        break;
    case 'd':
        (void)coordinator_discovered(c, text, len - 1, *now_ms, NULL);
        break;
    case 'o':
        observed(c, text, len - 1, *now_ms);
        break;
    case 'k':
    case 'r':
        coordinator_done(c, s->last_command, line[0] == 'r' ? &refused : NULL, *now_ms);
        break;
    case 't':
    case 'T':
        *now_ms += line[0] == 't' ? 300 : 100000;
        coordinator_tick(c, *now_ms);
        break;
    case 'f':
        s->full = !s->full;
        break;
    case 'c':
        coordinator_closed(c, 2, *now_ms);
        coordinator_opened(c, 2, *now_ms);
        break;
    case 'b':
        coordinator_disconnected(c, "gone", *now_ms);
        coordinator_connected(c, *now_ms);
        break;
    default:
        coordinator_child_ended(c, "a", "exit status 1", "", *now_ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct library *library;
    struct coordinator_options options = {.runtime_id = "id"};
    struct session session = {0};
    struct coordinator *c;
    const char *at = (const char *)data, *end = at + size, *stop;
    int64_t now_ms = 0;

    if (!library) {
        json_t *json = json_loads(LIBRARY, 0, NULL);

        if (library_from_json(json, NULL, &library, NULL))
            abort();
        json_decref(json);
    }
    options.library = library;
    if (coordinator_new(&options, &actions, &session, NULL, 0, &c, NULL))
        abort();
    coordinator_opened(c, 1, 0);
    coordinator_opened(c, 2, 0);
    coordinator_connected(c, 0);
    for (; at < end; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            stop = end;
        if (stop > at)
            one_event(c, &session, at, (size_t)(stop - at), &now_ms);
        coordinator_tick(c, now_ms);
    }
    coordinator_free(c);
    return 0;
}
