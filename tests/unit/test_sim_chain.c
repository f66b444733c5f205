/* test_sim_chain.c - the simulated chain, and the adapter that checks its proofs: what the
 * chain says holds, and whatever is changed in it does not. */
#include "codec/blake3.h"
#include "codec/dag_cbor.h"
#include "codec/ed25519.h"
#include "domain/simulated/format.h"
#include "domain/simulated/merkle.h"
#include "unit/sim_fixture.h"

static struct sim_facts facts, others;

static const uint8_t observer[32] = {7, 7, 7};

/* Random calls, the same for the same seed. */
static void drive(cz_sim_chain *c, uint64_t seed, unsigned calls)
{
    struct czi_rng r = czi_rng(seed);
    cz_error err = {0};

    while (calls--) {
        char name[16];

        (void)snprintf(name, sizeof name, "n%u", (unsigned)czi_rng_below(&r, 5));
        switch (czi_rng_below(&r, 8)) {
        case 0:
            assert_ok(cz_sim_deposit(c, name, "MOON", czi_rng_next(&r), NULL, &err), err);
            break;
        case 1:
            assert_ok(cz_sim_withdrawal(c, name, "MOON", 1, NULL, &err), err);
            break;
        case 2:
            assert_ok(cz_sim_custom(c, name, strlen(name), NULL, &err), err);
            break;
        case 3:
            assert_ok(cz_sim_balance(c, name, "MOON", czi_rng_next(&r), &err), err);
            break;
        case 4:
            assert_ok(cz_sim_price(c, name, czi_rng_next(&r), &err), err);
            break;
        case 5:
            assert_ok(cz_sim_register(c, name, name, 1, &err), err);
            break;
        case 6:
            assert_ok(cz_sim_mine(c, 1 + czi_rng_below(&r, 2), &err), err);
            break;
        default:
            if (cz_sim_height(c) > 3)
                assert_ok(cz_sim_reorg(c, 1 + czi_rng_below(&r, 3), czi_rng_below(&r, 2), &err),
                          err);
        }
    }
    assert_ok(cz_sim_mine(c, 1, &err), err);
    assert_ok(cz_sim_finalize(c, cz_sim_height(c) / 2, &err), err);
}

static bool same_facts(const struct sim_facts *a, const struct sim_facts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->meta[i].len != b->meta[i].len ||
            memcmp(a->meta[i].bytes, b->meta[i].bytes, a->meta[i].len) != 0)
            return false;
    return true;
}

static void the_same_seed_and_calls_give_the_same_bytes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cz_sim_chain *a = sim_chain("moon", seed), *b = sim_chain("moon", seed);

        drive(a, seed, 60);
        drive(b, seed, 60);
        sim_all(a, NULL, &facts);
        sim_all(b, NULL, &others);
        if (!same_facts(&facts, &others))
            fail_msg("seed %llu", (unsigned long long)seed);
        sim_facts_done(&facts);
        sim_facts_done(&others);
        cz_sim_free(a);
        cz_sim_free(b);
    }
}

static void another_seed_or_name_has_no_fact_in_common(void **state)
{
    const struct {
        const char *name;
        uint64_t seed;
    } cases[] = {{"moon", 2}, {"mars", 1}};
    cz_sim_chain *a = sim_sample("moon", 1);

    (void)state;
    sim_all(a, NULL, &facts);
    for (size_t n = 0; n < CZI_COUNTOF(cases); n++) {
        cz_sim_chain *b = sim_sample(cases[n].name, cases[n].seed);

        sim_all(b, NULL, &others);
        for (size_t i = 0; i < facts.count; i++)
            for (size_t j = 0; j < others.count; j++)
                assert_memory_not_equal(facts.meta[i].id.bytes, others.meta[j].id.bytes, 32);
        sim_facts_done(&others);
        cz_sim_free(b);
    }
    sim_facts_done(&facts);
    cz_sim_free(a);
}

static void every_fact_of_a_chain_verifies_whoever_observed_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cz_sim_chain *c = sim_sample("moon", seed);
        unsigned kinds = 0;

        drive(c, seed, 60);
        for (int by_observer = 0; by_observer < 2; by_observer++) {
            sim_all(c, by_observer ? observer : NULL, &facts);
            for (size_t i = 0; i < facts.count; i++) {
                struct czi_fact f;
                cz_error err = {0};

                sim_decode(&facts.meta[i], &f);
                assert_int_equal(f.has_observer, by_observer);
                kinds |= 1u << f.kind;
                if (sim_verify(sim_parameters(c), &facts, &f, &err))
                    fail_msg("seed %llu, fact %zu: %s", (unsigned long long)seed, i,
                             err.detail);
            }
            sim_facts_done(&facts);
        }
        assert_int_equal(kinds, 0x3fe); /* 1 to 9 */
        cz_sim_free(c);
    }
}

/* ---- The bytes, by hand ------------------------------------------------------------------ */

static void add(struct czi_buf *b, const char *hex)
{
    uint8_t bytes[64];
    size_t n = strlen(hex) / 2;

    assert_true(czi_unhex(bytes, n, hex, 2 * n));
    czi_buf_put(b, bytes, n);
}

/* docs/reference/domains.md: a header, what its validator signs, and the parameters. */
static void headers_are_as_documented(void **state)
{
    CZI_AUTOBUF header = {0};
    CZI_AUTOBUF message = {0};
    CZI_AUTOBUF parameters = {0};
    cz_sim_chain *c = sim_chain("moon", 1);
    struct czi_slice p = sim_parameters(c);
    uint8_t empty[32], hash[32];
    const uint8_t *bytes, *key = p.data + 8, *genesis = p.data + 42;
    cz_error err = {0};
    size_t len;

    (void)state;
    /* BLAKE3 of nothing, from its published test vectors. */
    assert_true(czi_unhex(empty, 32,
                          "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
                          64));
    add(&parameters, "83646d6f6f6e5820"); /* ["moon", key, */
    czi_buf_put(&parameters, key, 32);
    add(&parameters, "5820");
    czi_buf_put(&parameters, genesis, 32);
    assert_int_equal(p.len, parameters.len);
    assert_memory_equal(p.data, parameters.data, p.len);
    assert_ok(cz_sim_mine(c, 1, &err), err);
    assert_ok(cz_sim_header(c, 1, &bytes, &len, &err), err);
    add(&header, "87646d6f6f6e015820"); /* ["moon", 1, genesis, */
    czi_buf_put(&header, genesis, 32);
    add(&header, "0a005820"); /* 10, 0, */
    czi_buf_put(&header, empty, 32);
    add(&header, "5820");
    czi_buf_put(&header, empty, 32);
    assert_int_equal(len, 3 + header.len + 2 + 64);
    assert_memory_equal(bytes, "\x82\x58", 2);
    assert_int_equal(bytes[2], header.len);
    assert_memory_equal(bytes + 3, header.data, header.len);
    assert_memory_equal(bytes + 3 + header.len, "\x58\x40", 2);
    czi_blake3(header.data, header.len, hash);
    add(&message, "8466686561646572646d6f6f6e015820"); /* ["header", "moon", 1, hash] */
    czi_buf_put(&message, hash, 32);
    assert_true(czi_ed25519_verify(key, message.data, message.len, bytes + 3 + header.len + 2));
    cz_sim_free(c);
}

static void event_keys_are_as_documented(void **state)
{
    static const struct {
        enum cz_fact_kind kind;
        const char *key;
    } cases[] = {
        {CZ_FACT_DEPOSIT, "moon:1"},     {CZ_FACT_WITHDRAWAL, "moon:2"},
        {CZ_FACT_TRANSACTION, "moon:3"}, {CZ_FACT_CUSTOM, "moon:4"},
        {CZ_FACT_BALANCE, "alice/MOON"}, {CZ_FACT_PRICE, "MOON/EUR"},
        {CZ_FACT_REGISTER, "owner"},     {CZ_FACT_TIME, "time"},
    };
    cz_sim_chain *c = sim_sample("moon", 1);
    struct czi_fact f;

    (void)state;
    sim_all(c, NULL, &facts);
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        sim_decode(&facts.meta[sim_find(&facts, cases[i].kind, 1)], &f);
        assert_int_equal(f.event_key.len, strlen(cases[i].key));
        assert_memory_equal(f.event_key.data, cases[i].key, f.event_key.len);
    }
    sim_facts_done(&facts);
    cz_sim_free(c);
}

/* ---- Trees ------------------------------------------------------------------------------ */

/* RFC 6962, section 2.1, as it stands there. */
static void reference_root(uint8_t (*leaves)[32], size_t n, uint8_t out[32])
{
    uint8_t node[65] = {1};
    size_t k = 1;

    if (n == 0) {
        czi_blake3("", 0, out);
        return;
    }
    if (n == 1) {
        memcpy(out, leaves[0], 32);
        return;
    }
    while (2 * k < n)
        k *= 2;
    reference_root(leaves, k, node + 1);
    reference_root(leaves + k, n - k, node + 33);
    czi_blake3(node, sizeof node, out);
}

/* BLAKE3 of 0 and [kind, event key, claim]. */
static void reference_leaf(const struct czi_fact *f, uint8_t out[32])
{
    CZI_AUTOBUF leaf = {0};

    czi_buf_put_byte(&leaf, 0);
    czi_buf_put_byte(&leaf, 0x83);
    czi_buf_put_byte(&leaf, (uint8_t)f->kind); /* below 24 */
    czi_cbor_add_string(&leaf, CZI_CBOR_BYTES, f->event_key.data, f->event_key.len);
    czi_buf_put(&leaf, f->claim_bytes.data, f->claim_bytes.len);
    assert_false(leaf.failed);
    czi_blake3(leaf.data, leaf.len, out);
}

static void assert_roots(const cz_sim_chain *c, uint64_t height, size_t events, size_t values)
{
    static uint8_t leaves[2][128][32];
    size_t counts[2] = {0};
    struct czi_block block;
    struct czi_fact f;
    uint8_t root[32];

    sim_all(c, NULL, &facts);
    for (size_t i = 0; i < facts.count; i++) {
        bool of_state;

        if (facts.meta[i].height != height || facts.meta[i].kind == CZ_FACT_BLOCK ||
            facts.meta[i].kind == CZ_FACT_TIME)
            continue;
        sim_decode(&facts.meta[i], &f);
        of_state = !CZI_KIND_IS_EVENT(f.kind);
        reference_leaf(&f, leaves[of_state][counts[of_state]++]);
    }
    assert_int_equal(counts[0], events);
    assert_int_equal(counts[1], values);
    sim_decode(&facts.meta[sim_find(&facts, CZ_FACT_BLOCK, height)], &f);
    assert_int_equal(czi_fact_block(&f, &block, NULL), CZ_OK);
    assert_int_equal(block.root_count, 2);
    for (int i = 0; i < 2; i++) {
        reference_root(leaves[i], counts[i], root);
        assert_memory_equal(block.roots[i], root, 32);
    }
    sim_facts_done(&facts);
}

static void roots_are_those_of_an_independent_computation(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= 70; n += n < 35 ? 1 : 7) {
        cz_sim_chain *c = sim_chain("moon", n);
        cz_error err = {0};

        for (unsigned i = 0; i < n; i++) {
            char name[16];

            (void)snprintf(name, sizeof name, "%u", i * 7919 % 71);
            assert_ok(cz_sim_deposit(c, name, "MOON", i, NULL, &err), err);
            assert_ok(cz_sim_price(c, name, i, &err), err);
        }
        assert_ok(cz_sim_mine(c, 2, &err), err);
        assert_roots(c, 1, n, n);
        assert_roots(c, 2, 0, n);
        cz_sim_free(c);
    }
}

static void a_path_has_whole_steps_and_at_most_64(void **state)
{
    static uint8_t steps[65 * 33];
    uint8_t leaf[32] = {1}, root[32];

    (void)state;
    assert_true(czi_sim_path_root(leaf, (struct czi_slice){steps, 0}, root));
    assert_memory_equal(root, leaf, 32);
    assert_true(czi_sim_path_root(leaf, (struct czi_slice){steps, 64 * 33}, root));
    assert_false(czi_sim_path_root(leaf, (struct czi_slice){steps, 65 * 33}, root));
    assert_false(czi_sim_path_root(leaf, (struct czi_slice){steps, 33 + 1}, root));
    steps[33] = 2;
    assert_false(czi_sim_path_root(leaf, (struct czi_slice){steps, 2 * 33}, root));
}

/* Where a value stands in the tree depends on its name, not on when it was set. */
static void state_is_ascending_by_kind_and_name(void **state)
{
    static const char *const names[] = {"b", "a", "ab", "B", "aa", "b"};
    cz_sim_chain *c = sim_chain("moon", 1);
    struct czi_fact before = {.kind = 0}, f;
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(names); i++) {
        assert_ok(cz_sim_register(c, names[i], "x", 1, &err), err);
        assert_ok(cz_sim_price(c, names[i], i, &err), err);
        assert_ok(cz_sim_mine(c, 1, &err), err);
    }
    assert_ok(cz_sim_facts(c, CZI_COUNTOF(names), NULL, sim_keep, &facts, &err), err);
    assert_int_equal(facts.count, 1 + 10 + 1);
    for (size_t i = 1; i <= 10; i++) {
        sim_decode(&facts.meta[i], &f);
        if (i > 1 && f.kind == before.kind) {
            int order = memcmp(before.event_key.data, f.event_key.data,
                               CZI_MIN(before.event_key.len, f.event_key.len));

            assert_true(order < 0 || (order == 0 && before.event_key.len < f.event_key.len));
        } else {
            assert_true(i == 1 || before.kind < f.kind);
        }
        before = f;
    }
    sim_facts_done(&facts);
    cz_sim_free(c);
}

/* ---- Whatever is changed is found -------------------------------------------------------- */

static int layer_of(const struct czi_fact *f)
{
    return f->kind == CZ_FACT_BLOCK ? CZ_BAD_HEADER : CZ_BAD_INCLUSION;
}

static void assert_refused(struct czi_slice parameters, const struct czi_fact *f,
                           const char *what)
{
    cz_error err = {0};
    int rc = sim_verify(parameters, &facts, f, &err);
    const char *layer = f->kind == CZ_FACT_BLOCK ? "header: " : "inclusion: ";

    if (rc != layer_of(f) || strncmp(err.detail, layer, strlen(layer)) != 0)
        fail_msg("%s of a %s: %s: %s", what, cz_fact_kind_name((int)f->kind), cz_code_name(rc),
                 err.detail);
}

/* Each bit of some bytes of the fact, in a copy. */
static void flip_slice(struct czi_slice parameters, struct czi_fact *f, struct czi_slice *s,
                       const char *what)
{
    struct czi_slice good = *s;
    uint8_t *copy = malloc(good.len + 1);

    assert_non_null(copy);
    if (good.len)
        memcpy(copy, good.data, good.len);
    *s = (struct czi_slice){copy, good.len};
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(parameters, f, what);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    copy[good.len] = 0;
    s->len = good.len + 1;
    assert_refused(parameters, f, what);
    if (good.len) {
        s->len = good.len - 1;
        assert_refused(parameters, f, what);
    }
    *s = good;
    free(copy);
}

static void flip_number(struct czi_slice parameters, const struct czi_fact *f, uint64_t *n,
                        const char *what)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        *n ^= 1ull << bit;
        assert_refused(parameters, f, what);
        *n ^= 1ull << bit;
    }
}

static void flip_claim(struct czi_slice p, struct czi_fact *f)
{
    for (size_t i = 0; i < f->claim_count; i++) {
        struct czi_fact_value good = f->claim[i];

        if (good.type == CZI_VALUE_UINT)
            flip_number(p, f, &f->claim[i].number, "a claimed number");
        else
            flip_slice(p, f, &f->claim[i].bytes, "a claimed string");
        f->claim[i].type = CZI_VALUE_NULL;
        assert_refused(p, f, "a claim with null");
        f->claim[i] = good;
    }
    f->claim_count--;
    assert_refused(p, f, "a shorter claim");
    f->claim_count++;
    f->claim[f->claim_count++] = (struct czi_fact_value){.type = CZI_VALUE_UINT};
    assert_refused(p, f, "a longer claim");
    f->claim_count--;
}

static void flip_rest(struct czi_slice p, struct czi_fact *f)
{
    struct czi_fact good = *f;

    flip_number(p, f, &f->height, "the height");
    flip_number(p, f, &f->time, "the time");
    for (unsigned bit = 0; bit < 256; bit++) {
        f->block_hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(p, f, "the block's hash");
        f->block_hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (enum cz_finality level = CZ_SEEN; level <= CZ_FINAL; level++)
        if (level != good.finality) {
            f->finality = level;
            assert_refused(p, f, "the finality");
        }
    f->finality = good.finality;
    f->trust = CZI_TRUST_OPERATOR;
    assert_refused(p, f, "the trust");
    f->trust = good.trust;
    f->proof[f->proof_count++] = f->domain;
    assert_refused(p, f, "a longer proof");
    f->proof_count = good.proof_count;
    if (good.proof_count) {
        f->proof_count--;
        assert_refused(p, f, "a shorter proof");
        f->proof_count++;
    }
    for (enum cz_fact_kind kind = CZ_FACT_BLOCK; kind <= CZ_FACT_CUSTOM; kind++)
        if (kind != good.kind) {
            f->kind = kind;
            assert_refused(p, f, "another kind");
        }
    *f = good;
}

static void any_change_is_refused_by_its_own_layer(void **state)
{
    cz_sim_chain *c = sim_sample("moon", 1);
    struct czi_slice p = sim_parameters(c);
    size_t tried = 0;

    (void)state;
    sim_all(c, NULL, &facts);
    /* All of block 2, which is final, and what only block 1 has. */
    for (size_t i = 0; i < facts.count; i++) {
        struct czi_fact f;

        if (facts.meta[i].height != 2 && !facts.meta[i].event)
            continue;
        sim_decode(&facts.meta[i], &f);
        flip_slice(p, &f, &f.domain, "the domain");
        flip_slice(p, &f, &f.event_key, "the event key");
        for (size_t j = 0; j < f.proof_count; j++)
            flip_slice(p, &f, &f.proof[j], "the proof");
        flip_claim(p, &f);
        flip_rest(p, &f);
        assert_int_equal(sim_verify(p, &facts, &f, NULL), CZ_OK);
        tried++;
    }
    assert_int_equal(tried, 4 + 2 + 3 + 1); /* events, blocks, state, time */
    sim_facts_done(&facts);
    cz_sim_free(c);
}

/* ---- Proofs of something else ------------------------------------------------------------ */

static void a_proof_of_another_block_is_refused(void **state)
{
    cz_sim_chain *c = sim_chain("moon", 1);
    struct czi_fact one, two, f;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_sim_deposit(c, "alice", "MOON", 1, NULL, &err), err);
    assert_ok(cz_sim_mine(c, 1, &err), err);
    assert_ok(cz_sim_deposit(c, "bob", "MOON", 2, NULL, &err), err);
    assert_ok(cz_sim_price(c, "MOON/EUR", 2, &err), err);
    assert_ok(cz_sim_mine(c, 1, &err), err);
    sim_all(c, NULL, &facts);
    sim_decode(&facts.meta[sim_find(&facts, CZ_FACT_BLOCK, 1)], &one);
    sim_decode(&facts.meta[sim_find(&facts, CZ_FACT_BLOCK, 2)], &two);
    f = one;
    f.proof[0] = two.proof[0];
    assert_refused(sim_parameters(c), &f, "another block's header");
    /* An event that is in block 1 is not in block 2. */
    sim_decode(&facts.meta[sim_find(&facts, CZ_FACT_DEPOSIT, 1)], &one);
    sim_decode(&facts.meta[sim_find(&facts, CZ_FACT_DEPOSIT, 2)], &two);
    f = one;
    f.header = two.header;
    assert_refused(sim_parameters(c), &f, "another block's link");
    f.height = two.height;
    f.time = two.time;
    memcpy(f.block_hash, two.block_hash, 32);
    assert_refused(sim_parameters(c), &f, "another block's anchor");
    f.proof[0] = two.proof[0];
    assert_refused(sim_parameters(c), &f, "another block's proof");
    f = two;
    f.has_header = false;
    assert_refused(sim_parameters(c), &f, "no link");
    sim_facts_done(&facts);
    cz_sim_free(c);
}

static void facts_of_another_chain_or_key_are_refused(void **state)
{
    cz_sim_chain *moon = sim_sample("moon", 1), *mars = sim_sample("mars", 1),
                 *other = sim_sample("moon", 2);

    (void)state;
    sim_all(moon, NULL, &facts);
    for (size_t i = 0; i < facts.count; i++) {
        struct czi_fact f;

        sim_decode(&facts.meta[i], &f);
        assert_refused(sim_parameters(mars), &f, "another chain");
        /* What rests on a block is as good as its block, which is refused. */
        if (f.kind != CZ_FACT_BLOCK)
            continue;
        assert_refused(sim_parameters(other), &f, "another key");
        f.domain = (struct czi_slice){(const uint8_t *)"mars", 4};
        assert_refused(sim_parameters(mars), &f, "another chain's name");
    }
    sim_facts_done(&facts);
    cz_sim_free(moon);
    cz_sim_free(mars);
    cz_sim_free(other);
}

/* A validator's key may serve chains whose names begin alike. */
static void names_are_compared_whole(void **state)
{
    static const uint8_t seed[32] = {1};
    uint8_t bytes[CZI_SIM_SIGNED_SIZE_MAX], hash[32];
    struct czi_sim_parameters p = {.name = {(const uint8_t *)"moon", 4}};
    struct czi_sim_header h = {.name = p.name}, read;
    struct czi_slice s = {bytes, 0};
    cz_error err = {0};

    (void)state;
    czi_ed25519_public(seed, p.key);
    s.len = czi_sim_header_sign(&h, seed, bytes, hash);
    assert_ok(czi_sim_header_verify(&p, s, &read, hash, &err), err);
    h.name = (struct czi_slice){(const uint8_t *)"moonlight", 9};
    s.len = czi_sim_header_sign(&h, seed, bytes, hash);
    assert_int_equal(czi_sim_header_verify(&p, s, &read, hash, &err), CZ_INVALID);
    p.name = (struct czi_slice){(const uint8_t *)"mo", 2};
    assert_int_equal(czi_sim_header_verify(&p, s, &read, hash, &err), CZ_INVALID);
}

/* What a decoder or the book refuses before is refused here too. */
static void an_adapter_on_its_own_trusts_nobody(void **state)
{
    const struct czi_adapter *a = &czi_adapter_simulated;
    cz_sim_chain *c = sim_sample("moon", 1);
    struct czi_slice p = sim_parameters(c);
    struct czi_item item = {.type = CZI_ITEM_FACT};
    struct czi_fact block_fact, f;
    struct czi_block block;
    cz_error err = {0};

    (void)state;
    sim_all(c, NULL, &facts);
    sim_decode(&facts.meta[sim_find(&facts, CZ_FACT_BLOCK, 1)], &block_fact);
    sim_decode(&facts.meta[sim_find(&facts, CZ_FACT_DEPOSIT, 1)], &f);
    assert_int_equal(czi_fact_block(&block_fact, &block, NULL), CZ_OK);
    assert_ok(a->header(p, &block_fact, &err), err);
    assert_ok(a->inclusion(p, &f, &block, &err), err);
    assert_int_equal(a->inclusion(p, &block_fact, &block, &err), CZ_BAD_INCLUSION);
    block.root_count = 1;
    assert_int_equal(a->inclusion(p, &f, &block, &err), CZ_BAD_INCLUSION);
    block.root_count = 2;
    block_fact.has_header = true;
    assert_int_equal(a->header(p, &block_fact, &err), CZ_BAD_HEADER);
    block_fact.has_header = false;
    block_fact.kind = CZ_FACT_DEPOSIT;
    assert_int_equal(a->header(p, &block_fact, &err), CZ_BAD_HEADER);
    block_fact.kind = CZ_FACT_BLOCK;
    block_fact.proof_count = 0;
    assert_int_equal(a->header(p, &block_fact, &err), CZ_BAD_HEADER);
    item.fact = f;
    assert_ok(czi_item_verify(&item, a, p, &block, NULL, &err), err);
    assert_int_equal(czi_item_verify(&item, a, p, NULL, NULL, &err), CZ_BAD_INCLUSION);
    item.fact.has_header = false;
    assert_int_equal(czi_item_verify(&item, a, p, &block, NULL, &err), CZ_BAD_INCLUSION);
    sim_facts_done(&facts);
    cz_sim_free(c);
}

/* A header that the validator signs for a block that is not built on its genesis. */
static void the_first_block_must_stand_on_the_genesis(void **state)
{
    uint8_t seed[32] = {1}, bytes[CZI_SIM_SIGNED_SIZE_MAX], params[CZI_SIM_PARAMETERS_SIZE_MAX];
    struct czi_sim_parameters p = {.name = {(const uint8_t *)"moon", 4}};
    struct czi_sim_header h = {.name = p.name, .time = 5};
    struct czi_fact f = {.domain = p.name,
                         .kind = CZ_FACT_BLOCK,
                         .time = 5,
                         .trust = CZI_TRUST_SIGNED,
                         .proof_count = 1,
                         .claim_count = 3};
    cz_error err = {0};

    (void)state;
    czi_ed25519_public(seed, p.key);
    f.claim[0].bytes = (struct czi_slice){h.parent, 32};
    f.claim[1].bytes = (struct czi_slice){h.events_root, 32};
    f.claim[2].bytes = (struct czi_slice){h.state_root, 32};
    f.claim[0].type = f.claim[1].type = f.claim[2].type = CZI_VALUE_BYTES;
    f.event_key = (struct czi_slice){f.block_hash, 32};
    for (uint64_t height = 0; height < 3; height++)
        for (int on_genesis = 0; on_genesis < 2; on_genesis++) {
            struct czi_slice parameters = {params, czi_sim_parameters_encode(&p, params)};

            h.height = f.height = height;
            memcpy(h.parent, p.genesis, 32);
            h.parent[0] ^= (uint8_t)!on_genesis;
            f.proof[0] =
                (struct czi_slice){bytes, czi_sim_header_sign(&h, seed, bytes, f.block_hash)};
            if (height == 0 || (height == 1 && !on_genesis))
                assert_refused(parameters, &f, "the genesis");
            else
                assert_ok(sim_verify(parameters, &facts, &f, &err), err);
        }
}

/* ---- Finality ---------------------------------------------------------------------------- */

static void a_certificate_is_of_its_block_and_by_its_validator(void **state)
{
    cz_sim_chain *c = sim_sample("moon", 1), *mars = sim_sample("mars", 1);
    struct czi_slice p = sim_parameters(c);
    struct czi_fact final[3], f, foreign;
    size_t n = 0;

    (void)state;
    sim_all(mars, NULL, &facts);
    for (size_t i = 0; i < facts.count; i++)
        if (facts.meta[i].is_final) {
            sim_decode(&facts.meta[i], &foreign);
            czi_buf_put(&others.bytes[0], foreign.proof[1].data, foreign.proof[1].len);
            break;
        }
    sim_facts_done(&facts);
    sim_all(c, NULL, &facts);
    for (size_t i = 0; i < facts.count; i++)
        if (facts.meta[i].is_final) {
            assert_true(n < CZI_COUNTOF(final));
            sim_decode(&facts.meta[i], &final[n]);
            assert_int_equal(final[n].finality, CZ_FINAL);
            assert_int_equal(sim_verify(p, &facts, &final[n++], NULL), CZ_OK);
        }
    assert_int_equal(n, 2);
    f = final[0];
    f.proof[1] = final[1].proof[1];
    assert_refused(p, &f, "another block's certificate");
    f.proof[1] = czi_buf_slice(&others.bytes[0]);
    assert_refused(p, &f, "another chain's certificate");
    /* The header's own signature says nothing about finality. */
    f.proof[1] = (struct czi_slice){f.proof[0].data + f.proof[0].len - 64, 64};
    assert_refused(p, &f, "the header's signature");
    f.proof_count = 1;
    assert_refused(p, &f, "no certificate");
    f.finality = CZ_SEEN;
    assert_int_equal(sim_verify(p, &facts, &f, NULL), CZ_OK);
    czi_buf_done(&others.bytes[0]);
    sim_facts_done(&facts);
    cz_sim_free(c);
    cz_sim_free(mars);
}

/* What came before a block is final keeps its id and what it rests on. */
static void finality_adds_facts_and_changes_none(void **state)
{
    cz_sim_chain *c = sim_sample("moon", 1);
    cz_error err = {0};
    size_t j = 0;

    (void)state;
    sim_all(c, NULL, &facts);
    assert_ok(cz_sim_finalize(c, 3, &err), err);
    assert_ok(cz_sim_finalize(c, 1, &err), err); /* nothing is taken back */
    sim_all(c, NULL, &others);
    assert_int_equal(others.count, facts.count + 1);
    for (size_t i = 0; i < facts.count; i++, j++) {
        j += others.meta[j].is_final && !facts.meta[i].is_final;
        assert_memory_equal(facts.meta[i].id.bytes, others.meta[j].id.bytes, 32);
    }
    sim_facts_done(&facts);
    sim_facts_done(&others);
    cz_sim_free(c);
}

/* ---- Reorganisations --------------------------------------------------------------------- */

static int one_of(const cz_sim_chain *c, enum cz_fact_kind kind, const char *name,
                  struct sim_facts *k)
{
    sim_facts_done(k);
    return cz_sim_fact_of(c, kind, name, NULL, sim_keep, k, NULL);
}

static void an_event_that_is_included_again_keeps_its_key(void **state)
{
    cz_sim_chain *c = sim_chain("moon", 1);
    struct czi_fact before, after;
    cz_error err = {0};
    uint64_t event;

    (void)state;
    assert_ok(cz_sim_mine(c, 2, &err), err);
    assert_ok(cz_sim_deposit(c, "alice", "MOON", 100, &event, &err), err);
    assert_int_equal(event, 1);
    assert_ok(cz_sim_mine(c, 2, &err), err);
    assert_int_equal(one_of(c, CZ_FACT_DEPOSIT, "1", &facts), CZ_OK);
    assert_ok(cz_sim_reorg(c, 2, true, &err), err);
    assert_int_equal(cz_sim_height(c), 5);
    assert_int_equal(one_of(c, CZ_FACT_DEPOSIT, "1", &others), CZ_OK);
    assert_int_equal(facts.meta[0].height, 3);
    assert_int_equal(others.meta[0].height, 3);
    sim_decode(&facts.meta[0], &before);
    sim_decode(&others.meta[0], &after);
    assert_int_equal(before.event_key.len, 6);
    assert_memory_equal(before.event_key.data, "moon:1", 6);
    assert_int_equal(after.event_key.len, 6);
    assert_memory_equal(after.event_key.data, "moon:1", 6);
    assert_int_equal(before.claim_bytes.len, after.claim_bytes.len);
    assert_memory_equal(before.claim_bytes.data, after.claim_bytes.data, after.claim_bytes.len);
    assert_memory_not_equal(before.block_hash, after.block_hash, 32);
    assert_memory_not_equal(facts.meta[0].id.bytes, others.meta[0].id.bytes, 32);
    sim_facts_done(&facts);
    sim_facts_done(&others);
    cz_sim_free(c);
}

static uint64_t balance_of(const cz_sim_chain *c)
{
    struct czi_fact f;

    assert_int_equal(one_of(c, CZ_FACT_BALANCE, "alice/MOON", &facts), CZ_OK);
    sim_decode(&facts.meta[0], &f);
    sim_facts_done(&facts);
    return f.claim[2].number;
}

static void what_a_dropped_block_held_never_happened_unless_it_is_wanted(void **state)
{
    (void)state;
    for (int reinclude = 0; reinclude < 2; reinclude++) {
        cz_sim_chain *c = sim_chain("moon", 1);
        cz_error err = {0};

        assert_ok(cz_sim_balance(c, "alice", "MOON", 1, &err), err);
        assert_ok(cz_sim_mine(c, 1, &err), err);
        assert_ok(cz_sim_deposit(c, "alice", "MOON", 1, NULL, &err), err);
        assert_ok(cz_sim_balance(c, "alice", "MOON", 2, &err), err);
        assert_ok(cz_sim_mine(c, 1, &err), err);
        assert_int_equal(balance_of(c), 2);
        assert_ok(cz_sim_deposit(c, "bob", "MOON", 1, NULL, &err), err); /* waits */
        assert_ok(cz_sim_reorg(c, 1, reinclude, &err), err);
        assert_int_equal(balance_of(c), reinclude ? 2 : 1);
        assert_int_equal(one_of(c, CZ_FACT_DEPOSIT, "1", &facts),
                         reinclude ? CZ_OK : CZ_NOT_FOUND);
        assert_int_equal(one_of(c, CZ_FACT_DEPOSIT, "2", &facts), CZ_OK);
        assert_int_equal(facts.meta[0].height, 2);
        assert_ok(cz_sim_deposit(c, "carl", "MOON", 1, NULL, &err), err);
        assert_ok(cz_sim_mine(c, 1, &err), err);
        assert_int_equal(one_of(c, CZ_FACT_DEPOSIT, "3", &facts), CZ_OK);
        sim_facts_done(&facts);
        cz_sim_free(c);
    }
}

/* Blocks of another branch differ, even where they hold the same. */
static void every_branch_has_other_blocks(void **state)
{
    cz_sim_chain *c = sim_sample("moon", 1);
    cz_error err = {0};

    (void)state;
    for (int round = 0; round < 4; round++) {
        sim_all(c, NULL, &facts);
        assert_ok(cz_sim_reorg(c, 3, true, &err), err);
        sim_all(c, NULL, &others);
        for (size_t i = 0; i < facts.count; i++)
            for (size_t j = 0; j < others.count; j++)
                if (facts.meta[i].height > (uint64_t)round)
                    assert_memory_not_equal(facts.meta[i].id.bytes, others.meta[j].id.bytes,
                                            32);
        for (size_t i = 0; i < others.count; i++)
            assert_false(others.meta[i].is_final);
        sim_facts_done(&facts);
        sim_facts_done(&others);
    }
    cz_sim_free(c);
}

static void a_chain_that_breaks_its_word_certifies_both_branches(void **state)
{
    cz_sim_chain *c = sim_sample("moon", 1);
    struct czi_fact f;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_sim_reorg(c, 2, true, &err), err);
    sim_all(c, NULL, &facts);
    for (size_t i = 0; i < facts.count; i++) /* block 1 is still there */
        assert_int_equal(facts.meta[i].is_final, facts.meta[i].kind == CZ_FACT_BLOCK &&
                                                     facts.meta[i].height == 1 && i == 1);
    sim_facts_done(&facts);
    assert_ok(cz_sim_finalize(c, 2, &err), err);
    assert_int_equal(one_of(c, CZ_FACT_BLOCK, "2", &facts), CZ_OK);
    assert_int_equal(facts.count, 2);
    sim_decode(&facts.meta[1], &f);
    assert_int_equal(f.finality, CZ_FINAL);
    assert_ok(sim_verify(sim_parameters(c), &facts, &f, &err), err);
    sim_facts_done(&facts);
    cz_sim_free(c);
}

/* ---- Retraction -------------------------------------------------------------------------- */

static int retract(const cz_sim_chain *c, const struct czi_slice *evidence, size_t count,
                   const struct czi_block *target, cz_error *err)
{
    struct czi_item item = {.type = CZI_ITEM_RETRACTION,
                            .domain = {(const uint8_t *)"moon", 4},
                            .retraction = {.evidence_count = count}};

    memcpy(item.retraction.evidence, evidence, count * sizeof *evidence);
    return czi_item_verify(&item, &czi_adapter_simulated, sim_parameters(c), NULL, target, err);
}

static struct czi_slice header_at(const cz_sim_chain *c, uint64_t height)
{
    struct czi_slice s;
    cz_error err = {0};

    assert_ok(cz_sim_header(c, height, &s.data, &s.len, &err), err);
    return s;
}

static void a_retraction_needs_a_header_that_competes(void **state)
{
    cz_sim_chain *c = sim_sample("moon", 1), *mars = sim_sample("mars", 1);
    uint8_t copy[CZI_SIM_SIGNED_SIZE_MAX];
    struct czi_slice evidence[2], old;
    struct czi_block target;
    struct czi_fact f;
    cz_error err = {0};

    (void)state;
    old = header_at(c, 3);
    memcpy(copy, old.data, old.len);
    old.data = copy;
    assert_int_equal(one_of(c, CZ_FACT_BLOCK, "3", &facts), CZ_OK);
    sim_decode(&facts.meta[0], &f);
    assert_int_equal(czi_fact_block(&f, &target, NULL), CZ_OK);
    assert_ok(cz_sim_reorg(c, 1, true, &err), err);

    evidence[0] = evidence[1] = header_at(c, 3);
    assert_ok(retract(c, evidence, 1, &target, &err), err);
    assert_int_equal(retract(c, evidence, 0, &target, &err), CZ_BAD_HEADER);
    assert_non_null(strstr(err.detail, "header: the evidence is one header"));
    assert_int_equal(retract(c, evidence, 2, &target, &err), CZ_BAD_HEADER);
    evidence[0] = old;
    assert_int_equal(retract(c, evidence, 1, &target, &err), CZ_BAD_HEADER);
    assert_non_null(strstr(err.detail, "that very block"));
    evidence[0] = header_at(c, 4);
    assert_int_equal(retract(c, evidence, 1, &target, &err), CZ_BAD_HEADER);
    assert_non_null(strstr(err.detail, "another height"));
    evidence[0] = header_at(mars, 3);
    assert_int_equal(retract(c, evidence, 1, &target, &err), CZ_BAD_HEADER);
    assert_non_null(strstr(err.detail, "another chain"));
    evidence[0] = header_at(c, 3);
    memcpy(copy, evidence[0].data, evidence[0].len);
    evidence[0].data = copy;
    for (size_t bit = 0; bit < 8 * evidence[0].len; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(retract(c, evidence, 1, &target, NULL), CZ_BAD_HEADER);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    sim_facts_done(&facts);
    cz_sim_free(c);
    cz_sim_free(mars);
}

/* ---- Items of all adapters ----------------------------------------------------------------
 */

static void adapters_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(czi_adapter_find((struct czi_slice){(const uint8_t *)"simulated", 9}),
                     &czi_adapter_simulated);
    assert_ptr_equal(czi_adapter_find((struct czi_slice){(const uint8_t *)"ethereum", 8}),
                     &czi_adapter_ethereum);
    assert_null(czi_adapter_find((struct czi_slice){(const uint8_t *)"simulate", 8}));
    assert_null(czi_adapter_find((struct czi_slice){NULL, 0}));
}

static int configure(const struct czi_adapter *adapter, struct czi_slice parameters,
                     cz_error *err)
{
    struct czi_item item = {.type = CZI_ITEM_DOMAIN, .config = {.parameters = parameters}};

    return czi_item_verify(&item, adapter, (struct czi_slice){0}, NULL, NULL, err);
}

static void parameters_are_what_the_adapter_wants(void **state)
{
    cz_sim_chain *c = sim_chain("moon", 1);
    struct czi_slice p = sim_parameters(c), none = {0};
    uint8_t longer[CZI_SIM_PARAMETERS_SIZE_MAX] = {0};
    char name[33] = "abcdefghijklmnopqrstuvwxyz0123456"; /* without a zero */
    cz_error err = {0};

    (void)state;
    assert_ok(configure(&czi_adapter_simulated, p, &err), err);
    assert_ok(configure(&czi_adapter_ethereum, none, &err), err);
    assert_int_equal(configure(&czi_adapter_ethereum, p, &err), CZ_INVALID);
    assert_int_equal(configure(&czi_adapter_simulated, none, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "parameters"));
    memcpy(longer, p.data, p.len);
    for (size_t len = 0; len < p.len + 2; len++)
        if (len != p.len)
            assert_int_equal(configure(&czi_adapter_simulated, (struct czi_slice){longer, len},
                                       NULL),
                             CZ_INVALID);
    for (size_t len = 0; len <= sizeof name; len++) {
        struct czi_sim_parameters q = {.name = {(const uint8_t *)name, len}};
        struct czi_slice s = {longer, czi_sim_parameters_encode(&q, longer)};

        assert_int_equal(configure(&czi_adapter_simulated, s, NULL),
                         len >= 1 && len <= 32 ? CZ_OK : CZ_INVALID);
    }
    cz_sim_free(c);
}

static void what_no_adapter_can_judge_is_refused(void **state)
{
    struct czi_item item = {.type = CZI_ITEM_RETRACTION, .retraction = {.evidence_count = 1}};
    struct czi_slice none = {0};
    struct czi_block target = {0};
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_item_verify(&item, NULL, none, NULL, &target, &err), CZ_UNSUPPORTED);
    assert_int_equal(czi_item_verify(&item, &czi_adapter_ethereum, none, NULL, &target, &err),
                     CZ_BAD_HEADER);
    assert_string_equal(err.detail, "header: adapter ethereum takes no evidence");
    item.retraction.evidence_count = 0;
    assert_ok(czi_item_verify(&item, &czi_adapter_ethereum, none, NULL, &target, &err), err);
    item = (struct czi_item){.type = CZI_ITEM_DECISION};
    assert_ok(czi_item_verify(&item, NULL, none, NULL, NULL, &err), err);
}

static void a_wrong_signature_is_the_observers_fault(void **state)
{
    cz_sim_chain *c = sim_sample("moon", 1);
    cz_error err = {0};

    (void)state;
    sim_all(c, observer, &facts);
    for (size_t i = 0; i < facts.count; i++) {
        struct czi_fact f;

        sim_decode(&facts.meta[i], &f);
        f.signature[i % 64] ^= 1;
        assert_int_equal(sim_verify(sim_parameters(c), &facts, &f, &err), CZ_BAD_OBSERVER);
        assert_int_equal(strncmp(err.detail, "observer: ", 10), 0);
    }
    sim_facts_done(&facts);
    cz_sim_free(c);
}

/* ---- The rest of the chain ----------------------------------------------------------------
 */

static void a_price_expires_when_the_chain_says_so(void **state)
{
    cz_sim_chain *c = sim_sample("moon", 1);
    struct czi_fact f;

    (void)state;
    cz_sim_price_age(c, 25);
    sim_all(c, NULL, &facts);
    for (size_t i = 0; i < facts.count; i++) {
        sim_decode(&facts.meta[i], &f);
        assert_int_equal(f.has_expires, f.kind == CZ_FACT_PRICE);
        if (f.has_expires)
            assert_int_equal(f.expires, f.height * 10 + 25);
        assert_int_equal(sim_verify(sim_parameters(c), &facts, &f, NULL), CZ_OK);
    }
    sim_facts_done(&facts);
    cz_sim_free(c);
}

static void time_goes_by_the_interval(void **state)
{
    cz_sim_chain *c = sim_chain("moon", 1);
    struct czi_fact f;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_sim_mine(c, 2, &err), err);
    cz_sim_interval(c, 1000);
    assert_ok(cz_sim_mine(c, 1, &err), err);
    assert_int_equal(one_of(c, CZ_FACT_TIME, "", &facts), CZ_OK);
    sim_decode(&facts.meta[0], &f);
    assert_int_equal(f.claim[0].number, 1020);
    assert_int_equal(f.height, 3);
    cz_sim_interval(c, UINT64_MAX);
    assert_int_equal(cz_sim_mine(c, 1, &err), CZ_LIMIT);
    assert_int_equal(cz_sim_height(c), 3);
    sim_facts_done(&facts);
    cz_sim_free(c);
}

/* A name of two times 128 bytes does not fit an event key: its hash does. */
static void long_names_are_found_and_proven(void **state)
{
    char account[129], name[258];
    cz_sim_chain *c = sim_chain("moon", 1);
    struct czi_fact f;
    cz_error err = {0};

    (void)state;
    memset(account, 'a', 128);
    account[128] = 0;
    (void)snprintf(name, sizeof name, "%s/%s", account, account);
    assert_ok(cz_sim_balance(c, account, account, 5, &err), err);
    assert_ok(cz_sim_balance(c, "a/b", "c", 5, &err), err);
    assert_ok(cz_sim_mine(c, 1, &err), err);
    assert_int_equal(one_of(c, CZ_FACT_BALANCE, "a/b/c", &facts), CZ_OK);
    sim_all(c, NULL, &others);
    assert_int_equal(one_of(c, CZ_FACT_BALANCE, name, &facts), CZ_OK);
    sim_decode(&facts.meta[0], &f);
    assert_int_equal(f.event_key.len, 32);
    assert_ok(sim_verify(sim_parameters(c), &others, &f, &err), err);
    sim_facts_done(&facts);
    sim_facts_done(&others);
    cz_sim_free(c);
}

static void what_cannot_be_is_refused(void **state)
{
    static const uint8_t data[CZI_DATA_SIZE_MAX + 1];
    char longer[CZ_LABEL_SIZE_MAX + 2], number[32];
    cz_sim_chain *c = NULL;
    cz_error err = {0};
    const uint8_t *bytes;
    size_t len;

    (void)state;
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(cz_sim_new("", 1, &c, &err), CZ_INVALID);
    assert_int_equal(cz_sim_new(longer, 1, &c, &err), CZ_INVALID);
    assert_int_equal(cz_sim_new("\xff", 1, &c, &err), CZ_INVALID);
    assert_null(c);
    c = sim_chain("moon", 1);
    assert_int_equal(cz_sim_deposit(c, "", "MOON", 1, NULL, &err), CZ_INVALID);
    assert_int_equal(cz_sim_deposit(c, longer, "MOON", 1, NULL, &err), CZ_INVALID);
    assert_int_equal(cz_sim_balance(c, "alice", "a/b", 1, &err), CZ_INVALID);
    assert_int_equal(cz_sim_price(c, "\xff", 1, &err), CZ_INVALID);
    assert_int_equal(cz_sim_custom(c, data, sizeof data, NULL, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_DATA_SIZE_MAX"));
    assert_ok(cz_sim_custom(c, data, sizeof data - 1, NULL, &err), err);
    assert_ok(cz_sim_mine(c, 1, &err), err);
    assert_int_equal(cz_sim_finalize(c, 2, &err), CZ_INVALID);
    assert_int_equal(cz_sim_reorg(c, 0, true, &err), CZ_INVALID);
    assert_int_equal(cz_sim_reorg(c, 2, true, &err), CZ_INVALID);
    assert_int_equal(cz_sim_mine(c, UINT64_MAX, &err), CZ_NOMEM);
    assert_int_equal(cz_sim_header(c, 2, &bytes, &len, &err), CZ_NOT_FOUND);
    (void)snprintf(number, sizeof number, "%llu", 18446744073709551615ull);
    assert_int_equal(one_of(c, CZ_FACT_DEPOSIT, "1", &facts), CZ_NOT_FOUND);
    assert_int_equal(one_of(c, CZ_FACT_CUSTOM, number, &facts), CZ_NOT_FOUND);
    assert_int_equal(one_of(c, CZ_FACT_CUSTOM, "x", &facts), CZ_NOT_FOUND);
    assert_int_equal(one_of(c, CZ_FACT_CUSTOM, "", &facts), CZ_NOT_FOUND);
    assert_int_equal(one_of(c, CZ_FACT_BLOCK, "0", &facts), CZ_NOT_FOUND);
    assert_int_equal(one_of(c, CZ_FACT_BLOCK, "2", &facts), CZ_NOT_FOUND);
    assert_int_equal(one_of(c, CZ_FACT_PRICE, "MOON/EUR", &facts), CZ_NOT_FOUND);
    assert_int_equal(one_of(c, (enum cz_fact_kind)0, "1", &facts), CZ_INVALID);
    assert_int_equal(one_of(c, CZ_FACT_CUSTOM, "1", &facts), CZ_OK);
    sim_facts_done(&facts);
    cz_sim_free(c);
    cz_sim_free(NULL);
}

/* ---- Out of memory ------------------------------------------------------------------------
 */

static int deposit_call(cz_sim_chain *c)
{
    return cz_sim_deposit(c, "dora", "MOON", 4, NULL, NULL);
}
static int balance_call(cz_sim_chain *c)
{
    return cz_sim_balance(c, "dora", "MOON", 4, NULL);
}
static int mine_call(cz_sim_chain *c)
{
    return cz_sim_mine(c, 20, NULL);
}
static int reorg_call(cz_sim_chain *c)
{
    return cz_sim_reorg(c, 3, true, NULL);
}
static int forget_call(cz_sim_chain *c)
{
    return cz_sim_reorg(c, 2, false, NULL);
}

/* What the chain says, and what it would say one block later. */
static void outlook(cz_sim_chain *c, struct sim_facts *ret)
{
    sim_all(c, NULL, ret);
    assert_int_equal(cz_sim_mine(c, 1, NULL), CZ_OK);
    assert_int_equal(cz_sim_facts(c, 0, NULL, sim_keep, ret, NULL), CZ_OK);
}

static cz_sim_chain *waiting_sample(void)
{
    cz_sim_chain *c = sim_sample("moon", 1);

    assert_int_equal(cz_sim_deposit(c, "erik", "MOON", 9, NULL, NULL), CZ_OK);
    assert_int_equal(cz_sim_price(c, "MOON/EUR", 9, NULL), CZ_OK);
    return c;
}

static void out_of_memory_leaves_the_chain_as_it_was(void **state)
{
    static int (*const calls[])(cz_sim_chain *) = {deposit_call, balance_call, mine_call,
                                                   reorg_call, forget_call};
    cz_sim_chain *c = waiting_sample();

    (void)state;
    outlook(c, &others);
    cz_sim_free(c);
    for (size_t i = 0; i < CZI_COUNTOF(calls); i++) {
        int rc = CZ_NOMEM;

        for (int64_t n = 0; rc == CZ_NOMEM; n++) {
            c = waiting_sample();
            czi_alloc_fail_after(n);
            rc = calls[i](c);
            czi_alloc_fail_after(-1);
            assert_true(rc == CZ_OK || rc == CZ_NOMEM);
            assert_true(n > 0 || rc == CZ_NOMEM);
            if (rc == CZ_NOMEM) {
                outlook(c, &facts);
                assert_true(same_facts(&facts, &others));
                sim_facts_done(&facts);
            }
            cz_sim_free(c);
        }
    }
    sim_facts_done(&others);
}

static void out_of_memory_while_making_or_reading_a_chain_leaks_nothing(void **state)
{
    cz_sim_chain *c = NULL;
    int rc = CZ_NOMEM;

    (void)state;
    for (int64_t n = 0; rc == CZ_NOMEM; n++) {
        czi_alloc_fail_after(n);
        rc = cz_sim_new("moon", 1, &c, NULL);
        czi_alloc_fail_after(-1);
    }
    assert_int_equal(rc, CZ_OK);
    cz_sim_free(c);
    c = sim_sample("moon", 1);
    rc = CZ_NOMEM;
    for (int64_t n = 0; rc == CZ_NOMEM; n++) {
        czi_alloc_fail_after(n);
        rc = cz_sim_facts(c, 0, observer, sim_keep, &facts, NULL);
        czi_alloc_fail_after(-1);
        sim_facts_done(&facts);
    }
    assert_int_equal(rc, CZ_OK);
    cz_sim_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_and_calls_give_the_same_bytes),
        cmocka_unit_test(another_seed_or_name_has_no_fact_in_common),
        cmocka_unit_test(every_fact_of_a_chain_verifies_whoever_observed_it),
        cmocka_unit_test(headers_are_as_documented),
        cmocka_unit_test(event_keys_are_as_documented),
        cmocka_unit_test(a_path_has_whole_steps_and_at_most_64),
        cmocka_unit_test(roots_are_those_of_an_independent_computation),
        cmocka_unit_test(state_is_ascending_by_kind_and_name),
        cmocka_unit_test(any_change_is_refused_by_its_own_layer),
        cmocka_unit_test(a_proof_of_another_block_is_refused),
        cmocka_unit_test(facts_of_another_chain_or_key_are_refused),
        cmocka_unit_test(names_are_compared_whole),
        cmocka_unit_test(an_adapter_on_its_own_trusts_nobody),
        cmocka_unit_test(the_first_block_must_stand_on_the_genesis),
        cmocka_unit_test(a_certificate_is_of_its_block_and_by_its_validator),
        cmocka_unit_test(finality_adds_facts_and_changes_none),
        cmocka_unit_test(an_event_that_is_included_again_keeps_its_key),
        cmocka_unit_test(what_a_dropped_block_held_never_happened_unless_it_is_wanted),
        cmocka_unit_test(every_branch_has_other_blocks),
        cmocka_unit_test(a_chain_that_breaks_its_word_certifies_both_branches),
        cmocka_unit_test(a_retraction_needs_a_header_that_competes),
        cmocka_unit_test(adapters_are_found_by_name),
        cmocka_unit_test(parameters_are_what_the_adapter_wants),
        cmocka_unit_test(what_no_adapter_can_judge_is_refused),
        cmocka_unit_test(a_wrong_signature_is_the_observers_fault),
        cmocka_unit_test(a_price_expires_when_the_chain_says_so),
        cmocka_unit_test(time_goes_by_the_interval),
        cmocka_unit_test(long_names_are_found_and_proven),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(out_of_memory_leaves_the_chain_as_it_was),
        cmocka_unit_test(out_of_memory_while_making_or_reading_a_chain_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
