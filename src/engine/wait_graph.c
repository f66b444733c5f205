/* wait_graph.c - who holds and who waits, as data (R10).
 *
 * Layer: engine. Threads: any. What is told is copied with the mutex and told without it.
 */
#include "base/error.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names ----------------------------------------------------------------------------------
 */

void czi_party_of(const struct czi_owner *owner, cz_party *ret)
{
    *ret = (cz_party){.kind = (enum cz_party_kind)owner->kind};
    if (owner->kind == CZ_PARTY_EFFECT) {
        const struct czi_parked *p = (const struct czi_parked *)owner;

        ret->id = p->pending->ticket;
        cz_id_print(&p->id, ret->name);
    } else {
        const cz_context *c = (const cz_context *)owner;

        ret->id = c->id;
        memcpy(ret->name, c->name, sizeof ret->name);
    }
}
_Static_assert(CZ_PARTY_NAME_SIZE >= CZ_ID_TEXT_SIZE, "an effect's name is its id");

void czi_lock_names(const cz_engine *g, uint64_t key, cz_id *ret_id, const char **ret_label)
{
    const struct czi_core *core = &g->step.core;
    const char *label = NULL;

    switch (czi_key_kind(key)) {
    case CZI_KEY_RESOURCE:
        *ret_id = *czi_id_table_id(&core->resources.ids, czi_key_number(key));
        label = czi_resource_name(&core->resources, czi_key_number(key))->label;
        break;
    case CZI_KEY_ORIGIN:
        *ret_id = *czi_id_table_id(&core->origin_ids, czi_key_number(key));
        break;
    case CZI_KEY_EFFECT:
        *ret_id = czi_key_effect(key)->id;
        break;
    }
    *ret_label = label ? label : "";
}

/* ---- Cycles ---------------------------------------------------------------------------------
 */

static cz_cycle_step step_of(const cz_engine *g, const struct czi_locks *l, uint32_t i)
{
    const struct czi_cycle_step *s = &l->cycle[i];
    cz_cycle_step step = {.mode = (enum cz_access)s->wanted};
    const char *label;

    czi_party_of(s->owner, &step.party);
    if (s->awaits) {
        cz_party task;

        czi_party_of(l->cycle[(i + 1) % l->cycle_count].owner, &task);
        (void)snprintf(step.label, sizeof step.label, "the end of '%s'", task.name);
        return step;
    }
    step.awaits_effect = czi_key_kind(s->key) == CZI_KEY_EFFECT;
    czi_lock_names(g, s->key, &step.resource, &label);
    (void)snprintf(step.label, sizeof step.label, "%s", label);
    return step;
}

/* The last ones are kept for whoever looks at the engine. */
static void keep_cycle(cz_engine *g, const cz_cycle_step *steps, size_t count)
{
    struct czi_manager *m = &g->manager;
    struct czi_kept_cycle *k;

    if (!m->cycles)
        m->cycles = czi_alloc_zero(CZI_CYCLES_KEPT, sizeof *m->cycles);
    if (!m->cycles)
        return;
    k = &m->cycles[m->cycle_count % CZI_CYCLES_KEPT];
    k->number = m->cycle_count;
    k->count = CZI_MIN(count, CZI_CYCLE_STEPS_KEPT);
    memcpy(k->steps, steps, k->count * sizeof *steps);
}

/* "a waits for x (write), held by b, who waits for y …": a few steps, and how many more. */
static void say_cycle(struct czi_buf *b, const cz_context *c, const struct czi_locks *l)
{
    enum { SAID = 4 };
    size_t n = c->cycle_count;

    for (size_t i = 0; i < CZI_MIN(n, SAID); i++) {
        const cz_cycle_step *s = &c->cycle[i];
        char id[CZ_ID_TEXT_SIZE];

        if (l->cycle[i].awaits) {
            czi_buf_printf(b, "%s'%s' waits for %s", i ? "; " : "", s->party.name, s->label);
            continue;
        }
        cz_id_print(&s->resource, id);
        czi_buf_printf(b, "%s'%s' waits for %s%.*s (%s), %s ", i ? "; " : "", s->party.name,
                       s->awaits_effect ? "effect " : "", s->label[0] ? 128 : 16,
                       s->label[0] ? s->label : id, s->mode == CZ_WRITE ? "write" : "read",
                       l->cycle[i].held ? "held by" : "behind");
        czi_buf_printf(b, "'%s'", c->cycle[(i + 1) % n].party.name);
    }
    if (n > SAID)
        czi_buf_printf(b, "; … and %zu more until '%s'", n - SAID, c->cycle[0].party.name);
    if (n == 1 && !l->cycle[0].awaits)
        czi_buf_printf(b, ", which it holds itself: a guard cannot be taken twice or upgraded");
}

int czi_deadlock_fail(cz_context *c, cz_error *err)
{
    cz_engine *g = c->engine;
    struct czi_locks *l = &g->step.core.parking.locks;
    CZI_AUTOBUF text = {0};

    czi_free(c->cycle);
    c->cycle_count = 0;
    c->cycle_number = 0;
    c->cycle = czi_alloc(CZI_MAX(l->cycle_count, 1u) * sizeof *c->cycle);
    g->manager.stats.deadlocks++;
    g->manager.cycle_count++;
    if (!c->cycle || !l->cycle_count)
        return czi_fail(err, CZ_DEADLOCK,
                        "acquire: waiting would never end (no memory to say why)");
    for (uint32_t i = 0; i < l->cycle_count; i++)
        c->cycle[i] = step_of(g, l, i);
    c->cycle_count = l->cycle_count;
    c->cycle_number = g->manager.cycle_count;
    keep_cycle(g, c->cycle, c->cycle_count);
    say_cycle(&text, c, l);
    return czi_fail(err, CZ_DEADLOCK, "acquire: waiting would never end: %.*s", (int)text.len,
                    text.len ? (const char *)text.data : "");
}

/* It awaits another, or waits for locks. */
bool czi_manager_refuse(void *arg, struct czi_owner *awaiting)
{
    cz_engine *g = arg;
    struct czi_locks *l = &g->step.core.parking.locks;
    cz_context *c = (cz_context *)awaiting;

    if (awaiting->state == CZI_OWNER_WAITING && !c->waits_for_locks)
        return false;
    c->refusal = czi_alloc_zero(1, sizeof *c->refusal);
    if (!c->refusal)
        return false;
    while (l->cycle[0].owner != awaiting) { /* it tells the cycle from where it stands */
        struct czi_cycle_step first = l->cycle[0];

        memmove(l->cycle, l->cycle + 1, (l->cycle_count - 1) * sizeof first);
        l->cycle[l->cycle_count - 1] = first;
    }
    (void)czi_deadlock_fail(c, c->refusal);
    if (awaiting->state == CZI_OWNER_WAITING)
        czi_locks_cancel(l, awaiting);
    else
        czi_owner_await_done(l, awaiting);
    czi_context_wake(c);
    return true;
}

int czi_context_refusal(cz_context *c, cz_error *err)
{
    return czi_fail(err, c->refusal->code, "%s", c->refusal->detail);
}

int cz_deadlock_cycle(cz_engine *g, cz_cycle *ret, cz_error *err)
{
    cz_context *c = NULL;
    int rc = czi_context_current(g, &c, err);

    if (rc)
        return rc;
    if (!c->cycle_count)
        return czi_fail(err, CZ_NOT_FOUND, "'%s' has met no deadlock", c->name);
    *ret = (cz_cycle){c->cycle, c->cycle_count, c->cycle_number};
    return CZ_OK;
}

/* ---- Edges ----------------------------------------------------------------------------------
 */

static cz_wait_edge edge_of(const cz_engine *g, const struct czi_hold *h, uint64_t place)
{
    cz_wait_edge e = {.mode = (enum cz_access)h->mode, .holds = h->granted, .place = place};

    czi_lock_names(g, h->lock->key, &e.resource, &e.label);
    czi_party_of(h->owner, &e.party);
    return e;
}

static int list_edges(cz_engine *g, const cz_id *resource, bool holders, cz_wait_edge *ret,
                      size_t room, size_t *ret_count, cz_error *err)
{
    const struct czi_core *core = &g->step.core;
    cz_claim claim = {*resource, CZ_READ, 0};
    uint32_t slot = 0;
    size_t n = 0;
    int rc;

    czi_manager_lock(g);
    rc = czi_claim_slot(g, &claim, &slot, err);
    if (!rc) {
        const struct czi_lock *lock = czi_resource_at(&core->resources, slot)->lock;
        const struct czi_hold *h = !lock ? NULL : holders ? lock->holders : lock->head;

        for (; h; h = h->next, n++)
            if (ret && n < room)
                ret[n] = edge_of(g, h, holders ? 0 : n + 1);
    }
    czi_manager_unlock(g);
    if (!rc)
        *ret_count = n;
    return rc;
}

int cz_owner(cz_engine *g, const cz_id *resource, cz_wait_edge *ret, size_t room,
             size_t *ret_count, cz_error *err)
{
    return list_edges(g, resource, true, ret, room, ret_count, err);
}

int cz_waiters(cz_engine *g, const cz_id *resource, cz_wait_edge *ret, size_t room,
               size_t *ret_count, cz_error *err)
{
    return list_edges(g, resource, false, ret, room, ret_count, err);
}

int cz_is_available(cz_engine *g, const cz_id *resource, enum cz_access mode, bool *ret,
                    cz_error *err)
{
    cz_claim claim = {*resource, mode, 0};
    uint32_t slot = 0;
    int rc;

    czi_manager_lock(g);
    rc = czi_claim_slot(g, &claim, &slot, err);
    if (!rc)
        *ret = czi_lock_available(czi_resource_at(&g->step.core.resources, slot)->lock, mode);
    czi_manager_unlock(g);
    return rc;
}

int cz_context_guards(cz_engine *g, cz_wait_edge *ret, size_t room, size_t *ret_count,
                      cz_error *err)
{
    cz_context *c = NULL;
    size_t n = 0;
    int rc = czi_context_current(g, &c, err);

    if (rc)
        return rc;
    czi_manager_lock(g);
    for (const struct czi_hold *h = c->owner.holds; h; h = h->after, n++)
        if (ret && n < room)
            ret[n] = edge_of(g, h, 0);
    czi_manager_unlock(g);
    *ret_count = n;
    return CZ_OK;
}

/* ---- The whole graph ------------------------------------------------------------------------
 */

struct row {
    cz_wait_edge edge;
    char label[CZ_LABEL_SIZE_MAX + 1];
};

struct graph {
    struct czi_buf rows; /* struct row */
    const struct czi_kept_cycle *cycles;
    struct czi_kept_cycle *copies;
    size_t cycle_count;
};

static void add_hold(const cz_engine *g, struct graph *graph, const struct czi_hold *h,
                     uint64_t place)
{
    struct row r;

    if (h->lock->key == CZI_KEY_ENDED)
        return;
    r = (struct row){.edge = edge_of(g, h, place)};
    (void)snprintf(r.label, sizeof r.label, "%s", r.edge.label);
    czi_buf_put(&graph->rows, &r, sizeof r);
}

/* Whoever is first in a queue tells all of it: to count the places of each would be quadratic.
 */
static void add_owner(const cz_engine *g, struct graph *graph, const struct czi_owner *o)
{
    for (const struct czi_hold *h = o->holds; h; h = h->after)
        add_hold(g, graph, h, 0);
    for (const struct czi_hold *h = o->state == CZI_OWNER_WAITING ? o->wants : NULL; h;
         h = h->after) {
        uint64_t place = 1;

        for (const struct czi_hold *w = h->prev ? NULL : h; w; w = w->next)
            add_hold(g, graph, w, place++);
    }
}

static int compare_rows(const void *a, const void *b)
{
    const cz_wait_edge *x = &((const struct row *)a)->edge, *y = &((const struct row *)b)->edge;
    int order = memcmp(&x->resource, &y->resource, sizeof x->resource);

    if (order)
        return order;
    /* A resource's id may also name an origin, whose order has no label. */
    if (!((const struct row *)a)->label[0] != !((const struct row *)b)->label[0])
        return ((const struct row *)a)->label[0] ? 1 : -1;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->party.kind != y->party.kind)
        return x->party.kind < y->party.kind ? -1 : 1;
    return x->party.id < y->party.id ? -1 : x->party.id > y->party.id;
}

static void add_cycles(const struct czi_manager *m, struct graph *graph)
{
    uint64_t n = CZI_MIN(m->cycle_count, CZI_CYCLES_KEPT);

    if (!m->cycles || !n)
        return;
    graph->copies = czi_alloc(n * sizeof *graph->copies);
    if (!graph->copies) {
        graph->rows.failed = true;
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        const struct czi_kept_cycle *k = &m->cycles[(m->cycle_count - i) % CZI_CYCLES_KEPT];

        /* Without memory a refusal leaves an older one in its place. */
        if (k->count && k->number == m->cycle_count - i)
            graph->copies[graph->cycle_count++] = *k;
    }
}

int cz_wait_graph(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    struct graph graph = {0};
    struct row *rows;
    size_t count;
    int rc = CZ_OK;

    czi_manager_lock(g);
    for (const cz_context *c = g->manager.contexts; c; c = c->next)
        add_owner(g, &graph, &c->owner);
    for (const struct czi_parked *p = g->step.core.parking.first; p; p = p->next)
        add_owner(g, &graph, &p->owner);
    add_cycles(&g->manager, &graph);
    czi_manager_unlock(g);
    rows = (struct row *)(void *)graph.rows.data;
    count = graph.rows.len / sizeof *rows;
    if (graph.rows.failed)
        rc = czi_nomem(err, "the wait graph");
    else if (count)
        qsort(rows, count, sizeof *rows, compare_rows);
    for (size_t i = 0; i < count && v->edge && !rc; i++) {
        rows[i].edge.label = rows[i].label;
        rc = v->edge(v->arg, &rows[i].edge);
    }
    for (size_t i = 0; i < graph.cycle_count && v->cycle && !rc; i++) {
        cz_cycle cycle = {graph.copies[i].steps, graph.copies[i].count, graph.copies[i].number};

        rc = v->cycle(v->arg, &cycle);
    }
    czi_buf_done(&graph.rows);
    czi_free(graph.copies);
    return rc;
}
