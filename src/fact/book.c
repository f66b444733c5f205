/* book.c - see book.h: what is kept, and how items come in. Blocks and what changes a chain are
 * in book_blocks.c. */
#include "fact/book_state.h"

#include "codec/blake3.h"
#include "codec/dag_cbor.h"

/* ---- Numbered objects ------------------------------------------------------------------- */

void *czi_list_add(struct czi_list *l, size_t size)
{
    uint32_t chunk = l->count / CZI_LIST_CHUNK;
    uint8_t *x;

    if (chunk == l->chunk_room) {
        uint32_t room = CZI_MAX(16u, 2 * l->chunk_room);
        uint8_t **fresh = czi_realloc(l->chunks, room * sizeof *fresh);

        if (!fresh)
            return NULL;
        memset(fresh + l->chunk_room, 0, (room - l->chunk_room) * sizeof *fresh);
        l->chunks = fresh;
        l->chunk_room = room;
    }
    if (!l->chunks[chunk])
        l->chunks[chunk] = czi_alloc(CZI_LIST_CHUNK * size);
    if (!l->chunks[chunk])
        return NULL;
    x = czi_list_at(l, size, l->count++);
    memset(x, 0, size);
    return x;
}

void czi_list_done(struct czi_list *l)
{
    for (uint32_t i = 0; i < l->chunk_room; i++)
        czi_free(l->chunks[i]);
    czi_free(l->chunks);
    *l = (struct czi_list){0};
}

struct czi_book *czi_book_new(void)
{
    return czi_alloc_zero(1, sizeof(struct czi_book));
}

static void free_domains(struct czi_book *b)
{
    for (uint32_t i = 0; i < b->domains.count; i++) {
        czi_free(czi_domain_at(b, i)->parameters);
        czi_free(czi_domain_at(b, i)->observers);
    }
    czi_list_done(&b->domains);
}

void czi_book_free(struct czi_book *b)
{
    if (!b)
        return;
    free_domains(b);
    czi_id_table_done(&b->ids);
    czi_id_table_done(&b->key_ids);
    czi_id_table_done(&b->claim_ids);
    czi_id_table_done(&b->hash_ids);
    czi_id_table_done(&b->domain_ids);
    czi_id_table_done(&b->used);
    czi_list_done(&b->entries);
    czi_list_done(&b->keys);
    czi_list_done(&b->claims);
    czi_list_done(&b->hashes);
    czi_list_done(&b->blocks);
    czi_list_done(&b->roots);
    czi_time_map_done(&b->time);
    czi_buf_done(&b->changed);
    czi_free(b);
}

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

/* The hash of key and claim, one after the other. */
static cz_id hash_claim(const cz_id *key, struct czi_slice claim)
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

static cz_id hash_name(struct czi_slice name)
{
    cz_id id;

    czi_blake3(name.data, name.len, id.bytes);
    return id;
}

/* ---- Recording -------------------------------------------------------------------------- */

uint32_t czi_book_add_key(struct czi_book *b, const cz_id *key)
{
    uint32_t n = czi_id_table_find(&b->key_ids, key->bytes);
    struct czi_key_state *k;

    if (n != CZI_ID_NONE)
        return n;
    n = czi_id_table_insert(&b->key_ids, key);
    k = n == CZI_ID_NONE ? NULL : czi_list_add(&b->keys, sizeof *k);
    if (!k)
        return CZI_ID_NONE;
    k->root = CZI_ID_NONE;
    return n;
}

uint32_t czi_book_add_claim(struct czi_book *b, const cz_id *claim, uint32_t key)
{
    uint32_t n = czi_id_table_find(&b->claim_ids, claim->bytes);
    struct czi_claim_state *c;

    if (n != CZI_ID_NONE)
        return n;
    n = czi_id_table_insert(&b->claim_ids, claim);
    c = n == CZI_ID_NONE ? NULL : czi_list_add(&b->claims, sizeof *c);
    if (!c)
        return CZI_ID_NONE;
    *c = (struct czi_claim_state){key, CZI_ID_NONE};
    return n;
}

uint32_t czi_book_add_entry(struct czi_book *b, const cz_id *id, uint8_t type, uint32_t domain,
                            uint8_t standing)
{
    uint32_t n = czi_id_table_insert(&b->ids, id);
    struct czi_entry_state *e = n == CZI_ID_NONE ? NULL : czi_list_add(&b->entries, sizeof *e);

    if (!e)
        return CZI_ID_NONE;
    *e = (struct czi_entry_state){.expires = UINT64_MAX,
                                  .domain = domain,
                                  .claim = CZI_ID_NONE,
                                  .block = CZI_ID_NONE,
                                  .place = CZI_ID_NONE,
                                  .next = CZI_ID_NONE,
                                  .retracted_by = CZI_ID_NONE,
                                  .type = type,
                                  .standing = standing};
    return n;
}

uint32_t czi_book_add_fact(struct czi_book *b, const struct czi_taking *t, uint32_t block,
                           uint32_t place, uint8_t standing)
{
    const struct czi_fact *f = &t->item->fact;
    uint32_t key = czi_book_add_key(b, &t->key), claim, n;
    struct czi_block_state *at = czi_block_at(b, place);
    struct czi_entry_state *e;

    claim = key == CZI_ID_NONE ? key : czi_book_add_claim(b, &t->claim, key);
    n = claim == CZI_ID_NONE ? claim
                             : czi_book_add_entry(b, t->id, CZI_ITEM_FACT, t->domain, CZI_HELD);
    if (n == CZI_ID_NONE)
        return n;
    e = czi_entry_at(b, n);
    e->expires = f->has_expires ? f->expires : UINT64_MAX;
    e->claim = claim;
    e->block = block == CZI_ID_NONE ? n : block;
    e->place = place;
    e->kind = (uint8_t)f->kind;
    e->finality = (uint8_t)f->finality;
    e->trust = (uint8_t)f->trust;
    e->next = at->first_fact;
    at->first_fact = n;
    if (at->fact == CZI_ID_NONE)
        at->fact = n;
    czi_book_set_standing(b, n, standing);
    return n;
}

void czi_book_set_standing(struct czi_book *b, uint32_t n, uint8_t standing)
{
    struct czi_entry_state *e = czi_entry_at(b, n);
    struct czi_claim_state *c;
    uint8_t before = e->standing;

    e->standing = standing;
    if (!czi_is_fact(e) || (before == CZI_STANDS) == (standing == CZI_STANDS))
        return;
    c = czi_claim_at(b, e->claim);
    if (standing == CZI_STANDS) {
        czi_tree_insert(b, CZI_BY_CLAIM, &c->root, n);
        czi_tree_insert(b, CZI_BY_KEY, &czi_key_at(b, c->key)->root, n);
    } else {
        czi_tree_remove(b, CZI_BY_CLAIM, &c->root, n);
        czi_tree_remove(b, CZI_BY_KEY, &czi_key_at(b, c->key)->root, n);
    }
}

bool czi_book_changed(struct czi_book *b, uint32_t n)
{
    struct czi_entry_state *e = czi_entry_at(b, n);

    if (n < b->saved && !e->dirty) {
        czi_buf_put(&b->changed, &n, sizeof n);
        e->dirty = true;
    }
    return !b->changed.failed;
}

bool czi_book_retract(struct czi_book *b, uint32_t n, uint32_t by)
{
    czi_book_set_standing(b, n, CZI_RETRACTED);
    czi_entry_at(b, n)->retracted_by = by;
    return czi_book_changed(b, n);
}

void czi_book_freeze(struct czi_domain_state *d, uint32_t stands, uint32_t against)
{
    d->frozen = d->dirty = true;
    d->contradicts[0] = stands;
    d->contradicts[1] = against;
}

/* ---- Domains ---------------------------------------------------------------------------- */

uint32_t czi_book_domain(const struct czi_book *b, struct czi_slice name)
{
    cz_id id = hash_name(name);

    return czi_id_table_find(&b->domain_ids, id.bytes);
}

uint32_t czi_book_add_domain(struct czi_book *b, struct czi_slice name)
{
    cz_id id = hash_name(name);
    uint32_t n = czi_id_table_insert(&b->domain_ids, &id);
    struct czi_domain_state *d = n == CZI_ID_NONE ? NULL : czi_list_add(&b->domains, sizeof *d);

    if (!d)
        return CZI_ID_NONE;
    memcpy(d->name, name.data, name.len);
    d->chain = d->head = CZI_ID_NONE;
    d->dirty = true;
    return n;
}

/* Policy and observers, and of a new domain all the rest. */
bool czi_book_configure(struct czi_domain_state *d, const struct czi_domain_item *config)
{
    size_t size = config->observer_count * sizeof config->observers[0];
    uint8_t(*observers)[32] = czi_alloc(size);

    if (!observers)
        return false;
    if (size)
        memcpy(observers, config->observers, size);
    czi_free(d->observers);
    d->observers = observers;
    d->observer_count = config->observer_count;
    d->policy = config->policy;
    d->sequence = config->sequence;
    d->dirty = true;
    if (d->parameters)
        return true;
    d->parameters = czi_alloc(config->parameters.len);
    if (!d->parameters)
        return false;
    d->parameters_len = config->parameters.len;
    if (d->parameters_len)
        memcpy(d->parameters, config->parameters.data, d->parameters_len);
    memcpy(d->adapter, config->adapter.data, config->adapter.len);
    return true;
}

static bool is_name(struct czi_slice s)
{
    return s.len && s.len <= CZI_DOMAIN_SIZE_MAX && !memchr(s.data, 0, s.len);
}

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

    return is_name(t->item->domain) && is_name(config->adapter)
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
    t->claim = hash_claim(&t->key, f->claim_bytes);
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

static struct czi_taking taking(const struct czi_book *b, const struct czi_item *item,
                                const cz_id *id)
{
    return (struct czi_taking){.item = item,
                               .id = id,
                               .domain = czi_book_domain(b, item->domain),
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
    *ret_domain = t.domain;
    return CZ_APPLIED;
}

/* ---- Asking ----------------------------------------------------------------------------- */

uint32_t czi_book_find(const struct czi_book *b, const cz_id *id)
{
    return czi_id_table_find(&b->ids, id->bytes);
}

uint32_t czi_book_count(const struct czi_book *b)
{
    return b->entries.count;
}

const cz_id *czi_book_id(const struct czi_book *b, uint32_t number)
{
    return czi_id_table_id(&b->ids, number);
}

void czi_book_entry(const struct czi_book *b, uint32_t number, struct czi_entry_info *ret)
{
    const struct czi_entry_state *e = czi_entry_at(b, number);
    const struct czi_block_state *at = czi_is_fact(e) ? czi_block_of(b, e) : NULL;

    *ret = (struct czi_entry_info){.id = *czi_book_id(b, number),
                                   .type = e->type,
                                   .kind = e->kind,
                                   .finality = e->finality,
                                   .standing = e->standing,
                                   .domain = e->domain,
                                   .block = e->block,
                                   .expires = e->expires,
                                   .retracted_by = e->retracted_by};
    if (!at)
        return;
    ret->height = at->height;
    ret->time = at->time;
    ret->key = *czi_id_table_id(&b->key_ids, czi_key_of(b, e));
    ret->claim = *czi_id_table_id(&b->claim_ids, e->claim);
}

bool czi_book_block(const struct czi_book *b, uint32_t number, struct czi_block *ret)
{
    const struct czi_entry_state *e = czi_entry_at(b, number);
    const struct czi_block_state *at;

    if (!czi_is_fact(e) || e->kind != CZ_FACT_BLOCK)
        return false;
    at = czi_block_of(b, e);
    *ret = (struct czi_block){.height = at->height,
                              .time = at->time,
                              .root_count = at->root_count,
                              .trust = e->trust};
    memcpy(ret->hash, at->hash, sizeof ret->hash);
    memcpy(ret->parent, at->parent, sizeof ret->parent);
    for (uint32_t i = 0; i < at->root_count; i++)
        memcpy(ret->roots[i], czi_list_at(&b->roots, 32, at->first_root + i), 32);
    return true;
}

uint32_t czi_book_standing(const struct czi_book *b, uint32_t number)
{
    const struct czi_entry_state *e = czi_entry_at(b, number);

    if (!czi_is_fact(e))
        return CZI_ID_NONE;
    return e->standing == CZI_STANDS
               ? number
               : czi_tree_last(b, CZI_BY_CLAIM, czi_claim_at(b, e->claim)->root);
}

uint32_t czi_book_domains(const struct czi_book *b)
{
    return b->domains.count;
}

void czi_book_domain_info(const struct czi_book *b, uint32_t domain,
                          struct czi_domain_info *ret)
{
    const struct czi_domain_state *d = czi_domain_at(b, domain);

    *ret = (struct czi_domain_info){
        .name = d->name,
        .adapter = d->adapter,
        .parameters = {d->parameters, d->parameters_len},
        .policy = d->policy,
        .sequence = d->sequence,
        .observer_count = d->observer_count,
        .observers = (const uint8_t(*)[32])d->observers,
        .has_head = d->head != CZI_ID_NONE,
        .frozen = d->frozen,
        .contradicts = {d->frozen ? d->contradicts[0] : CZI_ID_NONE,
                        d->frozen ? d->contradicts[1] : CZI_ID_NONE},
        .head = {.safe = d->safe.height, .final = d->final.height},
    };
    if (ret->has_head) {
        const struct czi_block_state *head = czi_block_at(b, d->head);

        ret->head.height = head->height;
        ret->head.time = head->time;
        memcpy(ret->head.hash, head->hash, sizeof ret->head.hash);
    }
}

const struct czi_time_map *czi_book_time(const struct czi_book *b)
{
    return &b->time;
}

const cz_id *czi_book_time_id(const struct czi_book *b)
{
    return &b->time_id;
}
