/*
 * What a cgroup leaves a process, read from files as the kernel has them: of version 1 and 2, seen
 * from the machine and from inside a container.
 */
#include <sys/stat.h>

#include "base/quota.h"
#include "scratch_dir.h"

#include "unit.h"

#define MB (INT64_C(1024) * 1024)

static char root[SCRATCH_DIR_SIZE];

static int make_root(void **state)
{
    (void)state;
    return scratch_dir(root);
}

static int remove_root(void **state)
{
    char command[SCRATCH_DIR_SIZE + 20];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

/* Writes root/path, with the folders on the way. */
static void put_file(const char *path, const char *text)
{
    char full[600];
    FILE *file;

    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        mkdir(full, 0755);
    }
    file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

struct file {
    const char *path, *text;
};

static const struct {
    const char *what;
    struct file files[6];
    int64_t memory_bytes;
    int cpus; /* of 8 */
} cases[] = {
    {"nothing can be read", {{NULL, NULL}}, 0, 8},
    {"version 2, inside a container: its own cgroup is the root",
     {{"/proc/self/cgroup", "0::/\n"},
      {"/sys/fs/cgroup/memory.max", "536870912\n"},
      {"/sys/fs/cgroup/cpu.max", "150000 100000\n"}},
     512 * MB,
     2},
    {"version 2, no limits",
     {{"/proc/self/cgroup", "0::/user.slice\n"},
      {"/sys/fs/cgroup/user.slice/memory.max", "max\n"},
      {"/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"}},
     0,
     8},
    {"version 2, from the machine: the least of a cgroup and those around it",
     {{"/proc/self/cgroup", "0::/pods/one/web\n"},
      {"/sys/fs/cgroup/pods/one/web/memory.max", "max\n"},
      {"/sys/fs/cgroup/pods/one/memory.max", "1073741824\n"},
      {"/sys/fs/cgroup/pods/memory.max", "8589934592\n"},
      {"/sys/fs/cgroup/pods/cpu.max", "50000 100000\n"}},
     1024 * MB,
     1},
    {"version 1, of the process's own cgroup",
     {{"/proc/self/cgroup", "4:memory:/dyno/7\n3:cpuset:/\n2:cpu,cpuacct:/dyno/7\n0::/\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
      {"/sys/fs/cgroup/memory/dyno/7/memory.limit_in_bytes", "536870912\n"},
      {"/sys/fs/cgroup/cpu/dyno/7/cpu.cfs_quota_us", "400000\n"},
      {"/sys/fs/cgroup/cpu/dyno/7/cpu.cfs_period_us", "100000\n"}},
     512 * MB,
     4},
    {"version 1, inside a container: the path is the host's, the files are at the root",
     {{"/proc/self/cgroup", "4:memory:/docker/abc\n2:cpuacct,cpu:/docker/abc\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     256 * MB,
     8},
    {"more CPUs allowed than there are",
     {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "6400000 100000\n"}},
     0,
     8},
    {"files that say nothing of use",
     {{"/proc/self/cgroup", "nonsense\n7:\n0::/../up\n4:memory:/\n2:cpu:/\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "many\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "0\n"},
      {"/sys/fs/cgroup/memory.max", ""},
      {"/sys/fs/cgroup/cpu.max", "7"}},
     0,
     8},
};

static void finds_the_least_limit_that_holds(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct quota q;

        assert_int_equal(make_root(state), 0);
        for (size_t k = 0; k < 6 && cases[i].files[k].path; k++)
            put_file(cases[i].files[k].path, cases[i].files[k].text);
        quota_read(root, 8, &q);
        if (q.memory_bytes != cases[i].memory_bytes || q.cpus != cases[i].cpus)
            fail_msg("%s: %lld bytes, %d CPUs", cases[i].what, (long long)q.memory_bytes, q.cpus);
        assert_int_equal(remove_root(state), 0);
    }
}

static void looks_at_the_root_where_the_path_is_too_long(void **state)
{
    char text[3900 + 20] = "0::";
    struct quota q;

    (void)state;
    memset(text + 3, '/', 3900);
    strcpy(text + 3900, "\n");
    put_file("/proc/self/cgroup", text);
    put_file("/sys/fs/cgroup/memory.max", "1048576\n");
    quota_read(root, 1, &q);
    assert_int_equal(q.memory_bytes, MB);
}

static void there_is_always_a_cpu(void **state)
{
    struct quota q;

    (void)state;
    quota_read(root, 0, &q);
    assert_int_equal(q.cpus, 1);
    assert_true(quota_cpus() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_least_limit_that_holds),
        cmocka_unit_test_setup_teardown(looks_at_the_root_where_the_path_is_too_long, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(there_is_always_a_cpu, make_root, remove_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
