/* fact.c - see fact.h. The adapter: a transfer takes one recovery, about 40 us. */
#include "domain/ethereum/fact.h"

#include "domain/domain.h"

#define EVENT_KEY_SIZE 36 /* transaction hash, then the number within it, big-endian */
_Static_assert(CZI_TRIE_PROOF_MAX <= CZI_FACT_PROOF_ITEMS_MAX, "every trie proof fits a fact");

static const struct czi_slice domain = {(const uint8_t *)CZI_ETH_DOMAIN,
                                        sizeof CZI_ETH_DOMAIN - 1};

static bool same(struct czi_slice a, struct czi_slice b)
{
    return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

/* ---- The claim of a block ------------------------------------------------------------- */

enum block_claim {
    BLOCK_PARENT,
    BLOCK_TRANSACTIONS,
    BLOCK_RECEIPTS,
    BLOCK_STATE,
    BLOCK_ITEMS,
};

static const char *const block_names[BLOCK_ITEMS] = {
    [BLOCK_PARENT] = "parent",
    [BLOCK_TRANSACTIONS] = "transactions root",
    [BLOCK_RECEIPTS] = "receipts root",
    [BLOCK_STATE] = "state root",
};

/* Of a block, the roots come behind its parent. */
#define ROOT_TRANSACTIONS (BLOCK_TRANSACTIONS - 1)
#define ROOTS (BLOCK_ITEMS - 1)

static struct czi_fact_value bytes_value(const uint8_t *data, size_t len)
{
    return (struct czi_fact_value){.type = CZI_VALUE_BYTES, .bytes = {data, len}};
}

/* The values point into the header. */
static void make_block_claim(const struct czi_eth_header *h,
                             struct czi_fact_value claim[BLOCK_ITEMS])
{
    claim[BLOCK_PARENT] = bytes_value(h->parent_hash, 32);
    claim[BLOCK_TRANSACTIONS] = bytes_value(h->transactions_root, 32);
    claim[BLOCK_RECEIPTS] = bytes_value(h->receipts_root, 32);
    claim[BLOCK_STATE] = bytes_value(h->state_root, 32);
}

/* ---- The claim of a transfer ---------------------------------------------------------- */

enum claim_item {
    CLAIM_HASH,
    CLAIM_INDEX,
    CLAIM_STANDARD,
    CLAIM_SENDER,
    CLAIM_FROM,
    CLAIM_TO,
    CLAIM_TOKEN,
    CLAIM_AMOUNT,
    CLAIM_ITEMS,
};

static const char *const claim_names[CLAIM_ITEMS] = {
    [CLAIM_HASH] = "transaction hash",
    [CLAIM_INDEX] = "transaction index",
    [CLAIM_STANDARD] = "standard",
    [CLAIM_SENDER] = "sender",
    [CLAIM_FROM] = "from",
    [CLAIM_TO] = "to",
    [CLAIM_TOKEN] = "token",
    [CLAIM_AMOUNT] = "amount",
};

/* What a transfer's fact must claim. The values point into hash, t and static text. */
static void make_claim(const uint8_t hash[32], const struct czi_eth_transfer *t,
                       struct czi_fact_value claim[CLAIM_ITEMS])
{
    const char *standard = czi_eth_standard_name(t->standard);
    size_t zeroes = 0;

    while (zeroes < sizeof t->amount && !t->amount[zeroes])
        zeroes++;
    claim[CLAIM_HASH] = bytes_value(hash, 32);
    claim[CLAIM_INDEX] = (struct czi_fact_value){CZI_VALUE_UINT, t->tx_index, {0}};
    claim[CLAIM_STANDARD] = bytes_value((const uint8_t *)standard, strlen(standard));
    claim[CLAIM_STANDARD].type = CZI_VALUE_TEXT;
    claim[CLAIM_SENDER] = bytes_value(t->sender, sizeof t->sender);
    claim[CLAIM_FROM] = bytes_value(t->from, sizeof t->from);
    claim[CLAIM_TO] = bytes_value(t->to, sizeof t->to);
    claim[CLAIM_TOKEN] = bytes_value(t->token, sizeof t->token);
    if (t->standard == CZI_ETH_NATIVE)
        claim[CLAIM_TOKEN] = (struct czi_fact_value){.type = CZI_VALUE_NULL};
    claim[CLAIM_AMOUNT] = bytes_value(t->amount + zeroes, sizeof t->amount - zeroes);
}

static void make_event_key(const uint8_t hash[32], uint8_t key[EVENT_KEY_SIZE])
{
    memcpy(key, hash, 32);
    memset(key + 32, 0, EVENT_KEY_SIZE - 32);
}

/* ---- Making --------------------------------------------------------------------------- */

static void set_anchor(struct czi_fact *f, const struct czi_eth_block *b)
{
    f->domain = domain;
    f->height = b->header.number;
    f->time = b->header.timestamp;
    memcpy(f->block_hash, b->hash, sizeof f->block_hash);
    f->finality = CZ_SEEN;
    f->trust = b->pinned ? CZI_TRUST_PINNED : CZI_TRUST_OPERATOR;
}

static void make_block_fact(const struct czi_eth_block *b, struct czi_fact *f)
{
    *f = (struct czi_fact){.kind = CZ_FACT_BLOCK};
    set_anchor(f, b);
    f->event_key = (struct czi_slice){b->hash, sizeof b->hash};
    f->proof_count = 1;
    f->proof[0] = czi_buf_slice(&b->header_rlp);
    f->claim_count = BLOCK_ITEMS;
    make_block_claim(&b->header, f->claim);
}

static int emit(const struct czi_fact *f, const struct czi_eth_transfer *t, struct czi_buf *buf,
                czi_eth_fact_fn fn, void *arg, cz_id *ret_id, cz_error *err)
{
    int rc = czi_fact_encode(f, buf, err);

    if (rc != CZ_OK)
        return t ? czi_wrap(err, rc, "transaction %u", t->tx_index) : rc;
    *ret_id = czi_fact_id(buf->data, buf->len);
    return fn(arg, ret_id, czi_buf_slice(buf), t, err);
}

static int emit_transfer(const struct czi_eth_block *b, const struct czi_eth_transfer *t,
                         const cz_id *header, struct czi_buf *buf, czi_eth_fact_fn fn,
                         void *arg, cz_error *err)
{
    struct czi_fact f = {.kind = CZ_FACT_TRANSACTION, .has_header = true, .header = *header};
    uint8_t hash[32], event_key[EVENT_KEY_SIZE], index[CZI_RLP_HEAD_SIZE_MAX];
    struct czi_trie_proof proof;
    cz_id id;

    set_anchor(&f, b);
    czi_eth_tx_hash(&b->txs[t->tx_index], hash);
    make_event_key(hash, event_key);
    f.event_key = (struct czi_slice){event_key, sizeof event_key};
    czi_trie_prove(b->tx_trie, (struct czi_slice){index, czi_rlp_write_u64(index, t->tx_index)},
                   &proof);
    f.proof_count = proof.count;
    memcpy(f.proof, proof.nodes, proof.count * sizeof proof.nodes[0]);
    f.claim_count = CLAIM_ITEMS;
    make_claim(hash, t, f.claim);
    return emit(&f, t, buf, fn, arg, &id, err);
}

int czi_eth_block_facts(const struct czi_eth_block *b, czi_eth_fact_fn fn, void *arg,
                        cz_error *err)
{
    CZI_AUTOBUF buf = {0};
    struct czi_eth_transfer t;
    struct czi_fact f;
    cz_id header;
    size_t at = 0;
    int rc;

    make_block_fact(b, &f);
    rc = emit(&f, NULL, &buf, fn, arg, &header, err);
    while (rc == CZ_OK && czi_eth_block_next_transfer(b, &at, &t))
        rc = emit_transfer(b, &t, &header, &buf, fn, arg, err);
    return rc;
}

/* ---- Verifying ------------------------------------------------------------------------ */

/* The text that err holds, as this fault. */
static int as_fault(int rc, int fault, cz_error *err)
{
    if (rc == CZ_NOMEM)
        return rc;
    if (err)
        err->code = fault;
    return fault;
}

static bool same_value(const struct czi_fact_value *a, const struct czi_fact_value *b)
{
    return a->type == b->type && a->number == b->number && same(a->bytes, b->bytes);
}

static int check_parameters(struct czi_slice parameters, cz_error *err)
{
    if (parameters.len)
        return czi_fail(err, CZ_INVALID, "adapter ethereum wants none, not %zu bytes",
                        parameters.len);
    return CZ_OK;
}

static int check_block_claim(const struct czi_fact *f, const struct czi_eth_header *h,
                             cz_error *err)
{
    struct czi_fact_value expected[BLOCK_ITEMS];

    make_block_claim(h, expected);
    for (size_t i = 0; i < BLOCK_ITEMS; i++)
        if (!same_value(&f->claim[i], &expected[i]))
            return czi_fail(err, CZ_BAD_HEADER, "the claimed %s is not the header's",
                            block_names[i]);
    return CZ_OK;
}

/* Who vouches for the header, the operator or a hash given beforehand, nothing here can show.
 */
static int check_header(struct czi_slice parameters, const struct czi_fact *f, cz_error *err)
{
    struct czi_eth_header h;
    uint8_t hash[32];
    int rc;

    (void)parameters;
    if (f->kind != CZ_FACT_BLOCK || f->has_header || f->proof_count != 1 ||
        f->claim_count != BLOCK_ITEMS)
        return czi_fail(err, CZ_BAD_HEADER, "it does not have the form of a block's fact");
    czi_eth_header_hash(f->proof[0].data, f->proof[0].len, hash);
    if (memcmp(hash, f->block_hash, 32) != 0)
        return czi_fail(err, CZ_BAD_HEADER, "the header's hash is not that of the anchor");
    rc = czi_eth_header_decode(f->proof[0].data, f->proof[0].len, &h, err);
    if (rc != CZ_OK)
        return as_fault(rc, CZ_BAD_HEADER, err);
    if (f->height != h.number)
        return czi_fail(err, CZ_BAD_HEADER, "the anchor's height is not the header's number");
    if (f->time != h.timestamp)
        return czi_fail(err, CZ_BAD_HEADER, "the anchor's time is not the header's timestamp");
    if (!same(f->event_key, (struct czi_slice){f->block_hash, sizeof f->block_hash}))
        return czi_fail(err, CZ_BAD_HEADER, "the event key is not the block's hash");
    if (f->finality != CZ_SEEN || f->trust == CZI_TRUST_SIGNED)
        return czi_fail(err, CZ_BAD_HEADER, "a header shows neither finality nor signatures");
    return check_block_claim(f, &h, err);
}

/* That the claim is what the transaction says. */
static int check_claim(const struct czi_fact *f, const struct czi_eth_tx *tx, cz_error *err)
{
    struct czi_fact_value expected[CLAIM_ITEMS];
    struct czi_eth_transfer t;
    uint8_t sender[20], hash[32], event_key[EVENT_KEY_SIZE];
    int rc = czi_eth_tx_sender(tx, f->height, sender, err);

    if (rc != CZ_OK)
        return as_fault(rc, CZ_BAD_INCLUSION, err);
    if (!czi_eth_transfer_of(tx, (uint32_t)f->claim[CLAIM_INDEX].number, sender, &t))
        return czi_fail(err, CZ_BAD_INCLUSION, "the transaction is no transfer");
    czi_eth_tx_hash(tx, hash);
    make_claim(hash, &t, expected);
    for (size_t i = 0; i < CLAIM_ITEMS; i++)
        if (!same_value(&f->claim[i], &expected[i]))
            return czi_fail(err, CZ_BAD_INCLUSION, "the claimed %s is not the transaction's",
                            claim_names[i]);
    make_event_key(hash, event_key);
    if (!same(f->event_key, (struct czi_slice){event_key, sizeof event_key}))
        return czi_fail(err, CZ_BAD_INCLUSION, "the event key is not the transaction's");
    return CZ_OK;
}

static int check_inclusion(struct czi_slice parameters, const struct czi_fact *f,
                           const struct czi_block *block, cz_error *err)
{
    const struct czi_fact_value *index = &f->claim[CLAIM_INDEX];
    uint8_t key[CZI_RLP_HEAD_SIZE_MAX];
    struct czi_slice value = {0};
    struct czi_eth_tx tx;
    int rc;

    (void)parameters;
    if (f->kind != CZ_FACT_TRANSACTION || f->claim_count != CLAIM_ITEMS ||
        index->type != CZI_VALUE_UINT || index->number > UINT32_MAX)
        return czi_fail(err, CZ_BAD_INCLUSION, "it does not have the form of a transfer's");
    if (f->finality != CZ_SEEN)
        return czi_fail(err, CZ_BAD_INCLUSION, "inclusion does not prove finality");
    if (block->root_count != ROOTS)
        return czi_fail(err, CZ_BAD_INCLUSION, "its block does not have %d roots", ROOTS);
    rc = czi_trie_verify(block->roots[ROOT_TRANSACTIONS],
                         (struct czi_slice){key, czi_rlp_write_u64(key, index->number)},
                         f->proof, f->proof_count, &value, err);
    if (rc != CZ_OK)
        return as_fault(rc, CZ_BAD_INCLUSION, err);
    if (!value.data)
        return czi_fail(err, CZ_BAD_INCLUSION,
                        "the proof shows that the block has no transaction %u",
                        (unsigned)index->number);
    rc = czi_eth_tx_decode(value.data, value.len, &tx, err);
    if (rc != CZ_OK)
        return as_fault(rc, CZ_BAD_INCLUSION, err);
    return check_claim(f, &tx, err);
}

/* What nobody has signed, nobody can contradict: a retraction is the operator's word. */
const struct czi_adapter czi_adapter_ethereum = {
    .name = "ethereum",
    .parameters = check_parameters,
    .header = check_header,
    .inclusion = check_inclusion,
};
