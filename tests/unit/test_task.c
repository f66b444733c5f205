/* test_task.c - the life of tasks: how they begin, what they hold, how they end, who joins and
 * who cancels them. Who is admitted when is in test_task_order.c.
 */
#include "task_fixture.h"

/* ---- Beginning ------------------------------------------------------------------------------
 */

static void a_task_runs_and_is_forgotten_when_it_is_joined(void **state)
{
    struct world *w = world();
    struct job a = {.letter = 'a'};
    cz_task_report r;
    cz_error err = {0};

    (void)state;
    job_start(&a, w, NULL, CZ_HIGH);
    assert_state(w, a.task, CZ_TASK_RUNNING);
    assert_string_equal(w->log, "");
    run_all(w);
    assert_string_equal(w->log, "a");
    assert_state(w, a.task, CZ_TASK_COMPLETED);
    r = join(w, a.task);
    assert_int_equal(r.task, a.task);
    assert_string_equal(r.name, "a");
    assert_int_equal(r.state, CZ_TASK_COMPLETED);
    assert_int_equal(r.priority, CZ_HIGH);
    assert_int_equal(r.code, CZ_OK);
    assert_string_equal(r.detail, "");
    assert_int_equal(r.admission, 1);
    assert_int_equal(cz_task_get(w->s, a.task, &r, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_task_join(w->s, a.task, 0, &r, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_task_cancel(w->s, a.task, &err), CZ_NOT_FOUND);
    world_end(w);
}

static int fails(void *arg, cz_error *err)
{
    (void)arg;
    return czi_fail(err, CZ_CONFLICT, "the third wheel");
}

static void what_a_task_returns_is_its_outcome(void **state)
{
    struct world *w = world();
    cz_task_report r = join(w, spawn(w, &(cz_task_spec){.fn = fails}));

    (void)state;
    assert_int_equal(r.state, CZ_TASK_FAILED);
    assert_int_equal(r.code, CZ_CONFLICT);
    assert_string_equal(r.detail, "the third wheel");
    world_end(w);
}

static int nothing(void *arg, cz_error *err)
{
    (void)arg;
    (void)err;
    return CZ_OK;
}

static int refuses(const struct world *w, cz_task_spec spec)
{
    cz_error err = {0};
    uint64_t task = 77;
    int rc = cz_task_spawn(w->s, &spec, &task, &err);

    assert_int_equal(task, 77);
    assert_int_equal(err.code, rc);
    assert_true(err.detail[0]);
    assert_int_equal(stats(w).ended + stats(w).queued + stats(w).running, 0);
    return rc;
}

static void a_spec_is_checked_before_anything_happens(void **state)
{
    static cz_claim many[CZ_CLAIMS_MAX + 1];
    struct world *w = world();
    cz_claim odd = {.mode = (enum cz_access)7}, unknown = fx_claim("b", CZ_READ),
             typed = {fx_id("a"), CZ_WRITE, CZ_TYPED(CZ_FUNGIBLE)};
    char name[CZ_PARTY_NAME_SIZE + 1] = {0};

    (void)state;
    fx_data(w->g, "a");
    memset(name, 'n', CZ_PARTY_NAME_SIZE);
    assert_int_equal(refuses(w, (cz_task_spec){0}), CZ_INVALID);
    assert_int_equal(refuses(w, (cz_task_spec){.fn = nothing, .name = ""}), CZ_INVALID);
    assert_int_equal(refuses(w, (cz_task_spec){.fn = nothing, .name = name}), CZ_INVALID);
    assert_int_equal(refuses(w, (cz_task_spec){.fn = nothing, .priority = (enum cz_priority)4}),
                     CZ_INVALID);
    assert_int_equal(refuses(w, (cz_task_spec){.fn = nothing, .needs = &odd, .need_count = 1}),
                     CZ_INVALID);
    assert_int_equal(refuses(w,
                             (cz_task_spec){.fn = nothing, .needs = &unknown, .need_count = 1}),
                     CZ_NOT_FOUND);
    assert_int_equal(refuses(w,
                             (cz_task_spec){.fn = nothing, .needs = &typed, .need_count = 1}),
                     CZ_WRONG_TYPE);
    assert_int_equal(refuses(w, (cz_task_spec){.fn = nothing,
                                               .needs = many,
                                               .need_count = CZ_CLAIMS_MAX + 1}),
                     CZ_LIMIT);
    world_end(w);
}

static void ids_are_never_used_again_and_name_those_without_a_name(void **state)
{
    struct world *w = world();
    cz_task_spec spec = {.fn = nothing};
    uint64_t last = 0, stays = spawn(w, &spec);

    (void)state;
    run_all(w);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t task = spawn(w, &spec);
        cz_task_report r = join(w, task);
        char name[32];

        assert_true(task > last && task != stays);
        (void)snprintf(name, sizeof name, "task %llu", (unsigned long long)task);
        assert_string_equal(r.name, name);
        last = task;
    }
    assert_int_equal(get(w, stays).task, stays);
    world_end(w);
}

static void tasks_are_bounded(void **state)
{
    struct world *w = world_with(&(cz_scheduler_options){.tasks_max = 3});
    cz_task_spec spec = {.fn = nothing};
    uint64_t first = spawn(w, &spec), task = 77;
    cz_error err = {0};

    (void)state;
    (void)spawn(w, &spec);
    (void)spawn(w, &spec);
    assert_int_equal(cz_task_spawn(w->s, &spec, &task, &err), CZ_LIMIT);
    assert_int_equal(task, 77);
    (void)join(w, first);
    (void)spawn(w, &spec);
    world_end(w);
}

static void what_a_scheduler_may_be_asked_for_is_bounded(void **state)
{
    cz_scheduler_options tasks = {.tasks_max = CZI_TASKS_MAX + 1},
                         stacks = {.stacks_max = CZI_TASK_STACKS_MAX + 1},
                         size = {.stack_size = CZI_TASK_STACK_SIZE_MAX + 1},
                         tiny = {.stack_size = 100};
    struct world *w = world();
    cz_scheduler *s = NULL;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_scheduler_new(w->g, &tasks, &s, &err), CZ_LIMIT);
    assert_int_equal(cz_scheduler_new(w->g, &stacks, &s, &err), CZ_LIMIT);
    assert_int_equal(cz_scheduler_new(w->g, &size, &s, &err), CZ_LIMIT);
    assert_int_equal(cz_scheduler_new(w->g, &tiny, &s, &err), CZ_INVALID);
    assert_null(s);
    assert_int_equal(w->s->tasks_max, CZI_TASKS_MAX);
    assert_int_equal(w->s->stacks_max, CZI_TASK_STACKS_DEFAULT);
    assert_true(w->s->fibers.slot_size >= CZI_TASK_STACK_SIZE_DEFAULT);
    world_end(w);
}

/* ---- Turns ----------------------------------------------------------------------------------
 */

static void tasks_take_turns_in_the_order_in_which_they_became_ready(void **state)
{
    struct world *w = world();
    unsigned two = 2;
    struct job a = {.letter = 'a', .work = work_yield, .arg = &two},
               b = {.letter = 'b', .work = work_yield, .arg = &two}, c = {.letter = 'c'};

    (void)state;
    job_start(&a, w, NULL, CZ_LOW);
    job_start(&b, w, NULL, CZ_URGENT);
    job_start(&c, w, NULL, CZ_NORMAL);
    assert_int_equal(czi_scheduler_ready(w->s), 3);
    run_all(w);
    assert_string_equal(w->log, "abcabab");
    assert_int_equal(stats(w).ready_most, 3);
    assert_int_equal(stats(w).switches, 7);
    world_end(w);
}

static uint32_t choose_last(void *arg, uint32_t count)
{
    uint32_t *calls = arg;

    ++*calls;
    return count - 1;
}

static void a_test_may_choose_whose_turn_it_is(void **state)
{
    struct world *w = world();
    struct job jobs[5] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}, {.letter = 'd'}};
    uint32_t calls = 0;

    (void)state;
    czi_scheduler_choose(w->s, choose_last, &calls);
    for (unsigned i = 0; i < 4; i++)
        job_start(&jobs[i], w, NULL, CZ_NORMAL);
    turns(w, 2);
    assert_string_equal(w->log, "dc");
    jobs[4].letter = 'e';
    job_start(&jobs[4], w, NULL, CZ_NORMAL);
    run_all(w);
    assert_string_equal(w->log, "dceba");
    assert_int_equal(calls, 5);
    world_end(w);
}

static int work_self(struct job *j, cz_error *err)
{
    (void)err;
    assert_int_equal(cz_task_self(), j->task);
    cz_task_yield();
    assert_int_equal(cz_task_self(), j->task);
    return CZ_OK;
}

static void a_task_knows_itself_and_others_are_none(void **state)
{
    struct world *w = world();
    struct job a = {.letter = 'a', .work = work_self}, b = {.letter = 'b', .work = work_self};
    cz_error err = {0};
    cz_guard guard;

    (void)state;
    job_start(&a, w, NULL, CZ_NORMAL);
    job_start(&b, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_int_equal(cz_task_self(), 0);
    cz_task_yield();
    assert_int_equal(cz_task_guard(0, &guard, &err), CZ_INVALID);
    assert_int_equal(join(w, a.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static void the_states_of_a_task_are_told(void **state)
{
    struct world *w = world();
    cz_claim b = fx_claim("b", CZ_WRITE);
    struct job j = {.letter = 'j', .work = work_acquire, .arg = &b};
    cz_guard on_a, on_b;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "b");
    on_a = fx_acquire(w->g, "a", CZ_WRITE);
    on_b = fx_acquire(w->g, "b", CZ_WRITE);
    job_start(&j, w, "a w", CZ_NORMAL);
    run_all(w);
    assert_state(w, j.task, CZ_TASK_QUEUED);
    assert_int_equal(get(w, j.task).admission, 0);
    fx_release(&on_a);
    assert_state(w, j.task, CZ_TASK_RUNNING);
    assert_int_equal(get(w, j.task).guards, 1);
    run_all(w);
    assert_state(w, j.task, CZ_TASK_WAITING);
    assert_int_equal(get(w, j.task).waits, 1);
    fx_release(&on_b);
    assert_state(w, j.task, CZ_TASK_RUNNING);
    run_all(w);
    assert_state(w, j.task, CZ_TASK_COMPLETED);
    assert_int_equal(get(w, j.task).guards, 0);
    assert_null(cz_task_state_name(6));
    world_end(w);
}

static void counts_are_kept_by_state_and_priority(void **state)
{
    struct world *w = world();
    struct job jobs[6] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}};
    cz_scheduler_stats s;
    cz_guard a;

    (void)state;
    fx_data(w->g, "a");
    a = fx_acquire(w->g, "a", CZ_WRITE);
    job_start(&jobs[0], w, "a w", CZ_LOW);
    job_start(&jobs[1], w, "a w", CZ_LOW);
    job_start(&jobs[2], w, "a w", CZ_HIGH);
    (void)spawn(w, &(cz_task_spec){.fn = fails});
    (void)spawn(w, &(cz_task_spec){.fn = nothing});
    s = stats(w);
    assert_int_equal(s.queued, 3);
    assert_int_equal(s.running, 2);
    assert_int_equal(s.priorities[CZ_LOW].spawned, 2);
    assert_int_equal(s.priorities[CZ_LOW].queued, 2);
    assert_int_equal(s.priorities[CZ_HIGH].queued, 1);
    assert_int_equal(s.priorities[CZ_URGENT].admitted, 2);
    cancel(w, jobs[1].task);
    fx_release(&a);
    run_all(w);
    s = stats(w);
    assert_int_equal(s.completed, 3);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.cancelled, 1);
    assert_int_equal(s.ended, 5);
    assert_int_equal(s.queued + s.running + s.waiting, 0);
    assert_int_equal(s.priorities[CZ_LOW].queued_most, 2);
    assert_int_equal(s.priorities[CZ_LOW].admitted, 1);
    (void)join(w, jobs[0].task);
    assert_int_equal(stats(w).ended, 4);
    world_end(w);
}

/* ---- What it needs and holds ----------------------------------------------------------------
 */

static int work_pay(struct job *j, cz_error *err)
{
    cz_guard from, to, again;
    cz_guard both[2];

    assert_ok(cz_task_guard(0, &from, err), *err);
    assert_ok(cz_task_guard(1, &to, err), *err);
    assert_ok(cz_task_guard(2, &again, err), *err);
    assert_memory_equal(&from, &again, sizeof from);
    assert_int_equal(cz_task_guard(3, &again, err), CZ_NOT_FOUND);
    fx_update_quantity(&from, fx_contents(&from).quantity - 5);
    fx_update_quantity(&to, fx_contents(&to).quantity + 5);
    both[0] = from;
    both[1] = to;
    (void)j;
    return cz_guards_commit(both, 2, NULL, err);
}

/* "x" is named twice: the stronger mode wins, and it is one guard. */
static void a_task_begins_with_guards_of_all_that_it_needs(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_pay};
    cz_task_report r;

    (void)state;
    fx_cash(w->g, "x", 10);
    fx_cash(w->g, "y", 1);
    job_start(&j, w, "x r, y w, x w", CZ_NORMAL);
    assert_int_equal(get(w, j.task).guards, 2);
    r = join(w, j.task);
    assert_string_equal(r.detail, "");
    assert_int_equal(r.state, CZ_TASK_COMPLETED);
    assert_quantity(w->g, "x", 5);
    assert_quantity(w->g, "y", 6);
    world_end(w);
}

static void what_was_reserved_is_nobody_elses_before_the_task_has_run(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};
    cz_wait_edge edge;
    cz_error err = {0};
    cz_id id = fx_id("a");
    size_t n;

    (void)state;
    fx_data(w->g, "a");
    job_start(&j, w, "a w", CZ_NORMAL);
    assert_false(is_free(w, "a", CZ_READ));
    assert_ok(cz_owner(w->g, &id, &edge, 1, &n, &err), err);
    assert_int_equal(n, 1);
    assert_int_equal(edge.party.kind, CZ_PARTY_TASK);
    assert_string_equal(edge.party.name, "j");
    run_all(w);
    assert_true(is_free(w, "a", CZ_WRITE));
    world_end(w);
}

static int work_update_and_leave(struct job *j, cz_error *err)
{
    cz_guard guard;

    assert_ok(cz_task_guard(0, &guard, err), *err);
    fx_update_data(&guard, "lost");
    return j->arg ? czi_fail(err, CZ_IO, "enough") : CZ_OK;
}

static void what_a_task_leaves_uncommitted_is_thrown_away(void **state)
{
    struct world *w = world();
    struct job ok = {.letter = 'o', .work = work_update_and_leave},
               failing = {.letter = 'f', .work = work_update_and_leave, .arg = w};

    (void)state;
    fx_data(w->g, "a");
    job_start(&ok, w, "a w", CZ_NORMAL);
    assert_int_equal(join(w, ok.task).state, CZ_TASK_COMPLETED);
    assert_int_equal(fx_stats(w->g).aborts, 1);
    job_start(&failing, w, "a w", CZ_NORMAL);
    assert_int_equal(join(w, failing.task).code, CZ_IO);
    assert_int_equal(fx_stats(w->g).aborts, 2);
    assert_true(is_free(w, "a", CZ_WRITE));
    fx_assert_data(w->g, "a", "new");
    world_end(w);
}

static int work_leave_all(struct job *j, cz_error *err)
{
    cz_claim many[2] = {fx_claim("b", CZ_READ), fx_claim("c", CZ_WRITE)};
    cz_guard guards[2];

    assert_ok(cz_acquire_many(j->w->g, many, 2, CZ_FOREVER, guards, err), *err);
    j->guard = guards[1];
    return CZ_OK;
}

static void a_guard_of_a_task_that_is_over_is_stale(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_leave_all};
    cz_contents c;
    cz_error err = {0};

    (void)state;
    fx_data(w->g, "b");
    fx_data(w->g, "c");
    job_start(&j, w, NULL, CZ_NORMAL);
    (void)join(w, j.task);
    assert_int_equal(cz_guard_contents(&j.guard, &c, &err), CZ_STALE);
    assert_int_equal(fx_stats(w->g).guards, 0);
    world_end(w);
}

static int work_release_need(struct job *j, cz_error *err)
{
    cz_guard guard, again;

    assert_ok(cz_task_guard(0, &guard, err), *err);
    fx_release(&guard);
    assert_true(is_free(j->w, "a", CZ_WRITE));
    assert_ok(cz_task_guard(0, &again, err), *err);
    j->rc = cz_release(&again, err);
    return CZ_OK;
}

static void a_need_may_be_released_early(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_release_need};

    (void)state;
    fx_data(w->g, "a");
    job_start(&j, w, "a w", CZ_NORMAL);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    assert_int_equal(j.rc, CZ_STALE);
    world_end(w);
}

static int work_use_foreign(struct job *j, cz_error *err)
{
    cz_contents c;

    return cz_guard_contents(j->arg, &c, err);
}

static void a_guard_of_another_context_is_stale_in_a_task(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_use_foreign};
    cz_guard mine;

    (void)state;
    fx_data(w->g, "a");
    mine = fx_acquire(w->g, "a", CZ_WRITE);
    j.arg = &mine;
    job_start(&j, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, j.task).code, CZ_STALE);
    fx_release(&mine);
    world_end(w);
}

static int work_other_engine(struct job *j, cz_error *err)
{
    cz_claim claim = fx_claim("a", CZ_READ);

    return cz_acquire(j->arg, &claim, CZ_FOREVER, &j->guard, err);
}

static void a_task_belongs_to_one_engine(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_other_engine};
    cz_engine *other = fx_open_driven();

    (void)state;
    fx_data(other, "a");
    j.arg = other;
    job_start(&j, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, j.task).code, CZ_INVALID);
    world_end(w);
    fx_close(other);
}

/* ---- Joining --------------------------------------------------------------------------------
 */

static void tasks_join_tasks(void **state)
{
    struct world *w = world();
    struct job child = {.letter = 'c'}, parent = {.letter = 'p', .work = work_join};

    (void)state;
    parent.arg = &child.task;
    job_start(&parent, w, NULL, CZ_NORMAL);
    job_start(&child, w, NULL, CZ_NORMAL);
    turns(w, 1);
    assert_state(w, parent.task, CZ_TASK_WAITING);
    run_all(w);
    assert_string_equal(w->log, "pc");
    assert_int_equal(join(w, parent.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static void of_several_who_join_each_gets_the_report(void **state)
{
    struct world *w = world();
    struct job child = {.letter = 'c'}, one = {.letter = '1', .work = work_join},
               two = {.letter = '2', .work = work_join};
    cz_task_report r;
    cz_error err = {0};

    (void)state;
    one.arg = two.arg = &child.task;
    job_start(&one, w, NULL, CZ_NORMAL);
    job_start(&two, w, NULL, CZ_NORMAL);
    job_start(&child, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_int_equal(join(w, one.task).state, CZ_TASK_COMPLETED);
    assert_int_equal(join(w, two.task).state, CZ_TASK_COMPLETED);
    assert_int_equal(cz_task_get(w->s, child.task, &r, &err), CZ_NOT_FOUND);
    world_end(w);
}

static void a_detached_task_is_forgotten_when_it_ends(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};
    cz_task_report r;
    cz_error err = {0};

    (void)state;
    job_start_with(&j, w, NULL, (cz_task_spec){.detached = true});
    assert_int_equal(cz_task_join(w->s, j.task, 0, NULL, &err), CZ_INVALID);
    run_all(w);
    assert_string_equal(w->log, "j");
    assert_int_equal(cz_task_get(w->s, j.task, &r, &err), CZ_NOT_FOUND);
    assert_int_equal(stats(w).completed, 1);
    world_end(w);
}

static int work_join_briefly(struct job *j, cz_error *err)
{
    const uint64_t *task = j->arg;

    return cz_task_join(j->w->s, *task, 3, NULL, err);
}

static void a_join_ends_at_its_deadline_and_the_task_goes_on(void **state)
{
    struct world *w = world();
    cz_claim a = fx_claim("a", CZ_READ);
    struct job waits = {.letter = 'w', .work = work_acquire, .arg = &a},
               joins = {.letter = 'j', .work = work_join_briefly, .arg = &waits.task};
    cz_error err = {0};
    struct holder h;

    (void)state;
    fx_data(w->g, "a");
    h = hold(w, "a", CZ_WRITE);
    job_start(&waits, w, NULL, CZ_NORMAL);
    assert_int_equal(cz_task_join(w->s, waits.task, 2, NULL, &err), CZ_TIMEOUT);
    assert_non_null(strstr(err.detail, "'w'"));
    job_start(&joins, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, joins.task).code, CZ_TIMEOUT);
    let_go(&h);
    assert_int_equal(join(w, waits.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

/* ---- Deadlock -------------------------------------------------------------------------------
 */

static void a_task_cannot_join_itself(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_join};

    (void)state;
    j.arg = &j.task;
    job_start(&j, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, j.task).code, CZ_DEADLOCK);
    assert_non_null(strstr(j.err.detail, "'j' waits for the end of 'j'"));
    world_end(w);
}

static void a_cycle_of_joins_is_refused_where_it_closes(void **state)
{
    struct world *w = world();
    struct job jobs[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        jobs[i] = (struct job){.letter = (char)('a' + i),
                               .work = work_join,
                               .arg = &jobs[(i + 1) % 3].task};
    for (unsigned i = 0; i < 3; i++)
        job_start(&jobs[i], w, NULL, CZ_NORMAL);
    run_all(w);
    assert_int_equal(jobs[2].rc, CZ_DEADLOCK);
    assert_non_null(strstr(jobs[2].err.detail,
                           "'c' waits for the end of 'a'; 'a' waits for the end of 'b'; "
                           "'b' waits for the end of 'c'"));
    assert_int_equal(jobs[0].rc, CZ_OK);
    assert_int_equal(jobs[1].rc, CZ_OK);
    world_end(w);
}

static void joining_a_task_that_waits_for_ones_guard_is_refused(void **state)
{
    struct world *w = world();
    cz_claim a = fx_claim("a", CZ_WRITE);
    struct job j = {.letter = 'j', .work = work_acquire, .arg = &a};
    cz_error err = {0};
    cz_cycle cycle;
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_READ);
    job_start(&j, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_int_equal(cz_task_join(w->s, j.task, CZ_FOREVER, NULL, &err), CZ_DEADLOCK);
    assert_non_null(strstr(err.detail, "the end of 'j'; 'j' waits for a (write), held by"));
    assert_ok(cz_deadlock_cycle(w->g, &cycle, &err), err);
    assert_int_equal(cycle.count, 2);
    assert_string_equal(cycle.steps[0].label, "the end of 'j'");
    assert_string_equal(cycle.steps[1].label, "a");
    assert_false(cycle.steps[0].awaits_effect);
    fx_release(&guard);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

/* The same when it has not been admitted: it stands in no queue, and waits all the same. */
static void joining_a_task_that_needs_ones_guard_is_refused(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};
    cz_error err = {0};
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_READ);
    job_start(&j, w, "a w", CZ_NORMAL);
    assert_int_equal(cz_task_join(w->s, j.task, CZ_FOREVER, NULL, &err), CZ_DEADLOCK);
    assert_non_null(strstr(err.detail, "'j' waits for a (write), held by"));
    fx_release(&guard);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static int work_acquire_and_join(struct job *j, cz_error *err)
{
    struct job *other = j->arg;

    assert_ok(cz_acquire(j->w->g, &j->needs[3], CZ_FOREVER, &j->guard, err), *err);
    cz_task_yield();
    cz_task_yield();
    j->rc = cz_task_join(j->w->s, other->task, CZ_FOREVER, NULL, err);
    j->err = *err;
    return j->rc;
}

/* x joins y, y joins z, z needs what x holds; the middle one holds nothing. */
static void a_cycle_through_joins_and_a_need_is_refused(void **state)
{
    struct world *w = world();
    struct job z = {.letter = 'z'}, y = {.letter = 'y', .work = work_join, .arg = &z.task},
               x = {.letter = 'x', .work = work_acquire_and_join, .arg = &y};

    (void)state;
    fx_data(w->g, "a");
    x.needs[3] = fx_claim("a", CZ_WRITE);
    job_start(&x, w, NULL, CZ_NORMAL);
    turns(w, 1);
    job_start(&z, w, "a r", CZ_NORMAL);
    job_start(&y, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_int_equal(x.rc, CZ_DEADLOCK);
    assert_non_null(strstr(x.err.detail, "'x' waits for the end of 'y'; 'y' waits for the end "
                                         "of 'z'; 'z' waits for a (read), held by 'x'"));
    assert_int_equal(join(w, y.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

/* ---- Cancelling -----------------------------------------------------------------------------
 */

static void a_queued_task_that_is_cancelled_never_runs(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};
    cz_task_report r;
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_WRITE);
    job_start(&j, w, "a w", CZ_NORMAL);
    cancel(w, j.task);
    assert_state(w, j.task, CZ_TASK_CANCELLED);
    fx_release(&guard);
    run_all(w);
    r = join(w, j.task);
    assert_int_equal(r.code, CZ_CANCELLED);
    assert_int_equal(r.admission, 0);
    assert_string_equal(w->log, "");
    world_end(w);
}

static void an_admitted_task_that_has_not_begun_does_not_begin(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j'};

    (void)state;
    fx_data(w->g, "a");
    job_start(&j, w, "a w", CZ_NORMAL);
    cancel(w, j.task);
    run_all(w);
    assert_int_equal(join(w, j.task).state, CZ_TASK_CANCELLED);
    assert_string_equal(w->log, "");
    assert_true(is_free(w, "a", CZ_WRITE));
    world_end(w);
}

static int work_wait_twice(struct job *j, cz_error *err)
{
    cz_claim b = fx_claim("b", CZ_WRITE), c = fx_claim("c", CZ_WRITE);
    cz_guard other = {0}, need;
    cz_error first = {0};

    assert_ok(cz_task_guard(0, &need, err), *err);
    fx_update_data(&need, "never");
    j->rc = cz_acquire(j->w->g, &b, CZ_FOREVER, &j->guard, &first);
    assert_int_equal(cz_acquire(j->w->g, &c, CZ_FOREVER, &other, err), CZ_CANCELLED);
    assert_int_equal(cz_guard_commit(&need, NULL, err), CZ_CANCELLED);
    return cz_acquire(j->w->g, &b, CZ_FOREVER, &j->guard, err);
}

static void a_waiting_task_meets_its_cancellation_there_and_ever_after(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_wait_twice};
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    fx_data(w->g, "b");
    fx_data(w->g, "c");
    guard = fx_acquire(w->g, "b", CZ_WRITE);
    job_start(&j, w, "a w", CZ_NORMAL);
    run_all(w);
    assert_state(w, j.task, CZ_TASK_WAITING);
    cancel(w, j.task);
    cancel(w, j.task);
    run_all(w);
    assert_int_equal(j.rc, CZ_CANCELLED);
    assert_int_equal(join(w, j.task).state, CZ_TASK_CANCELLED);
    assert_int_equal(fx_stats(w->g).commits, 0);
    fx_release(&guard);
    fx_assert_data(w->g, "a", "new");
    world_end(w);
}

static void a_task_that_joins_can_be_cancelled_and_the_other_goes_on(void **state)
{
    struct world *w = world();
    cz_claim a = fx_claim("a", CZ_READ);
    struct job waits = {.letter = 'w', .work = work_acquire, .arg = &a},
               joins = {.letter = 'j', .work = work_join, .arg = &waits.task};
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_WRITE);
    job_start(&waits, w, NULL, CZ_NORMAL);
    job_start(&joins, w, NULL, CZ_NORMAL);
    run_all(w);
    cancel(w, joins.task);
    run_all(w);
    assert_int_equal(join(w, joins.task).state, CZ_TASK_CANCELLED);
    assert_state(w, waits.task, CZ_TASK_WAITING);
    fx_release(&guard);
    assert_int_equal(join(w, waits.task).state, CZ_TASK_COMPLETED);
    world_end(w);
}

static int work_wait_ticket(struct job *j, cz_error *err)
{
    const uint64_t *ticket = j->arg;
    cz_result r;

    return cz_wait(j->w->g, *ticket, CZ_FOREVER, &r, err);
}

/* An effect that waits for a guard of somebody else. */
static void a_task_that_waits_for_a_result_can_be_cancelled(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_wait_ticket};
    uint64_t ticket;
    cz_guard guard;

    (void)state;
    fx_data(w->g, "a");
    guard = fx_acquire(w->g, "a", CZ_WRITE);
    ticket = fx_submit(w->g, fx_write("o", 1, "a", "text"));
    j.arg = &ticket;
    job_start(&j, w, NULL, CZ_NORMAL);
    run_all(w);
    assert_state(w, j.task, CZ_TASK_WAITING);
    cancel(w, j.task);
    run_all(w);
    assert_int_equal(join(w, j.task).state, CZ_TASK_CANCELLED);
    fx_release(&guard);
    assert_int_equal(fx_wait(w->g, ticket).status, CZ_STATUS_APPLIED);
    world_end(w);
}

static int work_commit(struct job *j, cz_error *err)
{
    cz_guard guard;

    assert_ok(cz_task_guard(0, &guard, err), *err);
    fx_update_data(&guard, "done");
    j->rc = cz_guard_commit(&guard, NULL, err);
    cz_task_yield();
    return j->rc;
}

static void a_commit_under_way_is_finished(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_commit};

    (void)state;
    fx_data(w->g, "a");
    job_start(&j, w, "a w", CZ_NORMAL);
    turns(w, 1);
    assert_state(w, j.task, CZ_TASK_WAITING);
    cancel(w, j.task);
    run_all(w);
    assert_int_equal(j.rc, CZ_OK);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    fx_assert_data(w->g, "a", "done");
    world_end(w);
}

static int returns_cancelled(void *arg, cz_error *err)
{
    (void)arg;
    return czi_fail(err, CZ_CANCELLED, "of my own will");
}

static void who_was_not_told_has_failed_whatever_it_returns(void **state)
{
    struct world *w = world();
    cz_task_report r = join(w, spawn(w, &(cz_task_spec){.fn = returns_cancelled}));

    (void)state;
    assert_int_equal(r.state, CZ_TASK_FAILED);
    assert_int_equal(r.code, CZ_CANCELLED);
    world_end(w);
}

static void cancelling_what_is_over_changes_nothing(void **state)
{
    struct world *w = world();
    uint64_t task = spawn(w, &(cz_task_spec){.fn = nothing});
    cz_error err = {0};

    (void)state;
    run_all(w);
    cancel(w, task);
    assert_int_equal(join(w, task).state, CZ_TASK_COMPLETED);
    assert_int_equal(cz_task_cancel(w->s, 12345, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_task_cancel(w->s, 0, &err), CZ_NOT_FOUND);
    world_end(w);
}

/* ---- Closing --------------------------------------------------------------------------------
 */

static int work_close(struct job *j, cz_error *err)
{
    return cz_scheduler_close(j->w->s, err);
}

static void a_task_cannot_close_its_scheduler(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_close};

    (void)state;
    job_start(&j, w, NULL, CZ_NORMAL);
    assert_int_equal(join(w, j.task).code, CZ_INVALID);
    assert_int_equal(cz_scheduler_close(NULL, NULL), CZ_OK);
    world_end(w);
}

static int work_spawn(struct job *j, cz_error *err)
{
    cz_claim a = fx_claim("a", CZ_WRITE);
    uint64_t task;
    cz_error other = {0};

    j->rc = cz_acquire(j->w->g, &a, CZ_FOREVER, &j->guard, err);
    assert_int_equal(cz_task_spawn(j->w->s, &(cz_task_spec){.fn = nothing}, &task, &other),
                     CZ_CLOSED);
    return j->rc;
}

/* Queued, waiting for a guard, joining, committing, not begun; and who asks for more meets
 * CZ_CLOSED. */
static void closing_ends_tasks_in_every_state(void **state)
{
    struct world *w = world();
    struct job queued = {.letter = 'q'}, waits = {.letter = 'w', .work = work_spawn},
               joins = {.letter = 'j', .work = work_join, .arg = &waits.task},
               commits = {.letter = 'c', .work = work_commit}, fresh = {.letter = 'f'};
    cz_engine *g = cz_ref(w->g);
    cz_error err = {0};
    cz_guard guard;

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    guard = fx_acquire(g, "a", CZ_WRITE);
    job_start(&queued, w, "a r", CZ_NORMAL);
    job_start(&waits, w, NULL, CZ_NORMAL);
    job_start(&joins, w, NULL, CZ_NORMAL);
    job_start(&commits, w, "b w", CZ_NORMAL);
    turns(w, 3);
    job_start(&fresh, w, NULL, CZ_NORMAL);
    assert_ok(cz_scheduler_close(w->s, &err), err);
    assert_string_equal(w->log, "wjc");
    assert_int_equal(waits.rc, CZ_CANCELLED);
    assert_int_equal(joins.rc, CZ_OK); /* what it waited for is over */
    assert_int_equal(commits.rc, CZ_OK);
    fx_release(&guard);
    fx_assert_data(g, "b", "done");
    fx_close(g);
    fx_close(w->g);
    free(w);
}

static void a_scheduler_keeps_its_engine_open(void **state)
{
    struct world *w = world();
    struct job j = {.letter = 'j', .work = work_commit};
    cz_error err = {0};

    (void)state;
    fx_data(w->g, "a");
    job_start(&j, w, "a w", CZ_NORMAL);
    fx_close(w->g);
    assert_int_equal(join(w, j.task).state, CZ_TASK_COMPLETED);
    assert_ok(cz_scheduler_close(w->s, &err), err);
    free(w);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_task_runs_and_is_forgotten_when_it_is_joined),
        cmocka_unit_test(what_a_task_returns_is_its_outcome),
        cmocka_unit_test(a_spec_is_checked_before_anything_happens),
        cmocka_unit_test(ids_are_never_used_again_and_name_those_without_a_name),
        cmocka_unit_test(tasks_are_bounded),
        cmocka_unit_test(what_a_scheduler_may_be_asked_for_is_bounded),
        cmocka_unit_test(tasks_take_turns_in_the_order_in_which_they_became_ready),
        cmocka_unit_test(a_test_may_choose_whose_turn_it_is),
        cmocka_unit_test(a_task_knows_itself_and_others_are_none),
        cmocka_unit_test(the_states_of_a_task_are_told),
        cmocka_unit_test(counts_are_kept_by_state_and_priority),
        cmocka_unit_test(a_task_begins_with_guards_of_all_that_it_needs),
        cmocka_unit_test(what_was_reserved_is_nobody_elses_before_the_task_has_run),
        cmocka_unit_test(what_a_task_leaves_uncommitted_is_thrown_away),
        cmocka_unit_test(a_guard_of_a_task_that_is_over_is_stale),
        cmocka_unit_test(a_need_may_be_released_early),
        cmocka_unit_test(a_guard_of_another_context_is_stale_in_a_task),
        cmocka_unit_test(a_task_belongs_to_one_engine),
        cmocka_unit_test(tasks_join_tasks),
        cmocka_unit_test(of_several_who_join_each_gets_the_report),
        cmocka_unit_test(a_detached_task_is_forgotten_when_it_ends),
        cmocka_unit_test(a_join_ends_at_its_deadline_and_the_task_goes_on),
        cmocka_unit_test(a_task_cannot_join_itself),
        cmocka_unit_test(a_cycle_of_joins_is_refused_where_it_closes),
        cmocka_unit_test(joining_a_task_that_waits_for_ones_guard_is_refused),
        cmocka_unit_test(joining_a_task_that_needs_ones_guard_is_refused),
        cmocka_unit_test(a_cycle_through_joins_and_a_need_is_refused),
        cmocka_unit_test(a_queued_task_that_is_cancelled_never_runs),
        cmocka_unit_test(an_admitted_task_that_has_not_begun_does_not_begin),
        cmocka_unit_test(a_waiting_task_meets_its_cancellation_there_and_ever_after),
        cmocka_unit_test(a_task_that_joins_can_be_cancelled_and_the_other_goes_on),
        cmocka_unit_test(a_task_that_waits_for_a_result_can_be_cancelled),
        cmocka_unit_test(a_commit_under_way_is_finished),
        cmocka_unit_test(who_was_not_told_has_failed_whatever_it_returns),
        cmocka_unit_test(cancelling_what_is_over_changes_nothing),
        cmocka_unit_test(a_task_cannot_close_its_scheduler),
        cmocka_unit_test(closing_ends_tasks_in_every_state),
        cmocka_unit_test(a_scheduler_keeps_its_engine_open),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
