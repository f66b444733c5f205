/* test_causal_graph.c - how the causal graph of an engine is kept: what waits, and how much. */
#include "guard_fixture.h"

#define EFFECTS 200000u

/* Transfers between two accounts and two others, in turn: two chains that never meet. */
static void submit(cz_engine *g, uint64_t nonce)
{
    char from[2] = {nonce % 2 ? 'a' : 'c', 0}, to[2] = {nonce % 2 ? 'b' : 'd', 0};

    (void)fx_submit(g, fx_pay("origin", nonce, from, to, 1));
}

static cz_engine *open_with_graph(void)
{
    cz_options o = {.batch_max = 2048, .backlog_max = 4096, .causal_now = true};
    cz_engine *g = fx_open_driven_with(NULL, &o);

    for (const char *label = "abcd"; *label; label++)
        (void)fx_cash(g, (char[]){*label, 0}, EFFECTS);
    return g;
}

/* Nobody asks, and the engine never rests: a bounded number of events waits, in arrays that do
 * not grow with what has passed through them. */
static void what_waits_for_the_index_is_bounded_under_load(void **state)
{
    cz_engine *g = open_with_graph();
    size_t counts = 0, preds = 0;

    (void)state;
    for (uint64_t i = 1; i <= EFFECTS; i++) {
        submit(g, i);
        if (i % 2048)
            continue;
        while (czi_engine_pump(g))
            continue;
        counts = CZI_MAX(counts, g->history.counts.len / sizeof(uint32_t));
        preds = CZI_MAX(preds, g->history.preds.len / sizeof(uint32_t));
        assert_true(g->history.pending <= CZI_HISTORY_LAG_MAX);
    }
    assert_true(counts > CZI_HISTORY_LAG_MAX);
    assert_true(counts <= 2 * (CZI_HISTORY_LAG_MAX + 2048));
    assert_true(preds <= 4 * (CZI_HISTORY_LAG_MAX + 2048));
    fx_close(g);
}

static void a_question_sees_what_waits(void **state)
{
    cz_engine *g = open_with_graph();
    cz_error err = {0};
    enum cz_order order;

    (void)state;
    for (uint64_t i = 1; i <= 1000; i++)
        submit(g, i);
    while (czi_engine_pump(g))
        continue;
    assert_true(g->history.pending > 0);
    /* Positions 1 to 4 made the accounts. */
    assert_ok(cz_causal_order_at(g, 5, 1003, &order, &err), err);
    assert_int_equal(order, CZ_BEFORE);
    assert_ok(cz_causal_order_at(g, 5, 1004, &order, &err), err);
    assert_int_equal(order, CZ_CONCURRENT);
    assert_int_equal(g->history.pending, 0);
    fx_close(g);
}

/* Beyond its bound the graph is gone, effects go on, and the question says what to do. */
static void a_history_beyond_its_bound_is_a_clear_error(void **state)
{
    cz_options o = {.batch_max = 64, .backlog_max = 256, .causal_now = true, .causal_max = 50};
    cz_engine *g = fx_open_driven_with(NULL, &o);
    cz_error err = {0};
    enum cz_order order;

    (void)state;
    for (const char *label = "abcd"; *label; label++)
        (void)fx_cash(g, (char[]){*label, 0}, EFFECTS);
    assert_ok(cz_causal_order_at(g, 1, 2, &order, &err), err);
    for (uint64_t i = 1; i <= 60; i++)
        submit(g, i);
    assert_ok(cz_flush(g, &err), err);
    assert_quantity(g, "b", EFFECTS + 30);
    assert_int_equal(cz_causal_order_at(g, 1, 2, &order, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "causal_max"));
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_for_the_index_is_bounded_under_load),
        cmocka_unit_test(a_question_sees_what_waits),
        cmocka_unit_test(a_history_beyond_its_bound_is_a_clear_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
