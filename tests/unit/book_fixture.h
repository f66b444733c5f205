/* book_fixture.h - facts of a small world for tests of the book: blocks are named by a letter,
 * their branch, and a height.
 */
#ifndef CZI_BOOK_FIXTURE_H
#define CZI_BOOK_FIXTURE_H

#include "codec/ed25519.h"
#include "fact/book.h"
#include "test.h"

/* What an item is; zero stands for the usual. */
struct spec {
    const char *domain;     /* "test" */
    enum cz_fact_kind kind; /* a block */
    char branch;            /* of the block, or of the one that it rests on */
    uint64_t height;
    char parent;   /* branch of the block below; the same */
    uint64_t time; /* 1000 + 10 * height */
    enum cz_finality finality;
    const char *key; /* of a block its hash, else "key" */
    uint64_t claim;  /* of a block its root */
    uint64_t expires;
    enum czi_fact_trust trust;
    uint8_t observer;    /* its seed; nobody */
    uint8_t salt;        /* tells facts apart that say the same */
    const cz_id *header; /* the first fact of the block */
};

static inline struct czi_slice text_slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

static inline void block_hash(char branch, uint64_t height, uint8_t ret[32])
{
    memset(ret, 0, 32);
    ret[0] = (uint8_t)branch;
    (void)czi_put_u64le(ret + 1, height);
    ret[9] = 1;
}

/* An item as it is read from its bytes. */
struct made {
    struct czi_item item;
    cz_id id;
    struct czi_buf bytes;
};

static inline void made_done(struct made *m)
{
    czi_buf_done(&m->bytes);
}
#define AUTOMADE CZI_CLEANUP(made_done) struct made

static inline void make_item(const struct czi_item *item, struct made *m)
{
    cz_error err = {0};

    assert_ok(czi_item_encode(item, &m->bytes, &err), err);
    assert_ok(czi_item_decode(m->bytes.data, m->bytes.len, &m->item, &err), err);
    m->id = czi_fact_id(m->bytes.data, m->bytes.len);
}

static inline cz_id id_of(const struct spec *s);

static inline void make_fact(const struct spec *s, struct made *m)
{
    bool is_block = !s->kind || s->kind == CZ_FACT_BLOCK;
    struct czi_item item = {.type = CZI_ITEM_FACT};
    struct czi_fact *f = &item.fact;
    uint8_t hash[32], parent[32], root[32] = {0}, seed[32] = {s->observer};
    struct spec block = {.domain = s->domain,
                         .branch = s->branch,
                         .height = s->height,
                         .time = s->time,
                         .trust = s->trust};
    cz_error err = {0};

    block_hash(s->branch, s->height, hash);
    block_hash(s->parent ? s->parent : s->branch, s->height - 1, parent);
    *f = (struct czi_fact){.domain = text_slice(s->domain ? s->domain : "test"),
                           .kind = is_block ? CZ_FACT_BLOCK : s->kind,
                           .height = s->height,
                           .time = s->time ? s->time : 1000 + 10 * s->height,
                           .finality = s->finality,
                           .event_key = s->key     ? text_slice(s->key)
                                        : is_block ? (struct czi_slice){hash, 32}
                                                   : text_slice("key"),
                           .has_expires = s->expires != 0,
                           .expires = s->expires,
                           .trust = s->trust,
                           .has_header = !is_block,
                           .proof_count = 1,
                           .proof = {{&s->salt, 1}}};
    item.domain = f->domain;
    memcpy(f->block_hash, hash, 32);
    if (is_block) {
        (void)czi_put_u64le(root, s->claim);
        f->claim_count = 2;
        f->claim[0] = (struct czi_fact_value){CZI_VALUE_BYTES, 0, {parent, 32}};
        f->claim[1] = (struct czi_fact_value){CZI_VALUE_BYTES, 0, {root, 32}};
    } else {
        f->claim_count = 1;
        f->claim[0] = (struct czi_fact_value){CZI_VALUE_UINT, s->claim, {0}};
        f->header = s->header ? *s->header : id_of(&block);
    }
    if (s->observer)
        assert_ok(czi_fact_sign(f, seed, &err), err);
    make_item(&item, m);
}

static inline cz_id id_of(const struct spec *s)
{
    AUTOMADE m = {0};

    make_fact(s, &m);
    return m.id;
}

static inline uint8_t take_made(struct czi_book *b, const struct made *m)
{
    uint32_t domain = CZI_ID_NONE, count = czi_book_count(b);
    uint8_t judged = czi_book_judge(b, &m->item), reason;

    assert_int_equal(czi_book_find(b, &m->id), CZI_ID_NONE);
    reason = czi_book_take(b, &m->item, &m->id, &domain);
    if (reason != CZI_BOOK_NOMEM)
        assert_int_equal(reason, judged);
    if (reason == CZ_APPLIED) {
        assert_int_equal(czi_book_count(b), count + 1);
        assert_int_equal(czi_book_find(b, &m->id), count);
        assert_int_equal(domain, czi_book_domain(b, m->item.domain));
    }
    return reason;
}

static inline uint8_t take_spec(struct czi_book *b, const struct spec *s)
{
    AUTOMADE m = {0};

    make_fact(s, &m);
    return take_made(b, &m);
}
#define SPEC(...) (&(struct spec){__VA_ARGS__})
#define TAKE(b, ...) take_spec((b), SPEC(__VA_ARGS__))

static inline uint8_t take_item(struct czi_book *b, const struct czi_item *item)
{
    AUTOMADE m = {0};

    make_item(item, &m);
    return take_made(b, &m);
}

/* ---- Other items --------------------------------------------------------------------------
 */

static inline struct czi_item domain_item(const char *name, uint64_t sequence,
                                          struct czi_domain_policy policy)
{
    return (struct czi_item){.type = CZI_ITEM_DOMAIN,
                             .domain = text_slice(name),
                             .config = {.sequence = sequence,
                                        .adapter = text_slice("simulated"),
                                        .parameters = text_slice("p"),
                                        .policy = policy}};
}

/* A book that knows the domain "test". */
static inline struct czi_book *book_with(struct czi_domain_policy policy)
{
    struct czi_item item = domain_item("test", 0, policy);
    struct czi_book *b = czi_book_new();

    assert_non_null(b);
    assert_int_equal(take_item(b, &item), CZ_APPLIED);
    return b;
}
static const struct czi_domain_policy no_policy = {0};

static inline uint8_t retract_id(struct czi_book *b, const cz_id *fact, uint8_t salt)
{
    struct czi_item item = {.type = CZI_ITEM_RETRACTION, .domain = text_slice("test")};

    item.retraction.fact = *fact;
    item.retraction.evidence_count = 1;
    item.retraction.evidence[0] = (struct czi_slice){&salt, 1};
    return take_item(b, &item);
}
#define RETRACT(b, ...)                                                                        \
    ({                                                                                         \
        cz_id id_ = id_of(SPEC(__VA_ARGS__));                                                  \
        retract_id((b), &id_, 0);                                                              \
    })

static inline uint8_t decide(struct czi_book *b, const cz_id *keep, const cz_id *drop)
{
    struct czi_item item = {.type = CZI_ITEM_DECISION, .domain = text_slice("test")};

    item.decision.keep = *keep;
    item.decision.drop = *drop;
    return take_item(b, &item);
}

/* ---- Looking ------------------------------------------------------------------------------
 */

static inline uint32_t number_of(struct czi_book *b, const struct spec *s)
{
    cz_id id = id_of(s);
    uint32_t n = czi_book_find(b, &id);

    assert_int_not_equal(n, CZI_ID_NONE);
    return n;
}

static inline struct czi_entry_info info_of(struct czi_book *b, uint32_t number)
{
    struct czi_entry_info info;

    czi_book_entry(b, number, &info);
    return info;
}
#define STANDING(b, ...) (info_of((b), number_of((b), SPEC(__VA_ARGS__))).standing)

static inline struct czi_domain_info domain_of(struct czi_book *b)
{
    struct czi_domain_info info;

    czi_book_domain_info(b, czi_book_domain(b, text_slice("test")), &info);
    return info;
}

static inline struct czi_domain_time known_of(struct czi_book *b)
{
    const struct czi_domain_time *t = czi_time_map_find(czi_book_time(b), text_slice("test"));

    assert_non_null(t);
    return *t;
}

/* Blocks of a branch at all heights from..to, the first one on another branch's block. */
static inline void take_chain(struct czi_book *b, char branch, char parent, uint64_t from,
                              uint64_t to)
{
    for (uint64_t h = from; h <= to; h++)
        assert_int_equal(TAKE(b, .branch = branch, .height = h,
                              .parent = h == from ? parent : 0),
                         CZ_APPLIED);
}

#endif
