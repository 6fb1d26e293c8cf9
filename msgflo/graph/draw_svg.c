#include "graph/draw.h"
int draw_svg(const struct graph *g, struct buf *out, struct err *e)
{
    (void)g;
    (void)out;
    return err_set(e, ERR_BUG, "x");
}
