/*
 * image_server_main.c - the program `image-server`: serves a folder of pictures on loopback, well
 * or badly, as the path asks. For tests of whoever downloads from strangers.
 *
 *     image-server [--port N] [--max-seconds N] FOLDER
 *
 * prints its port as its first line. It ends after that time, and when its standard input is a pipe
 * that is closed.
 *
 *     /ok/NAME                     the file
 *     /chunked/NAME                without Content-Length
 *     /slow/MS/NAME                first waits
 *     /drip/BYTES_PER_S/NAME       slowly
 *     /status/CODE[/RETRY_AFTER]   that status
 *     /flaky/N/KEY/NAME            503 to the first N requests of that KEY, then the file
 *     /redirect/N/PATH             N redirects, then /PATH
 *     /redirect-to?url=URL         one to there
 *     /redirect-inward/INDEX       one to where no server should be sent; 404 past the last INDEX
 *     /loop                        a redirect to itself
 *     /redirect-nowhere            a 302 without Location
 *     /lie-short/NAME              Content-Length says more than comes
 *     /lie-long/NAME               Content-Length says less than comes
 *     /cut-chunk/NAME              chunked, without the last chunk
 *     /endless                     a body without end (1 GB)
 *     /huge/BYTES                  that many zeros, with Content-Length
 *     /empty                       200 and nothing
 *     /gzip/NAME                   says Content-Encoding: gzip
 *     /many-headers                1 MB of them
 *     /garbage                     no HTTP
 *     /close                       closes without an answer
 *     /once/ANY                    200 to the first request of a connection, closes at the second
 *     /hang                        never answers
 *     /count/KEY                   how often KEY was asked for: by /flaky, or by ?key=KEY anywhere;
 *                                  of KEY body-bytes: how many were received in all
 *
 * The method does not matter; a body with a Content-Length is received and thrown away.
 *
 * One blocking thread a connection, at most MAX_CONNECTIONS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"

#define MAX_CONNECTIONS 512
#define MAX_REQUEST_BYTES 16384
#define MAX_KEYS 4096
#define MAX_SECONDS 7200
#define ENDLESS_BYTES (1LL << 30)

struct client {
    int fd;
    char request[MAX_REQUEST_BYTES + 1];
    size_t len; /* read so far */
    int requests;
    char *query;   /* behind the '?', or "" */
    bool reusable; /* another request may follow on this connection */
};

struct count {
    char key[64];
    long n;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int connections;               /* guarded by lock */
static struct count counts[MAX_KEYS]; /* guarded by lock */
static int folder_fd;

/* --- counting ------------------------------------------------------------------------------- */

static struct count *find_count(const char *key)
{
    for (size_t i = 0; i < MAX_KEYS; i++) {
        if (!*counts[i].key)
            snprintf(counts[i].key, sizeof counts[i].key, "%.63s", key);
        if (strncmp(counts[i].key, key, sizeof counts[i].key - 1) == 0)
            return &counts[i];
    }
    fprintf(stderr, "image-server: more than %d keys\n", MAX_KEYS);
    exit(1);
}

static long count_up(const char *key, long by)
{
    long n;

    pthread_mutex_lock(&lock);
    n = find_count(key)->n += by;
    pthread_mutex_unlock(&lock);
    return n;
}

/* --- sending: a failure means that the client has gone --------------------------------------- */

static bool send_all(struct client *c, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len) {
        ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

        if (n <= 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            c->reusable = false;
            return false;
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_text(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool send_text(struct client *c, const char *fmt, ...)
{
    char text[MAX_REQUEST_BYTES];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return n > 0 && (size_t)n < sizeof text && send_all(c, text, (size_t)n);
}

static void send_status(struct client *c, long status, const char *headers)
{
    send_text(
        c, "HTTP/1.1 %ld Status\r\n%sContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nanswer\n",
        status, headers);
}

static void send_redirect(struct client *c, const char *location)
{
    send_text(c, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", location);
}

static void wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

/* --- files ------------------------------------------------------------------------------------ */

struct file {
    char *bytes;
    size_t len;
    const char *type;
};

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        {"jpg", "image/jpeg"},  {"jpeg", "image/jpeg"}, {"png", "image/png"}, {"gif", "image/gif"},
        {"webp", "image/webp"}, {"avif", "image/avif"}, {"txt", "text/plain"}};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot + 1, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static bool read_file(int fd, struct file *ret)
{
    struct stat st;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return false;
    ret->len = 0;
    ret->bytes = malloc((size_t)st.st_size + 1);
    while (ret->bytes && ret->len < (size_t)st.st_size) {
        ssize_t n = read(fd, ret->bytes + ret->len, (size_t)st.st_size - ret->len);

        if (n <= 0)
            break;
        ret->len += (size_t)n;
    }
    return ret->bytes != NULL;
}

/* Loads it, or answers 404 and returns false. */
static bool load(struct client *c, const char *name, struct file *ret)
{
    int fd =
        strstr(name, "..") || *name == '/' ? -1 : openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read_file(fd, ret);

    if (fd >= 0)
        close(fd);
    ret->type = type_of(name);
    if (!ok)
        send_status(c, 404, "");
    return ok;
}

static void send_head(struct client *c, const struct file *f, size_t len, const char *headers)
{
    send_text(c, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", f->type,
              len, headers);
}

/* --- behaviours: each gets what is behind its own part of the path ---------------------------- */

/* Cuts "N/rest" or "N": returns the rest ("" if none). */
static char *take_number(char *text, long *ret)
{
    char *end;

    *ret = strtol(text, &end, 10);
    return *end == '/' ? end + 1 : end;
}

static void serve_ok(struct client *c, char *name)
{
    struct file f;

    if (!load(c, name, &f))
        return;
    send_head(c, &f, f.len, "");
    send_all(c, f.bytes, f.len);
    free(f.bytes);
}

static bool send_chunk(struct client *c, const void *bytes, size_t len)
{
    return send_text(c, "%zx\r\n", len) && send_all(c, bytes, len) && send_text(c, "\r\n");
}

static void send_chunked(struct client *c, const struct file *f)
{
    send_text(c, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
              f->type);
    for (size_t at = 0, n; at < f->len; at += n) {
        n = f->len - at < 10000 ? f->len - at : 10000;
        send_chunk(c, f->bytes + at, n);
    }
}

static void serve_chunked(struct client *c, char *name)
{
    struct file f;

    if (!load(c, name, &f))
        return;
    send_chunked(c, &f);
    send_text(c, "0\r\n\r\n");
    free(f.bytes);
}

static void serve_cut_chunk(struct client *c, char *name)
{
    struct file f;

    if (!load(c, name, &f))
        return;
    send_chunked(c, &f);
    c->reusable = false;
    free(f.bytes);
}

static void serve_slow(struct client *c, char *rest)
{
    long ms;

    rest = take_number(rest, &ms);
    wait_ms(ms);
    serve_ok(c, rest);
}

static void serve_drip(struct client *c, char *rest)
{
    struct file f;
    long speed;
    size_t slice;

    rest = take_number(rest, &speed);
    slice = speed >= 20 ? (size_t)speed / 20 : 1;
    if (!load(c, rest, &f))
        return;
    send_head(c, &f, f.len, "");
    for (size_t at = 0, n; at < f.len; at += n) {
        n = f.len - at < slice ? f.len - at : slice;
        if (!send_all(c, f.bytes + at, n))
            break;
        wait_ms(50);
    }
    free(f.bytes);
}

static void serve_status(struct client *c, char *rest)
{
    char header[64] = "";
    long status;

    rest = take_number(rest, &status);
    if (*rest)
        snprintf(header, sizeof header, "Retry-After: %.20s\r\n", rest);
    send_status(c, status, header);
}

static void serve_flaky(struct client *c, char *rest)
{
    long failures;
    char *key = take_number(rest, &failures), *name = strchr(key, '/');

    if (!name) {
        send_status(c, 400, "");
        return;
    }
    *name++ = '\0';
    if (count_up(key, 1) <= failures)
        send_status(c, 503, "");
    else
        serve_ok(c, name);
}

static void serve_redirect(struct client *c, char *rest)
{
    char location[MAX_REQUEST_BYTES];
    long hops;

    rest = take_number(rest, &hops);
    if (hops > 1)
        snprintf(location, sizeof location, "/redirect/%ld/%s", hops - 1, rest);
    else
        snprintf(location, sizeof location, "/%s", rest);
    send_redirect(c, location);
}

static void unescape(char *text)
{
    char *to = text;

    for (; *text; text++, to++) {
        unsigned byte;

        *to = *text;
        if (*text == '%' && sscanf(text + 1, "%2x", &byte) == 1) {
            *to = (char)byte;
            text += 2;
        }
    }
    *to = '\0';
}

static void serve_redirect_to(struct client *c, char *rest)
{
    (void)rest;
    if (strncmp(c->query, "url=", 4) != 0) {
        send_status(c, 400, "");
        return;
    }
    unescape(c->query);
    send_redirect(c, c->query + 4);
}

static void serve_redirect_inward(struct client *c, char *rest)
{
    static const char *const targets[] = {
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:1/",
        "http://[::ffff:127.0.0.1]:1/",
        "http://0.0.0.0:1/",
        "http://2130706433:1/",
        "http://0x7f.1:1/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "https://127.0.0.1:1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:1/_x",
        "ftp://127.0.0.1:1/",
        "dict://127.0.0.1:1/x",
        "http://me:secret@127.0.0.1:1/",
    };
    long i;

    take_number(rest, &i);
    if (i < 0 || (size_t)i >= sizeof targets / sizeof *targets)
        send_status(c, 404, "");
    else
        send_redirect(c, targets[i]);
}

static void serve_redirect_nowhere(struct client *c, char *rest)
{
    (void)rest;
    send_status(c, 302, "");
}

static void serve_loop(struct client *c, char *rest)
{
    (void)rest;
    send_redirect(c, "/loop");
}

static void serve_lie_short(struct client *c, char *name)
{
    struct file f;

    if (!load(c, name, &f))
        return;
    send_head(c, &f, f.len + 1000, "");
    send_all(c, f.bytes, f.len);
    c->reusable = false;
    free(f.bytes);
}

static void serve_lie_long(struct client *c, char *name)
{
    struct file f;

    if (!load(c, name, &f))
        return;
    send_head(c, &f, f.len / 2, "");
    send_all(c, f.bytes, f.len);
    c->reusable = false;
    free(f.bytes);
}

static void serve_endless(struct client *c, char *rest)
{
    static const char block[65536];
    bool ok;

    (void)rest;
    ok = send_text(c, "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n");
    for (long long sent = 0; ok && sent < ENDLESS_BYTES; sent += (long long)sizeof block)
        ok = send_chunk(c, block, sizeof block);
    c->reusable = false;
}

static void serve_huge(struct client *c, char *rest)
{
    static const char block[65536];
    struct file f = {.type = "image/png"};
    long size, sent = 0;

    take_number(rest, &size);
    send_head(c, &f, (size_t)size, "");
    while (sent < size) {
        size_t n = size - sent < (long)sizeof block ? (size_t)(size - sent) : sizeof block;

        if (!send_all(c, block, n))
            return;
        sent += (long)n;
    }
}

static void serve_empty(struct client *c, char *rest)
{
    struct file f = {.type = "image/png"};

    (void)rest;
    send_head(c, &f, 0, "");
}

static void serve_gzip(struct client *c, char *name)
{
    struct file f;

    if (!load(c, name, &f))
        return;
    send_head(c, &f, f.len, "Content-Encoding: gzip\r\n");
    send_all(c, f.bytes, f.len);
    free(f.bytes);
}

static void serve_many_headers(struct client *c, char *rest)
{
    bool ok = send_text(c, "HTTP/1.1 200 OK\r\n");

    (void)rest;
    for (int i = 0; ok && i < 1024; i++)
        ok = send_text(c, "X-Header-%d: %01000d\r\n", i, 0);
    send_text(c, "Content-Length: 0\r\n\r\n");
    c->reusable = false;
}

static void serve_garbage(struct client *c, char *rest)
{
    (void)rest;
    send_text(c, "\x16\x03\x01 this is not the protocol that you are looking for\r\n\r\n");
    c->reusable = false;
}

static void serve_close(struct client *c, char *rest)
{
    (void)rest;
    c->reusable = false;
}

static void serve_once(struct client *c, char *rest)
{
    if (c->requests == 1)
        serve_empty(c, rest);
    else
        c->reusable = false;
}

static void serve_hang(struct client *c, char *rest)
{
    char byte;

    (void)rest;
    while (recv(c->fd, &byte, 1, 0) > 0)
        ; /* until the client has had enough */
    c->reusable = false;
}

static void serve_count(struct client *c, char *key)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", count_up(key, 0));

    send_text(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", n,
              text);
}

static const struct behaviour {
    const char *path;
    void (*serve)(struct client *c, char *rest);
} behaviours[] = {
    {"/ok/", serve_ok},
    {"/chunked/", serve_chunked},
    {"/slow/", serve_slow},
    {"/drip/", serve_drip},
    {"/status/", serve_status},
    {"/flaky/", serve_flaky},
    {"/redirect/", serve_redirect},
    {"/redirect-to", serve_redirect_to},
    {"/redirect-inward/", serve_redirect_inward},
    {"/redirect-nowhere", serve_redirect_nowhere},
    {"/loop", serve_loop},
    {"/lie-short/", serve_lie_short},
    {"/lie-long/", serve_lie_long},
    {"/cut-chunk/", serve_cut_chunk},
    {"/endless", serve_endless},
    {"/huge/", serve_huge},
    {"/empty", serve_empty},
    {"/gzip/", serve_gzip},
    {"/many-headers", serve_many_headers},
    {"/garbage", serve_garbage},
    {"/close", serve_close},
    {"/once/", serve_once},
    {"/hang", serve_hang},
    {"/count/", serve_count},
};

/* --- connections ------------------------------------------------------------------------------ */

static void serve(struct client *c, char *path)
{
    const char *key;

    c->query = path + strcspn(path, "?");
    if (*c->query)
        *c->query++ = '\0';
    key = strncmp(c->query, "key=", 4) == 0 ? c->query + 4 : "";
    if (*key)
        count_up(key, 1);
    for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++) {
        size_t len = strlen(behaviours[i].path);

        if (strncmp(path, behaviours[i].path, len) == 0) {
            behaviours[i].serve(c, path + len);
            return;
        }
    }
    send_status(c, 404, "");
}

/* Reads one request's head. Returns where the next request begins, or 0: the client has gone. */
static size_t read_request(struct client *c)
{
    for (;;) {
        char *end;
        ssize_t n;

        c->request[c->len] = '\0';
        end = strstr(c->request, "\r\n\r\n");
        if (end)
            return (size_t)(end + 4 - c->request);
        n = c->len < MAX_REQUEST_BYTES
                ? recv(c->fd, c->request + c->len, MAX_REQUEST_BYTES - c->len, 0)
                : 0;
        if (n <= 0)
            return 0;
        c->len += (size_t)n;
    }
}

/* Not so /once, which is about connections that close without a word. */
static bool wants_continue(const struct client *c)
{
    return strcasestr(c->request, "\r\nExpect: 100-continue") && !strstr(c->request, " /once/");
}

/* Takes the body from what follows the head, which ends at `used`. Returns whether all of it came.
 */
static bool skip_body(struct client *c, size_t used)
{
    const char *length = strcasestr(c->request, "\r\nContent-Length:");
    size_t left = length ? strtoul(length + 17, NULL, 10) : 0;
    size_t here = c->len - used < left ? c->len - used : left;
    char sink[65536];

    if (wants_continue(c))
        send_text(c, "HTTP/1.1 100 Continue\r\n\r\n");
    count_up("body-bytes", (long)left);
    memmove(c->request + used, c->request + used + here, c->len - used - here);
    c->len -= here;
    for (left -= here; left;) {
        ssize_t n = recv(c->fd, sink, left < sizeof sink ? left : sizeof sink, 0);

        if (n <= 0)
            return false;
        left -= (size_t)n;
    }
    return true;
}

/* The path of "GET /path HTTP/1.1", cut out in place; "" for anything else. */
static char *path_of(char *request)
{
    char *path = strchr(request, ' ');

    if (!path)
        return request + strlen(request);
    path++;
    path[strcspn(path, " \r\n")] = '\0';
    return path;
}

static void *serve_connection(void *user)
{
    struct client *c = user;
    size_t used;

    do {
        used = read_request(c);
        if (!used || !skip_body(c, used))
            break;
        c->requests++;
        c->reusable = true;
        serve(c, path_of(c->request));
        memmove(c->request, c->request + used, c->len - used);
        c->len -= used;
    } while (c->reusable);
    close(c->fd);
    free(c);
    pthread_mutex_lock(&lock);
    connections--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static bool may_have_another(void)
{
    bool may;

    pthread_mutex_lock(&lock);
    may = connections < MAX_CONNECTIONS;
    connections += may;
    pthread_mutex_unlock(&lock);
    return may;
}

static void accept_one(int listener, const pthread_attr_t *attr)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
    struct client *c;
    pthread_t thread;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!may_have_another()) {
        close(fd);
        return;
    }
    c = calloc(1, sizeof *c);
    if (c)
        c->fd = fd;
    if (!c || pthread_create(&thread, attr, serve_connection, c)) {
        fprintf(stderr, "image-server: no memory for a connection\n");
        exit(1);
    }
}

static int listen_on(uint16_t port, int *ret_port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, MAX_CONNECTIONS) ||
        getsockname(fd, (struct sockaddr *)&a, &len)) {
        perror("image-server: listen");
        exit(1);
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static bool is_pipe(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static void run(int listener, int64_t end_mono_ms)
{
    struct pollfd fds[] = {{.fd = listener, .events = POLLIN},
                           {.fd = is_pipe(STDIN_FILENO) ? STDIN_FILENO : -1, .events = POLLIN}};
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    while (clock_mono_ms() < end_mono_ms) {
        char byte;

        if (poll(fds, 2, clock_until_ms(end_mono_ms)) < 0 && errno != EINTR)
            break;
        if (fds[1].revents && read(STDIN_FILENO, &byte, 1) <= 0)
            break;
        if (fds[0].revents)
            accept_one(listener, &attr);
    }
    pthread_attr_destroy(&attr);
}

static int usage(void)
{
    fprintf(stderr, "usage: image-server [--port N] [--max-seconds N] FOLDER\n");
    return 2;
}

int main(int argc, char **argv)
{
    int64_t port = 0, seconds = MAX_SECONDS;
    int i = 1, listener, bound;

    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        int64_t *value = strcmp(argv[i], "--port") == 0          ? &port
                         : strcmp(argv[i], "--max-seconds") == 0 ? &seconds
                                                                 : NULL;

        if (!value || config_parse_number(argv[i + 1], value) || *value < 0)
            return usage();
    }
    if (i != argc - 1 || port > 65535 || seconds > MAX_SECONDS)
        return usage();
    folder_fd = open(argv[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) {
        perror(argv[i]);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    listener = listen_on((uint16_t)port, &bound);
    printf("%d\n", bound);
    fflush(stdout);
    run(listener, clock_mono_ms() + seconds * 1000);
    _exit(0); /* the threads of open connections end with the process */
}
