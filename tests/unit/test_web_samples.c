#include "web/samples.h"

#include <math.h>

#include "unit.h"

#define GRAPH                                                                                      \
    "web(i/W) RESIZEIMAGE -> IN front(msgflo/RoundRobin)\n"                                        \
    "front OUT -> IN resize(i/R)\n"                                                                \
    "front DEADLETTER -> DEAD store(i/S)\n"                                                        \
    "resize OUT -> IN store\n"

enum { RESIZE_IN, STORE_DEAD, STORE_IN, QUEUES };
enum { WEB_OUT, RESIZE_OUT, EXCHANGES };

struct fixture {
    struct architecture architecture;
    struct samples *samples;
    struct queue_stats queues[QUEUES];
    double places[QUEUES], published[EXCHANGES];
    struct reading reading;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct samples_options options = {.deadline_s = 30, .deadline_bulk_s = 600};
    struct err e = ERR_INIT;

    assert_int_equal(architecture_parse(GRAPH, strlen(GRAPH), &f->architecture, &e), 0);
    assert_int_equal(f->architecture.n_queues, QUEUES);
    assert_int_equal(f->architecture.n_exchanges, EXCHANGES);
    options.architecture = &f->architecture;
    f->samples = samples_new(&options, &e);
    assert_non_null(f->samples);
    for (size_t i = 0; i < QUEUES; i++) {
        f->queues[i] = queue_stats_unknown();
        f->queues[i].is_there = true;
        f->queues[i].messages = f->queues[i].ready = f->queues[i].unacked = 0;
        f->queues[i].consumers = 1;
        f->places[i] = 10;
    }
    f->reading = (struct reading){.wall_ms = 1700000000000,
                                  .mono_ms = 1000000,
                                  .broker_is_up = true,
                                  .source = QUEUES_MANAGEMENT,
                                  .queues = f->queues,
                                  .places = f->places,
                                  .published = f->published};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    samples_free(f->samples);
    architecture_release(&f->architecture);
    free(f);
    return 0;
}

static void read_after(struct fixture *f, int64_t ms)
{
    f->reading.wall_ms += ms;
    f->reading.mono_ms += ms;
    samples_add(f->samples, &f->reading);
}

static json_t *member(json_t *json, const char *key)
{
    json_t *found = json_object_get(json, key);

    if (!found)
        fail_msg("no %s", key);
    return found;
}

/* The object of a list whose member has that text; lent. */
static json_t *find(json_t *json, const char *list, const char *key, const char *text)
{
    json_t *item;
    size_t i;

    json_array_foreach(member(json, list), i, item)
    {
        if (strcmp(json_string_value(member(item, key)), text) == 0)
            return item;
    }
    fail_msg("no %s of %s", text, list);
    return NULL;
}

static json_t *role_of(json_t *json, size_t sample, const char *role)
{
    return member(member(json_array_get(member(json, "samples"), sample), "roles"), role);
}

static json_t *queue_of(json_t *json, const char *node)
{
    return member(find(json, "nodes", "name", node), "queue");
}

static double real(json_t *json, const char *key)
{
    return json_number_value(member(json, key));
}

static void assert_null_member(json_t *json, const char *key)
{
    if (!json_is_null(member(json, key)))
        fail_msg("%s is not null", key);
}

static void tells_nothing_before_the_first_reading(void **state)
{
    struct fixture *f = *state;
    json_t *json = samples_json(f->samples, 1700000000000);

    assert_string_equal(json_string_value(member(json, "at")), "2023-11-14T22:13:20.000Z");
    assert_string_equal(json_string_value(member(json, "broker")), "down");
    assert_null_member(json, "source");
    assert_null_member(find(json, "nodes", "name", "resize"), "workers");
    assert_null_member(queue_of(json, "resize"), "exists");
    assert_null_member(queue_of(json, "resize"), "full");
    assert_int_equal(json_array_size(member(json, "samples")), 0);
    json_decref(json);
}

static void tells_of_each_node_and_edge_how_it_stands(void **state)
{
    struct fixture *f = *state;
    json_t *json, *resize, *store, *front;

    f->queues[RESIZE_IN].messages = 9;
    f->queues[RESIZE_IN].ready = 4;
    f->queues[RESIZE_IN].unacked = 5;
    f->queues[RESIZE_IN].consumers = 2;
    f->places[RESIZE_IN] = 20;
    f->queues[STORE_DEAD].messages = 3;
    read_after(f, 0);
    json = samples_json(f->samples, 0);
    resize = find(json, "nodes", "name", "resize");
    assert_string_equal(json_string_value(member(json, "source")), "management");
    assert_int_equal(real(resize, "workers"), 2);
    assert_int_equal(real(resize, "deadline_s"), 30);
    assert_string_equal(json_string_value(member(resize, "priority")), "interactive");
    assert_int_equal(real(member(resize, "queue"), "messages"), 9);
    assert_int_equal(real(member(resize, "queue"), "unacked"), 5);
    assert_true(json_is_false(member(member(resize, "queue"), "full")));
    assert_true(json_is_true(member(member(resize, "queue"), "exists")));
    assert_true(real(role_of(json, 0, "resize"), "utilisation") == 0.25);
    store = find(json, "nodes", "name", "store");
    assert_null_member(store, "deadline_s");
    assert_string_equal(json_string_value(member(member(store, "queue"), "name")), "store.IN");
    front = find(json, "nodes", "name", "front");
    assert_true(json_is_false(member(front, "role")));
    assert_null_member(front, "queue");
    assert_null_member(front, "workers");
    /* Messages wait where an edge ends in a queue, each queue's own. */
    assert_null_member(find(json, "edges", "to", "front"), "messages");
    assert_int_equal(real(find(json, "edges", "to", "resize"), "messages"), 9);
    assert_int_equal(real(find(json, "edges", "to_port", "DEAD"), "messages"), 3);
    json_decref(json);
}

/* 3 a second, in the broker's steps of 5 s, looked at each 2 s: never 0, never twice as much. */
static void rates_are_counted_over_two_steps_of_the_broker(void **state)
{
    struct fixture *f = *state;

    for (int64_t ms = 0; ms <= 60000; ms += 2000) {
        const double counted = 3.0 * (double)(ms / 5000 * 5);
        json_t *json;

        f->queues[RESIZE_IN].published = f->published[WEB_OUT] = 1000 + counted;
        f->queues[RESIZE_IN].acked = 900 + counted;
        read_after(f, ms ? 2000 : 0);
        json = samples_json(f->samples, 0);
        if (ms < RATE_OVER_LEAST_MS) {
            assert_null_member(queue_of(json, "resize"), "in_per_second");
            assert_null_member(find(json, "edges", "to", "front"), "per_second");
        } else if (ms >= RATE_OVER_MS) {
            assert_true(fabs(real(queue_of(json, "resize"), "in_per_second") - 3) < 0.01);
            assert_true(fabs(real(queue_of(json, "resize"), "out_per_second") - 3) < 0.01);
            assert_true(fabs(real(find(json, "edges", "to", "front"), "per_second") - 3) < 0.01);
            /* And what goes into the round robin comes out of it. */
            assert_true(fabs(real(find(json, "edges", "to", "resize"), "per_second") - 3) < 0.01);
            assert_null_member(find(json, "edges", "to_port", "DEAD"), "per_second");
        }
        json_decref(json);
    }
}

static void a_queue_without_counters_has_had_nothing(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    read_after(f, 0);
    f->queues[RESIZE_IN].published = 20; /* its first messages */
    read_after(f, 10000);
    json = samples_json(f->samples, 0);
    assert_true(real(queue_of(json, "resize"), "in_per_second") == 2);
    assert_true(real(queue_of(json, "resize"), "out_per_second") == 0);
    json_decref(json);
}

static void counters_that_start_again_make_no_rate(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    f->queues[RESIZE_IN].published = f->published[RESIZE_OUT] = 500;
    read_after(f, 0);
    f->queues[RESIZE_IN].published = f->published[RESIZE_OUT] = 3;
    read_after(f, 10000);
    json = samples_json(f->samples, 0);
    assert_null_member(queue_of(json, "resize"), "in_per_second");
    assert_null_member(find(json, "edges", "from", "resize"), "per_second");
    json_decref(json);
    f->queues[RESIZE_IN].published = 13;
    read_after(f, 10000);
    json = samples_json(f->samples, 0);
    assert_true(real(queue_of(json, "resize"), "in_per_second") == 1);
    json_decref(json);
}

static void what_was_read_long_ago_makes_no_rate(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    f->queues[RESIZE_IN].published = 500;
    read_after(f, 0);
    f->queues[RESIZE_IN].published = 900;
    read_after(f, RATE_OVER_MOST_MS + 1);
    json = samples_json(f->samples, 0);
    assert_null_member(queue_of(json, "resize"), "in_per_second");
    json_decref(json);
}

static void a_broker_that_is_away_leaves_nothing_known(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    read_after(f, 0);
    f->reading.broker_is_up = false;
    f->reading.source = QUEUES_NONE;
    for (size_t i = 0; i < QUEUES; i++) {
        f->queues[i] = queue_stats_unknown();
        f->places[i] = (double)NAN;
    }
    read_after(f, 10000);
    json = samples_json(f->samples, 0);
    assert_string_equal(json_string_value(member(json, "broker")), "down");
    assert_null_member(json, "source");
    assert_null_member(find(json, "nodes", "name", "resize"), "workers");
    assert_null_member(queue_of(json, "resize"), "messages");
    assert_null_member(queue_of(json, "resize"), "exists");
    assert_null_member(role_of(json, 1, "resize"), "messages");
    assert_null_member(role_of(json, 1, "resize"), "utilisation");
    assert_true(real(role_of(json, 0, "resize"), "messages") == 0); /* the past stays */
    json_decref(json);
}

static void over_amqp_rates_and_work_in_hand_are_not_known(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    f->reading.source = QUEUES_AMQP;
    for (size_t i = 0; i < QUEUES; i++) {
        f->queues[i] = queue_stats_unknown();
        f->queues[i].is_there = true;
        f->queues[i].messages = f->queues[i].ready = 7;
        f->queues[i].consumers = 2;
        f->places[i] = (double)NAN;
    }
    f->published[WEB_OUT] = f->published[RESIZE_OUT] = (double)NAN;
    read_after(f, 0);
    read_after(f, 10000);
    json = samples_json(f->samples, 0);
    assert_string_equal(json_string_value(member(json, "source")), "passive");
    assert_int_equal(real(queue_of(json, "resize"), "messages"), 7);
    assert_int_equal(real(find(json, "nodes", "name", "resize"), "workers"), 2);
    assert_null_member(queue_of(json, "resize"), "unacked");
    assert_null_member(queue_of(json, "resize"), "full");
    assert_null_member(find(json, "edges", "from", "web"), "per_second");
    assert_null_member(role_of(json, 1, "resize"), "utilisation");
    json_decref(json);
}

/* Its consumers are told all the same. */
static void statistics_that_stand_still_say_nothing_of_utilisation(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    f->queues[RESIZE_IN] = queue_stats_unknown();
    f->queues[RESIZE_IN].is_there = true;
    read_after(f, 0);
    json = samples_json(f->samples, 0);
    assert_null_member(role_of(json, 0, "resize"), "utilisation");
    assert_null_member(find(json, "nodes", "name", "resize"), "workers");
    json_decref(json);
}

static void a_role_without_workers_and_a_missing_queue_are_plain(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    f->queues[RESIZE_IN].consumers = 0;
    f->places[RESIZE_IN] = 0;
    f->queues[STORE_IN] = queue_stats_unknown();
    read_after(f, 0);
    json = samples_json(f->samples, 0);
    assert_int_equal(real(find(json, "nodes", "name", "resize"), "workers"), 0);
    assert_null_member(role_of(json, 0, "resize"), "utilisation");
    assert_true(json_is_false(member(queue_of(json, "store"), "exists")));
    assert_int_equal(real(find(json, "nodes", "name", "store"), "workers"), 0);
    assert_null_member(queue_of(json, "store"), "messages");
    assert_null_member(queue_of(json, "store"), "full");
    json_decref(json);
}

static void a_full_queue_is_plain(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    f->queues[RESIZE_IN].max_messages = 5;
    f->queues[RESIZE_IN].is_full = true;
    read_after(f, 0);
    json = samples_json(f->samples, 0);
    assert_true(json_is_true(member(queue_of(json, "resize"), "full")));
    assert_int_equal(real(queue_of(json, "resize"), "max_messages"), 5);
    assert_null_member(queue_of(json, "store"), "max_messages");
    json_decref(json);
}

static void keeps_fifteen_minutes_and_no_more(void **state)
{
    struct fixture *f = *state;
    json_t *json, *list;

    for (int i = 0; i < 2000; i++) {
        f->queues[RESIZE_IN].messages = i;
        read_after(f, 2000);
    }
    json = samples_json(f->samples, 0);
    list = member(json, "samples");
    assert_in_range(json_array_size(list), 2, SAMPLES_MAX);
    /* Of 2,000 readings each second one was kept: the first of the list is 15 minutes old. */
    assert_int_equal(real(role_of(json, 0, "resize"), "messages"), 2000 - SAMPLES_LAST_MS / 2000);
    assert_int_equal(real(role_of(json, json_array_size(list) - 1, "resize"), "messages"), 1998);
    json_decref(json);
}

static void seldom_readings_age_too(void **state)
{
    struct fixture *f = *state;
    json_t *json;

    read_after(f, 0);
    read_after(f, SAMPLES_LAST_MS);
    json = samples_json(f->samples, 0);
    assert_int_equal(json_array_size(member(json, "samples")), 2);
    json_decref(json);
    read_after(f, 1);
    json = samples_json(f->samples, 0);
    assert_int_equal(json_array_size(member(json, "samples")), 1);
    json_decref(json);
}

#define with_samples(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_samples(tells_nothing_before_the_first_reading),
        with_samples(tells_of_each_node_and_edge_how_it_stands),
        with_samples(rates_are_counted_over_two_steps_of_the_broker),
        with_samples(a_queue_without_counters_has_had_nothing),
        with_samples(counters_that_start_again_make_no_rate),
        with_samples(what_was_read_long_ago_makes_no_rate),
        with_samples(a_broker_that_is_away_leaves_nothing_known),
        with_samples(over_amqp_rates_and_work_in_hand_are_not_known),
        with_samples(statistics_that_stand_still_say_nothing_of_utilisation),
        with_samples(a_role_without_workers_and_a_missing_queue_are_plain),
        with_samples(a_full_queue_is_plain),
        with_samples(keeps_fifteen_minutes_and_no_more),
        with_samples(seldom_readings_age_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
