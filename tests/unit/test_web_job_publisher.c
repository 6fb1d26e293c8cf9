/*
 * The publisher's thread on a participant that is a stand-in: what becomes of an outbox item when
 * the broker takes its messages, and when it takes none though it is there.
 */
#include "web/job_publisher.h"

#include <poll.h>

#include "msgflo/msgflo.h"
#include "unit.h"

#define DEADLINE_MS 30000

/* ---- the stand-in: what the next send meets */

struct msgflo_participant {
    msgflo_sent_fn *sent;
    void *user;
};

static struct msgflo_participant participant;
static bool takes; /* set before the thread starts */

struct msgflo_participant *msgflo_new(const struct msgflo_definition *definition,
                                      const struct msgflo_options *options, struct msgflo_error *e)
{
    (void)definition;
    (void)options;
    (void)e;
    participant = (struct msgflo_participant){NULL, NULL};
    return &participant;
}

void msgflo_free(struct msgflo_participant *p)
{
    (void)p;
}

const char *msgflo_id(const struct msgflo_participant *p)
{
    (void)p;
    return "web-1";
}

bool msgflo_connected(const struct msgflo_participant *p)
{
    (void)p;
    return true;
}

int msgflo_fd(const struct msgflo_participant *p)
{
    (void)p;
    return -1;
}

int msgflo_timeout_ms(const struct msgflo_participant *p)
{
    return p->sent ? 0 : 10;
}

void msgflo_service(struct msgflo_participant *p)
{
    msgflo_sent_fn *sent = p->sent;

    p->sent = NULL;
    if (sent)
        sent(p, MSGFLO_CONFIRMED, p->user);
}

size_t msgflo_unconfirmed(const struct msgflo_participant *p)
{
    return p->sent ? 1 : 0;
}

int msgflo_send(struct msgflo_participant *p, const char *outport, const struct msgflo_message *m,
                msgflo_sent_fn *sent, void *user, struct msgflo_error *e)
{
    (void)outport;
    (void)m;
    if (!takes) {
        e->code = MSGFLO_UNAVAILABLE;
        snprintf(e->text, sizeof e->text, "not now");
        return -1;
    }
    p->sent = sent;
    p->user = user;
    return 0;
}

/* ---- the tests */

static struct outbox_item *new_item(void)
{
    struct outbox_item *item = outbox_item_new("0192e4a0-0000-7000-8000-00000000000a", "bulk", 2);

    assert_non_null(item);
    for (size_t i = 0; i < item->count; i++) {
        item->messages[i].text = strdup("{}");
        assert_non_null(item->messages[i].text);
    }
    return item;
}

/* Offers an item and returns it as it comes back: to be freed. */
static struct outbox_item *publish(bool broker_takes)
{
    const struct settings settings = {.publish_window = 1, .broker = "direct://test"};
    struct err e = ERR_INIT;
    struct queue *done = queue_new(1, &e);
    struct job_publisher *p;
    struct pollfd fd;
    void *item = NULL;

    assert_non_null(done);
    takes = broker_takes;
    p = job_publisher_start(&settings, "web", 1, done, &e);
    assert_non_null(p);
    fd = (struct pollfd){queue_fd(done), POLLIN, 0};
    while (job_publisher_room(p) == 0)
        poll(NULL, 0, 1); /* until the thread has seen that it is connected */
    assert_int_equal(job_publisher_offer(p, new_item()), 0);
    assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
    assert_int_equal(queue_take(done, &item, 1), 1);
    job_publisher_forget(p);
    job_publisher_stop(p, 0);
    job_publisher_free(p);
    queue_free(done);
    return item;
}

static void what_the_broker_takes_is_confirmed(void **state)
{
    struct outbox_item *item = publish(true);

    (void)state;
    assert_true(outbox_item_is_confirmed(item));
    outbox_item_free(item);
}

/* RabbitMQ's alarms: connected, and nothing may be sent. */
static void what_a_connected_broker_does_not_take_waits_longer(void **state)
{
    struct outbox_item *item = publish(false);

    (void)state;
    assert_false(outbox_item_is_confirmed(item));
    assert_true(outbox_item_delay_ms(item) >= 1000);
    outbox_item_free(item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_broker_takes_is_confirmed),
        cmocka_unit_test(what_a_connected_broker_does_not_take_waits_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
