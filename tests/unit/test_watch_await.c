/* test_watch_await.c - cz_await: threads block, tasks are suspended; deadlines, cancellation,
 * and the engine's end. */
#include "task_fixture.h"
#include "watch_fixture.h"

static bool is_version(void *arg, const cz_resource *r)
{
    return r->version == *(const uint64_t *)arg;
}

struct waiter {
    struct world *w;
    cz_watch_spec spec;
    uint64_t timeout_ms;
    cz_watched got;
    _Atomic int code; /* -1: waits */
};

static int await_it(void *arg, cz_error *err)
{
    struct waiter *a = arg;

    a->code = cz_await(a->w->g, &a->spec, a->timeout_ms, &a->got, err);
    return a->code;
}

static uint64_t spawn_waiter(struct waiter *a, struct world *w, const cz_watch_spec *spec)
{
    *a = (struct waiter){.w = w, .spec = *spec, .timeout_ms = CZ_FOREVER, .code = -1};
    return spawn(w, &(cz_task_spec){.fn = await_it, .arg = a, .priority = CZ_NORMAL});
}

/* ---- Tasks --------------------------------------------------------------------------------
 */

static void a_task_that_awaits_is_suspended_and_goes_on(void **state)
{
    struct world *w = world();
    cz_id x = fx_data(w->g, "x");
    uint64_t version = 3;
    struct waiter a;
    uint64_t task;

    (void)state;
    task = spawn_waiter(
        &a, w, &(cz_watch_spec){.resource = &x, .resource_is = is_version, .arg = &version});
    run_all(w);
    assert_int_equal(a.code, -1);
    assert_int_equal(get(w, task).state, CZ_TASK_WAITING);
    for (unsigned i = 1; i <= 4; i++)
        (void)fx_submit(w->g, fx_write("w", i, "x", "text"));
    wx_work(w->g);
    run_all(w);
    assert_int_equal(a.code, CZ_OK);
    assert_int_equal(a.got.version, 3);
    assert_int_equal(join(w, task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static void a_task_that_is_cancelled_gives_its_watch_up(void **state)
{
    struct world *w = world();
    cz_id x = fx_data(w->g, "x");
    struct waiter a;
    uint64_t task;
    cz_error err = {0};

    (void)state;
    task = spawn_waiter(&a, w, &(cz_watch_spec){.resource = &x});
    run_all(w);
    assert_int_equal(atomic_load(&w->g->watches.count), 1);
    assert_ok(cz_task_cancel(w->s, task, &err), err);
    run_all(w);
    assert_int_equal(a.code, CZ_CANCELLED);
    assert_int_equal(atomic_load(&w->g->watches.count), 0);
    assert_int_equal(join(w, task).state, CZ_TASK_CANCELLED);
    world_end(w);
}

static void an_await_ends_after_its_milliseconds(void **state)
{
    struct world *w = world();
    cz_id x = fx_data(w->g, "x");
    uint64_t begun = w->g->manager.now;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_await(w->g, &(cz_watch_spec){.resource = &x}, 250, NULL, &err),
                     CZ_TIMEOUT);
    assert_int_equal(w->g->manager.now - begun, 250000000);
    assert_int_equal(atomic_load(&w->g->watches.count), 0);
    world_end(w);
}

static void an_await_ends_with_its_deadline(void **state)
{
    struct world *w = world();
    cz_id x = fx_data(w->g, "x");
    struct waiter a;
    uint64_t task;

    (void)state;
    (void)fx_data(w->g, "y");
    task = spawn_waiter(&a, w, &(cz_watch_spec){.resource = &x, .deadline_lamport = 2});
    run_all(w);
    (void)fx_run(w->g, fx_write("w", 1, "y", "text"));
    run_all(w);
    assert_int_equal(a.code, CZ_TIMEOUT);
    assert_non_null(strstr(join(w, task).detail, "deadline"));
    world_end(w);
}

/* Who holds the guard can have others change what it does not hold, and wait for that. */
static void a_task_that_holds_a_guard_may_await_something_else(void **state)
{
    struct world *w = world();
    cz_id x = fx_data(w->g, "x"), y = fx_data(w->g, "y");
    cz_guard guard = fx_acquire(w->g, "y", CZ_WRITE);
    struct waiter a;

    (void)state;
    (void)y;
    (void)spawn_waiter(&a, w, &(cz_watch_spec){.resource = &x});
    run_all(w);
    (void)fx_run(w->g, fx_write("w", 1, "x", "text"));
    run_all(w);
    assert_int_equal(a.code, CZ_OK);
    fx_release(&guard);
    world_end(w);
}

static void an_awaited_height_wakes_a_task(void **state)
{
    struct world *w = world();
    struct sim_facts facts;
    cz_sim_chain *chain = wx_chain(w->g, "moon", 3, &facts);
    struct waiter a;

    (void)state;
    (void)spawn_waiter(&a, w, &(cz_watch_spec){.domain = "moon", .height = 2});
    run_all(w);
    wx_block(w->g, &facts, 1);
    wx_work(w->g);
    run_all(w);
    assert_int_equal(a.code, -1);
    wx_block(w->g, &facts, 2);
    wx_work(w->g);
    run_all(w);
    assert_int_equal(a.code, CZ_OK);
    wx_chain_done(chain, &facts);
    world_end(w);
}

static void an_await_that_is_refused_waits_for_nothing(void **state)
{
    struct world *w = world();
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_await(w->g, &(cz_watch_spec){.domain = "moon"}, CZ_FOREVER, NULL, &err),
                     CZ_UNKNOWN_DOMAIN);
    assert_int_equal(cz_await(w->g, &(cz_watch_spec){.height = 1}, CZ_FOREVER, NULL, &err),
                     CZ_INVALID);
    world_end(w);
}

/* ---- Threads ------------------------------------------------------------------------------
 */

static int await_in_thread(struct fx_thread *t)
{
    struct waiter *a = t->arg;

    return cz_await(t->engine, &a->spec, a->timeout_ms, &a->got, &t->err);
}

static void until_watched(cz_engine *g, uint32_t count)
{
    while (atomic_load(&g->watches.count) != count || atomic_load(&g->watches.fresh_count))
        sched_yield();
}

static void a_thread_that_awaits_blocks_until_it_is_true(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        cz_engine *g = fx_open(threads);
        cz_id x = fx_data(g, "x");
        uint64_t version = 50;
        struct waiter a = {.spec = {.resource = &x, .resource_is = is_version, .arg = &version},
                           .timeout_ms = CZ_FOREVER};
        struct fx_thread t = {.engine = g, .work = await_in_thread, .arg = &a};

        fx_start(&t);
        until_watched(g, 1);
        for (unsigned i = 1; i <= 60; i++)
            (void)fx_submit(g, fx_write("w", i, "x", "text"));
        assert_int_equal(fx_join(&t), CZ_OK);
        assert_int_equal(a.got.version, 50);
        assert_int_equal(a.got.position, 50);
        fx_close(g);
    }
}

static int await_in_context(struct fx_thread *t)
{
    struct waiter *a = t->arg;
    cz_context *c = (cz_context *)a->spec.arg;
    int rc = cz_context_enter(c, &t->err);

    a->spec.arg = NULL;
    if (!rc)
        rc = cz_await(t->engine, &a->spec, a->timeout_ms, &a->got, &t->err);
    cz_context_leave();
    return rc;
}

static void a_context_that_is_cancelled_awaits_no_longer(void **state)
{
    cz_engine *g = fx_open(2);
    cz_id x = fx_data(g, "x");
    cz_context *c = NULL;
    struct waiter a = {.spec = {.resource = &x}, .timeout_ms = CZ_FOREVER};
    struct fx_thread t = {.engine = g, .work = await_in_context, .arg = &a};
    cz_error err = {0};

    (void)state;
    assert_ok(cz_context_new(g, "session", &c, &err), err);
    a.spec.arg = c;
    fx_start(&t);
    until_watched(g, 1);
    cz_context_cancel(c);
    assert_int_equal(fx_join(&t), CZ_CANCELLED);
    assert_int_equal(atomic_load(&g->watches.count), 0);
    assert_ok(cz_context_end(c, &err), err);
    fx_close(g);
}

/* Giving up and coming true at the same time: one of both, and nothing is left of it. */
static void giving_up_races_with_coming_true(void **state)
{
    unsigned long rounds = test_env("CAUSALITY_ROUNDS", 300);
    cz_engine *g = fx_open(2);
    cz_id x = fx_data(g, "x");

    (void)state;
    for (unsigned i = 1; i <= rounds; i++) {
        struct wx_told told = {0};
        uint64_t watch = wx_watch(g, &(cz_watch_spec){.resource = &x}, &told);
        cz_error err = {0};
        int rc;

        (void)fx_submit(g, fx_write("w", i, "x", "text"));
        for (unsigned k = i % 64; k > 0; k--)
            sched_yield();
        rc = cz_unwatch(g, watch, &err);
        assert_ok(cz_flush(g, &err), err); /* all callbacks have come */
        assert_int_equal(rc, wx_one(&told).code == CZ_OK ? CZ_NOT_FOUND : CZ_OK);
        assert_true(told.got[0].code == CZ_OK || told.got[0].code == CZ_CANCELLED);
        assert_int_equal(atomic_load(&g->watches.count), 0);
    }
    fx_close(g);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_awaits_is_suspended_and_goes_on),
        cmocka_unit_test(a_task_that_is_cancelled_gives_its_watch_up),
        cmocka_unit_test(an_await_ends_after_its_milliseconds),
        cmocka_unit_test(an_await_ends_with_its_deadline),
        cmocka_unit_test(a_task_that_holds_a_guard_may_await_something_else),
        cmocka_unit_test(an_awaited_height_wakes_a_task),
        cmocka_unit_test(an_await_that_is_refused_waits_for_nothing),
        cmocka_unit_test(a_thread_that_awaits_blocks_until_it_is_true),
        cmocka_unit_test(a_context_that_is_cancelled_awaits_no_longer),
        cmocka_unit_test(giving_up_races_with_coming_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
