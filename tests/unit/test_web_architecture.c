#include "web/architecture.h"

#include <unistd.h>

#include "base/buf.h"
#include "unit.h"

static struct architecture parse(const char *text)
{
    struct architecture a;
    struct err e = ERR_INIT;

    if (architecture_parse(text, strlen(text), &a, &e))
        fail_msg("%s", e.text);
    return a;
}

static const struct architecture_node *node(const struct architecture *a, const char *name)
{
    for (size_t i = 0; i < a->n_nodes; i++)
        if (strcmp(a->nodes[i].name, name) == 0)
            return &a->nodes[i];
    fail_msg("no node %s", name);
    return NULL;
}

static const char *name_at(char **names, size_t i)
{
    return i == ARCHITECTURE_NONE ? "-" : names[i];
}

/* The one that is checked in, edge by edge. */
static void reads_the_graph_of_the_service(void **state)
{
    static const struct {
        const char *from, *port, *to, *queue, *exchange;
    } edges[] = {
        {"web", "RESIZEIMAGE", "interactive", "-", "web.RESIZEIMAGE"},
        {"interactive", "OUT", "resize", "resize.IN", "-"},
        {"interactive", "DEADLETTER", "store", "store.DEAD", "-"},
        {"web", "RESIZEBULK", "background", "-", "web.RESIZEBULK"},
        {"background", "OUT", "bulk", "bulk.IN", "-"},
        {"background", "DEADLETTER", "store", "store.DEAD", "-"},
        {"resize", "STARTED", "store", "store.IN", "resize.STARTED"},
        {"resize", "OUT", "store", "store.IN", "resize.OUT"},
        {"resize", "ERROR", "store", "store.IN", "resize.ERROR"},
        {"bulk", "STARTED", "store", "store.IN", "bulk.STARTED"},
        {"bulk", "OUT", "store", "store.IN", "bulk.OUT"},
        {"bulk", "ERROR", "store", "store.IN", "bulk.ERROR"},
    };
    static const struct {
        const char *name;
        bool is_role;
        const char *queue, *priority;
    } nodes[] = {
        {"web", true, "-", NULL},
        {"interactive", false, "-", NULL},
        {"resize", true, "resize.IN", "interactive"},
        {"store", true, "store.IN", NULL}, /* though DEAD comes first in the file */
        {"background", false, "-", NULL},
        {"bulk", true, "bulk.IN", "bulk"},
    };
    struct architecture a;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(architecture_load(SOURCE_DIR "/graphs/imageresize.fbp", &a, &e), 0);
    assert_int_equal(a.n_edges, sizeof edges / sizeof *edges);
    for (size_t i = 0; i < a.n_edges; i++) {
        assert_string_equal(a.edges[i].from, edges[i].from);
        assert_string_equal(a.edges[i].from_port, edges[i].port);
        assert_string_equal(a.edges[i].to, edges[i].to);
        assert_string_equal(name_at(a.queues, a.edges[i].queue), edges[i].queue);
        assert_string_equal(name_at(a.exchanges, a.edges[i].exchange), edges[i].exchange);
    }
    assert_int_equal(a.n_nodes, sizeof nodes / sizeof *nodes);
    for (size_t i = 0; i < a.n_nodes; i++) {
        const struct architecture_node *n = node(&a, nodes[i].name);

        assert_true(n->is_role == nodes[i].is_role);
        assert_string_equal(name_at(a.queues, n->queue), nodes[i].queue);
        assert_true(!n->priority == !nodes[i].priority);
        if (n->priority)
            assert_string_equal(n->priority, nodes[i].priority);
    }
    assert_string_equal(node(&a, "store")->component, "imageresize/StoreResult");
    architecture_release(&a);
}

/* Without the dyno for bulk images, as docs/operations.md has it. */
static void a_role_of_both_priorities_has_the_shorter_deadline(void **state)
{
    struct architecture a = parse("web(i/W) RESIZEIMAGE -> IN one(msgflo/RoundRobin)\n"
                                  "one OUT -> IN resize(i/R)\n"
                                  "web RESIZEBULK -> IN two(msgflo/RoundRobin)\n"
                                  "two OUT -> IN resize\n"
                                  "resize OUT -> IN store(i/S)\n");

    (void)state;
    assert_string_equal(node(&a, "resize")->priority, "interactive");
    assert_null(node(&a, "store")->priority);
    assert_int_equal(a.n_queues, 2);
    architecture_release(&a);
}

static void ports_in_lower_case_are_the_same_queues(void **state)
{
    struct architecture a = parse("web(i/W) resizebulk -> in bulk(i/R)\n"
                                  "'x' -> size bulk\n");

    (void)state;
    assert_int_equal(a.n_edges, 1); /* an initial packet is none */
    assert_string_equal(a.queues[0], "bulk.IN");
    assert_string_equal(a.exchanges[0], "web.RESIZEBULK");
    assert_string_equal(node(&a, "bulk")->priority, "bulk");
    architecture_release(&a);
}

static void a_wrong_file_is_an_error_that_names_it(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"web(i/W OUT -> IN x(i/X)", "line 1, column"},
        {"web(i/W) OUT -> IN nobody\n", "nobody"},
        {"a(i/A) OUT -> IN r(msgflo/RoundRobin)\n", "'out' of 'r'"}, /* leads nowhere */
        {"\xff\xfe", "line 1"},
    };
    char path[] = "/tmp/test-architecture-XXXXXX";
    struct architecture a;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(architecture_load("/nowhere/graph.fbp", &a, &e), -1);
    assert_string_equal(e.text, "the graph '/nowhere/graph.fbp': No such file or directory");
    err_clear(&e);
    assert_int_equal(architecture_load("/tmp", &a, &e), -1);
    assert_string_equal(e.text, "the graph '/tmp': Is a directory");
    close(mkstemp(path));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *file = fopen(path, "w");

        err_clear(&e);
        fputs(cases[i].text, file);
        fclose(file);
        assert_int_equal(architecture_load(path, &a, &e), -1);
        if (!strstr(e.text, path) || !strstr(e.text, cases[i].words))
            fail_msg("%s", e.text);
    }
    unlink(path);
}

/* n nodes in a row, so n - 1 edges; then `more` edges between the first two. */
static char *row_of(int n, int more)
{
    struct buf b = BUF_INIT;

    for (int i = 1; i < n; i++)
        buf_printf(&b, "n%d(i/N) OUT -> IN n%d(i/N)\n", i - 1, i);
    for (int i = 0; i < more; i++)
        buf_printf(&b, "n0 P%d -> IN n1\n", i);
    return buf_detach(&b);
}

static void a_graph_is_taken_up_to_its_limits(void **state)
{
    static const struct {
        int nodes, more, result;
    } cases[] = {
        {ARCHITECTURE_MAX_NODES, 0, 0},
        {ARCHITECTURE_MAX_NODES + 1, 0, -1},
        {2, ARCHITECTURE_MAX_EDGES - 1, 0},
        {2, ARCHITECTURE_MAX_EDGES, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(text_freep) char *text = row_of(cases[i].nodes, cases[i].more);
        struct architecture a;
        struct err e = ERR_INIT;

        assert_int_equal(architecture_parse(text, strlen(text), &a, &e), cases[i].result);
        if (cases[i].result == 0)
            architecture_release(&a);
        else
            assert_int_equal(e.code, ERR_LIMIT);
    }
}

static void a_file_is_read_up_to_its_limit(void **state)
{
    static const char graph[] = "a(i/A) OUT -> IN b(i/B)\n";
    char path[] = "/tmp/test-architecture-XXXXXX";

    (void)state;
    close(mkstemp(path));
    for (size_t more = 0; more < 2; more++) {
        FILE *file = fopen(path, "w");
        struct architecture a;
        struct err e = ERR_INIT;

        fputs(graph, file);
        for (size_t i = sizeof graph - 1; i < ARCHITECTURE_MAX_BYTES + more; i++)
            fputc('\n', file);
        fclose(file);
        assert_int_equal(architecture_load(path, &a, &e), more ? -1 : 0);
        if (more)
            assert_int_equal(e.code, ERR_LIMIT);
        else
            architecture_release(&a);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_graph_of_the_service),
        cmocka_unit_test(a_role_of_both_priorities_has_the_shorter_deadline),
        cmocka_unit_test(ports_in_lower_case_are_the_same_queues),
        cmocka_unit_test(a_wrong_file_is_an_error_that_names_it),
        cmocka_unit_test(a_graph_is_taken_up_to_its_limits),
        cmocka_unit_test(a_file_is_read_up_to_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
