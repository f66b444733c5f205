/* test_task_faults.c - tasks where something is short or breaks: the backlog, memory, the disk.
 */
#include "task_fixture.h"

#include "platform/simulated.h"

/* ---- The backlog ----------------------------------------------------------------------------
 */

enum { BACKLOG = 256 }; /* of fx_open_driven */

static int work_submit_many(struct job *j, cz_error *err)
{
    enum { COUNT = BACKLOG + 40 };
    static uint8_t bytes[COUNT][CZI_TRANSFER_SIZE_MAX];
    static cz_submission run[COUNT];
    cz_id origin = fx_id("origin"), x = fx_id("x"), y = fx_id("y");
    uint64_t ticket;
    size_t accepted = 0;

    for (unsigned i = 0; i < COUNT; i++)
        run[i] = (cz_submission){bytes[i], czi_transfer_encode(bytes[i], &origin, i + 1,
                                                               CZ_NORMAL, &x, &y, 1)};
    j->rc = cz_submit_batch(j->w->g, run, COUNT, NULL, NULL, &ticket, &accepted, err);
    assert_int_equal(accepted, j->rc ? accepted : COUNT);
    note(j->w, 'S');
    return j->rc;
}

static int work_hold_for_a_while(struct job *j, cz_error *err)
{
    cz_claim x = fx_claim("x", CZ_WRITE);

    assert_ok(cz_acquire(j->w->g, &x, CZ_FOREVER, &j->guard, err), *err);
    for (unsigned i = 0; i < 20; i++)
        cz_task_yield();
    note(j->w, 'H');
    return CZ_OK;
}

/* All of the backlog waits for a guard that another task of the same thread holds. */
static void a_task_that_waits_for_room_lets_others_make_it(void **state)
{
    struct world *w = world();
    struct job holds = {.letter = 'h', .work = work_hold_for_a_while},
               submits = {.letter = 's', .work = work_submit_many};

    (void)state;
    fx_cash(w->g, "x", 1000);
    fx_cash(w->g, "y", 0);
    job_start(&holds, w, NULL, CZ_NORMAL);
    job_start(&submits, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_string_equal(w->log, "hsHS");
    assert_int_equal(submits.rc, CZ_OK);
    assert_quantity(w->g, "y", BACKLOG + 40);
    world_end(w);
}

static void a_task_that_waits_for_room_can_be_cancelled(void **state)
{
    struct world *w = world();
    struct job submits = {.letter = 's', .work = work_submit_many};
    struct holder h;

    (void)state;
    fx_cash(w->g, "x", 1000);
    fx_cash(w->g, "y", 0);
    h = hold(w, "x", CZ_WRITE);
    job_start(&submits, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_state(w, submits.task, CZ_TASK_WAITING);
    cancel(w, submits.task);
    run_all(w);
    assert_int_equal(join(w, submits.task).state, CZ_TASK_CANCELLED);
    let_go(&h);
    run_all(w);
    world_end(w);
}

static int work_commit(struct job *j, cz_error *err)
{
    cz_contents c;
    cz_guard guard;
    int rc = cz_task_guard(0, &guard, err);

    if (!rc)
        rc = cz_guard_contents(&guard, &c, err);
    if (rc)
        return rc;
    c.data = (const uint8_t *)"done";
    c.data_len = 4;
    rc = cz_guard_update(&guard, &c, err);
    if (!rc)
        rc = cz_guard_commit(&guard, NULL, err);
    j->rc = rc;
    return rc;
}

static void more_tasks_commit_than_the_engine_has_room_for(void **state)
{
    enum { COUNT = CZI_COMMITS_MAX + BACKLOG + 50 };
    struct world *w = world();
    static struct job jobs[COUNT];
    char label[16], needs[20];

    (void)state;
    memset(jobs, 0, sizeof jobs);
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(label, sizeof label, "r%u", i);
        fx_data(w->g, label);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(needs, sizeof needs, "r%u w", i);
        jobs[i] = (struct job){.letter = 'c', .work = work_commit};
        job_start(&jobs[i], w, needs, CZ_NORMAL);
    }
    turns(w, COUNT); /* all before the engine does anything */
    assert_int_equal(stats(w).waiting, COUNT);
    run_all(w);
    assert_int_equal(stats(w).completed, COUNT);
    assert_int_equal(fx_stats(w->g).commits, COUNT);
    world_end(w);
}

/* ---- Waiting for the engine in a task -------------------------------------------------------
 */

static int work_ask(struct job *j, cz_error *err)
{
    cz_effect *e = fx_write("origin", 1, "a", "asked");
    cz_id id = fx_id("a");
    cz_resource r;
    cz_result result;

    assert_ok(cz_perform(j->w->g, e, &result, err), *err);
    cz_effect_free(e);
    assert_ok(cz_flush(j->w->g, err), *err);
    assert_ok(cz_resource_get(j->w->g, &id, &r, err), *err);
    assert_int_equal(r.data_len, 5);
    j->rc = (int)result.status;
    return CZ_OK;
}

/* The effect waits for the guard of another task. */
static void a_task_may_ask_everything_that_a_thread_may(void **state)
{
    struct world *w = world();
    struct job holds = {.letter = 'h', .work = work_hold_for_a_while},
               asks = {.letter = 'a', .work = work_ask};

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "x");
    job_start(&holds, w, "a w", CZ_NORMAL);
    job_start(&asks, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, asks.task).state, CZ_TASK_COMPLETED);
    assert_int_equal(asks.rc, CZ_STATUS_APPLIED);
    assert_string_equal(w->log, "haH");
    world_end(w);
}

static int work_perform_on_ones_own(struct job *j, cz_error *err)
{
    cz_effect *e = fx_write("origin", 1, "a", "never");
    cz_result result;

    j->rc = cz_perform(j->w->g, e, &result, err);
    cz_effect_free(e);
    return j->rc;
}

static void waiting_for_an_effect_that_waits_for_oneself_is_refused(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_perform_on_ones_own};

    (void)state;
    fx_data(w->g, "a");
    job_start(&j, w, "a r", CZ_NORMAL);
    assert_int_equal(join(w, j.task).code, CZ_DEADLOCK);
    run_all(w);
    fx_assert_data(w->g, "a", "never"); /* it stayed submitted */
    world_end(w);
}

static int work_wait_briefly(struct job *j, cz_error *err)
{
    const uint64_t *ticket = j->arg;
    cz_claim x = fx_claim("x", CZ_READ);
    uint64_t start = j->w->g->manager.now;
    cz_result r;

    assert_int_equal(cz_wait(j->w->g, *ticket, 3, &r, err), CZ_TIMEOUT);
    assert_int_equal(j->w->g->manager.now - start, 3000000);
    assert_int_equal(cz_acquire(j->w->g, &x, 4, &j->guard, err), CZ_TIMEOUT);
    assert_int_equal(j->w->g->manager.now - start, 7000000);
    return CZ_OK;
}

static void what_a_task_waits_for_has_a_deadline(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_wait_briefly};
    uint64_t ticket;
    struct holder h;

    (void)state;
    fx_data(w->g, "x");
    h = hold(w, "x", CZ_WRITE);
    ticket = fx_submit(w->g, fx_write("o", 1, "x", "text"));
    j.arg = &ticket;
    job_start(&j, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    let_go(&h);
    world_end(w);
}

/* ---- The disk -------------------------------------------------------------------------------
 */

static int work_join_arg(struct job *j, cz_error *err)
{
    const struct job *other = j->arg;

    j->rc = cz_task_join(j->w->s, other->task, CZ_FOREVER, NULL, err);
    return j->rc;
}

static int work_wait_for_x(struct job *j, cz_error *err)
{
    cz_claim x = fx_claim("x", CZ_WRITE);

    j->rc = cz_acquire(j->w->g, &x, CZ_FOREVER, &j->guard, err);
    return j->rc;
}

/* Takes its time afterwards. */
static int work_linger(struct job *j, cz_error *err)
{
    int rc = work_wait_for_x(j, err);

    for (unsigned i = 0; i < 9; i++)
        cz_task_yield();
    return rc;
}

static int work_wait_for_ticket(struct job *j, cz_error *err)
{
    const uint64_t *ticket = j->arg;
    cz_result r;

    j->rc = cz_wait(j->w->g, *ticket, CZ_FOREVER, &r, err);
    return j->rc;
}

/* Queued, promoted, waiting for a guard, a result, an end, a commit: all end. */
static void an_engine_that_stops_ends_what_every_task_waits_for(void **state)
{
    struct czi_fs *fs;
    struct world *w;
    struct job queued = {.letter = 'q'}, promoted = {.letter = 'p'},
               waits = {.letter = 'w', .work = work_linger},
               joins = {.letter = 'j', .work = work_join_arg, .arg = &waits},
               asks = {.letter = 'a', .work = work_wait_for_ticket},
               commits = {.letter = 'c', .work = work_commit};
    struct job *all[] = {&queued, &promoted, &waits, &joins, &asks, &commits};
    uint64_t ticket, task;
    struct holder h;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    w = world_on(fx_open_driven_with(fs, &(cz_options){.batch_max = 64, .backlog_max = 256}),
                 NULL);
    fx_data(w->g, "x");
    fx_data(w->g, "y");
    h = hold(w, "x", CZ_WRITE);
    ticket = fx_submit(w->g, fx_write("o", 1, "x", "text"));
    asks.arg = &ticket;
    job_start(&promoted, w, "x w", CZ_LOW);
    w->s->queues[CZ_LOW].passed = CZI_AGEING_ADMISSIONS - 1;
    job_start(&commits, w, "y w", CZ_NORMAL);
    assert_true(get(w, promoted.task).promoted);
    job_start(&queued, w, "x r", CZ_NORMAL);
    job_start(&waits, w, NULL, CZ_NORMAL);
    job_start(&joins, w, NULL, CZ_NORMAL);
    job_start(&asks, w, NULL, CZ_NORMAL);
    czi_sim_arm(fs, &(struct czi_sim_fault){.power_off = true});
    run_all(w);
    assert_int_equal(stats(w).failed, CZI_COUNTOF(all));
    for (unsigned i = 0; i < CZI_COUNTOF(all); i++)
        assert_int_equal(join(w, all[i]->task).code, CZ_CLOSED);
    assert_int_equal(joins.rc, CZ_CLOSED);
    assert_int_equal(cz_task_spawn(w->s, &(cz_task_spec){.fn = job_main}, &task, &err),
                     CZ_CLOSED);
    let_go(&h);
    assert_ok(cz_scheduler_close(w->s, &err), err);
    assert_int_equal(cz_close(w->g, &err), CZ_IO);
    fs->ops->free(fs);
    free(w);
}

/* ---- Memory ---------------------------------------------------------------------------------
 */

/* What may be returned where memory ends somewhere: the engine may have stopped for it. */
static bool may_be(int rc)
{
    return rc == CZ_OK || rc == CZ_NOMEM || rc == CZ_CLOSED || rc == CZ_CANCELLED ||
           rc == CZ_DEADLOCK || rc == CZ_TIMEOUT || rc == CZ_BUSY;
}

static int work_sweep_child(void *arg, cz_error *err)
{
    struct job *j = arg;
    cz_claim x = fx_claim("x", CZ_READ);
    cz_guard guard = {0};
    int rc = cz_acquire(j->w->g, &x, 1, &guard, err);

    return rc ? rc : cz_release(&guard, err);
}

static int work_sweep(void *arg, cz_error *err)
{
    struct job *j = arg;
    uint64_t child = 0;
    int rc = work_commit(j, err);

    if (!rc)
        rc = cz_task_spawn(j->w->s,
                           &(cz_task_spec){.fn = work_sweep_child, .arg = j, .name = "child"},
                           &child, err);
    return rc ? rc : cz_task_join(j->w->s, child, CZ_FOREVER, NULL, err);
}

/* Tasks of all kinds; each that could be spawned ends. */
static void sweep_tasks(struct world *w, struct holder *h)
{
    static struct job jobs[12];
    cz_error err = {0};
    uint64_t tasks[12];
    unsigned n = 0;

    memset(jobs, 0, sizeof jobs);
    for (unsigned i = 0; i < CZI_COUNTOF(jobs); i++) {
        cz_task_spec spec = {.fn = work_sweep, .arg = &jobs[i], .needs = jobs[i].needs};

        jobs[i].w = w;
        spec.need_count = job_needs(&jobs[i], i % 3 ? "y w" : "x w, y r, y w");
        spec.timeout_ms = i == 6 ? 1 : 0;
        if (i == 9)
            w->s->queues[0].passed = CZI_AGEING_ADMISSIONS;
        if (cz_task_spawn(w->s, &spec, &tasks[n], &err) == CZ_OK)
            n++;
        else
            assert_int_equal(err.code, CZ_NOMEM);
        check_world(w);
    }
    run_all(w);
    if (n > 0)
        cancel(w, tasks[n / 2]);
    let_go(h);
    for (unsigned i = 0; i < n; i++) {
        cz_task_report r;

        assert_true(may_be(cz_task_join(w->s, tasks[i], CZ_FOREVER, &r, &err)));
        check_world(w);
    }
}

static void memory_may_end_at_any_allocation(void **state)
{
    unsigned long step = test_env("CAUSALITY_SWEEP_STEP", 1);
    bool failed = true;
    int64_t i = 0;

    (void)state;
    for (; failed; i += (int64_t)step) {
        struct world *w = calloc(1, sizeof *w);
        cz_error err = {0};
        struct holder h;
        int rc;

        w->g = fx_open_driven();
        fx_data(w->g, "x");
        fx_data(w->g, "y");
        h = hold(w, "x", CZ_WRITE);
        czi_alloc_fail_after(i);
        rc = cz_scheduler_new(w->g, &(cz_scheduler_options){.stacks_max = 2}, &w->s, &err);
        if (rc)
            assert_int_equal(rc, CZ_NOMEM);
        else
            sweep_tasks(w, &h);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        if (rc)
            let_go(&h);
        assert_ok(rc ? CZ_OK : cz_scheduler_close(w->s, &err), err);
        assert_int_equal(fx_stats(w->g).guards, 0);
        rc = cz_close(w->g, &err);
        assert_true(rc == CZ_OK || rc == CZ_NOMEM);
        free(w);
    }
    assert_true(i > 60);
}

/* From now on the next hold beyond those that are given back has no memory. */
static void no_holds_left(const struct world *w)
{
    struct czi_pool *holds = &w->g->step.core.parking.locks.holds;

    holds->free = NULL;
    holds->fresh = 0;
    czi_alloc_fail_after(0);
}

static void a_task_without_memory_for_its_guards_fails_and_others_go_on(void **state)
{
    struct world *w = world();
    struct job both = {.letter = 'b'}, one = {.letter = '1'};
    cz_task_report r;
    struct holder h;

    (void)state;
    fx_data(w->g, "x");
    fx_data(w->g, "y");
    h = hold(w, "x", CZ_WRITE);
    job_start_with(&both, w, "x w, y w", (cz_task_spec){.timeout_ms = 5});
    job_start(&one, w, "x w", CZ_NORMAL);
    no_holds_left(w);
    let_go(&h);
    assert_true(czi_alloc_failed());
    check_world(w);
    r = join(w, both.task);
    assert_int_equal(r.state, CZ_TASK_FAILED);
    assert_int_equal(r.code, CZ_NOMEM);
    assert_int_equal(join(w, one.task).state, CZ_TASK_COMPLETED);
    assert_string_equal(w->log, "1");
    check_world(w);
    world_end(w);
}

/* What happens first is a cancellation, whose detail takes memory too. */
static void a_promotion_without_memory_for_its_request_fails_the_task(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'}, other = {.letter = 'o'};
    struct holder h;

    (void)state;
    fx_data(w->g, "x");
    fx_data(w->g, "y");
    h = hold(w, "x", CZ_WRITE);
    job_start(&j, w, "x w, y w", CZ_NORMAL);
    job_start(&other, w, "x r", CZ_LOW);
    w->s->queues[CZ_NORMAL].passed = CZI_AGEING_ADMISSIONS;
    no_holds_left(w);
    czi_alloc_fail_after(1);
    cancel(w, other.task);
    assert_true(czi_alloc_failed());
    check_world(w);
    let_go(&h);
    assert_int_equal(join(w, j.task).code, CZ_NOMEM);
    assert_true(is_free(w, "x", CZ_WRITE) && is_free(w, "y", CZ_WRITE));
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_task_that_waits_for_room_lets_others_make_it),
        cmocka_unit_test(a_task_that_waits_for_room_can_be_cancelled),
        cmocka_unit_test(more_tasks_commit_than_the_engine_has_room_for),
        cmocka_unit_test(a_task_may_ask_everything_that_a_thread_may),
        cmocka_unit_test(waiting_for_an_effect_that_waits_for_oneself_is_refused),
        cmocka_unit_test(what_a_task_waits_for_has_a_deadline),
        cmocka_unit_test(an_engine_that_stops_ends_what_every_task_waits_for),
        cmocka_unit_test(a_task_without_memory_for_its_guards_fails_and_others_go_on),
        cmocka_unit_test(a_promotion_without_memory_for_its_request_fails_the_task),
        cmocka_unit_test(memory_may_end_at_any_allocation),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
