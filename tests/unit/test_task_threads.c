/* test_task_threads.c - tasks and threads beside each other: who spawns, joins, cancels, closes
 * and shares guards from outside, and many tasks at once; with CAUSALITY_TASK_FIGURES=1 the
 * figures of program/scheduler.h.
 *
 * A task must not jump out of its stack, as cmocka's assertions do; what it finds out is looked
 * at when it is over.
 */
#include "task_fixture.h"

#include <stdatomic.h>

static struct world *world_live_with(const cz_scheduler_options *o)
{
    return world_on(fx_open(2), o);
}

static int nothing(void *arg, cz_error *err)
{
    (void)arg;
    (void)err;
    return CZ_OK;
}

/* ---- Joining and deadlines ------------------------------------------------------------------
 */

static void a_thread_joins_what_another_one_makes_possible(void **state)
{
    struct world *w = world_live();
    struct job j = {.letter = 'j'};
    struct fx_thread t = {.engine = w->g,
                          .claim = {fx_id("a"), CZ_WRITE, 0},
                          .timeout_ms = CZ_FOREVER};
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_WRITE);
    job_start(&j, w, "a w", CZ_NORMAL);
    fx_start(&t);
    fx_until_waiters(w->g, "a", 1);
    fx_release(&guard);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    assert_int_equal(fx_join(&t), CZ_OK);
    world_end(w);
}

static int work_acquire_briefly(struct job *j, cz_error *err)
{
    cz_claim a = fx_claim("a", CZ_WRITE);

    return cz_acquire(j->w->g, &a, 2, &j->guard, err);
}

/* The scheduler's thread sleeps meanwhile. */
static void a_task_wakes_for_its_deadline(void **state)
{
    struct world *w = world_live();
    struct job waits = {.letter = 'w', .work = work_acquire_briefly}, queued = {.letter = 'q'};
    cz_error err = {0};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    job_start(&waits, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, waits.task).code, CZ_TIMEOUT);
    job_start_with(&queued, w, "a w", (cz_task_spec){.timeout_ms = 2});
    assert_int_equal(join(w, queued.task).code, CZ_TIMEOUT);
    job_start(&queued, w, "a w", CZ_NORMAL);
    assert_int_equal(cz_task_join(w->s, queued.task, 2, NULL, &err), CZ_TIMEOUT);
    let_go(&h);
    assert_int_equal(join(w, queued.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

struct joiner {
    struct world *w;
    uint64_t task;
    cz_task_report report;
};

static int join_it(struct fx_thread *t)
{
    struct joiner *j = t->arg;

    return cz_task_join(j->w->s, j->task, CZ_FOREVER, &j->report, &t->err);
}

static void closing_ends_a_task_that_another_thread_joins(void **state)
{
    struct world *w = world_live();
    cz_claim a = fx_claim("a", CZ_READ);
    struct job waits = {.letter = 'w', .work = work_acquire, .arg = &a};
    struct joiner j = {.w = w};
    struct fx_thread t = {.engine = w->g, .work = join_it, .arg = &j};
    cz_engine *g = cz_ref(w->g);
    cz_error err = {0};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    j.task = job_start(&waits, w, NULL, CZ_NORMAL);
    fx_until_waiting(w->g, 1);
    fx_start(&t);
    while (atomic_load(&w->s->joining) == 0)
        sched_yield();
    assert_ok(cz_scheduler_close(w->s, &err), err);
    assert_int_equal(fx_join(&t), CZ_OK);
    assert_int_equal(j.report.state, CZ_TASK_CANCELLED);
    let_go(&h);
    fx_close(g);
    fx_close(w->g);
    free(w);
}

/* The only stack is of a task that waits for this thread. */
static void joining_what_no_stack_will_be_left_for_is_refused(void **state)
{
    struct world *w = world_live_with(&(cz_scheduler_options){.stacks_max = 1});
    cz_claim a = fx_claim("a", CZ_WRITE);
    struct job waits = {.letter = 'w', .work = work_acquire, .arg = &a},
               queued = {.letter = 'q'};
    cz_error err = {0};
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_READ);
    job_start(&waits, w, NULL, CZ_NORMAL);
    fx_until_waiting(w->g, 1);
    job_start(&queued, w, NULL, CZ_NORMAL);
    assert_int_equal(cz_task_join(w->s, queued.task, CZ_FOREVER, NULL, &err), CZ_DEADLOCK);
    fx_release(&guard);
    assert_int_equal(join(w, queued.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static void a_context_that_joins_can_be_cancelled(void **state)
{
    struct world *w = world_live();
    cz_claim a = fx_claim("a", CZ_READ);
    struct job waits = {.letter = 'w', .work = work_acquire, .arg = &a};
    struct joiner j = {.w = w};
    struct fx_thread t = {.engine = w->g, .work = join_it, .arg = &j};
    cz_error err = {0};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    j.task = job_start(&waits, w, NULL, CZ_NORMAL);
    assert_ok(cz_context_new(w->g, "joins", &t.context, &err), err);
    fx_start(&t);
    while (atomic_load(&w->s->joining) == 0)
        sched_yield();
    cz_context_cancel(t.context);
    assert_int_equal(fx_join(&t), CZ_CANCELLED);
    assert_ok(cz_context_end(t.context, &err), err);
    let_go(&h);
    assert_int_equal(join(w, waits.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

/* ---- Many threads ---------------------------------------------------------------------------
 */

enum { THREADS = 4, EACH = 500 };

struct crowd {
    struct world *w;
    _Atomic unsigned ran;
    _Atomic unsigned inside; /* whoever has the guard */
    _Atomic unsigned crowded;
};

static int count_inside(void *arg, cz_error *err)
{
    struct crowd *c = arg;

    (void)err;
    atomic_fetch_add(&c->crowded, atomic_fetch_add(&c->inside, 1) != 0);
    cz_task_yield();
    atomic_fetch_sub(&c->inside, 1);
    atomic_fetch_add(&c->ran, 1);
    return CZ_OK;
}

/* Joins its own, and also cancels some, which then may or may not run. */
static int spawn_and_join(struct fx_thread *t)
{
    struct crowd *c = t->arg;
    cz_claim a = fx_claim("a", CZ_WRITE);
    cz_task_spec spec = {.fn = count_inside, .arg = c, .needs = &a, .need_count = 1};
    uint64_t tasks[EACH];
    unsigned completed = 0;
    int rc = CZ_OK;

    for (unsigned i = 0; i < EACH && !rc; i++) {
        spec.priority = (enum cz_priority)(i % 4);
        rc = cz_task_spawn(c->w->s, &spec, &tasks[i], &t->err);
        if (!rc && i % 5 == 4)
            rc = cz_task_cancel(c->w->s, tasks[i - 2], &t->err);
    }
    for (unsigned i = 0; i < EACH && !rc; i++) {
        cz_task_report r;

        rc = cz_task_join(c->w->s, tasks[i], CZ_FOREVER, &r, &t->err);
        if (!rc && r.state == CZ_TASK_COMPLETED)
            completed++;
        else if (!rc && (r.state != CZ_TASK_CANCELLED || i % 5 != 2))
            rc = czi_fail(&t->err, CZ_INVALID, "task %u is %s", i, cz_task_state_name(r.state));
    }
    t->timeout_ms = completed;
    return rc;
}

static void threads_spawn_join_and_cancel_at_the_same_time(void **state)
{
    struct world *w = world_live_with(&(cz_scheduler_options){.stacks_max = 7});
    struct crowd c = {.w = w};
    struct fx_thread threads[THREADS];
    uint64_t completed = 0;

    (void)state;
    fx_data(w->g, "a");
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = (struct fx_thread){.engine = w->g, .work = spawn_and_join, .arg = &c};
        fx_start(&threads[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_ok(fx_join(&threads[i]), threads[i].err);
        completed += threads[i].timeout_ms;
    }
    assert_int_equal(c.crowded, 0);
    assert_int_equal(c.ran, completed);
    assert_int_equal(stats(w).completed, completed);
    assert_int_equal(stats(w).completed + stats(w).cancelled, THREADS * EACH);
    assert_int_equal(stats(w).ended, 0);
    world_end(w);
}

/* ---- Tasks and threads at one resource ------------------------------------------------------
 */

static int add_one(const cz_guard *guard, cz_error *err)
{
    cz_contents c;
    uint64_t n;
    int rc = cz_guard_contents(guard, &c, err);

    if (rc)
        return rc;
    n = c.data_len == 8 ? czi_get_u64le(c.data) : 0;
    n++;
    c.data = (const uint8_t *)&n;
    c.data_len = 8;
    return cz_guard_update(guard, &c, err);
}

static int add_in_a_task(void *arg, cz_error *err)
{
    cz_guard guard;
    int rc = cz_task_guard(0, &guard, err);

    (void)arg;
    if (!rc)
        rc = add_one(&guard, err);
    return rc ? rc : cz_guard_commit(&guard, NULL, err);
}

static int add_in_a_thread(struct fx_thread *t)
{
    cz_claim a = fx_claim("a", CZ_WRITE);
    int rc = CZ_OK;

    for (unsigned i = 0; i < 100 && !rc; i++) {
        cz_guard guard = {0};

        rc = cz_acquire(t->engine, &a, CZ_FOREVER, &guard, &t->err);
        if (!rc)
            rc = add_one(&guard, &t->err);
        if (!rc)
            rc = cz_guard_commit(&guard, NULL, &t->err);
    }
    return rc;
}

static void tasks_and_threads_take_turns_at_one_resource(void **state)
{
    struct world *w = world_live();
    struct fx_thread threads[2];
    cz_claim a = fx_claim("a", CZ_WRITE);
    cz_task_spec spec = {.fn = add_in_a_task, .needs = &a, .need_count = 1};
    uint64_t tasks[100];
    cz_resource r;

    (void)state;
    fx_data(w->g, "a");
    for (unsigned i = 0; i < CZI_COUNTOF(threads); i++) {
        threads[i] = (struct fx_thread){.engine = w->g, .work = add_in_a_thread};
        fx_start(&threads[i]);
    }
    for (unsigned i = 0; i < CZI_COUNTOF(tasks); i++)
        tasks[i] = spawn(w, &spec);
    for (unsigned i = 0; i < CZI_COUNTOF(tasks); i++) {
        cz_task_report report = join(w, tasks[i]);

        assert_string_equal(report.detail, "");
    }
    for (unsigned i = 0; i < CZI_COUNTOF(threads); i++)
        assert_ok(fx_join(&threads[i]), threads[i].err);
    r = fx_get(w->g, "a");
    assert_int_equal(czi_get_u64le(r.data), 300);
    world_end(w);
}

/* ---- Philosophers ---------------------------------------------------------------------------
 */

struct fork {
    cz_id id;
    _Atomic uint8_t taken; /* how many eat with it */
};

struct table {
    struct world *w;
    unsigned size;
    struct fork *forks;
    _Atomic unsigned meals, quarrels;
};

struct philosopher {
    struct table *table;
    unsigned seat;
    cz_claim needs[2];
};

static int eat(void *arg, cz_error *err)
{
    struct philosopher *p = arg;
    struct table *t = p->table;
    unsigned left = p->seat, right = (p->seat + 1) % t->size;

    (void)err;
    if (atomic_fetch_add(&t->forks[left].taken, 1) +
        atomic_fetch_add(&t->forks[right].taken, 1))
        atomic_fetch_add(&t->quarrels, 1);
    cz_task_yield();
    atomic_fetch_sub(&t->forks[left].taken, 1);
    atomic_fetch_sub(&t->forks[right].taken, 1);
    atomic_fetch_add(&t->meals, 1);
    return CZ_OK;
}

static void dine(unsigned size, unsigned meals)
{
    struct world *w = world_live();
    struct table t = {.w = w, .size = size, .forks = calloc(size, sizeof *t.forks)};
    struct philosopher *seats = calloc(size, sizeof *seats);
    cz_task_spec spec = {.fn = eat, .need_count = 2, .detached = true};

    for (unsigned i = 0; i < size; i++) {
        char label[16];

        (void)snprintf(label, sizeof label, "fork %u", i);
        t.forks[i].id = fx_data(w->g, label);
    }
    for (unsigned i = 0; i < size; i++)
        seats[i] = (struct philosopher){
            &t, i, {{t.forks[i].id, CZ_WRITE, 0}, {t.forks[(i + 1) % size].id, CZ_WRITE, 0}}};
    for (unsigned m = 0; m < meals; m++)
        for (unsigned i = 0; i < size; i++) {
            spec.arg = &seats[i];
            spec.needs = seats[i].needs;
            spec.priority = (enum cz_priority)(i % 4);
            (void)spawn(w, &spec);
        }
    while (atomic_load(&t.meals) < size * meals)
        sched_yield();
    assert_int_equal(t.quarrels, 0);
    while (stats(w).running)
        sched_yield();
    assert_int_equal(stats(w).completed, size * meals);
    world_end(w);
    free(seats);
    free(t.forks);
}

static void five_philosophers_dine_a_thousand_times(void **state)
{
    (void)state;
    dine(5, 1000);
}

static void ten_thousand_philosophers_dine(void **state)
{
    (void)state;
    dine(10000, 3);
}

/* ---- Many at one guard ----------------------------------------------------------------------
 */

static int acquire_quietly(void *arg, cz_error *err)
{
    return work_acquire(arg, err);
}

/* A thread has it; half of the tasks wait in its queue, half to be admitted. */
static void ten_thousand_tasks_wait_for_what_a_thread_has(void **state)
{
    enum { COUNT = 10000 };
    struct world *w = world_live();
    cz_claim a = fx_claim("a", CZ_WRITE);
    struct job *jobs = calloc(COUNT, sizeof *jobs);
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_READ);
    for (unsigned i = 0; i < COUNT; i++) {
        jobs[i] =
            (struct job){.w = w, .letter = 'j', .work = i % 2 ? NULL : work_acquire, .arg = &a};
        jobs[i].needs[0] = a;
        jobs[i].task = spawn(w, &(cz_task_spec){.fn = i % 2 ? nothing : acquire_quietly,
                                                .arg = &jobs[i],
                                                .needs = jobs[i].needs,
                                                .need_count = i % 2});
    }
    fx_until_waiting(w->g, COUNT / 2);
    assert_int_equal(stats(w).queued, COUNT / 2);
    fx_release(&guard);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(join(w, jobs[i].task).state, CZ_TASK_COMPLETED);
    free(jobs);
    world_end(w);
}

/* ---- The disk -------------------------------------------------------------------------------
 */

static int wait_for_a(struct fx_thread *t)
{
    return cz_acquire(t->engine, &t->claim, CZ_FOREVER, &t->guard, &t->err);
}

static void an_engine_that_stops_wakes_tasks_and_threads(void **state)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_options o = {.threads = 2, .batch_max = 64, .backlog_max = 256};
    cz_claim a = fx_claim("a", CZ_WRITE), b = fx_claim("b", CZ_WRITE);
    struct job waits = {.letter = 'w', .work = work_acquire, .arg = &a},
               queued = {.letter = 'q'};
    struct fx_thread t = {.work = wait_for_a, .claim = a};
    cz_task_spec commits = {.fn = add_in_a_task, .needs = &b, .need_count = 1};
    cz_error err = {0};
    uint64_t task;
    cz_engine *g;
    struct world *w;
    struct holder h;

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &store.fs, &err), err);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_store(&store, &o, &g, &err), err);
    w = world_on(g, NULL);
    fx_data(g, "a");
    fx_data(g, "b");
    h = hold(w, "a", CZ_WRITE);
    job_start(&waits, w, NULL, CZ_NORMAL);
    job_start(&queued, w, "a w", CZ_NORMAL);
    t.engine = g;
    fx_start(&t);
    fx_until_waiting(g, 2);
    czi_sim_arm(store.fs, &(struct czi_sim_fault){.power_off = true});
    task = spawn(w, &commits);
    assert_int_equal(fx_join(&t), CZ_CLOSED);
    while (stats(w).failed < 3)
        sched_yield();
    assert_int_equal(join(w, task).code, CZ_CLOSED);
    assert_int_equal(join(w, waits.task).code, CZ_CLOSED);
    assert_int_equal(join(w, queued.task).code, CZ_CLOSED);
    let_go(&h);
    assert_ok(cz_scheduler_close(w->s, &err), err);
    assert_int_equal(cz_close(g, &err), CZ_IO);
    store.fs->ops->free(store.fs);
    free(w);
}

/* ---- Figures --------------------------------------------------------------------------------
 */

enum { OFTEN = 1000000 };

static void figure(const char *what, uint64_t start, unsigned count)
{
    printf("%-60s %8.1f ns\n", what, (double)(czi_clock_ns() - start) / count);
}

/* In a task. */
static int measure(void *arg, cz_error *err)
{
    struct world *w = arg;
    cz_claim a = fx_claim("a", CZ_WRITE);
    cz_task_spec spec = {.fn = nothing}, needy = {.fn = nothing, .needs = &a, .need_count = 1};
    uint64_t start = czi_clock_ns(), task;
    int rc = CZ_OK;

    for (unsigned i = 0; i < OFTEN && !rc; i++) {
        cz_guard guard = {0};

        rc = cz_acquire(w->g, &a, CZ_FOREVER, &guard, err);
        if (!rc)
            rc = cz_release(&guard, err);
    }
    figure("acquire and release of a free guard", start, OFTEN);
    start = czi_clock_ns();
    for (unsigned i = 0; i < OFTEN; i++)
        cz_task_yield();
    figure("yield, alone", start, OFTEN);
    start = czi_clock_ns();
    for (unsigned i = 0; i < OFTEN && !rc; i++) {
        rc = cz_task_spawn(w->s, &spec, &task, err);
        if (!rc)
            rc = cz_task_join(w->s, task, CZ_FOREVER, NULL, err);
    }
    figure("spawn, run and join of an empty task, in a task", start, OFTEN);
    start = czi_clock_ns();
    for (unsigned i = 0; i < OFTEN && !rc; i++) {
        rc = cz_task_spawn(w->s, &needy, &task, err);
        if (!rc)
            rc = cz_task_join(w->s, task, CZ_FOREVER, NULL, err);
    }
    figure("the same of one that needs a free guard", start, OFTEN);
    return rc;
}

static int figures(void)
{
    struct world *w = world_live();
    cz_claim a = fx_claim("a", CZ_WRITE);
    cz_task_spec spec = {.fn = nothing, .needs = &a, .need_count = 1, .detached = true};
    enum { QUEUED = 100000 };
    struct holder h;
    uint64_t start;
    cz_task_report r;

    fx_data(w->g, "a");
    r = join(w, spawn(w, &(cz_task_spec){.fn = measure, .arg = w}));
    assert_string_equal(r.detail, "");
    h = hold(w, "a", CZ_WRITE);
    start = czi_clock_ns();
    for (unsigned i = 0; i < QUEUED; i++)
        (void)spawn(w, &spec);
    figure("spawn of a task that is queued for a guard, in a thread", start, QUEUED);
    start = czi_clock_ns();
    let_go(&h);
    while (stats(w).queued + stats(w).running)
        sched_yield();
    figure("its admission, run and end, of 100,000 at one guard", start, QUEUED);
    world_end(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_thread_joins_what_another_one_makes_possible),
        cmocka_unit_test(a_task_wakes_for_its_deadline),
        cmocka_unit_test(closing_ends_a_task_that_another_thread_joins),
        cmocka_unit_test(joining_what_no_stack_will_be_left_for_is_refused),
        cmocka_unit_test(a_context_that_joins_can_be_cancelled),
        cmocka_unit_test(threads_spawn_join_and_cancel_at_the_same_time),
        cmocka_unit_test(tasks_and_threads_take_turns_at_one_resource),
        cmocka_unit_test(five_philosophers_dine_a_thousand_times),
        cmocka_unit_test(ten_thousand_philosophers_dine),
        cmocka_unit_test(ten_thousand_tasks_wait_for_what_a_thread_has),
        cmocka_unit_test(an_engine_that_stops_wakes_tasks_and_threads),
    };

    return getenv("CAUSALITY_TASK_FIGURES") ? figures()
                                            : cmocka_run_group_tests(all, NULL, NULL);
}
