#include "live/speaker.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "live/report.h"

#define SUMMARY_MS (5 * 60 * 1000)

/* What was said of a role last. */
struct said {
    enum mood mood;
    int from, to;    /* dry run: of the last "would" */
    bool statistics; /* that they fail */
};

struct speaker {
    int decisions_fd; /* -1: none */
    bool owns_fd;
    struct said *roles;
    char apps[PLATFORM_APPS_MAX][sizeof(((struct app *)0)->trouble)];
    char broker[400], lock[300];
    enum queues_source source;
    int leader;              /* -1: nothing was said */
    int64_t summary_mono_ms; /* the next one; 0: not yet set */
};

int speaker_new(const char *decisions, size_t n_roles, struct speaker **ret, struct err *e)
{
    struct speaker *s = calloc(1, sizeof(*s));

    if (!s || !(s->roles = calloc(n_roles + 1, sizeof(*s->roles)))) {
        free(s);
        return err_set(e, ERR_NOMEM, "no memory for a log");
    }
    s->leader = -1;
    s->decisions_fd = -1;
    if (decisions && strcmp(decisions, "-") == 0) {
        s->decisions_fd = STDOUT_FILENO;
    } else if (decisions) {
        s->decisions_fd = open(decisions, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        s->owns_fd = true;
        if (s->decisions_fd < 0) {
            err_set(e, ERR_INPUT, "%s: %s", decisions, strerror(errno));
            speaker_free(s);
            return -1;
        }
    }
    *ret = s;
    return 0;
}

void speaker_free(struct speaker *s)
{
    if (!s)
        return;
    if (s->owns_fd && s->decisions_fd >= 0)
        close(s->decisions_fd);
    free(s->roles);
    free(s);
}

/* ---- troubles ---- */

/* Remembers the text; whether it is another one than last time. */
static bool is_news(char *said, size_t size, const char *text)
{
    if (strncmp(said, text, size - 1) == 0)
        return false;
    snprintf(said, size, "%s", text);
    return true;
}

static void say_broker(struct speaker *s, const struct view *v)
{
    bool changed = s->source != v->source;

    s->source = v->source;
    if (!is_news(s->broker, sizeof(s->broker), v->broker_trouble) && !changed)
        return;
    if (v->source == QUEUES_NONE)
        log_warn("broker_away", "message=%s", log_quote(v->broker_trouble));
    else if (v->source == QUEUES_AMQP)
        log_warn("broker_read", "source=amqp message=%s", log_quote(v->broker_trouble));
    else
        log_info("broker_read", "source=management");
}

/* A dry run has no lock and waits for nobody. */
static void say_lock(struct speaker *s, const struct view *v)
{
    if (v->dry_run)
        return;
    if (is_news(s->lock, sizeof(s->lock), v->leader_trouble) && *v->leader_trouble)
        log_warn("lock_unknown", "message=%s", log_quote(v->leader_trouble));
    if (s->leader == (int)v->is_leader)
        return;
    s->leader = v->is_leader;
    if (v->is_leader)
        log_info("leader", "message=%s", log_quote("this guv acts"));
    else
        log_info("standby", "message=%s",
                 log_quote(*v->leader_trouble ? "nothing is changed while the lock is not known"
                                              : "another guv acts; this one waits"));
}

void speaker_troubles(struct speaker *s, const struct view *v)
{
    say_broker(s, v);
    for (size_t i = 0; i < v->platform->n_apps; i++) {
        const struct app *a = &v->platform->apps[i];

        if (!is_news(s->apps[i], sizeof(s->apps[i]), a->trouble))
            continue;
        if (*a->trouble)
            log_warn("platform_error", "app=%s message=%s", a->name, log_quote(a->trouble));
        else
            log_info("platform_ok", "app=%s", a->name);
    }
    say_lock(s, v);
}

void speaker_statistics(struct speaker *s, const struct view *v, size_t role, const char *trouble)
{
    bool fails = *trouble != '\0';

    if (fails && !s->roles[role].statistics)
        log_warn("no_job_statistics", "role=%s message=%s",
                 log_quote(v->roles[role].settings->name), log_quote(trouble));
    s->roles[role].statistics = fails;
}

/* ---- decisions ---- */

static void write_line(int fd, const struct buf *line)
{
    if (!line->failed && write(fd, line->data, line->len) < 0) {
        /* nobody reads it: guv goes on */
    }
}

static enum log_level level_of(enum mood mood)
{
    return mood == MOOD_STEADY ? LOG_INFO : LOG_WARN;
}

static void say(const struct role_view *r, const char *event, int from)
{
    char catch_up[40] = "", before[24] = "";

    if (from >= 0)
        snprintf(before, sizeof(before), " from=%d", from);
    if (!isnan(r->decided.catch_up_s))
        snprintf(catch_up, sizeof(catch_up), " catch_up_s=%.0f", r->decided.catch_up_s);
    log_event(level_of(r->mood), event, "role=%s workers=%d%s state=%s%s reason=%s",
              log_quote(r->settings->name), r->decided.workers, before, mood_name(r->mood),
              catch_up, log_quote(r->decided.reason));
}

void speaker_decided(struct speaker *s, const struct view *v, size_t role, int from, bool acts)
{
    const struct role_view *r = &v->roles[role];
    struct said *said = &s->roles[role];
    AUTO(buf_release) struct buf line = BUF_INIT;
    bool scales = r->decided.kind == DECISION_SCALE;

    if (s->decisions_fd >= 0) {
        report_decision(r, from, acts, clock_wall_ms(), &line);
        write_line(s->decisions_fd, &line);
    }
    if (!v->is_leader && !v->dry_run)
        return; /* the one that acts says it */
    if (scales && acts)
        say(r, "scaled", from);
    else if (scales && v->dry_run && (said->from != from || said->to != r->decided.workers))
        say(r, "would_scale", from);
    else if (r->mood != said->mood && (r->mood != MOOD_STEADY || said->mood != MOOD_NEW))
        say(r, "held", from);
    said->mood = r->mood;
    said->from = scales ? from : -1;
    said->to = r->decided.workers;
}

void speaker_summary(struct speaker *s, const struct view *v, int64_t now_mono_ms)
{
    double messages = 0, workers = 0;
    unsigned long scaled = 0;
    unsigned errors = 0;

    if (s->summary_mono_ms == 0)
        s->summary_mono_ms = now_mono_ms + SUMMARY_MS;
    if (now_mono_ms < s->summary_mono_ms)
        return;
    s->summary_mono_ms = now_mono_ms + SUMMARY_MS;
    for (size_t i = 0; i < v->n_roles; i++) {
        const struct role_view *r = &v->roles[i];

        messages += isnan(r->seen.messages) ? 0 : r->seen.messages;
        workers += r->type->current > 0 ? r->type->current : 0;
        scaled += r->scaled;
    }
    for (size_t i = 0; i < v->platform->n_apps; i++)
        errors += v->platform->apps[i].errors;
    log_info("running",
             "roles=%zu workers=%.0f messages=%.0f polls=%lu scaled=%lu errors=%u leader=%s",
             v->n_roles, workers, messages, v->polls, scaled, errors, v->is_leader ? "yes" : "no");
}
