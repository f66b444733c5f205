/* test_eth_block.c - real blocks verify, and nothing in them can be changed unnoticed.
 *
 * The falsifier walks every member of a block and changes one hex digit of every text in it:
 * all of the header, and all members of sampled withdrawals and transactions.
 */
#include "base/limits.h"
#include "domain/ethereum/block.h"
#include "unit/eth_sample.h"
#include "unit/shared.h"

/* The first block after the merge (EIP-3675). */
#define MERGE 15537394u

/* Verification of a block in JSON; one thread unless told. */
static int verify_text(const char *text, size_t len, unsigned threads,
                       struct czi_eth_block **ret, cz_error *err)
{
    struct czi_eth_block_options options = {.threads = threads};

    return czi_eth_block_verify(text, len, &options, ret, err);
}

static int verify_json(json_t *document, cz_error *err)
{
    struct czi_eth_block *b = NULL;
    char *text = json_dumps(document, JSON_COMPACT);
    int rc = verify_text(text, strlen(text), 1, &b, err);

    free(text);
    czi_eth_block_free(b);
    return rc;
}

static json_t *sample_json(void)
{
    return json_loads(eth_block_46147, 0, NULL);
}

static void the_first_transfer_of_mainnet_verifies(void **state)
{
    struct czi_eth_block *b = NULL;
    struct czi_eth_transfer t;
    cz_error err = {0};
    size_t at = 0;
    char hex[65];

    (void)state;
    assert_ok(verify_text(eth_block_46147, strlen(eth_block_46147), 1, &b, &err), err);
    assert_int_equal(b->tx_count, 1);
    assert_int_equal(b->header.number, 46147);
    assert_true(czi_eth_block_next_transfer(b, &at, &t));
    assert_true(t.quantity == 31337);
    czi_hex(hex, t.sender, 20);
    assert_string_equal(hex, "a1e4380a3b1f749673e270229993ee55f35663b4");
    assert_false(czi_eth_block_next_transfer(b, &at, &t));
    czi_eth_block_free(b);
}

static void every_mainnet_block_verifies_on_any_number_of_threads(void **state)
{
    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/46147.json");
    for (size_t i = 0; i < CZI_COUNTOF(mainnet_blocks); i++)
        for (unsigned threads = 0; threads <= 3; threads++) {
            struct czi_eth_block *b = NULL;
            cz_error err = {0};
            size_t len;
            char *text = read_mainnet(i, &len);

            assert_ok(verify_text(text, len, threads, &b, &err), err);
            assert_int_equal(b->header.number, strtoul(mainnet_blocks[i], NULL, 10));
            assert_false(b->pinned);
            czi_eth_block_free(b);
            free(text);
        }
}

static void a_block_of_anvil_verifies(void **state)
{
    json_t *all;
    cz_error err = {0};

    (void)state;
    SHARED_OR_SKIP("anvil/eth-anvil-deposit.json");
    all = json_shared("anvil/eth-anvil-deposit.json");
    assert_ok(verify_json(json_object_get(all, "block"), &err), err);
    json_decref(all);
}

/* ---- Trust ------------------------------------------------------------------------------ */

static void a_pinned_hash_must_be_the_block_s(void **state)
{
    CZI_AUTOBUF hash = {0};
    struct czi_eth_block_options options = {.threads = 1};
    struct czi_eth_block *b = NULL;
    cz_error err = {0};

    (void)state;
    from_hex(&hash, "4e3a3754410177e6937ef1f84bba68ea139e8d1a2258c5f85db9f1cd715a1bdd");
    options.trust = hash.data;
    assert_ok(czi_eth_block_verify(eth_block_46147, strlen(eth_block_46147), &options, &b,
                                   &err),
              err);
    assert_true(b->pinned);
    czi_eth_block_free(b);
    b = NULL;
    hash.data[31] ^= 1;
    assert_int_equal(czi_eth_block_verify(eth_block_46147, strlen(eth_block_46147), &options,
                                          &b, &err),
                     CZ_PROOF);
    assert_null(b);
    assert_memory_equal(err.detail, "block 46147: hash is 0x4e3a", 27);
    assert_non_null(strstr(err.detail, "not the trusted"));
}

/* ---- Progress --------------------------------------------------------------------------- */

struct seen {
    size_t calls, last, total;
};

static void note_progress(void *arg, size_t done, size_t total)
{
    struct seen *s = arg;

    assert_true(done >= s->last && done <= total);
    *s = (struct seen){s->calls + 1, done, total};
}

static void progress_ends_at_the_number_of_transactions(void **state)
{
    struct seen seen = {0};
    struct czi_eth_block_options options = {.threads = 2,
                                            .progress = note_progress,
                                            .arg = &seen};
    struct czi_eth_block *b = NULL;
    cz_error err = {0};
    size_t len;
    char *text;

    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/5891667.json");
    text = read_shared("ethereum-mainnet/5891667.json", &len);
    assert_ok(czi_eth_block_verify(text, len, &options, &b, &err), err);
    assert_true(seen.calls > 1);
    assert_int_equal(seen.last, 380);
    assert_int_equal(seen.total, 380);
    czi_eth_block_free(b);
    free(text);
}

/* ---- Falsifying ------------------------------------------------------------------------- */

#define SAMPLED 2

struct falsifier {
    json_t *block;
    struct czi_rng rng;
    unsigned long number;
    bool uncles;
    /* czi_eth_unproven[i] was changed and nobody noticed. */
    bool unnoticed[8];
    size_t changes;
};

/* Whether nothing can notice that this member of the block changed. */
static bool cannot_be_proven(const struct falsifier *f, const char *member)
{
    return (!strcmp(member, "totalDifficulty") && f->number < MERGE) ||
           (f->uncles && (!strcmp(member, "uncles") || !strcmp(member, "size")));
}

static void judge(struct falsifier *f, const char *member, const char *path)
{
    cz_error err = {0};
    int rc = verify_json(f->block, &err);
    char name[32];

    f->changes++;
    if (cannot_be_proven(f, member)) {
        assert_ok(rc, err);
        for (size_t i = 0; i < czi_eth_unproven_count; i++)
            if (!strcmp(czi_eth_unproven[i].name, member))
                f->unnoticed[i] = true;
        return;
    }
    if (rc != CZ_PROOF && rc != CZ_INVALID)
        fail_msg("block %lu: nobody noticed a change of %s", f->number, path);
    (void)snprintf(name, sizeof name, "block %lu: ", f->number);
    if (strcmp(member, "number") != 0 && strncmp(err.detail, name, strlen(name)) != 0)
        fail_msg("\"%s\" does not name the block", err.detail);
    if (!strncmp(path, "transactions/", 13)) {
        (void)snprintf(name, sizeof name, "transaction %d (0x", atoi(path + 13));
        if (!strstr(err.detail, name))
            fail_msg("\"%s\" does not name %s", err.detail, path);
    }
}

/* Changes one digit of a text, in place, tries, and puts it back. */
static void falsify_text(struct falsifier *f, json_t *v, const char *member, const char *path)
{
    char *text = strdup(json_string_value(v));
    size_t len = strlen(text), at;
    char old;

    if (len > 2) {
        at = 2 + czi_rng_below(&f->rng, len - 2);
        old = text[at];
        do
            text[at] = "0123456789abcdef"[czi_rng_below(&f->rng, 16)];
        while (text[at] == old || (len > 3 && at == 2 && text[at] == '0'));
        assert_int_equal(json_string_set(v, text), 0);
        judge(f, member, path);
        text[at] = old;
        assert_int_equal(json_string_set(v, text), 0);
    }
    free(text);
}

static void falsify(struct falsifier *f, json_t *v, const char *member, const char *path);

static void falsify_elements(struct falsifier *f, json_t *v, const char *member,
                             const char *path)
{
    size_t count = json_array_size(v);
    bool sampled = count > SAMPLED;

    for (size_t n = 0; n < (sampled ? SAMPLED : count); n++) {
        size_t i = sampled ? czi_rng_below(&f->rng, count) : n;
        char below[256];

        (void)snprintf(below, sizeof below, "%s/%zu", path, i);
        falsify(f, json_array_get(v, i), member, below);
    }
}

static void falsify(struct falsifier *f, json_t *v, const char *member, const char *path)
{
    const char *name;
    json_t *inner;
    void *next;

    if (json_is_string(v))
        falsify_text(f, v, member, path);
    else if (json_is_array(v))
        falsify_elements(f, v, member, path);
    else
        json_object_foreach_safe(v, next, name, inner)
        {
            char below[256];

            (void)snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", name);
            falsify(f, inner, *member ? member : name, below);
        }
}

/* One transaction of each type in the block. */
static void falsify_types(struct falsifier *f)
{
    json_t *txs = json_object_get(f->block, "transactions");
    bool done[CZI_ETH_TX_TYPES] = {0};

    for (size_t i = 0; i < json_array_size(txs); i++) {
        json_t *tx = json_array_get(txs, i);
        int type = json_string_value(json_object_get(tx, "type"))[2] - '0';
        char path[64];

        if (done[type])
            continue;
        done[type] = true;
        (void)snprintf(path, sizeof path, "transactions/%zu", i);
        falsify(f, tx, "transactions", path);
    }
}

static void a_change_of_any_digit_is_refused_unless_listed(void **state)
{
    unsigned long seed = test_env("CAUSALITY_SEED", 1);
    struct falsifier f = {.rng = czi_rng(seed)};

    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/46147.json");
    print_message("CAUSALITY_SEED=%lu\n", seed);
    for (size_t i = 0; i < CZI_COUNTOF(mainnet_blocks); i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "ethereum-mainnet/%s.json", mainnet_blocks[i]);
        f.block = json_shared(name);
        f.number = strtoul(mainnet_blocks[i], NULL, 10);
        f.uncles = json_array_size(json_object_get(f.block, "uncles")) > 0;
        falsify(&f, f.block, "", "");
        falsify_types(&f);
        json_decref(f.block);
    }
    assert_true(f.changes > 500);
    /* The list is exact: each name on it was changed unnoticed, somewhere. */
    for (size_t i = 0; i < czi_eth_unproven_count; i++)
        if (!f.unnoticed[i])
            fail_msg("%s is listed as unproven, and yet every change was noticed",
                     czi_eth_unproven[i].name);
}

/* Whole members: taken away, doubled, of another kind. */
static void a_missing_member_is_named(void **state)
{
    static const char *const optional[] = {"size", "totalDifficulty"};
    json_t *block = sample_json(), *value;
    const char *name;

    (void)state;
    json_object_foreach(block, name, value)
    {
        json_t *copy = json_copy(block);
        cz_error err = {0};
        char expected[64];
        bool may_miss = !strcmp(name, optional[0]) || !strcmp(name, optional[1]);

        (void)json_object_del(copy, name);
        (void)snprintf(expected, sizeof expected, "%s is missing", name);
        assert_int_equal(verify_json(copy, &err), may_miss ? CZ_OK : CZ_INVALID);
        if (!may_miss && !strstr(err.detail, expected))
            fail_msg("\"%s\" does not say that %s", err.detail, expected);
        json_decref(copy);
    }
    json_decref(block);
}

static void a_missing_member_of_a_transaction_is_named(void **state)
{
    json_t *block = sample_json(), *txs = json_object_get(block, "transactions"), *value;
    json_t *whole = json_deep_copy(json_array_get(txs, 0));
    const char *name;

    (void)state;
    json_object_foreach(whole, name, value)
    {
        json_t *copy = json_deep_copy(whole);
        cz_error err = {0};
        char expected[64];

        (void)json_object_del(copy, name);
        (void)json_array_set_new(txs, 0, copy);
        (void)snprintf(expected, sizeof expected, "%s is missing", name);
        assert_int_equal(verify_json(block, &err), CZ_INVALID);
        assert_non_null(strstr(err.detail, "block 46147: transaction 0 ("));
        if (!strstr(err.detail, expected))
            fail_msg("\"%s\" does not say that %s", err.detail, expected);
    }
    json_decref(whole);
    json_decref(block);
}

static void an_unknown_member_is_named(void **state)
{
    json_t *block = sample_json(),
           *tx = json_array_get(json_object_get(block, "transactions"), 0);
    cz_error err = {0};

    (void)state;
    (void)json_object_set_new(tx, "accessList", json_array());
    assert_int_equal(verify_json(block, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "unknown field \"accessList\""));
    (void)json_object_del(tx, "accessList");
    (void)json_object_set_new(block, "l1\nFee", json_string("0x0"));
    assert_int_equal(verify_json(block, &err), CZ_INVALID);
    assert_string_equal(err.detail, "block 46147: unknown field \"l1?Fee\" cannot be verified");
    json_decref(block);
}

/* Members that need not be there, but must be right when they are. */
static void additional_members_are_checked(void **state)
{
    static const struct {
        const char *name, *value;
        int rc;
    } cases[] = {
        {"yParity", "0x1", CZ_OK},
        {"yParity", "0x0", CZ_PROOF},
        {"chainId", "0x1", CZ_PROOF}, /* v is 28: there is none */
        {"blockTimestamp", "0x55c42659", CZ_OK},
        {"blockTimestamp", "0x55c42658", CZ_PROOF},
        {"yParity", "0x01", CZ_PROOF},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        json_t *block = sample_json();
        json_t *tx = json_array_get(json_object_get(block, "transactions"), 0);
        cz_error err = {0};

        (void)json_object_set_new(tx, cases[i].name, json_string(cases[i].value));
        assert_int_equal(verify_json(block, &err), cases[i].rc);
        assert_true(cases[i].rc == CZ_OK || strstr(err.detail, cases[i].name));
        json_decref(block);
    }
}

static void transactions_that_move_or_vanish_are_noticed(void **state)
{
    json_t *block, *txs, *first;
    cz_error err = {0};

    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/1150000.json");
    block = json_shared("ethereum-mainnet/1150000.json");
    txs = json_object_get(block, "transactions");
    (void)json_array_remove(txs, json_array_size(txs) - 1);
    assert_int_equal(verify_json(block, &err), CZ_PROOF);
    assert_memory_equal(err.detail, "block 1150000: transactionsRoot is 0x", 37);
    first = json_incref(json_array_get(txs, 0));
    (void)json_array_remove(txs, 0);
    (void)json_array_append_new(txs, first);
    assert_int_equal(verify_json(block, &err), CZ_PROOF);
    assert_non_null(strstr(err.detail, "transactionIndex is \"0x1\""));
    json_decref(block);
}

static void withdrawals_are_under_their_root(void **state)
{
    json_t *block, *list;
    cz_error err = {0};

    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/19426587.json");
    block = json_shared("ethereum-mainnet/19426587.json");
    list = json_object_get(block, "withdrawals");
    (void)json_array_remove(list, 3);
    assert_int_equal(verify_json(block, &err), CZ_PROOF);
    assert_memory_equal(err.detail, "block 19426587: withdrawalsRoot is 0x", 37);
    (void)json_object_set_new(json_array_get(list, 2), "x", json_null());
    assert_int_equal(verify_json(block, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "withdrawal 2: unknown field \"x\""));
    json_decref(block);
}

/* The header commits to the uncles, so that there are some, or none, shows. */
static void uncles_that_appear_or_vanish_are_noticed(void **state)
{
    static const char hash[] =
        "0x4e3a3754410177e6937ef1f84bba68ea139e8d1a2258c5f85db9f1cd715a1bdd";
    json_t *block = sample_json(), *list = json_object_get(block, "uncles");
    cz_error err = {0};

    (void)state;
    (void)json_array_append_new(list, json_string(hash));
    assert_int_equal(verify_json(block, &err), CZ_PROOF);
    assert_string_equal(err.detail,
                        "block 46147: uncles: there are 1, but sha3Uncles says none");
    (void)json_object_set_new(block, "uncles", json_string("0x"));
    assert_int_equal(verify_json(block, &err), CZ_INVALID);
    assert_string_equal(err.detail, "block 46147: uncles is not an array");
    json_decref(block);
    SHARED_OR_SKIP("ethereum-mainnet/8889776.json");
    block = json_shared("ethereum-mainnet/8889776.json");
    list = json_object_get(block, "uncles");
    (void)json_array_append_new(list, json_string("0x00"));
    assert_int_equal(verify_json(block, &err), CZ_INVALID);
    assert_string_equal(err.detail, "block 8889776: uncles: element 1 is not a hash");
    (void)json_array_append_new(list, json_string(hash));
    assert_int_equal(verify_json(block, &err), CZ_INVALID);
    assert_string_equal(err.detail, "block 8889776: uncles: 3; a block has at most 2");
    (void)json_array_clear(list);
    assert_int_equal(verify_json(block, &err), CZ_PROOF);
    assert_string_equal(err.detail,
                        "block 8889776: uncles: there are 0, but sha3Uncles says some");
    json_decref(block);
}

/* Also what nothing can verify has a form. */
static void members_of_the_wrong_form_are_refused(void **state)
{
    static const struct {
        const char *name;
        bool text;
        const char *why;
    } cases[] = {
        {"totalDifficulty", true, "totalDifficulty is not a quantity"},
        {"size", false, "size is not text"},
        {"hash", false, "hash is not text"},
        {"transactions", true, "transactions is not an array"},
        {"withdrawals", true, "withdrawals, but the header has no root of them"},
        {"baseFeePerGas", true, "baseFeePerGas is \"0x00\""},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        json_t *block = sample_json();
        cz_error err = {0};

        (void)json_object_set_new(block, cases[i].name,
                                  cases[i].text ? json_string("0x00") : json_integer(1));
        assert_int_not_equal(verify_json(block, &err), CZ_OK);
        if (!strstr(err.detail, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", err.detail, cases[i].why);
        json_decref(block);
    }
}

/* ---- Blocks made here: consistent in all that is not to be refused ---------------------- */

#define VECTORS CAUSALITY_SOURCE_ROOT "/tests/golden/ethereum-transactions.json"

static void set_hex(json_t *object, const char *name, const uint8_t *data, size_t n)
{
    char hex[67] = "0x";

    czi_hex(hex + 2, data, n);
    (void)json_object_set_new(object, name, json_string(hex));
}

/* The sample's header over one to two vectors, with its own hash and transactions root. */
static json_t *make_block(json_t *vectors, const size_t *which, size_t count)
{
    json_t *block = sample_json(), *list = json_array();
    CZI_AUTOBUF header = {0};
    struct czi_buf bytes[2] = {{0}};
    uint8_t keys[2][CZI_RLP_HEAD_SIZE_MAX], hash[32];
    struct czi_trie_entry entries[2];
    struct czi_trie *t = NULL;

    for (size_t i = 0; i < count; i++) {
        json_t *v = json_array_get(json_object_get(vectors, "vectors"), which[i]);

        from_hex(&bytes[i], json_string_value(json_object_get(v, "raw")));
        entries[i].key = (struct czi_slice){keys[i], czi_rlp_write_u64(keys[i], i)};
        entries[i].value = czi_buf_slice(&bytes[i]);
    }
    assert_int_equal(czi_trie_build(entries, count, &t, NULL), CZ_OK);
    czi_trie_root(t, hash);
    czi_trie_free(t);
    set_hex(block, "transactionsRoot", hash, 32);
    (void)json_object_del(block, "size");
    assert_int_equal(czi_eth_header_encode(block, &header, NULL), CZ_OK);
    czi_eth_header_hash(header.data, header.len, hash);
    set_hex(block, "hash", hash, 32);
    for (size_t i = 0; i < count; i++) {
        json_t *v = json_array_get(json_object_get(vectors, "vectors"), which[i]);
        json_t *tx = json_deep_copy(json_object_get(v, "fields"));
        char index[24];

        (void)snprintf(index, sizeof index, "0x%zx", i);
        set_hex(tx, "blockHash", hash, 32);
        (void)json_object_set_new(tx, "blockNumber", json_string("0xb443"));
        (void)json_object_set_new(tx, "transactionIndex", json_string(index));
        (void)json_object_set(tx, "hash", json_object_get(v, "hash"));
        (void)json_object_set(tx, "from", json_object_get(v, "sender"));
        /* Without a base fee, the price is the priority fee: the vectors' is 3. */
        if (!json_object_get(tx, "gasPrice"))
            (void)json_object_set_new(tx, "gasPrice", json_string("0x3"));
        (void)json_array_append_new(list, tx);
        czi_buf_done(&bytes[i]);
    }
    (void)json_object_set_new(block, "transactions", list);
    return block;
}

static void any_change_in_a_transaction_of_any_type_is_refused(void **state)
{
    json_t *vectors = json_file(VECTORS);
    struct falsifier f = {.rng = czi_rng(1), .number = 46147};
    size_t count = json_array_size(json_object_get(vectors, "vectors"));
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < count; i++) {
        f.block = make_block(vectors, &i, 1);
        assert_ok(verify_json(f.block, &err), err);
        for (int times = 0; times < 4; times++)
            falsify(&f, json_array_get(json_object_get(f.block, "transactions"), 0),
                    "transactions", "transactions/0");
        json_decref(f.block);
    }
    assert_true(f.changes > 300);
    json_decref(vectors);
}

static void transactions_of_two_chains_do_not_make_a_block(void **state)
{
    /* eip155 is of chain 1, creation of 31337. */
    static const size_t which[] = {1, 2};
    json_t *vectors = json_file(VECTORS), *block = make_block(vectors, which, 2);
    cz_error err = {0};

    (void)state;
    assert_int_equal(verify_json(block, &err), CZ_PROOF);
    assert_non_null(strstr(err.detail, "block 46147: transaction 1 (0xdc027a79"));
    assert_non_null(strstr(err.detail, "chain id 0x7a69, but transactions before it have 0x1"));
    json_decref(block);
    json_decref(vectors);
}

/* ---- Documents -------------------------------------------------------------------------- */

static void an_answer_of_json_rpc_is_unwrapped(void **state)
{
    json_t *answer =
        json_pack("{s:s,s:i,s:o}", "jsonrpc", "2.0", "id", 1, "result", sample_json());
    cz_error err = {0};

    (void)state;
    assert_ok(verify_json(answer, &err), err);
    (void)json_object_set_new(answer, "extra", json_null());
    assert_int_equal(verify_json(answer, &err), CZ_INVALID);
    json_decref(answer);
    answer = json_pack("{s:n}", "result");
    assert_int_equal(verify_json(answer, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "the JSON-RPC answer has no block"));
    json_decref(answer);
}

static void documents_that_are_no_block_are_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "JSON, line 1"},
        {"[]", "block: not an object"},
        {"{}", "parentHash is missing"},
        {"{\"hash\":1,\"hash\":2}", "duplicate"},
        {"{} {}", "JSON, line 1"},
        {"{\"transactions\":[]}", "parentHash is missing"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        struct czi_eth_block *b = NULL;
        cz_error err = {0};

        assert_int_equal(verify_text(cases[i].text, strlen(cases[i].text), 1, &b, &err),
                         CZ_INVALID);
        if (!strstr(err.detail, cases[i].why))
            fail_msg("%s: \"%s\"", cases[i].text, err.detail);
    }
}

static void transactions_by_hash_only_are_explained(void **state)
{
    json_t *block = sample_json();
    cz_error err = {0};

    (void)state;
    (void)json_object_set_new(block, "transactions", json_pack("[s]", "0x00"));
    assert_int_equal(verify_json(block, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "eth_getBlockByNumber(n, true)"));
    json_decref(block);
}

static void a_file_beyond_the_limit_is_refused(void **state)
{
    struct czi_eth_block *b = NULL;
    cz_error err = {0};

    (void)state;
    /* The text is not looked at. */
    assert_int_equal(verify_text("", (size_t)CZI_BLOCK_FILE_MAX + 1, 1, &b, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_BLOCK_FILE_MAX"));
}

static void verifying_without_memory_fails_whole(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        struct czi_eth_block *b = NULL;
        cz_error err = {0};
        int rc;

        czi_alloc_fail_after(n);
        rc = verify_text(eth_block_46147, strlen(eth_block_46147), 1, &b, &err);
        if (!czi_alloc_failed()) {
            czi_alloc_fail_after(-1);
            assert_ok(rc, err);
            assert_true(n > 10);
            czi_eth_block_free(b);
            return;
        }
        assert_int_equal(rc, CZ_NOMEM);
        assert_null(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_transfer_of_mainnet_verifies),
        cmocka_unit_test(every_mainnet_block_verifies_on_any_number_of_threads),
        cmocka_unit_test(a_block_of_anvil_verifies),
        cmocka_unit_test(a_pinned_hash_must_be_the_block_s),
        cmocka_unit_test(progress_ends_at_the_number_of_transactions),
        cmocka_unit_test(a_change_of_any_digit_is_refused_unless_listed),
        cmocka_unit_test(a_missing_member_is_named),
        cmocka_unit_test(a_missing_member_of_a_transaction_is_named),
        cmocka_unit_test(an_unknown_member_is_named),
        cmocka_unit_test(additional_members_are_checked),
        cmocka_unit_test(transactions_that_move_or_vanish_are_noticed),
        cmocka_unit_test(withdrawals_are_under_their_root),
        cmocka_unit_test(uncles_that_appear_or_vanish_are_noticed),
        cmocka_unit_test(members_of_the_wrong_form_are_refused),
        cmocka_unit_test(any_change_in_a_transaction_of_any_type_is_refused),
        cmocka_unit_test(transactions_of_two_chains_do_not_make_a_block),
        cmocka_unit_test(an_answer_of_json_rpc_is_unwrapped),
        cmocka_unit_test(documents_that_are_no_block_are_refused),
        cmocka_unit_test(transactions_by_hash_only_are_explained),
        cmocka_unit_test(a_file_beyond_the_limit_is_refused),
        cmocka_unit_test(verifying_without_memory_fails_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
