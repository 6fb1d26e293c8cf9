/*
 * cmd_run.c - msgflo run: the options, files and secrets of a live network, checked before it
 * lives.
 */
#include <string.h>
#include <strings.h>

#include "base/uuid.h"
#include "tool/graph_file.h"
#include "tool/library_files.h"
#include "tool/run.h"
#include "tool/settings.h"

#define RUN 1u

/* What must not stand on a command line, or comes from whoever deploys. */
struct run_settings {
    const char *secret, *secret_read_only, *runtime_id;
};

static const struct config_setting settings_table[] = {
    {.name = "MSGFLO_SECRET",
     .kind = CONFIG_TEXT,
     .unit = "",
     .used_by = RUN,
     .offset = offsetof(struct run_settings, secret),
     .help = "What clients of `msgflo run` must know to look and to change."},
    {.name = "MSGFLO_SECRET_READ_ONLY",
     .kind = CONFIG_TEXT,
     .unit = "",
     .used_by = RUN,
     .offset = offsetof(struct run_settings, secret_read_only),
     .help = "What clients of `msgflo run` must know to look only."},
    {.name = "MSGFLO_RUNTIME_ID",
     .kind = CONFIG_TEXT,
     .unit = "",
     .used_by = RUN,
     .offset = offsetof(struct run_settings, runtime_id),
     .help = "UUID by which editors know the network again."},
};

#define AT(member) .offset = offsetof(struct run_options, member)
static const struct option_spec options_table[] = {
    {"host", NULL, 0, OPTION_TEXT, "HOST", AT(host), .value_default = "localhost",
     .help = "the address to listen on; one that others can reach needs a secret"},
    {"port", NULL, 0, OPTION_NUMBER, "PORT", AT(port), .value_default = "3569", .min = 0,
     .max = 65535, .help = "the port to listen on; 0 takes any free one"},
    COMMAND_BROKER(struct run_options, broker),
    {"graph", NULL, 0, OPTION_TEXT, "FILE", AT(graph),
     .help = "the graph to bring to life, another way to give it"},
    {"library", NULL, 0, OPTION_TEXT, "FILE", AT(library),
     .help = "the component library (package.json, if it is there): participants it has commands "
             "for are started and ended"},
    {"componentdir", "components", 0, OPTION_TEXT, "DIR", AT(componentdir),
     .help = "each of its files that the library has a handler for is a component"},
    {"ignore", NULL, 0, OPTION_TEXTS, "ROLE", AT(ignore), .help = "never starts the role"},
    {"forward", NULL, 0, OPTION_ITEMS, "STREAMS", AT(forward),
     .help = "which outputs of participants are printed: stderr, stdout or both (both)"},
    {"auto-save", NULL, 0, OPTION_FLAG, NULL, AT(auto_save),
     .help = "saves the graph to its file when a client has changed it"},
    {"management", NULL, 0, OPTION_TEXT, "URL", AT(management),
     .help = "of RabbitMQ's management API (MSGFLO_MANAGEMENT_URL), by which a moved edge gives "
             "each message to exactly one of the two targets"},
    {"secret", NULL, 0, OPTION_TEXT, "TEXT", AT(secret),
     .help = "what clients must know; better given as MSGFLO_SECRET, which others on this machine "
             "cannot see"},
    {"secret-read-only", NULL, 0, OPTION_TEXT, "TEXT", AT(secret_read_only),
     .help = "what clients must know to look only (MSGFLO_SECRET_READ_ONLY)"},
    {"origin", NULL, 0, OPTION_TEXTS, "ORIGIN", AT(origins),
     .help = "a web site whose pages may connect, such as https://example.org; * for any"},
    {"ide", NULL, 0, OPTION_TEXT, "URL", AT(ide), .value_default = "https://app.flowhub.io",
     .help = "the editor to open the network in, whose pages may connect"},
    {"runtime-id", NULL, 0, OPTION_TEXT, "UUID", AT(runtime_id),
     .help = "by which editors know the network again (MSGFLO_RUNTIME_ID, else a new one)"},
    {"wait-timeout", NULL, 0, OPTION_NUMBER, "S", AT(wait_timeout_s), .min = 0, .max = 86400,
     .unit = "seconds",
     .help = "taken for scripts' sake: nothing here waits for a participant, whose edges are bound "
             "when it comes"},
};

/* A name is no address, even if it begins like one: 127.example.org may be anywhere. */
static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 ||
           (strncmp(host, "127.", 4) == 0 && host[strspn(host, "0123456789.")] == '\0') ||
           strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0;
}

/* An address's scheme and host: what browsers send as Origin. New. */
static char *origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = host ? (size_t)(host - url) + 3 : 0;

    return strndup(url, n + strcspn(url + n, "/?#"));
}

static int check(const struct command *self, const struct run_options *o)
{
    for (size_t i = 0; i < o->forward.n; i++)
        if (strcmp(o->forward.items[i], "stdout") != 0 &&
            strcmp(o->forward.items[i], "stderr") != 0)
            return command_usage(self, "--forward: stdout and stderr, not '%s'",
                                 o->forward.items[i]);
    if (!is_loopback(o->host) && !o->secret)
        return command_usage(self,
                             "--host %s can be reached by others: a secret is needed "
                             "(MSGFLO_SECRET)",
                             o->host);
    if (o->secret_read_only && !o->secret)
        return command_usage(self, "--secret-read-only: of use beside --secret only");
    if (o->secret_read_only && strcmp(o->secret_read_only, o->secret) == 0)
        return command_usage(self, "--secret-read-only: must not be the secret that allows all");
    if (o->auto_save && (!o->graph || !graph_file_is_named_well(o->graph)))
        return command_usage(self, "--auto-save: needs a graph file, .fbp or .json, to save to");
    if (!uuid_is_valid(o->runtime_id))
        return command_usage(self, "--runtime-id: must be a UUID, is '%s'", o->runtime_id);
    return EXIT_DONE;
}

/* What no option says the environment does. */
static int complete(struct run_options *o, char own_id[UUID_SIZE], struct err *e)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct run_settings own = {0};
    struct tool_settings settings;

    if (config_load(settings_table, sizeof(settings_table) / sizeof(*settings_table), RUN, &own,
                    &problems))
        return err_set(e, ERR_INPUT, "%s", problems.failed ? "settings" : problems.data);
    if (tool_settings_load(&settings, e))
        return -1;
    uuid_make(own_id);
    own_id[14] = '4'; /* FBP wants version 4, which is all random: so is the half that counts */
    o->ca_file = settings.ca_file;
    o->broker = o->broker && *o->broker ? o->broker : settings.broker;
    o->management = o->management ? o->management : settings.management;
    o->secret = o->secret && *o->secret ? o->secret : own.secret;
    o->secret_read_only =
        o->secret_read_only && *o->secret_read_only ? o->secret_read_only : own.secret_read_only;
    if (!o->runtime_id || !*o->runtime_id)
        o->runtime_id = own.runtime_id ? own.runtime_id : own_id;
    return 0;
}

static int live(const struct command *self, struct run_options *o)
{
    AUTO(library_freep) struct library *library = NULL;
    AUTO(text_freep) char *ide_origin = origin_of(o->ide);
    struct graph *g = NULL;
    struct err e = ERR_INIT;

    if (ide_origin && o->origins.n < OPTIONS_MAX_REPEATS)
        o->origins.items[o->origins.n++] = ide_origin;
    if (library_load(o->library, o->componentdir, &library, &e) ||
        (o->graph && command_read_graph(self, o->graph, &g, &e)) ||
        run_live(self, o, g, library, &e))
        return command_failed(self, &e);
    return EXIT_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct run_options o = {0};
    struct option_texts rest;
    char own_id[UUID_SIZE];
    struct err e = ERR_INIT;
    int status = command_options(self, argc, argv, &o, &rest);

    if (status != EXIT_DONE)
        return status;
    if (rest.n > 1 || (rest.n && o.graph && *o.graph))
        return command_usage(self, "one graph file at most");
    if (rest.n)
        o.graph = rest.items[0];
    else if (o.graph && !*o.graph)
        o.graph = NULL;
    if (complete(&o, own_id, &e))
        return command_failed(self, &e);
    status = check(self, &o);
    return status == EXIT_DONE ? live(self, &o) : status;
}

const struct command command_run = {
    .name = "run",
    .summary = "the live network of a graph, for editors to see and change",
    .arguments = "[GRAPH]",
    .about = "Brings GRAPH (.fbp or .json) to life: finds its participants, starts those that the\n"
             "library has commands for, binds each edge as soon as both its ends are there, and\n"
             "lets editors that speak the FBP network protocol look on and change it. On SIGTERM\n"
             "the participants it started end; bindings that the broker keeps stay.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
