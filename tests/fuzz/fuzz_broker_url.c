/*
 * fuzz_broker_url.c - any bytes as a broker's URL: what is read keeps to the limits of AMQP, MQTT
 * and DNS, and what is refused has a reason that is text.
 */
#include <string.h>

#include "fuzz.h"
#include "lib/broker_url.h"

static void check_url(const struct broker_url *u)
{
    MUST(u->host && (u->kind == BROKER_URL_DIRECT || strlen(u->host) <= BROKER_HOST_MAX_BYTES));
    MUST(u->port >= 0 && u->port <= 65535);
    if (u->kind == BROKER_URL_AMQP)
        MUST(u->user && u->password && u->vhost && strlen(u->vhost) <= BROKER_VHOST_MAX_BYTES);
    else
        MUST(!u->vhost);
    MUST(u->keep_alive_s >= -1 && u->keep_alive_s <= BROKER_KEEP_ALIVE_MAX_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msgflo_error e = {0};
    struct broker_url u;

    if (broker_url_parse((const char *)data, size, &u, &e)) {
        MUST(e.text[0]);
        return 0;
    }
    check_url(&u);
    broker_url_release(&u);
    return 0;
}
