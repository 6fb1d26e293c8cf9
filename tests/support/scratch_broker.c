#include "scratch_broker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif

#include "scratch_dir.h"
#include "unit.h"

#define LINE_SIZE 300
#define ARGUMENTS_SIZE 400

static char server_dir[SCRATCH_DIR_SIZE];
static bool has_server;
static char urls[2][LINE_SIZE]; /* plain, quorum; empty: none */
static char management_url[LINE_SIZE], pid_file[LINE_SIZE];
static bool quorum_in_use;

/* ---- where it comes from ---- */

/* The first n lines that `services ARGUMENTS` prints. */
static void lines_of(const char *arguments, char ret[][LINE_SIZE], int n)
{
    char command[600];
    FILE *services;

    snprintf(command, sizeof command, "%s/bin/lib/services %s", SOURCE_DIR, arguments);
    services = popen(command, "r");
    assert_non_null(services);
    for (int i = 0; i < n; i++) {
        assert_non_null(fgets(ret[i], LINE_SIZE, services));
        ret[i][strcspn(ret[i], "\n")] = '\0';
    }
    while (fgetc(services) != EOF)
        ;
    assert_int_equal(pclose(services), 0);
}

/* Two virtual hosts of our own on the server of that folder, which is started if it is not there.
 */
static void use_server(const char *dir)
{
    char arguments[ARGUMENTS_SIZE], lines[3][LINE_SIZE]; /* URL, pid file, API */

    snprintf(arguments, sizeof arguments, "rabbitmq start %s", dir);
    lines_of(arguments, lines, 3);
    snprintf(pid_file, sizeof pid_file, "%s", lines[1]);
    snprintf(management_url, sizeof management_url, "%s", lines[2]);
    for (int i = 0; i < 2; i++) {
        snprintf(arguments, sizeof arguments, "rabbitmq add-vhost %s test-%ld%s", dir,
                 (long)getpid(), i == 0 ? " classic" : "-quorum quorum");
        lines_of(arguments, &urls[i], 1);
    }
}

static const char *given(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value ? value : NULL;
}

int scratch_broker_start(void **state)
{
    const char *plain = given("MSGFLO_TEST_BROKER"), *quorum = given("MSGFLO_TEST_BROKER_QUORUM");
    const char *management = given("MSGFLO_TEST_MANAGEMENT");

    (void)state;
    if (plain) {
        snprintf(urls[0], sizeof urls[0], "%s", plain);
        snprintf(urls[1], sizeof urls[1], "%s", quorum ? quorum : "");
        snprintf(management_url, sizeof management_url, "%s", management ? management : "");
    } else if (given("IMAGERESIZE_TEST_SERVICES")) {
        use_server(given("IMAGERESIZE_TEST_SERVICES"));
    } else {
        (void)scratch_broker_make_private();
    }
    return 0;
}

bool scratch_broker_make_private(void)
{
    if (given("MSGFLO_TEST_BROKER"))
        return false;
    if (has_server)
        return true;
    assert_int_equal(scratch_dir(server_dir), 0);
    has_server = true;
    use_server(server_dir);
    return true;
}

int scratch_broker_end(void **state)
{
    char command[600];

    (void)state;
    if (!has_server)
        return 0;
    snprintf(command, sizeof command, "%s/bin/lib/services remove %s", SOURCE_DIR, server_dir);
    return system(command) || rmdir(server_dir);
}

void scratch_broker_stop(void)
{
    char command[600];

    assert_true(has_server);
    snprintf(command, sizeof command, "%s/bin/lib/services rabbitmq stop %s", SOURCE_DIR,
             server_dir);
    assert_int_equal(system(command), 0);
}

void scratch_broker_kill(void)
{
    FILE *file = fopen(pid_file, "r");
    int pid = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_true(has_server && pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    scratch_broker_stop(); /* what goes with it */
}

void scratch_broker_resume(void)
{
    char arguments[ARGUMENTS_SIZE], lines[1][LINE_SIZE];

    snprintf(arguments, sizeof arguments, "rabbitmq start %s", server_dir);
    lines_of(arguments, lines, 1);
}

const char *scratch_broker_management_url(void)
{
    return management_url[0] ? management_url : NULL;
}

bool scratch_broker_use(bool quorum)
{
    quorum_in_use = quorum;
    return urls[quorum][0] != '\0';
}

const char *scratch_broker_url(void)
{
    return urls[quorum_in_use];
}

/* ---- an operator's calls: a connection each, since what fails closes its channel ---- */

#define CHANNEL 1

static amqp_bytes_t bytes(const char *text)
{
    return amqp_cstring_bytes(text);
}

static amqp_connection_state_t operator_connects(void)
{
    amqp_connection_state_t c = amqp_new_connection();
    struct amqp_connection_info to;
    amqp_rpc_reply_t reply;
    char url[300], root[] = "/";

    snprintf(url, sizeof url, "%s", scratch_broker_url());
    assert_int_equal(amqp_parse_url(url, &to), AMQP_STATUS_OK);
    assert_int_equal(amqp_socket_open(amqp_tcp_socket_new(c), to.host, to.port), AMQP_STATUS_OK);
    reply = amqp_login(c, *to.vhost ? to.vhost : root, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN,
                       to.user, to.password);
    assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
    assert_non_null(amqp_channel_open(c, CHANNEL));
    return c;
}

/* Whether the call made last was carried out. */
static bool operator_leaves(amqp_connection_state_t c)
{
    bool done = amqp_get_rpc_reply(c).reply_type == AMQP_RESPONSE_NORMAL;

    amqp_connection_close(c, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(c);
    return done;
}

static bool declare_queue(const char *queue, const char *dead_exchange, bool transient)
{
    amqp_connection_state_t c = operator_connects();
    amqp_table_entry_t entry = {.key = bytes("x-dead-letter-exchange")};
    amqp_table_t arguments = {dead_exchange ? 1 : 0, &entry};

    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = bytes(dead_exchange ? dead_exchange : "");
    amqp_queue_declare(c, CHANNEL, bytes(queue), 0, !transient, 0, transient, arguments);
    return operator_leaves(c);
}

bool broker_declare_queue(const char *queue, const char *dead_exchange)
{
    return declare_queue(queue, dead_exchange, false);
}

bool broker_declare_bounded_queue(const char *queue, int max_waiting)
{
    amqp_connection_state_t c = operator_connects();
    amqp_table_entry_t entries[] = {{.key = bytes("x-max-length")}, {.key = bytes("x-overflow")}};
    const amqp_table_t arguments = {2, entries};

    entries[0].value.kind = AMQP_FIELD_KIND_I32;
    entries[0].value.value.i32 = max_waiting;
    entries[1].value.kind = AMQP_FIELD_KIND_UTF8;
    entries[1].value.value.bytes = bytes("reject-publish");
    amqp_queue_declare(c, CHANNEL, bytes(queue), 0, 1, 0, 0, arguments);
    return operator_leaves(c);
}

bool broker_declare_transient_queue(const char *queue, const char *dead_exchange)
{
    return declare_queue(queue, dead_exchange, true);
}

static bool declare_exchange(const char *exchange, bool passive, bool transient)
{
    amqp_connection_state_t c = operator_connects();

    amqp_exchange_declare(c, CHANNEL, bytes(exchange), bytes("fanout"), passive, !transient,
                          transient, 0, amqp_empty_table);
    return operator_leaves(c);
}

bool broker_declare_exchange(const char *exchange)
{
    return declare_exchange(exchange, false, false);
}

bool broker_declare_transient_exchange(const char *exchange)
{
    return declare_exchange(exchange, false, true);
}

bool broker_has_exchange(const char *exchange)
{
    return declare_exchange(exchange, true, false);
}

void broker_delete_queue(const char *queue)
{
    amqp_connection_state_t c = operator_connects();

    amqp_queue_delete(c, CHANNEL, bytes(queue), 0, 0);
    assert_true(operator_leaves(c));
}

void broker_delete_exchange(const char *exchange)
{
    amqp_connection_state_t c = operator_connects();

    amqp_exchange_delete(c, CHANNEL, bytes(exchange), 0);
    assert_true(operator_leaves(c));
}

void broker_bind_queue(const char *queue, const char *exchange)
{
    amqp_connection_state_t c = operator_connects();

    amqp_queue_bind(c, CHANNEL, bytes(queue), bytes(exchange), bytes(""), amqp_empty_table);
    assert_true(operator_leaves(c));
}

void broker_unbind_queue(const char *queue, const char *exchange)
{
    amqp_connection_state_t c = operator_connects();

    amqp_queue_unbind(c, CHANNEL, bytes(queue), bytes(exchange), bytes(""), amqp_empty_table);
    assert_true(operator_leaves(c));
}

static void put(const char *exchange, const char *key, const void *body, size_t size)
{
    amqp_connection_state_t c = operator_connects();
    char *copy = malloc(size + 1);
    amqp_bytes_t content = {size, copy};

    assert_non_null(copy);
    memcpy(copy, body, size);
    assert_non_null(amqp_confirm_select(c, CHANNEL));
    assert_int_equal(
        amqp_basic_publish(c, CHANNEL, bytes(exchange), bytes(key), 0, 0, NULL, content),
        AMQP_STATUS_OK);
    free(copy);
    assert_true(operator_leaves(c));
}

void broker_put(const char *queue, const void *body, size_t size)
{
    put("", queue, body, size);
}

void broker_publish(const char *exchange, const void *body, size_t size)
{
    put(exchange, "", body, size);
}

struct operator_session {
    amqp_connection_state_t c;
    bool confirms;
};

struct operator_session *operator_open(void)
{
    struct operator_session *o = malloc(sizeof *o);

    assert_non_null(o);
    *o = (struct operator_session){operator_connects(), false};
    return o;
}

static void publish(struct operator_session *o, const char *exchange,
                    const amqp_basic_properties_t *properties, const char *body)
{
    assert_int_equal(amqp_basic_publish(o->c, CHANNEL, bytes(exchange), bytes(""), 0, 0, properties,
                                        bytes(body)),
                     AMQP_STATUS_OK);
}

static const amqp_basic_properties_t persistent = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                                   .delivery_mode = 2};

void operator_publish(struct operator_session *o, const char *exchange, const char *message_id,
                      const char *body)
{
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_MESSAGE_ID_FLAG,
                                                .message_id = bytes(message_id)};

    publish(o, exchange, &properties, body);
}

void operator_publish_burst(struct operator_session *o, const char *exchange, const char *body,
                            int n)
{
    const int fd = amqp_get_sockfd(o->c), hold = 1, go = 0;

    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &hold, sizeof hold), 0);
    for (int i = 0; i < n; i++)
        publish(o, exchange, &persistent, body);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &go, sizeof go), 0);
}

/* A channel does one thing after the other: this answer comes after all that was published. */
void operator_settle(struct operator_session *o)
{
    assert_non_null(amqp_basic_qos(o->c, CHANNEL, 0, 0, 0));
}

void operator_put(struct operator_session *o, const char *exchange, const char *body)
{
    amqp_frame_t f;

    if (!o->confirms)
        assert_non_null(amqp_confirm_select(o->c, CHANNEL));
    o->confirms = true;
    publish(o, exchange, &persistent, body);
    assert_int_equal(amqp_simple_wait_frame(o->c, &f), AMQP_STATUS_OK);
    assert_int_equal(f.frame_type, AMQP_FRAME_METHOD);
    assert_int_equal(f.payload.method.id, AMQP_BASIC_ACK_METHOD);
}

/* The answer to a closing of the channel comes after all that was published on it. */
void operator_close(struct operator_session *o)
{
    assert_int_equal(amqp_channel_close(o->c, CHANNEL, AMQP_REPLY_SUCCESS).reply_type,
                     AMQP_RESPONSE_NORMAL);
    operator_leaves(o->c);
    free(o);
}

void operator_free(struct operator_session *o)
{
    amqp_destroy_connection(o->c);
    free(o);
}

void broker_reject(const char *queue)
{
    amqp_connection_state_t c = operator_connects();
    amqp_rpc_reply_t reply = amqp_basic_get(c, CHANNEL, bytes(queue), 0);

    assert_int_equal(reply.reply.id, AMQP_BASIC_GET_OK_METHOD);
    assert_int_equal(amqp_basic_reject(c, CHANNEL, 1, 0), AMQP_STATUS_OK);
    operator_leaves(c);
}

static char *take(amqp_connection_state_t c, const char *queue, char *ret_expiration)
{
    amqp_rpc_reply_t reply = amqp_basic_get(c, CHANNEL, bytes(queue), 1);
    amqp_message_t message;
    char *body = NULL;

    assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
    if (reply.reply.id == AMQP_BASIC_GET_OK_METHOD) {
        reply = amqp_read_message(c, CHANNEL, &message, 0);
        assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
        body = calloc(1, message.body.len + 1);
        assert_non_null(body);
        memcpy(body, message.body.bytes, message.body.len);
        if (ret_expiration)
            snprintf(ret_expiration, 16, "%.*s", (int)message.properties.expiration.len,
                     (const char *)message.properties.expiration.bytes);
        amqp_destroy_message(&message);
    }
    amqp_maybe_release_buffers(c);
    return body;
}

char *operator_take(struct operator_session *o, const char *queue)
{
    return take(o->c, queue, NULL);
}

char *broker_take(const char *queue, char *ret_expiration)
{
    amqp_connection_state_t c = operator_connects();
    char *body = take(c, queue, ret_expiration);

    operator_leaves(c);
    return body;
}

char *management_names(const char *kind)
{
    const char *vhost = strrchr(scratch_broker_url(), '/') + 1;
    char command[600], *names = NULL;
    size_t size = 0;
    FILE *curl;

    vhost = strchr(vhost, '@') ? "%2F" : vhost; /* the URL ends with the port */
    snprintf(command, sizeof command, "curl -sS -f '%s/api/%s/%s?columns=name'", management_url,
             kind, vhost);
    curl = popen(command, "r");
    assert_non_null(curl);
    assert_true(getdelim(&names, &size, '\0', curl) > 0);
    assert_int_equal(pclose(curl), 0);
    return names;
}

int broker_depth(const char *queue)
{
    amqp_connection_state_t c = operator_connects();
    const amqp_queue_declare_ok_t *there =
        amqp_queue_declare(c, CHANNEL, bytes(queue), 1, 1, 0, 0, amqp_empty_table);
    int depth = there ? (int)there->message_count : -1;

    operator_leaves(c);
    return depth;
}
