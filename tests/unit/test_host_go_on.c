/* test_host_go_on.c - programs that go on where their log ends, with the code that fits it, and
 * hosts with threads (R12, R13, R16).
 */
#include "fs_fixture.h"
#include "host_fixture.h"

static int pays_once_and_sleeps(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 100};
    int rc = hx_pay(p, "a", "b", 1, NULL, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = cz_sleep(p, &d, err);
    return rc ? rc : hx_pay(p, "a", "b", 2, NULL, err);
}

/* As the first version, but for the first effect. */
static int pays_more(cz_program *p, const void *args, size_t len, cz_error *err)
{
    (void)args;
    (void)len;
    return hx_pay(p, "a", "b", 5, NULL, err);
}

static int reads_first(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_id id = fx_id("a");
    cz_resource r;
    int rc = cz_program_read(p, &id, &r, err);

    return rc ? rc : pays_once_and_sleeps(p, args, len, err);
}

static int ends_at_once(cz_program *p, const void *args, size_t len, cz_error *err)
{
    (void)p;
    (void)args;
    (void)len;
    (void)err;
    return CZ_OK;
}

/* A store in which an instance sleeps after its first effect. */
static cz_engine *asleep(cz_id *ret)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", pays_once_and_sleeps);
    cz_error err = {0};

    fx_cash(g, "a", 10);
    fx_cash(g, "b", 0);
    *ret = hx_start(h, "test", "x");
    assert_int_equal(cz_program_wait(h, ret, 50, NULL, &err), CZ_TIMEOUT);
    hx_close(h);
    assert_quantity(g, "b", 1);
    return g;
}

static void assert_misfit(cz_program_fn fn, const char *what)
{
    cz_program_report r = {0};
    cz_error err = {0};
    cz_host *h;
    cz_id id;
    cz_engine *g = asleep(&id);
    uint64_t before;

    assert_ok(cz_program_get(g, NULL, &id, &r, &err), err);
    before = r.entries;
    h = hx_host(g, "test", fn);
    assert_int_equal(cz_program_wait(h, &id, CZ_FOREVER, &r, &err), CZ_DIFFERS);
    if (!strstr(err.detail, what))
        fail_msg("'%s' does not say '%s'", err.detail, what);
    assert_ok(cz_program_get(g, h, &id, &r, &err), err);
    assert_int_equal(r.state, CZ_PROGRAM_MISFIT);
    assert_non_null(strstr(r.detail, what));
    assert_int_equal(r.entries, before); /* nothing was recorded */
    hx_close(h);
    h = hx_host(g, "test", pays_once_and_sleeps); /* which fits */
    assert_int_equal(hx_wait(h, &id).state, CZ_PROGRAM_COMPLETED);
    assert_quantity(g, "b", 3);
    hx_close(h);
    fx_close(g);
}

static void code_that_makes_another_effect_misfits_at_that_entry(void **state)
{
    (void)state;
    assert_misfit(pays_more, "entry 2");
}

static void code_that_asks_for_something_else_misfits(void **state)
{
    (void)state;
    assert_misfit(reads_first, "entry 2");
}

static void code_that_ends_too_early_misfits(void **state)
{
    (void)state;
    assert_misfit(ends_at_once, "entry 2");
}

static void an_instance_goes_on_with_the_version_that_began_it(void **state)
{
    cz_program_def defs[] = {{.name = "test", .version = 1, .fn = pays_once_and_sleeps},
                             {.name = "test", .version = 2, .fn = pays_more}};
    cz_id id, other;
    cz_engine *g = asleep(&id);
    cz_host *h = hx_host_with(g, &(cz_host_options){.programs = defs, .count = 2});
    cz_program_report r = hx_wait(h, &id);

    (void)state;
    assert_int_equal(r.version, 1);
    assert_quantity(g, "b", 3);
    other = hx_start(h, "test", "new one");
    assert_int_equal(hx_wait(h, &other).version, 2);
    assert_quantity(g, "b", 8);
    hx_close(h);
    fx_close(g);
}

static void an_instance_of_a_version_that_is_not_there_is_left_alone(void **state)
{
    cz_program_def def = {.name = "test", .version = 2, .fn = pays_more};
    cz_program_report r = {0};
    cz_error err = {0};
    cz_id id;
    cz_engine *g = asleep(&id);
    cz_host *h = hx_host_with(g, &(cz_host_options){.programs = &def, .count = 1});

    (void)state;
    assert_int_equal(cz_program_wait(h, &id, CZ_FOREVER, &r, &err), CZ_UNSUPPORTED);
    assert_ok(cz_program_get(g, h, &id, &r, &err), err);
    assert_int_equal(r.state, CZ_PROGRAM_RUNNING);
    assert_quantity(g, "b", 1);
    hx_close(h);
    fx_close(g);
}

static void a_host_that_shall_not_resume_goes_on_with_what_is_started(void **state)
{
    cz_program_def def = {.name = "test", .version = 1, .fn = pays_once_and_sleeps};
    cz_id id;
    cz_engine *g = asleep(&id);
    cz_host *h =
        hx_host_with(g, &(cz_host_options){.programs = &def, .count = 1, .no_resume = true});
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_program_wait(h, &id, CZ_FOREVER, NULL, &err), CZ_UNSUPPORTED);
    id = hx_start(h, "test", "x");
    assert_int_equal(hx_wait(h, &id).state, CZ_PROGRAM_COMPLETED);
    assert_quantity(g, "b", 3);
    hx_close(h);
    fx_close(g);
}

/* ---- Fencing --------------------------------------------------------------------------------
 */

static void an_instance_whose_nonce_another_has_used_stops(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", pays_once_and_sleeps);
    cz_effect *e = cz_effect_new();
    cz_id id, a = {{0}}, b;
    cz_error err = {0};

    (void)state;
    a = fx_cash(g, "a", 10);
    b = fx_cash(g, "b", 0);
    id = hx_start(h, "test", "x");
    assert_int_equal(cz_program_wait(h, &id, 50, NULL, &err), CZ_TIMEOUT);
    /* Whoever it is writes as the instance: what is to come has a nonce that is used. */
    assert_ok(cz_effect_transfer(e, &a, &b, 1, &err), err);
    cz_effect_set_origin(e, &id);
    cz_effect_set_nonce(e, 1000);
    fx_submit(g, e);
    assert_int_equal(cz_program_wait(h, &id, CZ_FOREVER, NULL, &err), CZ_CONFLICT);
    assert_non_null(strstr(err.detail, "another host"));
    hx_close(h);
    fx_close(g);
}

/* ---- Hosts ----------------------------------------------------------------------------------
 */

static void a_host_refuses_what_is_no_program(void **state)
{
    cz_program_def twice[] = {{.name = "a", .version = 1, .fn = ends_at_once},
                              {.name = "a", .version = 1, .fn = ends_at_once}};
    cz_program_def bad = {.name = "", .version = 1, .fn = ends_at_once};
    cz_engine *g = fx_open_driven();
    cz_host *h = NULL;
    cz_program_spec spec = {.name = "b", .label = "x"};
    cz_error err = {0};
    cz_id id;

    (void)state;
    assert_int_equal(cz_host_new(g, &(cz_host_options){.programs = twice, .count = 2}, &h,
                                 &err),
                     CZ_INVALID);
    assert_int_equal(cz_host_new(g, &(cz_host_options){.programs = &bad, .count = 1}, &h, &err),
                     CZ_INVALID);
    h = hx_host(g, "a", ends_at_once);
    assert_int_equal(cz_program_start(h, &spec, &id, &err), CZ_NOT_FOUND);
    spec.name = "a";
    spec.label = "";
    assert_int_equal(cz_program_start(h, &spec, &id, &err), CZ_INVALID);
    hx_close(h);
    assert_int_equal(cz_host_close(NULL, &err), CZ_OK);
    fx_close(g);
}

static void a_backlog_that_is_full_loses_nothing(void **state)
{
    cz_engine *g = fx_open_driven_with(NULL, &(cz_options){.batch_max = 1, .backlog_max = 2});
    cz_host *h = hx_host(g, "test", pays_more);
    cz_id ids[20];

    (void)state;
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    for (unsigned i = 0; i < 20; i++) {
        char label[8];

        (void)snprintf(label, sizeof label, "%u", i);
        ids[i] = hx_start(h, "test", label);
    }
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(hx_wait(h, &ids[i]).state, CZ_PROGRAM_COMPLETED);
    assert_quantity(g, "b", 100);
    hx_close(h);
    fx_close(g);
}

static int sleeps_little(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 1};
    int rc = cz_sleep(p, &d, err);

    (void)args;
    (void)len;
    return rc ? rc : hx_pay(p, "a", "b", 1, NULL, err);
}

/* With threads: hosts come and go while their programs run. */
static void programs_go_on_whatever_hosts_come_and_go(void **state)
{
    enum { PROGRAMS = 100 };
    cz_engine *g = fx_open(2);
    cz_id ids[PROGRAMS];
    cz_host *h;

    (void)state;
    fx_cash(g, "a", PROGRAMS);
    fx_cash(g, "b", 0);
    for (unsigned round = 0; round < 5; round++) {
        h = hx_host(g, "test", sleeps_little);
        for (unsigned i = 0; i < PROGRAMS; i++) {
            char label[8];

            (void)snprintf(label, sizeof label, "%u", i);
            ids[i] = hx_start(h, "test", label);
        }
        if (round == 3)
            for (unsigned i = 0; i < PROGRAMS / 2; i++)
                assert_int_equal(hx_wait(h, &ids[i]).state, CZ_PROGRAM_COMPLETED);
        if (round == 4)
            for (unsigned i = 0; i < PROGRAMS; i++)
                assert_int_equal(hx_wait(h, &ids[i]).state, CZ_PROGRAM_COMPLETED);
        hx_close(h);
    }
    assert_quantity(g, "b", PROGRAMS);
    fx_close(g);
}

/* What a full note makes room for is in the next one, which a host that closes never makes. So
 * these end their logs with entries that follow from inputs that are not recorded. */

static int sleeps_often(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 1};
    int rc = CZ_OK;

    (void)args;
    (void)len;
    for (unsigned i = 0; i < 20000 && !rc; i++)
        rc = cz_sleep(p, &d, err);
    cz_program_return(p, 1);
    return rc;
}

/* Then sleeps for 100 ms. */
static int reads_often(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 100};
    cz_id id = fx_id("a");
    uint64_t sum = 0;
    cz_resource r;
    int rc = CZ_OK;

    (void)args;
    (void)len;
    for (unsigned i = 0; i < 1000 && !rc; i++) {
        rc = cz_program_read(p, &id, &r, err);
        sum += rc ? 0 : (uint64_t)r.quantity;
    }
    cz_program_return(p, sum);
    return rc ? rc : cz_sleep(p, &d, err);
}

/* What does not fit one note. */
static int reads_much(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = 100};
    cz_claim claim = fx_claim("big", CZ_READ);
    cz_guard guard = {0};
    cz_contents c = {0};
    int rc = cz_program_acquire(p, &claim, 1, &guard, err);

    (void)args;
    (void)len;
    if (!rc)
        rc = cz_program_contents(p, &guard, &c, err);
    cz_program_return(p, c.data_len);
    if (!rc)
        rc = cz_program_release(p, &guard, 1, err);
    return rc ? rc : cz_sleep(p, &d, err);
}

/* Its log runs again from a copy of the store, and is as long as the store says. */
static void assert_replays(cz_sim_world *w, cz_program_fn fn, const cz_id *id, uint64_t entries)
{
    cz_program_def def = {.name = "test", .version = 1, .fn = fn};
    cz_host_options options = {.programs = &def, .count = 1};
    cz_program_replay_report r = {0};
    char dir[4096], path[4200];
    cz_error err = {0};

    fixture_temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/store", dir);
    assert_ok(cz_sim_save(w, path, &err), err);
    assert_ok(cz_program_replay(path, id, &options, &r, &err), err);
    assert_int_equal(r.entries, entries);
    fixture_remove_tree(dir);
}

/* Each time it sleeps no entry follows. */
static void assert_goes_on(cz_program_fn fn, uint64_t ms, unsigned hosts, uint64_t value)
{
    static const uint8_t bytes[CZI_DATA_SIZE_MAX];
    cz_creation big = fx_creation("big", CZ_DATA, NULL, 0);
    cz_program_report r = {0};
    cz_sim_world *w;
    cz_engine *g;
    cz_error err = {0};
    cz_host *h;
    cz_id id;

    assert_ok(cz_sim_world_new(NULL, &w, &err), err);
    assert_ok(cz_sim_open(w, &g, &err), err);
    fx_cash(g, "a", 7);
    big.data = bytes;
    big.data_len = sizeof bytes;
    assert_ok(cz_create(g, &big, &id, &err), err);
    for (unsigned i = 0; i < hosts; i++) {
        h = hx_host(g, "test", fn);
        id = hx_start(h, "test", "x");
        assert_int_equal(cz_program_wait(h, &id, ms, NULL, &err), CZ_TIMEOUT);
        hx_close(h);
        assert_ok(cz_program_get(g, NULL, &id, &r, &err), err);
        fx_close(g);
        assert_replays(w, fn, &id, r.entries);
        assert_ok(cz_sim_open(w, &g, &err), err);
    }
    h = hx_host(g, "test", fn);
    id = hx_start(h, "test", "x");
    r = hx_wait(h, &id);
    if (r.state != CZ_PROGRAM_COMPLETED)
        fail_msg("%s: %s", cz_code_name(r.code), r.detail);
    assert_int_equal(r.value, value);
    assert_true(r.entries >= 3); /* one was full */
    hx_close(h);
    fx_close(g);
    assert_replays(w, fn, &id, r.entries);
    cz_sim_world_free(w);
}

static void a_program_goes_on_behind_a_note_that_was_full(void **state)
{
    (void)state;
    assert_goes_on(sleeps_often, 12000, 1, 1);
    assert_goes_on(reads_often, 50, 3, 7000);
    assert_goes_on(reads_much, 50, 3, CZI_DATA_SIZE_MAX);
}

enum { CROWD = 500 };

static unsigned woken; /* of the crowd, since the code was called last */

/* In no order, from 1 to CROWD ms. Each tenth that wakes pays. */
static int sleeps_in_a_crowd(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    cz_deadline d = {.after_ms = (uint64_t)(uintptr_t)arg * 7 % CROWD + 1};
    int rc = cz_sleep(p, &d, err);

    (void)ret;
    if (rc)
        return rc;
    woken++;
    return d.after_ms % 10 ? CZ_OK : hx_pay(p, "a", "b", d.after_ms == woken, NULL, err);
}

static int sends_a_crowd_to_sleep(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_branch branches[CROWD];

    (void)args;
    (void)len;
    woken = 0;
    for (uintptr_t i = 0; i < CROWD; i++)
        branches[i] = (cz_branch){sleeps_in_a_crowd, (void *)i};
    return cz_fork_join(p, branches, CROWD, NULL, err);
}

static void a_crowd_of_which_half_woke_goes_on_in_its_order(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host(g, "test", sends_a_crowd_to_sleep);
    cz_program_report r;
    cz_error err = {0};
    cz_id id;

    (void)state;
    fx_cash(g, "a", CROWD);
    fx_cash(g, "b", 0);
    id = hx_start(h, "test", "x");
    assert_int_equal(cz_program_wait(h, &id, CROWD / 2 + 5, NULL, &err), CZ_TIMEOUT);
    hx_close(h);
    assert_quantity(g, "b", CROWD / 20);
    h = hx_host(g, "test", sends_a_crowd_to_sleep);
    r = hx_wait(h, &id);
    assert_int_equal(r.state, CZ_PROGRAM_COMPLETED);
    assert_int_equal(woken, CROWD);
    assert_quantity(g, "b", CROWD / 10);
    hx_close(h);
    fx_close(g);
}

static int sleeps_for_ever(cz_program *p, const void *args, size_t len, cz_error *err)
{
    cz_deadline d = {.after_ms = UINT32_MAX};

    (void)args;
    (void)len;
    return cz_sleep(p, &d, err);
}

struct waiter {
    cz_host *host;
    cz_id id;
    int code;
};

static void *await_end(void *arg)
{
    struct waiter *w = arg;
    cz_error err = {0};

    w->code = cz_program_wait(w->host, &w->id, CZ_FOREVER, NULL, &err);
    return NULL;
}

static unsigned visitors(cz_host *h)
{
    unsigned count;

    czi_mutex_lock(h->lock);
    count = h->visitors;
    czi_mutex_unlock(h->lock);
    return count;
}

/* The host is not gone before they have left it. */
static void who_waits_for_a_program_is_told_that_its_host_closes(void **state)
{
    enum { WAITERS = 4, ROUNDS = 30 };
    cz_engine *g = fx_open(2);

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        cz_host *h = hx_host(g, "test", sleeps_for_ever);
        cz_id id = hx_start(h, "test", "one");
        struct waiter waiters[WAITERS];
        pthread_t threads[WAITERS];

        for (unsigned i = 0; i < WAITERS; i++) {
            waiters[i] = (struct waiter){h, id, CZ_OK};
            assert_int_equal(pthread_create(&threads[i], NULL, await_end, &waiters[i]), 0);
        }
        while (visitors(h) < WAITERS)
            (void)sched_yield();
        hx_close(h);
        for (unsigned i = 0; i < WAITERS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(waiters[i].code, CZ_CLOSED);
        }
    }
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_that_makes_another_effect_misfits_at_that_entry),
        cmocka_unit_test(code_that_asks_for_something_else_misfits),
        cmocka_unit_test(code_that_ends_too_early_misfits),
        cmocka_unit_test(an_instance_goes_on_with_the_version_that_began_it),
        cmocka_unit_test(an_instance_of_a_version_that_is_not_there_is_left_alone),
        cmocka_unit_test(a_host_that_shall_not_resume_goes_on_with_what_is_started),
        cmocka_unit_test(an_instance_whose_nonce_another_has_used_stops),
        cmocka_unit_test(a_host_refuses_what_is_no_program),
        cmocka_unit_test(a_backlog_that_is_full_loses_nothing),
        cmocka_unit_test(programs_go_on_whatever_hosts_come_and_go),
        cmocka_unit_test(a_program_goes_on_behind_a_note_that_was_full),
        cmocka_unit_test(a_crowd_of_which_half_woke_goes_on_in_its_order),
        cmocka_unit_test(who_waits_for_a_program_is_told_that_its_host_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
