/* test_host_ask.c - what programs ask of the outside: watches, facts, times, guards, programs.
 */
#include "host_fixture.h"

/* ---- Watches --------------------------------------------------------------------------------
 */

static bool has_five(void *arg, const cz_resource *r)
{
    (void)arg;
    return r->quantity >= 5;
}

static int watches(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_id id = fx_id("a");
    cz_watch_spec spec = {.resource = &id, .resource_is = has_five};
    uint64_t version = 0;
    int rc = cz_program_watch(p, &spec, &version, err);

    (void)args;
    (void)len;
    cz_program_return(p, version);
    return rc;
}

static void a_watch_ends_at_the_first_state_of_which_it_is_true(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", watches);
    cz_program_report r;
    cz_error err = {0};
    cz_id id;

    (void)state;
    fx_cash(g, "a", 0);
    fx_cash(g, "b", 100);
    id = hx_start(h, "test", "x");
    assert_int_equal(cz_program_wait(h, &id, 10, &r, &err), CZ_TIMEOUT);
    for (unsigned i = 0; i < 4; i++)
        fx_run(g, fx_pay("b", i + 1, "b", "a", 3));
    r = hx_wait(h, &id);
    assert_int_equal(r.state, CZ_PROGRAM_COMPLETED);
    assert_int_equal(r.value, 3); /* created with 1, 3, then 6 */
    hx_close(h);
    fx_close(g);
}

static int watches_nothing(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_watch_spec spec = {.domain = "nowhere", .height = 1};
    int rc = cz_program_watch(p, &spec, NULL, err);

    (void)args;
    (void)len;
    return rc == CZ_UNKNOWN_DOMAIN ? CZ_OK : CZ_INVALID;
}

static void what_the_engine_refuses_to_watch_is_an_answer(void **state)
{
    cz_engine *g = fx_open_driven();

    (void)state;
    hx_run(g, watches_nothing, "x");
    fx_close(g);
}

/* ---- Domains --------------------------------------------------------------------------------
 */

struct moon {
    cz_sim_chain *chain;
    cz_engine *engine;
};

static struct moon moon_on(cz_engine *g)
{
    struct moon m = {.engine = g};
    cz_domain_spec spec;
    cz_error err = {0};

    assert_ok(cz_sim_new("moon", 7, &m.chain, &err), err);
    cz_sim_domain(m.chain, &spec);
    assert_ok(cz_domain_set(g, &spec, &err), err);
    return m;
}

static void moon_mine(const struct moon *m, uint64_t blocks)
{
    cz_error err = {0};

    assert_ok(cz_sim_mine(m->chain, blocks, &err), err);
    assert_ok(cz_sim_observe(m->chain, m->engine, NULL, &err), err);
}

static int awaits_deposit(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_fact_query q = {.domain = "moon",
                       .kind = CZ_FACT_DEPOSIT,
                       .account = "alice",
                       .asset = "MOON",
                       .amount = 50};
    cz_fact_seen seen = {0};
    int rc = cz_await_fact(p, &q, &seen, err);

    (void)args;
    (void)len;
    cz_program_return(p, seen.amount * 100 + seen.height);
    return rc;
}

static void a_fact_is_awaited_that_says_enough(void **state)
{
    cz_engine *g = fx_open_driven();
    struct moon m = moon_on(g);
    cz_host *h = hx_host(g, "test", awaits_deposit);
    cz_id id = hx_start(h, "test", "x"), late;
    cz_error err = {0};
    uint64_t event;

    (void)state;
    assert_ok(cz_sim_deposit(m.chain, "alice", "MOON", 49, &event, &err), err);
    assert_ok(cz_sim_deposit(m.chain, "bob", "MOON", 70, &event, &err), err);
    moon_mine(&m, 1);
    assert_int_equal(cz_program_wait(h, &id, 0, NULL, &err), CZ_TIMEOUT);
    assert_ok(cz_sim_deposit(m.chain, "alice", "MOON", 60, &event, &err), err);
    moon_mine(&m, 2);
    assert_int_equal(hx_wait(h, &id).value, 60 * 100 + 2);
    late = hx_start(h, "test", "late"); /* it is recorded already */
    assert_int_equal(hx_wait(h, &late).value, 60 * 100 + 2);
    hx_close(h);
    cz_sim_free(m.chain);
    fx_close(g);
}

static int sleeps_on_the_moon(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.domain = "moon", .time = 35};
    cz_domain_time t = {0};
    int rc = cz_sleep(p, &d, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = cz_program_time(p, "moon", &t, err);
    cz_program_return(p, t.height);
    return rc;
}

static void a_sleep_in_a_domains_time_ends_with_its_block(void **state)
{
    cz_engine *g = fx_open_driven();
    struct moon m = moon_on(g);
    cz_host *h = hx_host(g, "test", sleeps_on_the_moon);
    cz_id id = hx_start(h, "test", "x");
    cz_error err = {0};

    (void)state;
    moon_mine(&m, 3); /* ten each: 30 */
    assert_int_equal(cz_program_wait(h, &id, 0, NULL, &err), CZ_TIMEOUT);
    moon_mine(&m, 1);
    assert_int_equal(hx_wait(h, &id).value, 4);
    hx_close(h);
    cz_sim_free(m.chain);
    fx_close(g);
}

/* ---- Guards ---------------------------------------------------------------------------------
 */

static int waits_for_itself(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_claim claim = fx_claim("a", CZ_WRITE);
    cz_guard guard, again;
    int rc = cz_program_acquire(p, &claim, 1, &guard, err);

    (void)args;
    (void)len;
    if (rc)
        return rc;
    if (hx_pay(p, "a", "b", 1, NULL, err) != CZ_DEADLOCK)
        return CZ_INVALID;
    if (cz_program_acquire(p, &claim, 1, &again, err) != CZ_DEADLOCK)
        return CZ_CONFLICT;
    rc = cz_program_release(p, &guard, 1, err);
    return rc ? rc : hx_pay(p, "a", "b", 1, NULL, err);
}

static void a_task_that_would_wait_for_itself_is_told(void **state)
{
    cz_engine *g = fx_open_driven();

    (void)state;
    fx_cash(g, "a", 10);
    fx_cash(g, "b", 0);
    hx_run(g, waits_for_itself, "x");
    assert_quantity(g, "b", 1);
    fx_close(g);
}

static int takes(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_claim claim = fx_claim("a", CZ_WRITE);
    cz_guard guard = {0};
    cz_contents c = {0};
    int rc = cz_program_acquire(p, &claim, 1, &guard, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = cz_program_contents(p, &guard, &c, err);
    cz_program_return(p, c.data_len);
    return rc;
}

static void guards_of_others_are_waited_for_and_released_in_the_end(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", takes);
    cz_guard mine;
    cz_error err = {0};
    cz_id id;
    bool is_free;

    (void)state;
    id = fx_data(g, "a");
    mine = fx_acquire(g, "a", CZ_WRITE);
    id = hx_start(h, "test", "x");
    assert_int_equal(cz_program_wait(h, &id, 0, NULL, &err), CZ_TIMEOUT);
    fx_release(&mine);
    assert_int_equal(hx_wait(h, &id).value, 3);
    id = fx_id("a");
    assert_ok(cz_is_available(g, &id, CZ_WRITE, &is_free, &err), err);
    assert_true(is_free);
    hx_close(h);
    fx_close(g);
}

static bool both_full(void *arg, const cz_contents *c, size_t count)
{
    (void)arg;
    return count == 2 && c[0].quantity >= 3 && c[1].quantity >= 4;
}

static int settles(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_claim claims[] = {fx_claim("a", CZ_WRITE), fx_claim("b", CZ_WRITE)};
    cz_guard guards[2];
    cz_effect *e = cz_effect_new();
    int rc = cz_barrier_resources(p, claims, 2, both_full, NULL, guards, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = cz_effect_transfer(e, &claims[0].resource, &claims[1].resource, 3, err);
    if (!rc)
        rc = cz_program_apply(p, guards, 2, e, NULL, err);
    cz_effect_free(e);
    return rc;
}

static void a_barrier_of_resources_waits_for_its_condition(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", settles);
    cz_error err = {0};
    cz_id id;

    (void)state;
    fx_cash(g, "a", 0);
    fx_cash(g, "b", 0);
    fx_cash(g, "bank", 100);
    id = hx_start(h, "test", "x");
    fx_run(g, fx_pay("bank", 1, "bank", "a", 3));
    assert_int_equal(cz_program_wait(h, &id, 0, NULL, &err), CZ_TIMEOUT);
    fx_run(g, fx_pay("bank", 2, "bank", "b", 4));
    assert_int_equal(hx_wait(h, &id).state, CZ_PROGRAM_COMPLETED);
    assert_quantity(g, "a", 0);
    assert_quantity(g, "b", 7);
    hx_close(h);
    fx_close(g);
}

/* ---- Programs of programs -------------------------------------------------------------------
 */

static int child(cz_program *p, const void *args, size_t len, cz_error *err)
{
    const uint8_t *n = args;

    if (len != 1 || *n > 9)
        return czi_fail(err, CZ_INVALID, "not this one");
    cz_program_return(p, *n);
    return CZ_OK;
}

static int calls_three(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_program_spec specs[] = {
        {.name = "child", .label = "a", .args = "\2", .args_len = 1},
        {.name = "child", .label = "b", .args = "\x20", .args_len = 1},
        {.name = "nobody", .label = "c"},
    };
    cz_completion c[3];
    int rc = cz_invoke_batch(p, specs, 3, c, err);

    (void)args;
    (void)len;
    if (!rc &&
        (c[0].code || c[0].value != 2 || c[1].code != CZ_INVALID || c[2].code != CZ_NOT_FOUND))
        rc = CZ_DIFFERS;
    return rc;
}

static void programs_that_are_invoked_tell_how_they_ended(void **state)
{
    cz_program_def defs[] = {{.name = "test", .version = 1, .fn = calls_three},
                             {.name = "child", .version = 1, .fn = child}};
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host_with(g, &(cz_host_options){.programs = defs, .count = 2});
    cz_id id = hx_start(h, "test", "x");
    cz_program_report r = hx_wait(h, &id);

    (void)state;
    if (r.state != CZ_PROGRAM_COMPLETED)
        fail_msg("%d %s", r.code, r.detail);
    hx_close(h);
    fx_close(g);
}

static int sleeps_long(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 1000000};

    (void)args;
    (void)len;
    return cz_sleep(p, &d, err);
}

static int calls_and_tires(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_program_spec spec = {.name = "child", .label = "a"};
    cz_deadline d = {.after_ms = 10};

    (void)args;
    (void)len;
    return cz_timeout(p, &d, cz_invoke_future(p, &spec), NULL, err);
}

static void a_call_that_is_cancelled_cancels_the_program_and_waits(void **state)
{
    cz_program_def defs[] = {{.name = "test", .version = 1, .fn = calls_and_tires},
                             {.name = "child", .version = 1, .fn = sleeps_long}};
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host_with(g, &(cz_host_options){.programs = defs, .count = 2});
    cz_id id = hx_start(h, "test", "x"), child_id;
    cz_program_spec spec = {.name = "child", .label = "a"};
    cz_program_report r = hx_wait(h, &id);
    cz_error err = {0};

    (void)state;
    assert_int_equal(r.code, CZ_TIMEOUT);
    assert_ok(cz_program_id(&spec, &child_id, &err), err);
    assert_ok(cz_program_get(g, h, &child_id, &r, &err), err);
    assert_int_equal(r.state, CZ_PROGRAM_CANCELLED);
    hx_close(h);
    fx_close(g);
}

static void a_program_can_be_cancelled_from_outside(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", sleeps_long);
    cz_id id = hx_start(h, "test", "x"), other = {{1}};
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_program_cancel(h, &other, &err), CZ_NOT_FOUND);
    assert_ok(cz_program_cancel(h, &id, &err), err);
    assert_ok(cz_program_cancel(h, &id, &err), err);
    assert_int_equal(hx_wait(h, &id).state, CZ_PROGRAM_CANCELLED);
    hx_close(h);
    fx_close(g);
}

static int emits_to_nobody(cz_program *p, const void *args, size_t len, cz_error *err)
{
    char big[CZ_EMIT_SIZE_MAX + 1] = {0};
    int rc = cz_program_emit(p, "hello", 5, err);

    (void)args;
    (void)len;
    if (!rc && cz_program_emit(p, big, sizeof big, err) != CZ_LIMIT)
        rc = CZ_INVALID;
    return rc ? rc : cz_program_emit(p, big, CZ_EMIT_SIZE_MAX, err);
}

static void what_is_emitted_to_nobody_is_in_the_log(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", emits_to_nobody);
    cz_id id = hx_start(h, "test", "x");

    (void)state;
    assert_int_equal(hx_wait(h, &id).entries, 4);
    hx_close(h);
    fx_close(g);
}

/* ---- Itself ---------------------------------------------------------------------------------
 */

static int tells_its_key(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_id self = cz_program_self(p);
    uint8_t key[32], same[32];
    int rc = cz_program_key(p, key, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = cz_host_program_key(p->host, &self, same, err);
    if (!rc && memcmp(key, same, 32) != 0)
        rc = CZ_DIFFERS;
    return rc ? rc : hx_pay(p, "a", "b", 1, NULL, err);
}

static int count_signed(void *arg, const cz_program_entry *e)
{
    unsigned *n = arg;
    struct czi_effect_view v;
    cz_error err = {0};

    assert_ok(czi_effect_view(e->receipt->effect_bytes, e->receipt->effect_len, &v, &err), err);
    *n += v.signature_count;
    return CZ_OK;
}

static void a_program_with_a_key_signs_its_effects(void **state)
{
    static const uint8_t secret[32] = {1, 2, 3};
    cz_program_def def = {.name = "test", .version = 1, .fn = tells_its_key};
    cz_engine *g = fx_open_driven();
    cz_host *h =
        hx_host_with(g, &(cz_host_options){.programs = &def, .count = 1, .secret = secret});
    cz_error err = {0};
    unsigned n = 0;
    cz_id id;

    (void)state;
    fx_cash(g, "a", 10);
    fx_cash(g, "b", 0);
    id = hx_start(h, "test", "x");
    assert_int_equal(hx_wait(h, &id).code, CZ_OK);
    assert_ok(cz_program_log(g, &id, count_signed, &n, &err), err);
    assert_int_equal(n, 1);
    hx_close(h);
    fx_close(g);
}

static int looks_up(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_id from = fx_id("from"), to = fx_id("to");
    cz_effect *e = cz_effect_new();
    int rc = cz_account_transfer(cz_program_engine(p), e, &from, &to, "USD", 1, err);

    (void)args;
    (void)len;
    cz_effect_free(e);
    return rc ? rc : hx_pay(p, "a", "b", 1, NULL, err);
}

static int find_look_up(void *arg, const cz_program_entry *e)
{
    bool *found = arg;

    *found = *found || strstr(e->text, "look-up");
    return CZ_OK;
}

static void what_effects_of_accounts_look_up_is_in_the_log(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", looks_up);
    cz_error err = {0};
    bool found = false;
    cz_id id;

    (void)state;
    fx_cash(g, "a", 1);
    fx_cash(g, "b", 0);
    id = hx_start(h, "test", "x");
    assert_int_equal(hx_wait(h, &id).code, CZ_OK);
    assert_ok(cz_program_log(g, &id, find_look_up, &found, &err), err);
    assert_true(found);
    hx_close(h);
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_ends_at_the_first_state_of_which_it_is_true),
        cmocka_unit_test(what_the_engine_refuses_to_watch_is_an_answer),
        cmocka_unit_test(a_fact_is_awaited_that_says_enough),
        cmocka_unit_test(a_sleep_in_a_domains_time_ends_with_its_block),
        cmocka_unit_test(a_task_that_would_wait_for_itself_is_told),
        cmocka_unit_test(guards_of_others_are_waited_for_and_released_in_the_end),
        cmocka_unit_test(a_barrier_of_resources_waits_for_its_condition),
        cmocka_unit_test(programs_that_are_invoked_tell_how_they_ended),
        cmocka_unit_test(a_call_that_is_cancelled_cancels_the_program_and_waits),
        cmocka_unit_test(a_program_can_be_cancelled_from_outside),
        cmocka_unit_test(what_is_emitted_to_nobody_is_in_the_log),
        cmocka_unit_test(a_program_with_a_key_signs_its_effects),
        cmocka_unit_test(what_effects_of_accounts_look_up_is_in_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
