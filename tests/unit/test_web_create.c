#include "web/job_create.h"

#include <jansson.h>

#include "base/buf.h"
#include "unit.h"

#define IMAGE "{\"input\":\"http://h/a.jpg\",\"width\":10}"

static const struct new_job_limits limits = {
    .image = {.max_url_bytes = 2048, .max_side_px = 4096, .max_outputs = 8},
    .max_images = 2,
    .max_metadata_bytes = 20,
};

static struct new_job *parse(const char *body, struct problems *p, struct err *e)
{
    return new_job_parse(body, strlen(body), &limits, p, e);
}

static char *faults_of(const struct problems *p)
{
    struct buf lines = BUF_INIT;
    json_t *fault;
    size_t i;

    json_array_foreach(p->list, i, fault)
    {
        buf_printf(&lines, "%s%s %s", i ? "\n" : "",
                   json_string_value(json_object_get(fault, "pointer")),
                   json_string_value(json_object_get(fault, "detail")));
    }
    return buf_detach(&lines);
}

static void names_each_fault_by_its_pointer(void **state)
{
    static const struct {
        const char *body, *faults;
    } cases[] = {
        {"[]", " must be an object"},
        {"{}", "/images must be given"},
        {"{\"images\":{}}", "/images must be a list of 1..2 images"},
        {"{\"images\":[]}", "/images must be a list of 1..2 images"},
        {"{\"images\":[" IMAGE "," IMAGE "," IMAGE "]}", "/images must be a list of 1..2 images"},
        {"{\"images\":[" IMAGE "],\"priority\":\"urgent\"}",
         "/priority must be one of interactive, bulk"},
        {"{\"images\":[" IMAGE "],\"priority\":1}", "/priority must be one of interactive, bulk"},
        {"{\"images\":[" IMAGE "],\"metadata\":[]}", "/metadata must be an object"},
        {"{\"images\":[" IMAGE "],\"metadata\":null}", "/metadata must be an object"},
        {"{\"images\":[" IMAGE "],\"metadata\":{\"a\": \"0123456789abc\"}}",
         "/metadata must be at most 20 bytes as compact JSON"},
        {"{\"images\":[" IMAGE "],\"callback\":\"https://h/\"}",
         "/callback is not supported yet; ask GET /jobs/{id} instead"},
        {"{\"images\":[" IMAGE "],\"a~b\":1}", "/a~0b unknown member"},
        {"{\"images\":[" IMAGE ",5],\"x\":1,\"priority\":2}",
         "/images/1 must be an object\n/x unknown member\n"
         "/priority must be one of interactive, bulk"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problems p = PROBLEMS_INIT;
        struct err e = ERR_INIT;
        char *faults;

        assert_null(parse(cases[i].body, &p, &e));
        assert_int_equal(e.code, ERR_NONE);
        faults = faults_of(&p);
        assert_string_equal(faults, cases[i].faults);
        free(faults);
        problems_release(&p);
    }
}

static void tells_where_a_body_is_not_json(void **state)
{
    static const struct {
        const char *body, *text;
    } cases[] = {
        {"", "the body is empty"},
        {"{\"images\":\n  x}", "line 2, column 3"},
        {"{\"a\":1,\"a\":2}", "duplicate object key"},
        {"{\"a\":\"\\u0000\"}", "\\u0000"},
        {"{\"a\":\"\xff\"}", "unable to decode byte 0xff"},
        {"{} {}", "end of file expected"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problems p = PROBLEMS_INIT;
        struct err e = ERR_INIT;

        assert_null(parse(cases[i].body, &p, &e));
        assert_int_equal(p.count, 0);
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.text, cases[i].text))
            fail_msg("'%s' does not say '%s'", e.text, cases[i].text);
    }
}

/* Metadata of that many levels of objects within a limit of bytes that does not matter. */
static bool takes_depth(int depth)
{
    struct new_job_limits wide = limits;
    struct problems p = PROBLEMS_INIT;
    struct err e = ERR_INIT;
    struct buf body = BUF_INIT;
    struct new_job *job;

    wide.max_metadata_bytes = 4096;
    buf_text(&body, "{\"images\":[" IMAGE "],\"metadata\":");
    for (int i = 1; i < depth; i++)
        buf_text(&body, "{\"a\":");
    buf_text(&body, "{}");
    for (int i = 0; i < depth; i++)
        buf_text(&body, "}");
    job = new_job_parse(body.data, body.len, &wide, &p, &e);
    assert_int_equal(e.code, ERR_NONE);
    new_job_free(job);
    problems_release(&p);
    buf_release(&body);
    return job != NULL;
}

static void metadata_is_limited_in_depth(void **state)
{
    (void)state;
    assert_true(takes_depth(METADATA_DEPTH_MAX));
    assert_false(takes_depth(METADATA_DEPTH_MAX + 1));
    assert_false(takes_depth(200));
}

static void gives_a_job_its_ids_row_and_answer(void **state)
{
    struct problems p = PROBLEMS_INIT;
    struct err e = ERR_INIT;
    struct new_job *job = parse("{\"images\":[" IMAGE ",{\"input\":\"http://h/b\",\"height\":5,"
                                "\"ref\":\"r\"}],\"priority\":\"bulk\","
                                "\"metadata\":{\"a\":\"0123456789ab\"}}",
                                &p, &e);
    char *row_text, *answer_text;
    json_t *row, *answer, *image;

    (void)state;
    assert_non_null(job);
    row_text = new_job_row(job);
    answer_text = new_job_json(job);
    row = json_loads(row_text, 0, NULL);
    answer = json_loads(answer_text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(row, "id")), job->id);
    assert_string_equal(json_string_value(json_object_get(row, "priority")), "bulk");
    image = json_array_get(json_object_get(row, "images"), 1);
    assert_string_equal(json_string_value(json_object_get(image, "id")), job->images[1].id);
    assert_string_equal(json_string_value(json_object_get(image, "ref")), "r");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(image, "parameters"), "height")), 5);
    assert_string_equal(json_string_value(json_object_get(answer, "status")), "queued");
    assert_string_equal(json_string_value(json_object_get(answer, "created_at")), job->created_at);
    assert_int_equal(json_array_size(json_object_get(answer, "images")), 2);
    assert_true(uuid_is_valid(job->images[0].id));
    assert_string_not_equal(job->images[0].id, job->images[1].id);
    json_decref(row);
    json_decref(answer);
    free(row_text);
    free(answer_text);
    new_job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_each_fault_by_its_pointer),
        cmocka_unit_test(tells_where_a_body_is_not_json),
        cmocka_unit_test(metadata_is_limited_in_depth),
        cmocka_unit_test(gives_a_job_its_ids_row_and_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
