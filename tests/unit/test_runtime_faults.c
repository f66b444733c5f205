/* test_runtime_faults.c - what programs meet at the bounds: no room, no stack, no memory,
 * handles that were used up, trees without end, several programs, leaves that end in the midst
 * of changes.
 */
#include "program/future.h"
#include "runtime_fixture.h"

/* A runtime with bounds of its own; freed with the stage. */
static struct stage *narrow_stage(uint32_t stacks, uint32_t futures,
                                  int (*play)(struct stage *s, cz_error *err))
{
    struct czi_runtime *r;
    cz_error err = {0};

    assert_ok(czi_runtime_new(0, stacks, futures, &r, &err), err);
    return stage_with(r, play);
}

/* ---- Bounds ---------------------------------------------------------------------------------
 */

static void a_runtime_is_bounded_in_stacks_their_size_and_futures(void **state)
{
    struct czi_runtime *r = NULL;
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_runtime_new(4095, 1, 1, &r, &err), CZ_INVALID);
    assert_int_equal(czi_runtime_new(CZI_TASK_STACK_SIZE_MAX + 1, 1, 1, &r, &err), CZ_LIMIT);
    assert_int_equal(czi_runtime_new(SIZE_MAX, 1, 1, &r, &err), CZ_LIMIT);
    assert_int_equal(czi_runtime_new(0, CZI_TASK_STACKS_MAX + 1, 1, &r, &err), CZ_LIMIT);
    assert_int_equal(czi_runtime_new(0, 1, CZI_FUTURES_MAX + 1, &r, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "FUTURES_MAX"));
    assert_null(r);
    assert_ok(czi_runtime_new(CZI_TASK_STACK_SIZE_MAX, 1, CZI_FUTURES_MAX, &r, &err), err);
    czi_runtime_free(r);
    assert_ok(czi_runtime_new(0, 0, 0, &r, &err), err);
    assert_int_equal(r->max, CZI_FUTURES_DEFAULT);
    assert_int_equal(r->fibers.max, CZI_TASK_STACKS_DEFAULT);
    assert_int_equal(r->stack_size, CZI_TASK_STACK_SIZE_DEFAULT);
    czi_runtime_free(r);
    czi_runtime_free(NULL);
}

static int fills(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_future f[7], over;
    bool made = true;

    for (int i = 0; i < 7; i++) /* and the task itself */
        f[i] = fork_gives(s, i);
    over = cz_fork(p, gives, NULL);
    assert_int_equal(cz_join(p, over, NULL, err), CZ_LIMIT);
    assert_string_equal(err->detail, "8 futures are not joined, and no more may (futures_max)");
    over = czi_leaf(&s->tree, leaf_cancel, NULL, &made);
    assert_false(made);
    assert_int_equal(cz_join(p, over, NULL, err), CZ_LIMIT);
    assert_int_equal(cz_join(p, cz_sleep_future(p, NULL), NULL, err), CZ_LIMIT);
    assert_int_equal(cz_cancel(p, over, err), CZ_OK); /* it is over */
    cz_cancel_later(p, over);
    assert_ok(cz_barrier(p, f, 7, err), *err); /* needs no room */
    f[0] = fork_gives(s, 1);
    return cz_join(p, f[0], NULL, err); /* there is room again */
}

static void without_room_a_future_is_over_with_the_limit(void **state)
{
    struct stage *s = narrow_stage(4, 8, fills);

    (void)state;
    turns(s);
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

static int parts_without_room(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_future f[] = {leaf(s, "a"), leaf(s, "b"), slow_leaf(s, "c")}, all;

    all = cz_barrier_future(p, f, 2);
    assert_int_equal(cz_join(p, f[0], NULL, err), CZ_STALE);
    assert_int_equal(cz_join(p, all, NULL, err), CZ_LIMIT);
    f[0] = leaf(s, "d");
    f[1] = leaf(s, "e");
    all = cz_callback(p, f[0], NULL, NULL);
    assert_int_equal(cz_join(p, all, NULL, err), CZ_LIMIT); /* no room to say what is wrong */
    all = cz_race_future(p, CZ_RACE_OK, f, 3, NULL, NULL);
    assert_int_equal(cz_join(p, f[2], NULL, err), CZ_STALE); /* used up, though it lives */
    return cz_join(p, all, NULL, err);
}

static void a_combinator_without_room_uses_its_parts_up_and_they_are_cancelled(void **state)
{
    struct stage *s = narrow_stage(4, 4, parts_without_room);

    (void)state;
    turns(s);
    assert_told(s, "-a -b -d -e -c");
    assert_false(s->is_over); /* it returned, and c is joined */
    end(s, "c", CZ_OK, 0);
    assert_told(s, "over:0 end");
    assert_int_equal(s->code, CZ_LIMIT);
    stage_free(s);
}

static int callback_without_room(cz_program *p, void *arg, const cz_completion *c,
                                 uint64_t *ret, cz_error *err)
{
    (void)c;
    return gives(p, arg, ret, err);
}

static int limited_forms(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_branch three[] = {{gives, GIVES(5)}, {gives, GIVES(6)}, {gives, GIVES(7)}};
    cz_deadline soon = {.after_ms = 1};
    cz_future a = leaf(s, "a"), f[2];
    uint64_t values[3] = {1, 1, 1};
    cz_completion c[3];

    assert_int_equal(cz_fork_join(p, three, 3, values, err), CZ_LIMIT);
    assert_non_null(strstr(err->detail, "futures_max"));
    assert_int_equal(values[0], 1);
    assert_ok(cz_fork_try_join(p, three, 3, c, err), *err);
    assert_true(c[0].code == CZ_OK && c[0].value == 5 && c[1].code == CZ_OK);
    assert_true(c[2].index == 2 && c[2].code == CZ_LIMIT && c[2].value == 0);
    f[0] = leaf(s, "b");
    f[1] = leaf(s, "d");
    a = cz_callback(p, a, callback_without_room, NULL);
    assert_int_equal(cz_join(p, a, NULL, err), CZ_LIMIT); /* and a is dropped */
    a = leaf(s, "e");
    assert_int_equal(cz_timeout(p, &soon, a, NULL, err), CZ_LIMIT); /* no alarm to be had */
    a = leaf(s, "g");
    a = cz_timeout_future(p, &soon, a);
    assert_int_equal(cz_join(p, a, NULL, err), CZ_LIMIT);
    return cz_race_ok(p, f, 2, NULL, NULL, err);
}

static void forks_and_timeouts_without_room_end_with_the_limit(void **state)
{
    struct stage *s = narrow_stage(4, 4, limited_forms);

    (void)state;
    turns(s);
    end(s, "b", CZ_OK, 0);
    assert_told(s, "over:1 over:2 over:3 over:4 -a won:0/1 -e -g won:1/0 -d over:0 end");
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

static int takes_numbers(cz_program *p, void *arg, const cz_completion *c, cz_error *err)
{
    (void)arg;
    (void)err;
    tell(stage_of(p), "%zu:%d", c->index, c->code);
    return CZ_OK;
}

static int each_without_room(struct stage *s, cz_error *err)
{
    cz_branch four[] = {{gives, GIVES(5)},
                        {gives, GIVES(6)},
                        {gives, GIVES(7)},
                        {gives, GIVES(8)}};

    return cz_fork_each(program(s), four, 4, takes_numbers, NULL, err);
}

static void each_is_told_first_of_those_without_room(void **state)
{
    struct stage *s = narrow_stage(4, 3, each_without_room);

    (void)state;
    turns(s);
    assert_told(s, "2:8 3:8 over:1 over:2 0:0 1:0 over:0 end");
    stage_free(s);
}

static int too_many_stacks(struct stage *s, cz_error *err)
{
    cz_branch five[] = {
        {waits, "a"}, {waits, "b"}, {waits, "c"}, {gives, GIVES(1)}, {waits, "d"}};
    cz_completion c[5];

    assert_ok(cz_program_yield(program(s), err), *err);
    assert_ok(cz_fork_try_join(program(s), five, 5, c, err), *err);
    for (int i = 0; i < 5; i++)
        tell(s, "%d", c[i].code);
    return CZ_OK;
}

/* The first one is called on the stack of the task that waits for it. */
static void a_task_without_a_stack_is_over_with_the_limit(void **state)
{
    struct stage *s = narrow_stage(2, 0, too_many_stacks);

    (void)state;
    turns(s);
    assert_told(s, "over:3 over:4 over:5");
    end(s, "b", CZ_OK, 0);
    end(s, "a", CZ_OK, 0);
    assert_told(s, "over:2 over:1 0 0 8 8 8 over:0 end");
    stage_free(s);
}

static void note_starved(struct czi_tree *t, int code)
{
    tell(stage_of(t), "starved:%d", code);
}

static int starves(struct stage *s, cz_error *err)
{
    cz_branch three[] = {{waits, "a"}, {waits, "b"}, {waits, "c"}};
    cz_future f[3];

    for (int i = 0; i < 3; i++)
        f[i] = cz_fork(program(s), three[i].fn, three[i].arg); /* there is no third */
    assert_int_equal(cz_join(program(s), f[2], NULL, err), CZ_LIMIT);
    tell(s, "forked");
    assert_ok(cz_program_yield(program(s), err), *err); /* and no second stack */
    assert_int_equal(cz_join(program(s), f[0], NULL, err), CZ_LIMIT);
    return cz_cancel(program(s), f[1], err);
}

/* What one program is told of room depends on the others, so their host wants to know. */
static void a_host_is_told_when_there_is_no_room_and_no_stack(void **state)
{
    struct stage *s = narrow_stage(1, 3, starves);
    struct czi_tree_ops ops = stage_ops;

    (void)state;
    ops.starved = note_starved;
    s->tree.ops = &ops;
    turns(s);
    assert_told(s, "starved:8 forked starved:8 over:1 starved:8 over:2 over:0 end");
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

static int forks_without_end(struct stage *s, cz_error *err)
{
    for (int i = 0; i < 1000; i++)
        assert_ok(cz_join(program(s), fork_gives(s, 1), NULL, err), *err);
    tell(s, "done");
    return CZ_OK;
}

static int ends_at_once(struct stage *s, cz_error *err)
{
    (void)s;
    (void)err;
    return CZ_OK;
}

static void one_program_has_no_more_than_its_turns_in_a_row(void **state)
{
    struct stage *a = stage(forks_without_end), *b;
    unsigned looks = 0;

    (void)state;
    assert_true(czi_runtime_run_one(a->runtime));
    assert_string_not_equal(a->told, "");
    assert_false(a->is_over);
    b = stage_with(a->runtime, ends_at_once);
    assert_true(czi_runtime_run_one(a->runtime));
    assert_false(a->is_over);
    assert_true(czi_runtime_run_one(a->runtime));
    assert_told(b, "over:0");
    turns(a);
    free(b);
    stage_free(a);
    a = stage(forks_without_end);
    while (czi_runtime_run_one(a->runtime))
        looks++;
    /* Two turns each, in rows of one and CZI_TURNS_MAX more; and its end. */
    assert_in_range(looks, 2000 / (CZI_TURNS_MAX + 1), 2000 / CZI_TURNS_MAX + 2);
    stage_free(a);
}

/* ---- Handles --------------------------------------------------------------------------------
 */

static int wears_out(struct stage *s, cz_error *err)
{
    struct czi_runtime *r = s->runtime;
    cz_future first = fork_gives(s, 1), next;

    assert_ok(cz_join(program(s), first, NULL, err), *err);
    r->unused->generation = UINT32_MAX - 1;
    next = fork_gives(s, 2);
    assert_int_equal(next.index, first.index);
    assert_ok(cz_join(program(s), next, NULL, err), *err);
    next = fork_gives(s, 3);
    assert_int_not_equal(next.index, first.index);
    assert_int_equal(cz_join(program(s), first, NULL, err), CZ_STALE);
    return cz_join(program(s), next, NULL, err);
}

static void an_index_is_given_up_before_its_first_handle_would_be_good_again(void **state)
{
    struct stage *s = stage(wears_out);

    (void)state;
    turns(s);
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

static int random_handles(struct stage *s, cz_error *err)
{
    struct czi_rng rng = czi_rng(1);
    cz_future mine = leaf(s, "a");

    for (int i = 0; i < 10000; i++) {
        cz_future f = {(uint32_t)czi_rng_below(&rng, 300), (uint32_t)czi_rng_below(&rng, 4)};

        if (memcmp(&f, &mine, sizeof f) != 0)
            assert_int_equal(cz_join(program(s), f, NULL, err), CZ_STALE);
    }
    return CZ_OK;
}

static void a_handle_out_of_nowhere_is_stale(void **state)
{
    struct stage *s = stage(random_handles);

    (void)state;
    turns(s);
    assert_told(s, "-a over:0 end");
    assert_false(czi_leaf_end(s->runtime, s->leaves[0].future, CZ_OK, 0, NULL));
    assert_false(czi_leaf_end(s->runtime, (cz_future){UINT32_MAX, 8}, CZ_OK, 0, NULL));
    assert_false(czi_leaf_end(s->runtime, (cz_future){255, 1}, CZ_OK, 0, NULL));
    stage_free(s);
}

/* ---- Depth ----------------------------------------------------------------------------------
 */

enum { DEPTH = 100000 };

static int deep(struct stage *s, cz_error *err)
{
    cz_future f = leaf(s, "a");
    uint64_t value = 0;
    int rc;

    for (int i = 0; i < DEPTH; i++)
        f = i % 2 ? cz_barrier_future(program(s), &f, 1)
                  : cz_race_future(program(s), CZ_RACE_OK, &f, 1, NULL, NULL);
    if (s->arg) {
        rc = cz_cancel(program(s), f, err);
        s->told[0] = 0;
        return rc;
    }
    rc = cz_join(program(s), f, &value, err);
    s->told[0] = 0; /* of DEPTH / 2 races */
    tell(s, "%d:%d", rc, (int)value);
    return rc;
}

static void a_tree_of_any_depth_ends_and_is_cancelled_on_a_small_stack(void **state)
{
    struct stage *s = narrow_stage(1, 2 * DEPTH, deep);

    (void)state;
    turns(s);
    end(s, "a", CZ_OK, 5);
    assert_told(s, "0:1 over:0 end");
    stage_free(s);
    s = narrow_stage(1, 2 * DEPTH, deep);
    s->arg = s;
    turns(s);
    assert_told(s, "over:0 end");
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
    s = narrow_stage(1, 2 * DEPTH, deep);
    turns(s);
    czi_tree_cancel(&s->tree);
    turns(s);
    assert_told(s, "16:0 over:0 end");
    stage_free(s);
}

static int deep_tasks(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    intptr_t depth = (intptr_t)arg;
    struct stage *s = stage_of(p);

    if (depth == 0)
        return cz_join(p, leaf(s, "a"), ret, err);
    return cz_join(p, cz_fork(p, deep_tasks, GIVES(depth - 1)), ret, err);
}

static int many_nested(struct stage *s, cz_error *err)
{
    uint64_t value = 0;
    int rc = cz_join(program(s), cz_fork(program(s), deep_tasks, GIVES(2000)), &value, err);

    s->told[0] = 0;
    tell(s, "%d:%d", rc, (int)value);
    return rc;
}

/* Uses 6 KiB of what it is promised before the next one is begun. */
static int wide_tasks(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    intptr_t depth = (intptr_t)arg;
    volatile char wide[6000];
    int rc;

    wide[0] = wide[sizeof wide - 1] = (char)depth;
    if (depth == 0)
        return cz_join(p, leaf(stage_of(p), "a"), ret, err);
    rc = cz_join(p, cz_fork(p, wide_tasks, GIVES(depth - 1)), ret, err);
    assert_int_equal(wide[0], (char)depth);
    assert_int_equal(wide[sizeof wide - 1], (char)depth);
    return rc;
}

static int many_wide(struct stage *s, cz_error *err)
{
    return cz_join(program(s), cz_fork(program(s), wide_tasks, GIVES(60)), NULL, err);
}

static void each_task_has_the_stack_that_it_was_promised(void **state)
{
    struct stage *s = narrow_stage(70, 256, many_wide);

    (void)state;
    turns(s);
    end(s, "a", CZ_OK, 5);
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

/* Each calls the next one on its own stack as long as that has room for it. */
static void tasks_that_wait_for_each_other_share_stacks_and_overflow_none(void **state)
{
    struct stage *s = narrow_stage(2100, 4000, many_nested);

    (void)state;
    turns(s);
    assert_in_range(s->runtime->fibers.live, 10, 1900);
    end(s, "a", CZ_OK, 5);
    assert_told(s, "0:5 over:0 end");
    stage_free(s);
    s = narrow_stage(2100, 4000, many_nested);
    turns(s);
    czi_tree_cancel(&s->tree);
    turns(s);
    assert_told(s, "16:0 over:0 end");
    stage_free(s);
}

/* ---- In the midst of changes ----------------------------------------------------------------
 */

static void cancel_ends_another(void *arg, cz_future future)
{
    struct stage *s = arg;

    tell(s, "-x");
    assert_true(czi_leaf_end(s->runtime, leaf_named(s, "b")->future, CZ_OK, 6, NULL));
    assert_true(czi_leaf_end(s->runtime, future, CZ_OK, 7, NULL));
}

static int entangled(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    bool made;
    cz_future inner[] = {leaf(s, "b"), leaf(s, "c")}, outer[2], all[2];
    uint64_t value;

    outer[0] = leaf(s, "a");
    outer[1] = czi_leaf(&s->tree, cancel_ends_another, s, &made);
    all[0] = cz_race_future(p, CZ_RACE_ANY, inner, 2, NULL, NULL);
    all[1] = cz_race_future(p, CZ_RACE_ANY, outer, 2, NULL, NULL);
    assert_ok(cz_join(p, cz_barrier_future(p, all, 2), &value, err), *err);
    tell(s, "%d", (int)value);
    return CZ_OK;
}

static void a_leaf_that_is_cancelled_may_end_others(void **state)
{
    struct stage *s = stage(entangled);

    (void)state;
    turns(s);
    end(s, "a", CZ_OK, 1);
    assert_told(s, "won:1/0 -x won:0/0 -c 2 over:0 end");
    stage_free(s);
}

static int ends_what_it_waits_for(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    (void)arg;
    (void)ret;
    (void)err;
    assert_true(czi_leaf_end(stage_of(p)->runtime, leaf_named(stage_of(p), "a")->future, CZ_OK,
                             4, NULL));
    return CZ_OK;
}

static int ended_by_its_child(struct stage *s, cz_error *err)
{
    uint64_t value = 0;

    (void)cz_fork(program(s), ends_what_it_waits_for, NULL);
    assert_ok(cz_join(program(s), leaf(s, "a"), &value, err), *err);
    tell(s, "%d", (int)value);
    return CZ_OK;
}

static void a_leaf_may_end_in_the_turn_of_a_task(void **state)
{
    (void)state;
    stage_whole(ended_by_its_child, CZ_OK, "over:1 4 over:0 end");
}

/* ---- Several programs -----------------------------------------------------------------------
 */

static int yields_thrice(struct stage *s, cz_error *err)
{
    for (int i = 0; i < 3; i++) {
        tell(s->arg ? s->arg : s, "%s%d", s->arg ? "b" : "a", i);
        assert_ok(cz_program_yield(program(s), err), *err);
    }
    return CZ_OK;
}

static void programs_take_turns(void **state)
{
    struct stage *a = stage(yields_thrice), *b = stage_with(a->runtime, yields_thrice);

    (void)state;
    b->arg = a;
    turns(a);
    assert_told(a, "a0 b0 a1 b1 a2 b2 over:0 end");
    assert_told(b, "over:0 end");
    free(b);
    stage_free(a);
}

static struct stage *born; /* of a_program_may_be_begun_by_another */

static int begins_another(struct stage *s, cz_error *err)
{
    born = stage_with(s->runtime, ends_at_once);
    tell(s, "begun");
    return cz_program_yield(program(s), err);
}

static void a_program_may_be_begun_by_another(void **state)
{
    struct stage *s = stage(begins_another);

    (void)state;
    turns(s);
    assert_told(s, "begun over:0 end");
    assert_told(born, "over:0 end");
    free(born);
    stage_free(s);
}

static void without_room_no_program_begins(void **state)
{
    struct stage *s = narrow_stage(2, 1, ends_at_once);
    struct stage other = {0};
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_tree_begin(&other.tree, s->runtime, &stage_ops, stage_main, NULL,
                                    &err),
                     CZ_LIMIT);
    turns(s);
    stage_free(s);
}

/* ---- Memory ---------------------------------------------------------------------------------
 */

static int replies(cz_program *p, void *arg, const cz_completion *c, uint64_t *ret,
                   cz_error *err)
{
    (void)c;
    return gives(p, arg, ret, err);
}

static bool never(void *arg, const cz_completion *c)
{
    (void)arg;
    (void)c;
    return false;
}

static void any(int code)
{
    assert_true(code == CZ_OK || code > 0);
}

/* A bit of everything; whatever fails, it ends. */
static int plays_all(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_branch b[] = {{gives, GIVES(1)}, {gives, GIVES(-5)}, {gives, GIVES(-6)}};
    cz_retry twice = {.attempts = 2, .deadline = {.after_ms = 1}, .delay_ms = 1};
    cz_future f[3];
    cz_completion c[3];

    for (int i = 0; i < 3; i++)
        f[i] = cz_fork(p, b[i].fn, b[i].arg);
    f[0] = cz_race_future(p, CZ_RACE_OK, f, 3, NULL, NULL);
    f[0] = cz_callback(p, f[0], replies, GIVES(-4));
    any(cz_join(p, f[0], NULL, err));
    for (int i = 0; i < 3; i++)
        f[i] = cz_fork(p, b[i].fn, b[i].arg);
    any(cz_race_until(p, f, 3, never, NULL, c, err));
    any(cz_fork_join(p, b, 3, NULL, err));
    any(cz_fork_try_join(p, b, 3, c, err));
    any(cz_fork_each(p, b, 3, takes_numbers, NULL, err));
    f[0] = cz_timeout_future(p, &twice.deadline, czi_leaf_over(&s->tree, CZ_PROOF, 0, err));
    any(cz_barrier(p, f, 1, err));
    return czi_fail(err, CZ_CONFLICT, "as it shall");
}

static bool plays_without_memory(int64_t skip)
{
    struct czi_runtime *r = NULL;
    struct stage *s = calloc(1, sizeof *s);
    cz_error err = {0};
    bool failed;
    int rc;

    assert_non_null(s);
    s->play = plays_all;
    czi_alloc_fail_after(skip);
    rc = czi_runtime_new(0, 8, 64, &r, &err);
    if (!rc) {
        s->runtime = r;
        rc = czi_tree_begin(&s->tree, r, &stage_ops, stage_main, NULL, &err);
    }
    if (!rc)
        turns(s);
    failed = czi_alloc_failed();
    czi_alloc_fail_after(-1);
    assert_true(rc ? rc == CZ_NOMEM && failed : s->is_over);
    if (!rc) /* its first task may have got no stack */
        assert_true(s->code == CZ_CONFLICT || (failed && s->code == CZ_NOMEM));
    czi_runtime_free(r);
    free(s);
    return failed;
}

static void a_program_ends_whatever_allocation_fails(void **state)
{
    int64_t skip = 0;

    (void)state;
    while (plays_without_memory(skip))
        skip++;
    assert_true(skip > 10);
}

/* What is lost with a detail is the text alone. */
static int fails_with_a_detail(struct stage *s, cz_error *err)
{
    cz_future f = fork_gives(s, -CZ_PROOF);

    assert_ok(cz_program_yield(program(s), err), *err);
    return cz_join(program(s), f, NULL, err);
}

static void a_code_without_memory_for_its_detail_is_still_told(void **state)
{
    struct stage *s = stage(fails_with_a_detail);

    (void)state;
    assert_true(czi_runtime_run_one(s->runtime));
    turns(s);
    assert_int_equal(s->code, CZ_PROOF);
    assert_string_equal(s->error.detail, "it gives 7");
    stage_free(s);
    s = stage(fails_with_a_detail);
    czi_alloc_fail_after(2); /* the nodes, the stack, and then the detail */
    turns(s);
    assert_true(czi_alloc_failed());
    czi_alloc_fail_after(-1);
    assert_int_equal(s->code, CZ_PROOF);
    assert_string_equal(s->error.detail, cz_code_name(CZ_PROOF));
    stage_free(s);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_runtime_is_bounded_in_stacks_their_size_and_futures),
        cmocka_unit_test(without_room_a_future_is_over_with_the_limit),
        cmocka_unit_test(a_combinator_without_room_uses_its_parts_up_and_they_are_cancelled),
        cmocka_unit_test(forks_and_timeouts_without_room_end_with_the_limit),
        cmocka_unit_test(each_is_told_first_of_those_without_room),
        cmocka_unit_test(a_task_without_a_stack_is_over_with_the_limit),
        cmocka_unit_test(a_host_is_told_when_there_is_no_room_and_no_stack),
        cmocka_unit_test(one_program_has_no_more_than_its_turns_in_a_row),
        cmocka_unit_test(an_index_is_given_up_before_its_first_handle_would_be_good_again),
        cmocka_unit_test(a_handle_out_of_nowhere_is_stale),
        cmocka_unit_test(a_tree_of_any_depth_ends_and_is_cancelled_on_a_small_stack),
        cmocka_unit_test(each_task_has_the_stack_that_it_was_promised),
        cmocka_unit_test(tasks_that_wait_for_each_other_share_stacks_and_overflow_none),
        cmocka_unit_test(a_leaf_that_is_cancelled_may_end_others),
        cmocka_unit_test(a_leaf_may_end_in_the_turn_of_a_task),
        cmocka_unit_test(programs_take_turns),
        cmocka_unit_test(a_program_may_be_begun_by_another),
        cmocka_unit_test(without_room_no_program_begins),
        cmocka_unit_test(a_program_ends_whatever_allocation_fails),
        cmocka_unit_test(a_code_without_memory_for_its_detail_is_still_told),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
