#include "tool/settings.h"

#define TOOL 1u

const struct config_setting tool_settings_table[] = {
    {.name = "MSGFLO_BROKER",
     .fallback = "CLOUDAMQP_URL",
     .kind = CONFIG_TEXT,
     .value_default = "amqp://localhost",
     .unit = "",
     .used_by = TOOL,
     .offset = offsetof(struct tool_settings, broker),
     .help = "URL of the broker, amqp:// or amqps://."},
    {.name = "MSGFLO_MANAGEMENT_URL",
     .kind = CONFIG_TEXT,
     .unit = "",
     .used_by = TOOL,
     .offset = offsetof(struct tool_settings, management),
     .help = "Base URL of RabbitMQ's management API; without it, the broker's host is asked."},
    {.name = "SSL_CERT_FILE",
     .kind = CONFIG_TEXT,
     .value_default = "/etc/ssl/certs/ca-certificates.crt",
     .unit = "",
     .used_by = TOOL,
     .offset = offsetof(struct tool_settings, ca_file),
     .help = "Certificate authorities to trust, PEM."},
};
const size_t tool_settings_count = sizeof(tool_settings_table) / sizeof(*tool_settings_table);

int tool_settings_load(struct tool_settings *ret, struct err *e)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;

    if (config_load(tool_settings_table, tool_settings_count, TOOL, ret, &problems))
        return err_set(e, ERR_INPUT, "%s", problems.failed ? "settings" : problems.data);
    return 0;
}
