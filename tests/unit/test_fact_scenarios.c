/* test_fact_scenarios.c - stories about facts, each told by a live engine and again from its
 * journal: staleness, credit, reorganisation, dispute, contradiction (R5, R6, R7). */
#include "fact_fixture.h"

static const bool ways[] = {true, false}; /* driven by hand, and with threads */

#define TWICE(w)                                                                               \
    for (unsigned way_ = 0; way_ < 2; way_++)                                                  \
        for (bool open_ = (fw_open(w, ways[way_]), true); open_; open_ = (fw_close(w), false))

static void price_is(struct fw *w, uint64_t price)
{
    cz_error err = {0};

    assert_ok(cz_sim_price(w->chain, "MOON/USD", price, &err), err);
}

static cz_result rely(struct fw *w, const cz_id *fact, enum cz_fact_policy policy)
{
    cz_effect *e = fw_move(w, "a", "b", 1);

    fw_depend(e, fact, policy, false, NULL);
    return fw_run(w, e);
}

/* ---- Staleness --------------------------------------------------------------------------- */

static void an_exact_fact_is_stale_once_its_domain_went_on(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        struct fw_fact price;

        price_is(&w, 20);
        fw_mine(&w, 1);
        fw_observe(&w);
        price = fw_fact(&w, CZ_FACT_PRICE, "MOON/USD");
        assert_int_equal(rely(&w, &price.id, CZ_EXACT).reason, CZ_APPLIED);
        fw_mine(&w, 1);
        fw_observe(&w);
        assert_int_equal(rely(&w, &price.id, CZ_EXACT).reason, CZ_STALE_FACT);
    }
}

static void a_fact_that_is_still_true_serves_after_the_map_advanced(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        struct fw_fact price;

        price_is(&w, 20);
        fw_mine(&w, 1);
        fw_observe(&w);
        price = fw_fact(&w, CZ_FACT_PRICE, "MOON/USD");
        fw_mine(&w, 3);
        fw_observe(&w);
        assert_int_equal(rely(&w, &price.id, CZ_STILL_TRUE).reason, CZ_APPLIED);
        price_is(&w, 21);
        fw_mine(&w, 1);
        fw_observe(&w);
        assert_int_equal(rely(&w, &price.id, CZ_STILL_TRUE).reason, CZ_STALE_FACT);
        assert_int_equal(rely(&w, &price.id, CZ_AT_LEAST_HEIGHT).reason, CZ_APPLIED);
    }
}

static void a_proposal_is_checked_before_it_is_queued_and_again_when_it_applies(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        cz_error err = {0};
        struct fw_fact price;
        cz_effect *e, *late;
        cz_time_map *map;
        uint64_t ticket;
        cz_id id;
        cz_stats before, after;

        price_is(&w, 20);
        fw_mine(&w, 1);
        fw_observe(&w);
        price = fw_fact(&w, CZ_FACT_PRICE, "MOON/USD");
        e = fw_move(&w, "a", "b", 1);
        fw_depend(e, &price.id, CZ_EXACT, false, NULL);
        assert_ok(cz_snapshot(w.engine, &map, &err), err);
        assert_ok(cz_propose(w.engine, e, NULL, NULL, &ticket, &err), err);
        assert_int_equal(fx_wait(w.engine, ticket).reason, CZ_APPLIED);
        assert_ok(cz_effect_id(e, &id, &err), err);
        cz_time_map_free(map);
        late = fw_move(&w, "a", "b", 1);
        fw_depend(late, &price.id, CZ_EXACT, false, NULL);
        fw_mine(&w, 1);
        fw_observe(&w);
        assert_ok(cz_stats_get(w.engine, &before, &err), err);
        assert_int_equal(cz_propose(w.engine, late, NULL, NULL, &ticket, &err), CZ_STALE_FACT);
        assert_ok(cz_stats_get(w.engine, &after, &err), err);
        assert_int_equal(after.positions, before.positions);
        w.nonce--; /* it was not used */
        cz_effect_free(e);
        cz_effect_free(late);
    }
}

/* A guard holds the effect up, and meanwhile the domain goes on. */
static void what_waited_for_a_guard_is_checked_when_it_applies(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        cz_error err = {0};
        struct fw_fact price;
        cz_claim claim = {.resource = fx_id("a"), .mode = CZ_WRITE};
        cz_guard guard;
        cz_effect *e;
        uint64_t ticket;

        assert_int_equal(fw_pay(&w, "a", "b", 1).reason, CZ_APPLIED);
        price_is(&w, 20);
        fw_mine(&w, 1);
        fw_observe(&w);
        price = fw_fact(&w, CZ_FACT_PRICE, "MOON/USD");
        assert_ok(cz_acquire(w.engine, &claim, CZ_FOREVER, &guard, &err), err);
        e = fw_move(&w, "a", "b", 1);
        fw_depend(e, &price.id, CZ_EXACT, false, NULL);
        assert_ok(cz_propose(w.engine, e, NULL, NULL, &ticket, &err), err);
        cz_effect_free(e);
        fw_mine(&w, 1);
        fw_observe(&w);
        assert_ok(cz_release(&guard, &err), err);
        assert_int_equal(fx_wait(w.engine, ticket).reason, CZ_STALE_FACT);
    }
}

static void a_missing_fact_blocks_only_if_it_is_required(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        cz_id nothing = fx_id("no fact");
        cz_effect *e = fw_move(&w, "a", "b", 1);

        fw_depend(e, &nothing, CZ_STILL_TRUE, true, NULL);
        assert_int_equal(fw_run(&w, e).reason, CZ_APPLIED);
        assert_int_equal(rely(&w, &nothing, CZ_STILL_TRUE).reason, CZ_UNKNOWN_FACT);
    }
}

/* ---- Credit ------------------------------------------------------------------------------ */

static uint64_t deposit(struct fw *w, const char *account, uint64_t amount)
{
    uint64_t event;
    cz_error err = {0};

    assert_ok(cz_sim_deposit(w->chain, account, "MOON", amount, &event, &err), err);
    fw_mine(w, 1);
    return event;
}

static void reorganise(struct fw *w, uint64_t depth, bool reinclude)
{
    cz_error err = {0};

    assert_ok(cz_sim_reorg(w->chain, depth, reinclude, &err), err);
    fw_observe(w);
}

static void a_deposit_that_is_included_in_two_blocks_is_credited_once(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        struct fw_fact first, second;
        uint64_t event = deposit(&w, "alice", 100);

        fw_observe(&w);
        first = fw_deposit(&w, event);
        assert_int_equal(fw_credit(&w, &first, "alice", 100).reason, CZ_APPLIED);
        assert_int_equal(fw_credit(&w, &first, "alice", 100).reason, CZ_EVENT_CONSUMED);
        reorganise(&w, 1, true);
        second = fw_deposit(&w, event);
        assert_memory_not_equal(&first.id, &second.id, sizeof first.id);
        assert_int_equal(fw_credit(&w, &second, "alice", 100).reason, CZ_EVENT_CONSUMED);
        assert_quantity(w.engine, "alice", 100);
    }
}

static void one_event_serves_two_purposes_once_each(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        uint64_t event = deposit(&w, "alice", 100);
        struct fw_fact f;
        cz_effect *e;

        fw_observe(&w);
        f = fw_deposit(&w, event);
        assert_int_equal(fw_credit(&w, &f, "alice", 100).reason, CZ_APPLIED);
        e = fw_move(&w, "moon", "bonus", 1);
        fw_depend(e, &f.id, CZ_STILL_TRUE, false, "bonus");
        assert_int_equal(fw_run(&w, e).reason, CZ_APPLIED);
        e = fw_move(&w, "moon", "bonus", 1);
        fw_depend(e, &f.id, CZ_STILL_TRUE, false, "bonus");
        assert_int_equal(fw_run(&w, e).reason, CZ_EVENT_CONSUMED);
    }
}

/* ---- Retraction -------------------------------------------------------------------------- */

static void a_retraction_before_apply_rejects(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        uint64_t event = deposit(&w, "alice", 100);
        struct fw_fact f;

        fw_observe(&w);
        f = fw_deposit(&w, event);
        reorganise(&w, 1, false);
        assert_int_equal(fw_credit(&w, &f, "alice", 100).reason, CZ_NOT_CANONICAL);
        assert_int_equal(fw_disputed(&w).count, 0);
    }
}

static void assert_disputed(struct fw *w, const uint64_t *positions, size_t count,
                            uint64_t direct)
{
    struct fw_disputes d = fw_disputed(w);

    assert_int_equal(d.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(d.positions[i], positions[i]);
        assert_int_equal(d.direct[i], positions[i] == direct);
    }
}

static void a_retraction_after_apply_disputes_all_that_follows_and_nothing_else(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        uint64_t event, positions[4];
        struct fw_fact f;
        cz_requirement at_least = {.has_quantity = true, .quantity = 1};
        cz_id bob = fx_id("bob"), credited;
        cz_error err = {0};
        cz_result r;
        cz_effect *e;
        bool is;

        assert_int_equal(fw_pay(&w, "carol", "dan", 5).reason, CZ_APPLIED);
        assert_int_equal(fw_pay(&w, "moon", "bob", 5).reason, CZ_APPLIED);
        event = deposit(&w, "alice", 100);
        fw_observe(&w);
        f = fw_deposit(&w, event);
        r = fw_credit(&w, &f, "alice", 100);
        credited = r.effect;
        positions[0] = r.position;
        assert_int_equal(fw_pay(&w, "carol", "dan", 5).reason, CZ_APPLIED);
        positions[1] = fw_pay(&w, "alice", "bob", 7).position;
        /* Rejected: it changed nothing, so nothing follows from it. */
        e = fw_move(&w, "alice", "erin", 7);
        at_least.quantity = 1000;
        assert_ok(cz_effect_require(e, &bob, &at_least, &err), err);
        assert_int_equal(fw_run(&w, e).reason, CZ_REQUIRE_QUANTITY);
        at_least.quantity = 1;
        e = fw_move(&w, "fay", "gus", 1); /* reads bob */
        assert_ok(cz_effect_require(e, &bob, &at_least, &err), err);
        r = fw_run(&w, e);
        assert_int_equal(r.reason, CZ_APPLIED);
        positions[2] = r.position;
        assert_int_equal(fw_pay(&w, "dan", "carol", 1).reason, CZ_APPLIED);
        positions[3] = fw_pay(&w, "gus", "hal", 1).position;
        assert_int_equal(fw_disputed(&w).count, 0);

        reorganise(&w, 1, false);
        assert_disputed(&w, positions, 4, positions[0]);
        assert_ok(cz_is_disputed(w.engine, &credited, &is, &err), err);
        assert_true(is);
        assert_int_equal(fw_pay(&w, "dan", "carol", 1).reason, CZ_APPLIED);
        assert_disputed(&w, positions, 4, positions[0]);
    }
}

static void a_dispute_ends_when_the_event_is_included_again(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        uint64_t event = deposit(&w, "alice", 100), position;
        struct fw_fact f;

        fw_observe(&w);
        f = fw_deposit(&w, event);
        position = fw_credit(&w, &f, "alice", 100).position;
        reorganise(&w, 1, true);
        assert_int_equal(fw_disputed(&w).count, 0);
        reorganise(&w, 2, false);
        assert_disputed(&w, &position, 1, position);
    }
}

static void disputes_are_the_same_when_the_store_is_opened_again(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        uint64_t event = deposit(&w, "alice", 100), positions[2];
        cz_error err = {0};
        struct fw_fact f;

        fw_observe(&w);
        f = fw_deposit(&w, event);
        positions[0] = fw_credit(&w, &f, "alice", 100).position;
        positions[1] = fw_pay(&w, "alice", "bob", 1).position;
        reorganise(&w, 1, false);
        assert_ok(cz_close(w.engine, &err), err);
        fw_reopen(&w);
        assert_disputed(&w, positions, 2, positions[0]);
        assert_int_equal(fw_credit(&w, &f, "alice", 100).reason, CZ_NOT_CANONICAL);
    }
}

/* ---- Contradiction ----------------------------------------------------------------------- */

static int note_domain(void *arg, const cz_domain *d)
{
    cz_domain *out = arg;

    *out = *d;
    return CZ_OK;
}

static cz_domain domain(struct fw *w)
{
    cz_domain d = {.items = 0};
    cz_error err = {0};

    assert_ok(cz_domain_list(w->engine, note_domain, &d, &err), err);
    return d;
}

/* The chain breaks its word: it reorganises what it had finalized. */
static void break_word(struct fw *w)
{
    cz_error err = {0};

    fw_mine(w, 3);
    assert_ok(cz_sim_finalize(w->chain, 3, &err), err);
    fw_observe(w);
    assert_int_equal(domain(w).final_height, 3);
    assert_ok(cz_sim_reorg(w->chain, 2, false, &err), err);
    assert_int_not_equal(cz_sim_observe(w->chain, w->engine, NULL, &err), CZ_NOMEM);
    assert_true(domain(w).frozen);
}

static void final_facts_that_contradict_freeze_the_domain_and_say_how_to_go_on(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        cz_error err = {0};
        struct fw_fact block;
        cz_domain d;

        price_is(&w, 20);
        break_word(&w);
        d = domain(&w);
        fw_mine(&w, 1);
        block = fw_fact(&w, CZ_FACT_BLOCK, "5");
        assert_int_equal(fw_add(&w, &block, &err), CZ_DOMAIN_FROZEN);
        assert_non_null(strstr(err.detail, "causality domain resolve moon --keep"));
        assert_int_equal(rely(&w, &d.contradicts[0], CZ_STILL_TRUE).reason, CZ_DOMAIN_FROZEN);
        assert_ok(cz_domain_resolve(w.engine, "moon", &d.contradicts[0], "told so", &err), err);
        assert_false(domain(&w).frozen);
        assert_int_equal(rely(&w, &d.contradicts[0], CZ_STILL_TRUE).reason, CZ_APPLIED);
    }
}

static void a_freeze_can_be_resolved_against_what_was_final(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        cz_error err = {0};
        uint64_t event = deposit(&w, "alice", 9), position;
        struct fw_fact f;
        cz_domain d;

        fw_mine(&w, 1);
        fw_observe(&w);
        f = fw_deposit(&w, event);
        position = fw_credit(&w, &f, "alice", 9).position;
        assert_ok(cz_sim_finalize(w.chain, 2, &err), err);
        fw_observe(&w);
        assert_ok(cz_sim_reorg(w.chain, 2, false, &err), err);
        assert_int_not_equal(cz_sim_observe(w.chain, w.engine, NULL, &err), CZ_NOMEM);
        d = domain(&w);
        assert_true(d.frozen);
        assert_int_equal(fw_disputed(&w).count, 0);
        assert_ok(cz_domain_resolve(w.engine, "moon", &d.contradicts[1], NULL, &err), err);
        fw_observe(&w);
        assert_false(domain(&w).frozen);
        assert_int_equal(domain(&w).height, cz_sim_height(w.chain));
        assert_disputed(&w, &position, 1, position);
    }
}

/* ---- Time and order ---------------------------------------------------------------------- */

struct receipt {
    cz_id time;
    cz_clock_part clock[CZ_CLOCK_MAX];
    size_t clock_count;
};

static int note_receipt(void *arg, const cz_receipt *r)
{
    struct receipt *out = arg;

    out->time = r->time;
    out->clock_count = r->clock_count;
    if (r->clock_count)
        memcpy(out->clock, r->clock, r->clock_count * sizeof *r->clock);
    return CZ_OK;
}

static struct receipt receipt(struct fw *w, const cz_id *effect)
{
    struct receipt r;
    cz_error err = {0};

    assert_ok(cz_receipt_get(w->engine, effect, note_receipt, &r, &err), err);
    return r;
}

static void receipts_name_the_time_map_that_they_were_made_under(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        static const cz_id none;
        cz_error err = {0};
        cz_id first = fw_pay(&w, "a", "b", 1).effect, second, third, time;
        cz_time_map *now, *then;
        cz_domain_time at;

        fw_mine(&w, 2);
        fw_observe(&w);
        second = fw_pay(&w, "a", "b", 1).effect;
        time = receipt(&w, &second).time;
        fw_mine(&w, 1);
        fw_observe(&w);
        third = fw_pay(&w, "a", "b", 1).effect;
        assert_true(czi_id_equal(receipt(&w, &first).time.bytes, &none));
        assert_false(czi_id_equal(receipt(&w, &third).time.bytes, &time));
        assert_ok(cz_snapshot(w.engine, &now, &err), err);
        assert_ok(cz_snapshot_at(w.engine, &second, &then, &err), err);
        assert_true(cz_time_map_ahead(now, then));
        assert_false(cz_time_map_ahead(then, now));
        assert_int_equal(cz_time_map_lamport(now), cz_time_map_lamport(then) + 1);
        at.height = 0;
        assert_ok(cz_time_map_find(then, "moon", &at, &err), err);
        assert_int_equal(at.height, 2);
        assert_int_equal(at.time, 20);
        cz_id id = cz_time_map_id(then);
        assert_memory_equal(&id, &time, sizeof id);
        cz_time_map_free(now);
        cz_time_map_free(then);
    }
}

static void facts_and_effects_are_in_one_causal_order(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        uint64_t event = deposit(&w, "alice", 100);
        cz_error err = {0};
        struct fw_fact f, block;
        cz_id credit, after, aside;
        enum cz_order order;

        fw_observe(&w);
        f = fw_deposit(&w, event);
        block = fw_fact(&w, CZ_FACT_BLOCK, "1");
        aside = fw_pay(&w, "carol", "dan", 1).effect;
        credit = fw_credit(&w, &f, "alice", 100).effect;
        after = fw_pay(&w, "alice", "bob", 1).effect;
        assert_ok(cz_causal_order(w.engine, &f.id, &after, &order, &err), err);
        assert_int_equal(order, CZ_BEFORE);
        assert_ok(cz_causal_order(w.engine, &block.id, &credit, &order, &err), err);
        assert_int_equal(order, CZ_BEFORE);
        assert_ok(cz_causal_order(w.engine, &after, &credit, &order, &err), err);
        assert_int_equal(order, CZ_AFTER);
        assert_ok(cz_causal_order(w.engine, &aside, &after, &order, &err), err);
        assert_int_equal(order, CZ_CONCURRENT);
        assert_ok(cz_causal_order(w.engine, &f.id, &aside, &order, &err), err);
        assert_int_equal(order, CZ_CONCURRENT);
        assert_ok(cz_causal_order(w.engine, &f.id, &f.id, &order, &err), err);
        assert_int_equal(order, CZ_SAME);
        assert_int_equal(cz_causal_order(w.engine, &f.id, &(cz_id){{1}}, &order, &err),
                         CZ_NOT_FOUND);
        assert_ok(cz_causal_order_at(w.engine, 1, 2, &order, &err), err);
        assert_int_equal(order, CZ_CONCURRENT);
        assert_int_equal(cz_causal_order_at(w.engine, 1, 99, &order, &err), CZ_NOT_FOUND);
    }
}

static void events_of_a_program_are_ordered_by_its_vector_clock(void **state)
{
    struct fw w;

    (void)state;
    TWICE(&w)
    {
        cz_id program = fx_id("program"), a, b, c, d;
        cz_error err = {0};
        struct receipt ra, rb, rc;
        enum cz_order order;

        assert_ok(cz_record_event(w.engine, &program, 0, NULL, 0, &a, &err), err);
        assert_ok(cz_record_event(w.engine, &program, 1, &a, 1, &b, &err), err);
        assert_ok(cz_record_event(w.engine, &program, 0, NULL, 0, &c, &err), err);
        assert_ok(cz_record_event(w.engine, &program, 0, &b, 1, &d, &err), err);
        ra = receipt(&w, &a);
        assert_int_equal(ra.clock_count, 1);
        rb = receipt(&w, &b);
        assert_int_equal(rb.clock_count, 2);
        rc = receipt(&w, &c);
        assert_int_equal(cz_clock_compare(rb.clock, 2, rc.clock, rc.clock_count),
                         CZ_CONCURRENT);
        rc = receipt(&w, &d);
        assert_int_equal(cz_clock_compare(rb.clock, 2, rc.clock, rc.clock_count), CZ_BEFORE);
        assert_ok(cz_causal_order(w.engine, &b, &c, &order, &err), err);
        assert_int_equal(order, CZ_CONCURRENT);
        assert_ok(cz_causal_order(w.engine, &c, &d, &order, &err), err);
        assert_int_equal(order, CZ_BEFORE);
        assert_ok(cz_causal_order(w.engine, &a, &d, &order, &err), err);
        assert_int_equal(order, CZ_BEFORE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_fact_is_stale_once_its_domain_went_on),
        cmocka_unit_test(a_fact_that_is_still_true_serves_after_the_map_advanced),
        cmocka_unit_test(a_proposal_is_checked_before_it_is_queued_and_again_when_it_applies),
        cmocka_unit_test(what_waited_for_a_guard_is_checked_when_it_applies),
        cmocka_unit_test(a_missing_fact_blocks_only_if_it_is_required),
        cmocka_unit_test(a_deposit_that_is_included_in_two_blocks_is_credited_once),
        cmocka_unit_test(one_event_serves_two_purposes_once_each),
        cmocka_unit_test(a_retraction_before_apply_rejects),
        cmocka_unit_test(a_retraction_after_apply_disputes_all_that_follows_and_nothing_else),
        cmocka_unit_test(a_dispute_ends_when_the_event_is_included_again),
        cmocka_unit_test(disputes_are_the_same_when_the_store_is_opened_again),
        cmocka_unit_test(final_facts_that_contradict_freeze_the_domain_and_say_how_to_go_on),
        cmocka_unit_test(a_freeze_can_be_resolved_against_what_was_final),
        cmocka_unit_test(receipts_name_the_time_map_that_they_were_made_under),
        cmocka_unit_test(facts_and_effects_are_in_one_causal_order),
        cmocka_unit_test(events_of_a_program_are_ordered_by_its_vector_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
