/* test_signatures.c - what becomes of effects with right and wrong signatures on their way in.
 */
#include "engine/engine.h"
#include "held_fs.h"

#include <pthread.h>

static const uint8_t seeds[3][CZI_SEED_SIZE] = {{1}, {2}, {3}};

/* An effect that anybody may make, and therefore sign. */
static cz_effect *effect(const char *origin, uint64_t nonce)
{
    cz_creation c = {.creator = cz_operator(), .kind = CZ_FUNGIBLE, .asset = "USD"};
    cz_effect *e = cz_effect_new();
    cz_id id, operator= cz_operator();
    char label[64];
    cz_error err = {0};

    assert_non_null(e);
    assert_ok(cz_resource_id(&operator, origin, &id, &err), err);
    cz_effect_set_origin(e, &id);
    cz_effect_set_nonce(e, nonce);
    (void)snprintf(label, sizeof label, "%s-%llu", origin, (unsigned long long)nonce);
    c.label = label;
    c.controller = c.creator;
    assert_ok(cz_effect_create(e, &c, &err), err);
    return e;
}

static cz_effect *signed_by(cz_effect *e, unsigned keys)
{
    cz_error err = {0};

    for (unsigned i = 0; i < keys; i++)
        assert_ok(cz_effect_sign(e, seeds[i], &err), err);
    return e;
}

/* Its bytes, which the caller may spoil; frees the effect. */
static struct czi_buf bytes_of(cz_effect *e)
{
    struct czi_buf b = {0};
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    czi_buf_put(&b, bytes, len);
    assert_false(b.failed);
    cz_effect_free(e);
    return b;
}

static cz_engine *open_with(unsigned threads, unsigned backlog_max)
{
    cz_options o = {.threads = threads, .ordered = true, .backlog_max = backlog_max};
    cz_error err = {0};
    cz_engine *g = NULL;

    assert_ok(cz_open(NULL, &o, &g, &err), err);
    return g;
}

static void close_engine(cz_engine *g)
{
    cz_error err = {0};

    assert_ok(cz_close(g, &err), err);
}

static cz_result run_bytes(cz_engine *g, struct czi_buf b)
{
    cz_error err = {0};
    uint64_t ticket;
    cz_result r;

    assert_ok(cz_submit(g, b.data, b.len, NULL, NULL, &ticket, &err), err);
    assert_ok(cz_wait(g, ticket, CZ_FOREVER, &r, &err), err);
    czi_buf_done(&b);
    return r;
}

static void assert_refused(const cz_result *r)
{
    assert_int_equal(r->status, CZ_STATUS_REJECTED);
    assert_int_equal(r->reason, CZ_BAD_SIGNATURE);
    assert_false(r->has_receipt);
    assert_int_equal(r->position, 0);
}

/* ---- What holds and what does not ---------------------------------------------------------
 */

static void effects_with_right_signatures_apply(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads *= 2) {
        cz_engine *g = open_with(threads, 0);

        for (unsigned keys = 0; keys <= CZI_COUNTOF(seeds); keys++) {
            cz_result r = run_bytes(g, bytes_of(signed_by(effect("a", keys + 1), keys)));

            assert_int_equal(r.status, CZ_STATUS_APPLIED);
            assert_int_equal(r.position, keys + 1);
        }
        close_engine(g);
    }
}

/* Nothing is recorded, and the nonce can still be used. */
static void a_wrong_signature_leaves_no_trace(void **state)
{
    cz_engine *g = open_with(2, 0);
    struct czi_buf b = bytes_of(signed_by(effect("a", 1), 2));
    uint8_t before[32], after[32];
    cz_id id;
    cz_error err = {0};
    cz_effect *e = cz_effect_new();
    cz_stats stats;
    cz_result r;

    (void)state;
    b.data[b.len - 1] ^= 1;
    assert_ok(cz_effect_decode(e, b.data, b.len, &err), err);
    assert_ok(cz_effect_id(e, &id, &err), err);
    cz_effect_free(e);
    assert_ok(cz_root(g, before, &err), err);
    r = run_bytes(g, b);
    assert_refused(&r);
    assert_memory_equal(&r.effect, &id, sizeof id);
    assert_ok(cz_root(g, after, &err), err);
    assert_memory_equal(before, after, 32);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.applied + stats.rejected, 0);
    r = run_bytes(g, bytes_of(signed_by(effect("a", 1), 2)));
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    assert_int_equal(r.position, 1);
    close_engine(g);
}

/* By the thread of verifiers and by the submitter's own. */
static void each_flipped_byte_is_malformed_or_refused(void **state)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    struct czi_buf b = bytes_of(signed_by(effect("a", 1), 2));
    cz_options o = {.backlog_max = 64};
    unsigned refused[2] = {0};
    cz_engine *engines[2];
    cz_stats stats;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_driven(&store, &o, &engines[0], &err), err);
    engines[1] = open_with(2, 64);
    for (size_t i = 0; i < b.len; i++)
        for (unsigned k = 0; k < 2; k++) {
            uint64_t ticket;
            cz_result r;
            int rc;

            b.data[i] ^= (uint8_t)(1u << i % 8);
            rc = cz_submit(engines[k], b.data, b.len, NULL, NULL, &ticket, &err);
            b.data[i] ^= (uint8_t)(1u << i % 8);
            if (rc == CZ_INVALID || rc == CZ_LIMIT)
                continue;
            assert_ok(rc, err);
            assert_ok(cz_wait(engines[k], ticket, CZ_FOREVER, &r, &err), err);
            assert_refused(&r);
            refused[k]++;
        }
    /* At least all of origin, nonce and signatures, but where keys must ascend. */
    assert_true(refused[0] >= 32 + 2 * 64);
    assert_int_equal(refused[0], refused[1]);
    for (unsigned k = 0; k < 2; k++) {
        assert_ok(cz_stats_get(engines[k], &stats, &err), err);
        assert_int_equal(stats.applied + stats.rejected, 0);
        close_engine(engines[k]);
    }
    store.fs->ops->free(store.fs);
    czi_buf_done(&b);
}

static void a_signature_under_another_key_is_refused(void **state)
{
    uint8_t keys[2][32], signature[64];
    cz_engine *g = open_with(2, 0);
    cz_effect *e = effect("a", 1);
    cz_error err = {0};
    cz_id id;
    cz_result r;

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        cz_public_key(seeds[i], keys[i]);
    assert_ok(cz_effect_signing_id(e, &id, &err), err);
    czi_ed25519_sign(seeds[0], &id, sizeof id, signature);
    assert_ok(cz_effect_add_signature(e, keys[1], signature, &err), err);
    r = run_bytes(g, bytes_of(e));
    assert_refused(&r);
    e = effect("a", 1);
    assert_ok(cz_effect_add_signature(e, keys[0], signature, &err), err);
    r = run_bytes(g, bytes_of(e));
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    close_engine(g);
}

static void signatures_of_another_effect_are_refused(void **state)
{
    cz_engine *g = open_with(2, 0);
    struct czi_buf b = bytes_of(signed_by(effect("a", 1), 2)),
                   other = bytes_of(signed_by(effect("a", 2), 2));
    cz_result r;

    (void)state;
    assert_int_equal(b.len, other.len);
    memcpy(b.data + b.len - 2 * CZI_SIGNER_SIZE, other.data + b.len - 2 * CZI_SIGNER_SIZE,
           2 * CZI_SIGNER_SIZE);
    czi_buf_done(&other);
    r = run_bytes(g, b);
    assert_refused(&r);
    close_engine(g);
}

static void one_wrong_signature_among_many_is_found_wherever_it_is(void **state)
{
    cz_engine *g = open_with(2, 0);
    cz_effect *e = effect("a", 1);
    cz_error err = {0};
    struct czi_buf b;
    cz_result r;

    (void)state;
    for (uint8_t i = 0; i < CZ_SIGNATURES_MAX; i++) {
        uint8_t seed[CZI_SEED_SIZE] = {0, i};

        assert_ok(cz_effect_sign(e, seed, &err), err);
    }
    b = bytes_of(e);
    for (unsigned i = 0; i < CZ_SIGNATURES_MAX; i++) {
        uint8_t *at = b.data + b.len - (size_t)i * CZI_SIGNER_SIZE - 64;
        struct czi_buf spoilt = {0};

        *at ^= 0x10;
        czi_buf_put(&spoilt, b.data, b.len);
        *at ^= 0x10;
        r = run_bytes(g, spoilt);
        assert_refused(&r);
    }
    r = run_bytes(g, b);
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    close_engine(g);
}

/* ---- Order --------------------------------------------------------------------------------
 */

enum { MANY = 600 };

/* Mostly signed, some not, some wrong; the wrong ones use a nonce that the next one has too. */
struct stream {
    struct czi_buf bytes[MANY];
    bool wrong[MANY];
    unsigned rights;
};

static void make_stream(struct stream *s, uint64_t seed)
{
    struct czi_rng rng = czi_rng(seed);

    *s = (struct stream){0};
    for (unsigned i = 0; i < MANY; i++) {
        unsigned keys = (unsigned)czi_rng_below(&rng, 4);
        struct czi_buf *b = &s->bytes[i];

        s->wrong[i] = keys && czi_rng_below(&rng, 5) == 0;
        *b = bytes_of(signed_by(effect("a", s->rights + 1), keys));
        if (s->wrong[i])
            b->data[b->len - 1 - czi_rng_below(&rng, 64)] ^= 0x04;
        else
            s->rights++;
    }
}

static void free_stream(struct stream *s)
{
    for (unsigned i = 0; i < MANY; i++)
        czi_buf_done(&s->bytes[i]);
}

/* Result by result what a loop over the stream would give. */
static void check_results(cz_engine *g, const struct stream *s, uint64_t first)
{
    uint64_t position = 0;
    cz_error err = {0};

    for (unsigned i = 0; i < MANY; i++) {
        cz_result r;

        assert_ok(cz_wait(g, first + i, CZ_FOREVER, &r, &err), err);
        if (s->wrong[i]) {
            assert_refused(&r);
        } else {
            assert_int_equal(r.status, CZ_STATUS_APPLIED);
            assert_int_equal(r.position, ++position);
        }
    }
    assert_int_equal(position, s->rights);
}

static void submit_stream(cz_engine *g, const struct stream *s, bool in_batches,
                          uint64_t *ret_first)
{
    cz_submission list[MANY];
    size_t accepted;
    cz_error err = {0};
    uint64_t ticket;

    for (unsigned i = 0; i < MANY; i++)
        list[i] = (cz_submission){s->bytes[i].data, s->bytes[i].len};
    if (in_batches) {
        assert_ok(cz_submit_batch(g, list, MANY, NULL, NULL, ret_first, &accepted, &err), err);
        assert_int_equal(accepted, MANY);
        return;
    }
    for (unsigned i = 0; i < MANY; i++)
        assert_ok(cz_submit(g, list[i].bytes, list[i].len, NULL, NULL, i ? &ticket : ret_first,
                            &err),
                  err);
}

/* Nonces of one origin rise, so that each that was overtaken would be refused for its nonce. */
static void the_order_of_arrival_stays_on_any_number_of_threads(void **state)
{
    static struct stream s;
    uint8_t first_root[32], root[32];
    cz_error err = {0};

    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        cz_engine *g = open_with(1 + round / 2, 0);
        uint64_t ticket = 0;

        make_stream(&s, 1);
        submit_stream(g, &s, round % 2, &ticket);
        check_results(g, &s, ticket);
        assert_ok(cz_root(g, root, &err), err);
        if (!round)
            memcpy(first_root, root, sizeof root);
        assert_memory_equal(root, first_root, sizeof root);
        close_engine(g);
        free_stream(&s);
    }
}

static void an_engine_that_is_driven_verifies_too(void **state)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_options o = {.ordered = true};
    static struct stream s;
    uint64_t ticket = 0;
    cz_engine *g;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_driven(&store, &o, &g, &err), err);
    make_stream(&s, 2);
    submit_stream(g, &s, true, &ticket);
    assert_int_equal(g->verifying.thread_count, 0);
    check_results(g, &s, ticket);
    close_engine(g);
    free_stream(&s);
    store.fs->ops->free(store.fs);
}

/* What holds guards waits for nobody else's signatures but keeps its own place in the order. */
static void a_signed_effect_under_guards_is_verified_by_its_submitter(void **state)
{
    cz_engine *g = open_with(2, 0);
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct czi_buf b = bytes_of(signed_by(effect("a", 1), 1));
        uint64_t ticket;
        cz_result r;

        b.data[b.len - 1] ^= (uint8_t)(1 - i);
        assert_ok(czi_submit(g, b.data, b.len, true, NULL, NULL, &ticket, &err), err);
        assert_ok(cz_wait(g, ticket, CZ_FOREVER, &r, &err), err);
        assert_int_equal(r.reason, i ? CZ_APPLIED : CZ_BAD_SIGNATURE);
        czi_buf_done(&b);
    }
    close_engine(g);
}

static void a_read_sees_what_was_signed_and_submitted_before(void **state)
{
    cz_engine *g = open_with(2, 0);
    cz_error err = {0};
    cz_stats stats;

    (void)state;
    for (unsigned i = 1; i <= 100; i++) {
        struct czi_buf b = bytes_of(signed_by(effect("a", i), 1));

        assert_ok(cz_submit(g, b.data, b.len, NULL, NULL, NULL, &err), err);
        czi_buf_done(&b);
        if (i % 20)
            continue;
        assert_ok(cz_stats_get(g, &stats, &err), err);
        assert_int_equal(stats.applied, i);
    }
    close_engine(g);
}

/* ---- Bounds and ends ----------------------------------------------------------------------
 */

static void a_backlog_of_signed_effects_is_bounded_too(void **state)
{
    cz_engine *g = open_with(2, 8);
    struct czi_buf b[9];
    cz_error err = {0};
    cz_stats stats;

    (void)state;
    for (unsigned i = 0; i < 9; i++)
        b[i] = bytes_of(signed_by(effect("a", i + 1), 1));
    assert_ok(czi_read_begin(g, &err), err); /* the engine rests; verifiers do not */
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(cz_submit(g, b[i].data, b[i].len, NULL, NULL, NULL, &err),
                         i < 8 ? CZ_OK : CZ_BUSY);
    czi_read_end(g);
    assert_ok(cz_flush(g, &err), err);
    assert_ok(cz_submit(g, b[8].data, b[8].len, NULL, NULL, NULL, &err), err);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.applied, 9);
    for (unsigned i = 0; i < 9; i++)
        czi_buf_done(&b[i]);
    close_engine(g);
}

struct told {
    unsigned applied, refused, unknown;
    uint64_t last;
    bool disorder;
};

static void tell(void *arg, const cz_result *r)
{
    struct told *t = arg;

    t->applied += r->status == CZ_STATUS_APPLIED;
    t->refused += r->reason == CZ_BAD_SIGNATURE && r->status == CZ_STATUS_REJECTED;
    t->unknown += r->status == CZ_STATUS_UNKNOWN;
    t->disorder |= r->status != CZ_STATUS_UNKNOWN && r->ticket <= t->last;
    t->last = r->ticket;
}

static void closing_waits_for_what_is_being_verified(void **state)
{
    static struct stream s;

    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        cz_engine *g = open_with(threads, 0);
        struct told told = {0};
        cz_error err = {0};

        make_stream(&s, threads);
        for (unsigned i = 0; i < MANY; i++)
            assert_ok(cz_submit(g, s.bytes[i].data, s.bytes[i].len, tell, &told, NULL, &err),
                      err);
        close_engine(g);
        assert_int_equal(told.applied, s.rights);
        assert_int_equal(told.applied + told.refused, MANY);
        assert_false(told.disorder);
        free_stream(&s);
    }
}

/* The disk fails while most is not verified yet. */
static void everybody_is_told_when_the_engine_stops_meanwhile(void **state)
{
    static struct stream s;

    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct czi_ledger_options store = {.memory_index = true,
                                           .segment_size_max = UINT64_MAX};
        cz_options o = {.threads = threads, .ordered = true};
        struct held_fs disk;
        struct told told = {0};
        cz_engine *g;
        cz_error err = {0};

        held_init(&disk);
        store.fs = &disk.base;
        assert_ok(czi_ledger_create(store.fs, &err), err);
        assert_ok(czi_open_store(&store, &o, &g, &err), err);
        make_stream(&s, threads);
        held_hold(&disk);
        for (unsigned i = 0; i < MANY; i++)
            assert_ok(cz_submit(g, s.bytes[i].data, s.bytes[i].len, tell, &told, NULL, &err),
                      err);
        held_until_asleep(&disk);
        held_let_go(&disk, true);
        assert_int_equal(cz_flush(g, &err), CZ_CLOSED);
        assert_int_equal(cz_submit(g, s.bytes[0].data, s.bytes[0].len, NULL, NULL, NULL, &err),
                         CZ_CLOSED);
        assert_int_equal(cz_close(g, &err), CZ_IO);
        assert_int_equal(told.applied + told.refused + told.unknown, MANY);
        assert_true(told.unknown > 0 && !told.disorder);
        free_stream(&s);
        held_done(&disk);
    }
}

static void nothing_is_queued_without_memory_for_it(void **state)
{
    unsigned failures = 0;
    bool failed = true;

    (void)state;
    for (int64_t skip = 0; failed; skip++) {
        cz_engine *g = open_with(2, 16);
        struct czi_buf b = bytes_of(signed_by(effect("a", 1), 1));
        cz_error err = {0};
        cz_stats stats;
        cz_result r;
        int rc;

        czi_alloc_fail_after(skip);
        rc = cz_submit(g, b.data, b.len, NULL, NULL, NULL, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        /* Of several verifiers the second may be missing. */
        assert_true(!rc || (failed && rc == CZ_NOMEM));
        failures += rc == CZ_NOMEM;
        if (rc) {
            assert_ok(cz_stats_get(g, &stats, &err), err);
            assert_int_equal(stats.applied, 0);
            r = run_bytes(g, b);
            assert_int_equal(r.status, CZ_STATUS_APPLIED);
        } else {
            czi_buf_done(&b);
        }
        close_engine(g);
    }
    assert_true(failures >= 4);
}

static void a_store_that_is_only_read_takes_none(void **state)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    struct czi_buf b = bytes_of(signed_by(effect("a", 1), 1));
    cz_options o = {.read_only = true};
    cz_engine *g;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_store(&store, &o, &g, &err), err);
    assert_int_equal(cz_submit(g, b.data, b.len, NULL, NULL, NULL, &err), CZ_CLOSED);
    close_engine(g);
    store.fs->ops->free(store.fs);
    czi_buf_done(&b);
}

static void an_engine_without_signatures_has_no_verifiers(void **state)
{
    cz_engine *g = open_with(2, 0);
    cz_result r = run_bytes(g, bytes_of(effect("a", 1)));

    (void)state;
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    assert_int_equal(g->verifying.thread_count, 0);
    r = run_bytes(g, bytes_of(signed_by(effect("a", 2), 1)));
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    assert_int_equal(g->verifying.thread_count, 2);
    close_engine(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects_with_right_signatures_apply),
        cmocka_unit_test(a_wrong_signature_leaves_no_trace),
        cmocka_unit_test(each_flipped_byte_is_malformed_or_refused),
        cmocka_unit_test(a_signature_under_another_key_is_refused),
        cmocka_unit_test(signatures_of_another_effect_are_refused),
        cmocka_unit_test(one_wrong_signature_among_many_is_found_wherever_it_is),
        cmocka_unit_test(the_order_of_arrival_stays_on_any_number_of_threads),
        cmocka_unit_test(an_engine_that_is_driven_verifies_too),
        cmocka_unit_test(a_signed_effect_under_guards_is_verified_by_its_submitter),
        cmocka_unit_test(a_read_sees_what_was_signed_and_submitted_before),
        cmocka_unit_test(a_backlog_of_signed_effects_is_bounded_too),
        cmocka_unit_test(closing_waits_for_what_is_being_verified),
        cmocka_unit_test(everybody_is_told_when_the_engine_stops_meanwhile),
        cmocka_unit_test(nothing_is_queued_without_memory_for_it),
        cmocka_unit_test(a_store_that_is_only_read_takes_none),
        cmocka_unit_test(an_engine_without_signatures_has_no_verifiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
