/* test_account_property.c - random effects by random signers over accounts, capabilities with
 * delegations, limits, deposits and withdrawals: engine and model (account_model.h) agree in
 * outcome and reason, and in what then is; each asset is conserved; replay and audit say the
 * same. A seed that fails is printed: CAUSALITY_SEED=n CAUSALITY_SEEDS=1 repeats it.
 */
#include "../unit/account_fixture.h"
#include "account_model.h"

#define ACCOUNTS 4
#define EACH 6 /* of an account: itself, two purses, a note, an outbox, a reserve */
#define FREE_PURSE (ACCOUNTS * EACH)
#define FIRST_CAP (FREE_PURSE + 1)
#define EFFECTS 160
#define SIGNING_KEYS 6
#ifdef TEST_IS_SLOW
#define SEEDS 5
#else
#define SEEDS 25
#endif

enum { SELF, GOLD_PURSE, MOON_PURSE, NOTE, BOX, RESERVE };

struct world {
    struct fw w;
    struct am_world model;
    struct czi_rng rng;
    cz_id ids[AM_OBJECTS];
    cz_id fact_ids[AM_FACTS];
    cz_id effects[EFFECTS + 1]; /* ids, by number */
    int64_t came, went;         /* of AM_MOON */
    unsigned applied, refused;
    uint32_t number; /* of the effect that is next */
};

static unsigned below(struct world *x, unsigned n)
{
    return (unsigned)czi_rng_below(&x->rng, n);
}
static bool chance(struct world *x, unsigned percent)
{
    return below(x, 100) < percent;
}
static int of(int account, int what)
{
    return account * EACH + what;
}
static const char *asset_name(int asset)
{
    return asset == AM_MOON ? MOON : "gold";
}

/* ---- The world -------------------------------------------------------------------------- */

static void fill_limit(struct world *x, struct am_limit *l)
{
    *l = (struct am_limit){.is = chance(x, 40),
                           .quantity = (int64_t)below(x, 60),
                           .window = 60 * (1 + below(x, 4))};
}

static struct am_policy random_policy(struct world *x)
{
    struct am_policy p = {.owners = 1 + below(x, (1u << SIGNING_KEYS) - 1)};

    p.threshold = 1 + below(x, (unsigned)__builtin_popcount(p.owners));
    if (p.threshold > 2)
        p.threshold = 2;
    fill_limit(x, &p.limits[AM_GOLD]);
    fill_limit(x, &p.limits[AM_MOON]);
    return p;
}

/* As the public form has it. */
static cz_policy public_policy(const struct am_policy *p)
{
    static const int order[] = {AM_GOLD, AM_MOON}; /* "gold" before "moon:MOON" */
    cz_policy out = {.threshold = p->threshold};

    for (unsigned k = 0; k < SIGNING_KEYS; k++) {
        uint8_t key[32];
        unsigned at = out.owner_count;

        if (!(p->owners >> k & 1))
            continue;
        af_key(k, key);
        for (; at && memcmp(out.owners[at - 1], key, 32) > 0; at--)
            memcpy(out.owners[at], out.owners[at - 1], 32);
        memcpy(out.owners[at], key, 32);
        out.owner_count++;
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct am_limit *l = &p->limits[order[i]];

        if (l->is)
            out.limits[out.limit_count++] = (cz_limit){
                asset_name(order[i]), l->quantity, "moon", l->window, l->number, l->spent};
    }
    return out;
}

static void name_objects(struct world *x)
{
    char label[32];

    for (int i = 0; i < AM_OBJECTS; i++) {
        int account = i / EACH;
        cz_id owner;

        (void)snprintf(label, sizeof label, "acct %d", account);
        owner = fx_id(label);
        if (i >= FREE_PURSE)
            (void)snprintf(label, sizeof label, "thing %d", i);
        x->ids[i] = i >= FREE_PURSE          ? fx_id(label)
                    : i % EACH == SELF       ? owner
                    : i % EACH == GOLD_PURSE ? af_id(owner, "gold")
                    : i % EACH == MOON_PURSE ? af_id(owner, MOON)
                    : i % EACH == NOTE       ? af_id(owner, "note")
                    : i % EACH == BOX        ? af_id(owner, "outbox")
                                             : af_id(af_id(owner, "outbox"), MOON);
        x->model.objects[i].account = AM_NOBODY;
        x->model.by_id[i] = i;
    }
    for (int i = 1; i < AM_OBJECTS; i++)
        for (int k = i;
             k && memcmp(&x->ids[x->model.by_id[k - 1]], &x->ids[x->model.by_id[k]], 32) > 0;
             k--) {
            int swap = x->model.by_id[k];

            x->model.by_id[k] = x->model.by_id[k - 1];
            x->model.by_id[k - 1] = swap;
        }
}

static void make_account(struct world *x, int account)
{
    static const uint8_t empty_outbox[] = {0x82, 0x14, 0x80};
    struct am_object *o = &x->model.objects[of(account, SELF)];
    cz_id id = x->ids[of(account, SELF)], box = x->ids[of(account, BOX)];
    cz_creation outbox = af_creation(id, "outbox", CZ_OUTBOX, NULL, 0);
    char label[32];
    cz_policy p;

    (void)snprintf(label, sizeof label, "acct %d", account);
    *o = (struct am_object){.kind = AM_ACCOUNT,
                            .account = AM_NOBODY,
                            .policy = random_policy(x)};
    p = public_policy(&o->policy);
    outbox.data = empty_outbox;
    outbox.data_len = sizeof empty_outbox;
    APPLY(&x->w, o->policy.owners, creates(e, af_account(label, &p)),
          creates(e, af_creation(id, "gold", CZ_FUNGIBLE, "gold", 100)),
          creates(e, af_balance(id, MOON)),
          creates(e, af_creation(id, "note", CZ_DATA, NULL, 0)), creates(e, outbox),
          creates(e, af_balance(box, MOON)));
    for (int what = GOLD_PURSE; what <= RESERVE; what++) {
        static const enum am_kind kinds[] = {AM_ACCOUNT, AM_PURSE, AM_PURSE,
                                             AM_NOTE,    AM_BOX,   AM_RESERVE};

        x->model.objects[of(account, what)] =
            (struct am_object){.kind = kinds[what],
                               .account = account * EACH,
                               .asset = what == GOLD_PURSE ? AM_GOLD : AM_MOON,
                               .quantity = what == GOLD_PURSE ? 100 : 0,
                               .box = of(account, BOX)};
    }
    x->model.supply[AM_GOLD] += 100;
}

static void open_world(struct world *x, uint64_t seed)
{
    *x = (struct world){.rng = czi_rng(seed)};
    fw_open(&x->w, true);
    cz_sim_interval(x->w.chain, 60);
    name_objects(x);
    for (int i = 0; i < ACCOUNTS; i++)
        make_account(x, i);
    APPLY(&x->w, 0, creates(e, fx_creation("thing 24", CZ_FUNGIBLE, "gold", 100)));
    _Static_assert(FREE_PURSE == 24, "its label");
    x->model.objects[FREE_PURSE] = (struct am_object){.kind = AM_PURSE,
                                                      .account = AM_NOBODY,
                                                      .asset = AM_GOLD,
                                                      .quantity = 100};
    x->model.supply[AM_GOLD] += 100;
}

/* ---- What happens outside --------------------------------------------------------------- */

static void observe(struct world *x)
{
    fw_mine(&x->w, 1);
    fw_observe(&x->w);
    x->model.has_time = true;
    x->model.time = cz_sim_height(x->w.chain) * 60;
}

/* A withdrawal that was once entered, or nearly. */
static void name_withdrawal(struct world *x, struct am_fact *f)
{
    const struct am_object *box = &x->model.objects[of((int)below(x, ACCOUNTS), BOX)];

    for (int a = 0; a < ACCOUNTS && !box->open_count; a++)
        box = &x->model.objects[of(a, BOX)];

    f->asset = AM_MOON;
    f->amount = 1 + below(x, 20);
    f->effect = below(x, x->number); /* 0: none has it */
    if (!box->open_count)
        return;
    f->effect = box->open[box->open_count - 1].effect;
    f->number = box->open[box->open_count - 1].number;
    f->amount = box->open[box->open_count - 1].quantity;
    if (chance(x, 10))
        f->amount++;
    if (chance(x, 10))
        f->number++;
    if (chance(x, 10))
        f->asset = AM_ASSETS;
}

static void something_outside(struct world *x)
{
    struct am_fact *f = &x->model.facts[x->model.fact_count];
    cz_withdrawal named = {.destination = "out"};
    char text[CZ_REFERENCE_SIZE], event[24];
    uint64_t n = 0;
    cz_error err = {0};

    if (x->model.fact_count == AM_FACTS)
        return;
    *f = (struct am_fact){.kind = (enum am_fact_kind)below(x, 3)};
    name_withdrawal(x, f);
    named.effect = x->effects[f->effect];
    named.number = f->number;
    cz_withdrawal_reference(&named, text);
    if (f->kind == AM_DEPOSIT) {
        f->account = of((int)below(x, ACCOUNTS), SELF);
        f->amount = 1 + below(x, 50);
        (void)snprintf(text, sizeof text, "acct %d", f->account / EACH);
        assert_ok(cz_sim_deposit(x->w.chain, text, f->asset == AM_MOON ? "MOON" : "TIN",
                                 (uint64_t)f->amount, &n, &err),
                  err);
    } else if (f->kind == AM_PAID) {
        assert_ok(cz_sim_withdrawal(x->w.chain, text, f->asset == AM_MOON ? "MOON" : "TIN",
                                    (uint64_t)f->amount, &n, &err),
                  err);
    } else {
        memmove(text, text + 4, strlen(text + 4) + 1); /* behind "out#" */
        assert_ok(cz_sim_register(x->w.chain, text, "refused", 7, &err), err);
    }
    observe(x);
    (void)snprintf(event, sizeof event, "%llu", (unsigned long long)n);
    x->fact_ids[x->model.fact_count++] =
        f->kind == AM_DEPOSIT ? fw_fact(&x->w, CZ_FACT_DEPOSIT, event).id
        : f->kind == AM_PAID  ? fw_fact(&x->w, CZ_FACT_WITHDRAWAL, event).id
                              : fw_fact(&x->w, CZ_FACT_REGISTER, text).id;
}

/* ---- Random effects --------------------------------------------------------------------- */

static void declare(struct am_effect *e, int object, int mode)
{
    if (object >= 0 && e->declared[object] < mode)
        e->declared[object] = (uint8_t)mode;
}

/* What an account needs to authorise: usually. */
static void ask(struct world *x, struct am_effect *e, int account)
{
    const struct am_object *o;

    if (account < 0)
        return;
    o = &x->model.objects[account];
    declare(e, account, o->policy.limits[0].is || o->policy.limits[1].is ? 2 : 1);
    if (chance(x, 70))
        e->signers |= o->policy.owners;
}

/* Mostly one that exists. */
static int random_cap(struct world *x)
{
    int cap = FIRST_CAP;

    for (int tries = 0; tries < 12; tries++) {
        cap = FIRST_CAP + (int)below(x, AM_OBJECTS - FIRST_CAP);
        if (x->model.objects[cap].kind == AM_CAP && x->model.objects[cap].state == CZ_ACTIVE)
            break;
    }
    return cap;
}

/* Presents a capability, if it happens to exist. */
static void present(struct world *x, struct am_effect *e)
{
    int cap = random_cap(x);

    if (x->model.objects[cap].kind != AM_CAP && chance(x, 95))
        return;
    if (x->model.objects[cap].kind == AM_CAP) {
        e->signers |= 1u << x->model.objects[cap].cap.holder;
        for (int i = cap; i != AM_NOBODY; i = x->model.objects[i].cap.parent)
            declare(e, i, x->model.objects[i].cap.has_ceiling ? 2 : 1);
        ask(x, e, x->model.objects[cap].cap.account);
        if (chance(x, 60))
            e->signers = 1u << x->model.objects[cap].cap.holder;
    }
    e->ops[e->op_count++] = (struct am_op){.code = AM_USE, .a = cap};
}

static struct am_cap random_grant(struct world *x)
{
    int account = of((int)below(x, ACCOUNTS), SELF), parent = random_cap(x);
    struct am_cap c = {.account = account,
                       .parent = AM_NOBODY,
                       .holder = (int)below(x, SIGNING_KEYS),
                       .resource = AM_NOBODY,
                       .asset = AM_NOBODY,
                       .rights = (1 + below(x, 63)) | (chance(x, 50) ? CZ_RIGHT_DELEGATE : 0),
                       .has_ceiling = chance(x, 40),
                       .ceiling = below(x, 14),
                       .expires = chance(x, 30),
                       .expire_time = x->model.time + 60 * below(x, 40)};

    if (chance(x, 30))
        c.asset = (int)below(x, AM_ASSETS);
    else if (chance(x, 20))
        c.resource = of(account / EACH, GOLD_PURSE + (int)below(x, 3));
    if (chance(x, 50) && x->model.objects[parent].kind == AM_CAP) {
        const struct am_cap *p = &x->model.objects[parent].cap;
        struct am_cap other = c;

        c = *p; /* fits, and then changes */
        c.parent = parent;
        c.holder = other.holder;
        c.spent = 0;
        if (chance(x, 30))
            c.rights = other.rights;
        if (chance(x, 30)) {
            c.has_ceiling = true;
            c.ceiling = other.ceiling;
        }
        if (chance(x, 20)) {
            c.asset = other.asset;
            c.resource = other.resource;
        }
        if (chance(x, 15))
            c.expires = other.expires;
    }
    c.ceiling = c.has_ceiling ? c.ceiling : 0;
    c.expire_time = c.expires ? c.expire_time : 0;
    return c;
}

/* The outbox that has what a fact names. */
static int box_of(struct world *x, const struct am_fact *f)
{
    for (int a = 0; a < ACCOUNTS; a++)
        for (unsigned i = 0; i < x->model.objects[of(a, BOX)].open_count; i++)
            if (x->model.objects[of(a, BOX)].open[i].effect == f->effect)
                return a;
    return (int)below(x, ACCOUNTS);
}

static int random_fact(struct world *x, enum am_fact_kind kind)
{
    int fact = (int)below(x, (unsigned)x->model.fact_count);

    for (int tries = 0; tries < 8; tries++) {
        const struct am_fact *f = &x->model.facts[fact];

        if (f->kind == kind && !f->used &&
            (kind == AM_DEPOSIT || x->model.objects[of(box_of(x, f), BOX)].open_count))
            break;
        fact = (int)below(x, (unsigned)x->model.fact_count);
    }
    return fact;
}

/* a: the account that it shall be of. */
static void gateway_op(struct world *x, struct am_effect *e, struct am_op *op, int a)
{
    op->fact = -1;
    if (op->code == AM_WITHDRAW) {
        op->a = of(a, chance(x, 90) ? MOON_PURSE : GOLD_PURSE);
        op->b = of(chance(x, 95) ? a : (int)below(x, ACCOUNTS), BOX);
        op->c = of(chance(x, 95) ? op->b / EACH : (int)below(x, ACCOUNTS), RESERVE);
        ask(x, e, of(a, SELF));
        return;
    }
    op->fact = random_fact(x, op->code == AM_PAY_IN    ? AM_DEPOSIT
                              : op->code == AM_CONFIRM ? AM_PAID
                                                       : AM_REFUSED);
    e->cited[op->fact] = 1;
    if (op->code == AM_PAY_IN) {
        op->a = of(chance(x, 90) ? x->model.facts[op->fact].account / EACH : a,
                   chance(x, 95) ? MOON_PURSE : (int)below(x, EACH));
        return;
    }
    a = box_of(x, &x->model.facts[op->fact]);
    op->a = of(a, BOX);
    op->b = of(a, chance(x, 97) ? RESERVE : (int)below(x, EACH));
    op->c = of(chance(x, 90) ? a : (int)below(x, ACCOUNTS), MOON_PURSE);
}

/* Of a lifecycle operation or a write; ended for good seldom, so that something goes on. */
static int random_target(struct world *x, enum am_code code, int account)
{
    int a = of(account, (int)below(x, EACH));

    if (code == AM_WRITE)
        return of(a / EACH, chance(x, 60) ? NOTE : chance(x, 50) ? SELF : (int)below(x, EACH));
    for (int i = 0; (code == AM_UNLOCK || code == AM_UNFREEZE) && i < AM_OBJECTS; i++)
        if (x->model.objects[i].state == (code == AM_UNLOCK ? CZ_LOCKED : CZ_FROZEN) &&
            chance(x, 70))
            return i;
    if (chance(x, code == AM_CONSUME || code == AM_ARCHIVE ? 95 : 50))
        return random_cap(x);
    return a;
}

static void random_op(struct world *x, struct am_effect *e)
{
    static const enum am_code codes[] = {AM_TRANSFER, AM_TRANSFER, AM_TRANSFER, AM_TRANSFER,
                                         AM_TRANSFER, AM_WITHDRAW, AM_WITHDRAW, AM_WITHDRAW,
                                         AM_PAY_IN,   AM_PAY_IN,   AM_CONFIRM,  AM_CONFIRM,
                                         AM_RELEASE,  AM_RELEASE,  AM_GRANT,    AM_GRANT,
                                         AM_GRANT,    AM_WRITE,    AM_WRITE,    AM_LOCK,
                                         AM_UNLOCK,   AM_UNLOCK,   AM_FREEZE,   AM_UNFREEZE,
                                         AM_UNFREEZE, AM_CONSUME,  AM_ARCHIVE,  AM_WHEN};
    struct am_op *op;
    enum am_code code = codes[below(x, CZI_COUNTOF(codes))];
    int a = (int)below(x, ACCOUNTS);

    if (chance(x, 35) && e->op_count < AM_OPS - 1)
        present(x, e);
    if (e->op_count && e->ops[e->op_count - 1].code == AM_USE && chance(x, 90))
        a = x->model.objects[e->ops[e->op_count - 1].a].cap.account / EACH;
    if (!x->model.fact_count && code >= AM_PAY_IN && code != AM_WITHDRAW)
        code = AM_TRANSFER;
    op = &e->ops[e->op_count++];
    *op = (struct am_op){.code = code, .quantity = 1 + below(x, 15), .fact = -1};
    if (code == AM_TRANSFER) {
        int what = chance(x, 75) ? GOLD_PURSE : MOON_PURSE;

        op->a = chance(x, 5) ? FREE_PURSE : of(a, what);
        op->b = chance(x, 10)   ? FREE_PURSE
                : chance(x, 97) ? of((int)below(x, ACCOUNTS), what)
                                : (int)below(x, FREE_PURSE);
        ask(x, e, x->model.objects[op->a].account);
    } else if (code == AM_GRANT) {
        op->a = FIRST_CAP + (int)below(x, AM_OBJECTS - FIRST_CAP);
        for (int tries = 0; tries < 6 && x->model.objects[op->a].kind != AM_NONE; tries++)
            op->a = FIRST_CAP + (int)below(x, AM_OBJECTS - FIRST_CAP);
        op->cap = random_grant(x);
        declare(e, op->cap.parent, 1);
        ask(x, e, op->cap.account);
    } else if (code == AM_WHEN) {
        op->from = x->model.time + 60 - 60 * below(x, 4);
        op->from = op->from > x->model.time + 60 ? 0 : op->from;
        op->to = op->from + 60 * below(x, 4);
    } else if (code >= AM_PAY_IN) {
        gateway_op(x, e, op, a);
    } else {
        op->a = random_target(x, code, a);
        if (code == AM_WRITE && x->model.objects[op->a].kind == AM_ACCOUNT)
            op->policy = random_policy(x);
        ask(x, e,
            x->model.objects[op->a].kind == AM_ACCOUNT ? op->a
                                                       : x->model.objects[op->a].account);
    }
}

/* What operations declare by themselves. */
static void declare_implied(struct am_effect *e)
{
    for (int i = 0; i < e->op_count; i++) {
        const struct am_op *op = &e->ops[i];

        if (op->code == AM_WHEN)
            continue;
        declare(e, op->a, op->code == AM_USE ? 1 : 2);
        if (op->code == AM_TRANSFER || op->code == AM_WITHDRAW || op->code == AM_CONFIRM ||
            op->code == AM_RELEASE)
            declare(e, op->b, 2);
        if (op->code == AM_WITHDRAW || op->code == AM_RELEASE)
            declare(e, op->c, 2);
    }
}

static struct am_effect random_effect(struct world *x, uint32_t number)
{
    struct am_effect e = {.number = number};
    unsigned count = 1 + below(x, 2);

    while (count-- && e.op_count < AM_OPS - 1)
        random_op(x, &e);
    if (chance(x, 15))
        e.signers = below(x, 1u << SIGNING_KEYS);
    if (chance(x, 10))
        e.declared[below(x, AM_OBJECTS)] = 0;
    if (chance(x, 10))
        e.declared[below(x, FIRST_CAP)] = (uint8_t)(1 + below(x, 2));
    if (chance(x, 5) && x->model.fact_count)
        e.cited[below(x, (unsigned)x->model.fact_count)] = 1;
    declare_implied(&e);
    return e;
}

/* ---- The same for the engine ------------------------------------------------------------ */

static cz_grant public_grant(struct world *x, const struct am_cap *c)
{
    cz_grant g = af_grant(x->ids[c->account], (unsigned)c->holder, c->rights);

    g.has_parent = c->parent != AM_NOBODY;
    if (g.has_parent)
        g.parent = x->ids[c->parent];
    g.has_resource = c->resource != AM_NOBODY;
    if (g.has_resource)
        g.resource = x->ids[c->resource];
    if (c->asset != AM_NOBODY)
        g.asset = asset_name(c->asset);
    g.has_ceiling = c->has_ceiling;
    g.ceiling = c->ceiling;
    g.spent = c->spent;
    g.expire_domain = c->expires ? "moon" : NULL;
    g.expire_time = c->expire_time;
    return g;
}

static void put_lifecycle(struct world *x, cz_effect *e, const struct am_op *op)
{
    static int (*const moves[])(cz_effect *, const cz_id *,
                                cz_error *) = {cz_effect_lock,    cz_effect_unlock,
                                               cz_effect_freeze,  cz_effect_unfreeze,
                                               cz_effect_consume, cz_effect_archive};
    cz_error err = {0};

    assert_ok(moves[op->code - AM_LOCK](e, &x->ids[op->a], &err), err);
}

static void put_op(struct world *x, cz_effect *e, const struct am_effect *m,
                   const struct am_op *op)
{
    cz_id a = x->ids[op->a], b = x->ids[op->b], c = x->ids[op->c];
    cz_id fact = op->fact >= 0 ? x->fact_ids[op->fact] : a;
    uint8_t bytes[CZ_POLICY_SIZE_MAX] = {0};
    size_t len = 1;
    char label[32];
    cz_error err = {0};

    (void)snprintf(label, sizeof label, "thing %d", op->a);
    switch (op->code) {
    case AM_TRANSFER:
        transfer(e, a, b, op->quantity);
        break;
    case AM_WRITE:
        if (op->policy.threshold) {
            cz_policy p = public_policy(&op->policy);

            assert_ok(cz_policy_encode(&p, bytes, &len, &err), err);
        }
        put_bytes(e, a, bytes, len);
        break;
    case AM_USE:
        uses(e, a, m->declared[op->a] == 2 ? CZ_WRITE : CZ_READ);
        break;
    case AM_GRANT: {
        cz_grant g = public_grant(x, &op->cap);

        creates(e, af_capability(label, &g));
        break;
    }
    case AM_WHEN:
        when(e, "moon", op->from, op->to);
        break;
    case AM_PAY_IN:
        deposits(e, a, fact);
        break;
    case AM_WITHDRAW:
        withdraws(e, a, b, c, op->quantity, "out");
        break;
    case AM_CONFIRM:
        confirms(e, a, b, fact);
        break;
    case AM_RELEASE:
        releases(e, a, b, c, fact);
        break;
    default:
        put_lifecycle(x, e, op);
    }
}

static cz_effect *engine_effect(struct world *x, const struct am_effect *m)
{
    static const char *const purposes[] = {"deposit", "withdrawal", NULL};
    cz_effect *e = fw_effect(&x->w);
    uint8_t seed[32];
    cz_error err = {0};

    for (int i = 0; i < x->model.fact_count; i++)
        if (m->cited[i])
            cites(e, (cz_dependency){.fact = x->fact_ids[i],
                                     .policy = CZ_STILL_TRUE,
                                     .purpose = purposes[x->model.facts[i].kind]});
    for (int i = 0; i < m->op_count; i++)
        put_op(x, e, m, &m->ops[i]);
    for (int i = 0; i < AM_OBJECTS; i++)
        if (m->declared[i])
            assert_ok(cz_effect_access(e, &x->ids[i], m->declared[i] == 2 ? CZ_WRITE : CZ_READ,
                                       &err),
                      err);
    for (unsigned k = 0; k < SIGNING_KEYS; k++)
        if (m->signers >> k & 1) {
            af_seed(k, seed);
            assert_ok(cz_effect_sign(e, seed, &err), err);
        }
    assert_ok(cz_effect_id(e, &x->effects[m->number], &err), err);
    return e;
}

/* ---- Agreement -------------------------------------------------------------------------- */

static int sum_open(void *arg, const cz_withdrawal *w)
{
    *(cz_quantity *)arg += w->quantity;
    return CZ_OK;
}

static void same_data(struct world *x, int i, const cz_resource *r)
{
    const struct am_object *o = &x->model.objects[i];
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    cz_quantity open = 0, expected = 0;
    size_t len = 0;
    cz_error err = {0};

    if (o->kind == AM_ACCOUNT) {
        cz_policy p = public_policy(&o->policy);

        assert_ok(cz_policy_encode(&p, bytes, &len, &err), err);
    } else if (o->kind == AM_CAP) {
        cz_grant g = public_grant(x, &o->cap);

        assert_ok(cz_grant_encode(&g, bytes, &len, &err), err);
    } else if (o->kind == AM_BOX) {
        assert_ok(cz_outbox_decode(r->data, r->data_len, sum_open, &open, &err), err);
        for (unsigned k = 0; k < o->open_count; k++)
            expected += o->open[k].quantity;
        assert_true(open == expected);
        assert_true(open == x->model.objects[i + 1].quantity); /* is in the reserve */
    }
    if (len) {
        assert_int_equal(r->data_len, len);
        assert_memory_equal(r->data, bytes, len);
    }
}

/* All that there is, and the sum of each asset. */
static void same_world(struct world *x)
{
    cz_quantity sum[AM_ASSETS] = {0};
    cz_error err = {0};

    for (int i = 0; i < AM_OBJECTS; i++) {
        const struct am_object *o = &x->model.objects[i];
        cz_resource r;
        int rc = cz_resource_get(x->w.engine, &x->ids[i], &r, &err);

        assert_int_equal(rc, o->kind == AM_NONE ? CZ_NOT_FOUND : CZ_OK);
        if (rc)
            continue;
        assert_int_equal(r.state, o->state);
        assert_true(r.quantity == o->quantity);
        same_data(x, i, &r);
        if (o->kind == AM_PURSE || o->kind == AM_RESERVE)
            sum[o->asset] += r.quantity;
    }
    assert_true(sum[AM_GOLD] == x->model.supply[AM_GOLD]);
    assert_true(sum[AM_MOON] == x->came - x->went);
}

/* What came in and went out, by the facts and not by the model's sums. */
static void count_passed(struct world *x, const struct am_effect *m)
{
    for (int i = 0; i < m->op_count; i++) {
        if (m->ops[i].code == AM_PAY_IN)
            x->came += x->model.facts[m->ops[i].fact].amount;
        if (m->ops[i].code == AM_CONFIRM)
            x->went += x->model.facts[m->ops[i].fact].amount;
    }
}

static void one_effect(struct world *x, uint32_t number, uint64_t seed)
{
    struct am_effect m = random_effect(x, number);
    cz_effect *e = engine_effect(x, &m);
    int expected = am_run(&x->model, &m);
    cz_error err = {0};
    int asked = cz_authorised(x->w.engine, e, &err);
    cz_result r = fw_run(&x->w, e);

    if ((int)r.reason != expected)
        fail_msg("seed %llu, effect %u: %s, but by the model %s", (unsigned long long)seed,
                 number, cz_reason_name((int)r.reason), cz_reason_name(expected));
    assert_int_equal(asked, r.reason >= CZ_UNKNOWN_DOMAIN ? (int)r.reason : CZ_OK);
    if (!r.reason)
        count_passed(x, &m);
    x->applied += !r.reason;
    x->refused += r.reason != 0;
}

static void engine_and_model_agree(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", SEEDS),
                  first = test_env("CAUSALITY_SEED", 1);
    struct world *x = calloc(1, sizeof *x);
    unsigned applied = 0, all = 0;

    (void)state;
    assert_non_null(x);
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        open_world(x, seed);
        for (uint32_t i = 1; i <= EFFECTS; i++) {
            x->number = i;
            if (chance(x, 30))
                something_outside(x);
            one_effect(x, i, seed);
            if (i % 15 == 0)
                same_world(x);
        }
        same_world(x);
        fw_close(&x->w);
        applied += x->applied;
        all += x->applied + x->refused;
    }
    /* The test is worth something when much applies and much does not. */
    assert_true(applied * 5 > all && applied * 10 < all * 9);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_and_model_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
