#include "queues/broker_address.h"

#include <string.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#else
#include <amqp.h>
#endif

int broker_address_parse(const char *url, struct broker_address *ret, struct err *e)
{
    struct amqp_connection_info info;
    char *text = strdup(url);

    if (!text)
        return err_set(e, ERR_NOMEM, "no memory for the broker's URL");
    if (amqp_parse_url(text, &info) != AMQP_STATUS_OK) {
        free(text);
        return err_set(e, ERR_INPUT,
                       "the broker's URL cannot be read: it is amqp:// or amqps://, and special "
                       "characters of its password are percent-escaped");
    }
    *ret = (struct broker_address){
        .host = info.host,
        .vhost = *info.vhost ? info.vhost : "/", /* amqp_parse_url() gives "" for a last slash */
        .user = info.user,
        .password = info.password,
        .port = info.port,
        .tls = info.ssl,
        .text = text,
    };
    return 0;
}

void broker_address_release(struct broker_address *a)
{
    free(a->text);
    *a = (struct broker_address){.text = NULL};
}
