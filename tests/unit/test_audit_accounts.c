/* test_audit_accounts.c - audit of what accounts allow (R14): a journal in which all was
 * allowed passes; of each rule there is a journal that claims what it forbids, and nothing but
 * that rule can find it.
 *
 * test_audit_accounts --stores DIR writes these stores for tests/property/verify.py, which must
 * find the same: DIR/truth, DIR/later, DIR/lie-NAME.
 */
#include "account_story.h"

#include <sys/stat.h>

/* ---- Lies: each ends with an effect that should not have applied --------------------------
 */

#define NO_DATA ((struct czi_slice){0})

static void tell(struct story *s, cz_effect *e)
{
    story_apply(s, e);
}

static void tell_signed(struct story *s, cz_effect *e, enum story_key k)
{
    story_sign(e, k);
    story_apply(s, e);
}

static void debit_unsigned(struct story *s)
{
    tell(s, story_pay(s, 1));
}

static void debit_by_a_stranger(struct story *s)
{
    tell_signed(s, story_pay(s, 1), EVE);
}

/* A holder of capabilities that are not presented. */
static void debit_by_a_holder_without_use(struct story *s)
{
    tell_signed(s, story_pay(s, 1), CAROL);
}

/* bob to alice. */
static cz_effect *bob_pays(const struct story *s, cz_quantity quantity, enum cz_access mode)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->bob, mode, E));
    STORY_ADD(cz_effect_transfer(e, &s->bob_moon, &s->alice_moon, quantity, E));
    return e;
}

static void debit_below_the_threshold(struct story *s)
{
    tell_signed(s, bob_pays(s, 1, CZ_WRITE), BOB_1);
}

static void debit_of_an_undeclared_account(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_transfer(e, &s->alice_moon, &s->bob_moon, 1, E));
    tell_signed(s, e, ALICE);
}

static void debit_of_another_asset_of_hers(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_transfer(e, &s->alice_usd, &s->plain, 1, E));
    tell_signed(s, e, BOB_1);
}

static void a_limit_without_a_written_account(struct story *s)
{
    cz_effect *e = bob_pays(s, 1, CZ_READ);

    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void beyond_the_limit(struct story *s)
{
    cz_effect *e = bob_pays(s, 31, CZ_WRITE);

    story_sign(e, BOB_1);
    story_derive_bob(s, 0, 51);
    tell_signed(s, e, BOB_2);
}

static void spent_and_not_counted(struct story *s)
{
    cz_effect *e = bob_pays(s, 1, CZ_WRITE);

    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void a_withdrawal_beyond_the_limit(struct story *s)
{
    cz_effect *e = story_effect(s);

    for (unsigned i = 0; i < 4; i++)
        story_add_withdrawal(s, e);
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

/* ---- Capabilities -------------------------------------------------------------------------
 */

static void a_use_that_its_holder_did_not_sign(struct story *s)
{
    story_derive_spent(s, 6, 6);
    tell_signed(s, story_spend(s, 1), CAROL);
}

static void beyond_its_ceiling(struct story *s)
{
    story_derive_spent(s, 11, 11);
    tell_signed(s, story_spend(s, 6), DAVE);
}

/* carol's own, alone or behind dave's, of which 5 are spent already. */
static cz_effect *carol_spends(const struct story *s, cz_quantity quantity)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_use(e, &s->cap, CZ_WRITE, E));
    STORY_ADD(cz_effect_transfer(e, &s->alice_moon, &s->bob_moon, quantity, E));
    return e;
}

static void beyond_the_ceiling_above(struct story *s)
{
    struct czi_grant g = story_cap(s, 16);
    cz_effect *e = carol_spends(s, 11);

    story_sign(e, CAROL);
    story_derive_grant(s, &s->cap, &g);
    tell(s, e);
    story_derive_spent(s, 21, 10);
    tell_signed(s, story_spend(s, 5), DAVE);
}

static void a_ceiling_that_is_not_counted(struct story *s)
{
    tell_signed(s, story_spend(s, 1), DAVE);
}

static void a_ceiling_above_that_is_not_counted(struct story *s)
{
    struct czi_grant g = story_child(s, 6);

    story_derive_grant(s, &s->child, &g);
    tell_signed(s, story_spend(s, 1), DAVE);
}

static void a_ceiling_of_what_is_only_read(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_access(e, &s->cap, CZ_READ, E));
    STORY_ADD(cz_effect_use(e, &s->child, CZ_READ, E));
    STORY_ADD(cz_effect_transfer(e, &s->alice_moon, &s->bob_moon, 1, E));
    tell_signed(s, e, DAVE);
}

static void a_use_without_those_above(struct story *s)
{
    struct czi_grant g = story_child(s, 6);
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_use(e, &s->child, CZ_WRITE, E));
    STORY_ADD(cz_effect_transfer(e, &s->alice_moon, &s->bob_moon, 1, E));
    story_derive_grant(s, &s->child, &g);
    tell_signed(s, e, DAVE);
}

static void for_another_asset(struct story *s)
{
    struct czi_grant g = story_cap(s, 6);
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_use(e, &s->cap, CZ_WRITE, E));
    STORY_ADD(cz_effect_transfer(e, &s->alice_usd, &s->plain, 1, E));
    story_derive_grant(s, &s->cap, &g);
    tell_signed(s, e, CAROL);
}

static void for_another_account(struct story *s)
{
    struct czi_grant g = story_cap(s, 6);
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->bob, CZ_WRITE, E));
    STORY_ADD(cz_effect_use(e, &s->cap, CZ_WRITE, E));
    STORY_ADD(cz_effect_transfer(e, &s->bob_moon, &s->alice_moon, 1, E));
    story_derive_grant(s, &s->cap, &g);
    story_derive_bob(s, 0, 21);
    tell_signed(s, e, CAROL);
}

static void for_another_right(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_use(e, &s->cap, CZ_WRITE, E));
    STORY_ADD(cz_effect_lock(e, &s->alice_moon, E));
    tell_signed(s, e, CAROL);
}

static void a_use_of_something_else(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_use(e, &s->note, CZ_READ, E));
    tell_signed(s, e, ALICE);
}

/* Presented, but only after it was needed. */
static void presented_too_late(struct story *s)
{
    cz_effect *e = story_pay(s, 1);

    STORY_ADD(cz_effect_use(e, &s->cap, CZ_WRITE, E));
    tell_signed(s, e, CAROL);
}

static void expired(struct story *s)
{
    cz_sim_interval(s->chain, 1000);
    story_mine(s);
    story_derive_spent(s, 6, 6);
    tell_signed(s, story_spend(s, 1), DAVE);
}

static void move_state(struct story *s, const cz_id *id, enum story_key k,
                       int (*move)(cz_effect *e, const cz_id *id, cz_error *err))
{
    cz_effect *e = story_effect(s);

    if (!czi_id_equal(id, &s->alice))
        STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(move(e, id, E));
    tell_signed(s, e, k);
}

static void revoked_above(struct story *s)
{
    move_state(s, &s->cap, ALICE, cz_effect_consume);
    story_derive_spent(s, 6, 6);
    tell_signed(s, story_spend(s, 1), DAVE);
}

static void suspended(struct story *s)
{
    move_state(s, &s->child, ALICE, cz_effect_freeze);
    story_derive_spent(s, 6, 6);
    tell_signed(s, story_spend(s, 1), DAVE);
}

static void revoked_by_a_stranger(struct story *s)
{
    move_state(s, &s->cap, DAVE, cz_effect_consume);
}

static void resumed_by_its_holder(struct story *s)
{
    move_state(s, &s->child, ALICE, cz_effect_lock);
    move_state(s, &s->child, DAVE, cz_effect_unlock);
}

static void written_by_hand(struct story *s)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_grant g = story_cap(s, 0);
    cz_effect *e = story_effect(s);

    czi_grant_put(&bytes, &g);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_write(e, &s->cap, bytes.data, bytes.len, E));
    tell_signed(s, e, ALICE);
}

/* ---- Delegation ---------------------------------------------------------------------------
 */

static void delegate(struct story *s, const struct czi_grant *g, bool use, enum story_key k)
{
    cz_effect *e = story_effect(s);
    cz_id maker = cz_operator(), parent = s->cap;

    if (g->parent)
        memcpy(&parent, g->parent, sizeof parent);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_access(e, &s->cap, CZ_WRITE, E));
    if (use)
        STORY_ADD(cz_effect_use(e, &parent, CZ_WRITE, E));
    story_grant(e, &maker, "other", g);
    tell_signed(s, e, k);
}

static struct czi_grant other_child(const struct story *s)
{
    struct czi_grant g = story_child(s, 0);

    g.holder = s->keys[EVE];
    return g;
}

static void a_grant_that_nobody_gave(struct story *s)
{
    struct czi_grant g = story_cap(s, 0);

    g.holder = s->keys[EVE];
    delegate(s, &g, false, EVE);
}

static void delegated_without_presenting(struct story *s)
{
    struct czi_grant g = other_child(s);

    delegate(s, &g, false, CAROL);
}

/* By the owner, who needs not present what is above; but it counts with it. */
static void delegated_of_what_is_not_declared(struct story *s)
{
    struct czi_grant g = other_child(s);
    cz_effect *e = story_effect(s);
    cz_id maker = cz_operator();

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_grant(e, &maker, "other", &g);
    tell_signed(s, e, ALICE);
}

static void delegated_without_the_right(struct story *s)
{
    struct czi_grant g = other_child(s);

    g.parent = s->child.bytes;
    delegate(s, &g, true, DAVE);
}

static void delegated_with_a_higher_ceiling(struct story *s)
{
    struct czi_grant g = other_child(s);

    g.ceiling = 21;
    delegate(s, &g, true, CAROL);
}

static void delegated_without_a_ceiling(struct story *s)
{
    struct czi_grant g = other_child(s);

    g.has_ceiling = false;
    g.ceiling = 0;
    delegate(s, &g, true, CAROL);
}

static void delegated_with_more_rights(struct story *s)
{
    struct czi_grant g = other_child(s);

    g.rights |= CZ_RIGHT_WITHDRAW;
    delegate(s, &g, true, CAROL);
}

static void delegated_for_everything(struct story *s)
{
    struct czi_grant g = other_child(s);

    g.asset = NO_DATA;
    delegate(s, &g, true, CAROL);
}

static void delegated_for_longer(struct story *s)
{
    struct czi_grant g = other_child(s);

    g.expire_time++;
    delegate(s, &g, true, CAROL);
}

static void born_with_something_spent(struct story *s)
{
    struct czi_grant g = other_child(s);

    g.spent = 1;
    delegate(s, &g, true, CAROL);
}

/* Of alice's, but said to be made by bob. */
static void a_grant_in_anothers_name(struct story *s)
{
    struct czi_grant g = story_cap(s, 0);
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_access(e, &s->bob, CZ_READ, E));
    story_grant(e, &s->bob, "forged", &g);
    tell_signed(s, e, ALICE);
}

static void controlled_by_another(struct story *s)
{
    struct czi_grant g = story_cap(s, 0);
    cz_effect *e = story_effect(s);
    CZI_AUTOBUF bytes = {0};
    cz_id maker = cz_operator();

    czi_grant_put(&bytes, &g);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_create(e, &maker, &maker, "loose", CZ_CAPABILITY, NULL, 0, czi_buf_slice(&bytes));
    tell_signed(s, e, ALICE);
}

/* Eight above one another are allowed: the ninth is one too many. */
static void too_deep_a_chain(struct story *s)
{
    cz_id ids[CZ_DELEGATION_MAX + 1], maker = cz_operator();

    for (unsigned i = 0; i <= CZ_DELEGATION_MAX; i++) {
        struct czi_grant g = {.account = s->alice.bytes,
                              .parent = i ? ids[i - 1].bytes : NULL,
                              .holder = s->keys[EVE],
                              .rights = CZ_RIGHT_DEBIT};
        cz_effect *e = story_effect(s);
        char label[16];

        (void)snprintf(label, sizeof label, "chain-%u", i);
        ids[i] = story_id(&maker, label);
        STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
        if (i)
            STORY_ADD(cz_effect_access(e, &ids[i - 1], CZ_READ, E));
        story_grant(e, &maker, label, &g);
        tell_signed(s, e, ALICE);
    }
}

/* ---- Accounts and what they control -------------------------------------------------------
 */

static void make_account(struct story *s, const struct czi_buf *bytes, enum story_key k)
{
    cz_effect *e = story_effect(s);
    cz_id maker = cz_operator();

    story_create(e, &maker, &maker, "another", CZ_ACCOUNT, NULL, 0, czi_buf_slice(bytes));
    tell_signed(s, e, k);
}

static void an_account_that_its_owners_did_not_sign(struct story *s)
{
    CZI_AUTOBUF bytes = {0};

    story_bob_policy(s, 0, 0, &bytes);
    make_account(s, &bytes, BOB_1);
}

static void an_account_with_a_past(struct story *s)
{
    CZI_AUTOBUF bytes = {0};
    cz_effect *e = story_effect(s);
    cz_id maker = cz_operator();

    story_bob_policy(s, 1, 1, &bytes);
    story_create(e, &maker, &maker, "another", CZ_ACCOUNT, NULL, 0, czi_buf_slice(&bytes));
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void an_account_without_a_policy(struct story *s)
{
    CZI_AUTOBUF bytes = {0};

    czi_buf_put(&bytes, "hello", 5);
    make_account(s, &bytes, ALICE);
}

static void change_policy(struct story *s, uint64_t number, enum story_key second)
{
    CZI_AUTOBUF bytes = {0};
    cz_effect *e = story_effect(s);

    story_bob_policy(s, number, 0, &bytes);
    STORY_ADD(cz_effect_write(e, &s->bob, bytes.data, bytes.len, E));
    story_sign(e, BOB_1);
    tell_signed(s, e, second);
}

static void a_policy_that_too_few_changed(struct story *s)
{
    change_policy(s, 0, EVE);
}

static void a_policy_that_is_not_new(struct story *s)
{
    change_policy(s, 1, BOB_2);
}

static void a_locked_account_that_allows(struct story *s)
{
    move_state(s, &s->alice, ALICE, cz_effect_lock);
    tell_signed(s, story_pay(s, 1), ALICE);
}

static void an_account_locked_by_another(struct story *s)
{
    move_state(s, &s->alice, EVE, cz_effect_lock);
}

static void a_note_locked_by_another(struct story *s)
{
    move_state(s, &s->note, EVE, cz_effect_lock);
}

static void a_note_written_by_another(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_write(e, &s->note, "bye", 3, E));
    tell_signed(s, e, EVE);
}

/* It would get a new version. */
static void a_note_declared_written_by_another(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_access(e, &s->note, CZ_WRITE, E));
    STORY_ADD(cz_effect_require(e, &s->alice, &(cz_requirement){.has_state = true}, E));
    tell_signed(s, e, EVE);
}

static void an_account_declared_written_by_another(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_WRITE, E));
    STORY_ADD(cz_effect_require(e, &s->note, &(cz_requirement){.has_state = true}, E));
    tell_signed(s, e, EVE);
}

static void create_for(struct story *s, const cz_id *creator, const cz_id *controller)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_create(e, creator, controller, "other", CZ_DATA, NULL, 0,
                 (struct czi_slice){(const uint8_t *)"x", 1});
    tell_signed(s, e, EVE);
}

static void again(cz_effect *e, const cz_id *owner, const char *label, enum cz_kind kind)
{
    cz_creation c = {.creator = *owner,
                     .controller = *owner,
                     .label = label,
                     .kind = kind,
                     .asset = kind == CZ_DATA ? NULL : label,
                     .if_absent = true};

    STORY_ADD(cz_effect_create(e, &c, E));
}

/* Nothing is created, but it would get a new version. */
static void a_note_created_again_by_another(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    again(e, &s->alice, "note", CZ_DATA);
    tell_signed(s, e, EVE);
}

/* It was there before its account, and so is anybody's. */
static void a_balance_that_is_not_the_accounts(struct story *s)
{
    CZI_AUTOBUF bytes = {0};
    cz_id maker = cz_operator(), zed = story_id(&maker, "another"), balance;
    cz_effect *e = story_effect(s);

    story_open(e, &zed, "USD");
    tell(s, e);
    story_alice_policy(s, &bytes);
    make_account(s, &bytes, ALICE);
    balance = story_id(&zed, "USD");
    e = story_effect(s);
    STORY_ADD(cz_effect_access(e, &zed, CZ_READ, E));
    again(e, &zed, "USD", CZ_FUNGIBLE);
    STORY_ADD(cz_effect_transfer(e, &s->plain, &balance, 1, E));
    tell(s, e);
}

static void created_in_her_name(struct story *s)
{
    cz_id maker = cz_operator();

    create_for(s, &s->alice, &maker);
}

static void created_for_her(struct story *s)
{
    cz_id maker = cz_operator();

    create_for(s, &maker, &s->alice);
}

/* ---- What comes and goes ------------------------------------------------------------------
 */

static void create_moon(struct story *s, const cz_id *creator, const cz_id *controller,
                        cz_quantity quantity)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_create(e, creator, controller, "more", CZ_FUNGIBLE, MOON, quantity, NO_DATA);
    tell_signed(s, e, ALICE);
}

static void external_value_created(struct story *s)
{
    create_moon(s, &s->alice, &s->alice, 1);
}

static void external_value_of_nobody(struct story *s)
{
    cz_id maker = cz_operator();

    create_moon(s, &maker, &maker, 0);
}

static void external_value_consumed(struct story *s)
{
    move_state(s, &s->alice_moon, ALICE, cz_effect_consume);
}

static cz_effect *credit(const struct story *s, const cz_id *to, const cz_id *fact,
                         const char *purpose)
{
    cz_effect *e = story_effect(s);

    story_cite(e, fact, purpose);
    STORY_ADD(cz_effect_deposit(e, to, fact, E));
    return e;
}

static cz_id next_deposit(struct story *s, const char *account, const char *asset)
{
    uint64_t event = 0;

    STORY_ADD(cz_sim_deposit(s->chain, account, asset, 7, &event, E));
    story_mine(s);
    s->amount = 7;
    return story_event(s, CZ_FACT_DEPOSIT, event);
}

static void a_deposit_credited_twice(struct story *s)
{
    s->amount = 100;
    tell(s, credit(s, &s->alice_moon, &s->deposit, "deposit"));
}

static void a_deposit_credited_twice_at_once(struct story *s)
{
    cz_id fact = next_deposit(s, "alice", "MOON");
    cz_effect *e = credit(s, &s->alice_moon, &fact, "deposit");

    STORY_ADD(cz_effect_deposit(e, &s->alice_moon, &fact, E));
    tell(s, e);
}

/* Nobody could ever be credited with it. */
static void a_deposit_used_up_for_nothing(struct story *s)
{
    cz_id fact = next_deposit(s, "alice", "MOON");
    cz_effect *e = story_pay(s, 1);

    story_cite(e, &fact, "deposit");
    tell_signed(s, e, ALICE);
}

/* A domain whose name begins like another's assets. */
static void a_deposit_from_a_domain_with_a_colon(struct story *s)
{
    cz_sim_chain *moon = s->chain;
    uint64_t observed = s->observed;
    cz_effect *e = story_effect(s);
    cz_id balance = story_id(&s->alice, "moon:A:B"), fact;

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_open(e, &s->alice, "moon:A:B");
    tell(s, e);
    STORY_ADD(cz_sim_new("moon:A", 8, &s->chain, E));
    s->observed = 0;
    story_domain(s);
    fact = next_deposit(s, "alice", "B");
    tell(s, credit(s, &balance, &fact, "deposit"));
    cz_sim_free(s->chain);
    s->chain = moon;
    s->observed = observed;
}

static void a_deposit_for_another_purpose(struct story *s)
{
    s->amount = 100;
    tell(s, credit(s, &s->alice_moon, &s->deposit, "gift"));
}

static void a_deposit_of_another_account(struct story *s)
{
    cz_id fact = next_deposit(s, "alice", "MOON");

    tell(s, credit(s, &s->bob_moon, &fact, "deposit"));
}

static void a_deposit_of_another_asset(struct story *s)
{
    cz_id fact = next_deposit(s, "alice", "SUN");

    tell(s, credit(s, &s->alice_moon, &fact, "deposit"));
}

static void a_deposit_of_an_asset_that_is_not_external(struct story *s)
{
    cz_id fact = next_deposit(s, "alice", "USD");

    tell(s, credit(s, &s->alice_usd, &fact, "deposit"));
}

static void a_deposit_into_what_is_locked(struct story *s)
{
    cz_id fact = next_deposit(s, "alice", "MOON");

    move_state(s, &s->alice_moon, ALICE, cz_effect_lock);
    tell(s, credit(s, &s->alice_moon, &fact, "deposit"));
}

static void a_deposit_into_a_reserve(struct story *s)
{
    char id[CZ_ID_TEXT_SIZE];
    cz_id fact;

    cz_id_print(&s->reserve, id);
    fact = next_deposit(s, id, "MOON");
    tell(s, credit(s, &s->reserve, &fact, "deposit"));
}

static void a_deposit_of_more(struct story *s)
{
    cz_id fact = next_deposit(s, "alice", "MOON");

    s->amount = 8;
    tell(s, credit(s, &s->alice_moon, &fact, "deposit"));
}

/* A payment is no deposit. */
static void a_deposit_proven_by_something_else(struct story *s)
{
    s->amount = 10;
    tell(s, credit(s, &s->bob_moon, &s->payment, "deposit"));
}

/* Cited, but optional and not as settled as was asked for. */
static void a_deposit_that_was_left_out(struct story *s)
{
    cz_id fact = next_deposit(s, "alice", "MOON");
    cz_dependency d = {.fact = fact,
                       .policy = CZ_STILL_TRUE,
                       .optional = true,
                       .finality = CZ_FINAL,
                       .purpose = "deposit"};
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_depend(e, &d, E));
    STORY_ADD(cz_effect_deposit(e, &s->alice_moon, &fact, E));
    story_apply(s, e)->extra.left_out = 1;
}

static void a_withdrawal_that_nobody_signed(struct story *s)
{
    cz_effect *e = story_effect(s);

    story_add_withdrawal(s, e);
    tell(s, e);
}

static void a_withdrawal_that_is_not_entered(struct story *s)
{
    cz_effect *e = story_effect(s);

    story_add_withdrawal(s, e);
    story_sign(e, BOB_1);
    story_derive_bob(s, 0, 30);
    tell_signed(s, e, BOB_2);
}

static void a_withdrawal_through_anothers_outbox(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_withdraw(e, &s->alice_moon, &s->outbox, &s->reserve, 1, "0xa", E));
    tell_signed(s, e, ALICE);
}

static void a_withdrawal_of_no_domains_asset(struct story *s)
{
    static const uint8_t empty[] = {0x82, CZI_TAG_OUTBOX, 0x80};
    cz_id outbox = story_id(&s->alice, "outbox"), reserve = story_id(&outbox, "USD");
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_create(e, &s->alice, &s->alice, "outbox", CZ_OUTBOX, NULL, 0,
                 (struct czi_slice){empty, sizeof empty});
    story_open(e, &outbox, "USD");
    STORY_ADD(cz_effect_withdraw(e, &s->alice_usd, &outbox, &reserve, 1, "0xa", E));
    tell_signed(s, e, ALICE);
}

static void an_outbox_that_ends_too_early(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->bob, CZ_READ, E));
    STORY_ADD(cz_effect_archive(e, &s->outbox, E));
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void a_withdrawal_into_a_locked_outbox(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->bob, CZ_READ, E));
    STORY_ADD(cz_effect_lock(e, &s->outbox, E));
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
    e = story_effect(s);
    story_add_withdrawal(s, e);
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void a_withdrawal_into_anothers_reserve(struct story *s)
{
    cz_id other = story_id(&s->outbox, "moon:RAY");
    cz_effect *e = story_effect(s);

    story_open(e, &s->outbox, "moon:RAY");
    STORY_ADD(cz_effect_access(e, &s->bob, CZ_WRITE, E));
    STORY_ADD(cz_effect_withdraw(e, &s->bob_moon, &s->outbox, &other, 1, "0xa", E));
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void one_withdrawal_too_many(struct story *s)
{
    static const uint8_t empty[] = {0x82, CZI_TAG_OUTBOX, 0x80};
    cz_id outbox = story_id(&s->alice, "outbox"), reserve = story_id(&outbox, MOON);
    cz_effect *e;
    cz_id fact;
    uint64_t event = 0;

    STORY_ADD(cz_sim_deposit(s->chain, "alice", "MOON", 100, &event, E));
    story_mine(s);
    fact = story_event(s, CZ_FACT_DEPOSIT, event);
    s->amount = 100;
    tell(s, credit(s, &s->alice_moon, &fact, "deposit"));
    e = story_effect(s);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_create(e, &s->alice, &s->alice, "outbox", CZ_OUTBOX, NULL, 0,
                 (struct czi_slice){empty, sizeof empty});
    story_open(e, &outbox, MOON);
    for (unsigned i = 0; i <= CZ_WITHDRAWALS_MAX; i++)
        STORY_ADD(cz_effect_withdraw(e, &s->alice_moon, &outbox, &reserve, 1, "0xa", E));
    tell_signed(s, e, ALICE);
}

/* An outbox has reserves, and nothing else. */
static void a_thing_of_an_outbox(struct story *s)
{
    cz_effect *e = story_effect(s);
    cz_id maker = cz_operator();

    STORY_ADD(cz_effect_access(e, &s->bob, CZ_READ, E));
    story_create(e, &maker, &s->outbox, "other", CZ_DATA, NULL, 0,
                 (struct czi_slice){(const uint8_t *)"x", 1});
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void a_withdrawal_into_no_reserve(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->bob, CZ_WRITE, E));
    STORY_ADD(cz_effect_withdraw(e, &s->bob_moon, &s->outbox, &s->alice_moon, 1, "0xa", E));
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void a_reserve_that_is_debited(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->bob, CZ_READ, E));
    STORY_ADD(cz_effect_transfer(e, &s->reserve, &s->bob_moon, 1, E));
    story_sign(e, BOB_1);
    tell_signed(s, e, BOB_2);
}

static void a_reserve_that_is_credited(struct story *s)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    STORY_ADD(cz_effect_transfer(e, &s->alice_moon, &s->reserve, 1, E));
    tell_signed(s, e, ALICE);
}

static void a_confirmation_of_less(struct story *s)
{
    char reference[2 * CZ_REFERENCE_SIZE], id[CZ_ID_TEXT_SIZE];
    uint64_t event = 0;
    cz_id fact;

    cz_id_print(&s->withdrawal, id);
    (void)snprintf(reference, sizeof reference, "0xb0b#%s/1", id);
    STORY_ADD(cz_sim_withdrawal(s->chain, reference, "MOON", 9, &event, E));
    story_mine(s);
    fact = story_event(s, CZ_FACT_WITHDRAWAL, event);
    s->amount = 10;
    story_derive_outbox(s, 1);
    tell(s, story_confirm(s, &fact));
}

static void confirm_as(struct story *s, const char *form, const char *asset)
{
    char reference[2 * CZ_REFERENCE_SIZE], id[CZ_ID_TEXT_SIZE];
    uint64_t event = 0;
    cz_id fact;

    cz_id_print(&s->withdrawal, id);
    (void)snprintf(reference, sizeof reference, "%s#%s/%c", form, id,
                   asset[1] == 'O' ? '1' : '0');
    STORY_ADD(cz_sim_withdrawal(s->chain, reference, asset, 10, &event, E));
    story_mine(s);
    fact = story_event(s, CZ_FACT_WITHDRAWAL, event);
    s->amount = 10;
    story_derive_outbox(s, asset[1] == 'O' ? 1 : 2);
    tell(s, story_confirm(s, &fact));
}

static void a_confirmation_of_another_destination(struct story *s)
{
    confirm_as(s, "0xeve", "MOON");
}

static void a_confirmation_of_another_asset(struct story *s)
{
    confirm_as(s, "0xb0b", "SUN");
}

static void a_confirmation_that_closes_another(struct story *s)
{
    s->amount = 10;
    story_derive_outbox(s, 1);
    tell(s, story_confirm(s, &s->payment));
}

static void a_confirmation_that_comes_twice(struct story *s)
{
    s->amount = 10;
    story_derive_outbox(s, 2);
    tell(s, story_confirm(s, &s->payment));
    story_derive_outbox(s, 0);
    tell(s, story_confirm(s, &s->payment));
}

/* The same payment is observed as another event. */
static void a_confirmation_of_what_is_closed(struct story *s)
{
    s->amount = 10;
    story_derive_outbox(s, 2);
    tell(s, story_confirm(s, &s->payment));
    confirm_as(s, "0xb0b", "MUON");
}

static void a_release_of_what_was_not_refused(struct story *s)
{
    char name[CZ_REFERENCE_SIZE], id[CZ_ID_TEXT_SIZE];
    cz_id fact;

    cz_id_print(&s->withdrawal, id);
    (void)snprintf(name, sizeof name, "%s/0", id);
    STORY_ADD(cz_sim_register(s->chain, name, "pending", 7, E));
    story_mine(s);
    fact = story_fact(s, CZ_FACT_REGISTER, name);
    s->amount = 10;
    story_derive_outbox(s, 2);
    tell(s, story_release(s, &s->bob_moon, &fact));
}

static void a_release_to_another_account(struct story *s)
{
    s->amount = 10;
    story_derive_outbox(s, 1);
    tell(s, story_release(s, &s->alice_moon, &s->refusal));
}

static void a_release_that_comes_twice(struct story *s)
{
    s->amount = 10;
    story_derive_outbox(s, 1);
    tell(s, story_release(s, &s->bob_moon, &s->refusal));
    story_derive_outbox(s, 0);
    tell(s, story_release(s, &s->bob_moon, &s->refusal));
}

static void an_outbox_with_something_in_it(struct story *s)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_outbox o = {0};
    struct czi_withdrawal w = {.quantity = 1,
                               .asset = {(const uint8_t *)MOON, sizeof MOON - 1},
                               .destination = {(const uint8_t *)"0xa", 3}};
    cz_effect *e = story_effect(s);

    assert_true(czi_outbox_add(&o, &w));
    czi_outbox_put(&bytes, &o);
    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_create(e, &s->alice, &s->alice, "outbox", CZ_OUTBOX, NULL, 0, czi_buf_slice(&bytes));
    tell_signed(s, e, ALICE);
}

static void an_outbox_elsewhere(struct story *s)
{
    static const uint8_t empty[] = {0x82, CZI_TAG_OUTBOX, 0x80};
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_access(e, &s->alice, CZ_READ, E));
    story_create(e, &s->alice, &s->alice, "second", CZ_OUTBOX, NULL, 0,
                 (struct czi_slice){empty, sizeof empty});
    tell_signed(s, e, ALICE);
}

/* ---- Programs -----------------------------------------------------------------------------
 */

static cz_effect *owned_by(const struct story *s, const cz_id *program)
{
    cz_effect *e = story_effect(s);
    cz_id maker = cz_operator();

    story_create(e, &maker, program, "its own", CZ_FUNGIBLE, "USD", 1, NO_DATA);
    return e;
}

static void a_program_that_owns(struct story *s)
{
    cz_id program = {{7}};
    cz_effect *e = owned_by(s, &program);

    cz_effect_set_program(e, &program, 3);
    tell(s, e);
}

static void a_program_that_is_given(struct story *s)
{
    cz_id program = {{7}};
    cz_effect *e = story_effect(s);

    cz_effect_set_program(e, &program, 3);
    tell(s, e);
    tell(s, owned_by(s, &program));
}

/* ---- Time ---------------------------------------------------------------------------------
 */

static void at_time(struct story *s, const char *domain, uint64_t from, uint64_t to)
{
    cz_effect *e = story_effect(s);

    STORY_ADD(cz_effect_when(e, domain, from, to, E));
    tell(s, e);
}

/* The moon's time is 20. */
static void too_early(struct story *s)
{
    at_time(s, "moon", 21, 100);
}

static void too_late(struct story *s)
{
    at_time(s, "moon", 0, 19);
}

static void at_no_time(struct story *s)
{
    at_time(s, "sun", 0, UINT64_MAX);
}

/* ---- All of them --------------------------------------------------------------------------
 */

#define NOBODY "it is not authorised: neither owners nor a capability let it"
#define FEW "it is not authorised: too few owners signed"

static const struct lie {
    const char *name;
    void (*tell)(struct story *s);
    uint8_t
        reason; /* why it should have been rejected; CZ_APPLIED: it says what it did not do */
    const char *what; /* finds the audit */
} lies[] = {
#define LIE(name, reason, what) {#name, name, reason, what}
    LIE(debit_unsigned, CZ_UNSIGNED, NOBODY " debit"),
    LIE(debit_by_a_stranger, CZ_WRONG_KEY, NOBODY " debit"),
    LIE(debit_by_a_holder_without_use, CZ_WRONG_KEY, NOBODY " debit"),
    LIE(debit_below_the_threshold, CZ_BELOW_THRESHOLD, NOBODY " debit"),
    LIE(debit_of_an_undeclared_account, CZ_UNDECLARED,
        "an account that decides is not declared"),
    LIE(debit_of_another_asset_of_hers, CZ_WRONG_KEY, NOBODY " debit"),
    LIE(a_limit_without_a_written_account, CZ_UNDECLARED,
        "has a limit for moon:MOON, but is only read"),
    LIE(beyond_the_limit, CZ_RATE_LIMIT, "more moon:MOON leaves account"),
    LIE(a_withdrawal_beyond_the_limit, CZ_RATE_LIMIT, "more moon:MOON leaves account"),
    LIE(spent_and_not_counted, CZ_APPLIED, "is not that of its data"),
    LIE(a_use_that_its_holder_did_not_sign, CZ_WRONG_KEY,
        "is used, but its holder did not sign"),
    LIE(beyond_its_ceiling, CZ_OVER_CEILING, NOBODY " debit"),
    LIE(beyond_the_ceiling_above, CZ_OVER_CEILING, NOBODY " debit"),
    LIE(a_ceiling_that_is_not_counted, CZ_APPLIED, "is not that of its data"),
    LIE(a_ceiling_above_that_is_not_counted, CZ_APPLIED, "is not that of its data"),
    LIE(a_ceiling_of_what_is_only_read, CZ_UNDECLARED, "has a ceiling, but is only read"),
    LIE(a_use_without_those_above, CZ_UNDECLARED,
        "a capability above a used one is not declared"),
    LIE(for_another_asset, CZ_OTHER_RESOURCE, NOBODY " debit"),
    LIE(for_another_account, CZ_WRONG_KEY, NOBODY " debit"),
    LIE(for_another_right, CZ_RIGHT_MISSING, NOBODY " lifecycle"),
    LIE(a_use_of_something_else, CZ_WRONG_KIND, "what should be a capability is none"),
    LIE(presented_too_late, CZ_WRONG_KEY, NOBODY " debit"),
    LIE(expired, CZ_CAPABILITY_EXPIRED, "is used, but expired"),
    LIE(revoked_above, CZ_REVOKED, "is used, but consumed"),
    LIE(suspended, CZ_REVOKED, "is used, but frozen"),
    LIE(revoked_by_a_stranger, CZ_WRONG_KEY, FEW " to revoke a capability"),
    LIE(resumed_by_its_holder, CZ_WRONG_KEY, FEW " to suspend a capability"),
    LIE(written_by_hand, CZ_WRONG_KIND, "is written, but is a capability"),
    LIE(a_grant_that_nobody_gave, CZ_WRONG_KEY, "too few owners signed the new capability"),
    LIE(delegated_without_presenting, CZ_WRONG_KEY, "nobody who may delegates capability"),
    LIE(delegated_of_what_is_not_declared, CZ_UNDECLARED, "the parent of capability"),
    LIE(delegated_without_the_right, CZ_RIGHT_MISSING, "nobody who may delegates capability"),
    LIE(delegated_with_a_higher_ceiling, CZ_NOT_ATTENUATED, "gives more than its parent"),
    LIE(delegated_without_a_ceiling, CZ_NOT_ATTENUATED, "gives more than its parent"),
    LIE(delegated_with_more_rights, CZ_NOT_ATTENUATED, "gives more than its parent"),
    LIE(delegated_for_everything, CZ_NOT_ATTENUATED, "gives more than its parent"),
    LIE(delegated_for_longer, CZ_NOT_ATTENUATED, "gives more than its parent"),
    LIE(born_with_something_spent, CZ_BAD_POLICY, "are no new grant"),
    LIE(a_grant_in_anothers_name, CZ_WRONG_KEY, NOBODY " create"),
    LIE(controlled_by_another, CZ_BAD_POLICY, "is not controlled by its account"),
    LIE(too_deep_a_chain, CZ_NOT_ATTENUATED, "more than 8 capabilities are above one another"),
    LIE(an_account_that_its_owners_did_not_sign, CZ_BELOW_THRESHOLD,
        "too few of its owners signed the new account"),
    LIE(an_account_with_a_past, CZ_BAD_POLICY, "are no new policy"),
    LIE(an_account_without_a_policy, CZ_BAD_POLICY, "are no new policy"),
    LIE(a_policy_that_too_few_changed, CZ_BELOW_THRESHOLD, FEW " to change the policy"),
    LIE(a_policy_that_is_not_new, CZ_BAD_POLICY, "is no new policy"),
    LIE(a_locked_account_that_allows, CZ_WRONG_STATE, "decides, but is no active account"),
    LIE(an_account_locked_by_another, CZ_WRONG_KEY, FEW " to change the account's state"),
    LIE(a_note_locked_by_another, CZ_WRONG_KEY, NOBODY " lifecycle"),
    LIE(a_note_written_by_another, CZ_WRONG_KEY, NOBODY " write"),
    LIE(a_note_declared_written_by_another, CZ_WRONG_KEY, NOBODY " write"),
    LIE(an_account_declared_written_by_another, CZ_WRONG_KEY,
        FEW " to declare the account written"),
    LIE(a_note_created_again_by_another, CZ_WRONG_KEY, NOBODY " write"),
    LIE(a_balance_that_is_not_the_accounts, CZ_EXISTS, "exists, and is not its account's"),
    LIE(created_in_her_name, CZ_WRONG_KEY, NOBODY " create"),
    LIE(created_for_her, CZ_WRONG_KEY, NOBODY " create"),
    LIE(external_value_created, CZ_UNPROVEN, "external value of moon:MOON is created"),
    LIE(external_value_of_nobody, CZ_DIRECT_OWNERSHIP,
        "external value of moon:MOON would belong to no account"),
    LIE(external_value_consumed, CZ_UNPROVEN, "external value of moon:MOON is consumed"),
    LIE(a_deposit_credited_twice, CZ_EVENT_CONSUMED, "what it cites gives \"event-consumed\""),
    LIE(a_deposit_credited_twice_at_once, CZ_EVENT_CONSUMED, "is used a second time"),
    LIE(a_deposit_used_up_for_nothing, CZ_WRONG_FACT, "is used up for nothing"),
    LIE(a_deposit_from_a_domain_with_a_colon, CZ_WRONG_FACT, "the deposit is of another asset"),
    LIE(a_deposit_for_another_purpose, CZ_WRONG_FACT, "is not cited as a deposit"),
    LIE(a_deposit_of_another_account, CZ_WRONG_FACT, "the deposit is another account's"),
    LIE(a_deposit_of_another_asset, CZ_WRONG_FACT, "the deposit is of another asset"),
    LIE(a_deposit_of_an_asset_that_is_not_external, CZ_WRONG_FACT,
        "the deposit is of another asset"),
    LIE(a_deposit_into_what_is_locked, CZ_WRONG_STATE, "is no active fungible"),
    LIE(a_deposit_into_a_reserve, CZ_UNPROVEN, "which is no account's"),
    LIE(a_deposit_of_more, CZ_APPLIED, "is not conserved: the effect adds 8, it declares 7"),
    LIE(a_deposit_proven_by_something_else, CZ_WRONG_FACT, "does not say such a thing"),
    LIE(a_deposit_that_was_left_out, CZ_WRONG_FACT, "does not hold"),
    LIE(a_withdrawal_that_nobody_signed, CZ_UNSIGNED, NOBODY " withdraw"),
    LIE(a_withdrawal_that_is_not_entered, CZ_APPLIED, "is not that of its data"),
    LIE(a_withdrawal_through_anothers_outbox, CZ_UNPROVEN, "is not of the outbox's account"),
    LIE(a_withdrawal_of_no_domains_asset, CZ_UNKNOWN_DOMAIN, "is of no domain's asset"),
    LIE(an_outbox_that_ends_too_early, CZ_NOT_EMPTY, "ends with withdrawals in it"),
    LIE(a_withdrawal_into_a_locked_outbox, CZ_WRONG_STATE, "is no active outbox"),
    LIE(a_withdrawal_into_anothers_reserve, CZ_WRONG_ASSET, "is of another asset"),
    LIE(one_withdrawal_too_many, CZ_OUTBOX_FULL, "is full"),
    LIE(a_thing_of_an_outbox, CZ_UNPROVEN, "an outbox has no other than reserves"),
    LIE(a_withdrawal_into_no_reserve, CZ_UNPROVEN, "is not the reserve of outbox"),
    LIE(a_reserve_that_is_debited, CZ_UNPROVEN, "is an outbox's reserve"),
    LIE(a_reserve_that_is_credited, CZ_UNPROVEN, "is an outbox's reserve"),
    LIE(a_confirmation_of_less, CZ_WRONG_FACT, "what was paid is not as much as was withdrawn"),
    LIE(a_confirmation_of_another_destination, CZ_NO_WITHDRAWAL,
        "has no withdrawal that the fact names"),
    LIE(a_confirmation_of_another_asset, CZ_WRONG_FACT, "the withdrawal is of another asset"),
    LIE(a_confirmation_that_closes_another, CZ_APPLIED, "is not that of its data"),
    LIE(a_confirmation_that_comes_twice, CZ_EVENT_CONSUMED,
        "what it cites gives \"event-consumed\""),
    LIE(a_confirmation_of_what_is_closed, CZ_NO_WITHDRAWAL,
        "has no withdrawal that the fact names"),
    LIE(a_release_of_what_was_not_refused, CZ_WRONG_FACT, "does not say such a thing"),
    LIE(a_release_to_another_account, CZ_UNPROVEN, "is not of the outbox's account and asset"),
    LIE(a_release_that_comes_twice, CZ_NO_WITHDRAWAL, "has no withdrawal that the fact names"),
    LIE(an_outbox_with_something_in_it, CZ_BAD_POLICY, "are not of an empty one"),
    LIE(an_outbox_elsewhere, CZ_DIRECT_OWNERSHIP, "is not an account's"),
    LIE(a_program_that_owns, CZ_DIRECT_OWNERSHIP, "is controlled by a program"),
    LIE(a_program_that_is_given, CZ_DIRECT_OWNERSHIP, "is controlled by a program"),
    LIE(too_early, CZ_TOO_EARLY, "it is too early for the time that it asks for"),
    LIE(too_late, CZ_TOO_LATE, "it is too late for the time that it asks for"),
    LIE(at_no_time, CZ_UNKNOWN_DOMAIN, "it asks for the time of a domain that has none"),
#undef LIE
};

/* ---- What is right ------------------------------------------------------------------------
 */

static int audit(struct story *s, cz_audit_report *ret, cz_error *err)
{
    static const cz_check_options one = {.threads = 1};
    struct czi_fs *fs = forge_write(&s->f);
    int rc = czi_audit(fs, &one, ret, err);
    cz_journal_report replayed;

    /* And execution comes to the same. */
    if (!rc)
        rc = czi_replay(fs, &one, &replayed, err);
    fs->ops->free(fs);
    return rc;
}

static void a_story_in_which_all_is_allowed_passes(void **state)
{
    struct story *s = story_new();
    cz_audit_report r;
    cz_error err = {0};

    (void)state;
    assert_ok(audit(s, &r, &err), err);
    assert_int_equal(r.journal.applied, s->positions);
    story_free(s);
}

/* What ends well: a payment, a refusal, a window that is over, a revocation by whoever may. */
static void tell_the_rest(struct story *s)
{
    cz_effect *e;

    s->amount = 10;
    story_derive_outbox(s, 2);
    tell(s, story_confirm(s, &s->payment));
    story_derive_outbox(s, 0);
    tell(s, story_release(s, &s->bob_moon, &s->refusal));
    cz_sim_interval(s->chain, 100);
    story_mine(s);
    e = bob_pays(s, 50, CZ_WRITE);
    story_sign(e, BOB_2);
    story_derive_bob(s, 1, 50);
    tell_signed(s, e, BOB_3);
    at_time(s, "moon", 120, 120);
    e = story_effect(s);
    STORY_ADD(cz_effect_access(e, &s->cap, CZ_READ, E));
    STORY_ADD(cz_effect_consume(e, &s->child, E));
    tell_signed(s, e, CAROL);
    move_state(s, &s->note, ALICE, cz_effect_lock);
    move_state(s, &s->alice, ALICE, cz_effect_lock);
    move_state(s, &s->alice, ALICE, cz_effect_unlock);
}

static void what_is_paid_and_refused_later_passes_too(void **state)
{
    struct story *s = story_new();
    cz_audit_report r;
    cz_error err = {0};

    (void)state;
    tell_the_rest(s);
    assert_ok(audit(s, &r, &err), err);
    assert_int_equal(r.journal.applied, s->positions);
    story_free(s);
}

static void running_out_of_memory_anywhere_is_an_error_and_leaks_nothing(void **state)
{
    static const cz_check_options one = {.threads = 1};
    struct story *s = story_new();
    bool failed = true;
    struct czi_fs *fs;

    (void)state;
    tell_the_rest(s);
    fs = forge_write(&s->f);
    for (int64_t n = 0; failed; n++) {
        cz_audit_report r;
        cz_error err = {0};
        int rc;

        czi_alloc_fail_after(n);
        rc = czi_audit(fs, &one, &r, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        /* What only makes it faster may be missing: threads for signatures. */
        if (rc && !(failed && rc == CZ_NOMEM))
            fail_msg("allocation %d: %s: %s", (int)n, cz_code_name(rc), err.detail);
        assert_true(n < 10000);
    }
    fs->ops->free(fs);
    story_free(s);
}

/* ---- Running ------------------------------------------------------------------------------
 */

static void a_lie_is_found(void **state)
{
    const struct lie *lie = *state;
    struct story *s = story_new();
    cz_audit_report r;
    cz_error err = {0};
    char position[64];

    lie->tell(s);
    (void)snprintf(position, sizeof position,
                   "position %llu: ", (unsigned long long)s->positions);
    if (audit(s, &r, &err) != CZ_CORRUPT || !strstr(err.detail, position) ||
        !strstr(err.detail, lie->what))
        fail_msg("%s: expected '%s%s', got %s", lie->name, position, lie->what, err.detail);
    story_free(s);
}

/* Execution refuses each for its own reason. */
static void execution_refuses(void **state)
{
    static const cz_check_options one = {.threads = 1};
    const struct lie *lie = *state;
    struct story *s = story_new();
    struct czi_fs *fs;
    cz_journal_report r;
    cz_error err = {0};
    char what[128] = "";

    lie->tell(s);
    fs = forge_write(&s->f);
    if (lie->reason)
        (void)snprintf(what, sizeof what, "the journal says applied, executing gives %s",
                       cz_reason_name(lie->reason));
    if (czi_replay(fs, &one, &r, &err) != CZ_DIFFERS || !strstr(err.detail, what))
        fail_msg("%s: expected '%s', got %s", lie->name, what, err.detail);
    fs->ops->free(fs);
    story_free(s);
}

static void write_file(const char *dir, const char *name, const struct czi_buf *bytes)
{
    char path[4096];
    FILE *f;

    assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes->data, 1, bytes->len, f), bytes->len);
    assert_int_equal(fclose(f), 0);
}

static void write_store(struct story *s, const char *dir, const char *kind, const char *name)
{
    static const char *const files[] = {"FORMAT", "CHECKPOINT", "journal/0000000000000001"};
    struct czi_fs *fs = forge_write(&s->f);
    struct czi_buf b = {0};
    char path[2048], journal[2100];

    (void)snprintf(path, sizeof path, "%s/%s%s", dir, kind, name);
    (void)snprintf(journal, sizeof journal, "%s/journal", path);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(mkdir(journal, 0777), 0);
    for (size_t i = 0; i < CZI_COUNTOF(files); i++) {
        get_file(fs, files[i], &b);
        write_file(path, files[i], &b);
    }
    czi_buf_done(&b);
    fs->ops->free(fs);
    story_free(s);
}

static int write_stores(const char *dir)
{
    struct story *s = story_new();

    write_store(s, dir, "truth", "");
    s = story_new();
    tell_the_rest(s);
    write_store(s, dir, "later", "");
    for (size_t i = 0; i < CZI_COUNTOF(lies); i++) {
        s = story_new();
        lies[i].tell(s);
        write_store(s, dir, "lie-", lies[i].name);
    }
    return 0;
}

#define TRUTHS 3

int main(int argc, char **argv)
{
    struct CMUnitTest tests[2 * CZI_COUNTOF(lies) + TRUTHS] = {
        cmocka_unit_test(a_story_in_which_all_is_allowed_passes),
        cmocka_unit_test(what_is_paid_and_refused_later_passes_too),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error_and_leaks_nothing),
    };

    if (argc == 3 && strcmp(argv[1], "--stores") == 0)
        return write_stores(argv[2]);
    for (size_t i = 0; i < 2 * CZI_COUNTOF(lies); i++)
        tests[i + TRUTHS] =
            (struct CMUnitTest){lies[i / 2].name, i % 2 ? execution_refuses : a_lie_is_found,
                                NULL, NULL, (void *)(uintptr_t)&lies[i / 2]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
