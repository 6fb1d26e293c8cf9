/*
 * broker_address.h - what an AMQP broker's URL says, for the two ways to ask it of its queues.
 */
#ifndef QUEUES_BROKER_ADDRESS_H
#define QUEUES_BROKER_ADDRESS_H

#include <stdbool.h>

#include "base/err.h"

/* Texts are decoded and lent for the struct's life. */
struct broker_address {
    const char *host, *vhost, *user, *password; /* the password is a secret */
    int port;
    bool tls;
    char *text; /* what they are lent from */
};

/* Returns 0, or -1 with *e (ERR_INPUT: no URL of an AMQP broker). The URL is in no error. */
int broker_address_parse(const char *url, struct broker_address *ret, struct err *e) MUST_CHECK;
void broker_address_release(struct broker_address *a);

#endif
