/* test_authority.c - who may do what: each way of not being allowed is refused before anything
 * changes, each with its own reason (docs/reference/formats.md, Authority).
 */
#include "account_fixture.h"

/* ---- Owners ------------------------------------------------------------------------------ */

static void an_account_is_debited_by_enough_of_its_owners(void **state)
{
    struct af f;
    struct fw *w = &f.w;

    (void)state;
    af_open(&f);
#define PAY(q) reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, q)
    EXPECT(w, CZ_UNSIGNED, 0, PAY(1));
    EXPECT(w, CZ_WRONG_KEY, K(3), PAY(1));
    EXPECT(w, CZ_BELOW_THRESHOLD, K(1), PAY(1));
    EXPECT(w, CZ_BELOW_THRESHOLD, K(1) | K(3) | K(4), PAY(1));
    EXPECT(w, CZ_OVERDRAFT, 0, PAY(1001));
    APPLY(w, K(1) | K(2), PAY(1));
    APPLY(w, K(0) | K(1) | K(2) | K(5), PAY(2));
    assert_true(af_quantity(w, f.alice_gold) == 997 && af_quantity(w, f.bob_gold) == 103);
#undef PAY
    fw_close(w);
}

static void the_account_that_decides_must_be_declared(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_id other;

    (void)state;
    af_open(&f);
    other = fx_cash(w->engine, "cash", 5);
    /* The short way, and the general one. */
    EXPECT(w, CZ_UNDECLARED, K(0) | K(1), transfer(e, f.alice_gold, f.bob_gold, 1));
    EXPECT(w, CZ_UNDECLARED, K(0) | K(1), transfer(e, f.alice_gold, f.bob_gold, 1),
           reads(e, other));
    EXPECT(w, CZ_UNDECLARED, K(0) | K(1), transfer(e, f.alice_gold, f.bob_gold, 1),
           reads(e, f.bob));
    EXPECT(w, CZ_WRONG_ASSET, 0, transfer(e, f.alice_gold, other, 1));
    EXPECT(w, CZ_UNDECLARED, K(0) | K(1),
           creates(e, af_creation(f.alice, "more", CZ_FUNGIBLE, "gold", 1)));
    fw_close(w);
}

static void anybody_may_credit_an_account_and_read_it(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_requirement r = {.has_quantity = true, .quantity = 1000};
    cz_creation free_gold = fx_creation("free gold", CZ_FUNGIBLE, "gold", 50);

    (void)state;
    af_open(&f);
    APPLY(w, 0, creates(e, free_gold));
    APPLY(w, 0, transfer(e, fx_id("free gold"), f.alice_gold, 20));
    APPLY(w, 0, transfer(e, fx_id("free gold"), f.bob_gold, 5), reads(e, f.alice_gold));
    APPLY(w, 0, requires(e, f.alice_gold, r), reads(e, f.bob_gold));
    assert_true(af_quantity(w, f.alice_gold) == 1020);
    fw_close(w);
}

static void an_account_authorises_nothing_about_anothers_resources(void **state)
{
    struct af f;
    struct fw *w = &f.w;

    (void)state;
    af_open(&f);
    EXPECT(w, CZ_WRONG_KEY, K(3), reads(e, f.alice), reads(e, f.bob),
           transfer(e, f.alice_gold, f.bob_gold, 1));
    EXPECT(w, CZ_WRONG_KEY, K(0) | K(1), reads(e, f.alice), reads(e, f.bob),
           transfer(e, f.alice_gold, f.bob_gold, 5), transfer(e, f.bob_gold, f.alice_gold, 1));
    APPLY(w, K(0) | K(1) | K(3), reads(e, f.alice), reads(e, f.bob),
          transfer(e, f.alice_gold, f.bob_gold, 5), transfer(e, f.bob_gold, f.alice_gold, 1));
    fw_close(w);
}

static void an_account_that_is_not_active_authorises_nothing(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    unsigned both = K(0) | K(1);

    (void)state;
    af_open(&f);
#define PAY reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, 1)
    EXPECT(w, CZ_UNSIGNED, 0, locks(e, f.alice));
    EXPECT(w, CZ_BELOW_THRESHOLD, K(0), locks(e, f.alice));
    EXPECT(w, CZ_WRONG_KEY, K(3), freezes(e, f.alice));
    APPLY(w, both, locks(e, f.alice));
    EXPECT(w, CZ_WRONG_STATE, both, PAY);
    EXPECT(w, CZ_WRONG_KEY, K(3), unlocks(e, f.alice));
    APPLY(w, both, unlocks(e, f.alice));
    APPLY(w, both, freezes(e, f.alice));
    EXPECT(w, CZ_WRONG_STATE, both, PAY);
    APPLY(w, both, unfreezes(e, f.alice));
    APPLY(w, both, PAY);
    APPLY(w, both, consumes(e, f.alice));
    EXPECT(w, CZ_WRONG_STATE, both, PAY);
#undef PAY
    fw_close(w);
}

static void a_policy_is_changed_by_the_owners_that_the_old_one_names(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_policy p = af_policy(1, 4, 1), spent = p;
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    cz_error err = {0};
    size_t len;

    (void)state;
    af_open(&f);
    spent.limit_count = 1;
    spent.limits[0] = (cz_limit){"gold", 10, "moon", 5, 0, 1};
    assert_ok(cz_policy_encode(&spent, bytes, &len, &err), err);
    EXPECT(w, CZ_BAD_POLICY, K(0) | K(1), put_bytes(e, f.alice, bytes, len));
    EXPECT(w, CZ_BAD_POLICY, K(0) | K(1), put_data(e, f.alice, "anything"));
    assert_ok(cz_policy_encode(&p, bytes, &len, &err), err);
#define CHANGE put_bytes(e, f.alice, bytes, len)
    EXPECT(w, CZ_UNSIGNED, 0, CHANGE);
    EXPECT(w, CZ_WRONG_KEY, K(4), CHANGE);
    EXPECT(w, CZ_BELOW_THRESHOLD, K(2), CHANGE);
    APPLY(w, K(0) | K(2), CHANGE);
    EXPECT(w, CZ_WRONG_KEY, K(0) | K(1) | K(2), CHANGE);
    APPLY(w, K(4), reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, 1));
    EXPECT(w, CZ_WRONG_KEY, K(0) | K(1), writes(e, f.alice),
           creates(e, fx_creation("anything", CZ_DATA, NULL, 0)));
    APPLY(w, K(4), writes(e, f.alice), creates(e, fx_creation("anything", CZ_DATA, NULL, 0)));
#undef CHANGE
    fw_close(w);
}

static void what_an_account_controls_is_written_and_ended_by_it_alone(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    unsigned both = K(0) | K(1);
    cz_requirement r = {.has_state = true, .state = CZ_ACTIVE};
    cz_id note;

    (void)state;
    af_open(&f);
    note = af_id(f.alice, "note");
#define NOTE creates(e, af_creation(f.alice, "note", CZ_DATA, NULL, 0)), reads(e, f.alice)
    EXPECT(w, CZ_UNSIGNED, 0, NOTE);
    APPLY(w, both, NOTE);
#undef NOTE
    EXPECT(w, CZ_UNDECLARED, both, put_data(e, note, "x"));
    EXPECT(w, CZ_WRONG_KEY, K(3), reads(e, f.alice), put_data(e, note, "x"));
    APPLY(w, both, reads(e, f.alice), put_data(e, note, "x"));
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), locks(e, note));
    APPLY(w, both, reads(e, f.alice), locks(e, note));
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), unlocks(e, note));
    /* Declared written alone; a requirement does not change it. */
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), writes(e, note),
           creates(e, fx_creation("anything", CZ_DATA, NULL, 0)));
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), writes(e, f.alice_gold),
           requires(e, f.alice_gold, r));
    APPLY(w, both, reads(e, f.alice), writes(e, note), reads(e, f.bob),
          transfer(e, f.alice_gold, f.bob_gold, 1));
    fw_close(w);
}

/* ---- Capabilities ------------------------------------------------------------------------ */

static void a_capability_gives_its_holder_its_right(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_grant g;
    cz_id c, copper;

    (void)state;
    af_open(&f);
    copper = af_id(f.alice, "copper");
    g = af_grant(f.alice, 5, CZ_RIGHT_DEBIT | CZ_RIGHT_CREATE);
    g.asset = "gold";
    c = af_give(&f, "c", &g);
#define PAY uses(e, c, CZ_READ), reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, 1)
    APPLY(w, K(5), PAY);
    EXPECT(w, CZ_UNSIGNED, 0, PAY);
    EXPECT(w, CZ_WRONG_KEY, K(3), PAY);
    EXPECT(w, CZ_WRONG_KEY, K(0) | K(1), PAY); /* whoever presents it must hold it */
    EXPECT(w, CZ_UNDECLARED, K(5), uses(e, c, CZ_READ),
           transfer(e, f.alice_gold, f.bob_gold, 1));
    EXPECT(w, CZ_WRONG_KEY, K(5), reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, 1));
    /* It is presented after what it is for. */
    EXPECT(w, CZ_WRONG_KEY, K(5), reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, 1),
           uses(e, c, CZ_READ));
    EXPECT(w, CZ_RIGHT_MISSING, K(5), uses(e, c, CZ_READ), reads(e, f.alice),
           locks(e, f.alice_gold));
    EXPECT(w, CZ_RIGHT_MISSING, K(5), uses(e, c, CZ_READ), reads(e, f.alice),
           writes(e, f.alice_gold));
    EXPECT(w, CZ_OTHER_RESOURCE, K(5), uses(e, c, CZ_READ), reads(e, f.alice),
           creates(e, af_creation(f.alice, "copper", CZ_FUNGIBLE, "copper", 5)));
    APPLY(w, K(0) | K(1), reads(e, f.alice),
          creates(e, af_creation(f.alice, "copper", CZ_FUNGIBLE, "copper", 5)));
    EXPECT(w, CZ_OTHER_RESOURCE, K(5), uses(e, c, CZ_READ), reads(e, f.alice),
           creates(e, fx_creation("copper", CZ_FUNGIBLE, "copper", 0)),
           transfer(e, copper, fx_id("copper"), 1));
    APPLY(w, K(5), uses(e, c, CZ_READ), reads(e, f.alice),
          creates(e, af_creation(f.alice, "more", CZ_FUNGIBLE, "gold", 1)));
    EXPECT(w, CZ_WRONG_KIND, K(5), uses(e, f.alice_gold, CZ_READ), reads(e, f.alice));
    EXPECT(w, CZ_UNKNOWN_RESOURCE, K(5), uses(e, fx_id("none"), CZ_READ));
#undef PAY
    fw_close(w);
}

static void a_capability_of_another_account_is_none(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_grant g;

    (void)state;
    af_open(&f);
    g = af_grant(f.bob, 5, 63);
    APPLY(w, K(3), reads(e, f.bob), creates(e, af_capability("b", &g)));
    EXPECT(w, CZ_WRONG_KEY, K(5), uses(e, fx_id("b"), CZ_READ), reads(e, f.alice),
           reads(e, f.bob), transfer(e, f.alice_gold, f.bob_gold, 1));
    fw_close(w);
}

static void the_capability_that_got_furthest_gives_the_reason(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_grant g;
    cz_id other, no_right, low, high;

    (void)state;
    af_open(&f);
    g = af_grant(f.alice, 5, CZ_RIGHT_DEBIT);
    g.asset = "silver";
    other = af_give(&f, "other", &g);
    g.asset = "gold";
    g.rights = CZ_RIGHT_WRITE;
    no_right = af_give(&f, "no right", &g);
    g.rights = CZ_RIGHT_DEBIT;
    g.has_ceiling = true;
    g.ceiling = 5;
    low = af_give(&f, "low", &g);
    g.ceiling = 50;
    high = af_give(&f, "high", &g);
#define PAY(q) reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, q)
    EXPECT(w, CZ_OTHER_RESOURCE, K(5), uses(e, other, CZ_READ), PAY(9));
    EXPECT(w, CZ_RIGHT_MISSING, K(5), uses(e, no_right, CZ_READ), uses(e, other, CZ_READ),
           PAY(9));
    EXPECT(w, CZ_RIGHT_MISSING, K(5), uses(e, other, CZ_READ), uses(e, no_right, CZ_READ),
           PAY(9));
    EXPECT(w, CZ_OVER_CEILING, K(5), uses(e, low, CZ_WRITE), uses(e, no_right, CZ_READ),
           PAY(9));
    APPLY(w, K(5), uses(e, low, CZ_WRITE), uses(e, no_right, CZ_READ), uses(e, high, CZ_WRITE),
          PAY(9));
    /* Only what was used has spent. */
    APPLY(w, K(5), uses(e, low, CZ_WRITE), PAY(5));
    EXPECT(w, CZ_OVER_CEILING, K(5), uses(e, high, CZ_WRITE), PAY(42));
    APPLY(w, K(5), uses(e, high, CZ_WRITE), PAY(41));
#undef PAY
    fw_close(w);
}

static void a_ceiling_is_for_all_time_and_of_those_above_too(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_grant g, child;
    cz_id parent, c;

    (void)state;
    af_open(&f);
    g = af_grant(f.alice, 5, CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE);
    g.has_ceiling = true;
    g.ceiling = 10;
    parent = af_give(&f, "parent", &g);
    child = g;
    af_key(6, child.holder);
    child.has_parent = true;
    child.parent = parent;
    child.ceiling = 8;
    APPLY(w, K(5), reads(e, f.alice), uses(e, parent, CZ_WRITE),
          creates(e, af_capability("child", &child)));
    c = fx_id("child");
#define PAY(q) reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, q)
    EXPECT(w, CZ_UNDECLARED, K(6), uses(e, c, CZ_WRITE), PAY(1));
    EXPECT(w, CZ_UNDECLARED, K(6), uses(e, c, CZ_WRITE), reads(e, parent), PAY(1));
    EXPECT(w, CZ_UNDECLARED, K(6), uses(e, c, CZ_READ), writes(e, parent), PAY(1));
    EXPECT(w, CZ_OVER_CEILING, K(6), uses(e, c, CZ_WRITE), writes(e, parent), PAY(9));
    APPLY(w, K(6), uses(e, c, CZ_WRITE), writes(e, parent), PAY(3));
    APPLY(w, K(5), uses(e, parent, CZ_WRITE), PAY(4));
    EXPECT(w, CZ_OVER_CEILING, K(6), uses(e, c, CZ_WRITE), writes(e, parent), PAY(4));
    EXPECT(w, CZ_OVER_CEILING, K(5), uses(e, parent, CZ_WRITE), PAY(2), PAY(2));
    APPLY(w, K(6), uses(e, c, CZ_WRITE), writes(e, parent), PAY(2), PAY(1));
    EXPECT(w, CZ_OVER_CEILING, K(5), uses(e, parent, CZ_WRITE), PAY(1));
    /* Owners are not bound by it, and do not use it up. */
    APPLY(w, K(0) | K(1), PAY(100));
#undef PAY
    fw_close(w);
}

static void a_capability_ends_with_its_time(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_grant g;
    cz_id now, unknown;

    (void)state;
    af_open(&f);
    g = af_grant(f.alice, 5, CZ_RIGHT_DEBIT);
    g.expire_domain = "moon";
    g.expire_time = 120;
    cz_sim_interval(w->chain, 60);
    now = af_give(&f, "now", &g);
    g.expire_domain = "mars";
    unknown = af_give(&f, "unknown", &g);
#define PAY(c) uses(e, c, CZ_READ), reads(e, f.alice), transfer(e, f.alice_gold, f.bob_gold, 1)
    EXPECT(w, CZ_CAPABILITY_EXPIRED, K(5), PAY(now)); /* no block yet, so no time */
    fw_mine(w, 1);
    fw_observe(w);
    EXPECT(w, CZ_CAPABILITY_EXPIRED, K(5), PAY(unknown));
    APPLY(w, K(5), PAY(now));
    fw_mine(w, 1);
    fw_observe(w);
    APPLY(w, K(5), PAY(now)); /* the last moment */
    fw_mine(w, 1);
    fw_observe(w);
    EXPECT(w, CZ_CAPABILITY_EXPIRED, K(5), PAY(now));
#undef PAY
    fw_close(w);
}

static void a_capability_is_suspended_and_revoked(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    unsigned both = K(0) | K(1);
    cz_grant g, child;
    cz_id parent, c;

    (void)state;
    af_open(&f);
    g = af_grant(f.alice, 5,
                 CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE | CZ_RIGHT_LIFECYCLE | CZ_RIGHT_WRITE);
    parent = af_give(&f, "parent", &g);
    child = g;
    af_key(6, child.holder);
    child.has_parent = true;
    child.parent = parent;
    APPLY(w, K(5), reads(e, f.alice), uses(e, parent, CZ_READ),
          creates(e, af_capability("child", &child)));
    c = fx_id("child");
#define PAY                                                                                    \
    uses(e, c, CZ_READ), reads(e, parent), reads(e, f.alice),                                  \
        transfer(e, f.alice_gold, f.bob_gold, 1)
    APPLY(w, K(6), PAY);
    /* Only the account suspends, with the right of no capability; its holder may not write it.
     */
    EXPECT(w, CZ_WRONG_KEY, K(5), uses(e, parent, CZ_READ), reads(e, f.alice),
           locks(e, parent));
    EXPECT(w, CZ_WRONG_KIND, both, reads(e, f.alice), put_data(e, parent, "more"));
    APPLY(w, both, reads(e, f.alice), locks(e, parent));
    EXPECT(w, CZ_REVOKED, K(6), PAY);
    APPLY(w, both, reads(e, f.alice), unlocks(e, parent));
    APPLY(w, both, reads(e, f.alice), freezes(e, c));
    EXPECT(w, CZ_REVOKED, K(6), PAY);
    APPLY(w, both, reads(e, f.alice), unfreezes(e, c));
    APPLY(w, K(6), PAY);
    /* Revoked by who is above, by its holder, by the account; by nobody else. */
    EXPECT(w, CZ_WRONG_KEY, K(3), reads(e, f.alice), consumes(e, c));
    EXPECT(w, CZ_WRONG_KEY, K(6), reads(e, f.alice), consumes(e, parent));
    EXPECT(w, CZ_WRONG_KEY, K(5), reads(e, f.alice), consumes(e, c)); /* not declared */
    APPLY(w, K(5), reads(e, f.alice), reads(e, parent), consumes(e, c));
    EXPECT(w, CZ_REVOKED, K(6), PAY);
    APPLY(w, K(5), consumes(e, parent));
    EXPECT(w, CZ_REVOKED, K(5), uses(e, parent, CZ_READ), reads(e, f.alice),
           transfer(e, f.alice_gold, f.bob_gold, 1));
#undef PAY
    fw_close(w);
}

static void what_is_above_a_revoked_one_stands_and_below_falls(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_grant g, child;
    cz_id parent, c;

    (void)state;
    af_open(&f);
    g = af_grant(f.alice, 5, CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE);
    parent = af_give(&f, "parent", &g);
    child = g;
    child.has_parent = true;
    child.parent = parent;
    APPLY(w, K(5), reads(e, f.alice), uses(e, parent, CZ_READ),
          creates(e, af_capability("child", &child)));
    c = fx_id("child");
    APPLY(w, K(0) | K(1), reads(e, f.alice), consumes(e, parent));
    EXPECT(w, CZ_REVOKED, K(5), uses(e, c, CZ_READ), reads(e, parent), reads(e, f.alice),
           transfer(e, f.alice_gold, f.bob_gold, 1));
    fw_close(w);
}

/* Each change to a child that fits makes one that gives more. */
static void nobody_delegates_more_than_he_has(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_grant g, child, c;
    cz_id parent;

    (void)state;
    af_open(&f);
    fw_mine(w, 1);
    fw_observe(w);
    g = af_grant(f.alice, 5, CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE);
    g.asset = "gold";
    g.has_ceiling = true;
    g.ceiling = 10;
    g.expire_domain = "moon";
    g.expire_time = 100000;
    parent = af_give(&f, "parent", &g);
    child = g;
    child.has_parent = true;
    child.parent = parent;
#define GIVE(reason, keys, change)                                                             \
    c = child;                                                                                 \
    change;                                                                                    \
    EXPECT(w, reason, keys, reads(e, f.alice), reads(e, f.bob), uses(e, parent, CZ_WRITE),     \
           creates(e, af_capability("child", &c)))
    GIVE(CZ_NOT_ATTENUATED, K(5), c.rights |= CZ_RIGHT_WRITE);
    GIVE(CZ_NOT_ATTENUATED, K(5), c.ceiling = 11);
    GIVE(CZ_NOT_ATTENUATED, K(5), c.has_ceiling = false);
    GIVE(CZ_NOT_ATTENUATED, K(5), c.expire_time++);
    GIVE(CZ_NOT_ATTENUATED, K(5), c.expire_domain = NULL);
    GIVE(CZ_NOT_ATTENUATED, K(5), c.expire_domain = "mars");
    GIVE(CZ_NOT_ATTENUATED, K(5), c.asset = NULL);
    GIVE(CZ_NOT_ATTENUATED, K(5), c.asset = "silver");
    GIVE(CZ_NOT_ATTENUATED, K(5),
         (c.asset = NULL, c.has_resource = true, c.resource = f.alice_gold));
    GIVE(CZ_NOT_ATTENUATED, K(5) | K(3), c.account = f.bob);
    GIVE(CZ_BAD_POLICY, K(5), c.spent = 1);
    GIVE(CZ_WRONG_KEY, K(5), c.has_parent = false);
    GIVE(CZ_UNDECLARED, K(5), c.parent = fx_id("none"));
    /* Owners may only give what fits below it, too. */
    c = child;
    c.ceiling = 11;
    EXPECT(w, CZ_NOT_ATTENUATED, K(0) | K(1), reads(e, f.alice), reads(e, parent),
           creates(e, af_capability("child", &c)));
    EXPECT(w, CZ_UNDECLARED, K(0) | K(1), reads(e, f.alice),
           creates(e, af_capability("child", &child)));
    EXPECT(w, CZ_WRONG_KEY, K(5), reads(e, f.alice), reads(e, parent),
           creates(e, af_capability("child", &child))); /* not presented */
    GIVE(CZ_APPLIED, K(5), c.rights = CZ_RIGHT_DEBIT);
    /* The child may not be delegated. */
    child.parent = fx_id("child");
    child.rights = CZ_RIGHT_DEBIT;
    EXPECT(w, CZ_RIGHT_MISSING, K(5), reads(e, f.alice), writes(e, parent),
           uses(e, child.parent, CZ_WRITE), creates(e, af_capability("grandchild", &child)));
#undef GIVE
    fw_close(w);
}

static void reads_all(cz_effect *e, const cz_id *ids, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        reads(e, ids[i]);
}

static void a_chain_has_so_many_capabilities_and_no_more(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_id chain[CZ_DELEGATION_MAX + 1];
    cz_grant g;
    char label[16];

    (void)state;
    af_open(&f);
    g = af_grant(f.alice, 5, CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE);
    chain[0] = af_give(&f, "link 0", &g);
    g.has_parent = true;
    for (unsigned i = 1; i <= CZ_DELEGATION_MAX; i++) {
        g.parent = chain[i - 1];
        (void)snprintf(label, sizeof label, "link %u", i);
        chain[i] = fx_id(label);
        EXPECT(w, i < CZ_DELEGATION_MAX ? CZ_APPLIED : CZ_NOT_ATTENUATED, K(5),
               reads(e, f.alice), uses(e, chain[i - 1], CZ_READ), reads_all(e, chain, i - 1),
               creates(e, af_capability(label, &g)));
    }
    EXPECT(w, CZ_UNDECLARED, K(5), uses(e, chain[CZ_DELEGATION_MAX - 1], CZ_READ),
           reads_all(e, chain + 1, CZ_DELEGATION_MAX - 2), reads(e, f.alice),
           transfer(e, f.alice_gold, f.bob_gold, 1));
    APPLY(w, K(5), uses(e, chain[CZ_DELEGATION_MAX - 1], CZ_READ),
          reads_all(e, chain, CZ_DELEGATION_MAX - 1), reads(e, f.alice),
          transfer(e, f.alice_gold, f.bob_gold, 1));
    fw_close(w);
}

/* ---- Creating ---------------------------------------------------------------------------- */

static void an_account_is_made_by_its_own_owners(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_policy p = af_policy(2, 4, 3), spent = p;
    cz_creation c;

    (void)state;
    af_open(&f);
#define NEW creates(e, af_account("carol", &p))
    EXPECT(w, CZ_UNSIGNED, 0, NEW);
    EXPECT(w, CZ_WRONG_KEY, K(0) | K(1), NEW);
    EXPECT(w, CZ_BELOW_THRESHOLD, K(4), NEW);
    c = af_account("carol", &p);
    c.data_len--;
    EXPECT(w, CZ_BAD_POLICY, K(4) | K(5), creates(e, c));
    spent.limit_count = 1;
    spent.limits[0] = (cz_limit){"gold", 10, "moon", 5, 1, 0};
    EXPECT(w, CZ_BAD_POLICY, K(4) | K(5), creates(e, af_account("carol", &spent)));
    APPLY(w, K(4) | K(6), NEW);
    EXPECT(w, CZ_EXISTS, K(4) | K(6), NEW);
    /* In another account's name only with that one's consent. */
    c = af_account("sub", &p);
    c.creator = f.alice;
    EXPECT(w, CZ_UNDECLARED, K(4) | K(5), creates(e, c));
    EXPECT(w, CZ_WRONG_KEY, K(4) | K(5), creates(e, c), reads(e, f.alice));
    APPLY(w, K(0) | K(1) | K(4) | K(5), creates(e, c), reads(e, f.alice));
#undef NEW
    fw_close(w);
}

static void an_account_and_what_it_has_can_be_one_effect(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_policy p = af_policy(1, 4, 1);
    cz_id carol = fx_id("carol"), gold = af_id(carol, "gold");

    (void)state;
    af_open(&f);
    APPLY(w, K(4), creates(e, af_account("carol", &p)),
          creates(e, af_creation(carol, "gold", CZ_FUNGIBLE, "gold", 7)),
          transfer(e, gold, f.bob_gold, 3));
    assert_true(af_quantity(w, gold) == 4);
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, carol), transfer(e, gold, f.bob_gold, 1));
    fw_close(w);
}

static void an_empty_balance_is_anybodys_to_open_and_nothing_else(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_creation silver, c;

    (void)state;
    af_open(&f);
    silver = af_balance(f.alice, "silver");
    c = silver;
    c.quantity = 1;
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), creates(e, c));
    c = silver;
    c.label = "purse";
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), creates(e, c));
    c = silver;
    c.controller = cz_operator();
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), creates(e, c));
    c = silver;
    c.creator = cz_operator();
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), creates(e, c));
    c.kind = CZ_POSITION;
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), creates(e, c));
    APPLY(w, 0, creates(e, silver));
    EXPECT(w, CZ_EXISTS, 0, creates(e, silver));
    silver.if_absent = true;
    APPLY(w, 0, creates(e, silver));
    /* But not where somebody else has the place. */
    c = silver;
    c.controller = cz_operator();
    APPLY(w, K(0) | K(1), reads(e, f.alice), c.asset = "tin", c.label = "tin", creates(e, c));
    c.controller = f.alice;
    EXPECT(w, CZ_EXISTS, 0, creates(e, c));
    fw_close(w);
}

static void nobody_gets_at_a_resource_by_creating_it_again(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_creation note, account;
    cz_policy p = af_policy(1, 6, 1);

    (void)state;
    af_open(&f);
    note = af_creation(f.alice, "note", CZ_DATA, NULL, 0);
    APPLY(w, K(0) | K(1), reads(e, f.alice), creates(e, note));
    note.if_absent = true;
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), creates(e, note));
    APPLY(w, K(0) | K(1), reads(e, f.alice), creates(e, note));
    account = af_account("alice", &p);
    account.if_absent = true;
    EXPECT(w, CZ_WRONG_KEY, K(6), creates(e, account));
    fw_close(w);
}

static void a_program_owns_nothing_directly(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_id program = fx_id("program"), other = fx_id("other program");
    cz_creation c = fx_creation("thing", CZ_FUNGIBLE, "gold", 0);

    (void)state;
    af_open(&f);
    c.controller = program;
    EXPECT(w, CZ_DIRECT_OWNERSHIP, 0, cz_effect_set_program(e, &program, 0), creates(e, c));
    APPLY(w, 0, cz_effect_set_program(e, &other, 0)); /* known from now on */
    c.controller = other;
    EXPECT(w, CZ_DIRECT_OWNERSHIP, 0, creates(e, c));
    c.controller = f.alice;
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), cz_effect_set_program(e, &other, 0),
           creates(e, c));
    fw_close(w);
}

static void bytes_of_capabilities_and_outboxes_are_checked(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_grant g;
    cz_creation c;
    unsigned both = K(0) | K(1);

    (void)state;
    af_open(&f);
    g = af_grant(f.alice, 5, CZ_RIGHT_DEBIT);
    c = af_capability("c", &g);
    c.data_len--;
    EXPECT(w, CZ_BAD_POLICY, both, reads(e, f.alice), creates(e, c));
    c = af_capability("c", &g);
    c.controller = f.bob;
    EXPECT(w, CZ_BAD_POLICY, both, reads(e, f.alice), reads(e, f.bob), creates(e, c));
    g.account = fx_id("nobody");
    EXPECT(w, CZ_BAD_POLICY, both, creates(e, af_capability("c", &g)));
    g.account = f.alice;
    EXPECT(w, CZ_UNDECLARED, both, creates(e, af_capability("c", &g)));
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), creates(e, af_capability("c", &g)));
    /* A place that is another account's is not taken by it either. */
    c = af_capability("silver", &g);
    c.creator = f.bob;
    EXPECT(w, CZ_UNDECLARED, both, reads(e, f.alice), creates(e, c));
    EXPECT(w, CZ_WRONG_KEY, both, reads(e, f.alice), reads(e, f.bob), creates(e, c));
    c = af_creation(f.alice, "outbox", CZ_OUTBOX, NULL, 0);
    EXPECT(w, CZ_BAD_POLICY, both, reads(e, f.alice), creates(e, c));
    c.data = (const uint8_t *)"\x82\x14\x80";
    c.data_len = 3;
    c.label = "drawer";
    EXPECT(w, CZ_DIRECT_OWNERSHIP, both, reads(e, f.alice), creates(e, c));
    c.label = "outbox";
    c.controller = f.bob;
    EXPECT(w, CZ_DIRECT_OWNERSHIP, both, reads(e, f.alice), reads(e, f.bob), creates(e, c));
    c.creator = c.controller = cz_operator();
    EXPECT(w, CZ_DIRECT_OWNERSHIP, both, creates(e, c));
    c.creator = c.controller = f.alice;
    APPLY(w, 0, creates(e, c)); /* empty and in its place: anybody may */
    EXPECT(w, CZ_WRONG_KIND, both, reads(e, f.alice),
           put_bytes(e, af_id(f.alice, "outbox"), "\x82\x14\x80", 3));
    fw_close(w);
}

/* ---- Limits ------------------------------------------------------------------------------ */

static void so_much_leaves_an_account_in_each_window(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_policy p = af_policy(1, 4, 1);
    cz_id carol = fx_id("carol"), gold = af_id(carol, "gold"), purse = af_id(carol, "purse");
    cz_grant g = af_grant(carol, 5, CZ_RIGHT_DEBIT);

    (void)state;
    af_open(&f);
    cz_sim_interval(w->chain, 60);
    p.limit_count = 1;
    p.limits[0] = (cz_limit){"gold", 10, "moon", 120, 0, 0};
    APPLY(w, K(4), creates(e, af_account("carol", &p)),
          creates(e, af_creation(carol, "gold", CZ_FUNGIBLE, "gold", 100)),
          creates(e, af_creation(carol, "purse", CZ_FUNGIBLE, "gold", 0)),
          creates(e, af_capability("c", &g)));
#define PAY(q) writes(e, carol), transfer(e, gold, f.bob_gold, q)
    EXPECT(w, CZ_RATE_LIMIT, K(4), PAY(1)); /* no time yet */
    fw_mine(w, 1);                          /* 60 */
    fw_observe(w);
    EXPECT(w, CZ_UNDECLARED, K(4), reads(e, carol), transfer(e, gold, f.bob_gold, 1));
    EXPECT(w, CZ_RATE_LIMIT, K(4), PAY(11));
    APPLY(w, K(4), PAY(6));
    /* Whoever authorised it, and in one effect as in several. */
    EXPECT(w, CZ_RATE_LIMIT, K(5), uses(e, fx_id("c"), CZ_READ), PAY(5));
    EXPECT(w, CZ_RATE_LIMIT, K(4), PAY(3), PAY(2));
    APPLY(w, K(5), uses(e, fx_id("c"), CZ_READ), PAY(3), PAY(1));
    EXPECT(w, CZ_RATE_LIMIT, K(4), PAY(1));
    /* What stays does not count, and other assets do not. */
    APPLY(w, K(4), reads(e, carol), transfer(e, gold, purse, 50));
    EXPECT(w, CZ_RATE_LIMIT, K(4), writes(e, carol), transfer(e, purse, f.bob_gold, 1));
    fw_mine(w, 1); /* 120: the next window */
    fw_observe(w);
    APPLY(w, K(4), writes(e, carol), transfer(e, purse, f.bob_gold, 10));
    EXPECT(w, CZ_RATE_LIMIT, K(4), PAY(1));
    fw_mine(w, 1); /* 180: the same */
    fw_observe(w);
    EXPECT(w, CZ_RATE_LIMIT, K(4), PAY(1));
    fw_mine(w, 1); /* 240 */
    fw_observe(w);
    APPLY(w, K(4), PAY(10));
    assert_true(af_quantity(w, f.bob_gold) == 130);
#undef PAY
    fw_close(w);
}

static void positions_are_debited_like_fungibles(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_creation c;
    cz_id claims;

    (void)state;
    af_open(&f);
    c = af_creation(f.alice, "claims", CZ_POSITION, "oil", 0);
    claims = af_id(f.alice, "claims");
    APPLY(w, K(0) | K(1), reads(e, f.alice), creates(e, c),
          creates(e, fx_creation("pool", CZ_POSITION, "oil", 0)));
    APPLY(w, 0, move(e, fx_id("pool"), claims, 5), reads(e, f.alice));
    EXPECT(w, CZ_UNSIGNED, 0, reads(e, f.alice), move(e, claims, fx_id("pool"), 5));
    EXPECT(w, CZ_UNDECLARED, K(0) | K(1), move(e, claims, fx_id("pool"), 5));
    APPLY(w, K(0) | K(1), reads(e, f.alice), move(e, claims, fx_id("pool"), 5));
    fw_close(w);
}

/* ---- Time -------------------------------------------------------------------------------- */

static void an_effect_can_be_for_a_span_of_a_domains_time(void **state)
{
    struct af f;
    struct fw *w = &f.w;

    (void)state;
    af_open(&f);
    cz_sim_interval(w->chain, 60);
    EXPECT(w, CZ_UNKNOWN_DOMAIN, 0, when(e, "mars", 0, UINT64_MAX));
    EXPECT(w, CZ_TOO_EARLY, 0, when(e, "moon", 0, UINT64_MAX));
    fw_mine(w, 2); /* 120 */
    fw_observe(w);
    EXPECT(w, CZ_TOO_EARLY, 0, when(e, "moon", 121, UINT64_MAX));
    APPLY(w, 0, when(e, "moon", 120, 120));
    APPLY(w, 0, when(e, "moon", 0, 120));
    EXPECT(w, CZ_TOO_LATE, 0, when(e, "moon", 0, 119));
    EXPECT(w, CZ_TOO_LATE, 0, when(e, "moon", 1, 200), when(e, "moon", 1, 119));
    fw_close(w);
}

/* ---- Asking, and guards ------------------------------------------------------------------ */

static void who_would_have_to_sign_is_told(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_effect *e;
    uint8_t seed[32];
    char id[CZ_ID_TEXT_SIZE];
    cz_error err = {0};

    (void)state;
    af_open(&f);
    cz_id_print(&f.alice, id);
    e = fw_effect(w);
    reads(e, f.alice);
    when(e, "moon", 0, 1);
    transfer(e, f.alice_gold, f.bob_gold, 1);
    assert_int_equal(cz_authorised(w->engine, e, &err), CZ_TOO_EARLY);
    cz_effect_clear(e);
    reads(e, f.alice);
    transfer(e, f.alice_gold, f.bob_gold, 1);
    af_seed(1, seed);
    assert_ok(cz_effect_sign(e, seed, &err), err);
    assert_int_equal(cz_authorised(w->engine, e, &err), CZ_BELOW_THRESHOLD);
    assert_non_null(strstr(err.detail, id));
    assert_non_null(strstr(err.detail, "1 of its owners signed, 2 must"));
    assert_non_null(strstr(err.detail, "operation 1 (transfer)"));
    assert_string_equal(cz_code_name(CZ_BELOW_THRESHOLD), "below-threshold");
    assert_int_equal(cz_propose(w->engine, e, NULL, NULL, &(uint64_t){0}, &err),
                     CZ_BELOW_THRESHOLD);
    /* A signature that is not of this effect. */
    reads(e, f.bob);
    assert_int_equal(cz_authorised(w->engine, e, &err), CZ_BAD_SIGNATURE);
    cz_effect_free(e);
    fw_close(w);
}

static void asking_changes_nothing(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    uint8_t before[32], after[32];
    cz_error err = {0};
    cz_effect *e;

    (void)state;
    af_open(&f);
    af_root(w, before);
    e = fw_effect(w);
    creates(e, fx_creation("new", CZ_FUNGIBLE, "an asset never heard of", 5));
    creates(e, fx_creation("newer", CZ_FUNGIBLE, "an asset never heard of", 0));
    transfer(e, fx_id("new"), fx_id("newer"), 2);
    assert_ok(cz_authorised(w->engine, e, &err), err);
    af_root(w, after);
    assert_memory_equal(after, before, sizeof after);
    cz_effect_free(e);
    fw_close(w);
}

/* Effects on the same resources apply meanwhile, on the engine's thread. */
static void asking_while_effects_apply_disturbs_neither(void **state)
{
    cz_creation c = fx_creation("free gold", CZ_FUNGIBLE, "gold", 5000);
    uint8_t seed[32];
    struct fw w;
    cz_effect *asked = fx_effect("asker", 1), *e = fx_effect("payer", 1);
    cz_policy p = af_policy(1, 3, 1);
    cz_id bob = fx_id("bob"), gold = af_id(bob, "gold");
    cz_error err = {0};

    (void)state;
    fw_open(&w, false);
    APPLY(&w, K(3), creates(e, af_account("bob", &p)),
          creates(e, af_creation(bob, "gold", CZ_FUNGIBLE, "gold", 1)), creates(e, c));
    reads(asked, bob);
    transfer(asked, gold, fx_id("free gold"), 1);
    af_seed(3, seed);
    assert_ok(cz_effect_sign(asked, seed, &err), err);
    for (uint64_t i = 1; i <= 200; i++) {
        uint64_t ticket;

        cz_effect_clear(e);
        cz_effect_set_origin(e, &bob);
        cz_effect_set_nonce(e, i);
        transfer(e, fx_id("free gold"), gold, 1);
        assert_ok(cz_submit_effect(w.engine, e, NULL, NULL, &ticket, &err), err);
        if (i % 8 == 0)
            assert_ok(cz_authorised(w.engine, asked, &err), err);
    }
    assert_true(af_quantity(&w, gold) == 201);
    cz_effect_free(e);
    cz_effect_free(asked);
    fw_close(&w);
}

static void a_guard_commits_only_what_is_authorised(void **state)
{
    struct af f;
    struct fw *w = &f.w;
    cz_guard guard = {0};
    cz_contents contents;
    cz_result result;
    cz_error err = {0};
    cz_claim claim = {.mode = CZ_WRITE};

    (void)state;
    af_open(&f);
    claim.resource = af_id(f.alice, "note");
    APPLY(w, K(0) | K(1), reads(e, f.alice),
          creates(e, af_creation(f.alice, "note", CZ_DATA, NULL, 0)));
    assert_ok(cz_acquire(w->engine, &claim, CZ_FOREVER, &guard, &err), err);
    assert_ok(cz_guard_contents(&guard, &contents, &err), err);
    contents.data = (const uint8_t *)"mine";
    contents.data_len = 4;
    assert_ok(cz_guard_update(&guard, &contents, &err), err);
    assert_int_equal(cz_guard_commit(&guard, &result, &err), CZ_REJECTED);
    assert_int_equal(result.reason, CZ_UNDECLARED);
    (void)cz_release(&guard, &err);
    fw_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_is_debited_by_enough_of_its_owners),
        cmocka_unit_test(the_account_that_decides_must_be_declared),
        cmocka_unit_test(anybody_may_credit_an_account_and_read_it),
        cmocka_unit_test(an_account_authorises_nothing_about_anothers_resources),
        cmocka_unit_test(an_account_that_is_not_active_authorises_nothing),
        cmocka_unit_test(a_policy_is_changed_by_the_owners_that_the_old_one_names),
        cmocka_unit_test(what_an_account_controls_is_written_and_ended_by_it_alone),
        cmocka_unit_test(a_capability_gives_its_holder_its_right),
        cmocka_unit_test(a_capability_of_another_account_is_none),
        cmocka_unit_test(the_capability_that_got_furthest_gives_the_reason),
        cmocka_unit_test(a_ceiling_is_for_all_time_and_of_those_above_too),
        cmocka_unit_test(a_capability_ends_with_its_time),
        cmocka_unit_test(a_capability_is_suspended_and_revoked),
        cmocka_unit_test(what_is_above_a_revoked_one_stands_and_below_falls),
        cmocka_unit_test(nobody_delegates_more_than_he_has),
        cmocka_unit_test(a_chain_has_so_many_capabilities_and_no_more),
        cmocka_unit_test(an_account_is_made_by_its_own_owners),
        cmocka_unit_test(an_account_and_what_it_has_can_be_one_effect),
        cmocka_unit_test(an_empty_balance_is_anybodys_to_open_and_nothing_else),
        cmocka_unit_test(nobody_gets_at_a_resource_by_creating_it_again),
        cmocka_unit_test(a_program_owns_nothing_directly),
        cmocka_unit_test(bytes_of_capabilities_and_outboxes_are_checked),
        cmocka_unit_test(so_much_leaves_an_account_in_each_window),
        cmocka_unit_test(positions_are_debited_like_fungibles),
        cmocka_unit_test(an_effect_can_be_for_a_span_of_a_domains_time),
        cmocka_unit_test(who_would_have_to_sign_is_told),
        cmocka_unit_test(asking_changes_nothing),
        cmocka_unit_test(asking_while_effects_apply_disturbs_neither),
        cmocka_unit_test(a_guard_commits_only_what_is_authorised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
