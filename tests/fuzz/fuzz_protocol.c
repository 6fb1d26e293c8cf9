/*
 * fuzz_protocol.c - any bytes as a message of the FBP network protocol: what is read can be told
 * again and is then read as the same, and what is refused has a reason that can be told.
 */
#include <string.h>

#include "base/err.h"
#include "fuzz.h"
#include "network/protocol.h"

static void check_same_again(const struct protocol_message *m)
{
    AUTO(text_freep)
    char *text = protocol_text(m->protocol, m->command, json_incref(m->payload), m->request_id);
    struct protocol_message again;
    struct err e = ERR_INIT;

    MUST(text);
    MUST(protocol_parse(text, strlen(text), &again, &e) == 0);
    MUST(strcmp(again.protocol, m->protocol) == 0 && strcmp(again.command, m->command) == 0);
    MUST(json_equal(again.payload, m->payload) && again.needs == m->needs);
    protocol_release(&again);
}

static void check_refusal(const struct protocol_message *m, const struct err *e)
{
    AUTO(text_freep) char *text = NULL;

    MUST(m->protocol && m->command && m->secret && e->text[0]);
    text = protocol_text(m->protocol, "error", protocol_error(e->text), m->request_id);
    MUST(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct protocol_message m;
    struct err e = ERR_INIT;
    json_t *value = protocol_value((const char *)data, size);

    MUST(value);
    json_decref(value);
    if (protocol_parse((const char *)data, size, &m, &e) == 0)
        check_same_again(&m);
    else
        check_refusal(&m, &e);
    protocol_release(&m);
    return 0;
}
