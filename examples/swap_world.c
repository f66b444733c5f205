/* swap_world.c - see swap_world.h. */
#include "swap_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t swap_secret[32] = "the host's own";
static const uint8_t seeds[SIDES][32] = {"alice", "bob"};

static void check(int rc, const cz_error *err)
{
    if (rc) {
        (void)fprintf(stderr, "%s\n", err->detail);
        abort();
    }
}

static void say(struct swap_world *w, const char *what)
{
    if (w->say)
        w->say(w, what);
}

/* ---- The ledger -----------------------------------------------------------------------------
 */

static void reopen(struct swap_world *w);

/* What the power's going may interrupt is done again, which is harmless. */
static bool interrupted(struct swap_world *w, int rc, const cz_error *err)
{
    if (!cz_sim_crashed(w->sim)) {
        check(rc, err);
        return false;
    }
    swap_crash(w);
    return true;
}

static void settle(struct swap_world *w)
{
    do
        cz_sim_settle(w->sim);
    while (interrupted(w, CZ_OK, NULL));
}

static void reopen(struct swap_world *w)
{
    cz_host_options options = {.programs = w->programs, .secret = swap_secret};
    cz_error err = {0};

    for (options.count = 0; w->programs[options.count].name; options.count++)
        continue;
    check(cz_sim_open(w->sim, &w->engine, &err), &err);
    check(cz_host_new(w->engine, &options, &w->host, &err), &err);
}

void swap_crash(struct swap_world *w)
{
    cz_program_spec spec = {w->name, 0, "demo", w->args, strlen(w->args)};
    cz_error err = {0};

    w->crashes++;
    say(w, "the power goes, and comes back");
    cz_sim_crash_after(w->sim, 0);
    (void)cz_host_close(w->host, NULL);
    cz_sim_crash(w->sim);
    reopen(w);
    if (w->args[0]) /* if that was not on disk yet */
        check(cz_program_start(w->host, &spec, &w->program, &err), &err);
}

/* Signs with both keys, and waits. */
static void perform(struct swap_world *w, cz_effect *e)
{
    static const char who[] = "demo";
    cz_error err = {0};
    cz_result r;
    cz_id origin;
    int rc;

    check(cz_resource_id(&w->account, who, &origin, &err), &err);
    cz_effect_set_origin(e, &origin);
    for (uint64_t nonce = 1;; nonce++) {
        cz_effect_set_nonce(e, nonce);
        for (int i = 0; i < SIDES; i++)
            check(cz_effect_sign(e, seeds[i], &err), &err);
        rc = cz_perform(w->engine, e, &r, &err);
        if (rc == CZ_REJECTED && r.reason == CZ_NONCE)
            continue;
        if (rc != CZ_REJECTED && interrupted(w, rc, &err))
            continue; /* the same nonce again would do: the first one's result */
        return;
    }
}

/* ---- Beginning and end ----------------------------------------------------------------------
 */

static void know_chain(struct swap_world *w, struct side *s, uint64_t seed)
{
    cz_domain_spec domain;
    cz_error err = {0};

    check(cz_sim_new(s->domain, seed, &s->chain, &err), &err);
    cz_sim_interval(s->chain, SWAP_INTERVAL);
    cz_sim_domain(s->chain, &domain);
    domain.safe_depth = domain.final_depth = SWAP_FINAL;
    check(cz_domain_set(w->engine, &domain, &err), &err);
}

static void asset_of(const struct side *s, char asset[64])
{
    (void)snprintf(asset, 64, "%s:%s", s->domain, s->asset);
}

/* An account for which both must sign. */
static void make_escrow(struct swap_world *w)
{
    cz_policy policy = {.threshold = 2, .owner_count = 2};
    char asset[64];
    cz_error err = {0};
    CZ_EFFECT(e);

    for (int i = 0; i < SIDES; i++)
        cz_public_key(seeds[i], policy.owners[i]);
    if (memcmp(policy.owners[0], policy.owners[1], 32) > 0) {
        cz_public_key(seeds[0], policy.owners[1]);
        cz_public_key(seeds[1], policy.owners[0]);
    }
    check(cz_account_id("escrow", &w->account, &err), &err);
    check(cz_account_create(e, "escrow", &policy, &err), &err);
    for (int i = 0; i < SIDES; i++) {
        asset_of(&w->sides[i], asset);
        check(cz_account_open(e, &w->account, asset, &err), &err);
    }
    perform(w, e);
}

/* The program is a code in the store then, and its name is the code's id. */
static void deploy(struct swap_world *w)
{
    cz_error err = {0};
    cz_id id;
    CZ_EFFECT(e);

    check(cz_effect_deploy(e, w->guest, w->guest_len, &id, &err), &err);
    perform(w, e);
    cz_id_print(&id, w->guest_name);
    w->name = w->guest_name;
}

/* The program may withdraw, and nothing else. */
static void grant(struct swap_world *w)
{
    cz_grant g = {.account = w->account, .rights = CZ_RIGHT_WITHDRAW};
    cz_error err = {0};
    CZ_EFFECT(e);

    check(cz_host_program_key(w->host, &w->program, g.holder, &err), &err);
    check(cz_account_grant(w->engine, e, "swap", &g, &w->capability, &err), &err);
    perform(w, e);
}

void swap_world_init(struct swap_world *w, const cz_sim_options *options,
                     const cz_program_def *programs, uint64_t claim, uint64_t refund,
                     uint64_t end)
{
    static const struct side sides[] = {
        {.domain = "moon", .asset = "MOON", .party = "alice", .amount = 100},
        {.domain = "sun", .asset = "SUN", .party = "bob", .amount = 50}};
    cz_program_spec spec = {programs->name, 0, "demo", NULL, 0};
    cz_error err = {0};

    *w = (struct swap_world){.programs = programs,
                             .name = programs->name,
                             .say = w->say,
                             .guest = w->guest,
                             .guest_len = w->guest_len};
    memcpy(w->sides, sides, sizeof sides);
    check(cz_sim_world_new(options, &w->sim, &err), &err);
    reopen(w);
    for (int i = 0; i < SIDES; i++)
        know_chain(w, &w->sides[i], options->seed * SIDES + (uint64_t)i);
    make_escrow(w);
    if (w->guest)
        deploy(w);
    spec.name = w->name;
    check(cz_resource_id(&w->account, "swap", &w->capability, &err), &err);
    (void)snprintf(w->args, sizeof w->args,
                   "escrow swap %llu %llu %llu moon MOON 100 alice-moon bob-moon sun SUN 50 "
                   "bob-sun alice-sun",
                   (unsigned long long)claim, (unsigned long long)refund,
                   (unsigned long long)end);
    spec.args = w->args;
    spec.args_len = strlen(w->args);
    check(cz_program_id(&spec, &w->program, &err), &err);
    grant(w);
    check(cz_program_start(w->host, &spec, &w->program, &err), &err);
    settle(w);
}

void swap_world_done(struct swap_world *w)
{
    cz_error err = {0};

    (void)cz_host_close(w->host, &err);
    cz_sim_world_free(w->sim);
    for (int i = 0; i < SIDES; i++)
        cz_sim_free(w->sides[i].chain);
}

/* ---- The chains -----------------------------------------------------------------------------
 */

void swap_deposit(struct swap_world *w, int side)
{
    struct side *s = &w->sides[side];
    char what[96];
    cz_error err = {0};

    check(cz_sim_deposit(s->chain, "escrow", s->asset, s->amount, &s->event, &err), &err);
    (void)snprintf(what, sizeof what, "%s pays %llu %s into the escrow on %s", s->party,
                   (unsigned long long)s->amount, s->asset, s->domain);
    say(w, what);
}

static int take_id(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    (void)err;
    *(cz_id *)arg = fact->id;
    return CZ_OK;
}

/* CZ_NOT_FOUND: the chain has it not, or no more. */
static int event_id(const struct side *s, enum cz_fact_kind kind, uint64_t event, cz_id *ret)
{
    char number[24];
    cz_error err = {0};

    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)event);
    return cz_sim_fact_of(s->chain, kind, number, NULL, take_id, ret, &err);
}

/* What was in dropped blocks and is not included again never happened: who paid pays again. */
static void forget_dropped(struct swap_world *w, int side)
{
    struct side *s = &w->sides[side];
    unsigned kept = 0;
    cz_id id;

    if (s->event && event_id(s, CZ_FACT_DEPOSIT, s->event, &id))
        s->event = 0;
    for (unsigned i = 0; i < w->payment_count; i++) {
        const struct payment *p = &w->payments[i];

        if (p->side != side || !event_id(s, CZ_FACT_WITHDRAWAL, p->event, &id))
            w->payments[kept++] = *p;
        else
            *(p->back ? &s->back : &s->forth) -= p->amount;
    }
    w->payment_count = kept;
}

void swap_reorg(struct swap_world *w, int side, uint64_t depth, bool reinclude)
{
    struct side *s = &w->sides[side];
    char what[96];
    cz_error err = {0};

    (void)snprintf(what, sizeof what, "%s drops its newest %llu blocks%s", s->domain,
                   (unsigned long long)depth, reinclude ? " and has their content again" : "");
    say(w, what);
    check(cz_sim_reorg(s->chain, depth, reinclude, &err), &err);
    forget_dropped(w, side);
}

void swap_mine(struct swap_world *w, int side)
{
    cz_error err = {0};

    check(cz_sim_mine(w->sides[side].chain, 1, &err), &err);
}

void swap_observe(struct swap_world *w, int side)
{
    cz_error err = {0};
    int rc;

    do
        rc = cz_sim_observe(w->sides[side].chain, w->engine, NULL, &err);
    while (rc != CZ_DOMAIN_FROZEN && interrupted(w, rc, &err));
    settle(w);
}

struct freeze {
    const char *name;
    cz_id against;
    bool any;
};

static int note_freeze(void *arg, const cz_domain *domain)
{
    struct freeze *f = arg;

    f->any |= domain->frozen;
    if (domain->frozen && f->name && !strcmp(domain->name, f->name))
        f->against = domain->contradicts[1];
    return CZ_OK;
}

static struct freeze freeze_of(struct swap_world *w, const char *name)
{
    struct freeze f = {.name = name};
    cz_error err = {0};
    int rc;

    do
        rc = cz_domain_list(w->engine, note_freeze, &f, &err);
    while (interrupted(w, rc, &err));
    return f;
}

void swap_resolve(struct swap_world *w, int side)
{
    const char *name = w->sides[side].domain;
    struct freeze f = freeze_of(w, name);
    cz_error err = {0};

    say(w, "the operator decides: the chain is as it says now");
    check(cz_domain_resolve(w->engine, name, &f.against, "reorganised", &err), &err);
    swap_observe(w, side);
}

uint64_t swap_time(const struct swap_world *w)
{
    return cz_sim_height(w->sides[MOON].chain) * SWAP_INTERVAL;
}

void swap_tick(struct swap_world *w)
{
    for (int i = 0; i < SIDES; i++)
        swap_mine(w, i);
    for (int i = 0; i < SIDES; i++)
        swap_observe(w, i);
}

/* ---- Who pays outside -----------------------------------------------------------------------
 */

struct open_withdrawals {
    struct swap_world *w;
    cz_withdrawal list[CZ_WITHDRAWALS_MAX];
    char texts[CZ_WITHDRAWALS_MAX][2][64];
    unsigned count;
};

static int take_withdrawal(void *arg, const cz_withdrawal *withdrawal)
{
    struct open_withdrawals *o = arg;
    char(*text)[64] = o->texts[o->count];

    (void)snprintf(text[0], sizeof text[0], "%s", withdrawal->asset);
    (void)snprintf(text[1], sizeof text[1], "%s", withdrawal->destination);
    o->list[o->count] = *withdrawal;
    o->list[o->count].asset = text[0];
    o->list[o->count++].destination = text[1];
    return CZ_OK;
}

static const struct payment *paid(const struct swap_world *w, const char *reference)
{
    for (unsigned i = 0; i < w->payment_count; i++)
        if (!strcmp(w->payments[i].reference, reference))
            return &w->payments[i];
    return NULL;
}

/* Once: outside, the reference is remembered. */
static void pay(struct swap_world *w, const cz_withdrawal *o, const char *reference)
{
    int side = strncmp(o->asset, "sun", 3) ? MOON : SUN;
    struct side *s = &w->sides[side];
    struct payment *p = &w->payments[w->payment_count++];
    char what[160];
    cz_error err = {0};

    if (w->payment_count > PAYMENTS_MAX)
        abort();
    p->side = side;
    (void)snprintf(p->reference, sizeof p->reference, "%s", reference);
    check(cz_sim_withdrawal(s->chain, reference, s->asset, (uint64_t)o->quantity, &p->event,
                            &err),
          &err);
    p->amount = (uint64_t)o->quantity;
    p->back = strncmp(o->destination, s->party, strlen(s->party)) == 0;
    *(p->back ? &s->back : &s->forth) += p->amount;
    (void)snprintf(what, sizeof what, "%llu %s are paid to %s", (unsigned long long)o->quantity,
                   s->asset, o->destination);
    say(w, what);
}

static int note_final(void *arg, const cz_fact *fact)
{
    *(bool *)arg = fact->stands && fact->finality == CZ_FINAL;
    return CZ_OK;
}

/* Once the payment is proven, and cannot go any more. */
static void close_withdrawal(struct swap_world *w, const struct payment *p)
{
    bool is_final = false;
    cz_error err = {0};
    cz_id fact;
    CZ_EFFECT(e);

    if (event_id(&w->sides[p->side], CZ_FACT_WITHDRAWAL, p->event, &fact) ||
        cz_fact_get(w->engine, &fact, note_final, &is_final, &err) || !is_final)
        return;
    check(cz_account_close(w->engine, e, &w->account, &fact, &err), &err);
    perform(w, e);
}

void swap_pay(struct swap_world *w)
{
    struct open_withdrawals o = {.w = w};
    cz_id outbox = cz_account_outbox(&w->account);
    char reference[CZ_REFERENCE_SIZE];
    cz_resource box;
    cz_error err = {0};
    bool disputed = false;
    int rc;

    do {
        o.count = 0;
        rc = cz_resource_get(w->engine, &outbox, &box, &err);
        if (!rc)
            rc = cz_outbox_decode(box.data, box.data_len, take_withdrawal, &o, &err);
    } while (rc != CZ_NOT_FOUND && interrupted(w, rc, &err));
    for (unsigned i = 0; i < o.count && !freeze_of(w, NULL).any; i++) {
        cz_withdrawal_reference(&o.list[i], reference);
        do
            rc = cz_is_disputed(w->engine, &o.list[i].effect, &disputed, &err);
        while (interrupted(w, rc, &err));
        if (paid(w, reference))
            close_withdrawal(w, paid(w, reference));
        else if (!disputed)
            pay(w, &o.list[i], reference);
    }
    settle(w);
}

/* ---- What became of it ----------------------------------------------------------------------
 */

bool swap_ended(struct swap_world *w, cz_program_report *ret)
{
    cz_error err = {0};
    int rc;

    do
        rc = cz_program_get(w->engine, w->host, &w->program, ret, &err);
    while (rc != CZ_NOT_FOUND && interrupted(w, rc, &err));
    return rc == CZ_OK && ret->state != CZ_PROGRAM_RUNNING;
}

cz_quantity swap_held(struct swap_world *w, int side, bool reserve)
{
    char asset[64];
    cz_resource r;
    cz_error err = {0};
    cz_id id;
    int rc;

    asset_of(&w->sides[side], asset);
    check(reserve ? cz_account_reserve(&w->account, asset, &id, &err)
                  : cz_account_balance(&w->account, asset, &id, &err),
          &err);
    do
        rc = cz_resource_get(w->engine, &id, &r, &err);
    while (rc != CZ_NOT_FOUND && interrupted(w, rc, &err));
    return rc ? 0 : r.quantity;
}

const char *swap_wrong(struct swap_world *w, bool at_end)
{
    const struct side *a = &w->sides[MOON], *b = &w->sides[SUN];

    for (int i = 0; i < SIDES; i++) {
        const struct side *s = &w->sides[i];
        uint64_t out = s->back + s->forth;
        cz_quantity held = swap_held(w, i, false) + swap_held(w, i, true);

        if (out > (s->event ? s->amount : 0))
            return "more was paid out than came in";
        if (held > (cz_quantity)s->amount)
            return "the ledger holds more than came in";
        if (s->back && s->forth)
            return "a leg was paid both back and forth";
    }
    if ((b->forth && a->back) || (a->forth && b->back))
        return "a party has both legs";
    if (at_end && (a->forth != 0) != (b->forth != 0))
        return "half a swap was paid forth";
    for (int i = 0; i < SIDES && at_end; i++)
        if (w->sides[i].owed && w->sides[i].back + w->sides[i].forth != w->sides[i].amount)
            return "a deposit was neither paid back nor forth";
    return NULL;
}
