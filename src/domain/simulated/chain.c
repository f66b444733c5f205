/* chain.c - see chain.h and sim.h: what waits, blocks, and reorganisations. */
#include "domain/simulated/chain.h"

#include "codec/blake3.h"
#include "codec/dag_cbor.h"

#define INTERVAL 10u

/* ---- Lists ------------------------------------------------------------------------------ */

/* Room for n more. */
static bool list_reserve(struct czi_sim_list *l, size_t n)
{
    size_t room = CZI_MAX(l->count + n, 2 * l->room);
    struct czi_sim_entry **at;

    if (l->count + n <= l->room)
        return true;
    at = czi_realloc(l->at, room * sizeof(struct czi_sim_entry *));
    if (!at)
        return false;
    l->at = at;
    l->room = room;
    return true;
}

static void list_append(struct czi_sim_list *l, const struct czi_sim_list *more)
{
    if (more->count)
        memcpy(l->at + l->count, more->at, more->count * sizeof(struct czi_sim_entry *));
    l->count += more->count;
}

static void list_done(struct czi_sim_list *l)
{
    czi_free(l->at);
    *l = (struct czi_sim_list){0};
}

/* ---- Trees and state -------------------------------------------------------------------- */

static bool tree_of(const struct czi_sim_list *l, struct czi_sim_tree *ret)
{
    *ret = (struct czi_sim_tree){.leaves = l->count};
    if (!l->count)
        return true;
    ret->nodes = czi_alloc(czi_sim_tree_nodes(l->count) * 32);
    if (!ret->nodes)
        return false;
    for (size_t i = 0; i < l->count; i++) {
        const struct czi_sim_entry *e = l->at[i];

        czi_sim_leaf(e->kind, (struct czi_slice){e->key, e->key_len}, e->claim, e->claim_count,
                     ret->nodes[i]);
    }
    czi_sim_tree_complete(ret);
    return true;
}

static void state_free(struct czi_sim_state *s)
{
    if (!s)
        return;
    list_done(&s->entries);
    czi_free(s->tree.nodes);
    czi_free(s);
}

static int compare(const struct czi_sim_entry *a, const struct czi_sim_entry *b)
{
    int order;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    order = memcmp(a->key, b->key, CZI_MIN(a->key_len, b->key_len));
    return order ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

/* In place of the one with the same key, or between its neighbours; there is room. */
static void state_set(struct czi_sim_list *l, struct czi_sim_entry *e)
{
    size_t from = 0, to = l->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (compare(l->at[middle], e) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == l->count || compare(l->at[from], e) != 0) {
        memmove(l->at + from + 1, l->at + from,
                (l->count - from) * sizeof(struct czi_sim_entry *));
        l->count++;
    }
    l->at[from] = e;
}

static struct czi_sim_state *state_after(const struct czi_sim_state *before,
                                         const struct czi_sim_list *changes)
{
    struct czi_sim_state *s = czi_alloc_zero(1, sizeof *s);
    size_t room = changes->count + (before ? before->entries.count : 0);

    if (!s || !list_reserve(&s->entries, CZI_MAX(room, 1u))) {
        state_free(s);
        return NULL;
    }
    if (before)
        list_append(&s->entries, &before->entries);
    for (size_t i = 0; i < changes->count; i++)
        state_set(&s->entries, changes->at[i]);
    if (!tree_of(&s->entries, &s->tree)) {
        state_free(s);
        return NULL;
    }
    return s;
}

/* ---- Blocks ----------------------------------------------------------------------------- */

static void block_done(struct czi_sim_block *b)
{
    list_done(&b->events);
    list_done(&b->changes);
    czi_free(b->events_tree.nodes);
    if (b->owns_state)
        state_free(b->state);
}

/* The block on top of the newest one, or the first one; it borrows the lists. */
static int make_block(const cz_sim_chain *c, const struct czi_sim_list *events,
                      const struct czi_sim_list *changes, struct czi_sim_block *ret,
                      cz_error *err)
{
    const struct czi_sim_block *parent = c->block_count ? &c->blocks[c->block_count - 1] : NULL;
    struct czi_sim_header *h = &ret->header;

    *ret = (struct czi_sim_block){.events = *events, .changes = *changes};
    h->name = c->parameters.name;
    h->branch = c->branch;
    /* Nothing comes before the genesis block, and its hash tells chains apart. */
    memcpy(h->parent, parent ? parent->hash : c->parameters.key, sizeof h->parent);
    if (parent) {
        if (parent->header.time > UINT64_MAX - c->interval)
            return czi_fail(err, CZ_LIMIT, "the chain's time ends at 2^64");
        h->height = parent->header.height + 1;
        h->time = parent->header.time + c->interval;
    }
    ret->owns_state = !parent || changes->count;
    ret->state =
        ret->owns_state ? state_after(parent ? parent->state : NULL, changes) : parent->state;
    if (!ret->state || !tree_of(events, &ret->events_tree)) {
        if (ret->owns_state)
            state_free(ret->state);
        return czi_nomem(err, "a block");
    }
    czi_sim_tree_root(&ret->events_tree, h->events_root);
    czi_sim_tree_root(&ret->state->tree, h->state_root);
    ret->signed_len = czi_sim_header_sign(h, c->seed, ret->signed_header, ret->hash);
    return CZ_OK;
}

static bool reserve_blocks(cz_sim_chain *c, uint64_t n)
{
    size_t most = SIZE_MAX / 2 / sizeof *c->blocks, room;
    struct czi_sim_block *blocks;

    if (n > most - c->block_count)
        return false;
    if (c->block_count + n <= c->block_room)
        return true;
    room = CZI_MAX((size_t)(c->block_count + n), CZI_MIN(most, 2 * c->block_room));
    blocks = czi_realloc(c->blocks, room * sizeof *blocks);
    if (!blocks)
        return false;
    c->blocks = blocks;
    c->block_room = room;
    return true;
}

/* The first new block takes the lists, once all n are there. */
static int mine(cz_sim_chain *c, uint64_t n, struct czi_sim_list *events,
                struct czi_sim_list *changes, cz_error *err)
{
    static const struct czi_sim_list none;
    size_t before = c->block_count;
    int rc = CZ_OK;

    if (!reserve_blocks(c, n))
        return czi_nomem(err, "the blocks of a chain");
    for (uint64_t i = 0; i < n && rc == CZ_OK; i++) {
        rc = make_block(c, i ? &none : events, i ? &none : changes, &c->blocks[c->block_count],
                        err);
        c->block_count += rc == CZ_OK;
    }
    if (rc == CZ_OK) {
        *events = *changes = none;
        return CZ_OK;
    }
    while (c->block_count > before) {
        struct czi_sim_block *b = &c->blocks[--c->block_count];

        if (c->block_count == before)
            b->events = b->changes = none; /* they were borrowed */
        block_done(b);
    }
    return rc;
}

int cz_sim_mine(cz_sim_chain *c, uint64_t blocks, cz_error *err)
{
    return blocks ? mine(c, blocks, &c->events, &c->changes, err) : CZ_OK;
}

uint64_t cz_sim_height(const cz_sim_chain *c)
{
    return c->block_count - 1;
}

void cz_sim_interval(cz_sim_chain *c, uint64_t interval)
{
    c->interval = interval;
}

void cz_sim_price_age(cz_sim_chain *c, uint64_t age)
{
    c->price_age = age;
}

int cz_sim_finalize(cz_sim_chain *c, uint64_t height, cz_error *err)
{
    if (height > cz_sim_height(c))
        return czi_fail(err, CZ_INVALID, "chain %s: there is no block %llu yet", c->name,
                        (unsigned long long)height);
    c->final_height = CZI_MAX(c->final_height, height);
    return CZ_OK;
}

int cz_sim_header(const cz_sim_chain *c, uint64_t height, const uint8_t **ret, size_t *ret_len,
                  cz_error *err)
{
    if (height > cz_sim_height(c))
        return czi_fail(err, CZ_NOT_FOUND, "chain %s: there is no block %llu", c->name,
                        (unsigned long long)height);
    *ret = c->blocks[height].signed_header;
    *ret_len = c->blocks[height].signed_len;
    return CZ_OK;
}

/* ---- Reorganisation --------------------------------------------------------------------- */

/* What the first new block holds: what was dropped, if it is wanted, and then what waits. */
static bool gather(const cz_sim_chain *c, size_t keep, bool reinclude,
                   struct czi_sim_list *events, struct czi_sim_list *changes)
{
    for (size_t i = keep; reinclude && i < c->block_count; i++) {
        if (!list_reserve(events, c->blocks[i].events.count) ||
            !list_reserve(changes, c->blocks[i].changes.count))
            return false;
        list_append(events, &c->blocks[i].events);
        list_append(changes, &c->blocks[i].changes);
    }
    if (!list_reserve(events, c->events.count) || !list_reserve(changes, c->changes.count))
        return false;
    list_append(events, &c->events);
    list_append(changes, &c->changes);
    return true;
}

/* Mines with the dropped blocks set aside, and puts them back when that fails. */
static int replace(cz_sim_chain *c, size_t keep, struct czi_sim_block *dropped,
                   struct czi_sim_list *events, struct czi_sim_list *changes, cz_error *err)
{
    size_t count = c->block_count - keep;
    int rc;

    memcpy(dropped, c->blocks + keep, count * sizeof *dropped);
    c->block_count = keep;
    c->branch++;
    rc = mine(c, count + 1, events, changes, err);
    if (rc != CZ_OK) {
        memcpy(c->blocks + keep, dropped, count * sizeof *dropped);
        c->block_count = keep + count;
        c->branch--;
        return rc;
    }
    for (size_t i = 0; i < count; i++)
        block_done(&dropped[i]);
    list_done(&c->events);
    list_done(&c->changes);
    c->final_height = CZI_MIN(c->final_height, keep - 1);
    return CZ_OK;
}

int cz_sim_reorg(cz_sim_chain *c, uint64_t depth, bool reinclude, cz_error *err)
{
    struct czi_sim_list events = {0}, changes = {0};
    struct czi_sim_block *dropped;
    size_t keep;
    int rc;

    if (!depth || depth > cz_sim_height(c))
        return czi_fail(err, CZ_INVALID, "chain %s: %llu blocks cannot be dropped of %llu",
                        c->name, (unsigned long long)depth,
                        (unsigned long long)cz_sim_height(c));
    keep = c->block_count - (size_t)depth;
    dropped = czi_alloc((size_t)depth * sizeof *dropped);
    rc = dropped && gather(c, keep, reinclude, &events, &changes)
             ? replace(c, keep, dropped, &events, &changes, err)
             : czi_nomem(err, "a reorganisation");
    list_done(&events);
    list_done(&changes);
    czi_free(dropped);
    return rc;
}

/* ---- What the next block will hold ------------------------------------------------------ */

/* The entry with its own copy of all strings. */
static struct czi_sim_entry *entry_of(const cz_sim_chain *c, enum cz_fact_kind kind,
                                      const struct czi_fact_value *claim, size_t count)
{
    size_t size = sizeof(struct czi_sim_entry);
    struct czi_sim_entry *e;
    uint8_t *p;

    for (size_t i = 0; i < count; i++)
        size += claim[i].bytes.len;
    e = czi_alloc_zero(1, size);
    if (!e)
        return NULL;
    p = (uint8_t *)(e + 1);
    e->kind = kind;
    e->claim_count = count;
    for (size_t i = 0; i < count; i++) {
        e->claim[i] = claim[i];
        e->claim[i].bytes.data = p;
        if (claim[i].bytes.len)
            memcpy(p, claim[i].bytes.data, claim[i].bytes.len);
        p += claim[i].bytes.len;
    }
    if (czi_sim_place(kind) == CZI_SIM_EVENT) {
        e->event = c->event_count + 1;
        e->key_len = (uint8_t)czi_sim_event_key(c->parameters.name, e->event, e->key);
    } else {
        e->key_len = (uint8_t)czi_sim_state_key(kind, e->claim, e->key);
    }
    return e;
}

static int submit(cz_sim_chain *c, enum cz_fact_kind kind, const struct czi_fact_value *claim,
                  size_t count, uint64_t *ret_event, cz_error *err)
{
    bool event = czi_sim_place(kind) == CZI_SIM_EVENT;
    struct czi_sim_list *queue = event ? &c->events : &c->changes;
    struct czi_sim_entry *e;

    if (!czi_sim_claim_fits(kind, claim, count))
        return czi_fail(err, CZ_INVALID,
                        "a %s needs names of 1 to %d bytes of UTF-8, and no \"/\" in an asset",
                        cz_fact_kind_name((int)kind), CZ_LABEL_SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        if (claim[i].bytes.len > CZI_DATA_SIZE_MAX)
            return czi_fail(err, CZ_LIMIT, "%zu bytes of data; CZI_DATA_SIZE_MAX is %u",
                            claim[i].bytes.len, CZI_DATA_SIZE_MAX);
    if (!list_reserve(&c->entries, 1) || !list_reserve(queue, 1) ||
        !(e = entry_of(c, kind, claim, count)))
        return czi_nomem(err, "what a chain will hold");
    c->entries.at[c->entries.count++] = e;
    queue->at[queue->count++] = e;
    c->event_count += event;
    if (ret_event)
        *ret_event = e->event;
    return CZ_OK;
}

static struct czi_fact_value text(const char *s)
{
    return (struct czi_fact_value){.type = CZI_VALUE_TEXT,
                                   .bytes = {(const uint8_t *)s,
                                             s ? strnlen(s, CZ_LABEL_SIZE_MAX + 1) : 0}};
}

static struct czi_fact_value number(uint64_t v)
{
    return (struct czi_fact_value){.type = CZI_VALUE_UINT, .number = v};
}

static struct czi_fact_value bytes(const void *data, size_t len)
{
    return (struct czi_fact_value){.type = CZI_VALUE_BYTES, .bytes = {data, len}};
}

int cz_sim_deposit(cz_sim_chain *c, const char *account, const char *asset, uint64_t amount,
                   uint64_t *ret_event, cz_error *err)
{
    struct czi_fact_value claim[] = {text(account), text(asset), number(amount)};

    return submit(c, CZ_FACT_DEPOSIT, claim, CZI_COUNTOF(claim), ret_event, err);
}

int cz_sim_withdrawal(cz_sim_chain *c, const char *account, const char *asset, uint64_t amount,
                      uint64_t *ret_event, cz_error *err)
{
    struct czi_fact_value claim[] = {text(account), text(asset), number(amount)};

    return submit(c, CZ_FACT_WITHDRAWAL, claim, CZI_COUNTOF(claim), ret_event, err);
}

int cz_sim_transaction(cz_sim_chain *c, const void *data, size_t len, uint64_t *ret_event,
                       cz_error *err)
{
    struct czi_fact_value claim[] = {bytes(data, len)};

    return submit(c, CZ_FACT_TRANSACTION, claim, CZI_COUNTOF(claim), ret_event, err);
}

int cz_sim_custom(cz_sim_chain *c, const void *data, size_t len, uint64_t *ret_event,
                  cz_error *err)
{
    struct czi_fact_value claim[] = {bytes(data, len)};

    return submit(c, CZ_FACT_CUSTOM, claim, CZI_COUNTOF(claim), ret_event, err);
}

int cz_sim_balance(cz_sim_chain *c, const char *account, const char *asset, uint64_t amount,
                   cz_error *err)
{
    struct czi_fact_value claim[] = {text(account), text(asset), number(amount)};

    return submit(c, CZ_FACT_BALANCE, claim, CZI_COUNTOF(claim), NULL, err);
}

int cz_sim_price(cz_sim_chain *c, const char *pair, uint64_t price, cz_error *err)
{
    struct czi_fact_value claim[] = {text(pair), number(price)};

    return submit(c, CZ_FACT_PRICE, claim, CZI_COUNTOF(claim), NULL, err);
}

int cz_sim_register(cz_sim_chain *c, const char *name, const void *value, size_t len,
                    cz_error *err)
{
    struct czi_fact_value claim[] = {text(name), bytes(value, len)};

    return submit(c, CZ_FACT_REGISTER, claim, CZI_COUNTOF(claim), NULL, err);
}

/* ---- The chain -------------------------------------------------------------------------- */

/* The validator's seed: the hash of ["validator", name, seed]. */
static void make_keys(cz_sim_chain *c, uint64_t seed)
{
    uint8_t buffer[4 * CZI_CBOR_HEAD_SIZE_MAX + 9 + CZI_DOMAIN_SIZE_MAX];
    uint8_t *p = czi_cbor_put_array(buffer, 3);

    p = czi_cbor_put_text(p, "validator", 9);
    p = czi_cbor_put_text(p, c->name, c->parameters.name.len);
    p = czi_cbor_put_uint(p, seed);
    czi_blake3(buffer, (size_t)(p - buffer), c->seed);
    czi_ed25519_public(c->seed, c->parameters.key);
}

int cz_sim_new(const char *name, uint64_t seed, cz_sim_chain **ret, cz_error *err)
{
    size_t len = name ? strnlen(name, CZI_DOMAIN_SIZE_MAX + 1) : 0;
    cz_sim_chain *c;
    int rc;

    if (!len || len > CZI_DOMAIN_SIZE_MAX || !czi_utf8_valid(name, len))
        return czi_fail(err, CZ_INVALID, "a chain's name has 1 to %d bytes of UTF-8",
                        CZI_DOMAIN_SIZE_MAX);
    c = czi_alloc_zero(1, sizeof *c);
    if (!c)
        return czi_nomem(err, "a simulated chain");
    memcpy(c->name, name, len);
    c->parameters.name = (struct czi_slice){(const uint8_t *)c->name, len};
    c->interval = INTERVAL;
    make_keys(c, seed);
    rc = cz_sim_mine(c, 1, err);
    if (rc != CZ_OK) {
        cz_sim_free(c);
        return rc;
    }
    memcpy(c->parameters.genesis, c->blocks[0].hash, sizeof c->parameters.genesis);
    c->parameter_len = czi_sim_parameters_encode(&c->parameters, c->parameter_bytes);
    *ret = c;
    return CZ_OK;
}

void cz_sim_free(cz_sim_chain *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->block_count; i++)
        block_done(&c->blocks[i]);
    czi_free(c->blocks);
    for (size_t i = 0; i < c->entries.count; i++)
        czi_free(c->entries.at[i]);
    list_done(&c->entries);
    list_done(&c->events);
    list_done(&c->changes);
    czi_free(c);
}

void cz_sim_domain(const cz_sim_chain *c, cz_domain_spec *ret)
{
    *ret = (cz_domain_spec){.name = c->name,
                            .adapter = "simulated",
                            .parameters = c->parameter_bytes,
                            .parameters_len = c->parameter_len};
}
