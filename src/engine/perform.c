/* perform.c - to submit and to wait: for a result, and for effects that wait for guards.
 *
 * Layer: engine. Threads: any. See manager.h. An effect that waits for a guard has a lock of
 * its own (park.h), and whoever waits for its result waits in that lock's queue first. So
 * waiting for an effect that waits for oneself is a cycle like any other.
 */
#include "base/error.h"
#include "engine/engine.h"

/* ---- Effects that wait ----------------------------------------------------------------------
 */

/* With the mutex. Until a parked effect is executed. */
static int wait_executed(cz_context *c, struct czi_parked *p, uint64_t timeout_ms,
                         cz_error *err)
{
    cz_engine *g = c->engine;
    struct czi_want want = {czi_parked_lock(&g->step.core, p), CZ_READ, NULL};
    int rc = want.lock ? czi_context_may_wait(c, err) : czi_nomem(err, "a lock");

    if (!rc)
        rc = czi_manager_acquire(c, &want, 1, false, timeout_ms, err);
    if (!rc)
        czi_locks_release(&g->step.core.parking.locks, want.hold);
    return rc;
}

int czi_wait_parked(cz_engine *g, uint64_t ticket, uint64_t timeout_ms, cz_error *err)
{
    struct czi_parked *p;
    cz_context *c = NULL;
    int rc = czi_context_current(g, &c, err);

    if (rc)
        return rc;
    czi_manager_lock(g);
    p = czi_parked_ticket(&g->step.core, ticket);
    if (p)
        rc = wait_executed(c, p, timeout_ms, err);
    czi_manager_unlock(g);
    return rc;
}

int czi_wait_parked_before(cz_engine *g, uint64_t end, cz_error *err)
{
    struct czi_parked *p;
    cz_context *c = NULL;
    int rc = czi_context_current(g, &c, err);

    if (rc)
        return rc;
    czi_manager_lock(g);
    do {
        p = g->step.core.parking.first;
        while (p && p->pending->ticket >= end)
            p = p->next;
        if (p)
            rc = wait_executed(c, p, CZ_FOREVER, err);
    } while (p && !rc);
    czi_manager_unlock(g);
    return rc;
}

/* With the mutex. */
static int wait_until(cz_context *c, const _Atomic uint64_t *reached, uint64_t goal,
                      cz_error *err)
{
    int rc = CZ_OK;

    while (!rc && atomic_load(reached) < goal) {
        rc = czi_context_may_wait(c, err);
        if (!rc)
            czi_context_wait_ack(c, UINT64_MAX);
    }
    return rc;
}

/* A resource may be ahead of the disk; what is told outside must not be. */
int czi_wait_durable(cz_engine *g, cz_context *c, uint64_t position, cz_error *err)
{
    int rc;

    if (CZI_LIKELY(atomic_load_explicit(&g->manager.durable, memory_order_acquire) >= position))
        return CZ_OK;
    czi_manager_lock(g);
    rc = wait_until(c, &g->manager.durable, position, err);
    czi_manager_unlock(g);
    return rc;
}

int czi_wait_acknowledged(cz_engine *g, cz_context *c, cz_error *err)
{
    int rc;

    czi_manager_lock(g);
    rc = wait_until(c, &g->manager.batches, g->step.core.batches, err);
    czi_manager_unlock(g);
    return rc;
}

/* The tickets of those that wait hold nobody back: results of later ones come before. */
int czi_report_parked(cz_engine *g, cz_error *err)
{
    struct czi_parking *k = &g->step.core.parking;
    struct czi_parked *p = k->last;
    int rc = CZ_OK;

    if (CZI_LIKELY(k->new_count == 0))
        return CZ_OK;
    g->manager.stats.effects_waited += k->new_count;
    czi_mutex_lock(g->lock);
    for (uint32_t n = k->new_count; n > 0 && !rc; n--, p = p->previous) {
        p->pending->was_parked = true;
        rc = czi_result_parked(g, p->pending->ticket, err);
    }
    czi_cond_broadcast(g->acknowledged);
    czi_mutex_unlock(g->lock);
    p = k->last;
    for (uint32_t n = k->new_count; n > 0 && !rc; n--, p = p->previous) {
        struct czi_performance *f = p->pending->arg;

        if (p->pending->done != czi_performed)
            continue;
        f->parked = true;
        if (f->context)
            czi_context_wake(f->context);
    }
    k->new_count = 0;
    czi_manager_wake_ack_waiters(g);
    return rc;
}

/* ---- Performing -----------------------------------------------------------------------------
 */

void czi_performed(void *arg, const cz_result *result)
{
    struct czi_performance *f = arg;
    cz_engine *g = f->engine;

    czi_manager_lock(g);
    f->result = *result;
    f->done = true;
    if (f->context) {
        czi_context_wake(f->context);
        f = NULL;
    }
    czi_manager_unlock(g);
    czi_free(f); /* nobody waits for it any more */
}

/* With the mutex. Until the result is there; an error gives the wait up. */
static int wait_performed(cz_context *c, struct czi_performance *f, uint64_t ticket,
                          bool under_guards, cz_error *err)
{
    int rc = CZ_OK;

    while (!f->done && !rc) {
        struct czi_parked *p = NULL;

        if (f->parked) {
            f->parked = false;
            p = czi_parked_ticket(&c->engine->step.core, ticket);
        }
        if (p)
            rc = wait_executed(c, p, CZ_FOREVER, err);
        else if (!under_guards)
            rc = c->cancelled ? czi_context_may_wait(c, err) : CZ_OK;
        if (!p && !rc)
            czi_context_block(c, UINT64_MAX);
    }
    return f->done ? CZ_OK : rc;
}

static int outcome(const cz_engine *g, const cz_result *r, const char *what, cz_error *err)
{
    char text[CZ_ID_TEXT_SIZE];

    if (r->status == CZ_STATUS_UNKNOWN)
        return czi_fail(err, CZ_CLOSED, "the engine stopped: %s", g->stop_detail);
    if (r->reason == CZ_APPLIED)
        return CZ_OK;
    cz_id_print(&r->effect, text);
    return czi_fail(err, CZ_REJECTED, "%s %s was rejected: %s", what, text,
                    cz_reason_text((int)r->reason));
}

/* Submits, and waits for the result. item: of a fact log, else an effect. */
static int submit_and_wait(cz_engine *g, cz_context *c, const uint8_t *bytes, size_t len,
                           bool item, bool under_guards, cz_result *ret, cz_error *err)
{
    struct czi_performance *f;
    uint64_t ticket = 0;
    int rc;

    /* What was cancelled proposes nothing more. */
    czi_manager_lock(g);
    rc = c->cancelled ? czi_context_may_wait(c, err) : CZ_OK;
    czi_manager_unlock(g);
    if (rc)
        return rc;
    f = czi_alloc_zero(1, sizeof *f);
    if (!f)
        return czi_nomem(err, "a wait for a result");
    f->engine = g;
    f->context = c;
    rc = item ? czi_submit_item(g, bytes, len, czi_performed, f, &ticket, err)
              : czi_submit(g, bytes, len, under_guards, czi_performed, f, &ticket, err);
    if (rc) {
        czi_free(f);
        return rc;
    }
    czi_manager_lock(g);
    rc = wait_performed(c, f, ticket, under_guards, err);
    if (f->done)
        *ret = f->result;
    else
        f->context = NULL;
    czi_manager_unlock(g);
    if (rc)
        return rc;
    czi_free(f);
    return outcome(g, ret, item ? "fact" : "effect", err);
}

int czi_perform(cz_engine *g, cz_context *c, const uint8_t *bytes, size_t len,
                bool under_guards, cz_result *ret, cz_error *err)
{
    return submit_and_wait(g, c, bytes, len, false, under_guards, ret, err);
}

int czi_perform_item(cz_engine *g, const uint8_t *bytes, size_t len, cz_result *ret,
                     cz_error *err)
{
    cz_context *c = NULL;
    int rc = czi_context_current(g, &c, err);

    return rc ? rc : submit_and_wait(g, c, bytes, len, true, false, ret, err);
}

int cz_perform(cz_engine *g, cz_effect *e, cz_result *ret, cz_error *err)
{
    const uint8_t *bytes = NULL;
    cz_context *c = NULL;
    cz_result result = {0};
    size_t len = 0;
    int rc = czi_context_current(g, &c, err);

    if (!rc)
        rc = cz_effect_encode(e, &bytes, &len, err);
    if (!rc)
        rc = czi_perform(g, c, bytes, len, false, &result, err);
    if (ret && (!rc || rc == CZ_REJECTED))
        *ret = result;
    return rc;
}
