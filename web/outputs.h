/*
 * outputs.h - what GET /outputs/{file} says of an output, and those that lie in a folder.
 */
#ifndef WEB_OUTPUTS_H
#define WEB_OUTPUTS_H

#include "job/output_target.h"
#include "web/answer.h"

/* The headers of an output of that valid name: its bytes never change, and the name holds their
 * hash, which is the ETag. */
void outputs_describe(struct answer *a, const char *name);

/* Opens it in the target's folder and makes it the answer, or 404. */
void outputs_open_file(struct answer *a, const struct output_target *target, const char *name);

#endif
