/* test_host_public.c - what programs are and can be told from outside: keys, numbers at random,
 * effects as futures, cancelling from another process.
 */
#include "fs_fixture.h"
#include "host_fixture.h"

/* ---- Numbers --------------------------------------------------------------------------------
 */

/* Three numbers, with a wait between them. */
static int draws(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 1};
    uint64_t a = cz_program_random(p), b = cz_program_random(p), c;
    int rc = cz_sleep(p, &d, err);

    (void)args;
    (void)len;
    c = cz_program_random(p);
    if (a == b || b == c || a == c)
        return cz_error_set(err, CZ_CONFLICT, "a number came twice");
    cz_program_return(p, a ^ (b << 1) ^ (c << 2));
    return rc;
}

static void numbers_at_random_follow_from_the_instance(void **state)
{
    cz_engine *g = fx_open_driven(), *other = fx_open_driven();
    uint64_t first = hx_run(g, draws, "one");

    (void)state;
    assert_true(hx_run(other, draws, "one") == first);
    assert_true(hx_run(g, draws, "two") != first);
    fx_close(g);
    fx_close(other);
}

/* ---- Effects --------------------------------------------------------------------------------
 */

/* Two effects at the same time; the value of each is its position. */
static int pays_twice(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_id a = fx_id("a"), b = fx_id("b");
    uint64_t first = 0, second = 0;
    cz_future futures[2];
    int rc;
    CZ_EFFECT(one);
    CZ_EFFECT(two);

    (void)args;
    (void)len;
    rc = cz_effect_transfer(one, &a, &b, 1, err);
    if (!rc)
        rc = cz_effect_transfer(two, &a, &b, 2, err);
    if (rc)
        return rc;
    futures[0] = cz_perform_future(p, one);
    futures[1] = cz_perform_future(p, two);
    rc = cz_join(p, futures[0], &first, err);
    if (!rc)
        rc = cz_join(p, futures[1], &second, err);
    cz_program_return(p, second - first);
    return rc;
}

static void effects_are_futures_in_the_order_in_which_they_were_made(void **state)
{
    cz_engine *g = fx_open_driven();

    (void)state;
    fx_cash(g, "a", 10);
    fx_cash(g, "b", 0);
    assert_int_equal(hx_run(g, pays_twice, "x"), 1);
    assert_quantity(g, "b", 3);
    fx_close(g);
}

/* ---- Keys -----------------------------------------------------------------------------------
 */

static int tells_its_key(cz_program *p, const void *args, size_t len, cz_error *err)
{
    uint8_t key[32];
    uint64_t begin = 0;
    int rc = cz_program_key(p, key, err);

    (void)args;
    (void)len;
    if (!rc)
        memcpy(&begin, key, sizeof begin);
    cz_program_return(p, begin);
    return rc;
}

static void a_programs_key_is_known_before_it_begins(void **state)
{
    static const uint8_t secret[32] = {1, 2, 3}, another[32] = {4};
    cz_program_def def = {.name = "test", .version = 1, .fn = tells_its_key};
    cz_host_options options = {.programs = &def, .count = 1, .secret = secret};
    cz_program_spec spec = {.name = "test", .label = "x", .args = "x", .args_len = 1};
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host_with(g, &options);
    uint8_t before[32], by_host[32], other[32];
    uint64_t begin;
    cz_error err = {0};
    cz_id id, started;

    (void)state;
    assert_ok(cz_program_id(&spec, &id, &err), err);
    cz_key_of_program(secret, &id, before);
    cz_key_of_program(another, &id, other);
    assert_ok(cz_host_program_key(h, &id, by_host, &err), err);
    assert_memory_equal(before, by_host, 32);
    assert_memory_not_equal(before, other, 32);
    started = hx_start(h, "test", "x");
    assert_memory_equal(&started, &id, sizeof id);
    memcpy(&begin, before, sizeof begin);
    assert_true(hx_wait(h, &id).value == begin);
    hx_close(h);
    h = hx_host(g, "test", tells_its_key);
    assert_int_equal(cz_host_program_key(h, &id, by_host, &err), CZ_UNSUPPORTED);
    hx_close(h);
    fx_close(g);
}

/* ---- From another process -------------------------------------------------------------------
 */

static int sleeps(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = UINT32_MAX};

    (void)args;
    (void)len;
    return cz_sleep(p, &d, err);
}

static void whoever_may_open_the_store_can_cancel_what_runs_in_it(void **state)
{
    cz_program_report r;
    cz_engine *g = NULL;
    char dir[4096];
    cz_error err = {0};
    cz_host *h;
    cz_id id, nobody = {{7}};

    (void)state;
    fixture_temp_dir(dir);
    assert_ok(cz_init(dir, &err), err);
    assert_ok(cz_open(dir, NULL, &g, &err), err);
    h = hx_host(g, "test", sleeps);
    id = hx_start(h, "test", "x");
    assert_int_equal(cz_program_cancel_of(dir, &nobody, &err), CZ_UNSUPPORTED);
    assert_ok(cz_program_cancel_of(dir, &id, &err), err);
    r = hx_wait(h, &id);
    assert_int_equal(r.state, CZ_PROGRAM_CANCELLED);
    hx_close(h);
    assert_ok(cz_close(g, &err), err);
    assert_int_equal(cz_program_cancel_of(dir, &id, &err), CZ_NOT_FOUND);
    fixture_remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_at_random_follow_from_the_instance),
        cmocka_unit_test(effects_are_futures_in_the_order_in_which_they_were_made),
        cmocka_unit_test(a_programs_key_is_known_before_it_begins),
        cmocka_unit_test(whoever_may_open_the_store_can_cancel_what_runs_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
