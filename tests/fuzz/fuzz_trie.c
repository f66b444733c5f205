/* fuzz_trie.c - trie proofs and tries over any bytes.
 *
 * Properties: a proof made of any bytes, whose first node names the root, either is refused
 * or shows something; and in a trie built of any entries every key is proven to be there with
 * its value, and another one to be absent.
 */
#include "codec/keccak.h"
#include "eth_seed.h"

#define ENTRIES_MAX 32

static void check_proof(struct czi_cursor c)
{
    struct czi_slice key = take_split(&c), value = {0}, nodes[8];
    uint8_t root[32];
    cz_error err = {0};
    size_t n = 0;

    while (czi_cursor_left(&c) && n < CZI_COUNTOF(nodes) && !c.failed)
        nodes[n++] = take_split(&c);
    if (!n || c.failed || !nodes[0].data)
        return;
    czi_keccak256(nodes[0].data, nodes[0].len, root);
    if (czi_trie_verify(root, key, nodes, n, &value, &err) == CZ_OK) {
        CZI_CHECK(!value.data || value.len);
        root[0] ^= 1;
        CZI_CHECK(czi_trie_verify(root, key, nodes, n, &value, NULL) == CZ_PROOF);
    } else {
        CZI_CHECK(strncmp(err.detail, "trie proof: ", 12) == 0);
    }
}

static void check_keys(const struct czi_trie *t, const struct czi_trie_entry *entries, size_t n)
{
    static const uint8_t absent[CZI_TRIE_KEY_SIZE_MAX] = {0x5a};
    struct czi_trie_proof proof;
    struct czi_slice value, other = {absent, sizeof absent};
    uint8_t root[32];

    czi_trie_root(t, root);
    for (size_t i = 0; i < n; i++) {
        czi_trie_prove(t, entries[i].key, &proof);
        CZI_CHECK(czi_trie_verify(root, entries[i].key, proof.nodes, proof.count, &value,
                                  NULL) == CZ_OK);
        CZI_CHECK(value.len == entries[i].value.len &&
                  memcmp(value.data, entries[i].value.data, value.len) == 0);
    }
    czi_trie_prove(t, other, &proof);
    CZI_CHECK(czi_trie_verify(root, other, proof.nodes, proof.count, &value, NULL) == CZ_OK);
    CZI_CHECK(!value.data);
}

/* Entries: length of the key, length of the value, key, value. */
static void check_trie(struct czi_cursor c)
{
    struct czi_trie_entry entries[ENTRIES_MAX] = {0};
    struct czi_trie *t = NULL;
    size_t n = 0;

    while (n < ENTRIES_MAX && czi_cursor_left(&c) >= 2) {
        const uint8_t *lengths = czi_cursor_take(&c, 2);
        size_t key = lengths[0] % 8, value = 1 + lengths[1] % 64;
        const uint8_t *bytes = czi_cursor_take(&c, key + value);

        if (!bytes)
            break;
        entries[n++] = (struct czi_trie_entry){{bytes, key}, {bytes + key, value}};
    }
    if (czi_trie_build(entries, n, &t, NULL) == CZ_OK)
        check_keys(t, entries, n);
    czi_trie_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_proof(czi_cursor(data, size));
    check_trie(czi_cursor(data, size));
    return 0;
}

/* A proof in a trie of entries, of which the last i / 2 nibbles differ; and entries. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    uint8_t keys[8][4] = {{0}}, value[40] = {7};
    struct czi_trie_entry entries[8];
    struct czi_trie_proof proof;
    struct czi_trie *t = NULL;

    if (i >= 8)
        return false;
    for (size_t n = 0; n < 8; n++) {
        keys[n][i % 4] = (uint8_t)(n << 4 | n);
        entries[n] = (struct czi_trie_entry){{keys[n], 4}, {value, i < 4 ? 2 : sizeof value}};
        if (i % 2) {
            czi_buf_put(out, "\x04\x27", 2);
            czi_buf_put(out, keys[n], 4);
            czi_buf_put(out, value, sizeof value);
        }
    }
    if (i % 2)
        return true;
    CZI_CHECK(czi_trie_build(entries, 8, &t, NULL) == CZ_OK);
    czi_trie_prove(t, entries[3].key, &proof);
    put_split(out, entries[3].key);
    for (size_t n = 0; n < proof.count; n++)
        put_split(out, proof.nodes[n]);
    czi_trie_free(t);
    return true;
}
