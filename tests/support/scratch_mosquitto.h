/*
 * scratch_mosquitto.h - a Mosquitto for one test program, which may kill it and bring it back.
 * Hides where it comes from: MSGFLO_TEST_MQTT, or else a private server started for it. A call that
 * fails fails the test.
 */
#ifndef TESTS_SCRATCH_MOSQUITTO_H
#define TESTS_SCRATCH_MOSQUITTO_H

#include <stdbool.h>

/* Group set-up and tear-down for cmocka_run_group_tests(). */
int scratch_mosquitto_start(void **state);
int scratch_mosquitto_end(void **state);

const char *scratch_mosquitto_url(void);

/* Only of a private one: false if it is somebody else's, which has no TLS that we know of and is
 * not ours to kill. */
bool scratch_mosquitto_is_private(void);
const char *scratch_mosquitto_tls_url(void); /* by the name its certificate is for: localhost */
const char *scratch_mosquitto_ca(void);      /* the file of the authority that signed it */
void scratch_mosquitto_kill(void);           /* SIGKILL, as a crash */
void scratch_mosquitto_revive(void);         /* on the same ports */

#endif
