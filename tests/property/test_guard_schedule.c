/* test_guard_schedule.c - guards, effects, deadlocks, timeouts and cancellations of tasks, on
 * schedules drawn from seeds: what they saw and wrote is strictly serializable, nobody waits
 * for ever, and the same seed gives the same run.
 *
 * CAUSALITY_SEEDS: how many schedules; CAUSALITY_SEED: where they start.
 */
#include "guard_world.h"
#include "stage.h"

#include <string.h>

static int act(void *arg, cz_error *err)
{
    return actor_run(arg, err);
}

struct totals {
    unsigned long committed, performed, deadlocks, timeouts, cancelled, waited;
};

/* Some seeds cancel a task at some time. */
static int cancel(void *arg, cz_error *err)
{
    struct world *w = arg;
    struct czi_rng rng = czi_rng(w->clock + w->actors);

    for (uint64_t n = czi_rng_below(&rng, 60); n > 0; n--)
        cz_task_yield();
    /* It may have ended and be forgotten. */
    return cz_task_cancel(w->user, 1 + czi_rng_below(&rng, w->actors), err);
}

static void run_schedule(uint64_t seed, uint8_t ret_root[32], struct totals *t)
{
    static struct world w;
    struct czi_rng rng = czi_rng(seed);
    unsigned resources = 1 + (unsigned)(seed % 5), actors = 2 + (unsigned)(seed / 5 % 5);
    char why[HISTORY_WHY_SIZE] = "";
    cz_scheduler *s = NULL;
    cz_engine *g = NULL;
    cz_lock_stats stats;
    cz_error err = {0};

    driven_open(seed, 16, &g, &s);
    world_init(&w, g, seed, resources, actors, 6, cz_task_yield);
    w.user = s;
    for (unsigned i = 0; i < actors + seed % 2; i++) {
        cz_task_spec spec = {.fn = i < actors ? act : cancel,
                             .arg = i < actors ? (void *)&w.actor[i] : (void *)&w,
                             .priority = CZ_NORMAL,
                             .detached = true};
        uint64_t task;

        assert_ok(cz_task_spawn(s, &spec, &task, &err), err);
    }
    if (!driven_run(g, s, &rng))
        fail_msg("seed %llu: somebody waits for ever", (unsigned long long)seed);
    if (!world_check(&w, why, sizeof why))
        fail_msg("seed %llu: %s", (unsigned long long)seed, why);
    assert_ok(cz_lock_stats_get(g, &stats, &err), err);
    for (unsigned i = 0; i < actors; i++) {
        t->committed += w.actor[i].committed;
        t->performed += w.actor[i].performed;
        t->cancelled += w.actor[i].cancelled;
    }
    t->deadlocks += stats.deadlocks;
    t->timeouts += stats.timeouts;
    t->waited += stats.effects_waited;
    assert_ok(cz_root(g, ret_root, &err), err);
    world_done(&w);
    assert_ok(cz_scheduler_close(s, &err), err);
    assert_ok(cz_close(g, &err), err);
}

static void histories_of_seeded_schedules_are_strictly_serializable(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", STAGE_SEEDS),
                  first = test_env("CAUSALITY_SEED", 1);
    struct totals t = {0};
    uint8_t root[32];

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++)
        run_schedule(seed, root, &t);
    print_message("%lu sessions committed, %lu effects performed (%lu waited), %lu deadlocks, "
                  "%lu timeouts, %lu cancelled\n",
                  t.committed, t.performed, t.waited, t.deadlocks, t.timeouts, t.cancelled);
    if (seeds < 1000)
        return;
    /* A schedule that never gets there would prove nothing. */
    assert_true(t.committed > seeds && t.performed > seeds && t.waited > seeds / 10);
    assert_true(t.deadlocks > seeds / 10 && t.timeouts > 0 && t.cancelled > 0);
}

static void the_same_seed_gives_the_same_run(void **state)
{
    struct totals once = {0}, again = {0};
    uint8_t a[32], b[32];

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        run_schedule(seed, a, &once);
        run_schedule(seed, b, &again);
        assert_memory_equal(a, b, sizeof a);
    }
    assert_memory_equal(&once, &again, sizeof once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(histories_of_seeded_schedules_are_strictly_serializable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
