/* test_runtime.c - tasks and what they make of futures: forks, joins, barriers, races,
 * timeouts, callbacks, and the functions that wait for them (program/runtime.h).
 */
#include "runtime_fixture.h"

/* ---- One program ----------------------------------------------------------------------------
 */

static int returns_at_once(struct stage *s, cz_error *err)
{
    (void)err;
    tell(s, "begin");
    return CZ_OK;
}

static void a_program_is_its_first_task(void **state)
{
    struct stage *s = stage(returns_at_once);

    (void)state;
    assert_told(s, "");
    assert_int_equal(czi_runtime_ready(s->runtime), 1);
    turns(s);
    assert_told(s, "begin over:0 end");
    assert_int_equal(s->code, CZ_OK);
    assert_int_equal(s->value, 77);
    assert_false(czi_runtime_run_one(s->runtime));
    stage_free(s);
}

static int fails(struct stage *s, cz_error *err)
{
    (void)s;
    return czi_fail(err, CZ_CONFLICT, "for a reason");
}

static void what_the_first_task_returns_is_told_with_its_detail_and_no_value(void **state)
{
    struct stage *s = stage(fails);

    (void)state;
    turns(s);
    assert_int_equal(s->code, CZ_CONFLICT);
    assert_int_equal(s->value, 0);
    assert_string_equal(s->error.detail, "for a reason");
    stage_free(s);
}

static int fork_and_join(struct stage *s, cz_error *err)
{
    cz_future a = fork_gives(s, 5), b = fork_gives(s, -CZ_NOT_FOUND);
    uint64_t value = 1;

    assert_int_equal(cz_join(program(s), b, &value, err), CZ_NOT_FOUND);
    assert_int_equal(value, 1);
    assert_string_equal(err->detail, "it gives 2");
    assert_ok(cz_join(program(s), a, &value, err), *err);
    assert_int_equal(value, 5);
    a = fork_gives(s, 6);
    return cz_join(program(s), a, NULL, err);
}

static void a_join_gives_the_value_or_the_error_and_its_detail(void **state)
{
    (void)state;
    stage_whole(fork_and_join, CZ_OK, "over:1 over:2 over:3 over:0 end");
}

static int notes(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    (void)ret;
    for (int i = 0; i < 3; i++) {
        tell(stage_of(p), "%s%d", (const char *)arg, i);
        if (cz_program_yield(p, err))
            return err->code;
    }
    return CZ_OK;
}

static int three_take_turns(struct stage *s, cz_error *err)
{
    cz_future all[] = {cz_fork(program(s), notes, "a"), cz_fork(program(s), notes, "b"),
                       cz_fork(program(s), notes, "c")};

    tell(s, "forked");
    return cz_barrier(program(s), all, 3, err);
}

static void what_is_ready_runs_first_in_first_out(void **state)
{
    (void)state;
    stage_whole(three_take_turns, CZ_OK,
                "forked a0 b0 c0 a1 b1 c1 a2 b2 c2 over:1 over:2 over:3 over:0 end");
}

static int join_twice(struct stage *s, cz_error *err)
{
    cz_future a = fork_gives(s, 1), b = fork_gives(s, 2), none = {0, 0};

    assert_ok(cz_join(program(s), a, NULL, err), *err);
    assert_int_equal(cz_join(program(s), a, NULL, err), CZ_STALE);
    assert_non_null(strstr(err->detail, "used up"));
    assert_int_equal(cz_join(program(s), none, NULL, err), CZ_STALE);
    assert_int_equal(cz_cancel(program(s), a, err), CZ_STALE);
    cz_cancel_later(program(s), a);
    a = cz_barrier_future(program(s), &b, 1);
    assert_int_equal(cz_join(program(s), b, NULL, err), CZ_STALE); /* a part of a now */
    return cz_join(program(s), a, NULL, err);
}

static void a_handle_is_good_for_one_join(void **state)
{
    (void)state;
    stage_whole(join_twice, CZ_OK, "over:1 over:2 over:0 end");
}

static int joins_foreign(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    cz_future f;

    (void)ret;
    memcpy(&f, arg, sizeof f);
    assert_int_equal(cz_join(p, f, NULL, err), CZ_STALE);
    assert_int_equal(cz_cancel(p, f, err), CZ_STALE);
    cz_cancel_later(p, f);
    assert_int_equal(cz_join(p, cz_barrier_future(p, &f, 1), NULL, err), CZ_STALE);
    return CZ_OK;
}

static int give_to_another(struct stage *s, cz_error *err)
{
    cz_future mine = leaf(s, "mine");
    cz_future thief = cz_fork(program(s), joins_foreign, &mine);

    assert_ok(cz_join(program(s), thief, NULL, err), *err);
    return cz_join(program(s), mine, NULL, err);
}

static void a_future_of_another_task_is_stale(void **state)
{
    struct stage *s = stage(give_to_another);

    (void)state;
    turns(s);
    assert_told(s, "over:1");
    end(s, "mine", CZ_OK, 0);
    assert_told(s, "over:0 end");
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

static int joins_a_leaf(struct stage *s, cz_error *err)
{
    uint64_t value;
    int rc = cz_join(program(s), leaf(s, "a"), &value, err);

    if (!rc)
        tell(s, "%llu", (unsigned long long)value);
    return rc;
}

static void a_leaf_ends_once_with_a_code_a_value_and_a_detail(void **state)
{
    struct stage *s = stage(joins_a_leaf);

    (void)state;
    turns(s);
    assert_false(czi_runtime_run_one(s->runtime));
    assert_true(czi_leaf_end(s->runtime, s->leaves[0].future, CZ_OK, 9, NULL));
    assert_false(czi_leaf_end(s->runtime, s->leaves[0].future, CZ_OK, 10, NULL));
    turns(s);
    assert_false(czi_leaf_end(s->runtime, s->leaves[0].future, CZ_OK, 11, NULL));
    assert_told(s, "9 over:0 end");
    stage_free(s);
    s = stage(joins_a_leaf);
    turns(s);
    end(s, "a", CZ_REJECTED, 0);
    assert_int_equal(s->code, CZ_REJECTED);
    assert_string_equal(s->error.detail, "a ended");
    stage_free(s);
}

static int leaves_over_at_once(struct stage *s, cz_error *err)
{
    cz_error detail = {.detail = "so it is"};
    uint64_t value = 0;

    assert_ok(cz_join(program(s), czi_leaf_over(&s->tree, CZ_OK, 4, NULL), &value, err), *err);
    assert_int_equal(value, 4);
    assert_int_equal(cz_join(program(s), czi_leaf_over(&s->tree, CZ_PROOF, 4, &detail), &value,
                             err),
                     CZ_PROOF);
    assert_string_equal(err->detail, "so it is");
    assert_int_equal(cz_join(program(s), czi_leaf_over(&s->tree, CZ_BUSY, 0, NULL), NULL, err),
                     CZ_BUSY);
    assert_string_equal(err->detail, cz_code_name(CZ_BUSY));
    return CZ_OK;
}

static void a_future_may_be_over_from_the_beginning(void **state)
{
    (void)state;
    stage_whole(leaves_over_at_once, CZ_OK, "over:0 end");
}

static int sets_user(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct stage *s = stage_of(p);

    assert_int_equal(czi_tree_task(&s->tree), (uintptr_t)arg);
    assert_null(*czi_tree_user(&s->tree));
    if ((uintptr_t)arg == 2)
        *czi_tree_user(&s->tree) = arg;
    return gives(p, GIVES(0), ret, err);
}

static int numbers(struct stage *s, cz_error *err)
{
    cz_future f[] = {cz_fork(program(s), sets_user, GIVES(1)),
                     cz_fork(program(s), sets_user, GIVES(2))};

    assert_int_equal(czi_tree_task(&s->tree), 0);
    return cz_barrier(program(s), f, 2, err);
}

static void tasks_are_numbered_and_a_host_keeps_something_with_each(void **state)
{
    (void)state;
    stage_whole(numbers, CZ_OK, "over:1 over:2! over:0 end");
}

/* ---- Cancelling -----------------------------------------------------------------------------
 */

static int cancels(struct stage *s, cz_error *err)
{
    cz_future waiting = fork_waits(s, "a"), not_begun;

    assert_ok(cz_program_yield(program(s), err), *err);
    not_begun = fork_waits(s, "b");
    assert_ok(cz_cancel(program(s), not_begun, err), *err);
    assert_ok(cz_cancel(program(s), waiting, err), *err);
    assert_int_equal(cz_cancel(program(s), waiting, err), CZ_STALE);
    return CZ_OK;
}

static void cancelling_joins_and_what_has_not_begun_never_runs(void **state)
{
    (void)state;
    stage_whole(cancels, CZ_OK, "over:2 -a over:1 over:0 end");
}

static int cancels_later(struct stage *s, cz_error *err)
{
    cz_future f = fork_waits(s, "a");

    assert_ok(cz_program_yield(program(s), err), *err);
    cz_cancel_later(program(s), f);
    tell(s, "asked");
    cz_cancel_later(program(s), f); /* no-op */
    assert_int_equal(cz_join(program(s), f, NULL, err), CZ_CANCELLED);
    return CZ_OK;
}

static void asking_to_end_does_not_wait_and_leaves_it_to_be_joined(void **state)
{
    (void)state;
    stage_whole(cancels_later, CZ_OK, "-a asked over:1 over:0 end");
}

static int stubborn(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct stage *s = stage_of(p);
    cz_error own = {0};
    uint64_t value = 3;

    (void)arg;
    (void)err;
    tell(s, "%d", cz_join(p, leaf(s, "a"), &value, &own));
    assert_int_equal(value, 3);
    assert_string_equal(own.detail, "the task was cancelled");
    tell(s, "%d", cz_join(p, leaf(s, "b"), &value, &own));
    tell(s, "%d", cz_program_yield(p, &own));
    tell(s, "%d", cz_join(p, fork_gives(s, 1), NULL, &own));
    tell(s, "%d", cz_barrier(p, NULL, 0, &own));
    tell(s, "%d", cz_fork_join(p, NULL, 0, NULL, &own));
    tell(s, "%d", cz_fork_try_join(p, NULL, 0, NULL, &own));
    tell(s, "%d", cz_join(p, (cz_future){9, 9}, NULL, &own));
    tell(s, "%d", cz_cancel(p, fork_gives(s, 1), &own));
    *ret = 8;
    return CZ_OK;
}

static int cancels_a_stubborn_one(struct stage *s, cz_error *err)
{
    cz_future f = cz_fork(program(s), stubborn, NULL);
    uint64_t value = 0;

    assert_ok(cz_program_yield(program(s), err), *err);
    cz_cancel_later(program(s), f);
    assert_ok(cz_join(program(s), f, &value, err), *err);
    assert_int_equal(value, 8); /* what it returns stands */
    return CZ_OK;
}

static void a_cancelled_task_gets_it_at_each_wait_and_returns_what_it_likes(void **state)
{
    (void)state;
    stage_whole(cancels_a_stubborn_one, CZ_OK,
                "-a 16 -b 16 16 over:2 16 16 16 16 16 over:3 16 over:1 over:0 end");
}

static int cancel_after_the_wait(struct stage *s, cz_error *err)
{
    cz_future a = fork_waits(s, "a"), b = leaf(s, "b");

    assert_ok(cz_join(program(s), b, NULL, err), *err); /* and a is ready, and stands behind */
    cz_cancel_later(program(s), a);
    return cz_join(program(s), a, NULL, err);
}

static void a_wait_that_is_over_is_not_taken_back(void **state)
{
    struct stage *s = stage(cancel_after_the_wait);
    cz_error err = {0};

    (void)state;
    turns(s);
    assert_true(czi_leaf_end(s->runtime, leaf_named(s, "b")->future, CZ_OK, 0, &err));
    assert_true(czi_leaf_end(s->runtime, leaf_named(s, "a")->future, CZ_OK, 0, &err));
    turns(s);
    assert_int_equal(s->code, CZ_OK);
    assert_told(s, "over:1 over:0 end");
    stage_free(s);
}

static int leaves_all_behind(struct stage *s, cz_error *err)
{
    (void)leaf(s, "a");
    (void)fork_waits(s, "b");
    (void)fork_gives(s, 1);
    (void)slow_leaf(s, "c");
    (void)err;
    if (cz_program_yield(program(s), err))
        return err->code;
    (void)fork_waits(s, "never");
    (void)leaf(s, "d");
    tell(s, "return");
    return CZ_OK;
}

static void what_a_task_leaves_behind_is_cancelled_in_order_and_joined_first(void **state)
{
    struct stage *s = stage(leaves_all_behind);

    (void)state;
    turns(s);
    assert_told(s, "over:2 return -a -b -c over:3 -d over:1");
    assert_false(s->is_over);
    end(s, "c", CZ_OK, 0);
    assert_told(s, "over:0 end");
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

static int waits_for_a_chain(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    intptr_t depth = (intptr_t)arg;

    (void)ret;
    if (depth == 0)
        return cz_join(p, leaf(stage_of(p), "end"), NULL, err);
    return cz_join(p, cz_fork(p, waits_for_a_chain, GIVES(depth - 1)), NULL, err);
}

static int a_chain(struct stage *s, cz_error *err)
{
    return cz_join(program(s), cz_fork(program(s), waits_for_a_chain, GIVES(40)), NULL, err);
}

static void cancelling_a_program_unwinds_from_the_innermost_wait(void **state)
{
    struct stage *s = stage(a_chain);
    char expected[600] = "-end";

    (void)state;
    turns(s);
    czi_tree_cancel(&s->tree);
    turns(s);
    for (int i = 41; i >= 0; i--)
        (void)snprintf(expected + strlen(expected), 16, " over:%d", i);
    (void)snprintf(expected + strlen(expected), 16, " end");
    assert_told(s, expected);
    assert_int_equal(s->code, CZ_CANCELLED);
    czi_tree_cancel(&s->tree); /* no-op */
    stage_free(s);
}

static void a_program_that_has_not_begun_can_be_cancelled(void **state)
{
    struct stage *s = stage(returns_at_once);

    (void)state;
    czi_tree_cancel(&s->tree);
    assert_told(s, "over:0"); /* `end` is told by a turn */
    assert_false(s->is_over);
    turns(s);
    assert_told(s, "end");
    assert_int_equal(s->code, CZ_CANCELLED);
    stage_free(s);
}

static int stops_somewhere(struct stage *s, cz_error *err)
{
    cz_future f = fork_waits(s, "a");
    int rc;

    (void)fork_waits(s, "b");
    rc = cz_join(program(s), f, NULL, err);
    tell(s, "%d", rc);
    assert_string_equal(err->detail, "its log says otherwise");
    tell(s, "%d", cz_program_yield(program(s), err));
    return rc;
}

static void a_program_that_is_stopped_gets_the_code_at_each_wait(void **state)
{
    struct stage *s = stage(stops_somewhere);
    cz_error why = {.detail = "its log says otherwise"}, other = {.detail = "too late"};

    (void)state;
    turns(s);
    czi_tree_stop(&s->tree, CZ_DIFFERS, &why);
    czi_tree_stop(&s->tree, CZ_CLOSED, &other);
    turns(s);
    assert_told(s, "-a over:1 12 12 -b over:2 over:0 end");
    assert_int_equal(s->code, CZ_DIFFERS);
    assert_string_equal(s->error.detail, "its log says otherwise");
    stage_free(s);
}

static void even_a_wait_that_is_over_gives_the_code_of_the_stop(void **state)
{
    struct stage *s = stage(joins_a_leaf);
    cz_error err = {0};

    (void)state;
    turns(s);
    assert_true(czi_leaf_end(s->runtime, s->leaves[0].future, CZ_OK, 9, &err));
    czi_tree_stop(&s->tree, CZ_CLOSED, NULL);
    turns(s);
    assert_int_equal(s->code, CZ_CLOSED);
    assert_string_equal(s->error.detail, "the program was stopped: closed");
    stage_free(s);
}

/* ---- Barriers -------------------------------------------------------------------------------
 */

static int barrier_of_three(struct stage *s, cz_error *err)
{
    cz_future all[] = {leaf(s, "a"), fork_waits(s, "b"), slow_leaf(s, "c")};
    cz_future f = cz_barrier_future(program(s), all, 3);
    uint64_t value = 0;
    int rc = cz_join(program(s), f, &value, err);

    tell(s, "%d:%llu", rc, (unsigned long long)value);
    return rc;
}

static void a_barrier_is_over_when_all_are_and_counts_them(void **state)
{
    struct stage *s = stage(barrier_of_three);

    (void)state;
    turns(s);
    end(s, "c", CZ_OK, 0);
    end(s, "a", CZ_OK, 0);
    assert_told(s, "");
    end(s, "b", CZ_OK, 0);
    assert_told(s, "over:1 0:3 over:0 end");
    stage_free(s);
}

static void the_first_error_of_a_barrier_cancels_the_others_which_are_joined(void **state)
{
    struct stage *s = stage(barrier_of_three);

    (void)state;
    turns(s);
    end(s, "b", CZ_CONFLICT, 0);
    assert_told(s, "over:1 -a -c");
    end(s, "c", CZ_BUSY, 0); /* a later error is not told */
    assert_told(s, "4:0 over:0 end");
    assert_string_equal(s->error.detail, "b ended");
    stage_free(s);
}

static int nothing_given(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_completion c = {7, 7, 7};
    uint64_t value = 9;
    size_t winner = 5;

    assert_ok(cz_barrier(p, NULL, 0, err), *err);
    assert_ok(cz_join(p, cz_barrier_future(p, NULL, 0), &value, err), *err);
    assert_int_equal(value, 0);
    assert_ok(cz_fork_join(p, NULL, 0, &value, err), *err);
    assert_ok(cz_fork_try_join(p, NULL, 0, &c, err), *err);
    assert_int_equal(cz_fork_each(p, NULL, 0, NULL, NULL, err), CZ_INVALID);
    for (int mode = CZ_RACE_ANY; mode <= CZ_RACE_UNTIL; mode++) {
        cz_future f = cz_race_future(p, (enum cz_race_mode)mode, NULL, 0, NULL, NULL);

        assert_int_equal(cz_join(p, f, NULL, err), CZ_INVALID);
        assert_non_null(strstr(err->detail, "no futures"));
    }
    assert_int_equal(cz_race(p, NULL, 0, &winner, &value, err), CZ_INVALID);
    assert_non_null(strstr(err->detail, "no futures"));
    assert_int_equal(cz_race_ok(p, NULL, 0, &winner, &value, err), CZ_INVALID);
    assert_int_equal(cz_race_result(p, NULL, 0, &c, err), CZ_INVALID);
    assert_int_equal(cz_race_until(p, NULL, 0, NULL, NULL, &c, err), CZ_INVALID);
    assert_int_equal(winner, 5);
    assert_int_equal(value, 0);
    assert_true(c.index == 7 && c.code == 7 && c.value == 7);
    return CZ_OK;
}

static void of_nothing_a_barrier_is_over_and_a_race_invalid(void **state)
{
    (void)state;
    stage_whole(nothing_given, CZ_OK, "over:0 end");
}

static bool never(void *arg, const cz_completion *c)
{
    (void)arg;
    (void)c;
    return false;
}

static int no_arrays(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_branch none = {NULL, NULL};
    cz_future f = leaf(s, "a");

    assert_int_equal(cz_barrier(p, NULL, 1, err), CZ_INVALID);
    assert_int_equal(cz_race(p, NULL, 1, NULL, NULL, err), CZ_INVALID);
    assert_int_equal(cz_race_until(p, NULL, 1, never, NULL, NULL, err), CZ_INVALID);
    assert_int_equal(cz_join(p, cz_barrier_future(p, NULL, 1), NULL, err), CZ_INVALID);
    assert_int_equal(cz_join(p, cz_race_future(p, CZ_RACE_OK, NULL, 1, NULL, NULL), NULL, err),
                     CZ_INVALID);
    assert_int_equal(cz_fork_join(p, NULL, 1, NULL, err), CZ_INVALID);
    assert_int_equal(cz_fork_join(p, &none, 1, NULL, err), CZ_INVALID);
    assert_int_equal(cz_fork_try_join(p, &none, 1, NULL, err), CZ_INVALID);
    assert_string_equal(err->detail, "branch 0 has no function to run");
    assert_int_equal(cz_join(p, cz_fork(p, NULL, NULL), NULL, err), CZ_INVALID);
    assert_int_equal(cz_join(p, cz_callback(p, f, NULL, NULL), NULL, err), CZ_INVALID);
    assert_int_equal(cz_sleep(p, NULL, err), CZ_INVALID);
    assert_string_equal(err->detail, "no deadline");
    return CZ_OK;
}

static void what_is_missing_is_invalid(void **state)
{
    (void)state;
    stage_whole(no_arrays, CZ_OK, "-a over:0 end");
}

/* ---- Races ----------------------------------------------------------------------------------
 */

static int race_of_three(struct stage *s, cz_error *err)
{
    cz_future all[] = {leaf(s, "a"), fork_waits(s, "b"), slow_leaf(s, "c")};
    size_t winner = 9;
    uint64_t value = 0;
    int rc;

    assert_int_equal(cz_winner(program(s)), SIZE_MAX);
    rc = cz_race(program(s), all, 3, &winner, &value, err);
    tell(s, "%d:%zu:%llu", rc, winner, (unsigned long long)value);
    tell(s, "w%zu", cz_winner(program(s)));
    return rc;
}

static void a_race_is_over_with_its_winner_when_the_losers_are_joined(void **state)
{
    struct stage *s = stage(race_of_three);

    (void)state;
    turns(s);
    end(s, "b", CZ_OK, 12);
    assert_told(s, "over:1 won:0/1 -a -c");
    end(s, "c", CZ_OK, 13);
    assert_told(s, "0:1:12 w1 over:0 end");
    stage_free(s);
}

static void an_error_wins_a_plain_race_too_and_leaves_the_outputs_alone(void **state)
{
    struct stage *s = stage(race_of_three);

    (void)state;
    turns(s);
    end(s, "c", CZ_BUSY, 1);
    assert_told(s, "won:0/2 -a -b over:1 3:9:0 w2 over:0 end");
    assert_string_equal(s->error.detail, "c ended");
    stage_free(s);
}

static int both_over(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_future f[] = {leaf(s, "a"), czi_leaf_over(&s->tree, CZ_BUSY, 1, NULL),
                     czi_leaf_over(&s->tree, CZ_OK, 2, NULL),
                     czi_leaf_over(&s->tree, CZ_OK, 3, NULL)};
    size_t winner;
    uint64_t value;

    assert_ok(cz_race_ok(p, f, 4, &winner, &value, err), *err);
    assert_int_equal(winner, 2);
    assert_int_equal(value, 2);
    return CZ_OK;
}

static void of_two_that_are_over_the_one_named_first_wins(void **state)
{
    (void)state;
    stage_whole(both_over, CZ_OK, "won:0/2 -a over:0 end");
}

static int race_ok_of_three(struct stage *s, cz_error *err)
{
    cz_future all[] = {leaf(s, "a"), leaf(s, "b"), leaf(s, "c")};
    size_t winner = 9;
    uint64_t value = 0;
    int rc = cz_race_ok(program(s), all, 3, &winner, &value, err);

    tell(s, "%d:%zu:%llu", rc, winner, (unsigned long long)value);
    assert_int_equal(cz_winner(program(s)), rc ? SIZE_MAX : winner);
    return rc;
}

static void race_ok_passes_over_errors_and_has_the_last_one_when_all_fail(void **state)
{
    struct stage *s = stage(race_ok_of_three);

    (void)state;
    turns(s);
    end(s, "b", CZ_BUSY, 0);
    assert_told(s, "");
    end(s, "c", CZ_OK, 4);
    assert_told(s, "won:0/2 -a 0:2:4 over:0 end");
    stage_free(s);
    s = stage(race_ok_of_three);
    turns(s);
    end(s, "c", CZ_BUSY, 0);
    end(s, "a", CZ_PROOF, 0);
    end(s, "b", CZ_IO, 0);
    assert_told(s, "5:9:0 over:0 end");
    assert_string_equal(s->error.detail, "b ended");
    stage_free(s);
}

static int race_result_of_two(struct stage *s, cz_error *err)
{
    cz_future both[] = {leaf(s, "a"), leaf(s, "b")};
    cz_completion c;

    assert_ok(cz_race_result(program(s), both, 2, &c, err), *err);
    tell(s, "%zu:%d:%llu", c.index, c.code, (unsigned long long)c.value);
    return CZ_OK;
}

static void race_result_is_how_the_first_one_ended_as_a_value(void **state)
{
    struct stage *s = stage(race_result_of_two);

    (void)state;
    turns(s);
    end(s, "b", CZ_REJECTED, 6);
    assert_told(s, "won:0/1 -a 1:18:6 over:0 end");
    stage_free(s);
}

static bool is_large_or_busy(void *arg, const cz_completion *c)
{
    tell(arg, "?%zu", c->index);
    return c->value >= 10 || c->code == CZ_BUSY;
}

static int race_until_of_three(struct stage *s, cz_error *err)
{
    cz_future all[] = {leaf(s, "a"), leaf(s, "b"), leaf(s, "c")};
    cz_completion c = {8, 8, 8};
    int rc = cz_race_until(program(s), all, 3, is_large_or_busy, s, &c, err);

    tell(s, "%d:%zu:%d:%llu", rc, c.index, c.code, (unsigned long long)c.value);
    return rc;
}

static void race_until_asks_of_each_in_the_order_of_their_ends(void **state)
{
    struct stage *s = stage(race_until_of_three);

    (void)state;
    turns(s);
    end(s, "c", CZ_OK, 1);
    end(s, "a", CZ_BUSY, 0); /* an error may be what is looked for */
    assert_told(s, "?2 ?0 won:0/0 -b 0:0:3:0 over:0 end");
    stage_free(s);
    s = stage(race_until_of_three);
    turns(s);
    end(s, "b", CZ_OK, 1);
    end(s, "a", CZ_OK, 2);
    end(s, "c", CZ_OK, 3);
    assert_told(s, "?1 ?0 ?2 2:8:8:8 over:0 end");
    assert_int_equal(s->code, CZ_NOT_FOUND);
    assert_non_null(strstr(s->error.detail, "predicate"));
    stage_free(s);
}

static int wrong_races(struct stage *s, cz_error *err)
{
    cz_future a = leaf(s, "a"), b = leaf(s, "b"), f;

    f = cz_race_future(program(s), (enum cz_race_mode)3, &a, 1, NULL, NULL);
    assert_int_equal(cz_join(program(s), f, NULL, err), CZ_INVALID);
    assert_non_null(strstr(err->detail, "mode"));
    assert_int_equal(cz_race_until(program(s), &b, 1, NULL, NULL, NULL, err), CZ_INVALID);
    assert_non_null(strstr(err->detail, "predicate"));
    return CZ_OK;
}

static void a_race_without_mode_or_predicate_is_invalid_and_uses_its_parts_up(void **state)
{
    (void)state;
    stage_whole(wrong_races, CZ_OK, "-a -b over:0 end");
}

static int nested_races(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_future inner[] = {leaf(s, "a"), leaf(s, "b")}, outer[2];
    uint64_t value;

    outer[0] = cz_race_future(p, CZ_RACE_ANY, inner, 2, NULL, NULL);
    outer[1] = leaf(s, "c");
    assert_ok(cz_join(p, cz_race_future(p, CZ_RACE_OK, outer, 2, NULL, NULL), &value, err),
              *err);
    tell(s, "%zu:%llu", cz_winner(p), (unsigned long long)value);
    return CZ_OK;
}

static void races_may_be_parts_of_races_and_are_numbered_as_they_are_made(void **state)
{
    struct stage *s = stage(nested_races);

    (void)state;
    turns(s);
    end(s, "b", CZ_OK, 5);
    assert_told(s, "won:0/1 -a won:1/0 -c 0:5 over:0 end");
    stage_free(s);
    s = stage(nested_races);
    turns(s);
    end(s, "c", CZ_OK, 6);
    assert_told(s, "won:1/1 -a -b 1:6 over:0 end");
    stage_free(s);
}

static int named_twice(struct stage *s, cz_error *err)
{
    cz_future a = leaf(s, "a"), twice[] = {a, a};
    cz_completion c;

    assert_ok(cz_race_result(program(s), twice, 2, &c, err), *err);
    assert_int_equal(c.index, 1);
    assert_int_equal(c.code, CZ_STALE);
    return CZ_OK;
}

static void a_future_that_is_named_twice_is_stale_the_second_time(void **state)
{
    (void)state;
    stage_whole(named_twice, CZ_OK, "won:0/1 -a over:0 end");
}

/* ---- Forks ----------------------------------------------------------------------------------
 */

static void *name(const char *text)
{
    return (void *)(uintptr_t)text;
}

static int join_three(struct stage *s, cz_error *err)
{
    cz_branch branches[] = {{waits, name("a")}, {waits, name("b")}, {waits, name("c")}};
    uint64_t values[3] = {1, 1, 1};
    int rc = cz_fork_join(program(s), branches, 3, values, err);

    tell(s, "%d:%d,%d,%d", rc, (int)values[0], (int)values[1], (int)values[2]);
    return rc;
}

static void fork_join_gives_values_in_the_order_of_the_branches(void **state)
{
    struct stage *s = stage(join_three);

    (void)state;
    turns(s);
    end(s, "c", CZ_OK, 30);
    end(s, "a", CZ_OK, 10);
    end(s, "b", CZ_OK, 20);
    assert_told(s, "over:3 over:1 over:2 0:10,20,30 over:0 end");
    stage_free(s);
}

static void the_first_error_of_fork_join_cancels_the_others_and_no_value_is_given(void **state)
{
    struct stage *s = stage(join_three);

    (void)state;
    turns(s);
    end(s, "c", CZ_OK, 30);
    end(s, "b", CZ_PROOF, 0);
    assert_told(s, "over:3 over:2 -a over:1 7:1,1,1 over:0 end");
    assert_string_equal(s->error.detail, "b ended");
    stage_free(s);
}

static int try_three(struct stage *s, cz_error *err)
{
    cz_branch branches[] = {{waits, name("a")}, {waits, name("b")}, {gives, GIVES(3)}};
    cz_completion c[3] = {0};
    int rc = cz_fork_try_join(program(s), branches, 3, c, err);

    for (int i = 0; i < 3; i++)
        tell(s, "%zu:%d:%d", c[i].index, c[i].code, (int)c[i].value);
    return rc;
}

static void fork_try_join_cancels_nothing_and_tells_how_each_ended(void **state)
{
    struct stage *s = stage(try_three);

    (void)state;
    turns(s);
    end(s, "b", CZ_IO, 0);
    end(s, "a", CZ_OK, 1);
    assert_told(s, "over:3 over:2 over:1 0:0:1 1:5:0 2:0:3 over:0 end");
    stage_free(s);
}

static int takes_each(cz_program *p, void *arg, const cz_completion *c, cz_error *err)
{
    tell(stage_of(p), "%zu:%d:%d", c->index, c->code, (int)c->value);
    if (c->index == (uintptr_t)arg)
        return czi_fail(err, CZ_CONFLICT, "no more");
    return cz_program_yield(p, err);
}

static int each_of_four(struct stage *s, cz_error *err)
{
    cz_branch branches[] = {{waits, name("a")},
                            {waits, name("b")},
                            {gives, GIVES(3)},
                            {gives, GIVES(-4)}};

    return cz_fork_each(program(s), branches, 4, takes_each, s->arg, err);
}

static void fork_each_gives_them_in_the_order_of_their_ends(void **state)
{
    struct stage *s = stage(each_of_four);

    (void)state;
    s->arg = GIVES(9);
    turns(s);
    assert_told(s, "over:3 over:4 2:0:3 3:4:0");
    end(s, "b", CZ_OK, 2);
    assert_told(s, "over:2 1:0:2");
    end(s, "a", CZ_OK, 1);
    assert_told(s, "over:1 0:0:1 over:0 end");
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

static void what_each_refuses_cancels_the_others_and_is_returned(void **state)
{
    struct stage *s = stage(each_of_four);

    (void)state;
    s->arg = GIVES(2);
    turns(s);
    assert_told(s, "over:3 over:4 2:0:3 -a -b over:1 over:2 over:0 end");
    assert_int_equal(s->code, CZ_CONFLICT);
    assert_string_equal(s->error.detail, "no more");
    stage_free(s);
}

static void fork_each_that_is_cancelled_while_it_waits_calls_each_no_more(void **state)
{
    struct stage *s = stage(each_of_four);

    (void)state;
    s->arg = GIVES(9);
    turns(s);
    s->told[0] = 0;
    czi_tree_cancel(&s->tree);
    turns(s);
    assert_told(s, "-a -b over:1 over:2 over:0 end");
    assert_int_equal(s->code, CZ_CANCELLED);
    stage_free(s);
}

/* ---- Callbacks ------------------------------------------------------------------------------
 */

static int replies(cz_program *p, void *arg, const cz_completion *c, uint64_t *ret,
                   cz_error *err)
{
    tell(stage_of(p), "%s:%zu:%d:%d", (const char *)arg, c->index, c->code, (int)c->value);
    *ret = c->value + 1;
    return cz_program_yield(p, err);
}

static int with_a_reply(struct stage *s, cz_error *err)
{
    cz_future f = cz_callback(program(s), leaf(s, "a"), replies, name("reply"));
    uint64_t value = 0;
    int rc = cz_join(program(s), f, &value, err);

    tell(s, "%d:%d", rc, (int)value);
    return rc;
}

static void a_handler_runs_when_its_future_is_over_however(void **state)
{
    struct stage *s = stage(with_a_reply);

    (void)state;
    turns(s);
    end(s, "a", CZ_OK, 5);
    assert_told(s, "reply:0:0:5 over:1 0:6 over:0 end");
    stage_free(s);
    s = stage(with_a_reply);
    turns(s);
    end(s, "a", CZ_REJECTED, 5);
    assert_told(s, "reply:0:18:5 over:1 0:6 over:0 end");
    stage_free(s);
}

static void a_callback_that_is_cancelled_cancels_its_future_and_never_runs(void **state)
{
    struct stage *s = stage(with_a_reply);

    (void)state;
    turns(s);
    czi_tree_cancel(&s->tree);
    turns(s);
    assert_told(s, "-a over:1 16:0 over:0 end");
    stage_free(s);
}

static int replies_at_once(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_future a = cz_callback(p, czi_leaf_over(&s->tree, CZ_OK, 1, NULL), replies, name("a")),
              b = cz_callback(p, (cz_future){0, 0}, replies, name("b")),
              c = cz_callback(p, fork_gives(s, 4), replies, name("c")), d;

    tell(s, "made");
    assert_ok(cz_join(p, a, NULL, err), *err);
    assert_ok(cz_join(p, b, NULL, err), *err);
    assert_ok(cz_join(p, c, NULL, err), *err);
    d = cz_callback(p, czi_leaf_over(&s->tree, CZ_OK, 1, NULL), replies, name("d"));
    return cz_cancel(p, d, err); /* ready, and has not begun */
}

static void a_handler_of_what_is_over_already_has_its_turn_too(void **state)
{
    (void)state;
    stage_whole(replies_at_once, CZ_OK,
                "made a:0:0:1 b:0:15:0 over:3 over:1 over:2 c:0:0:4 over:4 over:5 over:0 end");
}

/* ---- Timeouts -------------------------------------------------------------------------------
 */

static int with_a_deadline(struct stage *s, cz_error *err)
{
    cz_deadline soon = {.domain = "d", .time = 40};
    uint64_t value = 1;
    int rc = cz_timeout(program(s), &soon, leaf(s, "a"), &value, err);

    assert_string_equal(s->deadlines[0].domain, "d");
    assert_int_equal(s->deadlines[0].time, 40);
    tell(s, "%d:%d w%zu", rc, (int)value, cz_winner(program(s)));
    return rc;
}

static void what_ends_before_its_deadline_has_its_result(void **state)
{
    struct stage *s = stage(with_a_deadline);

    (void)state;
    turns(s);
    end(s, "a", CZ_OK, 5);
    assert_told(s, "won:0/0 -z0 0:5 w0 over:0 end");
    stage_free(s);
    s = stage(with_a_deadline);
    turns(s);
    end(s, "a", CZ_IO, 5);
    assert_told(s, "won:0/0 -z0 5:1 w0 over:0 end");
    assert_string_equal(s->error.detail, "a ended");
    stage_free(s);
}

static void a_deadline_that_comes_first_cancels_and_is_a_timeout(void **state)
{
    struct stage *s = stage(with_a_deadline);

    (void)state;
    turns(s);
    end(s, "z0", CZ_OK, 40);
    assert_told(s, "won:0/1 -a 10:1 w1 over:0 end");
    assert_int_equal(s->code, CZ_TIMEOUT);
    assert_string_equal(s->error.detail, "the deadline came first");
    stage_free(s);
}

static void a_deadline_that_fails_is_that_failure(void **state)
{
    struct stage *s = stage(with_a_deadline);

    (void)state;
    turns(s);
    end(s, "z0", CZ_NOT_FOUND, 0);
    assert_told(s, "won:0/1 -a 2:1 w1 over:0 end");
    assert_string_equal(s->error.detail, "z0 ended");
    stage_free(s);
}

static int timeouts_as_values(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_deadline soon = {.after_ms = 4};
    cz_completion c;
    cz_future f;

    assert_ok(cz_timeout_result(p, &soon, leaf(s, "a"), &c, err), *err);
    tell(s, "%zu:%d:%d", c.index, c.code, (int)c.value);
    f = cz_timeout_future(p, &soon, leaf(s, "b"));
    tell(s, "%d", cz_join(p, f, NULL, err));
    assert_int_equal(cz_timeout(p, NULL, leaf(s, "c"), NULL, err), CZ_INVALID);
    assert_int_equal(cz_join(p, cz_timeout_future(p, NULL, leaf(s, "d")), NULL, err),
                     CZ_INVALID);
    return CZ_OK;
}

static void a_timeout_may_be_a_value_or_a_future(void **state)
{
    struct stage *s = stage(timeouts_as_values);

    (void)state;
    turns(s);
    end(s, "z0", CZ_OK, 4);
    assert_told(s, "won:0/1 -a 0:10:0");
    end(s, "b", CZ_BUSY, 0);
    assert_told(s, "won:1/0 -z1 3 won:2/1 -c won:3/1 -d over:0 end");
    stage_free(s);
}

static int sleeps(struct stage *s, cz_error *err)
{
    assert_ok(cz_sleep(program(s), &(cz_deadline){.after_ms = 9}, err), *err);
    return cz_join(program(s), cz_sleep_future(program(s), &(cz_deadline){.after_ms = 8}), NULL,
                   err);
}

static void a_sleep_is_a_leaf_of_the_host(void **state)
{
    struct stage *s = stage(sleeps);

    (void)state;
    turns(s);
    assert_int_equal(s->deadlines[0].after_ms, 9);
    end(s, "z0", CZ_OK, 0);
    assert_int_equal(s->deadlines[1].after_ms, 8);
    end(s, "z1", CZ_OK, 0);
    assert_told(s, "over:0 end");
    stage_free(s);
}

/* ---- Retries --------------------------------------------------------------------------------
 */

static int retry(struct stage *s, cz_error *err)
{
    uint64_t value = 0;
    int rc = cz_timeout_with_retry(program(s), s->arg, &(cz_branch){waits, name("try")}, &value,
                                   err);

    tell(s, "%d:%d", rc, (int)value);
    if (!rc)
        assert_string_equal(err->detail, ""); /* what failed before is not told */
    return rc;
}

static void a_retry_waits_twice_as_long_each_time_up_to_a_bound(void **state)
{
    static const uint64_t expected[] = {1000, 3, 1000, 6, 1000, 10, 1000, 10};
    cz_retry how = {.attempts = 5,
                    .deadline = {.after_ms = 1000},
                    .delay_ms = 3,
                    .delay_max_ms = 10};
    struct stage *s = stage(retry);

    (void)state;
    s->arg = &how;
    turns(s);
    end(s, "try", CZ_BUSY, 0); /* z0 is its deadline, z1 the pause, and so on */
    end(s, "z1", CZ_OK, 0);
    end(s, "z2", CZ_OK, 0); /* the deadline comes first */
    end(s, "z3", CZ_OK, 0);
    end(s, "try", CZ_IO, 0);
    end(s, "z5", CZ_OK, 0);
    end(s, "try", CZ_IO, 0);
    assert_int_equal(s->deadline_count, 8);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(s->deadlines[i].after_ms, expected[i]);
    end(s, "z7", CZ_OK, 0);
    s->told[0] = 0;
    end(s, "try", CZ_OK, 7);
    assert_told(s, "over:5 won:4/0 -z8 0:7 over:0 end");
    assert_int_equal(s->random_count, 0);
    stage_free(s);
}

static void the_last_error_of_all_attempts_is_returned(void **state)
{
    cz_retry how = {.attempts = 2, .deadline = {.after_ms = 1000}}; /* without a pause */
    struct stage *s = stage(retry);

    (void)state;
    s->arg = &how;
    turns(s);
    end(s, "try", CZ_BUSY, 0);
    s->told[0] = 0;
    end(s, "try", CZ_PROOF, 0);
    assert_told(s, "over:2 won:1/0 -z1 7:0 over:0 end");
    assert_int_equal(s->deadline_count, 2);
    assert_string_equal(s->error.detail, "try ended");
    stage_free(s);
}

static void jitter_takes_off_up_to_its_share(void **state)
{
    cz_retry how = {.attempts = 4,
                    .deadline = {.after_ms = 1},
                    .delay_ms = 1000,
                    .delay_max_ms = 1000,
                    .jitter_percent = 20};
    struct stage *s = stage(retry);

    (void)state;
    s->arg = &how;
    s->randoms[0] = 0; /* nothing of up to 200 */
    s->randoms[1] = UINT64_MAX;
    s->randoms[2] = UINT64_MAX / 2 + 1; /* 201 * 0.5, less its fraction */
    turns(s);
    for (unsigned i = 1; i < 6; i += 2) {
        char pause[8];

        end(s, "try", CZ_BUSY, 0);
        (void)snprintf(pause, sizeof pause, "z%u", i);
        end(s, pause, CZ_OK, 0);
    }
    assert_int_equal(s->deadlines[1].after_ms, 1000);
    assert_int_equal(s->deadlines[3].after_ms, 800);
    assert_int_equal(s->deadlines[5].after_ms, 900);
    end(s, "try", CZ_OK, 0);
    assert_int_equal(s->code, CZ_OK);
    stage_free(s);
}

static void a_retry_that_is_cancelled_tries_no_more(void **state)
{
    cz_retry how = {.attempts = 3, .deadline = {.after_ms = 1}, .delay_ms = 2};
    struct stage *s = stage(retry);

    (void)state;
    s->arg = &how;
    turns(s);
    czi_tree_cancel(&s->tree);
    turns(s);
    assert_told(s, "-try -z0 over:1 16:0 over:0 end");
    stage_free(s);
    s = stage(retry); /* in the pause */
    s->arg = &how;
    turns(s);
    end(s, "try", CZ_BUSY, 0);
    s->told[0] = 0;
    czi_tree_cancel(&s->tree);
    turns(s);
    assert_told(s, "-z1 16:0 over:0 end");
    stage_free(s);
}

static int wrong_retries(struct stage *s, cz_error *err)
{
    cz_program *p = program(s);
    cz_branch b = {waits, NULL}, none = {NULL, NULL};
    cz_retry good = {.attempts = 1}, no_attempt = {.attempts = 0},
             wild = {.attempts = 1, .jitter_percent = 101};

    assert_int_equal(cz_timeout_with_retry(p, NULL, &b, NULL, err), CZ_INVALID);
    assert_int_equal(cz_timeout_with_retry(p, &no_attempt, &b, NULL, err), CZ_INVALID);
    assert_int_equal(cz_timeout_with_retry(p, &wild, &b, NULL, err), CZ_INVALID);
    assert_string_equal(err->detail, "a jitter of 101 percent; at most 100");
    assert_int_equal(cz_timeout_with_retry(p, &good, NULL, NULL, err), CZ_INVALID);
    assert_int_equal(cz_timeout_with_retry(p, &good, &none, NULL, err), CZ_INVALID);
    return CZ_OK;
}

static void a_retry_that_makes_no_sense_is_invalid(void **state)
{
    (void)state;
    stage_whole(wrong_retries, CZ_OK, "over:0 end");
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_program_is_its_first_task),
        cmocka_unit_test(what_the_first_task_returns_is_told_with_its_detail_and_no_value),
        cmocka_unit_test(a_join_gives_the_value_or_the_error_and_its_detail),
        cmocka_unit_test(what_is_ready_runs_first_in_first_out),
        cmocka_unit_test(a_handle_is_good_for_one_join),
        cmocka_unit_test(a_future_of_another_task_is_stale),
        cmocka_unit_test(a_leaf_ends_once_with_a_code_a_value_and_a_detail),
        cmocka_unit_test(a_future_may_be_over_from_the_beginning),
        cmocka_unit_test(tasks_are_numbered_and_a_host_keeps_something_with_each),
        cmocka_unit_test(cancelling_joins_and_what_has_not_begun_never_runs),
        cmocka_unit_test(asking_to_end_does_not_wait_and_leaves_it_to_be_joined),
        cmocka_unit_test(a_cancelled_task_gets_it_at_each_wait_and_returns_what_it_likes),
        cmocka_unit_test(a_wait_that_is_over_is_not_taken_back),
        cmocka_unit_test(what_a_task_leaves_behind_is_cancelled_in_order_and_joined_first),
        cmocka_unit_test(cancelling_a_program_unwinds_from_the_innermost_wait),
        cmocka_unit_test(a_program_that_has_not_begun_can_be_cancelled),
        cmocka_unit_test(a_program_that_is_stopped_gets_the_code_at_each_wait),
        cmocka_unit_test(even_a_wait_that_is_over_gives_the_code_of_the_stop),
        cmocka_unit_test(a_barrier_is_over_when_all_are_and_counts_them),
        cmocka_unit_test(the_first_error_of_a_barrier_cancels_the_others_which_are_joined),
        cmocka_unit_test(of_nothing_a_barrier_is_over_and_a_race_invalid),
        cmocka_unit_test(what_is_missing_is_invalid),
        cmocka_unit_test(a_race_is_over_with_its_winner_when_the_losers_are_joined),
        cmocka_unit_test(an_error_wins_a_plain_race_too_and_leaves_the_outputs_alone),
        cmocka_unit_test(of_two_that_are_over_the_one_named_first_wins),
        cmocka_unit_test(race_ok_passes_over_errors_and_has_the_last_one_when_all_fail),
        cmocka_unit_test(race_result_is_how_the_first_one_ended_as_a_value),
        cmocka_unit_test(race_until_asks_of_each_in_the_order_of_their_ends),
        cmocka_unit_test(a_race_without_mode_or_predicate_is_invalid_and_uses_its_parts_up),
        cmocka_unit_test(races_may_be_parts_of_races_and_are_numbered_as_they_are_made),
        cmocka_unit_test(a_future_that_is_named_twice_is_stale_the_second_time),
        cmocka_unit_test(fork_join_gives_values_in_the_order_of_the_branches),
        cmocka_unit_test(the_first_error_of_fork_join_cancels_the_others_and_no_value_is_given),
        cmocka_unit_test(fork_try_join_cancels_nothing_and_tells_how_each_ended),
        cmocka_unit_test(fork_each_gives_them_in_the_order_of_their_ends),
        cmocka_unit_test(what_each_refuses_cancels_the_others_and_is_returned),
        cmocka_unit_test(fork_each_that_is_cancelled_while_it_waits_calls_each_no_more),
        cmocka_unit_test(a_handler_runs_when_its_future_is_over_however),
        cmocka_unit_test(a_callback_that_is_cancelled_cancels_its_future_and_never_runs),
        cmocka_unit_test(a_handler_of_what_is_over_already_has_its_turn_too),
        cmocka_unit_test(what_ends_before_its_deadline_has_its_result),
        cmocka_unit_test(a_deadline_that_comes_first_cancels_and_is_a_timeout),
        cmocka_unit_test(a_deadline_that_fails_is_that_failure),
        cmocka_unit_test(a_timeout_may_be_a_value_or_a_future),
        cmocka_unit_test(a_sleep_is_a_leaf_of_the_host),
        cmocka_unit_test(a_retry_waits_twice_as_long_each_time_up_to_a_bound),
        cmocka_unit_test(the_last_error_of_all_attempts_is_returned),
        cmocka_unit_test(jitter_takes_off_up_to_its_share),
        cmocka_unit_test(a_retry_that_is_cancelled_tries_no_more),
        cmocka_unit_test(a_retry_that_makes_no_sense_is_invalid),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
