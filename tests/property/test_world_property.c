/* test_world_property.c - worlds from seeds: the same seed lives the same life to the byte, and
 * wherever the power goes, what was acknowledged stays, nothing happens twice, and what is left
 * passes audit and replay.
 *
 * A life: two payers who wait for each payment, which they sign, a burst that does not, two
 * counters under guards, one who watches and then acts, and one who credits a deposit of a
 * simulated chain, which is reorganised meanwhile. All of them begin again after a crash, and
 * do what is left; how it ends is arithmetic. CAUSALITY_SEED; CAUSALITY_SEEDS lives that are
 * lived twice, CAUSALITY_CRASH_ROUNDS that crash at each of their steps.
 */
#include "causality/sim.h"
#include "engine/engine.h"
#include "fs_fixture.h"

#include <string.h>

#ifdef TEST_IS_SLOW
#define CRASH_SEEDS 1
#define SAME_SEEDS 50
#else
#define CRASH_SEEDS 3
#define SAME_SEEDS 300
#endif

enum { PAYERS = 2, PAYMENTS = 3, BURST = 8, COUNTERS = 2, COUNTS = 3, CREDIT = 10 };
enum { CASH = 100, REORGS = 3, TOLD_MAX = 64, ACTORS = PAYERS + COUNTERS + 3 };

struct life {
    uint64_t seed;
    struct czi_rng rng; /* what happens outside of the world */
    cz_sim_world *world;
    cz_engine *engine;
    cz_scheduler *tasks;
    cz_sim_chain *chain;
    unsigned reorgs;
    unsigned over; /* actors that have done all, since the store was opened */
    cz_result told[TOLD_MAX];
    unsigned told_count;
    uint8_t counted[COUNTERS]; /* as far as commits were acknowledged */
    uint64_t restarts;
};

_Noreturn static void failed(const struct life *l, const char *what)
{
    (void)fprintf(stderr, "seed %llu, step %llu, restart %llu: %s\n",
                  (unsigned long long)l->seed, (unsigned long long)cz_sim_steps(l->world),
                  (unsigned long long)l->restarts, what);
    abort();
}

/* Also in tasks, out of which cmocka must not jump. */
#define CHECK(l, expr) ((expr) ? (void)0 : failed((l), #expr))

/* CZ_OK, or the power went. */
static int fine(const struct life *l, int rc, const cz_error *err)
{
    if (rc && rc != CZ_CLOSED && !(rc == CZ_CANCELLED && cz_sim_crashed(l->world)))
        failed(l, err->detail);
    return rc;
}

static cz_id id_of(const char *label)
{
    cz_id creator = cz_operator(), id = {{0}};
    cz_error err = {0};

    CZI_CHECK(!cz_resource_id(&creator, label, &id, &err));
    return id;
}

/* ---- What was said ------------------------------------------------------------------------
 */

static bool same_result(const cz_result *a, const cz_result *b)
{
    return !memcmp(&a->receipt, &b->receipt, sizeof(cz_id)) && a->position == b->position &&
           a->reason == b->reason;
}

/* An effect that was told before is told the same way. */
static void tell(struct life *l, const cz_result *r)
{
    if (!r->has_receipt)
        return;
    for (unsigned i = 0; i < l->told_count; i++)
        if (!memcmp(&l->told[i].effect, &r->effect, sizeof(cz_id))) {
            CHECK(l, same_result(&l->told[i], r));
            return;
        }
    CHECK(l, l->told_count < TOLD_MAX);
    l->told[l->told_count++] = *r;
}

static void done(void *arg, const cz_result *r)
{
    if (r->status != CZ_STATUS_UNKNOWN)
        tell(arg, r);
}

/* ---- Actors -------------------------------------------------------------------------------
 */

struct part {
    struct life *life;
    unsigned number;
};

static cz_effect *effect_of(const char *label, uint64_t nonce)
{
    cz_effect *e = cz_effect_new();
    cz_id origin = id_of(label);

    CZI_CHECK(e);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, nonce);
    return e;
}

static cz_effect *payment(const char *label, uint64_t nonce, const char *from, const char *to,
                          cz_quantity quantity)
{
    cz_effect *e = effect_of(label, nonce);
    cz_id ids[2] = {id_of(from), id_of(to)};
    cz_error err = {0};

    CZI_CHECK(!cz_effect_transfer(e, &ids[0], &ids[1], quantity, &err));
    return e;
}

static int perform(struct life *l, cz_effect *e, cz_result *ret, cz_error *err)
{
    cz_result r = {.ticket = 0};
    int rc = cz_perform(l->engine, e, &r, err);

    if (!rc || rc == CZ_REJECTED)
        tell(l, &r);
    if (ret)
        *ret = r;
    cz_effect_free(e);
    return rc;
}

static int pay(void *arg, cz_error *err)
{
    const struct part *p = arg;
    char label[16];
    int rc = CZ_OK;

    (void)snprintf(label, sizeof label, "payer %u", p->number);
    for (uint64_t n = 1; n <= PAYMENTS && !rc; n++) {
        static const uint8_t key[32] = "the key of a payer";
        cz_effect *e = payment(label, n, "a", "b", 1);

        CZI_CHECK(!cz_effect_sign(e, key, err));
        rc = fine(p->life, perform(p->life, e, NULL, err), err);
    }
    p->life->over += !rc;
    return rc;
}

static int burst(void *arg, cz_error *err)
{
    struct life *l = ((const struct part *)arg)->life;
    uint64_t ticket = 0;
    cz_result r;
    int rc = CZ_OK;

    for (uint64_t n = 1; n <= BURST && !rc; n++) {
        cz_effect *e = payment("burst", n, "a", "b", 1);

        rc = fine(l, cz_submit_effect(l->engine, e, done, l, &ticket, err), err);
        cz_effect_free(e);
    }
    if (!rc)
        rc = fine(l, cz_wait(l->engine, ticket, CZ_FOREVER, &r, err), err);
    l->over += !rc;
    return rc;
}

static int count_one(struct life *l, unsigned counter, cz_guard *guard, cz_error *err)
{
    uint8_t slots[COUNTERS];
    cz_contents c;
    int rc = cz_guard_contents(guard, &c, err);

    if (rc)
        return rc;
    memcpy(slots, c.data, sizeof slots);
    CHECK(l, slots[counter] >= l->counted[counter]);
    l->counted[counter] = slots[counter];
    if (slots[counter] == COUNTS)
        return cz_release(guard, err);
    cz_task_yield();
    slots[counter]++;
    c.data = slots;
    rc = cz_guard_update(guard, &c, err);
    if (!rc)
        rc = cz_guard_commit(guard, NULL, err);
    if (!rc)
        l->counted[counter] = slots[counter];
    return rc;
}

static int count_up(void *arg, cz_error *err)
{
    const struct part *p = arg;
    struct life *l = p->life;
    cz_claim claim = {id_of("counters"), CZ_WRITE, CZ_TYPED(CZ_DATA)};
    unsigned times = 0;
    int rc = CZ_OK;

    while (!rc && times <= COUNTS) {
        cz_guard guard;

        rc = cz_acquire(l->engine, &claim, 5, &guard, err);
        if (!rc)
            rc = fine(l, count_one(l, p->number, &guard, err), err);
        times += !rc;
        rc = rc == CZ_TIMEOUT ? CZ_OK : fine(l, rc, err);
    }
    l->over += !rc;
    return rc;
}

static bool half_counted(void *arg, const cz_resource *r)
{
    (void)arg;
    return r->data_len == COUNTERS && r->data[0] > COUNTS / 2;
}

static int see(void *arg, cz_error *err)
{
    struct life *l = ((const struct part *)arg)->life;
    cz_id counters = id_of("counters"), seen = id_of("seen");
    cz_watch_spec spec = {.resource = &counters,
                          .resource_is = half_counted,
                          .with_data = true};
    cz_effect *e;
    int rc = fine(l, cz_await(l->engine, &spec, CZ_FOREVER, NULL, err), err);

    if (rc)
        return rc;
    e = effect_of("seen", 1);
    CZI_CHECK(!cz_effect_write(e, &seen, "yes", 3, err));
    rc = fine(l, perform(l, e, NULL, err), err);
    l->over += !rc;
    return rc;
}

static int take_id(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    (void)err;
    *(cz_id *)arg = fact->id;
    return CZ_OK;
}

/* What is refused is tried again with what the chain says then. */
static int credit(void *arg, cz_error *err)
{
    struct life *l = ((const struct part *)arg)->life;
    cz_result r = {.reason = CZ_UNKNOWN_FACT};
    int rc = CZ_OK;

    for (uint64_t n = 1; !rc && r.reason != CZ_APPLIED && r.reason != CZ_EVENT_CONSUMED; n++) {
        cz_dependency d = {.policy = CZ_STILL_TRUE, .purpose = "credit"};
        cz_effect *e = payment("creditor", n, "vault", "b", CREDIT);

        CZI_CHECK(!cz_sim_fact_of(l->chain, CZ_FACT_DEPOSIT, "1", NULL, take_id, &d.fact, err));
        CZI_CHECK(!cz_effect_depend(e, &d, err));
        rc = perform(l, e, &r, err);
        rc = rc == CZ_REJECTED ? CZ_OK : fine(l, rc, err);
        cz_task_yield();
    }
    l->over += !rc;
    return rc;
}

/* ---- What stays ---------------------------------------------------------------------------
 */

static int compare_receipt(void *arg, const cz_receipt *r)
{
    const cz_result *told = arg;

    return memcmp(&r->id, &told->receipt, sizeof(cz_id)) != 0 ||
           r->position != told->position || r->reason != told->reason;
}

static void check_told(struct life *l)
{
    cz_id counters = id_of("counters");
    cz_error err = {0};
    cz_resource r;

    for (unsigned i = 0; i < l->told_count; i++)
        if (cz_receipt_get(l->engine, &l->told[i].effect, compare_receipt, &l->told[i], &err))
            failed(l, "what was acknowledged is not there, or is different");
    for (unsigned i = 0; i < COUNTERS && l->counted[i]; i++) {
        assert_ok(cz_resource_get(l->engine, &counters, &r, &err), err);
        CHECK(l, r.data[i] >= l->counted[i]);
    }
}

/* ---- A life -------------------------------------------------------------------------------
 */

static int make(struct life *l, const char *label, enum cz_kind kind, cz_quantity quantity,
                const void *data, size_t len)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = kind,
                     .asset = kind == CZ_FUNGIBLE ? "MOON" : NULL,
                     .quantity = quantity,
                     .data = data,
                     .data_len = len};
    cz_error err = {0};
    cz_id id;

    return fine(l, cz_register(l->engine, &c, &id, &err), &err);
}

static int spawn(struct life *l, struct part *parts)
{
    static const cz_task_fn fns[] = {pay, count_up, burst, see, credit};
    static const unsigned counts[] = {PAYERS, COUNTERS, 1, 1, 1};
    unsigned n = 0;
    cz_error err = {0};
    int rc = fine(l, cz_scheduler_new(l->engine, NULL, &l->tasks, &err), &err);

    for (unsigned i = 0; i < CZI_COUNTOF(fns); i++)
        for (unsigned k = 0; k < counts[i] && !rc; k++) {
            cz_task_spec spec = {.fn = fns[i], .arg = &parts[n], .detached = true};

            parts[n++] = (struct part){l, k};
            rc = fine(l, cz_task_spawn(l->tasks, &spec, NULL, &err), &err);
        }
    return rc;
}

static int begin(struct life *l, struct part *parts)
{
    static const uint8_t zeroes[COUNTERS];
    cz_domain_spec domain;
    cz_error err = {0};
    int rc;

    l->over = 0;
    assert_ok(cz_sim_open(l->world, &l->engine, &err), err);
    check_told(l);
    rc = make(l, "a", CZ_FUNGIBLE, CASH, NULL, 0);
    if (!rc)
        rc = make(l, "b", CZ_FUNGIBLE, 0, NULL, 0);
    if (!rc)
        rc = make(l, "vault", CZ_FUNGIBLE, CASH, NULL, 0);
    if (!rc)
        rc = make(l, "counters", CZ_DATA, 0, zeroes, sizeof zeroes);
    if (!rc)
        rc = make(l, "seen", CZ_DATA, 0, "no", 2);
    cz_sim_domain(l->chain, &domain);
    if (!rc)
        rc = fine(l, cz_domain_set(l->engine, &domain, &err), &err);
    if (!rc)
        rc = fine(l, cz_sim_observe(l->chain, l->engine, NULL, &err), &err);
    return rc ? rc : spawn(l, parts);
}

/* Now and then the chain has another block, or drops one. */
static int outside(struct life *l)
{
    cz_error err = {0};

    if (czi_rng_below(&l->rng, 16) != 0 || l->reorgs == REORGS)
        return CZ_OK;
    l->reorgs++;
    if (czi_rng_below(&l->rng, 2))
        assert_ok(cz_sim_reorg(l->chain, cz_sim_height(l->chain), true, &err), err);
    else
        assert_ok(cz_sim_mine(l->chain, 1, &err), err);
    return fine(l, cz_sim_observe(l->chain, l->engine, NULL, &err), &err);
}

/* Until all is done (true) or the power went. Nothing of it is open then. */
static bool run(struct life *l)
{
    struct part parts[ACTORS];
    cz_error err = {0};
    int rc = begin(l, parts);

    while (!rc && !cz_sim_crashed(l->world)) {
        rc = outside(l);
        if (!rc && !cz_sim_step(l->world) && !cz_sim_advance(l->world, CZ_FOREVER))
            break;
    }
    if (l->tasks)
        (void)!cz_scheduler_close(l->tasks, &err);
    l->tasks = NULL;
    if (!rc && !cz_sim_crashed(l->world)) {
        CHECK(l, l->over == ACTORS);
        return true;
    }
    CHECK(l, cz_sim_crashed(l->world));
    cz_sim_crash(l->world);
    l->engine = NULL;
    l->restarts++;
    return false;
}

static void life_begin(struct life *l, uint64_t seed)
{
    cz_options engine = {.batch_max = 1 + (unsigned)(seed % 8), .backlog_max = 64};
    cz_sim_options o = {seed, (unsigned)(seed * 37 % 1001), &engine};
    cz_error err = {0};

    *l = (struct life){.seed = seed, .rng = czi_rng(seed + 1)};
    assert_ok(cz_sim_world_new(&o, &l->world, &err), err);
    assert_ok(cz_sim_new("moon", seed, &l->chain, &err), err);
    assert_ok(cz_sim_deposit(l->chain, "alice", "MOON", CREDIT, NULL, &err), err);
    assert_ok(cz_sim_mine(l->chain, 1, &err), err);
}

static void life_end(struct life *l)
{
    cz_sim_world_free(l->world);
    cz_sim_free(l->chain);
}

/* ---- What must be there -------------------------------------------------------------------
 */

struct once {
    const struct life *life;
    cz_id ids[2 * TOLD_MAX];
    unsigned count;
};

static int check_once(void *arg, const cz_receipt *r)
{
    struct once *o = arg;

    for (unsigned i = 0; i < o->count; i++)
        CHECK(o->life, memcmp(&o->ids[i], &r->effect, sizeof(cz_id)) != 0);
    CHECK(o->life, o->count < CZI_COUNTOF(o->ids));
    o->ids[o->count++] = r->effect;
    return CZ_OK;
}

static cz_resource get(struct life *l, const char *label)
{
    cz_id id = id_of(label);
    cz_error err = {0};
    cz_resource r;

    assert_ok(cz_resource_get(l->engine, &id, &r, &err), err);
    return r;
}

static void check_all(struct life *l)
{
    enum { PAID = PAYERS * PAYMENTS + BURST };
    struct once once = {.life = l};
    cz_id b = id_of("b");
    cz_error err = {0};
    cz_resource r;

    check_told(l);
    CHECK(l, get(l, "a").quantity == CASH - PAID);
    CHECK(l, get(l, "b").quantity == PAID + CREDIT);
    CHECK(l, get(l, "vault").quantity == CASH - CREDIT);
    r = get(l, "counters");
    for (unsigned i = 0; i < COUNTERS; i++)
        CHECK(l, r.data[i] == COUNTS);
    CHECK(l, r.version == 1 + COUNTERS * COUNTS);
    CHECK(l, get(l, "seen").data_len == 3 && get(l, "seen").version == 2);
    assert_ok(cz_log(l->engine, &b, check_once, &once, &err), err);
    CHECK(l, once.count == 1 + PAID + 1); /* created, paid, credited */
}

static void check_saved(struct life *l)
{
    char dir[4096], path[4200];
    cz_journal_report replayed;
    cz_audit_report audited;
    cz_error err = {0};

    fixture_temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/store", dir);
    assert_ok(cz_sim_save(l->world, path, &err), err);
    if (cz_audit(path, NULL, &audited, &err) || cz_replay(path, NULL, &replayed, &err))
        failed(l, err.detail);
    CHECK(l, !memcmp(audited.journal.root, replayed.root, 32));
    fixture_remove_tree(dir);
}

/* ---- Crashes ------------------------------------------------------------------------------
 */

/* Crashes at a step, perhaps once more, and lives to the end; how often it crashed. */
static uint64_t crash_at(uint64_t seed, uint64_t at, bool save)
{
    struct czi_rng rng = czi_rng(seed * 100000 + at);
    struct life l;
    bool crashed;
    cz_error err = {0};

    life_begin(&l, seed);
    cz_sim_crash_after(l.world, at);
    crashed = !run(&l);
    if (crashed && save)
        check_saved(&l);
    if (crashed)
        cz_sim_crash_after(l.world, 1 + czi_rng_below(&rng, 2 * at));
    while (crashed && !run(&l))
        continue;
    cz_sim_crash_after(l.world, UINT64_MAX);
    check_all(&l);
    assert_ok(cz_close(l.engine, &err), err);
    if (save)
        check_saved(&l);
    assert_ok(cz_sim_open(l.world, &l.engine, &err), err);
    check_all(&l);
    life_end(&l);
    return l.restarts;
}

static void wherever_the_power_goes_nothing_told_is_lost_and_nothing_happens_twice(void **state)
{
    unsigned long first = test_env("CAUSALITY_SEED", 1);
    unsigned long seeds = test_env("CAUSALITY_CRASH_ROUNDS", CRASH_SEEDS);

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        uint64_t at = 1, crashes, twice = 0;

        while ((crashes = crash_at(seed, at, at % 16 == 0)) > 0) {
            twice += crashes == 2;
            at++;
        }
        assert_true(at > 60 && twice > 20);
    }
}

/* ---- The same -----------------------------------------------------------------------------
 */

struct trace {
    uint8_t tip[32]; /* over all frames: each has the hash of the one before */
    uint64_t bytes, steps, now, positions;
};

/* One that crashes twice on the way. */
static struct trace trace_of(uint64_t seed, const char *save_to)
{
    struct czi_rng rng = czi_rng(seed);
    struct trace t = {.steps = 0};
    struct life l;
    cz_error err = {0};
    cz_stats stats;

    life_begin(&l, seed);
    cz_sim_crash_after(l.world, 1 + czi_rng_below(&rng, 100));
    while (!run(&l))
        if (l.restarts == 1)
            cz_sim_crash_after(l.world, 1 + czi_rng_below(&rng, 100));
    assert_ok(cz_stats_get(l.engine, &stats, &err), err);
    memcpy(t.tip, l.engine->tip, sizeof t.tip);
    t.bytes = stats.journal_bytes;
    t.positions = stats.positions;
    t.steps = cz_sim_steps(l.world);
    t.now = cz_sim_now(l.world);
    assert_ok(cz_close(l.engine, &err), err);
    if (save_to)
        assert_ok(cz_sim_save(l.world, save_to, &err), err);
    life_end(&l);
    return t;
}

static void the_same_seed_lives_the_same_life(void **state)
{
    unsigned long first = test_env("CAUSALITY_SEED", 1);
    unsigned long seeds = test_env("CAUSALITY_SEEDS", SAME_SEEDS);
    struct trace before = {.steps = 0};

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        struct trace a = trace_of(seed, NULL), b = trace_of(seed, NULL);

        if (memcmp(a.tip, b.tip, 32) != 0 || a.bytes != b.bytes || a.steps != b.steps ||
            a.now != b.now || a.positions != b.positions)
            fail_msg("seed %lu: two lives", seed);
        assert_memory_not_equal(a.tip, before.tip, 32); /* and another one another */
        before = a;
    }
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
    static uint8_t bytes[2][1u << 20];
    size_t len[2];

    for (int i = 0; i < 2; i++) {
        char path[4300];
        FILE *f;

        (void)snprintf(path, sizeof path, "%s/%s", i ? b : a, name);
        f = fopen(path, "rb");
        if (!f)
            fail_msg("%s", path);
        len[i] = fread(bytes[i], 1, sizeof bytes[i], f);
        assert_int_equal(fclose(f), 0);
    }
    assert_true(len[0] > 0);
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(bytes[0], bytes[1], len[0]);
}

static void saved_stores_of_one_seed_are_equal_to_the_byte(void **state)
{
    unsigned longer = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 16; seed++) {
        char dir[4096], a[4200], b[4200], name[40];
        cz_audit_report report;
        cz_error err = {0};

        fixture_temp_dir(dir);
        (void)snprintf(a, sizeof a, "%s/a", dir);
        (void)snprintf(b, sizeof b, "%s/b", dir);
        (void)trace_of(seed, a);
        (void)trace_of(seed, b);
        assert_ok(cz_audit(a, NULL, &report, &err), err);
        for (uint64_t i = 1; i <= report.journal.segments; i++) {
            (void)snprintf(name, sizeof name, "journal/%016llx", (unsigned long long)i);
            assert_same_file(a, b, name);
        }
        longer += report.journal.segments > 1;
        assert_same_file(a, b, "CHECKPOINT");
        assert_same_file(a, b, "FORMAT");
        fixture_remove_tree(dir);
    }
    assert_true(longer > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_lives_the_same_life),
        cmocka_unit_test(saved_stores_of_one_seed_are_equal_to_the_byte),
        cmocka_unit_test(
            wherever_the_power_goes_nothing_told_is_lost_and_nothing_happens_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
