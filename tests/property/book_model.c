/* book_model.c - see book_model.h. */
#include "book_model.h"

/* ---- Searching -------------------------------------------------------------------------- */

static bool same(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (!a_len || !memcmp(a, b, a_len));
}

static bool is_event(enum cz_fact_kind kind)
{
    static const bool events[] = {[CZ_FACT_BLOCK] = true,
                                  [CZ_FACT_TRANSACTION] = true,
                                  [CZ_FACT_DEPOSIT] = true,
                                  [CZ_FACT_WITHDRAWAL] = true,
                                  [CZ_FACT_CUSTOM] = true};

    return events[kind];
}

uint32_t model_find(const struct model *m, const cz_id *id)
{
    for (uint32_t n = 0; n < m->item_count; n++)
        if (!memcmp(&m->items[n].id, id, sizeof *id))
            return n;
    return CZI_ID_NONE;
}

static bool is_block(const struct model_item *x, unsigned domain)
{
    return x->type == CZI_ITEM_FACT && x->fact.kind == CZ_FACT_BLOCK && x->domain == domain;
}

static bool stands(const struct model_item *x)
{
    return x->standing == CZI_STANDS;
}

/* The first fact of the block that stands at a height. */
static uint32_t block_at(const struct model *m, unsigned domain, uint64_t height)
{
    for (uint32_t n = 0; n < m->item_count; n++)
        if (is_block(&m->items[n], domain) && stands(&m->items[n]) &&
            m->items[n].fact.height == height)
            return n;
    return CZI_ID_NONE;
}

uint32_t model_head(const struct model *m, unsigned domain)
{
    uint32_t head = CZI_ID_NONE;

    for (uint64_t h = 0; h < MODEL_HEIGHTS; h++)
        if (block_at(m, domain, h) != CZI_ID_NONE)
            head = block_at(m, domain, h);
    return head;
}

static uint64_t head_height(const struct model *m, unsigned domain)
{
    return m->items[model_head(m, domain)].fact.height;
}

static bool same_key(const struct model_item *x, const struct model_item *y)
{
    return x->type == CZI_ITEM_FACT && y->type == CZI_ITEM_FACT && x->domain == y->domain &&
           x->fact.kind == y->fact.kind && same(x->key, x->key_len, y->key, y->key_len);
}

static bool same_claim(const struct model_item *x, const struct model_item *y)
{
    return same_key(x, y) && same(x->claim, x->claim_len, y->claim, y->claim_len);
}

/* ---- Finality --------------------------------------------------------------------------- */

static enum cz_finality level_of(const struct model *m, unsigned domain, uint64_t height)
{
    const struct model_domain *d = &m->domains[domain];

    if (d->final[height])
        return CZ_FINAL;
    if (d->safe[height])
        return CZ_SAFE;
    return head_height(m, domain) > height ? CZ_DEPTH : CZ_SEEN;
}

enum cz_finality model_finality(const struct model *m, uint32_t number, uint64_t *ret_depth)
{
    const struct model_item *x = &m->items[number], *block;

    *ret_depth = 0;
    if (x->type != CZI_ITEM_FACT)
        return CZ_SEEN;
    block = &m->items[x->block];
    if (!stands(block)) {
        *ret_depth = block->depth;
        return block->level;
    }
    *ret_depth = head_height(m, x->domain) - x->fact.height;
    return level_of(m, x->domain, x->fact.height);
}

/* Whether a block that stands at this height or above came with this finality or more. */
static bool is_proven(const struct model *m, unsigned domain, uint64_t height,
                      enum cz_finality finality)
{
    for (uint32_t n = 0; n < m->item_count; n++)
        if (is_block(&m->items[n], domain) && stands(&m->items[n]) &&
            m->items[n].fact.height >= height && m->items[n].fact.finality >= finality)
            return true;
    return false;
}

static void advance(struct model *m, unsigned domain)
{
    struct model_domain *d = &m->domains[domain];
    const struct czi_fact *head = &m->items[model_head(m, domain)].fact;
    struct czi_domain_time *k = &d->known;
    int order = !d->has_known               ? 1
                : head->height != k->height ? (head->height > k->height ? 1 : -1)
                : head->time != k->time     ? (head->time > k->time ? 1 : -1)
                                            : memcmp(head->block_hash, k->hash, 32);

    if (order > 0) {
        k->height = head->height;
        k->time = head->time;
        memcpy(k->hash, head->block_hash, 32);
    }
    d->has_known = true;
    for (uint64_t h = 0; h < MODEL_HEIGHTS; h++) {
        if (d->safe[h])
            k->safe = CZI_MAX(k->safe, h);
        if (d->final[h])
            k->final = CZI_MAX(k->final, h);
    }
}

static void settle(struct model *m, unsigned domain)
{
    struct model_domain *d = &m->domains[domain];
    const struct czi_domain_policy *p = &d->config.policy;
    uint64_t head;

    if (model_head(m, domain) == CZI_ID_NONE)
        return;
    head = head_height(m, domain);
    for (uint64_t h = 0; h <= head; h++) {
        if (is_proven(m, domain, h, CZ_FINAL) || (p->final_depth && head - h >= p->final_depth))
            d->final[h] = true;
        if (d->final[h] || is_proven(m, domain, h, CZ_SAFE) ||
            (p->safe_depth && head - h >= p->safe_depth))
            d->safe[h] = true;
    }
    advance(m, domain);
}

/* ---- Retracting ------------------------------------------------------------------------- */

static void retract_item(struct model *m, uint32_t n, uint32_t by)
{
    m->items[n].standing = CZI_RETRACTED;
    m->items[n].retracted_by = by;
}

/* All that stands on this height or above. */
static void retract_from(struct model *m, unsigned domain, uint64_t height, uint32_t by)
{
    struct model_domain *d = &m->domains[domain];
    bool falls[MODEL_ITEMS] = {false};

    for (uint32_t n = 0; n < m->item_count; n++) {
        struct model_item *x = &m->items[n];

        if (x->type != CZI_ITEM_FACT || x->domain != domain || !stands(x) ||
            x->fact.height < height)
            continue;
        falls[n] = true;
        x->level = level_of(m, domain, x->fact.height);
        x->depth = head_height(m, domain) - x->fact.height;
    }
    for (uint32_t n = 0; n < m->item_count; n++)
        if (falls[n])
            retract_item(m, n, by);
    for (uint64_t h = height; h < MODEL_HEIGHTS; h++)
        d->safe[h] = d->final[h] = false;
}

static void retract(struct model *m, uint32_t n, uint32_t by)
{
    if (m->items[n].fact.kind == CZ_FACT_BLOCK)
        retract_from(m, m->items[n].domain, m->items[n].fact.height, by);
    else
        retract_item(m, n, by);
}

/* ---- Taking ----------------------------------------------------------------------------- */

static struct model_item *add(struct model *m, const struct czi_item *item, const cz_id *id,
                              unsigned domain)
{
    struct model_item *x = &m->items[m->item_count++];

    CZI_CHECK(m->item_count <= MODEL_ITEMS);
    *x = (struct model_item){.id = *id,
                             .type = item->type,
                             .domain = domain,
                             .standing = CZI_STANDS,
                             .retracted_by = CZI_ID_NONE,
                             .block = CZI_ID_NONE,
                             .level = CZ_SEEN};
    if (item->type != CZI_ITEM_FACT)
        return x;
    x->fact = item->fact;
    x->key_len = item->fact.event_key.len;
    x->claim_len = item->fact.claim_bytes.len;
    CZI_CHECK(x->claim_len <= sizeof x->claim);
    memcpy(x->key, item->fact.event_key.data, x->key_len);
    memcpy(x->claim, item->fact.claim_bytes.data, x->claim_len);
    if (x->fact.kind == CZ_FACT_BLOCK)
        memcpy(x->parent, item->fact.claim[0].bytes.data, sizeof x->parent);
    return x;
}

static void freeze(struct model_domain *d, uint32_t stands_number, uint32_t against)
{
    d->frozen = true;
    d->contradicts[0] = stands_number;
    d->contradicts[1] = against;
}

static bool may_observe(const struct model_domain *d, bool has, const uint8_t key[32])
{
    bool listed = false;

    for (uint32_t i = 0; i < d->config.observer_count; i++)
        listed = listed || (has && !memcmp(d->config.observers[i], key, 32));
    return d->config.observer_count ? listed : !has;
}

/* The lowest block that stands and keeps x from standing; CZI_ID_NONE. */
static uint32_t misfit(const struct model *m, const struct model_item *x)
{
    uint64_t h = x->fact.height;
    uint32_t below = h ? block_at(m, x->domain, h - 1) : CZI_ID_NONE,
             at = block_at(m, x->domain, h), above = block_at(m, x->domain, h + 1);

    if (below != CZI_ID_NONE && memcmp(m->items[below].fact.block_hash, x->parent, 32))
        return below;
    if (at != CZI_ID_NONE)
        return at;
    return above != CZI_ID_NONE && memcmp(m->items[above].parent, x->fact.block_hash, 32)
               ? above
               : CZI_ID_NONE;
}

/* Whether a block of this hash stands at another height than this one. */
static bool stands_elsewhere(const struct model *m, unsigned domain, const uint8_t hash[32],
                             uint64_t height)
{
    for (uint32_t n = 0; n < m->item_count; n++)
        if (is_block(&m->items[n], domain) && stands(&m->items[n]) &&
            !memcmp(m->items[n].fact.block_hash, hash, 32) && m->items[n].fact.height != height)
            return true;
    return false;
}

/* Whether there are blocks of this hash, and none of them stands. */
static bool has_fallen(const struct model *m, unsigned domain, const uint8_t hash[32])
{
    bool known = false;

    for (uint32_t n = 0; n < m->item_count; n++) {
        const struct model_item *x = &m->items[n];

        if (!is_block(x, domain) || memcmp(x->fact.block_hash, hash, 32))
            continue;
        if (stands(x))
            return false;
        known = true;
    }
    return known;
}

/* x is the new item, behind all others, and not counted yet. */
static uint8_t judge_block(const struct model *m, const struct model_item *x,
                           uint32_t *ret_against)
{
    const struct model_domain *d = &m->domains[x->domain];
    uint64_t h = x->fact.height;
    uint32_t at = block_at(m, x->domain, h), other;

    if (at != CZI_ID_NONE && m->items[at].fact.time == x->fact.time &&
        !memcmp(m->items[at].fact.block_hash, x->fact.block_hash, 32) &&
        same_claim(&m->items[at], x))
        return CZ_APPLIED;
    if (stands_elsewhere(m, x->domain, x->fact.block_hash, h))
        return CZ_NOT_CANONICAL;
    other = misfit(m, x);
    if (other != CZI_ID_NONE) {
        if (x->fact.finality != CZ_FINAL ||
            !(d->final[h] || d->final[m->items[other].fact.height]))
            return CZ_NOT_CANONICAL;
        *ret_against = other;
        return CZ_APPLIED;
    }
    return stands_elsewhere(m, x->domain, x->parent, h ? h - 1 : UINT64_MAX) ||
                   has_fallen(m, x->domain, x->parent)
               ? CZ_NOT_CANONICAL
               : CZ_APPLIED;
}

static uint8_t judge_other(const struct model *m, struct model_item *x, uint32_t *ret_against)
{
    const struct model_domain *d = &m->domains[x->domain];
    uint64_t h = x->fact.height;
    uint32_t head = model_head(m, x->domain), at = block_at(m, x->domain, h),
             header = model_find(m, &x->fact.header);
    const struct model_item *block;

    if (header == CZI_ID_NONE || !is_block(&m->items[header], x->domain)) {
        if (head == CZI_ID_NONE || h > m->items[head].fact.height)
            return CZ_HEAD_BEHIND;
        return at != CZI_ID_NONE && memcmp(m->items[at].fact.block_hash, x->fact.block_hash, 32)
                   ? CZ_NOT_CANONICAL
                   : CZ_HEAD_UNKNOWN;
    }
    block = &m->items[header];
    if (!stands(block))
        return CZ_NOT_CANONICAL;
    if (block->fact.height != h || block->fact.time != x->fact.time ||
        memcmp(block->fact.block_hash, x->fact.block_hash, 32) ||
        block->fact.trust != x->fact.trust)
        return CZ_HEAD_UNKNOWN;
    if (head_height(m, x->domain) - h < d->config.policy.record_depth)
        return CZ_HEAD_BEHIND;
    if (level_of(m, x->domain, h) < d->config.policy.record_finality)
        return CZ_BELOW_FINALITY;
    x->block = header;
    for (uint64_t k = 0; k < MODEL_HEIGHTS; k++) /* the lowest, then the first or the last */
        for (uint32_t n = 0; n < m->item_count; n++) {
            const struct model_item *y = &m->items[n];

            if (!stands(y) || !same_key(x, y) || y->fact.height != k || same_claim(x, y) ||
                (is_event(x->fact.kind) && *ret_against != CZI_ID_NONE) ||
                (!is_event(x->fact.kind) && k != h))
                continue;
            if (!d->final[h] || !d->final[k])
                return CZ_FACT_CONFLICT;
            *ret_against = n;
        }
    return CZ_APPLIED;
}

static uint8_t take_fact(struct model *m, const struct czi_item *item, const cz_id *id,
                         unsigned domain)
{
    struct model_domain *d = &m->domains[domain];
    const struct czi_fact *f = &item->fact;
    uint32_t head = model_head(m, domain), against = CZI_ID_NONE, n = m->item_count;
    struct model_item *x;
    uint8_t reason;

    if (d->frozen)
        return CZ_DOMAIN_FROZEN;
    if (!may_observe(d, f->has_observer, f->observer))
        return CZ_BAD_OBSERVER;
    if (f->has_expires && head != CZI_ID_NONE && f->expires < m->items[head].fact.time)
        return CZ_FACT_EXPIRED;
    x = add(m, item, id, domain);
    m->item_count--;
    reason =
        f->kind == CZ_FACT_BLOCK ? judge_block(m, x, &against) : judge_other(m, x, &against);
    if (reason != CZ_APPLIED)
        return reason;
    m->item_count++;
    if (f->kind == CZ_FACT_BLOCK)
        x->block = n;
    if (against != CZI_ID_NONE) {
        x->standing = CZI_HELD;
        freeze(d, against, n);
    } else if (f->kind == CZ_FACT_BLOCK) {
        settle(m, domain);
    }
    return CZ_APPLIED;
}

static uint8_t take_retraction(struct model *m, const struct czi_item *item, const cz_id *id,
                               unsigned domain)
{
    struct model_domain *d = &m->domains[domain];
    const struct czi_retraction *r = &item->retraction;
    uint32_t target = model_find(m, &r->fact), n = m->item_count;

    if (d->frozen)
        return CZ_DOMAIN_FROZEN;
    if (!may_observe(d, r->has_observer, r->observer))
        return CZ_BAD_OBSERVER;
    if (target == CZI_ID_NONE)
        return CZ_UNKNOWN_FACT;
    if (!stands(&m->items[target]))
        return CZ_NOT_CANONICAL;
    if (m->items[target].type != CZI_ITEM_FACT || m->items[target].domain != domain)
        return CZ_WRONG_STATE;
    if (d->final[m->items[target].fact.height]) {
        add(m, item, id, domain)->standing = CZI_HELD;
        freeze(d, target, n);
        return CZ_APPLIED;
    }
    (void)add(m, item, id, domain);
    retract(m, target, n);
    return CZ_APPLIED;
}

static uint8_t take_domain(struct model *m, const struct czi_item *item, const cz_id *id,
                           unsigned domain)
{
    const struct czi_domain_item *c = &item->config;
    struct model_domain *d = &m->domains[domain];

    if (domain == m->domain_count) {
        if (c->sequence)
            return CZ_UNKNOWN_DOMAIN;
        *d = (struct model_domain){.contradicts = {CZI_ID_NONE, CZI_ID_NONE}};
        memcpy(d->name, item->domain.data, item->domain.len);
        m->domain_count++;
        CZI_CHECK(m->domain_count <= MODEL_DOMAINS);
    } else {
        if (!c->sequence)
            return CZ_EXISTS;
        if (c->sequence != d->config.sequence + 1)
            return CZ_STALE_FACT;
    }
    d->config = *c;
    (void)add(m, item, id, domain);
    settle(m, domain);
    return CZ_APPLIED;
}

/* All that stands and says what n does; of a state, in its block. */
static void drop_claim(struct model *m, uint32_t n, uint32_t by)
{
    for (uint32_t k = 0; k < m->item_count; k++)
        if (stands(&m->items[k]) && same_claim(&m->items[k], &m->items[n]) &&
            (is_event(m->items[n].fact.kind) ||
             m->items[k].fact.height == m->items[n].fact.height))
            retract_item(m, k, by);
}

static uint8_t take_decision(struct model *m, const struct czi_item *item, const cz_id *id,
                             unsigned domain)
{
    struct model_domain *d = &m->domains[domain];
    uint32_t keep = model_find(m, &item->decision.keep),
             drop = model_find(m, &item->decision.drop), n = m->item_count,
             old = d->contradicts[0], against = d->contradicts[1];

    if (!d->frozen || keep == drop || (keep != old && keep != against) ||
        (drop != old && drop != against))
        return CZ_WRONG_STATE;
    (void)add(m, item, id, domain);
    d->frozen = false;
    if (keep == old) {
        retract_item(m, against, n);
        return CZ_APPLIED;
    }
    if (m->items[against].type == CZI_ITEM_RETRACTION)
        retract(m, old, against);
    else if (m->items[against].fact.kind == CZ_FACT_BLOCK)
        retract_from(m, domain, m->items[old].fact.height, n);
    else
        drop_claim(m, old, n);
    m->items[against].standing = CZI_STANDS;
    if (m->items[against].type == CZI_ITEM_FACT && m->items[against].fact.kind == CZ_FACT_BLOCK)
        settle(m, domain);
    return CZ_APPLIED;
}

uint8_t model_take(struct model *m, const struct czi_item *item, const cz_id *id)
{
    unsigned domain = 0;

    while (domain < m->domain_count &&
           !same(m->domains[domain].name, strlen(m->domains[domain].name), item->domain.data,
                 item->domain.len))
        domain++;
    if (item->type == CZI_ITEM_DOMAIN)
        return take_domain(m, item, id, domain);
    if (domain == m->domain_count)
        return CZ_UNKNOWN_DOMAIN;
    if (item->type == CZI_ITEM_FACT)
        return take_fact(m, item, id, domain);
    return item->type == CZI_ITEM_RETRACTION ? take_retraction(m, item, id, domain)
                                             : take_decision(m, item, id, domain);
}

/* ---- Checking --------------------------------------------------------------------------- */

static bool is_settled(const struct model *m, const struct model_item *x,
                       const struct czi_terms *t)
{
    enum cz_finality level = level_of(m, x->domain, x->fact.height);
    uint64_t depth = head_height(m, x->domain) - x->fact.height;

    if (t->finality == CZ_DEPTH)
        return level == CZ_FINAL || (depth && depth >= t->depth);
    return level >= t->finality;
}

static bool is_stale(const struct model *m, const struct model_item *x,
                     const struct czi_terms *t)
{
    const struct czi_domain_time *known = &m->domains[x->domain].known;
    const struct model_item *highest = x;

    if (t->policy == CZ_EXACT)
        return known->height != x->fact.height || known->time != x->fact.time ||
               memcmp(known->hash, x->fact.block_hash, 32);
    if (t->policy != CZ_STILL_TRUE || is_event(x->fact.kind))
        return false;
    for (uint32_t n = 0; n < m->item_count; n++)
        if (stands(&m->items[n]) && same_key(x, &m->items[n]) &&
            m->items[n].fact.height > highest->fact.height)
            highest = &m->items[n];
    return !same_claim(x, highest);
}

static uint8_t check_alone(const struct model *m, const struct czi_dependency *d, uint32_t *ret)
{
    cz_id id;
    uint32_t n;
    const struct model_item *x;
    uint64_t now;

    memcpy(&id, d->fact, sizeof id);
    n = model_find(m, &id);
    if (n == CZI_ID_NONE || m->items[n].type != CZI_ITEM_FACT)
        return CZ_UNKNOWN_FACT;
    if (m->domains[m->items[n].domain].frozen)
        return CZ_DOMAIN_FROZEN;
    if (!stands(&m->items[n]))
        return CZ_NOT_CANONICAL;
    x = &m->items[n];
    now = m->domains[x->domain].known.time;
    if (is_stale(m, x, &d->terms))
        return CZ_STALE_FACT;
    if (!is_settled(m, x, &d->terms))
        return CZ_BELOW_FINALITY;
    if ((x->fact.has_expires && x->fact.expires < now) ||
        (d->terms.has_max_age && now > x->fact.time && now - x->fact.time > d->terms.max_age))
        return CZ_FACT_EXPIRED;
    *ret = n;
    return CZ_APPLIED;
}

static bool is_used(const struct model *m, const struct model_item *x, struct czi_slice purpose)
{
    for (unsigned i = 0; i < m->use_count; i++) {
        const struct model_use *u = &m->uses[i];

        if (u->domain == x->domain && u->kind == x->fact.kind &&
            same(u->key, u->key_len, x->key, x->key_len) &&
            same(u->purpose, u->purpose_len, purpose.data, purpose.len))
            return true;
    }
    return false;
}

uint8_t model_check(const struct model *m, const struct czi_dependency *all, unsigned i,
                    bool *ret_holds)
{
    uint32_t facts[CZI_CITATIONS_MAX]; /* those that hold */
    uint8_t reason = CZ_APPLIED;

    for (unsigned k = 0; k <= i; k++) {
        struct czi_slice purpose = all[k].terms.purpose;

        reason = check_alone(m, &all[k], &facts[k]);
        for (unsigned j = 0; j < k && !reason; j++)
            if (facts[j] != CZI_ID_NONE && same_key(&m->items[facts[j]], &m->items[facts[k]]) &&
                !same_claim(&m->items[facts[j]], &m->items[facts[k]]))
                reason = CZ_FACT_CONFLICT;
        for (unsigned j = 0; j < k && !reason; j++)
            if (facts[j] != CZI_ID_NONE && same_key(&m->items[facts[j]], &m->items[facts[k]]) &&
                purpose.data && all[j].terms.purpose.data &&
                same(all[j].terms.purpose.data, all[j].terms.purpose.len, purpose.data,
                     purpose.len))
                reason = CZ_EVENT_CONSUMED;
        if (!reason && purpose.data && is_used(m, &m->items[facts[k]], purpose))
            reason = CZ_EVENT_CONSUMED;
        if (reason)
            facts[k] = CZI_ID_NONE;
    }
    if (reason && !all[i].terms.optional)
        return reason;
    *ret_holds = !reason;
    return CZ_APPLIED;
}

void model_consume(struct model *m, const struct czi_dependency *d)
{
    struct model_use *u = &m->uses[m->use_count++];
    const struct model_item *x;
    cz_id id;

    CZI_CHECK(m->use_count <= MODEL_USES);
    memcpy(&id, d->fact, sizeof id);
    x = &m->items[model_find(m, &id)];
    *u = (struct model_use){.domain = x->domain,
                            .kind = x->fact.kind,
                            .key_len = x->key_len,
                            .purpose_len = d->terms.purpose.len};
    memcpy(u->key, x->key, x->key_len);
    memcpy(u->purpose, d->terms.purpose.data, u->purpose_len);
}

uint32_t model_standing(const struct model *m, uint32_t number)
{
    const struct model_item *x = &m->items[number];
    uint32_t best = CZI_ID_NONE;

    if (x->type != CZI_ITEM_FACT || stands(x))
        return x->type == CZI_ITEM_FACT ? number : CZI_ID_NONE;
    for (uint32_t n = 0; n < m->item_count; n++)
        if (stands(&m->items[n]) && same_claim(x, &m->items[n]) &&
            (best == CZI_ID_NONE || m->items[n].fact.height >= m->items[best].fact.height))
            best = n;
    return best;
}
