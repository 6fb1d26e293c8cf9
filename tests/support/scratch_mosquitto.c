#include "scratch_mosquitto.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "scratch_dir.h"
#include "unit.h"

#define LINE_SIZE 300
#define GONE_MS 30000

enum { LINE_URL, LINE_PID_FILE, LINE_TLS_URL, LINE_CA, LINES };

static char server_dir[SCRATCH_DIR_SIZE];
static bool is_private;
static char lines[LINES][LINE_SIZE]; /* what the service prints when it has started */

static void start_server(void)
{
    char command[600];
    FILE *services;

    snprintf(command, sizeof command, "%s/bin/lib/services mosquitto start %s tls", SOURCE_DIR,
             server_dir);
    services = popen(command, "r");
    assert_non_null(services);
    for (int i = 0; i < LINES; i++) {
        assert_non_null(fgets(lines[i], LINE_SIZE, services));
        lines[i][strcspn(lines[i], "\n")] = '\0';
    }
    assert_int_equal(pclose(services), 0);
}

int scratch_mosquitto_start(void **state)
{
    const char *url = getenv("MSGFLO_TEST_MQTT");

    (void)state;
    if (url && *url) {
        snprintf(lines[LINE_URL], LINE_SIZE, "%s", url);
        return 0;
    }
    assert_int_equal(scratch_dir(server_dir), 0);
    is_private = true;
    start_server();
    return 0;
}

int scratch_mosquitto_end(void **state)
{
    char command[600];

    (void)state;
    if (!is_private)
        return 0;
    snprintf(command, sizeof command, "%s/bin/lib/services remove %s", SOURCE_DIR, server_dir);
    return system(command) || rmdir(server_dir);
}

const char *scratch_mosquitto_url(void)
{
    return lines[LINE_URL];
}

bool scratch_mosquitto_is_private(void)
{
    return is_private;
}

const char *scratch_mosquitto_tls_url(void)
{
    return lines[LINE_TLS_URL];
}

const char *scratch_mosquitto_ca(void)
{
    return lines[LINE_CA];
}

static pid_t server_pid(void)
{
    FILE *file = fopen(lines[LINE_PID_FILE], "r");
    int pid = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

/* Its command line is empty as soon as it has ended, even while its parent has not been told. */
static bool is_running(pid_t pid)
{
    char path[64];
    FILE *file;
    bool running;

    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    file = fopen(path, "r");
    running = file && fgetc(file) != EOF;
    if (file)
        fclose(file);
    return running;
}

void scratch_mosquitto_kill(void)
{
    int64_t deadline_mono_ms = clock_mono_ms() + GONE_MS;
    pid_t pid = server_pid();

    assert_true(is_private);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (is_running(pid)) /* it is no child of ours to wait for */
        assert_true(clock_until_ms(deadline_mono_ms) > 0);
}

void scratch_mosquitto_revive(void)
{
    start_server();
}
