/* test_guard_stop.c - guards and the disk: what is shown is on it (R15), and when it fails
 * nobody waits any longer. */
#include "guard_fixture.h"
#include "held_fs.h"

static cz_engine *open_on(struct held_fs *h, unsigned threads)
{
    struct czi_ledger_options store = {.fs = &h->base,
                                       .memory_index = true,
                                       .segment_size_max = UINT64_MAX};
    cz_options o = {.threads = threads, .batch_max = 8, .backlog_max = 64};
    cz_engine *g = NULL;
    cz_error err = {0};

    held_init(h);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_store(&store, &o, &g, &err), err);
    return g;
}

/* ---- On disk before anybody sees it -------------------------------------------------------
 */

struct look {
    _Atomic bool done;
    char seen[64];
    cz_result result;
    cz_id id;
    uint64_t ticket;
};

static int look_at_x(struct fx_thread *t)
{
    struct look *l = t->arg;
    cz_claim claim = fx_claim("x", CZ_READ);
    cz_guard guard = {0};
    cz_contents c;
    int rc = cz_acquire(t->engine, &claim, 0, &guard, &t->err); /* waits for no disk */

    if (!rc)
        rc = cz_guard_contents(&guard, &c, &t->err);
    if (!rc)
        (void)snprintf(l->seen, sizeof l->seen, "%.*s v%llu", (int)c.data_len,
                       (const char *)c.data, (unsigned long long)c.version);
    l->done = true;
    return cz_release(&guard, NULL) ? CZ_INVALID : rc;
}

static void until_somebody_waits_for_the_disk(cz_engine *g, uint32_t count)
{
    while (atomic_load(&g->manager.ack_waiting) != count)
        sched_yield();
}

static void a_guard_shows_nothing_that_is_not_on_disk(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct held_fs h;
        cz_engine *g = open_on(&h, threads);
        struct look look = {0};
        struct fx_thread t = {.engine = g, .work = look_at_x, .arg = &look};
        uint64_t ticket;

        fx_data(g, "x");
        held_hold(&h);
        ticket = fx_submit(g, fx_write("o", 1, "x", "not yet"));
        held_until_asleep(&h);
        fx_start(&t);
        until_somebody_waits_for_the_disk(g, 1);
        assert_false(look.done);
        held_let_go(&h, false);
        assert_int_equal(fx_join(&t), CZ_OK);
        assert_string_equal(look.seen, "not yet v2");
        assert_int_equal(fx_wait(g, ticket).status, CZ_STATUS_APPLIED);
        fx_close(g);
        held_done(&h);
    }
}

static int commit_claimed(struct fx_thread *t)
{
    struct look *l = t->arg;
    cz_guard guard = {0};
    int rc = cz_acquire(t->engine, &t->claim, CZ_FOREVER, &guard, &t->err);

    if (rc)
        return CZ_INVALID;
    fx_update_data(&guard, "committed");
    rc = cz_guard_commit(&guard, &l->result, &t->err);
    l->done = true;
    if (rc) { /* then the guard is held still */
        assert_int_not_equal(guard.engine, 0);
        assert_int_equal(cz_release(&guard, NULL), CZ_OK);
    }
    return rc;
}

static int register_y(struct fx_thread *t)
{
    struct look *l = t->arg;
    cz_creation c = fx_creation("y", CZ_DATA, NULL, 0);
    int rc = cz_register(t->engine, &c, &l->id, &t->err);

    l->done = true;
    return rc;
}

static int create_y(struct fx_thread *t)
{
    struct look *l = t->arg;
    cz_creation c = fx_creation("y", CZ_DATA, NULL, 0);
    int rc = cz_create(t->engine, &c, &l->id, &t->err);

    l->done = true;
    return rc;
}

/* The guard is held until then: who comes next sees what is on disk, too. */
static void commits_and_creations_wait_for_the_disk(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct held_fs h;
        cz_engine *g = open_on(&h, threads);
        struct look looks[4] = {0};
        struct fx_thread first = {.engine = g,
                                  .claim = fx_claim("x", CZ_WRITE),
                                  .work = commit_claimed,
                                  .arg = &looks[0]},
                         second = {.engine = g, .work = register_y, .arg = &looks[1]},
                         third = {.engine = g, .work = register_y, .arg = &looks[2]},
                         fourth = {.engine = g, .work = create_y, .arg = &looks[3]};
        cz_claim claim = fx_claim("x", CZ_READ);
        cz_guard none;
        cz_error err = {0};

        fx_data(g, "x");
        held_hold(&h);
        fx_start(&second);
        held_until_asleep(&h); /* y is there, and not on disk */
        fx_start(&third);
        fx_start(&fourth);
        until_somebody_waits_for_the_disk(g, 2);
        fx_start(&first);
        while (fx_stats(g).guards == 0)
            sched_yield();
        assert_int_equal(cz_try_acquire(g, &claim, &none, &err), CZ_BUSY);
        for (unsigned i = 0; i < 4; i++)
            assert_false(looks[i].done);
        held_let_go(&h, false);
        assert_int_equal(fx_join(&first), CZ_OK);
        assert_int_equal(fx_join(&second), CZ_OK);
        assert_int_equal(fx_join(&third), CZ_OK);
        assert_int_equal(fx_join(&fourth), CZ_CONFLICT);
        fx_close(g);
        held_done(&h);
    }
}

/* ---- When the disk fails ------------------------------------------------------------------
 */

static int acquire_both(struct fx_thread *t)
{
    cz_claim claims[] = {fx_claim("held", CZ_WRITE), fx_claim("also", CZ_READ)};
    cz_guard guards[2];

    return cz_acquire_many(t->engine, claims, 2, CZ_FOREVER, guards, &t->err);
}

static int wait_for_ticket(struct fx_thread *t)
{
    struct look *l = t->arg;

    return cz_wait(t->engine, l->ticket, CZ_FOREVER, &l->result, &t->err);
}

static int flush(struct fx_thread *t)
{
    return cz_flush(t->engine, &t->err);
}

static int perform_on(struct fx_thread *t, const char *label)
{
    cz_effect *e = fx_write(label, 77, label, "performed");
    int rc = cz_perform(t->engine, e, NULL, &t->err);

    cz_effect_free(e);
    return rc;
}

static int perform_on_held(struct fx_thread *t)
{
    return perform_on(t, "held");
}

static int perform_on_free(struct fx_thread *t)
{
    return perform_on(t, "free");
}

static int acquire_for_long(struct fx_thread *t)
{
    return cz_acquire(t->engine, &(cz_claim){fx_id("held"), CZ_READ, 0}, 1000000, &t->guard,
                      &t->err);
}

static void count_unknown(void *arg, const cz_result *r)
{
    *(unsigned *)arg += r->status == CZ_STATUS_UNKNOWN;
}

/* Those that wait for a guard or for an effect behind one, and those that wait for the disk. */
static int (*const waiters[])(struct fx_thread *t) = {fx_thread_acquire, acquire_both,
                                                      wait_for_ticket,   perform_on_held,
                                                      acquire_for_long,  look_at_x,
                                                      commit_claimed,    flush,
                                                      perform_on_free,   wait_for_ticket};
enum { WAITERS = CZI_COUNTOF(waiters), FOR_GUARDS = 5 };

static void until_submitted(cz_engine *g, uint64_t count)
{
    uint64_t n;

    do {
        sched_yield();
        czi_mutex_lock(g->lock);
        n = g->next_ticket - 1;
        czi_mutex_unlock(g->lock);
    } while (n != count);
}

static void assert_stopped(cz_engine *g, cz_guard *guard)
{
    cz_claim claim = fx_claim("free", CZ_WRITE);
    cz_effect *e = fx_write("o", 1, "held", "x");
    cz_guard none;
    cz_result r;
    cz_error err = {0};

    assert_int_equal(cz_acquire(g, &claim, CZ_FOREVER, &none, &err), CZ_CLOSED);
    assert_non_null(strstr(err.detail, "the disk is gone")); /* with the reason */
    assert_int_equal(cz_try_acquire(g, &claim, &none, &err), CZ_CLOSED);
    assert_int_equal(cz_acquire_many(g, &claim, 1, 0, &none, &err), CZ_CLOSED);
    assert_int_equal(cz_perform(g, e, &r, &err), CZ_CLOSED);
    assert_non_null(strstr(err.detail, "the disk is gone"));
    assert_int_equal(cz_guards_apply(guard, 1, e, &r, &err), CZ_CLOSED);
    assert_int_equal(cz_flush(g, &err), CZ_CLOSED);
    cz_effect_free(e);
}

static void when_the_disk_fails_nobody_waits_any_longer(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct held_fs h;
        cz_engine *g = open_on(&h, threads);
        struct fx_thread t[WAITERS];
        struct look looks[WAITERS] = {0};
        unsigned unknown = 0;
        cz_guard guard;
        cz_effect *e;
        cz_error err = {0};

        fx_data(g, "held");
        fx_data(g, "x");
        fx_data(g, "free");
        fx_data(g, "mine");
        fx_data(g, "also");
        guard = fx_acquire(g, "held", CZ_WRITE);
        fx_update_data(&guard, "never");
        looks[2].ticket = fx_submit(g, fx_write("p", 1, "held", "waits"));
        e = fx_write("q", 1, "held", "waits");
        assert_ok(cz_submit_effect(g, e, count_unknown, &unknown, NULL, &err), err);
        cz_effect_free(e);
        for (unsigned i = 0; i < WAITERS; i++) {
            t[i] = (struct fx_thread){.engine = g,
                                      .claim = fx_claim("held", CZ_READ),
                                      .timeout_ms = CZ_FOREVER,
                                      .work = waiters[i],
                                      .arg = &looks[i]};
            if (waiters[i] == commit_claimed)
                t[i].claim = fx_claim("mine", CZ_WRITE);
            if (i == FOR_GUARDS) {
                fx_until_waiting(g, FOR_GUARDS);
                held_hold(&h);
                looks[9].ticket = fx_submit(g, fx_write("r", 1, "x", "never on disk"));
                held_until_asleep(&h);
            }
            fx_start(&t[i]);
            if (i == FOR_GUARDS)
                until_somebody_waits_for_the_disk(g, 1);
        }
        until_submitted(g, 5 + 3 + 3); /* creations, and what waits for guards and the disk */
        held_let_go(&h, true);
        for (unsigned i = 0; i < WAITERS; i++)
            if (fx_join(&t[i]) != CZ_CLOSED)
                fail_msg("waiter %u: %s: %s", i, cz_code_name(t[i].rc), t[i].err.detail);
        assert_int_equal(fx_stats(g).waiting, 0);
        assert_memory_equal(fx_contents(&guard).data, "never", 5); /* it is held as before */
        assert_int_equal(cz_guard_commit(&guard, NULL, &err), CZ_CLOSED);
        fx_update_data(&guard, "new");
        assert_stopped(g, &guard);
        fx_release(&guard);
        assert_int_equal(cz_close(g, &err), CZ_IO);
        assert_non_null(strstr(err.detail, "the disk is gone"));
        assert_int_equal(unknown, 1);
        held_done(&h);
    }
}

/* ---- When a context is cancelled
 * -------------------------------------------------------------
 */

static int submit_many(struct fx_thread *t)
{
    static cz_submission all[200];
    cz_effect *e = fx_write("batch", 1, "x", "again and again");
    uint64_t ticket;
    size_t accepted, len;
    const uint8_t *bytes;
    int rc = cz_effect_encode(e, &bytes, &len, &t->err);

    for (unsigned i = 0; i < 200; i++)
        all[i] = (cz_submission){bytes, len};
    if (!rc)
        rc = cz_submit_batch(t->engine, all, 200, NULL, NULL, &ticket, &accepted, &t->err);
    cz_effect_free(e);
    return rc;
}

static int get_x(struct fx_thread *t)
{
    cz_id id = fx_id("x");
    cz_resource r;

    return cz_resource_get(t->engine, &id, &r, &t->err);
}

static void whoever_waits_for_the_disk_can_be_cancelled(void **state)
{
    static int (*const works[])(struct fx_thread *t) = {wait_for_ticket, flush, look_at_x,
                                                        perform_on_free, get_x, submit_many};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(works); i++) {
        struct held_fs h;
        cz_engine *g = open_on(&h, 2);
        struct look look = {0};
        struct fx_thread t = {.engine = g, .work = works[i], .arg = &look};
        cz_error err = {0};

        fx_data(g, "x");
        fx_data(g, "free");
        held_hold(&h);
        look.ticket = fx_submit(g, fx_write("o", 1, "x", "not yet"));
        held_until_asleep(&h);
        assert_ok(cz_context_new(g, "c", &t.context, &err), err);
        fx_start(&t);
        cz_context_cancel(t.context); /* before it waits, or while it does */
        if (fx_join(&t) != CZ_CANCELLED)
            fail_msg("%u: %s: %s", i, cz_code_name(t.rc), t.err.detail);
        held_let_go(&h, false);
        assert_int_equal(fx_wait(g, look.ticket).status, CZ_STATUS_APPLIED);
        assert_ok(cz_context_end(t.context, &err), err);
        fx_close(g);
        held_done(&h);
    }
}

/* ---- At every operation of the disk -------------------------------------------------------
 */

static void fine_or_closed(int rc, const cz_error *err, bool *closed)
{
    if (rc && rc != CZ_CLOSED)
        fail_msg("%s: %s", cz_code_name(rc), err->detail);
    if (*closed)
        assert_int_equal(rc, CZ_CLOSED);
    *closed = rc != CZ_OK;
}

/* What threads do, one after the other on an engine without threads. */
static void work(cz_engine *g)
{
    cz_claim x = fx_claim("x", CZ_WRITE);
    cz_effect *e = fx_write("o", 1, "x", "waits"), *f = fx_write("o", 2, "x", "performed");
    cz_creation c = fx_creation("made", CZ_DATA, NULL, 0);
    cz_guard guard = {0};
    cz_contents contents;
    bool closed = false;
    uint64_t ticket = 0;
    cz_result r;
    cz_id id;
    cz_error err = {0};

    fine_or_closed(cz_acquire(g, &x, CZ_FOREVER, &guard, &err), &err, &closed);
    if (closed)
        goto out;
    fx_update_data(&guard, "committed");
    fine_or_closed(cz_submit_effect(g, e, NULL, NULL, &ticket, &err), &err, &closed);
    fine_or_closed(cz_create(g, &c, &id, &err), &err, &closed);
    fine_or_closed(cz_guard_commit(&guard, &r, &err), &err, &closed);
    fine_or_closed(cz_wait(g, ticket, CZ_FOREVER, &r, &err), &err, &closed);
    fine_or_closed(cz_perform(g, f, &r, &err), &err, &closed);
    if (closed) {
        assert_int_equal(cz_release(&guard, &err), CZ_OK);
        goto out;
    }
    fine_or_closed(cz_acquire(g, &x, CZ_FOREVER, &guard, &err), &err, &closed);
    if (!closed)
        fine_or_closed(cz_guard_contents(&guard, &contents, &err), &err, &closed);
    fine_or_closed(cz_flush(g, &err), &err, &closed);
out:
    cz_effect_free(e);
    cz_effect_free(f);
}

static void each_operation_of_the_disk_may_fail(void **state)
{
    bool fired = true;

    (void)state;
    for (uint64_t after = 0; fired; after++) {
        struct czi_sim_fault fault = {.after = after, .seed = after};
        struct czi_fs *fs;
        cz_engine *g;
        cz_error err = {0};
        int rc;

        assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
        assert_ok(czi_ledger_create(fs, &err), err);
        g = fx_open_driven_with(fs, &(cz_options){.batch_max = 4, .backlog_max = 16});
        fx_data(g, "x");
        czi_sim_arm(fs, &fault);
        work(g);
        fired = czi_sim_fired(fs);
        rc = cz_close(g, &err);
        if (!fired)
            assert_ok(rc, err);
        czi_sim_arm(fs, NULL);
        fs->ops->free(fs);
        assert_true(after < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_shows_nothing_that_is_not_on_disk),
        cmocka_unit_test(commits_and_creations_wait_for_the_disk),
        cmocka_unit_test(when_the_disk_fails_nobody_waits_any_longer),
        cmocka_unit_test(whoever_waits_for_the_disk_can_be_cancelled),
        cmocka_unit_test(each_operation_of_the_disk_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
