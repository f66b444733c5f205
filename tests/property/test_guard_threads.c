/* test_guard_threads.c - guards, effects, deadlocks, timeouts and cancellations of many
 * threads: what they saw and wrote is strictly serializable. Also runs under the thread
 * sanitizer.
 *
 * CAUSALITY_ROUNDS: how many worlds; CAUSALITY_SEED: where they start.
 */
#include "guard_world.h"

#include <pthread.h>
#include <sched.h>

static void yield(void)
{
    (void)sched_yield();
}

struct run {
    struct actor *actor;
    cz_context *context;
    pthread_t thread;
};

static void *act(void *arg)
{
    struct run *r = arg;
    cz_error err = {0};
    int rc;

    CZI_CHECK(!cz_context_enter(r->context, &err));
    do { /* whoever is cancelled goes on as somebody new, but for an effect left open */
        rc = actor_run(r->actor, &err);
    } while (rc == CZ_CANCELLED && !r->actor->open_tx && r->actor->rounds-- > 1);
    cz_context_leave();
    return NULL;
}

struct canceller {
    struct run *runs;
    unsigned count;
    _Atomic bool stop;
    uint64_t seed;
};

static void *cancel(void *arg)
{
    struct canceller *c = arg;
    struct czi_rng rng = czi_rng(c->seed);

    while (!atomic_load(&c->stop)) {
        cz_context_cancel(c->runs[czi_rng_below(&rng, c->count)].context);
        for (unsigned i = 0; i < 200 && !atomic_load(&c->stop); i++)
            (void)sched_yield();
    }
    return NULL;
}

static void run_world(uint64_t seed, unsigned *committed, unsigned *deadlocks)
{
    static struct world w;
    struct run runs[WORLD_ACTORS_MAX];
    cz_options o = {.threads = 1 + (unsigned)(seed % 2) * 2, .batch_max = 1 + seed % 64};
    unsigned actors = 2 + (unsigned)(seed % 7), resources = 1 + (unsigned)(seed / 7 % 5);
    struct canceller c = {.runs = runs, .count = actors, .seed = seed};
    char why[HISTORY_WHY_SIZE] = "";
    pthread_t canceller;
    cz_engine *g = NULL;
    cz_error err = {0};

    assert_ok(cz_open(NULL, &o, &g, &err), err);
    world_init(&w, g, seed, resources, actors, 60, yield);
    for (unsigned i = 0; i < actors; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "actor %u", i);
        runs[i] = (struct run){.actor = &w.actor[i]};
        assert_ok(cz_context_new(g, name, &runs[i].context, &err), err);
    }
    for (unsigned i = 0; i < actors; i++)
        assert_int_equal(pthread_create(&runs[i].thread, NULL, act, &runs[i]), 0);
    if (seed % 2)
        assert_int_equal(pthread_create(&canceller, NULL, cancel, &c), 0);
    for (unsigned i = 0; i < actors; i++)
        assert_int_equal(pthread_join(runs[i].thread, NULL), 0);
    atomic_store(&c.stop, true);
    if (seed % 2)
        assert_int_equal(pthread_join(canceller, NULL), 0);
    if (!world_check(&w, why, sizeof why))
        fail_msg("seed %llu: %s", (unsigned long long)seed, why);
    for (unsigned i = 0; i < actors; i++) {
        *committed += w.actor[i].committed;
        *deadlocks += w.actor[i].deadlocks;
        assert_ok(cz_context_end(runs[i].context, &err), err);
    }
    world_done(&w);
    assert_ok(cz_close(g, &err), err);
}

static void histories_of_threads_are_strictly_serializable(void **state)
{
    unsigned long rounds = test_env("CAUSALITY_ROUNDS", 40),
                  first = test_env("CAUSALITY_SEED", 1);
    unsigned committed = 0, deadlocks = 0;

    (void)state;
    for (unsigned long seed = first; seed < first + rounds; seed++)
        run_world(seed, &committed, &deadlocks);
    print_message("%u sessions committed, %u deadlocks\n", committed, deadlocks);
    assert_true(committed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_of_threads_are_strictly_serializable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
