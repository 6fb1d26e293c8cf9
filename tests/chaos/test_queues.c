/*
 * test_queues.c - edges, queues and messages that are missing or wrong.
 */
#include "chaos.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/uuid.h"

static const char *const setup[] = {"msgflo", "setup", "graphs/imageresize.fbp", "--prune", NULL};

/* The graph is beside the programs, in DIR/app. */
static void bind_the_graph(void)
{
    char graph[128];
    const char *argv[5];

    memcpy(argv, setup, sizeof argv);
    snprintf(graph, sizeof graph, "%s/app/%s", system_dir(), setup[2]);
    argv[2] = graph;
    assert_int_equal(system_run(argv), 0);
}

/* A binding on the way, an exchange on the way, and web's own exchange. */
static void jobs_wait_in_the_outbox_while_an_edge_is_missing(void **state)
{
    static const char *const edges[] = {"bindings/%2f/e/out-web.RESIZEIMAGE/q/resize.IN/~",
                                        "exchanges/%2f/out-web.RESIZEIMAGE",
                                        "exchanges/%2f/web.RESIZEIMAGE"};

    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        assert_int_equal(rabbitmq_call("DELETE", edges[i], NULL), 204);
        for (int n = 0; n < 20; n++)
            assert_int_equal(post_images("ok/baseline.jpg", 5, NULL), 202);
        assert_true(sql_becomes("SELECT count(*) FROM outbox", 20, 60000));
        bind_the_graph();
        assert_all_end_once(60000);
    }
}

static void a_deleted_queue_is_declared_and_consumed_again(void **state)
{
    int before = crashes();

    (void)state;
    assert_int_equal(rabbitmq_call("DELETE", "queues/%2f/resize.IN", NULL), 204);
    for (int i = 0; i < 5; i++)
        assert_int_equal(post_images("ok/baseline.jpg", 5, NULL), 202);
    bind_the_graph(); /* its binding went with it */
    assert_recovers(60000);
    assert_all_end_once(60000);
    assert_int_equal(crashes(), before);
}

static void results_wait_while_the_stores_edge_is_missing(void **state)
{
    (void)state;
    assert_int_equal(rabbitmq_call("DELETE", "bindings/%2f/e/resize.OUT/q/store.IN/~", NULL), 204);
    for (int i = 0; i < 5; i++)
        assert_int_equal(post_images("ok/baseline.jpg", 4, NULL), 202);
    assert_true(sql_becomes("SELECT count(*) FROM images WHERE status = 'queued'", 0, 60000));
    assert_true(sql_number("SELECT count(*) FROM images WHERE status = 'running'") > 0);
    bind_the_graph();
    assert_all_end_once(60000);
}

/* Publishes to a queue through the management API. */
static void publish(const char *queue, const char *payload)
{
    json_t *body = json_pack("{s:{}, s:s, s:s, s:s}", "properties", "routing_key", queue, "payload",
                             payload, "payload_encoding", "string");
    char *text = json_dumps(body, 0);

    assert_int_equal(rabbitmq_call("POST", "exchanges/%2f/amq.default/publish", text), 200);
    free(text);
    json_decref(body);
}

static void an_unreadable_message_is_dead_lettered_and_the_worker_goes_on(void **state)
{
    static const char *const payloads[] = {"",
                                           "not json",
                                           "{}",
                                           "[]",
                                           "{\"job\":1}",
                                           "null",
                                           "{\"job\":\"x\",\"payload\":{\"id\":\"y\"}}"};
    const int n = sizeof payloads / sizeof *payloads;
    int rejected = log_count("event=message_rejected"),
        refused = log_count("event=message_refused");

    (void)state;
    for (int i = 0; i < n; i++) {
        publish("resize.IN", payloads[i]);
        publish("store.IN", payloads[i]);
    }
    assert_int_equal(post_images("ok/baseline.jpg", 5, NULL), 202);
    assert_all_end_once(60000);
    assert_log_grows("event=message_rejected", rejected, n);
    /* Those of resize come to the store as dead letters, and name no image either. */
    assert_log_grows("event=message_refused", refused, 2 * n);
}

static void a_dead_letter_ends_its_image_where_the_id_can_be_read(void **state)
{
    char job[UUID_SIZE], *image, *code, sql[200], payload[200];

    (void)state;
    /* A source that never answers keeps the image unended until the dead letter comes. */
    assert_int_equal(post_images("hang", 1, job), 202);
    snprintf(sql, sizeof sql, "SELECT id FROM images WHERE job = '%s'", job);
    image = sql_text(sql);
    snprintf(payload, sizeof payload, "{\"job\":5,\"payload\":{\"id\":\"%s\"}}", image);
    publish("bulk.IN", payload); /* whose worker can do nothing with it */
    assert_true(job_ends(job, 20000));
    code = image_code(job);
    assert_string_equal(code, "dead_lettered");
    free(code);
    free(image);
}

static void unended_images_are_queued_again_after_the_broker_lost_everything(void **state)
{
    char requeue[128];
    const char *const argv[] = {"psql", getenv("DATABASE_URL"), "-q", "-f", requeue, NULL};

    (void)state;
    stop_all_of("resize"); /* what they hold is given back to the queue, and not lost with it */
    for (int i = 0; i < 10; i++)
        assert_int_equal(post_images("ok/baseline.jpg", 10, NULL), 202);
    assert_true(sql_becomes("SELECT count(*) FROM outbox", 0, 60000));
    assert_int_equal(rabbitmq_call("DELETE", "queues/%2f/resize.IN/contents", NULL), 204);
    system_scale("resize", 2);
    snprintf(requeue, sizeof requeue, "%s/app/sql/requeue.sql", system_dir());
    assert_int_equal(system_run(argv), 0);
    assert_int_equal(system_run(argv), 0); /* twice harms nothing */
    assert_all_end_once(60000);
}

/* Whether the page shows it as full. */
static bool is_seen_full(const char *role)
{
    struct http_answer a;
    const json_t *node;
    char url[256];
    size_t i;
    bool full = false;

    snprintf(url, sizeof url, "%s/graph", getenv("IMAGERESIZE_TEST_TARGET"));
    http_send(url, NULL, &a);
    json_array_foreach(json_object_get(a.json, "nodes"), i, node)
    {
        if (strcmp(json_string_value(json_object_get(node, "name")), role) == 0)
            full = json_is_true(json_object_get(json_object_get(node, "queue"), "full"));
    }
    http_answer_release(&a);
    return full;
}

static void wait_until_seen_full(const char *role, bool full)
{
    int64_t deadline = clock_mono_ms() + 60000;

    while (is_seen_full(role) != full) {
        if (clock_mono_ms() > deadline)
            fail_msg("the queue of %s is seen as %s", role, full ? "not full" : "full");
        look_again();
    }
}

/* Posts until something has been refused: the queue hears of its new policy somewhat later. */
static void post_until_refused(void)
{
    int64_t deadline = clock_mono_ms() + 60000;

    while (sql_number("SELECT count(*) FROM outbox WHERE deferred > 0") == 0) {
        if (clock_mono_ms() > deadline)
            fail_msg("nothing is refused, %lld messages are queued",
                     (long long)sql_number("SELECT count(*) FROM images WHERE status = 'queued'"));
        assert_int_equal(post_images("ok/baseline.jpg", 4, NULL), 202);
    }
}

static void what_a_full_queue_refuses_waits_in_the_outbox(void **state)
{
    static const char policy[] = "{\"pattern\":\"^resize\\\\.IN$\",\"apply-to\":\"queues\","
                                 "\"definition\":{\"max-length\":4,"
                                 "\"overflow\":\"reject-publish\"}}";

    (void)state;
    stop_all_of("resize");
    assert_int_equal(rabbitmq_call("PUT", "policies/%2f/tiny", policy), 201);
    post_until_refused();
    wait_until_seen_full("resize", true);
    assert_true(sql_number("SELECT count(*) FROM outbox") > 0);
    assert_int_equal(rabbitmq_call("DELETE", "policies/%2f/tiny", NULL), 204);
    system_scale("resize", 2);
    assert_all_end_once(120000);
    wait_until_seen_full("resize", false);
}

int run_queue_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_wait_in_the_outbox_while_an_edge_is_missing),
        cmocka_unit_test(a_deleted_queue_is_declared_and_consumed_again),
        cmocka_unit_test(results_wait_while_the_stores_edge_is_missing),
        cmocka_unit_test(an_unreadable_message_is_dead_lettered_and_the_worker_goes_on),
        cmocka_unit_test(a_dead_letter_ends_its_image_where_the_id_can_be_read),
        cmocka_unit_test(what_a_full_queue_refuses_waits_in_the_outbox),
        cmocka_unit_test(unended_images_are_queued_again_after_the_broker_lost_everything),
    };

    return cmocka_run_group_tests_name("queues", tests, NULL, NULL);
}
