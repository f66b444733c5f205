/* book_load.c - a book from rows; see book.h and book_rows.c.
 *
 * Layer: fact. Rows come from a disk: whatever they say, the book's invariants hold afterwards,
 * or they are refused.
 */
#include "fact/book_state.h"

#include "codec/dag_cbor.h"

static int bad_row(struct czi_slice key, const char *what, cz_error *err)
{
    return czi_fail(
        err, CZ_CORRUPT,
        "index: a row of table '%c' about facts %s; `causality reindex` rebuilds it",
        key.len && key.data[0] >= ' ' && key.data[0] < 127 ? key.data[0] : '?', what);
}

/* Whether the key is that of the next object. */
static bool is_next(struct czi_slice key, uint32_t count)
{
    uint32_t n = 0;

    for (size_t i = 1; i < key.len; i++)
        n = n << 8 | key.data[i];
    return key.len == 5 && n == count;
}

/* ---- Domains ---------------------------------------------------------------------------- */

static struct czi_mark read_mark(struct czi_cbor *c)
{
    struct czi_mark m = {0};

    if (!czi_cbor_null(c))
        m = (struct czi_mark){czi_cbor_uint(c), true};
    return m;
}

static int load_domain(struct czi_book *b, struct czi_slice key, struct czi_slice value,
                       cz_error *err)
{
    struct czi_cbor c = czi_cbor(value.data, value.len);
    struct czi_domain_state *d;
    struct czi_domain_item config;
    struct czi_mark safe, final;
    struct czi_slice name;
    uint32_t contradicts[2] = {CZI_ID_NONE, CZI_ID_NONE}, n;
    bool frozen;

    czi_cbor_array_of(&c, CZI_ROW_DOMAIN);
    name = czi_cbor_text(&c);
    config.adapter = czi_cbor_text(&c);
    config.parameters = czi_cbor_bytes(&c);
    config.sequence = czi_cbor_uint(&c);
    czi_cbor_array_of(&c, CZI_ROW_POLICY);
    config.policy.safe_depth = czi_cbor_uint(&c);
    config.policy.final_depth = czi_cbor_uint(&c);
    config.policy.record_depth = czi_cbor_uint(&c);
    config.policy.record_finality = (enum cz_finality)czi_cbor_uint_max(&c, CZ_FINAL);
    czi_item_read_observers(&c, &config);
    safe = read_mark(&c);
    final = read_mark(&c);
    frozen = !czi_cbor_null(&c);
    if (frozen) {
        czi_cbor_array_of(&c, 2);
        contradicts[0] = (uint32_t)czi_cbor_uint_max(&c, CZI_ID_NONE - 1);
        contradicts[1] = (uint32_t)czi_cbor_uint_max(&c, CZI_ID_NONE - 1);
    }
    if (czi_cbor_end(&c, NULL) || !czi_is_name(name) || !czi_is_name(config.adapter) ||
        !is_next(key, b->domains.count) || b->domains.count >= CZI_DOMAINS_MAX ||
        czi_book_domain(b, name) != CZI_ID_NONE)
        return bad_row(key, "is malformed", err);
    n = czi_book_add_domain(b, name);
    if (n == CZI_ID_NONE || !czi_book_configure(czi_domain_at(b, n), &config))
        return czi_nomem(err, "the domains of the store");
    d = czi_domain_at(b, n);
    d->safe = safe;
    d->final = final;
    d->frozen = frozen;
    memcpy(d->contradicts, contradicts, sizeof contradicts);
    return CZ_OK;
}

/* ---- Items ------------------------------------------------------------------------------ */

/* What a row says. */
struct row {
    cz_id id, key, claim;
    uint32_t domain, retracted_by, block;
    uint64_t expires, depth;
    uint8_t type, standing, kind, finality, trust, level;
    bool has_block;
    struct czi_block at;
    struct czi_slice said; /* data NULL: no statement */
};

static void read_block(struct czi_cbor *c, struct row *r)
{
    cz_id hash, parent;
    uint64_t roots;

    r->has_block = true;
    czi_cbor_array_of(c, CZI_ROW_BLOCK);
    r->at.height = czi_cbor_uint(c);
    r->at.time = czi_cbor_uint(c);
    hash = czi_cbor_bytes32(c);
    parent = czi_cbor_bytes32(c);
    memcpy(r->at.hash, hash.bytes, sizeof r->at.hash);
    memcpy(r->at.parent, parent.bytes, sizeof r->at.parent);
    roots = czi_cbor_array(c);
    if (roots > CZI_BLOCK_ROOTS_MAX) {
        czi_cbor_fail(c, "more roots than CZI_BLOCK_ROOTS_MAX");
        roots = 0;
    }
    r->at.root_count = (uint8_t)roots;
    for (uint64_t i = 0; i < roots; i++) {
        cz_id root = czi_cbor_bytes32(c);

        memcpy(r->at.roots[i], root.bytes, sizeof root.bytes);
    }
    r->level = (uint8_t)czi_cbor_uint_max(c, CZ_FINAL);
    r->depth = czi_cbor_uint(c);
}

static void read_fact(struct czi_cbor *c, struct row *r)
{
    r->kind = (uint8_t)czi_cbor_uint_max(c, CZ_FACT_CUSTOM);
    r->finality = (uint8_t)czi_cbor_uint_max(c, CZ_FINAL);
    r->trust = (uint8_t)czi_cbor_uint_max(c, CZI_TRUST_SIGNED);
    r->expires = czi_cbor_null(c) ? UINT64_MAX : czi_cbor_uint(c);
    r->key = czi_cbor_bytes32(c);
    r->claim = czi_cbor_bytes32(c);
    if (czi_cbor_peek(c) == CZI_CBOR_ARRAY)
        read_block(c, r);
    else
        r->block = (uint32_t)czi_cbor_uint_max(c, CZI_ID_NONE - 1);
    if (!czi_cbor_null(c))
        r->said = czi_cbor_bytes(c);
}

static int read_row(struct czi_slice value, struct row *r)
{
    struct czi_cbor c = czi_cbor(value.data, value.len);
    uint64_t count = czi_cbor_array(&c);

    *r = (struct row){.block = CZI_ID_NONE, .retracted_by = CZI_ID_NONE, .expires = UINT64_MAX};
    r->type = (uint8_t)czi_cbor_uint_max(&c, CZI_ITEM_DECISION);
    r->id = czi_cbor_bytes32(&c);
    r->domain = (uint32_t)czi_cbor_uint_max(&c, CZI_DOMAINS_MAX);
    r->standing = (uint8_t)czi_cbor_uint_max(&c, CZI_HELD);
    if (!czi_cbor_null(&c))
        r->retracted_by = (uint32_t)czi_cbor_uint_max(&c, CZI_ID_NONE - 1);
    if (r->type == CZI_ITEM_FACT)
        read_fact(&c, r);
    if (count != (uint64_t)(r->type == CZI_ITEM_FACT ? CZI_ROW_FACT : CZI_ROW_OTHER))
        czi_cbor_fail(&c, "another number of values");
    return czi_cbor_end(&c, NULL);
}

/* Whether a block's row can stand, held or retracted beside those before it. *ret_place: the
 * block when it is there already. */
static bool fits_chain(const struct czi_book *b, const struct row *r, uint32_t claim,
                       uint32_t *ret_place)
{
    const struct czi_domain_state *d = czi_domain_at(b, r->domain);
    uint32_t n = czi_tree_up_to(b, CZI_BY_HEIGHT, d->chain, r->at.height);
    const struct czi_block_state *at = n == CZI_ID_NONE ? NULL : czi_block_at(b, n);

    *ret_place = CZI_ID_NONE;
    if (r->standing != CZI_STANDS || !at || at->height != r->at.height)
        return true;
    *ret_place = n;
    return at->claim == claim && at->time == r->at.time && czi_id_equal(at->hash, r->at.hash);
}

/* Whether what the row rests on is there before it. */
static bool fits_block(const struct czi_book *b, const struct row *r)
{
    const struct czi_entry_state *e;

    if (r->has_block != (r->kind == CZ_FACT_BLOCK))
        return false;
    if (r->has_block)
        return true;
    if (r->block >= b->entries.count)
        return false;
    e = czi_entry_at(b, r->block);
    return czi_is_fact(e) && e->kind == CZ_FACT_BLOCK && e->domain == r->domain &&
           (r->standing == CZI_RETRACTED || e->standing == CZI_STANDS);
}

/* What is said is a statement, and what the claim is the hash of. */
static bool fits_statement(const struct row *r)
{
    struct czi_statement s;
    cz_id claim;

    if (!r->said.data)
        return true;
    claim = czi_claim_hash(&r->key, r->said);
    return czi_statement_read(r->kind, r->said, &s) && czi_id_equal(&claim, &r->claim);
}

static int load_fact(struct czi_book *b, struct czi_slice key, const struct row *r,
                     cz_error *err)
{
    struct czi_fact f = {.kind = (enum cz_fact_kind)r->kind,
                         .finality = (enum cz_finality)r->finality,
                         .trust = (enum czi_fact_trust)r->trust,
                         .has_expires = r->expires != UINT64_MAX,
                         .expires = r->expires,
                         .claim_bytes = r->said};
    struct czi_item item = {.type = CZI_ITEM_FACT, .fact = f};
    struct czi_taking t = {
        .item = &item, .id = &r->id, .domain = r->domain, .key = r->key, .claim = r->claim};
    uint32_t k = czi_book_add_key(b, &r->key), place, n,
             claim = k == CZI_ID_NONE ? k : czi_book_add_claim(b, &r->claim, k);

    if (claim == CZI_ID_NONE)
        return czi_nomem(err, "the facts of the store");
    if (r->kind < CZ_FACT_BLOCK || czi_claim_at(b, claim)->key != k || !fits_block(b, r) ||
        !fits_statement(r))
        return bad_row(key, "is malformed", err);
    if (r->has_block) {
        if (!fits_chain(b, r, claim, &place))
            return bad_row(key, "says another block than one before it", err);
        if (place == CZI_ID_NONE)
            place = czi_book_add_block(b, r->domain, &r->at, claim, r->standing);
        if (place == CZI_ID_NONE)
            return czi_nomem(err, "the facts of the store");
        czi_block_at(b, place)->level = r->level;
        czi_block_at(b, place)->depth = r->depth;
    } else {
        place = czi_entry_at(b, r->block)->place;
    }
    n = czi_book_add_fact(b, &t, r->has_block ? CZI_ID_NONE : r->block, place, r->standing);
    if (n == CZI_ID_NONE)
        return czi_nomem(err, "the facts of the store");
    czi_entry_at(b, n)->retracted_by = r->retracted_by;
    return CZ_OK;
}

static int load_entry(struct czi_book *b, struct czi_slice key, struct czi_slice value,
                      cz_error *err)
{
    struct row r;
    uint32_t n;

    if (read_row(value, &r) || !is_next(key, b->entries.count) ||
        r.domain >= b->domains.count || czi_book_find(b, &r.id) != CZI_ID_NONE ||
        (r.retracted_by != CZI_ID_NONE) != (r.standing == CZI_RETRACTED))
        return bad_row(key, "is malformed", err);
    if (r.type == CZI_ITEM_FACT)
        return load_fact(b, key, &r, err);
    n = czi_book_add_entry(b, &r.id, r.type, r.domain, r.standing);
    if (n == CZI_ID_NONE)
        return czi_nomem(err, "the facts of the store");
    czi_entry_at(b, n)->retracted_by = r.retracted_by;
    return CZ_OK;
}

/* ---- Other rows ------------------------------------------------------------------------- */

static int load_used(struct czi_book *b, struct czi_slice key, struct czi_slice value,
                     cz_error *err)
{
    cz_id id;

    if (key.len != 1 + sizeof id || value.len != 1 || value.data[0] != 0xf6)
        return bad_row(key, "is malformed", err);
    memcpy(&id, key.data + 1, sizeof id);
    if (czi_id_table_find(&b->used, id.bytes) != CZI_ID_NONE)
        return bad_row(key, "is there twice", err);
    return czi_id_table_insert(&b->used, &id) == CZI_ID_NONE
               ? czi_nomem(err, "what the store's effects consumed")
               : CZ_OK;
}

static int load_time(struct czi_book *b, struct czi_slice key, struct czi_slice value,
                     cz_error *err)
{
    int rc;

    if (key.len != 1 || b->time.count)
        return bad_row(key, "is malformed", err);
    rc = czi_time_map_decode(value.data, value.len, &b->time, err);
    return rc && rc != CZ_NOMEM ? bad_row(key, "is no time map", err) : rc;
}

int czi_book_load(struct czi_book *b, struct czi_slice key, struct czi_slice value,
                  cz_error *err)
{
    switch (key.len ? key.data[0] : 0) {
    case 'd':
        return load_domain(b, key, value, err);
    case 'f':
        return load_entry(b, key, value, err);
    case 'u':
        return load_used(b, key, value, err);
    case 't':
        return load_time(b, key, value, err);
    default:
        return bad_row(key, "is of no known table", err);
    }
}

/* ---- After the last row ----------------------------------------------------------------- */

/* Whether the two items that contradict are such; invariant 4 of book_state.h. */
static bool is_contradiction(const struct czi_book *b, uint32_t domain,
                             const struct czi_domain_state *d)
{
    const struct czi_entry_state *stands, *against;

    if (d->contradicts[0] >= b->entries.count || d->contradicts[1] >= b->entries.count)
        return false;
    stands = czi_entry_at(b, d->contradicts[0]);
    against = czi_entry_at(b, d->contradicts[1]);
    if (stands->domain != domain || against->domain != domain || !czi_is_fact(stands) ||
        stands->standing != CZI_STANDS || against->standing != CZI_HELD)
        return false;
    if (!czi_is_fact(against))
        return against->type == CZI_ITEM_RETRACTION;
    return (stands->kind == CZ_FACT_BLOCK) == (against->kind == CZ_FACT_BLOCK);
}

static bool finish_domain(struct czi_book *b, uint32_t n)
{
    struct czi_domain_state *d = czi_domain_at(b, n);
    const struct czi_domain_time *known =
        czi_time_map_find(&b->time, (struct czi_slice){(uint8_t *)d->name, strlen(d->name)});

    if (d->frozen && !is_contradiction(b, n, d))
        return false;
    d->has_known = known != NULL;
    if (known)
        d->known = *known;
    return known || d->head == CZI_ID_NONE;
}

int czi_book_loaded(struct czi_book *b, cz_error *err)
{
    static const uint8_t table = 'd';
    uint32_t held = 0;

    for (uint32_t n = 0; n < b->domains.count; n++) {
        if (!finish_domain(b, n))
            return bad_row((struct czi_slice){&table, 1}, "does not fit the others", err);
        held += czi_domain_at(b, n)->frozen;
    }
    for (uint32_t n = 0; n < b->entries.count; n++)
        held -= czi_entry_at(b, n)->standing == CZI_HELD;
    if (held)
        return bad_row((struct czi_slice){&table, 1}, "does not know what is held", err);
    czi_book_saved(b);
    return czi_time_map_id(&b->time, &b->time_id, err);
}
