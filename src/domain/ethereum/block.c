/* block.c - see block.h. Reading turns JSON into canonical bytes and those into structs;
 * every other member is a *claim*: its only right text is computed and compared. */
#include "domain/ethereum/block.h"

#include "base/limits.h"
#include "codec/keccak.h"
#include "platform/platform.h"

#include <stdatomic.h>

#define UNCLES_MAX 2 /* yellow paper, section 11.1 */
#define MAINNET 1
/* Transactions that a thread takes at a time: about a millisecond, so that the progress moves
 * and nobody waits long for the last one. */
#define RECOVERY_CHUNK 16

const struct czi_eth_unproven czi_eth_unproven[] = {
    {"totalDifficulty", "no hash covers it; it can be computed only for mainnet blocks after "
                        "the merge, where it is a constant"},
    {"uncles", "the header commits to the uncles' headers, of which a block only lists hashes; "
               "that there are none can be verified"},
    {"size", "it counts the uncles' headers; it is verified when there are none"},
};
const size_t czi_eth_unproven_count = CZI_COUNTOF(czi_eth_unproven);

static const struct czi_eth_field withdrawal_rows[] = {
    {"index", NULL, CZI_ETH_U64, 0},
    {"validatorIndex", NULL, CZI_ETH_U64, 0},
    {"address", NULL, CZI_ETH_ADDRESS, 0},
    {"amount", NULL, CZI_ETH_U64, 0},
};
static const struct czi_eth_fields withdrawal_fields = {withdrawal_rows,
                                                        CZI_COUNTOF(withdrawal_rows)};

/* What a claim is about: a block (tx NULL), or one of its transactions. */
struct subject {
    const struct czi_eth_block *b;
    const struct czi_eth_tx *tx;
    size_t index;
    size_t size;           /* of the whole block in RLP, without its head */
    size_t withdrawals;    /* the part of it that the withdrawals are */
    uint64_t claimed_size; /* 0: none */
    bool uncles;           /* there are some */
};

static size_t list_size(size_t payload)
{
    return czi_rlp_head_size(payload) + payload;
}

/* ---- Texts ---------------------------------------------------------------------------- */

static void text_data(struct czi_buf *out, const uint8_t *data, size_t n)
{
    czi_buf_put(out, "0x", 2);
    for (size_t i = 0; i < n; i++)
        czi_buf_printf(out, "%02x", data[i]);
}

static void text_u64(struct czi_buf *out, uint64_t v)
{
    czi_buf_printf(out, "0x%llx", (unsigned long long)v);
}

static void text_u256(struct czi_buf *out, const uint8_t v[32])
{
    size_t i = 0;

    while (i < 31 && !v[i])
        i++;
    czi_buf_printf(out, "0x%x", v[i]);
    for (i++; i < 32; i++)
        czi_buf_printf(out, "%02x", v[i]);
}

/* ---- Claims --------------------------------------------------------------------------- */

/* What a member must be. */
enum expectation {
    EXACTLY,  /* the text that was computed */
    NOTHING,  /* it has no place here */
    ANYTHING, /* a quantity that nothing can verify: one of czi_eth_unproven */
};

struct claim {
    const char *name;
    bool required;
    enum expectation (*expect)(const struct subject *s, struct czi_buf *out);
};

static bool is_unproven(const char *name)
{
    for (size_t i = 0; i < czi_eth_unproven_count; i++)
        if (!strcmp(czi_eth_unproven[i].name, name))
            return true;
    return false;
}

static int check_text(const char *name, json_t *value, const struct czi_buf *expected,
                      cz_error *err)
{
    char shown[CZI_ETH_SHOWN_SIZE];
    const char *text = json_string_value(value);

    if (!text)
        return czi_fail(err, CZ_INVALID, "%s is not text", name);
    if (json_string_length(value) == expected->len &&
        !memcmp(text, expected->data, expected->len))
        return CZ_OK;
    return czi_fail(err, CZ_PROOF, "%s is \"%s\", but from the rest it must be \"%.*s\"", name,
                    czi_eth_shown(text, shown), (int)expected->len,
                    (const char *)expected->data);
}

static int check_claim(const struct claim *c, const struct subject *s, json_t *object,
                       cz_error *err)
{
    CZI_AUTOBUF expected = {0};
    json_t *value = json_object_get(object, c->name);
    uint8_t number[32];

    if (!value)
        return c->required ? czi_fail(err, CZ_INVALID, "%s is missing", c->name) : CZ_OK;
    switch (c->expect(s, &expected)) {
    case NOTHING:
        return czi_fail(err, CZ_PROOF, "%s has no place here", c->name);
    case ANYTHING:
        CZI_CHECK(is_unproven(c->name));
        if (!czi_eth_json_number(value, number, sizeof number))
            return czi_fail(err, CZ_INVALID, "%s is not a quantity", c->name);
        return CZ_OK;
    case EXACTLY:
        break;
    }
    if (expected.failed)
        return czi_nomem(err, "the text of a claim");
    return check_text(c->name, value, &expected, err);
}

static int check_claims(const struct claim *claims, size_t count, const struct subject *s,
                        json_t *object, cz_error *err)
{
    int rc = CZ_OK;

    for (size_t i = 0; i < count && rc == CZ_OK; i++)
        rc = check_claim(&claims[i], s, object, err);
    return rc;
}

static enum expectation expect_block_hash(const struct subject *s, struct czi_buf *out)
{
    text_data(out, s->b->hash, 32);
    return EXACTLY;
}

/* The first transaction that names a chain names it for the block. */
static const struct czi_eth_tx *chain_of(const struct czi_eth_block *b)
{
    for (size_t i = 0; i < b->tx_count; i++)
        if (b->txs[i].has_chain_id)
            return &b->txs[i];
    return NULL;
}

static bool is_mainnet(const struct czi_eth_block *b)
{
    const struct czi_eth_tx *chain = chain_of(b);

    return chain && chain->chain_id == MAINNET;
}

/* anvil (1.7.1) leaves the withdrawals out of its sizes; no other chain than mainnet tells us
 * which node is in use, so there both are right. */
static enum expectation expect_size(const struct subject *s, struct czi_buf *out)
{
    size_t without = list_size(s->size - s->withdrawals);

    if (s->uncles)
        return ANYTHING;
    if (!is_mainnet(s->b) && s->claimed_size == without)
        text_u64(out, without);
    else
        text_u64(out, list_size(s->size));
    return EXACTLY;
}

/* After the merge a block has no difficulty, and the total stays what it was (EIP-3675). */
static enum expectation expect_total_difficulty(const struct subject *s, struct czi_buf *out)
{
    static const uint8_t zero[32];
    static const char final_mainnet[] = "0xc70d815d562d3cfa955";

    if (memcmp(s->b->header.difficulty, zero, 32) != 0 || !is_mainnet(s->b))
        return ANYTHING;
    czi_buf_put(out, final_mainnet, strlen(final_mainnet));
    return EXACTLY;
}

static enum expectation expect_number(const struct subject *s, struct czi_buf *out)
{
    text_u64(out, s->b->header.number);
    return EXACTLY;
}

static enum expectation expect_timestamp(const struct subject *s, struct czi_buf *out)
{
    text_u64(out, s->b->header.timestamp);
    return EXACTLY;
}

static enum expectation expect_tx_hash(const struct subject *s, struct czi_buf *out)
{
    uint8_t hash[32];

    czi_eth_tx_hash(s->tx, hash);
    text_data(out, hash, 32);
    return EXACTLY;
}

static enum expectation expect_index(const struct subject *s, struct czi_buf *out)
{
    text_u64(out, s->index);
    return EXACTLY;
}

static enum expectation expect_type(const struct subject *s, struct czi_buf *out)
{
    text_u64(out, (uint64_t)s->tx->type);
    return EXACTLY;
}

static enum expectation expect_chain_id(const struct subject *s, struct czi_buf *out)
{
    if (!s->tx->has_chain_id)
        return NOTHING;
    text_u64(out, s->tx->chain_id);
    return EXACTLY;
}

static enum expectation expect_v(const struct subject *s, struct czi_buf *out)
{
    text_u64(out, s->tx->v);
    return EXACTLY;
}

static enum expectation expect_parity(const struct subject *s, struct czi_buf *out)
{
    text_u64(out, s->tx->y_parity);
    return EXACTLY;
}

/* a + b, or the largest number when that is beyond 256 bits. */
static void add256(const uint8_t a[32], const uint8_t b[32], uint8_t out[32])
{
    unsigned carry = 0;

    for (size_t i = 32; i-- > 0;) {
        carry += (unsigned)a[i] + b[i];
        out[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry)
        memset(out, 0xff, 32);
}

/* What was paid for gas: with a dynamic fee (EIP-1559), the base fee and the priority fee, at
 * most the maximum. */
static enum expectation expect_gas_price(const struct subject *s, struct czi_buf *out)
{
    uint8_t price[32];

    if (s->tx->type < CZI_ETH_DYNAMIC_FEE) {
        text_u256(out, s->tx->gas_price);
        return EXACTLY;
    }
    add256(s->b->header.base_fee, s->tx->max_priority_fee, price);
    text_u256(out, memcmp(price, s->tx->max_fee, 32) < 0 ? price : s->tx->max_fee);
    return EXACTLY;
}

static enum expectation expect_from(const struct subject *s, struct czi_buf *out)
{
    text_data(out, s->b->senders[s->index], 20);
    return EXACTLY;
}

static const struct claim hash_claim = {"hash", true, expect_block_hash};
static const struct claim block_claims[] = {
    {"size", false, expect_size},
    {"totalDifficulty", false, expect_total_difficulty},
};
static const struct claim tx_claims[] = {
    {"hash", true, expect_tx_hash},           {"type", true, expect_type},
    {"blockHash", true, expect_block_hash},   {"blockNumber", true, expect_number},
    {"transactionIndex", true, expect_index}, {"blockTimestamp", false, expect_timestamp},
    {"chainId", false, expect_chain_id},      {"v", false, expect_v},
    {"yParity", false, expect_parity},        {"gasPrice", true, expect_gas_price},
};
static const struct claim from_claim = {"from", true, expect_from};

/* ---- Members -------------------------------------------------------------------------- */

static bool has_claim(const struct claim *claims, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(claims[i].name, name))
            return true;
    return false;
}

static bool block_knows(const struct czi_eth_fields *fields, const char *name)
{
    return czi_eth_fields_have(fields, name) || !strcmp(name, hash_claim.name) ||
           !strcmp(name, "transactions") || !strcmp(name, "uncles") ||
           !strcmp(name, "withdrawals") ||
           has_claim(block_claims, CZI_COUNTOF(block_claims), name);
}

static bool tx_knows(const struct czi_eth_fields *fields, const char *name)
{
    return czi_eth_fields_have(fields, name) || !strcmp(name, from_claim.name) ||
           has_claim(tx_claims, CZI_COUNTOF(tx_claims), name);
}

static bool withdrawal_knows(const struct czi_eth_fields *fields, const char *name)
{
    return czi_eth_fields_have(fields, name);
}

/* Refuses what is no object, or has a member that nobody would verify. */
static int check_members(json_t *object, const struct czi_eth_fields *fields,
                         bool (*knows)(const struct czi_eth_fields *fields, const char *name),
                         cz_error *err)
{
    char shown[CZI_ETH_SHOWN_SIZE];
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return czi_fail(err, CZ_INVALID, "not an object");
    json_object_foreach(object, name, value)
    {
        if (!knows(fields, name))
            return czi_fail(err, CZ_INVALID, "unknown field \"%s\" cannot be verified",
                            czi_eth_shown(name, shown));
    }
    return CZ_OK;
}

/* A member that is an array. */
static int get_array(json_t *object, const char *name, json_t **ret, cz_error *err)
{
    json_t *array = NULL;
    int rc = czi_eth_json_get(object, name, NULL, &array, err);

    if (rc == CZ_OK && !json_is_array(array))
        rc = czi_fail(err, CZ_INVALID, "%s is not an array", name);
    if (rc == CZ_OK)
        *ret = array;
    return rc;
}

/* ---- Roots ---------------------------------------------------------------------------- */

/* The trie over values by index. */
static int build_indexed(const struct czi_slice *values, size_t count, struct czi_trie **ret,
                         cz_error *err)
{
    uint8_t(*keys)[CZI_RLP_HEAD_SIZE_MAX] CZI_AUTOFREE = czi_alloc_zero(count, sizeof *keys);
    struct czi_trie_entry *entries CZI_AUTOFREE = czi_alloc_zero(count, sizeof *entries);

    if (!keys || !entries)
        return czi_nomem(err, "the entries of a trie");
    for (size_t i = 0; i < count; i++) {
        entries[i].key = (struct czi_slice){keys[i], czi_rlp_write_u64(keys[i], i)};
        entries[i].value = values[i];
    }
    return czi_trie_build(entries, count, ret, err);
}

static int check_root(const struct czi_trie *trie, const uint8_t expected[32], const char *name,
                      const char *of, cz_error *err)
{
    uint8_t root[32];
    char is[65], must[65];

    czi_trie_root(trie, root);
    if (!memcmp(root, expected, 32))
        return CZ_OK;
    czi_hex(is, expected, 32);
    czi_hex(must, root, 32);
    return czi_fail(err, CZ_PROOF, "%s is 0x%s, but the trie of the %s has the root 0x%s", name,
                    is, of, must);
}

/* The withdrawals in RLP, one list each, and their trie's root against the header. Adds their
 * part of the block's size. */
static int check_withdrawals(struct subject *s, json_t *object, cz_error *err)
{
    CZI_AUTOBUF rlp = {0};
    struct czi_slice *values CZI_AUTOFREE = NULL;
    struct czi_trie *trie = NULL;
    json_t *array = NULL;
    size_t count;
    int rc;

    if (s->b->header.field_count < CZI_ETH_SHANGHAI_FIELDS)
        return json_object_get(object, "withdrawals")
                   ? czi_fail(err, CZ_PROOF, "withdrawals, but the header has no root of them")
                   : CZ_OK;
    rc = get_array(object, "withdrawals", &array, err);
    count = json_array_size(array);
    for (size_t i = 0; i < count && rc == CZ_OK; i++) {
        json_t *withdrawal = json_array_get(array, i);
        size_t opened = czi_rlp_open(&rlp);

        rc = check_members(withdrawal, &withdrawal_fields, withdrawal_knows, err);
        if (rc == CZ_OK)
            rc = czi_eth_json_to_rlp(&withdrawal_fields, withdrawal, &rlp, err);
        if (rc != CZ_OK)
            return czi_wrap(err, rc, "withdrawal %zu", i);
        czi_rlp_close(&rlp, opened);
    }
    if (rc != CZ_OK)
        return rc;
    values = czi_alloc_zero(count, sizeof *values);
    if (!values || rlp.failed)
        return czi_nomem(err, "withdrawals");
    struct czi_rlp r = czi_rlp(rlp.data, rlp.len);
    for (size_t i = 0; i < count; i++)
        values[i] = czi_rlp_item(&r).whole;
    s->withdrawals = list_size(rlp.len);
    s->size += s->withdrawals;
    rc = build_indexed(values, count, &trie, err);
    if (rc == CZ_OK)
        rc = check_root(trie, s->b->header.withdrawals_root, "withdrawalsRoot", "withdrawals",
                        err);
    czi_trie_free(trie);
    return rc;
}

/* ---- Header and uncles ---------------------------------------------------------------- */

static int read_header(struct czi_eth_block *b, json_t *object,
                       const struct czi_eth_block_options *options, cz_error *err)
{
    struct subject s = {.b = b};
    char is[65], trusted[65];
    int rc = czi_eth_header_encode(object, &b->header_rlp, err);

    if (rc == CZ_OK)
        rc = czi_eth_header_decode(b->header_rlp.data, b->header_rlp.len, &b->header, err);
    if (rc != CZ_OK)
        return rc;
    czi_eth_header_hash(b->header_rlp.data, b->header_rlp.len, b->hash);
    rc = check_claim(&hash_claim, &s, object, err);
    if (rc != CZ_OK)
        return czi_wrap(err, rc, "header");
    b->pinned = options->trust != NULL;
    if (!b->pinned || !memcmp(options->trust, b->hash, 32))
        return CZ_OK;
    czi_hex(is, b->hash, 32);
    czi_hex(trusted, options->trust, 32);
    return czi_fail(err, CZ_PROOF, "hash is 0x%s, not the trusted 0x%s", is, trusted);
}

static int check_uncles(struct subject *s, json_t *object, cz_error *err)
{
    json_t *array = NULL;
    uint8_t none[32], hash[32];
    int rc = get_array(object, "uncles", &array, err);
    size_t count = json_array_size(array);

    if (rc != CZ_OK)
        return rc;
    czi_keccak256("\xc0", 1, none);
    s->uncles = count > 0;
    if (s->uncles == !memcmp(none, s->b->header.uncles_hash, 32))
        return czi_fail(err, CZ_PROOF, "uncles: there are %zu, but sha3Uncles says %s", count,
                        s->uncles ? "none" : "some");
    if (count > UNCLES_MAX)
        return czi_fail(err, CZ_INVALID, "uncles: %zu; a block has at most %d", count,
                        UNCLES_MAX);
    for (size_t i = 0; i < count; i++)
        if (!czi_eth_json_bytes(json_array_get(array, i), hash, sizeof hash))
            return czi_fail(err, CZ_INVALID, "uncles: element %zu is not a hash", i);
    return CZ_OK;
}

/* ---- Transactions --------------------------------------------------------------------- */

/* "transaction 3 (0x…): " in front of what went wrong with it. */
static int wrap_tx(cz_error *err, int rc, size_t i, json_t *object)
{
    char shown[CZI_ETH_SHOWN_SIZE];
    const char *hash = json_string_value(json_object_get(object, "hash"));

    return czi_wrap(err, rc, "transaction %zu (%s)", i,
                    hash ? czi_eth_shown(hash, shown) : "without hash");
}

/* All canonical bytes, one behind another; ends[i] is where those of i end. */
static int encode_txs(struct czi_eth_block *b, json_t *array, size_t *ends, cz_error *err)
{
    for (size_t i = 0; i < b->tx_count; i++) {
        json_t *object = json_array_get(array, i);
        int rc;

        if (json_is_string(object))
            return czi_fail(err, CZ_INVALID,
                            "transactions are there by hash only: ask for the block with full "
                            "transactions, eth_getBlockByNumber(n, true)");
        rc = czi_eth_tx_encode(object, &b->tx_bytes, err);
        if (rc != CZ_OK)
            return wrap_tx(err, rc, i, object);
        ends[i] = b->tx_bytes.len;
    }
    return CZ_OK;
}

static int check_chain(const struct subject *s, cz_error *err)
{
    const struct czi_eth_tx *chain = chain_of(s->b);

    if (!s->tx->has_chain_id || chain->chain_id == s->tx->chain_id)
        return CZ_OK;
    return czi_fail(err, CZ_PROOF, "chain id 0x%llx, but transactions before it have 0x%llx",
                    (unsigned long long)s->tx->chain_id, (unsigned long long)chain->chain_id);
}

static int decode_txs(struct subject *s, struct czi_eth_block *b, json_t *array,
                      const size_t *ends, cz_error *err)
{
    for (size_t i = 0, begin = 0; i < b->tx_count; begin = ends[i++]) {
        json_t *object = json_array_get(array, i);
        struct subject of = {.b = b, .tx = &b->txs[i], .index = i};
        size_t len = ends[i] - begin;
        int rc = czi_eth_tx_decode(b->tx_bytes.data + begin, len, &b->txs[i], err);

        if (rc == CZ_OK)
            rc = check_members(object, czi_eth_tx_fields(b->txs[i].type), tx_knows, err);
        if (rc == CZ_OK)
            rc = check_claims(tx_claims, CZI_COUNTOF(tx_claims), &of, object, err);
        if (rc == CZ_OK)
            rc = check_chain(&of, err);
        if (rc != CZ_OK)
            return wrap_tx(err, rc, i, object);
        /* In a block's body a typed transaction is a string, a legacy one a list. */
        s->size += len + (b->txs[i].type == CZI_ETH_LEGACY ? 0 : czi_rlp_head_size(len));
    }
    s->size = list_size(s->size);
    return CZ_OK;
}

static int build_tx_trie(struct czi_eth_block *b, cz_error *err)
{
    struct czi_slice *values CZI_AUTOFREE = czi_alloc_zero(b->tx_count, sizeof *values);

    if (!values)
        return czi_nomem(err, "transactions");
    for (size_t i = 0; i < b->tx_count; i++)
        values[i] = b->txs[i].bytes;
    return build_indexed(values, b->tx_count, &b->tx_trie, err);
}

static int read_txs(struct subject *s, struct czi_eth_block *b, json_t *object, cz_error *err)
{
    size_t *ends CZI_AUTOFREE = NULL;
    json_t *array = NULL;
    int rc = get_array(object, "transactions", &array, err);

    if (rc != CZ_OK)
        return rc;
    b->tx_count = json_array_size(array);
    ends = czi_alloc_zero(b->tx_count, sizeof *ends);
    b->txs = czi_alloc_zero(b->tx_count, sizeof *b->txs);
    b->senders = czi_alloc_zero(b->tx_count, sizeof *b->senders);
    if (!ends || !b->txs || !b->senders)
        return czi_nomem(err, "transactions");
    rc = encode_txs(b, array, ends, err);
    if (rc == CZ_OK)
        rc = decode_txs(s, b, array, ends, err);
    if (rc == CZ_OK)
        rc = build_tx_trie(b, err);
    if (rc == CZ_OK)
        rc = check_root(b->tx_trie, b->header.transactions_root, "transactionsRoot",
                        "transactions", err);
    return rc;
}

/* ---- Senders -------------------------------------------------------------------------- */

/* The work that threads share: each takes the next chunk until there is none. */
struct recovery {
    struct czi_eth_block *b;
    atomic_size_t next, done;
};

static bool recover_chunk(struct recovery *r)
{
    struct czi_eth_block *b = r->b;
    size_t begin = atomic_fetch_add(&r->next, RECOVERY_CHUNK), end;

    if (begin >= b->tx_count)
        return false;
    end = CZI_MIN(begin + RECOVERY_CHUNK, b->tx_count);
    /* A failure leaves the sender zero, and is found again, with its text, in check_senders:
     * so the first one is reported whatever thread met it. */
    for (size_t i = begin; i < end; i++)
        if (czi_eth_tx_sender(&b->txs[i], b->header.number, b->senders[i], NULL))
            memset(b->senders[i], 0, sizeof b->senders[i]);
    atomic_fetch_add(&r->done, end - begin);
    return true;
}

static void recover_all(void *arg)
{
    while (recover_chunk(arg))
        ;
}

static int recover_senders(struct czi_eth_block *b, const struct czi_eth_block_options *options,
                           cz_error *err)
{
    struct recovery r = {.b = b};
    struct czi_thread *helpers[CZI_THREADS_MAX];
    size_t chunks = (b->tx_count + RECOVERY_CHUNK - 1) / RECOVERY_CHUNK, started = 0;
    unsigned threads = options->threads ? options->threads : czi_cpu_count();
    int rc = CZ_OK;

    threads = CZI_MIN(threads, CZI_THREADS_MAX);
    while (rc == CZ_OK && started + 1 < CZI_MIN(threads, chunks)) {
        rc = czi_thread_start(&helpers[started], recover_all, &r, "cz-recover", err);
        started += rc == CZ_OK;
    }
    while (rc == CZ_OK && recover_chunk(&r))
        if (options->progress)
            options->progress(options->arg, atomic_load(&r.done), b->tx_count);
    while (started > 0)
        czi_thread_join(helpers[--started]);
    if (rc == CZ_OK && options->progress)
        options->progress(options->arg, b->tx_count, b->tx_count);
    return rc;
}

static int check_senders(const struct czi_eth_block *b, json_t *object, cz_error *err)
{
    static const uint8_t zero[20];
    json_t *array = json_object_get(object, "transactions");
    uint8_t again[20];

    for (size_t i = 0; i < b->tx_count; i++) {
        struct subject of = {.b = b, .tx = &b->txs[i], .index = i};
        int rc = CZ_OK;

        if (!memcmp(b->senders[i], zero, 20))
            rc = czi_eth_tx_sender(&b->txs[i], b->header.number, again, err);
        if (rc == CZ_OK)
            rc = check_claim(&from_claim, &of, json_array_get(array, i), err);
        if (rc != CZ_OK)
            return wrap_tx(err, rc, i, json_array_get(array, i));
    }
    return CZ_OK;
}

/* ---- The whole ------------------------------------------------------------------------ */

static int verify(struct czi_eth_block *b, json_t *object,
                  const struct czi_eth_block_options *options, cz_error *err)
{
    struct subject s = {.b = b};
    int rc = check_members(object, &czi_eth_header_fields, block_knows, err);

    if (rc == CZ_OK)
        rc = read_header(b, object, options, err);
    if (rc == CZ_OK)
        rc = check_uncles(&s, object, err);
    if (rc == CZ_OK)
        rc = read_txs(&s, b, object, err);
    if (rc == CZ_OK)
        rc = check_withdrawals(&s, object, err);
    s.size += b->header_rlp.len + 1; /* the empty list of uncles */
    if (!czi_eth_json_u64(json_object_get(object, "size"), &s.claimed_size))
        s.claimed_size = 0;
    if (rc == CZ_OK)
        rc = check_claims(block_claims, CZI_COUNTOF(block_claims), &s, object, err);
    if (rc == CZ_OK)
        rc = recover_senders(b, options, err);
    if (rc == CZ_OK)
        rc = check_senders(b, object, err);
    return rc;
}

/* The block within a JSON-RPC answer, or the document itself. */
static int unwrap(json_t *document, json_t **ret, cz_error *err)
{
    static const char *const envelope[] = {"jsonrpc", "id", "result"};
    char shown[CZI_ETH_SHOWN_SIZE];
    const char *name;
    json_t *value;
    size_t known;

    *ret = document;
    if (!json_object_get(document, "result") && !json_object_get(document, "error"))
        return CZ_OK;
    json_object_foreach(document, name, value)
    {
        for (known = 0; known < CZI_COUNTOF(envelope); known++)
            if (!strcmp(name, envelope[known]))
                break;
        if (known == CZI_COUNTOF(envelope))
            return czi_fail(err, CZ_INVALID, "the JSON-RPC answer has the member \"%s\"",
                            czi_eth_shown(name, shown));
    }
    *ret = json_object_get(document, "result");
    return json_is_null(*ret) ? czi_fail(err, CZ_INVALID,
                                         "the JSON-RPC answer has no block: the node does not "
                                         "know it")
                              : CZ_OK;
}

static void free_json(json_t **document)
{
    json_decref(*document);
}

static int load(const char *json, size_t len, json_t **ret, cz_error *err)
{
    char shown[CZI_ETH_SHOWN_SIZE];
    json_error_t where;

    if (len > CZI_BLOCK_FILE_MAX)
        return czi_fail(err, CZ_LIMIT, "%zu bytes of JSON; CZI_BLOCK_FILE_MAX is %u", len,
                        CZI_BLOCK_FILE_MAX);
    *ret = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
    if (!*ret)
        return czi_fail(err, CZ_INVALID, "JSON, line %d, column %d: %s", where.line,
                        where.column, czi_eth_shown(where.text, shown));
    return CZ_OK;
}

int czi_eth_block_verify(const char *json, size_t len,
                         const struct czi_eth_block_options *options,
                         struct czi_eth_block **ret, cz_error *err)
{
    json_t *document CZI_CLEANUP(free_json) = NULL;
    json_t *object = NULL;
    struct czi_eth_block *b;
    uint64_t number = 0;
    int rc = load(json, len, &document, err);

    if (rc == CZ_OK)
        rc = unwrap(document, &object, err);
    if (rc != CZ_OK)
        return rc;
    b = czi_alloc_zero(1, sizeof *b);
    if (!b)
        return czi_nomem(err, "a block");
    rc = verify(b, object, options, err);
    if (rc == CZ_OK) {
        *ret = b;
        return CZ_OK;
    }
    czi_eth_block_free(b);
    if (czi_eth_json_u64(json_object_get(object, "number"), &number))
        return czi_wrap(err, rc, "block %llu", (unsigned long long)number);
    return czi_wrap(err, rc, "block");
}

void czi_eth_block_free(struct czi_eth_block *b)
{
    if (!b)
        return;
    czi_trie_free(b->tx_trie);
    czi_buf_done(&b->header_rlp);
    czi_buf_done(&b->tx_bytes);
    czi_free(b->txs);
    czi_free(b->senders);
    czi_free(b);
}

bool czi_eth_block_next_transfer(const struct czi_eth_block *b, size_t *at,
                                 struct czi_eth_transfer *ret)
{
    for (size_t i = *at; i < b->tx_count; i++)
        if (czi_eth_transfer_of(&b->txs[i], (uint32_t)i, b->senders[i], ret)) {
            *at = i + 1;
            return true;
        }
    *at = b->tx_count;
    return false;
}
