/* guard_fixture.h - engines in memory with a few resources, and threads that can be watched.
 *
 * `fx_open` is an engine with threads of its own, `fx_open_driven` one that only works while
 * the test calls it, so that each run is the same. Nothing sleeps: a test that needs another
 * thread to have come somewhere asks the engine until it says so.
 */
#ifndef CZI_GUARD_FIXTURE_H
#define CZI_GUARD_FIXTURE_H

#include "engine/engine.h"
#include "platform/simulated.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

/* ---- Engines ------------------------------------------------------------------------------
 */

static inline cz_engine *fx_open_with(const cz_options *o)
{
    cz_engine *g = NULL;
    cz_error err = {0};

    assert_ok(cz_open(NULL, o, &g, &err), err);
    return g;
}

static inline cz_engine *fx_open(unsigned threads)
{
    return fx_open_with(&(cz_options){.threads = threads, .backlog_max = 1024});
}

/* fs: NULL, or where the store shall be. */
static inline cz_engine *fx_open_driven_with(struct czi_fs *fs, const cz_options *o)
{
    struct czi_ledger_options store = {.fs = fs,
                                       .memory_index = true,
                                       .segment_size_max = UINT64_MAX};
    cz_engine *g = NULL;
    cz_error err = {0};

    if (!fs) {
        assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
        assert_ok(czi_ledger_create(store.fs, &err), err);
    }
    assert_ok(czi_open_driven(&store, o, &g, &err), err);
    if (!fs)
        g->fs = store.fs; /* goes with the engine */
    return g;
}

static inline cz_engine *fx_open_driven(void)
{
    return fx_open_driven_with(NULL, &(cz_options){.batch_max = 64, .backlog_max = 256});
}

static inline void fx_close(cz_engine *g)
{
    cz_error err = {0};

    assert_ok(cz_close(g, &err), err);
}

/* ---- Resources ----------------------------------------------------------------------------
 */

static inline cz_id fx_id(const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_error err = {0};

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    return id;
}

static inline cz_creation fx_creation(const char *label, enum cz_kind kind, const char *asset,
                                      cz_quantity q)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = kind,
                     .asset = asset,
                     .quantity = q};

    if (kind == CZ_DATA) {
        c.data = (const uint8_t *)"new";
        c.data_len = 3;
    }
    return c;
}

static inline cz_id fx_make(cz_engine *g, const char *label, enum cz_kind kind,
                            const char *asset, cz_quantity q)
{
    cz_creation c = fx_creation(label, kind, asset, q);
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_create(g, &c, &id, &err), err);
    return id;
}

/* Data "new". */
static inline cz_id fx_data(cz_engine *g, const char *label)
{
    return fx_make(g, label, CZ_DATA, NULL, 0);
}

static inline cz_id fx_cash(cz_engine *g, const char *label, cz_quantity q)
{
    return fx_make(g, label, CZ_FUNGIBLE, "USD", q);
}

static inline cz_resource fx_get(cz_engine *g, const char *label)
{
    cz_id id = fx_id(label);
    cz_error err = {0};
    cz_resource r;

    assert_ok(cz_resource_get(g, &id, &r, &err), err);
    return r;
}

#define assert_quantity(g, label, expected) assert_true(fx_get(g, label).quantity == (expected))

static inline void fx_assert_data(cz_engine *g, const char *label, const char *text)
{
    cz_resource r = fx_get(g, label);

    assert_int_equal(r.data_len, strlen(text));
    assert_memory_equal(r.data, text, r.data_len);
}

/* ---- Effects ------------------------------------------------------------------------------
 */

static inline cz_effect *fx_effect(const char *origin, uint64_t nonce)
{
    cz_effect *e = cz_effect_new();
    cz_id id = fx_id(origin);

    assert_non_null(e);
    cz_effect_set_origin(e, &id);
    cz_effect_set_nonce(e, nonce);
    return e;
}

/* Writes text to a data resource. */
static inline cz_effect *fx_write(const char *origin, uint64_t nonce, const char *label,
                                  const char *text)
{
    cz_effect *e = fx_effect(origin, nonce);
    cz_id id = fx_id(label);
    cz_error err = {0};

    assert_ok(cz_effect_write(e, &id, text, strlen(text), &err), err);
    return e;
}

static inline cz_effect *fx_pay(const char *origin, uint64_t nonce, const char *from,
                                const char *to, cz_quantity q)
{
    cz_effect *e = fx_effect(origin, nonce);
    cz_id a = fx_id(from), b = fx_id(to);
    cz_error err = {0};

    assert_ok(cz_effect_transfer(e, &a, &b, q, &err), err);
    return e;
}

static inline cz_id fx_effect_id(cz_effect *e)
{
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_effect_id(e, &id, &err), err);
    return id;
}

/* Frees it. */
static inline uint64_t fx_submit(cz_engine *g, cz_effect *e)
{
    cz_error err = {0};
    uint64_t ticket;

    assert_ok(cz_submit_effect(g, e, NULL, NULL, &ticket, &err), err);
    cz_effect_free(e);
    return ticket;
}

static inline cz_result fx_wait(cz_engine *g, uint64_t ticket)
{
    cz_error err = {0};
    cz_result r;

    assert_ok(cz_wait(g, ticket, CZ_FOREVER, &r, &err), err);
    return r;
}

static inline cz_result fx_run(cz_engine *g, cz_effect *e)
{
    return fx_wait(g, fx_submit(g, e));
}

/* ---- Guards -------------------------------------------------------------------------------
 */

static inline cz_claim fx_claim(const char *label, enum cz_access mode)
{
    return (cz_claim){fx_id(label), mode, 0};
}

static inline cz_guard fx_acquire(cz_engine *g, const char *label, enum cz_access mode)
{
    cz_claim claim = fx_claim(label, mode);
    cz_error err = {0};
    cz_guard guard = {0};

    assert_ok(cz_acquire(g, &claim, CZ_FOREVER, &guard, &err), err);
    return guard;
}

static inline void fx_release(cz_guard *guard)
{
    cz_error err = {0};

    assert_ok(cz_release(guard, &err), err);
    assert_int_equal(guard->engine, 0);
}

static inline cz_contents fx_contents(const cz_guard *guard)
{
    cz_error err = {0};
    cz_contents c;

    assert_ok(cz_guard_contents(guard, &c, &err), err);
    return c;
}

static inline void fx_update_data(const cz_guard *guard, const char *text)
{
    cz_contents c = fx_contents(guard);
    cz_error err = {0};

    c.data = (const uint8_t *)text;
    c.data_len = strlen(text);
    assert_ok(cz_guard_update(guard, &c, &err), err);
}

static inline void fx_update_quantity(const cz_guard *guard, cz_quantity q)
{
    cz_contents c = fx_contents(guard);
    cz_error err = {0};

    c.quantity = q;
    assert_ok(cz_guard_update(guard, &c, &err), err);
}

static inline void fx_update_state(const cz_guard *guard, enum cz_state s)
{
    cz_contents c = fx_contents(guard);
    cz_error err = {0};

    c.state = s;
    assert_ok(cz_guard_update(guard, &c, &err), err);
}

static inline cz_result fx_commit(cz_guard *guard)
{
    cz_result r = {0};
    cz_error err = {0};

    assert_ok(cz_guard_commit(guard, &r, &err), err);
    assert_int_equal(guard->engine, 0);
    return r;
}

static inline cz_lock_stats fx_stats(cz_engine *g)
{
    cz_lock_stats s;
    cz_error err = {0};

    assert_ok(cz_lock_stats_get(g, &s, &err), err);
    return s;
}

/* ---- Threads ------------------------------------------------------------------------------
 */

/* A thread that acquires one claim, or does what `work` says, and tells what it was told. */
struct fx_thread {
    pthread_t id;
    cz_engine *engine;
    const char *name;
    cz_claim claim;
    uint64_t timeout_ms;
    int (*work)(struct fx_thread *t);
    void *arg;
    cz_context *context; /* to enter first, or NULL */
    cz_guard guard;
    int rc;
    cz_error err;
};

static inline int fx_thread_acquire(struct fx_thread *t)
{
    int rc = cz_acquire(t->engine, &t->claim, t->timeout_ms, &t->guard, &t->err);

    return rc ? rc : cz_release(&t->guard, &t->err);
}

static inline void *fx_thread_main(void *arg)
{
    struct fx_thread *t = arg;

    if (t->context)
        t->rc = cz_context_enter(t->context, &t->err);
    else if (t->name)
        t->rc = cz_thread_name(t->engine, t->name, &t->err);
    if (!t->rc)
        t->rc = t->work(t);
    if (t->context)
        cz_context_leave();
    return NULL;
}

static inline void fx_start(struct fx_thread *t)
{
    if (!t->work)
        t->work = fx_thread_acquire;
    assert_int_equal(pthread_create(&t->id, NULL, fx_thread_main, t), 0);
}

static inline int fx_join(struct fx_thread *t)
{
    assert_int_equal(pthread_join(t->id, NULL), 0);
    return t->rc;
}

/* Until so many wait in a resource's queue. */
static inline void fx_until_waiters(cz_engine *g, const char *label, size_t count)
{
    cz_id id = fx_id(label);
    cz_error err = {0};
    size_t n = 0;

    do {
        sched_yield();
        assert_ok(cz_waiters(g, &id, NULL, 0, &n, &err), err);
    } while (n != count);
}

/* Until so many contexts wait, for whatever. */
static inline void fx_until_waiting(cz_engine *g, uint64_t count)
{
    while (fx_stats(g).waiting != count)
        sched_yield();
}

/* Until so many effects wait for guards. */
static inline void fx_until_parked(cz_engine *g, uint64_t count)
{
    while (fx_stats(g).waiting_effects != count)
        sched_yield();
}

/* Everything that was submitted is acknowledged or waits. */
static inline void fx_settle(cz_engine *g)
{
    cz_error err = {0};
    cz_stats s;

    assert_ok(cz_stats_get(g, &s, &err), err);
}

#endif
