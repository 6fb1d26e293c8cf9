#include "job/image.h"

#include "base/buf.h"
#include "unit.h"

#define URL "\"input\":\"http://h/a.jpg\""
#define SIZED(more) "{" URL ",\"width\":10," more "}"
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static const struct image_limits limits = {
    .max_url_bytes = 64, .max_side_px = 4096, .max_outputs = 3};

static int parse(const char *text, const struct image_limits *l, struct problems *p,
                 struct image_request *ret)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    int result;

    assert_non_null(json);
    result = image_request_parse(json, l, "/images/0", p, ret);
    json_decref(json);
    return result;
}

/* "pointer detail" lines of all faults; new. */
static char *faults_of(const struct problems *p)
{
    struct buf lines = BUF_INIT;
    json_t *fault;
    size_t i;

    json_array_foreach(p->list, i, fault)
    {
        const char *pointer = json_string_value(json_object_get(fault, "pointer"));

        assert_memory_equal(pointer, "/images/0", strlen("/images/0"));
        buf_printf(&lines, "%s%s %s", i ? "\n" : "", pointer + strlen("/images/0"),
                   json_string_value(json_object_get(fault, "detail")));
    }
    return buf_detach(&lines);
}

static void takes_each_member_at_its_limit(void **state)
{
    static const char *const cases[] = {
        "{" URL ",\"width\":1}",
        "{" URL ",\"height\":4096}",
        "{\"input\":\"HTTPS://[::1]:65535/?a=b#c\",\"width\":1}",
        "{\"input\":\"http://h/" FIFTY "01234\",\"width\":1}", /* 64 bytes */
        SIZED("\"quality\":1"),
        SIZED("\"quality\":100"),
        SIZED("\"fit\":\"outside\""),
        SIZED("\"gravity\":\"entropy\""),
        SIZED("\"format\":\"avif\""),
        SIZED("\"enlarge\":true"),
        SIZED("\"ref\":\"" FIFTY FIFTY FIFTY FIFTY "\""),
        SIZED("\"outputs\":[{\"name\":\"" TEN TEN TEN "_-\"}]"),
        SIZED("\"outputs\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problems p = PROBLEMS_INIT;
        struct image_request r;

        if (parse(cases[i], &limits, &p, &r))
            fail_msg("%s: %s", cases[i], faults_of(&p));
        assert_int_equal(p.count, 0);
        image_request_release(&r);
    }
}

static void names_each_fault_by_its_pointer(void **state)
{
    static const struct {
        const char *json, *faults;
    } cases[] = {
        {"7", " must be an object"},
        {"{}", "/input must be given\n must have a width, a height or both"},
        {"{" URL "}", " must have a width, a height or both"},
        {"{\"input\":7,\"width\":1}", "/input must be a string: the URL of the source"},
        {"{\"input\":null,\"width\":1}", "/input must be a string: the URL of the source"},
        {"{\"input\":\"ftp://h/a\",\"width\":1}", "/input must start with http:// or https://"},
        {"{\"input\":\"file:///etc/passwd\",\"width\":1}",
         "/input must start with http:// or https://"},
        {"{\"input\":\"\",\"width\":1}", "/input must start with http:// or https://"},
        {"{\"input\":\"http://\",\"width\":1}", "/input must name a host"},
        {"{\"input\":\"http:///a\",\"width\":1}", "/input must name a host"},
        {"{\"input\":\"http://:80/\",\"width\":1}", "/input must name a host"},
        {"{\"input\":\"http://u:p@h/\",\"width\":1}", "/input must not hold a user or password"},
        {"{\"input\":\"http://h\\\\x/\",\"width\":1}",
         "/input must not hold a backslash in its host"},
        {"{\"input\":\"http://h/a b\",\"width\":1}",
         "/input must not hold blanks or control characters"},
        {"{\"input\":\"http://h/\\r\\nX: y\",\"width\":1}",
         "/input must not hold blanks or control characters"},
        {"{\"input\":\"http://h:0/\",\"width\":1}", "/input must have a port of 1..65535"},
        {"{\"input\":\"http://h:65536/\",\"width\":1}", "/input must have a port of 1..65535"},
        {"{\"input\":\"http://h:/\",\"width\":1}", "/input must have a port of 1..65535"},
        {"{\"input\":\"http://h/" FIFTY "012345\",\"width\":1}", "/input must be at most 64 bytes"},
        {"{" URL ",\"width\":0}", "/width must be 1..4096"},
        {"{" URL ",\"width\":-1}", "/width must be 1..4096"},
        {"{" URL ",\"height\":4097}", "/height must be 1..4096"},
        {"{" URL ",\"width\":1.0}", "/width must be an integer"},
        {"{" URL ",\"width\":\"10\"}", "/width must be an integer"},
        {SIZED("\"quality\":0"), "/quality must be 1..100"},
        {SIZED("\"quality\":101"), "/quality must be 1..100"},
        {SIZED("\"fit\":\"crop\""), "/fit must be one of inside, cover, contain, fill, outside"},
        {SIZED("\"format\":\"tiff\""), "/format must be one of jpeg, png, webp, gif, avif"},
        {SIZED("\"format\":null"), "/format must be one of jpeg, png, webp, gif, avif"},
        {SIZED("\"gravity\":\"middle\""),
         "/gravity must be one of center, north, northeast, east, southeast, south, southwest, "
         "west, northwest, attention, entropy"},
        {SIZED("\"enlarge\":1"), "/enlarge must be true or false"},
        {SIZED("\"background\":\"white\""),
         "/background must be a colour: #rgb, #rgba, #rrggbb or #rrggbbaa"},
        {SIZED("\"background\":\"#12345\""),
         "/background must be a colour: #rgb, #rgba, #rrggbb or #rrggbbaa"},
        {SIZED("\"background\":\"#12345g\""),
         "/background must be a colour: #rgb, #rgba, #rrggbb or #rrggbbaa"},
        {SIZED("\"ref\":\"\""), "/ref must be a string of 1..200 bytes"},
        {SIZED("\"ref\":\"" FIFTY FIFTY FIFTY FIFTY "x\""),
         "/ref must be a string of 1..200 bytes"},
        {SIZED("\"name\":\"s\""), "/name unknown member"},
        {SIZED("\"id\":\"s\""), "/id unknown member"},
        {SIZED("\"a/b\":1"), "/a~1b unknown member"},
        {SIZED("\"outputs\":{}"), "/outputs must be a list of 1..3 outputs"},
        {SIZED("\"outputs\":[]"), "/outputs must be a list of 1..3 outputs"},
        {SIZED("\"outputs\":[1,2,3,4]"), "/outputs must be a list of 1..3 outputs"},
        {SIZED("\"outputs\":[1]"), "/outputs/0 must be an object"},
        {SIZED("\"outputs\":[{}]"), "/outputs/0/name must be given"},
        {SIZED("\"outputs\":[{\"name\":\"" TEN TEN TEN "_-x\"}]"),
         "/outputs/0/name must be 1..32 letters, digits, '-' or '_'"},
        {SIZED("\"outputs\":[{\"name\":\"a b\"}]"),
         "/outputs/0/name must be 1..32 letters, digits, '-' or '_'"},
        {SIZED("\"outputs\":[{\"name\":\"a\"},{\"name\":\"a\"}]"),
         "/outputs/1/name must differ from the name of output 0"},
        {SIZED("\"outputs\":[{\"name\":\"a\",\"input\":\"http://h/\"}]"),
         "/outputs/0/input unknown member"},
        {"{" URL ",\"outputs\":[{\"name\":\"a\"}]}",
         "/outputs/0 must have a width, a height or both"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problems p = PROBLEMS_INIT;
        struct image_request r;
        char *faults;

        if (parse(cases[i].json, &limits, &p, &r) == 0)
            fail_msg("%s is taken", cases[i].json);
        faults = faults_of(&p);
        if (strcmp(faults, cases[i].faults) != 0)
            fail_msg("%s: '%s' instead of '%s'", cases[i].json, faults, cases[i].faults);
        free(faults);
        problems_release(&p);
    }
}

static void reports_all_faults_at_once(void **state)
{
    struct problems p = PROBLEMS_INIT;
    struct image_request r;
    char *faults;

    (void)state;
    assert_int_equal(parse("{\"input\":\"x\",\"width\":0,\"hight\":3,"
                           "\"outputs\":[{\"name\":\"?\",\"quality\":0},5]}",
                           &limits, &p, &r),
                     -1);
    faults = faults_of(&p);
    assert_string_equal(faults, "/input must start with http:// or https://\n"
                                "/width must be 1..4096\n"
                                "/hight unknown member\n"
                                "/outputs/0/name must be 1..32 letters, digits, '-' or '_'\n"
                                "/outputs/0/quality must be 1..100\n"
                                "/outputs/0 must have a width, a height or both\n"
                                "/outputs/1 must be an object");
    free(faults);
    problems_release(&p);
}

static void members_of_an_image_are_defaults_of_its_outputs(void **state)
{
    struct problems p = PROBLEMS_INIT;
    struct image_request r;

    (void)state;
    assert_int_equal(parse("{" URL ",\"outputs\":[{\"name\":\"a\"},"
                           "{\"name\":\"b\",\"width\":20,\"fit\":\"fill\"}],"
                           "\"width\":10,\"fit\":\"cover\",\"background\":\"#F00\"}",
                           &limits, &p, &r),
                     0);
    assert_true(r.has_outputs);
    assert_int_equal(r.output_count, 2);
    assert_string_equal(r.outputs[0].name, "a");
    assert_int_equal(r.outputs[0].width_px, 10);
    assert_int_equal(r.outputs[0].fit, FIT_COVER);
    assert_int_equal(r.outputs[1].width_px, 20);
    assert_int_equal(r.outputs[1].fit, FIT_FILL);
    assert_memory_equal(r.outputs[1].background, ((uint8_t[]){255, 0, 0, 255}), 4);
    image_request_release(&r);
}

/* What parse() made of in, as JSON. New. */
static char *parameters_of(const char *in, const struct image_limits *l)
{
    struct problems p = PROBLEMS_INIT;
    struct image_request r;
    json_t *json;
    char *text;

    assert_int_equal(parse(in, l, &p, &r), 0);
    json = image_request_parameters(&r);
    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    image_request_release(&r);
    return text;
}

static void parameters_hold_what_differs_from_the_default(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {SIZED("\"fit\":\"inside\",\"enlarge\":false,\"ref\":\"r\""), "{\"width\":10}"},
        {SIZED("\"height\":20,\"fit\":\"cover\",\"gravity\":\"north\",\"format\":\"webp\","
               "\"quality\":75,\"enlarge\":true,\"background\":\"#FFFFFF\""),
         "{\"width\":10,\"height\":20,\"fit\":\"cover\",\"gravity\":\"north\",\"format\":\"webp\","
         "\"quality\":75,\"enlarge\":true,\"background\":\"#ffffff\"}"},
        {SIZED("\"background\":\"#1234\""), "{\"width\":10,\"background\":\"#11223344\"}"},
        {SIZED("\"outputs\":[{\"name\":\"a\"},{\"name\":\"b\",\"format\":\"png\"}]"),
         "{\"outputs\":[{\"name\":\"a\",\"width\":10},"
         "{\"name\":\"b\",\"width\":10,\"format\":\"png\"}]}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = parameters_of(cases[i].in, &limits), *again;
        struct buf message = BUF_INIT;

        assert_string_equal(text, cases[i].out);
        /* A worker reads the same from the message's payload. */
        buf_printf(&message, "{\"id\":\"x\"," URL ",%s", text + 1);
        again = parameters_of(message.data, &(struct image_limits){.allow_unknown = true});
        assert_string_equal(again, text);
        buf_release(&message);
        free(again);
        free(text);
    }
}

static void every_format_has_its_type_and_extension(void **state)
{
    (void)state;
    for (int f = FORMAT_JPEG; f <= FORMAT_AVIF; f++) {
        assert_memory_equal(image_format_type((enum image_format)f), "image/", 6);
        assert_string_equal(image_format_type((enum image_format)f) + 6,
                            image_format_name((enum image_format)f));
        assert_non_null(image_format_extension((enum image_format)f));
    }
    assert_null(image_format_name(FORMAT_OF_INPUT));
    assert_string_equal(image_fit_name(FIT_CONTAIN), "contain");
    assert_string_equal(image_gravity_name(GRAVITY_NORTHWEST), "northwest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_each_member_at_its_limit),
        cmocka_unit_test(names_each_fault_by_its_pointer),
        cmocka_unit_test(reports_all_faults_at_once),
        cmocka_unit_test(members_of_an_image_are_defaults_of_its_outputs),
        cmocka_unit_test(parameters_hold_what_differs_from_the_default),
        cmocka_unit_test(every_format_has_its_type_and_extension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
