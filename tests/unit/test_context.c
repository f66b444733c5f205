/* test_context.c - whose guards these are: threads, contexts that threads enter, and every way
 * in which those end. */
#include "guard_fixture.h"

static cz_context *context(cz_engine *g, const char *name)
{
    cz_context *c = NULL;
    cz_error err = {0};

    assert_ok(cz_context_new(g, name, &c, &err), err);
    return c;
}

static void enter(cz_context *c)
{
    cz_error err = {0};

    assert_ok(cz_context_enter(c, &err), err);
}

static void end(cz_context *c)
{
    cz_error err = {0};

    assert_ok(cz_context_end(c, &err), err);
}

static const char *owner_of(cz_engine *g, const char *label)
{
    static cz_wait_edge e;
    cz_id id = fx_id(label);
    size_t n;
    cz_error err = {0};

    assert_ok(cz_owner(g, &id, &e, 1, &n, &err), err);
    return n ? e.party.name : "nobody";
}

/* ---- Names --------------------------------------------------------------------------------
 */

static void a_name_has_1_to_63_bytes(void **state)
{
    char name[65];
    cz_engine *g = fx_open(1);
    cz_context *c = NULL;
    cz_error err = {0};

    (void)state;
    memset(name, 'n', sizeof name);
    name[64] = 0;
    assert_int_equal(cz_context_new(g, name, &c, &err), CZ_INVALID);
    assert_int_equal(cz_thread_name(g, name, &err), CZ_INVALID);
    assert_int_equal(cz_context_new(g, "", &c, &err), CZ_INVALID);
    assert_int_equal(cz_thread_name(g, "", &err), CZ_INVALID);
    assert_int_equal(cz_context_new(g, NULL, &c, &err), CZ_INVALID);
    assert_int_equal(cz_thread_name(g, NULL, &err), CZ_INVALID);
    assert_null(c);
    name[63] = 0;
    assert_ok(cz_thread_name(g, name, &err), err);
    c = context(g, name);
    fx_data(g, "x");
    enter(c);
    (void)fx_acquire(g, "x", CZ_WRITE);
    assert_string_equal(owner_of(g, "x"), name);
    end(c);
    fx_close(g);
}

static int tell_own_name(struct fx_thread *t)
{
    const cz_guard guard = fx_acquire(t->engine, t->arg, CZ_READ);
    cz_wait_edge e;
    size_t n;
    int rc = cz_context_guards(t->engine, &e, 1, &n, &t->err);

    (void)guard;
    if (rc)
        return rc;
    assert_int_equal(e.party.kind, CZ_PARTY_THREAD);
    if (!t->name) {
        char expected[64];

        (void)snprintf(expected, sizeof expected, "thread %llu",
                       (unsigned long long)e.party.id);
        assert_string_equal(e.party.name, expected);
    } else {
        assert_string_equal(e.party.name, t->name);
    }
    return CZ_OK;
}

static void a_thread_has_a_number_until_it_has_a_name(void **state)
{
    cz_engine *g = fx_open(1);
    struct fx_thread t = {.engine = g, .work = tell_own_name, .arg = (void *)"x"};

    (void)state;
    fx_data(g, "x");
    fx_start(&t);
    assert_int_equal(fx_join(&t), CZ_OK);
    t.name = "the second";
    fx_start(&t);
    assert_int_equal(fx_join(&t), CZ_OK);
    fx_close(g);
}

/* ---- Entering and leaving -----------------------------------------------------------------
 */

static void a_guard_belongs_to_the_context_that_the_thread_is_in(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *c = context(g, "c"), *d = context(g, "d");
    cz_guard mine, of_c;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    fx_data(g, "y");
    assert_ok(cz_thread_name(g, "main", &err), err);
    mine = fx_acquire(g, "x", CZ_WRITE);
    enter(c);
    of_c = fx_acquire(g, "y", CZ_WRITE);
    assert_string_equal(owner_of(g, "x"), "main");
    assert_string_equal(owner_of(g, "y"), "c");
    assert_int_equal(cz_release(&mine, &err), CZ_STALE);
    assert_int_equal(cz_context_enter(d, &err), CZ_BUSY); /* it is in c */
    assert_non_null(strstr(err.detail, "'c'"));
    cz_context_leave();
    assert_int_equal(cz_release(&of_c, &err), CZ_STALE);
    fx_release(&mine);
    cz_context_leave(); /* of none: nothing */
    enter(c);
    fx_release(&of_c);
    end(c); /* leaves it too */
    enter(d);
    end(d);
    assert_ok(cz_context_end(NULL, &err), err);
    fx_close(g);
}

static int try_to_enter(struct fx_thread *t)
{
    cz_context *c = t->arg;
    int rc = cz_context_enter(c, &t->err), ended = cz_context_end(c, &t->err);

    assert_int_equal(ended, CZ_BUSY);
    return rc;
}

static void one_thread_at_a_time_is_in_a_context(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *c = context(g, "c");
    struct fx_thread t = {.engine = g, .work = try_to_enter, .arg = c};

    (void)state;
    enter(c);
    fx_start(&t);
    assert_int_equal(fx_join(&t), CZ_BUSY);
    assert_non_null(strstr(t.err.detail, "'c'"));
    cz_context_leave();
    end(c);
    fx_close(g);
}

static int commit_for_another(struct fx_thread *t)
{
    return cz_guard_commit(t->arg, NULL, &t->err);
}

static void a_context_goes_on_in_another_thread(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *c = context(g, "c");
    cz_guard guard;
    struct fx_thread t = {.engine = g, .context = c, .work = commit_for_another, .arg = &guard};

    (void)state;
    fx_data(g, "x");
    enter(c);
    guard = fx_acquire(g, "x", CZ_WRITE);
    fx_update_data(&guard, "begun here");
    cz_context_leave();
    fx_start(&t);
    assert_int_equal(fx_join(&t), CZ_OK);
    fx_assert_data(g, "x", "begun here");
    end(c);
    fx_close(g);
}

static void for_another_engine_the_thread_acts_itself(void **state)
{
    cz_engine *g = fx_open(1), *h = fx_open(1);
    cz_context *c = context(g, "c");
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    fx_data(h, "x");
    assert_ok(cz_thread_name(h, "main", &err), err);
    enter(c);
    guard = fx_acquire(h, "x", CZ_WRITE);
    assert_string_equal(owner_of(h, "x"), "main");
    fx_release(&guard);
    cz_context_leave();
    end(c);
    fx_close(g);
    fx_close(h);
}

/* ---- Every way out ------------------------------------------------------------------------
 */

static void ending_a_context_releases_what_it_holds_uncommitted(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *c = context(g, "c");
    struct fx_thread waiter = {.engine = g,
                               .claim = fx_claim("x", CZ_WRITE),
                               .timeout_ms = CZ_FOREVER};
    cz_guard guard, copy;

    (void)state;
    fx_data(g, "x");
    fx_data(g, "y");
    enter(c);
    guard = copy = fx_acquire(g, "x", CZ_WRITE);
    fx_update_data(&guard, "never");
    (void)fx_acquire(g, "y", CZ_READ);
    cz_context_leave();
    fx_start(&waiter);
    fx_until_waiters(g, "x", 1);
    end(c);
    assert_int_equal(fx_join(&waiter), CZ_OK);
    assert_int_equal(fx_stats(g).guards, 0);
    assert_int_equal(fx_stats(g).aborts, 1);
    assert_int_equal(fx_stats(g).contexts, 1); /* the main thread's */
    assert_int_equal(cz_guard_contents(&copy, &(cz_contents){0}, NULL), CZ_STALE);
    fx_assert_data(g, "x", "new");
    fx_close(g);
}

/* The ways in which a thread ends that holds x with an update, and y. */
enum way { RETURNS, EXITS, IS_CANCELLED, IS_CANCELLED_IN_SCOPE, WAYS };

struct ending {
    cz_engine *engine;
    enum way way;
    cz_weak_guard weak;
    _Atomic int ready;
};

/* No call of the system: the thread sanitizer takes no leave of one in which a thread ends. */
static void wait_to_be_cancelled(void)
{
    for (;;) {
        pthread_testcancel();
        sched_yield();
    }
}

static void cancelled_in_scope(struct ending *e)
{
    cz_claim claim = fx_claim("z", CZ_WRITE);
    CZ_GUARD(guard);
    cz_error err = {0};

    assert_ok(cz_acquire(e->engine, &claim, CZ_FOREVER, &guard, &err), err);
    e->ready = 1;
    wait_to_be_cancelled();
}

static void *end_somehow(void *arg)
{
    struct ending *e = arg;
    cz_guard guard = fx_acquire(e->engine, "x", CZ_WRITE);

    fx_update_data(&guard, "never");
    (void)fx_acquire(e->engine, "y", CZ_READ);
    e->weak = cz_guard_weak(&guard);
    if (e->way == EXITS)
        pthread_exit(NULL);
    if (e->way == IS_CANCELLED) {
        e->ready = 1;
        wait_to_be_cancelled();
    }
    if (e->way == IS_CANCELLED_IN_SCOPE)
        cancelled_in_scope(e);
    return NULL;
}

static void when_a_thread_ends_its_guards_do(void **state)
{
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        cz_engine *g = fx_open(1);
        struct ending e = {.engine = g, .way = (enum way)way};
        uint64_t ticket;
        pthread_t t;

        fx_data(g, "x");
        fx_data(g, "y");
        fx_data(g, "z");
        assert_int_equal(pthread_create(&t, NULL, end_somehow, &e), 0);
        if (way >= IS_CANCELLED) {
            while (!e.ready)
                sched_yield();
            assert_true(cz_weak_alive(&e.weak));
            ticket = fx_submit(g, fx_write("o", 1, "x", "next"));
            fx_until_parked(g, 1);
            assert_int_equal(pthread_cancel(t), 0);
        } else {
            ticket = fx_submit(g, fx_write("o", 1, "x", "next"));
        }
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_false(cz_weak_alive(&e.weak));
        assert_int_equal(fx_wait(g, ticket).status, CZ_STATUS_APPLIED);
        assert_int_equal(fx_stats(g).guards, 0);
        assert_int_equal(fx_stats(g).aborts, 1);
        assert_int_equal(fx_stats(g).contexts, 1);
        fx_assert_data(g, "x", "next");
        fx_close(g);
    }
}

static void *wait_and_be_cancelled(void *arg)
{
    struct ending *e = arg;
    cz_claim claim = fx_claim("x", CZ_WRITE);
    CZ_GUARD(guard);
    cz_error err = {0};

    (void)fx_acquire(e->engine, "y", CZ_WRITE);
    e->ready = 1;
    assert_ok(cz_acquire(e->engine, &claim, CZ_FOREVER, &guard, &err), err);
    e->ready = 2;
    pthread_testcancel();
    e->ready = 3;
    return NULL;
}

/* It is cancelled once the library has given it what it waited for: inside nothing may end. */
static void a_thread_that_is_cancelled_while_it_waits_ends_afterwards(void **state)
{
    cz_engine *g = fx_open(1);
    struct ending e = {.engine = g};
    cz_guard guard;
    pthread_t t;

    (void)state;
    fx_data(g, "x");
    fx_data(g, "y");
    guard = fx_acquire(g, "x", CZ_WRITE);
    assert_int_equal(pthread_create(&t, NULL, wait_and_be_cancelled, &e), 0);
    fx_until_waiters(g, "x", 1);
    assert_int_equal(pthread_cancel(t), 0);
    fx_release(&guard);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(e.ready, 2);
    assert_int_equal(fx_stats(g).guards, 0);
    assert_int_equal(fx_stats(g).waiting, 0);
    assert_int_equal(fx_stats(g).contexts, 1);
    fx_close(g);
}

static void *wait_for_a_result_and_be_cancelled(void *arg)
{
    struct ending *e = arg;
    uint64_t ticket = fx_submit(e->engine, fx_write("o", 1, "x", "late"));

    e->ready = 1;
    (void)fx_wait(e->engine, ticket);
    pthread_testcancel();
    e->ready = 2;
    return NULL;
}

static void a_thread_that_is_cancelled_while_it_waits_for_a_result_ends_afterwards(void **state)
{
    cz_engine *g = fx_open(1);
    struct ending e = {.engine = g};
    cz_guard guard;
    pthread_t t;

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_WRITE);
    assert_int_equal(pthread_create(&t, NULL, wait_for_a_result_and_be_cancelled, &e), 0);
    fx_until_waiting(g, 1);
    assert_int_equal(pthread_cancel(t), 0);
    fx_release(&guard);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(e.ready, 1);
    assert_int_equal(fx_stats(g).contexts, 1);
    fx_assert_data(g, "x", "late");
    fx_close(g);
}

static void *enter_and_end(void *arg)
{
    cz_context *c = arg;

    enter(c);
    if (strcmp(c->name, "exits") == 0)
        pthread_exit(NULL);
    return NULL;
}

/* What it holds is the context's, not the thread's. */
static void a_thread_that_ends_in_a_context_leaves_it(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *c = context(g, "exits");
    cz_guard guard;
    pthread_t t;

    (void)state;
    fx_data(g, "x");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&t, NULL, enter_and_end, c), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        enter(c);
        guard = fx_acquire(g, "x", CZ_READ);
        cz_context_leave();
    }
    assert_int_equal(fx_stats(g).guards, 2);
    enter(c);
    fx_release(&guard);
    cz_context_leave();
    end(c);
    assert_int_equal(fx_stats(g).guards, 0);
    fx_close(g);
}

/* ---- Engines that end ---------------------------------------------------------------------
 */

static void a_context_keeps_its_engine_open(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *c = context(g, "c"), *d = context(g, "d");
    cz_guard guard;
    cz_weak_guard weak;

    (void)state;
    fx_data(g, "x");
    fx_close(g); /* c and d have it still */
    enter(c);
    guard = fx_acquire(g, "x", CZ_WRITE);
    weak = cz_guard_weak(&guard);
    fx_update_data(&guard, "still here");
    end(d);
    fx_commit(&guard);
    fx_assert_data(g, "x", "still here");
    guard = fx_acquire(g, "x", CZ_WRITE);
    weak = cz_guard_weak(&guard);
    assert_true(cz_weak_alive(&weak));
    end(c);
    assert_false(cz_weak_alive(&weak));
}

struct outliver {
    cz_engine *engine;
    _Atomic int stage;
};

static void *outlive(void *arg)
{
    struct outliver *o = arg;
    cz_guard guard = fx_acquire(o->engine, "x", CZ_WRITE);

    o->stage = 1;
    while (o->stage != 2)
        sched_yield();
    assert_int_equal(cz_release(&guard, NULL), CZ_STALE);
    o->engine = fx_open(1); /* finds that the first one is gone */
    fx_data(o->engine, "x");
    guard = fx_acquire(o->engine, "x", CZ_WRITE);
    fx_release(&guard);
    fx_close(o->engine);
    return NULL;
}

static void a_thread_may_outlive_the_engine(void **state)
{
    struct outliver o = {.engine = fx_open(1)};
    uint64_t ticket;
    pthread_t t;

    (void)state;
    fx_data(o.engine, "x");
    assert_int_equal(pthread_create(&t, NULL, outlive, &o), 0);
    while (o.stage != 1)
        sched_yield();
    ticket = fx_submit(o.engine, fx_write("o", 1, "x", "y")); /* waits; closing applies it */
    assert_true(ticket > 0);
    fx_close(o.engine);
    o.stage = 2;
    assert_int_equal(pthread_join(t, NULL), 0);
}

static void *acquire_and_end(void *arg)
{
    struct outliver *o = arg;

    (void)fx_acquire(o->engine, "x", CZ_READ);
    o->stage = 1;
    return NULL;
}

/* Whichever comes first. */
static void a_thread_may_end_while_the_engine_closes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct outliver o = {.engine = fx_open(1)};
        pthread_t t;

        fx_data(o.engine, "x");
        assert_int_equal(pthread_create(&t, NULL, acquire_and_end, &o), 0);
        while (o.stage != 1)
            sched_yield();
        fx_close(o.engine);
        assert_int_equal(pthread_join(t, NULL), 0);
    }
}

enum { CROWD = 12, ENGINES = 5 };

struct member {
    pthread_t id;
    cz_engine *const *engines;
    unsigned number;
};

static void *hold_in_all_engines(void *arg)
{
    const struct member *m = arg;

    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < ENGINES; i++) {
            cz_engine *g = m->engines[(i + m->number) % ENGINES];
            cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
            cz_contents c = fx_contents(&guard);
            uint8_t more[64] = {0};
            cz_error err = {0};

            memcpy(more, c.data, CZI_MIN(c.data_len, sizeof more));
            more[m->number]++;
            c.data = more;
            c.data_len = sizeof more;
            assert_ok(cz_guard_update(&guard, &c, &err), err);
            fx_commit(&guard);
        }
    for (unsigned i = 0; i < ENGINES; i++) /* with these it ends */
        (void)fx_acquire(m->engines[i], "y", CZ_READ);
    return NULL;
}

static void many_threads_hold_guards_in_several_engines(void **state)
{
    cz_engine *engines[ENGINES];
    struct member crowd[CROWD];

    (void)state;
    for (unsigned i = 0; i < ENGINES; i++) {
        engines[i] = fx_open(1 + i % 2);
        fx_data(engines[i], "x");
        fx_data(engines[i], "y");
    }
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = (struct member){.engines = engines, .number = 8 + i};
        assert_int_equal(pthread_create(&crowd[i].id, NULL, hold_in_all_engines, &crowd[i]), 0);
    }
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(pthread_join(crowd[i].id, NULL), 0);
    for (unsigned i = 0; i < ENGINES; i++) {
        cz_resource r = fx_get(engines[i], "x");

        assert_int_equal(r.version, 1 + 20 * CROWD);
        for (unsigned k = 0; k < CROWD; k++)
            assert_int_equal(r.data[8 + k], 20); /* no update was lost */
        assert_int_equal(fx_stats(engines[i]).guards, 0);
        assert_int_equal(fx_stats(engines[i]).contexts, 1);
        fx_close(engines[i]);
    }
}

static void at_most_1024_engines_are_open(void **state)
{
    static cz_engine *engines[CZI_ENGINES_MAX];
    cz_options o = {.threads = 1, .batch_max = 1, .backlog_max = 1};
    cz_engine *one_more = NULL;
    cz_error err = {0};

    (void)state;
    assert_int_equal(CZI_ENGINES_MAX, 1024);
    for (unsigned i = 0; i < CZI_ENGINES_MAX; i++)
        engines[i] = fx_open_driven_with(NULL, &o);
    assert_int_equal(cz_open(NULL, &o, &one_more, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "1024"));
    assert_null(one_more);
    fx_close(engines[77]);
    engines[77] = fx_open_driven_with(NULL, &o);
    for (unsigned i = 0; i < CZI_ENGINES_MAX; i += 101)
        fx_data(engines[i], "x"); /* in each of them one may work */
    for (unsigned i = 0; i < CZI_ENGINES_MAX; i++)
        fx_close(engines[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_1_to_63_bytes),
        cmocka_unit_test(a_thread_has_a_number_until_it_has_a_name),
        cmocka_unit_test(a_guard_belongs_to_the_context_that_the_thread_is_in),
        cmocka_unit_test(one_thread_at_a_time_is_in_a_context),
        cmocka_unit_test(a_context_goes_on_in_another_thread),
        cmocka_unit_test(for_another_engine_the_thread_acts_itself),
        cmocka_unit_test(ending_a_context_releases_what_it_holds_uncommitted),
        cmocka_unit_test(when_a_thread_ends_its_guards_do),
        cmocka_unit_test(a_thread_that_is_cancelled_while_it_waits_ends_afterwards),
        cmocka_unit_test(
            a_thread_that_is_cancelled_while_it_waits_for_a_result_ends_afterwards),
        cmocka_unit_test(a_thread_that_ends_in_a_context_leaves_it),
        cmocka_unit_test(a_context_keeps_its_engine_open),
        cmocka_unit_test(a_thread_may_outlive_the_engine),
        cmocka_unit_test(a_thread_may_end_while_the_engine_closes),
        cmocka_unit_test(many_threads_hold_guards_in_several_engines),
        cmocka_unit_test(at_most_1024_engines_are_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
