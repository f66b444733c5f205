/* execute.c - plan and execute: the rules of effects on the state (R1, R2, R3).
 *
 * Layer: engine. Thread: the engine's.
 *
 * Plan looks names up, several entries ahead of the one at hand so that memory answers in
 * time. Execute runs entries in position order. An effect that is one transfer between two
 * resources takes the short way: checks, two lines of memory, done. Everything else works on
 * copies of the resources that it declares (general.h), so a rejected effect leaves no trace.
 */
#include "base/error.h"
#include "engine/guests.h"
#include "platform/platform.h"

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
        e->to = 0;
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

/* What controls it: enum cz_kind; -1: nothing. */
static int controller_kind(const struct czi_core *core, const struct czi_resource *x,
                           uint32_t slot)
{
    uint32_t n;

    if (!x->controlled)
        return -1;
    n = czi_id_table_find(&core->resources.ids,
                          czi_resource_name(&core->resources, slot)->controller.bytes);
    return n == CZI_ID_NONE ? -1 : czi_resource_at(&core->resources, n)->kind;
}

/* Kind fungible, state active and not controlled are all zero, so one comparison sees the usual
 * case. */
static inline bool is_plain(const struct czi_resource *x)
{
    return (x->kind | x->state | x->controlled) == 0;
}

/* A transfer that declares nothing beside its two resources, one of which is not plain: an
 * account that controls `from` would be a third one. */
static uint8_t unusual_reason(const struct czi_core *core, const struct czi_resource *from,
                              const struct czi_resource *to, const struct czi_entry *e)
{
    uint8_t reason = czi_transfer_reason(from, to, e->quantity);
    int master, other;

    if (reason || !(from->controlled || to->controlled))
        return reason;
    master = controller_kind(core, from, e->from);
    other = controller_kind(core, to, e->to);
    if (master == CZ_OUTBOX || other == CZ_OUTBOX)
        return CZ_UNPROVEN;
    if (!from->controlled)
        return CZ_APPLIED;
    return master == CZ_CODE ? CZ_CODE_ONLY : CZ_UNDECLARED;
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
        czi_touch(core, from, e->from, position, e->lamport);
        czi_touch(core, to, e->to, position, e->lamport);
    } else {
        e->reason = known ? unusual_reason(core, from, to, e) : CZ_UNKNOWN_RESOURCE;
        if (!e->reason) {
            from->quantity -= e->quantity;
            to->quantity += e->quantity;
            czi_touch(core, from, e->from, position, e->lamport);
            czi_touch(core, to, e->to, position, e->lamport);
        }
    }
    if (core->plan_only)
        return;
    e->post_count = 2;
    b->post_count += 2;
    if (CZI_UNLIKELY(e->reason)) {
        czi_post_seen(&posts[e->first], e->from, from);
        czi_post_seen(&posts[!e->first], e->to, to);
        return;
    }
    czi_post_write(&posts[e->first], e->from, from, from_before);
    czi_post_write(&posts[!e->first], e->to, to, to_before);
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
    czi_post_seen(&posts[e->first], e->from, from);
    czi_post_seen(&posts[!e->first], e->to, to);
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

/* The same for effects of the general way, a few before their turn. */
static void prefetch_general(const struct czi_core *core, const struct czi_batch *b, uint32_t i)
{
    for (unsigned step = 0; step < 3; step++) {
        uint32_t k = i + 6 - 2 * step;

        if (k < b->entry_count && b->entries[k].shape == CZI_SHAPE_GENERAL &&
            b->entries[k].status == CZI_ENTRY_EFFECT)
            czi_general_prefetch(core, b->entries[k].pending, step);
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
        return czi_general(core, b, e, core->general);
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

static inline bool is_guests(const struct czi_entry *e)
{
    return e->shape == CZI_SHAPE_GENERAL && e->status == CZI_ENTRY_EFFECT &&
           e->pending->view.has_guest;
}

static int fail(const struct czi_core *core, cz_error *err)
{
    if (core->failed)
        return czi_fail(err, core->failed, "%s", core->why.detail);
    return czi_nomem(err, "the state of a resource or fact");
}

/* What an open effect would touch now, for its locks. False: out of memory. */
static bool see_touched(struct czi_core *core, const struct czi_entry *e)
{
    struct czi_touched *t = &core->parking.touched;

    t->count = 0;
    if (!is_guests(e) || !e->pending->view.is_open || e->pending->under_guards ||
        e->nonce < core->origins[e->origin].next_nonce)
        return true;
    return czi_guest_touched(core, e->pending, t);
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
        czi_guests_begin(core);
        positions = b->position_count = b->fact_count = b->post_count = b->look_ups = 0;
    }
    for (uint32_t i = from; i < b->entry_count; i++) {
        struct czi_entry *e = &b->entries[i];

        if (i % TOUCH == 0) {
            czi_core_breathe(core);
            touch_ahead(core, b, i);
        }
        if (CZI_UNLIKELY(is_guests(e)))
            czi_guests_look_ahead(core, b, i);
        if (e->shape == CZI_SHAPE_GENERAL)
            prefetch_general(core, b, i);
        __builtin_prefetch((const uint8_t *)&b->posts[b->post_count] + 1024, 1);
        if (CZI_UNLIKELY(core->parking.locks.live) && !is_clear(core, e) &&
            !see_touched(core, e))
            return fail(core, err);
        if (CZI_UNLIKELY(core->parking.locks.live) && !is_clear(core, e) &&
            czi_must_park(core, e)) {
            if (!czi_park(core, e))
                return czi_nomem(err, "an effect that waits for a guard");
            continue;
        }
        if (CZI_UNLIKELY(!run_entry(core, b, e)))
            return fail(core, err);
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
