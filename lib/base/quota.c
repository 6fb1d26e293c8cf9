/*
 * Design notes. /proc/self/cgroup has a line for each hierarchy, `ID:CONTROLLERS:PATH`; version 2
 * is the one without controllers. PATH is below the mount where we see the whole hierarchy. Inside
 * a container it often is the host's path, of which nothing is to be seen, and the mount's root is
 * the container's own cgroup: so the path and all of its parents are looked at, up to the root, and
 * those that are not there are passed over. Parents count anyway: their limits hold for us too.
 */
#include "quota.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "err.h"

#define TEXT_MAX 4096 /* of a file read here, and of a path */

/* Version 1 says "no limit" by a number just below 2^63, so many pages of it. */
#define NO_LIMIT (INT64_C(1) << 60)

/* The file's text, cut at TEXT_MAX. Returns -1 when it cannot be read. */
static int read_text(const char *path, char ret[TEXT_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, TEXT_MAX - 1);

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return -1;
    ret[n] = '\0';
    return 0;
}

/* A file of the cgroup in `folder`. */
static int read_file(const char *folder, const char *name, char ret[TEXT_MAX])
{
    char path[2 * TEXT_MAX];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return read_text(path, ret);
}

/* The number that text begins with, before a blank or line's end; -1 for another text ("max"). */
static int64_t number(const char *text)
{
    char digits[24];
    size_t len = strcspn(text, " \n");
    int64_t n;

    if (len >= sizeof digits)
        return -1;
    memcpy(digits, text, len);
    digits[len] = '\0';
    return config_parse_number(digits, &n) ? -1 : n;
}

/* ---- one cgroup */

static void limit_memory(struct quota *q, const char *folder, const char *name)
{
    char text[TEXT_MAX];
    int64_t bytes = read_file(folder, name, text) ? -1 : number(text);

    if (bytes > 0 && bytes < NO_LIMIT && (q->memory_bytes == 0 || bytes < q->memory_bytes))
        q->memory_bytes = bytes;
}

/* Microseconds of CPU time in each period of so many: 150000 of 100000 are two CPUs, begun. */
static void limit_cpus(struct quota *q, int64_t quota_us, int64_t period_us)
{
    int64_t cpus;

    if (quota_us <= 0 || period_us <= 0)
        return;
    cpus = quota_us / period_us + (quota_us % period_us > 0);
    if (cpus < q->cpus)
        q->cpus = (int)cpus;
}

static void look_at_memory_1(struct quota *q, const char *folder)
{
    limit_memory(q, folder, "memory.limit_in_bytes");
}

static void look_at_cpu_1(struct quota *q, const char *folder)
{
    char quota[TEXT_MAX], period[TEXT_MAX];

    if (read_file(folder, "cpu.cfs_quota_us", quota) == 0 &&
        read_file(folder, "cpu.cfs_period_us", period) == 0)
        limit_cpus(q, number(quota), number(period));
}

static void look_at_2(struct quota *q, const char *folder)
{
    char text[TEXT_MAX];
    const char *period;

    limit_memory(q, folder, "memory.max");
    if (read_file(folder, "cpu.max", text) == 0 && (period = strchr(text, ' ')))
        limit_cpus(q, number(text), number(period + 1));
}

/* ---- all of them */

typedef void look_fn(struct quota *, const char *folder);

/* At the cgroup and its parents, from the mount's own root on. */
static void look_along(struct quota *q, const char *root, const char *mount, const char *path,
                       look_fn *look)
{
    char folder[TEXT_MAX];
    int n = snprintf(folder, sizeof folder, "%s%s%s", root, mount, path);
    size_t top = strlen(root) + strlen(mount);

    if (n < 0 || (size_t)n >= sizeof folder)
        folder[top] = '\0'; /* too deep to be named: its root at least */
    while (strlen(folder) >= top) {
        char *slash;

        look(q, folder);
        slash = strrchr(folder + top, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
}

static bool has_controller(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
            return true;
    return false;
}

static void look_at_hierarchy(struct quota *q, const char *root, const char *controllers,
                              const char *path)
{
    if (*controllers == '\0')
        look_along(q, root, "/sys/fs/cgroup", path, look_at_2);
    if (has_controller(controllers, "memory"))
        look_along(q, root, "/sys/fs/cgroup/memory", path, look_at_memory_1);
    if (has_controller(controllers, "cpu")) /* a link, where it is mounted with others */
        look_along(q, root, "/sys/fs/cgroup/cpu", path, look_at_cpu_1);
}

void quota_read(const char *root, int available_cpus, struct quota *ret)
{
    char path[TEXT_MAX], text[TEXT_MAX], *rest = text, *line;

    *ret = (struct quota){0, available_cpus > 0 ? available_cpus : 1};
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (read_text(path, text))
        return;
    while ((line = strsep(&rest, "\n"))) {
        char *controllers = strchr(line, ':');
        char *folder = controllers ? strchr(controllers + 1, ':') : NULL;

        if (!folder)
            continue;
        *folder++ = '\0';
        look_at_hierarchy(ret, root, controllers + 1, strcmp(folder, "/") == 0 ? "" : folder);
    }
}

int quota_cpus(void)
{
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN); /* more than a cpu_set_t holds */
    return online > 0 ? (int)online : 1;
}
