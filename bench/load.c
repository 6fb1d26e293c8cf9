/*
 * load.c - an open load: jobs of one image at the times of a Poisson process, whatever the answers
 * take.
 *     bench-load [--seed N] [--tag TEXT] --plan T:RATE,... --target URL SOURCE...
 * The rate, in jobs a second, follows straight lines between the points of the plan and ends with
 * the last. One seed and plan give the same arrivals on every machine. Prints a CSV line for each
 * arrival once the last has its answer: when it was due, how much later it was sent, what it was
 * answered and after how long.
 *
 * Design notes
 *
 * All times are drawn before the first request. A request that is due is started at once, beside
 * all that have no answer yet: a client that waits for its answers would slow down with the service
 * and hide how long it takes ("coordinated omission").
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/options.h"
#include "simulate/random.h"

#define MAX_ARRIVALS 100000
#define MAX_POINTS 100
#define MAX_RATE 10000.0 /* a second */
#define ANSWER_TIMEOUT_MS 30000L
#define JOB_SIZE 64

struct load_options {
    int64_t seed, side_px;
    const char *plan, *target, *tag;
};

#define AT(member) .offset = offsetof(struct load_options, member)
static const struct option_spec specs[] = {
    {"seed", NULL, 0, OPTION_NUMBER, "N", AT(seed), .value_default = "1", .max = INT32_MAX,
     .help = "other arrivals of the same plan"},
    {"plan", NULL, 0, OPTION_TEXT, "T:RATE,...", AT(plan),
     .help = "jobs a second at so many seconds, from 0 on"},
    {"target", NULL, 0, OPTION_TEXT, "URL", AT(target), .help = "the service"},
    {"tag", NULL, 0, OPTION_TEXT, "TEXT", AT(tag), .value_default = "load",
     .help = "is in each job's metadata as `load`"},
    {"side", NULL, 0, OPTION_NUMBER, "N", AT(side_px), .value_default = "160", .min = 1,
     .max = 4096, .unit = "pixels", .help = "the box the images are fitted into"},
};
static const struct option_table table = {specs, sizeof(specs) / sizeof(*specs)};

struct arrival {
    double due_s; /* since the start */
    int64_t sent_mono_ms, took_ms;
    long status;        /* of HTTP; 0: no answer */
    char job[JOB_SIZE]; /* its id; "": none */
    char *body;
    CURL *request;
};

static struct arrival *arrivals;
static size_t n_arrivals;

static void die(const char *what)
{
    fprintf(stderr, "bench-load: %s\n", what);
    exit(1);
}

/* ---- the plan */

struct plan {
    double t_s[MAX_POINTS], per_s[MAX_POINTS];
    size_t n;
};

static void read_plan(const char *text, struct plan *ret)
{
    int len;

    ret->n = 0;
    do {
        double *t_s = &ret->t_s[ret->n], *per_s = &ret->per_s[ret->n];

        if (ret->n == MAX_POINTS || sscanf(text, "%lf:%lf%n", t_s, per_s, &len) != 2 ||
            !(*per_s >= 0 && *per_s <= MAX_RATE) || !(ret->n ? *t_s > t_s[-1] : *t_s == 0))
            die("--plan: T:RATE,... from 0 on, T in seconds and growing, RATE 0..10000");
        ret->n++;
        text += len;
    } while (*text++ == ',');
    if (text[-1] || ret->n < 2)
        die("--plan: two points at least, and nothing behind the last");
}

/* When a line from per_s on with that slope has `jobs` below it. */
static double time_of(double jobs, double per_s, double slope)
{
    if (fabs(slope) < 1e-9)
        return jobs / per_s;
    return (sqrt(fmax(0, per_s * per_s + 2 * slope * jobs)) - per_s) / slope;
}

/* A Poisson process whose rate changes is one of rate 1 on a clock that runs as fast as the rate.
 */
static void draw_arrivals(const struct plan *plan, uint64_t seed)
{
    struct random random;
    double left; /* of that clock until the next arrival */

    arrivals = calloc(MAX_ARRIVALS, sizeof *arrivals);
    if (!arrivals)
        die("no memory");
    random_init(&random, seed, 0);
    left = random_exponential(&random, 1);
    for (size_t i = 0; i + 1 < plan->n; i++) {
        double span_s = plan->t_s[i + 1] - plan->t_s[i];
        double slope = (plan->per_s[i + 1] - plan->per_s[i]) / span_s;
        double jobs = (plan->per_s[i] + plan->per_s[i + 1]) / 2 * span_s, at = left;

        for (; at < jobs; at += random_exponential(&random, 1)) {
            if (n_arrivals == MAX_ARRIVALS)
                die("--plan: more than 100,000 jobs");
            arrivals[n_arrivals++].due_s = plan->t_s[i] + time_of(at, plan->per_s[i], slope);
        }
        left = at - jobs;
    }
}

/* ---- requests */

static size_t ignore(char *bytes, size_t size, size_t n, void *user)
{
    (void)bytes;
    (void)user;
    return size * n;
}

/* Keeps what is behind the last slash of Location: the job's id. */
static size_t take_header(char *bytes, size_t size, size_t n, void *user)
{
    static const char name[] = "location:";
    struct arrival *a = user;
    size_t len = size * n;

    if (len > sizeof name && curl_strnequal(bytes, name, sizeof name - 1)) {
        size_t from;

        while (len && strchr("\r\n", bytes[len - 1]))
            len--;
        for (from = len; from && bytes[from - 1] != '/';)
            from--;
        snprintf(a->job, sizeof a->job, "%.*s", (int)(len - from), bytes + from);
    }
    return size * n;
}

static void start(CURLM *all, const struct load_options *o, const char *source, struct arrival *a,
                  struct curl_slist *headers)
{
    struct buf body = BUF_INIT;
    char url[512];

    buf_printf(&body,
               "{\"images\":[{\"input\":\"%s\",\"width\":%" PRId64 ",\"height\":%" PRId64
               ",\"format\":\"jpeg\"}],\"metadata\":{\"load\":\"%s\",\"n\":%td}}",
               source, o->side_px, o->side_px, o->tag, a - arrivals);
    snprintf(url, sizeof url, "%s/jobs", o->target);
    a->body = buf_detach(&body);
    a->request = curl_easy_init();
    if (!a->body || !a->request)
        die("no memory");
    curl_easy_setopt(a->request, CURLOPT_URL, url);
    curl_easy_setopt(a->request, CURLOPT_PROXY, "");
    curl_easy_setopt(a->request, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(a->request, CURLOPT_TIMEOUT_MS, ANSWER_TIMEOUT_MS);
    curl_easy_setopt(a->request, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(a->request, CURLOPT_POSTFIELDS, a->body);
    curl_easy_setopt(a->request, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(a->request, CURLOPT_HEADERDATA, a);
    curl_easy_setopt(a->request, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(a->request, CURLOPT_PRIVATE, a);
    a->sent_mono_ms = clock_mono_ms();
    if (curl_multi_add_handle(all, a->request))
        die("a request cannot be started");
}

static void take_answers(CURLM *all)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(all, &left))) {
        CURL *request = message->easy_handle;
        struct arrival *a = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(request, CURLINFO_PRIVATE, (char **)&a);
        if (message->data.result == CURLE_OK)
            curl_easy_getinfo(request, CURLINFO_RESPONSE_CODE, &a->status);
        a->took_ms = clock_mono_ms() - a->sent_mono_ms;
        curl_multi_remove_handle(all, request);
        curl_easy_cleanup(request);
        free(a->body);
        a->body = NULL;
    }
}

static int64_t due_ms(const struct arrival *a, int64_t started_ms)
{
    return started_ms + (int64_t)floor(a->due_s * 1000);
}

static void send_all(const struct load_options *o, const struct option_texts *sources,
                     int64_t started_ms)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURLM *all = curl_multi_init();
    size_t next = 0;
    int running = 0;

    if (!all || !headers)
        die("no memory");
    while (next < n_arrivals || running > 0) {
        int wait_ms = 1000;

        for (; next < n_arrivals && due_ms(&arrivals[next], started_ms) <= clock_mono_ms(); next++)
            start(all, o, sources->items[next % sources->n], &arrivals[next], headers);
        if (curl_multi_perform(all, &running))
            die("requests fail");
        take_answers(all);
        if (next < n_arrivals)
            wait_ms = clock_until_ms(due_ms(&arrivals[next], started_ms));
        if ((next < n_arrivals || running > 0) && curl_multi_poll(all, NULL, 0, wait_ms, NULL))
            die("requests fail");
    }
    curl_multi_cleanup(all);
    curl_slist_free_all(headers);
}

/* ---- all of it */

static void print(int64_t started_ms, int64_t started_wall_ms)
{
    printf("n,due_at,due_s,late_ms,status,answer_ms,job\n");
    for (size_t i = 0; i < n_arrivals; i++) {
        const struct arrival *a = &arrivals[i];
        char due_at[TIMESTAMP_SIZE];

        clock_timestamp(started_wall_ms + (int64_t)floor(a->due_s * 1000), due_at);
        printf("%zu,%s,%.3f,%" PRId64 ",%ld,%" PRId64 ",%s\n", i, due_at, a->due_s,
               a->sent_mono_ms - due_ms(a, started_ms), a->status, a->took_ms, a->job);
    }
}

static int say_help(void)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_text(&text, "usage: bench-load --plan T:RATE,... --target URL [OPTION]... SOURCE...\n\n");
    options_help(&table, &text);
    return text.failed || fputs(text.data, stdout) < 0;
}

int main(int argc, char **argv)
{
    struct load_options options = {0};
    struct option_texts sources;
    struct plan plan;
    struct err e = ERR_INIT;
    int64_t started_ms, started_wall_ms;

    switch (options_parse(&table, argc, argv, &options, &sources, &e)) {
    case OPTIONS_HELP:
        return say_help();
    case OPTIONS_WRONG:
        die(e.text);
        break;
    case OPTIONS_OK:
        break;
    }
    if (!options.plan || !options.target || sources.n == 0)
        die("--plan, --target and a source are needed; see --help");
    read_plan(options.plan, &plan);
    draw_arrivals(&plan, (uint64_t)options.seed);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    started_ms = clock_mono_ms();
    started_wall_ms = clock_wall_ms();
    send_all(&options, &sources, started_ms);
    print(started_ms, started_wall_ms);
    curl_global_cleanup();
    free(arrivals);
    return 0;
}
