/* book.c - see book.h: how items come in. Blocks and what changes a chain are in
 * book_blocks.c. */
#include "fact/book_state.h"

#include "codec/blake3.h"
#include "codec/dag_cbor.h"

/* ---- Names ------------------------------------------------------------------------------ */

/* The hash of [domain, kind, event key]: that of a key does not depend on numbers. */
static cz_id hash_key(const struct czi_fact *f)
{
    uint8_t bytes[3 * CZI_CBOR_HEAD_SIZE_MAX + CZI_DOMAIN_SIZE_MAX + CZI_EVENT_KEY_SIZE_MAX];
    uint8_t *p = czi_cbor_put_array(bytes, 3);
    cz_id id;

    CZI_CHECK(f->domain.len <= CZI_DOMAIN_SIZE_MAX &&
              f->event_key.len <= CZI_EVENT_KEY_SIZE_MAX);
    p = czi_cbor_put_text(p, (const char *)f->domain.data, f->domain.len);
    p = czi_cbor_put_uint(p, f->kind);
    p = czi_cbor_put_bytes(p, f->event_key.data, f->event_key.len);
    czi_blake3(bytes, (size_t)(p - bytes), id.bytes);
    return id;
}

cz_id czi_claim_hash(const cz_id *key, struct czi_slice claim)
{
    uint8_t bytes[512];
    struct czi_blake3 h;
    cz_id id;

    if (claim.len <= sizeof bytes - sizeof *key) {
        memcpy(bytes, key->bytes, sizeof *key);
        if (claim.len)
            memcpy(bytes + sizeof *key, claim.data, claim.len);
        czi_blake3(bytes, sizeof *key + claim.len, id.bytes);
        return id;
    }
    czi_blake3_init(&h);
    czi_blake3_update(&h, key->bytes, sizeof *key);
    czi_blake3_update(&h, claim.data, claim.len);
    czi_blake3_final(&h, id.bytes);
    return id;
}

/* ---- Domains ---------------------------------------------------------------------------- */

static bool same_bytes(struct czi_slice a, const void *data, size_t len)
{
    return a.len == len && (!len || !memcmp(a.data, data, len));
}

static uint8_t refuse_domain(const struct czi_book *b, const struct czi_domain_item *config,
                             uint32_t domain)
{
    const struct czi_domain_state *d;

    if (domain == CZI_ID_NONE) {
        if (config->sequence)
            return CZ_UNKNOWN_DOMAIN;
        return b->domains.count < CZI_DOMAINS_MAX ? CZ_APPLIED : CZ_FULL;
    }
    d = czi_domain_at(b, domain);
    if (!config->sequence)
        return CZ_EXISTS;
    if (config->sequence - 1 != d->sequence)
        return CZ_STALE_FACT;
    if (!same_bytes(config->adapter, d->adapter, strlen(d->adapter)) ||
        !same_bytes(config->parameters, d->parameters, d->parameters_len))
        return CZ_WRONG_KIND;
    return CZ_APPLIED;
}

static uint8_t judge_domain(const struct czi_book *b, const struct czi_taking *t)
{
    const struct czi_domain_item *config = &t->item->config;

    return czi_is_name(t->item->domain) && czi_is_name(config->adapter)
               ? refuse_domain(b, config, t->domain)
               : CZ_BAD_ENCODING;
}

static bool record_domain(struct czi_book *b, struct czi_taking *t)
{
    struct czi_domain_state *d;

    if (t->domain == CZI_ID_NONE)
        t->domain = czi_book_add_domain(b, t->item->domain);
    if (t->domain == CZI_ID_NONE)
        return false;
    d = czi_domain_at(b, t->domain);
    return czi_book_configure(d, &t->item->config) &&
           czi_book_add_entry(b, t->id, CZI_ITEM_DOMAIN, t->domain, CZI_STANDS) !=
               CZI_ID_NONE &&
           czi_book_settle(b, d);
}

/* ---- Facts that rest on blocks ---------------------------------------------------------- */

/* Why the block that f names cannot be rested on, when no such block is recorded. */
static uint8_t refuse_header(const struct czi_book *b, const struct czi_domain_state *d,
                             const struct czi_fact *f)
{
    const struct czi_block_state *at;
    uint32_t place;

    if (d->head == CZI_ID_NONE || f->height > czi_block_at(b, d->head)->height)
        return CZ_HEAD_BEHIND;
    place = czi_tree_up_to(b, CZI_BY_HEIGHT, d->chain, f->height);
    at = place == CZI_ID_NONE ? NULL : czi_block_at(b, place);
    return at && at->height == f->height && !czi_id_equal(at->hash, f->block_hash)
               ? CZ_NOT_CANONICAL
               : CZ_HEAD_UNKNOWN;
}

/* Whether the fact may rest on the block's that it names. */
static uint8_t check_header(const struct czi_book *b, const struct czi_taking *t)
{
    const struct czi_domain_state *d = czi_domain_at(b, t->domain);
    const struct czi_fact *f = &t->item->fact;
    const struct czi_entry_state *e =
        t->header == CZI_ID_NONE ? NULL : czi_entry_at(b, t->header);
    const struct czi_block_state *at;
    uint64_t depth;
    uint8_t level;

    if (!e || !czi_is_fact(e) || e->kind != CZ_FACT_BLOCK || e->domain != t->domain)
        return refuse_header(b, d, f);
    if (e->standing != CZI_STANDS)
        return CZ_NOT_CANONICAL;
    at = czi_block_of(b, e);
    if (at->height != f->height || at->time != f->time ||
        !czi_id_equal(at->hash, f->block_hash) || e->trust != f->trust)
        return CZ_HEAD_UNKNOWN;
    level = (uint8_t)czi_book_level(b, d, at->height, &depth);
    if (depth < d->policy.record_depth)
        return CZ_HEAD_BEHIND;
    return level < d->policy.record_finality ? CZ_BELOW_FINALITY : CZ_APPLIED;
}

/* A fact that stands, is about the same and says otherwise; CZI_ID_NONE. Invariant 3 of
 * book_state.h: one of its kind stands for all. */
static uint32_t find_other_claim(const struct czi_book *b, const struct czi_taking *t)
{
    const struct czi_fact *f = &t->item->fact;
    uint32_t key = czi_id_table_find(&b->key_ids, t->key.bytes), root, n;

    if (key == CZI_ID_NONE)
        return CZI_ID_NONE;
    root = czi_key_at(b, key)->root;
    n = CZI_KIND_IS_EVENT(f->kind) ? czi_tree_first(b, CZI_BY_KEY, root)
                                   : czi_tree_up_to(b, CZI_BY_KEY, root, f->height);
    if (n == CZI_ID_NONE || (!CZI_KIND_IS_EVENT(f->kind) &&
                             czi_block_of(b, czi_entry_at(b, n))->height != f->height))
        return CZI_ID_NONE;
    return czi_id_equal(czi_id_table_id(&b->claim_ids, czi_entry_at(b, n)->claim), &t->claim)
               ? CZI_ID_NONE
               : n;
}

static uint8_t judge_resting(const struct czi_book *b, struct czi_taking *t)
{
    const struct czi_domain_state *d = czi_domain_at(b, t->domain);
    const struct czi_fact *f = &t->item->fact;
    uint8_t reason;

    t->header = f->has_header ? czi_id_table_find(&b->ids, f->header.bytes) : CZI_ID_NONE;
    reason = check_header(b, t);
    if (reason != CZ_APPLIED)
        return reason;
    t->place = czi_entry_at(b, t->header)->place;
    t->contradicts = find_other_claim(b, t);
    if (t->contradicts == CZI_ID_NONE)
        return CZ_APPLIED;
    return czi_mark_reaches(&d->final, f->height) &&
                   czi_mark_reaches(&d->final,
                                    czi_block_of(b, czi_entry_at(b, t->contradicts))->height)
               ? CZ_APPLIED
               : CZ_FACT_CONFLICT;
}

static bool record_resting(struct czi_book *b, const struct czi_taking *t)
{
    bool held = t->contradicts != CZI_ID_NONE;
    uint32_t n = czi_book_add_fact(b, t, t->header, t->place, held ? CZI_HELD : CZI_STANDS);

    if (held && n != CZI_ID_NONE)
        czi_book_freeze(czi_domain_at(b, t->domain), t->contradicts, n);
    return n != CZI_ID_NONE;
}

/* ---- Taking items ----------------------------------------------------------------------- */

static bool may_observe(const struct czi_domain_state *d, bool has, const uint8_t key[32])
{
    if (!d->observer_count || !has)
        return !d->observer_count == !has;
    for (uint32_t i = 0; i < d->observer_count; i++)
        if (czi_id_equal(d->observers[i], key))
            return true;
    return false;
}

static uint8_t judge_fact(const struct czi_book *b, struct czi_taking *t)
{
    const struct czi_domain_state *d = czi_domain_at(b, t->domain);
    const struct czi_fact *f = &t->item->fact;

    if (d->frozen)
        return CZ_DOMAIN_FROZEN;
    if (!may_observe(d, f->has_observer, f->observer))
        return CZ_BAD_OBSERVER;
    if (f->has_expires && d->head != CZI_ID_NONE && f->expires < czi_block_at(b, d->head)->time)
        return CZ_FACT_EXPIRED;
    CZI_CHECK(f->claim_bytes.len); /* decoding has set it */
    t->key = hash_key(f);
    t->claim = czi_claim_hash(&t->key, f->claim_bytes);
    return f->kind == CZ_FACT_BLOCK ? czi_book_judge_block(b, t) : judge_resting(b, t);
}

static uint8_t judge_retraction(const struct czi_book *b, struct czi_taking *t)
{
    const struct czi_domain_state *d = czi_domain_at(b, t->domain);
    const struct czi_retraction *r = &t->item->retraction;

    if (d->frozen)
        return CZ_DOMAIN_FROZEN;
    return may_observe(d, r->has_observer, r->observer) ? czi_book_judge_retraction(b, t)
                                                        : CZ_BAD_OBSERVER;
}

/* Items of one domain come in runs. */
static uint32_t find_domain(const struct czi_book *b, struct czi_slice name)
{
    if (b->domains.count) {
        const char *last = czi_domain_at(b, b->last_domain)->name;

        if (same_bytes(name, last, strlen(last)))
            return b->last_domain;
    }
    return czi_book_domain(b, name);
}

static struct czi_taking taking(const struct czi_book *b, const struct czi_item *item,
                                const cz_id *id)
{
    return (struct czi_taking){.item = item,
                               .id = id,
                               .domain = find_domain(b, item->domain),
                               .place = CZI_ID_NONE,
                               .header = CZI_ID_NONE,
                               .contradicts = CZI_ID_NONE,
                               .target = CZI_ID_NONE};
}

static uint8_t judge(const struct czi_book *b, struct czi_taking *t)
{
    if (t->item->type == CZI_ITEM_DOMAIN)
        return judge_domain(b, t);
    if (t->domain == CZI_ID_NONE)
        return CZ_UNKNOWN_DOMAIN;
    if (t->item->type == CZI_ITEM_FACT)
        return judge_fact(b, t);
    return t->item->type == CZI_ITEM_RETRACTION ? judge_retraction(b, t)
                                                : czi_book_judge_decision(b, t);
}

static bool record(struct czi_book *b, struct czi_taking *t)
{
    switch (t->item->type) {
    case CZI_ITEM_FACT:
        return t->item->fact.kind == CZ_FACT_BLOCK ? czi_book_record_block(b, t)
                                                   : record_resting(b, t);
    case CZI_ITEM_RETRACTION:
        return czi_book_record_retraction(b, t);
    case CZI_ITEM_DOMAIN:
        return record_domain(b, t);
    case CZI_ITEM_DECISION:
        break;
    }
    return czi_book_record_decision(b, t);
}

uint8_t czi_book_judge(const struct czi_book *b, const struct czi_item *item)
{
    struct czi_taking t = taking(b, item, NULL);

    return judge(b, &t);
}

uint8_t czi_book_take(struct czi_book *b, const struct czi_item *item, const cz_id *id,
                      uint32_t *ret_domain)
{
    struct czi_taking t = taking(b, item, id);
    uint8_t reason = judge(b, &t);

    if (reason != CZ_APPLIED)
        return reason;
    if (!record(b, &t))
        return CZI_BOOK_NOMEM;
    *ret_domain = b->last_domain = t.domain;
    return CZ_APPLIED;
}
