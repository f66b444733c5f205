/* book_ask.c - what a book tells; see book.h. */
#include "fact/book_state.h"

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

bool czi_book_statement(const struct czi_book *b, uint32_t number, struct czi_statement *ret)
{
    const struct czi_entry_state *e = czi_entry_at(b, number);
    const struct czi_claim_state *c = czi_is_fact(e) ? czi_claim_at(b, e->claim) : NULL;

    return c && c->said &&
           czi_statement_read(e->kind, (struct czi_slice){c->said, c->said_len}, ret);
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
