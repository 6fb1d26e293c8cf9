/*
 * test_bindings.c - what graphs mean on a broker: names, routing nodes, and what --prune may take.
 */
#include "unit.h"

#include "base/buf.h"
#include "graph/bindings.h"
#include "graph/fbp.h"

static struct graph *parse(const char *text)
{
    struct err e = ERR_INIT;
    struct graph *g;

    if (fbp_parse(text, strlen(text), NULL, &g, NULL, NULL, &e))
        fail_msg("%s", e.text);
    return g;
}

static struct topology topology_of(const char *text)
{
    struct graph *g = parse(text);
    struct err e = ERR_INIT;
    struct topology t;

    if (topology_from_graph(g, &t, &e))
        fail_msg("%s", e.text);
    graph_free(g);
    return t;
}

/* All of it in short, to be compared: "P a -> b" for pubsub, R round robin, D dead letter. */
static void assert_bindings(const struct topology *t, const char *wanted)
{
    AUTO(buf_release) struct buf got = BUF_INIT;

    for (size_t i = 0; i < t->n_bindings; i++)
        buf_printf(&got, "%c %s -> %s\n", "PRD"[t->bindings[i].kind], t -> bindings[i].src,
                   t->bindings[i].tgt);
    assert_string_equal(got.data ? got.data : "", wanted);
}

static void assert_links(const struct link_list *list, const char *wanted)
{
    AUTO(buf_release) struct buf got = BUF_INIT;

    for (size_t i = 0; i < list->n; i++)
        buf_printf(&got, "%s %s %s\n", list->links[i].source,
                   list->links[i].to_exchange ? "=>" : "->", list->links[i].destination);
    assert_string_equal(got.data ? got.data : "", wanted);
}

static void assert_names(const struct name_list *list, const char *wanted)
{
    AUTO(buf_release) struct buf got = BUF_INIT;

    for (size_t i = 0; i < list->n; i++)
        buf_printf(&got, "%s%s", i ? " " : "", list->names[i]);
    assert_string_equal(got.data ? got.data : "", wanted);
}

static void names_the_queue_of_a_port_after_role_and_port(void **state)
{
    struct topology t = topology_of("myRole(A) out.put -> in b-2(B)\n'x' -> CONFIG b-2\n"
                                    "INPORT=myRole.START:GO\nOUTPORT=b-2.DONE:DONE");

    (void)state;
    assert_names(&t.roles, "myRole b-2");
    assert_names(&t.inports, "b-2.IN b-2.CONFIG myRole.START");
    assert_names(&t.outports, "myRole.OUT.PUT b-2.DONE");
    assert_bindings(&t, "P myRole.OUT.PUT -> b-2.IN\n");
    topology_release(&t);
}

static void keeps_one_binding_of_two_equal_edges(void **state)
{
    struct topology t = topology_of("a(A) OUT -> IN b(B)\na OUT -> IN b\na OUT[1] -> IN b");

    (void)state;
    assert_bindings(&t, "P a.OUT -> b.IN\n");
    topology_release(&t);
}

static void sends_round_robin_through_an_exchange_and_dead_letters_too(void **state)
{
    struct topology t =
        topology_of("w(W) JOB -> IN rr(msgflo/RoundRobin) OUT -> IN r(R)\nrr DEADLETTER -> D s(S)");
    struct link_list links;
    struct err e = ERR_INIT;

    (void)state;
    assert_names(&t.roles, "w r s");
    assert_bindings(&t, "D r.IN -> s.D\nR w.JOB -> r.IN\n");
    assert_int_equal(topology_links(&t, &links, &e), 0);
    assert_links(&links, "r.IN -> r.IN\ns.D -> s.D\ndead-r.IN -> s.D\nw.JOB => out-w.JOB\n"
                         "out-w.JOB -> r.IN\n");
    link_list_release(&links);
    topology_release(&t);
}

static void joins_all_sources_and_targets_of_a_routing_node(void **state)
{
    struct topology t = topology_of("a(A) X -> IN rr(msgflo/RoundRobin)\nb(B) Y -> IN rr\n"
                                    "rr OUT -> IN c(C)\nrr OUT -> IN d(D)\n"
                                    "a Z -> IN ps(msgflo/PubSub)\nb Z -> IN ps\nps OUT -> IN c\n"
                                    "ps OUT -> Q d");

    (void)state;
    assert_bindings(&t, "P a.Z -> c.IN\nP a.Z -> d.Q\nP b.Z -> c.IN\nP b.Z -> d.Q\n"
                        "R a.X -> c.IN\nR a.X -> d.IN\nR b.Y -> c.IN\nR b.Y -> d.IN\n");
    topology_release(&t);
}

static void takes_a_round_robin_for_dead_letters_alone(void **state)
{
    struct topology t =
        topology_of("rr(msgflo/RoundRobin) OUT -> IN r(R)\nrr DEADLETTER -> IN s(S)");

    (void)state;
    assert_bindings(&t, "D r.IN -> s.IN\n");
    topology_release(&t);
}

static void names_node_and_port_of_what_cannot_be_bound(void **state)
{
    static const struct {
        const char *graph, *error;
    } cases[] = {
        {"a(A) O -> IN rr(msgflo/RoundRobin)",
         "port 'out' of 'rr' (msgflo/RoundRobin) is not connected"},
        {"rr(msgflo/RoundRobin) OUT -> IN a(A)",
         "port 'in' of 'rr' (msgflo/RoundRobin) is not connected"},
        {"a(A) O -> IN rr(msgflo/RoundRobin) BUST -> IN b(B)",
         "port 'bust' of 'rr': msgflo/RoundRobin has no such outport, only out and deadletter"},
        {"a(A) O -> IN ps(msgflo/PubSub) DEADLETTER -> IN b(B)",
         "port 'deadletter' of 'ps': msgflo/PubSub has no such outport, only out"},
        {"a(A) O -> IN r(msgflo/RoundRobin) OUT -> IN s(msgflo/PubSub) OUT -> IN b(B)",
         "port 'out' of 'r' goes to 's': a routing node cannot follow another"},
        {"'x' -> IN rr(msgflo/RoundRobin) OUT -> IN b(B)",
         "port 'in' of 'rr' (msgflo/RoundRobin): takes no IIP"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct graph *g = parse(cases[i].graph);
        struct err e = ERR_INIT;
        struct topology t;

        if (topology_from_graph(g, &t, &e) == 0)
            topology_release(&t);
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.text, cases[i].error);
        graph_free(g);
    }
}

static void takes_names_that_AMQP_takes_and_no_longer(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        AUTO(buf_release) struct buf text = BUF_INIT;
        struct err e = ERR_INIT;
        struct topology t;
        struct graph *g;

        buf_text(&text, "'x' -> IN ");
        for (int i = 0; i < TOPOLOGY_MAX_NAME - 3 + extra; i++) /* ".IN" is 3 more */
            buf_text(&text, "r");
        buf_text(&text, "(R)");
        g = parse(text.data);
        assert_int_equal(topology_from_graph(g, &t, &e), extra ? -1 : 0);
        assert_int_equal(e.code, extra ? ERR_LIMIT : ERR_NONE);
        if (!extra)
            topology_release(&t);
        graph_free(g);
    }
}

/* --- what --prune may take ---------------------------------------------------------------- */

static const char graph_text[] = "w(W) JOB -> IN rr(msgflo/RoundRobin) OUT -> IN r(R)\n"
                                 "rr DEADLETTER -> D s(S)\nr OUT -> IN s";

static void prunes_only_what_this_graph_could_have_made(void **state)
{
    static const struct {
        char source[40], destination[40];
        bool to_exchange, unwanted;
    } cases[] = {
        {"r.OUT", "s.IN", false, false},  /* wanted */
        {"r.IN", "r.IN", false, false},   /* a port's own */
        {"r.OLD", "r.OLD", false, false}, /* also of a port gone */
        {"r.OUT", "s.D", false, true},
        {"r.OLD", "s.IN", false, true},
        {"r.OUT", "s.OLD", false, true},
        {"dead-s.IN", "s.D", false, true},
        {"out-r.OUT", "s.IN", false, true},
        {"r.OUT", "out-r.OUT", true, true},
        {"w.JOB", "out-w.JOB", true, false},
        {"r.OUT", "other.IN", false, false}, /* another's */
        {"other.OUT", "s.IN", false, false},
        {"r.OUT", ".msgflo-broker-subscriptions-1", false, false},
        {"r.OUT", "log", true, false},
        {"amq.topic", "s.IN", false, false},
        {"r.x.OUT", "s.IN", false, false}, /* of a role "r.x" */
        {"r.", "s.IN", false, false},
    };
    struct topology t = topology_of(graph_text);
    struct link_list wanted;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(topology_links(&t, &wanted, &e), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct link_list there = {0};

        assert_int_equal(
            link_list_add(&there, cases[i].source, cases[i].destination, cases[i].to_exchange, &e),
            0);
        if (topology_is_unwanted(&t, &wanted, &there.links[0]) != cases[i].unwanted)
            fail_msg("%s to %s", cases[i].source, cases[i].destination);
        link_list_release(&there);
    }
    link_list_release(&wanted);
    topology_release(&t);
}

static void offers_no_wanted_binding_and_no_ports_own_for_removal(void **state)
{
    struct topology t = topology_of(graph_text);
    struct link_list wanted, candidates;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(topology_links(&t, &wanted, &e), 0);
    assert_int_equal(topology_unwanted_candidates(&t, &candidates, &e), 0);
    for (size_t i = 0; i < candidates.n; i++)
        assert_true(topology_is_unwanted(&t, &wanted, &candidates.links[i]));
    /* 5 sources to 3 queues, plain and by out- or dead-, and 2 to their out-; less the 7 wanted */
    assert_int_equal(candidates.n, 5 * 3 * 2 + 2 - 7);
    link_list_release(&wanted);
    link_list_release(&candidates);
    topology_release(&t);
}

/* In `user` is the one role that has announced nothing. */
static const char *announced(void *user, bool is_inport, const char *role, const char *port,
                             struct err *e)
{
    static char name[100];

    if (user && strcmp(role, user) == 0) {
        err_set(e, ERR_INPUT, "'%s' is not there", role);
        return NULL;
    }
    snprintf(name, sizeof(name), "/%s/%s%s", role, port, is_inport ? "" : "!");
    return name;
}

static void binds_the_queues_that_are_known_in_place_of_the_convention(void **state)
{
    struct graph *g = parse("a(A) OUT -> IN b(B) OUT -> IN rr(msgflo/RoundRobin) OUT -> IN c(C)\n"
                            "rr DEADLETTER -> DEAD b");
    struct topology_queues queues = {announced, NULL};
    struct err e = ERR_INIT;
    struct topology t;

    (void)state;
    assert_int_equal(topology_with_queues(g, &queues, &t, &e), 0);
    assert_bindings(&t, "P /a/out! -> /b/in\nD /c/in -> /b/dead\nR /b/out! -> /c/in\n");
    assert_names(&t.inports, "/b/in /c/in /b/dead");
    topology_release(&t);
    queues.user = (char[]){"c"};
    assert_int_equal(topology_with_queues(g, &queues, &t, &e), -1);
    assert_string_equal(e.text, "'c' is not there");
    graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_queue_of_a_port_after_role_and_port),
        cmocka_unit_test(keeps_one_binding_of_two_equal_edges),
        cmocka_unit_test(sends_round_robin_through_an_exchange_and_dead_letters_too),
        cmocka_unit_test(joins_all_sources_and_targets_of_a_routing_node),
        cmocka_unit_test(takes_a_round_robin_for_dead_letters_alone),
        cmocka_unit_test(names_node_and_port_of_what_cannot_be_bound),
        cmocka_unit_test(takes_names_that_AMQP_takes_and_no_longer),
        cmocka_unit_test(prunes_only_what_this_graph_could_have_made),
        cmocka_unit_test(offers_no_wanted_binding_and_no_ports_own_for_removal),
        cmocka_unit_test(binds_the_queues_that_are_known_in_place_of_the_convention),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
