/*
 * test_coordinator_commands.c - what clients are answered, who is told of changes, and who may not.
 */
#include "unit.h"

#include "coordinator_script.h"

#define ID "0a6b8f5e-32b4-4c57-9d3b-5b7dd4a0e3a1"
#define LIBRARY                                                                                    \
    "{\"namespace\":\"test\",\"components\":{\"A\":\"run-a #ROLE\",\"test/B\":\"run-b #ROLE\"}}"

static void start(struct script *s)
{
    script_start(s, NULL, LIBRARY, NULL);
    coordinator_opened(s->c, 1, 0);
    script_say(s, 1, "graph", "clear", "{'id':'g','name':'G','main':true,'baseDir':'/x'}");
    script_expect(s, "> 1 graph:clear {'id':'g','main':true,'name':'G'}\n");
}

static void add_two(struct script *s)
{
    script_say(s, 1, "graph", "addnode", "{'graph':'g','id':'a','component':'test/A'}");
    script_say(s, 1, "graph", "addnode", "{'graph':'g','id':'b','component':'test/B'}");
    script_say(s, 1, "graph", "addedge",
               "{'graph':'g','src':{'node':'a','port':'out'},'tgt':{'node':'b','port':'in'}}");
    script_forget(s);
}

static void tells_what_it_is(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    script_say(&s, 1, "runtime", "getruntime", "{}");
    script_expect(
        &s, "> 1 runtime:runtime {'allCapabilities':['protocol:runtime','protocol:graph',"
            "'graph:readonly','protocol:component','component:getsource','protocol:network',"
            "'network:status','network:data','network:control'],'capabilities':['protocol:runtime',"
            "'protocol:graph','protocol:component','component:getsource','protocol:network',"
            "'network:status','network:data','network:control'],'graph':'default/main','id':'" ID
            "','type':'msgflo','version':'0.7'}\n"
            "> 1 runtime:ports {'graph':'default/main','inPorts':[],'outPorts':[]}\n");
    script_end(&s);
}

static void a_node_is_answered_and_its_process_started(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    script_say(&s, 1, "graph", "addnode",
               "{'graph':'g','id':'a','component':'test/A','metadata':{'x':3},'extra':1}");
    script_expect(&s, "> 1 graph:addnode {'component':'test/A','graph':'g','id':'a','metadata':"
                      "{'x':3}}\nstart a: run-a a\n");
    script_say(&s, 1, "graph", "removenode", "{'graph':'g','id':'a'}");
    script_expect(&s, "> 1 graph:removenode {'graph':'g','id':'a'}\nstop a\n");
    script_end(&s);
}

static void changes_go_to_all_and_answer_the_asker(void **state)
{
    const char *text = "{\"protocol\":\"graph\",\"command\":\"addnode\",\"requestId\":\"r-1\","
                       "\"payload\":{\"graph\":\"g\",\"id\":\"x\",\"component\":\"c\"}}";
    struct script s;

    (void)state;
    start(&s);
    coordinator_opened(s.c, 2, 0);
    coordinator_message(s.c, 2, text, strlen(text), 0);
    script_wait(&s, 0);
    script_expect(&s, "> 2 graph:addnode r-1 {'component':'c','graph':'g','id':'x'}\n"
                      "> 1 graph:addnode {'component':'c','graph':'g','id':'x'}\n"
                      "> 2 network:icon {'graph':'g','icon':'clock-o','id':'x'}\n"
                      "> 1 network:icon {'graph':'g','icon':'clock-o','id':'x'}\n");
    script_end(&s);
}

static void metadata_is_merged_and_null_removes(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    script_say(&s, 1, "graph", "changenode", "{'graph':'g','id':'b','metadata':{'sort':1}}");
    script_say(&s, 1, "graph", "changenode", "{'graph':'g','id':'b','metadata':{'tag':'t'}}");
    script_say(&s, 1, "graph", "changenode", "{'graph':'g','id':'b','metadata':{}}");
    script_say(&s, 1, "graph", "changenode",
               "{'graph':'g','id':'b','metadata':{'sort':null,'tag':null}}");
    script_expect(&s,
                  "> 1 graph:changenode {'graph':'g','id':'b','metadata':{'sort':1}}\n"
                  "> 1 graph:changenode {'graph':'g','id':'b','metadata':{'sort':1,'tag':'t'}}\n"
                  "> 1 graph:changenode {'graph':'g','id':'b','metadata':{'sort':1,'tag':'t'}}\n"
                  "> 1 graph:changenode {'graph':'g','id':'b','metadata':{}}\n");
    script_end(&s);
}

static void a_removed_node_has_its_edges_removed_first(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    script_say(&s, 1, "graph", "addinitial",
               "{'graph':'g','src':{'data':0},'tgt':{'node':'b','port':'in'}}");
    script_say(&s, 1, "graph", "addinport", "{'graph':'g','public':'p','node':'b','port':'in'}");
    script_forget(&s);
    script_say(&s, 1, "graph", "removenode", "{'graph':'g','id':'b'}");
    script_expect(&s,
                  "> 1 graph:removeedge {'graph':'g','src':{'node':'a','port':'out'},'tgt':{'node':"
                  "'b','port':'in'}}\n"
                  "> 1 graph:removeinitial {'graph':'g','src':{'data':0},'tgt':{'node':'b','port':"
                  "'in'}}\n"
                  "> 1 graph:removenode {'graph':'g','id':'b'}\n"
                  "> 1 runtime:ports {'graph':'g','inPorts':[],'outPorts':[]}\nstop b\n");
    script_end(&s);
}

static void a_renamed_node_runs_under_its_new_role(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    script_say(&s, 1, "graph", "renamenode", "{'graph':'g','from':'a','to':'c'}");
    script_expect(&s, "> 1 graph:renamenode {'from':'a','graph':'g','to':'c'}\nstop a\n"
                      "start c: run-a c\n");
    script_say(&s, 1, "graph", "removeedge",
               "{'graph':'g','src':{'node':'c','port':'out'},'tgt':{'node':'b','port':'in'}}");
    script_expect_some(&s, "graph:removeedge");
    script_end(&s);
}

static void exported_ports_are_told(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    script_say(&s, 1, "graph", "addoutport",
               "{'graph':'g','public':'res','node':'a','port':'out'}");
    script_expect(&s, "> 1 graph:addoutport {'graph':'g','node':'a','port':'out','public':'res'}\n"
                      "> 1 runtime:ports {'graph':'g','inPorts':[],'outPorts':[{'id':'res','type':"
                      "'any'}]}\n");
    script_say(&s, 1, "graph", "renameoutport", "{'graph':'g','from':'res','to':'new'}");
    script_expect_some(&s, "'outPorts':[{'id':'new'");
    script_say(&s, 1, "graph", "removeoutport", "{'graph':'g','public':'res'}");
    script_expect(&s, "> 1 graph:error {'message':'no port is exported as 'res''}\n");
    script_end(&s);
}

static void groups_are_kept(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    script_say(&s, 1, "graph", "addgroup", "{'graph':'g','name':'n','nodes':['a']}");
    script_say(&s, 1, "graph", "renamegroup", "{'graph':'g','from':'n','to':'m'}");
    script_say(&s, 1, "graph", "changegroup",
               "{'graph':'g','name':'m','metadata':{'description':'d'}}");
    script_say(&s, 1, "component", "getsource", "{'name':'g'}");
    script_expect_some(&s, "\\'name\\': \\'m\\'");
    script_say(&s, 1, "graph", "removegroup", "{'graph':'g','name':'n'}");
    script_expect_some(&s, "graph:error");
    script_say(&s, 1, "graph", "removegroup", "{'graph':'g','name':'m'}");
    script_expect_some(&s, "graph:removegroup");
    script_end(&s);
}

static void wrong_edits_are_refused_with_a_reason(void **state)
{
    static const char *const cases[][3] = {
        {"addnode", "{'graph':'other','id':'a','component':'c'}", "Requested graph not found"},
        {"addnode", "{'id':'a','component':'c'}", "No graph specified"},
        {"addnode", "{'graph':'g','id':'a','component':'c'}", "node 'a' is in the graph already"},
        {"removenode", "{'graph':'g','id':'x'}", "node 'x' is not in the graph"},
        {"renamenode", "{'graph':'g','from':'a','to':'b'}", "node 'b' is in the graph already"},
        {"changenode", "{'graph':'g','id':'x','metadata':{}}", "node 'x' is not in the graph"},
        {"addedge", "{'graph':'g','src':{'node':'x','port':'out'},'tgt':{'node':'b','port':'in'}}",
         "node 'x' is not in the graph"},
        {"removeedge", "{'graph':'g','src':{'node':'a','port':'o'},'tgt':{'node':'b','port':'in'}}",
         "there is no edge from 'a' o to 'b' in"},
        {"removeinitial", "{'graph':'g','tgt':{'node':'b','port':'in'}}",
         "there is no initial packet at 'b' in"},
        {"addinport", "{'graph':'g','public':'p','node':'x','port':'in'}",
         "node 'x' is not in the graph"},
        {"clear", "{}", "No graph specified"},
    };
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char wanted[300];

        snprintf(wanted, sizeof(wanted), "> 1 graph:error {'message':'%s'}\n", cases[i][2]);
        script_say(&s, 1, "graph", cases[i][0], cases[i][1]);
        script_expect(&s, wanted);
    }
    script_end(&s);
}

static void clear_graph(struct script *s, uint64_t client, int number)
{
    char payload[80];

    snprintf(payload, sizeof(payload), "{'id':'own-%d'}", number);
    script_say(s, client, "graph", "clear", payload);
}

static void an_empty_graph_makes_room_once_its_client_has_gone(void **state)
{
    struct script s;
    int n = 0;

    (void)state;
    script_start(&s, NULL, NULL, NULL);
    coordinator_opened(s.c, 1, 0);
    coordinator_opened(s.c, 2, 0);
    clear_graph(&s, 2, n++);
    script_say(&s, 2, "graph", "addnode", "{'graph':'own-0','id':'a','component':'c'}");
    while (n < COORDINATOR_MAX_GRAPHS - 1) /* one is the main graph */
        clear_graph(&s, 2, n++);
    script_forget(&s);
    clear_graph(&s, 1, n);
    script_expect_some(&s, "> 1 graph:error {'message':'more than 100 graphs'}\n");
    coordinator_closed(s.c, 2, 0);
    for (int room = 0; room < COORDINATOR_MAX_GRAPHS - 2; room++) {
        clear_graph(&s, 1, n++);
        script_expect_some(&s, "> 1 graph:clear");
    }
    clear_graph(&s, 1, n);
    script_expect_some(&s, "more than 100 graphs");
    script_say(&s, 1, "graph", "removenode", "{'graph':'own-0','id':'a'}");
    script_expect_some(&s, "> 1 graph:removenode");
    clear_graph(&s, 1, n);
    script_expect_some(&s, "> 1 graph:clear");
    script_end(&s);
}

static void frames_that_are_no_messages_are_answered(void **state)
{
    static const char *const frames[] = {"null", "[]", "7", "", "{", "{\"protocol\":{}}"};
    struct script s;

    (void)state;
    start(&s);
    for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
        coordinator_message(s.c, 1, frames[i], strlen(frames[i]), 0);
        script_expect_some(&s, "> 1 runtime:error");
    }
    script_end(&s);
}

static void lists_components_of_library_and_discovery(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    script_hear(&s, "r", "r-1", "in=q", "");
    script_expect(&s,
                  "> 1 component:component {'description':'','icon':'cog','inPorts':[{'id':"
                  "'in','type':'any'}],'name':'test/Component','outPorts':[],'subgraph':false}\n");
    script_hear(&s, "r", "r-2", "in=q", ""); /* nothing new */
    script_expect(&s, "");
    script_say(&s, 1, "component", "list", "{}");
    script_expect(
        &s, "> 1 component:component {'description':'','icon':'cog','inPorts':[],'name':'test/A',"
            "'outPorts':[],'subgraph':false}\n"
            "> 1 component:component {'description':'','icon':'cog','inPorts':[],'name':'test/B',"
            "'outPorts':[],'subgraph':false}\n"
            "> 1 component:component {'description':'','icon':'cog','inPorts':[{'id':'in','type':"
            "'any'}],'name':'test/Component','outPorts':[],'subgraph':false}\n"
            "> 1 component:component {'description':'Shares messages among its targets','icon':"
            "'random','inPorts':[{'id':'in','type':'any'}],'name':'msgflo/RoundRobin','outPorts':[{"
            "'id':'out','type':'any'},{'id':'deadletter','type':'any'}],'subgraph':false}\n"
            "> 1 component:component {'description':'Copies messages to its targets','icon':"
            "'random','inPorts':[{'id':'in','type':'any'}],'name':'msgflo/PubSub','outPorts':[{'id'"
            ":'out','type':'any'}],'subgraph':false}\n"
            "> 1 component:componentsready 5\n");
    script_end(&s);
}

static void tells_the_source_of_graphs_and_components(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    script_say(&s, 1, "component", "getsource", "{'name':'default/main'}");
    script_expect_some(&s, "'language':'json','library':'default','name':'main'}");
    script_say(&s, 1, "component", "getsource", "{'name':'test/B'}");
    script_expect(&s, "> 1 component:source {'code':'run-b #ROLE','language':'sh','library':'test',"
                      "'name':'B'}\n");
    script_say(&s, 1, "component", "getsource", "{'name':'test/X'}");
    script_expect(&s, "> 1 component:error {'message':'the source of component 'test/X' is not "
                      "here'}\n");
    script_end(&s);
}

static void networks_start_and_stop(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    script_say(&s, 1, "network", "getstatus", "{'graph':'g'}");
    script_expect(&s, "> 1 network:status {'graph':'g','running':false,'started':false}\n");
    script_say(&s, 1, "network", "start", "{'graph':'g'}");
    script_expect(&s, "> 1 network:started {'graph':'g','running':true,'started':true,'time':"
                      "'1970-01-01T00:00:00.000Z'}\n");
    script_wait(&s, 1500);
    script_say(&s, 1, "network", "stop", "{'graph':'g'}");
    script_expect(&s, "stop b\nstop a\n"
                      "> 1 network:icon {'graph':'g','icon':'clock-o','id':'a'}\n"
                      "> 1 network:icon {'graph':'g','icon':'clock-o','id':'b'}\n"
                      "> 1 network:stopped {'graph':'g','running':false,'started':false,'time':"
                      "'1970-01-01T00:00:01.500Z','uptime':1.5}\n");
    script_say(&s, 1, "network", "start", "{'graph':'g'}");
    script_expect_some(&s, "start a: run-a a\n");
    script_say(&s, 1, "network", "start", "{'graph':'other'}");
    script_expect(&s, "> 1 network:error {'message':'Requested graph not found'}\n");
    script_end(&s);
}

static void clearing_a_graph_ends_its_processes(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    script_say(&s, 1, "graph", "clear", "{'id':'g'}");
    script_expect(&s, "> 1 graph:clear {'id':'g'}\nstop b\nstop a\n");
    script_end(&s);
}

static void only_the_main_graph_is_to_be_saved(void **state)
{
    struct script s;

    (void)state;
    start(&s);
    add_two(&s);
    assert_int_equal(s.changes, 0);
    script_say(&s, 1, "graph", "addnode", "{'graph':'default/main','id':'x','component':'c'}");
    assert_int_equal(s.changes, 1);
    script_say(&s, 1, "graph", "addnode", "{'graph':'default/main','id':'x','component':'c'}");
    assert_int_equal(s.changes, 1); /* it was refused */
    script_end(&s);
}

static void graphs_are_limited(void **state)
{
    struct script s;
    char payload[60];

    (void)state;
    start(&s);
    for (int i = 2; i < COORDINATOR_MAX_GRAPHS; i++) {
        snprintf(payload, sizeof(payload), "{'id':'g%d'}", i);
        script_say(&s, 1, "graph", "clear", payload);
    }
    script_expect_none(&s, "error");
    script_say(&s, 1, "graph", "clear", "{'id':'one more'}");
    script_expect(&s, "> 1 graph:error {'message':'more than 100 graphs'}\n");
    script_say(&s, 1, "graph", "clear", "{'id':'g'}");
    script_expect_none(&s, "error");
    script_end(&s);
}

/* --- access ------------------------------------------------------------------------------ */

static void start_with_secrets(struct script *s)
{
    struct coordinator_options options = {
        .runtime_id = ID, .secret = "edit", .secret_read_only = "look"};

    script_start(s, NULL, NULL, &options);
    coordinator_opened(s->c, 1, 0);
    coordinator_opened(s->c, 2, 0);
}

static void a_wrong_secret_allows_nothing(void **state)
{
    static const char *const wrong[] = {"''", "'edi'", "'editt'", "'EDIT'", "'loo'", "'editlook'"};
    struct script s;
    char payload[80];

    (void)state;
    start_with_secrets(&s);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        snprintf(payload, sizeof(payload), "{'secret':%s}", wrong[i]);
        script_say(&s, 1, "component", "list", payload);
        script_expect(&s, "> 1 component:error {'message':'the secret is missing or wrong'}\n");
    }
    script_say(&s, 1, "runtime", "getruntime", "{}");
    script_expect_some(&s, "'capabilities':[],'id'");
    script_end(&s);
}

static void a_reader_may_look_and_not_touch(void **state)
{
    struct script s;

    (void)state;
    start_with_secrets(&s);
    script_say(&s, 1, "runtime", "getruntime", "{'secret':'look'}");
    script_expect_some(&s, "'capabilities':['graph:readonly','protocol:component',"
                           "'component:getsource','network:status','network:data']");
    script_say(&s, 1, "network", "getstatus", "{'graph':'default/main','secret':'look'}");
    script_expect_some(&s, "network:status");
    script_say(&s, 1, "graph", "addnode",
               "{'graph':'default/main','id':'a','component':'c','secret':'look'}");
    script_expect(&s, "> 1 graph:error {'message':'this secret allows to look, not to change "
                      "anything'}\n");
    script_end(&s);
}

static void each_message_needs_the_secret_and_events_a_first_one(void **state)
{
    struct script s;

    (void)state;
    start_with_secrets(&s);
    script_say(&s, 1, "graph", "addnode",
               "{'graph':'default/main','id':'a','component':'c','secret':'edit'}");
    script_expect_none(&s, "> 2");
    script_say(&s, 1, "graph", "removenode", "{'graph':'default/main','id':'a'}");
    script_expect_some(&s, "the secret is missing");
    script_say(&s, 2, "network", "getstatus", "{'graph':'default/main','secret':'look'}");
    script_forget(&s);
    script_say(&s, 1, "graph", "removenode", "{'graph':'default/main','id':'a','secret':'edit'}");
    script_expect_some(&s, "> 2 graph:removenode");
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_it_is),
        cmocka_unit_test(a_node_is_answered_and_its_process_started),
        cmocka_unit_test(changes_go_to_all_and_answer_the_asker),
        cmocka_unit_test(metadata_is_merged_and_null_removes),
        cmocka_unit_test(a_removed_node_has_its_edges_removed_first),
        cmocka_unit_test(a_renamed_node_runs_under_its_new_role),
        cmocka_unit_test(exported_ports_are_told),
        cmocka_unit_test(groups_are_kept),
        cmocka_unit_test(wrong_edits_are_refused_with_a_reason),
        cmocka_unit_test(an_empty_graph_makes_room_once_its_client_has_gone),
        cmocka_unit_test(frames_that_are_no_messages_are_answered),
        cmocka_unit_test(lists_components_of_library_and_discovery),
        cmocka_unit_test(tells_the_source_of_graphs_and_components),
        cmocka_unit_test(networks_start_and_stop),
        cmocka_unit_test(clearing_a_graph_ends_its_processes),
        cmocka_unit_test(only_the_main_graph_is_to_be_saved),
        cmocka_unit_test(graphs_are_limited),
        cmocka_unit_test(a_wrong_secret_allows_nothing),
        cmocka_unit_test(a_reader_may_look_and_not_touch),
        cmocka_unit_test(each_message_needs_the_secret_and_events_a_first_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
