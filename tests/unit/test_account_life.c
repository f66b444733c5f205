/* test_account_life.c - accounts from the first deposit to the last withdrawal: what they have,
 * what came in and went out, as told by the logs; and every way in which telling can fail.
 */
#include "account_world.h"

/* ---- What an account is and has --------------------------------------------------------- */

struct seen {
    unsigned threshold, owners, limits;
    char label[64];
    enum cz_state state;
    size_t count;
    struct {
        char asset[64];
        cz_quantity quantity;
        bool is_reserve;
    } holdings[8];
    size_t capability_count;
    cz_id capabilities[8];
};

static int see(void *arg, const cz_account_state *a)
{
    struct seen *s = arg;

    *s = (struct seen){.threshold = a->policy->threshold,
                       .owners = a->policy->owner_count,
                       .limits = a->policy->limit_count,
                       .state = a->state,
                       .count = a->holding_count,
                       .capability_count = a->capability_count};
    (void)snprintf(s->label, sizeof s->label, "%s", a->label);
    assert_true(s->count <= 8 && s->capability_count <= 8);
    for (size_t i = 0; i < s->count; i++) {
        (void)snprintf(s->holdings[i].asset, sizeof s->holdings[i].asset, "%s",
                       a->holdings[i].resource.asset);
        s->holdings[i].quantity = a->holdings[i].resource.quantity;
        s->holdings[i].is_reserve = a->holdings[i].is_reserve;
    }
    for (size_t i = 0; i < s->capability_count; i++)
        s->capabilities[i] = a->capabilities[i];
    return CZ_OK;
}

static struct seen look_at(struct fw *w, const cz_id *account)
{
    struct seen s = {0};
    cz_error err = {0};

    assert_ok(cz_account_get(w->engine, account, see, &s, &err), err);
    return s;
}

static void a_new_account_has_its_policy_and_nothing_else(void **state)
{
    cz_policy p = ax_policy("abc", 2);
    struct seen s;
    struct fw w;
    cz_id a;

    (void)state;
    fw_open(&w, true);
    a = ax_account(&w, "joint", &p, "ac");
    s = look_at(&w, &a);
    assert_string_equal(s.label, "joint");
    assert_int_equal(s.state, CZ_ACTIVE);
    assert_int_equal(s.threshold, 2);
    assert_int_equal(s.owners, 3);
    assert_int_equal(s.limits, 0);
    assert_int_equal(s.count, 0);
    assert_int_equal(s.capability_count, 0);
    fw_close(&w);
}

static void what_an_account_has_is_told_by_asset_with_what_is_on_its_way_out(void **state)
{
    cz_error err = {0};
    struct seen s;
    struct fw w;
    cz_effect *e;
    cz_id a;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    assert_applied(ax_fund(&w, "alice", 100, NULL));
    assert_applied(ax_run(&w, ax_withdraw(&w, &a, 30, "0xabc"), "a"));
    e = fw_effect(&w);
    assert_ok(cz_account_open(e, &a, "EUR", &err), err);
    assert_applied(fw_run(&w, e));
    s = look_at(&w, &a);
    assert_int_equal(s.count, 3);
    assert_string_equal(s.holdings[0].asset, "EUR");
    assert_true(s.holdings[0].quantity == 0 && !s.holdings[0].is_reserve);
    assert_string_equal(s.holdings[1].asset, "moon:MOON");
    assert_true(s.holdings[1].quantity == 70 && !s.holdings[1].is_reserve);
    assert_string_equal(s.holdings[2].asset, "moon:MOON");
    assert_true(s.holdings[2].quantity == 30 && s.holdings[2].is_reserve);
    fw_close(&w);
}

static void a_balance_that_was_there_before_the_account_is_not_its_own(void **state)
{
    cz_id a = fx_id("alice");
    cz_creation c = fx_creation("EUR", CZ_FUNGIBLE, "EUR", 5);
    cz_error err = {0};
    struct fw w;
    cz_effect *e;

    (void)state;
    fw_open(&w, true);
    e = fw_effect(&w);
    c.creator = a;
    c.controller = a;
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_applied(fw_run(&w, e));
    (void)ax_simple(&w, "alice", 'a');
    assert_int_equal(look_at(&w, &a).count, 0);
    fw_close(&w);
}

static void capabilities_are_told_until_they_are_revoked(void **state)
{
    struct fw w;
    cz_id a, ids[2];
    cz_error err = {0};
    struct seen s;
    cz_effect *e;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    for (unsigned i = 0; i < 2; i++) {
        cz_grant g = ax_grant(&a, 'x', CZ_RIGHT_DEBIT);

        ids[i] = ax_capability(&w, i ? "two" : "one", &g, "a");
    }
    s = look_at(&w, &a);
    assert_int_equal(s.capability_count, 2);
    assert_true(memcmp(&s.capabilities[0], &s.capabilities[1], 32) < 0);
    e = fw_effect(&w);
    assert_ok(cz_account_revoke(w.engine, e, &ids[0], &err), err);
    assert_applied(ax_run(&w, e, "a"));
    s = look_at(&w, &a);
    assert_int_equal(s.capability_count, 1);
    assert_memory_equal(&s.capabilities[0], &ids[1], 32);
    fw_close(&w);
}

static void only_accounts_are_told_of(void **state)
{
    cz_creation c = fx_creation("plain", CZ_FUNGIBLE, "EUR", 5);
    cz_id plain = fx_id("plain"), none = fx_id("nobody");
    struct seen s = {0};
    cz_error err = {0};
    struct fw w;
    cz_effect *e;

    (void)state;
    fw_open(&w, true);
    e = fw_effect(&w);
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_applied(fw_run(&w, e));
    assert_int_equal(cz_account_get(w.engine, &none, see, &s, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_account_get(w.engine, &plain, see, &s, &err), CZ_WRONG_TYPE);
    assert_int_equal(cz_account_inbox(w.engine, &none, NULL, NULL, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_account_outgoing(w.engine, &plain, NULL, NULL, &err), CZ_WRONG_TYPE);
    fw_close(&w);
}

/* ---- What came and went ----------------------------------------------------------------- */

#define ENTRIES_MAX 16
struct story {
    size_t count;
    cz_account_entry entries[ENTRIES_MAX]; /* texts: those kept here */
    char texts[ENTRIES_MAX][2][64];
};

static int keep_entry(void *arg, const cz_account_entry *e)
{
    struct story *s = arg;
    char(*t)[64] = s->texts[s->count];

    assert_true(s->count < ENTRIES_MAX);
    (void)snprintf(t[0], sizeof t[0], "%s", e->asset);
    (void)snprintf(t[1], sizeof t[1], "%s", e->outside);
    s->entries[s->count] = *e;
    s->entries[s->count].asset = t[0];
    s->entries[s->count].outside = t[1];
    s->count++;
    return CZ_OK;
}

static void tell(struct fw *w, const cz_id *account, bool incoming, struct story *ret)
{
    cz_error err = {0};

    *ret = (struct story){0};
    assert_ok((incoming ? cz_account_inbox : cz_account_outgoing)(w->engine, account,
                                                                  keep_entry, ret, &err),
              err);
}

static void check_entry(const cz_account_entry *e, enum cz_entry_kind kind,
                        const cz_result *result, cz_quantity quantity)
{
    assert_string_equal(cz_entry_kind_name((int)e->kind), cz_entry_kind_name((int)kind));
    assert_memory_equal(&e->effect, &result->effect, 32);
    assert_int_equal(e->position, result->position);
    assert_string_equal(e->asset, "moon:MOON");
    assert_true(e->quantity == quantity);
}

/* A whole life: alice gets 100 from outside, gives bob 20, gets 5 back, withdraws 30 (paid) and
 * 10 (refused) and 7 (open). */
struct life {
    struct fw w;
    cz_id a, b, deposit, paid, refused;
    cz_result funded, gave, got, out[3], confirmed, released;
};

static void live(struct life *l)
{
    fw_open(&l->w, true);
    l->a = ax_simple(&l->w, "alice", 'a');
    l->b = ax_simple(&l->w, "bob", 'b');
    l->funded = ax_fund(&l->w, "alice", 100, &l->deposit);
    l->gave = ax_run(&l->w, ax_transfer(&l->w, &l->a, &l->b, 20), "a");
    l->got = ax_run(&l->w, ax_transfer(&l->w, &l->b, &l->a, 5), "b");
    l->out[0] = ax_run(&l->w, ax_withdraw(&l->w, &l->a, 30, "0xabc"), "a");
    l->out[1] = ax_run(&l->w, ax_withdraw(&l->w, &l->a, 10, "0xdef"), "a");
    l->paid = ax_paid(&l->w, &l->out[0].effect, 0, "0xabc", 30);
    l->confirmed = ax_close(&l->w, &l->a, &l->paid);
    l->out[2] = ax_run(&l->w, ax_withdraw(&l->w, &l->a, 7, "0x123"), "a");
    l->refused = ax_refused(&l->w, &l->out[1].effect, 0);
    l->released = ax_close(&l->w, &l->a, &l->refused);
    assert_applied(l->funded);
    assert_applied(l->gave);
    assert_applied(l->got);
    for (unsigned i = 0; i < 3; i++)
        assert_applied(l->out[i]);
    assert_applied(l->confirmed);
    assert_applied(l->released);
}

static void the_inbox_tells_deposits_transfers_and_releases_in_causal_order(void **state)
{
    struct story s;
    struct life l;
    cz_id other;

    (void)state;
    live(&l);
    tell(&l.w, &l.a, true, &s);
    assert_int_equal(s.count, 3);
    check_entry(&s.entries[0], CZ_ENTRY_DEPOSIT, &l.funded, 100);
    assert_memory_equal(&s.entries[0].fact, &l.deposit, 32);
    check_entry(&s.entries[1], CZ_ENTRY_TRANSFER, &l.got, 5);
    other = ax_balance(&l.b, "moon:MOON");
    assert_memory_equal(&s.entries[1].other, &other, 32);
    check_entry(&s.entries[2], CZ_ENTRY_RELEASED, &l.released, 10);
    assert_memory_equal(&s.entries[2].fact, &l.refused, 32);
    assert_memory_equal(&s.entries[2].withdrawal, &l.out[1].effect, 32);
    assert_int_equal(s.entries[2].number, 0);
    assert_string_equal(s.entries[2].outside, "0xdef");
    assert_true(s.entries[0].lamport < s.entries[1].lamport &&
                s.entries[1].lamport < s.entries[2].lamport);
    fw_close(&l.w);
}

static void the_outbox_tells_transfers_withdrawals_and_what_became_of_them(void **state)
{
    static const char *const destinations[] = {"0xabc", "0xdef", "0x123"};
    static const size_t places[] = {1, 2, 4};
    static const int quantities[] = {30, 10, 7};
    struct story s;
    struct life l;
    cz_id other;

    (void)state;
    live(&l);
    tell(&l.w, &l.a, false, &s);
    assert_int_equal(s.count, 5);
    check_entry(&s.entries[0], CZ_ENTRY_TRANSFER, &l.gave, 20);
    other = ax_balance(&l.b, "moon:MOON");
    assert_memory_equal(&s.entries[0].other, &other, 32);
    for (unsigned i = 0; i < 3; i++) {
        const cz_account_entry *e = &s.entries[places[i]];

        check_entry(e, CZ_ENTRY_WITHDRAWAL, &l.out[i], quantities[i]);
        assert_string_equal(e->outside, destinations[i]);
        assert_memory_equal(&e->withdrawal, &l.out[i].effect, 32);
        assert_true(e->open == (i == 2));
    }
    check_entry(&s.entries[3], CZ_ENTRY_CONFIRMED, &l.confirmed, 30);
    assert_memory_equal(&s.entries[3].fact, &l.paid, 32);
    assert_memory_equal(&s.entries[3].withdrawal, &l.out[0].effect, 32);
    assert_true(ax_holds(&l.w, &l.a, "moon:MOON") == 100 - 20 + 5 - 30 - 7);
    fw_close(&l.w);
}

static void what_came_in_less_what_went_out_is_what_is_there(void **state)
{
    struct story in, out;
    cz_quantity sum = 0;
    struct life l;

    (void)state;
    live(&l);
    tell(&l.w, &l.b, true, &in);
    tell(&l.w, &l.b, false, &out);
    for (size_t i = 0; i < in.count; i++)
        sum += in.entries[i].quantity;
    for (size_t i = 0; i < out.count; i++)
        sum -= out.entries[i].quantity;
    assert_int_equal(in.count, 1);
    assert_int_equal(out.count, 1);
    assert_true(sum == ax_holds(&l.w, &l.b, "moon:MOON"));
    fw_close(&l.w);
}

/* ---- A small model --------------------------------------------------------------------- */

#define ACCOUNTS 4
#define WITHDRAWALS 64

/* What should be there. */
struct model {
    struct fw w;
    struct czi_rng rng;
    cz_id ids[ACCOUNTS];
    long has[ACCOUNTS], reserved[ACCOUNTS];
    long came, went; /* of all, by deposits and payments */
    struct {
        cz_id effect;
        unsigned account;
        long quantity;
        bool open;
    } withdrawals[WITHDRAWALS];
    unsigned count;
};

static const char *const names[ACCOUNTS] = {"a0", "a1", "a2", "a3"};
static const char *const owners[ACCOUNTS] = {"a", "b", "c", "d"};

static unsigned pick(struct model *m, unsigned below)
{
    return (unsigned)czi_rng_below(&m->rng, below);
}

static void deposit_some(struct model *m)
{
    unsigned i = pick(m, ACCOUNTS), quantity = 1 + pick(m, 50);

    assert_applied(ax_fund(&m->w, names[i], quantity, NULL));
    m->has[i] += quantity;
    m->came += quantity;
}

static void transfer_some(struct model *m)
{
    unsigned i = pick(m, ACCOUNTS), to = (i + 1 + pick(m, ACCOUNTS - 1)) % ACCOUNTS;
    unsigned quantity = 1 + pick(m, 40);
    cz_result r =
        ax_run(&m->w, ax_transfer(&m->w, &m->ids[i], &m->ids[to], quantity), owners[i]);
    bool enough = m->has[i] >= (long)quantity;

    assert_int_equal(!r.reason, enough);
    m->has[i] -= enough ? quantity : 0;
    m->has[to] += enough ? quantity : 0;
}

static void withdraw_some(struct model *m)
{
    unsigned i = pick(m, ACCOUNTS), quantity = 1 + pick(m, 30);
    cz_result r = ax_run(&m->w, ax_withdraw(&m->w, &m->ids[i], quantity, "0xabc"), owners[i]);
    bool enough = m->has[i] >= (long)quantity;

    assert_int_equal(!r.reason, enough);
    if (!enough)
        return;
    assert_true(m->count < WITHDRAWALS);
    m->has[i] -= quantity;
    m->reserved[i] += quantity;
    m->withdrawals[m->count].effect = r.effect;
    m->withdrawals[m->count].account = i;
    m->withdrawals[m->count].quantity = quantity;
    m->withdrawals[m->count++].open = true;
}

static void close_some(struct model *m)
{
    unsigned n = m->count ? pick(m, m->count) : 0, i = m->withdrawals[n].account;
    long quantity = m->withdrawals[n].quantity;
    bool paid = pick(m, 2);
    cz_id fact;

    if (!m->count || !m->withdrawals[n].open)
        return;
    fact = paid ? ax_paid(&m->w, &m->withdrawals[n].effect, 0, "0xabc", (uint64_t)quantity)
                : ax_refused(&m->w, &m->withdrawals[n].effect, 0);
    assert_applied(ax_close(&m->w, &m->ids[i], &fact));
    m->withdrawals[n].open = false;
    m->reserved[i] -= quantity;
    m->has[i] += paid ? 0 : quantity;
    m->went += paid ? quantity : 0;
}

struct sums {
    long in, out, open;
    uint64_t position;
};

static int add_in(void *arg, const cz_account_entry *e)
{
    struct sums *s = arg;

    assert_true(e->position > s->position);
    s->position = e->position;
    s->in += (long)e->quantity;
    return CZ_OK;
}

static int add_out(void *arg, const cz_account_entry *e)
{
    struct sums *s = arg;

    assert_true(e->position > s->position);
    s->position = e->position;
    /* What is confirmed had left when it was withdrawn. */
    s->out += e->kind == CZ_ENTRY_CONFIRMED ? 0 : (long)e->quantity;
    s->open += e->open ? (long)e->quantity : 0;
    return CZ_OK;
}

static void entries_add_up_to_what_is_there_in_any_order_of_things(void **state)
{
    static void (*const things[])(struct model *m) = {deposit_some, transfer_some,
                                                      withdraw_some, close_some};
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 3), first = test_env("CAUSALITY_SEED", 1);

    (void)state;
    for (unsigned long seed = first; seed < first + CZI_MIN(seeds, 200ul); seed++) {
        struct model m = {.rng = czi_rng(seed)};
        long sum = 0;

        print_message("seed %lu\n", seed);
        fw_open(&m.w, true);
        for (unsigned i = 0; i < ACCOUNTS; i++)
            m.ids[i] = ax_simple(&m.w, names[i], owners[i][0]);
        for (unsigned n = 0; n < 100; n++)
            things[pick(&m, 4)](&m);
        for (unsigned i = 0; i < ACCOUNTS; i++) {
            struct sums in = {0}, out = {0};
            cz_error err = {0};
            cz_quantity has = ax_holds(&m.w, &m.ids[i], "moon:MOON");

            assert_ok(cz_account_inbox(m.w.engine, &m.ids[i], add_in, &in, &err), err);
            assert_ok(cz_account_outgoing(m.w.engine, &m.ids[i], add_out, &out, &err), err);
            assert_int_equal(in.in - out.out, m.has[i]);
            assert_int_equal(out.open, m.reserved[i]);
            assert_true(CZI_MAX(has, 0) == m.has[i]);
            sum += m.has[i] + m.reserved[i];
        }
        assert_int_equal(sum, m.came - m.went);
        fw_close(&m.w);
    }
}

/* ---- Particular things ------------------------------------------------------------------ */

static void withdrawals_of_one_effect_are_told_apart_by_their_numbers(void **state)
{
    cz_error err = {0};
    cz_result r;
    struct story s;
    struct fw w;
    cz_effect *e;
    cz_id a, fact;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    assert_applied(ax_fund(&w, "alice", 100, NULL));
    e = fw_effect(&w);
    for (unsigned i = 0; i < 3; i++)
        assert_ok(cz_account_withdraw(w.engine, e, &a, "moon:MOON", (cz_quantity)(i + 1),
                                      "0xabc", &err),
                  err);
    r = ax_run(&w, e, "a");
    assert_applied(r);
    fact = ax_paid(&w, &r.effect, 1, "0xabc", 2);
    assert_applied(ax_close(&w, &a, &fact));
    tell(&w, &a, false, &s);
    assert_int_equal(s.count, 4);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(s.entries[i].number, i);
        assert_true(s.entries[i].quantity == i + 1);
        assert_true(s.entries[i].open == (i != 1));
    }
    assert_int_equal(s.entries[3].kind, CZ_ENTRY_CONFIRMED);
    assert_int_equal(s.entries[3].number, 1);
    fw_close(&w);
}

static void what_rests_on_a_retracted_deposit_is_told_as_disputed(void **state)
{
    cz_error err = {0};
    struct story in, out;
    struct fw w;
    cz_id a, b;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    b = ax_simple(&w, "bob", 'b');
    assert_applied(ax_fund(&w, "alice", 10, NULL));
    assert_applied(ax_fund(&w, "bob", 10, NULL));
    assert_applied(ax_run(&w, ax_transfer(&w, &b, &a, 3), "b"));
    /* Bob's deposit, in the second block, never happened. */
    assert_ok(cz_sim_reorg(w.chain, 1, false, &err), err);
    fw_observe(&w);
    tell(&w, &a, true, &in);
    tell(&w, &b, false, &out);
    assert_int_equal(in.count, 2);
    assert_false(in.entries[0].disputed);
    assert_true(in.entries[1].disputed);
    assert_int_equal(out.count, 1);
    assert_true(out.entries[0].disputed);
    fw_close(&w);
}

static void between_balances_of_its_own_nothing_comes_or_goes(void **state)
{
    cz_creation c = fx_creation("savings", CZ_FUNGIBLE, "moon:MOON", 0);
    cz_error err = {0};
    struct story s;
    struct fw w;
    cz_effect *e;
    cz_id a, from, to;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    assert_applied(ax_fund(&w, "alice", 10, NULL));
    c.creator = a;
    c.controller = a;
    from = ax_balance(&a, "moon:MOON");
    assert_ok(cz_resource_id(&a, "savings", &to, &err), err);
    e = fw_effect(&w);
    assert_ok(cz_effect_access(e, &a, CZ_READ, &err), err);
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_ok(cz_effect_transfer(e, &from, &to, 4, &err), err);
    assert_applied(ax_run(&w, e, "a"));
    tell(&w, &a, true, &s);
    assert_int_equal(s.count, 1);
    tell(&w, &a, false, &s);
    assert_int_equal(s.count, 0);
    assert_int_equal(look_at(&w, &a).count, 2);
    fw_close(&w);
}

static int stop_at_once(void *arg, const cz_account_entry *e)
{
    (void)e;
    ++*(int *)arg;
    return 77;
}

static void the_callback_may_end_the_telling(void **state)
{
    cz_error err = {0};
    struct life l;
    int calls = 0;

    (void)state;
    live(&l);
    assert_int_equal(cz_account_outgoing(l.w.engine, &l.a, stop_at_once, &calls, &err), 77);
    assert_int_equal(calls, 1);
    fw_close(&l.w);
}

/* ---- Memory ----------------------------------------------------------------------------- */

static void when_memory_ends_everything_can_be_asked_again(void **state)
{
    struct life l;
    struct seen seen;
    cz_error err = {0};

    (void)state;
    live(&l);
    for (unsigned what = 0; what < 3; what++) {
        struct story *s = malloc(sizeof *s);
        int64_t skip = 0;
        int rc;

        assert_non_null(s);
        do {
            *s = (struct story){0};
            czi_alloc_fail_after(skip++);
            rc = what == 0   ? cz_account_get(l.w.engine, &l.a, see, &seen, &err)
                 : what == 1 ? cz_account_inbox(l.w.engine, &l.a, keep_entry, s, &err)
                             : cz_account_outgoing(l.w.engine, &l.a, keep_entry, s, &err);
            assert_true(rc == CZ_OK || (rc == CZ_NOMEM && !s->count));
        } while (czi_alloc_failed());
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, CZ_OK);
        assert_true(skip > 2);
        assert_true(!what || s->count == (what == 1 ? 3 : 5));
        free(s);
    }
    fw_close(&l.w);
}

static void when_memory_ends_an_effect_can_be_made_again(void **state)
{
    struct life l;
    cz_error err = {0};
    cz_effect *e;

    (void)state;
    live(&l);
    e = fw_effect(&l.w);
    for (int64_t skip = 0;; skip++) {
        int rc;

        cz_effect_clear(e);
        czi_alloc_fail_after(skip);
        rc = cz_account_withdraw(l.w.engine, e, &l.a, "moon:MOON", 1, "0xabc", &err);
        if (!rc)
            rc = cz_account_deposit(l.w.engine, e, &l.deposit, NULL, &err);
        if (!czi_alloc_failed()) {
            assert_ok(rc, err);
            break;
        }
        assert_int_equal(rc, CZ_NOMEM);
    }
    czi_alloc_fail_after(-1);
    cz_effect_free(e);
    fw_close(&l.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_account_has_its_policy_and_nothing_else),
        cmocka_unit_test(what_an_account_has_is_told_by_asset_with_what_is_on_its_way_out),
        cmocka_unit_test(a_balance_that_was_there_before_the_account_is_not_its_own),
        cmocka_unit_test(capabilities_are_told_until_they_are_revoked),
        cmocka_unit_test(only_accounts_are_told_of),
        cmocka_unit_test(the_inbox_tells_deposits_transfers_and_releases_in_causal_order),
        cmocka_unit_test(the_outbox_tells_transfers_withdrawals_and_what_became_of_them),
        cmocka_unit_test(what_came_in_less_what_went_out_is_what_is_there),
        cmocka_unit_test(entries_add_up_to_what_is_there_in_any_order_of_things),
        cmocka_unit_test(withdrawals_of_one_effect_are_told_apart_by_their_numbers),
        cmocka_unit_test(what_rests_on_a_retracted_deposit_is_told_as_disputed),
        cmocka_unit_test(between_balances_of_its_own_nothing_comes_or_goes),
        cmocka_unit_test(the_callback_may_end_the_telling),
        cmocka_unit_test(when_memory_ends_everything_can_be_asked_again),
        cmocka_unit_test(when_memory_ends_an_effect_can_be_made_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
