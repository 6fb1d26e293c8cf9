#include "outage.h"

#include "base/log.h"

void outage_begins(struct outage *o, const struct err *e)
{
    if (!o->down)
        log_warn("database_down", "thread=%s message=%s", o->who, log_quote(e->text));
    o->down = true;
}

void outage_ends(struct outage *o)
{
    if (o->down)
        log_info("database_up", "thread=%s", o->who);
    o->down = false;
}
