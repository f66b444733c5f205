/* general.c - loading, judging and committing an effect of the general way; see general.h. */
#include "engine/authority.h"

#include "codec/blake3.h"
#include "engine/guests.h"
#include "timemap/lamport.h"

#include <string.h>

struct work *czi_work_find(struct general *g, const uint8_t *id)
{
    for (unsigned i = 0; i < g->count; i++)
        if (czi_id_equal(czi_work_id(g, &g->works[i]), id))
            return &g->works[i];
    return NULL;
}

void czi_work_derive(struct general *g, struct work *w)
{
    struct czi_buf *derived = &g->derived[czi_work_place(g, w)], before = *derived;

    if (g->spare.failed) {
        g->no_memory = true;
        g->spare.failed = false;
        return;
    }
    *derived = g->spare;
    g->spare = before;
    w->has_data = true;
    w->data = czi_buf_slice(derived);
}

void czi_load_works(struct general *g)
{
    const struct czi_effect_view *v = &g->pending->view;

    g->count = czi_effect_accesses(v);
    for (unsigned i = 0; i < g->count; i++) {
        struct work *w = &g->works[i];

        *w = (struct work){
            .slot = czi_id_table_find(&g->core->resources.ids,
                                      czi_effect_access_id(g->pending->bytes, v, i))};
        if (w->slot == CZI_ID_NONE)
            continue;
        w->now = *czi_resource_at(&g->core->resources, w->slot);
        w->exists = w->now.position != 0;
    }
}

/* More than these are near enough by the time that the first ones are done. */
#define PREFETCH_MAX 8u

void czi_general_prefetch(const struct czi_core *core, const struct czi_pending *p,
                          unsigned step)
{
    unsigned n = CZI_MIN(czi_effect_accesses(&p->view), PREFETCH_MAX);

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *id = czi_effect_access_id(p->bytes, &p->view, i);
        const uint8_t *name;
        uint32_t slot;

        if (step == 0)
            czi_id_table_prefetch(&core->resources.ids, id);
        if (step == 1)
            czi_id_table_prefetch_id(&core->resources.ids, id);
        if (step < 2)
            continue;
        slot = czi_id_table_find(&core->resources.ids, id);
        if (slot == CZI_ID_NONE)
            continue;
        __builtin_prefetch(czi_resource_at(&core->resources, slot));
        name = (const uint8_t *)czi_resource_name(&core->resources, slot);
        for (size_t at = 0; at < sizeof(struct czi_resource_name); at += 64)
            __builtin_prefetch(name + at);
    }
}

/* Of a program's effect: the clock that comes of all that it follows and touches. */
static uint8_t make_clock(struct general *g)
{
    uint32_t slots[CZI_ACCESSES_MAX];
    uint8_t full;

    if (CZI_LIKELY(!g->pending->view.has_program))
        return CZ_APPLIED;
    for (unsigned i = 0; i < g->count; i++)
        slots[i] = g->works[i].slot;
    g->no_memory |= !czi_cite_clock(g->core, g->pending, &g->citing, slots, g->count, &full);
    return full;
}

/* What the effect cites and follows, and the Lamport time and clock that come of it. */
static uint8_t check_citations(struct general *g)
{
    struct czi_lamport clock = {0};
    uint8_t reason, full;

    for (unsigned i = 0; i < g->count; i++)
        czi_lamport_observe(&clock, g->works[i].now.lamport);
    reason = czi_cite(g->core, g->pending, &g->citing, &clock.latest);
    full = make_clock(g);
    return reason ? reason : full;
}

uint8_t czi_scope_changed(struct general *g)
{
    struct czi_lamport clock = {g->citing.lamport - 1};

    czi_load_works(g);
    if (g->asking)
        return CZ_APPLIED;
    for (unsigned i = 0; i < g->count; i++)
        czi_lamport_observe(&clock, g->works[i].now.lamport);
    g->citing.lamport = czi_lamport_tick(&clock);
    czi_clock_drop(g->citing.extra.clock);
    g->citing.extra.clock = NULL;
    return make_clock(g);
}

/* Per asset: what the effect added to all its resources is what its operations declared. This
 * does not trust the operations: it compares the resources before and after. */
static bool is_conserved(const struct general *g)
{
    for (unsigned i = 0; i < g->count; i++) {
        const struct work *w = &g->works[i];
        unsigned __int128 sum = 0;

        if (!w->exists || czi_kind_has_data(w->now.kind))
            continue;
        for (unsigned k = 0; k < g->count; k++) {
            const struct work *x = &g->works[k];

            if (!x->exists || x->now.kind != w->now.kind || x->now.asset != w->now.asset)
                continue;
            sum += (unsigned __int128)x->now.quantity;
            if (!x->created)
                sum -=
                    (unsigned __int128)czi_resource_at(&g->core->resources, x->slot)->quantity;
        }
        for (unsigned k = 0; w->now.kind == CZ_FUNGIBLE && k < g->supply_count; k++)
            if (g->supply[k].asset == w->now.asset)
                sum -= (unsigned __int128)g->supply[k].change;
        if (sum != 0)
            return false;
    }
    return true;
}

static uint8_t run_ops(struct general *g)
{
    const struct czi_pending *p = g->pending;
    struct czi_cbor c = czi_cbor(p->bytes + p->view.ops, p->view.ops_len);
    uint8_t reason = CZ_APPLIED;

    for (unsigned i = 0; i < p->view.op_count && !reason; i++) {
        czi_op_next(&c, &g->ops[i]);
        g->blame = (struct czi_blame){.op = i + 1};
        reason = czi_operation(g, &g->ops[i]);
    }
    if (reason)
        return reason;
    g->blame = (struct czi_blame){.op = 0};
    if (p->view.has_terms)
        reason = czi_gateway_unused(g);
    if (!reason)
        reason = czi_authorise_untouched(g);
    for (unsigned i = 0; i < g->count && !reason; i++)
        if (!g->works[i].exists)
            reason = CZ_UNKNOWN_RESOURCE;
    return reason;
}

/* Slots for what the effect creates, before anything changes. */
static uint8_t reserve_slots(struct general *g)
{
    for (unsigned i = 0; i < g->count; i++) {
        struct work *w = &g->works[i];
        cz_id id;

        if (!w->created || w->slot != CZI_ID_NONE)
            continue;
        memcpy(&id, czi_effect_access_id(g->pending->bytes, &g->pending->view, i), sizeof id);
        w->slot = czi_resources_add(&g->core->resources, &id);
        if (w->slot == CZI_ID_NONE) {
            g->no_memory = g->core->resources.ids.count < CZI_RESOURCES_MAX;
            return CZ_FULL;
        }
    }
    return CZ_APPLIED;
}

/* Its bytes go to the batch. */
static bool keep_replaced(const struct czi_core *core, struct czi_batch *b, uint32_t slot,
                          struct czi_resource_name *n)
{
    struct czi_replaced r = {czi_resource_at(&core->resources, slot)->position, n->data, slot,
                             n->data_len};

    czi_buf_put(&b->replaced, &r, sizeof r);
    if (b->replaced.failed)
        return false;
    n->data = NULL;
    return true;
}

static bool commit_name(struct czi_core *core, struct czi_batch *b, struct work *w, cz_id *hash)
{
    struct czi_resource_name *n = czi_resource_name(&core->resources, w->slot);

    if (w->created) {
        struct czi_slice label = w->creation->label;

        memcpy(&n->creator, w->creation->creator, sizeof n->creator);
        memcpy(&n->controller, w->creation->controller, sizeof n->controller);
        n->label = czi_alloc(label.len + 1);
        if (!n->label)
            return false;
        memcpy(n->label, label.data, label.len);
        n->label[label.len] = 0;
    }
    if (w->has_data) {
        czi_blake3(w->data.data, w->data.len, hash->bytes);
        if ((n->data && !keep_replaced(core, b, w->slot, n)) ||
            !czi_resource_set_data(n, w->data, hash))
            return false;
    }
    *hash = n->data_hash;
    return true;
}

static bool commit(struct general *g, struct czi_batch *b, struct czi_entry *e)
{
    struct czi_core *core = g->core;

    for (unsigned i = 0; i < g->supply_count; i++) {
        core->assets[g->supply[i].asset].supply += g->supply[i].change;
        core->assets[g->supply[i].asset].dirty = true;
    }
    for (unsigned i = 0; i < g->count; i++) {
        struct work *w = &g->works[i];
        struct czi_resource *x = czi_resource_at(&core->resources, w->slot);
        struct czi_post *post = &b->posts[e->posts + i];
        uint64_t before = x->position;
        struct czi_lock *lock = x->lock; /* who waits for a resource may be there before it, */
        struct czi_watched *watched = x->watched; /* and so may who watches it */
        bool dirty = x->dirty;

        if (i >= g->pending->view.write_count) {
            czi_post_seen(post, w->slot, x);
            continue;
        }
        *x = w->now;
        x->dirty = dirty;
        x->lock = lock;
        x->watched = watched;
        core->created += w->created;
        czi_touch(core, x, w->slot, b->first_position + e->number, e->lamport);
        czi_post_write(post, w->slot, x, before);
        if (czi_kind_has_data(x->kind) || w->created) {
            if (!commit_name(core, b, w, &b->hashes[e->posts + i]))
                return false;
            if (czi_kind_has_data(x->kind))
                post->data_hash = b->hashes[e->posts + i].bytes;
        }
    }
    return true;
}

/* What remains of what it cites, once the outcome is known. */
static bool keep_citations(struct general *g, struct czi_batch *b, struct czi_entry *e)
{
    unsigned writes = g->pending->view.write_count;
    uint32_t slots[CZI_ACCESSES_MAX];

    for (unsigned i = 0; i < g->count; i++)
        slots[i] = g->works[i].slot;
    czi_cite_task(g->core, g->pending, &g->citing, b->first_position + e->number);
    return (e->reason || czi_cite_applied(g->core, &g->citing, slots, writes)) &&
           czi_cite_keep(b, e, g->pending, &g->citing);
}

void czi_core_scratch_done(struct czi_core *core)
{
    struct general *g = core->general;

    czi_guests_done(core);
    if (!g)
        return;
    czi_extra_done(&g->citing.extra);
    for (unsigned i = 0; i < CZI_ACCESSES_MAX; i++)
        czi_buf_done(&g->derived[i]);
    czi_buf_done(&g->spare);
    czi_free(g);
    core->general = NULL;
}

static void begin(struct czi_core *core, struct czi_pending *p, struct general *g, bool asking)
{
    g->core = core;
    g->pending = p;
    g->batch = NULL;
    g->open = p->view.is_open ? p : NULL;
    if (g->open)
        czi_effect_drop_scope(&p->view);
    g->ahead = NULL;
    g->result = g->ran = NULL;
    g->actor = NULL;
    g->creation_count = 0;
    g->supply_count = 0;
    g->touched = g->facts_used = 0;
    g->presented_count = 0;
    g->withdrawals = 0;
    g->blame = (struct czi_blame){.op = 0};
    g->asking = asking;
    g->no_memory = false;
    czi_load_works(g);
}

uint8_t czi_general_ask(struct czi_core *core, struct czi_pending *p, struct general *g)
{
    uint8_t reason;

    begin(core, p, g, true);
    czi_cite_list(p->bytes, p->len, &p->view, &g->citing);
    reason = czi_cite_facts(core->book, &g->citing);
    if (!reason)
        reason = run_ops(g);
    if (core->guests)
        czi_guests_effect_done(core->guests);
    return reason;
}

/* The outcome of an entry whose reason is known. */
static bool end(struct general *g, struct czi_batch *b, struct czi_entry *e)
{
    const struct czi_core *core = g->core;

    e->lamport = g->citing.lamport;
    e->post_count = (uint8_t)g->count;
    b->post_count += g->count;
    if (!e->reason)
        return commit(g, b, e) && keep_citations(g, b, e);
    for (unsigned i = 0; i < g->count; i++)
        czi_post_seen(&b->posts[e->posts + i], g->works[i].slot,
                      g->works[i].created || !g->works[i].exists
                          ? NULL
                          : czi_resource_at(&core->resources, g->works[i].slot));
    return keep_citations(g, b, e);
}

bool czi_general(struct czi_core *core, struct czi_batch *b, struct czi_entry *e,
                 struct general *g)
{
    bool ok;

    begin(core, e->pending, g, false);
    g->batch = b;
    if (CZI_UNLIKELY(e->pending->view.has_guest))
        g->ahead = czi_guests_ahead(core, e);
    e->reason = check_citations(g);
    if (!e->reason)
        e->reason = run_ops(g);
    if (!e->reason && !is_conserved(g))
        e->reason = CZ_NOT_CONSERVED;
    if (!e->reason)
        e->reason = reserve_slots(g);
    if (CZI_UNLIKELY(g->open) && e->reason)
        czi_guest_rejected(g);
    ok = CZI_LIKELY(!g->no_memory) && end(g, b, e);
    if (CZI_UNLIKELY(core->guests != NULL))
        czi_guests_effect_done(core->guests);
    return ok;
}
