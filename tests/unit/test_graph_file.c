/*
 * test_graph_file.c - graphs into files: both forms, the mode and links that are kept, and nothing
 * lost or left behind when it fails.
 */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "base/buf.h"
#include "graph/fbp.h"
#include "scratch_dir.h"
#include "tool/files.h"
#include "tool/graph_file.h"

static const char text[] = "'5' -> IN a(core/Repeat) OUT -> IN b(core/Drop)\n";

struct fixture {
    char dir[SCRATCH_DIR_SIZE];
    char path[SCRATCH_DIR_SIZE + 32];
    struct graph *g;
    struct buf fbp; /* g, as fbp_write() has it */
};

static int set_up(void **state)
{
    static struct fixture f;
    struct err e = ERR_INIT;

    memset(&f, 0, sizeof f);
    if (scratch_dir(f.dir) || fbp_parse(text, strlen(text), NULL, &f.g, NULL, NULL, &e) ||
        fbp_write(f.g, &f.fbp, &e))
        return -1;
    *state = &f;
    return 0;
}

static const char *path_of(struct fixture *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
    return f->path;
}

/* How many files are in the folder; removes them if asked to. */
static int files_in(struct fixture *f, bool remove_them)
{
    DIR *dir = opendir(f->dir);
    const struct dirent *entry;
    int n = 0;

    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        if (remove_them)
            remove(path_of(f, entry->d_name));
    }
    closedir(dir);
    return n;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    files_in(f, true);
    rmdir(f->dir);
    graph_free(f->g);
    buf_release(&f->fbp);
    return 0;
}

static void save(struct fixture *f, const char *path)
{
    struct err e = ERR_INIT;

    if (graph_file_save(path, f->g, &e))
        fail_msg("%s", e.text);
}

static void expect_contents(const char *path, const char *wanted)
{
    char got[4096];
    FILE *file = fopen(path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(got, 1, sizeof got - 1, file);
    got[n] = '\0';
    fclose(file);
    if (wanted)
        assert_string_equal(got, wanted);
    else
        assert_non_null(strstr(got, "\n  \"processes\": {\n"));
}

static void saves_fbp_and_json_by_the_ending(void **state)
{
    struct fixture *f = *state;

    save(f, path_of(f, "g.fbp"));
    expect_contents(f->path, f->fbp.data);
    save(f, path_of(f, "g.json"));
    expect_contents(f->path, NULL);
    assert_int_equal(files_in(f, false), 2);
}

static void replaces_a_file_and_keeps_its_mode(void **state)
{
    struct fixture *f = *state;
    struct stat before, after;

    save(f, path_of(f, "g.fbp"));
    assert_int_equal(chmod(f->path, 0640), 0);
    assert_int_equal(stat(f->path, &before), 0);
    save(f, f->path);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(after.st_mode & 07777, 0640);
    assert_int_not_equal(before.st_ino, after.st_ino);
    assert_int_equal(files_in(f, false), 1);
}

static void a_new_file_has_the_mode_of_any_other(void **state)
{
    struct fixture *f = *state;
    mode_t mask = umask(027);
    struct stat st;

    save(f, path_of(f, "g.fbp"));
    umask(mask);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_link_stays_one(void **state)
{
    struct fixture *f = *state;
    char target[sizeof f->path];
    struct stat st;

    save(f, path_of(f, "g.fbp"));
    snprintf(target, sizeof target, "%s", f->path);
    assert_int_equal(truncate(target, 0), 0);
    assert_int_equal(symlink("g.fbp", path_of(f, "link.fbp")), 0);
    save(f, f->path);
    assert_int_equal(lstat(f->path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    expect_contents(target, f->fbp.data);
}

static void a_failure_names_the_file_and_leaves_nothing(void **state)
{
    static const struct {
        const char *name, *why;
    } cases[] = {
        {"g.txt", ".fbp or .json"},
        {".fbp", ".fbp or .json"}, /* beside the folder's name, an ending alone */
        {"none/g.fbp", "No such file"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = i == 1 ? cases[i].name : path_of(f, cases[i].name);
        struct err e = ERR_INIT;

        assert_int_equal(graph_file_save(path, f->g, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.text, cases[i].name));
        assert_non_null(strstr(e.text, cases[i].why));
    }
    assert_int_equal(files_in(f, false), 0);
}

static void expect_refusal(struct fixture *f, enum err_code code, const char *why)
{
    struct err e = ERR_INIT;

    assert_int_equal(graph_file_save(f->path, f->g, &e), -1);
    assert_int_equal(e.code, code);
    assert_non_null(strstr(e.text, "g.fbp: "));
    assert_non_null(strstr(e.text, why));
    expect_contents(f->path, f->fbp.data);
    assert_int_equal(files_in(f, false), 1);
}

static void what_cannot_be_written_leaves_the_old_file(void **state)
{
    struct fixture *f = *state;
    struct graph_node *node;

    save(f, path_of(f, "g.fbp"));
    node = graph_add_node(f->g, (struct span){"not a name", 10}, NULL);
    assert_non_null(node);
    expect_refusal(f, ERR_INPUT, "component");
    node->component = strdup("core/Drop");
    expect_refusal(f, ERR_INPUT, "cannot be spelled");
}

/* To the graph's node "a". */
static void add_initial(struct fixture *f, json_t *data_take)
{
    const struct graph_end_ref to = {{"a", 1}, {"in", 2}, GRAPH_NO_INDEX, 0};

    assert_int_equal(graph_add_edge(f->g, NULL, &to, data_take, NULL, NULL), 0);
}

static void what_could_not_be_read_again_leaves_the_old_file(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    json_t *deep = json_integer(1), *inner;
    char *big = calloc(FILE_MAX_BYTES + 1, 1);

    save(f, path_of(f, "g.fbp"));
    for (int i = 0; i <= FBP_MAX_JSON_DEPTH; i++) {
        inner = deep;
        deep = json_pack("[o]", inner);
    }
    add_initial(f, deep);
    expect_refusal(f, ERR_LIMIT, "nested deeper");

    save(f, path_of(f, "g.json"));
    memset(big, 'x', FILE_MAX_BYTES);
    add_initial(f, json_string(big));
    free(big);
    assert_int_equal(graph_file_save(path_of(f, "g.json"), f->g, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.text, "g.json: longer than"));
    assert_int_equal(files_in(f, false), 2);
}

static void a_folder_is_not_replaced(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;

    assert_int_equal(mkdir(path_of(f, "g.fbp"), 0700), 0);
    assert_int_equal(graph_file_save(f->path, f->g, &e), -1);
    assert_non_null(strstr(e.text, "g.fbp: cannot be replaced: Is a directory"));
    assert_int_equal(files_in(f, false), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(saves_fbp_and_json_by_the_ending),
        TEST(replaces_a_file_and_keeps_its_mode),
        TEST(a_new_file_has_the_mode_of_any_other),
        TEST(a_link_stays_one),
        TEST(a_failure_names_the_file_and_leaves_nothing),
        TEST(what_cannot_be_written_leaves_the_old_file),
        TEST(what_could_not_be_read_again_leaves_the_old_file),
        TEST(a_folder_is_not_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
