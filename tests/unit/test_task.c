/* test_task.c - tasks of a scheduler: who is admitted when, what a task holds, how it ends.
 *
 * Most of it is on an engine that is driven by hand, so that each run is the same and counts
 * are exact; what threads do to it comes last.
 */
#include "guard_fixture.h"
#include "program/scheduler.h"

/* ---- A scheduler with its engine ------------------------------------------------------------
 */

struct world {
    cz_engine *g;
    cz_scheduler *s;
};

static struct world world_with(const cz_scheduler_options *o, bool driven)
{
    struct world w = {.g = driven ? fx_open_driven() : fx_open(2)};
    cz_error err = {0};

    assert_ok(cz_scheduler_new(w.g, o, &w.s, &err), err);
    return w;
}

static struct world world(void)
{
    return world_with(NULL, true);
}

static void world_end(struct world *w)
{
    cz_error err = {0};

    assert_ok(cz_scheduler_close(w->s, &err), err);
    assert_int_equal(fx_stats(w->g).guards, 0);
    assert_int_equal(fx_stats(w->g).waiting, 0);
    fx_close(w->g);
}

static uint64_t spawn(const struct world *w, const cz_task_spec *spec)
{
    cz_error err = {0};
    uint64_t task = 0;

    assert_ok(cz_task_spawn(w->s, spec, &task, &err), err);
    return task;
}

static cz_task_report get(const struct world *w, uint64_t task)
{
    cz_error err = {0};
    cz_task_report r;

    assert_ok(cz_task_get(w->s, task, &r, &err), err);
    return r;
}

static cz_task_report join(const struct world *w, uint64_t task)
{
    cz_error err = {0};
    cz_task_report r;

    assert_ok(cz_task_join(w->s, task, CZ_FOREVER, &r, &err), err);
    return r;
}

static void run_all(const struct world *w)
{
    while (czi_scheduler_run_one(w->s) || czi_engine_pump(w->g))
        continue;
}

static int nothing(void *arg, cz_error *err)
{
    (void)arg;
    (void)err;
    return CZ_OK;
}

/* ---- Bounds ---------------------------------------------------------------------------------
 */

static void tasks_are_bounded(void **state)
{
    struct world w = world_with(&(cz_scheduler_options){.tasks_max = 3}, true);
    cz_task_spec spec = {.fn = nothing};
    uint64_t first = spawn(&w, &spec), task = 77;
    cz_error err = {0};

    (void)state;
    (void)spawn(&w, &spec);
    (void)spawn(&w, &spec);
    assert_int_equal(cz_task_spawn(w.s, &spec, &task, &err), CZ_LIMIT);
    assert_int_equal(task, 77);
    (void)join(&w, first);
    (void)spawn(&w, &spec);
    world_end(&w);
}

static void what_a_scheduler_may_be_asked_for_is_bounded(void **state)
{
    cz_scheduler_options tasks = {.tasks_max = CZI_TASKS_MAX + 1},
                         stacks = {.stacks_max = CZI_TASK_STACKS_MAX + 1},
                         size = {.stack_size = CZI_TASK_STACK_SIZE_MAX + 1};
    struct world w = world();
    cz_scheduler *s = NULL;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_scheduler_new(w.g, &tasks, &s, &err), CZ_LIMIT);
    assert_int_equal(cz_scheduler_new(w.g, &stacks, &s, &err), CZ_LIMIT);
    assert_int_equal(cz_scheduler_new(w.g, &size, &s, &err), CZ_LIMIT);
    assert_null(s);
    assert_int_equal(w.s->tasks_max, CZI_TASKS_MAX);
    assert_int_equal(w.s->stacks_max, CZI_TASK_STACKS_DEFAULT);
    assert_true(w.s->fibers.slot_size >= CZI_TASK_STACK_SIZE_DEFAULT);
    world_end(&w);
}

/* ---- Life -----------------------------------------------------------------------------------
 */

static void a_task_runs_and_is_forgotten_when_it_is_joined(void **state)
{
    struct world w = world();
    cz_task_spec spec = {.name = "one", .fn = nothing, .priority = CZ_HIGH};
    uint64_t task = spawn(&w, &spec);
    cz_task_report r = get(&w, task);
    cz_error err = {0};

    (void)state;
    assert_int_equal(r.state, CZ_TASK_RUNNING);
    run_all(&w);
    assert_int_equal(get(&w, task).state, CZ_TASK_COMPLETED);
    r = join(&w, task);
    assert_int_equal(r.task, task);
    assert_string_equal(r.name, "one");
    assert_int_equal(r.state, CZ_TASK_COMPLETED);
    assert_int_equal(r.priority, CZ_HIGH);
    assert_int_equal(r.code, CZ_OK);
    assert_int_equal(r.admission, 1);
    assert_int_equal(cz_task_get(w.s, task, &r, &err), CZ_NOT_FOUND);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(tasks_are_bounded),
        cmocka_unit_test(what_a_scheduler_may_be_asked_for_is_bounded),
        cmocka_unit_test(a_task_runs_and_is_forgotten_when_it_is_joined),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
