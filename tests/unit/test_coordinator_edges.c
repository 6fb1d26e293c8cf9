/*
 * test_coordinator_edges.c - which edges are bound, when, and how they move.
 */
#include "unit.h"

#include "coordinator_script.h"

#define TWO "a(test/A) OUT -> IN b(test/B)"

static void quiet_client(struct script *s)
{
    s->quiet_client = true;
    coordinator_opened(s->c, 1, s->now_ms);
}

static void say_edge(struct script *s, const char *command, const char *src, const char *tgt)
{
    char payload[300];

    snprintf(payload, sizeof(payload),
             "{'graph':'default/main','src':{'node':'%s','port':'out'},'tgt':{'node':'%s','port':"
             "'in'}}",
             src, tgt);
    script_say(s, 1, "graph", command, payload);
}

static void an_edge_is_bound_once_both_ends_are_known(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    script_expect(&s, "");
    script_hear(&s, "a", "a-1", "", "out=a.OUT");
    script_expect(&s, "");
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    script_expect(&s, "bind a.OUT -> b.IN\n");
    script_hear(&s, "b", "b-1", "in=b.IN", ""); /* heard again */
    script_expect(&s, "");
    script_end(&s);
}

static void queues_are_the_announced_ones_else_by_convention(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    script_hear(&s, "a", "a-1", "", "");
    script_hear(&s, "b", "b-1", "in=other/queue", "");
    script_expect(&s, "bind a.OUT -> other/queue\n");
    script_end(&s);
}

/* In a big graph it takes long to work out what follows from an event. */
static void what_follows_from_events_that_come_together_is_worked_out_once(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    quiet_client(&s);
    s.together = true;
    script_hear(&s, "a", "a-1", "", "out=a.OUT");
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    say_edge(&s, "removeedge", "a", "b");
    script_expect(&s, "");
    assert_int_equal(coordinator_timeout_ms(s.c, s.now_ms), 0);
    script_wait(&s, 0);
    script_expect(&s, "");
    say_edge(&s, "addedge", "a", "b");
    script_wait(&s, 0);
    script_expect(&s, "bind a.OUT -> b.IN\n");
    script_end(&s);
}

static void an_edge_of_one_queue_needs_no_binding(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    script_hear(&s, "a", "a-1", "", "out=shared");
    script_hear(&s, "b", "b-1", "in=shared", "");
    script_expect(&s, "");
    script_end(&s);
}

static void a_changed_announcement_moves_the_binding(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    script_hear(&s, "a", "a-1", "", "out=a.OUT");
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    script_forget(&s);
    script_hear(&s, "b", "b-1", "in=b.NEW", "");
    script_expect(&s, "move a.OUT -> b.IN to b.NEW alone\n");
    script_end(&s);
}

static void a_new_process_has_its_edges_bound_again(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    script_hear(&s, "a", "a-1", "", "out=a.OUT");
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    script_done(&s, s.last_command, NULL);
    script_forget(&s);
    script_hear(&s, "b", "b-2", "in=b.IN", ""); /* its queue may be a new one */
    script_expect(&s, "bind a.OUT -> b.IN\n");
    script_end(&s);
}

static void what_was_refused_is_tried_again(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    coordinator_opened(s.c, 1, 0);
    script_hear(&s, "a", "a-1", "", "out=a.OUT");
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    script_forget(&s);
    script_done(&s, s.last_command, "no such queue");
    script_expect(&s,
                  "> 1 network:error {'message':'a.OUT -> b.IN is not bound: no such queue'}\n");
    script_wait(&s, COORDINATOR_RETRY_MS - 1);
    script_expect(&s, "");
    script_wait(&s, 1);
    script_expect(&s, "bind a.OUT -> b.IN\n");
    script_done(&s, s.last_command, "no such queue"); /* told once */
    script_expect(&s, "");
    script_end(&s);
}

static void all_is_bound_again_after_an_outage(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    script_hear(&s, "a", "a-1", "", "out=a.OUT");
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    script_done(&s, s.last_command, NULL);
    script_forget(&s);
    coordinator_disconnected(s.c, "gone", s.now_ms);
    coordinator_connected(s.c, s.now_ms);
    script_wait(&s, 0);
    script_expect(&s, "bind a.OUT -> b.IN\n");
    script_end(&s);
}

static void commands_that_find_no_room_are_given_again(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    s.full = true;
    script_hear(&s, "a", "a-1", "", "out=a.OUT");
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    script_expect(&s, "");
    assert_int_equal(coordinator_timeout_ms(s.c, s.now_ms), 100);
    s.full = false;
    script_wait(&s, 100);
    script_expect(&s, "bind a.OUT -> b.IN\n");
    script_end(&s);
}

static void start_with_three(struct script *s, const char *fbp)
{
    script_start(s, fbp, NULL, NULL);
    quiet_client(s);
    script_hear(s, "a", "a-1", "", "out=a.OUT");
    script_hear(s, "b", "b-1", "in=b.IN", "");
    script_hear(s, "c", "c-1", "in=c.IN", "");
    script_forget(s);
}

static void a_removed_edge_is_unbound_after_a_while(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO);
    say_edge(&s, "removeedge", "a", "b");
    script_expect(&s, "");
    assert_int_equal(coordinator_timeout_ms(s.c, s.now_ms), COORDINATOR_GRACE_MS);
    script_wait(&s, COORDINATOR_GRACE_MS - 1);
    script_expect(&s, "");
    script_wait(&s, 1);
    script_expect(&s, "unbind a.OUT -> b.IN\n");
    script_end(&s);
}

static void an_edge_removed_and_added_elsewhere_is_one_move(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO " c(test/C)");
    say_edge(&s, "removeedge", "a", "b");
    script_wait(&s, 100);
    say_edge(&s, "addedge", "a", "c");
    script_expect(&s, "move a.OUT -> b.IN to c.IN alone\n");
    script_wait(&s, 1000);
    script_expect(&s, "");
    script_end(&s);
}

static void a_failed_move_leaves_nothing_behind(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO " c(test/C)");
    say_edge(&s, "removeedge", "a", "b");
    say_edge(&s, "addedge", "a", "c");
    script_forget(&s);
    script_done(&s, s.last_command, "no");
    script_wait(&s, COORDINATOR_RETRY_MS);
    script_expect(&s, "bind a.OUT -> c.IN\n");
    script_wait(&s, COORDINATOR_GRACE_MS);
    script_expect(&s, "unbind a.OUT -> b.IN\n");
    script_end(&s);
}

static void an_edge_wanted_again_while_it_is_moved_away_is_bound_again(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO " c(test/C)");
    say_edge(&s, "removeedge", "a", "b");
    say_edge(&s, "addedge", "a", "c");
    say_edge(&s, "addedge", "a", "b");
    script_expect(&s, "move a.OUT -> b.IN to c.IN alone\n");
    s.together = true;
    script_done(&s, s.last_command, NULL);
    assert_int_equal(coordinator_timeout_ms(s.c, s.now_ms), 0);
    script_wait(&s, 0);
    script_expect(&s, "bind a.OUT -> b.IN\n");
    script_end(&s);
}

/* However long the move takes, its target is not unbound before the source has its old edge. */
static void an_edge_that_is_moved_back_during_the_move_is_never_away(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO " c(test/C)");
    say_edge(&s, "removeedge", "a", "b");
    say_edge(&s, "addedge", "a", "c");
    say_edge(&s, "removeedge", "a", "c");
    say_edge(&s, "addedge", "a", "b");
    script_wait(&s, COORDINATOR_GRACE_MS);
    script_wait(&s, COORDINATOR_GRACE_MS);
    script_expect(&s, "move a.OUT -> b.IN to c.IN alone\n");
    s.together = true;
    script_done(&s, s.last_command, NULL);
    assert_int_equal(coordinator_timeout_ms(s.c, s.now_ms), 0);
    script_wait(&s, 0);
    script_expect(&s, "move a.OUT -> c.IN to b.IN alone\n");
    script_done(&s, s.last_command, NULL);
    script_wait(&s, 1000);
    script_expect(&s, "");
    script_end(&s);
}

static void an_edge_removed_during_its_move_is_unbound_after_it(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO " c(test/C)");
    say_edge(&s, "removeedge", "a", "b");
    say_edge(&s, "addedge", "a", "c");
    say_edge(&s, "removeedge", "a", "c");
    script_forget(&s);
    script_wait(&s, COORDINATOR_GRACE_MS);
    assert_true(coordinator_timeout_ms(s.c, s.now_ms) > 100); /* not again and again */
    script_expect(&s, "");
    script_done(&s, s.last_command, NULL);
    script_wait(&s, 0);
    script_wait(&s, COORDINATOR_GRACE_MS);
    script_expect(&s, "unbind a.OUT -> c.IN\n");
    script_end(&s);
}

static void a_move_beside_another_edge_of_the_source_is_not_alone(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO " c(test/C) a OUT -> IN d(test/D)");
    script_hear(&s, "d", "d-1", "in=d.IN", "");
    script_forget(&s);
    say_edge(&s, "removeedge", "a", "b");
    say_edge(&s, "addedge", "a", "c");
    script_expect(&s, "move a.OUT -> b.IN to c.IN\n");
    script_end(&s);
}

static void an_edge_added_before_the_other_goes_is_made_before_the_break(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO " c(test/C)");
    say_edge(&s, "addedge", "a", "c");
    script_expect(&s, "bind a.OUT -> c.IN\n");
    say_edge(&s, "removeedge", "a", "b");
    script_wait(&s, COORDINATOR_GRACE_MS);
    script_expect(&s, "unbind a.OUT -> b.IN\n");
    script_end(&s);
}

static void an_edge_that_comes_back_was_never_away(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO);
    say_edge(&s, "removeedge", "a", "b");
    say_edge(&s, "addedge", "a", "b");
    script_wait(&s, 1000);
    script_expect(&s, "");
    script_end(&s);
}

static void stopping_unbinds_at_once_and_starting_binds(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO);
    script_say(&s, 1, "network", "stop", "{'graph':'default/main'}");
    script_expect(&s, "unbind a.OUT -> b.IN\n");
    script_say(&s, 1, "network", "start", "{'graph':'default/main'}");
    script_expect(&s, "bind a.OUT -> b.IN\n");
    script_end(&s);
}

static void a_participant_that_is_gone_keeps_its_edges(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO);
    script_wait(&s, 1000000);
    script_expect(&s, "");
    say_edge(&s, "removeedge", "a", "b");
    script_wait(&s, 1000);
    script_expect(&s, "unbind a.OUT -> b.IN\n");
    script_end(&s);
}

static void routing_nodes_are_bindings_and_no_participants(void **state)
{
    struct script s;

    (void)state;
    script_start(&s,
                 "a(test/A) OUT -> IN r(msgflo/RoundRobin)\nr OUT -> IN b(test/B)\n"
                 "r DEADLETTER -> DEAD c(test/C)\n"
                 "a LOG -> IN p(msgflo/PubSub)\np OUT -> IN b\np OUT -> IN c",
                 NULL, NULL);
    script_hear(&s, "a", "a-1", "", "out=a.OUT log=a.LOG");
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    script_expect(&s, "bind roundrobin a.OUT -> b.IN\nbind a.LOG -> b.IN\n");
    script_hear(&s, "c", "c-1", "in=c.IN dead=c.DEAD", "");
    script_expect(&s, "bind deadletter b.IN -> c.DEAD\nbind a.LOG -> c.IN\n");
    script_end(&s);
}

static void two_graphs_with_the_same_edge_share_its_binding(void **state)
{
    struct script s;

    (void)state;
    start_with_three(&s, TWO);
    script_say(&s, 1, "graph", "clear", "{'id':'g'}");
    script_say(&s, 1, "graph", "addnode", "{'graph':'g','id':'a','component':'test/A'}");
    script_say(&s, 1, "graph", "addnode", "{'graph':'g','id':'b','component':'test/B'}");
    script_say(&s, 1, "graph", "addedge",
               "{'graph':'g','src':{'node':'a','port':'out'},'tgt':{'node':'b','port':'in'}}");
    script_say(&s, 1, "network", "start", "{'graph':'g'}");
    script_say(&s, 1, "network", "stop", "{'graph':'default/main'}");
    script_expect_none(&s, "bind");
    script_say(&s, 1, "network", "stop", "{'graph':'g'}");
    script_expect_some(&s, "unbind a.OUT -> b.IN\n");
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edge_is_bound_once_both_ends_are_known),
        cmocka_unit_test(queues_are_the_announced_ones_else_by_convention),
        cmocka_unit_test(what_follows_from_events_that_come_together_is_worked_out_once),
        cmocka_unit_test(an_edge_of_one_queue_needs_no_binding),
        cmocka_unit_test(a_changed_announcement_moves_the_binding),
        cmocka_unit_test(a_new_process_has_its_edges_bound_again),
        cmocka_unit_test(what_was_refused_is_tried_again),
        cmocka_unit_test(all_is_bound_again_after_an_outage),
        cmocka_unit_test(commands_that_find_no_room_are_given_again),
        cmocka_unit_test(a_removed_edge_is_unbound_after_a_while),
        cmocka_unit_test(an_edge_removed_and_added_elsewhere_is_one_move),
        cmocka_unit_test(a_failed_move_leaves_nothing_behind),
        cmocka_unit_test(an_edge_wanted_again_while_it_is_moved_away_is_bound_again),
        cmocka_unit_test(an_edge_that_is_moved_back_during_the_move_is_never_away),
        cmocka_unit_test(an_edge_removed_during_its_move_is_unbound_after_it),
        cmocka_unit_test(a_move_beside_another_edge_of_the_source_is_not_alone),
        cmocka_unit_test(an_edge_added_before_the_other_goes_is_made_before_the_break),
        cmocka_unit_test(an_edge_that_comes_back_was_never_away),
        cmocka_unit_test(stopping_unbinds_at_once_and_starting_binds),
        cmocka_unit_test(a_participant_that_is_gone_keeps_its_edges),
        cmocka_unit_test(routing_nodes_are_bindings_and_no_participants),
        cmocka_unit_test(two_graphs_with_the_same_edge_share_its_binding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
