/*
 * json.h - messages as JSON values, for participants that use jansson.
 * The library itself does not look into bodies; these two functions are all that does.
 */
#ifndef MSGFLO_JSON_H
#define MSGFLO_JSON_H

#include <jansson.h>

#include <msgflo/msgflo.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/*
 * The delivery's body as a JSON value of any type: a new reference, for json_decref(). Text that is
 * no JSON comes as a JSON string of it, an empty body as "", as other participants of MsgFlo have
 * it; an integer that 64 bits do not hold comes as a real number. NULL with *e
 * (MSGFLO_INVALID) for bytes that are no UTF-8 text. The content type is not looked at.
 */
json_t *msgflo_delivery_json(const struct msgflo_delivery *d, struct msgflo_error *e);

/*
 * Sends value, which stays the caller's, as msgflo_send() does. All but the body is taken from
 * *like, whose body and size are ignored; like may be NULL. The content type is application/json
 * unless like names one. MSGFLO_INVALID is also: no JSON can be made of value.
 */
int msgflo_send_json(struct msgflo_participant *p, const char *outport, const json_t *value,
                     const struct msgflo_message *like, msgflo_sent_fn *sent, void *user,
                     struct msgflo_error *e);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
