/*
 * fuzz_guv_settings.c - any bytes as a guv file: what is read is within the bounds that settings.h
 * promises and can be reported; what is not is said, in lines that a terminal bears.
 */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "config/settings.h"
#include "fuzz.h"
#include "tool/validate_report.h"

static void check_lines(const struct buf *lines)
{
    MUST(!lines->failed);
    for (size_t i = 0, n; i < lines->len; i += n) {
        n = utf8_len(lines->data + i, lines->len - i);
        MUST(n > 0);
        MUST(lines->data[i] == '\n' || (unsigned char)lines->data[i] >= 0x20);
    }
    MUST(lines->len == 0 || lines->data[lines->len - 1] == '\n');
}

static bool is_within(double value, double min, double max)
{
    return value >= min && value <= max;
}

static void check_role(const struct role_settings *role)
{
    MUST(role->line > 0 && *role->name && *role->worker && *role->queue);
    MUST(role->processing_s > 0 && role->processing_s <= SETTINGS_MAX_S);
    MUST(role->stddev_s > 0 && role->stddev_s <= SETTINGS_MAX_S);
    MUST(role->deadline_s > 0 && role->deadline_s <= SETTINGS_MAX_S);
    MUST(role->percentile > 0 && role->percentile < 100);
    MUST(role->target_s > role->processing_s && isfinite(role->target_s));
    MUST(is_within(role->concurrency, 1, SETTINGS_MAX_CONCURRENCY));
    MUST(is_within(role->boot_s, 0, SETTINGS_MAX_S));
    MUST(is_within(role->shutdown_s, 0, SETTINGS_MAX_S));
    MUST(is_within(role->minimum, 0, role->maximum));
    MUST(role->maximum <= SETTINGS_MAX_WORKERS);
    MUST(role->slack > 0 && role->slack <= 1);
    MUST(is_within(role->billing_s, 0, SETTINGS_MAX_S));
    MUST(!role->app || *role->app);
}

static void check_settings(const struct guv_settings *s)
{
    AUTO(buf_release) struct buf report = BUF_INIT;

    MUST(s->n_roles <= SETTINGS_MAX_ROLES);
    MUST(s->poll_s > 0 && s->poll_s <= SETTINGS_MAX_S);
    MUST(is_within(s->history_s, 0, SETTINGS_MAX_S));
    MUST(is_within(s->budget, 0, SETTINGS_MAX_WORKERS));
    for (size_t i = 0; i < s->n_roles; i++)
        check_role(&s->roles[i]);
    check_lines(&s->warnings);
    MUST(validate_report_json(s, &report) == 0);
    buf_clear(&report);
    MUST(validate_report_text(s, &report) == 0);
}

/* Whether it was read. */
static bool read_settings(const char *text, size_t len, bool is_strict)
{
    static const char *const allowed[] = {"x"};
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct guv_settings s;
    int rc = is_strict ? settings_parse_strictly(text, len, allowed, 1, &s, &problems)
                       : settings_parse(text, len, &s, &problems);

    if (rc) {
        MUST(problems.len > 0 && !s.roles && !s.texts && !s.warnings.data);
        check_lines(&problems);
        return false;
    }
    MUST(problems.len == 0);
    check_settings(&s);
    settings_release(&s);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool is_strictly_right = read_settings((const char *)data, size, true);
    bool is_right = read_settings((const char *)data, size, false);

    MUST(is_right || !is_strictly_right);
    return 0;
}
