/* book_state.c - what a book keeps, and how it grows; see book_state.h.
 *
 * Layer: fact. Nothing here decides.
 */
#include "fact/book_state.h"

#include "codec/blake3.h"

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
    for (uint32_t i = 0; i < b->claims.count; i++)
        czi_free(czi_claim_at(b, i)->said);
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
    *c = (struct czi_claim_state){.key = key, .root = CZI_ID_NONE};
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

/* Of a claim that the ledger may act on its words are kept. */
static bool keep_statement(struct czi_claim_state *c, const struct czi_fact *f)
{
    struct czi_statement s;

    if (c->said || !czi_statement_read(f->kind, f->claim_bytes, &s))
        return true;
    CZI_CHECK(f->claim_bytes.len <= CZI_STATEMENT_SIZE_MAX);
    c->said = czi_alloc(f->claim_bytes.len);
    if (!c->said)
        return false;
    memcpy(c->said, f->claim_bytes.data, f->claim_bytes.len);
    c->said_len = (uint32_t)f->claim_bytes.len;
    return true;
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
    if (!keep_statement(czi_claim_at(b, claim), f))
        return CZI_ID_NONE;
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

static cz_id hash_name(struct czi_slice name)
{
    cz_id id;

    czi_blake3(name.data, name.len, id.bytes);
    return id;
}

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
