/* execute.c - plan and execute: the rules of effects on the state (R1, R2, R3).
 *
 * Layer: engine. Thread: the engine's.
 *
 * Plan looks names up, several entries ahead of the one at hand so that memory answers in
 * time. Execute runs entries in position order. An effect that is one transfer between two
 * resources takes the short way: checks, two lines of memory, done. Everything else works on
 * copies of the resources that it declares and commits them when every operation and the
 * conservation check succeeded, so a rejected effect leaves no trace.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "engine/cite.h"
#include "platform/platform.h"
#include "timemap/lamport.h"

#include <string.h>

/* How many entries each step of plan looks ahead: memory takes about 100 ns, an entry 10. */
#define AHEAD 12
/* How many entries execute touches before it runs them. */
#define TOUCH 32u

/* ---- Plan ---------------------------------------------------------------------------------
 */

static void prefetch_pending(const struct czi_pending *p)
{
    for (size_t line = 0; line < sizeof *p; line += 64)
        __builtin_prefetch((const uint8_t *)p + line);
}

/* Calls step on the table and bytes of each name that plan will look up. */
static inline void each_name(const struct czi_core *core, const struct czi_pending *p,
                             void (*step)(const struct czi_id_table *t, const void *id))
{
    if (p->is_item)
        return;
    step(&core->origin_ids, czi_effect_origin(p->bytes));
    if (p->view.shape != CZI_SHAPE_GENERAL) {
        step(&core->resources.ids, czi_effect_access_id(p->bytes, &p->view, 0));
        step(&core->resources.ids, czi_effect_access_id(p->bytes, &p->view, 1));
    }
}

/* The submission was written on another core, its buckets and ids are wherever they are: each
 * is asked for a few entries before the next step needs it. */
static inline void look_ahead(const struct czi_core *core, const struct czi_batch *b,
                              uint32_t i)
{
    if (i + 3 * AHEAD < b->entry_count)
        prefetch_pending(b->entries[i + 3 * AHEAD].pending);
    if (i + 2 * AHEAD < b->entry_count)
        each_name(core, b->entries[i + 2 * AHEAD].pending, czi_id_table_prefetch);
    if (i + AHEAD < b->entry_count)
        each_name(core, b->entries[i + AHEAD].pending, czi_id_table_prefetch_id);
}

/* Finds the slots of a short shape. A resource that is not there yet may be created earlier in
 * this batch, which the general way sees. */
static void plan_shape(const struct czi_core *core, struct czi_entry *e)
{
    const struct czi_pending *p = e->pending;
    const struct czi_effect_view *v = &p->view;

    e->shape = v->shape & 15u;
    e->first = v->from & 7u;
    e->extra = 0;
    if (e->shape == CZI_SHAPE_GENERAL)
        return;
    e->quantity = v->quantity;
    e->from =
        czi_id_table_find(&core->resources.ids, czi_effect_access_id(p->bytes, v, v->from));
    e->to = czi_id_table_find(&core->resources.ids, czi_effect_access_id(p->bytes, v, v->to));
    if (e->from == CZI_ID_NONE || e->to == CZI_ID_NONE) {
        e->shape = CZI_SHAPE_GENERAL;
        e->extra = 0;
    }
}

int czi_core_plan(struct czi_core *core, struct czi_batch *b, uint32_t from, cz_error *err)
{
    for (uint32_t i = from; i < b->entry_count; i++) {
        struct czi_entry *e = &b->entries[i];
        const struct czi_pending *p = e->pending;

        if (i % TOUCH == 0)
            czi_core_breathe(core);
        look_ahead(core, b, i);
        e->shape = CZI_SHAPE_GENERAL;
        e->waited = p->parked != NULL;
        if (e->status != CZI_ENTRY_EFFECT)
            continue;
        e->nonce = p->view.nonce;
        e->origin = czi_core_origin(core, czi_effect_origin(p->bytes), true);
        if (e->origin == CZI_ID_NONE)
            return czi_nomem(err, "an origin's nonce");
        plan_shape(core, e);
    }
    return CZ_OK;
}

/* ---- The short way: two resources ---------------------------------------------------------
 */

/* Kind fungible and state active are both zero, so one comparison sees the usual case. */
static inline bool is_plain(const struct czi_resource *x)
{
    return (x->kind | x->state) == 0;
}

static uint8_t transfer_reason(const struct czi_resource *from, const struct czi_resource *to,
                               cz_quantity q)
{
    cz_quantity sum;

    if (from->kind != CZ_FUNGIBLE || to->kind != CZ_FUNGIBLE)
        return CZ_WRONG_KIND;
    if (from->asset != to->asset)
        return CZ_WRONG_ASSET;
    if (from->state != CZ_ACTIVE || to->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (from->quantity < q)
        return CZ_OVERDRAFT;
    if (from != to && __builtin_add_overflow(to->quantity, q, &sum))
        return CZ_OVERFLOW;
    return CZ_APPLIED;
}

static inline void put_write(struct czi_post *post, uint32_t slot, const struct czi_resource *x,
                             uint64_t previous)
{
    post->quantity = x->quantity;
    post->version = x->version;
    post->previous = previous;
    post->slot = slot;
    post->kind = x->kind;
    post->state = x->state;
    post->written = true;
}

static inline void put_seen(struct czi_post *post, uint32_t slot, const struct czi_resource *x)
{
    *post = (struct czi_post){.slot = slot};
    if (x) {
        post->version = x->version;
        post->previous = x->position;
    }
}

static inline void touch(struct czi_core *core, struct czi_resource *x, uint32_t slot,
                         uint64_t position, uint64_t lamport)
{
    x->version++;
    x->position = position;
    x->lamport = lamport;
    if (CZI_UNLIKELY(x->watched != NULL))
        core->met_watched = true;
    czi_resource_mark(&core->resources, x, slot);
}

/* The slots differ; the resources may still be unfit, or reserved and not created. */
static inline void run_transfer(struct czi_core *core, struct czi_batch *b, struct czi_entry *e)
{
    struct czi_resource *from = czi_resource_at(&core->resources, e->from);
    struct czi_resource *to = czi_resource_at(&core->resources, e->to);
    uint64_t position = b->first_position + e->number;
    uint64_t from_before = from->position, to_before = to->position;
    bool known = from_before && to_before;
    struct czi_post *posts = b->posts + e->posts;
    cz_quantity sum;

    e->lamport = 1 + CZI_MAX(from->lamport, to->lamport);
    e->reason = CZ_APPLIED;
    if (CZI_LIKELY(known && is_plain(from) && is_plain(to) && from->asset == to->asset &&
                   from->quantity >= e->quantity &&
                   !__builtin_add_overflow(to->quantity, e->quantity, &sum))) {
        from->quantity -= e->quantity;
        to->quantity = sum;
        touch(core, from, e->from, position, e->lamport);
        touch(core, to, e->to, position, e->lamport);
    } else {
        e->reason = known ? transfer_reason(from, to, e->quantity) : CZ_UNKNOWN_RESOURCE;
    }
    if (core->plan_only)
        return;
    e->post_count = 2;
    b->post_count += 2;
    if (CZI_UNLIKELY(e->reason)) {
        put_seen(&posts[e->first], e->from, from);
        put_seen(&posts[!e->first], e->to, to);
        return;
    }
    put_write(&posts[e->first], e->from, from, from_before);
    put_write(&posts[!e->first], e->to, to, to_before);
}

static inline void run_check(struct czi_core *core, struct czi_batch *b, struct czi_entry *e)
{
    const struct czi_resource *from = czi_resource_at(&core->resources, e->from);
    const struct czi_resource *to = czi_resource_at(&core->resources, e->to);
    struct czi_post *posts = b->posts + e->posts;

    e->lamport = 1 + CZI_MAX(from->lamport, to->lamport);
    e->reason = CZ_APPLIED;
    if (CZI_UNLIKELY(!from->position))
        e->reason = CZ_UNKNOWN_RESOURCE;
    else if (CZI_UNLIKELY(czi_kind_has_data(from->kind) || from->quantity < e->quantity))
        e->reason = CZ_REQUIRE_QUANTITY;
    else if (CZI_UNLIKELY(!to->position))
        e->reason = CZ_UNKNOWN_RESOURCE;
    if (core->plan_only)
        return;
    e->post_count = 2;
    b->post_count += 2;
    put_seen(&posts[e->first], e->from, from);
    put_seen(&posts[!e->first], e->to, to);
}

/* ---- The general way -----------------------------------------------------------------------
 */

/* A resource as the effect at hand sees it. */
struct work {
    struct czi_resource now;
    uint32_t slot;
    bool exists, created, has_data;
    struct czi_slice data;         /* new bytes, when has_data */
    const struct czi_op *creation; /* of the effect at hand, when created */
};

struct general {
    struct czi_core *core;
    const struct czi_pending *pending;
    struct work works[CZI_ACCESSES_MAX];
    struct czi_op ops[CZI_OPERATIONS_MAX];
    /* Declared changes of supply, per operation that has one. */
    struct {
        uint32_t asset;
        cz_quantity change;
    } supply[CZI_OPERATIONS_MAX];
    unsigned supply_count, count;
    struct czi_citing citing;
    struct czi_item item; /* the one at hand */
    bool no_memory;       /* not full: nothing may depend on it, so the engine must stop */
};

static uint8_t change_supply(struct general *g, uint32_t asset, cz_quantity change)
{
    cz_quantity supply = g->core->assets[asset].supply;

    if (change == 0)
        return CZ_APPLIED;
    for (unsigned i = 0; i < g->supply_count; i++)
        if (g->supply[i].asset == asset)
            supply += g->supply[i].change;
    if (__builtin_add_overflow(supply, change, &supply))
        return CZ_OVERFLOW;
    g->supply[g->supply_count].asset = asset;
    g->supply[g->supply_count++].change = change;
    return CZ_APPLIED;
}

static uint8_t op_create(struct general *g, struct work *w, const struct czi_op *op)
{
    uint32_t asset = 0;

    if (!czi_kind_has_data(op->kind)) {
        asset = czi_core_asset(g->core, op->asset, true);
        if (asset == CZI_ID_NONE) {
            g->no_memory = g->core->asset_ids.count < CZI_ASSETS_MAX;
            return CZ_FULL;
        }
    }
    if (w->exists) {
        bool same = op->if_absent && w->now.kind == op->kind &&
                    (czi_kind_has_data(op->kind) || w->now.asset == asset);

        return same ? CZ_APPLIED : CZ_EXISTS;
    }
    w->now = (struct czi_resource){.kind = op->kind, .asset = asset, .quantity = op->quantity};
    w->exists = w->created = true;
    w->creation = op;
    if (czi_kind_has_data(op->kind)) {
        w->has_data = true;
        w->data = op->data;
    }
    return op->kind == CZ_FUNGIBLE ? change_supply(g, asset, op->quantity) : CZ_APPLIED;
}

static uint8_t op_transfer(struct work *from, struct work *to, cz_quantity q)
{
    uint8_t reason = transfer_reason(&from->now, &to->now, q);

    if (reason == CZ_APPLIED) {
        from->now.quantity -= q;
        to->now.quantity += q;
    }
    return reason;
}

static uint8_t op_move(struct work *from, struct work *to, cz_quantity q)
{
    cz_quantity less, more;

    if (from->now.kind != CZ_POSITION || to->now.kind != CZ_POSITION)
        return CZ_WRONG_KIND;
    if (from->now.asset != to->now.asset)
        return CZ_WRONG_ASSET;
    if (from->now.state != CZ_ACTIVE || to->now.state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (from == to)
        return CZ_APPLIED;
    if (__builtin_sub_overflow(from->now.quantity, q, &less) ||
        __builtin_add_overflow(to->now.quantity, q, &more))
        return CZ_OVERFLOW;
    from->now.quantity = less;
    to->now.quantity = more;
    return CZ_APPLIED;
}

static uint8_t op_write(struct work *w, const struct czi_op *op)
{
    if (w->now.kind != CZ_DATA)
        return CZ_WRONG_KIND;
    if (w->now.state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    w->has_data = true;
    w->data = op->data;
    return CZ_APPLIED;
}

static uint8_t op_lifecycle(struct general *g, struct work *w, unsigned code)
{
    enum czi_move move = (enum czi_move)(code - CZI_OP_LOCK);
    cz_quantity retired = w->now.quantity;

    if (!czi_state_move(&w->now.state, move))
        return CZ_WRONG_STATE;
    /* A position mirrors something outside, which does not end because its mirror does. */
    if ((move == CZI_MOVE_ARCHIVE ||
         (move == CZI_MOVE_CONSUME && w->now.kind == CZ_POSITION)) &&
        retired != 0)
        return CZ_NOT_EMPTY;
    if (move != CZI_MOVE_CONSUME || w->now.kind != CZ_FUNGIBLE)
        return CZ_APPLIED;
    w->now.quantity = 0;
    return change_supply(g, w->now.asset, -retired);
}

static uint8_t op_require(const struct work *w, const cz_requirement *r)
{
    if (r->has_state && w->now.state != r->state)
        return CZ_REQUIRE_STATE;
    if (r->has_version && w->now.version != r->version)
        return CZ_REQUIRE_VERSION;
    if (r->has_quantity && (czi_kind_has_data(w->now.kind) || w->now.quantity < r->quantity))
        return CZ_REQUIRE_QUANTITY;
    return CZ_APPLIED;
}

static uint8_t run_op(struct general *g, const struct czi_op *op)
{
    struct work *a = &g->works[op->a], *b = &g->works[op->b];
    bool two = op->code == CZI_OP_TRANSFER || op->code == CZI_OP_MOVE;

    if (op->code == CZI_OP_NOTE)
        return CZ_APPLIED;
    if (op->code == CZI_OP_CREATE)
        return op_create(g, a, op);
    if (!a->exists || (two && !b->exists))
        return CZ_UNKNOWN_RESOURCE;
    switch (op->code) {
    case CZI_OP_TRANSFER:
        return op_transfer(a, b, op->quantity);
    case CZI_OP_MOVE:
        return op_move(a, b, op->quantity);
    case CZI_OP_WRITE:
        return op_write(a, op);
    case CZI_OP_REQUIRE:
        return op_require(a, &op->requirement);
    case CZI_OP_USE:
    case CZI_OP_WHEN:
    case CZI_OP_DEPOSIT:
    case CZI_OP_WITHDRAW:
    case CZI_OP_CONFIRM:
    case CZI_OP_RELEASE:
        return CZ_WRONG_KIND;
    default:
        return op_lifecycle(g, a, op->code);
    }
}

static void load_works(struct general *g)
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

/* What the effect cites and follows, and the Lamport time and clock that come of it. */
static uint8_t check_citations(struct general *g, uint64_t *lamport)
{
    const struct czi_pending *p = g->pending;
    struct czi_lamport clock = {*lamport};
    uint32_t slots[CZI_ACCESSES_MAX];
    uint8_t reason, full;

    for (unsigned i = 0; i < g->count; i++) {
        slots[i] = g->works[i].slot;
        czi_lamport_observe(&clock, g->works[i].now.lamport);
    }
    reason = czi_cite(g->core, p, &g->citing, &clock.latest);
    *lamport = czi_lamport_tick(&clock);
    if (CZI_LIKELY(!p->view.has_program))
        return reason;
    g->no_memory |= !czi_cite_clock(g->core, p, &g->citing, slots, g->count, &full);
    return reason ? reason : full;
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

static uint8_t run_ops(struct general *g, uint64_t *lamport)
{
    const struct czi_pending *p = g->pending;
    struct czi_cbor c = czi_cbor(p->bytes + p->view.ops, p->view.ops_len);
    uint8_t reason = check_citations(g, lamport);

    for (unsigned i = 0; i < p->view.op_count && !reason; i++) {
        czi_op_next(&c, &g->ops[i]);
        reason = run_op(g, &g->ops[i]);
    }
    for (unsigned i = 0; i < g->count && !reason; i++)
        if (!g->works[i].exists)
            reason = CZ_UNKNOWN_RESOURCE;
    if (!reason && !is_conserved(g))
        reason = CZ_NOT_CONSERVED;
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
            put_seen(post, w->slot, x);
            continue;
        }
        *x = w->now;
        x->dirty = dirty;
        x->lock = lock;
        x->watched = watched;
        core->created += w->created;
        touch(core, x, w->slot, b->first_position + e->number, e->lamport);
        put_write(post, w->slot, x, before);
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
    if (core->general)
        czi_clock_drop(core->general->citing.extra.clock);
    czi_free(core->general);
}

static bool run_general(struct czi_core *core, struct czi_batch *b, struct czi_entry *e,
                        struct general *g)
{
    g->core = core;
    g->pending = e->pending;
    g->supply_count = 0;
    g->no_memory = false;
    e->lamport = 0;
    load_works(g);
    e->reason = run_ops(g, &e->lamport);
    if (!e->reason)
        e->reason = reserve_slots(g);
    if (CZI_UNLIKELY(g->no_memory))
        return false;
    e->post_count = (uint8_t)g->count;
    b->post_count += g->count;
    if (!e->reason)
        return commit(g, b, e) && keep_citations(g, b, e);
    for (unsigned i = 0; i < g->count; i++)
        put_seen(&b->posts[e->posts + i], g->works[i].slot,
                 g->works[i].created || !g->works[i].exists
                     ? NULL
                     : czi_resource_at(&core->resources, g->works[i].slot));
    return keep_citations(g, b, e);
}

/* ---- A batch --------------------------------------------------------------------------------
 */

/* What a recorded item did to the time map, for those who watch it. */
static bool keep_move(const struct czi_core *core, struct czi_batch *b, uint32_t domain)
{
    struct czi_time_move move = {.domain = domain};
    const struct czi_domain_time *at;
    struct czi_domain_info d;

    czi_book_domain_info(core->book, domain, &d);
    at = czi_time_map_find(czi_book_time(core->book),
                           (struct czi_slice){(const uint8_t *)d.name, strlen(d.name)});
    CZI_CHECK(at);
    move.at = *at;
    czi_buf_put(&b->moves, &move, sizeof move);
    return !b->moves.failed;
}

/* An item is recorded once; its log node is made at sealing. */
static bool run_item(struct czi_core *core, struct czi_batch *b, struct czi_entry *e)
{
    const struct czi_pending *p = e->pending;
    struct czi_item *item = &core->general->item;
    uint32_t times = b->time_count;

    e->number = CZI_ID_NONE;
    e->status = CZI_ENTRY_DUPLICATE;
    if (czi_book_find(core->book, &p->item_id) != CZI_ID_NONE)
        return true;
    e->reason = CZ_BAD_ENCODING;
    if (!czi_item_decode(p->bytes, p->len, item, NULL))
        e->reason = czi_book_take(core->book, item, &p->item_id, &e->origin);
    if (e->reason == CZI_BOOK_NOMEM)
        return false;
    e->status = e->reason ? CZI_ENTRY_REFUSED : CZI_ENTRY_ITEM;
    if (e->reason)
        return true;
    b->fact_count++;
    czi_batch_note_time(core, b, e);
    return b->time_count == times || keep_move(core, b, e->origin);
}

/* True when the effect gets the next position; its nonce is then used. */
static inline bool take_nonce(struct czi_core *core, struct czi_entry *e)
{
    struct czi_origin *o = &core->origins[e->origin];

    if (CZI_UNLIKELY(e->nonce < o->next_nonce))
        return false;
    o->next_nonce = e->nonce + 1;
    if (CZI_UNLIKELY(!o->dirty)) {
        o->dirty = true;
        core->dirty_origins[core->dirty_origin_count++] = e->origin;
    }
    return true;
}

/* Brings near what the entries from i on will touch. Loads, not prefetches: those are dropped
 * when the address has no translation at hand, which with many accounts is nearly always. The
 * loop is so short that the processor has all its loads under way at once. */
static void touch_ahead(const struct czi_core *core, const struct czi_batch *b, uint32_t i)
{
    uint32_t end = CZI_MIN(i + TOUCH, b->entry_count);

    for (; i < end; i++) {
        const struct czi_entry *e = &b->entries[i];

        if (e->status != CZI_ENTRY_EFFECT || e->shape == CZI_SHAPE_GENERAL)
            continue;
        __asm__ volatile("" ::"r"(core->origins[e->origin].next_nonce),
                         "r"(czi_resource_at(&core->resources, e->from)->position),
                         "r"(czi_resource_at(&core->resources, e->to)->position));
    }
}

/* Nothing of it is looked at, so that nothing can be learned or used up by it. */
static bool refuse(struct czi_entry *e)
{
    e->number = CZI_ID_NONE;
    e->reason = CZ_BAD_SIGNATURE;
    return true;
}

/* One entry that does not wait; false when out of memory. */
static inline bool run_entry(struct czi_core *core, struct czi_batch *b, struct czi_entry *e)
{
    if (CZI_UNLIKELY(e->status != CZI_ENTRY_EFFECT))
        return e->status == CZI_ENTRY_ITEM ? run_item(core, b, e) : refuse(e);
    if (CZI_UNLIKELY(!take_nonce(core, e))) {
        e->status = CZI_ENTRY_LOOK_UP;
        b->look_ups++;
        e->number = CZI_ID_NONE;
        return true;
    }
    e->number = b->position_count++;
    e->posts = b->post_count;
    if (CZI_LIKELY(e->shape == CZI_SHAPE_TRANSFER))
        run_transfer(core, b, e);
    else if (e->shape == CZI_SHAPE_CHECK)
        run_check(core, b, e);
    else
        return run_general(core, b, e, core->general);
    return true;
}

/* There are locks, but none of what this entry touches: what czi_must_park would find out by
 * names. */
static inline bool is_clear(const struct czi_core *core, const struct czi_entry *e)
{
    return e->shape != CZI_SHAPE_GENERAL && e->status == CZI_ENTRY_EFFECT &&
           !core->origins[e->origin].lock &&
           !czi_resource_at(&core->resources, e->from)->lock &&
           !czi_resource_at(&core->resources, e->to)->lock;
}

int czi_core_execute(struct czi_core *core, struct czi_batch *b, uint32_t from, cz_error *err)
{
    uint64_t rejected = 0, positions = b->position_count;
    uint32_t kept = from;

    if (from == 0) {
        b->first_position = core->positions + 1;
        b->facts_before = czi_book_count(core->book);
        b->number = ++core->batches;
        czi_batch_begin_time(core, b);
        positions = b->position_count = b->fact_count = b->post_count = b->look_ups = 0;
    }
    for (uint32_t i = from; i < b->entry_count; i++) {
        struct czi_entry *e = &b->entries[i];

        if (i % TOUCH == 0) {
            czi_core_breathe(core);
            touch_ahead(core, b, i);
        }
        __builtin_prefetch((const uint8_t *)&b->posts[b->post_count] + 1024, 1);
        if (CZI_UNLIKELY(core->parking.locks.live) && !is_clear(core, e) &&
            czi_must_park(core, e)) {
            if (!czi_park(core, e))
                return czi_nomem(err, "an effect that waits for a guard");
            continue;
        }
        if (CZI_UNLIKELY(!run_entry(core, b, e)))
            return czi_nomem(err, "the state of a resource or fact");
        if (e->number != CZI_ID_NONE) {
            rejected += e->reason != CZ_APPLIED;
            core->lamport = CZI_MAX(core->lamport, e->lamport);
        }
        if (CZI_UNLIKELY(e->waited))
            czi_park_end(core, e->pending->parked);
        if (CZI_UNLIKELY(kept != i))
            b->entries[kept] = *e;
        kept++;
    }
    b->entry_count = kept;
    b->lamport = core->lamport;
    b->watched |= core->met_watched;
    core->met_watched = false;
    positions = b->position_count - positions;
    core->positions += positions;
    core->rejected += rejected;
    core->applied += positions - rejected;
    return CZ_OK;
}

int czi_core_init(struct czi_core *core, cz_error *err)
{
    static const struct czi_page_source pages = {czi_pages_take, czi_pages_give};

    *core = (struct czi_core){.resources.source = &pages};
    czi_parking_init(core);
    core->general = czi_alloc_zero(1, sizeof *core->general);
    core->book = czi_book_new();
    core->domains = czi_alloc_zero(CZI_DOMAINS_MAX, sizeof *core->domains);
    return core->general && core->book && core->domains
               ? CZ_OK
               : czi_nomem(err, "the engine's scratch memory");
}
