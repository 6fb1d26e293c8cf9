/* From where the page may show pictures, and that nothing else in its policy gives way. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "unit.h"
#include "web/page_policy.h"

#define REST                                                                                       \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; img-src 'self'"

static void shows_pictures_from_where_outputs_are(void **state)
{
    static const struct {
        const char *output, *endpoint, *public_url, *sources;
    } cases[] = {
        {"postgres:", NULL, NULL, ""},
        {"postgres:", NULL, "https://images.example.org", " https://images.example.org/outputs/"},
        {"file:///x", NULL, "https://a.example.org/b/", " https://a.example.org/b/outputs/"},
        {"s3://images/public", NULL, "https://images.example.org",
         " https://images.s3.eu-north-1.amazonaws.com/public/"},
        {"s3://my.images", NULL, NULL, " https://s3.eu-north-1.amazonaws.com/my.images/"},
        {"s3://images/a/b", "https://s3.example.org", NULL, " https://s3.example.org/images/a/b/"},
        {"s3://images", "http://{bucket}.s3.example.org:9000/", NULL,
         " http://images.s3.example.org:9000/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct settings settings = {.s3_endpoint = cases[i].endpoint,
                                          .s3_region = "eu-north-1",
                                          .public_url = cases[i].public_url};
        struct output_target target;
        struct err e = ERR_INIT;
        AUTO(text_freep) char *policy = NULL;

        assert_int_equal(output_target_parse(cases[i].output, NULL, &target, &e), 0);
        policy = page_policy_make(&settings, &target);
        assert_non_null(policy);
        assert_memory_equal(policy, REST, strlen(REST));
        assert_string_equal(policy + strlen(REST), cases[i].sources);
    }
}

static void leaves_out_what_would_change_the_policy(void **state)
{
    static const char *const addresses[] = {
        "https://a.example.org/;script-src *",
        "https://a.example.org/x y",
        "https://*.example.org",
        "https://a.example.org,b",
        "https://a.example.org/'",
        "https://a.org/?b",
    };

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        const struct settings settings = {.public_url = addresses[i]};
        const struct output_target target = {.kind = OUTPUT_POSTGRES};
        AUTO(text_freep) char *policy = page_policy_make(&settings, &target);

        assert_string_equal(policy, REST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_pictures_from_where_outputs_are),
        cmocka_unit_test(leaves_out_what_would_change_the_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
