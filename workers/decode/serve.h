/*
 * serve.h - the decoder's side of decode_protocol.h, on descriptor DECODE_SOCKET_FD.
 */
#ifndef WORKERS_DECODE_SERVE_H
#define WORKERS_DECODE_SERVE_H

#include <stdint.h>

/* Says READY, then takes one image after the other until the parent closes the socket. Returns
 * what the process should exit with: 0 then, 1 when the socket failed, 2 for a parent that speaks
 * another protocol. */
int serve(uint32_t can_read, uint32_t can_write);

#endif
