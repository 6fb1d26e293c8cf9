/*
 * The result stores as far as no server is needed: what they refuse at start, and the folder.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resize/result_store.h"
#include "resize/sha256.h"

#define NAME "0192d3a4-5b6c-7d8e-9f00-112233445566-0123456789abcdef.jpg"

struct told {
    bool ended;
    enum store_outcome outcome;
};

static void on_stored(enum store_outcome outcome, const char *detail, void *user)
{
    struct told *told = user;

    assert_int_equal(outcome == STORE_OK, detail == NULL);
    told->ended = true;
    told->outcome = outcome;
}

static int memfd_of(const char *text)
{
    int fd = memfd_create("output", MFD_CLOEXEC);

    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    return fd;
}

static struct result_store *open_store(const char *output, struct err *e)
{
    const struct settings settings = {.output = output, .s3_key = "key"};

    return result_store_new(&settings, NULL, e);
}

static struct store_put *put(struct result_store *store, int fd, struct told *ret)
{
    const struct store_item item = {
        .name = NAME, .type = "image/jpeg", .fd = fd, .bytes = 5, .sha256_hex = ""};
    struct err e = ERR_INIT;
    struct store_put *put = result_store_put(store, &item, on_stored, ret, &e);

    assert_non_null(put);
    assert_false(ret->ended);
    return put;
}

static void assert_file(const char *dir, const char *text)
{
    char path[200], bytes[20] = "";
    int fd;

    snprintf(path, sizeof path, "%s/" NAME, dir);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof bytes - 1), (int)strlen(text));
    assert_string_equal(bytes, text);
    close(fd);
    unlink(path);
}

static int count_files(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2; /* . and .. */
}

static void writes_whole_files_and_leaves_nothing_else(void **state)
{
    char dir[] = "/tmp/outputs-XXXXXX", setting[60];
    struct err e = ERR_INIT;
    struct told told = {0}, again = {0};
    struct result_store *store;
    int fd = memfd_of("bytes");
    char *address;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(setting, sizeof setting, "file://%s", dir);
    store = open_store(setting, &e);
    assert_non_null(store);
    put(store, fd, &told);
    assert_int_equal(result_store_timeout_ms(store), 0);
    result_store_service(store);
    assert_int_equal(told.outcome, STORE_OK);
    put(store, fd, &again);
    result_store_service(store);
    assert_int_equal(again.outcome, STORE_OK);
    assert_int_equal(count_files(dir), 1);
    assert_file(dir, "bytes");
    address = result_store_address(store, NAME);
    assert_string_equal(address, "/outputs/" NAME);
    free(address);
    close(fd);
    result_store_free(store);
    rmdir(dir);
}

static void forgets_a_put_that_is_cancelled(void **state)
{
    char dir[] = "/tmp/outputs-XXXXXX", setting[60];
    struct err e = ERR_INIT;
    struct told first = {0}, second = {0}, third = {0};
    struct result_store *store;
    struct store_put *cancelled;
    int fd = memfd_of("bytes");

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(setting, sizeof setting, "file://%s", dir);
    store = open_store(setting, &e);
    put(store, fd, &first);
    cancelled = put(store, fd, &second);
    put(store, fd, &third);
    store_put_cancel(cancelled);
    while (result_store_timeout_ms(store) == 0)
        result_store_service(store);
    assert_true(first.ended && third.ended);
    assert_false(second.ended);
    assert_file(dir, "bytes");
    close(fd);
    result_store_free(store);
    rmdir(dir);
}

static void says_that_a_folder_that_went_away_may_come_back(void **state)
{
    char dir[] = "/tmp/outputs-XXXXXX", setting[60];
    struct err e = ERR_INIT;
    struct told told = {0};
    struct result_store *store;
    int fd = memfd_of("bytes");

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(setting, sizeof setting, "file://%s", dir);
    store = open_store(setting, &e);
    rmdir(dir);
    put(store, fd, &told);
    result_store_service(store);
    assert_int_equal(told.outcome, STORE_AWAY);
    close(fd);
    result_store_free(store);
}

static void refuses_at_start_what_cannot_work(void **state)
{
    static const struct {
        const char *output, *named;
    } cases[] = {
        {"file:///nowhere/at/all", "/nowhere/at/all"},
        {"file:///dev/null", "/dev/null"},
        {"s3://bucket", "IMAGERESIZE_S3_SECRET"},
        {"postgres:", "DATABASE_URL"},
        {"ftp:", "IMAGERESIZE_OUTPUT"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;

        assert_null(open_store(cases[i].output, &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.text, cases[i].named));
    }
}

/* The vectors of FIPS 180-2, appendix B.1, and of the empty text. */
static void hashes_what_a_descriptor_holds(void **state)
{
    char hex[SHA256_HEX_SIZE];
    struct err e = ERR_INIT;
    int fd = memfd_of("abc");

    (void)state;
    assert_int_equal(sha256_of_fd(fd, 3, hex, &e), 0);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(sha256_of_fd(fd, 0, hex, &e), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(sha256_of_fd(fd, 4, hex, &e), -1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_whole_files_and_leaves_nothing_else),
        cmocka_unit_test(forgets_a_put_that_is_cancelled),
        cmocka_unit_test(says_that_a_folder_that_went_away_may_come_back),
        cmocka_unit_test(refuses_at_start_what_cannot_work),
        cmocka_unit_test(hashes_what_a_descriptor_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
