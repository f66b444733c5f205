/* test_scenarios.c - the decision record's stories of guards, each as tasks on seeded schedules
 * and as threads (see stage.h).
 *
 * CAUSALITY_SEEDS: seeds of each story; CAUSALITY_ROUNDS: times with threads; CAUSALITY_SEED:
 * where they start.
 */
#include "stage.h"

#include <stdatomic.h>
#include <string.h>

#define SEEDS STAGE_SEEDS
#define ROUNDS 100

enum { A, B, C, D, E };

static unsigned long story_seeds, story_rounds;

static void tell(void (*story)(uint64_t seed, bool threads))
{
    on_both_stages(story, story_seeds, story_rounds);
}

static int done(struct stage *s, cz_guard *g, cz_error *err)
{
    STAGE_OK(s, cz_release(g, err), *err);
    return CZ_OK;
}

/* ---- A holder keeps a resource, and the waiter then sees its update -------------------------
 */

static int keep_and_update(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);

    (void)actor;
    STAGE_OK(s, stage_acquire(s, A, CZ_WRITE, &g, err), *err);
    stage_set(s, 0);
    stage_until_waiting(s, A, 1);
    stage_commit(s, &g, 'u');
    return CZ_OK;
}

static int wait_and_see(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);
    cz_contents c;

    (void)actor;
    stage_until(s, 0);
    STAGE_OK(s, stage_acquire(s, A, CZ_READ, &g, err), *err);
    STAGE_OK(s, cz_guard_contents(&g, &c, err), *err);
    STAGE_CHECK(s, c.data[0] == 'u' && c.version == 2);
    return done(s, &g, err);
}

static void a_waiter_sees_the_holders_update_once(uint64_t seed, bool threads)
{
    struct stage s;

    stage_begin(&s, seed, threads, 1);
    stage_add(&s, keep_and_update);
    stage_add(&s, wait_and_see);
    stage_run(&s);
    stage_end(&s);
}

static void a_waiter_sees_the_holders_update(void **state)
{
    (void)state;
    tell(a_waiter_sees_the_holders_update_once);
}

/* ---- Parties in a circle --------------------------------------------------------------------
 */

/* The cycle that a refused request carries: as many steps as there are parties, each waiting
 * for the resource that the next one has. */
static void check_cycle(struct stage *s, unsigned self, const cz_error *err)
{
    cz_cycle c = {0};
    cz_error other = {0};
    char name[24];

    (void)snprintf(name, sizeof name, "'actor %u'", self);
    STAGE_CHECK(s, strstr(err->detail, name) != NULL);
    STAGE_OK(s, cz_deadlock_cycle(s->engine, &c, &other), other);
    STAGE_CHECK(s, c.count == s->actors);
    for (size_t i = 0; i < c.count; i++) {
        unsigned party = (self + (unsigned)i) % s->actors;

        (void)snprintf(name, sizeof name, "actor %u", party);
        STAGE_CHECK(s, strcmp(c.steps[i].party.name, name) == 0);
        STAGE_CHECK(s, c.steps[i].mode == CZ_WRITE);
        STAGE_CHECK(s, memcmp(&c.steps[i].resource, &s->ids[(party + 1) % s->actors],
                              sizeof(cz_id)) == 0);
    }
}

/* Takes its own resource, then its neighbour's, when everybody has the first. */
static int reach_around(struct stage *s, unsigned actor, cz_error *err)
{
    unsigned next = (actor + 1) % s->actors;
    CZ_GUARD(own);
    CZ_GUARD(other);
    int rc;

    STAGE_OK(s, stage_acquire(s, actor, CZ_WRITE, &own, err), *err);
    stage_set(s, actor);
    for (unsigned i = 0; i < s->actors; i++)
        stage_until(s, i);
    rc = stage_acquire(s, next, CZ_WRITE, &other, err);
    if (rc) {
        STAGE_CHECK(s, rc == CZ_DEADLOCK);
        check_cycle(s, actor, err);
        (void)atomic_fetch_add(&s->flags[15], 1);
        /* It still holds its own, and may use it. */
        STAGE_CHECK(s, stage_look(s, &own) == 'a');
        STAGE_OK(s, cz_release(&own, err), *err);
        STAGE_OK(s, stage_acquire(s, next, CZ_WRITE, &other, err), *err);
    }
    stage_commit(s, &other, 'x');
    return CZ_OK;
}

static void a_circle(uint64_t seed, bool threads, unsigned parties)
{
    struct stage s;

    stage_begin(&s, seed, threads, parties);
    for (unsigned i = 0; i < parties; i++)
        stage_add(&s, reach_around);
    stage_run(&s);
    STAGE_CHECK(&s, s.flags[15] == 1); /* exactly one was refused */
    stage_end(&s);
}

static void a_circle_of_two(uint64_t seed, bool threads)
{
    a_circle(seed, threads, 2);
}

static void a_circle_of_three(uint64_t seed, bool threads)
{
    a_circle(seed, threads, 3);
}

static void of_two_parties_only_the_closing_request_fails(void **state)
{
    (void)state;
    tell(a_circle_of_two);
}

static void of_three_parties_only_the_closing_request_fails(void **state)
{
    (void)state;
    tell(a_circle_of_three);
}

/* ---- Readers and a writer -------------------------------------------------------------------
 */

/* Flags: 0, 1 the first readers read; 2 they may go. Numbers tell the order. */
static int read_early(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);

    STAGE_OK(s, stage_acquire(s, A, CZ_READ, &g, err), *err);
    stage_set(s, actor);
    stage_until(s, 0);
    stage_until(s, 1); /* both at once */
    stage_until_waiting(s, A, 2);
    STAGE_CHECK(s, stage_look(s, &g) == 'a');
    return done(s, &g, err);
}

static int write_between(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);

    (void)actor;
    stage_until(s, 0);
    stage_until(s, 1);
    STAGE_OK(s, stage_acquire(s, A, CZ_WRITE, &g, err), *err);
    STAGE_CHECK(s, stage_number(s) == 0);
    stage_commit(s, &g, 'w');
    return CZ_OK;
}

static int read_late(struct stage *s, unsigned actor, cz_error *err)
{
    cz_claim claim = stage_claim(s, A, CZ_READ);
    CZ_GUARD(g);

    (void)actor;
    stage_until(s, 0);
    stage_until(s, 1);
    stage_until_waiting(s, A, 1);
    STAGE_CHECK(s, cz_try_acquire(s->engine, &claim, &g, err) == CZ_BUSY);
    STAGE_OK(s, stage_acquire(s, A, CZ_READ, &g, err), *err);
    STAGE_CHECK(s, stage_number(s) == 1);
    STAGE_CHECK(s, stage_look(s, &g) == 'w');
    return done(s, &g, err);
}

static void a_later_reader_once(uint64_t seed, bool threads)
{
    struct stage s;

    stage_begin(&s, seed, threads, 1);
    stage_add(&s, read_early);
    stage_add(&s, read_early);
    stage_add(&s, write_between);
    stage_add(&s, read_late);
    stage_run(&s);
    stage_end(&s);
}

static void readers_share_a_writer_waits_and_a_later_reader_waits_behind_it(void **state)
{
    (void)state;
    tell(a_later_reader_once);
}

/* ---- Effects among guards -------------------------------------------------------------------
 */

/* Holds A while effects come; the effect on A waits, those on B pass it. */
static int hold_through_effects(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);

    (void)actor;
    STAGE_OK(s, stage_acquire(s, A, CZ_WRITE, &g, err), *err);
    stage_set(s, 0);
    stage_until_waiting(s, A, 1);
    stage_until(s, 1); /* B's effects are acknowledged meanwhile */
    STAGE_CHECK(s, stage_look(s, &g) == 'a');
    stage_commit(s, &g, 'g');
    return CZ_OK;
}

static int perform(struct stage *s, unsigned resource, unsigned actor, unsigned nonce,
                   char byte, cz_result *ret, cz_error *err)
{
    cz_effect *e = cz_effect_new();
    cz_id origin;
    int rc;

    memset(&origin, (int)actor + 1, sizeof origin);
    STAGE_CHECK(s, e != NULL);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, nonce);
    STAGE_OK(s, cz_effect_write(e, &s->ids[resource], &byte, 1, err), *err);
    rc = cz_perform(s->engine, e, ret, err);
    cz_effect_free(e);
    return rc;
}

static int affect_a(struct stage *s, unsigned actor, cz_error *err)
{
    cz_result r = {0};
    CZ_GUARD(g);

    stage_until(s, 0);
    STAGE_OK(s, perform(s, A, actor, 1, 'e', &r, err), *err);
    STAGE_OK(s, stage_acquire(s, A, CZ_READ, &g, err), *err);
    STAGE_CHECK(s, stage_look(s, &g) == 'e'); /* after the guard's commit */
    return done(s, &g, err);
}

static int affect_b(struct stage *s, unsigned actor, cz_error *err)
{
    cz_result r = {0};

    stage_until(s, 0);
    stage_until_waiting(s, A, 1);
    for (unsigned i = 1; i <= 3; i++)
        STAGE_OK(s, perform(s, B, actor, i, 'b', &r, err), *err);
    stage_set(s, 1);
    return CZ_OK;
}

static void effects_among_guards_once(uint64_t seed, bool threads)
{
    struct stage s;

    stage_begin(&s, seed, threads, 2);
    stage_add(&s, hold_through_effects);
    stage_add(&s, affect_a);
    stage_add(&s, affect_b);
    stage_run(&s);
    stage_end(&s);
}

static void an_effect_waits_for_a_guard_and_the_others_pass_it(void **state)
{
    (void)state;
    tell(effects_among_guards_once);
}

/* Waiting for an effect that waits for oneself. */
static int wait_for_oneself(struct stage *s, unsigned actor, cz_error *err)
{
    cz_result r = {0};
    CZ_GUARD(g);

    STAGE_OK(s, stage_acquire(s, A, CZ_WRITE, &g, err), *err);
    STAGE_CHECK(s, perform(s, A, actor, 1, 'e', &r, err) == CZ_DEADLOCK);
    STAGE_CHECK(s, strstr(err->detail, "effect") != NULL);
    return done(s, &g, err);
}

static void waiting_for_oneself_once(uint64_t seed, bool threads)
{
    struct stage s;

    stage_begin(&s, seed, threads, 1);
    stage_add(&s, wait_for_oneself);
    stage_run(&s);
    stage_end(&s);
}

static void to_wait_for_an_effect_that_waits_for_oneself_is_a_deadlock(void **state)
{
    (void)state;
    tell(waiting_for_oneself_once);
}

/* ---- A task that is joined, and an effect
 * ----------------------------------------------------
 */

static int need_a(void *arg, cz_error *err)
{
    (void)err;
    atomic_store((_Atomic unsigned *)arg, 1);
    return CZ_OK;
}

/* Holds B, and joins a child that needs A, which another one still has. An effect on both comes
 * before the child; so the child waits for the effect, the effect for B, and B's holder for the
 * child. An effect is not refused, so the join is. */
static int join_a_child(struct stage *s, unsigned actor, cz_error *err)
{
    cz_claim need = stage_claim(s, A, CZ_WRITE);
    cz_task_spec spec = {
        .name = "child", .fn = need_a, .arg = &s->flags[5], .needs = &need, .need_count = 1};
    cz_task_report report;
    CZ_GUARD(b);
    int rc;

    (void)actor;
    stage_until(s, 0);
    STAGE_OK(s, stage_acquire(s, B, CZ_WRITE, &b, err), *err);
    STAGE_OK(s, cz_task_spawn(s->scheduler, &spec, &s->tasks[STAGE_ACTORS_MAX - 1], err), *err);
    stage_set(s, 1);
    rc = cz_task_join(s->scheduler, s->tasks[STAGE_ACTORS_MAX - 1], CZ_FOREVER, &report, err);
    STAGE_CHECK(s, rc == CZ_DEADLOCK && strstr(err->detail, "child") != NULL);
    STAGE_OK(s, cz_release(&b, err), *err);
    STAGE_OK(s,
             cz_task_join(s->scheduler, s->tasks[STAGE_ACTORS_MAX - 1], CZ_FOREVER, &report,
                          err),
             *err);
    STAGE_CHECK(s, report.state == CZ_TASK_COMPLETED);
    return CZ_OK;
}

static int hold_a_until_the_effect_waits(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);

    (void)actor;
    STAGE_OK(s, stage_acquire(s, A, CZ_WRITE, &g, err), *err);
    stage_set(s, 0);
    stage_until_waiting(s, A, 1);
    return done(s, &g, err);
}

static int affect_both(struct stage *s, unsigned actor, cz_error *err)
{
    cz_effect *e = cz_effect_new();
    cz_result r = {0};

    (void)actor;
    stage_until(s, 1);
    for (unsigned i = 0; i < s->seed % 8; i++) /* before the join, or after it */
        stage_yield(s);
    STAGE_CHECK(s, e != NULL);
    STAGE_OK(s, cz_effect_write(e, &s->ids[A], "e", 1, err), *err);
    STAGE_OK(s, cz_effect_write(e, &s->ids[B], "e", 1, err), *err);
    STAGE_OK(s, cz_perform(s->engine, e, &r, err), *err);
    cz_effect_free(e);
    return CZ_OK;
}

static void a_join_and_an_effect_once(uint64_t seed, bool threads)
{
    struct stage s;
    cz_error err = {0};

    stage_begin(&s, seed, threads, 2);
    if (threads)
        assert_ok(cz_scheduler_new(s.engine, NULL, &s.scheduler, &err), err);
    stage_add(&s, join_a_child);
    stage_add(&s, hold_a_until_the_effect_waits);
    stage_add(&s, affect_both);
    stage_run(&s);
    STAGE_CHECK(&s, s.flags[5] == 1);
    stage_end(&s);
}

static void a_join_that_an_effect_would_make_endless_is_refused(void **state)
{
    (void)state;
    tell(a_join_and_an_effect_once);
}

/* ---- Deadlines and cancellation -------------------------------------------------------------
 */

static int hold_for_two(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);

    (void)actor;
    STAGE_OK(s, stage_acquire(s, A, CZ_WRITE, &g, err), *err);
    stage_set(s, 0);
    stage_until(s, 1);
    return done(s, &g, err);
}

static int give_up_in_time(struct stage *s, unsigned actor, cz_error *err)
{
    cz_claim claim = stage_claim(s, A, CZ_WRITE);
    CZ_GUARD(g);

    (void)actor;
    stage_until(s, 0);
    STAGE_CHECK(s, cz_acquire(s->engine, &claim, 3, &g, err) == CZ_TIMEOUT);
    stage_set(s, 2);
    return CZ_OK;
}

static int be_cancelled(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);

    (void)actor;
    stage_until(s, 0);
    stage_set(s, 4);
    STAGE_CHECK(s, stage_acquire(s, A, CZ_WRITE, &g, err) == CZ_CANCELLED);
    stage_set(s, 3);
    return CZ_OK;
}

/* Waits behind both of them, and has its turn when the holder goes. */
static int stay(struct stage *s, unsigned actor, cz_error *err)
{
    CZ_GUARD(g);

    (void)actor;
    stage_until(s, 0);
    STAGE_OK(s, stage_acquire(s, A, CZ_READ, &g, err), *err);
    STAGE_CHECK(s, atomic_load(&s->flags[1]) == 1);
    return done(s, &g, err);
}

static int cancel_the_third(struct stage *s, unsigned actor, cz_error *err)
{
    (void)actor;
    stage_until(s, 4);
    while (!atomic_load(&s->flags[3])) {
        if (s->threads)
            cz_context_cancel(s->contexts[2]);
        else
            STAGE_OK(s, cz_task_cancel(s->scheduler, s->tasks[2], err), *err);
        stage_yield(s);
    }
    stage_until(s, 2);
    stage_set(s, 1);
    return CZ_OK;
}

static void leaving_the_queue_once(uint64_t seed, bool threads)
{
    struct stage s;

    stage_begin(&s, seed, threads, 1);
    stage_add(&s, hold_for_two);
    stage_add(&s, give_up_in_time);
    stage_add(&s, be_cancelled);
    stage_add(&s, stay);
    stage_add(&s, cancel_the_third);
    stage_run(&s);
    stage_end(&s);
}

static void a_deadline_and_a_cancellation_take_a_waiter_out_of_the_queue(void **state)
{
    (void)state;
    tell(leaving_the_queue_once);
}

/* ---- Dining philosophers --------------------------------------------------------------------
 */

#define MEALS 3

static int dine_together(struct stage *s, unsigned actor, cz_error *err)
{
    cz_claim forks[2] = {stage_claim(s, actor, CZ_WRITE),
                         stage_claim(s, (actor + 1) % s->actors, CZ_WRITE)};

    for (unsigned i = 0; i < MEALS; i++) {
        cz_guard g[2];

        STAGE_OK(s, cz_acquire_many(s->engine, forks, 2, CZ_FOREVER, g, err), *err);
        STAGE_CHECK(s, atomic_fetch_add(&s->flags[actor], 1) % 2 == 0);
        stage_yield(s);
        (void)atomic_fetch_add(&s->flags[actor], 1);
        (void)stage_number(s);
        STAGE_OK(s, cz_release_many(g, 2, err), *err);
    }
    return CZ_OK;
}

/* The left fork, then the right one; whoever closes the circle lays the left one down. */
static int dine_in_turn(struct stage *s, unsigned actor, cz_error *err)
{
    for (unsigned i = 0; i < MEALS;) {
        CZ_GUARD(left);
        CZ_GUARD(right);
        int rc;

        STAGE_OK(s, stage_acquire(s, actor, CZ_WRITE, &left, err), *err);
        stage_yield(s);
        rc = stage_acquire(s, (actor + 1) % s->actors, CZ_WRITE, &right, err);
        STAGE_CHECK(s, rc == CZ_OK || rc == CZ_DEADLOCK);
        if (rc) {
            STAGE_OK(s, cz_release(&left, err), *err);
            stage_yield(s);
            continue;
        }
        (void)stage_number(s);
        i++;
    }
    return CZ_OK;
}

static void dinner(uint64_t seed, bool threads, actor_fn dine)
{
    struct stage s;

    stage_begin(&s, seed, threads, 5);
    for (unsigned i = 0; i < 5; i++)
        stage_add(&s, dine);
    stage_run(&s);
    STAGE_CHECK(&s, s.counter == 5 * MEALS);
    stage_end(&s);
}

static void dinner_together(uint64_t seed, bool threads)
{
    dinner(seed, threads, dine_together);
}

static void dinner_in_turn(uint64_t seed, bool threads)
{
    dinner(seed, threads, dine_in_turn);
}

static void five_philosophers_dine_with_both_forks_at_once(void **state)
{
    (void)state;
    tell(dinner_together);
}

static void five_philosophers_dine_with_one_fork_after_the_other(void **state)
{
    (void)state;
    tell(dinner_in_turn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiter_sees_the_holders_update),
        cmocka_unit_test(of_two_parties_only_the_closing_request_fails),
        cmocka_unit_test(of_three_parties_only_the_closing_request_fails),
        cmocka_unit_test(readers_share_a_writer_waits_and_a_later_reader_waits_behind_it),
        cmocka_unit_test(an_effect_waits_for_a_guard_and_the_others_pass_it),
        cmocka_unit_test(to_wait_for_an_effect_that_waits_for_oneself_is_a_deadlock),
        cmocka_unit_test(a_join_that_an_effect_would_make_endless_is_refused),
        cmocka_unit_test(a_deadline_and_a_cancellation_take_a_waiter_out_of_the_queue),
        cmocka_unit_test(five_philosophers_dine_with_both_forks_at_once),
        cmocka_unit_test(five_philosophers_dine_with_one_fork_after_the_other),
    };

    story_seeds = SEEDS;
    story_rounds = ROUNDS;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
