/*
 * imageresize-resize - takes images from its queue, resizes them and tells the result.
 * Wires the participant, the fetcher, the decoders and the result store into one loop.
 *     imageresize-resize [--role NAME] | --check | --version
 * Exits 0 after SIGTERM or SIGINT, 2 when it cannot start (a wrong call or setting, no decoder), 1
 * when it cannot go on. Until it is connected and announced it prints nothing but errors, since
 * who starts a participant takes its first output as the sign that it is there.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "allowance.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/quota.h"
#include "decoder_pool.h"
#include "fetch/fetch.h"
#include "fetch/s3.h"
#include "job/message.h"
#include "job/output_target.h"
#include "job/settings.h"
#include "msgflo/msgflo.h"
#include "result_store.h"
#include "start/start.h"
#include "work.h"

#define COMPONENT "imageresize/ResizeImage"
#define DECODER_PROGRAM "imageresize-decode"
/* Then what is in hand goes back to the queue. With a last try of the database (3 s) before and
 * after it, and the goodbye to the broker, the end is within 25 s. */
#define DRAIN_MS 17000
#define LAST_WORDS_MS 2000
#define DECODER_DATA_SPARE_BYTES (256 * MEBIBYTE) /* beside the images: code's data, stacks */

struct program {
    struct settings settings;
    int64_t memory_mb; /* for this process and its decoders; 0: no limit */
    struct allowance allowance;
    bool has_told_allowance;
    const char *role;
    char decoder_path[4096];
    struct guard *guard;
    struct fetcher *fetcher;
    struct decoder_pool *decoders;
    struct result_store *store;
    struct workshop *workshop;
    struct msgflo_participant *participant;
    int signal_fd;
    struct pollfd *fds;
    bool draining;
    int64_t drain_end_mono_ms;
};

/* ---- start ---- */

static int read_arguments(int argc, char **argv, const char **role)
{
    *role = "resize";
    if (argc == 3 && strcmp(argv[1], "--role") == 0 && argv[2][0])
        *role = argv[2];
    else if (argc != 1) {
        fputs("usage: imageresize-resize [--role NAME] | --check | --version\n", stderr);
        return -1;
    }
    return 0;
}

/* Signals come through a descriptor, so that no code runs at a signal. */
static int open_signals(struct err *e)
{
    sigset_t signals;
    int fd;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_set(e, ERR_BUG, "signals: %s", strerror(errno));
    fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_set(e, ERR_BUG, "signals: %s", strerror(errno));
    return fd;
}

/* The decoder stands beside this program. */
static int find_decoder(char *ret, size_t size, struct err *e)
{
    ssize_t n = readlink("/proc/self/exe", ret, size - sizeof DECODER_PROGRAM);
    char *slash;

    if (n < 0)
        return err_set(e, ERR_UNAVAILABLE, "/proc/self/exe: %s", strerror(errno));
    ret[n] = '\0';
    slash = strrchr(ret, '/');
    strcpy(slash ? slash + 1 : ret, DECODER_PROGRAM);
    return 0;
}

/* What the process and its decoders may use, and make of it. */
static void reckon(struct program *p)
{
    const struct settings *s = &p->settings;
    struct allowance_wish wish = {.decoders = s->decoders,
                                  .decoder_memory_mb = s->decoder_memory_mb,
                                  .decoder_memory_fixed =
                                      config_env("IMAGERESIZE_DECODER_MEMORY") != NULL,
                                  .source_memory_mb = s->source_memory_mb,
                                  .max_source_mb = s->max_source_mb};
    struct quota quota;

    quota_read("", quota_cpus(), &quota);
    wish.cpus = quota.cpus;
    wish.memory_mb = s->memory_mb > 0 ? s->memory_mb : quota.memory_bytes / MEBIBYTE;
    p->memory_mb = wish.memory_mb;
    p->allowance = allowance_reckon(&wish);
}

static int open_decoders(struct program *p, struct err *e)
{
    const struct settings *s = &p->settings;
    struct decoder_pool_options options = {
        .command = {.program = p->decoder_path,
                    .sandbox = strcmp(s->sandbox, "off") != 0,
                    .data_limit_bytes =
                        p->allowance.decoder_memory_mb * MEBIBYTE + DECODER_DATA_SPARE_BYTES},
        .decoders = (size_t)p->allowance.decoders,
        .cpu_limit_ms = s->resize_timeout_s * 1000,
        .memory_bytes = p->allowance.decoder_memory_mb * MEBIBYTE,
        .images = s->decoder_images,
        .resident_bytes = s->decoder_resident_mb * MEBIBYTE};

#if defined(__SANITIZE_ADDRESS__)
    options.command.data_limit_bytes = 0; /* the sanitizer's shadow is terabytes */
    options.resident_bytes *= 8;
#endif
    if (find_decoder(p->decoder_path, sizeof p->decoder_path, e))
        return -1;
    p->decoders = decoder_pool_new(&options, e);
    return p->decoders ? 0 : -1;
}

/* What is wrong with the output itself, start_load() has told. */
static void check_endpoint(const struct settings *s, struct buf *problems)
{
    struct output_target output;
    struct err bad_output = ERR_INIT, e = ERR_INIT;
    bool has_bucket =
        output_target_parse(s->output, s->s3_bucketeer_bucket, &output, &bad_output) == 0 &&
        output.kind == OUTPUT_S3;

    if (s->s3_endpoint && s3_check_endpoint(s->s3_endpoint, has_bucket ? output.bucket : NULL, &e))
        buf_printf(problems, "IMAGERESIZE_S3_ENDPOINT: %s\n", e.text);
}

/* What start_load() cannot know of. */
static void check_settings(const struct settings *s, struct buf *problems)
{
    struct err e = ERR_INIT;
    struct guard *guard = guard_new(s->fetch_allow, &e);

    guard_free(guard);
    if (!guard)
        buf_printf(problems, "IMAGERESIZE_FETCH_ALLOW: %s\n", e.text);
    check_endpoint(s, problems);
}

static int open_fetcher(struct program *p, struct err *e)
{
    const struct settings *s = &p->settings;
    struct fetcher_options options = {.timeout_ms = s->fetch_timeout_s * 1000,
                                      .max_redirects = (int)s->max_redirects,
                                      .max_bytes = s->max_source_mb * MEBIBYTE,
                                      .max_bytes_in_hand = s->source_memory_mb * MEBIBYTE,
                                      .user_agent = "imageresize/" IMAGERESIZE_VERSION,
                                      .ca_file = s->ca_file};

    p->guard = guard_new(s->fetch_allow, e);
    if (!p->guard)
        return -1;
    options.guard = p->guard;
    p->fetcher = fetcher_new(&options, e);
    return p->fetcher ? 0 : -1;
}

static void tell_allowance(struct program *p)
{
    const struct allowance *a = &p->allowance;

    p->has_told_allowance = true;
    log_info("decoders", "count=%d decoder_memory_mb=%d memory_mb=%d needed_mb=%d",
             (int)a->decoders, (int)a->decoder_memory_mb, (int)p->memory_mb, (int)a->needed_mb);
    if (p->memory_mb > 0 && a->needed_mb > p->memory_mb)
        log_warn("memory_short", "message=%s",
                 log_quote("the process may need more memory than it may use: lower "
                           "IMAGERESIZE_DECODERS, IMAGERESIZE_DECODER_MEMORY, "
                           "IMAGERESIZE_SOURCE_MEMORY or IMAGERESIZE_MAX_SOURCE"));
}

static void on_input(struct msgflo_participant *participant, struct msgflo_delivery *d, void *user)
{
    struct program *p = user;

    workshop_take(p->workshop, participant, d);
}

static void on_state(struct msgflo_participant *participant, enum msgflo_state state,
                     const char *text, void *user)
{
    struct program *p = user;

    switch (state) {
    case MSGFLO_CONNECTED:
        log_info("broker_up", "id=%s", msgflo_id(participant));
        if (!p->has_told_allowance)
            tell_allowance(p);
        break;
    case MSGFLO_DISCONNECTED:
        log_warn("broker_down", "message=%s", log_quote(text));
        workshop_disconnected(p->workshop);
        break;
    case MSGFLO_WARNING:
        log_warn("broker_warning", "message=%s", log_quote(text));
        break;
    }
}

static int open_participant(struct program *p, struct err *e)
{
    static const struct msgflo_port inports[] = {
        {.id = "in", .type = "object", .description = "images to resize"}};
    static const struct msgflo_port outports[] = {
        {.id = "started", .type = "object", .description = "images whose download begins"},
        {.id = "out", .type = "object", .description = "results"},
        {.id = "error", .type = "object", .description = "failures, for good or to be tried again"},
    };
    static const struct msgflo_definition definition = {.component = COMPONENT,
                                                        .label = "Resizes images",
                                                        .icon = "compress",
                                                        .inports = inports,
                                                        .inport_count = 1,
                                                        .outports = outports,
                                                        .outport_count = 3};
    const struct msgflo_options options = {.broker = p->settings.broker,
                                           .ca_file = p->settings.ca_file,
                                           .role = p->role,
                                           .prefetch = (unsigned)p->settings.resize_concurrent,
                                           .discovery_period_s =
                                               (unsigned)p->settings.discovery_period_s,
                                           .max_message_bytes = MESSAGE_BYTES_MAX,
                                           .on_input = on_input,
                                           .on_state = on_state,
                                           .user = p};
    struct msgflo_error error;

    p->participant = msgflo_new(&definition, &options, &error);
    if (!p->participant)
        return err_set(e, ERR_INPUT, "MSGFLO_BROKER: %s", error.text);
    return 0;
}

static int open_all(struct program *p, struct err *e)
{
    reckon(p);
    p->signal_fd = open_signals(e);
    if (p->signal_fd < 0 || open_fetcher(p, e) || open_decoders(p, e))
        return -1;
    p->store = result_store_new(&p->settings, p->fetcher, e);
    if (!p->store)
        return -1;
    p->workshop = workshop_new(&(struct workshop_tools){.settings = &p->settings,
                                                        .fetcher = p->fetcher,
                                                        .decoders = p->decoders,
                                                        .store = p->store},
                               e);
    if (!p->workshop)
        return -1;
    p->fds = calloc(3 + decoder_pool_max_fds(p->decoders), sizeof *p->fds);
    return p->fds ? 0 : err_set(e, ERR_NOMEM, "the loop");
}

/* Works first: each still uses its tools and ends its delivery; then the participant tells the
 * last fates, for which the workshop must stand. */
static void close_all(struct program *p)
{
    if (p->workshop)
        workshop_give_back(p->workshop);
    msgflo_free(p->participant);
    workshop_free(p->workshop);
    result_store_free(p->store);
    decoder_pool_free(p->decoders);
    fetcher_free(p->fetcher);
    guard_free(p->guard);
    if (p->signal_fd >= 0)
        close(p->signal_fd);
    free(p->fds);
}

/* ---- the loop ---- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int timeout_ms(const struct program *p)
{
    int ms = least(decoder_pool_timeout_ms(p->decoders), result_store_timeout_ms(p->store));

    ms = least(ms, workshop_timeout_ms(p->workshop));
    if (p->participant)
        ms = least(ms, msgflo_timeout_ms(p->participant));
    if (p->draining)
        ms = least(ms, clock_until_ms(p->drain_end_mono_ms));
    return ms;
}

static int wait_for_events(struct program *p, struct err *e)
{
    size_t n = 0;

    p->fds[n++] = (struct pollfd){p->signal_fd, POLLIN, 0};
    if (p->participant && msgflo_fd(p->participant) >= 0)
        p->fds[n++] = (struct pollfd){msgflo_fd(p->participant), POLLIN, 0};
    if (result_store_pollfd(p->store, &p->fds[n]))
        n++;
    n += decoder_pool_fds(p->decoders, &p->fds[n]);
    return fetcher_poll(p->fetcher, p->fds, n, timeout_ms(p), e);
}

/* A second signal changes nothing: the drain goes on. */
static void read_signals(struct program *p)
{
    struct signalfd_siginfo info;

    while (read(p->signal_fd, &info, sizeof info) > 0) {
        if (p->draining)
            continue;
        p->draining = true;
        p->drain_end_mono_ms = clock_mono_ms() + DRAIN_MS;
        if (p->participant)
            msgflo_stop_inputs(p->participant);
        workshop_drain(p->workshop);
        if (p->participant)
            log_info("draining", "in_hand=%zu", workshop_in_hand(p->workshop));
    }
}

static bool is_finished(const struct program *p)
{
    return p->draining &&
           (workshop_in_hand(p->workshop) == 0 || clock_until_ms(p->drain_end_mono_ms) == 0);
}

static int turn(struct program *p, struct err *e)
{
    if (wait_for_events(p, e))
        return -1;
    read_signals(p);
    decoder_pool_service(p->decoders);
    result_store_service(p->store);
    if (p->participant)
        msgflo_service(p->participant);
    workshop_service(p->workshop);
    return decoder_pool_is_broken(p->decoders, e) ? -1 : 0;
}

/* Nothing is taken on, and nothing announced, before a decoder has stood up in its cage. */
static int run(struct program *p, struct err *e)
{
    while (!is_finished(p)) {
        if (!p->participant && decoder_pool_is_ready(p->decoders) && open_participant(p, e))
            return -1;
        if (turn(p, e))
            return -1;
    }
    return 0;
}

/* After a drain that took too long: gives back, and lets the last reports be confirmed. */
static void say_goodbye(struct program *p)
{
    int64_t end_mono_ms = clock_mono_ms() + LAST_WORDS_MS;
    struct err e = ERR_INIT;

    workshop_give_back(p->workshop);
    while (workshop_in_hand(p->workshop) > 0 && clock_until_ms(end_mono_ms) > 0) {
        p->drain_end_mono_ms = end_mono_ms;
        if (turn(p, &e))
            return;
    }
}

int main(int argc, char **argv)
{
    struct program p = {.signal_fd = -1};
    struct err e = ERR_INIT;
    char prefix[120];
    int status;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("imageresize-resize " IMAGERESIZE_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--check") == 0)
        return start_check(PROGRAM_RESIZE, check_settings);
    if (read_arguments(argc, argv, &p.role))
        return 2;
    snprintf(prefix, sizeof prefix, "role=%.100s", p.role);
    log_init(prefix, LOG_INFO);
    if (start_load(PROGRAM_RESIZE, check_settings, &p.settings))
        return START_REFUSED;
    log_init(prefix, start_log_level(&p.settings));
    if (open_all(&p, &e)) {
        log_error("bad_start", "message=%s", log_quote(e.text));
        close_all(&p);
        return 2;
    }
    status = run(&p, &e) == 0 ? 0 : decoder_pool_is_ready(p.decoders) ? 1 : 2;
    if (status)
        log_error("stopping", "message=%s", log_quote(e.text));
    say_goodbye(&p);
    if (p.participant && status == 0)
        log_info("stopped", "rejected=%llu", (unsigned long long)workshop_rejected(p.workshop));
    close_all(&p);
    return status;
}
