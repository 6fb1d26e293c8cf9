/*
 * msgflo.h - a MsgFlo participant: named ports on message queues, announced to whoever listens.
 *
 * A program describes its ports, is called for each message that comes in, and sends on its
 * outports; who is connected to whom is decided outside, by a graph. The library connects,
 * declares, announces and re-announces, consumes with a prefetch, tells the fate of each sent
 * message (publisher confirms), and after a lost connection does all that again by itself.
 *
 * Threads: a participant belongs to the thread that made it; every call and every callback is on
 * that thread. Two participants in two threads share nothing.
 *
 * Loops: with one of your own, poll msgflo_fd() for reading for at most msgflo_timeout_ms(), then
 * call msgflo_service(). Without one, call msgflo_run().
 * Connecting and declaring block for at most options.connect_timeout_ms; nothing else blocks.
 *
 * Brokers, by the scheme of the URL, in which all but the host may be left out:
 *   amqp://user:password@host:port/vhost   AMQP 0-9-1 (RabbitMQ); amqps:// with TLS
 *   mqtt://user:password@host:port?clientId=ID&keepAlive=SECONDS&cleanSession=true|false
 *                                          MQTT 5, or 3.1.1 with an older broker; mqtts:// with TLS
 *   direct://NAME                          in memory, for tests: participants of one thread
 * With TLS the broker's certificate and host name are verified.
 *
 * On MQTT a queue is a topic, which the processes of a role share, and this differs:
 * - The broker binds nothing: messages go from an outport to inports of another name only while the
 *   coordinator (msgflo run) or msgflo setup --forever passes them on.
 * - By default a message that comes while no process of the role is connected is gone, and so are
 *   those in hand when a connection breaks or the participant is freed. A clientId of its own for
 *   each process and cleanSession=false in the URL keep them.
 * - An ack reaches the broker when all deliveries in hand of that port have ended, and none is told
 *   to be redelivered.
 * - msgflo_reject() sends the message to the topic dead-TOPIC, msgflo_requeue() to its own again.
 * - Headers, content types, message ids and MSGFLO_RETURNED are there with MQTT 5 only.
 * - A port's `transient` changes nothing.
 */
#ifndef MSGFLO_MSGFLO_H
#define MSGFLO_MSGFLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default) /* the library is compiled with all else hidden */
#endif

/* ---- errors ---- */

enum msgflo_code {
    MSGFLO_OK,
    MSGFLO_INVALID,     /* a definition, name or URL that cannot work */
    MSGFLO_UNAVAILABLE, /* no broker, or not connected now: try again later */
    MSGFLO_REFUSED,     /* the broker refused: its text is in the error */
    MSGFLO_NOMEM
};

/* Lives with the caller; nothing to free. A failing call returns -1 (or NULL) and fills it; NULL
 * may be given for it. */
struct msgflo_error {
    enum msgflo_code code;
    char text[400]; /* one sentence that names the thing; never a password */
};

/* ---- definition ---- */

struct msgflo_participant;
struct msgflo_delivery;

/* Called for each message that comes in, from msgflo_service(). d is the callee's: it must end, now
 * or later (see struct msgflo_delivery). */
typedef void msgflo_input_fn(struct msgflo_participant *p, struct msgflo_delivery *d, void *user);

struct msgflo_port {
    const char *id;          /* "in"; in queue names upper-cased: ROLE.IN */
    const char *type;        /* "object", "string", "any" ...; NULL: "any" */
    const char *description; /* or NULL */
    const char *queue;       /* its queue or exchange; NULL: ROLE.ID */
    bool hidden;             /* neither declared nor announced, unless queue is given */
    /* Nothing of it outlives its users: messages that no queue takes, or that wait while the broker
     * restarts or nobody consumes, are gone. msgflo-nodejs calls it persistent: false. */
    bool transient;
    msgflo_input_fn *on_input; /* of an inport; NULL: that of the options */
};

struct msgflo_definition {
    const char *component; /* "imageresize/ResizeImage" */
    const char *label;     /* one line for people, or NULL */
    const char *icon;      /* a Font Awesome 4 name, or NULL */
    const struct msgflo_port *inports;
    size_t inport_count;
    const struct msgflo_port *outports;
    size_t outport_count;
};

/* ---- messages in ---- */

/*
 * One handing-over of a message. It must end in exactly one of msgflo_ack(), msgflo_reject() or
 * msgflo_requeue(), now or later, in any order; that call frees it. After a lost connection they
 * only free: the broker has given the message to somebody again. An ack is written by the next
 * msgflo_service() or msgflo_free(), together with others; msgflo_timeout_ms() is 0 until then.
 */
struct msgflo_delivery;

/* All lent until the delivery ends. */
const char *msgflo_delivery_port(const struct msgflo_delivery *d); /* id, as in the definition */
const void *msgflo_delivery_body(const struct msgflo_delivery *d);
size_t msgflo_delivery_size(const struct msgflo_delivery *d); /* bytes */
bool msgflo_delivery_redelivered(const struct msgflo_delivery *d);
/* NULL: the sender gave none. msgflo-nodejs gives neither. */
const char *msgflo_delivery_content_type(const struct msgflo_delivery *d);
const char *msgflo_delivery_message_id(const struct msgflo_delivery *d);
/* The text header of that name, or NULL. Headers of other kinds than text are passed over. */
const char *msgflo_delivery_header(const struct msgflo_delivery *d, const char *name);
/* The text header number i, counted from 0, into *ret_name and *ret_value. False, and both are
 * untouched, past the last. */
bool msgflo_delivery_header_at(const struct msgflo_delivery *d, size_t i, const char **ret_name,
                               const char **ret_value);

void msgflo_ack(struct msgflo_delivery *d);     /* done */
void msgflo_reject(struct msgflo_delivery *d);  /* to the dead letters: it will never work */
void msgflo_requeue(struct msgflo_delivery *d); /* back to the queue, for another worker */

/*
 * Acks d and every older delivery of the same port that has not ended, in one go; all are freed, so
 * the caller forgets those, too.
 */
void msgflo_ack_upto(struct msgflo_delivery *d);

/* ---- messages out ---- */

enum msgflo_fate {
    MSGFLO_CONFIRMED, /* the broker has it, in every queue bound to the outport */
    MSGFLO_RETURNED,  /* mandatory, and no queue took it: the outport has no edge */
    MSGFLO_NACKED,    /* the broker could not keep it */
    MSGFLO_LOST       /* the connection went before a confirm came: it may or may not be there */
};

/* Called once for each message sent with it, from msgflo_service() or msgflo_free(). */
typedef void msgflo_sent_fn(struct msgflo_participant *p, enum msgflo_fate fate, void *user);

struct msgflo_message {
    const void *body; /* any bytes; copied before the call returns */
    size_t size;
    const char *content_type; /* NULL: "application/json" */
    bool transient;           /* not written to disk by the broker */
    bool mandatory;           /* a message that no queue takes is MSGFLO_RETURNED */
    /* Text headers, or NULL: pairs of name and value, `header_count` pairs. */
    const char *const (*headers)[2];
    size_t header_count;
    /* A delivery that has not ended, or NULL: the message has its text headers, too, but for those
     * named above, and its content type if none is given here. Its body is not passed on. */
    const struct msgflo_delivery *passes_on;
};

/*
 * Sends on the outport of that id. sent may be NULL: the fate is then unknown. Returns 0, or -1
 * with *e (MSGFLO_UNAVAILABLE: not connected, or the broker takes no messages for now;
 * MSGFLO_INVALID: no such outport, or headers of more than 32768 bytes, or a name or content type
 * of more than 255), and then sent is not called. Nothing is kept for later: whoever must not lose
 * a message keeps it until its fate is told, and bounds how many are under way
 * (msgflo_unconfirmed()).
 */
int msgflo_send(struct msgflo_participant *p, const char *outport, const struct msgflo_message *m,
                msgflo_sent_fn *sent, void *user, struct msgflo_error *e);

/* Messages sent with a callback whose fate is not known yet. */
size_t msgflo_unconfirmed(const struct msgflo_participant *p);

/* ---- a participant's life ---- */

enum msgflo_state {
    MSGFLO_CONNECTED,    /* declared, announced, consuming */
    MSGFLO_DISCONNECTED, /* text says why; told once an outage, not once a try */
    MSGFLO_WARNING       /* goes on, but somebody should know: text says what */
};

struct msgflo_options {
    const char *broker; /* a URL, see "Brokers" above; copied */
    const char *role;   /* groups equal workers and names their queues; copied */
    unsigned prefetch;  /* unacked deliveries at once, an inport each; 0: 2 as msgflo-nodejs */
    unsigned discovery_period_s; /* 0: 60; announced every period / 2.2 */
    unsigned connect_timeout_ms; /* 0: 5000 */
    unsigned heartbeat_s;        /* 0: 20 */
    size_t max_message_bytes;    /* larger ones are dead-lettered unseen; 0: 16 MB */
    const char *ca_file;         /* PEM, for amqps and mqtts; NULL: the system's bundle */
    msgflo_input_fn *on_input;   /* of the inports that have none; NULL if all have */
    /* May be NULL. */
    void (*on_state)(struct msgflo_participant *p, enum msgflo_state state, const char *text,
                     void *user);
    void *user; /* for all of these, and for the ports' functions */
};

/*
 * Makes a participant; no connection yet: the first msgflo_service() begins it. definition and
 * options are copied. Returns it for the caller to msgflo_free(), or NULL with *e (MSGFLO_INVALID
 * names what cannot work: a port, the URL, a ca_file without certificates).
 */
struct msgflo_participant *msgflo_new(const struct msgflo_definition *definition,
                                      const struct msgflo_options *options, struct msgflo_error *e);

/*
 * Closes and frees; NULL is fine; not from a callback. Deliveries that have not ended go back to
 * their queue and are freed too: no pointer to one is valid afterwards. Messages without a fate are
 * told to be MSGFLO_LOST.
 */
void msgflo_free(struct msgflo_participant *p);

/* ROLE-RANDOM, constant for its life. Lent until it is freed. */
const char *msgflo_id(const struct msgflo_participant *p);
bool msgflo_connected(const struct msgflo_participant *p);

/* The descriptor to poll for POLLIN, or -1 while there is none. It may change at any service. */
int msgflo_fd(const struct msgflo_participant *p);

/* Milliseconds until msgflo_service() wants to be called even if the descriptor is quiet. */
int msgflo_timeout_ms(const struct msgflo_participant *p);

/* Does what is due: connects, reads, calls back, sends heartbeats and announcements. Losing the
 * broker is no error: it is told by on_state and tried again with growing delay, up to 30 s. */
void msgflo_service(struct msgflo_participant *p);

/* Deliveries that the program was handed and has not ended. */
size_t msgflo_in_hand(const struct msgflo_participant *p);

/* Stops consuming (for SIGTERM): no delivery comes any more, and what was on its way goes back for
 * another worker; those in hand and sends go on. */
void msgflo_stop_inputs(struct msgflo_participant *p);

/* After that: nothing is in hand, every fate is told, and what was on its way has gone back. Until
 * then, or until the broker is lost, an orderly stop keeps servicing. */
bool msgflo_drained(const struct msgflo_participant *p);

/*
 * Stops consuming for a while and starts again, as back-pressure beyond the prefetch.
 * Deliveries already in hand are kept; up to a prefetch more that were on their way wait inside.
 */
void msgflo_pause_inputs(struct msgflo_participant *p, bool paused);

/* Services until msgflo_stop() is called (from a callback) or *stop_flag becomes non-zero (from a
 * signal handler; noticed within 250 ms; may be NULL). Returns 0. */
int msgflo_run(struct msgflo_participant *p, const volatile int *stop_flag);
void msgflo_stop(struct msgflo_participant *p);

/* The library's version, "0.1.0". */
const char *msgflo_version(void);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
