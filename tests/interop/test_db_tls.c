/*
 * test_db_tls.c - what reaches a database without TLS, and what does not, by what is sent to a
 * server that has none: of lib/db, and of bin/migrate, which keeps the same rule in shell.
 * Addresses that are no loopback addresses by their looks, and lead here all the same, stand for
 * other machines.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "db/db.h"

#include "unit.h"

#define SSL_REQUEST 80877103 /* PostgreSQL, 55.7, SSLRequest */

static int listener;
static int port;
static pthread_t thread;
static atomic_int asked;        /* connections */
static atomic_int sent_a_login; /* of them, those that went on without TLS */

static uint32_t read_code(int fd)
{
    uint32_t words[2] = {0, 0}; /* length, code */

    if (recv(fd, words, sizeof words, MSG_WAITALL) != (ssize_t)sizeof words)
        return 0;
    return ntohl(words[1]);
}

/* A server without TLS: it says so, and looks whether a login follows. */
static void *serve(void *arg)
{
    int fd;

    (void)arg;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        uint32_t code = read_code(fd);

        atomic_fetch_add(&asked, 1);
        if (code == SSL_REQUEST && send(fd, "N", 1, MSG_NOSIGNAL) == 1)
            code = read_code(fd);
        if (code != 0 && code != SSL_REQUEST)
            atomic_fetch_add(&sent_a_login, 1);
        close(fd);
    }
    return NULL;
}

static int start_server(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    (void)state;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    port = ntohs(a.sin_port);
    return pthread_create(&thread, NULL, serve, NULL);
}

static int stop_server(void **state)
{
    (void)state;
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    return close(listener);
}

/* PORT stands for the server's. */
static const struct {
    const char *url;
    const char *variable, *value; /* in the environment, or NULL */
    bool goes_without_tls;
} cases[] = {
    {"postgres://me@127.0.0.1:PORT/x", NULL, NULL, true},
    {"postgres://me@localhost:PORT/x", NULL, NULL, true},
    {"postgres://me@127.0.0.1:PORT/x?sslmode=require", NULL, NULL, false},
    {"postgres://me@0.0.0.0:PORT/x", NULL, NULL, false},
    {"postgresql://me@0.0.0.0:PORT/x", NULL, NULL, false},
    {"postgres://me:p%40localhost@0.0.0.0:PORT/x", NULL, NULL, false},
    {"postgres://me:?localhost@0.0.0.0:PORT/x", NULL, NULL, false},
    {"postgres://me@0.0.0.0:PORT/x?sslmode=disable", NULL, NULL, true},
    {"postgres://me@0.0.0.0:PORT/x?application_name=a&sslmode=prefer", NULL, NULL, true},
    {"postgres://me@[::ffff:127.0.0.1]:PORT/x", NULL, NULL, false},
    {"postgres://me@[::ffff:127.0.0.1]:PORT/x?sslmode=disable", NULL, NULL, true},
    {"postgres://me@127.0.0.1:PORT,0.0.0.0:PORT/x", NULL, NULL, false},
    {"postgres://me@127.0.0.1:PORT,localhost:PORT/x", NULL, NULL, true},
    {"postgres://me@/x?host=0.0.0.0&port=PORT", NULL, NULL, false},
    {"postgres://me@/x?port=PORT&host=%30.0.0.0", NULL, NULL, false},
    {"postgres://me@/x?host=%31%32%37.0.0.1&port=PORT", NULL, NULL, true},
    {"postgres://me@localhost:PORT/x?host=0.0.0.0", NULL, NULL, false},
    {"postgres://me@localhost:PORT/x?hostaddr=0.0.0.0", NULL, NULL, false},
    {"postgres://me@some.name:PORT/x?hostaddr=127.0.0.1", NULL, NULL, true},
    {"postgres://me@:PORT/x", "PGHOST", "0.0.0.0", false},
    {"postgres:///x?user=me&port=PORT", "PGHOST", "0.0.0.0", false},
    {"postgres:///x?user=me&port=PORT", "PGHOST", "127.0.0.1", true},
    {"postgres://me@127.0.0.1:PORT/x", "PGHOST", "0.0.0.0", true},
    {"postgres://me@0.0.0.0:PORT/x", "PGSSLMODE", "disable", true},
    {"postgres://me@0.0.0.0:PORT/x?sslmode=require", "PGSSLMODE", "disable", false},
    {"postgres://me@127.0.0.1:PORT/x", "PGSSLMODE", "require", false},
};

static void connect_by_lib_db(const char *url)
{
    const struct db_options options = {.url = url, .application = "test"};
    struct err e = ERR_INIT;
    struct db *db = db_new(&options, &e);

    assert_non_null(db);
    assert_int_equal(db_connect(db, &e), -1);
    db_free(db);
}

static void connect_by_migrate(const char *url)
{
    char command[600];

    snprintf(command, sizeof command, "DATABASE_URL='%s' %s/bin/migrate >/dev/null 2>&1", url,
             SOURCE_DIR);
    assert_int_not_equal(system(command), 0);
}

static void try_all(void (*connect)(const char *url))
{
    size_t wrong = 0;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at;
        AUTO(buf_release) struct buf url = BUF_INIT;

        for (const char *rest = cases[i].url; rest; rest = at ? at + 4 : NULL) {
            at = strstr(rest, "PORT");
            buf_printf(&url, "%.*s", (int)(at ? (size_t)(at - rest) : strlen(rest)), rest);
            if (at)
                buf_printf(&url, "%d", port);
        }
        if (cases[i].variable)
            setenv(cases[i].variable, cases[i].value, 1);
        atomic_store(&asked, 0);
        atomic_store(&sent_a_login, 0);
        connect(url.data);
        if (cases[i].variable)
            unsetenv(cases[i].variable);
        if ((atomic_load(&sent_a_login) > 0) != cases[i].goes_without_tls ||
            atomic_load(&asked) == 0) {
            print_message("%s, %s=%s: %d asked, %d went on without TLS\n", url.data,
                          cases[i].variable ? cases[i].variable : "", cases[i].value,
                          atomic_load(&asked), atomic_load(&sent_a_login));
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void a_remote_server_is_not_talked_to_without_tls(void **state)
{
    (void)state;
    try_all(connect_by_lib_db);
}

static void nor_by_migrate(void **state)
{
    (void)state;
    try_all(connect_by_migrate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_remote_server_is_not_talked_to_without_tls),
        cmocka_unit_test(nor_by_migrate),
    };
    static const char *const settings[] = {"PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGPORT"};

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        unsetenv(settings[i]);
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
