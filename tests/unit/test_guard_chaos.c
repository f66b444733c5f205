/* test_guard_chaos.c - threads that do everything at once that can be done with guards, at
 * random, on a store on disk: in the end nothing is held, nothing was lost or made, and the
 * journal verifies and replays. */
#include "fs_fixture.h"
#include "guard_fixture.h"

enum { ACCOUNTS = 6, THREADS = 6, ROUNDS = 150, TOTAL = ACCOUNTS * 1000 };

struct chaos {
    cz_engine *engine;
    cz_id accounts[ACCOUNTS];
    cz_context *contexts[THREADS];
    unsigned long seed;
};

struct fool {
    struct chaos *chaos;
    struct czi_rng rng;
    pthread_t id;
    unsigned number;
    uint64_t nonce;
    cz_id origin, last;
    bool has_last, ends;
};

static unsigned below(struct fool *f, unsigned n)
{
    return (unsigned)czi_rng_below(&f->rng, n);
}

/* Whatever may come of something that waits. */
static void check(const struct fool *f, int rc, const cz_error *err)
{
    if (rc && rc != CZ_TIMEOUT && rc != CZ_DEADLOCK && rc != CZ_CANCELLED &&
        rc != CZ_REJECTED && rc != CZ_BUSY) {
        print_message("chaos: seed %lu, thread %u: %s: %s\n", f->chaos->seed, f->number,
                      cz_code_name(rc), err->detail);
        abort(); /* in a thread cmocka cannot fail */
    }
}

static cz_claim any_claim(struct fool *f)
{
    return (cz_claim){f->chaos->accounts[below(f, ACCOUNTS)], below(f, 3) ? CZ_WRITE : CZ_READ,
                      CZ_TYPED(CZ_FUNGIBLE)};
}

static uint64_t any_timeout(struct fool *f)
{
    return below(f, 4) ? CZ_FOREVER : below(f, 3);
}

/* Moves some of what one guard shows to another one. */
static int move_some(struct fool *f, const cz_guard *from, const cz_guard *to, cz_error *err)
{
    cz_contents a, b;
    cz_quantity q;
    int rc = cz_guard_contents(from, &a, err);

    if (!rc)
        rc = cz_guard_contents(to, &b, err);
    if (rc)
        return rc;
    q = a.quantity / 2 + below(f, 3);
    a.quantity -= q;
    b.quantity += q;
    if (memcmp(&a.resource, &b.resource, sizeof a.resource) == 0 || a.quantity < 0)
        return CZ_OK;
    rc = cz_guard_update(from, &a, err);
    if (!rc)
        rc = cz_guard_update(to, &b, err);
    return rc == CZ_INVALID ? CZ_OK : rc; /* one of them only reads */
}

static void with_guards(struct fool *f)
{
    cz_engine *g = f->chaos->engine;
    cz_claim claims[2] = {any_claim(f), any_claim(f)};
    cz_guard guards[2] = {{0}};
    cz_error err = {0};
    int rc;

    if (below(f, 2)) {
        rc = cz_acquire_many(g, claims, 2, any_timeout(f), guards, &err);
    } else {
        rc = cz_acquire(g, &claims[0], any_timeout(f), &guards[0], &err);
        if (!rc)
            rc = below(f, 4) ? cz_acquire(g, &claims[1], any_timeout(f), &guards[1], &err)
                             : cz_try_acquire(g, &claims[1], &guards[1], &err);
    }
    if (!rc)
        rc = move_some(f, &guards[0], &guards[1], &err);
    /* What one of two updates could not be made of is refused; then it is aborted. */
    if (!rc && below(f, 5)) {
        rc = cz_guards_commit(guards, 2, NULL, &err);
        rc = rc == CZ_INVALID ? CZ_OK : rc;
    }
    check(f, rc, &err);
    if (f->number % 2 || below(f, 50))
        check(f, cz_release_many(guards, 2, &err), &err);
    else
        f->ends = true; /* with them, since they are the thread's */
}

static cz_effect *payment(struct fool *f)
{
    cz_effect *e = cz_effect_new();
    const cz_id *from = &f->chaos->accounts[below(f, ACCOUNTS)],
                *to = &f->chaos->accounts[below(f, ACCOUNTS)];
    cz_error err = {0};

    cz_effect_set_origin(e, &f->origin);
    cz_effect_set_nonce(e, f->nonce++);
    cz_effect_set_priority(e, (enum cz_priority)below(f, CZI_PRIORITIES));
    check(f, cz_effect_transfer(e, from, to, 1 + below(f, 30), &err), &err);
    if (f->has_last && below(f, 5) == 0)
        check(f, cz_effect_follow(e, &f->last, &err), &err);
    f->has_last = true;
    check(f, cz_effect_id(e, &f->last, &err), &err);
    return e;
}

static void with_an_effect(struct fool *f)
{
    cz_engine *g = f->chaos->engine;
    cz_effect *e = payment(f);
    uint64_t ticket;
    cz_result r;
    cz_error err = {0};
    int rc;

    if (below(f, 3)) {
        rc = cz_submit_effect(g, e, NULL, NULL, &ticket, &err);
        if (!rc && below(f, 2))
            rc = cz_wait(g, ticket, any_timeout(f), &r, &err);
    } else {
        rc = cz_perform(g, e, &r, &err);
    }
    check(f, rc, &err);
    cz_effect_free(e);
}

static void with_a_resource(struct fool *f)
{
    char label[32];
    cz_creation c = fx_creation(label, CZ_FUNGIBLE, "USD", 0);
    cz_error err = {0};
    cz_id id;
    int rc;

    (void)snprintf(label, sizeof label, "made %u", below(f, 40));
    rc = below(f, 2) ? cz_register(f->chaos->engine, &c, &id, &err)
                     : cz_create(f->chaos->engine, &c, &id, &err);
    check(f, rc == CZ_CONFLICT ? CZ_OK : rc, &err);
}

static int ignore_edge(void *arg, const cz_wait_edge *e)
{
    (void)arg;
    (void)e;
    return 0;
}

static void with_others(struct fool *f)
{
    cz_engine *g = f->chaos->engine;
    cz_wait_graph_visitor v = {.edge = ignore_edge};
    cz_resource r;
    cz_error err = {0};

    switch (below(f, 4)) {
    case 0:
        cz_context_cancel(f->chaos->contexts[below(f, THREADS)]);
        break;
    case 1:
        check(f, cz_wait_graph(g, &v, &err), &err);
        break;
    case 2:
        check(f, cz_flush(g, &err), &err);
        break;
    default:
        check(f, cz_resource_get(g, &f->chaos->accounts[below(f, ACCOUNTS)], &r, &err), &err);
    }
}

static void *be_a_fool(void *arg)
{
    struct fool *f = arg;
    cz_error err = {0};

    if (f->number % 2)
        check(f, cz_context_enter(f->chaos->contexts[f->number], &err), &err);
    for (unsigned i = 0; i < ROUNDS && !f->ends; i++)
        switch (below(f, 8)) {
        case 0:
        case 1:
        case 2:
        case 3:
            with_guards(f);
            break;
        case 4:
        case 5:
            with_an_effect(f);
            break;
        case 6:
            with_a_resource(f);
            break;
        default:
            with_others(f);
        }
    return NULL;
}

static void run_chaos(struct chaos *c, struct fool *fools)
{
    cz_error err = {0};

    for (unsigned i = 0; i < THREADS; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "fool %u", i);
        assert_ok(cz_context_new(c->engine, name, &c->contexts[i], &err), err);
        fools[i] = (struct fool){.chaos = c,
                                 .rng = czi_rng(c->seed * THREADS + i),
                                 .number = i,
                                 .nonce = 1,
                                 .origin = fx_id(name)};
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&fools[i].id, NULL, be_a_fool, &fools[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(fools[i].id, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_ok(cz_context_end(c->contexts[i], &err), err);
}

static void check_end(struct chaos *c, const char *path)
{
    cz_quantity total = 0;
    cz_audit_report audit;
    cz_journal_report replay;
    uint8_t root[32];
    cz_lock_stats s;
    cz_error err = {0};

    assert_ok(cz_flush(c->engine, &err), err);
    s = fx_stats(c->engine);
    assert_int_equal(s.guards + s.waiting + s.waiting_effects, 0);
    assert_int_equal(s.contexts, 1);
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        cz_resource r;

        assert_ok(cz_resource_get(c->engine, &c->accounts[i], &r, &err), err);
        assert_true(r.quantity >= 0);
        total += r.quantity;
    }
    assert_true(total == TOTAL);
    assert_ok(cz_root(c->engine, root, &err), err);
    assert_int_equal(c->engine->step.core.parking.locks.live, 0);
    fx_close(c->engine);
    assert_ok(cz_audit(path, NULL, &audit, &err), err);
    assert_ok(cz_replay(path, NULL, &replay, &err), err);
    assert_memory_equal(replay.root, root, 32);
}

static void whatever_threads_do_nothing_is_lost_or_held_for_ever(void **state)
{
    unsigned long seeds = CZI_MIN(test_env("CAUSALITY_SEEDS", 6), 1000); /* 75 ms each */
    char dir[4096], path[4200];

    (void)state;
    fixture_temp_dir(dir);
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        static const unsigned batches[] = {1, 7, 2048};
        cz_options o = {.threads = 1 + seed % 2, .batch_max = batches[seed % 3]};
        struct chaos c = {.seed = seed};
        struct fool fools[THREADS];
        cz_error err = {0};

        (void)snprintf(path, sizeof path, "%s/store-%lu", dir, seed);
        assert_ok(cz_init(path, &err), err);
        assert_ok(cz_open(path, &o, &c.engine, &err), err);
        for (unsigned i = 0; i < ACCOUNTS; i++) {
            char label[16];

            (void)snprintf(label, sizeof label, "account %u", i);
            c.accounts[i] = fx_cash(c.engine, label, TOTAL / ACCOUNTS);
        }
        run_chaos(&c, fools);
        check_end(&c, path);
        fixture_remove_tree(path);
    }
    fixture_remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_threads_do_nothing_is_lost_or_held_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
