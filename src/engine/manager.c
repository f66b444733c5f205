/* manager.c - the mutex around locks and state, and whom to wake; see manager.h. */
#include "engine/manager.h"

#include "base/error.h"
#include "engine/engine.h"
#include "engine/registry.h"
#include "lock/watch.h"

/* ---- The mutex ------------------------------------------------------------------------------
 */

void czi_manager_settle(cz_engine *g)
{
    struct czi_core *core = &g->step.core;
    struct czi_locks *l = &core->parking.locks;
    struct czi_owner *o;
    struct czi_lock *lock;
    bool effects = false;

    do {
        while ((o = czi_locks_take_woken(l)) != NULL) {
            if (o->kind == CZ_PARTY_EFFECT) {
                czi_park_granted(core, (struct czi_parked *)o);
                effects = true;
            } else {
                ((cz_context *)o)->lock_woken = true;
                czi_context_wake((cz_context *)o);
            }
        }
        if ((lock = czi_locks_take_stirred(l)) != NULL) {
            czi_lock_look(lock);
            czi_lock_stirred(l, lock);
        }
    } while (lock || l->woken);
    if (!effects)
        return;
    czi_mutex_lock(g->lock);
    czi_cond_signal(g->wake);
    czi_mutex_unlock(g->lock);
}

/* A thread that was woken for the mutex needs some microseconds to take it: without a pause the
 * engine's thread would have it again before that, for ever. */
void czi_manager_breathe(void *arg)
{
    cz_engine *g = arg;

    if (CZI_LIKELY(!czi_gate_wanted(&g->manager.gate)))
        return;
    czi_manager_unlock(g);
    for (unsigned i = 0; i < 1000 && czi_gate_wanted(&g->manager.gate); i++)
        czi_cpu_relax();
    czi_manager_lock(g);
}

uint64_t czi_manager_now(const cz_engine *g)
{
    return g->driven ? g->manager.now : czi_clock_ns();
}

uint64_t czi_manager_deadline(const cz_engine *g, uint64_t timeout_ms)
{
    uint64_t now, ns;

    if (timeout_ms == CZ_FOREVER || __builtin_mul_overflow(timeout_ms, 1000000u, &ns))
        return UINT64_MAX;
    now = czi_manager_now(g);
    return ns < UINT64_MAX - now ? now + ns : UINT64_MAX;
}

/* ---- Runners --------------------------------------------------------------------------------
 */

void czi_runner_add(cz_engine *g, struct czi_runner *r)
{
    r->next = g->manager.runners;
    g->manager.runners = r;
}

void czi_runner_remove(cz_engine *g, struct czi_runner *r)
{
    struct czi_runner **at = &g->manager.runners;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
}

int czi_runners_cancel(cz_engine *g, const cz_id *program, cz_error *err)
{
    int rc = CZ_NOT_FOUND;

    czi_manager_lock(g);
    for (struct czi_runner *r = g->manager.runners; r && rc == CZ_NOT_FOUND; r = r->next)
        if (r->cancel)
            rc = r->cancel(r, program, err);
    czi_manager_unlock(g);
    return rc == CZ_NOT_FOUND ? czi_fail(err, CZ_UNSUPPORTED, "this process does not run it")
                              : rc;
}

uint64_t czi_manager_next_deadline(cz_engine *g)
{
    uint64_t next;

    czi_manager_lock(g);
    next = czi_locks_next_deadline(&g->step.core.parking.locks);
    for (struct czi_runner *r = g->manager.runners; r; r = r->next)
        next = CZI_MIN(next, r->next_deadline(r));
    czi_manager_unlock(g);
    return next;
}

void czi_manager_pass(cz_engine *g, uint64_t now)
{
    CZI_CHECK(g->driven);
    czi_manager_lock(g);
    g->manager.now = CZI_MAX(g->manager.now, now);
    czi_locks_expire(&g->step.core.parking.locks, g->manager.now);
    for (struct czi_runner *r = g->manager.runners; r; r = r->next)
        r->expire(r, g->manager.now);
    czi_manager_unlock(g);
}

void czi_manager_drive(cz_engine *g, uint64_t deadline)
{
    struct czi_driver *driver = g->manager.driver;
    bool worked = driver ? driver->step(driver) : czi_engine_pump(g);
    uint64_t next;

    for (struct czi_runner *r = g->manager.runners; r && !driver; r = r->next)
        worked = r->run_one(r) || worked;
    if (worked)
        return;
    next = CZI_MIN(deadline, czi_manager_next_deadline(g));
    CZI_CHECK(next != UINT64_MAX); /* else this would never end */
    czi_manager_pass(g, next);
}

/* ---- Acknowledgements -----------------------------------------------------------------------
 */

void czi_manager_wake_ack_waiters(cz_engine *g)
{
    struct czi_manager *m = &g->manager;
    cz_context *c;

    while ((c = m->ack_waiters) != NULL) {
        m->ack_waiters = c->next_ack;
        c->waits_ack = false;
        atomic_fetch_sub(&m->ack_waiting, 1);
        czi_context_wake(c);
    }
}

void czi_manager_acked(cz_engine *g, uint64_t position, uint64_t batch)
{
    struct czi_manager *m = &g->manager;

    atomic_store(&m->durable, position);
    atomic_store(&m->batches, batch);
    if (CZI_LIKELY(atomic_load(&m->ack_waiting) == 0))
        return;
    czi_manager_lock(g);
    czi_manager_wake_ack_waiters(g);
    czi_manager_unlock(g);
}

void czi_manager_items(cz_engine *g, uint64_t count)
{
    czi_manager_lock(g);
    g->manager.items = count;
    for (struct czi_runner *r = g->manager.runners; r; r = r->next)
        if (r->facts)
            r->facts(r, count);
    czi_manager_unlock(g);
}

/* ---- Beginning and end ----------------------------------------------------------------------
 */

int czi_manager_init(cz_engine *g, cz_error *err)
{
    czi_gate_init(&g->manager.gate);
    g->manager.now = 1;
    return czi_registry_add(g, err);
}

void czi_manager_close(cz_engine *g, bool release)
{
    struct czi_manager *m = &g->manager;

    if (release)
        czi_registry_remove(g);
    czi_manager_lock(g);
    m->closed = true;
    for (cz_context *c = m->contexts; c; c = c->next) {
        if (c->owner.state == CZI_OWNER_WAITING)
            czi_locks_cancel(&g->step.core.parking.locks, &c->owner);
        czi_context_wake(c);
        if (release)
            czi_context_release(c);
    }
    for (struct czi_runner *r = m->runners; r; r = r->next)
        r->closed(r);
    czi_manager_unlock(g);
}

void czi_manager_done(cz_engine *g)
{
    struct czi_manager *m = &g->manager;
    cz_context *c;

    czi_registry_remove(g); /* of one that never opened */
    while ((c = m->contexts) != NULL) {
        m->contexts = c->next;
        czi_context_done(c);
        czi_free(c);
    }
    for (size_t i = 0; i < CZI_COUNTOF(m->chunks); i++)
        czi_free(m->chunks[i]);
    czi_free(m->cycles);
}

int cz_lock_stats_get(cz_engine *g, cz_lock_stats *ret, cz_error *err)
{
    (void)err;
    czi_manager_lock(g);
    *ret = g->manager.stats;
    ret->waiting_effects = g->step.core.parking.waiting;
    ret->waiting = g->step.core.parking.locks.waiting - ret->waiting_effects;
    czi_manager_unlock(g);
    return CZ_OK;
}
