#include "notes.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

struct note {
    int64_t at_wall_ms;
    char text[NOTE_SIZE];
};

struct notes {
    pthread_mutex_t lock;
    struct note ring[NOTES_MAX]; /* guarded by lock, as are */
    size_t first, count;
};

struct notes *notes_new(struct err *e)
{
    struct notes *n = calloc(1, sizeof *n);

    if (n)
        pthread_mutex_init(&n->lock, NULL);
    else
        err_set(e, ERR_NOMEM, "the notes");
    return n;
}

void notes_free(struct notes *n)
{
    if (!n)
        return;
    pthread_mutex_destroy(&n->lock);
    free(n);
}

void notes_add(struct notes *n, int64_t now_wall_ms, const char *fmt, ...)
{
    struct note *note;
    va_list args;

    pthread_mutex_lock(&n->lock);
    note = &n->ring[(n->first + n->count) % NOTES_MAX];
    if (n->count < NOTES_MAX)
        n->count++;
    else
        n->first = (n->first + 1) % NOTES_MAX;
    note->at_wall_ms = now_wall_ms;
    va_start(args, fmt);
    vsnprintf(note->text, sizeof note->text, fmt, args);
    va_end(args);
    utf8_repair(note->text, strlen(note->text)); /* it may have been cut within a character */
    pthread_mutex_unlock(&n->lock);
}

json_t *notes_json(struct notes *n, int64_t now_wall_ms)
{
    json_t *list = json_array();

    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->count; i++) {
        const struct note *note = &n->ring[(n->first + i) % NOTES_MAX];
        char at[TIMESTAMP_SIZE];

        if (now_wall_ms - note->at_wall_ms > NOTES_LAST_MS)
            continue;
        clock_timestamp(note->at_wall_ms, at);
        json_array_append_new(list, json_pack("{s:s, s:s}", "at", at, "text", note->text));
    }
    pthread_mutex_unlock(&n->lock);
    return list;
}
