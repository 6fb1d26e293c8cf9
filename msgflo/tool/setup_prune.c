/*
 * setup_prune.c - what --prune removes: bindings between the graph's roles that it no longer has.
 */
#include "base/log.h"
#include "broker/management.h"
#include "tool/setup.h"

/* What the management API knows of and the graph does not want. */
static int find_by_management(struct setup *s, const struct link_list *wanted, struct err *e)
{
    AUTO(link_list_release) struct link_list there = {0};
    AUTO(management_closep) struct management *m = NULL;

    if (management_open(s->options.broker, s->options.management, s->settings.ca_file, &m, e) ||
        management_bindings(m, &there, e))
        return -1;
    for (size_t i = 0; i < there.n; i++) {
        const struct link *link = &there.links[i];

        if (topology_is_unwanted(&s->topology, wanted, link) &&
            link_list_add(&s->pruned.removed, link->source, link->destination, link->to_exchange,
                          e))
            return -1;
    }
    s->pruned.removed_is_known = true;
    buf_printf(
        &s->pruned.checked,
        "Checked the %zu plain bindings of virtual host '%s' that the management API at %s lists",
        there.n, management_vhost(m), log_url(management_url(m)));
    return 0;
}

/* Without the API: each binding that could be there between the ports the graph names. */
static int find_by_name(struct setup *s, const struct err *why, struct err *e)
{
    if (topology_unwanted_candidates(&s->topology, &s->pruned.removed, e))
        return -1;
    buf_printf(&s->pruned.checked,
               "No management API (%s): checked the %zu bindings possible between the ports the "
               "graph names; those of ports it no longer names were not looked for",
               why->text, s->pruned.removed.n);
    return 0;
}

int setup_prune(struct setup *s, struct err *e)
{
    AUTO(link_list_release) struct link_list wanted = {0};
    struct err why = ERR_INIT;

    if (topology_links(&s->topology, &wanted, e))
        return -1;
    if (find_by_management(s, &wanted, &why)) {
        if (why.code == ERR_NOMEM)
            return err_set(e, ERR_NOMEM, "%s", why.text);
        if (find_by_name(s, &why, e))
            return -1;
    }
    for (size_t i = 0; i < s->pruned.removed.n; i++)
        if (broker_unbind_link(s->broker, &s->pruned.removed.links[i], e))
            return -1;
    return 0;
}
