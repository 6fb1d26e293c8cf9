/*
 * broker_url.h - takes a message broker's URL apart. Text in, parts out; no I/O.
 *
 *   amqp://user:password@host:port/vhost             amqps:// the same with TLS
 *   mqtt://user:password@host:port?clientId=ID&keepAlive=SECONDS&cleanSession=true|false
 *                                                    mqtts:// the same with TLS
 *   direct://NAME                                    in memory, for tests
 * All but the host may be left out, options that are not named here are ignored. User, password,
 * vhost and the values of options are percent-decoded (RFC 3986, 2.1). A host is a name, an IPv4
 * address, or an IPv6 address in brackets.
 */
#ifndef MSGFLO_BROKER_URL_H
#define MSGFLO_BROKER_URL_H

#include "error.h"

#define BROKER_URL_MAX_BYTES 4096
#define BROKER_HOST_MAX_BYTES 253  /* of a domain name (RFC 1035, 2.3.4, without its last dot) */
#define BROKER_VHOST_MAX_BYTES 255 /* a short string (AMQP 0-9-1, 4.2.5.3) */
#define BROKER_KEEP_ALIVE_MAX_S 65535

enum broker_url_kind { BROKER_URL_AMQP, BROKER_URL_MQTT, BROKER_URL_DIRECT };

struct broker_url {
    enum broker_url_kind kind;
    bool tls;
    const char *host; /* without brackets; of direct://, the NAME */
    int port;
    const char *user, *password; /* MQTT: NULL if not given; AMQP: then guest, guest */
    const char *vhost;           /* AMQP: "/" if not given; else NULL */
    const char *client_id;       /* MQTT: NULL if not given */
    int keep_alive_s;            /* MQTT: -1 if not given; 0: none wanted */
    bool clean_session;          /* MQTT: true if not given */
    char *texts;                 /* what they point into */
};

/*
 * Parses the len bytes at url. Returns 0 and fills *ret for the caller to broker_url_release(), or
 * -1 with *e: MSGFLO_INVALID and what is wrong. No part of the URL is quoted there: in one with a
 * mistake nobody knows where the password is. *ret is then untouched.
 */
int broker_url_parse(const char *url, size_t len, struct broker_url *ret,
                     struct msgflo_error *e) MUST_CHECK;

/* An all-zero one is fine. */
void broker_url_release(struct broker_url *u);

#endif
