/* test_engine_property.c - the engine against the reference model, on random streams (R1, R2,
 * R3): every status, reason, position, receipt id, head, root, supply and log must be the
 * same, for any number of threads, any batch size, any split, and across close and reopen.
 *
 * CAUSALITY_SEEDS: how many streams. CAUSALITY_SEED: only this one, at every configuration.
 * A failure prints the seed and the configuration.
 */
#include "fs_fixture.h"
#include "generate.h"
#include "ledger/index.h"
#include "platform/simulated.h"

enum where {
    IN_MEMORY, /* cz_open(NULL) */
    SIMULATED, /* reopened in the middle, from a simulated disk */
    ON_DISK,   /* the same from a real directory, with its index */
};

struct config {
    unsigned threads, batch_max;
    enum where where;
};

static const unsigned thread_counts[] = {1, 2, 4};
static const unsigned batch_sizes[] = {1, 7, CZI_BATCH_ENTRIES_MAX};

/* A store that outlives its engines. */
struct store {
    const struct config *c;
    struct czi_fs *fs;
    struct czi_index *index;
    char dir[4096];
    cz_engine *engine;
};

static void open_engine(struct store *s)
{
    cz_options o = {.threads = s->c->threads,
                    .batch_max = s->c->batch_max,
                    .backlog_max = 512,
                    .ordered = true};
    struct czi_ledger_options l = {.fs = s->fs,
                                   .memory_index = true,
                                   .index = s->index,
                                   .segment_size_max = 65536};
    cz_error err = {0};

    if (s->c->where == SIMULATED)
        assert_ok(czi_open_store(&l, &o, &s->engine, &err), err);
    else
        assert_ok(cz_open(s->c->where == ON_DISK ? s->dir : NULL, &o, &s->engine, &err), err);
}

static void make_store(struct store *s)
{
    cz_error err = {0};

    if (s->c->where == SIMULATED) {
        assert_ok(czi_fs_simulated(CZI_SIM_DURABLE, &s->fs, &err), err);
        assert_ok(czi_ledger_create(s->fs, &err), err);
        assert_ok(czi_index_memory(&s->index, &err), err);
    } else if (s->c->where == ON_DISK) {
        fixture_temp_dir(s->dir);
        assert_ok(cz_init(s->dir, &err), err);
    }
    open_engine(s);
}

static void drop_store(struct store *s)
{
    cz_error err = {0};

    assert_ok(cz_close(s->engine, &err), err);
    if (s->c->where == SIMULATED) {
        s->index->ops->close(s->index);
        s->fs->ops->free(s->fs);
    } else if (s->c->where == ON_DISK) {
        fixture_remove_tree(s->dir);
    }
}

/* Closes and opens, sometimes with a checkpoint before, so that the state comes back from
 * rows, from frames, or from both. */
static void reopen(struct store *s, struct czi_rng *rng)
{
    cz_error err = {0};

    if (czi_rng_below(rng, 2)) {
        assert_ok(czi_read_begin(s->engine, &err), err);
        assert_ok(czi_engine_checkpoint(s->engine, true, &err), err);
        czi_read_end(s->engine);
    }
    if (czi_rng_below(rng, 3) == 0)
        return;
    assert_ok(cz_close(s->engine, &err), err);
    open_engine(s);
}

/* Submits items [from, to) in pieces of random size; results go to tickets. */
static void submit(cz_engine *g, const struct gen_stream *s, size_t from, size_t to,
                   uint64_t *tickets, struct czi_rng *rng)
{
    cz_submission runs[GEN_ITEMS_MAX];
    cz_error err = {0};

    while (from < to) {
        const struct gen_item *item = &s->items[from];
        size_t want = 1 + (czi_rng_below(rng, 3) ? czi_rng_below(rng, 60) : 0), n = 0, accepted;
        uint64_t first;

        if (!item->effect) {
            assert_ok(czi_submit_item(g, item->bytes, item->len, NULL, NULL, &tickets[from],
                                      &err),
                      err);
            from++;
            continue;
        }
        while (n < want && from + n < to && s->items[from + n].effect) {
            runs[n] = (cz_submission){s->items[from + n].bytes, s->items[from + n].len};
            n++;
        }
        assert_ok(cz_submit_batch(g, runs, n, NULL, NULL, &first, &accepted, &err), err);
        assert_int_equal(accepted, n);
        for (size_t i = 0; i < n; i++)
            tickets[from + i] = first + i;
        from += n;
        if (czi_rng_below(rng, 8) == 0)
            assert_ok(cz_flush(g, &err), err);
    }
}

/* What differs, or NULL. */
static const char *run(const struct gen_stream *s, const struct config *c, uint64_t seed)
{
    static char text[512];
    struct store store = {.c = c};
    struct czi_rng rng = czi_rng(seed ^ c->threads << 20 ^ c->batch_max << 24);
    uint64_t tickets[GEN_ITEMS_MAX];
    const char *differs = NULL;
    size_t done = 0;

    make_store(&store);
    while (done < s->count && !differs) {
        size_t to = s->count, from = done;

        if (c->where != IN_MEMORY)
            to = done + 1 + czi_rng_below(&rng, s->count - done);
        submit(store.engine, s, from, to, tickets, &rng);
        for (; done < to && !differs; done++) {
            cz_result got;
            cz_error err = {0};

            assert_ok(cz_wait(store.engine, tickets[done], CZ_FOREVER, &got, &err), err);
            differs = gen_compare(&s->items[done].expected, &got);
            if (differs)
                (void)snprintf(text, sizeof text, "item %zu: %s", done, differs);
        }
        if (done < s->count && !differs)
            reopen(&store, &rng);
    }
    if (!differs) {
        differs = gen_compare_state(&s->model, store.engine, &rng);
        if (differs)
            (void)snprintf(text, sizeof text, "at the end: %s", differs);
    }
    drop_store(&store);
    return differs ? text : NULL;
}

static void check(const struct gen_stream *s, const struct config *c, uint64_t seed)
{
    const char *differs = run(s, c, seed);

    if (differs)
        fail_msg("CAUSALITY_SEED=%llu, %u threads, batches of %u, %s: %s",
                 (unsigned long long)seed, c->threads, c->batch_max,
                 c->where == IN_MEMORY   ? "in memory"
                 : c->where == SIMULATED ? "reopened"
                                         : "on disk",
                 differs);
}

static struct gen_stream *make(uint64_t seed)
{
    struct czi_rng rng = czi_rng(seed);
    struct gen_options o = {.seed = seed,
                            .count = 40 + (czi_rng_below(&rng, 8) ? czi_rng_below(&rng, 100)
                                                                  : czi_rng_below(&rng, 350)),
                            .origins = 1 + (unsigned)czi_rng_below(&rng, 4),
                            .create = true};
    struct gen_stream *s = gen_stream(&o);

    gen_expect(s, REF_FAITHFUL);
    return s;
}

/* Every configuration for one seed in 64, three others, that take turns, for the rest. */
static void one_seed(uint64_t seed, bool all)
{
    struct gen_stream *s = make(seed);

    for (unsigned t = 0; t < CZI_COUNTOF(thread_counts); t++)
        for (unsigned b = 0; b < CZI_COUNTOF(batch_sizes); b++) {
            struct config c = {thread_counts[t], batch_sizes[b], IN_MEMORY};

            if (!all && (t + b) % 3 != seed % 3)
                continue;
            check(s, &c, seed);
            c.where = SIMULATED;
            if (all || t == seed / 3 % 3)
                check(s, &c, seed);
            c.where = ON_DISK;
            if (all && t == b && t == seed / 64 % 3)
                check(s, &c, seed);
        }
    gen_free(s);
}

/* Sanitizers take five to ten times as long. */
#ifdef TEST_IS_SLOW
#define SEEDS 300
#else
#define SEEDS 600
#endif

static void engine_and_reference_model_agree_on_random_streams(void **state)
{
    unsigned long only = test_env("CAUSALITY_SEED", 0);
    unsigned long seeds = test_env("CAUSALITY_SEEDS", SEEDS);

    (void)state;
    if (only) {
        one_seed(only, true);
        return;
    }
    for (uint64_t seed = 1; seed <= seeds; seed++)
        one_seed(seed, seed % 64 == 0);
}

/* The streams reach what they are meant to reach. */
static void the_streams_see_every_outcome(void **state)
{
    unsigned seen[CZ_FACT_CONFLICT + 1] = {0}, statuses[CZ_STATUS_UNKNOWN + 1] = {0},
                                     accesses = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 160; seed++) {
        struct gen_stream *s = make(seed);

        for (size_t i = 0; i < s->count; i++) {
            struct czi_effect_view v;

            seen[s->items[i].expected.reason]++;
            statuses[s->items[i].expected.status]++;
            if (!s->items[i].effect)
                continue;
            assert_int_equal(czi_effect_view(s->items[i].bytes, s->items[i].len, &v, NULL), 0);
            accesses = CZI_MAX(accesses, czi_effect_accesses(&v));
        }
        gen_free(s);
    }
    for (int reason = CZ_APPLIED; reason <= CZ_FACT_CONFLICT; reason++) {
        /* Of proofs, of more resources than memory holds, and numbers that are no reason. */
        bool elsewhere = reason == CZ_NOT_CONSERVED || reason == CZ_BAD_HEADER ||
                         reason == CZ_BAD_INCLUSION ||
                         strcmp(cz_reason_name(reason), "unknown") == 0;

        if (!elsewhere && seen[reason] < 5)
            fail_msg("%s was seen %u times", cz_reason_name(reason), seen[reason]);
    }
    assert_true(statuses[CZ_STATUS_APPLIED] > 1000 && statuses[CZ_STATUS_DUPLICATE] > 100);
    assert_true(accesses >= 32);
}

/* A model with a planted fault must be told from the engine, or the tests above say nothing. */
static void a_planted_fault_is_found(void **state)
{
    static const struct config c = {1, 7, IN_MEMORY};

    (void)state;
    for (enum ref_fault fault = REF_NO_VERSION; fault <= REF_NO_REJECTED; fault++) {
        unsigned found = 0;

        for (uint64_t seed = 1; seed <= 5 || (seed <= 100 && found < 3); seed++) {
            struct gen_stream *s = make(seed);

            assert_null(run(s, &c, seed));
            gen_expect(s, fault);
            found += run(s, &c, seed) != NULL;
            gen_free(s);
        }
        if (found < 3)
            fail_msg("fault %d was found %u times", (int)fault, found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_streams_see_every_outcome),
        cmocka_unit_test(a_planted_fault_is_found),
        cmocka_unit_test(engine_and_reference_model_agree_on_random_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
