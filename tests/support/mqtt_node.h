/*
 * mqtt_node.h - a participant in a test on a Mosquitto: what it was told is counted. An edge is two
 * ports of one topic.
 */
#ifndef TESTS_MQTT_NODE_H
#define TESTS_MQTT_NODE_H

#include "msgflo/msgflo.h"

#include "unit.h"

#define DEADLINE_MS 30000
#define KEPT_MAX 100
#define URL_SIZE 400
#define TOPIC_SIZE 90
#define ROLE_SIZE 80

/* A participant with what it was told. */
struct node {
    struct msgflo_participant *p;
    bool keeps, rejects, requeues_first; /* else it acks */
    struct msgflo_delivery *kept[KEPT_MAX];
    size_t kept_count;
    size_t got;
    size_t fates[4], told; /* told: all fates together */
    size_t connected, disconnected, warnings;
    char text[600]; /* of the latest state */
    char last[600]; /* message */
    bool *seen;     /* by number, or NULL */
};

extern char topic[TOPIC_SIZE]; /* of the edge of the current test */
extern char role[ROLE_SIZE];

/* The set-up of each test. */
int name_test(void **state);

#define TEST(function) cmocka_unit_test_setup(function, name_test)

/* ---- participants: one that receives on a topic, and one that sends on it ---- */

struct msgflo_options options_for(struct node *n, const char *url);
struct msgflo_participant *make(const struct msgflo_definition *definition,
                                const struct msgflo_options *options);
void make_receiver(struct node *n, const char *from_topic, const char *url, unsigned prefetch);
void make_sender(struct node *n, const char *url);
/* The same on the Mosquitto, once it is connected. */
void start_receiver(struct node *n, const char *from_topic, unsigned prefetch);
void start_sender(struct node *n);
void leave(struct node *n);

int send_text(struct node *n, const char *outport, const char *text, bool mandatory);
void count_fate(struct msgflo_participant *p, enum msgflo_fate fate, void *user);

/* ---- waiting ---- */

void service_once(struct node **nodes, size_t n);
/* Services all of them until *what reaches at_least. */
void wait_for(const size_t *what, size_t at_least, struct node **nodes, size_t n);
void wait_for_one(struct node *n, const size_t *what, size_t at_least);

#endif
