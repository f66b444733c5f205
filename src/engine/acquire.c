/* acquire.c - claims become guards, and guards end.
 *
 * Layer: engine. Threads: any. See manager.h. A guard's record is taken before its lock is
 * acquired, so that nothing can fail once a lock is granted.
 */
#include "base/error.h"
#include "engine/engine.h"
#include "engine/registry.h"

/* ---- Guards ---------------------------------------------------------------------------------
 */

struct czi_guard *czi_guard_at(const struct czi_manager *m, uint32_t index)
{
    return &m->chunks[index / CZI_GUARD_CHUNK][index % CZI_GUARD_CHUNK];
}

/* Another chunk of free guards. */
static int more_guards(struct czi_manager *m, cz_error *err)
{
    struct czi_guard *chunk;

    if (m->guard_room == CZI_GUARDS_MAX)
        return czi_fail(err, CZ_LIMIT, "%u guards are held, which is all there can be",
                        CZI_GUARDS_MAX);
    chunk = czi_alloc_zero(CZI_GUARD_CHUNK, sizeof *chunk);
    if (!chunk)
        return czi_nomem(err, "guards");
    m->chunks[m->guard_room / CZI_GUARD_CHUNK] = chunk;
    for (uint32_t i = CZI_GUARD_CHUNK; i-- > 0;) {
        chunk[i].index = m->free_guard;
        atomic_init(&chunk[i].generation, 1);
        m->free_guard = m->guard_room + i + 1;
    }
    m->guard_room += CZI_GUARD_CHUNK;
    return CZ_OK;
}

static inline struct czi_guard *take_guard(struct czi_manager *m)
{
    uint32_t index = m->free_guard - 1;
    struct czi_guard *guard = czi_guard_at(m, index);

    m->free_guard = guard->index;
    guard->index = index;
    return guard;
}

static inline void give_guard(struct czi_manager *m, struct czi_guard *guard)
{
    uint32_t index = guard->index;

    guard->index = m->free_guard;
    m->free_guard = index + 1;
}

int czi_guards_reserve(cz_engine *g, uint32_t count, struct czi_guard **ret, cz_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        int rc = CZI_LIKELY(g->manager.free_guard) ? CZ_OK : more_guards(&g->manager, err);

        if (CZI_UNLIKELY(rc)) {
            czi_guards_unreserve(g, ret, i);
            return rc;
        }
        ret[i] = take_guard(&g->manager);
    }
    return CZ_OK;
}

void czi_guards_unreserve(cz_engine *g, struct czi_guard **guards, uint32_t count)
{
    while (count-- > 0)
        give_guard(&g->manager, guards[count]);
}

void czi_guard_bind(struct czi_guard *guard, cz_context *c, struct czi_hold *hold,
                    uint32_t slot)
{
    const struct czi_core *core = &c->engine->step.core;

    hold->user = guard->index + 1;
    guard->hold = hold;
    guard->mode = hold->mode;
    guard->id = czi_id_table_id(&core->resources.ids, slot);
    guard->hot = czi_resource_at(&core->resources, slot);
    guard->name = czi_resource_name(&core->resources, slot);
    guard->asset =
        czi_kind_has_data(guard->hot->kind) ? NULL : core->assets[guard->hot->asset].name;
    guard->state = CZI_GUARD_HELD;
    atomic_store_explicit(&guard->context, c, memory_order_relaxed);
    c->engine->manager.stats.guards++;
    c->engine->manager.stats.acquired++;
}

cz_guard czi_guard_handle(const cz_engine *g, const struct czi_guard *guard)
{
    return (cz_guard){g->serial, guard->index,
                      atomic_load_explicit(&guard->generation, memory_order_relaxed)};
}

static void free_staged(struct czi_staged *s)
{
    if (!s)
        return;
    czi_buf_done(&s->data);
    czi_free(s);
}

void czi_guard_end(cz_engine *g, struct czi_guard *guard)
{
    struct czi_manager *m = &g->manager;
    uint32_t generation;

    CZI_CHECK(guard->state == CZI_GUARD_HELD);
    if (CZI_UNLIKELY(guard->staged != NULL)) {
        m->stats.aborts += czi_guard_changes(guard);
        free_staged(guard->staged);
        guard->staged = NULL;
    }
    guard->state = CZI_GUARD_FREE;
    atomic_store_explicit(&guard->context, NULL, memory_order_relaxed);
    /* Only written with the mutex, so it needs no atomic addition. 0 is never a guard's. */
    generation = atomic_load_explicit(&guard->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&guard->generation, generation ? generation : 1,
                          memory_order_release);
    czi_locks_release(&g->step.core.parking.locks, guard->hold);
    give_guard(m, guard);
    m->stats.guards--;
}

static bool is_none(const cz_guard *handle)
{
    return handle->engine == 0;
}

/* The guard that a handle means, whoever's it is; NULL: it ended. */
static struct czi_guard *guard_alive(const cz_engine *g, const cz_guard *handle)
{
    struct czi_guard *guard;

    if (CZI_UNLIKELY(handle->index >= CZI_GUARDS_MAX ||
                     !g->manager.chunks[handle->index / CZI_GUARD_CHUNK]))
        return NULL;
    guard = czi_guard_at(&g->manager, handle->index);
    if (CZI_UNLIKELY(atomic_load_explicit(&guard->generation, memory_order_acquire) !=
                     handle->generation))
        return NULL;
    return guard;
}

int czi_guard_of(const cz_guard *handle, cz_engine **ret_engine, struct czi_guard **ret,
                 cz_error *err)
{
    cz_engine *g = czi_registry_find(handle->engine);
    struct czi_guard *guard;
    cz_context *owner, *c = NULL;
    int rc;

    if (is_none(handle))
        return czi_fail(err, CZ_STALE, "guard: it holds nothing; acquire it first");
    guard = g ? guard_alive(g, handle) : NULL;
    if (CZI_UNLIKELY(!guard))
        return czi_fail(err, CZ_STALE,
                        "guard: it was released (or its engine is closed); acquire it again");
    owner = atomic_load_explicit(&guard->context, memory_order_relaxed);
    rc = czi_context_current(g, &c, err);
    if (rc)
        return rc;
    if (CZI_UNLIKELY(owner != c))
        return czi_fail(err, CZ_STALE, "guard: it belongs to another context than '%s'",
                        c->name);
    *ret_engine = g;
    *ret = guard;
    return CZ_OK;
}

cz_weak_guard cz_guard_weak(const cz_guard *guard)
{
    return (cz_weak_guard){*guard};
}

struct weak_question {
    const cz_guard *handle;
    bool alive;
};

static void ask_weak(cz_engine *g, void *arg)
{
    struct weak_question *q = arg;

    q->alive = guard_alive(g, q->handle) != NULL;
}

/* Whoever asks has no guard, so nothing else keeps the engine from closing meanwhile. */
bool cz_weak_alive(const cz_weak_guard *weak)
{
    struct weak_question q = {&weak->guard, false};

    czi_registry_with(weak->guard.engine, ask_weak, &q);
    return q.alive;
}

/* ---- Acquiring ------------------------------------------------------------------------------
 */

int czi_claim_slot(cz_engine *g, const cz_claim *claim, uint32_t *ret, cz_error *err)
{
    const struct czi_core *core = &g->step.core;
    uint32_t slot = czi_id_table_find(&core->resources.ids, &claim->resource);
    const struct czi_resource *x;
    char text[CZ_ID_TEXT_SIZE];

    if (CZI_UNLIKELY(slot == CZI_ID_NONE ||
                     !czi_resource_at(&core->resources, slot)->position)) {
        cz_id_print(&claim->resource, text);
        return czi_fail(err, CZ_NOT_FOUND, "acquire: no resource %s", text);
    }
    x = czi_resource_at(&core->resources, slot);
    if (CZI_UNLIKELY(claim->kinds && !(claim->kinds & CZ_TYPED(x->kind))))
        return czi_fail(err, CZ_WRONG_TYPE,
                        "acquire: %s is of kind %s, which was not asked for",
                        czi_resource_name(&core->resources, slot)->label,
                        cz_kind_name(x->kind));
    *ret = slot;
    return CZ_OK;
}

/* Says who is in the way of a request that does not wait. */
static int fail_busy(const cz_engine *g, const struct czi_want *wants, uint32_t count,
                     cz_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct czi_lock *lock = wants[i].lock;
        const struct czi_hold *h = lock->holders ? lock->holders : lock->head;
        const char *label;
        cz_party party;
        cz_id id;

        if (czi_lock_available(lock, wants[i].mode))
            continue;
        czi_lock_names(g, lock->key, &id, &label);
        czi_party_of(h->owner, &party);
        return czi_fail(err, CZ_BUSY, "acquire: %s is %s '%s' (%s)", label,
                        lock->holders ? "held by" : "waited for by", party.name,
                        h->mode == CZ_WRITE ? "write" : "read");
    }
    return czi_fail(err, CZ_BUSY, "acquire: somebody is in the way");
}

/* Until the locks wake the context, which says how it ended. */
static int wait_for_locks(cz_context *c, const struct czi_want *wants, uint32_t count,
                          uint64_t timeout_ms, cz_error *err)
{
    cz_engine *g = c->engine;
    struct czi_locks *l = &g->step.core.parking.locks;
    uint64_t deadline = c->owner.deadline;
    int rc;

    c->waits_for_locks = true;
    while (!c->lock_woken) {
        czi_context_block(c, deadline);
        if (deadline != UINT64_MAX)
            czi_locks_expire(l, czi_manager_now(g));
        czi_manager_settle(g);
    }
    c->lock_woken = c->waits_for_locks = false;
    if (c->owner.outcome == CZI_WOKEN_GRANTED) {
        if (czi_key_kind(wants->lock->key) == CZI_KEY_RESOURCE) /* else it is no guard */
            g->manager.stats.waited += count;
        return CZ_OK;
    }
    if (c->owner.outcome == CZI_WOKEN_EXPIRED) {
        g->manager.stats.timeouts++;
        return czi_fail(err, CZ_TIMEOUT, "acquire: not to be had within %llu ms",
                        (unsigned long long)timeout_ms);
    }
    if (c->refusal) {
        rc = czi_context_refusal(c, err);
        czi_free(c->refusal);
        c->refusal = NULL;
        return rc;
    }
    rc = czi_context_may_wait(c, err);
    CZI_CHECK(rc);
    g->manager.stats.cancellations += rc == CZ_CANCELLED;
    return rc;
}

int czi_manager_acquire(cz_context *c, struct czi_want *wants, uint32_t count, bool try,
                        uint64_t timeout_ms, cz_error *err)
{
    cz_engine *g = c->engine;
    struct czi_locks *l = &g->step.core.parking.locks;
    uint64_t deadline = UINT64_MAX;
    bool available = true;

    for (uint32_t i = 0; i < count; i++)
        available = available && czi_lock_available(wants[i].lock, wants[i].mode);
    if (CZI_UNLIKELY(!available)) {
        int rc = CZ_OK;

        if (try) {
            g->manager.stats.refused++;
            rc = fail_busy(g, wants, count, err);
        } else if (l->waiting >= CZI_WAITING_MAX - CZI_BACKLOG_MAX) {
            /* What is left is for effects that must wait. */
            rc = czi_fail(err, CZ_LIMIT, "acquire: %u requests wait already", l->waiting);
        }
        if (rc) {
            for (uint32_t i = 0; i < count; i++)
                czi_lock_drop(l, wants[i].lock);
            return rc;
        }
        deadline = czi_manager_deadline(g, timeout_ms);
    }
    switch (czi_locks_acquire(l, &c->owner, wants, count, try, deadline)) {
    case CZI_GRANTED:
        return CZ_OK;
    case CZI_QUEUED:
        return wait_for_locks(c, wants, count, timeout_ms, err);
    case CZI_DEADLOCK:
        return czi_deadlock_fail(c, err);
    case CZI_WOULD_WAIT:
    case CZI_TOO_MANY:
    case CZI_NO_MEMORY:
        break;
    }
    return czi_nomem(err, "a request for guards");
}

/* With the mutex. */
static int acquire_one(cz_context *c, const cz_claim *claim, bool try, uint64_t timeout_ms,
                       cz_guard *ret, cz_error *err)
{
    cz_engine *g = c->engine;
    struct czi_want want = {.mode = claim->mode};
    struct czi_guard *guard;
    uint32_t slot = 0;
    int rc = CZ_OK;

    if (CZI_UNLIKELY(g->manager.closed || c->cancelled))
        rc = czi_context_may_wait(c, err);
    if (!rc)
        rc = czi_claim_slot(g, claim, &slot, err);
    if (CZI_UNLIKELY(rc))
        return rc;
    rc = czi_guards_reserve(g, 1, &guard, err);
    if (CZI_UNLIKELY(rc))
        return rc;
    want.lock = czi_resource_lock(&g->step.core, slot);
    if (CZI_UNLIKELY(!want.lock))
        rc = czi_nomem(err, "a lock");
    else if (CZI_UNLIKELY(!czi_lock_available(want.lock, want.mode)))
        rc = czi_manager_acquire(c, &want, 1, try, timeout_ms, err);
    else if ((want.hold = czi_locks_seize(&g->step.core.parking.locks, &c->owner, want.lock,
                                          want.mode)) == NULL)
        rc = czi_nomem(err, "a guard");
    if (CZI_UNLIKELY(rc)) {
        czi_guards_unreserve(g, &guard, 1);
        return rc;
    }
    czi_guard_bind(guard, c, want.hold, slot);
    *ret = czi_guard_handle(g, guard);
    return CZ_OK;
}

static int acquire(cz_engine *g, const cz_claim *claim, bool try, uint64_t timeout_ms,
                   cz_guard *ret, cz_error *err)
{
    cz_context *c = NULL;
    int rc = czi_context_current(g, &c, err);

    if (CZI_UNLIKELY(rc))
        return rc;
    if (CZI_UNLIKELY(claim->mode != CZ_READ && claim->mode != CZ_WRITE))
        return czi_fail(err, CZ_INVALID, "acquire: mode %d is neither read nor write",
                        (int)claim->mode);
    czi_manager_lock(g);
    rc = acquire_one(c, claim, try, timeout_ms, ret, err);
    czi_manager_unlock(g);
    return rc;
}

int cz_acquire(cz_engine *g, const cz_claim *claim, uint64_t timeout_ms, cz_guard *ret,
               cz_error *err)
{
    return acquire(g, claim, false, timeout_ms, ret, err);
}

int cz_try_acquire(cz_engine *g, const cz_claim *claim, cz_guard *ret, cz_error *err)
{
    return acquire(g, claim, true, 0, ret, err);
}

/* ---- Several --------------------------------------------------------------------------------
 */

int czi_claims_check(const cz_claim *claims, size_t count, cz_error *err)
{
    if (count > CZ_CLAIMS_MAX)
        return czi_fail(err, CZ_LIMIT, "acquire: %zu claims; 1 to %d are possible", count,
                        CZ_CLAIMS_MAX);
    for (size_t i = 0; i < count; i++)
        if (claims[i].mode != CZ_READ && claims[i].mode != CZ_WRITE)
            return czi_fail(err, CZ_INVALID,
                            "acquire: mode %d of claim %zu is neither read nor write",
                            (int)claims[i].mode, i + 1);
    return CZ_OK;
}

int czi_many_init(struct czi_many *m, size_t count, cz_error *err)
{
    *m = (struct czi_many){.count = (uint32_t)count};
    m->wants = czi_alloc(count * (sizeof *m->wants + sizeof *m->guards + 3 * sizeof *m->slots));
    if (!m->wants)
        return czi_nomem(err, "a request for guards");
    m->guards = (struct czi_guard **)(m->wants + count);
    m->slots = (uint32_t *)(m->guards + count);
    m->want_of = m->slots + count;
    m->places = m->want_of + count;
    return CZ_OK;
}

void czi_many_done(struct czi_many *m)
{
    czi_free(m->wants);
    m->wants = NULL;
}

/* Ascending by resource id, so that the order of queues does not depend on slots. A heap sort:
 * no recursion, and nothing to allocate. */
static bool place_before(const cz_claim *claims, uint32_t a, uint32_t b)
{
    const cz_id *x = &claims[a].resource, *y = &claims[b].resource;

    return czi_id_equal(x, y) ? a < b : czi_id_before(x, y);
}

static void sink(const cz_claim *claims, uint32_t *places, size_t i, size_t n)
{
    uint32_t x = places[i];

    for (size_t k; (k = 2 * i + 1) < n; i = k) {
        if (k + 1 < n && place_before(claims, places[k], places[k + 1]))
            k++;
        if (!place_before(claims, x, places[k]))
            break;
        places[i] = places[k];
    }
    places[i] = x;
}

void czi_many_sort(struct czi_many *m, const cz_claim *claims)
{
    for (uint32_t i = 0; i < m->count; i++)
        m->places[i] = i;
    for (size_t i = m->count / 2; i-- > 0;)
        sink(claims, m->places, i, m->count);
    for (size_t n = m->count; n-- > 1;) {
        uint32_t x = m->places[0];

        m->places[0] = m->places[n];
        m->places[n] = x;
        sink(claims, m->places, 0, n);
    }
}

int czi_many_find(cz_engine *g, struct czi_many *m, const cz_claim *claims, cz_error *err)
{
    m->distinct = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        int rc = czi_claim_slot(g, &claims[i], &m->want_of[i], err);

        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        uint32_t at = m->places[i], slot = m->want_of[at];

        if (!m->distinct || m->slots[m->distinct - 1] != slot) {
            m->slots[m->distinct] = slot;
            m->wants[m->distinct++] = (struct czi_want){NULL, CZ_READ, NULL};
        }
        if (claims[at].mode == CZ_WRITE)
            m->wants[m->distinct - 1].mode = CZ_WRITE;
        m->want_of[at] = m->distinct - 1;
    }
    return CZ_OK;
}

int czi_many_prepare(cz_engine *g, struct czi_many *m, cz_error *err)
{
    int rc = czi_guards_reserve(g, m->distinct, m->guards, err);
    uint32_t n = 0;

    if (rc)
        return rc;
    for (; n < m->distinct; n++) {
        m->wants[n].lock = czi_resource_lock(&g->step.core, m->slots[n]);
        if (!m->wants[n].lock)
            break;
    }
    if (n == m->distinct)
        return CZ_OK;
    while (n-- > 0)
        czi_lock_drop(&g->step.core.parking.locks, m->wants[n].lock);
    czi_guards_unreserve(g, m->guards, m->distinct);
    return czi_nomem(err, "a lock");
}

void czi_many_bind(cz_context *c, struct czi_many *m)
{
    for (uint32_t i = 0; i < m->distinct; i++)
        czi_guard_bind(m->guards[i], c, m->wants[i].hold, m->slots[i]);
}

/* With the mutex. */
static int acquire_many(cz_context *c, struct czi_many *m, const cz_claim *claims,
                        uint64_t timeout_ms, cz_guard *ret, cz_error *err)
{
    cz_engine *g = c->engine;
    int rc = czi_context_may_wait(c, err);

    if (!rc)
        rc = czi_many_find(g, m, claims, err);
    if (!rc)
        rc = czi_many_prepare(g, m, err);
    if (rc)
        return rc;
    rc = czi_manager_acquire(c, m->wants, m->distinct, false, timeout_ms, err);
    if (rc) {
        czi_guards_unreserve(g, m->guards, m->distinct);
        return rc;
    }
    czi_many_bind(c, m);
    for (uint32_t i = 0; i < m->count; i++)
        ret[i] = czi_guard_handle(g, m->guards[m->want_of[i]]);
    return CZ_OK;
}

int cz_acquire_many(cz_engine *g, const cz_claim *claims, size_t count, uint64_t timeout_ms,
                    cz_guard *ret, cz_error *err)
{
    struct czi_many m;
    cz_context *c = NULL;
    int rc = czi_context_current(g, &c, err);

    if (!rc && count == 0)
        rc = czi_fail(err, CZ_INVALID, "acquire: no claim is given");
    if (!rc)
        rc = czi_claims_check(claims, count, err);
    if (!rc)
        rc = czi_many_init(&m, count, err);
    if (rc)
        return rc;
    czi_many_sort(&m, claims);
    czi_manager_lock(g);
    rc = acquire_many(c, &m, claims, timeout_ms, ret, err);
    czi_manager_unlock(g);
    czi_many_done(&m);
    return rc;
}

/* ---- Releasing ------------------------------------------------------------------------------
 */

int cz_release(cz_guard *handle, cz_error *err)
{
    struct czi_guard *guard = NULL;
    cz_engine *g = NULL;
    int rc;

    if (is_none(handle))
        return CZ_OK;
    rc = czi_guard_of(handle, &g, &guard, err);
    if (CZI_UNLIKELY(rc))
        return rc;
    czi_manager_lock(g);
    /* The engine may have closed meanwhile, which ends all guards. */
    if (CZI_LIKELY(atomic_load_explicit(&guard->generation, memory_order_relaxed) ==
                   handle->generation))
        czi_guard_end(g, guard);
    czi_manager_unlock(g);
    *handle = (cz_guard){0};
    return CZ_OK;
}

int cz_release_many(cz_guard *guards, size_t count, cz_error *err)
{
    int rc = CZ_OK;

    for (size_t i = 0; i < count; i++) {
        cz_guard handle = guards[i];
        int one;

        if (is_none(&handle))
            continue;
        one = cz_release(&handle, rc ? NULL : err);
        rc = rc ? rc : one;
        for (size_t k = i + 1; k < count && !one; k++)
            if (guards[k].engine == guards[i].engine && guards[k].index == guards[i].index &&
                guards[k].generation == guards[i].generation)
                guards[k] = handle;
        guards[i] = handle;
    }
    return rc;
}

int cz_guard_abort(cz_guard *guard, cz_error *err)
{
    return cz_release(guard, err);
}

void cz_guard_cleanup(cz_guard *guard)
{
    (void)cz_release(guard, NULL);
}
