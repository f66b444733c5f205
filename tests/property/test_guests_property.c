/* test_guests_property.c - effects with guests give the same receipts however they are run
 * (R1): with any number of threads and size of batches, ahead of their turn in any order or at
 * it, with any prediction, after a crash, and in audit and replay.
 *
 * A stream of random effects, native ones and guests that declare what they touch or do not,
 * over few resources, so that most of them meet. What the guest tests/guests/mix.c writes
 * depends on every byte that it read. A hundredth of CAUSALITY_SEEDS are made.
 */
#include "engine/engine.h"
#include "engine/guests.h"
#include "guest_mix.h"
#include "guest_script.h"
#include "platform/simulated.h"
#include "replay/journal.h"

#define DATA 12u
#define BALANCES 6u
#ifdef TEST_IS_SLOW
#define EFFECTS 200u
#define SEEDS 1
#else
#define EFFECTS 1500u
#define SEEDS 3
#endif

struct stream {
    struct czi_rng rng;
    uint64_t seed, nonce;
    cz_id origin, code, data[DATA], balances[BALANCES];
    struct czi_buf bytes;
    size_t ends[EFFECTS + DATA + BALANCES + 1];
    uint32_t count;
    cz_error err;
};

/* What came of it. */
struct outcome {
    cz_id root, receipts[EFFECTS + DATA + BALANCES + 1];
    uint8_t reasons[EFFECTS + DATA + BALANCES + 1];
    cz_stats stats;
};

/* ---- The stream ----------------------------------------------------------------------------
 */

static uint64_t below(struct stream *s, uint64_t n)
{
    return czi_rng_below(&s->rng, n);
}

static cz_effect *begin(struct stream *s)
{
    cz_effect *e = cz_effect_new();

    cz_effect_set_origin(e, &s->origin);
    cz_effect_set_nonce(e, ++s->nonce);
    return e;
}

static void add(struct stream *s, cz_effect *e)
{
    const uint8_t *bytes = NULL;
    size_t len = 0;

    assert_ok(cz_effect_encode(e, &bytes, &len, &s->err), s->err);
    czi_buf_put(&s->bytes, bytes, len);
    assert_false(s->bytes.failed);
    s->ends[s->count++] = s->bytes.len;
    cz_effect_free(e);
}

static cz_id add_creation(struct stream *s, unsigned i, bool data)
{
    uint64_t words[8] = {0};
    char label[24];
    cz_creation c = {.creator = cz_operator(),
                     .label = label,
                     .kind = data ? CZ_DATA : CZ_FUNGIBLE,
                     .asset = data ? NULL : "gold",
                     .quantity = data ? 0 : 500,
                     .data = data ? (const void *)words : NULL,
                     .data_len = data ? sizeof words : 0};
    cz_effect *e = begin(s);
    cz_id id;

    (void)snprintf(label, sizeof label, "%s %u", data ? "data" : "gold", i);
    if (i) /* it names the one before, which guests follow */
        memcpy(&words[2], &s->data[i - 1], 32);
    assert_ok(cz_effect_create(e, &c, &s->err), s->err);
    assert_ok(cz_resource_id(&c.creator, label, &id, &s->err), s->err);
    add(s, e);
    return id;
}

static void add_transfer(struct stream *s, cz_effect *e)
{
    uint64_t a = below(s, BALANCES), b = below(s, BALANCES);

    assert_ok(cz_effect_transfer(e, &s->balances[a], &s->balances[b], 1 + (int)below(s, 90),
                                 &s->err),
              s->err);
}

static void add_write(struct stream *s, cz_effect *e)
{
    uint64_t words[8] = {below(s, 100)};

    memcpy(&words[2], &s->data[below(s, DATA)], 32);
    assert_ok(cz_effect_write(e, &s->data[below(s, DATA)], words, sizeof words, &s->err),
              s->err);
}

/* Different ones of each kind. */
static void choose(struct stream *s, const cz_id *ids, unsigned count, unsigned n,
                   uint8_t (*out)[32])
{
    uint64_t first = below(s, count);

    for (unsigned i = 0; i < n; i++)
        memcpy(out[i], &ids[(first + i) % count], 32);
}

static struct mix make_mix(struct stream *s)
{
    static const uint64_t flags[] = {MIX_OPEN, MIX_FOLLOW, MIX_TRAP, MIX_FAIL,
                                     MIX_SPIN, MIX_OWN,    MIX_LOG,  MIX_LOOK};
    struct mix m = {.amount = below(s, 20),
                    .loops = below(s, 200),
                    .label = UINT64_C(0x6161616161616161) + below(s, 4)};

    for (unsigned i = 0; i < CZI_COUNTOF(flags); i++)
        m.flags |= below(s, i == 0 ? 2 : 4) ? 0 : flags[i];
    m.data_count = below(s, 4);
    m.fungible_count = below(s, 3);
    choose(s, s->data, DATA, (unsigned)m.data_count, m.ids);
    choose(s, s->balances, BALANCES, (unsigned)m.fungible_count, m.ids + m.data_count);
    return m;
}

static cz_id own_of(const struct stream *s, const struct mix *m)
{
    return czi_identity_id(&s->code, (struct czi_slice){(const uint8_t *)&m->label, 8});
}

static void add_guest(struct stream *s, cz_effect *e, const struct mix *m)
{
    cz_guest_access accesses[17];
    size_t n = (size_t)(m->data_count + m->fungible_count);

    if (m->flags & MIX_OPEN) {
        assert_ok(cz_effect_call(e, &s->code, 5000, m, mix_size(m), &s->err), s->err);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(&accesses[i].resource, m->ids[i], 32);
        accesses[i].mode = m->flags & MIX_LOOK ? CZ_READ : CZ_WRITE;
        if (m->fungible_count > 1 && i >= m->data_count)
            accesses[i].mode = CZ_WRITE;
    }
    if (m->flags & MIX_OWN) {
        accesses[n].resource = own_of(s, m);
        accesses[n++].mode = CZ_WRITE;
    }
    assert_ok(cz_effect_run(e, &s->code, 5000, accesses, n, m, mix_size(m), &s->err), s->err);
}

static void add_random(struct stream *s)
{
    cz_effect *e = begin(s);
    struct mix m = make_mix(s);
    uint64_t kind = below(s, 10);

    if (kind < 2)
        add_transfer(s, e);
    if (kind == 2)
        add_write(s, e);
    if (kind > 2 && !(m.flags & MIX_OPEN) && below(s, 6) == 0)
        add_transfer(s, e); /* before the guest */
    if (kind > 2)
        add_guest(s, e, &m);
    if (kind > 2 && !(m.flags & MIX_OPEN) && below(s, 6) == 0)
        add_write(s, e); /* behind it */
    add(s, e);
}

static struct stream *make_stream(uint64_t seed)
{
    struct stream *s = calloc(1, sizeof *s);
    size_t len;
    uint8_t *elf = script_read_file(GUESTS "/mix.elf", &len);
    cz_effect *e;

    s->seed = seed;
    s->rng = czi_rng(seed);
    memset(&s->origin, 9, sizeof s->origin);
    e = begin(s);
    assert_ok(cz_effect_deploy(e, elf, len, &s->code, &s->err), s->err);
    add(s, e);
    free(elf);
    for (unsigned i = 0; i < DATA; i++)
        s->data[i] = add_creation(s, i, true);
    for (unsigned i = 0; i < BALANCES; i++)
        s->balances[i] = add_creation(s, i, false);
    while (s->count < EFFECTS)
        add_random(s);
    return s;
}

static void free_stream(struct stream *s)
{
    czi_buf_done(&s->bytes);
    free(s);
}

/* ---- Ways to run it ------------------------------------------------------------------------
 */

/* Jobs of a wave in any order, on one thread, some of them not at all. */
static void in_any_order(void *arg, void (*fn)(void *arg, unsigned worker, uint32_t job),
                         void *ctx, uint32_t count)
{
    struct czi_rng *rng = arg;
    uint32_t order[CZI_WAVE_ENTRIES_MAX];

    assert_true(count <= CZI_WAVE_ENTRIES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = (uint32_t)czi_rng_below(rng, i + 1);

        order[i] = order[k];
        order[k] = i;
    }
    for (uint32_t i = 0; i < count; i++)
        if (czi_rng_below(rng, 10))
            fn(ctx, (unsigned)czi_rng_below(rng, 3), order[i]);
}

struct way {
    const char *name;
    unsigned threads, batch_max;
    enum czi_predict_force force;
    bool any_order;
};

static void submit_all(cz_engine *g, struct stream *s, struct outcome *o)
{
    cz_submission all[EFFECTS];
    uint64_t ticket = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        size_t from = i ? s->ends[i - 1] : 0;

        all[i] = (cz_submission){s->bytes.data + from, s->ends[i] - from};
    }
    assert_ok(cz_submit_batch(g, all, s->count, NULL, NULL, &ticket, NULL, &s->err), s->err);
    for (uint32_t i = 0; i < s->count; i++) {
        cz_result r;

        assert_ok(cz_wait(g, ticket + i, 60000, &r, &s->err), s->err);
        o->receipts[i] = r.receipt;
        o->reasons[i] = (uint8_t)r.reason;
    }
    assert_ok(cz_root(g, o->root.bytes, &s->err), s->err);
    assert_ok(cz_stats_get(g, &o->stats, &s->err), s->err);
}

static struct outcome *run(struct stream *s, const struct way *w, struct czi_fs *fs)
{
    struct czi_ledger_options store = {.fs = fs,
                                       .memory_index = true,
                                       .segment_size_max = UINT64_MAX};
    struct czi_rng rng = czi_rng(s->seed);
    struct outcome *o = calloc(1, sizeof *o);
    cz_options options = {.threads = w->threads, .batch_max = w->batch_max, .ordered = true};
    struct czi_core *core;
    cz_engine *g;

    assert_ok(czi_ledger_create(fs, &s->err), s->err);
    assert_ok(czi_open_store(&store, &options, &g, &s->err), s->err);
    core = &g->step.core;
    assert_non_null(czi_guests(core)); /* the engine rests */
    czi_predictor_force(core->guests->predictor, w->force, s->seed);
    if (w->any_order) {
        core->fan_out = in_any_order;
        core->fan_out_arg = &rng;
        core->threads = 2;
    }
    submit_all(g, s, o);
    assert_ok(cz_close(g, &s->err), s->err);
    return o;
}

static void compare(const struct stream *s, const char *way, const struct outcome *was,
                    const struct outcome *is)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (memcmp(&was->receipts[i], &is->receipts[i], sizeof(cz_id)) != 0)
            fail_msg("seed %llu, %s: effect %u has another receipt (%s, %s)",
                     (unsigned long long)s->seed, way, i,
                     cz_reason_name((enum cz_reason)was->reasons[i]),
                     cz_reason_name((enum cz_reason)is->reasons[i]));
    assert_memory_equal(&was->root, &is->root, sizeof(cz_id));
    assert_int_equal(was->stats.guests, is->stats.guests);
    assert_true(was->stats.guest_gas == is->stats.guest_gas);
}

static struct czi_fs *new_fs(void)
{
    struct czi_fs *fs = NULL;
    cz_error err = {0};

    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
    return fs;
}

/* ---- Claims --------------------------------------------------------------------------------
 */

static const struct way plain = {"at its turn", 1, 256, CZI_PREDICT_AS_KNOWN, false};
static const struct way ways[] = {
    {"two threads", 2, 256, CZI_PREDICT_AS_KNOWN, false},
    {"four threads", 4, 1024, CZI_PREDICT_AS_KNOWN, false},
    {"small batches", 2, 7, CZI_PREDICT_AS_KNOWN, false},
    {"single ones", 4, 1, CZI_PREDICT_AS_KNOWN, false},
    {"nothing predicted", 2, 512, CZI_PREDICT_NOTHING, false},
    {"wrong ones predicted", 4, 512, CZI_PREDICT_WRONG, false},
    {"anything predicted", 2, 512, CZI_PREDICT_ANYTHING, false},
    {"random ones predicted", 4, 512, CZI_PREDICT_RANDOM, false},
    {"any order", 1, 300, CZI_PREDICT_AS_KNOWN, true},
    {"any order, nothing predicted", 1, 1024, CZI_PREDICT_NOTHING, true},
    {"any order, random ones predicted", 1, 1024, CZI_PREDICT_RANDOM, true},
};

static void receipts_do_not_depend_on_how_guests_are_run(void **state)
{
    unsigned long seeds = (test_env("CAUSALITY_SEEDS", 100 * SEEDS) + 99) / 100;
    uint64_t ahead = 0, again = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct stream *s = make_stream(seed);
        struct czi_fs *fs = new_fs();
        struct outcome *was = run(s, &plain, fs), *is;

        fs->ops->free(fs);
        assert_int_equal(was->stats.guests_ahead, 0);
        for (unsigned i = 0; i < CZI_COUNTOF(ways); i++) {
            fs = new_fs();
            is = run(s, &ways[i], fs);
            compare(s, ways[i].name, was, is);
            ahead += is->stats.guests_ahead;
            again += is->stats.guests_again;
            free(is);
            fs->ops->free(fs);
        }
        free(was);
        free_stream(s);
    }
    assert_true(ahead > 0); /* both happened, or nothing was tested */
    assert_true(again > 0);
}

/* Of all reasons that guests have, and that they meet. */
static void the_streams_have_every_end_of_a_guest(void **state)
{
    static const enum cz_reason expected[] = {CZ_APPLIED, CZ_TRAPPED, CZ_OUT_OF_GAS,
                                              CZ_GUEST_FAILED};
    struct stream *s = make_stream(1);
    struct czi_fs *fs = new_fs();
    struct outcome *o = run(s, &plain, fs);

    (void)state;
    for (unsigned k = 0; k < CZI_COUNTOF(expected); k++) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->count; i++)
            n += o->reasons[i] == expected[k];
        if (n < s->count / 100)
            fail_msg("only %u of %u effects are %s", n, s->count, cz_reason_name(expected[k]));
    }
    assert_true(o->stats.predicted > 0);
    free(o);
    fs->ops->free(fs);
    free_stream(s);
}

static void audit_and_replay_come_to_the_same(void **state)
{
    struct stream *s = make_stream(2);
    struct czi_fs *fs = new_fs();
    struct outcome *o = run(s, &ways[0], fs);
    cz_journal_report replay = {0};
    cz_audit_report audit = {0};

    (void)state;
    assert_ok(czi_replay(fs, NULL, &replay, &s->err), s->err);
    assert_memory_equal(replay.root, &o->root, sizeof(cz_id));
    assert_ok(czi_audit(fs, NULL, &audit, &s->err), s->err);
    free(o);
    fs->ops->free(fs);
    free_stream(s);
}

/* Nothing of the state is saved: it comes of the journal alone. */
static void recovery_runs_guests_again(void **state)
{
    struct stream *s = make_stream(3);
    struct czi_fs *fs = new_fs();
    struct czi_ledger_options store = {.fs = fs,
                                       .memory_index = true,
                                       .segment_size_max = UINT64_MAX};
    struct outcome *o = run(s, &plain, fs);

    (void)state;
    for (unsigned threads = 1; threads <= 4; threads *= 2) {
        cz_options options = {.threads = threads, .read_only = true};
        cz_engine *g;
        cz_id root;

        assert_ok(czi_open_store(&store, &options, &g, &s->err), s->err);
        assert_ok(cz_root(g, root.bytes, &s->err), s->err);
        assert_memory_equal(&root, &o->root, sizeof root);
        assert_ok(cz_close(g, &s->err), s->err);
    }
    free(o);
    fs->ops->free(fs);
    free_stream(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receipts_do_not_depend_on_how_guests_are_run),
        cmocka_unit_test(the_streams_have_every_end_of_a_guest),
        cmocka_unit_test(audit_and_replay_come_to_the_same),
        cmocka_unit_test(recovery_runs_guests_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
