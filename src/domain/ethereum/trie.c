/* trie.c - see trie.h. Building sorts the entries; then each node covers a range of them, and
 * its shape follows from the first and the last key of the range. */
#include "domain/ethereum/trie.h"

#include "codec/keccak.h"
#include "domain/ethereum/rlp.h"

#include <stdlib.h>

#define NONE UINT32_MAX
/* A node at least this long is referred to by its hash, a shorter one lies in its parent. */
#define HASHED_SIZE_MIN 32

struct entry {
    uint8_t key[CZI_TRIE_KEY_SIZE_MAX];
    uint8_t nibbles; /* length of the key in nibbles */
    struct czi_slice value;
};

/* A leaf has an entry and no children; an extension has the one child 0 and a path; a branch
 * has children by nibble and perhaps an entry, and no path. */
enum node_kind { LEAF, EXTENSION, BRANCH };

struct node {
    enum node_kind kind;
    uint8_t from, to; /* the path: nibbles of the key of entry `sample` */
    uint32_t sample;
    uint32_t entry;
    uint32_t child[16];
    size_t offset, len; /* the encoding, in czi_trie.rlp */
    uint8_t hash[32];
};

struct czi_trie {
    struct entry *entries; /* ascending by key */
    size_t entry_count;
    struct czi_buf nodes; /* of struct node */
    struct czi_buf rlp;
    uint32_t root; /* NONE: empty */
};

static struct node *node_at(const struct czi_trie *t, uint32_t i)
{
    return (struct node *)(void *)t->nodes.data + i;
}

static uint8_t nibble(const uint8_t *key, size_t i)
{
    return i % 2 ? key[i / 2] & 0x0f : key[i / 2] >> 4;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = memcmp(x->key, y->key, CZI_MIN(x->nibbles, y->nibbles) / 2u);

    return order ? order : (int)x->nibbles - (int)y->nibbles;
}

/* ---- Building ------------------------------------------------------------------------- */

static int load_entries(struct czi_trie *t, const struct czi_trie_entry *entries, size_t count,
                        cz_error *err)
{
    if (count >= NONE / 2)
        return czi_fail(err, CZ_LIMIT, "a trie of %zu entries is too large", count);
    t->entries = czi_alloc_zero(count, sizeof *t->entries);
    if (!t->entries)
        return czi_nomem(err, "trie entries");
    for (size_t i = 0; i < count; i++) {
        struct entry *e = &t->entries[i];

        if (entries[i].key.len > CZI_TRIE_KEY_SIZE_MAX)
            return czi_fail(err, CZ_LIMIT, "a trie key of %zu bytes; %d is the most",
                            entries[i].key.len, CZI_TRIE_KEY_SIZE_MAX);
        if (!entries[i].value.len)
            return czi_fail(err, CZ_INVALID, "trie entry %zu has an empty value", i);
        if (entries[i].key.len)
            memcpy(e->key, entries[i].key.data, entries[i].key.len);
        e->nibbles = (uint8_t)(2 * entries[i].key.len);
        e->value = entries[i].value;
    }
    t->entry_count = count;
    qsort(t->entries, count, sizeof *t->entries, compare_entries);
    for (size_t i = 1; i < count; i++)
        if (!compare_entries(&t->entries[i - 1], &t->entries[i]))
            return czi_fail(err, CZ_INVALID, "a trie key is there twice");
    return CZ_OK;
}

/* The hex-prefix encoding of a path: two flags (leaf, odd), then the nibbles. */
static void put_path(struct czi_buf *b, const uint8_t *key, size_t from, size_t to, bool leaf)
{
    uint8_t out[1 + CZI_TRIE_KEY_SIZE_MAX];
    size_t odd = (to - from) % 2, n = 1;

    out[0] = (uint8_t)(((leaf ? 2u : 0u) | odd) << 4 | (odd ? nibble(key, from) : 0u));
    for (size_t i = from + odd; i < to; i += 2)
        out[n++] = (uint8_t)(nibble(key, i) << 4 | nibble(key, i + 1));
    czi_rlp_put_string(b, out, n);
}

/* How a parent refers to a child: by hash, or by the child itself. */
static void put_reference(struct czi_trie *t, uint32_t child)
{
    const struct node *n;
    uint8_t inside[HASHED_SIZE_MIN];

    if (child == NONE) {
        czi_rlp_put_string(&t->rlp, NULL, 0);
        return;
    }
    n = node_at(t, child);
    if (n->len >= HASHED_SIZE_MIN) {
        czi_rlp_put_string(&t->rlp, n->hash, sizeof n->hash);
        return;
    }
    memcpy(inside, t->rlp.data + n->offset, n->len);
    czi_buf_put(&t->rlp, inside, n->len);
}

static void encode_node(struct czi_trie *t, const struct node *n)
{
    size_t opened = czi_rlp_open(&t->rlp);
    const struct czi_slice none = {0};
    struct czi_slice value = n->entry == NONE ? none : t->entries[n->entry].value;

    if (n->kind == BRANCH) {
        for (size_t i = 0; i < 16; i++)
            put_reference(t, n->child[i]);
        czi_rlp_put_string(&t->rlp, value.data, value.len);
    } else {
        put_path(&t->rlp, t->entries[n->sample].key, n->from, n->to, n->kind == LEAF);
        if (n->kind == LEAF)
            czi_rlp_put_string(&t->rlp, value.data, value.len);
        else
            put_reference(t, n->child[0]);
    }
    czi_rlp_close(&t->rlp, opened);
}

/* Adds a node whose children are there already. After an out-of-memory the buffers have
 * failed, and the caller of the whole sees it; NONE meanwhile. */
static uint32_t add_node(struct czi_trie *t, struct node *n)
{
    n->offset = t->rlp.len;
    encode_node(t, n);
    n->len = t->rlp.len - n->offset;
    if (!t->rlp.failed)
        czi_keccak256(t->rlp.data + n->offset, n->len, n->hash);
    czi_buf_put(&t->nodes, n, sizeof *n);
    if (t->rlp.failed || t->nodes.failed)
        return NONE;
    return (uint32_t)(t->nodes.len / sizeof *n - 1);
}

static size_t common_prefix(const struct entry *a, const struct entry *b, size_t from)
{
    size_t end = CZI_MIN(a->nibbles, b->nibbles);

    while (from < end && nibble(a->key, from) == nibble(b->key, from))
        from++;
    return from;
}

static uint32_t build(struct czi_trie *t, size_t lo, size_t hi, size_t depth);

static uint32_t build_branch(struct czi_trie *t, size_t lo, size_t hi, size_t depth)
{
    struct node n = {.kind = BRANCH, .entry = NONE};

    memset(n.child, 0xff, sizeof n.child);
    if (t->entries[lo].nibbles == depth)
        n.entry = (uint32_t)lo++;
    while (lo < hi) {
        uint8_t at = nibble(t->entries[lo].key, depth);
        size_t next = lo + 1;

        while (next < hi && nibble(t->entries[next].key, depth) == at)
            next++;
        n.child[at] = build(t, lo, next, depth + 1);
        lo = next;
    }
    return add_node(t, &n);
}

/* The node over entries lo to hi, which agree in their first `depth` nibbles. */
static uint32_t build(struct czi_trie *t, size_t lo, size_t hi, size_t depth)
{
    const struct entry *first = &t->entries[lo];
    struct node n = {.sample = (uint32_t)lo, .from = (uint8_t)depth, .entry = NONE};

    memset(n.child, 0xff, sizeof n.child);
    n.kind = hi - lo == 1 ? LEAF : EXTENSION;
    if (n.kind == LEAF) {
        n.to = first->nibbles;
        n.entry = (uint32_t)lo;
        return add_node(t, &n);
    }
    n.to = (uint8_t)common_prefix(first, &t->entries[hi - 1], depth);
    if (n.to == depth)
        return build_branch(t, lo, hi, depth);
    n.child[0] = build_branch(t, lo, hi, n.to);
    return add_node(t, &n);
}

int czi_trie_build(const struct czi_trie_entry *entries, size_t count, struct czi_trie **ret,
                   cz_error *err)
{
    struct czi_trie *t = czi_alloc_zero(1, sizeof *t);
    int rc;

    if (!t)
        return czi_nomem(err, "a trie");
    t->root = NONE;
    rc = load_entries(t, entries, count, err);
    if (rc == CZ_OK && count)
        t->root = build(t, 0, count, 0);
    if (rc == CZ_OK && (t->rlp.failed || t->nodes.failed))
        rc = czi_nomem(err, "trie nodes");
    if (rc != CZ_OK) {
        czi_trie_free(t);
        return rc;
    }
    *ret = t;
    return CZ_OK;
}

void czi_trie_free(struct czi_trie *t)
{
    if (!t)
        return;
    czi_buf_done(&t->nodes);
    czi_buf_done(&t->rlp);
    czi_free(t->entries);
    czi_free(t);
}

/* The root of a trie without entries: the hash of the RLP of an empty string. */
static void empty_root(uint8_t out[32])
{
    czi_keccak256("\x80", 1, out);
}

void czi_trie_root(const struct czi_trie *t, uint8_t out[32])
{
    if (t->root == NONE)
        empty_root(out);
    else
        memcpy(out, node_at(t, t->root)->hash, 32);
}

/* ---- Proving -------------------------------------------------------------------------- */

/* The node below n on the way to the key, or NONE; *depth goes along. */
static uint32_t step_down(const struct czi_trie *t, const struct node *n, struct czi_slice key,
                          size_t *depth)
{
    const uint8_t *path;

    if (n->kind == LEAF || (n->kind == BRANCH && *depth == 2 * key.len))
        return NONE;
    if (n->kind == BRANCH)
        return n->child[nibble(key.data, (*depth)++)];
    path = t->entries[n->sample].key;
    for (size_t i = n->from; i < n->to; i++, (*depth)++)
        if (*depth == 2 * key.len || nibble(key.data, *depth) != nibble(path, i))
            return NONE;
    return n->child[0];
}

void czi_trie_prove(const struct czi_trie *t, struct czi_slice key, struct czi_trie_proof *ret)
{
    size_t depth = 0;

    ret->count = 0;
    for (uint32_t i = t->root; i != NONE;) {
        const struct node *n = node_at(t, i);

        if (i == t->root || n->len >= HASHED_SIZE_MIN)
            ret->nodes[ret->count++] = (struct czi_slice){t->rlp.data + n->offset, n->len};
        i = step_down(t, n, key, &depth);
    }
}

/* ---- Verifying ------------------------------------------------------------------------ */

/* Where a proof has come to. */
struct walk {
    struct czi_slice key;
    size_t depth;           /* nibbles of the key that are used up */
    struct czi_slice node;  /* the node to look at next, */
    const uint8_t *hash;    /* or, with node.data NULL, its hash, */
    struct czi_slice value; /* or, with hash NULL too, the end */
    const char *wrong;      /* static text */
};

/* What a parent says about its child: nothing, a hash, or the child itself. */
static void follow(struct walk *w, const struct czi_rlp_item *child)
{
    w->node = (struct czi_slice){0};
    w->hash = NULL;
    if (child->list && child->whole.len < HASHED_SIZE_MIN)
        w->node = child->whole;
    else if (!child->list && child->payload.len == 32)
        w->hash = child->payload.data;
    else if (child->list || child->payload.len)
        w->wrong = "refers to a child neither by hash nor by a short node";
}

/* Leaf or extension. */
static void walk_path(struct walk *w, const struct czi_rlp_item item[2])
{
    const uint8_t *path = item[0].payload.data;
    size_t end = 2 * item[0].payload.len;
    bool leaf, fits = true;

    if (item[0].list || !end || path[0] >= 0x40 || (!(path[0] & 0x10) && (path[0] & 0x0f))) {
        w->wrong = "has a malformed path";
        return;
    }
    leaf = path[0] >= 0x20;
    for (size_t i = path[0] & 0x10 ? 1 : 2; i < end && fits; i++, w->depth++)
        fits = w->depth < 2 * w->key.len && nibble(w->key.data, w->depth) == nibble(path, i);
    w->node = (struct czi_slice){0};
    w->hash = NULL;
    if (leaf && (item[1].list || !item[1].payload.len))
        w->wrong = "is a leaf without a value";
    else if (!leaf && end == 2 && !(path[0] & 0x10))
        w->wrong = "is an extension without a path";
    else if (leaf && fits && w->depth == 2 * w->key.len)
        w->value = item[1].payload;
    else if (!leaf && !item[1].list && !item[1].payload.len)
        w->wrong = "is an extension without a child";
    else if (!leaf && fits)
        follow(w, &item[1]);
}

static void walk_branch(struct walk *w, const struct czi_rlp_item item[17])
{
    if (w->depth < 2 * w->key.len) {
        follow(w, &item[nibble(w->key.data, w->depth++)]);
        return;
    }
    w->node = (struct czi_slice){0};
    w->hash = NULL;
    if (item[16].list)
        w->wrong = "is a branch whose value is a list";
    else if (item[16].payload.len)
        w->value = item[16].payload;
}

/* One node: a list of 2 or of 17 items. */
static void walk_node(struct walk *w)
{
    struct czi_rlp r = czi_rlp(w->node.data, w->node.len), inside = czi_rlp_list(&r);
    struct czi_rlp_item item[17];
    size_t n = 0;

    while (czi_rlp_more(&inside) && n < CZI_COUNTOF(item))
        item[n++] = czi_rlp_item(&inside);
    if (czi_rlp_end(&r, NULL) || czi_rlp_end(&inside, NULL))
        w->wrong = "is not RLP of a node";
    else if (n == 2)
        walk_path(w, item);
    else if (n == 17)
        walk_branch(w, item);
    else
        w->wrong = "has neither 2 nor 17 items";
}

/* Begins the next node of the proof, which the hash of its parent must name. */
static int enter(struct walk *w, const struct czi_slice *node, size_t i, cz_error *err)
{
    uint8_t hash[32];

    czi_keccak256(node->data, node->len, hash);
    if (memcmp(hash, w->hash, 32) != 0)
        return czi_fail(err, CZ_PROOF, "trie proof: node %zu does not have the hash that %s", i,
                        i ? "its parent says" : "the root is");
    if (i && node->len < HASHED_SIZE_MIN)
        return czi_fail(err, CZ_PROOF, "trie proof: node %zu belongs inside its parent", i);
    w->node = *node;
    return CZ_OK;
}

int czi_trie_verify(const uint8_t root[32], struct czi_slice key, const struct czi_slice *nodes,
                    size_t count, struct czi_slice *ret_value, cz_error *err)
{
    struct walk w = {.key = key, .hash = root};
    uint8_t empty[32];
    size_t used = 0;

    empty_root(empty);
    if (!memcmp(root, empty, 32))
        w.hash = NULL;
    while (w.hash) {
        if (used == count)
            return czi_fail(err, CZ_PROOF, "trie proof: ends after %zu nodes, too early", used);
        int rc = enter(&w, &nodes[used], used, err);
        if (rc != CZ_OK)
            return rc;
        used++;
        w.hash = NULL;
        while (w.node.data && !w.wrong)
            walk_node(&w);
        if (w.wrong)
            return czi_fail(err, CZ_PROOF, "trie proof: node %zu %s", used - 1, w.wrong);
    }
    if (used != count)
        return czi_fail(err, CZ_PROOF, "trie proof: node %zu is not needed", used);
    *ret_value = w.value;
    return CZ_OK;
}
