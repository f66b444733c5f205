/* context.c - whose guards these are: threads, tasks, and contexts that threads enter.
 *
 * Layer: engine. See manager.h. A thread keeps a list of its own contexts, one an engine; the
 * context itself belongs to the engine's list. When the thread ends, those whose engine is
 * still open are released and freed; when the engine closes, it frees what is left.
 */
#include "base/error.h"
#include "engine/engine.h"
#include "engine/registry.h"

#include <stdio.h>
#include <string.h>

/* How long a thread looks before it sleeps: a sleep and a wake cost some 10 us. */
#define SPINS 2000u

struct thread_context {
    uint64_t engine;
    cz_context *context;
    struct thread_context *next;
};

/* Initial-exec: found without a call, also in the shared library. */
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
    cz_context *entered;
    struct thread_context *own;
} thread;

/* ---- Sleeping -------------------------------------------------------------------------------
 */

static void thread_wake(cz_context *c)
{
    if (c->sleeping)
        czi_word_wake(&c->signalled, 1);
}

static void thread_block(cz_context *c, uint64_t deadline)
{
    cz_engine *g = c->engine;
    uint64_t now = 0;

    if (g->driven) {
        czi_manager_unlock(g);
        czi_manager_drive(g, deadline);
        czi_manager_lock(g);
        return;
    }
    c->sleeping = false;
    czi_manager_unlock(g);
    for (unsigned i = 0; i < SPINS && !atomic_load(&c->signalled); i++)
        czi_cpu_relax();
    czi_manager_lock(g);
    c->sleeping = true;
    while (!atomic_load(&c->signalled) && now < deadline) {
        czi_manager_unlock(g);
        if (deadline != UINT64_MAX)
            now = czi_clock_ns();
        if (now < deadline)
            (void)czi_word_wait(&c->signalled, 0,
                                deadline == UINT64_MAX ? UINT64_MAX : deadline - now);
        czi_manager_lock(g);
    }
    c->sleeping = false;
}

static const struct czi_blocking thread_blocking = {thread_block, thread_wake};

void czi_context_block(cz_context *c, uint64_t deadline)
{
    czi_manager_settle(c->engine);
    if (!atomic_load_explicit(&c->signalled, memory_order_relaxed))
        c->blocking->block(c, deadline);
    atomic_store_explicit(&c->signalled, 0, memory_order_relaxed);
}

void czi_context_wake(cz_context *c)
{
    /* Changed with the mutex only. */
    if (atomic_load_explicit(&c->signalled, memory_order_relaxed))
        return;
    atomic_store_explicit(&c->signalled, 1, memory_order_release);
    c->blocking->wake(c);
}

void czi_context_wait_ack(cz_context *c, uint64_t deadline)
{
    struct czi_manager *m = &c->engine->manager;

    if (!c->waits_ack) {
        c->waits_ack = true;
        c->next_ack = m->ack_waiters;
        m->ack_waiters = c;
        atomic_fetch_add(&m->ack_waiting, 1);
        return; /* whoever asked looks again, now that it will be woken */
    }
    czi_context_block(c, deadline);
}

int czi_context_may_wait(cz_context *c, cz_error *err)
{
    const cz_engine *g = c->engine;

    if (g->manager.closed && g->stop_code)
        return czi_fail(err, CZ_CLOSED, "the engine stopped: %s", g->stop_detail);
    if (g->manager.closed)
        return czi_fail(err, CZ_CLOSED, "the engine is closing");
    if (!c->cancelled)
        return CZ_OK;
    c->cancelled = c->stays_cancelled;
    return czi_fail(err, CZ_CANCELLED, "%s was cancelled",
                    c->name[0] ? c->name : "the context");
}

void czi_context_cancel(cz_context *c, bool for_good)
{
    c->cancelled = true;
    c->stays_cancelled |= for_good;
    if (c->owner.state == CZI_OWNER_WAITING)
        czi_locks_cancel(&c->engine->step.core.parking.locks, &c->owner);
    czi_context_wake(c);
}

/* ---- Life -----------------------------------------------------------------------------------
 */

void czi_context_init(cz_context *c, cz_engine *g, enum cz_party_kind kind, const char *name,
                      const struct czi_blocking *blocking)
{
    *c = (cz_context){.owner.kind = kind & 3u,
                      .engine = g,
                      .blocking = blocking ? blocking : &thread_blocking};
    if (name)
        (void)snprintf(c->name, sizeof c->name, "%s", name);
}

void czi_context_add(cz_context *c)
{
    struct czi_manager *m = &c->engine->manager;

    c->id = ++m->next_context;
    c->previous = m->contexts_last;
    if (m->contexts_last)
        m->contexts_last->next = c;
    else
        m->contexts = c;
    m->contexts_last = c;
    m->stats.contexts++;
}

void czi_context_remove(cz_context *c)
{
    struct czi_manager *m = &c->engine->manager;

    CZI_CHECK(!c->owner.holds && c->owner.state == CZI_OWNER_IDLE);
    if (c->waits_ack) {
        cz_context **at = &m->ack_waiters;

        while (*at != c)
            at = &(*at)->next_ack;
        *at = c->next_ack;
        atomic_fetch_sub(&m->ack_waiting, 1);
    }
    if (c->previous)
        c->previous->next = c->next;
    else
        m->contexts = c->next;
    if (c->next)
        c->next->previous = c->previous;
    else
        m->contexts_last = c->previous;
    m->stats.contexts--;
}

void czi_context_done(cz_context *c)
{
    czi_free(c->cycle);
    c->cycle = NULL;
}

void czi_context_release(cz_context *c)
{
    struct czi_hold *h = c->owner.holds, *next;

    /* A hold without a guard belongs to a wait for an effect. */
    for (; h; h = next) {
        struct czi_guard *guard =
            h->user ? czi_guard_at(&c->engine->manager, h->user - 1) : NULL;

        next = h->after;
        if (!guard)
            czi_locks_release(&c->engine->step.core.parking.locks, h);
        else if (guard->state != CZI_GUARD_COMMITTING) /* else whoever commits ends it */
            czi_guard_end(c->engine, guard);
    }
}

/* ---- A thread's own -------------------------------------------------------------------------
 */

static void end_own(cz_engine *g, void *arg)
{
    cz_context *c = arg;

    czi_manager_lock(g);
    czi_context_release(c);
    czi_context_remove(c);
    czi_manager_unlock(g);
    czi_context_done(c);
    czi_free(c);
}

static void thread_ends(void)
{
    struct thread_context *t = thread.own;

    thread.own = NULL;
    while (t) {
        struct thread_context *next = t->next;

        czi_registry_with(t->engine, end_own, t->context);
        czi_free(t);
        t = next;
    }
    cz_context_leave();
}

static int make_own(cz_engine *g, cz_context **ret, cz_error *err)
{
    struct thread_context *t = czi_alloc(sizeof *t);
    cz_context *c = czi_alloc(sizeof *c);

    if (!t || !c || !czi_at_thread_exit(thread_ends)) {
        czi_free(t);
        czi_free(c);
        return czi_nomem(err, "the context of a thread");
    }
    czi_context_init(c, g, CZ_PARTY_THREAD, NULL, NULL);
    czi_manager_lock(g);
    czi_context_add(c);
    (void)snprintf(c->name, sizeof c->name, "thread %llu", (unsigned long long)c->id);
    czi_manager_unlock(g);
    *t = (struct thread_context){g->serial, c, thread.own};
    thread.own = t;
    *ret = c;
    return CZ_OK;
}

static int find_own(cz_engine *g, cz_context **ret, cz_error *err)
{
    for (struct thread_context **at = &thread.own; *at;) {
        struct thread_context *t = *at;

        if (t->engine == g->serial) {
            *at = t->next; /* to the front */
            t->next = thread.own;
            thread.own = t;
            *ret = t->context;
            return CZ_OK;
        }
        if (czi_registry_find(t->engine)) {
            at = &t->next;
        } else { /* closed: its context is gone */
            *at = t->next;
            czi_free(t);
        }
    }
    return make_own(g, ret, err);
}

int czi_context_current(cz_engine *g, cz_context **ret, cz_error *err)
{
    cz_context *c = thread.entered;

    if (c && c->engine == g) {
        *ret = c;
        return CZ_OK;
    }
    if (c && c->owner.kind == CZ_PARTY_TASK)
        return czi_fail(err, CZ_INVALID, "a task can only wait for the engine that it runs in");
    if (CZI_LIKELY(thread.own && thread.own->engine == g->serial)) {
        *ret = thread.own->context;
        return CZ_OK;
    }
    return find_own(g, ret, err);
}

bool czi_context_holds(cz_engine *g)
{
    const cz_context *c = thread.entered && thread.entered->engine == g ? thread.entered : NULL;
    bool holds;

    for (const struct thread_context *t = thread.own; t && !c; t = t->next)
        if (t->engine == g->serial)
            c = t->context;
    if (!c)
        return false;
    czi_manager_lock(g);
    holds = c->owner.holds != NULL;
    czi_manager_unlock(g);
    return holds;
}

void czi_context_switch(cz_context *c)
{
    thread.entered = c;
}

cz_context *czi_context_entered(void)
{
    return thread.entered;
}

/* ---- Public ---------------------------------------------------------------------------------
 */

int cz_context_new(cz_engine *g, const char *name, cz_context **ret, cz_error *err)
{
    cz_context *c;

    if (!name || !name[0] || strlen(name) >= CZ_PARTY_NAME_SIZE)
        return czi_fail(err, CZ_INVALID, "context: a name of 1 to %d bytes is needed",
                        CZ_PARTY_NAME_SIZE - 1);
    c = czi_alloc(sizeof *c);
    if (!c)
        return czi_nomem(err, "a context");
    czi_context_init(c, g, CZ_PARTY_CONTEXT, name, NULL);
    (void)cz_ref(g);
    czi_manager_lock(g);
    czi_context_add(c);
    czi_manager_unlock(g);
    *ret = c;
    return CZ_OK;
}

int cz_context_enter(cz_context *c, cz_error *err)
{
    int rc = CZ_OK;

    if (thread.entered)
        return czi_fail(err, CZ_BUSY, "this thread is in context '%s' already",
                        thread.entered->name);
    if (!czi_at_thread_exit(thread_ends)) /* which leaves it */
        return czi_nomem(err, "the end of a thread");
    czi_manager_lock(c->engine);
    if (c->entered)
        rc = czi_fail(err, CZ_BUSY, "another thread is in context '%s'", c->name);
    else
        c->entered = true;
    czi_manager_unlock(c->engine);
    if (!rc)
        thread.entered = c;
    return rc;
}

void cz_context_leave(void)
{
    cz_context *c = thread.entered;

    if (!c || c->owner.kind == CZ_PARTY_TASK)
        return;
    thread.entered = NULL;
    czi_manager_lock(c->engine);
    c->entered = false;
    czi_manager_unlock(c->engine);
}

int cz_context_end(cz_context *c, cz_error *err)
{
    cz_engine *g;

    if (!c)
        return CZ_OK;
    g = c->engine;
    if (thread.entered == c)
        cz_context_leave();
    czi_manager_lock(g);
    if (c->entered) {
        czi_manager_unlock(g);
        return czi_fail(err, CZ_BUSY, "a thread is in context '%s'", c->name);
    }
    czi_context_release(c);
    czi_context_remove(c);
    czi_manager_unlock(g);
    czi_context_done(c);
    czi_free(c);
    return cz_close(g, err);
}

void cz_context_cancel(cz_context *c)
{
    czi_manager_lock(c->engine);
    czi_context_cancel(c, false);
    czi_manager_unlock(c->engine);
}

int cz_thread_name(cz_engine *g, const char *name, cz_error *err)
{
    cz_context *c = NULL;
    int rc;

    if (!name || !name[0] || strlen(name) >= CZ_PARTY_NAME_SIZE)
        return czi_fail(err, CZ_INVALID, "thread: a name of 1 to %d bytes is needed",
                        CZ_PARTY_NAME_SIZE - 1);
    rc = czi_context_current(g, &c, err);
    if (rc)
        return rc;
    czi_manager_lock(g);
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    czi_manager_unlock(g);
    return CZ_OK;
}
