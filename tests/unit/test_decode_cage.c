/* The cage, seen from outside by /proc and from inside by a program that tries to get out. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decode/cage.h"

#include "decoder_client.h"
#include "unit.h"

#if defined(__SANITIZE_ADDRESS__)
#define KEPT_FDS 2 /* and standard error, for the sanitizer's report */
#else
#define KEPT_FDS 1
#endif

static int start(void **state)
{
    static struct decoder_client client;

    decoder_client_start(DECODER, NULL, NULL, &client);
    *state = &client;
    return 0;
}

static int stop(void **state)
{
    decoder_client_stop(*state);
    return 0;
}

/* The value of a field in a status file of /proc. */
static long status_field(const char *path, const char *field)
{
    char line[200];
    long value = -1;
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            value = strtol(line + strlen(field) + 1, NULL, 10);
    }
    fclose(f);
    return value;
}

/* Calls each with the path of every entry of a folder of /proc; returns how many there are. */
static size_t for_entries(const char *folder, void (*each)(const char *path))
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char path[600];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (each)
            each(path);
        n++;
    }
    closedir(dir);
    return n;
}

static void assert_filtered(const char *path)
{
    char status[620];

    snprintf(status, sizeof(status), "%s/status", path);
    assert_int_equal(status_field(status, "Seccomp"), 2);
    assert_int_equal(status_field(status, "NoNewPrivs"), 1);
}

static void all_threads_are_filtered_before_work_is_taken(void **state)
{
    const struct decoder_client *c = *state;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task", (int)c->pid);
    /* more than one: the warm-up has left threads in libvips's pool */
    assert_true(for_entries(path, assert_filtered) > 1);
}

static void no_descriptor_is_open_but_the_socket(void **state)
{
    const struct decoder_client *c = *state;
    char path[64], target[64] = "";

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)c->pid);
    assert_int_equal(for_entries(path, NULL), KEPT_FDS);
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)c->pid, DECODE_SOCKET_FD);
    assert_true(readlink(path, target, sizeof(target) - 1) > 0);
    assert_int_equal(strncmp(target, "socket:", 7), 0);
}

static void the_environment_is_empty(void **state)
{
    const struct decoder_client *c = *state;
    char path[64], byte;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/environ", (int)c->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
}

static void it_is_the_first_to_go_when_memory_is_short(void **state)
{
    const struct decoder_client *c = *state;
    char path[64], text[16] = "";
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)c->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "1000\n");
    close(fd);
}

static void it_exits_0_when_the_socket_closes(void **state)
{
    struct decoder_client c;
    int status;

    (void)state;
    decoder_client_start(DECODER, NULL, NULL, &c);
    status = decoder_client_stop(&c);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void it_exits_2_when_the_parent_speaks_another_protocol(void **state)
{
    struct decoder_client c;
    int status;

    (void)state;
    decoder_client_start(DECODER, NULL, NULL, &c);
    assert_int_equal(send(c.fd, "hello", 5, MSG_NOSIGNAL), 5);
    assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
    close(c.fd);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
}

/* What the prober reports, as text. */
static void probe(const char *argument, char *ret, size_t size)
{
    struct decoder_client c;
    ssize_t n;

    decoder_client_spawn(PROBER, argument, NULL, &c);
    n = recv(c.fd, ret, size - 1, 0);
    assert_true(n > 0);
    ret[n] = '\0';
    decoder_client_stop(&c);
}

static void nothing_gets_out_of_the_cage(void **state)
{
    char report[2000], *line, *save = NULL;
    size_t lines = 0;

    (void)state;
    probe(NULL, report, sizeof(report));
    for (line = strtok_r(report, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *blank = strchr(line, ' ');
        bool thread = strncmp(line, "make_thread ", 12) == 0;

        assert_non_null(blank);
        if (atoi(blank + 1) != (thread ? 0 : EPERM))
            fail_msg("%s", line);
        lines++;
    }
    assert_true(lines >= 17);
}

static void the_same_attempts_work_without_the_cage(void **state)
{
    static const char *const expected[] = {
        "open_to_read 0\n", "make_tcp_socket 0\n", "make_unix_socket 0\n", "make_process 0\n",
        "run_program 0\n",  "signal_parent 0\n",   "map_executable 0\n",   "make_thread 0\n"};
    char report[2000];

    (void)state;
    probe("--no-sandbox", report, sizeof(report));
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        if (!strstr(report, expected[i]))
            fail_msg("no '%s' in: %s", expected[i], report);
    }
}

#if !defined(__SANITIZE_ADDRESS__)
static void a_data_limit_bounds_its_memory(void **state)
{
    struct decoder_client c;
    char path[64], line[200];
    bool found = false;
    FILE *f;

    (void)state;
    decoder_client_start(DECODER, "--data-limit", "900000000", &c);
    snprintf(path, sizeof(path), "/proc/%d/limits", (int)c.pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        found = found || (strncmp(line, "Max data size", 13) == 0 && strstr(line, "900000000"));
    fclose(f);
    assert_true(found);
    decoder_client_stop(&c);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_threads_are_filtered_before_work_is_taken),
        cmocka_unit_test(no_descriptor_is_open_but_the_socket),
        cmocka_unit_test(the_environment_is_empty),
        cmocka_unit_test(it_is_the_first_to_go_when_memory_is_short),
        cmocka_unit_test(it_exits_0_when_the_socket_closes),
        cmocka_unit_test(it_exits_2_when_the_parent_speaks_another_protocol),
        cmocka_unit_test(nothing_gets_out_of_the_cage),
        cmocka_unit_test(the_same_attempts_work_without_the_cage),
#if !defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(a_data_limit_bounds_its_memory),
#endif
    };

    return cmocka_run_group_tests(tests, start, stop);
}
