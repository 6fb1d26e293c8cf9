/*
 * pipeline.c - images/s of the whole service, from the first POST to the last ended image, with the
 * CPU time and the resident memory of everything that took part.
 *     bench-pipeline SIZE IMAGES_A_JOB NAME=PID,... -- URL...
 * IMAGERESIZE_TEST_TARGET names the service. NAME=PID are the processes measured, each with all
 * that it started. Prints "images_s cpu_ms", then a line a name: "NAME cpu_ms resident_kib".
 */
#include <curl/curl.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define PROCESSES_MAX 32

struct process {
    char name[32];
    pid_t pid;
    double cpu_s;      /* used between the two looks */
    long resident_kib; /* the largest seen */
};

static struct process processes[PROCESSES_MAX];
static size_t process_count;

static void die(const char *what)
{
    fprintf(stderr, "bench-pipeline: %s\n", what);
    exit(1);
}

/* ---- what /proc says */

static int read_stat(pid_t pid, pid_t *ret_parent, double *ret_cpu_s, long *ret_resident_kib)
{
    char path[64], stat[1024], *p;
    long long user, sys, child_user, child_sys, pages;
    FILE *file;
    size_t len;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (!file)
        return -1;
    len = fread(stat, 1, sizeof stat - 1, file);
    fclose(file);
    stat[len] = '\0';
    p = strrchr(stat, ')');
    if (!p ||
        sscanf(p + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld %*d %*d %*d %*d "
               "%*u %*u %lld",
               ret_parent, &user, &sys, &child_user, &child_sys, &pages) != 6)
        return -1;
    *ret_cpu_s = (double)(user + sys + child_user + child_sys) / (double)sysconf(_SC_CLK_TCK);
    *ret_resident_kib = (long)pages * (sysconf(_SC_PAGESIZE) / 1024);
    return 0;
}

static void add_tree(pid_t pid, double *cpu_s, long *resident_kib)
{
    DIR *proc;
    struct dirent *entry;
    pid_t parent;
    double cpu;
    long resident;

    if (read_stat(pid, &parent, &cpu, &resident))
        return;
    *cpu_s += cpu;
    *resident_kib += resident;
    proc = opendir("/proc");
    while (proc && (entry = readdir(proc))) {
        pid_t child = (pid_t)atoi(entry->d_name);

        if (child > 0 && read_stat(child, &parent, &cpu, &resident) == 0 && parent == pid)
            add_tree(child, cpu_s, resident_kib);
    }
    if (proc)
        closedir(proc);
}

static void look(double sign)
{
    for (size_t i = 0; i < process_count; i++) {
        double cpu_s = 0;
        long resident_kib = 0;

        add_tree(processes[i].pid, &cpu_s, &resident_kib);
        processes[i].cpu_s += sign * cpu_s;
        if (resident_kib > processes[i].resident_kib)
            processes[i].resident_kib = resident_kib;
    }
}

/* ---- the service */

static size_t keep(char *bytes, size_t size, size_t n, void *user)
{
    return buf_append(user, bytes, size * n) ? 0 : size * n;
}

/* A POST of body, or a GET that waits; the answer's JSON, new. */
static json_t *ask(CURL *curl, const char *url, const char *body)
{
    AUTO(buf_release) struct buf answer = BUF_INIT;
    struct curl_slist *headers =
        curl_slist_append(NULL, body ? "Content-Type: application/json" : "Prefer: wait=25");
    json_t *json;
    long status = 0;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (curl_easy_perform(curl) != CURLE_OK)
        die("no answer");
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (status != 202 && status != 200)
        die(answer.data ? answer.data : "refused");
    json = json_loadb(answer.data, answer.len, 0, NULL);
    if (!json)
        die("the answer is not JSON");
    return json;
}

static void job_url(const json_t *job, char *ret, size_t size)
{
    snprintf(ret, size, "%s/jobs/%s", getenv("IMAGERESIZE_TEST_TARGET"),
             json_string_value(json_object_get(job, "id")));
}

static void post(CURL *curl, char **urls, int n, int size_px, char *ret, size_t size)
{
    AUTO(buf_release) struct buf body = BUF_INIT;
    char url[512];
    json_t *job;

    for (int i = 0; i < n; i++)
        buf_printf(&body, "%s{\"input\":\"%s\",\"width\":%d,\"height\":%d,\"format\":\"jpeg\"}",
                   i ? "," : "{\"images\":[", urls[i], size_px, size_px);
    buf_text(&body, "]}");
    snprintf(url, sizeof url, "%s/jobs", getenv("IMAGERESIZE_TEST_TARGET"));
    job = ask(curl, url, body.data);
    job_url(job, ret, size);
    json_decref(job);
}

static void wait_for(CURL *curl, const char *url)
{
    for (;;) {
        json_t *job = ask(curl, url, NULL);
        const char *status = json_string_value(json_object_get(job, "status"));
        int ended = strcmp(status, "completed") == 0, failed = strcmp(status, "failed") == 0;

        json_decref(job);
        if (failed)
            die("a job failed");
        if (ended)
            return;
        look(0); /* for the resident sizes */
    }
}

static int read_processes(char **argv)
{
    int i = 3;

    for (; argv[i] && strcmp(argv[i], "--") != 0; i++) {
        struct process *p = &processes[process_count];
        int pid;

        if (process_count == PROCESSES_MAX || sscanf(argv[i], "%31[^=]=%d", p->name, &pid) != 2)
            die("NAME=PID expected");
        p->pid = pid;
        process_count++;
    }
    return i + 1;
}

int main(int argc, char **argv)
{
    char(*jobs)[512];
    int first, images, per_job, job_count = 0;
    int64_t started;
    double took_s, cpu_s = 0;
    CURL *curl;

    if (argc < 5)
        die("SIZE IMAGES_A_JOB NAME=PID... -- URL...");
    first = read_processes(argv);
    images = argc - first;
    per_job = atoi(argv[2]);
    jobs = calloc((size_t)images, sizeof *jobs);
    curl = curl_easy_init();
    if (images < 1 || per_job < 1 || !jobs || !curl)
        die("nothing to do");
    look(-1);
    started = clock_mono_ms();
    for (int i = 0; i < images; i += per_job)
        post(curl, argv + first + i, images - i < per_job ? images - i : per_job, atoi(argv[1]),
             jobs[job_count++], sizeof *jobs);
    for (int i = 0; i < job_count; i++)
        wait_for(curl, jobs[i]);
    took_s = (double)(clock_mono_ms() - started) / 1000;
    look(1);
    for (size_t i = 0; i < process_count; i++)
        cpu_s += processes[i].cpu_s;
    printf("%.2f %.2f\n", images / took_s, cpu_s * 1000 / images);
    for (size_t i = 0; i < process_count; i++)
        printf("%s %.2f %ld\n", processes[i].name, processes[i].cpu_s * 1000 / images,
               processes[i].resident_kib);
    curl_easy_cleanup(curl);
    free(jobs);
    return 0;
}
