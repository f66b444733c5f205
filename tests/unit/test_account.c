/* test_account.c - what the builders of account effects put into an effect: ids by convention,
 * what is declared and how, who answers what they ask.
 */
#include "account/account.h"
#include "account_world.h"

/* ---- Reading an effect ------------------------------------------------------------------ */

enum mode { NONE, READ, WRITTEN };

/* How an effect declares a resource. */
static enum mode mode_of(cz_effect *e, const cz_id *id)
{
    struct czi_effect_view v;
    const uint8_t *bytes = NULL;
    cz_error err = {0};
    size_t len = 0;

    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    for (unsigned i = 0; i < czi_effect_accesses(&v); i++)
        if (memcmp(czi_effect_access_id(bytes, &v, i), id, 32) == 0)
            return i < v.write_count ? WRITTEN : READ;
    return NONE;
}

static unsigned accesses_in_common(cz_effect *a, cz_effect *b)
{
    struct czi_effect_view v;
    const uint8_t *bytes = NULL;
    cz_error err = {0};
    size_t len = 0;
    unsigned n = 0;

    assert_ok(cz_effect_encode(a, &bytes, &len, &err), err);
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    assert_true(czi_effect_accesses(&v) > 0);
    for (unsigned i = 0; i < czi_effect_accesses(&v); i++) {
        cz_id id;

        memcpy(&id, czi_effect_access_id(bytes, &v, i), 32);
        n += mode_of(b, &id) != NONE;
    }
    return n;
}

/* ---- Ids -------------------------------------------------------------------------------- */

static void what_an_account_has_lies_under_ids_that_follow_from_its_own(void **state)
{
    cz_id operator_id = cz_operator(), account, expected, id, outbox;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_resource_id(&operator_id, "alice", &expected, &err), err);
    assert_ok(cz_account_id("alice", &account, &err), err);
    assert_memory_equal(&account, &expected, 32);
    assert_ok(cz_resource_id(&account, "moon:MOON", &expected, &err), err);
    assert_ok(cz_account_balance(&account, "moon:MOON", &id, &err), err);
    assert_memory_equal(&id, &expected, 32);
    assert_ok(cz_resource_id(&account, "outbox", &expected, &err), err);
    outbox = cz_account_outbox(&account);
    assert_memory_equal(&outbox, &expected, 32);
    assert_ok(cz_resource_id(&outbox, "moon:MOON", &expected, &err), err);
    assert_ok(cz_account_reserve(&account, "moon:MOON", &id, &err), err);
    assert_memory_equal(&id, &expected, 32);
}

static void a_label_or_asset_that_is_none_has_no_id(void **state)
{
    cz_id id = fx_id("alice"), ret;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_account_id("", &ret, &err), CZ_INVALID);
    assert_int_equal(cz_account_balance(&id, "a\nb", &ret, &err), CZ_INVALID);
    assert_int_equal(cz_account_reserve(&id, "", &ret, &err), CZ_INVALID);
}

/* ---- What is declared ------------------------------------------------------------------- */

static void a_transfer_reads_both_accounts_and_writes_both_balances(void **state)
{
    struct fw w;
    cz_effect *e;
    cz_id a, b, from, to;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    b = ax_simple(&w, "bob", 'b');
    from = ax_balance(&a, "moon:MOON");
    to = ax_balance(&b, "moon:MOON");
    e = ax_transfer(&w, &a, &b, 5);
    assert_int_equal(mode_of(e, &a), READ);
    assert_int_equal(mode_of(e, &b), READ);
    assert_int_equal(mode_of(e, &from), WRITTEN);
    assert_int_equal(mode_of(e, &to), WRITTEN);
    cz_effect_free(e);
    fw_close(&w);
}

static void what_leaves_an_account_writes_it_only_where_it_has_a_limit(void **state)
{
    cz_policy p = ax_limited("a", "moon:MOON", 100);
    cz_error err = {0};
    struct fw w;
    cz_effect *e;
    cz_id a, b;

    (void)state;
    fw_open(&w, true);
    a = ax_account(&w, "alice", &p, "a");
    b = ax_simple(&w, "bob", 'b');
    e = ax_transfer(&w, &a, &b, 5);
    assert_int_equal(mode_of(e, &a), WRITTEN);
    cz_effect_free(e);
    e = ax_withdraw(&w, &a, 5, "0xabc");
    assert_int_equal(mode_of(e, &a), WRITTEN);
    cz_effect_free(e);
    /* No limit for this asset, and none for what comes in. */
    e = fw_effect(&w);
    assert_ok(cz_account_transfer(w.engine, e, &a, &b, "EUR", 5, &err), err);
    assert_int_equal(mode_of(e, &a), READ);
    cz_effect_free(e);
    e = ax_transfer(&w, &b, &a, 5);
    assert_int_equal(mode_of(e, &a), READ);
    cz_effect_free(e);
    fw_close(&w);
}

static void
effects_of_accounts_that_have_nothing_to_do_with_each_other_share_nothing(void **state)
{
    cz_policy p = ax_limited("c", "moon:MOON", 100);
    cz_id ids[4], capabilities[2];
    cz_effect *e[2];
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open(&w, true);
    ids[0] = ax_simple(&w, "alice", 'a');
    ids[1] = ax_simple(&w, "bob", 'b');
    ids[2] = ax_account(&w, "carol", &p, "c");
    ids[3] = ax_simple(&w, "dave", 'd');
    for (unsigned i = 0; i < 2; i++) {
        cz_grant g = ax_grant(&ids[2 * i], 'x', CZ_RIGHT_DEBIT);
        const char *owners[] = {"a", "c"};

        g.has_ceiling = true;
        g.ceiling = 10;
        capabilities[i] = ax_capability(&w, "shop", &g, owners[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        e[i] = fw_effect(&w);
        assert_ok(cz_account_use(w.engine, e[i], &capabilities[i], &err), err);
        assert_ok(cz_account_transfer(w.engine, e[i], &ids[2 * i], &ids[2 * i + 1], "moon:MOON",
                                      1, &err),
                  err);
        assert_ok(cz_account_withdraw(w.engine, e[i], &ids[2 * i], "moon:MOON", 1, "0xabc",
                                      &err),
                  err);
    }
    assert_int_equal(accesses_in_common(e[0], e[0]), 7);
    assert_int_equal(accesses_in_common(e[0], e[1]), 0);
    cz_effect_free(e[0]);
    cz_effect_free(e[1]);
    fw_close(&w);
}

static void who_waits_for_one_account_does_not_keep_others_waiting(void **state)
{
    cz_id ids[4];
    cz_error err = {0};
    cz_result r = {0};
    uint64_t ticket = 0;
    cz_guard guard;
    cz_effect *e;
    struct fw w;

    (void)state;
    fw_open(&w, false);
    ids[0] = ax_simple(&w, "alice", 'a');
    ids[1] = ax_simple(&w, "bob", 'b');
    ids[2] = ax_simple(&w, "carol", 'c');
    ids[3] = ax_simple(&w, "dave", 'd');
    assert_applied(ax_fund(&w, "alice", 10, NULL));
    assert_applied(ax_fund(&w, "carol", 10, NULL));
    /* Somebody is about to change who may act for alice. */
    assert_ok(cz_acquire(w.engine, &(cz_claim){ids[0], CZ_WRITE, 0}, CZ_FOREVER, &guard, &err),
              err);
    e = ax_transfer(&w, &ids[0], &ids[1], 1);
    ax_sign(e, "a");
    assert_ok(cz_submit_effect(w.engine, e, NULL, NULL, &ticket, &err), err);
    cz_effect_free(e);
    e = ax_transfer(&w, &ids[2], &ids[3], 1);
    /* Of another proposer too: one's own effects keep their order. */
    cz_effect_set_origin(e, &ids[2]);
    assert_applied(ax_run(&w, e, "c"));
    assert_int_equal(cz_poll(w.engine, ticket, &r, &err), CZ_BUSY);
    assert_ok(cz_release(&guard, &err), err);
    assert_ok(cz_wait(w.engine, ticket, CZ_FOREVER, &r, &err), err);
    assert_applied(r);
    fw_close(&w);
}

static void
a_capability_is_presented_with_all_above_it_and_written_where_it_has_a_ceiling(void **state)
{
    struct fw w;
    cz_id a, ids[3];
    cz_error err = {0};
    cz_effect *e;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    for (unsigned i = 0; i < 3; i++) {
        cz_grant g = ax_grant(&a, (char)('x' + i), CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE);
        const char *signers[] = {"a", "x", "y"};

        /* The one in the middle has none of its own, but the first one's binds it. */
        g.has_parent = i > 0;
        g.parent = ids[i ? i - 1 : 0];
        g.has_ceiling = i != 0;
        g.ceiling = 100 - i;
        ids[i] = ax_capability(&w, "chain", &g, signers[i]);
    }
    e = fw_effect(&w);
    assert_ok(cz_account_use(w.engine, e, &ids[2], &err), err);
    assert_int_equal(mode_of(e, &a), READ);
    assert_int_equal(mode_of(e, &ids[0]), READ);
    assert_int_equal(mode_of(e, &ids[1]), WRITTEN);
    assert_int_equal(mode_of(e, &ids[2]), WRITTEN);
    cz_effect_free(e);
    fw_close(&w);
}

static void an_effect_that_is_made_again_is_the_same_whatever_happened_meanwhile(void **state)
{
    struct fw w;
    cz_id a, b, first, again;
    cz_effect *e;
    cz_error err = {0};

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    b = ax_simple(&w, "bob", 'b');
    assert_applied(ax_fund(&w, "alice", 100, NULL));
    e = ax_transfer(&w, &a, &b, 5);
    assert_ok(cz_effect_id(e, &first, &err), err);
    assert_applied(ax_run(&w, e, "a")); /* bob's balance is there now */
    w.nonce--;
    e = ax_transfer(&w, &a, &b, 5);
    assert_ok(cz_effect_id(e, &again, &err), err);
    assert_memory_equal(&first, &again, 32);
    assert_int_equal(ax_run(&w, e, "a").status, CZ_STATUS_DUPLICATE);
    assert_true(ax_holds(&w, &b, "moon:MOON") == 5);
    fw_close(&w);
}

/* ---- Who answers ------------------------------------------------------------------------ */

/* Keeps answers, or gives those that were kept. */
struct tape {
    struct czi_account_answer answers[16];
    unsigned count, next;
    bool gives;
};

static int on_question(void *arg, cz_engine *engine, const struct czi_account_question *q,
                       struct czi_account_answer *ret, cz_error *err)
{
    struct tape *t = arg;
    int rc = CZ_OK;

    if (t->gives) {
        assert_true(t->next < t->count);
        *ret = t->answers[t->next++];
        return CZ_OK;
    }
    rc = czi_account_answer(engine, q, ret, err);
    if (!rc)
        t->answers[t->count++] = *ret;
    return rc;
}

/* One of everything that asks. */
static void ask_everything(cz_engine *g, cz_effect *e, const cz_id ids[6])
{
    cz_policy p = ax_policy("a", 1);
    cz_error err = {0};
    cz_grant child = ax_grant(&ids[0], 'y', CZ_RIGHT_DEBIT);
    cz_id id;

    child.has_parent = true;
    child.parent = ids[2];
    assert_ok(cz_account_use(g, e, &ids[2], &err), err);
    assert_ok(cz_account_transfer(g, e, &ids[0], &ids[1], "moon:MOON", 5, &err), err);
    assert_ok(cz_account_withdraw(g, e, &ids[0], "moon:MOON", 5, "0xabc", &err), err);
    assert_ok(cz_account_deposit(g, e, &ids[3], NULL, &err), err);
    assert_ok(cz_account_close(g, e, &ids[0], &ids[4], &err), err);
    assert_ok(cz_account_close(g, e, &ids[0], &ids[5], &err), err);
    assert_ok(cz_account_grant(g, e, "child", &child, &id, &err), err);
    assert_ok(cz_account_revoke(g, e, &ids[2], &err), err);
    assert_ok(cz_account_set_policy(g, e, &ids[0], &p, &err), err);
}

static void with_the_same_answers_and_no_engine_the_same_bytes_are_made(void **state)
{
    struct tape tape = {.gives = false};
    struct czi_account_hook hook = {on_question, &tape};
    cz_effect *effects[2];
    cz_id ids[6], made[2], w0, w1;
    cz_grant g;
    cz_error err = {0};
    struct fw w;

    (void)state;
    fw_open(&w, true);
    ids[0] = ax_simple(&w, "alice", 'a');
    ids[1] = ax_simple(&w, "bob", 'b');
    g = ax_grant(&ids[0], 'x', CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE);
    ids[2] = ax_capability(&w, "shop", &g, "a");
    assert_applied(ax_fund(&w, "alice", 100, &ids[3]));
    w0 = ax_run(&w, ax_withdraw(&w, &ids[0], 3, "0xabc"), "a").effect;
    w1 = ax_run(&w, ax_withdraw(&w, &ids[0], 4, "0xabc"), "a").effect;
    ids[4] = ax_paid(&w, &w0, 0, "0xabc", 3);
    ids[5] = ax_refused(&w, &w1, 0);
    for (unsigned i = 0; i < 2; i++) {
        const struct czi_account_hook *before = czi_account_set_hook(&hook);

        assert_null(before);
        tape.gives = i == 1;
        effects[i] = fx_effect("origin", 1);
        ask_everything(i ? NULL : w.engine, effects[i], ids);
        assert_ok(cz_effect_id(effects[i], &made[i], &err), err);
        assert_ptr_equal(czi_account_set_hook(NULL), &hook);
        cz_effect_free(effects[i]);
    }
    /* A grant that is delegated asks twice. */
    assert_int_equal(tape.count, 10);
    assert_int_equal(tape.next, tape.count);
    assert_memory_equal(&made[0], &made[1], 32);
    fw_close(&w);
}

static void an_answer_that_is_cut_short_is_refused(void **state)
{
    struct tape tape = {.gives = true, .count = 1};
    struct czi_account_hook hook = {on_question, &tape};
    cz_effect *e = fx_effect("origin", 1);
    cz_id id = fx_id("alice");
    cz_error err = {0};

    (void)state;
    (void)czi_account_set_hook(&hook);
    tape.answers[0].bytes[0] = 1; /* of a deposit: to an account */
    for (uint16_t len = 0; len < 66; len++) {
        tape.next = 0;
        tape.answers[0].len = len;
        assert_int_equal(cz_account_deposit(NULL, e, &id, NULL, &err), CZ_CORRUPT);
        tape.next = 0;
        assert_int_equal(cz_account_use(NULL, e, &id, &err), CZ_CORRUPT);
    }
    tape.next = 0;
    tape.answers[0].len = 0;
    assert_int_equal(cz_account_transfer(NULL, e, &id, &id, "EUR", 1, &err), CZ_CORRUPT);
    tape.next = 0;
    assert_int_equal(cz_account_close(NULL, e, &id, &id, &err), CZ_CORRUPT);
    (void)czi_account_set_hook(NULL);
    cz_effect_free(e);
}

/* ---- What is not there ------------------------------------------------------------------ */

static void what_is_no_account_or_capability_is_told_by_name(void **state)
{
    cz_id a, plain = fx_id("plain"), none = fx_id("nobody"), id;
    cz_creation c = fx_creation("plain", CZ_FUNGIBLE, "EUR", 5);
    cz_policy p = ax_policy("a", 1);
    cz_error err = {0};
    struct fw w;
    cz_effect *e;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    e = fw_effect(&w);
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_applied(fw_run(&w, e));
    e = fw_effect(&w);
    assert_int_equal(cz_account_transfer(w.engine, e, &plain, &a, "EUR", 1, &err),
                     CZ_WRONG_TYPE);
    assert_non_null(strstr(err.detail, "\"plain\""));
    assert_int_equal(cz_account_set_policy(w.engine, e, &plain, &p, &err), CZ_WRONG_TYPE);
    assert_int_equal(cz_account_use(w.engine, e, &plain, &err), CZ_WRONG_TYPE);
    assert_int_equal(cz_account_use(w.engine, e, &none, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_account_revoke(w.engine, e, &none, &err), CZ_NOT_FOUND);
    /* An account that is not there may be made by the effect itself. */
    assert_ok(cz_account_transfer(w.engine, e, &none, &a, "EUR", 1, &err), err);
    id = none;
    assert_int_equal(mode_of(e, &id), READ);
    cz_effect_free(e);
    fw_close(&w);
}

static void a_fact_that_is_about_something_else_is_refused(void **state)
{
    cz_error err = {0};
    cz_id a, fact, time;
    struct fw w;
    cz_effect *e;

    (void)state;
    fw_open(&w, true);
    a = ax_simple(&w, "alice", 'a');
    assert_applied(ax_fund(&w, "alice", 7, &fact));
    time = fw_fact(&w, CZ_FACT_TIME, "").id;
    e = fw_effect(&w);
    assert_int_equal(cz_account_deposit(w.engine, e, &time, NULL, &err), CZ_WRONG_FACT);
    assert_int_equal(cz_account_deposit(w.engine, e, &a, NULL, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_account_close(w.engine, e, &a, &fact, &err), CZ_WRONG_FACT);
    assert_int_equal(cz_account_close(w.engine, e, &a, &time, &err), CZ_WRONG_FACT);
    cz_effect_free(e);
    fw_close(&w);
}

static void a_deposit_for_nobody_waits_until_there_is_an_account(void **state)
{
    struct fw_fact f;
    cz_error err = {0};
    uint64_t event;
    struct fw w;
    cz_effect *e;
    cz_id a;

    (void)state;
    fw_open(&w, true);
    assert_ok(cz_sim_deposit(w.chain, "later", "MOON", 5, &event, &err), err);
    fw_mine(&w, 1);
    fw_observe(&w);
    f = fw_deposit(&w, event);
    e = fw_effect(&w);
    assert_int_equal(cz_account_deposit(w.engine, e, &f.id, NULL, &err), CZ_NOT_FOUND);
    assert_non_null(strstr(err.detail, "\"later\""));
    cz_effect_free(e);
    a = ax_simple(&w, "later", 'a');
    e = fw_effect(&w);
    assert_ok(cz_account_deposit(w.engine, e, &f.id, NULL, &err), err);
    assert_applied(fw_run(&w, e));
    assert_true(ax_holds(&w, &a, "moon:MOON") == 5);
    fw_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_account_has_lies_under_ids_that_follow_from_its_own),
        cmocka_unit_test(a_label_or_asset_that_is_none_has_no_id),
        cmocka_unit_test(a_transfer_reads_both_accounts_and_writes_both_balances),
        cmocka_unit_test(what_leaves_an_account_writes_it_only_where_it_has_a_limit),
        cmocka_unit_test(
            effects_of_accounts_that_have_nothing_to_do_with_each_other_share_nothing),
        cmocka_unit_test(who_waits_for_one_account_does_not_keep_others_waiting),
        cmocka_unit_test(
            a_capability_is_presented_with_all_above_it_and_written_where_it_has_a_ceiling),
        cmocka_unit_test(an_effect_that_is_made_again_is_the_same_whatever_happened_meanwhile),
        cmocka_unit_test(with_the_same_answers_and_no_engine_the_same_bytes_are_made),
        cmocka_unit_test(an_answer_that_is_cut_short_is_refused),
        cmocka_unit_test(what_is_no_account_or_capability_is_told_by_name),
        cmocka_unit_test(a_fact_that_is_about_something_else_is_refused),
        cmocka_unit_test(a_deposit_for_nobody_waits_until_there_is_an_account),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
