/* test_eth_fact.c - blocks and transfers of Ethereum as facts: whatever is changed in one, the
 * check finds it. */
#include "domain/domain.h"
#include "domain/ethereum/fact.h"
#include "unit/eth_sample.h"
#include "unit/shared.h"

static struct czi_slice slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

/* ---- Facts of a block -------------------------------------------------------------------- */

/* The header's fact and one transfer's: that of the given transaction, or of the first. */
struct facts {
    struct czi_buf header, transfer;
    struct czi_eth_transfer what;
    size_t count, wanted;
};

static int keep_fact(void *arg, const cz_id *id, struct czi_slice fact,
                     const struct czi_eth_transfer *t, cz_error *err)
{
    struct facts *f = arg;
    struct czi_buf *to = t ? &f->transfer : &f->header;
    cz_id again = czi_fact_id(fact.data, fact.len);

    (void)err;
    assert_memory_equal(id->bytes, again.bytes, 32);
    if (!t || f->count == 0 || t->tx_index == f->wanted) {
        to->len = 0;
        czi_buf_put(to, fact.data, fact.len);
        if (t)
            f->what = *t;
    }
    f->count += t != NULL;
    return CZ_OK;
}

static void facts_done(struct facts *f)
{
    czi_buf_done(&f->header);
    czi_buf_done(&f->transfer);
}

static void load_facts(const char *text, size_t len, struct facts *f)
{
    struct czi_eth_block_options options = {.threads = 2};
    struct czi_eth_block *b = NULL;
    cz_error err = {0};

    assert_ok(czi_eth_block_verify(text, len, &options, &b, &err), err);
    assert_ok(czi_eth_block_facts(b, keep_fact, f, &err), err);
    czi_eth_block_free(b);
}

static void load_sample(struct facts *f)
{
    load_facts(eth_block_46147, strlen(eth_block_46147), f);
}

/* As a store checks it, on the header's fact, if that is the one that it names. */
static int check_slice(struct czi_slice fact, struct czi_slice header, cz_error *err)
{
    struct czi_item item = {.type = CZI_ITEM_FACT};
    struct czi_slice none = {0};
    struct czi_block block;
    struct czi_fact h;
    cz_id id = czi_fact_id(header.data, header.len);
    bool rests = false;

    if (czi_fact_decode(fact.data, fact.len, &item.fact, err) != CZ_OK)
        return CZ_BAD_ENCODING;
    item.domain = item.fact.domain;
    if (header.data && memcmp(id.bytes, item.fact.header.bytes, 32) == 0)
        rests = czi_fact_decode(header.data, header.len, &h, NULL) == CZ_OK &&
                czi_fact_block(&h, &block, NULL) == CZ_OK;
    return czi_item_verify(&item, &czi_adapter_ethereum, none, rests ? &block : NULL, NULL,
                           err);
}

static int check(const struct czi_buf *fact, const struct czi_buf *header, cz_error *err)
{
    struct czi_slice none = {0};

    return check_slice(czi_buf_slice(fact), header ? czi_buf_slice(header) : none, err);
}

static void a_block_s_facts_hold(void **state)
{
    struct facts f = {0};
    cz_error err = {0};

    (void)state;
    load_sample(&f);
    assert_int_equal(f.count, 1);
    assert_ok(check(&f.header, NULL, &err), err);
    assert_ok(check(&f.transfer, &f.header, &err), err);
    facts_done(&f);
}

/* Checks every fact of a block while it is handed out. */
struct checked {
    struct czi_buf header;
    size_t transfers;
};

static int check_fact(void *arg, const cz_id *id, struct czi_slice fact,
                      const struct czi_eth_transfer *t, cz_error *err)
{
    struct checked *c = arg;

    (void)id;
    if (!t) {
        c->header.len = 0;
        czi_buf_put(&c->header, fact.data, fact.len);
        return check_slice(fact, (struct czi_slice){0}, err);
    }
    c->transfers++;
    return check_slice(fact, czi_buf_slice(&c->header), err);
}

static void all_facts_of_mainnet_blocks_hold(void **state)
{
    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/46147.json");
    for (size_t i = 0; i < CZI_COUNTOF(mainnet_blocks); i++) {
        struct czi_eth_block_options options = {0};
        struct checked c = {0};
        struct czi_eth_block *b = NULL;
        cz_error err = {0};
        size_t len;
        char *text = read_mainnet(i, &len);

        assert_ok(czi_eth_block_verify(text, len, &options, &b, &err), err);
        assert_ok(czi_eth_block_facts(b, check_fact, &c, &err), err);
        assert_true(c.transfers > 0 && c.transfers <= b->tx_count);
        czi_eth_block_free(b);
        czi_buf_done(&c.header);
        free(text);
    }
}

/* docs/reference/domains.md: the claims of block 46147, whose roots are in eth_sample.h. */
static void a_block_claims_its_parent_and_its_roots(void **state)
{
    static const char *const claims[] = {
        "5a41d0e66b4120775176c09fcf39e7c0520517a13d2b57b18d33d342df038bfc",
        "4513310fcb9f6f616972a3b948dc5d547f280849a87ebb5af0191f98b87be598",
        "fe2bf2a941abf41d72637e5b91750332a30283efd40c424dc522b77e6f0ed8c4",
        "0e0df2706b0a4fb8bd08c9246d472abbe850af446405d9eba1db41db18b4a169",
    };
    struct facts f = {0};
    struct czi_fact fact;
    char hex[65];

    (void)state;
    load_sample(&f);
    assert_int_equal(czi_fact_decode(f.header.data, f.header.len, &fact, NULL), CZ_OK);
    assert_int_equal(fact.claim_count, CZI_COUNTOF(claims));
    for (size_t i = 0; i < CZI_COUNTOF(claims); i++) {
        assert_int_equal(fact.claim[i].bytes.len, 32);
        czi_hex(hex, fact.claim[i].bytes.data, 32);
        assert_string_equal(hex, claims[i]);
    }
    facts_done(&f);
}

static void assert_bytes(const struct czi_fact_value *v, const char *expected)
{
    char hex[65];

    assert_int_equal(v->type, CZI_VALUE_BYTES);
    assert_true(v->bytes.len <= 32);
    czi_hex(hex, v->bytes.data, v->bytes.len);
    assert_string_equal(hex, expected);
}

/* The first transfer of ether, of 31337 wei. */
static void a_transfer_claims_what_its_transaction_says(void **state)
{
    struct facts f = {0};
    struct czi_fact t;

    (void)state;
    load_sample(&f);
    assert_int_equal(czi_fact_decode(f.transfer.data, f.transfer.len, &t, NULL), CZ_OK);
    assert_int_equal(t.claim_count, 8);
    assert_bytes(&t.claim[0],
                 "5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed1be16dfba1b22060");
    assert_int_equal(t.claim[1].type, CZI_VALUE_UINT);
    assert_int_equal(t.claim[1].number, 0);
    assert_int_equal(t.claim[2].type, CZI_VALUE_TEXT);
    assert_int_equal(t.claim[2].bytes.len, 6);
    assert_memory_equal(t.claim[2].bytes.data, "native", 6);
    assert_bytes(&t.claim[3], "a1e4380a3b1f749673e270229993ee55f35663b4");
    assert_bytes(&t.claim[4], "a1e4380a3b1f749673e270229993ee55f35663b4");
    assert_bytes(&t.claim[5], "5df9b87991262f6ba471f09758cde1c0fc1de734");
    assert_int_equal(t.claim[6].type, CZI_VALUE_NULL);
    assert_bytes(&t.claim[7], "7a69");
    facts_done(&f);
}

static bool same_domain(const struct czi_fact *a, const struct czi_fact *b)
{
    return a->domain.len == b->domain.len &&
           memcmp(a->domain.data, b->domain.data, a->domain.len) == 0;
}

/* Every bit of a fact counts, except what cannot be shown by its bytes: which domain of this
 * adapter it is, and who vouches for the header. */
static void any_flipped_bit_is_found(void **state)
{
    struct facts f = {0};
    size_t unnoticed = 0;

    (void)state;
    load_sample(&f);
    for (int which = 0; which < 2; which++) {
        struct czi_buf *b = which ? &f.transfer : &f.header;
        int fault = which ? CZ_BAD_INCLUSION : CZ_BAD_HEADER;

        for (size_t bit = 0; bit < 8 * b->len; bit++) {
            struct czi_fact after, ethereum = {.domain = slice("ethereum")};
            int rc;

            b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            rc = check(b, which ? &f.header : NULL, NULL);
            if (rc == CZ_OK) {
                unnoticed++;
                assert_int_equal(czi_fact_decode(b->data, b->len, &after, NULL), CZ_OK);
                assert_true(!same_domain(&after, &ethereum) ||
                            (!which && after.trust == CZI_TRUST_PINNED));
            } else if (rc != CZ_BAD_ENCODING && rc != fault) {
                fail_msg("bit %zu: %s", bit, cz_code_name(rc));
            }
            b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    /* By one bit: seven in each character of the two domains (the eighth is no UTF-8), and the
     * header's trust. */
    assert_int_equal(unnoticed, 2 * 8 * 7 + 1);
    facts_done(&f);
}

/* Decodes a fact, lets one thing be changed in it, encodes it again and expects a text. */
typedef void (*change_fn)(struct czi_fact *f);
static uint8_t scratch[65536];

static struct czi_slice changed(struct czi_slice s)
{
    memcpy(scratch, s.data, s.len);
    scratch[s.len - 1] ^= 1;
    return (struct czi_slice){scratch, s.len};
}

static void change_height(struct czi_fact *f)
{
    f->height++;
}
static void change_time(struct czi_fact *f)
{
    f->time++;
}
static void change_hash(struct czi_fact *f)
{
    f->block_hash[0] ^= 1;
}
static void change_key(struct czi_fact *f)
{
    f->event_key = changed(f->event_key);
}
static void change_proof(struct czi_fact *f)
{
    f->proof[0] = changed(f->proof[0]);
}
static void drop_proof(struct czi_fact *f)
{
    f->proof_count = 0;
}
static void add_proof(struct czi_fact *f)
{
    f->proof[f->proof_count++] = f->proof[0];
}
static void change_kind(struct czi_fact *f)
{
    f->kind = CZ_FACT_DEPOSIT;
}
static void claim_final(struct czi_fact *f)
{
    f->finality = CZ_FINAL;
}
static void claim_signed(struct czi_fact *f)
{
    f->trust = CZI_TRUST_SIGNED;
}
static void change_trust(struct czi_fact *f)
{
    f->trust = CZI_TRUST_PINNED;
}
static void change_link(struct czi_fact *f)
{
    f->header.bytes[0] ^= 1;
}
static void drop_link(struct czi_fact *f)
{
    f->has_header = false;
}
static void drop_claim(struct czi_fact *f)
{
    f->claim_count--;
}
static void change_index(struct czi_fact *f)
{
    f->claim[1].number = 1;
}
static void claim_token(struct czi_fact *f)
{
    f->claim[6] = f->claim[3];
}
#define CHANGE_CLAIM(name, item)                                                               \
    static void change_##name(struct czi_fact *f)                                              \
    {                                                                                          \
        f->claim[item].bytes = changed(f->claim[item].bytes);                                  \
    }
CHANGE_CLAIM(tx_hash, 0)
CHANGE_CLAIM(root, 1)
CHANGE_CLAIM(standard, 2)
CHANGE_CLAIM(sender, 3)
CHANGE_CLAIM(from, 4)
CHANGE_CLAIM(to, 5)
CHANGE_CLAIM(amount, 7)

struct refusal {
    change_fn change;
    const char *why;
    int fault; /* 0: the layer's */
};

static void assert_refused(const struct czi_buf *fact, const struct czi_buf *header,
                           const struct refusal *r)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_fact f;
    cz_error err = {0};

    assert_ok(czi_fact_decode(fact->data, fact->len, &f, &err), err);
    r->change(&f);
    assert_ok(czi_fact_encode(&f, &bytes, &err), err);
    assert_int_equal(check(&bytes, header, &err), r->fault ? r->fault
                                                  : header ? CZ_BAD_INCLUSION
                                                           : CZ_BAD_HEADER);
    if (!strstr(err.detail, r->why))
        fail_msg("\"%s\" does not say \"%s\"", err.detail, r->why);
}

static void each_lie_of_a_header_fact_has_its_own_text(void **state)
{
    static const struct refusal cases[] = {
        {change_height, "height is not the header's number"},
        {change_time, "time is not the header's timestamp"},
        {change_hash, "header's hash is not that of the anchor"},
        {change_proof, "header's hash is not that of the anchor"},
        {change_key, "event key is not the block's hash"},
        {claim_final, "neither finality nor signatures"},
        {claim_signed, "neither finality nor signatures"},
        {drop_proof, "form of a block's fact"},
        {add_proof, "form of a block's fact"},
        {drop_claim, "form of a block's fact"},
        {change_tx_hash, "claimed parent is not"},
        {change_root, "claimed transactions root is not"},
        {change_standard, "claimed receipts root is not"},
        {change_sender, "claimed state root is not"},
    };
    struct facts f = {0};

    (void)state;
    load_sample(&f);
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++)
        assert_refused(&f.header, NULL, &cases[i]);
    facts_done(&f);
}

static void each_lie_of_a_transfer_fact_has_its_own_text(void **state)
{
    static const struct refusal cases[] = {
        {change_height, "anchor is not its block"},
        {change_time, "anchor is not its block"},
        {change_hash, "anchor is not its block"},
        {change_trust, "trust is not that of its block"},
        {change_link, "without the fact of its block"},
        {drop_link, "without a header", CZ_BAD_ENCODING},
        {change_kind, "form of a transfer's"},
        {claim_final, "inclusion does not prove finality"},
        {change_key, "event key is not the transaction's"},
        {change_proof, "trie proof: node 0 does not have the hash"},
        {drop_proof, "trie proof: ends after 0 nodes"},
        {add_proof, "trie proof: node 1 is not needed"},
        {drop_claim, "form of a transfer's"},
        {change_index, "the block has no transaction 1"},
        {change_tx_hash, "claimed transaction hash is not"},
        {change_standard, "claimed standard is not"},
        {change_sender, "claimed sender is not"},
        {change_from, "claimed from is not"},
        {change_to, "claimed to is not"},
        {claim_token, "claimed token is not"},
        {change_amount, "claimed amount is not"},
    };
    struct facts f = {0};

    (void)state;
    load_sample(&f);
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++)
        assert_refused(&f.transfer, &f.header, &cases[i]);
    facts_done(&f);
}

static void a_transfer_needs_the_fact_of_its_own_header(void **state)
{
    struct facts f = {0}, g = {0};
    cz_error err = {0};
    size_t len;
    char *text;

    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/116525.json");
    text = read_shared("ethereum-mainnet/116525.json", &len);
    load_sample(&f);
    load_facts(text, len, &g);
    assert_int_equal(check(&f.transfer, &g.header, &err), CZ_BAD_INCLUSION);
    assert_non_null(strstr(err.detail, "without the fact of its block"));
    facts_done(&f);
    facts_done(&g);
    free(text);
}

/* What is not a transfer cannot be claimed as one, although its inclusion is proven: block
 * 116525 has four creations of contracts. */
static void a_creation_cannot_be_claimed_as_a_transfer(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_eth_block_options options = {.threads = 1};
    struct czi_eth_block *b = NULL;
    struct facts f = {0};
    struct czi_fact fact;
    struct czi_trie_proof proof;
    uint8_t key[CZI_RLP_HEAD_SIZE_MAX];
    cz_error err = {0};
    size_t len, at = 0;
    char *text;

    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/116525.json");
    text = read_shared("ethereum-mainnet/116525.json", &len);
    load_facts(text, len, &f);
    assert_ok(czi_eth_block_verify(text, len, &options, &b, &err), err);
    while (b->txs[at].to.present)
        at++;
    assert_ok(czi_fact_decode(f.transfer.data, f.transfer.len, &fact, &err), err);
    czi_trie_prove(b->tx_trie, (struct czi_slice){key, czi_rlp_write_u64(key, at)}, &proof);
    memcpy(fact.proof, proof.nodes, proof.count * sizeof proof.nodes[0]);
    fact.proof_count = proof.count;
    fact.claim[1].number = at;
    assert_ok(czi_fact_encode(&fact, &bytes, &err), err);
    assert_int_equal(check(&bytes, &f.header, &err), CZ_BAD_INCLUSION);
    assert_string_equal(err.detail, "inclusion: the transaction is no transfer");
    czi_eth_block_free(b);
    facts_done(&f);
    free(text);
}

/* What a decoder or the book refuses before is refused here too; and a header whose hash is
 * right must be one. */
static void an_adapter_on_its_own_trusts_nobody(void **state)
{
    const struct czi_adapter *a = &czi_adapter_ethereum;
    struct czi_slice none = {0}, garbage = slice("garbage");
    struct czi_fact header, transfer;
    struct czi_block block;
    struct facts f = {0};
    cz_error err = {0};

    (void)state;
    load_sample(&f);
    assert_ok(czi_fact_decode(f.header.data, f.header.len, &header, &err), err);
    assert_ok(czi_fact_decode(f.transfer.data, f.transfer.len, &transfer, &err), err);
    assert_ok(czi_fact_block(&header, &block, &err), err);
    assert_ok(a->header(none, &header, &err), err);
    assert_ok(a->inclusion(none, &transfer, &block, &err), err);
    block.root_count = 2;
    assert_int_equal(a->inclusion(none, &transfer, &block, &err), CZ_BAD_INCLUSION);
    block.root_count = 3;
    transfer.claim[1].type = CZI_VALUE_NULL;
    assert_int_equal(a->inclusion(none, &transfer, &block, &err), CZ_BAD_INCLUSION);
    assert_non_null(strstr(err.detail, "the form of a transfer's"));
    assert_int_equal(a->inclusion(none, &header, &block, &err), CZ_BAD_INCLUSION);
    header.kind = CZ_FACT_TRANSACTION;
    assert_int_equal(a->header(none, &header, &err), CZ_BAD_HEADER);
    header.kind = CZ_FACT_BLOCK;
    header.has_header = true;
    assert_int_equal(a->header(none, &header, &err), CZ_BAD_HEADER);
    header.has_header = false;
    header.proof[0] = garbage;
    czi_eth_header_hash(garbage.data, garbage.len, header.block_hash);
    assert_int_equal(a->header(none, &header, &err), CZ_BAD_HEADER);
    assert_int_equal(a->parameters(none, &err), CZ_OK);
    assert_int_equal(a->parameters(garbage, &err), CZ_INVALID);
    facts_done(&f);
}

static int stop(void *arg, const cz_id *id, struct czi_slice fact,
                const struct czi_eth_transfer *t, cz_error *err)
{
    (void)id;
    (void)fact;
    (void)t;
    ++*(int *)arg;
    return czi_fail(err, CZ_IO, "enough");
}

static void the_walk_ends_when_it_is_told(void **state)
{
    struct czi_eth_block_options options = {.threads = 1};
    struct czi_eth_block *b = NULL;
    cz_error err = {0};
    int calls = 0;

    (void)state;
    assert_ok(czi_eth_block_verify(eth_block_46147, strlen(eth_block_46147), &options, &b,
                                   &err),
              err);
    assert_int_equal(czi_eth_block_facts(b, stop, &calls, &err), CZ_IO);
    assert_int_equal(calls, 1);
    czi_alloc_fail_after(0);
    assert_int_equal(czi_eth_block_facts(b, stop, &calls, &err), CZ_NOMEM);
    czi_alloc_fail_after(-1);
    czi_eth_block_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_s_facts_hold),
        cmocka_unit_test(all_facts_of_mainnet_blocks_hold),
        cmocka_unit_test(a_block_claims_its_parent_and_its_roots),
        cmocka_unit_test(a_transfer_claims_what_its_transaction_says),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(each_lie_of_a_header_fact_has_its_own_text),
        cmocka_unit_test(each_lie_of_a_transfer_fact_has_its_own_text),
        cmocka_unit_test(a_transfer_needs_the_fact_of_its_own_header),
        cmocka_unit_test(a_creation_cannot_be_claimed_as_a_transfer),
        cmocka_unit_test(an_adapter_on_its_own_trusts_nobody),
        cmocka_unit_test(the_walk_ends_when_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
