/* test_host.c - programs on a host: what they ask for and what they are told (R12, R13, R16).
 */
#include "host_fixture.h"

/* ---- Beginning and ending -------------------------------------------------------------------
 */

static int returns_args_len(cz_program *p, const void *args, size_t len, cz_error *err)
{
    (void)args;
    (void)err;
    cz_program_return(p, len);
    return CZ_OK;
}

static void a_program_gets_its_arguments_and_its_value_is_reported(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", returns_args_len);
    cz_id id = hx_start(h, "test", "abcde");
    cz_program_report r = hx_wait(h, &id);

    (void)state;
    assert_int_equal(r.state, CZ_PROGRAM_COMPLETED);
    assert_int_equal(r.value, 5);
    assert_int_equal(r.entries, 2); /* begin and end */
    assert_string_equal(r.name, "test");
    assert_string_equal(r.label, "abcde");
    hx_close(h);
    fx_close(g);
}

static void starting_the_same_again_gives_the_same_id_and_changes_nothing(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", returns_args_len);
    cz_id a = hx_start(h, "test", "x"), b = hx_start(h, "test", "x");
    cz_program_report r = hx_wait(h, &a);

    (void)state;
    assert_memory_equal(&a, &b, sizeof a);
    b = hx_start(h, "test", "x");
    assert_int_equal(hx_wait(h, &b).last, r.last);
    hx_close(h);
    fx_close(g);
}

static int fails(cz_program *p, const void *args, size_t len, cz_error *err)
{
    (void)p;
    (void)args;
    (void)len;
    return czi_fail(err, CZ_PROOF, "it is Tuesday");
}

static void what_a_program_returns_is_recorded_with_its_detail(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", fails);
    cz_id id = hx_start(h, "test", "x");
    cz_program_report r = hx_wait(h, &id);

    (void)state;
    assert_int_equal(r.state, CZ_PROGRAM_FAILED);
    assert_int_equal(r.code, CZ_PROOF);
    assert_string_equal(r.detail, "it is Tuesday");
    hx_close(h);
    fx_close(g);
}

/* ---- Effects --------------------------------------------------------------------------------
 */

static int pays_twice(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_result first = {0}, second = {0};
    int rc = hx_pay(p, "a", "b", 3, &first, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = hx_pay(p, "a", "b", 4, &second, err);
    cz_program_return(p, second.position - first.position);
    return rc;
}

static void effects_of_a_program_are_entries_of_its_log(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", pays_twice);
    cz_program_report r;
    cz_id id;

    (void)state;
    fx_cash(g, "a", 10);
    fx_cash(g, "b", 0);
    id = hx_start(h, "test", "x");
    r = hx_wait(h, &id);
    assert_int_equal(r.state, CZ_PROGRAM_COMPLETED);
    assert_int_equal(r.entries, 4);
    assert_int_equal(r.value, 1);
    assert_quantity(g, "a", 3);
    assert_quantity(g, "b", 7);
    hx_close(h);
    fx_close(g);
}

static int overdraws(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_result r = {0};
    int rc = hx_pay(p, "a", "b", 30, &r, err);

    (void)args;
    (void)len;
    if (rc != CZ_REJECTED)
        return rc;
    cz_program_return(p, r.reason);
    return CZ_OK;
}

static void a_rejected_effect_is_told_with_its_reason(void **state)
{
    cz_engine *g = fx_open_driven();

    (void)state;
    fx_cash(g, "a", 10);
    fx_cash(g, "b", 0);
    assert_int_equal(hx_run(g, overdraws, "x"), CZ_OVERDRAFT);
    fx_close(g);
}

/* ---- Reading and sleeping -------------------------------------------------------------------
 */

static int reads(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_id creator = cz_operator(), id;
    cz_resource r;
    int rc = cz_resource_id(&creator, "a", &id, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = cz_program_read(p, &id, &r, err);
    if (rc)
        return rc;
    assert_string_equal(r.label, "a");
    assert_string_equal(r.asset, "USD");
    assert_int_equal(r.kind, CZ_FUNGIBLE);
    cz_program_return(p, (uint64_t)r.quantity);
    return CZ_OK;
}

static void a_program_reads_what_a_resource_is(void **state)
{
    cz_engine *g = fx_open_driven();

    (void)state;
    fx_cash(g, "a", 17);
    assert_int_equal(hx_run(g, reads, "x"), 17);
    fx_close(g);
}

static int sleeps(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 250};

    (void)args;
    (void)len;
    return cz_sleep(p, &d, err);
}

static void a_sleep_lasts_as_long_as_it_says(void **state)
{
    cz_engine *g = fx_open_driven();
    uint64_t before = g->manager.now;

    (void)state;
    hx_run(g, sleeps, "x");
    assert_int_equal(g->manager.now - before, 250000000);
    fx_close(g);
}

enum { SLEEPERS = 24 };

struct order {
    unsigned woken[SLEEPERS], count;
};
static struct order order;

/* The n-th of them; every third one is early. */
static int sleeps_in_turn(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    unsigned n = (unsigned)(uintptr_t)arg;
    cz_deadline d = {.after_ms = n % 3 ? 9 : 5};
    int rc = cz_sleep(p, &d, err);

    (void)ret;
    order.woken[order.count++] = n;
    return rc;
}

static int sleeps_together(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_branch branches[SLEEPERS];

    (void)args;
    (void)len;
    for (uintptr_t i = 0; i < SLEEPERS; i++)
        branches[i] = (cz_branch){sleeps_in_turn, (void *)i};
    return cz_fork_join(p, branches, SLEEPERS, NULL, err);
}

static void sleeps_with_the_same_deadline_end_in_the_order_in_which_they_began(void **state)
{
    cz_engine *g = fx_open_driven();
    unsigned at = 0;

    (void)state;
    order = (struct order){.count = 0};
    hx_run(g, sleeps_together, "x");
    assert_int_equal(order.count, SLEEPERS);
    for (unsigned n = 0; n < SLEEPERS; n += 3)
        assert_int_equal(order.woken[at++], n);
    for (unsigned n = 0; n < SLEEPERS; n++)
        if (n % 3)
            assert_int_equal(order.woken[at++], n);
    fx_close(g);
}

/* ---- Going on -------------------------------------------------------------------------------
 */

static int pays_and_sleeps(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 10};
    int rc = CZ_OK;

    (void)args;
    (void)len;
    for (unsigned i = 0; i < 5 && !rc; i++) {
        rc = hx_pay(p, "a", "b", 1, NULL, err);
        if (!rc)
            rc = cz_sleep(p, &d, err);
    }
    return rc;
}

static void a_program_goes_on_under_the_next_host(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_program_report r;
    cz_id id;

    (void)state;
    fx_cash(g, "a", 10);
    fx_cash(g, "b", 0);
    for (unsigned stop = 1; stop < 60; stop++) {
        cz_host *h = hx_host(g, "test", pays_and_sleeps);

        id = hx_start(h, "test", "x");
        for (unsigned i = 0; i < stop; i++)
            czi_manager_drive(g, g->manager.now + 1);
        hx_close(h);
    }
    {
        cz_host *h = hx_host(g, "test", pays_and_sleeps);

        r = hx_wait(h, &id);
        assert_int_equal(r.state, CZ_PROGRAM_COMPLETED);
        hx_close(h);
    }
    assert_quantity(g, "b", 5);
    fx_close(g);
}

/* ---- Bounds ---------------------------------------------------------------------------------
 */

static void programs_are_bounded(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", returns_args_len);
    cz_program_spec spec = {.name = "test", .label = "x"};
    cz_error err = {0};
    cz_id id;

    (void)state;
    h->live = CZI_INSTANCES_MAX;
    assert_int_equal(cz_program_start(h, &spec, &id, &err), CZ_LIMIT);
    h->live = 0;
    assert_ok(cz_program_start(h, &spec, &id, &err), err);
    hx_close(h);
    fx_close(g);
}

static int nothing(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    (void)p;
    (void)arg;
    (void)ret;
    (void)err;
    return CZ_OK;
}

static int forks_five(cz_program *p, const void *args, size_t len, cz_error *err)
{
    int rc = CZ_OK;

    (void)args;
    (void)len;
    for (unsigned i = 0; i < 5; i++)
        (void)cz_fork(p, nothing, NULL);
    rc = hx_pay(p, "a", "b", 1, NULL, err);
    return rc == CZ_LIMIT ? CZ_OK : rc;
}

/* Else its log would say something that depends on what else runs. */
static void a_program_without_room_is_stopped_and_goes_on_later(void **state)
{
    cz_program_def def = {.name = "test", .version = 1, .fn = forks_five};
    cz_engine *g = fx_open_driven();
    cz_host *h =
        hx_host_with(g, &(cz_host_options){.programs = &def, .count = 1, .futures_max = 4});
    cz_error err = {0};
    cz_id id;

    (void)state;
    fx_cash(g, "a", 1);
    fx_cash(g, "b", 0);
    id = hx_start(h, "test", "x");
    assert_int_equal(cz_program_wait(h, &id, CZ_FOREVER, NULL, &err), CZ_LIMIT);
    hx_close(h);
    assert_quantity(g, "b", 0);
    h = hx_host(g, "test", forks_five);
    assert_int_equal(hx_wait(h, &id).state, CZ_PROGRAM_COMPLETED);
    assert_quantity(g, "b", 1);
    hx_close(h);
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_gets_its_arguments_and_its_value_is_reported),
        cmocka_unit_test(starting_the_same_again_gives_the_same_id_and_changes_nothing),
        cmocka_unit_test(what_a_program_returns_is_recorded_with_its_detail),
        cmocka_unit_test(effects_of_a_program_are_entries_of_its_log),
        cmocka_unit_test(a_rejected_effect_is_told_with_its_reason),
        cmocka_unit_test(a_program_reads_what_a_resource_is),
        cmocka_unit_test(a_sleep_lasts_as_long_as_it_says),
        cmocka_unit_test(sleeps_with_the_same_deadline_end_in_the_order_in_which_they_began),
        cmocka_unit_test(a_program_goes_on_under_the_next_host),
        cmocka_unit_test(programs_are_bounded),
        cmocka_unit_test(a_program_without_room_is_stopped_and_goes_on_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
