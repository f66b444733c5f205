/* account_model.c - see account_model.h. */
#include "account_model.h"

#include "base/check.h"

#include <string.h>

/* An effect at work on a copy of the world. */
struct act {
    struct am_world w;
    const struct am_effect *e;
    bool touched[AM_OBJECTS], presented[AM_OBJECTS], used[AM_FACTS];
    int order[AM_OPS], presented_count;
    uint32_t withdrawals;
};

static int bits(unsigned mask)
{
    return __builtin_popcount(mask);
}

/* ---- Who may ---------------------------------------------------------------------------- */

static int signatures(const struct act *t, const struct am_policy *p)
{
    int n = bits(p->owners & t->e->signers);

    if (n >= (int)p->threshold)
        return CZ_APPLIED;
    return !t->e->signers ? CZ_UNSIGNED : n == 0 ? CZ_WRONG_KEY : CZ_BELOW_THRESHOLD;
}

static int owners(const struct act *t, int account)
{
    if (!t->e->declared[account])
        return CZ_UNDECLARED;
    if (t->w.objects[account].state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    return signatures(t, &t->w.objects[account].policy);
}

static bool room_for(const struct act *t, int cap, int64_t q)
{
    for (; cap != AM_NOBODY; cap = t->w.objects[cap].cap.parent) {
        const struct am_cap *c = &t->w.objects[cap].cap;

        if (c->has_ceiling && c->spent + q > c->ceiling)
            return false;
    }
    return true;
}

static void use_room(struct act *t, int cap, int64_t q)
{
    for (; cap != AM_NOBODY; cap = t->w.objects[cap].cap.parent)
        if (t->w.objects[cap].cap.has_ceiling)
            t->w.objects[cap].cap.spent += q;
}

/* q below 0: nothing counts. */
static int authority(struct act *t, int account, unsigned right, int object, int64_t q)
{
    static const int reasons[] = {0, CZ_OTHER_RESOURCE, CZ_RIGHT_MISSING, CZ_OVER_CEILING};
    const struct am_object *o = &t->w.objects[object];
    bool has_asset = o->kind == AM_PURSE || o->kind == AM_RESERVE;
    int reason = owners(t, account), furthest = 0;

    if (reason != CZ_UNSIGNED && reason != CZ_WRONG_KEY && reason != CZ_BELOW_THRESHOLD)
        return reason;
    for (int i = 0; i < t->presented_count; i++) {
        const struct am_cap *c = &t->w.objects[t->order[i]].cap;
        int got;

        if (c->account != account)
            continue;
        if ((c->resource != AM_NOBODY && c->resource != object) ||
            (c->asset != AM_NOBODY && (!has_asset || c->asset != o->asset)))
            got = 1;
        else if (!(c->rights & right))
            got = 2;
        else if (q >= 0 && !room_for(t, t->order[i], q))
            got = 3;
        else {
            if (q >= 0)
                use_room(t, t->order[i], q);
            return CZ_APPLIED;
        }
        furthest = got > furthest ? got : furthest;
    }
    return furthest ? reasons[furthest] : reason;
}

static int leaving(struct act *t, int account, int asset, int64_t q)
{
    struct am_limit *l = &t->w.objects[account].policy.limits[asset];
    uint64_t number;

    if (!l->is)
        return CZ_APPLIED;
    if (t->e->declared[account] < 2)
        return CZ_UNDECLARED;
    if (!t->w.has_time)
        return CZ_RATE_LIMIT;
    number = t->w.time / l->window;
    if (number > l->number) {
        l->number = number;
        l->spent = 0;
    }
    if (l->spent + q > l->quantity)
        return CZ_RATE_LIMIT;
    l->spent += q;
    t->touched[account] = true;
    return CZ_APPLIED;
}

/* Of what is controlled: authority of its account, and none of reserves. */
static int controlled(struct act *t, int object, unsigned right)
{
    const struct am_object *o = &t->w.objects[object];

    if (o->kind == AM_RESERVE)
        return CZ_UNPROVEN;
    return o->account == AM_NOBODY ? CZ_APPLIED : authority(t, o->account, right, object, -1);
}

/* ---- Operations ------------------------------------------------------------------------- */

static bool is_fungible(const struct am_object *o)
{
    return o->kind == AM_PURSE || o->kind == AM_RESERVE;
}

static int transfer(struct act *t, const struct am_op *op)
{
    struct am_object *a = &t->w.objects[op->a], *b = &t->w.objects[op->b];
    int reason;

    if (!is_fungible(a) || !is_fungible(b))
        return CZ_WRONG_KIND;
    if (a->asset != b->asset)
        return CZ_WRONG_ASSET;
    if (a->state != CZ_ACTIVE || b->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (a->quantity < op->quantity)
        return CZ_OVERDRAFT;
    if (a->kind == AM_RESERVE || b->kind == AM_RESERVE)
        return CZ_UNPROVEN;
    if (a->account != AM_NOBODY) {
        reason = authority(t, a->account, CZ_RIGHT_DEBIT, op->a, op->quantity);
        if (!reason && a->account != b->account)
            reason = leaving(t, a->account, a->asset, op->quantity);
        if (reason)
            return reason;
    }
    a->quantity -= op->quantity;
    b->quantity += op->quantity;
    return CZ_APPLIED;
}

static int writing(struct act *t, const struct am_op *op)
{
    struct am_object *o = &t->w.objects[op->a];
    int reason;

    if (o->kind != AM_NOTE && o->kind != AM_ACCOUNT)
        return CZ_WRONG_KIND;
    if (o->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (o->kind == AM_NOTE)
        return controlled(t, op->a, CZ_RIGHT_WRITE);
    reason = owners(t, op->a);
    if (!reason)
        o->policy = op->policy;
    return reason;
}

static bool may_end(const struct act *t, int cap)
{
    for (; cap != AM_NOBODY; cap = t->w.objects[cap].cap.parent)
        if (t->e->declared[cap] && t->e->signers >> t->w.objects[cap].cap.holder & 1)
            return true;
    return false;
}

static int lifecycle(struct act *t, const struct am_op *op)
{
    /* By the state before: the state after, or -1. */
    static const int8_t after[6][5] = {{CZ_LOCKED, -1, -1, -1, -1},
                                       {-1, CZ_ACTIVE, -1, -1, -1},
                                       {CZ_FROZEN, -1, -1, -1, -1},
                                       {-1, -1, CZ_ACTIVE, -1, -1},
                                       {CZ_CONSUMED, CZ_CONSUMED, -1, -1, -1},
                                       {CZ_ARCHIVED, -1, CZ_ARCHIVED, -1, -1}};
    struct am_object *o = &t->w.objects[op->a];
    int next = after[op->code - AM_LOCK][o->state], reason;

    if (next < 0)
        return CZ_WRONG_STATE;
    if (op->code == AM_ARCHIVE && is_fungible(o) && o->quantity)
        return CZ_NOT_EMPTY;
    if ((op->code == AM_ARCHIVE || op->code == AM_CONSUME) && o->kind == AM_BOX &&
        o->open_count)
        return CZ_NOT_EMPTY;
    if (o->kind == AM_ACCOUNT)
        reason = signatures(t, &o->policy);
    else if (o->kind == AM_CAP)
        reason =
            op->code == AM_CONSUME && may_end(t, op->a) ? CZ_APPLIED : owners(t, o->account);
    else
        reason = controlled(t, op->a, CZ_RIGHT_LIFECYCLE);
    if (reason)
        return reason;
    o->state = (enum cz_state)next;
    if (op->code != AM_CONSUME || !is_fungible(o) || !o->quantity)
        return CZ_APPLIED;
    if (o->asset == AM_MOON)
        return CZ_UNPROVEN;
    t->w.supply[o->asset] -= o->quantity;
    o->quantity = 0;
    return CZ_APPLIED;
}

static int use(struct act *t, const struct am_op *op)
{
    if (t->w.objects[op->a].kind != AM_CAP)
        return CZ_WRONG_KIND;
    if (!t->e->signers)
        return CZ_UNSIGNED;
    if (!(t->e->signers >> t->w.objects[op->a].cap.holder & 1))
        return CZ_WRONG_KEY;
    for (int i = op->a; i != AM_NOBODY; i = t->w.objects[i].cap.parent) {
        const struct am_cap *c = &t->w.objects[i].cap;

        if (!t->e->declared[i] || (c->has_ceiling && t->e->declared[i] < 2))
            return CZ_UNDECLARED;
        if (t->w.objects[i].state != CZ_ACTIVE)
            return CZ_REVOKED;
        if (c->expires && (!t->w.has_time || t->w.time > c->expire_time))
            return CZ_CAPABILITY_EXPIRED;
        t->touched[i] = true;
    }
    if (!t->presented[op->a])
        t->order[t->presented_count++] = op->a;
    t->presented[op->a] = true;
    return CZ_APPLIED;
}

static bool within(const struct am_cap *c, const struct am_cap *p)
{
    return c->account == p->account && !(c->rights & ~p->rights) &&
           (p->resource == AM_NOBODY || c->resource == p->resource) &&
           (p->asset == AM_NOBODY || c->asset == p->asset) &&
           (!p->has_ceiling || (c->has_ceiling && c->ceiling <= p->ceiling)) &&
           (!p->expires || (c->expires && c->expire_time <= p->expire_time));
}

static int grant(struct act *t, const struct am_op *op)
{
    const struct am_cap *c = &op->cap;
    const struct am_object *parent = &t->w.objects[c->parent == AM_NOBODY ? 0 : c->parent];
    int reason, depth = 1;

    if (t->w.objects[op->a].kind != AM_NONE)
        return CZ_EXISTS;
    reason = owners(t, c->account);
    if (reason == CZ_UNDECLARED || reason == CZ_WRONG_STATE)
        return reason;
    if (c->parent != AM_NOBODY) {
        if (!t->e->declared[c->parent] || parent->kind == AM_NONE)
            return CZ_UNDECLARED;
        if (reason && !t->presented[c->parent])
            return reason;
        if (reason && !(parent->cap.rights & CZ_RIGHT_DELEGATE))
            return CZ_RIGHT_MISSING;
        reason = CZ_APPLIED;
        for (int i = c->parent; i != AM_NOBODY; i = t->w.objects[i].cap.parent)
            depth++;
        if (!within(c, &parent->cap) || depth > CZ_DELEGATION_MAX)
            return CZ_NOT_ATTENUATED;
    }
    if (reason)
        return reason;
    t->w.objects[op->a] = (struct am_object){
        .kind = AM_CAP, .state = CZ_ACTIVE, .account = c->account, .box = AM_NOBODY, .cap = *c};
    t->touched[op->a] = true;
    return CZ_APPLIED;
}

/* ---- The gateway ------------------------------------------------------------------------ */

static int fact_of(struct act *t, int fact, enum am_fact_kind kind)
{
    if (t->w.facts[fact].kind != kind)
        return CZ_WRONG_FACT;
    if (kind == AM_REFUSED)
        return CZ_APPLIED;
    if (t->used[fact])
        return CZ_EVENT_CONSUMED;
    t->used[fact] = true;
    return CZ_APPLIED;
}

static int pay_in(struct act *t, const struct am_op *op)
{
    struct am_object *o = &t->w.objects[op->a];
    const struct am_fact *f = &t->w.facts[op->fact];
    int reason;

    if (!is_fungible(o))
        return CZ_WRONG_KIND;
    if (o->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    reason = fact_of(t, op->fact, AM_DEPOSIT);
    if (reason)
        return reason;
    if (o->kind == AM_RESERVE)
        return CZ_UNPROVEN;
    if (o->account == AM_NOBODY)
        return CZ_DIRECT_OWNERSHIP;
    if (o->asset != f->asset || o->account != f->account)
        return CZ_WRONG_FACT;
    o->quantity += f->amount;
    t->w.supply[o->asset] += f->amount;
    return CZ_APPLIED;
}

static int reserve_of(const struct am_object *r, int box, int asset)
{
    if (!is_fungible(r))
        return CZ_WRONG_KIND;
    if (r->asset != asset)
        return CZ_WRONG_ASSET;
    if (r->kind != AM_RESERVE || r->box != box)
        return CZ_UNPROVEN;
    return r->state == CZ_ACTIVE ? CZ_APPLIED : CZ_WRONG_STATE;
}

static int withdraw(struct act *t, const struct am_op *op)
{
    struct am_object *o = &t->w.objects[op->a], *box = &t->w.objects[op->b],
                     *r = &t->w.objects[op->c];
    int reason;

    if (!is_fungible(o))
        return CZ_WRONG_KIND;
    if (o->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (o->kind == AM_RESERVE || o->account == AM_NOBODY)
        return CZ_UNPROVEN;
    if (box->kind != AM_BOX)
        return CZ_WRONG_KIND;
    if (box->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (box->account != o->account)
        return CZ_UNPROVEN;
    if (o->asset != AM_MOON)
        return CZ_UNKNOWN_DOMAIN;
    reason = reserve_of(r, op->b, o->asset);
    if (!reason)
        reason = authority(t, o->account, CZ_RIGHT_WITHDRAW, op->a, op->quantity);
    if (!reason && o->quantity < op->quantity)
        reason = CZ_OVERDRAFT;
    if (!reason)
        reason = leaving(t, o->account, o->asset, op->quantity);
    if (!reason && box->open_count == CZ_WITHDRAWALS_MAX)
        reason = CZ_OUTBOX_FULL;
    if (reason)
        return reason;
    box->open[box->open_count++] =
        (struct am_withdrawal){t->e->number, t->withdrawals++, o->asset, op->quantity};
    o->quantity -= op->quantity;
    r->quantity += op->quantity;
    return CZ_APPLIED;
}

static int close(struct act *t, const struct am_op *op, enum am_fact_kind kind, int64_t *ret)
{
    struct am_object *box = &t->w.objects[op->a], *r = &t->w.objects[op->b];
    const struct am_fact *f = &t->w.facts[op->fact];
    unsigned i = 0;
    int reason = fact_of(t, op->fact, kind);

    if (reason)
        return reason;
    if (box->kind != AM_BOX)
        return CZ_WRONG_KIND;
    if (box->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    while (i < box->open_count &&
           (box->open[i].effect != f->effect || box->open[i].number != f->number))
        i++;
    if (i == box->open_count)
        return CZ_NO_WITHDRAWAL;
    reason = reserve_of(r, op->a, box->open[i].asset);
    if (reason)
        return reason;
    if (kind == AM_PAID &&
        (f->asset != box->open[i].asset || f->amount != box->open[i].quantity))
        return CZ_WRONG_FACT;
    *ret = box->open[i].quantity;
    r->quantity -= *ret;
    box->open[i] = box->open[--box->open_count];
    return CZ_APPLIED;
}

static int closing(struct act *t, const struct am_op *op)
{
    struct am_object *to = &t->w.objects[op->c];
    int64_t q = 0;
    int reason = close(t, op, op->code == AM_CONFIRM ? AM_PAID : AM_REFUSED, &q);

    if (reason)
        return reason;
    if (op->code == AM_CONFIRM) {
        t->w.supply[AM_MOON] -= q;
        return CZ_APPLIED;
    }
    if (!is_fungible(to))
        return CZ_WRONG_KIND;
    if (to->asset != AM_MOON)
        return CZ_WRONG_ASSET;
    if (to->state != CZ_ACTIVE)
        return CZ_WRONG_STATE;
    if (to->kind == AM_RESERVE || to->account != t->w.objects[op->a].account)
        return CZ_UNPROVEN;
    to->quantity += q;
    return CZ_APPLIED;
}

/* ---- Effects ---------------------------------------------------------------------------- */

static int named(enum am_code code)
{
    switch (code) {
    case AM_WHEN:
    case AM_GRANT:
        return 0;
    case AM_TRANSFER:
    case AM_CONFIRM:
        return 2;
    case AM_WITHDRAW:
    case AM_RELEASE:
        return 3;
    default:
        return 1;
    }
}

static int perform(struct act *t, const struct am_op *op)
{
    const int names[] = {op->a, op->b, op->c};

    for (int i = 0; i < named(op->code); i++)
        if (t->w.objects[names[i]].kind == AM_NONE)
            return CZ_UNKNOWN_RESOURCE;
    for (int i = 0; i < named(op->code) && op->code != AM_USE; i++)
        t->touched[names[i]] = true;
    switch (op->code) {
    case AM_TRANSFER:
        return transfer(t, op);
    case AM_WRITE:
        return writing(t, op);
    case AM_USE:
        return use(t, op);
    case AM_GRANT:
        return grant(t, op);
    case AM_WHEN:
        if (!t->w.has_time || t->w.time < op->from)
            return CZ_TOO_EARLY;
        return t->w.time > op->to ? CZ_TOO_LATE : CZ_APPLIED;
    case AM_PAY_IN:
        return pay_in(t, op);
    case AM_WITHDRAW:
        return withdraw(t, op);
    case AM_CONFIRM:
    case AM_RELEASE:
        return closing(t, op);
    default:
        return lifecycle(t, op);
    }
}

/* What is judged of the effect as a whole. */
static int as_a_whole(struct act *t)
{
    int first = CZ_APPLIED, reason;

    for (int i = 0; i < t->w.fact_count; i++)
        if (t->e->cited[i] && !t->used[i] && t->w.facts[i].kind != AM_REFUSED)
            return CZ_WRONG_FACT;
    for (int k = 0; k < AM_OBJECTS && !first; k++) {
        int i = t->w.by_id[k];

        if (t->e->declared[i] < 2 || t->w.objects[i].kind == AM_NONE || t->touched[i])
            continue;
        reason = t->w.objects[i].kind == AM_ACCOUNT ? owners(t, i)
                                                    : controlled(t, i, CZ_RIGHT_WRITE);
        first = reason;
    }
    for (int i = 0; i < AM_OBJECTS && !first; i++)
        if (t->e->declared[i] && t->w.objects[i].kind == AM_NONE)
            first = CZ_UNKNOWN_RESOURCE;
    return first;
}

int am_run(struct am_world *w, const struct am_effect *e)
{
    static struct act t;
    int reason = CZ_APPLIED;

    memset(&t, 0, sizeof t);
    t.w = *w;
    t.e = e;
    for (int i = 0; i < w->fact_count; i++)
        if (e->cited[i] && w->facts[i].used)
            return CZ_EVENT_CONSUMED;
    for (int i = 0; i < e->op_count && !reason; i++)
        reason = perform(&t, &e->ops[i]);
    if (!reason)
        reason = as_a_whole(&t);
    if (reason)
        return reason;
    for (int i = 0; i < w->fact_count; i++)
        t.w.facts[i].used |= e->cited[i] && t.w.facts[i].kind != AM_REFUSED;
    *w = t.w;
    return CZ_APPLIED;
}
