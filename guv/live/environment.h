/*
 * environment.h - the settings of guv that are no part of a guv file: where its broker, platform
 * and database are, and how it gets in.
 */
#ifndef GUV_LIVE_ENVIRONMENT_H
#define GUV_LIVE_ENVIRONMENT_H

#include <stdint.h>

#include "base/config.h"
#include "config/settings.h"

/* Texts are lent from the environment, or from the guv file's settings. NULL: not set. */
struct environment {
    const char *broker;         /* GUV_BROKER, else MSGFLO_BROKER, else CLOUDAMQP_URL. A secret */
    const char *cloudamqp;      /* (of that chain) */
    const char *management_url; /* MSGFLO_MANAGEMENT_URL */
    const char *ca_file;        /* SSL_CERT_FILE */
    const char *database_url;   /* A secret */
    const char *app;            /* GUV_APP, else HEROKU_APP_NAME */
    const char *token;          /* GUV_HEROKU_TOKEN, else HEROKU_API_KEY. A secret */
    const char *heroku_url;     /* GUV_HEROKU_URL */
    int64_t metrics_port;       /* GUV_METRICS; 0: none */
};

extern const struct config_setting environment_table[];
extern const size_t environment_count;

/*
 * Reads the environment, completes it by what the file says (which wins for the broker, and is
 * asked last for the token). Returns 0, or -1 with one line a problem appended to problems.
 */
int environment_load(const struct guv_settings *settings, struct environment *ret,
                     struct buf *problems) MUST_CHECK;

#endif
