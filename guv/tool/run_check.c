#include "tool/run_check.h"

#include <stdio.h>
#include <string.h>

#include "db/db.h"
#include "live/governor.h"
#include "live/heroku.h"
#include "queues/broker_address.h"
#include "tool/commands.h"

bool run_check_is_used(void)
{
    const char *url = config_env("GUV_HEROKU_URL");

    return config_env("GUV_HEROKU_TOKEN") || config_env("HEROKU_API_KEY") ||
           (url && strcmp(url, HEROKU_URL) != 0);
}

static bool say(const char *setting, const char *what)
{
    fprintf(stderr, "%s: %s\n", setting, what);
    return true;
}

/* Where environment_load() has the broker from. */
static const char *broker_setting(const struct guv_settings *settings)
{
    static const char *const names[] = {"GUV_BROKER", "MSGFLO_BROKER"};

    if (settings->broker)
        return "the guv file's `broker`";
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (config_env(names[i]))
            return names[i];
    return "CLOUDAMQP_URL";
}

static bool broker_is_wrong(const struct settings_file *f)
{
    struct broker_address address = {.text = NULL};
    struct err e = ERR_INIT;

    if (!f->environment.broker)
        return say("MSGFLO_BROKER", "must be set, or CLOUDAMQP_URL, GUV_BROKER or the guv file's "
                                    "`broker`");
    if (broker_address_parse(f->environment.broker, &address, &e))
        return say(broker_setting(&f->settings), e.text);
    broker_address_release(&address);
    return false;
}

static bool database_is_wrong(const struct settings_file *f, bool is_single)
{
    const char *url = f->environment.database_url;
    struct err e = ERR_INIT;

    if (!url)
        return !is_single && say("DATABASE_URL", "must be set");
    return db_check_url(url, &e) && say("DATABASE_URL", e.text);
}

static bool app_is_missing(const struct settings_file *f)
{
    for (size_t i = 0; !f->environment.app && i < f->settings.n_roles; i++)
        if (!f->settings.roles[i].app)
            return say("GUV_APP", "must be set, or HEROKU_APP_NAME, or `app` of each role");
    return false;
}

/* What is left: all that a governor asks for at its start. */
static bool governor_is_refused(const struct settings_file *f, bool is_single)
{
    const struct governor_options options = {.settings = &f->settings,
                                             .environment = &f->environment,
                                             .is_single = is_single,
                                             .metrics_port = -1};
    struct governor *g = NULL;
    struct err e = ERR_INIT;

    if (governor_new(&options, &g, &e))
        return say("guv", e.text);
    governor_free(g);
    return false;
}

int run_check(const struct settings_file *f, bool is_single)
{
    bool bad = broker_is_wrong(f);

    bad |= database_is_wrong(f, is_single);
    bad |= app_is_missing(f);
    return bad || governor_is_refused(f, is_single) ? GUV_USAGE : GUV_DONE;
}

int run_check_unused(void)
{
    fputs("note: GUV_HEROKU_TOKEN is not set: guv does not run here, and workers are scaled by "
          "hand\n",
          stderr);
    return GUV_DONE;
}
