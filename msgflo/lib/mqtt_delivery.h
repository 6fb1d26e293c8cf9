/*
 * mqtt_delivery.h - a delivery made of what libmosquitto read: body, and from the properties of
 * MQTT 5 text headers, content type and message id.
 */
#ifndef MSGFLO_MQTT_DELIVERY_H
#define MSGFLO_MQTT_DELIVERY_H

#include "delivery.h"
#include "mqtt_link.h"

/* New, for free(), without a tag; NULL without memory. MQTT does not tell whether it was delivered
 * before: libmosquitto keeps that to itself. */
struct msgflo_delivery *mqtt_delivery(const struct mosquitto_message *m,
                                      const mosquitto_property *props);

#endif
