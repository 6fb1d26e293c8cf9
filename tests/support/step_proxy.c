#include "step_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit.h"

#define CONNECTIONS_MAX 256      /* at once: a busy machine is slow to see that they have ended */
#define BUFFER_SIZE (256 * 1024) /* of two frames as large as RabbitMQ allows */
#define FRAME_HEAD 7
#define FRAME_METHOD 1
#define STEP_CHANNELS 3
#define URL_SIZE 300
#define NAME_SIZE 200
#define DEADLINE_MS 30000

enum { AMQP, API, DOORS };

#define CLASS_CHANNEL 20
#define BASIC_CONSUME (60 << 16 | 20)
#define BASIC_ACK (60 << 16 | 80)

struct side {
    int fd;
    unsigned char bytes[BUFFER_SIZE]; /* that came and were not passed on */
    size_t len;
};

struct connection {
    bool is_open, greeted;
    int door;
    struct side client, server;
};

struct step_proxy {
    step_fn *decide;
    void *user;
    const char *target[DOORS];
    char url[DOORS][URL_SIZE];
    pthread_t thread;
    int stop_fd;
    atomic_bool is_watching, ends;
    /* owner: the thread */
    int listener[DOORS]; /* -1: takes no more */
    struct connection *connections;
    struct connection *cut_at; /* whose next answer, on the channel, is where all ends */
    unsigned cut_channel;
    int fate;
};

/* ---- sockets ---- */

static int port_of(const char *url)
{
    const char *at = strrchr(url, '@'), *colon = at ? strchr(at, ':') : NULL;

    assert_non_null(colon);
    return atoi(colon + 1);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Returns the socket and its port. */
static int listen_somewhere(int *ret_port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, CONNECTIONS_MAX), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void send_at_once(int fd)
{
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* -1 while the broker is away. */
static int connect_to(const char *url)
{
    struct sockaddr_in address = loopback(port_of(url));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    send_at_once(fd);
    return fd;
}

/* What the other end does not take is lost with its connection. */
static void pass(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    ssize_t n;

    for (; len; at += n, len -= (size_t)n) {
        n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
    }
}

/* Once the server has read all and closed: what it was told before has been done. */
static void end_server(int fd)
{
    int64_t deadline_mono_ms = clock_mono_ms() + DEADLINE_MS;
    struct pollfd pfd = {fd, POLLIN, 0};
    char rest[4096];

    shutdown(fd, SHUT_WR);
    while (poll(&pfd, 1, clock_until_ms(deadline_mono_ms)) == 1 &&
           recv(fd, rest, sizeof rest, 0) > 0)
        ;
    close(fd);
}

static void end_connection(struct connection *c)
{
    if (!c->is_open)
        return;
    close(c->client.fd);
    end_server(c->server.fd);
    c->is_open = false;
}

static void end_all(struct step_proxy *p)
{
    p->cut_at = NULL;
    for (int i = 0; p->fate == STEP_LAST && i < DOORS; i++) {
        close(p->listener[i]);
        p->listener[i] = -1;
    }
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        end_connection(&p->connections[i]);
}

static void take_connection(struct step_proxy *p, int door)
{
    struct connection *c = p->connections;
    int client = accept(p->listener[door], NULL, NULL), server = connect_to(p->target[door]);

    while (c < p->connections + CONNECTIONS_MAX && c->is_open)
        c++;
    /* Not asserted: cmocka ends the program without a word when a thread's assertion fails. */
    if (client < 0 || server < 0 || c == p->connections + CONNECTIONS_MAX) {
        if (client >= 0)
            close(client);
        if (server >= 0)
            close(server);
        return;
    }
    send_at_once(client);
    c->is_open = true;
    c->greeted = false;
    c->door = door;
    c->client.fd = client;
    c->server.fd = server;
    c->client.len = c->server.len = 0;
}

/* ---- steps ---- */

/* Whether it goes on. */
static bool step(struct step_proxy *p, struct connection *c, unsigned channel, const char *name)
{
    int fate = STEP_PASSES;
    char refusal[100];

    if (atomic_load(&p->is_watching))
        fate = p->decide(p->user, name);
    if (fate == STEP_PASSES)
        return true;
    p->fate = fate;
    if (fate == STEP_LOST)
        end_all(p);
    if (fate == STEP_LOST || fate == STEP_HANGS)
        return false;
    if (fate >= 400) {
        snprintf(refusal, sizeof refusal, "HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n", fate);
        pass(c->client.fd, refusal, strlen(refusal));
        return false;
    }
    p->cut_at = c;
    p->cut_channel = channel;
    return true;
}

static unsigned number(const unsigned char *bytes, int n)
{
    unsigned value = 0;

    for (int i = 0; i < n; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The length of the frame at the beginning (AMQP 0-9-1, 2.3.5), or 0: more has to come. */
static size_t frame_length(const struct side *s)
{
    size_t len = s->len < FRAME_HEAD ? 0 : FRAME_HEAD + number(s->bytes + 3, 4) + 1;

    assert_true(len <= sizeof s->bytes);
    return len <= s->len ? len : 0;
}

static void drop_bytes(struct side *s, size_t n)
{
    s->len -= n;
    memmove(s->bytes, s->bytes + n, s->len);
}

static void name_method(unsigned method, char ret[NAME_SIZE])
{
    static const struct {
        unsigned method;
        const char *name;
    } names[] = {{20 << 16 | 10, "channel.open"},     {20 << 16 | 40, "channel.close"},
                 {40 << 16 | 10, "exchange.declare"}, {40 << 16 | 20, "exchange.delete"},
                 {50 << 16 | 10, "queue.declare"},    {50 << 16 | 20, "queue.bind"},
                 {50 << 16 | 50, "queue.unbind"},     {50 << 16 | 40, "queue.delete"},
                 {60 << 16 | 70, "basic.get"},        {60 << 16 | 40, "basic.publish"},
                 {BASIC_CONSUME, "basic.consume"},    {BASIC_ACK, "basic.ack"}};

    snprintf(ret, NAME_SIZE, "method %u.%u", method >> 16, method & 0xffff);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].method == method)
            snprintf(ret, NAME_SIZE, "%s", names[i].name);
}

static bool is_method(const unsigned char *frame)
{
    return frame[0] == FRAME_METHOD;
}

static bool is_step(const unsigned char *frame, unsigned channel, unsigned method)
{
    if (!is_method(frame) || channel == 0)
        return false;
    return channel <= STEP_CHANNELS || method >> 16 == CLASS_CHANNEL || method == BASIC_CONSUME;
}

/* Whole frames only, so that none is cut in two. */
static void frames_of_client(struct step_proxy *p, struct connection *c)
{
    char name[NAME_SIZE];
    size_t len;

    if (!c->greeted && c->client.len >= 8) {
        pass(c->server.fd, c->client.bytes, 8);
        drop_bytes(&c->client, 8);
        c->greeted = true;
    }
    while (c->greeted && c->is_open && (len = frame_length(&c->client))) {
        const unsigned char *frame = c->client.bytes;
        unsigned channel = number(frame + 1, 2), method = number(frame + FRAME_HEAD, 4);

        name_method(method, name);
        if (is_step(frame, channel, method) && !step(p, c, channel, name))
            return;
        pass(c->server.fd, frame, len);
        drop_bytes(&c->client, len);
        if (p->cut_at == c && method == BASIC_ACK) /* which has no answer */
            end_all(p);
    }
}

static void frames_of_server(struct step_proxy *p, struct connection *c)
{
    size_t len;

    while (c->is_open && (len = frame_length(&c->server))) {
        const unsigned char *frame = c->server.bytes;

        if (p->cut_at == c && is_method(frame) && number(frame + 1, 2) == p->cut_channel) {
            end_all(p);
            return;
        }
        pass(c->client.fd, frame, len);
        drop_bytes(&c->server, len);
    }
}

/* libcurl sends a request that is as small as ours at once. */
static void request_of_client(struct step_proxy *p, struct connection *c)
{
    char name[NAME_SIZE];
    int len = 0;

    while (len < NAME_SIZE - 1 && (size_t)len < c->client.len && c->client.bytes[len] != '\r')
        len++;
    snprintf(name, sizeof name, "%.*s", len, (const char *)c->client.bytes);
    if (step(p, c, 0, name))
        pass(c->server.fd, c->client.bytes, c->client.len);
    c->client.len = 0;
}

static void answer_of_server(struct step_proxy *p, struct connection *c)
{
    if (p->cut_at == c) {
        end_all(p);
        return;
    }
    pass(c->client.fd, c->server.bytes, c->server.len);
    c->server.len = 0;
}

/* ---- the thread ---- */

/* Reads what has come: false at the end of it. */
static bool take(struct side *s)
{
    ssize_t n = recv(s->fd, s->bytes + s->len, sizeof s->bytes - s->len, 0);

    if (n <= 0)
        return false;
    s->len += (size_t)n;
    return true;
}

static void serve(struct step_proxy *p, struct connection *c, bool from_client, bool from_server)
{
    if (from_client && c->is_open) {
        if (!take(&c->client))
            end_connection(c);
        else if (c->door == AMQP)
            frames_of_client(p, c);
        else
            request_of_client(p, c);
    }
    if (from_server && c->is_open) {
        if (!take(&c->server))
            end_connection(c);
        else if (c->door == AMQP)
            frames_of_server(p, c);
        else
            answer_of_server(p, c);
    }
}

static void *run(void *proxy)
{
    struct step_proxy *p = proxy;

    while (!atomic_load(&p->ends)) {
        struct pollfd fds[1 + DOORS + 2 * CONNECTIONS_MAX] = {{p->stop_fd, POLLIN, 0}};
        struct pollfd *of = fds + 1 + DOORS;

        for (int i = 0; i < DOORS; i++)
            fds[1 + i] = (struct pollfd){p->listener[i], POLLIN, 0};
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            const struct connection *c = &p->connections[i];

            of[2 * i] = (struct pollfd){c->is_open ? c->client.fd : -1, POLLIN, 0};
            of[2 * i + 1] = (struct pollfd){c->is_open ? c->server.fd : -1, POLLIN, 0};
        }
        (void)poll(fds, sizeof fds / sizeof *fds, -1);
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            serve(p, &p->connections[i], of[2 * i].revents, of[2 * i + 1].revents);
        for (int i = 0; i < DOORS; i++)
            if (fds[1 + i].revents && p->listener[i] >= 0)
                take_connection(p, i);
    }
    p->fate = STEP_LAST;
    end_all(p);
    return NULL;
}

/* The same URL with our port. */
static void make_url(char ret[URL_SIZE], const char *url, int port)
{
    const char *colon = strchr(strrchr(url, '@'), ':'), *rest = strchr(colon, '/');

    snprintf(ret, URL_SIZE, "%.*s:%d%s", (int)(colon - url), url, port, rest ? rest : "");
}

struct step_proxy *step_proxy_start(const char *broker_url, const char *management_url,
                                    step_fn *decide, void *user)
{
    struct step_proxy *p = calloc(1, sizeof *p);
    int port;

    assert_non_null(p);
    p->connections = calloc(CONNECTIONS_MAX, sizeof *p->connections);
    assert_non_null(p->connections);
    p->decide = decide;
    p->user = user;
    p->target[AMQP] = broker_url;
    p->target[API] = management_url;
    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    for (int i = 0; i < DOORS; i++) {
        p->listener[i] = listen_somewhere(&port);
        make_url(p->url[i], p->target[i], port);
    }
    assert_int_equal(pthread_create(&p->thread, NULL, run, p), 0);
    return p;
}

void step_proxy_stop(struct step_proxy *p)
{
    atomic_store(&p->ends, true);
    assert_int_equal(eventfd_write(p->stop_fd, 1), 0);
    pthread_join(p->thread, NULL);
    close(p->stop_fd);
    free(p->connections);
    free(p);
}

void step_proxy_watch(struct step_proxy *p, bool on)
{
    atomic_store(&p->is_watching, on);
}

const char *step_proxy_broker_url(const struct step_proxy *p)
{
    return p->url[AMQP];
}

const char *step_proxy_management_url(const struct step_proxy *p)
{
    return p->url[API];
}
