/*
 * image_server.h - starts and stops the program image-server (its behaviours: the head of
 * image_server_main.c).
 */
#ifndef TESTS_IMAGE_SERVER_H
#define TESTS_IMAGE_SERVER_H

#include "child.h"

struct image_server {
    struct child child;
    int port;
    char base[40]; /* "http://127.0.0.1:PORT" */
};

/* Serves the folder with the program at that path. Returns 0 once it listens, or -1. */
int image_server_start(const char *program, const char *folder, struct image_server *ret);

/* How often it was asked for the key; -1: it does not answer. */
long image_server_count(const struct image_server *s, const char *key);

/* Ends it and waits for that. Does nothing if it was not started. */
void image_server_stop(struct image_server *s);

#endif
