/* test_trie.c - the trie against the vectors of ethereum/tests and proofs of a real node.
 *
 * trietestnextprev.json is not used: it is about walking from key to key, which nothing here
 * offers or needs.
 */
#include "codec/keccak.h"
#include "domain/ethereum/rlp.h"
#include "domain/ethereum/trie.h"
#include "unit/shared.h"

#define ENTRIES_MAX 64

/* The final set of a vector: keys and values own their memory. */
struct set {
    size_t count;
    struct czi_buf key[ENTRIES_MAX], value[ENTRIES_MAX];
};

static void set_text(struct czi_buf *b, const char *text, bool hash)
{
    uint8_t digest[32];

    b->len = 0;
    if (text[0] == '0' && text[1] == 'x')
        from_hex(b, text);
    else
        czi_buf_put(b, text, strlen(text));
    if (hash) {
        czi_keccak256(b->data, b->len, digest);
        b->len = 0;
        czi_buf_put(b, digest, 32);
    }
}

static void set_remove(struct set *s, size_t i)
{
    czi_buf_done(&s->key[i]);
    czi_buf_done(&s->value[i]);
    s->count--;
    s->key[i] = s->key[s->count];
    s->value[i] = s->value[s->count];
    s->key[s->count] = s->value[s->count] = (struct czi_buf){0};
}

/* One line of a vector: a later value replaces an earlier one, null deletes. */
static void set_put(struct set *s, const char *key, const char *value, bool secure)
{
    CZI_AUTOBUF k = {0};
    size_t i = 0;

    set_text(&k, key, secure);
    while (i < s->count &&
           (s->key[i].len != k.len || memcmp(s->key[i].data, k.data, k.len) != 0))
        i++;
    if (!value) {
        if (i < s->count)
            set_remove(s, i);
        return;
    }
    assert_true(i < ENTRIES_MAX);
    s->key[i].len = 0;
    czi_buf_put(&s->key[i], k.data, k.len);
    set_text(&s->value[i], value, false);
    s->count = CZI_MAX(s->count, i + 1);
}

static void set_done(struct set *s)
{
    while (s->count)
        set_remove(s, s->count - 1);
}

static struct czi_trie *set_build(const struct set *s, bool backwards)
{
    struct czi_trie_entry entries[ENTRIES_MAX];
    struct czi_trie *t = NULL;
    cz_error err = {0};

    for (size_t i = 0; i < s->count; i++)
        entries[backwards ? s->count - 1 - i : i] =
            (struct czi_trie_entry){czi_buf_slice(&s->key[i]), czi_buf_slice(&s->value[i])};
    assert_ok(czi_trie_build(entries, s->count, &t, &err), err);
    return t;
}

static void assert_proofs(const struct set *s, const struct czi_trie *t)
{
    static const char absent[] = "a key that is not there";
    struct czi_trie_proof proof;
    struct czi_slice value = {0}, key = {(const uint8_t *)absent, sizeof absent - 1};
    uint8_t root[32];
    cz_error err = {0};

    czi_trie_root(t, root);
    for (size_t i = 0; i < s->count; i++) {
        czi_trie_prove(t, czi_buf_slice(&s->key[i]), &proof);
        assert_ok(czi_trie_verify(root, czi_buf_slice(&s->key[i]), proof.nodes, proof.count,
                                  &value, &err),
                  err);
        assert_int_equal(value.len, s->value[i].len);
        assert_memory_equal(value.data, s->value[i].data, value.len);
    }
    czi_trie_prove(t, key, &proof);
    assert_ok(czi_trie_verify(root, key, proof.nodes, proof.count, &value, &err), err);
    assert_null(value.data);
}

static void load_vector(struct set *s, json_t *in, bool secure)
{
    json_t *value;
    const char *key;
    size_t i;

    if (json_is_object(in)) {
        json_object_foreach(in, key, value) set_put(s, key, json_string_value(value), secure);
    } else {
        json_array_foreach(in, i, value)
            set_put(s, json_string_value(json_array_get(value, 0)),
                    json_string_value(json_array_get(value, 1)), secure);
    }
}

static void assert_vectors(const char *file, size_t count, bool secure)
{
    json_t *all = json_shared(file), *vector;
    const char *name;

    assert_int_equal(json_object_size(all), count);
    json_object_foreach(all, name, vector)
    {
        CZI_AUTOBUF expected = {0};
        struct set s = {0};

        load_vector(&s, json_object_get(vector, "in"), secure);
        from_hex(&expected, json_string_value(json_object_get(vector, "root")));
        for (int backwards = 0; backwards < 2; backwards++) {
            struct czi_trie *t = set_build(&s, backwards);
            uint8_t root[32];

            czi_trie_root(t, root);
            if (memcmp(root, expected.data, 32) != 0)
                fail_msg("%s: %s: another root", file, name);
            assert_proofs(&s, t);
            czi_trie_free(t);
        }
        set_done(&s);
    }
    json_decref(all);
}

static void final_sets_have_the_published_roots(void **state)
{
    (void)state;
    SHARED_OR_SKIP("ethereum-tests/trietest.json");
    assert_vectors("ethereum-tests/trietest.json", 5, false);
}

static void any_order_gives_the_published_roots(void **state)
{
    (void)state;
    SHARED_OR_SKIP("ethereum-tests/trieanyorder.json");
    assert_vectors("ethereum-tests/trieanyorder.json", 7, false);
}

static void hashed_keys_give_the_published_roots(void **state)
{
    (void)state;
    SHARED_OR_SKIP("ethereum-tests/trieanyorder_secureTrie.json");
    assert_vectors("ethereum-tests/trieanyorder_secureTrie.json", 7, true);
}

/* Yellow paper, appendix D: TRIE of nothing is KEC(RLP(())), as every empty block shows. */
static void an_empty_trie_has_its_published_root_and_proves_absence(void **state)
{
    CZI_AUTOBUF expected = {0};
    struct czi_slice value = {(const uint8_t *)"x", 1}, key = {(const uint8_t *)"k", 1};
    struct czi_trie_proof proof;
    struct czi_trie *t = NULL;
    uint8_t root[32];
    cz_error err = {0};

    (void)state;
    from_hex(&expected, "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    assert_ok(czi_trie_build(NULL, 0, &t, &err), err);
    czi_trie_root(t, root);
    assert_memory_equal(root, expected.data, 32);
    czi_trie_prove(t, key, &proof);
    assert_int_equal(proof.count, 0);
    assert_ok(czi_trie_verify(root, key, proof.nodes, 0, &value, &err), err);
    assert_null(value.data);
    czi_trie_free(t);
}

/* ---- Proofs that anvil made ------------------------------------------------------------- */

struct node_proof {
    size_t count;
    struct czi_buf bytes[16];
    struct czi_slice nodes[16];
};

static void load_proof(struct node_proof *p, json_t *array)
{
    p->count = json_array_size(array);
    assert_true(p->count <= 16);
    for (size_t i = 0; i < p->count; i++) {
        from_hex(&p->bytes[i], json_string_value(json_array_get(array, i)));
        p->nodes[i] = czi_buf_slice(&p->bytes[i]);
    }
}

static void proof_done(struct node_proof *p)
{
    for (size_t i = 0; i < p->count; i++)
        czi_buf_done(&p->bytes[i]);
}

/* Verifies under the hash of a key that is given in hex. */
static struct czi_slice check_proof(const char *root, const char *key, struct node_proof *p)
{
    CZI_AUTOBUF root_bytes = {0};
    CZI_AUTOBUF key_bytes = {0};
    struct czi_slice value = {0};
    uint8_t hash[32];
    cz_error err = {0};

    from_hex(&root_bytes, root);
    from_hex(&key_bytes, key);
    czi_keccak256(key_bytes.data, key_bytes.len, hash);
    assert_ok(czi_trie_verify(root_bytes.data, (struct czi_slice){hash, 32}, p->nodes, p->count,
                              &value, &err),
              err);
    return value;
}

static void proofs_of_a_real_state_hold(void **state)
{
    json_t *all, *account, *slot;
    const char *name, *root;
    size_t i;

    (void)state;
    SHARED_OR_SKIP("anvil/eth-anvil-deposit.json");
    all = json_shared("anvil/eth-anvil-deposit.json");
    root = json_string_value(json_object_get(json_object_get(all, "block"), "stateRoot"));
    json_object_foreach(json_object_get(all, "proofs"), name, account)
    {
        const char *storage = json_string_value(json_object_get(account, "storageHash"));
        struct node_proof p = {0};
        struct czi_slice value;

        load_proof(&p, json_object_get(account, "accountProof"));
        value = check_proof(root, json_string_value(json_object_get(account, "address")), &p);
        assert_int_equal(value.data == NULL, !strcmp(name, "absent"));
        proof_done(&p);
        json_array_foreach(json_object_get(account, "storageProof"), i, slot)
        {
            CZI_AUTOBUF expected = {0};
            struct node_proof q = {0};
            const char *text = json_string_value(json_object_get(slot, "value")) + 2;
            char even[65];
            uint8_t number[32] = {0}, claimed[32] = {0};
            struct czi_rlp r;

            load_proof(&q, json_object_get(slot, "proof"));
            value = check_proof(storage, json_string_value(json_object_get(slot, "key")), &q);
            (void)snprintf(even, sizeof even, "%s%s", strlen(text) % 2 ? "0" : "", text);
            from_hex(&expected, even);
            memcpy(claimed + 32 - expected.len, expected.data, expected.len);
            r = czi_rlp(value.data, value.len);
            if (value.data)
                czi_rlp_u256(&r, number);
            assert_int_equal(czi_rlp_end(&r, NULL), CZ_OK);
            assert_memory_equal(number, claimed, 32);
            proof_done(&q);
        }
    }
    json_decref(all);
}

/* ---- Properties ------------------------------------------------------------------------- */

static void put_random(struct set *s, struct czi_rng *rng, size_t count)
{
    while (s->count < count) {
        char key[8], value[80];
        size_t n = 1 + czi_rng_below(rng, 4), m = 1 + czi_rng_below(rng, sizeof value - 1);

        for (size_t i = 0; i < n; i++)
            key[i] = (char)('a' + czi_rng_below(rng, 3));
        key[n] = 0;
        memset(value, 'v', m);
        value[m] = 0;
        set_put(s, key, value, false);
    }
}

static void any_changed_proof_is_refused(void **state)
{
    struct set s = {0};
    struct czi_rng rng = czi_rng(7);
    struct czi_trie *t;
    struct czi_trie_proof proof;
    struct czi_slice key, value;
    uint8_t root[32];

    (void)state;
    put_random(&s, &rng, 40);
    t = set_build(&s, false);
    czi_trie_root(t, root);
    for (size_t e = 0; e < s.count; e++) {
        key = czi_buf_slice(&s.key[e]);
        czi_trie_prove(t, key, &proof);
        for (size_t i = 0; i < proof.count; i++) {
            uint8_t copy[1024];
            struct czi_slice whole = proof.nodes[i];

            assert_true(whole.len <= sizeof copy);
            memcpy(copy, whole.data, whole.len);
            proof.nodes[i].data = copy;
            for (size_t at = 0; at < whole.len; at++) {
                uint8_t bit = (uint8_t)(1 << czi_rng_below(&rng, 8));

                copy[at] ^= bit;
                assert_int_equal(czi_trie_verify(root, key, proof.nodes, proof.count, &value,
                                                 NULL),
                                 CZ_PROOF);
                copy[at] ^= bit;
            }
            proof.nodes[i] = whole;
        }
        assert_int_equal(czi_trie_verify(root, key, proof.nodes, proof.count - 1, &value, NULL),
                         CZ_PROOF);
        proof.nodes[proof.count] = proof.nodes[proof.count - 1];
        assert_int_equal(czi_trie_verify(root, key, proof.nodes, proof.count + 1, &value, NULL),
                         CZ_PROOF);
    }
    czi_trie_free(t);
    set_done(&s);
}

/* Short nodes lie in their parents: keys that differ in the last nibble, one-byte values. */
static void nodes_within_nodes_are_proven(void **state)
{
    struct set s = {0};
    struct czi_trie *t;
    struct czi_trie_proof proof;

    (void)state;
    set_put(&s, "0x6101", "1", false);
    set_put(&s, "0x6102", "2", false);
    set_put(&s, "0x7103", "3", false);
    t = set_build(&s, false);
    czi_trie_prove(t, czi_buf_slice(&s.key[0]), &proof);
    assert_int_equal(proof.count, 1);
    assert_proofs(&s, t);
    czi_trie_free(t);
    set_done(&s);
}

static void each_refusal_says_why(void **state)
{
    struct set s = {0};
    struct czi_rng rng = czi_rng(3);
    struct czi_trie_proof proof;
    struct czi_slice key, value;
    struct czi_trie *t;
    uint8_t root[32], other[32] = {1};
    cz_error err = {0};

    (void)state;
    put_random(&s, &rng, 20);
    t = set_build(&s, false);
    key = czi_buf_slice(&s.key[0]);
    czi_trie_root(t, root);
    czi_trie_prove(t, key, &proof);
    assert_int_equal(czi_trie_verify(other, key, proof.nodes, proof.count, &value, &err),
                     CZ_PROOF);
    assert_non_null(strstr(err.detail, "node 0 does not have the hash that the root is"));
    assert_int_equal(czi_trie_verify(root, key, proof.nodes, 1, &value, &err), CZ_PROOF);
    assert_non_null(strstr(err.detail, "ends after 1 nodes, too early"));
    proof.nodes[proof.count++] = proof.nodes[0];
    assert_int_equal(czi_trie_verify(root, key, proof.nodes, proof.count, &value, &err),
                     CZ_PROOF);
    assert_non_null(strstr(err.detail, "is not needed"));
    czi_trie_free(t);
    set_done(&s);
}

/* Nodes that have the right hash, and yet are none. */
static void malformed_nodes_are_refused(void **state)
{
    static const struct {
        const char *hex, *why;
    } cases[] = {
        {"80", "not RLP of a node"},
        {"c0", "neither 2 nor 17 items"},
        {"c3010203", "neither 2 nor 17 items"},
        {"c24080", "malformed path"},
        {"c22180", "malformed path"},
        {"c28080", "malformed path"},
        {"c22080", "leaf without a value"},
        {"c220c0", "leaf without a value"},
        {"c20005", "extension without a path"},
        {"c21680", "extension without a child"},
        {"c21605", "refers to a child neither"},
        {"c58000", "not RLP of a node"},
    };
    struct czi_slice key = {(const uint8_t *)"a", 1}, value;

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF node = {0};
        struct czi_slice nodes;
        uint8_t root[32];
        cz_error err = {0};

        from_hex(&node, cases[i].hex);
        nodes = czi_buf_slice(&node);
        czi_keccak256(node.data, node.len, root);
        /* The hash of 0x80 is the root of the empty trie, which has no nodes at all. */
        assert_int_equal(czi_trie_verify(root, key, &nodes, 1, &value, &err), CZ_PROOF);
        if (i && !strstr(err.detail, cases[i].why))
            fail_msg("%s: %s", cases[i].hex, err.detail);
    }
}

static void unusable_entries_are_refused(void **state)
{
    uint8_t bytes[CZI_TRIE_KEY_SIZE_MAX + 1] = {0};
    struct czi_slice one = {bytes, 1};
    struct czi_trie_entry twice[] = {{one, one}, {one, one}};
    struct czi_trie_entry empty = {one, {bytes, 0}}, longer = {{bytes, sizeof bytes}, one};
    struct czi_trie *t = NULL;

    (void)state;
    assert_int_equal(czi_trie_build(twice, 2, &t, NULL), CZ_INVALID);
    assert_int_equal(czi_trie_build(&empty, 1, &t, NULL), CZ_INVALID);
    assert_int_equal(czi_trie_build(&longer, 1, &t, NULL), CZ_LIMIT);
    assert_null(t);
}

static void building_without_memory_fails_whole(void **state)
{
    struct czi_trie_entry entries[2] = {
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"1", 1}},
        {{(const uint8_t *)"b", 1}, {(const uint8_t *)"2", 1}},
    };
    struct czi_trie *t = NULL;

    (void)state;
    for (int64_t n = 0;; n++) {
        int rc;

        czi_alloc_fail_after(n);
        rc = czi_trie_build(entries, 2, &t, NULL);
        if (!czi_alloc_failed()) {
            assert_int_equal(rc, CZ_OK);
            assert_true(n >= 4);
            break;
        }
        assert_int_equal(rc, CZ_NOMEM);
        assert_null(t);
    }
    czi_alloc_fail_after(-1);
    czi_trie_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(final_sets_have_the_published_roots),
        cmocka_unit_test(any_order_gives_the_published_roots),
        cmocka_unit_test(hashed_keys_give_the_published_roots),
        cmocka_unit_test(an_empty_trie_has_its_published_root_and_proves_absence),
        cmocka_unit_test(proofs_of_a_real_state_hold),
        cmocka_unit_test(any_changed_proof_is_refused),
        cmocka_unit_test(nodes_within_nodes_are_proven),
        cmocka_unit_test(each_refusal_says_why),
        cmocka_unit_test(malformed_nodes_are_refused),
        cmocka_unit_test(unusable_entries_are_refused),
        cmocka_unit_test(building_without_memory_fails_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
