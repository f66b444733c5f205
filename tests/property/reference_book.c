/* reference_book.c - see reference_book.h. */
#include "reference_book.h"

#include "base/check.h"
#include "codec/blake3.h"
#include "codec/dag_cbor.h"

#include <stdlib.h>

static bool same(const void *a, const void *b)
{
    return memcmp(a, b, 32) == 0;
}

static bool is_event(enum cz_fact_kind kind)
{
    return kind <= CZ_FACT_WITHDRAWAL || kind == CZ_FACT_CUSTOM;
}

static bool is_fact(const struct ref_item *x)
{
    return x->type == CZI_ITEM_FACT;
}

static bool is_block(const struct ref_item *x)
{
    return is_fact(x) && x->kind == CZ_FACT_BLOCK;
}

void ref_book_free(struct ref_book *b)
{
    free(b->items);
    free(b->uses);
    *b = (struct ref_book){0};
}

size_t ref_book_find(const struct ref_book *b, const void *id)
{
    for (size_t i = 0; i < b->count; i++)
        if (same(&b->items[i].id, id))
            return i;
    return REF_NONE;
}

static size_t find_domain(const struct ref_book *b, struct czi_slice name)
{
    for (size_t i = 0; i < b->domain_count; i++)
        if (strlen(b->domains[i].name) == name.len &&
            memcmp(b->domains[i].name, name.data, name.len) == 0)
            return i;
    return REF_NONE;
}

/* ---- Chains ----------------------------------------------------------------------------- */

size_t ref_book_at(const struct ref_book *b, size_t domain, uint64_t height)
{
    for (size_t i = 0; i < b->count; i++)
        if (is_block(&b->items[i]) && b->items[i].domain == domain &&
            b->items[i].standing == REF_STANDS && b->items[i].height == height)
            return i;
    return REF_NONE;
}

size_t ref_book_head(const struct ref_book *b, size_t domain)
{
    size_t head = REF_NONE;

    for (size_t i = 0; i < b->count; i++)
        if (is_block(&b->items[i]) && b->items[i].domain == domain &&
            b->items[i].standing == REF_STANDS &&
            (head == REF_NONE || b->items[i].height > b->items[head].height))
            head = i;
    return head;
}

static bool reaches(const struct ref_mark *m, uint64_t height)
{
    return m->any && height <= m->height;
}

static void lift(struct ref_mark *m, uint64_t height)
{
    if (!reaches(m, height))
        *m = (struct ref_mark){true, height};
}

static void lower(struct ref_mark *m, uint64_t height)
{
    if (reaches(m, height))
        *m = (struct ref_mark){height > 0, height ? height - 1 : 0};
}

/* The time map never goes back: the block is replaced by a later one only, the heights rise. */
static void advance(struct ref_domain *d, const struct ref_item *head)
{
    bool later = !d->in_time || head->height > d->height ||
                 (head->height == d->height &&
                  (head->time > d->time ||
                   (head->time == d->time && memcmp(head->hash, d->hash, 32) > 0)));

    if (later) {
        d->height = head->height;
        d->time = head->time;
        memcpy(d->hash, head->hash, 32);
    }
    d->in_time = true;
    d->safe_height = CZI_MAX(d->safe_height, d->safe.height);
    d->final_height = CZI_MAX(d->final_height, d->final.height);
}

/* After the head or the policy changed. */
static void settle(struct ref_book *b, size_t domain)
{
    struct ref_domain *d = &b->domains[domain];
    size_t n = ref_book_head(b, domain);
    uint64_t head;

    if (n == REF_NONE)
        return;
    head = b->items[n].height;
    if (d->policy.final_depth && head >= d->policy.final_depth)
        lift(&d->final, head - d->policy.final_depth);
    if (d->policy.safe_depth && head >= d->policy.safe_depth)
        lift(&d->safe, head - d->policy.safe_depth);
    if (d->final.any)
        lift(&d->safe, d->final.height);
    advance(d, &b->items[n]);
}

static void block_enters(struct ref_book *b, const struct ref_item *x)
{
    struct ref_domain *d = &b->domains[x->domain];

    if (x->finality == CZ_FINAL)
        lift(&d->final, x->height);
    if (x->finality == CZ_SAFE)
        lift(&d->safe, x->height);
    settle(b, x->domain);
}

/* ---- What is withdrawn --------------------------------------------------------------------
 */

static void retract(struct ref_book *b, size_t n)
{
    size_t domain = b->items[n].domain;
    uint64_t height = b->items[n].height;

    if (!is_block(&b->items[n])) {
        b->items[n].standing = REF_RETRACTED;
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        if (is_fact(&b->items[i]) && b->items[i].domain == domain &&
            b->items[i].standing == REF_STANDS && b->items[i].height >= height)
            b->items[i].standing = REF_RETRACTED;
    lower(&b->domains[domain].final, height);
    lower(&b->domains[domain].safe, height);
}

/* With all that say the same, of a state in its block. */
static void drop_claim(struct ref_book *b, size_t n)
{
    const struct ref_item x = b->items[n];

    for (size_t i = 0; i < b->count; i++) {
        struct ref_item *y = &b->items[i];

        if (is_fact(y) && y->standing == REF_STANDS && same(&y->key, &x.key) &&
            same(&y->claim, &x.claim) && (is_event(x.kind) || y->height == x.height))
            y->standing = REF_RETRACTED;
    }
}

static void decide(struct ref_book *b, struct ref_domain *d, size_t keep)
{
    size_t stands = d->contradicts[0], held = d->contradicts[1];
    struct ref_item *x = &b->items[held];

    d->frozen = false;
    if (keep == stands) {
        x->standing = REF_RETRACTED;
    } else if (!is_fact(x)) {
        x->standing = REF_STANDS;
        retract(b, stands);
    } else if (is_block(x)) {
        retract(b, stands);
        x->standing = REF_STANDS;
        block_enters(b, x);
    } else {
        drop_claim(b, stands);
        x->standing = REF_STANDS;
    }
}

/* ---- Taking items ----------------------------------------------------------------------- */

/* On its way in. */
struct taking {
    struct ref_item x;
    size_t against; /* it is held against this one; REF_NONE */
};

static struct ref_item describe(const struct czi_item *item, const cz_id *id, size_t domain)
{
    struct ref_item x = {.id = *id, .type = item->type, .domain = domain, .block = REF_NONE};
    const struct czi_fact *f = &item->fact;
    uint8_t bytes[256], *p;

    if (x.type == CZI_ITEM_RETRACTION)
        x.target = item->retraction.fact;
    if (x.type != CZI_ITEM_FACT)
        return x;
    x.kind = f->kind;
    x.finality = f->finality;
    x.trust = f->trust;
    x.height = f->height;
    x.time = f->time;
    x.expires = f->has_expires ? f->expires : UINT64_MAX;
    memcpy(x.hash, f->block_hash, 32);
    p = czi_cbor_put_text(bytes, (const char *)f->domain.data, f->domain.len);
    p = czi_cbor_put_uint(p, f->kind);
    p = czi_cbor_put_bytes(p, f->event_key.data, f->event_key.len);
    czi_blake3(bytes, (size_t)(p - bytes), x.key.bytes);
    czi_blake3(f->claim_bytes.data, f->claim_bytes.len, x.claim.bytes);
    return x;
}

/* Whether a block of the hash is recorded, and where one stands. */
static void look_up(const struct ref_book *b, size_t domain, const uint8_t hash[32],
                    bool *ret_known, size_t *ret_stands)
{
    *ret_known = false;
    *ret_stands = REF_NONE;
    for (size_t i = 0; i < b->count; i++)
        if (is_block(&b->items[i]) && b->items[i].domain == domain &&
            same(b->items[i].hash, hash)) {
            *ret_known = true;
            if (b->items[i].standing == REF_STANDS)
                *ret_stands = i;
        }
}

/* The lowest block that cannot stand beside it. */
static size_t find_misfit(const struct ref_book *b, const struct ref_item *x)
{
    size_t below = x->height ? ref_book_at(b, x->domain, x->height - 1) : REF_NONE,
           at = ref_book_at(b, x->domain, x->height),
           above = x->height < UINT64_MAX ? ref_book_at(b, x->domain, x->height + 1) : REF_NONE;

    if (below != REF_NONE && !same(b->items[below].hash, x->parent))
        return below;
    if (at != REF_NONE)
        return at;
    return above != REF_NONE && !same(b->items[above].parent, x->hash) ? above : REF_NONE;
}

static enum cz_reason judge_block(const struct ref_book *b, const struct czi_fact *f,
                                  struct taking *t)
{
    struct ref_item *x = &t->x;
    const struct ref_domain *d = &b->domains[x->domain];
    size_t at = ref_book_at(b, x->domain, x->height), misfit, stands;
    bool known;

    if (f->claim_count < 1 || f->claim_count > 5)
        return CZ_BAD_ENCODING;
    for (size_t i = 0; i < f->claim_count; i++)
        if (f->claim[i].type != CZI_VALUE_BYTES || f->claim[i].bytes.len != 32)
            return CZ_BAD_ENCODING;
    memcpy(x->parent, f->claim[0].bytes.data, 32);
    if (at != REF_NONE && same(b->items[at].hash, x->hash) && b->items[at].time == x->time &&
        same(&b->items[at].key, &x->key) && same(&b->items[at].claim, &x->claim))
        return CZ_APPLIED;
    look_up(b, x->domain, x->hash, &known, &stands);
    if (stands != REF_NONE && b->items[stands].height != x->height)
        return CZ_NOT_CANONICAL;
    misfit = find_misfit(b, x);
    if (misfit != REF_NONE) {
        t->against = misfit;
        return x->finality == CZ_FINAL &&
                       reaches(&d->final, CZI_MIN(x->height, b->items[misfit].height))
                   ? CZ_APPLIED
                   : CZ_NOT_CANONICAL;
    }
    look_up(b, x->domain, x->parent, &known, &stands);
    return known && (stands == REF_NONE || b->items[stands].height + 1 != x->height)
               ? CZ_NOT_CANONICAL
               : CZ_APPLIED;
}

static enum cz_reason judge_header(const struct ref_book *b, const struct czi_fact *f,
                                   struct ref_item *x)
{
    const struct ref_domain *d = &b->domains[x->domain];
    size_t n = f->has_header ? ref_book_find(b, &f->header) : REF_NONE,
           head = ref_book_head(b, x->domain), at;
    const struct ref_item *h = n == REF_NONE ? NULL : &b->items[n];
    uint64_t depth;
    enum cz_finality level;

    if (!h || !is_block(h) || h->domain != x->domain) {
        at = ref_book_at(b, x->domain, x->height);
        if (head == REF_NONE || x->height > b->items[head].height)
            return CZ_HEAD_BEHIND;
        return at != REF_NONE && !same(b->items[at].hash, x->hash) ? CZ_NOT_CANONICAL
                                                                   : CZ_HEAD_UNKNOWN;
    }
    if (h->standing != REF_STANDS)
        return CZ_NOT_CANONICAL;
    if (h->height != x->height || h->time != x->time || !same(h->hash, x->hash) ||
        h->trust != x->trust)
        return CZ_HEAD_UNKNOWN;
    x->block = n;
    depth = b->items[head].height - x->height;
    level = reaches(&d->final, x->height)  ? CZ_FINAL
            : reaches(&d->safe, x->height) ? CZ_SAFE
            : depth                        ? CZ_DEPTH
                                           : CZ_SEEN;
    if (depth < d->policy.record_depth)
        return CZ_HEAD_BEHIND;
    return level < d->policy.record_finality ? CZ_BELOW_FINALITY : CZ_APPLIED;
}

/* Of an event the lowest such fact, first recorded; of a state the last in the same block. */
static size_t find_other(const struct ref_book *b, const struct ref_item *x)
{
    size_t other = REF_NONE;

    for (size_t i = 0; i < b->count; i++) {
        const struct ref_item *y = &b->items[i];

        if (!is_fact(y) || y->standing != REF_STANDS || !same(&y->key, &x->key))
            continue;
        if (is_event(x->kind) ? other == REF_NONE || y->height < b->items[other].height
                              : y->height == x->height)
            other = i;
    }
    return other != REF_NONE && same(&b->items[other].claim, &x->claim) ? REF_NONE : other;
}

static enum cz_reason judge_fact(const struct ref_book *b, const struct czi_fact *f,
                                 struct taking *t)
{
    const struct ref_domain *d = &b->domains[t->x.domain];
    size_t head = ref_book_head(b, t->x.domain);
    enum cz_reason reason;

    if (f->has_expires && head != REF_NONE && f->expires < b->items[head].time)
        return CZ_FACT_EXPIRED;
    if (t->x.kind == CZ_FACT_BLOCK)
        return judge_block(b, f, t);
    reason = judge_header(b, f, &t->x);
    if (reason)
        return reason;
    t->against = find_other(b, &t->x);
    if (t->against == REF_NONE)
        return CZ_APPLIED;
    return reaches(&d->final, t->x.height) && reaches(&d->final, b->items[t->against].height)
               ? CZ_APPLIED
               : CZ_FACT_CONFLICT;
}

static enum cz_reason judge_retraction(const struct ref_book *b, struct taking *t)
{
    size_t n = ref_book_find(b, &t->x.target);

    if (n == REF_NONE)
        return CZ_UNKNOWN_FACT;
    if (b->items[n].standing != REF_STANDS)
        return CZ_NOT_CANONICAL;
    if (!is_fact(&b->items[n]) || b->items[n].domain != t->x.domain)
        return CZ_WRONG_STATE;
    if (reaches(&b->domains[t->x.domain].final, b->items[n].height))
        t->against = n;
    return CZ_APPLIED;
}

static bool may_observe(const struct ref_domain *d, bool has, const uint8_t key[32])
{
    if (!has || !d->observer_count)
        return !has && !d->observer_count;
    for (unsigned i = 0; i < d->observer_count; i++)
        if (same(d->observers[i], key))
            return true;
    return false;
}

static enum cz_reason judge_domain(const struct ref_book *b, const struct czi_domain_item *c,
                                   size_t domain)
{
    const struct ref_domain *d;

    if (domain == REF_NONE)
        return c->sequence ? CZ_UNKNOWN_DOMAIN : CZ_APPLIED;
    d = &b->domains[domain];
    if (!c->sequence)
        return CZ_EXISTS;
    if (c->sequence != d->sequence + 1)
        return CZ_STALE_FACT;
    return c->adapter.len != strlen(d->adapter) ||
                   memcmp(c->adapter.data, d->adapter, c->adapter.len) != 0 ||
                   c->parameters.len != d->parameters_len ||
                   (c->parameters.len &&
                    memcmp(c->parameters.data, d->parameters, c->parameters.len) != 0)
               ? CZ_WRONG_KIND
               : CZ_APPLIED;
}

static enum cz_reason judge(const struct ref_book *b, const struct czi_item *item,
                            struct taking *t)
{
    const struct czi_retraction *r = &item->retraction;
    const struct czi_fact *f = &item->fact;
    const struct ref_domain *d;
    bool is_fact_item = item->type == CZI_ITEM_FACT;

    if (item->type == CZI_ITEM_DOMAIN)
        return judge_domain(b, &item->config, t->x.domain);
    if (t->x.domain == REF_NONE)
        return CZ_UNKNOWN_DOMAIN;
    d = &b->domains[t->x.domain];
    if (item->type == CZI_ITEM_DECISION) {
        size_t keep = ref_book_find(b, &item->decision.keep),
               drop = ref_book_find(b, &item->decision.drop);

        return d->frozen && ((keep == d->contradicts[0] && drop == d->contradicts[1]) ||
                             (keep == d->contradicts[1] && drop == d->contradicts[0]))
                   ? CZ_APPLIED
                   : CZ_WRONG_STATE;
    }
    if (d->frozen)
        return CZ_DOMAIN_FROZEN;
    if (!may_observe(d, is_fact_item ? f->has_observer : r->has_observer,
                     is_fact_item ? f->observer : r->observer))
        return CZ_BAD_OBSERVER;
    return is_fact_item ? judge_fact(b, f, t) : judge_retraction(b, t);
}

static void configure(struct ref_book *b, struct ref_item *x, const struct czi_item *item)
{
    const struct czi_domain_item *c = &item->config;
    struct ref_domain *d;

    if (x->domain == REF_NONE) {
        CZI_CHECK(b->domain_count < REF_DOMAINS_MAX);
        x->domain = b->domain_count++;
        d = &b->domains[x->domain];
        CZI_CHECK(c->parameters.len <= sizeof d->parameters);
        memcpy(d->name, item->domain.data, item->domain.len);
        memcpy(d->adapter, c->adapter.data, c->adapter.len);
        if (c->parameters.len)
            memcpy(d->parameters, c->parameters.data, c->parameters.len);
        d->parameters_len = c->parameters.len;
    }
    d = &b->domains[x->domain];
    CZI_CHECK(c->observer_count <= CZI_COUNTOF(d->observers));
    d->sequence = c->sequence;
    d->policy = c->policy;
    d->observer_count = c->observer_count;
    memcpy(d->observers, c->observers, c->observer_count * sizeof c->observers[0]);
}

static void record(struct ref_book *b, const struct czi_item *item, struct taking *t)
{
    struct ref_item *x;
    struct ref_domain *d;
    size_t n = b->count;

    if (item->type == CZI_ITEM_DOMAIN)
        configure(b, &t->x, item);
    if (t->against != REF_NONE)
        t->x.standing = REF_HELD;
    if (is_block(&t->x))
        t->x.block = n;
    b->items = realloc(b->items, ++b->count * sizeof *b->items);
    CZI_CHECK(b->items);
    x = &b->items[n];
    *x = t->x;
    d = &b->domains[x->domain];
    if (x->standing == REF_HELD) {
        d->frozen = true;
        d->contradicts[0] = t->against;
        d->contradicts[1] = n;
    } else if (item->type == CZI_ITEM_DOMAIN) {
        settle(b, x->domain);
    } else if (item->type == CZI_ITEM_DECISION) {
        decide(b, d, ref_book_find(b, &item->decision.keep));
    } else if (item->type == CZI_ITEM_RETRACTION) {
        retract(b, ref_book_find(b, &x->target));
    } else if (is_block(x)) {
        block_enters(b, x);
    }
}

enum cz_reason ref_book_take(struct ref_book *b, const struct czi_item *item, const cz_id *id)
{
    struct taking t = {.against = REF_NONE};
    enum cz_reason reason;

    t.x = describe(item, id, find_domain(b, item->domain));
    reason = judge(b, item, &t);
    if (reason == CZ_APPLIED)
        record(b, item, &t);
    return reason;
}

/* ---- Dependencies ----------------------------------------------------------------------- */

static cz_id use_of(const struct ref_item *x, struct czi_slice purpose)
{
    uint8_t bytes[32 + CZI_PURPOSE_SIZE_MAX];
    cz_id id;

    memcpy(bytes, &x->key, 32);
    memcpy(bytes + 32, purpose.data, purpose.len);
    czi_blake3(bytes, 32 + purpose.len, id.bytes);
    return id;
}

static bool is_used(const struct ref_book *b, const cz_id *use)
{
    for (size_t i = 0; i < b->use_count; i++)
        if (same(&b->uses[i], use))
            return true;
    return false;
}

void ref_book_consume(struct ref_book *b, const struct czi_dependency *d)
{
    cz_id use = use_of(&b->items[ref_book_find(b, d->fact)], d->terms.purpose);

    b->uses = realloc(b->uses, ++b->use_count * sizeof *b->uses);
    CZI_CHECK(b->uses);
    b->uses[b->use_count - 1] = use;
}

/* Of what is known of a state, something in a higher block says otherwise. */
static bool is_outdated(const struct ref_book *b, const struct ref_item *x)
{
    const struct ref_item *last = x;

    for (size_t i = 0; i < b->count; i++) {
        const struct ref_item *y = &b->items[i];

        if (is_fact(y) && y->standing == REF_STANDS && same(&y->key, &x->key) &&
            y->height >= last->height)
            last = y;
    }
    return !same(&last->claim, &x->claim);
}

static bool is_settled(const struct ref_book *b, const struct ref_item *x,
                       const struct czi_terms *t)
{
    const struct ref_domain *d = &b->domains[x->domain];
    uint64_t depth = b->items[ref_book_head(b, x->domain)].height - x->height;

    switch (t->finality) {
    case CZ_SEEN:
        return true;
    case CZ_DEPTH:
        return depth >= t->depth || reaches(&d->final, x->height);
    case CZ_SAFE:
        return reaches(&d->safe, x->height);
    default:
        return reaches(&d->final, x->height);
    }
}

static enum cz_reason check_alone(const struct ref_book *b, const struct czi_dependency *d)
{
    size_t n = ref_book_find(b, d->fact);
    const struct ref_item *x = n == REF_NONE ? NULL : &b->items[n];
    const struct czi_terms *t = &d->terms;
    const struct ref_domain *at;

    if (!x || !is_fact(x))
        return CZ_UNKNOWN_FACT;
    at = &b->domains[x->domain];
    if (at->frozen)
        return CZ_DOMAIN_FROZEN;
    if (x->standing != REF_STANDS)
        return CZ_NOT_CANONICAL;
    if (t->policy == CZ_EXACT &&
        (at->height != x->height || at->time != x->time || !same(at->hash, x->hash)))
        return CZ_STALE_FACT;
    if (t->policy == CZ_STILL_TRUE && !is_event(x->kind) && is_outdated(b, x))
        return CZ_STALE_FACT;
    if (!is_settled(b, x, t))
        return CZ_BELOW_FINALITY;
    return x->expires < at->time ||
                   (t->has_max_age && at->time > x->time && at->time - x->time > t->max_age)
               ? CZ_FACT_EXPIRED
               : CZ_APPLIED;
}

enum cz_reason ref_book_check(const struct ref_book *b, const struct czi_dependency *all,
                              unsigned count, uint64_t *ret_holds)
{
    *ret_holds = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct czi_slice purpose = all[i].terms.purpose;
        enum cz_reason reason = check_alone(b, &all[i]);
        const struct ref_item *x = reason ? NULL : &b->items[ref_book_find(b, all[i].fact)];
        bool used = false;
        cz_id use;

        for (unsigned k = 0; k < i && !reason; k++) {
            const struct ref_item *y;

            if (!(*ret_holds >> k & 1))
                continue;
            y = &b->items[ref_book_find(b, all[k].fact)];
            if (!same(&y->key, &x->key))
                continue;
            if (!same(&y->claim, &x->claim))
                reason = CZ_FACT_CONFLICT;
            used |= purpose.data && all[k].terms.purpose.data &&
                    all[k].terms.purpose.len == purpose.len &&
                    memcmp(all[k].terms.purpose.data, purpose.data, purpose.len) == 0;
        }
        if (!reason && purpose.data) {
            use = use_of(x, purpose);
            if (used || is_used(b, &use))
                reason = CZ_EVENT_CONSUMED;
        }
        if (reason && !all[i].terms.optional)
            return reason;
        *ret_holds |= (uint64_t)!reason << i;
    }
    return CZ_APPLIED;
}

/* ---- The time map -------------------------------------------------------------------------
 */

cz_id ref_book_time(const struct ref_book *b)
{
    uint8_t entries[REF_DOMAINS_MAX * 160], bytes[sizeof entries + 16], *p = entries, *q;
    bool done[REF_DOMAINS_MAX] = {false};
    size_t count = 0;
    cz_id id = {{0}};

    for (;;) {
        size_t next = REF_NONE;
        const struct ref_domain *d;

        for (size_t i = 0; i < b->domain_count; i++)
            if (b->domains[i].in_time && !done[i] &&
                (next == REF_NONE || strcmp(b->domains[i].name, b->domains[next].name) < 0))
                next = i;
        if (next == REF_NONE)
            break;
        done[next] = true;
        count++;
        d = &b->domains[next];
        p = czi_cbor_put_array(p, 6);
        p = czi_cbor_put_text(p, d->name, strlen(d->name));
        p = czi_cbor_put_uint(p, d->height);
        p = czi_cbor_put_bytes(p, d->hash, 32);
        p = czi_cbor_put_uint(p, d->time);
        p = czi_cbor_put_uint(p, d->safe_height);
        p = czi_cbor_put_uint(p, d->final_height);
    }
    if (!count)
        return id;
    q = czi_cbor_put_array(bytes, 2);
    q = czi_cbor_put_uint(q, 17);
    q = czi_cbor_put_array(q, count);
    memcpy(q, entries, (size_t)(p - entries));
    czi_blake3(bytes, (size_t)(q - bytes) + (size_t)(p - entries), id.bytes);
    return id;
}
