/* book_check.c - whether what effects ask of facts holds, and what they consume; see book.h. */
#include "fact/book_state.h"

#include "codec/blake3.h"
#include "codec/dag_cbor.h"

/* ---- Consumption ------------------------------------------------------------------------ */

/* The hash of [key, purpose], where the key is the hash of domain, kind and event key. */
static cz_id hash_use(const cz_id *key, struct czi_slice purpose)
{
    uint8_t bytes[3 * CZI_CBOR_HEAD_SIZE_MAX + sizeof *key + CZI_PURPOSE_SIZE_MAX];
    uint8_t *p = czi_cbor_put_array(bytes, 2);
    cz_id id;

    CZI_CHECK(purpose.len <= CZI_PURPOSE_SIZE_MAX);
    p = czi_cbor_put_bytes(p, key->bytes, sizeof *key);
    p = czi_cbor_put_text(p, (const char *)purpose.data, purpose.len);
    czi_blake3(bytes, (size_t)(p - bytes), id.bytes);
    return id;
}

static cz_id use_of(const struct czi_book *b, const struct czi_entry_state *e,
                    struct czi_slice purpose)
{
    return hash_use(czi_id_table_id(&b->key_ids, czi_key_of(b, e)), purpose);
}

bool czi_book_consume(struct czi_book *b, const struct czi_dependency *d)
{
    uint32_t n = czi_id_table_find(&b->ids, d->fact);
    cz_id use;

    CZI_CHECK(n != CZI_ID_NONE && czi_is_fact(czi_entry_at(b, n)) && d->terms.purpose.data);
    use = use_of(b, czi_entry_at(b, n), d->terms.purpose);
    return czi_id_table_find(&b->used, use.bytes) != CZI_ID_NONE ||
           czi_id_table_insert(&b->used, &use) != CZI_ID_NONE;
}

/* ---- One dependency --------------------------------------------------------------------- */

static bool is_stale(const struct czi_book *b, const struct czi_domain_state *d,
                     const struct czi_entry_state *e, const struct czi_terms *t)
{
    const struct czi_block_state *at = czi_block_of(b, e);
    uint32_t last;

    if (t->policy == CZ_EXACT)
        return d->known.height != at->height || d->known.time != at->time ||
               !czi_id_equal(d->known.hash, at->hash);
    if (t->policy != CZ_STILL_TRUE || CZI_KIND_IS_EVENT(e->kind))
        return false;
    last = czi_tree_last(b, CZI_BY_KEY, czi_key_at(b, czi_key_of(b, e))->root);
    return czi_entry_at(b, last)->claim != e->claim;
}

/* Of a fact that stands, so that its domain has a head, which is not below it. */
static bool is_settled(const struct czi_book *b, const struct czi_domain_state *d,
                       const struct czi_entry_state *e, const struct czi_terms *t)
{
    uint64_t height = czi_block_of(b, e)->height;

    switch (t->finality) {
    case CZ_SEEN:
        return true;
    case CZ_DEPTH:
        return czi_mark_reaches(&d->final, height) ||
               czi_block_at(b, d->head)->height - height >= CZI_MAX(t->depth, 1u);
    case CZ_SAFE:
        return czi_mark_reaches(&d->safe, height);
    default:
        return czi_mark_reaches(&d->final, height);
    }
}

static bool is_expired(const struct czi_book *b, const struct czi_domain_state *d,
                       const struct czi_entry_state *e, const struct czi_terms *t)
{
    uint64_t now = d->known.time, time = czi_block_of(b, e)->time;

    return e->expires < now || (t->has_max_age && now > time && now - time > t->max_age);
}

/* The fact that it cites; NULL when it is not recorded, or the item is no fact. */
static const struct czi_entry_state *find_fact(const struct czi_book *b,
                                               const struct czi_dependency *d)
{
    uint32_t n = czi_id_table_find(&b->ids, d->fact);
    const struct czi_entry_state *e = n == CZI_ID_NONE ? NULL : czi_entry_at(b, n);

    return e && czi_is_fact(e) ? e : NULL;
}

/* All but what the other dependencies have to do with it. */
static uint8_t check_alone(const struct czi_book *b, const struct czi_entry_state *e,
                           const struct czi_terms *t)
{
    const struct czi_domain_state *d = czi_domain_at(b, e->domain);

    if (d->frozen)
        return CZ_DOMAIN_FROZEN;
    if (e->standing != CZI_STANDS)
        return CZ_NOT_CANONICAL;
    if (is_stale(b, d, e, t))
        return CZ_STALE_FACT;
    if (!is_settled(b, d, e, t))
        return CZ_BELOW_FINALITY;
    return is_expired(b, d, e, t) ? CZ_FACT_EXPIRED : CZ_APPLIED;
}

/* ---- Several dependencies of one effect -------------------------------------------------- */

static bool same_purpose(struct czi_slice a, struct czi_slice b)
{
    return a.data && b.data && a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

/* Of the earlier dependencies, those about the same key that hold. */
struct earlier {
    uint32_t claims[CZI_CITATIONS_MAX];
    struct czi_slice purposes[CZI_CITATIONS_MAX];
    unsigned count;
};

static uint8_t check_beside(const struct czi_book *b, const struct czi_dependency *d,
                            const struct czi_entry_state *e, const struct earlier *earlier)
{
    cz_id use;

    for (unsigned i = 0; i < earlier->count; i++)
        if (earlier->claims[i] != e->claim)
            return CZ_FACT_CONFLICT;
    if (!d->terms.purpose.data)
        return CZ_APPLIED;
    for (unsigned i = 0; i < earlier->count; i++)
        if (same_purpose(earlier->purposes[i], d->terms.purpose))
            return CZ_EVENT_CONSUMED;
    use = use_of(b, e, d->terms.purpose);
    return czi_id_table_find(&b->used, use.bytes) == CZI_ID_NONE ? CZ_APPLIED
                                                                 : CZ_EVENT_CONSUMED;
}

/* Only those of the same key matter; each holds or not by those before it. */
static void find_earlier(const struct czi_book *b, const struct czi_dependency *all, unsigned i,
                         uint32_t key, struct earlier *ret)
{
    ret->count = 0;
    for (unsigned j = 0; j < i; j++) {
        const struct czi_entry_state *e = find_fact(b, &all[j]);

        if (!e || czi_key_of(b, e) != key || check_alone(b, e, &all[j].terms) != CZ_APPLIED ||
            check_beside(b, &all[j], e, ret) != CZ_APPLIED)
            continue;
        ret->claims[ret->count] = e->claim;
        ret->purposes[ret->count++] = all[j].terms.purpose;
    }
}

uint8_t czi_book_check(const struct czi_book *b, const struct czi_dependency *all, unsigned i,
                       bool *ret_holds)
{
    const struct czi_entry_state *e = find_fact(b, &all[i]);
    uint8_t reason = e ? check_alone(b, e, &all[i].terms) : CZ_UNKNOWN_FACT;
    struct earlier earlier;

    CZI_CHECK(i < CZI_CITATIONS_MAX);
    if (reason == CZ_APPLIED && (i || all[i].terms.purpose.data)) {
        find_earlier(b, all, i, czi_key_of(b, e), &earlier);
        reason = check_beside(b, &all[i], e, &earlier);
    }
    if (reason != CZ_APPLIED && !all[i].terms.optional)
        return reason;
    *ret_holds = reason == CZ_APPLIED;
    return CZ_APPLIED;
}
