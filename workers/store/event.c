#include "event.h"

#include <string.h>

#include "base/clock.h"
#include "job/message.h"

#define WALL_MS_MAX INT64_C(253402300799999) /* the end of the year 9999 */

void event_release(struct event *ev)
{
    json_decref(ev->result);
    json_decref(ev->error);
    ev->result = NULL;
    ev->error = NULL;
}

/* 0 when it is absent. Written anew from milliseconds later, so that what Postgres would refuse
 * (the 31st of February) is none. */
static int64_t read_time(const json_t *document, const char *member)
{
    const char *text = json_string_value(json_object_get(document, member));
    int64_t ms;

    if (!text || clock_parse_timestamp(text, &ms) || ms < 0 || ms > WALL_MS_MAX)
        return 0;
    return ms;
}

static int64_t read_end(const json_t *document, const char *member)
{
    int64_t ms = read_time(document, member);

    return ms ? ms : clock_wall_ms();
}

/* The length of text cut to at most max bytes, without cutting a UTF-8 character in two. */
static size_t cut_len(const char *text, size_t max)
{
    size_t len = strlen(text);

    if (len <= max)
        return len;
    for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
        ;
    return len;
}

static json_t *make_error(const struct image_error_kind *kind, const char *message, bool retryable)
{
    return json_pack("{s:s, s:s%, s:b, s:s}", "code", kind->code, "message", message,
                     cut_len(message, EVENT_ERROR_TEXT_MAX), "retryable", retryable, "stage",
                     kind->stage);
}

/* Completes the error of a message by the table of codes; one that is unknown is `internal`. */
static int read_error(const json_t *document, struct event *ret, struct err *e)
{
    const json_t *given = json_object_get(document, "error");
    const char *code = json_string_value(json_object_get(given, "code"));
    const char *message = json_string_value(json_object_get(given, "message"));
    enum image_error_code known = code ? image_error_find(code) : IMAGE_ERROR_COUNT;

    ret->retryable = json_is_true(json_object_get(given, "retryable"));
    ret->error = make_error(image_error_kind(known == IMAGE_ERROR_COUNT ? IMAGE_INTERNAL : known),
                            message && *message ? message : "the image could not be processed",
                            ret->retryable);
    return ret->error ? 0 : err_set(e, ERR_NOMEM, "image '%s': its error", ret->image);
}

/* Returns 0, or -1 with ERR_NOMEM in *e in place of what else was wrong: it may be tried again. */
static int set_dead(struct event *ret, struct err *e)
{
    ret->error = make_error(image_error_kind(IMAGE_DEAD_LETTERED),
                            "no worker could do anything with the image's message", false);
    if (!ret->error) {
        err_clear(e);
        return err_set(e, ERR_NOMEM, "image '%s': its error", ret->image);
    }
    ret->kind = EVENT_DEAD;
    ret->ended_ms = clock_wall_ms();
    return 0;
}

static int read_message(const struct message *m, struct event *ret, struct err *e)
{
    memcpy(ret->image, m->image, sizeof ret->image);
    ret->attempt = m->attempt;
    ret->started_ms = read_time(m->document, "started_at");
    switch (m->kind) {
    case MESSAGE_TODO:
        return err_set(e, ERR_INPUT, "message: it tells of nothing that happened");
    case MESSAGE_STARTED:
        ret->kind = EVENT_STARTED;
        return 0;
    case MESSAGE_DONE:
        ret->kind = EVENT_DONE;
        ret->ended_ms = read_end(m->document, "completed_at");
        ret->result = json_incref(json_object_get(m->document, "result"));
        return 0;
    case MESSAGE_FAILED:
        ret->kind = EVENT_FAILED;
        ret->ended_ms = read_end(m->document, "failed_at");
        return read_error(m->document, ret, e);
    }
    return err_set(e, ERR_BUG, "message: of unknown kind %d", (int)m->kind);
}

int event_read(const void *bytes, size_t len, struct event *ret, struct err *e)
{
    struct message m;
    int rc;

    memset(ret, 0, sizeof *ret);
    if (message_parse(bytes, len, &m, e) == 0) {
        rc = read_message(&m, ret, e);
        message_release(&m);
        if (rc == 0)
            return 0;
    }
    ret->kind = EVENT_NONE;
    if (e->code != ERR_NOMEM && message_find_image(bytes, len, ret->image) == 0)
        (void)set_dead(ret, e);
    return -1;
}

int event_read_dead(const void *bytes, size_t len, struct event *ret, struct err *e)
{
    memset(ret, 0, sizeof *ret);
    if (message_find_image(bytes, len, ret->image))
        return err_set(e, ERR_INPUT, "dead letter: its image cannot be read");
    return set_dead(ret, e);
}
