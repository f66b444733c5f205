/* account_story.h - journals about accounts, written by hand: what each effect does is said by
 * the test and not by the engine, so that a record may claim what never was allowed.
 *
 * An effect is entered as if it had applied. Of its operations the story does the arithmetic
 * alone and asks nobody whether they may; what the ledger derives (what is spent, what an
 * outbox holds) the test states.
 */
#ifndef CZI_TEST_ACCOUNT_STORY_H
#define CZI_TEST_ACCOUNT_STORY_H

#include "codec/ed25519.h"
#include "replay_fixture.h"
#include "resource/policy.h"

#define STORY_RESOURCES_MAX 64
#define STORY_DERIVED_MAX 4
#define MOON "moon:MOON"

/* Keys: alice has one, bob's account three, of which two must sign; the others hold
 * capabilities or nothing. */
enum story_key { ALICE, BOB_1, BOB_2, BOB_3, CAROL, DAVE, EVE, STORY_KEYS };

struct story_resource {
    cz_id id;
    cz_quantity quantity;
    uint64_t version, position, lamport;
    uint8_t hash[32], kind, state;
};

struct story {
    struct forger f;
    struct story_resource resources[STORY_RESOURCES_MAX];
    unsigned resource_count;
    struct czi_book *book;
    cz_sim_chain *chain;
    uint64_t positions, observed;
    uint64_t amount; /* that the next deposit, confirmation or release is about */
    struct {
        cz_id id;
        uint8_t hash[32];
    } derived[STORY_DERIVED_MAX]; /* by the next effect */
    unsigned derived_count;
    uint8_t keys[STORY_KEYS][32];
    cz_id alice, bob, alice_moon, bob_moon, alice_usd, note, plain, outbox, reserve;
    cz_id cap, child;       /* carol's, and dave's, delegated of it */
    cz_id deposit, payment; /* facts; the payment is of withdrawal 0 of the effect `paid` */
    cz_id refusal;          /* of its withdrawal 1 */
    cz_id withdrawal;       /* that effect */
};

static inline void story_seed(enum story_key k, uint8_t ret[32])
{
    memset(ret, 0x40 + (int)k, 32);
}

static inline cz_id story_id(const cz_id *creator, const char *label)
{
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_resource_id(creator, label, &id, &err), err);
    return id;
}

/* ---- Effects ------------------------------------------------------------------------------
 */

/* A call of the builder that must succeed. */
#define STORY_ADD(call)                                                                        \
    do {                                                                                       \
        cz_error err_ = {0};                                                                   \
        assert_ok(call, err_);                                                                 \
    } while (0)
#define E &err_

static inline cz_effect *story_effect(const struct story *s)
{
    cz_effect *e = cz_effect_new();
    cz_id origin = cz_operator();

    assert_non_null(e);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, s->positions + 1);
    return e;
}

static inline void story_sign(cz_effect *e, enum story_key k)
{
    uint8_t seed[32];

    story_seed(k, seed);
    STORY_ADD(cz_effect_sign(e, seed, E));
}

static inline void story_create(cz_effect *e, const cz_id *creator, const cz_id *controller,
                                const char *label, enum cz_kind kind, const char *asset,
                                cz_quantity quantity, struct czi_slice data)
{
    cz_creation c = {.creator = *creator,
                     .controller = *controller,
                     .label = label,
                     .kind = kind,
                     .asset = asset,
                     .quantity = quantity,
                     .data = data.data,
                     .data_len = data.len};

    STORY_ADD(cz_effect_create(e, &c, E));
}

static inline void story_open(cz_effect *e, const cz_id *owner, const char *asset)
{
    story_create(e, owner, owner, asset, CZ_FUNGIBLE, asset, 0, (struct czi_slice){0});
}

/* What the next effect derives of a resource's bytes. */
static inline void story_derive(struct story *s, const cz_id *id, const void *bytes, size_t len)
{
    assert_true(s->derived_count < STORY_DERIVED_MAX);
    s->derived[s->derived_count].id = *id;
    czi_blake3(bytes, len, s->derived[s->derived_count++].hash);
}

/* ---- Records ------------------------------------------------------------------------------
 */

static inline struct story_resource *story_find(struct story *s, const void *id)
{
    for (unsigned i = 0; i < s->resource_count; i++)
        if (czi_id_equal(&s->resources[i].id, id))
            return &s->resources[i];
    return NULL;
}

static inline struct story_resource *story_at(struct story *s, const struct forged_record *r,
                                              const struct czi_effect_view *v, unsigned i)
{
    struct story_resource *x = story_find(s, czi_effect_access_id(r->bytes.data, v, i));

    assert_non_null(x);
    return x;
}

static inline void story_do_create(struct story *s, const struct czi_op *op)
{
    cz_id id, creator;
    struct story_resource *x;

    memcpy(&creator, op->creator, sizeof creator);
    id = czi_identity_id(&creator, op->label);
    if (story_find(s, &id))
        return;
    assert_true(s->resource_count < STORY_RESOURCES_MAX);
    x = &s->resources[s->resource_count++];
    *x = (struct story_resource){.id = id, .kind = op->kind, .quantity = op->quantity};
    if (czi_kind_has_data(op->kind))
        czi_blake3(op->data.data, op->data.len, x->hash);
}

static inline void story_do(struct story *s, const struct forged_record *r,
                            const struct czi_effect_view *v, const struct czi_op *op)
{
    static const uint8_t after[] = {CZ_LOCKED, CZ_ACTIVE,   CZ_FROZEN,
                                    CZ_ACTIVE, CZ_CONSUMED, CZ_ARCHIVED};
    cz_quantity amount = (cz_quantity)s->amount;

    switch (op->code) {
    case CZI_OP_CREATE:
        story_do_create(s, op);
        return;
    case CZI_OP_TRANSFER:
    case CZI_OP_MOVE:
        story_at(s, r, v, op->a)->quantity -= op->quantity;
        story_at(s, r, v, op->b)->quantity += op->quantity;
        return;
    case CZI_OP_WRITE:
        czi_blake3(op->data.data, op->data.len, story_at(s, r, v, op->a)->hash);
        return;
    case CZI_OP_DEPOSIT:
        story_at(s, r, v, op->a)->quantity += amount;
        return;
    case CZI_OP_WITHDRAW:
        story_at(s, r, v, op->a)->quantity -= op->quantity;
        story_at(s, r, v, op->c)->quantity += op->quantity;
        return;
    case CZI_OP_RELEASE:
        story_at(s, r, v, op->c)->quantity += amount;
        story_at(s, r, v, op->b)->quantity -= amount;
        return;
    case CZI_OP_CONFIRM:
        story_at(s, r, v, op->b)->quantity -= amount;
        return;
    default:
        if (op->code < CZI_OP_LOCK || op->code > CZI_OP_ARCHIVE)
            return;
        story_at(s, r, v, op->a)->state = after[op->code - CZI_OP_LOCK];
        if (op->code == CZI_OP_CONSUME)
            story_at(s, r, v, op->a)->quantity = 0;
    }
}

static inline void story_post(struct story *s, struct forged_record *r,
                              const struct czi_effect_view *v, unsigned i)
{
    struct story_resource *x = story_at(s, r, v, i);
    struct czi_post *post = &r->posts[i];

    *post = (struct czi_post){.version = x->version, .previous = x->position};
    if (i >= v->write_count)
        return;
    for (unsigned k = 0; k < s->derived_count; k++)
        if (czi_id_equal(&s->derived[k].id, &x->id))
            memcpy(x->hash, s->derived[k].hash, 32);
    post->version = ++x->version;
    post->written = true;
    post->kind = x->kind;
    post->state = x->state;
    memcpy(r->hashes[i], x->hash, 32);
    if (czi_kind_has_data(x->kind))
        post->data_hash = r->hashes[i];
    else
        post->quantity = x->quantity;
    x->position = r->outcome.position;
    x->lamport = r->outcome.lamport;
}

static inline struct forged_record *story_record(struct story *s, enum czi_record_type type)
{
    struct forged_record *r = &s->f.records[s->f.count];

    assert_true(++s->f.count < RECORDS_MAX);
    *r = (struct forged_record){.type = type, .frame = ++s->f.frames};
    return r;
}

/* Links of a program's effect: the first of its program, and so of its task. */
static inline void story_program(struct story *s, struct forged_record *r,
                                 const struct czi_effect_view *v)
{
    struct czi_shared_clock *c = czi_alloc_zero(1, sizeof *c + sizeof(cz_clock_part));
    uint32_t task;

    assert_non_null(c);
    c->refs = c->count = 1;
    memcpy(&c->program, czi_effect_program(r->bytes.data, r->bytes.len, v, &task),
           sizeof c->program);
    c->parts[0] = (cz_clock_part){.task = task, .count = 1};
    s->f.clocks[s->f.clock_count++] = c;
    r->extra.has_program = true;
    r->extra.clock = c;
    r->outcome.extra = &r->extra;
}

/* Enters an effect as applied, and frees it. */
static inline struct forged_record *story_apply(struct story *s, cz_effect *e)
{
    struct forged_record *r = story_record(s, CZI_RECORD_APPLIED);
    struct czi_effect_view v;
    struct czi_cbor c;
    cz_error err = {0};

    forge_effect(r, e);
    assert_ok(czi_effect_view(r->bytes.data, r->bytes.len, &v, &err), err);
    assert_true(czi_effect_accesses(&v) <= CZI_COUNTOF(r->posts));
    r->outcome.position = ++s->positions;
    r->outcome.post_count = (uint8_t)czi_effect_accesses(&v);
    for (unsigned i = 0; i < r->outcome.post_count; i++) {
        const struct story_resource *x =
            story_find(s, czi_effect_access_id(r->bytes.data, &v, i));

        r->outcome.lamport = CZI_MAX(r->outcome.lamport, x ? x->lamport : 0);
    }
    r->outcome.lamport++;
    c = czi_cbor(r->bytes.data + v.ops, v.ops_len);
    for (unsigned i = 0; i < v.op_count; i++) {
        struct czi_op op;

        czi_op_next(&c, &op);
        story_do(s, r, &v, &op);
    }
    for (unsigned i = 0; i < r->outcome.post_count; i++)
        story_post(s, r, &v, i);
    r->extra = (struct czi_extra){.has_terms = v.has_terms, .program = CZI_ID_NONE};
    r->outcome.extra = v.has_terms ? &r->extra : NULL;
    if (v.has_program)
        story_program(s, r, &v);
    memcpy(r->time, czi_book_time_id(s->book), sizeof r->time);
    s->derived_count = 0;
    return r;
}

static inline void story_item(struct story *s, const void *bytes, size_t len)
{
    struct forged_record *r = story_record(s, CZI_RECORD_ITEM);
    static struct czi_item item;
    cz_error err = {0};
    cz_id id = czi_fact_id(bytes, len);
    uint32_t domain;

    czi_buf_put(&r->bytes, bytes, len);
    assert_ok(czi_item_decode(r->bytes.data, r->bytes.len, &item, &err), err);
    assert_int_equal(czi_book_take(s->book, &item, &id, &domain), CZ_APPLIED);
}

static inline int story_take_fact(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    (void)err;
    story_item(arg, fact->bytes, fact->len);
    return CZ_OK;
}

static inline void story_mine(struct story *s)
{
    STORY_ADD(cz_sim_mine(s->chain, 1, E));
    STORY_ADD(cz_sim_facts(s->chain, ++s->observed, NULL, story_take_fact, s, E));
}

static inline void story_domain(struct story *s)
{
    struct czi_item item = {.type = CZI_ITEM_DOMAIN};
    cz_domain_spec d;
    CZI_AUTOBUF bytes = {0};

    cz_sim_domain(s->chain, &d);
    item.domain = (struct czi_slice){(const uint8_t *)d.name, strlen(d.name)};
    item.config.adapter = (struct czi_slice){(const uint8_t *)d.adapter, strlen(d.adapter)};
    item.config.parameters = (struct czi_slice){d.parameters, d.parameters_len};
    STORY_ADD(czi_item_encode(&item, &bytes, E));
    story_item(s, bytes.data, bytes.len);
}

static inline cz_id story_fact(struct story *s, enum cz_fact_kind kind, const char *name)
{
    cz_id id;

    STORY_ADD(cz_sim_fact_of(s->chain, kind, name, NULL, keep_fact_id, &id, E));
    return id;
}

static inline cz_id story_event(struct story *s, enum cz_fact_kind kind, uint64_t event)
{
    char name[24];

    (void)snprintf(name, sizeof name, "%llu", (unsigned long long)event);
    return story_fact(s, kind, name);
}

static inline void story_cite(cz_effect *e, const cz_id *fact, const char *purpose)
{
    cz_dependency d = {.fact = *fact, .policy = CZ_STILL_TRUE, .purpose = purpose};

    STORY_ADD(cz_effect_depend(e, &d, E));
}

/* ---- What accounts and capabilities hold --------------------------------------------------
 */

/* Of bob: 50 MOON may leave within 100 of the moon's time. */
static inline void story_bob_policy(const struct story *s, uint64_t number, cz_quantity spent,
                                    struct czi_buf *ret)
{
    struct czi_policy p = {.threshold = 2,
                           .owner_count = 3,
                           .owners = {s->keys[BOB_1], s->keys[BOB_2], s->keys[BOB_3]},
                           .limit_count = 1,
                           .limits = {{.asset = {(const uint8_t *)MOON, sizeof MOON - 1},
                                       .domain = {(const uint8_t *)"moon", 4},
                                       .quantity = 50,
                                       .spent = spent,
                                       .window = 100,
                                       .number = number}}};

    /* Owners ascend. */
    for (unsigned i = 0; i < 2; i++)
        for (unsigned k = 0; k < 2; k++)
            if (memcmp(p.owners[k], p.owners[k + 1], 32) > 0) {
                const uint8_t *swap = p.owners[k];

                p.owners[k] = p.owners[k + 1];
                p.owners[k + 1] = swap;
            }
    ret->len = 0;
    czi_policy_put(ret, &p);
}

static inline void story_alice_policy(const struct story *s, struct czi_buf *ret)
{
    struct czi_policy p = {.threshold = 1, .owner_count = 1, .owners = {s->keys[ALICE]}};

    ret->len = 0;
    czi_policy_put(ret, &p);
}

/* Carol's capability: to debit 20 MOON of alice's, and to delegate. */
static inline struct czi_grant story_cap(const struct story *s, cz_quantity spent)
{
    return (struct czi_grant){.account = s->alice.bytes,
                              .holder = s->keys[CAROL],
                              .asset = {(const uint8_t *)MOON, sizeof MOON - 1},
                              .rights = CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE,
                              .has_ceiling = true,
                              .ceiling = 20,
                              .spent = spent,
                              .expires = true,
                              .expire_domain = {(const uint8_t *)"moon", 4},
                              .expire_time = 1000};
}

/* Dave's of it: 10, and no more delegation. */
static inline struct czi_grant story_child(const struct story *s, cz_quantity spent)
{
    struct czi_grant g = story_cap(s, spent);

    g.parent = s->cap.bytes;
    g.holder = s->keys[DAVE];
    g.rights = CZ_RIGHT_DEBIT;
    g.ceiling = 10;
    return g;
}

static inline void story_grant(cz_effect *e, const cz_id *creator, const char *label,
                               const struct czi_grant *g)
{
    CZI_AUTOBUF bytes = {0};
    cz_id account;

    memcpy(&account, g->account, sizeof account);
    czi_grant_put(&bytes, g);
    story_create(e, creator, &account, label, CZ_CAPABILITY, NULL, 0, czi_buf_slice(&bytes));
}

static inline void story_derive_grant(struct story *s, const cz_id *id,
                                      const struct czi_grant *g)
{
    CZI_AUTOBUF bytes = {0};

    czi_grant_put(&bytes, g);
    story_derive(s, id, bytes.data, bytes.len);
}

/* What bob's outbox holds: withdrawals of 10 by the effect `withdrawal`, those of the mask. */
static inline void story_derive_outbox(struct story *s, unsigned open)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_outbox o = {0};

    for (unsigned i = 0; i < 2; i++) {
        struct czi_withdrawal w = {.number = i,
                                   .quantity = 10,
                                   .asset = {(const uint8_t *)MOON, sizeof MOON - 1},
                                   .destination = {(const uint8_t *)"0xb0b", 5}};

        memcpy(w.effect, &s->withdrawal, sizeof w.effect);
        if (open >> i & 1)
            assert_true(czi_outbox_add(&o, &w));
    }
    czi_outbox_put(&bytes, &o);
    story_derive(s, &s->outbox, bytes.data, bytes.len);
}

static inline void story_derive_bob(struct story *s, uint64_t number, cz_quantity spent)
{
    CZI_AUTOBUF bytes = {0};

    story_bob_policy(s, number, spent, &bytes);
    story_derive(s, &s->bob, bytes.data, bytes.len);
}

/* ---- The story ----------------------------------------------------------------------------
 */

static inline void story_make_accounts(struct story *s)
{
    cz_effect *e = story_effect(s);
    cz_id maker = cz_operator();
    CZI_AUTOBUF bytes = {0};

    story_alice_policy(s, &bytes);
    story_create(e, &maker, &maker, "alice", CZ_ACCOUNT, NULL, 0, czi_buf_slice(&bytes));
    story_bob_policy(s, 0, 0, &bytes);
    story_create(e, &maker, &maker, "bob", CZ_ACCOUNT, NULL, 0, czi_buf_slice(&bytes));
    story_sign(e, ALICE);
    story_sign(e, BOB_1);
    story_sign(e, BOB_2);
    story_apply(s, e);
    /* Empty balances are everybody's to open. */
    e = story_effect(s);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_access(e, &s->bob, CZ_READ, E));
    story_open(e, &s->alice, MOON);
    story_open(e, &s->bob, MOON);
    story_create(e, &maker, &maker, "plain", CZ_FUNGIBLE, "USD", 100, (struct czi_slice){0});
    story_apply(s, e);
    e = story_effect(s);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_create(e, &s->alice, &s->alice, "USD", CZ_FUNGIBLE, "USD", 100,
                 (struct czi_slice){0});
    story_create(e, &s->alice, &s->alice, "note", CZ_DATA, NULL, 0,
                 (struct czi_slice){(const uint8_t *)"hello", 5});
    story_sign(e, ALICE);
    story_apply(s, e);
}

static inline void story_deposit(struct story *s)
{
    cz_effect *e;
    uint64_t event = 0;

    STORY_ADD(cz_sim_deposit(s->chain, "alice", "MOON", 100, &event, E));
    story_mine(s);
    s->deposit = story_event(s, CZ_FACT_DEPOSIT, event);
    e = story_effect(s);
    story_cite(e, &s->deposit, "deposit");
    STORY_ADD(cz_effect_deposit(e, &s->alice_moon, &s->deposit, E));
    s->amount = 100;
    story_apply(s, e);
}

/* alice to bob, with alice declared; not signed. */
static inline cz_effect *story_pay(const struct story *s, cz_quantity quantity)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_transfer(e, &s->alice_moon, &s->bob_moon, quantity, E));
    return e;
}

/* The same by dave's capability; not signed. */
static inline cz_effect *story_spend(const struct story *s, cz_quantity quantity)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_access(e, &s->cap, CZ_WRITE, E));
    STORY_ADD(cz_effect_use(e, &s->child, CZ_WRITE, E));
    STORY_ADD(cz_effect_transfer(e, &s->alice_moon, &s->bob_moon, quantity, E));
    return e;
}

static inline void story_derive_spent(struct story *s, cz_quantity cap, cz_quantity child)
{
    struct czi_grant g = story_cap(s, cap), c = story_child(s, child);

    story_derive_grant(s, &s->cap, &g);
    story_derive_grant(s, &s->child, &c);
}

static inline void story_capabilities(struct story *s)
{
    cz_effect *e = story_pay(s, 60);
    struct czi_grant g = story_cap(s, 0);
    cz_id maker = cz_operator();

    story_sign(e, ALICE);
    story_apply(s, e);
    e = story_effect(s);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_grant(e, &s->alice, "cap", &g);
    story_sign(e, ALICE);
    story_apply(s, e);
    e = story_effect(s);
    g = story_child(s, 0);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_use(e, &s->cap, CZ_WRITE, E));
    story_grant(e, &maker, "child", &g);
    story_sign(e, CAROL);
    story_apply(s, e);
    e = story_spend(s, 5);
    story_sign(e, DAVE);
    story_derive_spent(s, 5, 5);
    story_apply(s, e);
}

/* Of bob, into his reserve; not signed. */
static inline void story_add_withdrawal(const struct story *s, cz_effect *e)
{
    STORY_ADD(cz_effect_access(e, &s->bob, CZ_WRITE, E));
    STORY_ADD(cz_effect_withdraw(e, &s->bob_moon, &s->outbox, &s->reserve, 10, "0xb0b", E));
}

static inline void story_withdrawals(struct story *s)
{
    static const uint8_t empty[] = {0x82, CZI_TAG_OUTBOX, 0x80};
    cz_effect *e = story_effect(s);

    story_create(e, &s->bob, &s->bob, "outbox", CZ_OUTBOX, NULL, 0,
                 (struct czi_slice){empty, sizeof empty});
    story_open(e, &s->outbox, MOON);
    story_add_withdrawal(s, e);
    story_add_withdrawal(s, e);
    story_sign(e, BOB_1);
    story_sign(e, BOB_3);
    STORY_ADD(cz_effect_id(e, &s->withdrawal, E));
    story_derive_bob(s, 0, 20);
    story_derive_outbox(s, 3);
    story_apply(s, e);
}

/* What becomes of bob's withdrawals outside: 0 is paid, 1 refused. */
static inline void story_outside(struct story *s)
{
    char name[CZ_REFERENCE_SIZE], reference[2 * CZ_REFERENCE_SIZE], id[CZ_ID_TEXT_SIZE];
    uint64_t event = 0;

    cz_id_print(&s->withdrawal, id);
    (void)snprintf(name, sizeof name, "%s/1", id);
    (void)snprintf(reference, sizeof reference, "0xb0b#%s/0", id);
    STORY_ADD(cz_sim_withdrawal(s->chain, reference, "MOON", 10, &event, E));
    STORY_ADD(cz_sim_register(s->chain, name, "refused", 7, E));
    story_mine(s);
    s->payment = story_event(s, CZ_FACT_WITHDRAWAL, event);
    s->refusal = story_fact(s, CZ_FACT_REGISTER, name);
}

static inline cz_effect *story_confirm(const struct story *s, const cz_id *fact)
{
    cz_effect *e = story_effect(s);

    story_cite(e, fact, "withdrawal");
    STORY_ADD(cz_effect_confirm(e, &s->outbox, &s->reserve, fact, E));
    return e;
}

static inline cz_effect *story_release(const struct story *s, const cz_id *to,
                                       const cz_id *fact)
{
    cz_effect *e = story_effect(s);

    story_cite(e, fact, NULL);
    STORY_ADD(cz_effect_release(e, &s->outbox, &s->reserve, to, fact, E));
    return e;
}

static inline struct story *story_new(void)
{
    struct story *s = calloc(1, sizeof *s);
    cz_id maker = cz_operator();

    assert_non_null(s);
    s->book = czi_book_new();
    assert_non_null(s->book);
    for (unsigned k = 0; k < STORY_KEYS; k++) {
        uint8_t seed[32];

        story_seed(k, seed);
        czi_ed25519_public(seed, s->keys[k]);
    }
    s->alice = story_id(&maker, "alice");
    s->bob = story_id(&maker, "bob");
    s->alice_moon = story_id(&s->alice, MOON);
    s->bob_moon = story_id(&s->bob, MOON);
    s->alice_usd = story_id(&s->alice, "USD");
    s->note = story_id(&s->alice, "note");
    s->plain = story_id(&maker, "plain");
    s->outbox = story_id(&s->bob, "outbox");
    s->reserve = story_id(&s->outbox, MOON);
    s->cap = story_id(&s->alice, "cap");
    s->child = story_id(&maker, "child");
    STORY_ADD(cz_sim_new("moon", 7, &s->chain, E));
    story_domain(s);
    story_make_accounts(s);
    story_deposit(s);
    story_capabilities(s);
    story_withdrawals(s);
    story_outside(s);
    return s;
}

static inline void story_free(struct story *s)
{
    forge_done(&s->f);
    czi_book_free(s->book);
    cz_sim_free(s->chain);
    free(s);
}

#endif
