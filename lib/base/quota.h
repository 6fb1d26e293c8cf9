/*
 * quota.h - how much of the machine this process may use: the memory and the CPUs that its cgroups
 * leave it. A dyno or a container sees all cores of its host and much of its memory, and is ended,
 * or held up, when it uses them.
 */
#ifndef BASE_QUOTA_H
#define BASE_QUOTA_H

#include <stdint.h>

struct quota {
    int64_t memory_bytes; /* of all processes of the cgroup together; 0: no limit is known */
    int cpus;             /* that work at once; a share of one counts as one. At least 1 */
};

/*
 * Reads the least limit of the process's cgroup and of those around it, as far as they are to be
 * seen here, of version 1 and 2 of cgroups. What cannot be read counts as no limit. root stands
 * before /proc and /sys: "" but in tests. available_cpus: those that there are, quota_cpus().
 */
void quota_read(const char *root, int available_cpus, struct quota *ret);

/* The CPUs that this process may be scheduled on. */
int quota_cpus(void);

#endif
