/*
 * test_events.c - streams of events, as an EventSource sees them.
 */
#include "sse.h"
#include "target.h"

#include <time.h>

#include "base/clock.h"

#define EVENT_MS 120000

/* Opens a stream, coming again while the deployment says that it is busy. */
static struct sse *open_stream(const char *path, const char *last_event_id)
{
    const int64_t deadline = clock_mono_ms() + EVENT_MS;
    char line[160], *url = target_url(path);
    const char *const headers[] = {line, NULL};

    snprintf(line, sizeof line, "Last-Event-ID: %s", last_event_id ? last_event_id : "");
    for (;;) {
        struct sse *s = sse_open(url, last_event_id ? headers : NULL);

        if (!may_pass(sse_status(s)) || clock_until_ms(deadline) == 0) {
            free(url);
            return s;
        }
        sse_close(s);
        nanosleep(&(struct timespec){1, 0}, NULL); /* as its Retry-After asks, about */
    }
}

static char *path_of(const char *format, const char *job)
{
    char *path;

    assert_true(asprintf(&path, "/jobs/%s%s", job, format) > 0);
    return path;
}

static json_t *sample_job(int images)
{
    json_t *list = json_array();

    for (int i = 0; i < images; i++) {
        char *url = sample_url((size_t)i);

        json_array_append_new(list, json_pack("{s:s, s:i}", "input", url, "width", 40 + i));
        free(url);
    }
    return json_pack("{s:o}", "images", list);
}

static void assert_is_event_stream(struct sse *s)
{
    assert_int_equal(sse_status(s), 200);
    assert_memory_equal(sse_header(s, "content-type"), "text/event-stream", 17);
    assert_string_equal(sse_header(s, "cache-control"), "no-store");
    assert_string_equal(sse_header(s, "x-accel-buffering"), "no");
    assert_non_null(sse_header(s, "x-request-id"));
}

/* Follows a job from its whole state to its end. Returns how many images' events came, and the id
 * of the last event of the job. */
static size_t follow(struct sse *s, const char *job, char last_id[100], char status[20])
{
    const struct sse_event *event = sse_expect(s, "job", EVENT_MS);
    json_int_t version = int_at(event->data, "version");
    size_t images = 0;

    assert_string_equal(text_at(event->data, "id"), job);
    assert_true(json_array_size(at(event->data, "images")) > 0);
    for (;;) {
        if (strcmp(event->name, "job") == 0) {
            assert_true(int_at(event->data, "version") >= version);
            version = int_at(event->data, "version");
            assert_int_equal(atoll(event->id), version);
            snprintf(last_id, 100, "%s", event->id);
            snprintf(status, 20, "%s", text_at(event->data, "status"));
        } else if (strcmp(event->name, "image") == 0) {
            assert_string_equal(text_at(event->data, "job"), job);
            assert_true(int_at(event->data, "version") > version);
            assert_true(json_is_string(at(event->data, "image/id")));
            images++;
        }
        if (!sse_next(s, EVENT_MS, &event))
            return images;
    }
}

static void a_job_is_followed_from_what_it_is_to_its_end(void **state)
{
    char *id = post_job(sample_job(3)), *path = path_of("/events", id);
    char last_id[100] = "", status[20] = "";
    const struct sse_event *event;
    struct sse *s = open_stream(path, NULL);

    (void)state;
    assert_is_event_stream(s);
    assert_true(sse_next(s, EVENT_MS, &event));
    assert_string_equal(event->name, "retry");
    assert_string_equal(event->text, "2000");
    follow(s, id, last_id, status);
    assert_true(sse_ended_well(s));
    assert_string_equal(status, "completed");
    sse_close(s);

    s = open_stream(path, last_id); /* as an EventSource does */
    assert_int_equal(sse_status(s), 204);
    assert_false(sse_next(s, EVENT_MS, &event));
    sse_close(s);

    s = open_stream(path, NULL);
    assert_int_equal(follow(s, id, last_id, status), 0); /* it is there at once */
    assert_string_equal(status, "completed");
    sse_close(s);
    free(path);
    free(id);
}

/* What a client shows of a job's images that follows it, {id: image}, once it has ended. New. */
static json_t *show_images(struct sse *s)
{
    json_t *shown = json_object(), *image;
    const struct sse_event *event;
    size_t i;

    while (sse_next(s, EVENT_MS, &event)) {
        if (strcmp(event->name, "image") == 0) {
            image = at(event->data, "image");
            json_object_set(shown, text_at(image, "id"), image);
        }
        json_array_foreach(json_object_get(event->data, "images"), i, image)
        {
            json_object_set(shown, text_at(image, "id"), image);
        }
    }
    return shown;
}

/* Follows the job and holds what was told of its images against what they are. */
static void assert_told_of_each_image(struct sse *s, const char *id)
{
    json_t *shown = show_images(s), *job = wait_job(id), *image;
    size_t i;

    assert_true(sse_ended_well(s));
    json_array_foreach(at(job, "images"), i, image)
    {
        if (!json_equal(image, json_object_get(shown, text_at(image, "id"))))
            fail_msg("the last that is told of an image is not what it is: %s",
                     json_dumps(json_object_get(shown, text_at(image, "id")), JSON_COMPACT));
    }
    json_decref(shown);
    json_decref(job);
}

static void each_image_is_told_as_it_ends(void **state)
{
    char *id = post_job(sample_job(3)), *path = path_of("/events", id);
    struct sse *s = open_stream(path, NULL);

    (void)state;
    assert_told_of_each_image(s, id);
    sse_close(s);
    free(path);
    free(id);
}

static void images_that_are_cancelled_are_told_too(void **state)
{
    json_t *body = sample_job(3);
    char *id, *path, *cancel;
    struct http_answer a;
    struct sse *s;

    (void)state;
    json_object_set_new(body, "priority", json_string("bulk"));
    id = post_job(body);
    path = path_of("/events", id);
    cancel = path_of("/cancel", id);
    s = open_stream(path, NULL);
    assert_int_equal(sse_status(s), 200);
    target_post(cancel, "", &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
    assert_told_of_each_image(s, id);
    sse_close(s);
    free(cancel);
    free(path);
    free(id);
}

/* Whatever else the deployment is doing: where it has too much to tell, it says so. */
static void all_jobs_are_told_as_they_are_made_and_end(void **state)
{
    struct sse *s = open_stream("/events", NULL);
    bool made = false, image = false, ended = false, missed = false;
    const struct sse_event *event;
    char *id;

    (void)state;
    assert_is_event_stream(s);
    assert_true(sse_next(s, EVENT_MS, &event));
    assert_string_equal(event->name, "retry");
    assert_true(sse_next(s, EVENT_MS, &event));
    assert_string_equal(event->name, "reset");
    assert_true(event->id[0] != '\0');
    id = post_job(sample_job(1));
    while (!ended && !missed) {
        assert_true(sse_next(s, EVENT_MS, &event));
        if (strcmp(event->name, "reset") == 0)
            missed = true;
        if (strcmp(event->name, "job") == 0 && strcmp(text_at(event->data, "id"), id) == 0) {
            assert_null(json_object_get(event->data, "images"));
            assert_true(event->id[0] != '\0');
            made = true;
            ended = strcmp(text_at(event->data, "status"), "completed") == 0;
        }
        if (strcmp(event->name, "image") == 0 && strcmp(text_at(event->data, "job"), id) == 0)
            image = true;
    }
    assert_true(missed || (made && image));
    json_decref(wait_job(id));
    sse_close(s);
    free(id);
}

/* Another process may answer, or so much have happened that it begins anew: then it says so first.
 */
static void a_stream_of_all_jobs_goes_on_or_says_that_it_does_not(void **state)
{
    struct sse *s = open_stream("/events", NULL);
    const struct sse_event *event = sse_expect(s, "reset", EVENT_MS);
    char last_id[100], *id;
    bool told = false;

    (void)state;
    snprintf(last_id, sizeof last_id, "%s", event->id);
    sse_close(s);
    id = post_job(sample_job(1));
    s = open_stream("/events", last_id);
    while (!told) {
        assert_true(sse_next(s, EVENT_MS, &event));
        told = strcmp(event->name, "reset") == 0 ||
               (strcmp(event->name, "job") == 0 && strcmp(text_at(event->data, "id"), id) == 0);
    }
    json_decref(wait_job(id));
    sse_close(s);
    free(id);
}

static void an_id_that_is_none_is_as_if_it_were_not_there(void **state)
{
    static const char *const ids[] = {"x",
                                      "0",
                                      "ffffffffffff-1",
                                      "<script>alert(1)</script>",
                                      "18446744073709551616",
                                      "ffffffffffff-18446744073709551616"};

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct sse *s = open_stream("/events", ids[i]);
        const struct sse_event *event;

        assert_int_equal(sse_status(s), 200);
        assert_true(sse_next(s, EVENT_MS, &event));
        assert_true(sse_next(s, EVENT_MS, &event));
        assert_string_equal(event->name, "reset");
        sse_close(s);
    }
}

static void a_job_that_is_not_there_has_no_events(void **state)
{
    static const char *const ids[] = {"01920000-0000-7000-8000-000000000000", "x",
                                      "01920000-0000-7000-8000-00000000000g",
                                      "01920000-0000-7000-8000-0000000000000"};

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char *path = path_of("/events", ids[i]);
        struct http_answer a;

        target_get(path, &a);
        assert_problem(&a, 404);
        http_answer_release(&a);
        free(path);
    }
}

static void head_has_the_headers_of_a_stream_and_ends(void **state)
{
    char *id = post_job(sample_job(1)), *paths[] = {strdup("/events"), path_of("/events", id)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *url = target_url(paths[i]);
        struct http_answer a;

        target_send(url, &(struct http_request){.method = "HEAD"}, &a);
        assert_int_equal(a.status, 200);
        assert_memory_equal(http_header(&a, "content-type"), "text/event-stream", 17);
        http_answer_release(&a);
        target_send(url, &(struct http_request){.method = "DELETE"}, &a);
        assert_problem(&a, 405);
        assert_string_equal(http_header(&a, "allow"), "GET, HEAD");
        http_answer_release(&a);
        free(url);
        free(paths[i]);
    }
    json_decref(wait_job(id));
    free(id);
}

int run_event_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_followed_from_what_it_is_to_its_end),
        cmocka_unit_test(each_image_is_told_as_it_ends),
        cmocka_unit_test(images_that_are_cancelled_are_told_too),
        cmocka_unit_test(all_jobs_are_told_as_they_are_made_and_end),
        cmocka_unit_test(a_stream_of_all_jobs_goes_on_or_says_that_it_does_not),
        cmocka_unit_test(an_id_that_is_none_is_as_if_it_were_not_there),
        cmocka_unit_test(a_job_that_is_not_there_has_no_events),
        cmocka_unit_test(head_has_the_headers_of_a_stream_and_ends),
    };

    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
