/* test_fact_faults.c - every way that a fact can be wrong has its own error, and changes
 * nothing (R5). */
#include "codec/ed25519.h"
#include "fact/item.h"
#include "fact_fixture.h"

static uint64_t facts_in(struct fw *w)
{
    cz_stats s;
    cz_error err = {0};

    assert_ok(cz_stats_get(w->engine, &s, &err), err);
    return s.facts;
}

/* Adding gives this code with a detail that says so, and leaves the store as it was. */
static void assert_refused(struct fw *w, const void *bytes, size_t len, int code,
                           const char *says)
{
    uint64_t before = facts_in(w);
    cz_error err = {0};
    int rc = cz_fact_check(w->engine, bytes, len, &err);

    if (rc != code || !strstr(err.detail, says))
        fail_msg("check gives %s: \"%s\", not %s with \"%s\"", cz_code_name(rc), err.detail,
                 cz_code_name(code), says);
    err = (cz_error){0};
    rc = cz_fact_add(w->engine, bytes, len, NULL, NULL, &err);
    assert_int_equal(rc, code);
    assert_int_equal(err.code, code);
    assert_int_equal(facts_in(w), before);
}

static void refused(struct fw *w, const struct fw_fact *f, int code, const char *says)
{
    assert_refused(w, f->bytes, f->len, code, says);
}

/* Changes a fact's decoded form and writes it anew. */
static struct fw_fact change(const struct fw_fact *f, void (*fn)(struct czi_fact *f))
{
    CZI_AUTOBUF out = {0};
    struct fw_fact changed = *f;
    struct czi_item item;
    cz_error err = {0};

    assert_ok(czi_item_decode(f->bytes, f->len, &item, &err), err);
    fn(&item.fact);
    assert_ok(czi_item_encode(&item, &out, &err), err);
    changed.len = out.len;
    memcpy(changed.bytes, out.data, out.len);
    changed.id = czi_fact_id(out.data, out.len);
    return changed;
}

static void flip_proof(struct czi_fact *f)
{
    static uint8_t proof[4096];

    assert_true(f->proof[0].len <= sizeof proof);
    memcpy(proof, f->proof[0].data, f->proof[0].len);
    proof[f->proof[0].len - 1] ^= 1;
    f->proof[0].data = proof;
}

static void claim_more(struct czi_fact *f)
{
    f->claim[2].number++;
}

/* A deposit in block 1 of a chain of four blocks, of which `observed` are recorded. */
static struct fw_fact deposit_in_one(struct fw *w)
{
    cz_error err = {0};
    uint64_t event;

    assert_ok(cz_sim_deposit(w->chain, "alice", "MOON", 5, &event, &err), err);
    fw_mine(w, 4);
    return fw_deposit(w, event);
}

static void add_block(struct fw *w, const char *height)
{
    struct fw_fact f = fw_fact(w, CZ_FACT_BLOCK, height);
    cz_error err = {0};

    assert_ok(fw_add(w, &f, &err), err);
}

/* ---- Known and well formed --------------------------------------------------------------- */

static void of_a_domain_that_the_store_does_not_know(void **state)
{
    cz_sim_chain *mars;
    struct fw_fact f;
    struct fw w;
    cz_error err = {0};

    (void)state;
    fw_open(&w, false);
    assert_ok(cz_sim_new("mars", 1, &mars, &err), err);
    assert_ok(cz_sim_mine(mars, 1, &err), err);
    assert_ok(cz_sim_fact_of(mars, CZ_FACT_BLOCK, "1", NULL, fw_keep, &f, &err), err);
    refused(&w, &f, CZ_UNKNOWN_DOMAIN, "mars");
    cz_sim_free(mars);
    fw_close(&w);
}

static void whose_bytes_are_no_fact(void **state)
{
    struct fw_fact f;
    struct fw w;

    (void)state;
    fw_open(&w, false);
    fw_mine(&w, 1);
    f = fw_fact(&w, CZ_FACT_BLOCK, "1");
    assert_refused(&w, f.bytes, f.len - 1, CZ_BAD_ENCODING, "byte");
    f.bytes[f.len] = 0;
    assert_refused(&w, f.bytes, f.len + 1, CZ_BAD_ENCODING, "byte");
    assert_refused(&w, "\xff", 1, CZ_BAD_ENCODING, "byte 0");
    assert_refused(&w, "", 0, CZ_BAD_ENCODING, "byte 0");
    fw_close(&w);
}

/* ---- Proofs ------------------------------------------------------------------------------ */

static void whose_header_is_not_proven(void **state)
{
    struct fw_fact f;
    struct fw w;

    (void)state;
    fw_open(&w, false);
    fw_mine(&w, 1);
    f = fw_fact(&w, CZ_FACT_BLOCK, "1");
    f = change(&f, flip_proof);
    refused(&w, &f, CZ_BAD_HEADER, "header");
    fw_close(&w);
}

static void whose_inclusion_is_not_proven(void **state)
{
    struct fw_fact f, wrong;
    struct fw w;

    (void)state;
    fw_open(&w, false);
    f = deposit_in_one(&w);
    add_block(&w, "1");
    wrong = change(&f, claim_more);
    refused(&w, &wrong, CZ_BAD_INCLUSION, "inclusion");
    fw_close(&w);
}

/* ---- Heads ------------------------------------------------------------------------------- */

static void whose_block_is_not_recorded(void **state)
{
    struct fw_fact f;
    struct fw w;

    (void)state;
    fw_open(&w, false);
    f = deposit_in_one(&w);
    add_block(&w, "2");
    refused(&w, &f, CZ_HEAD_UNKNOWN, "not recorded");
    fw_close(&w);
}

static void whose_block_is_beyond_the_head(void **state)
{
    struct fw_fact f;
    cz_error err = {0};
    uint64_t event;
    struct fw w;

    (void)state;
    fw_open(&w, false);
    fw_mine(&w, 1);
    assert_ok(cz_sim_deposit(w.chain, "alice", "MOON", 5, &event, &err), err);
    fw_mine(&w, 1);
    f = fw_deposit(&w, event);
    add_block(&w, "1");
    refused(&w, &f, CZ_HEAD_BEHIND, "head");
    fw_close(&w);
}

static void that_the_domain_has_not_built_upon_yet(void **state)
{
    struct fw_fact f;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open_with(&w, false, &(cz_domain_spec){.record_depth = 2});
    f = deposit_in_one(&w);
    add_block(&w, "1");
    add_block(&w, "2");
    refused(&w, &f, CZ_HEAD_BEHIND, "head");
    add_block(&w, "3");
    assert_ok(fw_add(&w, &f, &err), err);
    fw_close(&w);
}

static void whose_block_is_not_of_the_chain_any_more(void **state)
{
    struct fw_fact f;
    uint64_t before;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open(&w, false);
    f = deposit_in_one(&w);
    fw_observe(&w);
    assert_ok(cz_sim_reorg(w.chain, 4, false, &err), err);
    fw_observe(&w);
    before = facts_in(&w);
    assert_ok(fw_add(&w, &f, &err), err); /* it is known, and stays retracted */
    assert_int_equal(facts_in(&w), before);
    assert_int_equal(fw_credit(&w, &f, "alice", 5).reason, CZ_NOT_CANONICAL);
    fw_close(&w);
}

static void that_rests_on_a_block_that_was_retracted(void **state)
{
    struct fw_fact f;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open(&w, false);
    f = deposit_in_one(&w);
    add_block(&w, "1");
    assert_ok(cz_sim_reorg(w.chain, 4, false, &err), err);
    fw_observe(&w);
    refused(&w, &f, CZ_NOT_CANONICAL, "chain");
    fw_close(&w);
}

static void a_block_that_competes_with_one_that_stands(void **state)
{
    struct fw_fact other;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open(&w, false);
    fw_mine(&w, 2);
    fw_observe(&w);
    assert_ok(cz_sim_reorg(w.chain, 1, false, &err), err);
    other = fw_fact(&w, CZ_FACT_BLOCK, "2");
    refused(&w, &other, CZ_NOT_CANONICAL, "chain");
    fw_close(&w);
}

/* ---- Settled, and in time ---------------------------------------------------------------- */

static void that_is_not_final_enough_for_the_domain(void **state)
{
    struct fw_fact f;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open_with(&w, false, &(cz_domain_spec){.safe_depth = 3, .record_finality = CZ_SAFE});
    f = deposit_in_one(&w);
    add_block(&w, "1");
    add_block(&w, "2");
    refused(&w, &f, CZ_BELOW_FINALITY, "settled");
    add_block(&w, "3");
    add_block(&w, "4");
    assert_ok(fw_add(&w, &f, &err), err);
    fw_close(&w);
}

static void that_is_not_final_enough_for_the_effect(void **state)
{
    static const struct {
        enum cz_finality finality;
        uint64_t depth;
        enum cz_reason reason;
    } cases[] = {{CZ_SEEN, 0, CZ_APPLIED},
                 {CZ_DEPTH, 3, CZ_APPLIED},
                 {CZ_DEPTH, 4, (enum cz_reason)CZ_BELOW_FINALITY},
                 {CZ_SAFE, 0, CZ_APPLIED},
                 {CZ_FINAL, 0, (enum cz_reason)CZ_BELOW_FINALITY}};
    struct fw_fact f;
    struct fw w;

    (void)state;
    fw_open_with(&w, false, &(cz_domain_spec){.safe_depth = 2, .final_depth = 4});
    f = deposit_in_one(&w);
    fw_observe(&w);
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        cz_dependency d = {.fact = f.id,
                           .policy = CZ_STILL_TRUE,
                           .finality = cases[i].finality,
                           .depth = cases[i].depth};
        cz_effect *e = fw_move(&w, "a", "b", 1);
        cz_error err = {0};

        assert_ok(cz_effect_depend(e, &d, &err), err);
        assert_int_equal(fw_run(&w, e).reason, cases[i].reason);
    }
    fw_close(&w);
}

static void that_expired_before_it_came(void **state)
{
    struct fw_fact f;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open(&w, false);
    cz_sim_price_age(w.chain, 15);
    assert_ok(cz_sim_price(w.chain, "MOON/USD", 3, &err), err);
    fw_mine(&w, 1); /* at 10: expires at 25 */
    f = fw_fact(&w, CZ_FACT_PRICE, "MOON/USD");
    add_block(&w, "1");
    fw_mine(&w, 2); /* 20, 30 */
    add_block(&w, "2");
    add_block(&w, "3");
    refused(&w, &f, CZ_FACT_EXPIRED, "too old");
    fw_close(&w);
}

static void that_expires_or_gets_too_old_for_the_effect(void **state)
{
    static const struct {
        uint64_t max_age;
        enum cz_reason reason;
    } cases[] = {{10, CZ_APPLIED}, {9, (enum cz_reason)CZ_FACT_EXPIRED}};
    struct fw_fact f;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open(&w, false);
    cz_sim_price_age(w.chain, 15);
    assert_ok(cz_sim_price(w.chain, "MOON/USD", 3, &err), err);
    fw_mine(&w, 1);
    f = fw_fact(&w, CZ_FACT_PRICE, "MOON/USD");
    fw_mine(&w, 1);
    add_block(&w, "1");
    assert_ok(fw_add(&w, &f, &err), err);
    add_block(&w, "2");
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        cz_dependency d = {.fact = f.id,
                           .policy = CZ_AT_LEAST_HEIGHT,
                           .has_max_age = true,
                           .max_age = cases[i].max_age};
        cz_effect *e = fw_move(&w, "a", "b", 1);

        assert_ok(cz_effect_depend(e, &d, &err), err);
        assert_int_equal(fw_run(&w, e).reason, cases[i].reason);
    }
    fw_mine(&w, 1);
    add_block(&w, "3"); /* 30 > 25 */
    {
        cz_effect *e = fw_move(&w, "a", "b", 1);

        fw_depend(e, &f.id, CZ_AT_LEAST_HEIGHT, false, NULL);
        assert_int_equal(fw_run(&w, e).reason, CZ_FACT_EXPIRED);
    }
    fw_close(&w);
}

static void whose_event_was_used(void **state)
{
    struct fw_fact f;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open(&w, false);
    f = deposit_in_one(&w);
    add_block(&w, "1");
    assert_ok(fw_add(&w, &f, &err), err);
    assert_int_equal(fw_credit(&w, &f, "alice", 5).reason, CZ_APPLIED);
    assert_int_equal(fw_credit(&w, &f, "alice", 5).reason, CZ_EVENT_CONSUMED);
    fw_close(&w);
}

/* ---- Observers --------------------------------------------------------------------------- */

static const uint8_t ours[32] = {1}, theirs[32] = {2};

static void with_observer(struct fw *w)
{
    cz_observer observer;

    cz_public_key(ours, observer.key);
    fw_open_with(w, false, &(cz_domain_spec){.observers = &observer, .observer_count = 1});
    fw_mine(w, 1);
}

static struct fw_fact signed_block(struct fw *w, const uint8_t *seed)
{
    struct fw_fact f;
    cz_error err = {0};

    assert_ok(cz_sim_fact_of(w->chain, CZ_FACT_BLOCK, "1", seed, fw_keep, &f, &err), err);
    return f;
}

static void flip_signature(struct czi_fact *f)
{
    f->signature[7] ^= 1;
}

static void that_nobody_signed_where_observers_must(void **state)
{
    struct fw_fact f;
    struct fw w;

    (void)state;
    with_observer(&w);
    f = signed_block(&w, NULL);
    refused(&w, &f, CZ_BAD_OBSERVER, "observer");
    fw_close(&w);
}

static void that_somebody_else_signed(void **state)
{
    struct fw_fact f;
    struct fw w;

    (void)state;
    with_observer(&w);
    f = signed_block(&w, theirs);
    refused(&w, &f, CZ_BAD_OBSERVER, "observer");
    fw_close(&w);
}

static void whose_signature_does_not_hold(void **state)
{
    struct fw_fact f;
    struct fw w;

    (void)state;
    with_observer(&w);
    f = signed_block(&w, ours);
    f = change(&f, flip_signature);
    refused(&w, &f, CZ_BAD_OBSERVER, "observer");
    fw_close(&w);
}

static void but_what_its_observer_signed_is_recorded(void **state)
{
    struct fw_fact f;
    cz_error err = {0};
    struct fw w;

    (void)state;
    with_observer(&w);
    f = signed_block(&w, ours);
    assert_ok(fw_add(&w, &f, &err), err);
    assert_ok(cz_fact_verify(w.engine, &f.id, &err), err);
    fw_close(&w);
}

static void and_an_observer_may_sign_as_it_adds(void **state)
{
    struct fw_fact f, is;
    cz_error err = {0};
    struct fw w;
    cz_id id;

    (void)state;
    with_observer(&w);
    f = signed_block(&w, NULL);
    is = signed_block(&w, ours);
    assert_ok(cz_fact_add(w.engine, f.bytes, f.len, ours, &id, &err), err);
    assert_memory_equal(&id, &is.id, sizeof id);
    fw_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_domain_that_the_store_does_not_know),
        cmocka_unit_test(whose_bytes_are_no_fact),
        cmocka_unit_test(whose_header_is_not_proven),
        cmocka_unit_test(whose_inclusion_is_not_proven),
        cmocka_unit_test(whose_block_is_not_recorded),
        cmocka_unit_test(whose_block_is_beyond_the_head),
        cmocka_unit_test(that_the_domain_has_not_built_upon_yet),
        cmocka_unit_test(whose_block_is_not_of_the_chain_any_more),
        cmocka_unit_test(that_rests_on_a_block_that_was_retracted),
        cmocka_unit_test(a_block_that_competes_with_one_that_stands),
        cmocka_unit_test(that_is_not_final_enough_for_the_domain),
        cmocka_unit_test(that_is_not_final_enough_for_the_effect),
        cmocka_unit_test(that_expired_before_it_came),
        cmocka_unit_test(that_expires_or_gets_too_old_for_the_effect),
        cmocka_unit_test(whose_event_was_used),
        cmocka_unit_test(that_nobody_signed_where_observers_must),
        cmocka_unit_test(that_somebody_else_signed),
        cmocka_unit_test(whose_signature_does_not_hold),
        cmocka_unit_test(but_what_its_observer_signed_is_recorded),
        cmocka_unit_test(and_an_observer_may_sign_as_it_adds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
