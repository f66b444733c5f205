/* test_host_crash.c - programs whose process dies at every step go on, and end as if it had
 * not.
 *
 * A world (sim.h) with programs that pay, read, race, sleep, invoke and emit. Its power goes
 * after each number of steps in turn; it is opened again, and a new host goes on. In the end
 * everything is as in the run that was not interrupted, and replay finds nothing else.
 */
#include "host_fixture.h"

#include <unistd.h>

/* ---- Programs -------------------------------------------------------------------------------
 */

static int pay_branch(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    cz_result r = {0};
    int rc = hx_pay(p, "a", arg, 1, &r, err);

    *ret = r.reason;
    return rc;
}

static int child(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 3};
    int rc = CZ_OK;

    for (unsigned i = 0; i < 3 && !rc; i++) {
        rc = cz_program_emit(p, "tick", 1 + i, err);
        if (!rc && i == 1)
            rc = cz_sleep(p, &d, err);
    }
    if (!rc)
        rc = hx_pay(p, "a", "c", 2, NULL, err);
    cz_program_return(p, len + *(const uint8_t *)args);
    return rc;
}

/* One more in the register, under a guard of it. */
static int count_branch(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    cz_claim claim = fx_claim("counter", CZ_WRITE);
    cz_guard guard = {0};
    cz_contents now = {0};
    cz_deadline d = {.after_ms = 2};
    cz_effect *e = cz_effect_new();
    char next;
    int rc = cz_program_acquire(p, &claim, 1, &guard, err);

    (void)arg;
    if (!rc)
        rc = cz_program_contents(p, &guard, &now, err);
    if (!rc && now.data_len != 1)
        rc = czi_fail(err, CZ_CORRUPT, "%zu bytes", now.data_len);
    if (!rc)
        rc = cz_sleep(p, &d, err);
    if (!rc) {
        next = (char)(now.data[0] + 1);
        rc = cz_effect_write(e, &claim.resource, &next, 1, err);
    }
    if (!rc)
        rc = cz_program_apply(p, &guard, 1, e, NULL, err);
    cz_effect_free(e);
    *ret = (uint64_t)(rc ? 0 : next - '0');
    return rc;
}

static int counts(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    cz_branch all[] = {{count_branch, NULL}, {count_branch, NULL}, {count_branch, NULL}};
    uint64_t values[3] = {0};
    int rc = cz_fork_join(p, all, 3, values, err);

    (void)arg;
    *ret = values[0] + values[1] * values[2];
    return rc;
}

static int heard(cz_program *p, void *arg, const void *data, size_t len, cz_error *err)
{
    uint64_t *sum = arg;

    (void)data;
    *sum = *sum * 10 + len;
    return hx_pay(p, "a", "b", 1, NULL, err);
}

static int parent(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_branch both[] = {{pay_branch, (void *)(uintptr_t)"b"},
                        {pay_branch, (void *)(uintptr_t)"c"}};
    cz_deadline soon = {.after_ms = 5}, late = {.after_ms = 50};
    cz_program_spec spec = {.name = "child", .label = "of", .args = "x", .args_len = 1};
    cz_id creator = cz_operator(), id;
    uint64_t values[2], sum = 0, value = 0, first = 0;
    cz_resource r = {0};
    size_t winner = 9;
    int rc = cz_fork_join(p, both, 2, values, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = cz_resource_id(&creator, "b", &id, err);
    if (!rc)
        rc = cz_program_read(p, &id, &r, err);
    if (!rc) {
        cz_future sleeps[] = {cz_sleep_future(p, &late), cz_sleep_future(p, &soon)};

        rc = cz_race(p, sleeps, 2, &winner, NULL, err);
    }
    if (!rc)
        rc = cz_invoke_stream(p, &spec, heard, &sum, &value, err);
    if (!rc)
        rc = cz_timeout(p, &late, cz_fork(p, pay_branch, (void *)(uintptr_t)"b"), &first, err);
    if (!rc)
        rc = cz_join(p, cz_fork(p, counts, NULL), &first, err);
    cz_program_return(p, sum * 10000 + value * 10 + winner + first * 10000000);
    return rc;
}

static const cz_program_def defs[] = {{.name = "parent", .version = 1, .fn = parent},
                                      {.name = "child", .version = 1, .fn = child}};
static const cz_host_options host_options = {.programs = defs, .count = 2};

static void fx_make_counter(cz_engine *g)
{
    cz_creation c = fx_creation("counter", CZ_DATA, NULL, 0);
    cz_error err = {0};
    cz_id id;

    c.data = (const uint8_t *)"0";
    c.data_len = 1;
    assert_ok(cz_create(g, &c, &id, &err), err);
}

/* ---- A run ----------------------------------------------------------------------------------
 */

struct outcome {
    cz_quantity a, b, c;
    uint64_t value;
    bool ended;
};

/* Until nothing is left to do, or the power goes. */
static void let_run(cz_sim_world *w)
{
    do
        cz_sim_settle(w);
    while (!cz_sim_crashed(w) && cz_sim_advance(w, 1000));
}

static cz_host *open_all(cz_sim_world *w, cz_engine **ret)
{
    cz_error err = {0};

    assert_ok(cz_sim_open(w, ret, &err), err);
    return hx_host_with(*ret, &host_options);
}

static struct outcome look(cz_engine *g, const cz_id *id)
{
    cz_program_report r = {0};
    struct outcome o;
    cz_error err = {0};

    assert_ok(cz_program_get(g, NULL, id, &r, &err), err);
    if (r.state == CZ_PROGRAM_FAILED)
        fail_msg("%s: %s", cz_code_name(r.code), r.detail);
    o = (struct outcome){.value = r.value, .ended = r.state == CZ_PROGRAM_COMPLETED};
    o.a = fx_get(g, "a").quantity;
    o.b = fx_get(g, "b").quantity;
    o.c = fx_get(g, "c").quantity;
    return o;
}

/* Every so many crashes the logs are run again, which takes files. */
#define REPLAYED 16u

/* Both programs' code does what their logs say, to the byte. */
static void replay(cz_sim_world *w, const cz_id *parent_id)
{
    char dir[] = "/tmp/cz-host-XXXXXX", store[64];
    cz_program_spec spec = {.name = "child", .label = "of", .args = "x", .args_len = 1};
    cz_program_replay_report r = {0};
    cz_engine *g = NULL;
    cz_error err = {0};
    cz_id child_id;

    /* It must be closed to be saved: opened again, so that what it was left with is there. */
    assert_ok(cz_sim_open(w, &g, &err) == CZ_BUSY ? CZ_OK : CZ_INVALID, err);
    cz_sim_crash(w);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(store, sizeof store, "%s/store", dir);
    assert_ok(cz_sim_save(w, store, &err), err);
    assert_ok(cz_program_replay(store, parent_id, &host_options, &r, &err), err);
    assert_int_equal(r.entries, r.program.entries);
    assert_int_equal(r.effects, 2 + 3 + 1 + 3);
    assert_ok(cz_program_id(&spec, &child_id, &err), err);
    assert_ok(cz_program_replay(store, &child_id, &host_options, &r, &err), err);
    assert_int_equal(r.entries, r.program.entries);
    assert_int_equal(r.effects, 1);
    (void)snprintf(store, sizeof store, "rm -rf %s", dir);
    assert_int_equal(system(store), 0);
}

/* The power goes after so many steps; UINT64_MAX: never. *ret_steps: those of the programs. */
static struct outcome run(uint64_t seed, unsigned disorder, uint64_t crash, uint64_t *ret_steps)
{
    cz_sim_options options = {.seed = seed, .disorder = disorder};
    cz_sim_world *w = NULL;
    cz_engine *g = NULL;
    struct outcome o;
    cz_host *h;
    cz_error err = {0};
    uint64_t before;
    cz_id id;

    assert_ok(cz_sim_world_new(&options, &w, &err), err);
    assert_ok(cz_sim_open(w, &g, &err), err);
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    fx_cash(g, "c", 0);
    fx_make_counter(g);
    h = hx_host_with(g, &host_options);
    before = cz_sim_steps(w);
    if (crash != UINT64_MAX)
        cz_sim_crash_after(w, crash);
    id = hx_start(h, "parent", "x");
    let_run(w);
    *ret_steps = cz_sim_steps(w) - before;
    while (cz_sim_crashed(w)) {
        hx_close(h);
        cz_sim_crash(w);
        h = open_all(w, &g);
        id = hx_start(h, "parent", "x"); /* if the crash was before it was recorded */
        let_run(w);
    }
    o = look(g, &id);
    hx_close(h);
    if (crash % REPLAYED == 0)
        replay(w, &id);
    cz_sim_world_free(w);
    return o;
}

static void a_crash_at_any_step_changes_nothing(void **state)
{
    uint64_t steps = 0, ignored, seeds = test_env("CAUSALITY_SEEDS", 3);
    struct outcome whole, o;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        unsigned disorder = seed == 1 ? 0 : 300;

        whole = run(seed, disorder, UINT64_MAX, &steps);
        assert_true(whole.ended);
        assert_int_equal((long long)whole.b, 1 + 3 + 1);
        assert_int_equal((long long)whole.c, 1 + 2);
        assert_int_equal(whole.value, 123 * 10000 + (1 + 'x') * 10 + 1 + 7 * 10000000);
        for (uint64_t at = 1; at <= steps; at++) {
            o = run(seed, disorder, at, &ignored);
            if (!o.ended || o.a != whole.a || o.b != whole.b || o.c != whole.c ||
                o.value != whole.value)
                fail_msg("seed %llu, crash after %llu steps: ended %d, a %lld, b %lld, c %lld, "
                         "value %llu",
                         (unsigned long long)seed, (unsigned long long)at, o.ended,
                         (long long)o.a, (long long)o.b, (long long)o.c,
                         (unsigned long long)o.value);
        }
    }
}

/* ---- Memory ---------------------------------------------------------------------------------
 */

/* From the host's making on, the n-th allocation fails; then the power goes, and all is there
 * again. False: there were fewer. */
static bool run_without_memory(int64_t n, const struct outcome *whole)
{
    cz_sim_options options = {.seed = 1};
    cz_sim_world *w = NULL;
    cz_engine *g = NULL;
    struct outcome o;
    cz_program_spec spec = {.name = "parent", .label = "x", .args = "x", .args_len = 1};
    cz_host *h = NULL;
    cz_error err = {0};
    bool failed;
    cz_id id;
    int rc;

    assert_ok(cz_sim_world_new(&options, &w, &err), err);
    assert_ok(cz_sim_open(w, &g, &err), err);
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    fx_cash(g, "c", 0);
    fx_make_counter(g);
    czi_alloc_fail_after(n);
    rc = cz_host_new(g, &host_options, &h, &err);
    if (!rc)
        rc = cz_program_start(h, &spec, &id, &err);
    if (!rc)
        let_run(w);
    failed = czi_alloc_failed();
    czi_alloc_fail_after(-1);
    assert_true(!rc || failed);
    hx_close(h);
    cz_sim_crash(w);
    h = open_all(w, &g);
    id = hx_start(h, "parent", "x");
    let_run(w);
    o = look(g, &id);
    if (memcmp(&o.a, &whole->a, sizeof o.a) != 0 || o.b != whole->b || o.c != whole->c ||
        o.value != whole->value || !o.ended)
        fail_msg("allocation %lld: ended %d, b %lld, c %lld, value %llu", (long long)n, o.ended,
                 (long long)o.b, (long long)o.c, (unsigned long long)o.value);
    hx_close(h);
    cz_sim_world_free(w);
    return failed;
}

static void memory_that_runs_out_changes_nothing(void **state)
{
    unsigned long step = test_env("CAUSALITY_MEMORY_STEP", 3);
    struct outcome whole;
    uint64_t steps;
    int64_t n = 0;

    (void)state;
    whole = run(1, 0, UINT64_MAX, &steps);
    while (run_without_memory(n, &whole))
        n += (int64_t)step;
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_at_any_step_changes_nothing),
        cmocka_unit_test(memory_that_runs_out_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
