/* test_guests_predicted.c - what is predicted of guests decides how fast they are and nothing
 * else (R1): however wrong predictions are made, and however many threads there are, receipts
 * and root are the same, and replay agrees.
 */
#include "engine/engine.h"
#include "engine/guests.h"
#include "test.h"

#include "codec/blake3.h"

#include <unistd.h>

enum { ACCOUNTS = 8, NAMES = 6, EFFECTS = 250 };

/* Input of tests/guests/teller.c. */
struct order {
    uint8_t what[8], from[32], to[32];
    uint64_t amount;
};

/* Canonical bytes of a stream, which is submitted again and again. */
struct stream {
    struct czi_buf bytes;
    size_t at[EFFECTS + ACCOUNTS + 2];
    unsigned count;
    uint64_t nonce;
    cz_id code, origin, ids[ACCOUNTS];
};

static struct czi_slice elf;

static void add(struct stream *s, cz_effect *e)
{
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    cz_effect_set_origin(e, &s->origin);
    cz_effect_set_nonce(e, ++s->nonce);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    czi_buf_put(&s->bytes, bytes, len);
    s->at[++s->count] = s->bytes.len;
    cz_effect_clear(e);
}

static void random_order(struct stream *s, struct czi_rng *r, struct order *o)
{
    unsigned from = (unsigned)czi_rng_below(r, ACCOUNTS),
             to = (unsigned)czi_rng_below(r, ACCOUNTS);
    uint64_t what = czi_rng_below(r, 8);

    *o = (struct order){.amount = czi_rng_below(r, 60)};
    if (what < 4) {
        o->what[0] = 'i';
        memcpy(o->from, &s->ids[from], 32);
        memcpy(o->to, &s->ids[to], 32);
        if (czi_rng_below(r, 20) == 0)
            o->to[3] ^= 1; /* there is no such */
        return;
    }
    /* Names that are made somewhere in the midst of it all. */
    o->what[0] = what < 7 ? 'n' : 'c';
    snprintf((char *)o->from, sizeof o->from, "name-%u", from % NAMES);
    snprintf((char *)o->to, sizeof o->to, "name-%u", to % NAMES);
}

static void add_native(struct stream *s, cz_effect *e, struct czi_rng *r)
{
    uint64_t account[8] = {czi_rng_below(r, 500), 1};
    cz_error err = {0};

    assert_ok(cz_effect_write(e, &s->ids[czi_rng_below(r, ACCOUNTS)], account, sizeof account,
                              &err),
              err);
}

static void add_run(struct stream *s, cz_effect *e, const struct order *o)
{
    cz_guest_access accesses[2] = {{.mode = CZ_WRITE}, {.mode = CZ_WRITE}};
    cz_error err = {0};

    memcpy(&accesses[0].resource, o->from, 32);
    memcpy(&accesses[1].resource, o->to, 32);
    assert_ok(cz_effect_run(e, &s->code, 100000, accesses, 2, o, sizeof *o, &err), err);
}

static void add_random(struct stream *s, cz_effect *e, struct czi_rng *r)
{
    cz_error err = {0};
    struct order o;

    random_order(s, r, &o);
    if (czi_rng_below(r, 8) == 0)
        add_native(s, e, r);
    else if (o.what[0] == 'i' && memcmp(o.from, o.to, 32) != 0 && czi_rng_below(r, 4) == 0)
        add_run(s, e, &o);
    else /* now and then with too little gas */
        assert_ok(cz_effect_call(e, &s->code, czi_rng_below(r, 10) ? 100000 : 900, &o, sizeof o,
                                 &err),
                  err);
    add(s, e);
}

static void make_stream(struct stream *s, uint64_t seed)
{
    struct czi_rng r = czi_rng(seed);
    uint64_t account[8] = {300};
    cz_creation c = {.creator = cz_operator(),
                     .kind = CZ_DATA,
                     .data = (const uint8_t *)account,
                     .data_len = sizeof account};
    cz_error err = {0};
    CZ_EFFECT(e);

    *s = (struct stream){.origin = {{5}}};
    assert_ok(cz_effect_deploy(e, elf.data, elf.len, &s->code, &err), err);
    add(s, e);
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        char label[16];

        snprintf(label, sizeof label, "account-%u", i);
        c.label = label;
        assert_ok(cz_effect_create(e, &c, &err), err);
        assert_ok(cz_resource_id(&c.creator, label, &s->ids[i], &err), err);
        add(s, e);
    }
    for (unsigned i = 0; i < EFFECTS; i++)
        add_random(s, e, &r);
    assert_false(s->bytes.failed);
}

/* ---- Running it
 * ------------------------------------------------------------------------------
 */

struct outcome {
    uint8_t root[32], receipts[32];
    struct czi_buf ids;
    cz_stats stats;
};

static void note(void *arg, const cz_result *result)
{
    struct outcome *o = arg;

    czi_buf_put(&o->ids, &result->receipt, sizeof result->receipt);
}

static void submit_all(cz_engine *g, const struct stream *s, struct outcome *o)
{
    cz_error err = {0};

    for (unsigned i = 0; i < s->count; i++) {
        int rc;

        while ((rc = cz_submit(g, s->bytes.data + s->at[i], s->at[i + 1] - s->at[i], note, o,
                               NULL, &err)) == CZ_BUSY)
            assert_ok(cz_flush(g, &err), err);
        assert_ok(rc, err);
    }
}

static struct outcome run_stream(const struct stream *s, const char *dir, unsigned threads,
                                 unsigned batch, enum czi_predict_force force, uint64_t seed)
{
    cz_options options = {.threads = threads, .batch_max = batch, .ordered = true};
    struct outcome o = {0};
    struct czi_guests *guests;
    cz_engine *g;
    cz_error err = {0};

    assert_ok(cz_open(dir, &options, &g, &err), err);
    guests = czi_guests(&g->step.core); /* the engine rests: nothing was submitted */
    assert_non_null(guests);
    czi_predictor_force(guests->predictor, force, seed);
    submit_all(g, s, &o);
    assert_ok(cz_root(g, o.root, &err), err);
    assert_ok(cz_stats_get(g, &o.stats, &err), err);
    assert_ok(cz_close(g, &err), err);
    assert_int_equal(o.ids.len, s->count * sizeof(cz_id));
    czi_blake3(o.ids.data, o.ids.len, o.receipts);
    czi_buf_done(&o.ids);
    return o;
}

static void a_wrong_prediction_never_changes_a_result(void **state)
{
    static const enum czi_predict_force forces[] = {CZI_PREDICT_AS_KNOWN, CZI_PREDICT_NOTHING,
                                                    CZI_PREDICT_WRONG, CZI_PREDICT_ANYTHING,
                                                    CZI_PREDICT_RANDOM};
    static const unsigned batches[] = {0, 1, 7, 64};
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 4), first = test_env("CAUSALITY_SEED", 1);
    uint64_t ahead = 0, again = 0;

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        struct stream s;
        struct outcome alone;

        make_stream(&s, seed);
        alone = run_stream(&s, NULL, 1, 1, CZI_PREDICT_ANYTHING, seed);
        assert_true(alone.stats.applied > s.count / 4 && alone.stats.rejected > s.count / 20);
        for (unsigned i = 0; i < 3 * CZI_COUNTOF(forces); i++) {
            struct outcome o = run_stream(&s, NULL, 1u << i % 3, batches[(seed + i) % 4],
                                          forces[i / 3], seed + i);

            if (memcmp(o.receipts, alone.receipts, 32) || memcmp(o.root, alone.root, 32))
                fail_msg("seed %lu: forced %u with %u threads, batch %u: another result", seed,
                         (unsigned)forces[i / 3], 1u << i % 3, batches[(seed + i) % 4]);
            ahead += o.stats.guests_ahead;
            again += o.stats.guests_again;
        }
        czi_buf_done(&s.bytes);
    }
    assert_true(ahead > 0 && again > 0); /* or it would show nothing */
}

static void replay_agrees_however_it_was_predicted(void **state)
{
    char dir[] = "/tmp/test-predicted-XXXXXX", command[64];
    struct stream s;
    struct outcome o;
    cz_journal_report report;
    cz_error err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_ok(cz_init(dir, &err), err);
    make_stream(&s, test_env("CAUSALITY_SEED", 1));
    o = run_stream(&s, dir, 2, 64, CZI_PREDICT_RANDOM, 1);
    assert_ok(cz_replay(dir, NULL, &report, &err), err);
    assert_memory_equal(report.root, o.root, 32);
    assert_int_equal(report.positions, s.count);
    czi_buf_done(&s.bytes);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static int read_elf(void **state)
{
    FILE *f = fopen(GUESTS "/teller.elf", "rb");
    static uint8_t data[CZI_DATA_SIZE_MAX];

    (void)state;
    if (!f)
        return -1;
    elf = (struct czi_slice){data, fread(data, 1, sizeof data, f)};
    return fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_prediction_never_changes_a_result),
        cmocka_unit_test(replay_agrees_however_it_was_predicted),
    };

    return cmocka_run_group_tests(tests, read_elf, NULL);
}
