/* test_gateway.c - how external value comes in and goes out: credited once from a proven fact,
 * reserved, and closed by a fact; everything else is refused before anything changes.
 */
#include "account_fixture.h"

/* alice has a balance, an outbox and a reserve of MOON; the chain has 3 blocks of 60. */
struct gw {
    struct af f;
    cz_id purse, box, reserve, bobs;
};

static const uint8_t empty_outbox[] = {0x82, 0x14, 0x80};

static cz_creation outbox_of(cz_id account)
{
    cz_creation c = af_creation(account, "outbox", CZ_OUTBOX, NULL, 0);

    c.data = empty_outbox;
    c.data_len = sizeof empty_outbox;
    return c;
}

static void gw_open_in(struct gw *g, struct czi_fs *fs)
{
    struct fw *w = &g->f.w;

    af_open_in(&g->f, fs);
    g->purse = af_id(g->f.alice, MOON);
    g->bobs = af_id(g->f.bob, MOON);
    g->box = af_id(g->f.alice, "outbox");
    g->reserve = af_id(g->box, MOON);
    cz_sim_interval(w->chain, 60);
    APPLY(w, 0, creates(e, af_balance(g->f.alice, MOON)),
          creates(e, af_balance(g->f.bob, MOON)), creates(e, outbox_of(g->f.alice)),
          creates(e, af_balance(g->box, MOON)));
}

static void gw_open(struct gw *g)
{
    gw_open_in(g, NULL);
}

static cz_dependency terms(const struct fw_fact *f, const char *purpose)
{
    return (cz_dependency){.fact = f->id, .policy = CZ_STILL_TRUE, .purpose = purpose};
}

/* A deposit, mined and observed. */
static struct fw_fact arrives(struct gw *g, const char *account, const char *asset,
                              uint64_t amount)
{
    struct fw *w = &g->f.w;
    uint64_t n = 0;
    cz_error err = {0};

    assert_ok(cz_sim_deposit(w->chain, account, asset, amount, &n, &err), err);
    fw_mine(w, 1);
    fw_observe(w);
    return fw_deposit(w, n);
}

static struct fw_fact is_paid(struct gw *g, const char *account, const char *asset,
                              uint64_t amount)
{
    struct fw *w = &g->f.w;
    char name[24];
    uint64_t n = 0;
    cz_error err = {0};

    assert_ok(cz_sim_withdrawal(w->chain, account, asset, amount, &n, &err), err);
    fw_mine(w, 1);
    fw_observe(w);
    (void)snprintf(name, sizeof name, "%llu", (unsigned long long)n);
    return fw_fact(w, CZ_FACT_WITHDRAWAL, name);
}

static struct fw_fact is_registered(struct gw *g, const char *name, const char *value)
{
    struct fw *w = &g->f.w;
    cz_error err = {0};

    assert_ok(cz_sim_register(w->chain, name, value, strlen(value), &err), err);
    fw_mine(w, 1);
    fw_observe(w);
    return fw_fact(w, CZ_FACT_REGISTER, name);
}

static void gw_credit(struct gw *g, uint64_t amount)
{
    struct fw_fact f = arrives(g, "alice", "MOON", amount);

    APPLY(&g->f.w, 0, cites(e, terms(&f, "deposit")), deposits(e, g->purse, f.id));
}

/* Withdraws so much; the id of the effect. */
static cz_id gw_withdraw(struct gw *g, cz_quantity q, const char *destination)
{
    struct fw *w = &g->f.w;
    cz_error err = {0};
    uint8_t seed[32];
    cz_id id;
    cz_effect *e = fw_effect(w);

    reads(e, g->f.alice);
    withdraws(e, g->purse, g->box, g->reserve, q, destination);
    for (unsigned i = 0; i < 2; i++) {
        af_seed(i, seed);
        assert_ok(cz_effect_sign(e, seed, &err), err);
    }
    assert_ok(cz_effect_id(e, &id, &err), err);
    assert_int_equal(fw_run(w, e).reason, CZ_APPLIED);
    return id;
}

static const char *reference(cz_id effect, uint32_t number, const char *destination)
{
    static char text[CZ_REFERENCE_SIZE];
    cz_withdrawal w = {.effect = effect, .number = number, .destination = destination};

    cz_withdrawal_reference(&w, text);
    return text;
}

static int count_one(void *arg, const cz_withdrawal *w)
{
    (void)w;
    ++*(unsigned *)arg;
    return CZ_OK;
}

static unsigned open_withdrawals(struct gw *g)
{
    unsigned n = 0;
    cz_resource r;
    cz_error err = {0};

    assert_ok(cz_resource_get(g->f.w.engine, &g->box, &r, &err), err);
    assert_ok(cz_outbox_decode(r.data, r.data_len, count_one, &n, &err), err);
    return n;
}

/* ---- External assets --------------------------------------------------------------------- */

static void external_value_is_neither_made_nor_lost_here(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    cz_creation c;

    (void)state;
    gw_open(&g);
    gw_credit(&g, 10);
    c = af_creation(g.f.alice, "more", CZ_FUNGIBLE, MOON, 1);
    EXPECT(w, CZ_UNPROVEN, K(0) | K(1), reads(e, g.f.alice), creates(e, c));
    EXPECT(w, CZ_UNPROVEN, K(0) | K(1), reads(e, g.f.alice), consumes(e, g.purse));
    EXPECT(w, CZ_DIRECT_OWNERSHIP, 0, creates(e, fx_creation("mine", CZ_FUNGIBLE, MOON, 0)));
    EXPECT(w, CZ_UNPROVEN, 0, creates(e, fx_creation("mine", CZ_FUNGIBLE, MOON, 1)));
    /* Of no domain that is known, and of none at all. */
    APPLY(w, 0, creates(e, fx_creation("mars", CZ_FUNGIBLE, "mars:MOON", 1)));
    APPLY(w, 0, creates(e, fx_creation("plain", CZ_FUNGIBLE, "moon", 1)));
    APPLY(w, K(0) | K(1), reads(e, g.f.alice),
          creates(e, af_creation(g.f.alice, "more", CZ_FUNGIBLE, MOON, 0)),
          transfer(e, g.purse, af_id(g.f.alice, "more"), 10), consumes(e, g.purse));
    fw_close(w);
}

static void reserves_are_the_gateways_alone(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    unsigned both = K(0) | K(1);
    cz_creation c;

    (void)state;
    gw_open(&g);
    gw_credit(&g, 10);
    (void)gw_withdraw(&g, 4, "bob");
    /* The short way, and the general one. */
    EXPECT(w, CZ_UNPROVEN, both, transfer(e, g.reserve, g.purse, 1));
    EXPECT(w, CZ_UNPROVEN, both, transfer(e, g.purse, g.reserve, 1));
    EXPECT(w, CZ_UNPROVEN, both, reads(e, g.f.alice), transfer(e, g.reserve, g.purse, 1));
    EXPECT(w, CZ_UNPROVEN, both, reads(e, g.f.alice), transfer(e, g.purse, g.reserve, 1));
    EXPECT(w, CZ_UNPROVEN, both, reads(e, g.f.alice), reads(e, g.box), locks(e, g.reserve));
    EXPECT(w, CZ_UNPROVEN, both, reads(e, g.f.alice), writes(e, g.reserve),
           transfer(e, g.purse, g.bobs, 1));
    c = af_creation(g.box, "other", CZ_FUNGIBLE, MOON, 0);
    EXPECT(w, CZ_UNPROVEN, both, reads(e, g.f.alice), reads(e, g.box), creates(e, c));
    EXPECT(w, CZ_NOT_EMPTY, both, reads(e, g.f.alice), consumes(e, g.box));
    EXPECT(w, CZ_WRONG_KIND, both, reads(e, g.f.alice),
           put_bytes(e, g.box, empty_outbox, sizeof empty_outbox));
    assert_true(af_quantity(w, g.reserve) == 4 && open_withdrawals(&g) == 1);
    fw_close(w);
}

/* ---- Deposits ---------------------------------------------------------------------------- */

static void a_deposit_is_credited_once_to_whom_it_names(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    struct fw_fact f, again;
    char id[CZ_ID_TEXT_SIZE];

    (void)state;
    gw_open(&g);
    f = arrives(&g, "alice", "MOON", 7);
#define CREDIT(to) cites(e, terms(&f, "deposit")), deposits(e, to, f.id)
    EXPECT(w, CZ_WRONG_FACT, 0, CREDIT(g.bobs));             /* another account's */
    EXPECT(w, CZ_WRONG_FACT, 0, deposits(e, g.purse, f.id)); /* not used up */
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, "credit")), deposits(e, g.purse, f.id));
    EXPECT(w, CZ_UNPROVEN, 0, CREDIT(g.reserve));
    EXPECT(w, CZ_WRONG_KIND, 0, CREDIT(g.box));
    EXPECT(w, CZ_EVENT_CONSUMED, 0, CREDIT(g.purse), deposits(e, g.purse, f.id));
    EXPECT(w, CZ_UNKNOWN_RESOURCE, 0, CREDIT(fx_id("nothing")));
    APPLY(w, 0, CREDIT(g.purse));
    assert_true(af_quantity(w, g.purse) == 7);
    EXPECT(w, CZ_EVENT_CONSUMED, 0, CREDIT(g.purse));
    /* Named by the account's id, and by the balance's. */
    cz_id_print(&g.f.alice, id);
    f = arrives(&g, id, "MOON", 2);
    EXPECT(w, CZ_WRONG_FACT, 0, CREDIT(g.bobs));
    APPLY(w, 0, CREDIT(g.purse));
    cz_id_print(&g.purse, id);
    f = arrives(&g, id, "MOON", 3);
    again = arrives(&g, "alice", "MOON", 4);
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, "deposit")), /* another event's */
           cites(e, terms(&again, "deposit")), deposits(e, g.purse, f.id));
    APPLY(w, 0, cites(e, terms(&f, "deposit")), cites(e, terms(&again, "deposit")),
          deposits(e, g.purse, f.id), deposits(e, g.purse, again.id));
    assert_true(af_quantity(w, g.purse) == 16);
#undef CREDIT
    fw_close(w);
}

static void a_deposit_is_of_its_domains_asset(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    struct fw_fact f, plain;
    cz_id free_gold;

    (void)state;
    gw_open(&g);
    f = arrives(&g, "alice", "GOLD", 7);
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, "deposit")), deposits(e, g.purse, f.id));
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, "deposit")),
           deposits(e, g.f.alice_gold, f.id));
    APPLY(w, 0, creates(e, fx_creation("free gold", CZ_FUNGIBLE, "gold", 0)));
    free_gold = fx_id("free gold");
    plain = arrives(&g, "free gold", "gold", 7);
    EXPECT(w, CZ_DIRECT_OWNERSHIP, 0, cites(e, terms(&plain, "deposit")),
           deposits(e, free_gold, plain.id));
    fw_close(w);
}

static void only_a_standing_deposit_is_credited(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    struct fw_fact f, other, paid;
    cz_dependency d;
    cz_error err = {0};

    (void)state;
    gw_open(&g);
    f = arrives(&g, "alice", "MOON", 7);
    paid = is_paid(&g, "alice", "MOON", 7);
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&paid, "deposit")),
           deposits(e, g.purse, paid.id)); /* of another kind */
    other = f;
    other.id.bytes[0] ^= 1;
    EXPECT(w, CZ_UNKNOWN_FACT, 0, cites(e, terms(&other, "deposit")),
           deposits(e, g.purse, other.id));
    /* Left out because it does not hold. */
    d = terms(&f, "deposit");
    d.optional = true;
    d.finality = CZ_FINAL;
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, d), deposits(e, g.purse, f.id));
    d.optional = false;
    EXPECT(w, CZ_BELOW_FINALITY, 0, cites(e, d), deposits(e, g.purse, f.id));
    assert_ok(cz_sim_reorg(w->chain, 2, false, &err), err);
    fw_mine(w, 3);
    fw_observe(w);
    EXPECT(w, CZ_NOT_CANONICAL, 0, cites(e, terms(&f, "deposit")), deposits(e, g.purse, f.id));
    fw_close(w);
}

static void nobody_uses_up_what_another_is_to_be_credited_with(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    struct fw_fact f, paid;

    (void)state;
    gw_open(&g);
    f = arrives(&g, "alice", "MOON", 7);
    paid = is_paid(&g, "anybody", "MOON", 7);
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, "deposit")),
           creates(e, fx_creation("x", CZ_DATA, NULL, 0)));
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&paid, "withdrawal")),
           creates(e, fx_creation("x", CZ_DATA, NULL, 0)));
    /* Other purposes, and other kinds, are no business of the gateway. */
    APPLY(w, 0, cites(e, terms(&f, "note")), cites(e, terms(&paid, "deposit")),
          creates(e, fx_creation("x", CZ_DATA, NULL, 0)));
    APPLY(w, 0, cites(e, terms(&f, "deposit")), deposits(e, g.purse, f.id));
    fw_close(w);
}

static void deposits_add_up_beyond_64_bits(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    struct fw_fact f;

    (void)state;
    gw_open(&g);
    gw_credit(&g, UINT64_MAX);
    f = arrives(&g, "alice", "MOON", UINT64_MAX);
    APPLY(w, 0, cites(e, terms(&f, "deposit")), deposits(e, g.purse, f.id));
    assert_true(af_quantity(w, g.purse) == 2 * (cz_quantity)UINT64_MAX);
    fw_close(w);
}

/* ---- Withdrawals ------------------------------------------------------------------------- */

static void a_withdrawal_is_authorised_and_entered(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    unsigned both = K(0) | K(1);
    cz_grant grant;
    cz_id c;

    (void)state;
    gw_open(&g);
    gw_credit(&g, 10);
#define OUT(q) reads(e, g.f.alice), withdraws(e, g.purse, g.box, g.reserve, q, "bob")
    EXPECT(w, CZ_UNSIGNED, 0, OUT(1));
    EXPECT(w, CZ_WRONG_KEY, K(3), OUT(1));
    EXPECT(w, CZ_BELOW_THRESHOLD, K(0), OUT(1));
    EXPECT(w, CZ_UNDECLARED, both, withdraws(e, g.purse, g.box, g.reserve, 1, "bob"));
    EXPECT(w, CZ_OVERDRAFT, both, OUT(11));
    EXPECT(w, CZ_OVERDRAFT, both, OUT(6), withdraws(e, g.purse, g.box, g.reserve, 5, "bob"));
    APPLY(w, both, OUT(3), withdraws(e, g.purse, g.box, g.reserve, 2, "carol"));
    assert_true(af_quantity(w, g.purse) == 5 && af_quantity(w, g.reserve) == 5);
    assert_int_equal(open_withdrawals(&g), 2);
    /* By a capability with that right, and a ceiling. */
    grant = af_grant(g.f.alice, 5, CZ_RIGHT_DEBIT);
    c = af_give(&g.f, "debit only", &grant);
    EXPECT(w, CZ_RIGHT_MISSING, K(5), uses(e, c, CZ_READ), OUT(1));
    grant.rights = CZ_RIGHT_WITHDRAW;
    grant.has_ceiling = true;
    grant.ceiling = 2;
    c = af_give(&g.f, "withdraw", &grant);
    EXPECT(w, CZ_OVER_CEILING, K(5), uses(e, c, CZ_WRITE), OUT(3));
    APPLY(w, K(5), uses(e, c, CZ_WRITE), OUT(2));
    EXPECT(w, CZ_OVER_CEILING, K(5), uses(e, c, CZ_WRITE), OUT(1));
    EXPECT(w, CZ_RIGHT_MISSING, K(5), uses(e, c, CZ_WRITE), reads(e, g.f.alice),
           transfer(e, g.purse, g.bobs, 1));
#undef OUT
    fw_close(w);
}

static void a_withdrawal_goes_through_the_accounts_own_outbox(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    unsigned all = K(0) | K(1) | K(3);
    cz_id bobs_box, bobs_reserve, gold_reserve;

    (void)state;
    gw_open(&g);
    gw_credit(&g, 10);
    bobs_box = af_id(g.f.bob, "outbox");
    bobs_reserve = af_id(bobs_box, MOON);
    gold_reserve = af_id(g.box, "gold");
    APPLY(w, 0, creates(e, outbox_of(g.f.bob)), creates(e, af_balance(bobs_box, MOON)),
          creates(e, af_balance(g.box, "gold")));
#define OUT(from, box, reserve)                                                                \
    reads(e, g.f.alice), reads(e, g.f.bob), withdraws(e, from, box, reserve, 1, "bob")
    EXPECT(w, CZ_UNPROVEN, all, OUT(g.purse, bobs_box, bobs_reserve));
    EXPECT(w, CZ_UNPROVEN, all, OUT(g.purse, g.box, bobs_reserve));
    EXPECT(w, CZ_UNPROVEN, all, OUT(g.purse, g.box, g.bobs));
    EXPECT(w, CZ_UNPROVEN, all, OUT(g.reserve, g.box, g.reserve));
    EXPECT(w, CZ_WRONG_ASSET, all, OUT(g.purse, g.box, gold_reserve));
    EXPECT(w, CZ_UNKNOWN_DOMAIN, all, OUT(g.f.alice_gold, g.box, gold_reserve));
    EXPECT(w, CZ_WRONG_KIND, all, OUT(g.box, g.box, g.reserve));
    EXPECT(w, CZ_WRONG_KIND, all, OUT(g.purse, g.reserve, g.reserve));
    EXPECT(w, CZ_WRONG_KIND, all, OUT(g.purse, g.box, g.box));
    APPLY(w, all, reads(e, g.f.alice), locks(e, g.box));
    EXPECT(w, CZ_WRONG_STATE, all, OUT(g.purse, g.box, g.reserve));
    APPLY(w, all, reads(e, g.f.alice), unlocks(e, g.box), locks(e, g.purse));
    EXPECT(w, CZ_WRONG_STATE, all, OUT(g.purse, g.box, g.reserve));
#undef OUT
    fw_close(w);
}

static void fill_outbox(cz_effect *e, const struct gw *g)
{
    for (unsigned i = 0; i < CZ_WITHDRAWALS_MAX; i++)
        withdraws(e, g->purse, g->box, g->reserve, 1, "bob");
}

static void so_many_withdrawals_are_open_and_no_more(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    unsigned both = K(0) | K(1);

    (void)state;
    gw_open(&g);
    gw_credit(&g, 100);
    APPLY(w, both, reads(e, g.f.alice), fill_outbox(e, &g));
    assert_int_equal(open_withdrawals(&g), CZ_WITHDRAWALS_MAX);
    EXPECT(w, CZ_OUTBOX_FULL, both, reads(e, g.f.alice),
           withdraws(e, g.purse, g.box, g.reserve, 1, "bob"));
    assert_true(af_quantity(w, g.reserve) == CZ_WITHDRAWALS_MAX);
    fw_close(w);
}

static void what_is_withdrawn_counts_against_the_limit(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    cz_policy p = af_policy(1, 4, 1);
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    cz_error err = {0};
    size_t len;

    (void)state;
    gw_open(&g);
    gw_credit(&g, 100);
    p.limit_count = 1;
    p.limits[0] = (cz_limit){MOON, 10, "moon", 1000000, 0, 0};
    assert_ok(cz_policy_encode(&p, bytes, &len, &err), err);
    APPLY(w, K(0) | K(1), put_bytes(e, g.f.alice, bytes, len));
#define OUT(q) writes(e, g.f.alice), withdraws(e, g.purse, g.box, g.reserve, q, "bob")
    EXPECT(w, CZ_UNDECLARED, K(4), reads(e, g.f.alice),
           withdraws(e, g.purse, g.box, g.reserve, 1, "bob"));
    EXPECT(w, CZ_RATE_LIMIT, K(4), OUT(11));
    APPLY(w, K(4), OUT(6));
    EXPECT(w, CZ_RATE_LIMIT, K(4), OUT(3), transfer(e, g.purse, g.bobs, 2));
    APPLY(w, K(4), OUT(3), transfer(e, g.purse, g.bobs, 1));
#undef OUT
    fw_close(w);
}

/* ---- Closing ----------------------------------------------------------------------------- */

static void a_payment_closes_the_withdrawal_that_it_names(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    struct fw_fact f;
    cz_id effect, none = {{1}};

    (void)state;
    gw_open(&g);
    gw_credit(&g, 10);
    effect = gw_withdraw(&g, 6, "bob");
#define CLOSE cites(e, terms(&f, "withdrawal")), confirms(e, g.box, g.reserve, f.id)
    f = is_paid(&g, reference(effect, 0, "bob"), "MOON", 5);
    EXPECT(w, CZ_WRONG_FACT, 0, CLOSE);
    f = is_paid(&g, reference(effect, 0, "bob"), "GOLD", 6);
    EXPECT(w, CZ_WRONG_FACT, 0, CLOSE);
    f = is_paid(&g, reference(effect, 0, "eve"), "MOON", 6);
    EXPECT(w, CZ_NO_WITHDRAWAL, 0, CLOSE);
    f = is_paid(&g, reference(effect, 1, "bob"), "MOON", 6);
    EXPECT(w, CZ_NO_WITHDRAWAL, 0, CLOSE);
    f = is_paid(&g, reference(none, 0, "bob"), "MOON", 6);
    EXPECT(w, CZ_NO_WITHDRAWAL, 0, CLOSE);
    f = is_paid(&g, "bob", "MOON", 6);
    EXPECT(w, CZ_NO_WITHDRAWAL, 0, CLOSE);
    f = is_paid(&g, reference(effect, 0, "bob"), "MOON", 6);
    EXPECT(w, CZ_WRONG_FACT, 0, confirms(e, g.box, g.reserve, f.id)); /* not used up */
    EXPECT(w, CZ_UNPROVEN, 0, cites(e, terms(&f, "withdrawal")),
           confirms(e, g.box, g.purse, f.id));
    EXPECT(w, CZ_EVENT_CONSUMED, 0, CLOSE, confirms(e, g.box, g.reserve, f.id));
    APPLY(w, 0, CLOSE);
    assert_true(af_quantity(w, g.reserve) == 0 && af_quantity(w, g.purse) == 4);
    assert_int_equal(open_withdrawals(&g), 0);
    EXPECT(w, CZ_EVENT_CONSUMED, 0, CLOSE);
    f = is_paid(&g, reference(effect, 0, "bob"), "MOON", 6); /* paid a second time */
    EXPECT(w, CZ_NO_WITHDRAWAL, 0, CLOSE);
#undef CLOSE
    fw_close(w);
}

static void a_refusal_gives_it_back_to_the_account(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    struct fw_fact f, paid;
    cz_id effect;
    const char *name;

    (void)state;
    gw_open(&g);
    gw_credit(&g, 10);
    effect = gw_withdraw(&g, 6, "bob");
    name = reference(effect, 0, "") + 1; /* behind the '#' */
#define BACK(to) cites(e, terms(&f, NULL)), releases(e, g.box, g.reserve, to, f.id)
    f = is_registered(&g, name, "accepted");
    EXPECT(w, CZ_WRONG_FACT, 0, BACK(g.purse));
    f = is_registered(&g, "anything", "refused");
    EXPECT(w, CZ_NO_WITHDRAWAL, 0, BACK(g.purse));
    paid = is_paid(&g, "anybody", "MOON", 6);
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&paid, NULL)),
           releases(e, g.box, g.reserve, g.purse, paid.id));
    f = is_registered(&g, reference(effect, 0, "") + 1, "refused");
    EXPECT(w, CZ_UNPROVEN, 0, BACK(g.bobs)); /* another account's */
    EXPECT(w, CZ_UNPROVEN, 0, BACK(g.reserve));
    EXPECT(w, CZ_WRONG_ASSET, 0, BACK(g.f.alice_gold));
    EXPECT(w, CZ_WRONG_KIND, 0, BACK(g.box));
    APPLY(w, 0, BACK(g.purse));
    assert_true(af_quantity(w, g.purse) == 10 && af_quantity(w, g.reserve) == 0);
    EXPECT(w, CZ_NO_WITHDRAWAL, 0, BACK(g.purse));
    paid = is_paid(&g, reference(effect, 0, "bob"), "MOON", 6);
    EXPECT(w, CZ_NO_WITHDRAWAL, 0, cites(e, terms(&paid, "withdrawal")),
           confirms(e, g.box, g.reserve, paid.id));
#undef BACK
    fw_close(w);
}

/* Two domains, one of which calls itself as if it were the other's. */
static void a_domain_has_no_assets_but_its_own(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    cz_sim_chain *other = NULL;
    cz_domain_spec domain;
    struct fw_fact f;
    cz_error err = {0};
    cz_id to;

    (void)state;
    gw_open(&g);
    assert_ok(cz_sim_new("moon:x", 9, &other, &err), err);
    cz_sim_domain(other, &domain);
    assert_ok(cz_domain_set(w->engine, &domain, &err), err);
    APPLY(w, 0, creates(e, af_balance(g.f.alice, "moon:x:MOON")));
    to = af_id(g.f.alice, "moon:x:MOON");
    assert_ok(cz_sim_deposit(other, "alice", "MOON", 5, NULL, &err), err);
    assert_ok(cz_sim_mine(other, 1, &err), err);
    assert_ok(cz_sim_observe(other, w->engine, NULL, &err), err);
    assert_ok(cz_sim_fact_of(other, CZ_FACT_DEPOSIT, "1", NULL, fw_keep, &f, &err), err);
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, "deposit")), deposits(e, to, f.id));
    f = arrives(&g, "alice", "x:MOON", 5); /* it is moon's asset "x:MOON" */
    APPLY(w, 0, cites(e, terms(&f, "deposit")), deposits(e, to, f.id));
    cz_sim_free(other);
    fw_close(w);
}

/* What mars says about MOON is no business of moon's. */
static void only_the_assets_own_domain_is_believed(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    cz_sim_chain *moon;
    struct fw_fact f;
    cz_domain_spec domain;
    cz_error err = {0};
    cz_id effect;

    (void)state;
    gw_open(&g);
    gw_credit(&g, 10);
    effect = gw_withdraw(&g, 6, "bob");
    moon = w->chain;
    assert_ok(cz_sim_new("mars", 9, &w->chain, &err), err);
    cz_sim_domain(w->chain, &domain);
    assert_ok(cz_domain_set(w->engine, &domain, &err), err);
    f = arrives(&g, "alice", "MOON", 5);
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, "deposit")), deposits(e, g.purse, f.id));
    f = is_paid(&g, reference(effect, 0, "bob"), "MOON", 6);
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, "withdrawal")),
           confirms(e, g.box, g.reserve, f.id));
    f = is_registered(&g, reference(effect, 0, "") + 1, "refused");
    EXPECT(w, CZ_WRONG_FACT, 0, cites(e, terms(&f, NULL)),
           releases(e, g.box, g.reserve, g.purse, f.id));
    assert_true(af_quantity(w, g.purse) == 4 && af_quantity(w, g.reserve) == 6);
    cz_sim_free(w->chain);
    w->chain = moon;
    fw_close(w);
}

/* ---- Opening again ----------------------------------------------------------------------- */

static void reopen(struct fw *w)
{
    struct czi_ledger_options store = {.fs = w->fs, .segment_size_max = 2048};
    cz_options o = {.batch_max = 4, .backlog_max = 1024};
    cz_error err = {0};

    assert_ok(cz_close(w->engine, &err), err);
    assert_ok(czi_open_driven(&store, &o, &w->engine, &err), err);
}

/* From the rows of a checkpoint, not by executing again. */
static void a_store_that_is_opened_again_has_the_same_accounts(void **state)
{
    struct gw g;
    struct fw *w = &g.f.w;
    struct fw_fact f, paid;
    cz_grant grant;
    char dir[] = "/tmp/cz-test-XXXXXX", remove[64];
    struct czi_fs *fs;
    cz_error err = {0};
    cz_id c, effect;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_ok(czi_fs_posix(dir, &fs, &err), err);
    gw_open_in(&g, fs);
    grant = af_grant(g.f.alice, 5, CZ_RIGHT_DEBIT);
    grant.has_ceiling = true;
    grant.ceiling = 5;
    c = af_give(&g.f, "c", &grant);
    reopen(w);
    f = arrives(&g, "alice", "MOON", 7);
    gw_credit(&g, 10);
    effect = gw_withdraw(&g, 6, "bob");
    paid = is_paid(&g, reference(effect, 0, "bob"), "MOON", 6);
    APPLY(w, K(5), reads(e, g.f.alice), uses(e, c, CZ_WRITE),
          transfer(e, g.f.alice_gold, g.f.bob_gold, 3));
    for (unsigned i = 0; i < 40; i++) /* enough for checkpoints behind all of that */
        APPLY(w, K(3), reads(e, g.f.bob), transfer(e, g.f.bob_gold, g.f.alice_gold, 1));
    reopen(w);
    assert_true(w->engine->saved_positions > 30);
    EXPECT(w, CZ_UNDECLARED, K(0) | K(1), transfer(e, g.f.alice_gold, g.f.bob_gold, 1));
    EXPECT(w, CZ_UNPROVEN, K(0) | K(1), transfer(e, g.reserve, g.purse, 1));
    EXPECT(w, CZ_BELOW_THRESHOLD, K(0), reads(e, g.f.alice),
           transfer(e, g.f.alice_gold, g.f.bob_gold, 1));
    EXPECT(w, CZ_OVER_CEILING, K(5), reads(e, g.f.alice), uses(e, c, CZ_WRITE),
           transfer(e, g.f.alice_gold, g.f.bob_gold, 3));
    APPLY(w, 0, cites(e, terms(&f, "deposit")), deposits(e, g.purse, f.id));
    APPLY(w, 0, cites(e, terms(&paid, "withdrawal")), confirms(e, g.box, g.reserve, paid.id));
    assert_true(af_quantity(w, g.purse) == 11 && af_quantity(w, g.reserve) == 0);
    fw_close(w);
    (void)snprintf(remove, sizeof remove, "rm -rf %s", dir);
    assert_int_equal(system(remove), 0);
}

/* ---- Memory ------------------------------------------------------------------------------ */

/* Withdraws by a capability with a ceiling, from an account with a limit: all that operations
 * derive. */
static cz_effect *derives_all(struct gw *g, cz_id c)
{
    cz_effect *e = fx_effect("another origin", 1);
    uint8_t seed[32];
    cz_error err = {0};

    writes(e, g->f.alice);
    uses(e, c, CZ_WRITE);
    withdraws(e, g->purse, g->box, g->reserve, 2, "bob");
    transfer(e, g->f.alice_gold, g->f.bob_gold, 1);
    af_seed(5, seed);
    assert_ok(cz_effect_sign(e, seed, &err), err);
    return e;
}

static cz_id with_limit_and_capability(struct gw *g)
{
    cz_policy p = af_policy(2, 0, 3);
    cz_grant grant = af_grant(g->f.alice, 5, CZ_RIGHT_DEBIT | CZ_RIGHT_WITHDRAW);
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    cz_error err = {0};
    size_t len;

    gw_credit(g, 10);
    p.limit_count = 1;
    p.limits[0] = (cz_limit){MOON, 10, "moon", 1000000, 0, 0};
    assert_ok(cz_policy_encode(&p, bytes, &len, &err), err);
    APPLY(&g->f.w, K(0) | K(1), put_bytes(e, g->f.alice, bytes, len));
    grant.has_ceiling = true;
    grant.ceiling = 5;
    return af_give(&g->f, "c", &grant);
}

/* It is refused to its submitter, or the engine stops: never half of it happens. */
static void when_memory_ends_nothing_half_happens(void **state)
{
    bool failed = true;
    int64_t skip = 0;

    (void)state;
    for (; failed; skip++) {
        struct gw g;
        struct fw *w = &g.f.w;
        cz_error err = {0};
        cz_result r;
        cz_effect *e;
        int rc;

        gw_open(&g);
        e = derives_all(&g, with_limit_and_capability(&g));
        czi_alloc_fail_after(skip);
        rc = cz_perform(w->engine, e, &r, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_true(failed || rc == CZ_OK);
        if (rc) {
            (void)cz_close(w->engine, &err);
            fw_reopen(w);
            assert_true(af_quantity(w, g.purse) + af_quantity(w, g.reserve) == 10);
            assert_true((af_quantity(w, g.reserve) == 2) == (open_withdrawals(&g) == 1));
            assert_ok(cz_perform(w->engine, e, &r, &err), err);
        }
        assert_int_equal(r.reason, CZ_APPLIED);
        assert_true(af_quantity(w, g.reserve) == 2 && af_quantity(w, g.f.bob_gold) == 101);
        cz_effect_free(e);
        fw_close(w);
    }
    assert_true(skip > 8); /* it allocates as often */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(external_value_is_neither_made_nor_lost_here),
        cmocka_unit_test(reserves_are_the_gateways_alone),
        cmocka_unit_test(a_deposit_is_credited_once_to_whom_it_names),
        cmocka_unit_test(a_deposit_is_of_its_domains_asset),
        cmocka_unit_test(only_a_standing_deposit_is_credited),
        cmocka_unit_test(nobody_uses_up_what_another_is_to_be_credited_with),
        cmocka_unit_test(deposits_add_up_beyond_64_bits),
        cmocka_unit_test(a_withdrawal_is_authorised_and_entered),
        cmocka_unit_test(a_withdrawal_goes_through_the_accounts_own_outbox),
        cmocka_unit_test(so_many_withdrawals_are_open_and_no_more),
        cmocka_unit_test(what_is_withdrawn_counts_against_the_limit),
        cmocka_unit_test(a_payment_closes_the_withdrawal_that_it_names),
        cmocka_unit_test(a_refusal_gives_it_back_to_the_account),
        cmocka_unit_test(a_domain_has_no_assets_but_its_own),
        cmocka_unit_test(only_the_assets_own_domain_is_believed),
        cmocka_unit_test(a_store_that_is_opened_again_has_the_same_accounts),
        cmocka_unit_test(when_memory_ends_nothing_half_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
