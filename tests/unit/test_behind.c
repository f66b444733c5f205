/* test_behind.c - effects behind a guard: once it is released, all of them come into one batch,
 * in the order of the queue, those too of whom nobody was told yet that they wait.
 */
#include "guard_fixture.h"

static uint64_t positions[3];

static void note(void *arg, const cz_result *r)
{
    assert_int_equal(r->status, CZ_STATUS_APPLIED);
    *(uint64_t *)arg = r->position;
}

static void submit(cz_engine *g, const char *origin, uint64_t *ret_position)
{
    cz_effect *e = fx_write(origin, 1, "x", origin);
    cz_error err = {0};

    assert_ok(cz_submit_effect(g, e, note, ret_position, NULL, &err), err);
    cz_effect_free(e);
}

static void pump(cz_engine *g)
{
    while (czi_engine_pump(g))
        continue;
}

static uint64_t batches(cz_engine *g)
{
    cz_stats s;
    cz_error err = {0};

    assert_ok(cz_stats_get(g, &s, &err), err);
    return s.batches;
}

static void a_queue_of_effects_needs_one_batch(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_guard guard;
    uint64_t before;

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_WRITE);
    submit(g, "a", &positions[0]);
    submit(g, "b", &positions[1]);
    pump(g);
    assert_int_equal(fx_stats(g).waiting_effects, 2);
    before = batches(g);
    fx_release(&guard);
    submit(g, "c",
           &positions[2]); /* behind b, and let go in the batch in which it would wait */
    pump(g);
    assert_int_equal(fx_stats(g).waiting_effects, 0);
    assert_int_equal(positions[1], positions[0] + 1);
    assert_int_equal(positions[2], positions[1] + 1);
    assert_int_equal(batches(g), before + 1);
    fx_close(g);
}

/* A batch holds 64 here. */
static void a_queue_that_is_longer_than_a_batch_keeps_its_order(void **state)
{
    static uint64_t position[100];
    cz_engine *g = fx_open_driven();
    cz_guard guard;

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_WRITE);
    for (unsigned i = 0; i < 100; i++) {
        char origin[16];

        (void)snprintf(origin, sizeof origin, "o%u", i);
        submit(g, origin, &position[i]);
    }
    pump(g);
    fx_release(&guard);
    pump(g);
    for (unsigned i = 1; i < 100; i++)
        assert_int_equal(position[i], position[i - 1] + 1);
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_of_effects_needs_one_batch),
        cmocka_unit_test(a_queue_that_is_longer_than_a_batch_keeps_its_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
