/* test_guest_crash.c - guests whose process dies at every step go on, and end as if it had not.
 *
 * As test_host_crash.c, with guests: tests/guests/program.c, 'e', which pays, reads, races,
 * sleeps, forks and holds guards; and the same guest once more, which calls another.
 */
#include "guest_fixture.h"

#include <unistd.h>

struct outcome {
    cz_quantity b, c;
    uint64_t value, called;
    char counter;
    bool ended;
};

struct story {
    cz_id code, main, calls;
};

static void let_run(cz_sim_world *w)
{
    do
        cz_sim_settle(w);
    while (!cz_sim_crashed(w) && cz_sim_advance(w, 1000));
}

static struct gx_input call_of(const struct story *s)
{
    struct gx_input in = gx_input('i', 5);

    cz_id_print(&s->code, in.name);
    in.name_len = strlen(in.name);
    return in;
}

static void start(cz_host *h, struct story *s)
{
    struct gx_input all = gx_input('e', 0), calls = call_of(s);

    s->main = gx_start(h, &s->code, "main", &all);
    s->calls = gx_start(h, &s->code, "calls", &calls);
}

static cz_program_report report(cz_engine *g, const cz_id *id)
{
    cz_program_report r = {0};
    cz_error err = {0};

    assert_ok(cz_program_get(g, NULL, id, &r, &err), err);
    if (r.state == CZ_PROGRAM_FAILED)
        fail_msg("%s: %s", cz_code_name(r.code), r.detail);
    return r;
}

static struct outcome look(cz_engine *g, const struct story *s)
{
    cz_program_report main = report(g, &s->main), calls = report(g, &s->calls);
    cz_resource counter = fx_get(g, "counter");

    return (struct outcome){.b = fx_get(g, "b").quantity,
                            .c = fx_get(g, "c").quantity,
                            .value = main.value,
                            .called = calls.value >= 1000000,
                            .counter = (char)counter.data[0],
                            .ended = main.state == CZ_PROGRAM_COMPLETED &&
                                     calls.state == CZ_PROGRAM_COMPLETED};
}

static void check(const struct outcome *o, const char *what, uint64_t n)
{
    if (!o->ended || o->b != 1 + 1 + 5 || o->c != 1 || o->counter != '3' || !o->called ||
        o->value != 1 + 100 * (1 + 2 + 3))
        fail_msg("%s %llu: ended %d, b %lld, c %lld, counter %c, value %llu, called %d", what,
                 (unsigned long long)n, o->ended, (long long)o->b, (long long)o->c, o->counter,
                 (unsigned long long)o->value, (int)o->called);
}

/* Every so many crashes the logs are run again, which takes files. */
#define REPLAYED 16u

static void replay(cz_sim_world *w, const struct story *s)
{
    char dir[] = "/tmp/cz-guest-XXXXXX", store[64];
    const cz_id *ids[] = {&s->main, &s->calls};
    cz_program_replay_report r = {0};
    cz_error err = {0};

    cz_sim_crash(w);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(store, sizeof store, "%s/store", dir);
    assert_ok(cz_sim_save(w, store, &err), err);
    for (size_t i = 0; i < CZI_COUNTOF(ids); i++) {
        assert_ok(cz_program_replay(store, ids[i], NULL, &r, &err), err);
        assert_int_equal(r.entries, r.program.entries);
    }
    (void)snprintf(store, sizeof store, "rm -rf %s", dir);
    assert_int_equal(system(store), 0);
}

static cz_sim_world *world(const cz_sim_options *o, struct story *s, cz_engine **ret)
{
    cz_sim_world *w = NULL;
    cz_error err = {0};

    assert_ok(cz_sim_world_new(o, &w, &err), err);
    assert_ok(cz_sim_open(w, ret, &err), err);
    gx_make(*ret);
    s->code = gx_deploy(*ret);
    return w;
}

static cz_host *open_again(cz_sim_world *w, struct story *s, cz_engine **ret)
{
    cz_error err = {0};
    cz_host *h;

    cz_sim_crash(w);
    assert_ok(cz_sim_open(w, ret, &err), err);
    h = hx_host_with(*ret, NULL);
    start(h, s); /* if the crash was before it was recorded */
    let_run(w);
    return h;
}

/* The power goes after so many steps; UINT64_MAX: never. *ret_steps: those of the programs. */
static struct outcome run(uint64_t seed, unsigned disorder, uint64_t crash, uint64_t *ret_steps)
{
    cz_sim_options options = {.seed = seed, .disorder = disorder};
    cz_engine *g = NULL;
    struct story s;
    cz_sim_world *w = world(&options, &s, &g);
    cz_host *h = hx_host_with(g, NULL);
    uint64_t before = cz_sim_steps(w);
    struct outcome o;

    if (crash != UINT64_MAX)
        cz_sim_crash_after(w, crash);
    start(h, &s);
    let_run(w);
    *ret_steps = cz_sim_steps(w) - before;
    while (cz_sim_crashed(w)) {
        hx_close(h);
        h = open_again(w, &s, &g);
    }
    o = look(g, &s);
    hx_close(h);
    if (crash % REPLAYED == 0)
        replay(w, &s);
    cz_sim_world_free(w);
    return o;
}

static void a_crash_at_any_step_changes_nothing(void **state)
{
    uint64_t steps = 0, ignored, seeds = test_env("CAUSALITY_SEEDS", 2);

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        unsigned disorder = seed == 1 ? 0 : 300;
        struct outcome o = run(seed, disorder, UINT64_MAX, &steps);

        check(&o, "no crash, seed", seed);
        assert_true(steps > 50);
        for (uint64_t at = 1; at <= steps; at++) {
            o = run(seed, disorder, at, &ignored);
            check(&o, "crash after steps", at);
        }
    }
}

/* From the host's making on, the n-th allocation fails; then the power goes, and all is there
 * again. False: there were fewer. */
static bool run_without_memory(int64_t n)
{
    cz_sim_options options = {.seed = 1};
    cz_engine *g = NULL;
    struct story s;
    cz_sim_world *w = world(&options, &s, &g);
    struct gx_input in = gx_input('e', 0);
    char name[CZ_ID_TEXT_SIZE];
    cz_program_spec spec = {.name = name, .label = "main", .args = &in, .args_len = sizeof in};
    struct outcome o;
    cz_host *h = NULL;
    cz_error err = {0};
    bool failed;
    int rc;

    cz_id_print(&s.code, name);
    czi_alloc_fail_after(n);
    rc = cz_host_new(g, NULL, &h, &err);
    if (!rc)
        rc = cz_program_start(h, &spec, NULL, &err);
    if (!rc)
        let_run(w);
    failed = czi_alloc_failed();
    czi_alloc_fail_after(-1);
    assert_true(!rc || failed);
    hx_close(h);
    h = open_again(w, &s, &g);
    o = look(g, &s);
    check(&o, "allocation", (uint64_t)n);
    hx_close(h);
    cz_sim_world_free(w);
    return failed;
}

static void memory_that_runs_out_changes_nothing(void **state)
{
    unsigned long step = test_env("CAUSALITY_MEMORY_STEP", 7);
    int64_t n = 0;

    (void)state;
    while (run_without_memory(n))
        n += (int64_t)step;
    assert_true(n > 100);
}

/* A host whose store has not got the code (its own is another's) says so, and loses nothing. */
static void without_its_code_a_guest_is_stopped_and_not_lost(void **state)
{
    struct gx x = gx_begin(NULL);
    struct gx_input in = gx_input('Z', 0);
    cz_id id = gx_start(x.h, &x.code, "Z", &in);
    cz_program_report r;
    cz_error err = {0};
    uint32_t slot;
    uint64_t position;

    (void)state;
    assert_int_equal(cz_program_wait(x.h, &id, 1, NULL, &err), CZ_TIMEOUT);
    hx_close(x.h);
    slot = czi_id_table_find(&x.g->step.core.resources.ids, x.code.bytes);
    position = czi_resource_at(&x.g->step.core.resources, slot)->position;
    czi_resource_at(&x.g->step.core.resources, slot)->position =
        0; /* as if it were not there */
    x.h = hx_host_with(x.g, NULL);
    assert_int_equal(cz_program_wait(x.h, &id, 1, &r, &err), CZ_NOT_FOUND);
    assert_non_null(strstr(err.detail, "has no code"));
    hx_close(x.h);
    czi_resource_at(&x.g->step.core.resources, slot)->position = position;
    x.h = hx_host_with(x.g, NULL);
    assert_int_equal(cz_program_wait(x.h, &id, 1, &r, &err), CZ_TIMEOUT);
    assert_ok(cz_program_cancel(x.h, &id, &err), err);
    assert_int_equal(hx_wait(x.h, &id).state, CZ_PROGRAM_CANCELLED);
    gx_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_at_any_step_changes_nothing),
        cmocka_unit_test(memory_that_runs_out_changes_nothing),
        cmocka_unit_test(without_its_code_a_guest_is_stopped_and_not_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
