#include "web_live.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "scratch_broker.h"
#include "scratch_db.h"

void look_again(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
}

/* ---- web ---- */

void set(struct fixture *f, const char *name, const char *value)
{
    assert_true(f->n_settings < SETTINGS_MAX);
    snprintf(f->lines[f->n_settings], LINE, "%s=%s", name, value);
    f->settings[f->n_settings] = f->lines[f->n_settings];
    f->n_settings++;
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof a;

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char port[12];

    assert_non_null(f);
    assert_int_equal(scratch_dir(f->dir), 0);
    f->port = free_port();
    snprintf(port, sizeof port, "%d", f->port);
    set(f, "PORT", port);
    set(f, "DATABASE_URL", scratch_db_url());
    set(f, "MSGFLO_BROKER", scratch_broker_url());
    if (scratch_broker_management_url())
        set(f, "MSGFLO_MANAGEMENT_URL", scratch_broker_management_url());
    set(f, "IMAGERESIZE_GRAPH", SOURCE_DIR "/graphs/imageresize.fbp");
    set(f, "IMAGERESIZE_DEMO", "0");
    *state = f;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[SCRATCH_DIR_SIZE + 20];

    program_release(&f->web);
    program_release(&f->worker);
    program_release(&f->formation);
    if (f->api)
        MHD_stop_daemon(f->api);
    broker_delete_queue("resize.IN");
    broker_delete_queue("bulk.IN");
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    free(f);
    return system(command);
}

void start_web(struct fixture *f)
{
    static const char *const argv[] = {WEB, NULL};

    program_start(&f->web, argv, f->settings);
    program_expect(&f->web, "event=listening");
}

/* ---- asking ---- */

void ask(struct fixture *f, const char *method, const char *path, const char *body,
         const char *const *headers, struct http_answer *ret)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    const struct http_request request = {
        .method = method, .body = body, .headers = headers ? headers : json};
    char url[200];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", f->port, path);
    http_send(url, &request, ret);
}

json_t *graph(struct fixture *f)
{
    struct http_answer a;
    json_t *json;

    ask(f, "GET", "/graph", NULL, NULL, &a);
    if (a.status != 200)
        fail_msg("%ld %s", a.status, a.body);
    json = json_incref(a.json);
    http_answer_release(&a);
    return json;
}

json_t *node(json_t *json, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(json, "nodes"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
            return item;
    }
    fail_msg("no node %s", name);
    return NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
    static char text[200];
    char *dumped = json_dumps(json_object_get(object, key), JSON_ENCODE_ANY | JSON_COMPACT);

    snprintf(text, sizeof text, "%s", dumped ? dumped : "nothing");
    free(dumped);
    return text;
}

static const char *of_queue(json_t *json, const char *name, const char *key)
{
    return text_of(json_object_get(node(json, name), "queue"), key);
}

void wait_for(struct fixture *f, const char *const *wanted)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    for (;;) {
        json_t *json = graph(f);
        const char *missing = NULL;
        char found[200] = "";

        for (size_t i = 0; wanted[i] && !missing; i++) {
            char object[60], key[60], value[60];

            assert_int_equal(sscanf(wanted[i], "%59[^.].%59[^=]=%59s", object, key, value), 3);
            snprintf(found, sizeof found, "%s",
                     *object == '!'   ? text_of(json, key)
                     : *object == '@' ? text_of(node(json, object + 1), key)
                                      : of_queue(json, object, key));
            if (strcmp(found, value) != 0)
                missing = wanted[i];
        }
        json_decref(json);
        if (!missing)
            return;
        if (clock_mono_ms() > deadline)
            fail_msg("%s is not seen, but %s", missing, found);
        look_again();
    }
}
