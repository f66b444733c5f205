/* book_state.h - what a book is made of; private to fact/book*.c.
 *
 * Layer: fact. Items, keys, claims and blocks are numbered from 0 as they come, are never
 * removed, and stay where they are in memory. Invariants:
 *
 * 1. A fact is in the trees of its key and its claim exactly while it stands, a block is in the
 *    chain of its domain exactly while it stands.
 *
 * 2. A fact's block stands as long as the fact does.
 *
 * 3. Of a key whose kind is an event, all facts that stand have one claim; of any other, all
 *    that stand in one block.
 *
 * 4. A domain has an item that is held exactly while it is frozen: contradicts[1].
 */
#ifndef CZI_BOOK_STATE_H
#define CZI_BOOK_STATE_H

#include "fact/book.h"

/* ---- Numbered objects that stay where they are --------------------------------------------
 */

#define CZI_LIST_CHUNK 256u

/* All zero is empty. */
struct czi_list {
    uint8_t **chunks;
    uint32_t count, chunk_room;
};

/* The next one, zeroed; NULL when out of memory. */
void *czi_list_add(struct czi_list *l, size_t size);
void czi_list_done(struct czi_list *l);

static inline void *czi_list_at(const struct czi_list *l, size_t size, uint32_t n)
{
    return l->chunks[n / CZI_LIST_CHUNK] + n % CZI_LIST_CHUNK * size;
}

/* ---- The state ----------------------------------------------------------------------------
 */

/* Children in a tree. */
struct czi_link {
    uint32_t left, right;
};

/* An item. What is not of a fact: type, standing, domain, retracted_by. */
struct czi_entry_state {
    uint64_t expires;
    uint32_t domain, claim;
    uint32_t block; /* number of the block's fact; its own for blocks */
    uint32_t place; /* number of the block */
    uint32_t next;  /* fact of the same block */
    uint32_t retracted_by;
    struct czi_link by_key, by_claim;
    uint8_t type, kind, finality, trust, standing;
    bool dirty; /* is in the list of changed rows */
};

/* A block, whatever number of facts say it. */
struct czi_block_state {
    uint64_t height, time;
    uint64_t depth; /* once it is retracted: blocks that were built on it */
    uint8_t hash[32], parent[32];
    uint32_t claim, first_root;
    uint32_t fact;       /* the first that says it; stands as long as the block */
    uint32_t first_fact; /* list of all that say it or rest on it */
    struct czi_link by_height;
    uint8_t root_count, standing;
    uint8_t level; /* with depth */
};

struct czi_claim_state {
    uint8_t *said; /* owned: canonical bytes of a claim that is a statement; NULL: it is none */
    uint32_t said_len;
    uint32_t key, root; /* tree of the facts that stand */
};

struct czi_key_state {
    uint32_t root;
};

/* How far a chain is settled. */
struct czi_mark {
    uint64_t height;
    bool any;
};

struct czi_domain_state {
    char name[CZI_DOMAIN_SIZE_MAX + 1], adapter[CZI_DOMAIN_SIZE_MAX + 1];
    uint8_t *parameters; /* owned */
    size_t parameters_len;
    uint8_t (*observers)[32]; /* owned; ascending */
    uint32_t observer_count;
    struct czi_domain_policy policy;
    uint64_t sequence;
    struct czi_mark safe, final;
    uint32_t chain; /* tree of the blocks that stand */
    uint32_t head;  /* the highest of them, or CZI_ID_NONE */
    uint32_t contradicts[2];
    bool frozen, dirty;
    bool has_known;
    struct czi_domain_time known; /* as in the time map */
};

struct czi_book {
    struct czi_id_table ids; /* of items */
    struct czi_list entries;
    struct czi_id_table key_ids, claim_ids;
    struct czi_list keys, claims;
    struct czi_id_table hash_ids; /* of domain and block hash */
    struct czi_list hashes;       /* the block of that hash: the one that stands, or the last */
    struct czi_list blocks, roots;
    struct czi_id_table domain_ids;
    struct czi_list domains;
    uint32_t last_domain;     /* of the last item */
    struct czi_id_table used; /* event and purpose */
    struct czi_time_map time;
    cz_id time_id;
    bool time_dirty;
    uint32_t saved, used_saved; /* items and consumptions that are in rows */
    struct czi_buf changed;     /* numbers of items below `saved` whose rows are not */
};

static inline struct czi_entry_state *czi_entry_at(const struct czi_book *b, uint32_t n)
{
    return czi_list_at(&b->entries, sizeof(struct czi_entry_state), n);
}
static inline struct czi_block_state *czi_block_at(const struct czi_book *b, uint32_t n)
{
    return czi_list_at(&b->blocks, sizeof(struct czi_block_state), n);
}
static inline struct czi_claim_state *czi_claim_at(const struct czi_book *b, uint32_t n)
{
    return czi_list_at(&b->claims, sizeof(struct czi_claim_state), n);
}
static inline struct czi_key_state *czi_key_at(const struct czi_book *b, uint32_t n)
{
    return czi_list_at(&b->keys, sizeof(struct czi_key_state), n);
}
static inline struct czi_domain_state *czi_domain_at(const struct czi_book *b, uint32_t n)
{
    return czi_list_at(&b->domains, sizeof(struct czi_domain_state), n);
}

static inline struct czi_block_state *czi_block_of(const struct czi_book *b,
                                                   const struct czi_entry_state *e)
{
    return czi_block_at(b, e->place);
}
static inline uint32_t czi_key_of(const struct czi_book *b, const struct czi_entry_state *e)
{
    return czi_claim_at(b, e->claim)->key;
}
static inline bool czi_is_fact(const struct czi_entry_state *e)
{
    return e->type == CZI_ITEM_FACT;
}

/* A domain's or adapter's name can be a string. */
static inline bool czi_is_name(struct czi_slice s)
{
    return s.len && s.len <= CZI_DOMAIN_SIZE_MAX && !memchr(s.data, 0, s.len);
}

/* Numbers of values in rows (book_rows.c). */
enum {
    CZI_ROW_DOMAIN = 9,
    CZI_ROW_POLICY = 4,
    CZI_ROW_OTHER = 5,
    CZI_ROW_FACT = 13,
    CZI_ROW_BLOCK = 7,
};

/* ---- Trees (book_tree.c) ------------------------------------------------------------------
 * Ordered by height, then by number: blocks in a chain, facts that have a key or claim. The
 * number of a root is CZI_ID_NONE when the tree is empty. Cost: logarithmic. */

enum czi_tree { CZI_BY_HEIGHT, CZI_BY_KEY, CZI_BY_CLAIM };

void czi_tree_insert(const struct czi_book *b, enum czi_tree t, uint32_t *root, uint32_t n);
void czi_tree_remove(const struct czi_book *b, enum czi_tree t, uint32_t *root, uint32_t n);
/* The last one at this height or below; CZI_ID_NONE. */
uint32_t czi_tree_up_to(const struct czi_book *b, enum czi_tree t, uint32_t root,
                        uint64_t height);
uint32_t czi_tree_first(const struct czi_book *b, enum czi_tree t, uint32_t root);
uint32_t czi_tree_last(const struct czi_book *b, enum czi_tree t, uint32_t root);

/* ---- Recording (book_state.c)
 * ------------------------------------------------------------------ */

/* An item on its way in: it is judged, which changes nothing but what is said here, and then
 * recorded, which cannot be refused any more. */
struct czi_taking {
    const struct czi_item *item;
    const cz_id *id;
    uint32_t domain;
    cz_id key, claim;       /* of a fact */
    struct czi_block block; /* of a block's fact */
    uint32_t place;         /* of a fact: the block that stands already, or CZI_ID_NONE */
    uint32_t header;        /* of other facts: the block's */
    uint32_t contradicts;   /* number of the final fact that it contradicts, or CZI_ID_NONE */
    uint32_t target;        /* of a retraction */
};

/* The hash of key and claim, one after the other. */
cz_id czi_claim_hash(const cz_id *key, struct czi_slice claim);

/* All that can fail is out of memory: CZI_ID_NONE, false. */
uint32_t czi_book_add_key(struct czi_book *b, const cz_id *key);
uint32_t czi_book_add_claim(struct czi_book *b, const cz_id *claim, uint32_t key);
/* A further entry; its number. */
uint32_t czi_book_add_entry(struct czi_book *b, const cz_id *id, uint8_t type, uint32_t domain,
                            uint8_t standing);
/* A fact with its key and claim. block: number of
 * the fact that it rests on, CZI_ID_NONE for its own. */
uint32_t czi_book_add_fact(struct czi_book *b, const struct czi_taking *t, uint32_t block,
                           uint32_t place, uint8_t standing);
/* Sets the standing; a fact enters or leaves the trees of its key and claim. */
void czi_book_set_standing(struct czi_book *b, uint32_t n, uint8_t standing);
/* The row of an item is another one now. */
CZI_MUST_USE bool czi_book_changed(struct czi_book *b, uint32_t n);
CZI_MUST_USE bool czi_book_retract(struct czi_book *b, uint32_t n, uint32_t by);
/* Two items contradict. */
void czi_book_freeze(struct czi_domain_state *d, uint32_t stands, uint32_t against);
uint32_t czi_book_add_domain(struct czi_book *b, struct czi_slice name);
CZI_MUST_USE bool czi_book_configure(struct czi_domain_state *d,
                                     const struct czi_domain_item *config);

/* ---- Chains (book_blocks.c) -------------------------------------------------------------- */

cz_id czi_hash_key(uint32_t domain, const uint8_t hash[32]);
/* The block of a domain with this hash that stands, or else the last one; CZI_ID_NONE. */
uint32_t czi_book_block_by_hash(const struct czi_book *b, uint32_t domain,
                                const uint8_t hash[32]);
uint32_t czi_book_add_block(struct czi_book *b, uint32_t domain, const struct czi_block *block,
                            uint32_t claim, uint8_t standing);
uint8_t czi_book_judge_block(const struct czi_book *b, struct czi_taking *t);
uint8_t czi_book_judge_retraction(const struct czi_book *b, struct czi_taking *t);
uint8_t czi_book_judge_decision(const struct czi_book *b, const struct czi_taking *t);
CZI_MUST_USE bool czi_book_record_block(struct czi_book *b, const struct czi_taking *t);
CZI_MUST_USE bool czi_book_record_retraction(struct czi_book *b, const struct czi_taking *t);
CZI_MUST_USE bool czi_book_record_decision(struct czi_book *b, const struct czi_taking *t);

static inline bool czi_mark_reaches(const struct czi_mark *m, uint64_t height)
{
    return m->any && height <= m->height;
}
/* The finality of a height, and the blocks above it. */
enum cz_finality czi_book_level(const struct czi_book *b, const struct czi_domain_state *d,
                                uint64_t height, uint64_t *ret_depth);
/* After head, policy or marks have changed: what is settled by depth, and the time map. */
CZI_MUST_USE bool czi_book_settle(struct czi_book *b, struct czi_domain_state *d);

#endif
