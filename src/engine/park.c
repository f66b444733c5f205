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

static enum cz_access access_mode(const struct czi_effect_view *v, unsigned i)
{
    return i < v->write_count ? CZ_WRITE : CZ_READ;
}

/* The answers for predecessors; NULL without any. */
static const struct czi_predecessor *predecessors(const struct czi_core *core,
                                                  const struct czi_pending *p)
{
    return p->view.after_count ? core->predecessors(core->predecessors_arg, p) : NULL;
}

bool czi_must_park(const struct czi_core *core, const struct czi_entry *e)
{
    const struct czi_pending *p = e->pending;
    const struct czi_predecessor *before;

    if (e->status != CZI_ENTRY_EFFECT || p->parked || p->under_guards)
        return false;
    if (!czi_lock_available(core->origins[e->origin].lock, CZ_WRITE))
        return true;
    for (unsigned i = 0; i < czi_effect_accesses(&p->view); i++)
        if (is_busy(core,
                    czi_id_table_find(&core->resources.ids,
                                      czi_effect_access_id(p->bytes, &p->view, i)),
                    access_mode(&p->view, i)))
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

    memcpy(&id, czi_effect_access_id(p->bytes, &p->view, i), sizeof id);
    slot = czi_id_table_find(&core->resources.ids, &id);
    if (slot == CZI_ID_NONE) {
        slot = czi_resources_add(&core->resources, &id);
        if (slot == CZI_ID_NONE)
            return core->resources.ids.count >= CZI_RESOURCES_MAX;
    }
    return want(r, czi_resource_lock(core, slot), access_mode(&p->view, i));
}

static bool make_request(struct czi_core *core, const struct czi_entry *e, struct request *r)
{
    const struct czi_pending *p = e->pending;
    const struct czi_predecessor *before = predecessors(core, p);
    bool ok = want(r, origin_lock(core, e->origin), CZ_WRITE);

    for (unsigned i = 0; i < czi_effect_accesses(&p->view) && ok; i++)
        ok = want_access(core, r, p, i);
    for (unsigned i = 0; i < p->view.after_count && ok; i++)
        if (before[i].parked)
            ok = want(r, czi_parked_lock(core, before[i].parked), CZ_READ);
    return ok;
}

/* Of the cycle that the locks just found: who awaits in it. An effect holds nothing, so it
 * closes one only through somebody who does. */
static bool refuse_one(struct czi_core *core)
{
    const struct czi_locks *l = &core->parking.locks;

    for (uint32_t i = 0; i < l->cycle_count; i++)
        if (l->cycle[i].awaits)
            return core->refuse(core->breathe_arg, l->cycle[i].owner);
    return false;
}

/* Into all its queues. */
static bool enqueue(struct czi_core *core, const struct czi_entry *e, struct czi_parked *p)
{
    enum czi_acquired got;

    do {
        struct request r = {.count = 0};

        if (!make_request(core, e, &r))
            return false;
        got = czi_locks_acquire(&core->parking.locks, &p->owner, r.wants, r.count, false,
                                UINT64_MAX);
    } while (got == CZI_DEADLOCK && refuse_one(core));
    return got == CZI_QUEUED;
}

bool czi_park(struct czi_core *core, const struct czi_entry *e)
{
    struct czi_parking *k = &core->parking;
    struct czi_parked *p = czi_pool_take(&k->pool);

    if (!p)
        return false;
    *p = (struct czi_parked){.owner.kind = CZ_PARTY_EFFECT, .pending = e->pending};
    czi_blake3(e->pending->bytes, e->pending->len, p->id.bytes);
    if (!enqueue(core, e, p)) {
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
