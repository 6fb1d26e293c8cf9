#include "live/environment.h"

#define GUV 1u
#define TEXT(member)                                                                               \
    .kind = CONFIG_TEXT, .unit = "", .used_by = GUV, .offset = offsetof(struct environment, member)

const struct config_setting environment_table[] = {
    {.name = "GUV_BROKER",
     .fallback = "MSGFLO_BROKER",
     TEXT(broker),
     .help = "URL of the broker, amqp:// or amqps://; the guv file's `broker` goes first."},
    {.name = "CLOUDAMQP_URL", TEXT(cloudamqp), .help = "The same, asked last."},
    {.name = "MSGFLO_MANAGEMENT_URL",
     TEXT(management_url),
     .help = "Base URL of RabbitMQ's management API; without it, the broker's host is asked."},
    {.name = "SSL_CERT_FILE", TEXT(ca_file), .help = "Certificate authorities to trust, PEM."},
    {.name = "DATABASE_URL",
     TEXT(database_url),
     .help = "Postgres, for the lock that says which guv acts, and for job statistics."},
    {.name = "GUV_APP",
     .fallback = "HEROKU_APP_NAME",
     TEXT(app),
     .help = "App on the platform of the roles whose `app` is not set."},
    {.name = "GUV_HEROKU_TOKEN",
     .fallback = "HEROKU_API_KEY",
     TEXT(token),
     .help = "Token for the Platform API; the guv file's `apikey` is asked last."},
    {.name = "GUV_HEROKU_URL",
     TEXT(heroku_url),
     .value_default = "https://api.heroku.com",
     .help = "Base URL of the Platform API; on one machine, that of `formation`."},
    {.name = "GUV_METRICS",
     .kind = CONFIG_NUMBER,
     .value_default = "0",
     .max = 65535,
     .unit = "",
     .used_by = GUV,
     .offset = offsetof(struct environment, metrics_port),
     .help = "Port of guv's metrics and status on 127.0.0.1; 0: none."},
};
const size_t environment_count = sizeof(environment_table) / sizeof(*environment_table);

int environment_load(const struct guv_settings *settings, struct environment *ret,
                     struct buf *problems)
{
    if (config_load(environment_table, environment_count, GUV, ret, problems))
        return -1;
    if (settings->broker)
        ret->broker = settings->broker;
    if (!ret->broker)
        ret->broker = ret->cloudamqp;
    if (!ret->token)
        ret->token = settings->apikey;
    return 0;
}
