#include "mqtt_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define CA_FILE_DEFAULT "/etc/ssl/certs/ca-certificates.crt" /* Debian, Ubuntu, Alpine */
#define KEEP_ALIVE_MIN_S 5                                   /* libmosquitto takes no less */
#define SESSION_EXPIRY_S (7 * 86400) /* of a lasting session whose client stays away */
#define GOODBYE_MS 200               /* for what was written last */

/* A peer that takes nothing for so long is given up (tcp(7), TCP_USER_TIMEOUT), and one that has
 * been silent for so long is asked whether it is there. */
#define WRITE_STALL_MS 5000
#define TCP_IDLE_S 30

/* ---- answers as sentences ---- */

static void lose(struct mqtt_link *l, enum msgflo_code code, const char *text)
{
    if (l->why.code == MSGFLO_OK) /* the first is the cause */
        fail(&l->why, code, "%s", text);
}

/* 0, or -1 with *e: the first cause that is known, else what status says. */
static int check(struct mqtt_link *l, int status, struct msgflo_error *e)
{
    if (status != MOSQ_ERR_SUCCESS)
        lose(l, status == MOSQ_ERR_NOMEM ? MSGFLO_NOMEM : MSGFLO_UNAVAILABLE,
             status == MOSQ_ERR_ERRNO && errno ? strerror(errno) : mosquitto_strerror(status));
    if (l->why.code == MSGFLO_OK)
        return 0;
    return fail(e, l->why.code, "connection to the broker: %s", l->why.text);
}

/* ---- what libmosquitto calls ---- */

static void on_connect(struct mosquitto *mosq, void *user, int reason, int flags,
                       const mosquitto_property *props)
{
    struct mqtt_link *l = user;

    (void)mosq;
    (void)flags;
    (void)props;
    l->connack = reason;
}

static void on_disconnect(struct mosquitto *mosq, void *user, int reason,
                          const mosquitto_property *props)
{
    (void)mosq;
    (void)props;
    if (reason >= MQTT_RC_UNSPECIFIED) /* the broker says why (MQTT 5) */
        lose(user, MSGFLO_UNAVAILABLE, mosquitto_reason_string(reason));
}

static void on_subscribe(struct mosquitto *mosq, void *user, int mid, int n, const int *granted,
                         const mosquitto_property *props)
{
    struct mqtt_link *l = user;

    (void)mosq;
    (void)mid;
    (void)props;
    l->open_subscriptions--;
    for (int i = 0; i < n; i++)
        if (granted[i] >= MQTT_RC_UNSPECIFIED) /* 128 is the one failure of 3.1.1 */
            l->subscription_refused = true;
}

static void on_unsubscribe(struct mosquitto *mosq, void *user, int mid,
                           const mosquitto_property *props)
{
    struct mqtt_link *l = user;

    (void)mosq;
    (void)mid;
    (void)props;
    l->open_unsubscriptions--;
}

static void on_publish(struct mosquitto *mosq, void *user, int mid, int reason,
                       const mosquitto_property *props)
{
    struct mqtt_link *l = user;

    (void)mosq;
    (void)props;
    l->events->published(l->user, mid, reason);
}

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *m,
                       const mosquitto_property *props)
{
    struct mqtt_link *l = user;

    (void)mosq;
    l->events->message(l->user, m, props);
}

/* ---- opening ---- */

/* Its count of users is not for threads, each of which may have participants: so it is never told
 * that there are none any more. */
static pthread_once_t library_started = PTHREAD_ONCE_INIT;

static void start_library(void)
{
    mosquitto_lib_init(); /* fails on Windows alone */
}

int mqtt_link_check_tls(const struct broker_url *url, const char *ca_file, struct msgflo_error *e)
{
    const char *file = ca_file ? ca_file : CA_FILE_DEFAULT;

    if (!url->tls || access(file, R_OK) == 0)
        return 0;
    return fail(e, MSGFLO_INVALID, "'%.300s' holds no certificates that can be read: %s", file,
                strerror(errno));
}

static int prepare_tls(struct mqtt_link *l, const char *ca_file, struct msgflo_error *e)
{
    const char *file = ca_file ? ca_file : CA_FILE_DEFAULT;

    if (mosquitto_tls_set(l->mosq, file, NULL, NULL, NULL, NULL) ||
        mosquitto_tls_insecure_set(l->mosq, false)) /* the default; so much hangs on it */
        return fail(e, MSGFLO_INVALID, "'%.300s' holds no certificates that can be read", file);
    return 0;
}

static int prepare(struct mqtt_link *l, const struct mqtt_link_options *o, struct msgflo_error *e)
{
    pthread_once(&library_started, start_library);
    l->mosq = mosquitto_new(o->client_id, o->clean_session, l);
    if (!l->mosq)
        return fail(e, errno == ENOMEM ? MSGFLO_NOMEM : MSGFLO_INVALID,
                    "the client id is not fit for MQTT");
    mosquitto_connect_v5_callback_set(l->mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(l->mosq, on_disconnect);
    mosquitto_subscribe_v5_callback_set(l->mosq, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(l->mosq, on_unsubscribe);
    if (l->events->published)
        mosquitto_publish_v5_callback_set(l->mosq, on_publish);
    if (l->events->message)
        mosquitto_message_v5_callback_set(l->mosq, on_message);
    mosquitto_threaded_set(l->mosq, o->writes_held);
    mosquitto_int_option(l->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(l->mosq, MOSQ_OPT_PROTOCOL_VERSION,
                         l->mqtt5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (o->receive_max)
        mosquitto_int_option(l->mosq, MOSQ_OPT_RECEIVE_MAXIMUM, (int)o->receive_max);
    if (mosquitto_username_pw_set(l->mosq, o->to->user, o->to->password))
        return fail(e, MSGFLO_INVALID, "the user in the broker's URL is not UTF-8");
    return o->to->tls ? prepare_tls(l, o->ca_file, e) : 0;
}

/* MQTT 5 ends a session with its connection unless told how long it is to last. Properties can be
 * given to the blocking connect alone, which keeps them for later ones: so it is called with an
 * address that it refuses. */
static int make_session_last(struct mqtt_link *l, struct msgflo_error *e)
{
    mosquitto_property *props = NULL;
    int failed =
        mosquitto_property_add_int32(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, SESSION_EXPIRY_S) ||
        mosquitto_connect_bind_v5(l->mosq, "", 0, 0, NULL, props) != MOSQ_ERR_INVAL;

    mosquitto_property_free_all(&props);
    return failed ? fail(e, MSGFLO_NOMEM, "no memory for a lasting session") : 0;
}

static void watch_peer(int fd)
{
    static const int on = 1, idle_s = TCP_IDLE_S, interval_s = 5, stall_ms = WRITE_STALL_MS;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms, sizeof stall_ms);
}

/* Reads and writes until the broker has answered, or it is too late. */
static int await_connack(struct mqtt_link *l, int64_t deadline_mono_ms, struct msgflo_error *e)
{
    while (l->connack < 0) {
        struct pollfd pfd = {mqtt_link_fd(l), POLLIN, 0};
        int left_ms = clock_until_ms(deadline_mono_ms);

        if (left_ms == 0)
            return fail(e, MSGFLO_UNAVAILABLE, "no answer in time");
        if (mqtt_link_wants_write(l))
            pfd.events |= POLLOUT;
        if (poll(&pfd, 1, left_ms) < 0 && errno != EINTR)
            return fail(e, MSGFLO_UNAVAILABLE, "poll: %s", strerror(errno));
        if ((pfd.revents & POLLOUT) && mqtt_link_write(l, e))
            return -1;
        if ((pfd.revents & (POLLIN | POLLERR | POLLHUP)) && mqtt_link_read(l, e) && l->connack < 0)
            return -1; /* a refusal is an error of reading, too */
    }
    return 0;
}

static bool is_wrong_version(const struct mqtt_link *l)
{
    return l->mqtt5 && (l->connack == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION ||
                        l->connack == CONNACK_REFUSED_PROTOCOL_VERSION);
}

static int check_connack(const struct mqtt_link *l, struct msgflo_error *e)
{
    bool try_again =
        l->mqtt5 ? l->connack == MQTT_RC_SERVER_UNAVAILABLE || l->connack == MQTT_RC_SERVER_BUSY
                 : l->connack == CONNACK_REFUSED_SERVER_UNAVAILABLE;

    if (l->connack == 0)
        return 0;
    return fail(e, try_again ? MSGFLO_UNAVAILABLE : MSGFLO_REFUSED, "login: %s",
                l->mqtt5 ? mosquitto_reason_string(l->connack)
                         : mosquitto_connack_string(l->connack));
}

/* from: the address to connect from, or NULL. */
static int try_to_connect(struct mqtt_link *l, const struct mqtt_link_options *o, const char *from,
                          int64_t deadline_mono_ms, struct msgflo_error *e)
{
    unsigned keep_alive_s = o->keep_alive_s;
    struct msgflo_error cause;

    if (prepare(l, o, e) || (l->mqtt5 && !o->clean_session && make_session_last(l, e)))
        return -1;
    if (keep_alive_s && keep_alive_s < KEEP_ALIVE_MIN_S)
        keep_alive_s = KEEP_ALIVE_MIN_S;
    errno = 0;
    if (check(l,
              mosquitto_connect_bind_async(l->mosq, o->to->host, o->to->port, (int)keep_alive_s,
                                           from),
              &cause))
        return fail(e, cause.code, "broker %.200s:%d: %.150s", o->to->host, o->to->port,
                    l->why.text);
    watch_peer(mosquitto_socket(l->mosq));
    if (await_connack(l, deadline_mono_ms, &cause))
        return fail(e, cause.code, "broker %.200s:%d: %.150s", o->to->host, o->to->port,
                    l->why.code ? l->why.text : cause.text);
    return check_connack(l, e);
}

/* try_to_connect() with a link that is new but for whom it tells. */
static int try_anew(struct mqtt_link *l, const struct mqtt_link_options *o, bool mqtt5,
                    const char *from, int64_t deadline_mono_ms, struct msgflo_error *e)
{
    mqtt_link_close(l, false);
    *l = (struct mqtt_link){.events = l->events, .user = l->user, .mqtt5 = mqtt5, .connack = -1};
    return try_to_connect(l, o, from, deadline_mono_ms, e);
}

int mqtt_link_open(struct mqtt_link *l, const struct mqtt_link_options *options,
                   const struct mqtt_link_events *events, void *user, int64_t deadline_mono_ms,
                   struct msgflo_error *e)
{
    struct msgflo_error other;
    const char *from = NULL;
    int failed;

    *l = (struct mqtt_link){.events = events, .user = user};
    failed = try_anew(l, options, true, from, deadline_mono_ms, e);
    if (failed && l->connack < 0 && e->code == MSGFLO_UNAVAILABLE) {
        /* Without waiting, libmosquitto tries the first of the host's addresses alone. That is one
         * of IPv6 where there is any; what is bound to chooses. */
        from = "0.0.0.0";
        failed = try_anew(l, options, true, from, deadline_mono_ms, &other);
        if (failed && l->connack > 0)
            *e = other; /* else the first says more */
    }
    if (failed && is_wrong_version(l))
        failed = try_anew(l, options, false, from, deadline_mono_ms, e);
    if (failed)
        mqtt_link_close(l, false);
    return failed;
}

/* ---- closing ---- */

/* What still waits to be written, and the goodbye. */
static void write_last(struct mqtt_link *l)
{
    int64_t deadline = clock_mono_ms() + GOODBYE_MS;
    struct msgflo_error e;

    while (mqtt_link_wants_write(l) && mqtt_link_write(l, &e) == 0) {
        struct pollfd pfd = {mqtt_link_fd(l), POLLOUT, 0};

        if (!mqtt_link_wants_write(l) || poll(&pfd, 1, clock_until_ms(deadline)) <= 0)
            break;
    }
}

void mqtt_link_close(struct mqtt_link *l, bool polite)
{
    if (!l->mosq)
        return;
    mosquitto_disconnect_v5_callback_set(l->mosq, NULL);
    if (polite && l->why.code == MSGFLO_OK && l->connack == 0 &&
        mosquitto_disconnect(l->mosq) == MOSQ_ERR_SUCCESS)
        write_last(l);
    mosquitto_destroy(l->mosq);
    l->mosq = NULL;
}

/* ---- open ---- */

int mqtt_link_fd(const struct mqtt_link *l)
{
    return mosquitto_socket(l->mosq);
}

bool mqtt_link_wants_write(const struct mqtt_link *l)
{
    return mosquitto_want_write(l->mosq);
}

void mqtt_link_watch(struct mqtt_link *l, int epoll_fd, uint32_t id, uint32_t events)
{
    uint32_t wanted = events | EPOLLERR; /* comes in any case: so that it is never 0 */
    struct epoll_event event = {.events = wanted, .data.u32 = id};
    int op = l->watched_for ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (l->watched_for == wanted)
        return;
    if (epoll_ctl(epoll_fd, op, mqtt_link_fd(l), &event))
        lose(l, MSGFLO_UNAVAILABLE, strerror(errno));
    else
        l->watched_for = wanted;
}

int mqtt_link_read(struct mqtt_link *l, struct msgflo_error *e)
{
    errno = 0;
    return check(l, mosquitto_loop_read(l->mosq, 1), e);
}

int mqtt_link_write(struct mqtt_link *l, struct msgflo_error *e)
{
    errno = 0;
    return check(l, mosquitto_loop_write(l->mosq, 1), e);
}

int mqtt_link_tick(struct mqtt_link *l, struct msgflo_error *e)
{
    errno = 0;
    return check(l, mosquitto_loop_misc(l->mosq), e);
}

int mqtt_link_subscribe(struct mqtt_link *l, const char *filter, struct msgflo_error *e)
{
    int status = mosquitto_subscribe(l->mosq, NULL, filter, 1);

    if (status == MOSQ_ERR_INVAL || status == MOSQ_ERR_MALFORMED_UTF8)
        return fail(e, MSGFLO_INVALID, "'%.250s' cannot be subscribed to on MQTT", filter);
    if (status == MOSQ_ERR_SUCCESS)
        l->open_subscriptions++;
    return check(l, status, e);
}

int mqtt_link_unsubscribe(struct mqtt_link *l, const char *filter, struct msgflo_error *e)
{
    int status = mosquitto_unsubscribe(l->mosq, NULL, filter);

    if (status == MOSQ_ERR_SUCCESS)
        l->open_unsubscriptions++;
    return check(l, status, e);
}

/* ---- publishing ---- */

static int pass_on_properties(const mosquitto_property *from, mosquitto_property **props)
{
    char *name = NULL, *value = NULL;
    const mosquitto_property *p =
        mosquitto_property_read_string(from, MQTT_PROP_CONTENT_TYPE, &value, false);
    int failed = p ? mosquitto_property_add_string(props, MQTT_PROP_CONTENT_TYPE, value) : 0;

    free(value);
    p = mosquitto_property_read_string_pair(from, MQTT_PROP_USER_PROPERTY, &name, &value, false);
    while (p && !failed) {
        failed = mosquitto_property_add_string_pair(props, MQTT_PROP_USER_PROPERTY, name, value);
        free(name);
        free(value);
        p = mosquitto_property_read_string_pair(p, MQTT_PROP_USER_PROPERTY, &name, &value, true);
    }
    return failed ? -1 : 0;
}

static int add_properties(const struct mqtt_message *m, mosquitto_property **props)
{
    if (m->passed_on)
        return pass_on_properties(m->passed_on, props);
    if ((m->content_type &&
         mosquitto_property_add_string(props, MQTT_PROP_CONTENT_TYPE, m->content_type)) ||
        (m->expiry_s &&
         mosquitto_property_add_int32(props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, m->expiry_s)) ||
        (m->message_id && mosquitto_property_add_string_pair(props, MQTT_PROP_USER_PROPERTY,
                                                             MQTT_MESSAGE_ID, m->message_id)))
        return -1;
    for (size_t i = 0; i < m->header_count; i++)
        if (mosquitto_property_add_string_pair(props, MQTT_PROP_USER_PROPERTY, m->headers[i][0],
                                               m->headers[i][1]))
            return -1;
    return 0;
}

int mqtt_link_publish(struct mqtt_link *l, const struct mqtt_message *m, int *ret_mid,
                      struct msgflo_error *e)
{
    mosquitto_property *props = NULL;
    int status;

    if (l->why.code != MSGFLO_OK)
        return check(l, MOSQ_ERR_SUCCESS, e);
    if (m->size > MQTT_MAX_PAYLOAD)
        return fail(e, MSGFLO_INVALID, "%zu bytes are more than MQTT takes", m->size);
    if (l->mqtt5 && add_properties(m, &props)) {
        mosquitto_property_free_all(&props);
        return fail(e, MSGFLO_INVALID, "a header or the content type is not fit for MQTT");
    }
    errno = 0;
    status =
        mosquitto_publish_v5(l->mosq, ret_mid, m->topic, (int)m->size, m->body, 1, false, props);
    mosquitto_property_free_all(&props);
    switch (status) {
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
        return fail(e, MSGFLO_INVALID, "'%.250s' is not fit to be a topic of MQTT", m->topic);
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return fail(e, MSGFLO_INVALID, "%zu bytes are more than the broker takes", m->size);
    case MOSQ_ERR_NOMEM:
        return fail(e, MSGFLO_NOMEM, "no memory for a message of %zu bytes", m->size);
    default:
        return check(l, status, e);
    }
}
