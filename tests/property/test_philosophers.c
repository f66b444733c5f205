/* test_philosophers.c - ten thousand philosophers at one table, as tasks: with both forks in
 * one step, with one after the other, and with forks that they declare as needs. On a schedule
 * from a seed, and on a scheduler's thread beside an engine with threads.
 *
 * CAUSALITY_PHILOSOPHERS: how many; CAUSALITY_SEED: of the schedules.
 */
#include "stage.h"

#include <stdatomic.h>

#define MEALS 2

struct table {
    cz_engine *engine;
    cz_scheduler *scheduler;
    unsigned seats;
    cz_id *forks;
    _Atomic unsigned *eating; /* at each fork */
    _Atomic unsigned meals, deadlocks;
    struct philosopher *philosophers;
};

struct philosopher {
    struct table *table;
    unsigned seat;
};

#define MUST(expr) CZI_CHECK(expr)

static cz_claim fork_of(const struct table *t, unsigned seat)
{
    return (cz_claim){t->forks[seat % t->seats], CZ_WRITE, CZ_TYPED(CZ_DATA)};
}

/* Nobody else has either fork meanwhile. */
static void eat(struct table *t, unsigned seat)
{
    unsigned right = (seat + 1) % t->seats;

    MUST(atomic_fetch_add(&t->eating[seat], 1) == 0);
    MUST(atomic_fetch_add(&t->eating[right], 1) == 0);
    cz_task_yield();
    atomic_fetch_sub(&t->eating[seat], 1);
    atomic_fetch_sub(&t->eating[right], 1);
    atomic_fetch_add(&t->meals, 1);
}

static int dine_together(void *arg, cz_error *err)
{
    const struct philosopher *p = arg;
    cz_claim claims[2] = {fork_of(p->table, p->seat), fork_of(p->table, p->seat + 1)};

    for (unsigned i = 0; i < MEALS; i++) {
        cz_guard g[2];

        MUST(cz_acquire_many(p->table->engine, claims, 2, CZ_FOREVER, g, err) == CZ_OK);
        eat(p->table, p->seat);
        MUST(cz_release_many(g, 2, err) == CZ_OK);
    }
    return CZ_OK;
}

static int dine_in_turn(void *arg, cz_error *err)
{
    const struct philosopher *p = arg;
    cz_claim first = fork_of(p->table, p->seat), second = fork_of(p->table, p->seat + 1);

    for (unsigned i = 0; i < MEALS;) {
        CZ_GUARD(left);
        CZ_GUARD(right);
        int rc;

        MUST(cz_acquire(p->table->engine, &first, CZ_FOREVER, &left, err) == CZ_OK);
        cz_task_yield();
        rc = cz_acquire(p->table->engine, &second, CZ_FOREVER, &right, err);
        if (rc == CZ_DEADLOCK) { /* lays the left one down and tries again */
            atomic_fetch_add(&p->table->deadlocks, 1);
            MUST(cz_release(&left, err) == CZ_OK);
            cz_task_yield();
            continue;
        }
        MUST(rc == CZ_OK);
        eat(p->table, p->seat);
        i++;
    }
    return CZ_OK;
}

/* Both forks are its own from the beginning to the end. */
static int dine_admitted(void *arg, cz_error *err)
{
    const struct philosopher *p = arg;
    cz_guard g;

    MUST(cz_task_guard(1, &g, err) == CZ_OK);
    for (unsigned i = 0; i < MEALS; i++)
        eat(p->table, p->seat);
    return CZ_OK;
}

static void lay_table(struct table *t)
{
    cz_error err = {0};

    t->forks = calloc(t->seats, sizeof *t->forks);
    t->eating = calloc(t->seats, sizeof *t->eating);
    t->philosophers = calloc(t->seats, sizeof *t->philosophers);
    assert_true(t->forks && t->eating && t->philosophers);
    for (unsigned i = 0; i < t->seats; i++) {
        char label[24];
        cz_creation c = {.creator = cz_operator(),
                         .controller = cz_operator(),
                         .label = label,
                         .kind = CZ_DATA};
        cz_effect *e = cz_effect_new();
        uint64_t ticket;

        (void)snprintf(label, sizeof label, "fork %u", i);
        assert_ok(cz_resource_id(&c.creator, label, &t->forks[i], &err), err);
        assert_ok(cz_effect_create(e, &c, &err), err);
        cz_effect_set_origin(e, &t->forks[i]);
        assert_ok(cz_submit_effect(t->engine, e, NULL, NULL, &ticket, &err), err);
        cz_effect_free(e);
        t->philosophers[i] = (struct philosopher){t, i};
        if (i % 1000 == 999)
            assert_ok(cz_flush(t->engine, &err), err);
    }
    assert_ok(cz_flush(t->engine, &err), err);
}

static void dine(struct table *t, cz_task_fn fn, bool needs, struct czi_rng *rng)
{
    cz_lock_stats stats;
    cz_error err = {0};

    lay_table(t);
    for (unsigned i = 0; i < t->seats; i++) {
        cz_claim claims[2] = {fork_of(t, i), fork_of(t, i + 1)};
        cz_task_spec spec = {.fn = fn,
                             .arg = &t->philosophers[i],
                             .needs = claims,
                             .need_count = needs ? 2 : 0,
                             .priority = (enum cz_priority)(i % 4),
                             .detached = true};
        uint64_t task;

        assert_ok(cz_task_spawn(t->scheduler, &spec, &task, &err), err);
    }
    if (rng)
        assert_true(driven_run(t->engine, t->scheduler, rng));
    while (!rng && atomic_load(&t->meals) < MEALS * t->seats)
        continue;
    assert_int_equal(t->meals, MEALS * t->seats);
    print_message("%u philosophers, %u times the left fork was laid down\n", t->seats,
                  t->deadlocks);
    assert_ok(cz_scheduler_close(t->scheduler, &err), err);
    assert_ok(cz_lock_stats_get(t->engine, &stats, &err), err);
    assert_int_equal(stats.guards, 0);
    assert_int_equal(stats.waiting, 0);
    assert_ok(cz_close(t->engine, &err), err);
    free(t->forks);
    free(t->eating);
    free(t->philosophers);
}

static void on_a_seeded_schedule(cz_task_fn fn, bool needs)
{
    struct table t = {.seats = (unsigned)test_env("CAUSALITY_PHILOSOPHERS", STAGE_CROWD)};
    struct czi_rng rng = czi_rng(test_env("CAUSALITY_SEED", 1));

    driven_open(15, 2048, &t.engine, &t.scheduler);
    dine(&t, fn, needs, &rng);
}

static void on_a_thread(cz_task_fn fn, bool needs)
{
    struct table t = {.seats = (unsigned)test_env("CAUSALITY_PHILOSOPHERS", STAGE_CROWD)};
    cz_error err = {0};

    assert_ok(cz_open(NULL, NULL, &t.engine, &err), err);
    assert_ok(cz_scheduler_new(t.engine, NULL, &t.scheduler, &err), err);
    dine(&t, fn, needs, NULL);
}

static void ten_thousand_dine_with_both_forks_at_once(void **state)
{
    (void)state;
    on_a_seeded_schedule(dine_together, false);
    on_a_thread(dine_together, false);
}

static void ten_thousand_dine_with_one_fork_after_the_other(void **state)
{
    (void)state;
    on_a_seeded_schedule(dine_in_turn, false);
    on_a_thread(dine_in_turn, false);
}

static void ten_thousand_dine_when_both_forks_are_reserved(void **state)
{
    (void)state;
    on_a_seeded_schedule(dine_admitted, true);
    on_a_thread(dine_admitted, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_dine_with_both_forks_at_once),
        cmocka_unit_test(ten_thousand_dine_with_one_fork_after_the_other),
        cmocka_unit_test(ten_thousand_dine_when_both_forks_are_reserved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
