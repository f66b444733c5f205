/* park.c - see park.h. */
#include "engine/park.h"

#include "codec/blake3.h"
#include "engine/core.h"

/* A counter that others read without the mutex. */
static void count(uint32_t *counter, int change)
{
    __atomic_store_n(counter, *counter + (uint32_t)change, __ATOMIC_SEQ_CST);
}

static void forget(void *arg, uint64_t key)
{
    struct czi_core *core = arg;

    switch (czi_key_kind(key)) {
    case CZI_KEY_RESOURCE:
        czi_resource_at(&core->resources, czi_key_number(key))->lock = NULL;
        break;
    case CZI_KEY_ORIGIN:
        core->origins[czi_key_number(key)].lock = NULL;
        break;
    case CZI_KEY_EFFECT:
        if (key != CZI_KEY_ENDED)
            czi_key_effect(key)->done = NULL;
        break;
    }
}

void czi_parking_init(struct czi_core *core)
{
    czi_locks_init(&core->parking.locks, forget, core);
    core->parking.pool.size = sizeof(struct czi_parked);
}

void czi_parking_done(struct czi_core *core)
{
    czi_locks_done(&core->parking.locks);
    czi_pool_done(&core->parking.pool);
    core->parking = (struct czi_parking){0};
}

struct czi_lock *czi_resource_lock(struct czi_core *core, uint32_t slot)
{
    struct czi_resource *x = czi_resource_at(&core->resources, slot);

    if (!x->lock)
        x->lock = czi_lock_new(&core->parking.locks, (uint64_t)slot << 2 | CZI_KEY_RESOURCE);
    return x->lock;
}

static struct czi_lock *origin_lock(struct czi_core *core, uint32_t number)
{
    struct czi_origin *o = &core->origins[number];

    if (!o->lock)
        o->lock = czi_lock_new(&core->parking.locks, (uint64_t)number << 2 | CZI_KEY_ORIGIN);
    return o->lock;
}

struct czi_lock *czi_parked_lock(struct czi_core *core, struct czi_parked *p)
{
    struct czi_locks *l = &core->parking.locks;

    if (p->done)
        return p->done;
    p->done = czi_lock_new(l, (uint64_t)(uintptr_t)p | CZI_KEY_EFFECT);
    if (p->done && !czi_locks_seize(l, &p->owner, p->done, CZ_WRITE))
        return NULL;
    return p->done;
}

/* ---- Must it wait? --------------------------------------------------------------------------
 */

static bool is_busy(const struct czi_core *core, uint32_t slot, enum cz_access mode)
{
    return slot != CZI_ID_NONE &&
           !czi_lock_available(czi_resource_at(&core->resources, slot)->lock, mode);
}

/* The answers for predecessors; NULL without any. */
static const struct czi_predecessor *predecessors(const struct czi_core *core,
                                                  const struct czi_pending *p)
{
    return p->view.after_count ? core->predecessors(core->predecessors_arg, p) : NULL;
}

/* What an effect touches, or an open one would as things are. */
static unsigned count_accesses(const struct czi_core *core, const struct czi_pending *p)
{
    return p->view.is_open ? core->parking.touched.count : czi_effect_accesses(&p->view);
}

static const uint8_t *access_id(const struct czi_core *core, const struct czi_pending *p,
                                unsigned i)
{
    return p->view.is_open ? core->parking.touched.ids[i]
                           : czi_effect_access_id(p->bytes, &p->view, i);
}

static enum cz_access access_mode(const struct czi_core *core, const struct czi_pending *p,
                                  unsigned i)
{
    if (p->view.is_open)
        return core->parking.touched.writes[i] ? CZ_WRITE : CZ_READ;
    return i < p->view.write_count ? CZ_WRITE : CZ_READ;
}

static bool has_hold(const struct czi_parked *p, const struct czi_lock *lock,
                     enum cz_access mode)
{
    const struct czi_hold *h = p ? p->owner.holds : NULL;

    while (h && (h->lock != lock || (mode == CZ_WRITE && h->mode != CZ_WRITE)))
        h = h->after;
    return h != NULL;
}

static bool is_any_busy(const struct czi_core *core, const struct czi_pending *p)
{
    for (unsigned i = 0; i < count_accesses(core, p); i++) {
        uint32_t slot = czi_id_table_find(&core->resources.ids, access_id(core, p, i));
        enum cz_access mode = access_mode(core, p, i);

        if (is_busy(core, slot, mode) &&
            !has_hold(p->parked, czi_resource_at(&core->resources, slot)->lock, mode))
            return true;
    }
    return false;
}

bool czi_must_park(const struct czi_core *core, const struct czi_entry *e)
{
    const struct czi_pending *p = e->pending;
    const struct czi_predecessor *before;

    if (e->status != CZI_ENTRY_EFFECT || p->under_guards)
        return false;
    if (p->parked)
        return p->view.is_open && is_any_busy(core, p);
    if (!czi_lock_available(core->origins[e->origin].lock, CZ_WRITE) || is_any_busy(core, p))
        return true;
    before = predecessors(core, p);
    for (unsigned i = 0; i < p->view.after_count; i++)
        if (before[i].parked)
            return true;
    return false;
}

/* ---- Waiting --------------------------------------------------------------------------------
 */

#define WANTS_MAX (CZI_ACCESSES_MAX + 1 + CZI_CITATIONS_MAX)

struct request {
    struct czi_want wants[WANTS_MAX];
    uint32_t count;
};

static bool want(struct request *r, struct czi_lock *lock, enum cz_access mode)
{
    if (lock)
        r->wants[r->count++] = (struct czi_want){lock, mode, NULL};
    return lock != NULL;
}

/* A resource that does not exist yet gets a slot, so that who uses it comes behind who creates
 * it. A store that is full has none; then neither can happen. */
static bool want_access(struct czi_core *core, struct request *r, const struct czi_pending *p,
                        unsigned i)
{
    cz_id id;
    uint32_t slot;

    memcpy(&id, access_id(core, p, i), sizeof id);
    slot = czi_id_table_find(&core->resources.ids, &id);
    if (slot == CZI_ID_NONE) {
        slot = czi_resources_add(&core->resources, &id);
        if (slot == CZI_ID_NONE)
            return core->resources.ids.count >= CZI_RESOURCES_MAX;
    }
    return want(r, czi_resource_lock(core, slot), access_mode(core, p, i));
}

static bool make_request(struct czi_core *core, const struct czi_entry *e, struct request *r)
{
    const struct czi_pending *p = e->pending;
    const struct czi_predecessor *before = predecessors(core, p);
    bool ok = want(r, origin_lock(core, e->origin), CZ_WRITE);

    for (unsigned i = 0; i < count_accesses(core, p) && ok; i++)
        ok = want_access(core, r, p, i);
    for (unsigned i = 0; i < p->view.after_count && ok; i++)
        if (before[i].parked)
            ok = want(r, czi_parked_lock(core, before[i].parked), CZ_READ);
    return ok;
}

/* Of the cycle that the locks just found: who awaits in it. An effect holds nothing, so it
 * closes one only through somebody who does; but one that waits again holds the lock that it is
 * not done, and then who waits for locks is as good. */
static bool refuse_one(struct czi_core *core)
{
    const struct czi_locks *l = &core->parking.locks;

    for (uint32_t i = 0; i < l->cycle_count; i++)
        if (l->cycle[i].awaits)
            return core->refuse(core->breathe_arg, l->cycle[i].owner);
    for (uint32_t i = 0; i < l->cycle_count; i++)
        if (l->cycle[i].owner->kind != CZ_PARTY_EFFECT &&
            l->cycle[i].owner->state == CZI_OWNER_WAITING &&
            core->refuse(core->breathe_arg, l->cycle[i].owner))
            return true;
    return false;
}

/* Into all its queues. */
static enum czi_acquired enqueue(struct czi_core *core, const struct czi_entry *e,
                                 struct czi_parked *p)
{
    enum czi_acquired got;

    do {
        struct request r = {.count = 0};

        if (!make_request(core, e, &r))
            return CZI_NO_MEMORY;
        got = czi_locks_acquire(&core->parking.locks, &p->owner, r.wants, r.count, false,
                                UINT64_MAX);
    } while (got == CZI_DEADLOCK && refuse_one(core));
    return got;
}

/* ---- Waiting again -------------------------------------------------------------------------
 */

/* An effect that left its queues, and its wants: these many of the keys collected. */
struct left {
    struct czi_parked *parked;
    uint32_t count;
};
struct left_want {
    uint64_t key;
    enum cz_access mode;
};

/* All that were parked after p and wait. False: out of memory, and some have left. */
static bool withdraw_later(struct czi_core *core, const struct czi_parked *p,
                           struct czi_buf *ret_left, struct czi_buf *ret_wants)
{
    for (struct czi_parked *q = p->next; q; q = q->next) {
        struct left left = {.parked = q};

        if (q->owner.state != CZI_OWNER_WAITING)
            continue;
        for (const struct czi_hold *h = q->owner.wants; h; h = h->after) {
            struct left_want w = {h->lock->key, (enum cz_access)h->mode};

            if (w.key == CZI_KEY_ENDED)
                continue;
            czi_buf_put(ret_wants, &w, sizeof w);
            left.count++;
        }
        czi_buf_put(ret_left, &left, sizeof left);
        czi_locks_withdraw(&core->parking.locks, &q->owner);
    }
    return !ret_left->failed && !ret_wants->failed;
}

static struct czi_lock *lock_of_key(struct czi_core *core, uint64_t key)
{
    switch (czi_key_kind(key)) {
    case CZI_KEY_RESOURCE:
        return czi_resource_lock(core, czi_key_number(key));
    case CZI_KEY_ORIGIN:
        return origin_lock(core, czi_key_number(key));
    default:
        return czi_parked_lock(core, czi_key_effect(key));
    }
}

/* As it was queued before; what it waited for may be free by now. */
static bool enter_again(struct czi_core *core, const struct left *left,
                        const struct left_want *wants)
{
    enum czi_acquired got;

    CZI_CHECK(wants || left->count == 0);
    do {
        struct request r = {.count = 0};
        bool ok = true;

        for (uint32_t i = 0; i < left->count && ok; i++)
            ok = want(&r, lock_of_key(core, wants[i].key), wants[i].mode);
        if (!ok)
            return false;
        got = czi_locks_acquire(&core->parking.locks, &left->parked->owner, r.wants, r.count,
                                false, UINT64_MAX);
    } while (got == CZI_DEADLOCK && refuse_one(core));
    if (got == CZI_GRANTED)
        czi_park_granted(core, left->parked);
    return got == CZI_GRANTED || got == CZI_QUEUED;
}

/* All but that it is not done. */
static void release_most(struct czi_core *core, struct czi_parked *p)
{
    struct czi_hold *next;

    for (struct czi_hold *h = p->owner.holds; h; h = next) {
        next = h->after;
        if (h->lock != p->done)
            czi_locks_release(&core->parking.locks, h);
    }
}

static bool park_again(struct czi_core *core, const struct czi_entry *e, struct czi_parked *p)
{
    CZI_AUTOBUF left = {0}, wants = {0};
    const struct left *l;
    const struct left_want *w;
    bool ok = withdraw_later(core, p, &left, &wants);
    enum czi_acquired got;

    if (!ok)
        return false;
    release_most(core, p);
    got = enqueue(core, e, p);
    core->parking.waiting++;
    if (got == CZI_GRANTED) /* it had read what it wants to write now */
        czi_park_granted(core, p);
    else if (got != CZI_QUEUED)
        return false;
    l = (const struct left *)(const void *)left.data;
    w = (const struct left_want *)(const void *)wants.data;
    for (size_t n = left.len / sizeof *l; n > 0 && ok; n--, l++) {
        ok = enter_again(core, l, w);
        w += l->count;
    }
    return ok;
}

bool czi_park(struct czi_core *core, const struct czi_entry *e)
{
    struct czi_parking *k = &core->parking;
    struct czi_parked *p;

    if (e->pending->parked)
        return park_again(core, e, e->pending->parked);
    p = czi_pool_take(&k->pool);
    if (!p)
        return false;
    *p = (struct czi_parked){.owner.kind = CZ_PARTY_EFFECT, .pending = e->pending};
    czi_blake3(e->pending->bytes, e->pending->len, p->id.bytes);
    if (enqueue(core, e, p) != CZI_QUEUED) {
        czi_pool_give(&k->pool, p);
        return false;
    }
    e->pending->parked = p;
    p->previous = k->last;
    if (k->last)
        k->last->next = p;
    else
        k->first = p;
    k->last = p;
    k->new_count++;
    k->waiting++;
    count(&k->count, 1);
    return true;
}

void czi_park_granted(struct czi_core *core, struct czi_parked *p)
{
    struct czi_parking *k = &core->parking;

    if (k->ready)
        k->ready_last->next_ready = p;
    else
        k->ready = p;
    k->ready_last = p;
    k->waiting--;
    count(&k->ready_count, 1);
}

void czi_park_pop_ready(struct czi_core *core)
{
    struct czi_parking *k = &core->parking;

    k->ready = k->ready->next_ready;
    count(&k->ready_count, -1);
}

void czi_park_end(struct czi_core *core, struct czi_parked *p)
{
    struct czi_parking *k = &core->parking;

    k->new_count -= !p->pending->was_parked; /* it was granted before anybody was told */
    p->pending->parked = NULL;
    czi_locks_release_all(&k->locks, &p->owner);
    if (p->done) /* who followed it may wait for something else yet */
        p->done->key = CZI_KEY_ENDED;
    if (p->previous)
        p->previous->next = p->next;
    else
        k->first = p->next;
    if (p->next)
        p->next->previous = p->previous;
    else
        k->last = p->previous;
    czi_pool_give(&k->pool, p);
    count(&k->count, -1);
}

struct czi_parked *czi_parked_find(const struct czi_core *core, const cz_id *effect)
{
    struct czi_parked *p = core->parking.first;

    while (p && !czi_id_equal(&p->id, effect))
        p = p->next;
    return p;
}

struct czi_parked *czi_parked_ticket(const struct czi_core *core, uint64_t ticket)
{
    struct czi_parked *p = core->parking.first;

    while (p && p->pending->ticket != ticket)
        p = p->next;
    return p;
}

uint32_t czi_parked_count(const struct czi_core *core)
{
    return __atomic_load_n(&core->parking.count, __ATOMIC_SEQ_CST);
}
