#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "web/shared_text.h"

#define DETAIL_SIZE 400
#define RETRY_AFTER_S 2

static const char problem_type[] = "application/problem+json";

/* Every status a problem may have. */
static const struct {
    unsigned status;
    const char *type, *title;
} kinds[] = {
    {400, "/problems/bad-request", "The request cannot be understood"},
    {403, "/problems/forbidden", "This is not allowed"},
    {404, "/problems/not-found", "There is nothing here"},
    {405, "/problems/method-not-allowed", "The method is not allowed here"},
    {408, "/problems/timeout", "The request took too long to arrive"},
    {413, "/problems/too-large", "The request is too large"},
    {415, "/problems/unsupported-media-type", "The media type is not supported"},
    {422, "/problems/validation", "The request is not valid"},
    {500, "/problems/internal", "Something is wrong with the service"},
    {503, "/problems/unavailable", "The service cannot do this now"},
};

void answer_release(struct answer *a)
{
    free(a->body);
    shared_text_drop(a->shared);
    if (a->fd >= 0)
        close(a->fd);
    *a = (struct answer)ANSWER_INIT;
}

void answer_json(struct answer *a, unsigned status, char *body_taken)
{
    if (!body_taken) {
        answer_problem(a, 500, "no memory");
        return;
    }
    a->status = status;
    a->content_type = "application/json";
    a->body = body_taken;
    a->body_len = strlen(body_taken);
}

void answer_stream(struct answer *a)
{
    a->status = 200;
    a->content_type = "text/event-stream";
    a->is_stream = true;
}

static void fill_problem(struct answer *a, unsigned status, const char *detail, json_t *errors)
{
    static const char no_memory[] =
        "{\"type\":\"/problems/internal\",\"title\":\"Something is wrong with the service\","
        "\"status\":500,\"detail\":\"no memory\"}";
    size_t i = 0;
    json_t *json;
    char *text;

    while (kinds[i].status != status)
        i++;
    json = json_pack("{s:s, s:s, s:i, s:s}", "type", kinds[i].type, "title", kinds[i].title,
                     "status", (int)status, "detail", detail);
    if (json && errors)
        json_object_set(json, "errors", errors);
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    a->status = text ? status : 500;
    a->content_type = problem_type;
    a->body = text;
    a->static_body = text ? NULL : no_memory;
    a->body_len = strlen(text ? text : no_memory);
    if (status == 503)
        a->retry_after_s = RETRY_AFTER_S;
}

void answer_problem(struct answer *a, unsigned status, const char *fmt, ...)
{
    char detail[DETAIL_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    fill_problem(a, status, detail, NULL);
}

unsigned answer_problem_status(size_t i)
{
    return i < sizeof kinds / sizeof *kinds ? kinds[i].status : 0;
}

void answer_validation(struct answer *a, const struct problems *problems)
{
    char detail[DETAIL_SIZE];

    if (problems->count > PROBLEMS_MAX)
        snprintf(detail, sizeof detail, "%zu faults, the first %d are listed", problems->count,
                 PROBLEMS_MAX);
    else
        snprintf(detail, sizeof detail, "%zu fault%s", problems->count,
                 problems->count == 1 ? "" : "s");
    fill_problem(a, 422, detail, problems->list);
}

unsigned answer_status_of(enum err_code code)
{
    static const unsigned statuses[] = {
        [ERR_NONE] = 500,  [ERR_INPUT] = 422,       [ERR_LIMIT] = 413, [ERR_TIMEOUT] = 503,
        [ERR_NOMEM] = 503, [ERR_UNAVAILABLE] = 503, [ERR_BUG] = 500,
    };

    return statuses[code];
}

void answer_err(struct answer *a, const struct err *e)
{
    static const char *const details[] = {
        [ERR_NONE] = "an unknown error",
        [ERR_INPUT] = "the database refused these data",
        [ERR_LIMIT] = "the database refused so much data",
        [ERR_TIMEOUT] = "the database is too slow now",
        [ERR_NOMEM] = "out of memory",
        [ERR_UNAVAILABLE] = "the database cannot be reached now",
        [ERR_BUG] = "an error of our own, which is in the log",
    };

    answer_problem(a, answer_status_of(e->code), "%s", details[e->code]);
}
