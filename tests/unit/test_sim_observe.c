/* test_sim_observe.c - a store follows a simulated chain, by public calls alone. */
#include "fact_fixture.h"

static int count_items(void *arg, const cz_domain *d)
{
    *(cz_domain *)arg = *d;
    return 0;
}

static cz_domain domain_of(struct fw *w)
{
    cz_domain d = {.name = NULL};
    cz_error err = {0};

    assert_ok(cz_domain_list(w->engine, count_items, &d, &err), err);
    return d;
}

static void one_of_everything(struct fw *w)
{
    cz_error err = {0};

    assert_ok(cz_sim_deposit(w->chain, "alice", "MOON", 5, NULL, &err), err);
    assert_ok(cz_sim_withdrawal(w->chain, "alice", "MOON", 5, NULL, &err), err);
    assert_ok(cz_sim_transaction(w->chain, "t", 1, NULL, &err), err);
    assert_ok(cz_sim_custom(w->chain, "c", 1, NULL, &err), err);
    assert_ok(cz_sim_balance(w->chain, "alice", "MOON", 0, &err), err);
    assert_ok(cz_sim_price(w->chain, "MOON/EUR", 3, &err), err);
    assert_ok(cz_sim_register(w->chain, "owner", "alice", 5, &err), err);
}

static void everything_is_recorded_once(void **state)
{
    struct fw w;
    uint64_t items;

    (void)state;
    fw_open(&w, true);
    one_of_everything(&w);
    fw_mine(&w, 1);
    fw_observe(&w);
    items = domain_of(&w).items;
    assert_int_equal(items, 1 + 1 + 4 + 3 + 1); /* domain, block, events, state, time */
    fw_observe(&w);
    assert_int_equal(domain_of(&w).items, items);
    assert_int_equal(domain_of(&w).height, 1);
    fw_close(&w);
}

/* The block is recorded once more, with its certificate, and nothing else is. */
static void finality_is_recorded_when_it_comes(void **state)
{
    struct fw w;
    cz_error err = {0};
    uint64_t items;

    (void)state;
    fw_open(&w, true);
    one_of_everything(&w);
    fw_mine(&w, 3);
    fw_observe(&w);
    items = domain_of(&w).items;
    assert_ok(cz_sim_finalize(w.chain, 2, &err), err);
    fw_observe(&w);
    assert_int_equal(domain_of(&w).items, items + 2);
    assert_int_equal(domain_of(&w).final_height, 2);
    fw_close(&w);
}

static void what_the_policy_does_not_take_yet_is_taken_later(void **state)
{
    static const cz_domain_spec policies[] = {{.record_depth = 2},
                                              {.record_finality = CZ_FINAL}};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(policies); i++) {
        struct fw w;
        cz_error err = {0};

        fw_open_with(&w, true, &policies[i]);
        one_of_everything(&w);
        fw_mine(&w, 2);
        fw_observe(&w);
        assert_int_equal(domain_of(&w).items, 1 + 2); /* the blocks alone */
        fw_mine(&w, 1);
        assert_ok(cz_sim_finalize(w.chain, 1, &err), err);
        fw_observe(&w);
        /* The third block, the first one's certificate, and what is in that. */
        assert_int_equal(domain_of(&w).items, 1 + 2 + 1 + 1 + 4 + 3 + 1);
        fw_close(&w);
    }
}

static void dropped_blocks_are_retracted_and_the_others_recorded(void **state)
{
    struct fw w;
    cz_error err = {0};
    uint64_t event, items;
    struct fw_fact before, after;
    cz_id credited;
    bool disputed;

    (void)state;
    fw_open(&w, true);
    fw_mine(&w, 1);
    assert_ok(cz_sim_deposit(w.chain, "alice", "MOON", 5, &event, &err), err);
    fw_mine(&w, 3);
    fw_observe(&w);
    before = fw_deposit(&w, event);
    credited = fw_credit(&w, &before, "alice", 5).effect;
    items = domain_of(&w).items;
    assert_ok(cz_sim_reorg(w.chain, 3, true, &err), err);
    fw_observe(&w);
    /* One retraction takes them all; four blocks with their times, and the deposit. */
    assert_int_equal(domain_of(&w).items, items + 1 + 4 * 2 + 1);
    assert_int_equal(domain_of(&w).height, 5);
    after = fw_deposit(&w, event);
    assert_ok(cz_fact_verify(w.engine, &after.id, &err), err);
    assert_ok(cz_is_disputed(w.engine, &credited, &disputed, &err), err);
    assert_false(disputed);
    assert_int_equal(fw_credit(&w, &after, "alice", 5).reason, CZ_EVENT_CONSUMED);
    /* And a second time, on top of the first. */
    assert_ok(cz_sim_reorg(w.chain, 4, false, &err), err);
    fw_observe(&w);
    assert_int_equal(domain_of(&w).height, 6);
    assert_ok(cz_is_disputed(w.engine, &credited, &disputed, &err), err);
    assert_true(disputed);
    fw_close(&w);
}

static void an_observer_signs_whatever_is_observed(void **state)
{
    static const uint8_t seed[32] = {5}, stranger[32] = {6};
    cz_observer observer;
    cz_domain_spec policy = {.observers = &observer, .observer_count = 1};
    struct fw w;
    cz_error err = {0};
    uint64_t items;

    (void)state;
    cz_public_key(seed, observer.key);
    fw_open_with(&w, true, &policy);
    one_of_everything(&w);
    fw_mine(&w, 2);
    assert_int_equal(cz_sim_observe(w.chain, w.engine, NULL, &err), CZ_BAD_OBSERVER);
    assert_int_equal(cz_sim_observe(w.chain, w.engine, stranger, &err), CZ_BAD_OBSERVER);
    assert_int_equal(domain_of(&w).items, 1);
    assert_ok(cz_sim_observe(w.chain, w.engine, seed, &err), err);
    items = domain_of(&w).items;
    assert_int_equal(items, 1 + 2 * (1 + 3 + 1) + 4);
    assert_ok(cz_sim_observe(w.chain, w.engine, seed, &err), err);
    assert_int_equal(domain_of(&w).items, items);
    assert_ok(cz_sim_reorg(w.chain, 1, true, &err), err);
    assert_ok(cz_sim_observe(w.chain, w.engine, seed, &err), err);
    assert_int_equal(domain_of(&w).height, 3);
    fw_close(&w);
}

static void a_chain_that_breaks_its_word_freezes_its_domain(void **state)
{
    struct fw w;
    cz_error err = {0};

    (void)state;
    fw_open(&w, true);
    fw_mine(&w, 3);
    assert_ok(cz_sim_finalize(w.chain, 2, &err), err);
    fw_observe(&w);
    assert_ok(cz_sim_reorg(w.chain, 2, true, &err), err);
    assert_int_equal(cz_sim_observe(w.chain, w.engine, NULL, &err), CZ_DOMAIN_FROZEN);
    assert_int_equal(strncmp(err.detail, "chain moon: ", 12), 0);
    assert_true(domain_of(&w).frozen);
    fw_close(&w);
}

static void an_expired_price_is_left_out(void **state)
{
    struct fw w;
    cz_error err = {0};

    (void)state;
    fw_open(&w, true);
    cz_sim_price_age(w.chain, 15);
    assert_ok(cz_sim_price(w.chain, "MOON/EUR", 3, &err), err);
    fw_mine(&w, 5);
    fw_observe(&w);
    /* Of blocks at 10 to 50, the prices at 10, 20 and 30 expired before 50. */
    assert_int_equal(domain_of(&w).items, 1 + 5 + 5 + 2);
    fw_close(&w);
}

static void a_chain_that_the_store_does_not_know_is_refused(void **state)
{
    struct fw w;
    cz_sim_chain *mars = NULL;
    cz_error err = {0};

    (void)state;
    fw_open(&w, true);
    assert_ok(cz_sim_new("mars", 1, &mars, &err), err);
    assert_int_equal(cz_sim_observe(mars, w.engine, NULL, &err), CZ_UNKNOWN_DOMAIN);
    cz_sim_free(mars);
    fw_close(&w);
}

/* Wherever memory ends, observing again goes on from there. */
static void out_of_memory_while_observing_loses_nothing(void **state)
{
    int64_t failures = 0;

    (void)state;
    for (int64_t n = 0;; n += 3) {
        struct fw w;
        cz_error err = {0};
        bool failed;
        int rc;

        fw_open(&w, true);
        one_of_everything(&w);
        fw_mine(&w, 2);
        czi_alloc_fail_after(n);
        rc = cz_sim_observe(w.chain, w.engine, NULL, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        if (!failed)
            assert_ok(rc, err);
        failures += failed;
        if (rc == CZ_NOMEM)
            rc = cz_sim_observe(w.chain, w.engine, NULL, &err);
        /* An engine that could not go on says so; what it has acknowledged is there. */
        if (rc == CZ_CLOSED) {
            (void)cz_close(w.engine, &err);
            fw_reopen(&w);
        }
        fw_observe(&w);
        assert_int_equal(domain_of(&w).items, 1 + 2 * (1 + 3 + 1) + 4);
        fw_close(&w);
        if (!failed)
            break;
    }
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_recorded_once),
        cmocka_unit_test(finality_is_recorded_when_it_comes),
        cmocka_unit_test(what_the_policy_does_not_take_yet_is_taken_later),
        cmocka_unit_test(dropped_blocks_are_retracted_and_the_others_recorded),
        cmocka_unit_test(an_observer_signs_whatever_is_observed),
        cmocka_unit_test(a_chain_that_breaks_its_word_freezes_its_domain),
        cmocka_unit_test(an_expired_price_is_left_out),
        cmocka_unit_test(a_chain_that_the_store_does_not_know_is_refused),
        cmocka_unit_test(out_of_memory_while_observing_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
