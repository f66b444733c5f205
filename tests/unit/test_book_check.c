/* test_book_check.c - which dependencies of effects hold, and what they consume; as fact/book.h
 * says.
 */
#include "unit/book_fixture.h"

#define EVENT .kind = CZ_FACT_DEPOSIT
#define PRICE .kind = CZ_FACT_PRICE
#define A(h) .branch = 'a', .height = (h)
#define B(h) .branch = 'b', .height = (h)

/* Dependencies of one effect in the making. */
struct wish {
    cz_id ids[CZI_CITATIONS_MAX];
    struct czi_dependency all[CZI_CITATIONS_MAX];
    unsigned count;
};

static struct czi_terms *depend(struct wish *w, const struct spec *s)
{
    w->ids[w->count] = id_of(s);
    w->all[w->count] = (struct czi_dependency){w->ids[w->count].bytes, czi_plain_terms()};
    return &w->all[w->count++].terms;
}

/* The reason for the last one. */
static uint8_t check(struct czi_book *b, const struct wish *w)
{
    bool holds = false;
    uint8_t reason = czi_book_check(b, w->all, w->count - 1, &holds);

    if (reason == CZ_APPLIED && !w->all[w->count - 1].terms.optional)
        assert_true(holds);
    return reason;
}

static uint8_t check_one(struct czi_book *b, const struct spec *s, struct czi_terms terms)
{
    struct wish w = {.count = 0};

    *depend(&w, s) = terms;
    return check(b, &w);
}

static struct czi_terms with_policy(enum cz_fact_policy policy)
{
    struct czi_terms t = czi_plain_terms();

    t.policy = (uint8_t)policy;
    return t;
}

static struct czi_terms with_finality(enum cz_finality finality, uint64_t depth)
{
    struct czi_terms t = czi_plain_terms();

    t.finality = (uint8_t)finality;
    t.depth = depth;
    return t;
}

static struct czi_terms with_age(uint64_t most)
{
    struct czi_terms t = czi_plain_terms();

    t.has_max_age = true;
    t.max_age = most;
    return t;
}

/* Blocks 1..4 of branch a. */
static struct czi_book *book_of_four(void)
{
    struct czi_book *b = book_with(no_policy);

    take_chain(b, 'a', 0, 1, 4);
    return b;
}

/* ---- Recorded, frozen -------------------------------------------------------------------- */

static void what_is_not_recorded_is_unknown(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(check_one(b, SPEC(EVENT, A(1)), czi_plain_terms()), CZ_UNKNOWN_FACT);
    assert_int_equal(TAKE(b, EVENT, A(1)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(1)), czi_plain_terms()), CZ_APPLIED);
    czi_book_free(b);
}

static void what_is_no_fact_is_unknown(void **state)
{
    struct czi_book *b = book_of_four();
    struct czi_dependency d = {czi_book_id(b, 0)->bytes, czi_plain_terms()};
    bool holds;

    (void)state;
    assert_int_equal(czi_book_check(b, &d, 0, &holds), CZ_UNKNOWN_FACT);
    czi_book_free(b);
}

static void nothing_of_a_frozen_domain_holds(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(1)), CZ_APPLIED);
    assert_int_equal(TAKE(b, A(4), .finality = CZ_FINAL), CZ_APPLIED);
    assert_int_equal(RETRACT(b, A(4)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(1)), czi_plain_terms()), CZ_DOMAIN_FROZEN);
    czi_book_free(b);
}

/* ---- The three policies ------------------------------------------------------------------ */

static void exact_holds_while_the_domain_has_not_gone_on(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(4)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(4)), with_policy(CZ_EXACT)), CZ_APPLIED);
    assert_int_equal(TAKE(b, A(5)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(4)), with_policy(CZ_EXACT)), CZ_STALE_FACT);
    assert_int_equal(check_one(b, SPEC(PRICE, A(4)), with_policy(CZ_STILL_TRUE)), CZ_APPLIED);
    czi_book_free(b);
}

/* The time map still knows of block 4, although the chain has fallen back to 3. */
static void exact_goes_by_the_time_map(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(3)), CZ_APPLIED);
    assert_int_equal(RETRACT(b, A(4)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(3)), with_policy(CZ_EXACT)), CZ_STALE_FACT);
    czi_book_free(b);
}

static void a_state_is_stale_when_a_higher_fact_says_otherwise(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(2), .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(1), .claim = 9), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(2), .claim = 5), czi_plain_terms()),
                     CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(1), .claim = 9), czi_plain_terms()),
                     CZ_STALE_FACT);
    assert_int_equal(TAKE(b, PRICE, A(3), .claim = 9), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(1), .claim = 9), czi_plain_terms()),
                     CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(2), .claim = 5), czi_plain_terms()),
                     CZ_STALE_FACT);
    czi_book_free(b);
}

static void an_event_is_never_stale(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(1)), CZ_APPLIED);
    take_chain(b, 'a', 0, 5, 9);
    assert_int_equal(check_one(b, SPEC(EVENT, A(1)), czi_plain_terms()), CZ_APPLIED);
    czi_book_free(b);
}

static void an_old_state_holds_at_least_at_its_height(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(2), .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(3), .claim = 6), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(2), .claim = 5),
                               with_policy(CZ_AT_LEAST_HEIGHT)),
                     CZ_APPLIED);
    czi_book_free(b);
}

static void assert_never_holds(struct czi_book *b, const struct spec *s)
{
    for (int policy = CZ_EXACT; policy <= CZ_AT_LEAST_HEIGHT; policy++)
        assert_int_equal(check_one(b, s, with_policy((enum cz_fact_policy)policy)),
                         CZ_NOT_CANONICAL);
}

static void a_retracted_fact_is_not_canonical(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(3)), CZ_APPLIED);
    assert_int_equal(RETRACT(b, A(3)), CZ_APPLIED);
    assert_never_holds(b, SPEC(EVENT, A(3)));
    czi_book_free(b);
}

/* The block of the event falls; the event is included again, in another one. */
static void of_an_event_that_is_included_again_only_the_new_fact_holds(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(3), .claim = 5), CZ_APPLIED);
    assert_int_equal(RETRACT(b, A(3)), CZ_APPLIED);
    take_chain(b, 'b', 'a', 3, 4);
    assert_int_equal(TAKE(b, EVENT, B(4), .claim = 5), CZ_APPLIED);
    assert_never_holds(b, SPEC(EVENT, A(3), .claim = 5));
    assert_int_equal(check_one(b, SPEC(EVENT, B(4), .claim = 5), czi_plain_terms()),
                     CZ_APPLIED);
    czi_book_free(b);
}

/* Of the same block, too: here nothing but the salt tells the two apart. */
static void a_fact_that_says_the_same_does_not_stand_in(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(4)), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, A(4), .salt = 1), CZ_APPLIED);
    assert_int_equal(RETRACT(b, EVENT, A(4)), CZ_APPLIED);
    assert_never_holds(b, SPEC(EVENT, A(4)));
    assert_int_equal(check_one(b, SPEC(EVENT, A(4), .salt = 1), with_policy(CZ_EXACT)),
                     CZ_APPLIED);
    czi_book_free(b);
}

static void a_newer_state_does_not_stand_in(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(2), .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(3), .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(4), .claim = 6), CZ_APPLIED);
    assert_int_equal(RETRACT(b, PRICE, A(2), .claim = 5), CZ_APPLIED);
    assert_never_holds(b, SPEC(PRICE, A(2), .claim = 5));
    czi_book_free(b);
}

/* What stood is kept, so what was held against it is retracted. */
static void what_is_held_does_not_hold_nor_when_it_is_dropped(void **state)
{
    struct czi_book *b = book_of_four();
    cz_id keep = id_of(SPEC(A(4))),
          drop = id_of(SPEC(B(4), .parent = 'a', .finality = CZ_FINAL));

    (void)state;
    assert_int_equal(TAKE(b, A(4), .finality = CZ_FINAL), CZ_APPLIED);
    assert_int_equal(TAKE(b, B(4), .parent = 'a', .finality = CZ_FINAL), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(B(4), .parent = 'a', .finality = CZ_FINAL),
                               czi_plain_terms()),
                     CZ_DOMAIN_FROZEN);
    assert_int_equal(decide(b, &keep, &drop), CZ_APPLIED);
    assert_never_holds(b, SPEC(B(4), .parent = 'a', .finality = CZ_FINAL));
    assert_int_equal(check_one(b, SPEC(A(4)), czi_plain_terms()), CZ_APPLIED);
    czi_book_free(b);
}

/* The state that made it stale is retracted. */
static void a_state_holds_again_when_what_said_otherwise_is_retracted(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(1), .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(2), .claim = 6), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(1), .claim = 5), czi_plain_terms()),
                     CZ_STALE_FACT);
    assert_int_equal(RETRACT(b, A(2)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(PRICE, A(1), .claim = 5), czi_plain_terms()),
                     CZ_APPLIED);
    czi_book_free(b);
}

/* ---- Finality and age -------------------------------------------------------------------- */

static void finality_is_asked_of_the_block(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(3), .finality = CZ_FINAL), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(3), .finality = CZ_FINAL),
                               with_finality(CZ_SAFE, 0)),
                     CZ_BELOW_FINALITY);
    assert_int_equal(TAKE(b, A(4), .finality = CZ_SAFE), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(3), .finality = CZ_FINAL),
                               with_finality(CZ_SAFE, 0)),
                     CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(3), .finality = CZ_FINAL),
                               with_finality(CZ_FINAL, 0)),
                     CZ_BELOW_FINALITY);
    czi_book_free(b);
}

static void depth_is_blocks_built_on_it(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(2)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(2)), with_finality(CZ_DEPTH, 2)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(2)), with_finality(CZ_DEPTH, 3)),
                     CZ_BELOW_FINALITY);
    assert_int_equal(check_one(b, SPEC(A(4)), with_finality(CZ_DEPTH, 0)), CZ_BELOW_FINALITY);
    assert_int_equal(check_one(b, SPEC(A(3)), with_finality(CZ_DEPTH, 0)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(A(2)), with_finality(CZ_DEPTH, UINT64_MAX)),
                     CZ_BELOW_FINALITY);
    czi_book_free(b);
}

static void what_is_final_is_deep_enough_and_what_is_safe_is_not(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(4)), CZ_APPLIED);
    assert_int_equal(TAKE(b, A(4), .finality = CZ_SAFE), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(4)), with_finality(CZ_DEPTH, 9)),
                     CZ_BELOW_FINALITY);
    assert_int_equal(TAKE(b, A(4), .finality = CZ_FINAL), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(4)), with_finality(CZ_DEPTH, 9)), CZ_APPLIED);
    czi_book_free(b);
}

/* Block 2 has time 1020, block 4 has 1040. */
static void a_fact_expires_by_the_age_that_is_asked_for(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(2)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(2)), with_age(20)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(2)), with_age(19)), CZ_FACT_EXPIRED);
    assert_int_equal(check_one(b, SPEC(A(4)), with_age(0)), CZ_APPLIED);
    czi_book_free(b);
}

static void a_fact_expires_by_its_own_time(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(2), .expires = 1050), CZ_APPLIED);
    assert_int_equal(TAKE(b, A(5)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(2), .expires = 1050), czi_plain_terms()),
                     CZ_APPLIED);
    assert_int_equal(TAKE(b, A(6)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(2), .expires = 1050), czi_plain_terms()),
                     CZ_FACT_EXPIRED);
    czi_book_free(b);
}

/* The time map's time counts, not that of the head, which has fallen back. */
static void age_does_not_fall_with_the_head(void **state)
{
    struct czi_book *b = book_of_four();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(2)), CZ_APPLIED);
    assert_int_equal(RETRACT(b, A(3)), CZ_APPLIED);
    assert_int_equal(check_one(b, SPEC(EVENT, A(2)), with_age(19)), CZ_FACT_EXPIRED);
    czi_book_free(b);
}

/* ---- Consumption ------------------------------------------------------------------------- */

static void consume(struct czi_book *b, const struct wish *w)
{
    assert_int_equal(check(b, w), CZ_APPLIED);
    assert_true(czi_book_consume(b, &w->all[w->count - 1]));
}

static void an_event_is_consumed_once_for_a_purpose(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0};

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(2)), CZ_APPLIED);
    depend(&w, SPEC(EVENT, A(2)))->purpose = text_slice("credit");
    consume(b, &w);
    assert_int_equal(check(b, &w), CZ_EVENT_CONSUMED);
    w.all[0].terms.purpose = text_slice("report");
    consume(b, &w);
    w.all[0].terms.purpose.data = NULL;
    assert_int_equal(check(b, &w), CZ_APPLIED);
    czi_book_free(b);
}

static void an_event_of_another_key_is_another_one(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0}, v = {.count = 0};

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(2)), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, A(2), .key = "other"), CZ_APPLIED);
    depend(&w, SPEC(EVENT, A(2)))->purpose = text_slice("credit");
    depend(&v, SPEC(EVENT, A(2), .key = "other"))->purpose = text_slice("credit");
    consume(b, &w);
    consume(b, &v);
    czi_book_free(b);
}

/* A deposit is credited once: its block falls, and it is included again. */
static void an_event_stays_consumed_when_another_fact_tells_of_it(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0}, v = {.count = 0};

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(3)), CZ_APPLIED);
    depend(&w, SPEC(EVENT, A(3)))->purpose = text_slice("credit");
    consume(b, &w);
    assert_int_equal(RETRACT(b, A(3)), CZ_APPLIED);
    take_chain(b, 'b', 'a', 3, 4);
    assert_int_equal(TAKE(b, EVENT, B(4)), CZ_APPLIED);
    depend(&v, SPEC(EVENT, B(4)))->purpose = text_slice("credit");
    assert_int_equal(check(b, &v), CZ_EVENT_CONSUMED);
    assert_int_equal(check(b, &w), CZ_NOT_CANONICAL);
    czi_book_free(b);
}

static void one_effect_does_not_consume_an_event_twice(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0};

    (void)state;
    assert_int_equal(TAKE(b, EVENT, A(2)), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, A(3)), CZ_APPLIED);
    depend(&w, SPEC(EVENT, A(2)))->purpose = text_slice("credit");
    depend(&w, SPEC(EVENT, A(3)))->purpose = text_slice("credit");
    assert_int_equal(check(b, &w), CZ_EVENT_CONSUMED);
    w.all[1].terms.purpose = text_slice("credits");
    assert_int_equal(check(b, &w), CZ_APPLIED);
    czi_book_free(b);
}

/* ---- Several dependencies ---------------------------------------------------------------- */

static void two_claims_about_one_key_exclude_each_other(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0};

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(2), .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(3), .claim = 6), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(3), .claim = 7, .key = "other"), CZ_APPLIED);
    depend(&w, SPEC(PRICE, A(2), .claim = 5))->policy = CZ_AT_LEAST_HEIGHT;
    (void)depend(&w, SPEC(PRICE, A(3), .claim = 7, .key = "other"));
    assert_int_equal(check(b, &w), CZ_APPLIED);
    (void)depend(&w, SPEC(PRICE, A(3), .claim = 6));
    assert_int_equal(check(b, &w), CZ_FACT_CONFLICT);
    czi_book_free(b);
}

static void an_optional_dependency_that_does_not_hold_is_left_out(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0};
    bool holds = true;

    (void)state;
    depend(&w, SPEC(EVENT, A(2)))->optional = true;
    assert_int_equal(czi_book_check(b, w.all, 0, &holds), CZ_APPLIED);
    assert_false(holds);
    assert_int_equal(TAKE(b, EVENT, A(2)), CZ_APPLIED);
    assert_int_equal(czi_book_check(b, w.all, 0, &holds), CZ_APPLIED);
    assert_true(holds);
    czi_book_free(b);
}

/* The first is stale and left out, so the second neither conflicts with it nor finds the event
 * consumed by it. */
static void what_is_left_out_has_no_effect_on_those_behind(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0};

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(2), .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(3), .claim = 6), CZ_APPLIED);
    *depend(&w, SPEC(PRICE, A(2), .claim = 5)) =
        (struct czi_terms){.policy = CZ_STILL_TRUE,
                           .optional = true,
                           .purpose = text_slice("use")};
    depend(&w, SPEC(PRICE, A(3), .claim = 6))->purpose = text_slice("use");
    assert_int_equal(check(b, &w), CZ_APPLIED);
    w.all[0].terms.policy = CZ_AT_LEAST_HEIGHT;
    assert_int_equal(check(b, &w), CZ_FACT_CONFLICT);
    czi_book_free(b);
}

/* Of three, the second is left out since it conflicts with the first. */
static void what_conflicts_and_is_optional_is_left_out(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0};
    bool holds = true;

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(2), .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(3), .claim = 6), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(4), .claim = 5), CZ_APPLIED);
    depend(&w, SPEC(PRICE, A(2), .claim = 5))->policy = CZ_AT_LEAST_HEIGHT;
    *depend(&w, SPEC(PRICE, A(3), .claim = 6)) =
        (struct czi_terms){.policy = CZ_AT_LEAST_HEIGHT, .optional = true};
    (void)depend(&w, SPEC(PRICE, A(4), .claim = 5));
    assert_int_equal(czi_book_check(b, w.all, 1, &holds), CZ_APPLIED);
    assert_false(holds);
    assert_int_equal(check(b, &w), CZ_APPLIED);
    czi_book_free(b);
}

static void as_many_dependencies_as_an_effect_may_have_are_checked(void **state)
{
    struct czi_book *b = book_of_four();
    struct wish w = {.count = 0};

    (void)state;
    assert_int_equal(TAKE(b, PRICE, A(2)), CZ_APPLIED);
    while (w.count < CZI_CITATIONS_MAX) {
        struct czi_terms *t = depend(&w, SPEC(PRICE, A(2)));

        t->optional = true;
        t->purpose = text_slice("use");
    }
    for (unsigned i = 0; i < w.count; i++) {
        bool holds;

        assert_int_equal(czi_book_check(b, w.all, i, &holds), CZ_APPLIED);
        assert_int_equal(holds, i == 0);
    }
    czi_book_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_recorded_is_unknown),
        cmocka_unit_test(what_is_no_fact_is_unknown),
        cmocka_unit_test(nothing_of_a_frozen_domain_holds),
        cmocka_unit_test(exact_holds_while_the_domain_has_not_gone_on),
        cmocka_unit_test(exact_goes_by_the_time_map),
        cmocka_unit_test(a_state_is_stale_when_a_higher_fact_says_otherwise),
        cmocka_unit_test(an_event_is_never_stale),
        cmocka_unit_test(an_old_state_holds_at_least_at_its_height),
        cmocka_unit_test(a_retracted_fact_is_not_canonical),
        cmocka_unit_test(of_an_event_that_is_included_again_only_the_new_fact_holds),
        cmocka_unit_test(a_fact_that_says_the_same_does_not_stand_in),
        cmocka_unit_test(a_newer_state_does_not_stand_in),
        cmocka_unit_test(what_is_held_does_not_hold_nor_when_it_is_dropped),
        cmocka_unit_test(a_state_holds_again_when_what_said_otherwise_is_retracted),
        cmocka_unit_test(finality_is_asked_of_the_block),
        cmocka_unit_test(depth_is_blocks_built_on_it),
        cmocka_unit_test(what_is_final_is_deep_enough_and_what_is_safe_is_not),
        cmocka_unit_test(a_fact_expires_by_the_age_that_is_asked_for),
        cmocka_unit_test(a_fact_expires_by_its_own_time),
        cmocka_unit_test(age_does_not_fall_with_the_head),
        cmocka_unit_test(an_event_is_consumed_once_for_a_purpose),
        cmocka_unit_test(an_event_of_another_key_is_another_one),
        cmocka_unit_test(an_event_stays_consumed_when_another_fact_tells_of_it),
        cmocka_unit_test(one_effect_does_not_consume_an_event_twice),
        cmocka_unit_test(two_claims_about_one_key_exclude_each_other),
        cmocka_unit_test(an_optional_dependency_that_does_not_hold_is_left_out),
        cmocka_unit_test(what_is_left_out_has_no_effect_on_those_behind),
        cmocka_unit_test(what_conflicts_and_is_optional_is_left_out),
        cmocka_unit_test(as_many_dependencies_as_an_effect_may_have_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
