/*
 * The life of an image in hand, with a broker in memory, a real download, a stand-in for the
 * decoder and a result store that does as it is told.
 */
/* Before cmocka, whose fail() is a macro and takes the place of msgflo's own. */
#include "msgflo/lib/memory_broker.h"

#include "unit.h"

#include <jansson.h>
#include <limits.h>

#include "base/clock.h"
#include "base/log.h"
#include "downloads.h"
#include "resize/store_backend.h"
#include "resize/work.h"

#define DEADLINE_MS 20000
#define IMAGE "0192d3a4-5b6c-7d8e-9f00-112233445566"
#define JOB "0192d3a4-5b6c-7d8e-9f00-665544332211"

/* ---- a result store that does as it is told ---- */

static struct {
    struct result_store base;
    struct put_queue queue;
    int away;     /* so many puts are told so first */
    bool refuses; /* then, all are refused */
    bool hangs;   /* nothing is told */
    int stored;
} store;

static int fake_put(struct store_put *put, struct err *e)
{
    (void)e;
    put_queue_append(&store.queue, put);
    return 0;
}

static void fake_cancel(struct store_put *put)
{
    put_queue_remove(&store.queue, put);
    free(put);
}

static int fake_timeout_ms(const struct result_store *base)
{
    (void)base;
    return store.queue.first && !store.hangs ? 0 : 60000;
}

static void fake_service(struct result_store *base)
{
    struct store_put *put = store.hangs ? NULL : put_queue_take(&store.queue);

    (void)base;
    if (!put)
        return;
    if (store.away > 0) {
        store.away--;
        store_put_end(put, STORE_AWAY, "away");
    } else if (store.refuses) {
        store_put_end(put, STORE_REFUSED, "refused");
    } else {
        store.stored++;
        store_put_end(put, STORE_OK, NULL);
    }
}

static const struct store_kind fake_kind = {.put = fake_put,
                                            .cancel = fake_cancel,
                                            .address = store_path_address,
                                            .timeout_ms = fake_timeout_ms,
                                            .service = fake_service};

/* ---- a worker ---- */

static struct settings settings = {.max_side_px = 4096,
                                   .max_megapixels = 50,
                                   .max_output_mb = 1,
                                   .resize_timeout_s = 10,
                                   .store_patience_s = 30};
static struct memory_broker *broker;
static struct guard *guard;
static struct fetcher *fetcher;
static struct decoder_pool *pool;
static struct workshop *workshop;
static struct msgflo_participant *participant;

static void on_input(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    (void)user;
    workshop_take(workshop, p, d);
}

static void on_state(struct msgflo_participant *p, enum msgflo_state state, const char *text,
                     void *user)
{
    (void)p;
    (void)text;
    (void)user;
    if (state == MSGFLO_DISCONNECTED)
        workshop_disconnected(workshop);
}

static void open_participant(void)
{
    static const struct msgflo_port in = {.id = "in"};
    static const struct msgflo_port out[] = {{.id = "started"}, {.id = "out"}, {.id = "error"}};
    const struct msgflo_definition definition = {.component = "imageresize/ResizeImage",
                                                 .inports = &in,
                                                 .inport_count = 1,
                                                 .outports = out,
                                                 .outport_count = 3};
    const struct msgflo_options options = {.broker = "direct://work",
                                           .role = "resize",
                                           .prefetch = 4,
                                           .on_input = on_input,
                                           .on_state = on_state};
    struct msgflo_error e;

    participant = msgflo_new(&definition, &options, &e);
    assert_non_null(participant);
}

static int open_worker(void **state)
{
    const struct decoder_pool_options options = {.command = {.program = FAKE_DECODER},
                                                 .decoders = 2,
                                                 .cpu_limit_ms = 10000,
                                                 .memory_bytes = 1000,
                                                 .images = 1000,
                                                 .resident_bytes = INT64_C(1) << 40};
    struct fetcher_options usual;
    struct err e = ERR_INIT;

    (void)state;
    memset(&store, 0, sizeof store);
    store.base.kind = &fake_kind;
    put_queue_init(&store.queue);
    broker = memory_broker_named("work");
    guard = guard_for_server();
    usual = usual_options(guard);
    fetcher = fetcher_with(&usual);
    pool = decoder_pool_new(&options, &e);
    workshop = workshop_new(
        &(struct workshop_tools){
            .settings = &settings, .fetcher = fetcher, .decoders = pool, .store = &store.base},
        &e);
    open_participant();
    memory_broker_bind(broker, "resize.STARTED", "STARTED");
    memory_broker_bind(broker, "resize.ERROR", "ERROR");
    memory_broker_bind(broker, "dead-resize.IN", "DEAD");
    return broker && pool && workshop ? 0 : -1;
}

/* As the program ends: what is in hand goes back to its queue. */
static void stop_worker(void)
{
    if (!participant)
        return;
    workshop_give_back(workshop);
    msgflo_free(participant);
    participant = NULL;
}

static int close_worker(void **state)
{
    (void)state;
    stop_worker();
    workshop_free(workshop);
    decoder_pool_free(pool);
    fetcher_free(fetcher);
    guard_free(guard);
    put_queue_free_all(&store.queue);
    memory_broker_free_all();
    return 0;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void turn(void)
{
    struct pollfd fds[8];
    size_t n = decoder_pool_fds(pool, fds);
    int timeout_ms = least(decoder_pool_timeout_ms(pool), workshop_timeout_ms(workshop));
    struct err e = ERR_INIT;

    timeout_ms = least(timeout_ms, result_store_timeout_ms(&store.base));
    timeout_ms = least(timeout_ms, msgflo_timeout_ms(participant));
    assert_int_equal(fetcher_poll(fetcher, fds, n, least(timeout_ms, 100), &e), 0);
    decoder_pool_service(pool);
    result_store_service(&store.base);
    msgflo_service(participant);
    workshop_service(workshop);
}

static void run_until_depth(const char *queue, size_t depth)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;

    while (memory_broker_depth(broker, queue) < depth && clock_until_ms(end_mono_ms) > 0)
        turn();
    assert_int_equal(memory_broker_depth(broker, queue), depth);
}

static void run_until_in_hand(size_t n)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;

    while (workshop_in_hand(workshop) != n && clock_until_ms(end_mono_ms) > 0)
        turn();
    assert_int_equal(workshop_in_hand(workshop), n);
}

static void run_until_stored(void)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;

    while (store.stored < 1 && clock_until_ms(end_mono_ms) > 0)
        turn();
    assert_int_equal(store.stored, 1);
}

static void put_message(const char *input)
{
    char text[600];

    snprintf(text, sizeof text,
             "{\"job\": \"" JOB "\", \"payload\": {\"id\": \"" IMAGE "\", \"input\": \"%s\", "
             "\"width\": 30, \"format\": \"png\"}, \"attempt\": 1, "
             "\"created_at\": \"2026-01-02T03:04:05.678Z\"}",
             input);
    assert_int_equal(memory_broker_put(broker, "resize.IN", text, strlen(text)), 0);
}

static void put_picture(void)
{
    char url[100];

    snprintf(url, sizeof url, "%s/ok/" PICTURE, server.base);
    put_message(url);
}

static json_t *take(const char *queue)
{
    char *text = memory_broker_take(broker, queue);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;

    assert_non_null(json);
    free(text);
    return json;
}

static const char *error_code(const json_t *message)
{
    return json_string_value(json_object_get(json_object_get(message, "error"), "code"));
}

/* Nothing in hand, and nothing to come again. */
static void assert_acked(void)
{
    run_until_in_hand(0);
    stop_worker();
    assert_int_equal(memory_broker_depth(broker, "resize.IN"), 0);
}

/* ---- tests ---- */

static void tells_the_start_then_the_result_then_acks(void **state)
{
    json_t *started, *out, *result;
    const char *address;

    (void)state;
    memory_broker_bind(broker, "resize.OUT", "OUT");
    put_picture();
    run_until_depth("OUT", 1);
    started = take("STARTED");
    out = take("OUT");
    result = json_object_get(out, "result");
    address = json_string_value(json_object_get(result, "output"));
    assert_non_null(json_object_get(started, "started_at"));
    assert_non_null(address);
    assert_int_equal(strncmp(address, "/outputs/" IMAGE "-", 46), 0);
    assert_string_equal(strrchr(address, '.'), ".png");
    assert_int_equal(json_integer_value(json_object_get(result, "width")), 30);
    assert_true(json_is_string(json_object_get(out, "completed_at")));
    assert_int_equal(store.stored, 1);
    json_decref(started);
    json_decref(out);
    assert_acked();
}

static void reports_a_failure_and_acks(void **state)
{
    json_t *error;

    (void)state;
    put_message("http://127.0.0.1:1/a.jpg");
    run_until_depth("ERROR", 1);
    error = take("ERROR");
    assert_string_equal(error_code(error), "source_forbidden");
    json_decref(error);
    assert_acked();
    assert_int_equal(memory_broker_depth(broker, "DEAD"), 0);
}

static void sends_what_cannot_be_read_to_the_dead_letters(void **state)
{
    (void)state;
    memory_broker_put(broker, "resize.IN", "not JSON", 8);
    put_message("ftp://example.org/a.jpg");
    run_until_depth("DEAD", 2);
    assert_int_equal(workshop_rejected(workshop), 2);
    assert_acked();
}

static void keeps_a_result_until_its_port_has_an_edge(void **state)
{
    (void)state;
    put_picture();
    run_until_stored();
    run_until_depth("STARTED", 1);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(workshop_in_hand(workshop), 1);
    memory_broker_bind(broker, "resize.OUT", "OUT");
    run_until_depth("OUT", 1);
    assert_acked();
    assert_int_equal(memory_broker_depth(broker, "OUT"), 1);
}

static void gives_back_what_no_edge_takes_when_it_drains(void **state)
{
    (void)state;
    put_picture();
    run_until_stored();
    workshop_drain(workshop);
    run_until_in_hand(0);
    stop_worker();
    assert_int_equal(memory_broker_depth(broker, "resize.IN"), 1);
}

static void gives_back_what_the_store_cannot_take_when_it_drains(void **state)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;

    (void)state;
    store.away = INT_MAX;
    put_picture();
    while (store.away == INT_MAX && clock_until_ms(end_mono_ms) > 0)
        turn();
    workshop_drain(workshop);
    run_until_in_hand(0);
    stop_worker();
    assert_int_equal(memory_broker_depth(broker, "resize.IN"), 1);
    assert_int_equal(memory_broker_depth(broker, "ERROR"), 0);
}

static void does_not_ack_before_the_confirm(void **state)
{
    (void)state;
    memory_broker_bind(broker, "resize.OUT", "OUT");
    memory_broker_hold_confirms(broker, true);
    put_picture();
    run_until_depth("OUT", 1);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(workshop_in_hand(workshop), 1);
    stop_worker();
    assert_int_equal(memory_broker_depth(broker, "resize.IN"), 1);
}

static void puts_again_what_the_store_could_not_take(void **state)
{
    (void)state;
    memory_broker_bind(broker, "resize.OUT", "OUT");
    store.away = 2;
    put_picture();
    run_until_depth("OUT", 1);
    assert_int_equal(store.stored, 1);
    assert_acked();
}

static void reports_what_the_store_refuses_as_worth_another_try(void **state)
{
    json_t *error;

    (void)state;
    store.refuses = true;
    put_picture();
    run_until_depth("ERROR", 1);
    error = take("ERROR");
    assert_string_equal(error_code(error), "store_failed");
    assert_true(json_is_true(json_object_get(json_object_get(error, "error"), "retryable")));
    json_decref(error);
    assert_acked();
}

static void assert_held_for_a_second(void)
{
    int64_t began_mono_ms = clock_mono_ms();
    json_t *error;

    settings.store_patience_s = 1;
    put_picture();
    run_until_depth("ERROR", 1);
    settings.store_patience_s = 30;
    assert_true(clock_mono_ms() - began_mono_ms >= 1000);
    error = take("ERROR");
    assert_string_equal(error_code(error), "store_failed");
    json_decref(error);
    assert_acked();
    assert_int_equal(store.queue.count, 0);
}

static void holds_a_result_no_longer_than_its_patience(void **state)
{
    (void)state;
    store.away = INT_MAX;
    assert_held_for_a_second();
}

static void cancels_what_the_store_says_nothing_of(void **state)
{
    (void)state;
    store.hangs = true;
    assert_held_for_a_second();
}

static void drops_what_is_in_hand_with_the_connection_and_does_it_again(void **state)
{
    (void)state;
    memory_broker_bind(broker, "resize.OUT", "OUT");
    put_picture();
    run_until_in_hand(1);
    memory_broker_set_away(broker, true);
    run_until_in_hand(0);
    assert_int_equal(memory_broker_depth(broker, "resize.IN"), 1);
    memory_broker_set_away(broker, false);
    run_until_depth("OUT", 1);
    assert_acked();
}

#define worker_test(f) cmocka_unit_test_setup_teardown(f, open_worker, close_worker)

int main(void)
{
    const struct CMUnitTest tests[] = {
        worker_test(tells_the_start_then_the_result_then_acks),
        worker_test(reports_a_failure_and_acks),
        worker_test(sends_what_cannot_be_read_to_the_dead_letters),
        worker_test(keeps_a_result_until_its_port_has_an_edge),
        worker_test(gives_back_what_no_edge_takes_when_it_drains),
        worker_test(gives_back_what_the_store_cannot_take_when_it_drains),
        worker_test(does_not_ack_before_the_confirm),
        worker_test(puts_again_what_the_store_could_not_take),
        worker_test(reports_what_the_store_refuses_as_worth_another_try),
        worker_test(holds_a_result_no_longer_than_its_patience),
        worker_test(cancels_what_the_store_says_nothing_of),
        worker_test(drops_what_is_in_hand_with_the_connection_and_does_it_again),
    };

    log_init("", LOG_ERROR);
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
