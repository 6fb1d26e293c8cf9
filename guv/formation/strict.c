#include "strict.h"

#include <string.h>

#define ACCEPT "application/vnd.heroku+json; version=3"

void strict_init(struct strict *s, int64_t now_mono_ms)
{
    *s = (struct strict){.remaining = STRICT_RATE_MOST,
                         .remaining_mono_ms = now_mono_ms,
                         .page = STRICT_PAGE_DEFAULT};
}

/* ---- requests ---- */

static void count(struct strict *s, const char *method)
{
    if (strcmp(method, "GET") == 0)
        s->gets++;
    else if (strcmp(method, "PATCH") == 0)
        s->patches++;
    else
        s->others++;
}

static bool refuse(struct strict_refusal *ret, unsigned status, const char *id, const char *message)
{
    *ret = (struct strict_refusal){status, id, message, -1, -1};
    return true;
}

/* What is wrong with a request by itself. */
static bool is_wrong(const struct strict_request *r, struct strict_refusal *ret)
{
    if (!r->accept || strcmp(r->accept, ACCEPT) != 0)
        return refuse(ret, 406, "not_acceptable", "The Accept header must be " ACCEPT ".");
    if (!r->authorization || strncmp(r->authorization, "Bearer ", 7) != 0 || !r->authorization[7])
        return refuse(ret, 401, "unauthorized", "There were no credentials in the request.");
    if (!r->user_agent || !*r->user_agent)
        return refuse(ret, 400, "bad_request", "There is no User-Agent header.");
    if (strcmp(r->method, "PATCH") == 0 &&
        (!r->content_type || strcmp(r->content_type, "application/json") != 0))
        return refuse(ret, 415, "unsupported_media_type", "The body must be application/json.");
    return false;
}

/* Takes one request from those that are left. */
static bool take_one(struct strict *s, int64_t now_mono_ms)
{
    double minutes = (double)(now_mono_ms - s->remaining_mono_ms) / 60000;

    s->remaining += minutes * STRICT_RATE_A_MINUTE;
    s->remaining_mono_ms = now_mono_ms;
    if (s->remaining > STRICT_RATE_MOST)
        s->remaining = STRICT_RATE_MOST;
    if (s->remaining < 1)
        return false;
    s->remaining -= 1;
    return true;
}

static bool fail_on_demand(struct strict *s, const char *method, struct strict_refusal *ret)
{
    static const struct {
        int status;
        const char *id, *message;
    } known[] = {
        {401, "unauthorized", "Invalid credentials provided."},
        {402, "delinquent", "This account has an outstanding balance."},
        {403, "forbidden", "You do not have access to that app."},
        {404, "not_found", "Couldn't find that app."},
        {422, "cannot_run_above_limit", "Cannot run so many dynos of one type."},
        {429, "rate_limit", "Your account reached the API rate limit."},
    };
    const char *id = s->fail_status >= 500 ? "internal_server_error" : "invalid_params";
    const char *message = "It was asked to fail.";

    if (s->fail_times == 0 || (*s->fail_method && strcmp(s->fail_method, method) != 0))
        return false;
    s->fail_times--;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].status == s->fail_status) {
            id = known[i].id;
            message = known[i].message;
        }
    *ret = (struct strict_refusal){(unsigned)s->fail_status, id, message, s->fail_retry_after_s,
                                   s->fail_limit};
    return true;
}

bool strict_check(struct strict *s, const struct strict_request *r, int64_t now_mono_ms,
                  struct strict_refusal *ret)
{
    count(s, r->method);
    if (is_wrong(r, ret)) {
        s->refused++;
        return true;
    }
    if (!take_one(s, now_mono_ms))
        return refuse(ret, 429, "rate_limit", "Your account reached the API rate limit.");
    return fail_on_demand(s, r->method, ret);
}

/* ---- control calls ---- */

/* A whole number from min to max, or the default where there is none. */
static bool number(const json_t *body, const char *key, int min, int max, int value_default,
                   int *ret)
{
    const json_t *value = json_object_get(body, key);

    *ret = value_default;
    if (!value)
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return false;
    *ret = (int)json_integer_value(value);
    return true;
}

/* A misspelt member is a test that does not test what it says. */
static bool knows_all(const json_t *body, const char *const *known)
{
    size_t n = 0;

    for (; *known; known++)
        n += json_object_get(body, *known) != NULL;
    return n == json_object_size(body);
}

static bool set_failure(struct strict *s, const json_t *body)
{
    static const char *const known[] = {"status", "times", "method", "retry_after", "limit", NULL};
    const char *method = json_string_value(json_object_get(body, "method"));
    int status, times, retry_after_s, limit;

    if (!knows_all(body, known) || !number(body, "status", 400, 599, 0, &status) ||
        !number(body, "times", 0, 1000000, 1, &times) ||
        !number(body, "retry_after", 0, 3600, -1, &retry_after_s) ||
        !number(body, "limit", 0, 1000, -1, &limit) || (times > 0 && status == 0) ||
        (json_object_get(body, "method") && (!method || strlen(method) >= STRICT_METHOD_SIZE)))
        return false;
    s->fail_status = status;
    s->fail_times = times;
    s->fail_retry_after_s = retry_after_s;
    s->fail_limit = limit;
    strcpy(s->fail_method, method ? method : "");
    return true;
}

static bool set_numbers(struct strict *s, const json_t *body)
{
    static const char *const known[] = {"remaining", "page", NULL};
    int remaining, page;

    if (!knows_all(body, known) ||
        !number(body, "remaining", 0, STRICT_RATE_MOST, (int)s->remaining, &remaining) ||
        !number(body, "page", 1, 1000, s->page, &page))
        return false;
    s->remaining = remaining;
    s->page = page;
    return true;
}

bool strict_control(struct strict *s, const char *path, const json_t *body)
{
    if (strcmp(path, "/__fail") == 0)
        return set_failure(s, body);
    return strcmp(path, "/__set") == 0 && set_numbers(s, body);
}

json_t *strict_requests_json(const struct strict *s)
{
    return json_pack("{s:i, s:i, s:i, s:i}", "GET", (int)s->gets, "PATCH", (int)s->patches, "other",
                     (int)s->others, "refused", (int)s->refused);
}
