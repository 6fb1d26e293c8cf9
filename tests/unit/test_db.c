/*
 * What lib/db does without a server. What it does with one is in tests/interop/test_db_server.c.
 */
#include "db/db.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

/* A port of this machine that nobody listens on: it stays bound, unlistened, to *ret_fd. */
static int closed_port(int *ret_fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_fd = fd;
    return ntohs(a.sin_port);
}

static void refuses_a_bad_url_without_quoting_its_password(void **state)
{
    static const char *const urls[] = {
        "postgres://me:secret%zz@host/db",
        "postgres://me:secret@host/db?nonsense=secret",
        "postgres://me:secret@[::1/db",
    };

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct db_options options = {.url = urls[i], .application = "test"};
        struct err e = ERR_INIT;

        assert_null(db_new(&options, &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_null(strstr(e.text, "secret"));
    }
}

static void an_absent_server_is_unavailable_and_tried_again_later(void **state)
{
    struct db_options options = {.application = "test"};
    struct err e = ERR_INIT;
    struct db *db;
    char url[80];
    int fd;

    (void)state;
    snprintf(url, sizeof url, "postgres://me:secret@127.0.0.1:%d/db", closed_port(&fd));
    options.url = url;
    db = db_new(&options, &e);
    assert_non_null(db);
    assert_int_equal(db_retry_ms(db), 0);
    assert_int_equal(db_connect(db, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_null(strstr(e.text, "secret"));
    assert_null(strchr(e.text, '\n'));
    assert_false(db_connected(db));
    assert_null(db_conn(db));
    assert_in_range(db_retry_ms(db), 1, 500);

    err_clear(&e);
    assert_null(db_exec(db, "SELECT 1", 0, NULL, &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_int_equal(db_generation(db), 0);
    db_free(db);
    db_free(NULL);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_bad_url_without_quoting_its_password),
        cmocka_unit_test(an_absent_server_is_unavailable_and_tried_again_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
