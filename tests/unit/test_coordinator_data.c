/*
 * test_coordinator_data.c - packets in, data seen on edges, processes that come and go.
 */
#include <time.h>

#include "unit.h"

#include "coordinator_script.h"

#define LIBRARY                                                                                    \
    "{\"components\":{\"test/A\":\"run-a #ROLE\",\"test/B\":\"run-b #ROLE\",\"test/I\":\"run-i "   \
    "#IIPS\",\"test/M\":\"missing\"}}"
#define TWO "'hello' -> IN a(test/X) OUT -> IN b(test/Y)"

static void hear_two(struct script *s)
{
    script_hear(s, "b", "b-1", "in=b.IN", "");
    script_hear(s, "a", "a-1", "in=a.IN", "out=a.OUT");
}

static void see(struct script *s, const char *outport, const char *body)
{
    coordinator_observed(s->c, outport, body, strlen(body), s->now_ms);
}

/* --- initial packets --------------------------------------------------------------------- */

static void each_new_process_gets_the_initial_packets(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    hear_two(&s);
    script_expect(&s, "bind a.OUT -> b.IN\nsend a.IN \"hello\"\n");
    script_hear(&s, "a", "a-1", "in=a.IN", "out=a.OUT");
    script_expect(&s, "");
    script_hear(&s, "a", "a-2", "in=a.IN", "out=a.OUT");
    script_expect_some(&s, "send a.IN \"hello\"\n");
    script_end(&s);
}

static void any_value_is_an_initial_packet(void **state)
{
    static const char *const values[] = {"null", "false", "0", "0.1", "\"\"", "[]", "{\"a\":[1]}"};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        struct script s;
        char payload[200], wanted[100];

        script_start(&s, "a(test/X)", NULL, NULL);
        script_hear(&s, "a", "a-1", "in=a.IN", "");
        coordinator_opened(s.c, 1, 0);
        s.quiet_client = true;
        snprintf(payload, sizeof(payload),
                 "{'graph':'default/main','src':{'data':%s},'tgt':{'node':'a','port':'in'}}",
                 values[i]);
        snprintf(wanted, sizeof(wanted), "send a.IN %s\n", values[i]);
        script_say(&s, 1, "graph", "addinitial", payload);
        script_wait(&s, COORDINATOR_SETTLE_MS);
        script_expect(&s, wanted);
        script_end(&s);
    }
}

static void packets_of_a_fresh_network_wait_for_its_edges(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    script_hear(&s, "a", "a-1", "in=a.IN", "out=a.OUT");
    script_expect(&s, "");
    script_wait(&s, 500);
    script_hear(&s, "b", "b-1", "in=b.IN", "");
    script_expect(&s, "bind a.OUT -> b.IN\nsend a.IN \"hello\"\n");
    script_end(&s);
}

static void but_not_for_long(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    script_hear(&s, "a", "a-1", "in=a.IN", "out=a.OUT");
    assert_int_equal(coordinator_timeout_ms(s.c, 0), COORDINATOR_SETTLE_MS);
    script_wait(&s, COORDINATOR_SETTLE_MS - 1);
    script_expect(&s, "");
    script_wait(&s, 1);
    script_expect(&s, "send a.IN \"hello\"\n");
    script_end(&s);
}

static void a_command_with_iips_is_given_them_instead(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, "'x' -> IN i(test/I)", LIBRARY, NULL);
    script_expect(&s, "start i: run-i '{\"in\":\"x\"}'\n");
    script_hear(&s, "i", "i-1", "in=i.IN", "");
    script_wait(&s, 5000);
    script_expect(&s, "");
    script_end(&s);
}

static void a_network_is_running_while_packets_are_under_way(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, TWO, NULL, NULL);
    hear_two(&s);
    coordinator_opened(s.c, 1, 0);
    script_forget(&s);
    script_say(&s, 1, "network", "getstatus", "{'graph':'default/main'}");
    script_expect(&s,
                  "> 1 network:status {'graph':'default/main','running':true,'started':true}\n");
    script_done(&s, s.last_command, NULL);
    script_say(&s, 1, "network", "getstatus", "{'graph':'default/main'}");
    script_expect(&s,
                  "> 1 network:status {'graph':'default/main','running':false,'started':true}\n");
    script_end(&s);
}

/* --- data on edges ------------------------------------------------------------------------- */

static void start_own_graph(struct script *s)
{
    script_start(s, NULL, NULL, NULL);
    coordinator_opened(s->c, 1, 0);
    coordinator_opened(s->c, 2, 0);
    script_say(s, 1, "graph", "clear", "{'id':'g'}");
    script_say(s, 1, "graph", "addnode", "{'graph':'g','id':'a','component':'c'}");
    script_say(s, 1, "graph", "addnode", "{'graph':'g','id':'b','component':'c'}");
    script_say(s, 1, "graph", "addedge",
               "{'graph':'g','src':{'node':'a','port':'out'},'tgt':{'node':'b','port':'in'}}");
    script_say(s, 1, "graph", "addinitial",
               "{'graph':'g','src':{'data':1},'tgt':{'node':'a','port':'in'}}");
    script_say(s, 1, "network", "start", "{'graph':'g'}");
    s->quiet_client = true;
    hear_two(s);
    s->quiet_client = false;
}

static void who_made_a_graph_sees_all_its_data(void **state)
{
    struct script s;

    (void)state;
    start_own_graph(&s);
    script_expect_some(&s, "bind a.OUT -> b.IN\nobserve a.OUT\nsend a.IN 1\n");
    see(&s, "a.OUT", "{\"x\":1}");
    script_expect(&s, "> 1 network:data {'data':{'x':1},'graph':'g','id':'a() OUT -> IN b()','src':"
                      "{'node':'a','port':'out'},'tgt':{'node':'b','port':'in'}}\n");
    see(&s, "other", "1");
    script_expect(&s, "");
    script_end(&s);
}

static void initial_packets_are_seen_too(void **state)
{
    struct script s;

    (void)state;
    start_own_graph(&s);
    script_forget(&s);
    script_say(&s, 1, "graph", "addinitial",
               "{'graph':'g','src':{'data':2},'tgt':{'node':'a','port':'in'}}");
    script_expect(&s, "> 2 graph:addinitial {'graph':'g','src':{'data':2},'tgt':{'node':'a','port':"
                      "'in'}}\n"
                      "> 1 graph:addinitial {'graph':'g','src':{'data':2},'tgt':{'node':'a','port':"
                      "'in'}}\n"
                      "send a.IN 2\n"
                      "> 1 network:data {'data':2,'graph':'g','id':'DATA -> IN a()','tgt':{'node':"
                      "'a','port':'in'}}\n");
    script_end(&s);
}

static void a_selection_replaces_what_is_seen(void **state)
{
    struct script s;

    (void)state;
    start_own_graph(&s);
    script_forget(&s);
    script_say(&s, 1, "network", "edges", "{'graph':'g','edges':[]}");
    script_expect(&s, "> 1 network:edges {'edges':[],'graph':'g'}\nunobserve a.OUT\n");
    script_say(&s, 2, "network", "edges",
               "{'graph':'g','edges':[{'src':{'node':'a','port':'out'},'tgt':{'node':'b','port':"
               "'in'}}]}");
    script_expect_some(&s, "observe a.OUT\n");
    see(&s, "a.OUT", "no json");
    script_expect_some(&s, "> 2 network:data {'data':'no json'");
    coordinator_closed(s.c, 2, 0);
    script_wait(&s, 0);
    script_expect(&s, "unobserve a.OUT\n");
    script_end(&s);
}

static void a_selection_follows_a_renamed_node(void **state)
{
    struct script s;

    (void)state;
    start_own_graph(&s);
    script_say(&s, 2, "network", "edges",
               "{'graph':'g','edges':[{'src':{'node':'a','port':'out'},'tgt':{'node':'b','port':"
               "'in'}}]}");
    script_say(&s, 1, "graph", "renamenode", "{'graph':'g','from':'b','to':'c'}");
    script_forget(&s);
    see(&s, "a.OUT", "1");
    script_expect_some(&s, "> 2 network:data {'data':1,'graph':'g','id':'a() OUT -> IN c()'");
    script_end(&s);
}

static void data_is_seen_through_routing_nodes(void **state)
{
    struct script s;

    (void)state;
    script_start(&s,
                 "a(test/X) OUT -> IN r(msgflo/RoundRobin)\nr OUT -> IN b(test/Y)\n"
                 "r DEADLETTER -> DEAD d(test/Z)",
                 NULL, NULL);
    coordinator_opened(s.c, 1, 0);
    s.quiet_client = true;
    hear_two(&s);
    script_forget(&s);
    script_say(&s, 1, "network", "edges",
               "{'graph':'default/main','edges':["
               "{'src':{'node':'r','port':'out'},'tgt':{'node':'b','port':'in'}},"
               "{'src':{'node':'r','port':'deadletter'},'tgt':{'node':'d','port':'dead'}}]}");
    script_expect(&s, "observe dead-b.IN\nobserve a.OUT\n");
    s.quiet_client = false;
    see(&s, "a.OUT", "1");
    script_expect_some(&s, "'id':'r() OUT -> IN b()'");
    see(&s, "dead-b.IN", "1");
    script_expect_some(&s, "'id':'r() DEADLETTER -> DEAD d()'");
    script_end(&s);
}

static void a_refused_observation_is_tried_again(void **state)
{
    struct script s;

    (void)state;
    start_own_graph(&s);
    script_done(&s, 2, "no such exchange");
    script_forget(&s);
    s.quiet_client = true;
    script_wait(&s, COORDINATOR_RETRY_MS);
    script_expect_some(&s, "observe a.OUT\n");
    script_end(&s);
}

/* --- exported ports ------------------------------------------------------------------------- */

static void packets_cross_exported_ports(void **state)
{
    struct script s;

    (void)state;
    start_own_graph(&s);
    script_say(&s, 1, "graph", "addinport", "{'graph':'g','public':'i','node':'a','port':'in'}");
    script_say(&s, 1, "graph", "addoutport", "{'graph':'g','public':'o','node':'a','port':'out'}");
    script_forget(&s);
    script_say(&s, 2, "runtime", "packet",
               "{'graph':'g','port':'i','event':'data','payload':{'n':1}}");
    script_expect(&s, "send a.IN {\"n\":1}\n> 2 runtime:packetsent {'event':'data','graph':'g',"
                      "'payload':{'n':1},'port':'i'}\n");
    see(&s, "a.OUT", "5");
    script_expect_some(&s,
                       "> 2 runtime:packet {'event':'data','graph':'g','payload':5,'port':'o'}");
    script_say(&s, 2, "runtime", "packet", "{'graph':'g','port':'i','event':'connect'}");
    script_expect(&s, "> 2 runtime:packetsent {'event':'connect','graph':'g','port':'i'}\n");
    script_say(&s, 2, "runtime", "packet", "{'graph':'g','port':'x','event':'data','payload':1}");
    script_expect(&s, "> 2 runtime:error {'message':'no port is exported as 'x''}\n");
    script_end(&s);
}

static void a_packet_waits_for_its_participant_for_a_while(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, "INPORT=a.IN:i\na(test/X)", NULL, NULL);
    coordinator_opened(s.c, 1, 0);
    script_forget(&s);
    script_say(&s, 1, "runtime", "packet",
               "{'graph':'default/main','port':'i','event':'data','payload':1}");
    script_wait(&s, COORDINATOR_PACKET_MS - 1);
    script_expect_none(&s, "runtime:");
    script_wait(&s, 1);
    script_expect_some(&s, "> 1 runtime:error {'message':'a packet to in of 'a' is not sent: its "
                           "participant has not been heard of'}");
    script_end(&s);
}

/* --- processes ------------------------------------------------------------------------------ */

#define MANY 1000

/* Nothing is done for each of its edges once for each of its packets, chosen edges or events. */
static void a_big_graph_takes_seconds(void **state)
{
    AUTO(buf_release) struct buf fbp = BUF_INIT, edges = BUF_INIT;
    clock_t began = clock();
    struct script s;
    char role[20], wanted[80];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        int to = (i + 1) % MANY;

        buf_printf(&fbp, "n%d(t/T) OUT -> IN n%d(t/T)\n'%d' -> IN n%d\n", i, to, i, i);
        buf_printf(&edges, "%s{'src':{'node':'n%d','port':'out'},'tgt':{'node':'n%d','port':'in'}}",
                   i ? "," : "{'graph':'default/main','edges':[", i, to);
    }
    buf_text(&edges, "]}");
    script_start(&s, fbp.data, NULL, NULL);
    s.quiet_client = s.together = true;
    coordinator_opened(s.c, 1, s.now_ms);
    for (int i = 1; i < MANY; i++) { /* none of n0: the edges are not complete */
        snprintf(role, sizeof(role), "n%d", i);
        script_hear(&s, role, role, "in", "out");
    }
    script_say(&s, 1, "network", "edges", edges.data);
    script_wait(&s, 0);
    script_expect_none(&s, "send ");
    script_wait(&s, COORDINATOR_SETTLE_MS);
    snprintf(wanted, sizeof(wanted), "send n%d.IN \"%d\"\n", MANY - 1, MANY - 1);
    script_expect_some(&s, wanted);
    assert_true((clock() - began) / CLOCKS_PER_SEC < 5);
    script_end(&s);
}

static void the_librarys_participants_are_started_but_for_the_ignored(void **state)
{
    static const char *const ignored[] = {"b"};
    struct coordinator_options options = {.runtime_id = "x", .ignored = ignored, .n_ignored = 1};
    struct script s;

    (void)state;
    script_start(&s, "a(test/A) OUT -> IN b(test/B) OUT -> IN c(other/C)", LIBRARY, &options);
    script_expect(&s, "start a: run-a a\n");
    script_end(&s);
}

static void a_process_that_cannot_start_is_told(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, NULL, LIBRARY, NULL);
    coordinator_opened(s.c, 1, 0);
    script_say(&s, 1, "graph", "addnode", "{'graph':'default/main','id':'m','component':'test/M'}");
    script_expect_some(&s, "> 1 network:processerror {'error':'there is no program 'missing'',"
                           "'graph':'default/main','id':'m'}\n");
    script_wait(&s, 100000);
    script_expect_none(&s, "processerror"); /* it is not tried over and over */
    script_end(&s);
}

static void a_role_cannot_smuggle_words_into_a_command(void **state)
{
    static const char *const names[] = {"a --broker x", "-a", "a;b", "a\\nb", "#IIPS"};
    struct script s;
    char payload[100];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        script_start(&s, NULL, LIBRARY, NULL);
        coordinator_opened(s.c, 1, 0);
        snprintf(payload, sizeof(payload),
                 "{'graph':'default/main','id':'%s','component':'test/A'}", names[i]);
        script_say(&s, 1, "graph", "addnode", payload);
        assert_null(strstr(s.log.data, "start "));
        script_expect_some(&s, "network:processerror");
        script_end(&s);
    }
}

static void a_dead_process_is_told_with_its_last_words(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, "a(test/A)", LIBRARY, NULL);
    coordinator_opened(s.c, 1, 0);
    script_forget(&s);
    coordinator_child_ended(s.c, "a", "exit status 1", "no such file", 0);
    coordinator_output(s.c, "a", "a line\xff", 0);
    script_expect(&s, "> 1 network:processerror {'error':'exit status 1\\nno such file','graph':"
                      "'default/main','id':'a'}\n"
                      "> 1 network:output {'message':'a: a line?','type':'message'}\n");
    script_end(&s);
}

static void a_silent_participant_is_shown_stale_then_gone(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, "a(test/X)", NULL, NULL);
    coordinator_opened(s.c, 1, 0);
    script_forget(&s);
    script_hear(&s, "a", "a-1", "in=a.IN", "");
    script_expect_some(&s, "> 1 network:icon {'graph':'default/main','icon':'cog','id':'a'}\n");
    script_wait(&s, 60000);
    script_expect(&s,
                  "> 1 network:icon {'graph':'default/main','icon':'question-circle','id':'a'}\n");
    script_wait(&s, 125000);
    script_expect(&s, "> 1 network:processerror {'error':'no process of this role has been heard "
                      "of for long','graph':'default/main','id':'a'}\n"
                      "> 1 network:icon {'graph':'default/main','icon':'unlink','id':'a'}\n");
    script_hear(&s, "a", "a-2", "in=a.IN", "");
    script_expect(&s, "> 1 network:icon {'graph':'default/main','icon':'cog','id':'a'}\n");
    script_end(&s);
}

static void nobody_falls_silent_while_the_broker_is_away(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, "a(test/X)", NULL, NULL);
    coordinator_opened(s.c, 1, 0);
    script_hear(&s, "a", "a-1", "in=a.IN", "");
    coordinator_disconnected(s.c, "no route", s.now_ms);
    script_expect_some(&s, "> 1 network:error {'message':'the broker is away: no route'}\n");
    script_wait(&s, 1000000);
    coordinator_connected(s.c, s.now_ms);
    script_wait(&s, 10000);
    script_expect(&s, "");
    script_end(&s);
}

static void a_new_client_is_shown_how_the_nodes_are(void **state)
{
    struct script s;

    (void)state;
    script_start(&s, "a(test/X)", NULL, NULL);
    coordinator_opened(s.c, 1, 0);
    script_forget(&s);
    script_say(&s, 1, "component", "getsource", "{'name':'default/main'}");
    script_expect_some(&s, "> 1 network:icon {'graph':'default/main','icon':'clock-o','id':'a'}\n");
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_new_process_gets_the_initial_packets),
        cmocka_unit_test(any_value_is_an_initial_packet),
        cmocka_unit_test(packets_of_a_fresh_network_wait_for_its_edges),
        cmocka_unit_test(but_not_for_long),
        cmocka_unit_test(a_command_with_iips_is_given_them_instead),
        cmocka_unit_test(a_network_is_running_while_packets_are_under_way),
        cmocka_unit_test(who_made_a_graph_sees_all_its_data),
        cmocka_unit_test(initial_packets_are_seen_too),
        cmocka_unit_test(a_selection_replaces_what_is_seen),
        cmocka_unit_test(a_selection_follows_a_renamed_node),
        cmocka_unit_test(data_is_seen_through_routing_nodes),
        cmocka_unit_test(a_refused_observation_is_tried_again),
        cmocka_unit_test(packets_cross_exported_ports),
        cmocka_unit_test(a_packet_waits_for_its_participant_for_a_while),
        cmocka_unit_test(a_big_graph_takes_seconds),
        cmocka_unit_test(the_librarys_participants_are_started_but_for_the_ignored),
        cmocka_unit_test(a_process_that_cannot_start_is_told),
        cmocka_unit_test(a_role_cannot_smuggle_words_into_a_command),
        cmocka_unit_test(a_dead_process_is_told_with_its_last_words),
        cmocka_unit_test(a_silent_participant_is_shown_stale_then_gone),
        cmocka_unit_test(nobody_falls_silent_while_the_broker_is_away),
        cmocka_unit_test(a_new_client_is_shown_how_the_nodes_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
