/* test_guard_nomem.c - out of memory at every allocation: what guards, contexts and waiting
 * effects do either works or fails cleanly, and can be done again.
 *
 * An engine without threads makes each run the same. Only where the engine's thread would have
 * allocated (its effects are executed, sealed, kept) it may stop, for good and with CZ_NOMEM.
 */
#include "guard_fixture.h"

struct scene {
    cz_engine *engine;
    cz_context *other;
    cz_guard guard, guards[4];
    cz_effect *effect;
    uint64_t ticket;
    unsigned edges, cycles;
};

struct scenario {
    const char *name;
    void (*prepare)(struct scene *s);
    int (*act)(struct scene *s, cz_error *err);
    bool engine_allocates; /* so it may stop */
};

/* ---- Acquiring ----------------------------------------------------------------------------
 */

static void prepare_nothing(struct scene *s)
{
    (void)s;
}

static int act_acquire(struct scene *s, cz_error *err)
{
    cz_claim claim = fx_claim("x", CZ_WRITE);
    int rc = cz_acquire(s->engine, &claim, CZ_FOREVER, &s->guard, err);

    return rc ? rc : cz_release(&s->guard, err);
}

static int act_in_thread(struct fx_thread *t)
{
    return act_acquire(t->arg, &t->err);
}

/* The thread has no context yet; what it has made is gone with it. */
static int act_first(struct scene *s, cz_error *err)
{
    struct fx_thread t = {.engine = s->engine, .work = act_in_thread, .arg = s};
    int rc;

    fx_start(&t);
    rc = fx_join(&t);
    *err = t.err;
    return rc;
}

static int act_try(struct scene *s, cz_error *err)
{
    cz_claim claim = fx_claim("x", CZ_WRITE);
    int rc = cz_try_acquire(s->engine, &claim, &s->guard, err);

    return rc ? rc : cz_release(&s->guard, err);
}

static int act_acquire_many(struct scene *s, cz_error *err)
{
    cz_claim claims[] = {fx_claim("x", CZ_WRITE), fx_claim("y", CZ_READ),
                         fx_claim("x", CZ_READ), fx_claim("z", CZ_WRITE)};
    int rc = cz_acquire_many(s->engine, claims, 4, CZ_FOREVER, s->guards, err);

    return rc ? rc : cz_release_many(s->guards, 4, err);
}

static void prepare_held(struct scene *s)
{
    cz_error err = {0};

    assert_ok(cz_context_new(s->engine, "other", &s->other, &err), err);
    assert_ok(cz_context_enter(s->other, &err), err);
    (void)fx_acquire(s->engine, "x", CZ_WRITE);
    cz_context_leave();
}

static int act_wait(struct scene *s, cz_error *err)
{
    cz_claim claims[] = {fx_claim("y", CZ_READ), fx_claim("x", CZ_READ)};
    int rc = cz_acquire(s->engine, &claims[1], 10, &s->guard, err);

    if (rc != CZ_TIMEOUT)
        return rc;
    rc = cz_acquire_many(s->engine, claims, 2, 10, s->guards, err);
    if (rc != CZ_TIMEOUT)
        return rc;
    rc = cz_try_acquire(s->engine, &claims[1], &s->guard, err);
    return rc == CZ_BUSY ? CZ_OK : rc;
}

static void prepare_guard(struct scene *s)
{
    s->guard = fx_acquire(s->engine, "x", CZ_WRITE);
}

static int act_deadlock(struct scene *s, cz_error *err)
{
    cz_claim claim = fx_claim("x", CZ_WRITE);
    cz_cycle cycle;
    int rc = cz_acquire(s->engine, &claim, CZ_FOREVER, &s->guards[0], err);

    if (rc != CZ_DEADLOCK)
        return rc;
    assert_non_null(strstr(err->detail, "waiting would never end"));
    rc = cz_deadlock_cycle(s->engine, &cycle, err);
    if (!rc)
        assert_string_equal(cycle.steps[0].label, "x");
    return rc == CZ_NOT_FOUND ? CZ_OK : rc; /* there was no memory to keep it */
}

/* ---- Contexts and questions ---------------------------------------------------------------
 */

static int act_context(struct scene *s, cz_error *err)
{
    cz_context *c = NULL;
    int rc = cz_context_new(s->engine, "new one", &c, err);

    if (rc)
        return rc;
    rc = cz_context_enter(c, err);
    if (!rc)
        rc = act_acquire(s, err);
    assert_int_equal(cz_context_end(c, NULL), CZ_OK);
    return rc ? rc : cz_thread_name(s->engine, "named", err);
}

static int count_edge(void *arg, const cz_wait_edge *e)
{
    struct scene *s = arg;

    (void)e;
    s->edges++;
    return 0;
}

static int count_cycle(void *arg, const cz_cycle *c)
{
    struct scene *s = arg;

    (void)c;
    s->cycles++;
    return 0;
}

static void prepare_graph(struct scene *s)
{
    cz_error err = {0};

    prepare_held(s);
    s->guard = fx_acquire(s->engine, "y", CZ_WRITE);
    s->guards[0] = (cz_guard){0};
    for (unsigned i = 0; i < 30; i++) {
        char origin[16];

        (void)snprintf(origin, sizeof origin, "o%u", i);
        s->ticket = fx_submit(s->engine, fx_write(origin, 1, "x", "y"));
    }
    fx_settle(s->engine);
    assert_int_equal(cz_acquire(s->engine, &(cz_claim){fx_id("y"), CZ_READ, 0}, 0,
                                &s->guards[0], &err),
                     CZ_DEADLOCK);
}

static int act_graph(struct scene *s, cz_error *err)
{
    cz_wait_graph_visitor v = {count_edge, count_cycle, s};
    int rc;

    s->edges = s->cycles = 0;
    rc = cz_wait_graph(s->engine, &v, err);
    if (rc)
        return rc;
    assert_true(s->edges >= 32); /* those and the origins' */
    assert_int_equal(s->cycles, 1);
    return CZ_OK;
}

/* ---- Updates and commits ------------------------------------------------------------------
 */

static int act_update(struct scene *s, cz_error *err)
{
    cz_contents c = fx_contents(&s->guard);
    int rc;

    c.data = (const uint8_t *)"an updated text";
    c.data_len = 15;
    rc = cz_guard_update(&s->guard, &c, err);
    c = fx_contents(&s->guard);
    assert_memory_equal(c.data, rc ? "new" : "an updated text", c.data_len);
    return rc;
}

static void prepare_update(struct scene *s)
{
    prepare_guard(s);
    fx_update_data(&s->guard, "a text");
}

static int act_commit(struct scene *s, cz_error *err)
{
    cz_result r;
    int rc = cz_guard_commit(&s->guard, &r, err);

    if (rc) {
        cz_contents c;
        cz_error late = {0};
        int shown = cz_guard_contents(&s->guard, &c, &late);

        if (!shown)
            assert_memory_equal(c.data, "a text", 6); /* its updates are still there */
        else
            assert_int_equal(shown, CZ_CLOSED);
    }
    return rc;
}

static void prepare_many_updates(struct scene *s)
{
    s->guards[0] = fx_acquire(s->engine, "a", CZ_WRITE);
    s->guards[1] = fx_acquire(s->engine, "b", CZ_WRITE);
    fx_update_quantity(&s->guards[0], 10);
    fx_update_quantity(&s->guards[1], 90);
    fx_update_state(&s->guards[1], CZ_LOCKED);
}

static int act_commit_many(struct scene *s, cz_error *err)
{
    return cz_guards_commit(s->guards, 2, NULL, err);
}

static void prepare_apply(struct scene *s)
{
    prepare_guard(s);
    s->effect = fx_write("o", 1, "x", "applied");
}

static int act_apply(struct scene *s, cz_error *err)
{
    return cz_guards_apply(&s->guard, 1, s->effect, NULL, err);
}

static int act_create(struct scene *s, cz_error *err)
{
    cz_creation c = fx_creation("made", CZ_FUNGIBLE, "EUR", 5);
    cz_id id;

    return cz_create(s->engine, &c, &id, err);
}

static int act_register(struct scene *s, cz_error *err)
{
    cz_creation c = fx_creation("made", CZ_DATA, NULL, 0);
    cz_id id;
    int rc = cz_register(s->engine, &c, &id, err);

    return rc ? rc : cz_register(s->engine, &c, &id, err);
}

static void prepare_effect(struct scene *s)
{
    s->effect = fx_write("o", 1, "x", "performed");
}

static int act_perform(struct scene *s, cz_error *err)
{
    return cz_perform(s->engine, s->effect, NULL, err);
}

/* ---- Effects that wait --------------------------------------------------------------------
 */

static void prepare_park(struct scene *s)
{
    prepare_held(s);
    s->effect = fx_write("o", 1, "x", "waits");
}

/* One that waits, one that follows it, one that makes what another one uses; all come. */
static int act_park(struct scene *s, cz_error *err)
{
    cz_creation c = fx_creation("later", CZ_DATA, NULL, 0);
    cz_effect *f = cz_effect_new(), *h = cz_effect_new();
    cz_id origin = fx_id("follower"), maker = fx_id("maker"), y = fx_id("y"), x = fx_id("x"),
          id;
    cz_result r;
    uint64_t ticket = 0;
    int rc = f && h ? CZ_OK : CZ_NOMEM;

    if (!rc) {
        cz_effect_set_origin(f, &origin);
        cz_effect_set_nonce(f, 1);
        cz_effect_set_origin(h, &maker);
        cz_effect_set_nonce(h, 1);
        rc = cz_submit_effect(s->engine, s->effect, NULL, NULL, &ticket, err);
    }
    if (!rc)
        rc = cz_effect_id(s->effect, &id, err);
    if (!rc)
        rc = cz_effect_follow(f, &id, err);
    if (!rc)
        rc = cz_effect_write(f, &y, "f", 1, err);
    if (!rc)
        rc = cz_effect_create(h, &c, err);
    if (!rc)
        rc = cz_effect_write(h, &x, "h", 1, err);
    if (!rc)
        rc = cz_submit_effect(s->engine, f, NULL, NULL, &ticket, err);
    if (!rc)
        rc = cz_submit_effect(s->engine, h, NULL, NULL, &ticket, err);
    if (!rc)
        rc = cz_wait(s->engine, ticket, 5, &r, err);
    if (rc == CZ_TIMEOUT) {
        assert_int_equal(cz_context_end(s->other, NULL), CZ_OK);
        s->other = NULL;
        rc = cz_flush(s->engine, err);
    }
    cz_effect_free(f);
    cz_effect_free(h);
    return rc;
}

static void prepare_parked(struct scene *s)
{
    prepare_held(s);
    s->ticket = fx_submit(s->engine, fx_write("o", 1, "x", "waits"));
    fx_settle(s->engine);
}

static int act_wait_parked(struct scene *s, cz_error *err)
{
    cz_result r;
    int rc = cz_wait(s->engine, s->ticket, 5, &r, err);

    return rc == CZ_TIMEOUT ? CZ_OK : rc;
}

static void prepare_own_parked(struct scene *s)
{
    prepare_guard(s);
    s->ticket = fx_submit(s->engine, fx_write("o", 1, "x", "waits"));
    fx_settle(s->engine);
}

static int act_wait_for_own(struct scene *s, cz_error *err)
{
    cz_result r;
    int rc = cz_wait(s->engine, s->ticket, CZ_FOREVER, &r, err);

    if (rc == CZ_DEADLOCK)
        rc = cz_flush(s->engine, err);
    return rc == CZ_DEADLOCK ? CZ_OK : rc;
}

static int act_end_parked(struct scene *s, cz_error *err)
{
    int rc = cz_release(&s->guard, err);
    cz_result r;

    return rc ? rc : cz_wait(s->engine, s->ticket, CZ_FOREVER, &r, err);
}

/* ---- All of them --------------------------------------------------------------------------
 */

static const struct scenario scenarios[] = {
    {"acquire", prepare_nothing, act_acquire, false},
    {"try", prepare_nothing, act_try, false},
    {"a thread's first", prepare_nothing, act_first, false},
    {"acquire many", prepare_nothing, act_acquire_many, false},
    {"wait", prepare_held, act_wait, false},
    {"deadlock", prepare_guard, act_deadlock, false},
    {"context", prepare_nothing, act_context, false},
    {"wait graph", prepare_graph, act_graph, false},
    {"update", prepare_guard, act_update, false},
    {"commit", prepare_update, act_commit, true},
    {"commit many", prepare_many_updates, act_commit_many, true},
    {"apply", prepare_apply, act_apply, true},
    {"create", prepare_nothing, act_create, true},
    {"register", prepare_nothing, act_register, true},
    {"perform", prepare_effect, act_perform, true},
    {"park", prepare_park, act_park, true},
    {"wait for a parked one", prepare_parked, act_wait_parked, false},
    {"wait for ones own", prepare_own_parked, act_wait_for_own, false},
    {"end of a parked one", prepare_own_parked, act_end_parked, true},
};

/* False when no allocation failed: there are no more. */
static bool fail_at(const struct scenario *c, int64_t n)
{
    struct scene s = {.engine = fx_open_driven()};
    cz_engine *g = s.engine;
    cz_error err = {0};
    bool failed;
    int rc;

    fx_data(g, "x");
    fx_data(g, "y");
    fx_data(g, "z");
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    c->prepare(&s);
    czi_alloc_fail_after(n);
    rc = c->act(&s, &err);
    failed = czi_alloc_failed();
    czi_alloc_fail_after(-1);
    if (g->stop_code && (!c->engine_allocates || g->stop_code != CZ_NOMEM))
        fail_msg("%s at %d: the engine stopped: %s", c->name, (int)n, g->stop_detail);
    if (rc && rc != (g->stop_code ? CZ_CLOSED : CZ_NOMEM))
        fail_msg("%s at %d: %s: %s", c->name, (int)n, cz_code_name(rc), err.detail);
    if (!failed || (rc && !g->stop_code)) {
        if (rc)
            rc = c->act(&s, &err);
        if (rc)
            fail_msg("%s again after %d: %s: %s", c->name, (int)n, cz_code_name(rc),
                     err.detail);
    }
    cz_effect_free(s.effect);
    if (s.other)
        (void)cz_context_end(s.other, NULL);
    rc = cz_close(g, &err);
    if (rc && rc != CZ_NOMEM)
        fail_msg("%s at %d: closing: %s: %s", c->name, (int)n, cz_code_name(rc), err.detail);
    return failed;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(scenarios); i++) {
        int64_t n = 0;

        while (fail_at(&scenarios[i], n))
            n++;
        print_message("%s: %d allocations\n", scenarios[i].name, (int)n);
        assert_true(n > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
