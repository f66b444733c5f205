/* generate.c - see generate.h. */
#include "generate.h"

#include "codec/blake3.h"
#include "effect/receipt.h"
#include "engine/programs.h"
#include "fact/fact.h"

/* Resources that the effects of one stream in eight name, and of the others. */
#define POOL_MANY GEN_RESOURCES_MAX
#define POOL_FEW 24
#define BIG ((cz_quantity)1 << 126)
#define MAX_QUANTITY ((cz_quantity)(((unsigned __int128)1 << 127) - 1))

static const char *const assets[] = {"USD", "gold", "ETH"};
static const char *const domains[] = {"testnet-b", "testnet-a"};

/* A resource that effects may name: its label, and what it mostly is. */
struct named {
    cz_id id, creator;
    const char *label; /* in the stream */
    enum cz_kind kind;
    const char *asset;
};

struct gen {
    struct czi_rng rng;
    const struct gen_options *o;
    struct gen_stream *s;
    struct named pool[POOL_MANY];
    unsigned pool_count;
    uint64_t nonces[8];
    uint32_t tasks;         /* of the program that grows wide */
    bool wide, has_widest;  /* it does */
    cz_id widest;           /* its last effect that applied */
    struct ref_model model; /* what came of the stream so far, so that the next item can fit */
    uint64_t blocks;
};

static uint64_t below(struct gen *g, uint64_t n)
{
    return czi_rng_below(&g->rng, n);
}

static bool percent(struct gen *g, unsigned p)
{
    return below(g, 100) < p;
}

static cz_id some_id(const char *prefix, uint64_t n)
{
    char text[64];
    cz_id id;

    czi_blake3(text, (size_t)snprintf(text, sizeof text, "%s %llu", prefix, (long long)n),
               id.bytes);
    return id;
}

/* Five fungibles in eight, two positions, one data; one of each five fungibles of gold. */
static void name_pool(struct gen *g)
{
    cz_error err = {0};

    for (unsigned i = 0; i < g->pool_count; i++) {
        struct named *n = &g->pool[i];

        n->creator = some_id("creator", i % 2);
        n->kind = i % 8 < 5 ? CZ_FUNGIBLE : i % 8 < 7 ? CZ_POSITION : CZ_DATA;
        n->asset = i % 8 == 4 ? assets[1] : assets[n->kind == CZ_POSITION ? 2 : 0];
        n->label = g->s->labels[i];
        (void)snprintf(g->s->labels[i], sizeof g->s->labels[i], "resource-%u", i);
        assert_ok(cz_resource_id(&n->creator, n->label, &n->id, &err), err);
    }
}

/* Low numbers are hot. Mostly of the kind that is wanted. */
static const struct named *choose(struct gen *g, enum cz_kind kind)
{
    for (;;) {
        uint64_t a = below(g, g->pool_count), b = below(g, g->pool_count);
        const struct named *n = &g->pool[percent(g, 50) ? CZI_MIN(a, b) : a];

        if (n->kind == kind || percent(g, 2))
            return n;
    }
}

static cz_quantity quantity(struct gen *g)
{
    if (percent(g, 3))
        return MAX_QUANTITY - (cz_quantity)below(g, 3);
    if (percent(g, 3))
        return BIG + (cz_quantity)below(g, 1000);
    return percent(g, 30) ? 5 : 1 + (cz_quantity)below(g, 200);
}

static void make_data(struct gen *g, struct ref_op *op)
{
    op->data_len = percent(g, 10) ? below(g, REF_DATA_MAX + 1) : below(g, 60);
    for (size_t i = 0; i < op->data_len; i++)
        op->data[i] = (uint8_t)czi_rng_next(&g->rng);
}

static void make_creation(struct gen *g, struct ref_op *op, const struct named *n)
{
    cz_creation *c = &op->creation;

    *c = (cz_creation){.creator = n->creator,
                       .controller = some_id("controller", below(g, 3)),
                       .label = n->label,
                       .kind = percent(g, 90) ? n->kind : (enum cz_kind)below(g, 3),
                       .if_absent = percent(g, 40)};
    op->a = n->id;
    if (c->kind == CZ_DATA) {
        make_data(g, op);
        c->data = op->data;
        c->data_len = op->data_len;
    } else {
        c->asset = percent(g, 90) ? n->asset : assets[below(g, 3)];
    }
    if (c->kind == CZ_FUNGIBLE)
        c->quantity = percent(g, 4) ? BIG + (cz_quantity)below(g, 9)
                                    : (cz_quantity)below(g, percent(g, 20) ? 1 : 1000);
}

static void make_requirement(struct gen *g, struct ref_op *op)
{
    static const cz_quantity wanted[] = {0, 1, 5, 100, 1000, -1, -BIG};
    cz_requirement *r = &op->requirement;

    *r = (cz_requirement){.has_state = percent(g, 50),
                          .state = percent(g, 80) ? CZ_ACTIVE : (enum cz_state)below(g, 5),
                          .has_version = percent(g, 20),
                          .version = below(g, 6),
                          .quantity = wanted[below(g, CZI_COUNTOF(wanted))]};
    r->has_quantity = percent(g, 50) || (!r->has_state && !r->has_version);
    op->a = choose(g, (enum cz_kind)below(g, 3))->id;
}

static void make_op(struct gen *g, struct ref_op *op, enum ref_code code)
{
    enum cz_kind kind = code == REF_WRITE  ? CZ_DATA
                        : code == REF_MOVE ? CZ_POSITION
                        : percent(g, 70)   ? CZ_FUNGIBLE
                                           : (enum cz_kind)below(g, 3);

    *op = (struct ref_op){.code = code};
    switch (code) {
    case REF_CREATE:
        make_creation(g, op, &g->pool[below(g, g->pool_count)]);
        break;
    case REF_TRANSFER:
    case REF_MOVE:
        kind = code == REF_MOVE ? CZ_POSITION : CZ_FUNGIBLE;
        op->a = choose(g, kind)->id;
        op->b = choose(g, kind)->id;
        op->quantity = code == REF_MOVE && percent(g, 5) ? 0 : quantity(g);
        break;
    case REF_WRITE:
        op->a = choose(g, kind)->id;
        make_data(g, op);
        break;
    case REF_REQUIRE:
        make_requirement(g, op);
        break;
    default:
        op->a = choose(g, kind)->id;
    }
}

/* Lifecycle moves back to active are more likely, or everything would soon be locked. */
static enum ref_code lifecycle_code(struct gen *g)
{
    static const enum ref_code codes[] = {REF_LOCK,    REF_UNLOCK,   REF_UNLOCK,   REF_UNLOCK,
                                          REF_FREEZE,  REF_UNFREEZE, REF_UNFREEZE, REF_UNFREEZE,
                                          REF_CONSUME, REF_ARCHIVE};
    enum ref_code code = codes[below(g, CZI_COUNTOF(codes))];

    return (code == REF_CONSUME || code == REF_ARCHIVE) && percent(g, 70) ? REF_UNLOCK : code;
}

static enum ref_code some_code(struct gen *g)
{
    static const struct {
        unsigned upto;
        enum ref_code code;
    } table[] = {{55, REF_TRANSFER}, {67, REF_MOVE},    {76, REF_WRITE},
                 {84, REF_CREATE},   {92, REF_REQUIRE}, {100, REF_LOCK}};
    unsigned at = (unsigned)below(g, 100), i = 0;

    while (at >= table[i].upto)
        i++;
    return table[i].code == REF_LOCK ? lifecycle_code(g) : table[i].code;
}

static unsigned some_op_count(struct gen *g)
{
    if (percent(g, 70))
        return 1;
    return percent(g, 20) ? 1 + (unsigned)below(g, REF_OPS_MAX) : 2 + (unsigned)below(g, 3);
}

/* An effect, applied, rejected or yet to come; or no effect at all. */
static cz_id some_effect(struct gen *g)
{
    struct gen_stream *s = g->s;

    for (unsigned i = 0; i < 4 && s->count && !percent(g, 5); i++) {
        size_t back = percent(g, 60) ? below(g, CZI_MIN(s->count, 4)) : below(g, s->count);
        const struct gen_item *item = &s->items[s->count - 1 - back];
        cz_id id;

        if (!item->effect)
            continue;
        czi_blake3(item->bytes, item->len, id.bytes);
        return id;
    }
    return some_id("effect", below(g, 3));
}

static void add_link(cz_id *list, unsigned *count, const cz_id *id)
{
    for (unsigned i = 0; i < *count; i++)
        if (memcmp(&list[i], id, sizeof *id) == 0)
            return;
    list[(*count)++] = *id;
}

/* A fact of late, mostly one that stands. */
static cz_id some_fact(struct gen *g)
{
    const struct ref_book *b = &g->model.book;

    for (unsigned i = 0; i < 8 && b->count; i++) {
        size_t back = percent(g, 70) ? below(g, CZI_MIN(b->count, 8)) : below(g, b->count);
        const struct ref_item *x = &b->items[b->count - 1 - back];

        if ((x->type == CZI_ITEM_FACT && x->standing == REF_STANDS) || percent(g, 8))
            return x->id;
    }
    return some_id("fact", below(g, 3));
}

static void make_terms(struct gen *g, struct ref_cited *c)
{
    static const char *const purposes[] = {"credit", "a"};

    c->policy = CZ_STILL_TRUE;
    if (percent(g, 40))
        return;
    c->policy = (enum cz_fact_policy)below(g, 3);
    c->optional = percent(g, 30);
    if (percent(g, 35))
        c->finality = (enum cz_finality)below(g, 4);
    c->depth = c->finality == CZ_DEPTH ? 1 + below(g, 3) : 0;
    c->has_max_age = percent(g, 25);
    c->max_age = c->has_max_age ? below(g, 60) : 0;
    if (percent(g, 50))
        strcpy(c->purpose, purposes[percent(g, 20)]);
}

static void add_fact(struct gen *g, struct ref_effect *e)
{
    struct ref_cited c = {.fact = some_fact(g)};

    for (unsigned i = 0; i < e->fact_count; i++)
        if (memcmp(&e->facts[i].fact, &c.fact, sizeof c.fact) == 0)
            return;
    make_terms(g, &c);
    e->facts[e->fact_count++] = c;
}

static void add_citations(struct gen *g, struct ref_effect *e)
{
    for (unsigned n = (unsigned)below(g, REF_CITATIONS_MAX + 1); n && percent(g, 40); n--)
        add_fact(g, e);
    for (unsigned n = (unsigned)below(g, REF_CITATIONS_MAX); n && percent(g, 15); n--) {
        cz_id id = some_effect(g);

        add_link(e->after, &e->after_count, &id);
    }
    if (percent(g, 10)) {
        e->has_time = true;
        e->time = percent(g, 80) ? ref_book_time(&g->model.book) : some_id("time", 1);
        e->has_time = memcmp(&e->time, &(cz_id){{0}}, sizeof e->time) != 0;
    }
}

/* Of few tasks; in some streams one program has a new task all the time, each behind the one
 * before, until its clock is full. */
static void add_program(struct gen *g, struct ref_effect *e)
{
    if (!percent(g, g->wide ? 95 : 20))
        return;
    e->has_program = true;
    e->has_note = percent(g, 60);
    e->note_len = below(g, 4) ? below(g, 30) : below(g, REF_NOTE_MAX + 1);
    for (size_t i = 0; i < e->note_len; i++)
        e->note[i] = (uint8_t)below(g, 256);
    e->program = some_id("program", below(g, 2));
    e->task = percent(g, 95) ? (uint32_t)below(g, 4) : UINT32_MAX - (uint32_t)below(g, 2);
    if (!g->wide)
        return;
    e->program = some_id("program", 0);
    e->task = 10 + g->tasks++;
    if (g->has_widest && e->after_count < REF_CITATIONS_MAX)
        add_link(e->after, &e->after_count, &g->widest);
}

static void add_declared(struct gen *g, struct ref_effect *e)
{
    /* Operations imply at most 2 * REF_OPS_MAX accesses. */
    unsigned wide = g->pool_count == POOL_MANY ? 15 : 2;
    unsigned n = percent(g, wide) ? (unsigned)below(g, REF_ACCESSES_MAX - 2 * REF_OPS_MAX + 1)
                 : percent(g, 10) ? 1 + (unsigned)below(g, 3)
                                  : 0;

    while (n--)
        e->declared[e->declared_count++] =
            (struct ref_access){percent(g, 99) ? g->pool[below(g, g->pool_count)].id
                                               : some_id("nothing", below(g, 3)),
                                percent(g, 40)};
}

static struct ref_effect *new_effect(struct gen *g)
{
    struct ref_effect *e = calloc(1, sizeof *e);
    unsigned origin = (unsigned)below(g, g->o->origins);
    uint64_t *nonce = &g->nonces[origin];

    assert_non_null(e);
    e->origin = some_id("origin", g->o->origin + origin);
    e->priority = g->o->one_priority ? (g->o->origin + origin) % 4 : (unsigned)below(g, 4);
    /* Rising, sometimes with gaps; seldom one that was used. */
    e->nonce = percent(g, 3) ? *nonce - below(g, CZI_MIN(*nonce, 5) + 1) : *nonce;
    *nonce = CZI_MAX(*nonce, e->nonce + 1 + (percent(g, 3) ? below(g, 100000) : 0));
    return e;
}

/* The same through the public builder: its bytes must be the ones that the model writes. */
static void build(cz_effect *b, const struct ref_op *op, cz_error *err)
{
    typedef int (*move_fn)(cz_effect *, const cz_id *, cz_error *);
    static const move_fn moves[] = {
        [REF_LOCK] = cz_effect_lock,       [REF_UNLOCK] = cz_effect_unlock,
        [REF_FREEZE] = cz_effect_freeze,   [REF_UNFREEZE] = cz_effect_unfreeze,
        [REF_CONSUME] = cz_effect_consume, [REF_ARCHIVE] = cz_effect_archive};

    switch (op->code) {
    case REF_CREATE:
        assert_ok(cz_effect_create(b, &op->creation, err), *err);
        break;
    case REF_TRANSFER:
        assert_ok(cz_effect_transfer(b, &op->a, &op->b, op->quantity, err), *err);
        break;
    case REF_MOVE:
        assert_ok(cz_effect_move(b, &op->a, &op->b, op->quantity, err), *err);
        break;
    case REF_WRITE:
        assert_ok(cz_effect_write(b, &op->a, op->data, op->data_len, err), *err);
        break;
    case REF_REQUIRE:
        assert_ok(cz_effect_require(b, &op->a, &op->requirement, err), *err);
        break;
    default:
        assert_ok(moves[op->code](b, &op->a, err), *err);
    }
}

static void check_builder(const struct ref_effect *e, const struct gen_item *item)
{
    cz_effect *b = cz_effect_new();
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    assert_non_null(b);
    cz_effect_set_origin(b, &e->origin);
    cz_effect_set_nonce(b, e->nonce);
    cz_effect_set_priority(b, (enum cz_priority)e->priority);
    for (unsigned i = 0; i < e->op_count; i++)
        build(b, &e->ops[i], &err);
    for (unsigned i = 0; i < e->declared_count; i++)
        assert_ok(cz_effect_access(b, &e->declared[i].id,
                                   e->declared[i].written ? CZ_WRITE : CZ_READ, &err),
                  err);
    for (unsigned i = 0; i < e->fact_count; i++) {
        const struct ref_cited *c = &e->facts[i];
        cz_dependency d = {.fact = c->fact,
                           .policy = c->policy,
                           .optional = c->optional,
                           .finality = c->finality,
                           .depth = c->depth,
                           .has_max_age = c->has_max_age,
                           .max_age = c->max_age,
                           .purpose = c->purpose[0] ? c->purpose : NULL};

        assert_ok(cz_effect_depend(b, &d, &err), err);
    }
    if (e->has_time)
        cz_effect_set_time(b, &e->time);
    if (e->has_program)
        cz_effect_set_program(b, &e->program, e->task);
    if (e->has_note)
        assert_ok(cz_effect_note(b, e->note, e->note_len, &err), err);
    for (unsigned i = 0; i < e->after_count; i++)
        assert_ok(cz_effect_follow(b, &e->after[i], &err), err);
    assert_ok(cz_effect_encode(b, &bytes, &len, &err), err);
    assert_int_equal(len, item->len);
    assert_memory_equal(bytes, item->bytes, len);
    cz_effect_free(b);
}

static struct gen_item *next_item(struct gen *g)
{
    assert_true(g->s->count < GEN_ITEMS_MAX);
    return &g->s->items[g->s->count++];
}

static void put_effect(struct gen *g, struct ref_effect *e)
{
    uint8_t bytes[REF_EFFECT_SIZE_MAX];
    size_t len = ref_encode(e, bytes);
    struct gen_item *item = next_item(g);
    cz_result done;

    *item = (struct gen_item){.effect = e, .bytes = malloc(len), .len = len};
    assert_non_null(item->bytes);
    memcpy(item->bytes, bytes, len);
    check_builder(e, item);
    done = ref_apply(&g->model, e);
    if (e->has_program && done.status == CZ_STATUS_APPLIED) {
        g->has_widest = true;
        g->widest = done.effect;
    }
}

static void put_copy(struct gen *g, const struct gen_item *old)
{
    struct gen_item *item = next_item(g);

    *item = *old;
    item->bytes = malloc(old->len);
    assert_non_null(item->bytes);
    memcpy(item->bytes, old->bytes, old->len);
    if (!old->effect) {
        (void)ref_record(&g->model, item->bytes, item->len);
        return;
    }
    item->effect = malloc(sizeof *item->effect);
    assert_non_null(item->effect);
    *item->effect = *old->effect;
    (void)ref_apply(&g->model, item->effect);
}

/* ---- Items of fact logs -------------------------------------------------------------------
 */

static void put_log_item(struct gen *g, const struct czi_item *x)
{
    struct gen_item *item = next_item(g);
    struct czi_buf b = {0};
    cz_error err = {0};

    assert_ok(czi_item_encode(x, &b, &err), err);
    *item = (struct gen_item){.bytes = malloc(b.len), .len = b.len};
    assert_non_null(item->bytes);
    memcpy(item->bytes, b.data, b.len);
    czi_buf_done(&b);
    (void)ref_record(&g->model, item->bytes, item->len);
}

static struct czi_item item_of(unsigned name, enum czi_item_type type)
{
    return (struct czi_item){.type = type,
                             .domain = {(const uint8_t *)domains[name], strlen(domains[name])}};
}

/* The number of a domain in the model; REF_NONE: it does not know it. */
static size_t domain_of(const struct gen *g, unsigned name)
{
    for (size_t i = 0; i < g->model.book.domain_count; i++)
        if (strcmp(g->model.book.domains[i].name, domains[name]) == 0)
            return i;
    return REF_NONE;
}

static void put_domain(struct gen *g, unsigned name)
{
    struct czi_item x = item_of(name, CZI_ITEM_DOMAIN);
    struct czi_domain_item *c = &x.config;
    size_t n = domain_of(g, name);

    c->adapter = (struct czi_slice){(const uint8_t *)"adapter", percent(g, 92) ? 7 : 3};
    c->parameters = (struct czi_slice){(const uint8_t *)"parameters", percent(g, 92) ? 10 : 0};
    c->sequence = n == REF_NONE ? 0 : g->model.book.domains[n].sequence + 1;
    if (percent(g, 8))
        c->sequence = below(g, 3);
    if (percent(g, 50))
        c->policy.final_depth = 3 + below(g, 4);
    if (percent(g, 50))
        c->policy.safe_depth = 1 + below(g, 3);
    if (percent(g, 25))
        c->policy.record_depth = below(g, 3);
    if (percent(g, 15))
        c->policy.record_finality = (enum cz_finality)below(g, 3);
    c->observer_count = percent(g, 25) ? 1 + (uint32_t)below(g, 2) : 0;
    for (uint32_t i = 0; i < c->observer_count; i++)
        memset(c->observers[i], 0x10 + (int)i, 32);
    put_log_item(g, &x);
}

/* Mostly somebody who may. */
static bool some_observer(struct gen *g, size_t domain, uint8_t observer[32])
{
    const struct ref_domain *d = &g->model.book.domains[domain];
    bool has = d->observer_count > 0;

    memset(observer, has ? d->observers[below(g, d->observer_count)][0] : 0x77, 32);
    if (percent(g, 4))
        memset(observer, 0x66, 32);
    return percent(g, 4) ? !has : has;
}

static void put_block(struct gen *g, unsigned name, size_t domain, bool next)
{
    const struct ref_book *b = &g->model.book;
    size_t head = ref_book_head(b, domain), below_it;
    struct czi_item x = item_of(name, CZI_ITEM_FACT);
    struct czi_fact *f = &x.fact;
    cz_id hash = some_id("block", g->o->origin * 1000000 + ++g->blocks),
          parent = some_id("parent", g->blocks), root = some_id("root", below(g, 2));

    f->domain = x.domain;
    f->kind = CZ_FACT_BLOCK;
    f->height = head == REF_NONE ? 5 + below(g, 3) : b->items[head].height + 1;
    if (!next) /* somewhere near the head */
        f->height = CZI_MAX(f->height + 2, 8u) - below(g, 8);
    below_it = f->height ? ref_book_at(b, domain, f->height - 1) : REF_NONE;
    if (below_it != REF_NONE && percent(g, 92))
        memcpy(&parent, b->items[below_it].hash, 32);
    else if (b->count && percent(g, 30))
        memcpy(&parent, b->items[below(g, b->count)].hash, 32);
    if (b->count && percent(g, 4)) /* one that is recorded already */
        memcpy(&hash, b->items[below(g, b->count)].hash, 32);
    memcpy(f->block_hash, &hash, 32);
    f->time = f->height * 10 + (percent(g, 10) ? below(g, 10) : 0);
    f->event_key = (struct czi_slice){f->block_hash, 32};
    if (percent(g, 15))
        f->finality = (enum cz_finality)below(g, 4);
    if (!next && percent(g, 40))
        f->finality = CZ_FINAL;
    f->has_expires = percent(g, 3);
    f->expires = f->time + below(g, 20);
    f->claim_count = percent(g, 98) ? 2 : below(g, 7);
    for (size_t i = 0; i < f->claim_count; i++)
        f->claim[i] =
            (struct czi_fact_value){.type = CZI_VALUE_BYTES, .bytes = {root.bytes, 32}};
    if (f->claim_count)
        f->claim[0].bytes.data = parent.bytes;
    f->has_observer = some_observer(g, domain, f->observer);
    put_log_item(g, &x);
}

/* The same block once more, with another finality. */
static void put_block_again(struct gen *g, unsigned name, size_t domain)
{
    const struct ref_book *b = &g->model.book;
    size_t n = ref_book_head(b, domain);
    struct czi_item x, *old = calloc(1, sizeof *old);

    assert_non_null(old);
    for (size_t i = 0; i < g->s->count && n != REF_NONE; i++) {
        const struct gen_item *item = &g->s->items[i];
        cz_id id;

        czi_blake3(item->bytes, item->len, id.bytes);
        if (item->effect || memcmp(&id, &b->items[n].id, sizeof id) != 0)
            continue;
        assert_int_equal(czi_item_decode(item->bytes, item->len, old, NULL), CZ_OK);
        x = item_of(name, CZI_ITEM_FACT);
        x.fact = old->fact;
        x.fact.finality = (enum cz_finality)below(g, 4);
        put_log_item(g, &x);
        break;
    }
    free(old);
}

/* Few events and few claims, so that they meet. */
static void put_resting(struct gen *g, unsigned name, size_t domain)
{
    const struct ref_book *b = &g->model.book;
    struct czi_item x = item_of(name, CZI_ITEM_FACT);
    struct czi_fact *f = &x.fact;
    uint8_t key = (uint8_t)below(g, 3);
    size_t n = ref_book_head(b, domain);

    f->has_header = true;
    f->header = some_id("header", 1);
    for (unsigned i = 0; i < 4 && n != REF_NONE && percent(g, 50); i++) {
        size_t other = ref_book_at(b, domain, b->items[n].height - below(g, 4));

        n = other == REF_NONE ? n : other;
    }
    if (b->count && percent(g, 10))
        n = below(g, b->count);
    f->domain = x.domain;
    f->kind = (enum cz_fact_kind)(CZ_FACT_TRANSACTION + (int)below(g, 8));
    f->event_key = (struct czi_slice){&key, 1};
    if (n != REF_NONE) {
        f->height = b->items[n].height;
        f->time = b->items[n].time;
        memcpy(f->block_hash, b->items[n].hash, 32);
        if (percent(g, 96))
            f->header = b->items[n].id;
    }
    if (percent(g, 3))
        f->height += below(g, 4);
    if (percent(g, 2))
        f->time++;
    if (percent(g, 2))
        f->trust = CZI_TRUST_SIGNED;
    f->has_expires = percent(g, 25);
    f->expires = f->time + below(g, 30);
    f->claim_count = 1;
    f->claim[0] = (struct czi_fact_value){.type = CZI_VALUE_UINT, .number = below(g, 3) / 2};
    f->has_observer = some_observer(g, domain, f->observer);
    put_log_item(g, &x);
}

static void put_retraction(struct gen *g, unsigned name, size_t domain)
{
    struct czi_item x = item_of(name, CZI_ITEM_RETRACTION);
    char note[16];

    x.retraction.fact = some_fact(g);
    x.retraction.note =
        (struct czi_slice){(uint8_t *)note,
                           (size_t)snprintf(note, sizeof note, "%u", (unsigned)below(g, 5))};
    x.retraction.has_observer = some_observer(g, domain, x.retraction.observer);
    put_log_item(g, &x);
}

static void put_decision(struct gen *g, unsigned name, size_t domain)
{
    const struct ref_book *b = &g->model.book;
    const struct ref_domain *d = &b->domains[domain];
    struct czi_item x = item_of(name, CZI_ITEM_DECISION);
    unsigned keep = (unsigned)below(g, 2);
    char note[16];

    x.decision.keep = d->frozen ? b->items[d->contradicts[keep]].id : some_fact(g);
    x.decision.drop = d->frozen ? b->items[d->contradicts[!keep]].id : some_fact(g);
    if (percent(g, 10))
        x.decision.drop = some_fact(g);
    x.decision.note =
        (struct czi_slice){(uint8_t *)note,
                           (size_t)snprintf(note, sizeof note, "%u", (unsigned)below(g, 100))};
    put_log_item(g, &x);
}

static void put_log(struct gen *g)
{
    unsigned name = (unsigned)below(g, CZI_COUNTOF(domains)), what = (unsigned)below(g, 100);
    size_t domain = domain_of(g, name);

    if (domain == REF_NONE && percent(g, 50)) {
        put_domain(g, name);
    } else if (domain == REF_NONE) {
        struct czi_item x = item_of(name, CZI_ITEM_RETRACTION);

        x.retraction.fact = some_fact(g);
        put_log_item(g, &x);
    } else if (g->model.book.domains[domain].frozen && percent(g, 40)) {
        put_decision(g, name, domain);
    } else if (what < 36) {
        put_block(g, name, domain, true);
    } else if (what < 44) {
        put_block(g, name, domain, false);
    } else if (what < 50) {
        put_block_again(g, name, domain);
    } else if (what < 82) {
        put_resting(g, name, domain);
    } else if (what < 91) {
        put_retraction(g, name, domain);
    } else if (what < 98) {
        put_domain(g, name);
    } else {
        put_decision(g, name, domain);
    }
}

static void put_some(struct gen *g)
{
    struct ref_effect *e;

    if (g->s->count && percent(g, 6)) {
        put_copy(g, &g->s->items[below(g, g->s->count)]);
        return;
    }
    if (percent(g, 20)) {
        put_log(g);
        return;
    }
    e = new_effect(g);
    add_citations(g, e);
    add_program(g, e);
    e->op_count = e->has_program && percent(g, 30) ? 0 : some_op_count(g);
    for (unsigned i = 0; i < e->op_count; i++)
        make_op(g, &e->ops[i], some_code(g));
    add_declared(g, e);
    put_effect(g, e);
}

static void create_most(struct gen *g)
{
    for (unsigned i = 0; i < 2; i++) {
        put_domain(g, i);
        for (unsigned k = 0; k < 3 && domain_of(g, i) != REF_NONE; k++) {
            put_block(g, i, domain_of(g, i), true);
            put_resting(g, i, domain_of(g, i));
        }
    }
    for (unsigned i = 0; i < g->pool_count; i++) {
        struct ref_effect *e;

        if (percent(g, 15))
            continue;
        e = new_effect(g);
        e->op_count = 1;
        e->ops[0] = (struct ref_op){.code = REF_CREATE};
        make_creation(g, &e->ops[0], &g->pool[i]);
        put_effect(g, e);
    }
}

struct gen_stream *gen_stream(const struct gen_options *o)
{
    struct gen *g = calloc(1, sizeof *g);
    struct gen_stream *s = calloc(1, sizeof *s);

    assert_true(g && s && o->origins <= CZI_COUNTOF(g->nonces));
    *g = (struct gen){.rng = czi_rng(o->seed), .o = o, .s = s};
    g->pool_count = o->seed % 8 ? POOL_FEW : POOL_MANY;
    g->wide = o->seed % 16 == 5;
    name_pool(g);
    if (o->create)
        create_most(g);
    while (s->count < o->count)
        put_some(g);
    ref_free(&g->model);
    free(g);
    return s;
}

void gen_expect(struct gen_stream *s, enum ref_fault fault)
{
    ref_free(&s->model);
    s->model.fault = fault;
    for (size_t i = 0; i < s->count; i++) {
        struct gen_item *item = &s->items[i];

        item->expected = item->effect ? ref_apply(&s->model, item->effect)
                                      : ref_record(&s->model, item->bytes, item->len);
    }
}

void gen_free(struct gen_stream *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].effect);
        free(s->items[i].bytes);
    }
    ref_free(&s->model);
    free(s);
}

/* ---- Comparing ------------------------------------------------------------------------------
 */

const char *gen_compare(const cz_result *expected, const cz_result *got)
{
    static _Thread_local char text[256];

    if (expected->status != got->status || expected->reason != got->reason) {
        (void)snprintf(text, sizeof text, "%s (%s) where the model says %s (%s)",
                       cz_status_name(got->status), cz_reason_name(got->reason),
                       cz_status_name(expected->status), cz_reason_name(expected->reason));
        return text;
    }
    if (memcmp(&expected->effect, &got->effect, sizeof(cz_id)) != 0)
        return "another effect id";
    if (expected->has_receipt != got->has_receipt)
        return "a receipt too many or too few";
    if (expected->position != got->position)
        return "another position";
    if (expected->has_receipt && memcmp(&expected->receipt, &got->receipt, sizeof(cz_id)) != 0)
        return "another receipt";
    return NULL;
}

static bool same_resource(const struct ref_resource *m, const cz_resource *r)
{
    bool data = m->kind == CZ_DATA;

    return memcmp(&m->creator, &r->creator, sizeof(cz_id)) == 0 &&
           memcmp(&m->controller, &r->controller, sizeof(cz_id)) == 0 &&
           memcmp(&m->head, &r->head, sizeof(cz_id)) == 0 && strcmp(m->label, r->label) == 0 &&
           m->kind == r->kind && m->state == r->state && m->quantity == r->quantity &&
           m->version == r->version && m->position == r->position && m->lamport == r->lamport &&
           !r->asset == data && (data || strcmp(m->asset, r->asset) == 0) &&
           !r->data == !data &&
           (!data ||
            (m->data_len == r->data_len && memcmp(m->data, r->data, m->data_len) == 0));
}

struct listing {
    const struct ref_model *m;
    cz_id before;
    size_t count;
    const char *differs;
};

static int compare_one(void *arg, const cz_resource *r)
{
    struct listing *l = arg;
    const struct ref_resource *m = NULL;

    for (size_t i = 0; i < l->m->resource_count; i++)
        if (memcmp(&l->m->resources[i].id, &r->id, sizeof r->id) == 0)
            m = &l->m->resources[i];
    if (!m)
        l->differs = "a resource that the model does not have";
    else if (!same_resource(m, r))
        l->differs = "a resource";
    else if (l->count++ && memcmp(&l->before, &r->id, sizeof r->id) >= 0)
        l->differs = "the order of the list";
    l->before = r->id;
    return l->differs ? -1 : 0;
}

static const char *compare_resources(const struct ref_model *m, cz_engine *g)
{
    struct listing l = {.m = m};
    cz_error err = {0};

    (void)!cz_resource_list(g, compare_one, &l, &err);
    if (!l.differs && l.count != m->resource_count)
        l.differs = "the number of resources";
    return l.differs;
}

/* Each item's standing, each domain's log, head and marks, and the time map. */
static const char *compare_book(const struct ref_book *m, const struct czi_core *core)
{
    const struct czi_book *book = core->book;
    cz_id time = ref_book_time(m);

    if (czi_book_count(book) != m->count || czi_book_domains(book) != m->domain_count)
        return "the number of items or domains";
    for (uint32_t i = 0; i < m->count; i++) {
        struct czi_entry_info info;

        czi_book_entry(book, i, &info);
        if (memcmp(&info.id, &m->items[i].id, sizeof info.id) != 0 ||
            info.standing != (uint8_t)m->items[i].standing)
            return "an item of a fact log, or whether it stands";
    }
    for (uint32_t i = 0; i < m->domain_count; i++) {
        const struct ref_domain *d = &m->domains[i];
        size_t head = ref_book_head(m, i);
        struct czi_domain_info info;

        czi_book_domain_info(book, i, &info);
        if (strcmp(info.name, d->name) != 0 || core->domains[i].items != d->item_count ||
            memcmp(core->domains[i].head, d->head, 32) != 0)
            return "a fact log";
        if (info.frozen != d->frozen || info.has_head != (head != REF_NONE) ||
            info.head.safe != d->safe.height || info.head.final != d->final.height ||
            (head != REF_NONE && memcmp(info.head.hash, m->items[head].hash, 32) != 0))
            return "a domain";
    }
    return memcmp(czi_book_time_id(book), &time, sizeof time) ? "the time map" : NULL;
}

/* What the public interface does not show: supplies, and the logs of facts. */
static const char *compare_inside(const struct ref_model *m, const struct czi_core *core)
{
    for (uint32_t i = 0; i < core->asset_ids.count; i++) {
        cz_quantity supply = 0;

        for (size_t k = 0; k < m->resource_count; k++)
            if (m->resources[k].kind == CZ_FUNGIBLE &&
                strcmp(m->resources[k].asset, core->assets[i].name) == 0)
                supply += m->resources[k].quantity;
        if (supply != core->assets[i].supply)
            return "an asset's supply";
    }
    for (size_t i = 0; i < m->program_count; i++) {
        const struct ref_program *p = &m->programs[i];
        const struct czi_program_log *l = czi_program_log(core, (uint32_t)i);

        if (core->program_ids.count != m->program_count ||
            !czi_id_equal(czi_id_table_id(&core->program_ids, (uint32_t)i), &p->program) ||
            memcmp(l->head, p->head, 32) != 0 || l->entries != p->entries ||
            l->first != p->first || l->last != p->last)
            return "a program's log";
    }
    return compare_book(&m->book, core);
}

struct entries {
    const struct ref_model *m;
    const struct ref_program *program;
    size_t next; /* of the model's effects */
    const char *differs;
};

static int compare_entry(void *arg, const struct czi_program_entry *entry, cz_error *err)
{
    struct entries *e = arg;

    (void)err;
    while (e->next < e->m->done_count &&
           !(e->m->done[e->next].has_program &&
             czi_id_equal(&e->m->done[e->next].program, &e->program->program)))
        e->next++;
    if (e->next == e->m->done_count ||
        !czi_id_equal(&e->m->done[e->next].receipt, &entry->found->receipt) ||
        e->m->done[e->next].position != entry->found->record.outcome.position)
        e->differs = "an entry of a program's log";
    e->next++;
    return 0;
}

/* With few marks the walk takes longer ways, with none another one. */
static const char *compare_entries(const struct ref_model *m, const struct ref_program *p,
                                   cz_engine *g, uint32_t marks)
{
    struct entries e = {.m = m, .program = p};
    cz_error err = {0};

    if (czi_program_walk(g, &p->program, marks, compare_entry, &e, &err))
        return "a program's log that cannot be read";
    return e.differs;
}

struct walk {
    uint8_t head[32];
    uint64_t position;
    const char *differs;
};

static int walk_one(void *arg, const cz_receipt *r)
{
    struct walk *w = arg;
    uint8_t node[CZI_NODE_SIZE_MAX];

    if (r->position <= w->position || r->reason)
        w->differs = "a log's order";
    w->position = r->position;
    czi_blake3(node, czi_node_encode(node, w->head, r->id.bytes), w->head);
    return 0;
}

static const char *compare_log(const struct ref_resource *m, cz_engine *g)
{
    struct walk w = {.differs = NULL};
    cz_error err = {0};

    if (cz_log(g, &m->id, walk_one, &w, &err))
        return "a log that cannot be read";
    if (!w.differs && memcmp(w.head, &m->head, 32) != 0)
        w.differs = "a log's nodes";
    return w.differs;
}

static int compare_receipt(void *arg, const cz_receipt *r)
{
    const struct ref_done *d = arg;

    return memcmp(&d->effect, &r->effect, sizeof(cz_id)) != 0 ||
           memcmp(&d->receipt, &r->id, sizeof(cz_id)) != 0 || d->position != r->position ||
           d->lamport != r->lamport || d->reason != r->reason ||
           d->clock.count != r->clock_count || !d->clock.any == (r->clock != NULL);
}

const char *gen_compare_state(const struct ref_model *m, cz_engine *g, struct czi_rng *rng)
{
    uint8_t expected[32], got[32];
    cz_stats stats;
    cz_error err = {0};
    const char *differs = compare_resources(m, g);

    if (differs)
        return differs;
    ref_root(m, expected);
    if (cz_root(g, got, &err) || memcmp(expected, got, 32) != 0)
        return "the root";
    if (cz_stats_get(g, &stats, &err) || stats.applied != m->applied ||
        stats.rejected != m->rejected || stats.positions != m->done_count ||
        stats.facts != m->book.count || stats.resources != m->resource_count)
        return "the counts";
    if (czi_read_begin(g, &err))
        return "a read that failed";
    differs = compare_inside(m, &g->step.core);
    for (unsigned i = 0; i < 3 && m->program_count && !differs; i++)
        differs = compare_entries(m, &m->programs[czi_rng_below(rng, m->program_count)], g,
                                  (uint32_t)(i ? 1 + i : 0));
    czi_read_end(g);
    for (unsigned i = 0; i < 3 && m->resource_count && !differs; i++)
        differs = compare_log(&m->resources[czi_rng_below(rng, m->resource_count)], g);
    for (unsigned i = 0; i < 3 && m->done_count && !differs; i++) {
        struct ref_done d = m->done[czi_rng_below(rng, m->done_count)];

        if (cz_receipt_get(g, &d.effect, compare_receipt, &d, &err))
            differs = "a receipt read back";
    }
    return differs;
}
