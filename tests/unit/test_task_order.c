/* test_task_order.c - which queued task is admitted when: priority, age, ageing, all or
 * nothing, and what a bound on stacks does to that.
 */
#include "task_fixture.h"

static int work_turns(struct job *j, cz_error *err)
{
    (void)err;
    for (unsigned i = (unsigned)(uintptr_t)j->arg; i > 0; i--)
        cz_task_yield();
    return CZ_OK;
}

/* ---- Priority and age -----------------------------------------------------------------------
 */

static void the_more_urgent_comes_first_and_then_the_older(void **state)
{
    static const enum cz_priority priorities[] = {CZ_LOW,    CZ_NORMAL, CZ_URGENT, CZ_HIGH,
                                                  CZ_URGENT, CZ_LOW,    CZ_NORMAL, CZ_HIGH};
    struct world *w = world();
    struct job jobs[CZI_COUNTOF(priorities)] = {0};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    for (unsigned i = 0; i < CZI_COUNTOF(priorities); i++) {
        jobs[i].letter = (char)('1' + i);
        job_start(&jobs[i], w, "a w", priorities[i]);
        check_world(w);
    }
    let_go(&h);
    for (unsigned i = 0; i < CZI_COUNTOF(priorities); i++) {
        assert_int_equal(stats(w).running, 1);
        check_world(w);
        turns(w, 1);
    }
    assert_string_equal(w->log, "35482716");
    assert_int_equal(join(w, jobs[2].task).admission, 1);
    assert_int_equal(join(w, jobs[5].task).admission, 8);
    world_end(w);
}

static void neighbouring_readers_share_and_a_reader_stays_behind_an_older_writer(void **state)
{
    struct world *w = world();
    struct job r1 = {.letter = '1'}, r2 = {.letter = '2'}, w3 = {.letter = '3'},
               r4 = {.letter = '4'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    job_start(&r1, w, "a r", CZ_NORMAL);
    job_start(&r2, w, "a r", CZ_NORMAL);
    job_start(&w3, w, "a w", CZ_NORMAL);
    job_start(&r4, w, "a r", CZ_NORMAL);
    let_go(&h);
    check_world(w);
    assert_int_equal(stats(w).running, 2);
    assert_state(w, r4.task, CZ_TASK_QUEUED);
    turns(w, 2);
    assert_int_equal(stats(w).running, 1);
    assert_state(w, w3.task, CZ_TASK_RUNNING);
    run_all(w);
    assert_string_equal(w->log, "1234");
    world_end(w);
}

static void a_new_reader_passes_a_queued_writer_only_if_it_is_more_urgent(void **state)
{
    struct world *w = world();
    struct job writer = {.letter = 'w'}, same = {.letter = 's'}, urgent = {.letter = 'u'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_READ);
    job_start(&writer, w, "a w", CZ_NORMAL);
    job_start(&same, w, "a r", CZ_NORMAL);
    job_start(&urgent, w, "a r", CZ_URGENT);
    check_world(w);
    assert_state(w, same.task, CZ_TASK_QUEUED);
    assert_state(w, urgent.task, CZ_TASK_RUNNING);
    run_all(w);
    let_go(&h);
    run_all(w);
    assert_string_equal(w->log, "uws");
    world_end(w);
}

/* Whoever waits for it need not wait for those that it lets go first. */
static void a_task_that_is_joined_passes_one_that_cannot_go_on(void **state)
{
    struct world *w = world();
    struct job writer = {.letter = 'w'}, reader = {.letter = 'r'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_READ);
    job_start(&writer, w, "a w", CZ_NORMAL);
    job_start(&reader, w, "a r", CZ_NORMAL);
    assert_int_equal(join(w, reader.task).state, CZ_TASK_COMPLETED);
    assert_state(w, writer.task, CZ_TASK_QUEUED);
    check_world(w);
    let_go(&h);
    run_all(w);
    assert_string_equal(w->log, "rw");
    world_end(w);
}

static int work_read_and_join(struct job *j, cz_error *err)
{
    struct job *child = j->arg;

    cz_task_yield();
    return cz_task_join(j->w->s, child->task, CZ_FOREVER, NULL, err);
}

/* The parent reads what the child reads, behind a writer that waits for the parent. */
static void a_parent_and_its_child_read_the_same_beside_a_queued_writer(void **state)
{
    struct world *w = world();
    struct job child = {.letter = 'c'},
               parent = {.letter = 'p', .work = work_read_and_join, .arg = &child},
               writer = {.letter = 'w'};

    (void)state;
    fx_data(w->g, "a");
    job_start(&parent, w, "a r", CZ_NORMAL);
    job_start(&writer, w, "a w", CZ_URGENT);
    job_start(&child, w, "a r", CZ_NORMAL);
    assert_state(w, child.task, CZ_TASK_QUEUED);
    assert_int_equal(join(w, parent.task).state, CZ_TASK_COMPLETED);
    run_all(w);
    assert_string_equal(w->log, "pcw");
    world_end(w);
}

/* ---- All or nothing -------------------------------------------------------------------------
 */

static void a_queued_task_holds_nothing_and_is_in_nobodys_way(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};
    struct holder b, a;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "b");
    b = hold(w, "b", CZ_READ);
    job_start(&j, w, "a w, b w", CZ_URGENT);
    assert_true(is_free(w, "a", CZ_WRITE));
    assert_true(is_free(w, "b", CZ_READ));
    a = hold(w, "a", CZ_WRITE);
    let_go(&b);
    check_world(w);
    assert_state(w, j.task, CZ_TASK_QUEUED);
    let_go(&a);
    assert_state(w, j.task, CZ_TASK_RUNNING);
    assert_int_equal(get(w, j.task).guards, 2);
    run_all(w);
    world_end(w);
}

static void tasks_with_nothing_in_common_are_admitted_together(void **state)
{
    struct world *w = world();
    struct job first = {.letter = '1'}, second = {.letter = '2'}, third = {.letter = '3'};

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "b");
    fx_data(w->g, "c");
    job_start(&first, w, "a w, b r", CZ_LOW);
    job_start(&second, w, "b r, c w", CZ_LOW);
    job_start(&third, w, "b w", CZ_LOW);
    assert_int_equal(stats(w).running, 2);
    check_world(w);
    turns(w, 1);
    assert_int_equal(stats(w).queued, 1);
    run_all(w);
    assert_string_equal(w->log, "123");
    world_end(w);
}

static void a_watcher_that_leaves_lets_those_behind_it_look(void **state)
{
    struct world *w = world();
    struct job writer = {.letter = 'w'}, hasty = {.letter = 'h'}, reader = {.letter = 'r'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_READ);
    job_start(&writer, w, "a w", CZ_HIGH);
    job_start_with(&hasty, w, "a w", (cz_task_spec){.priority = CZ_NORMAL, .timeout_ms = 1});
    job_start(&reader, w, "a r", CZ_LOW);
    cancel(w, writer.task);
    check_world(w);
    assert_state(w, reader.task, CZ_TASK_QUEUED);
    assert_int_equal(join(w, hasty.task).code, CZ_TIMEOUT);
    check_world(w);
    run_all(w);
    assert_int_equal(join(w, reader.task).state, CZ_TASK_COMPLETED);
    assert_string_equal(w->log, "r");
    let_go(&h);
    world_end(w);
}

static void admission_has_a_deadline(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'}, k = {.letter = 'k'};
    cz_task_report r;
    uint64_t before;
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    before = w->g->manager.now;
    job_start_with(&j, w, "a w", (cz_task_spec){.timeout_ms = 5});
    job_start_with(&k, w, "a w", (cz_task_spec){.timeout_ms = CZ_FOREVER});
    r = join(w, j.task);
    assert_int_equal(r.state, CZ_TASK_FAILED);
    assert_int_equal(r.code, CZ_TIMEOUT);
    assert_int_equal(w->g->manager.now - before, 5000000);
    let_go(&h);
    assert_int_equal(join(w, k.task).state, CZ_TASK_COMPLETED);
    assert_string_equal(w->log, "k");
    world_end(w);
}

/* ---- Ageing ---------------------------------------------------------------------------------
 */

static size_t waiters(const struct world *w, const char *label)
{
    cz_id id = fx_id(label);
    cz_error err = {0};
    size_t n;

    assert_ok(cz_waiters(w->g, &id, NULL, 0, &n, &err), err);
    return n;
}

/* So many tasks that need "x" and end are admitted. */
static void admit(struct world *w, unsigned count)
{
    while (count-- > 0) {
        struct job j = {.letter = '.'};

        job_start(&j, w, "x w", CZ_URGENT);
        turns(w, 1);
        assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    }
}

static void who_was_passed_so_often_is_promoted_then_and_not_before(void **state)
{
    struct world *w = world();
    struct job first = {.letter = '1'}, second = {.letter = '2'}, other = {.letter = 'o'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "x");
    h = hold(w, "a", CZ_WRITE);
    job_start(&first, w, "a w", CZ_LOW);
    admit(w, 10);
    job_start(&second, w, "a w", CZ_LOW);
    job_start(&other, w, "a w", CZ_HIGH);
    admit(w, CZI_AGEING_ADMISSIONS - 11);
    assert_false(get(w, first.task).promoted);
    assert_int_equal(waiters(w, "a"), 0);
    admit(w, 1);
    check_world(w);
    assert_true(get(w, first.task).promoted);
    assert_int_equal(waiters(w, "a"), 1);
    assert_int_equal(stats(w).priorities[CZ_LOW].promoted, 1);
    assert_state(w, first.task, CZ_TASK_QUEUED);
    /* The other priority counts for itself, from when it began to wait; the next one of the
     * first priority from when it became its oldest. */
    admit(w, 9);
    assert_false(get(w, other.task).promoted);
    admit(w, 1);
    assert_true(get(w, other.task).promoted);
    admit(w, CZI_AGEING_ADMISSIONS - 11);
    assert_false(get(w, second.task).promoted);
    admit(w, 1);
    assert_true(get(w, second.task).promoted);
    check_world(w);
    memset(w->log, 0, sizeof w->log);
    let_go(&h);
    run_all(w);
    assert_string_equal(w->log, "1o2"); /* first come, first served */
    world_end(w);
}

static void who_is_next_in_its_priority_was_not_passed_by_the_one_before(void **state)
{
    struct world *w = world();
    struct job first = {.letter = '1', .work = work_turns, .arg = (void *)(uintptr_t)1000},
               second = {.letter = '2'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "x");
    h = hold(w, "a", CZ_WRITE);
    job_start(&first, w, "a w", CZ_LOW);
    job_start(&second, w, "a w", CZ_LOW);
    let_go(&h);
    assert_state(w, first.task, CZ_TASK_RUNNING);
    for (unsigned i = 1; i <= CZI_AGEING_ADMISSIONS; i++) {
        struct job j = {.letter = '.'};

        assert_false(get(w, second.task).promoted);
        job_start(&j, w, "x w", CZ_URGENT);
        while (get(w, j.task).state != CZ_TASK_COMPLETED)
            turns(w, 1);
    }
    assert_true(get(w, second.task).promoted);
    cancel(w, first.task);
    run_all(w);
    world_end(w);
}

static void tasks_without_needs_make_nobody_older(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    job_start(&j, w, "a w", CZ_LOW);
    for (unsigned i = 0; i < 3 * CZI_AGEING_ADMISSIONS; i++) {
        struct job k = {.letter = 'k'};

        job_start(&k, w, NULL, CZ_URGENT);
        (void)join(w, k.task);
    }
    assert_false(get(w, j.task).promoted);
    let_go(&h);
    run_all(w);
    world_end(w);
}

static void nobody_passes_a_promoted_task(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'}, urgent = {.letter = 'u'};
    cz_claim b = fx_claim("b", CZ_WRITE);
    cz_error err = {0};
    struct holder h;
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "b");
    fx_data(w->g, "x");
    h = hold(w, "a", CZ_WRITE);
    job_start(&j, w, "a w, b w", CZ_LOW);
    admit(w, CZI_AGEING_ADMISSIONS);
    assert_false(is_free(w, "b", CZ_READ));
    assert_int_equal(cz_try_acquire(w->g, &b, &guard, &err), CZ_BUSY);
    job_start(&urgent, w, "b w", CZ_URGENT);
    assert_state(w, urgent.task, CZ_TASK_QUEUED);
    check_world(w);
    memset(w->log, 0, sizeof w->log);
    let_go(&h);
    run_all(w);
    assert_string_equal(w->log, "ju");
    world_end(w);
}

/* Never are both free at the same time, and no task is admitted. */
static void who_looks_so_often_in_vain_is_promoted(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};
    struct holder h[2];

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "b");
    h[0] = hold(w, "a", CZ_WRITE);
    job_start(&j, w, "a w, b w", CZ_NORMAL);
    for (unsigned i = 1; i <= CZI_AGEING_ADMISSIONS; i++) {
        h[i % 2] = hold(w, i % 2 ? "b" : "a", CZ_WRITE);
        let_go(&h[(i + 1) % 2]);
        check_world(w);
        assert_int_equal(get(w, j.task).promoted, i == CZI_AGEING_ADMISSIONS);
    }
    assert_int_equal(waiters(w, "a"), 1);
    assert_int_equal(waiters(w, "b"), 1);
    let_go(&h[0]);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static void a_promoted_task_can_be_cancelled_and_has_its_deadline(void **state)
{
    struct world *w = world();
    struct job told = {.letter = 't'}, late = {.letter = 'l'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "x");
    h = hold(w, "a", CZ_WRITE);
    job_start(&told, w, "a w", CZ_LOW);
    job_start_with(&late, w, "a w", (cz_task_spec){.priority = CZ_NORMAL, .timeout_ms = 4});
    admit(w, CZI_AGEING_ADMISSIONS);
    assert_int_equal(waiters(w, "a"), 2);
    cancel(w, told.task);
    assert_state(w, told.task, CZ_TASK_CANCELLED);
    assert_int_equal(waiters(w, "a"), 1);
    assert_int_equal(join(w, late.task).code, CZ_TIMEOUT);
    assert_int_equal(waiters(w, "a"), 0);
    check_world(w);
    let_go(&h);
    assert_true(is_free(w, "a", CZ_WRITE));
    world_end(w);
}

/* Whoever has it joins a task that waits in its queue. */
static void joining_a_promoted_task_that_needs_ones_guard_is_refused(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};
    cz_error err = {0};
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "x");
    guard = fx_acquire(w->g, "a", CZ_READ);
    job_start(&j, w, "a w", CZ_LOW);
    admit(w, CZI_AGEING_ADMISSIONS);
    assert_int_equal(cz_task_join(w->s, j.task, CZ_FOREVER, NULL, &err), CZ_DEADLOCK);
    fx_release(&guard);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static int work_join_holding(struct job *j, cz_error *err)
{
    struct job *other = j->arg;

    j->rc = cz_task_join(j->w->s, other->task, CZ_FOREVER, NULL, err);
    return j->rc;
}

/* `parent` has b and awaits `child`, which needs a; in a's queue `old` would be before it, and
 * wait for b. */
static void a_promotion_that_would_close_a_cycle_has_to_wait(void **state)
{
    struct world *w = world();
    struct job child = {.letter = 'c'}, old = {.letter = 'o'},
               parent = {.letter = 'p', .work = work_join_holding, .arg = &child};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "b");
    fx_data(w->g, "x");
    h = hold(w, "a", CZ_WRITE);
    job_start(&parent, w, "b w", CZ_NORMAL);
    job_start_with(&old, w, "a w, b w", (cz_task_spec){.priority = CZ_LOW, .timeout_ms = 1000});
    job_start(&child, w, "a w", CZ_LOW);
    turns(w, 1);
    assert_state(w, parent.task, CZ_TASK_WAITING);
    admit(w, CZI_AGEING_ADMISSIONS);
    check_world(w);
    assert_false(get(w, old.task).promoted);
    assert_int_equal(waiters(w, "a"), 0);
    assert_int_equal(stats(w).priorities[CZ_LOW].promoted, 0);
    memset(w->log, 0, sizeof w->log);
    let_go(&h);
    run_all(w);
    assert_string_equal(w->log, "co");
    assert_int_equal(parent.rc, CZ_OK);
    world_end(w);
}

/* ---- Stacks ---------------------------------------------------------------------------------
 */

static struct world *world_of_stacks(uint32_t stacks)
{
    return world_with(&(cz_scheduler_options){.stacks_max = stacks});
}

static void who_has_no_stack_has_no_reservation(void **state)
{
    struct world *w = world_of_stacks(1);
    struct job a = {.letter = 'a'}, b = {.letter = 'b'}, c = {.letter = 'c'};

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "b");
    job_start(&a, w, "a w", CZ_LOW);
    job_start(&b, w, "b w", CZ_NORMAL);
    job_start(&c, w, NULL, CZ_HIGH);
    check_world(w);
    assert_state(w, a.task, CZ_TASK_RUNNING);
    assert_int_equal(stats(w).queued, 2);
    assert_true(is_free(w, "b", CZ_WRITE));
    run_all(w);
    assert_string_equal(w->log, "acb");
    world_end(w);
}

static void the_first_at_a_lock_waits_for_a_stack_in_the_name_of_all(void **state)
{
    struct world *w = world_of_stacks(1);
    struct job has = {.letter = 'h', .work = work_turns, .arg = (void *)1},
               one = {.letter = '1'}, two = {.letter = '2'}, other = {.letter = 'o'};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    job_start(&has, w, NULL, CZ_LOW);
    job_start(&one, w, "a r", CZ_NORMAL);
    job_start(&two, w, "a r", CZ_NORMAL);
    job_start(&other, w, NULL, CZ_HIGH);
    let_go(&h);
    check_world(w);
    assert_true(w->s->stack_heap != NULL);
    turns(w, 1);
    check_world(w);
    assert_int_equal(stats(w).queued, 3);
    turns(w, 1); /* h is over: o has its stack */
    check_world(w);
    assert_state(w, other.task, CZ_TASK_RUNNING);
    run_all(w);
    assert_string_equal(w->log, "ho12");
    world_end(w);
}

/* One who stands for others is cancelled: the next one stands for them. */
static void whoever_waits_for_a_stack_can_be_cancelled(void **state)
{
    struct world *w = world_of_stacks(1);
    struct job has = {.letter = 'h', .work = work_turns, .arg = (void *)1},
               one = {.letter = '1'}, two = {.letter = '2'}, free = {.letter = 'f'};

    (void)state;
    fx_data(w->g, "a");
    job_start(&has, w, "a w", CZ_LOW);
    job_start(&one, w, "a r", CZ_NORMAL);
    job_start(&two, w, "a r", CZ_NORMAL);
    job_start(&free, w, NULL, CZ_LOW);
    turns(w, 1);
    cancel(w, free.task);
    check_world(w);
    turns(w, 1);
    check_world(w);
    assert_state(w, one.task, CZ_TASK_RUNNING);
    cancel(w, one.task);
    run_all(w);
    check_world(w);
    assert_string_equal(w->log, "h2");
    world_end(w);
}

/* The rule, for tasks of four priorities in turn that could all begin: the most urgent and then
 * the oldest, but those first that were passed 64 times as the oldest of their priority. */
static void expected_order(unsigned *order, unsigned count)
{
    unsigned next[CZI_PRIORITIES] = {0, 1, 2, 3}, passed[CZI_PRIORITIES] = {0};
    unsigned promoted[CZI_PRIORITIES], promoted_count = 0;

    for (unsigned n = 0; n < count; n++) {
        unsigned p = 0;

        while (p < CZI_PRIORITIES && next[p] >= count)
            p++;
        if (promoted_count) {
            order[n] = promoted[0];
            memmove(promoted, promoted + 1, --promoted_count * sizeof *promoted);
            p = CZI_PRIORITIES;
        } else {
            order[n] = next[p];
            next[p] += CZI_PRIORITIES;
            passed[p] = 0;
        }
        for (unsigned i = 0; i < CZI_PRIORITIES; i++) {
            if (i == p || next[i] >= count || ++passed[i] < CZI_AGEING_ADMISSIONS)
                continue;
            promoted[promoted_count++] = next[i];
            next[i] += CZI_PRIORITIES;
            passed[i] = 0;
        }
    }
}

static void a_thousand_that_wait_for_a_stack_and_a_guard_are_served_in_order(void **state)
{
    enum { COUNT = 1000 };
    struct world *w = world_of_stacks(3);
    struct job *jobs = calloc(COUNT, sizeof *jobs);
    unsigned order[COUNT];
    struct holder h;

    (void)state;
    expected_order(order, COUNT);
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    for (unsigned i = 0; i < COUNT; i++) {
        jobs[i].letter = '.';
        job_start(&jobs[i], w, "a r", (enum cz_priority)(i % 4));
    }
    let_go(&h);
    for (unsigned i = 0; i < COUNT; i++) {
        check_world(w);
        turns(w, 1);
    }
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(join(w, jobs[order[i]].task).admission, i + 1);
    free(jobs);
    world_end(w);
}

/* 64 urgent ones take the only stack before it, and no more. */
static void a_priority_that_waits_for_a_stack_grows_older_too(void **state)
{
    enum { COUNT = 3 * CZI_AGEING_ADMISSIONS };
    struct world *w = world_of_stacks(1);
    struct job *jobs = calloc(COUNT, sizeof *jobs);
    struct job low = {.letter = 'l'}, first = {.letter = 'f'};

    (void)state;
    job_start(&first, w, NULL, CZ_NORMAL);
    job_start(&low, w, NULL, CZ_LOW);
    for (unsigned i = 0; i < COUNT; i++) {
        jobs[i].letter = 'u';
        job_start(&jobs[i], w, NULL, CZ_URGENT);
    }
    run_all(w);
    assert_ptr_equal(strchr(w->log, 'l'), w->log + 1 + CZI_AGEING_ADMISSIONS);
    assert_true(get(w, low.task).promoted);
    assert_int_equal(strlen(w->log), COUNT + 2);
    free(jobs);
    world_end(w);
}

/* ---- Stacks and joins -----------------------------------------------------------------------
 */

static int work_descend(struct job *j, cz_error *err)
{
    struct job *child = j->arg;

    if (!child)
        return CZ_OK;
    job_start(child, j->w, NULL, CZ_NORMAL);
    j->rc = cz_task_join(j->w->s, child->task, CZ_FOREVER, NULL, err);
    j->err = *err;
    return j->rc;
}

static void joins_deeper_than_there_are_stacks_are_refused_at_the_end(void **state)
{
    enum { STACKS = 5 };
    struct world *w = world_of_stacks(STACKS);
    struct job jobs[STACKS + 1] = {0};

    (void)state;
    for (unsigned i = 0; i <= STACKS; i++)
        jobs[i] = (struct job){.letter = (char)('a' + i),
                               .work = work_descend,
                               .arg = i < STACKS ? &jobs[i + 1] : NULL};
    job_start(&jobs[0], w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, jobs[0].task).state, CZ_TASK_COMPLETED);
    assert_string_equal(w->log, "abcdef");
    for (unsigned i = 0; i < STACKS; i++)
        assert_int_equal(jobs[i].rc, i == STACKS - 1 ? CZ_DEADLOCK : CZ_OK);
    assert_non_null(strstr(jobs[STACKS - 1].err.detail, "stacks_max, 5"));
    world_end(w);
}

static int work_hold_and_descend(struct job *j, cz_error *err)
{
    cz_claim a = fx_claim("a", CZ_WRITE);

    assert_ok(cz_acquire(j->w->g, &a, CZ_FOREVER, &j->guard, err), *err);
    cz_task_yield();
    return work_descend(j, err);
}

/* One waits for the guard of the other, which waits for one without a stack. */
static void stacks_of_those_who_wait_for_who_waits_are_none_either(void **state)
{
    struct world *w = world_of_stacks(2);
    cz_claim a = fx_claim("a", CZ_WRITE);
    struct job child = {.letter = 'c'},
               parent = {.letter = 'p', .work = work_hold_and_descend, .arg = &child},
               waits = {.letter = 'w', .work = work_acquire, .arg = &a};

    (void)state;
    fx_data(w->g, "a");
    job_start(&parent, w, NULL, CZ_NORMAL);
    job_start(&waits, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_int_equal(parent.rc, CZ_DEADLOCK);
    assert_int_equal(waits.rc, CZ_OK);
    assert_int_equal(join(w, child.task).state, CZ_TASK_COMPLETED);
    assert_string_equal(w->log, "pwc");
    world_end(w);
}

static void a_thread_that_waits_for_one_without_a_stack_is_refused_too(void **state)
{
    struct world *w = world_of_stacks(1);
    cz_claim a = fx_claim("a", CZ_WRITE);
    struct job waits = {.letter = 'w', .work = work_acquire, .arg = &a},
               queued = {.letter = 'q'};
    cz_error err = {0};
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_READ);
    job_start(&waits, w, NULL, CZ_NORMAL);
    job_start(&queued, w, NULL, CZ_NORMAL);
    assert_int_equal(cz_task_join(w->s, queued.task, CZ_FOREVER, NULL, &err), CZ_DEADLOCK);
    fx_release(&guard);
    assert_int_equal(join(w, queued.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static int work_descend_briefly(struct job *j, cz_error *err)
{
    struct job *child = j->arg;

    job_start(child, j->w, NULL, CZ_NORMAL);
    return cz_task_join(j->w->s, child->task, 2, NULL, err);
}

static void a_join_with_a_deadline_waits_for_that(void **state)
{
    struct world *w = world_of_stacks(1);
    struct job child = {.letter = 'c'},
               parent = {.letter = 'p', .work = work_descend_briefly, .arg = &child};

    (void)state;
    job_start(&parent, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, parent.task).code, CZ_TIMEOUT);
    assert_int_equal(join(w, child.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

/* The holder is no task, and will let go: nothing is refused. */
static void who_waits_for_somebody_elses_guard_has_hope(void **state)
{
    struct world *w = world_of_stacks(2);
    cz_claim a = fx_claim("a", CZ_WRITE);
    struct job waits = {.letter = 'w', .work = work_acquire, .arg = &a},
               child = {.letter = 'c'},
               parent = {.letter = 'p', .work = work_descend, .arg = &child};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_READ);
    job_start(&waits, w, NULL, CZ_NORMAL);
    job_start(&parent, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_state(w, child.task, CZ_TASK_QUEUED);
    let_go(&h);
    assert_int_equal(join(w, parent.task).state, CZ_TASK_COMPLETED);
    assert_int_equal(parent.rc, CZ_OK);
    world_end(w);
}

/* ---- Many -----------------------------------------------------------------------------------
 */

static int empty(void *arg, cz_error *err)
{
    (void)arg;
    (void)err;
    return CZ_OK;
}

static void ten_thousand_tasks_take_turns_at_one_guard(void **state)
{
    enum { COUNT = 10000 };
    struct world *w = world();
    struct job *jobs = calloc(COUNT, sizeof *jobs);
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    for (unsigned i = 0; i < COUNT; i++) {
        jobs[i].w = w;
        jobs[i].needs[0] = fx_claim("a", CZ_WRITE);
        jobs[i].task = spawn(w, &(cz_task_spec){.fn = empty,
                                                .needs = jobs[i].needs,
                                                .need_count = 1,
                                                .priority = CZ_NORMAL});
    }
    assert_int_equal(stats(w).priorities[CZ_NORMAL].queued_most, COUNT);
    let_go(&h);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(stats(w).running, 1);
        turns(w, 1);
    }
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(join(w, jobs[i].task).admission, i + 1);
    free(jobs);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(the_more_urgent_comes_first_and_then_the_older),
        cmocka_unit_test(neighbouring_readers_share_and_a_reader_stays_behind_an_older_writer),
        cmocka_unit_test(a_new_reader_passes_a_queued_writer_only_if_it_is_more_urgent),
        cmocka_unit_test(a_task_that_is_joined_passes_one_that_cannot_go_on),
        cmocka_unit_test(a_parent_and_its_child_read_the_same_beside_a_queued_writer),
        cmocka_unit_test(a_queued_task_holds_nothing_and_is_in_nobodys_way),
        cmocka_unit_test(tasks_with_nothing_in_common_are_admitted_together),
        cmocka_unit_test(a_watcher_that_leaves_lets_those_behind_it_look),
        cmocka_unit_test(admission_has_a_deadline),
        cmocka_unit_test(who_was_passed_so_often_is_promoted_then_and_not_before),
        cmocka_unit_test(who_is_next_in_its_priority_was_not_passed_by_the_one_before),
        cmocka_unit_test(tasks_without_needs_make_nobody_older),
        cmocka_unit_test(nobody_passes_a_promoted_task),
        cmocka_unit_test(who_looks_so_often_in_vain_is_promoted),
        cmocka_unit_test(a_promoted_task_can_be_cancelled_and_has_its_deadline),
        cmocka_unit_test(joining_a_promoted_task_that_needs_ones_guard_is_refused),
        cmocka_unit_test(a_promotion_that_would_close_a_cycle_has_to_wait),
        cmocka_unit_test(who_has_no_stack_has_no_reservation),
        cmocka_unit_test(the_first_at_a_lock_waits_for_a_stack_in_the_name_of_all),
        cmocka_unit_test(whoever_waits_for_a_stack_can_be_cancelled),
        cmocka_unit_test(a_thousand_that_wait_for_a_stack_and_a_guard_are_served_in_order),
        cmocka_unit_test(a_priority_that_waits_for_a_stack_grows_older_too),
        cmocka_unit_test(joins_deeper_than_there_are_stacks_are_refused_at_the_end),
        cmocka_unit_test(stacks_of_those_who_wait_for_who_waits_are_none_either),
        cmocka_unit_test(a_thread_that_waits_for_one_without_a_stack_is_refused_too),
        cmocka_unit_test(a_join_with_a_deadline_waits_for_that),
        cmocka_unit_test(who_waits_for_somebody_elses_guard_has_hope),
        cmocka_unit_test(ten_thousand_tasks_take_turns_at_one_guard),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
