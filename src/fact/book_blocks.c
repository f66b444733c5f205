/* book_blocks.c - chains: blocks, finality, retractions and decisions; see book.h.
 *
 * Layer: fact. What a new block may not contradict is in judge_place.
 */
#include "fact/book_state.h"

#include "codec/blake3.h"

/* ---- Finality --------------------------------------------------------------------------- */

static enum cz_finality level_of(const struct czi_domain_state *d, uint64_t height,
                                 uint64_t depth)
{
    if (czi_mark_reaches(&d->final, height))
        return CZ_FINAL;
    if (czi_mark_reaches(&d->safe, height))
        return CZ_SAFE;
    return depth ? CZ_DEPTH : CZ_SEEN;
}

enum cz_finality czi_book_level(const struct czi_book *b, const struct czi_domain_state *d,
                                uint64_t height, uint64_t *ret_depth)
{
    *ret_depth = czi_block_at(b, d->head)->height - height;
    return level_of(d, height, *ret_depth);
}

enum cz_finality czi_book_finality(const struct czi_book *b, uint32_t number,
                                   uint64_t *ret_depth)
{
    const struct czi_entry_state *e = czi_entry_at(b, number);
    const struct czi_block_state *at = czi_is_fact(e) ? czi_block_of(b, e) : NULL;

    if (at && at->standing == CZI_STANDS)
        return czi_book_level(b, czi_domain_at(b, e->domain), at->height, ret_depth);
    *ret_depth = at ? at->depth : 0;
    return at ? (enum cz_finality)at->level : CZ_SEEN;
}

static void lift(struct czi_domain_state *d, struct czi_mark *m, uint64_t height)
{
    if (czi_mark_reaches(m, height))
        return;
    *m = (struct czi_mark){height, true};
    d->dirty = true;
}

/* Nothing from this height on is settled any more. */
static void lower(struct czi_domain_state *d, struct czi_mark *m, uint64_t height)
{
    if (!czi_mark_reaches(m, height))
        return;
    *m = height ? (struct czi_mark){height - 1, true} : (struct czi_mark){0};
    d->dirty = true;
}

/* What the proof of a block's fact shows of the block. */
static void lift_by_proof(struct czi_domain_state *d, uint64_t height, uint8_t finality)
{
    if (finality == CZ_FINAL)
        lift(d, &d->final, height);
    if (finality == CZ_SAFE)
        lift(d, &d->safe, height);
}

static bool advance_time(struct czi_book *b, struct czi_domain_state *d,
                         const struct czi_block_state *head)
{
    struct czi_slice name = {(const uint8_t *)d->name, strlen(d->name)};
    struct czi_domain_time at = {.height = head->height,
                                 .time = head->time,
                                 .safe = d->safe.height,
                                 .final = d->final.height};
    bool changed;

    memcpy(at.hash, head->hash, sizeof at.hash);
    if (czi_time_map_advance(&b->time, name, &at, &changed, NULL) != CZ_OK)
        return false;
    if (!changed)
        return true;
    d->known = *czi_time_map_find(&b->time, name);
    d->has_known = true;
    b->time_dirty = true;
    return czi_time_map_id(&b->time, &b->time_id, NULL) == CZ_OK;
}

bool czi_book_settle(struct czi_book *b, struct czi_domain_state *d)
{
    const struct czi_block_state *head;

    if (d->head == CZI_ID_NONE)
        return true;
    head = czi_block_at(b, d->head);
    if (d->policy.final_depth && head->height >= d->policy.final_depth)
        lift(d, &d->final, head->height - d->policy.final_depth);
    if (d->policy.safe_depth && head->height >= d->policy.safe_depth)
        lift(d, &d->safe, head->height - d->policy.safe_depth);
    if (d->final.any)
        lift(d, &d->safe, d->final.height);
    return advance_time(b, d, head);
}

/* ---- Blocks ----------------------------------------------------------------------------- */

cz_id czi_hash_key(uint32_t domain, const uint8_t hash[32])
{
    uint8_t bytes[4 + 32];
    cz_id id;

    memcpy(czi_put_u32le(bytes, domain), hash, 32);
    czi_blake3(bytes, sizeof bytes, id.bytes);
    return id;
}

uint32_t czi_book_block_by_hash(const struct czi_book *b, uint32_t domain,
                                const uint8_t hash[32])
{
    cz_id key = czi_hash_key(domain, hash);
    uint32_t n = czi_id_table_find(&b->hash_ids, key.bytes);
    const uint32_t *place = n == CZI_ID_NONE ? NULL : czi_list_at(&b->hashes, sizeof *place, n);

    return place ? *place : CZI_ID_NONE;
}

/* From now on this is the block of its hash, unless another one of that hash stands. */
static bool name_block(struct czi_book *b, uint32_t domain, uint32_t place)
{
    cz_id key = czi_hash_key(domain, czi_block_at(b, place)->hash);
    uint32_t n = czi_id_table_find(&b->hash_ids, key.bytes), *at;

    if (n == CZI_ID_NONE) {
        n = czi_id_table_insert(&b->hash_ids, &key);
        at = n == CZI_ID_NONE ? NULL : czi_list_add(&b->hashes, sizeof *at);
    } else {
        at = czi_list_at(&b->hashes, sizeof *at, n);
        if (czi_block_at(b, *at)->standing == CZI_STANDS)
            return true;
    }
    if (at)
        *at = place;
    return at != NULL;
}

static void enter_chain(struct czi_book *b, struct czi_domain_state *d, uint32_t place)
{
    const struct czi_block_state *at = czi_block_at(b, place);

    czi_tree_insert(b, CZI_BY_HEIGHT, &d->chain, place);
    if (d->head == CZI_ID_NONE || at->height > czi_block_at(b, d->head)->height)
        d->head = place;
}

uint32_t czi_book_add_block(struct czi_book *b, uint32_t domain, const struct czi_block *block,
                            uint32_t claim, uint8_t standing)
{
    uint32_t place = b->blocks.count;
    struct czi_block_state *at = czi_list_add(&b->blocks, sizeof *at);

    if (!at)
        return CZI_ID_NONE;
    *at = (struct czi_block_state){.height = block->height,
                                   .time = block->time,
                                   .claim = claim,
                                   .fact = CZI_ID_NONE,
                                   .first_fact = CZI_ID_NONE,
                                   .first_root = b->roots.count,
                                   .root_count = block->root_count,
                                   .standing = standing};
    memcpy(at->hash, block->hash, sizeof at->hash);
    memcpy(at->parent, block->parent, sizeof at->parent);
    for (uint32_t i = 0; i < block->root_count; i++) {
        uint8_t *root = czi_list_add(&b->roots, 32);

        if (!root)
            return CZI_ID_NONE;
        memcpy(root, block->roots[i], 32);
    }
    if (!name_block(b, domain, place))
        return CZI_ID_NONE;
    if (standing == CZI_STANDS)
        enter_chain(b, czi_domain_at(b, domain), place);
    return place;
}

/* The blocks that stand at a height, and next to it. */
struct around {
    const struct czi_block_state *below, *at, *above;
    uint32_t at_place;
};

static uint32_t place_at(const struct czi_book *b, const struct czi_domain_state *d,
                         uint64_t height)
{
    uint32_t n = czi_tree_up_to(b, CZI_BY_HEIGHT, d->chain, height);

    return n != CZI_ID_NONE && czi_block_at(b, n)->height == height ? n : CZI_ID_NONE;
}

static const struct czi_block_state *block_or_null(const struct czi_book *b, uint32_t place)
{
    return place == CZI_ID_NONE ? NULL : czi_block_at(b, place);
}

static struct around look_around(const struct czi_book *b, const struct czi_domain_state *d,
                                 uint64_t height)
{
    const struct czi_block_state *head = block_or_null(b, d->head);
    struct around a = {.at_place = CZI_ID_NONE};

    if (!head || height > head->height) {
        a.below = head && head->height == height - 1 ? head : NULL;
        return a;
    }
    a.at_place = place_at(b, d, height);
    a.at = block_or_null(b, a.at_place);
    if (height > 0)
        a.below = block_or_null(b, place_at(b, d, height - 1));
    if (height < UINT64_MAX)
        a.above = block_or_null(b, place_at(b, d, height + 1));
    return a;
}

static bool is_same_block(const struct czi_book *b, const struct czi_block_state *at,
                          const struct czi_block *block, const cz_id *claim)
{
    return at->time == block->time && czi_id_equal(at->hash, block->hash) &&
           czi_id_equal(czi_id_table_id(&b->claim_ids, at->claim), claim);
}

/* The lowest block that stands and cannot stand together with this one, or NULL. */
static const struct czi_block_state *find_misfit(const struct around *a,
                                                 const struct czi_block *block)
{
    if (a->below && !czi_id_equal(a->below->hash, block->parent))
        return a->below;
    if (a->at)
        return a->at;
    return a->above && !czi_id_equal(a->above->parent, block->hash) ? a->above : NULL;
}

/* Whether the hash is that of a block which stands at another height. */
static bool stands_elsewhere(const struct czi_block_state *at, bool has_height, uint64_t height)
{
    return at && at->standing == CZI_STANDS && !(has_height && at->height == height);
}

/* Whether the block fits what stands; t->contradicts when it does not, and what it does not fit
 * is as final as this one. */
static uint8_t judge_place(const struct czi_book *b, struct czi_taking *t,
                           const struct around *a)
{
    const struct czi_domain_state *d = czi_domain_at(b, t->domain);
    const struct czi_block *block = &t->block;
    const struct czi_block_state *misfit = find_misfit(a, block), *parent;

    if (misfit) {
        if (t->item->fact.finality != CZ_FINAL ||
            !czi_mark_reaches(&d->final, CZI_MIN(block->height, misfit->height)))
            return CZ_NOT_CANONICAL;
        t->contradicts = misfit->fact;
        return CZ_APPLIED;
    }
    if (a->below) /* its parent stands where it should */
        return CZ_APPLIED;
    parent = block_or_null(b, czi_book_block_by_hash(b, t->domain, block->parent));
    return parent && (parent->standing != CZI_STANDS ||
                      stands_elsewhere(parent, block->height > 0, block->height - 1))
               ? CZ_NOT_CANONICAL
               : CZ_APPLIED;
}

uint8_t czi_book_judge_block(const struct czi_book *b, struct czi_taking *t)
{
    const struct czi_domain_state *d = czi_domain_at(b, t->domain);
    const struct czi_block_state *same_hash;
    struct around a;

    if (czi_fact_block(&t->item->fact, &t->block, NULL) != CZ_OK)
        return CZ_BAD_ENCODING;
    a = look_around(b, d, t->block.height);
    if (a.at && is_same_block(b, a.at, &t->block, &t->claim)) {
        t->place = a.at_place;
        return CZ_APPLIED;
    }
    same_hash = block_or_null(b, czi_book_block_by_hash(b, t->domain, t->block.hash));
    return stands_elsewhere(same_hash, true, t->block.height) ? CZ_NOT_CANONICAL
                                                              : judge_place(b, t, &a);
}

bool czi_book_record_block(struct czi_book *b, const struct czi_taking *t)
{
    struct czi_domain_state *d = czi_domain_at(b, t->domain);
    uint8_t standing = t->contradicts == CZI_ID_NONE ? CZI_STANDS : CZI_HELD;
    uint32_t place = t->place, n;

    if (place == CZI_ID_NONE) {
        uint32_t key = czi_book_add_key(b, &t->key), claim;

        claim = key == CZI_ID_NONE ? key : czi_book_add_claim(b, &t->claim, key);
        place = claim == CZI_ID_NONE
                    ? claim
                    : czi_book_add_block(b, t->domain, &t->block, claim, standing);
    }
    n = place == CZI_ID_NONE ? place : czi_book_add_fact(b, t, CZI_ID_NONE, place, standing);
    if (n == CZI_ID_NONE)
        return false;
    if (standing == CZI_HELD) {
        czi_book_freeze(d, t->contradicts, n);
        return true;
    }
    lift_by_proof(d, t->block.height, czi_entry_at(b, n)->finality);
    return czi_book_settle(b, d);
}

/* ---- Retractions ------------------------------------------------------------------------ */

static bool retract_block(struct czi_book *b, struct czi_domain_state *d, uint32_t place,
                          uint64_t head, uint32_t by)
{
    struct czi_block_state *at = czi_block_at(b, place);

    at->depth = head - at->height;
    at->level = (uint8_t)level_of(d, at->height, at->depth);
    czi_tree_remove(b, CZI_BY_HEIGHT, &d->chain, place);
    at->standing = CZI_RETRACTED;
    for (uint32_t n = at->first_fact; n != CZI_ID_NONE; n = czi_entry_at(b, n)->next)
        if (czi_entry_at(b, n)->standing == CZI_STANDS && !czi_book_retract(b, n, by))
            return false;
    return true;
}

/* All blocks from this height on, and what rests on them. */
static bool retract_from(struct czi_book *b, struct czi_domain_state *d, uint64_t height,
                         uint32_t by)
{
    uint64_t head = d->head == CZI_ID_NONE ? 0 : czi_block_at(b, d->head)->height;

    while (d->head != CZI_ID_NONE && czi_block_at(b, d->head)->height >= height) {
        if (!retract_block(b, d, d->head, head, by))
            return false;
        d->head = czi_tree_last(b, CZI_BY_HEIGHT, d->chain);
    }
    lower(d, &d->final, height);
    lower(d, &d->safe, height);
    return true;
}

/* A fact, or all that falls with it when it is a block's. */
static bool retract(struct czi_book *b, struct czi_domain_state *d, uint32_t n, uint32_t by)
{
    const struct czi_entry_state *e = czi_entry_at(b, n);

    return e->kind == CZ_FACT_BLOCK ? retract_from(b, d, czi_block_of(b, e)->height, by)
                                    : czi_book_retract(b, n, by);
}

uint8_t czi_book_judge_retraction(const struct czi_book *b, struct czi_taking *t)
{
    const struct czi_domain_state *d = czi_domain_at(b, t->domain);
    const struct czi_entry_state *e;

    t->target = czi_id_table_find(&b->ids, t->item->retraction.fact.bytes);
    if (t->target == CZI_ID_NONE)
        return CZ_UNKNOWN_FACT;
    e = czi_entry_at(b, t->target);
    if (e->standing != CZI_STANDS)
        return CZ_NOT_CANONICAL;
    if (!czi_is_fact(e) || e->domain != t->domain)
        return CZ_WRONG_STATE;
    if (czi_mark_reaches(&d->final, czi_block_of(b, e)->height))
        t->contradicts = t->target;
    return CZ_APPLIED;
}

bool czi_book_record_retraction(struct czi_book *b, const struct czi_taking *t)
{
    struct czi_domain_state *d = czi_domain_at(b, t->domain);
    bool held = t->contradicts != CZI_ID_NONE;
    uint32_t n = czi_book_add_entry(b, t->id, CZI_ITEM_RETRACTION, t->domain,
                                    held ? CZI_HELD : CZI_STANDS);

    if (n == CZI_ID_NONE)
        return false;
    if (!held)
        return retract(b, d, t->target, n);
    czi_book_freeze(d, t->target, n);
    return true;
}

/* ---- Decisions -------------------------------------------------------------------------- */

/* All facts that stand and claim what n does; of a kind that is no event, in its block. */
static bool drop_claim(struct czi_book *b, uint32_t n, uint32_t by)
{
    const struct czi_entry_state *e = czi_entry_at(b, n);
    const struct czi_claim_state *c = czi_claim_at(b, e->claim);
    uint64_t height = czi_block_of(b, e)->height;
    bool is_event = CZI_KIND_IS_EVENT(e->kind);

    for (;;) {
        uint32_t next = is_event ? c->root : czi_tree_up_to(b, CZI_BY_CLAIM, c->root, height);

        if (next == CZI_ID_NONE ||
            (!is_event && czi_block_of(b, czi_entry_at(b, next))->height != height))
            return true;
        if (!czi_book_retract(b, next, by))
            return false;
    }
}

/* What was held stands, instead of what contradicts it. */
static bool replace(struct czi_book *b, struct czi_domain_state *d, uint32_t drop,
                    uint32_t keep, uint32_t by)
{
    struct czi_entry_state *e = czi_entry_at(b, keep);
    struct czi_block_state *at = czi_block_of(b, e);

    if (e->kind != CZ_FACT_BLOCK) {
        if (!drop_claim(b, drop, by))
            return false;
        czi_book_set_standing(b, keep, CZI_STANDS);
        return czi_book_changed(b, keep);
    }
    if (!retract(b, d, drop, by) || !name_block(b, e->domain, e->place))
        return false;
    at->standing = CZI_STANDS;
    enter_chain(b, d, e->place);
    czi_book_set_standing(b, keep, CZI_STANDS);
    lift_by_proof(d, at->height, e->finality);
    return czi_book_changed(b, keep) && czi_book_settle(b, d);
}

static bool drop_held(struct czi_book *b, uint32_t n, uint32_t by)
{
    const struct czi_entry_state *e = czi_entry_at(b, n);

    if (czi_is_fact(e) && e->kind == CZ_FACT_BLOCK)
        czi_block_of(b, e)->standing = CZI_RETRACTED;
    return czi_book_retract(b, n, by);
}

uint8_t czi_book_judge_decision(const struct czi_book *b, const struct czi_taking *t)
{
    const struct czi_domain_state *d = czi_domain_at(b, t->domain);
    const struct czi_decision *x = &t->item->decision;
    uint32_t keep = czi_id_table_find(&b->ids, x->keep.bytes),
             drop = czi_id_table_find(&b->ids, x->drop.bytes);
    const uint32_t *two = d->contradicts;

    return d->frozen &&
                   ((keep == two[0] && drop == two[1]) || (keep == two[1] && drop == two[0]))
               ? CZ_APPLIED
               : CZ_WRONG_STATE;
}

bool czi_book_record_decision(struct czi_book *b, const struct czi_taking *t)
{
    struct czi_domain_state *d = czi_domain_at(b, t->domain);
    uint32_t keep = czi_id_table_find(&b->ids, t->item->decision.keep.bytes),
             stands = d->contradicts[0], against = d->contradicts[1],
             n = czi_book_add_entry(b, t->id, CZI_ITEM_DECISION, t->domain, CZI_STANDS);

    if (n == CZI_ID_NONE)
        return false;
    d->frozen = false;
    d->dirty = true;
    if (keep == stands)
        return drop_held(b, against, n);
    if (czi_is_fact(czi_entry_at(b, against)))
        return replace(b, d, stands, against, n);
    czi_book_set_standing(b, against, CZI_STANDS);
    return czi_book_changed(b, against) && retract(b, d, stands, against);
}
