/*
 * program.h - a participant that is a program of its own: its command line, its signals, what it
 * prints. What a participant does is msgflo.h's; this is what all their main functions share.
 */
#ifndef MSGFLO_PROGRAM_H
#define MSGFLO_PROGRAM_H

#include <msgflo/msgflo.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/*
 * Runs the participant until SIGTERM or SIGINT, and returns the status to exit with: 0 after an
 * orderly stop, 1 if it cannot be made (a definition or URL that cannot work), 2 for a wrong
 * command line. One a process; it may install signal handlers and ignores SIGPIPE.
 *
 * Command line: --role NAME, --broker URL, --prefetch N, --version, --help. Without them the role
 * is options->role or, if that is NULL too, must be given; the broker is options->broker, else
 * MSGFLO_BROKER, else CLOUDAMQP_URL, else amqp://localhost; the prefetch is options->prefetch. What
 * options leave open is also taken from MSGFLO_DISCOVERY_PERIOD (seconds) and SSL_CERT_FILE (for
 * ca_file). options may be NULL; both are lent for the call. options->on_state is called besides
 * what is done here.
 *
 * Start: nothing is printed until the participant is announced; then one line, on standard output.
 * That is how a starter (msgflo, msgflo-setup) knows that it is there. An outage before that is
 * told at once to a terminal only, else after 10 s. Later outages and warnings go to standard
 * error.
 *
 * Stop: no more inputs; deliveries in hand may end and sent messages get their fate, for at most
 * 25 s or until the broker is lost. What has not ended then goes back to its queue, or, on MQTT
 * without a session that lasts, is gone. A second signal ends the process at once.
 */
int msgflo_program(int argc, char **argv, const struct msgflo_definition *definition,
                   const struct msgflo_options *options);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
