/*
 * warm_up.h - uses every reader and writer once, before the cage closes.
 * Libraries load their parts on first use (plug-ins, tables, threads, generated code), and in the
 * cage there are no files to load them from.
 */
#ifndef WORKERS_DECODE_WARM_UP_H
#define WORKERS_DECODE_WARM_UP_H

#include <stdint.h>

/* What worked is what the installed libraries can do: bits (1 << decode_format). */
void warm_up(uint32_t *ret_can_read, uint32_t *ret_can_write);

#endif
