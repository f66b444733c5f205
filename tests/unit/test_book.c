/* test_book.c - which items the book takes, which it refuses and why, and what each changes; as
 * fact/book.h says.
 */
#include "unit/book_fixture.h"

#define EVENT .kind = CZ_FACT_DEPOSIT
#define PRICE .kind = CZ_FACT_PRICE

static const struct czi_domain_policy by_depth = {.safe_depth = 2, .final_depth = 4};

/* ---- What is refused --------------------------------------------------------------------- */

static void all_but_domains_need_a_known_domain(void **state)
{
    struct czi_book *b = czi_book_new();
    cz_id id = {{1}};

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1), CZ_UNKNOWN_DOMAIN);
    assert_int_equal(retract_id(b, &id, 0), CZ_UNKNOWN_DOMAIN);
    assert_int_equal(decide(b, &id, &id), CZ_UNKNOWN_DOMAIN);
    assert_int_equal(czi_book_count(b), 0);
    czi_book_free(b);
}

static void a_domain_begins_with_sequence_zero_once(void **state)
{
    struct czi_book *b = czi_book_new();
    struct czi_item item = domain_item("test", 1, no_policy);

    (void)state;
    assert_int_equal(take_item(b, &item), CZ_UNKNOWN_DOMAIN);
    item.config.sequence = 0;
    assert_int_equal(take_item(b, &item), CZ_APPLIED);
    item.config.policy.safe_depth = 1;
    assert_int_equal(take_item(b, &item), CZ_EXISTS);
    czi_book_free(b);
}

static void a_domain_s_later_items_follow_by_number(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct czi_item item = domain_item("test", 2, by_depth);

    (void)state;
    assert_int_equal(take_item(b, &item), CZ_STALE_FACT);
    item.config.sequence = 1;
    assert_int_equal(take_item(b, &item), CZ_APPLIED);
    assert_int_equal(domain_of(b).sequence, 1);
    assert_int_equal(domain_of(b).policy.final_depth, 4);
    czi_book_free(b);
}

static void a_domain_keeps_adapter_and_parameters(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct czi_item item = domain_item("test", 1, no_policy);

    (void)state;
    item.config.adapter = text_slice("ethereum");
    assert_int_equal(take_item(b, &item), CZ_WRONG_KIND);
    item = domain_item("test", 1, no_policy);
    item.config.parameters = text_slice("q");
    assert_int_equal(take_item(b, &item), CZ_WRONG_KIND);
    item.config.parameters.len = 0;
    assert_int_equal(take_item(b, &item), CZ_WRONG_KIND);
    czi_book_free(b);
}

static void names_without_end_are_refused(void **state)
{
    struct czi_book *b = czi_book_new();
    struct czi_item item = domain_item("test", 0, no_policy);
    cz_id id = {{1}};
    uint32_t domain;

    (void)state;
    item.domain = (struct czi_slice){(const uint8_t *)"a\0b", 3};
    assert_int_equal(czi_book_take(b, &item, &id, &domain), CZ_BAD_ENCODING);
    item = domain_item("test", 0, no_policy);
    item.config.adapter.len = 0;
    assert_int_equal(czi_book_take(b, &item, &id, &domain), CZ_BAD_ENCODING);
    czi_book_free(b);
}

/* R18: CZI_DOMAINS_MAX. */
static void domains_are_bounded(void **state)
{
    struct czi_book *b = czi_book_new();
    char name[16];

    (void)state;
    for (unsigned i = 0; i <= CZI_DOMAINS_MAX; i++) {
        struct czi_item item;

        (void)snprintf(name, sizeof name, "domain-%u", i);
        item = domain_item(name, 0, no_policy);
        assert_int_equal(take_item(b, &item), i < CZI_DOMAINS_MAX ? CZ_APPLIED : CZ_FULL);
    }
    assert_int_equal(czi_book_domains(b), CZI_DOMAINS_MAX);
    assert_int_equal(czi_book_domain(b, text_slice("domain-77")), 77);
    czi_book_free(b);
}

static struct czi_book *book_observed(uint8_t seed)
{
    struct czi_item item = domain_item("test", 0, no_policy);
    struct czi_book *b = czi_book_new();
    const uint8_t bytes[32] = {seed};

    item.config.observer_count = 1;
    czi_ed25519_public(bytes, item.config.observers[0]);
    assert_int_equal(take_item(b, &item), CZ_APPLIED);
    return b;
}

static void an_observed_domain_wants_one_of_its_observers(void **state)
{
    struct czi_book *b = book_observed(1);
    cz_id id = {{9}};

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1), CZ_BAD_OBSERVER);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1, .observer = 2), CZ_BAD_OBSERVER);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1, .observer = 1), CZ_APPLIED);
    assert_int_equal(retract_id(b, &id, 0), CZ_BAD_OBSERVER);
    czi_book_free(b);
}

static void a_domain_without_observers_wants_none(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1, .observer = 1), CZ_BAD_OBSERVER);
    czi_book_free(b);
}

static void what_expired_before_the_head_is_refused(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1, .expires = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .expires = 1009,
                          .header = &(cz_id){{0}}),
                     CZ_FACT_EXPIRED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 2, .expires = 1009), CZ_FACT_EXPIRED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 2, .expires = 1010), CZ_APPLIED);
    czi_book_free(b);
}

static void a_block_whose_claim_is_none_is_refused(void **state)
{
    struct czi_book *b = book_with(no_policy);
    AUTOMADE m = {0};
    uint32_t domain;

    (void)state;
    make_fact(SPEC(.branch = 'a', .height = 1), &m);
    m.item.fact.claim_count = 0;
    assert_int_equal(czi_book_take(b, &m.item, &m.id, &domain), CZ_BAD_ENCODING);
    czi_book_free(b);
}

/* ---- Blocks ------------------------------------------------------------------------------ */

static void the_head_is_the_highest_block(void **state)
{
    struct czi_book *b = book_with(no_policy);
    uint8_t hash[32];

    (void)state;
    assert_false(domain_of(b).has_head);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 3), CZ_APPLIED);
    assert_true(domain_of(b).has_head);
    assert_int_equal(domain_of(b).head.height, 5);
    assert_int_equal(domain_of(b).head.time, 1050);
    block_hash('a', 5, hash);
    assert_memory_equal(domain_of(b).head.hash, hash, 32);
    assert_memory_equal(known_of(b).hash, hash, 32);
    czi_book_free(b);
}

static void blocks_come_in_any_order_with_gaps(void **state)
{
    static const uint64_t heights[] = {50, 10, 30, 29, 31, 1, 0, 49, 11, 100};
    struct czi_book *b = book_with(no_policy);

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(heights); i++)
        assert_int_equal(TAKE(b, .branch = 'a', .height = heights[i]), CZ_APPLIED);
    for (size_t i = 0; i < CZI_COUNTOF(heights); i++)
        assert_int_equal(TAKE(b, .branch = 'b', .height = heights[i]), CZ_NOT_CANONICAL);
    czi_book_free(b);
}

static void a_second_block_at_a_height_is_not_canonical(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 3, .parent = 'a'), CZ_NOT_CANONICAL);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 2, .parent = 'a'), CZ_NOT_CANONICAL);
    czi_book_free(b);
}

static void neighbours_must_fit_above_and_below(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 6), CZ_NOT_CANONICAL);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 6, .parent = 'a'), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 4), CZ_NOT_CANONICAL);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 4), CZ_APPLIED);
    czi_book_free(b);
}

/* A block of 'a' at height 3 that says its parent is the block of 'a' at height 1. */
static void a_parent_of_another_height_is_not_canonical(void **state)
{
    struct czi_book *b = book_with(no_policy);
    AUTOMADE made = {0};
    AUTOMADE again = {0};

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1), CZ_APPLIED);
    make_fact(SPEC(.branch = 'a', .height = 3), &made);
    block_hash('a', 1, (uint8_t *)(uintptr_t)made.item.fact.claim[0].bytes.data);
    make_item(&made.item, &again);
    assert_int_equal(take_made(b, &again), CZ_NOT_CANONICAL);
    czi_book_free(b);
}

/* A block at height 7 with the hash of branch and height. */
static uint8_t take_with_hash(struct czi_book *b, char branch, uint64_t height)
{
    AUTOMADE made = {0};
    AUTOMADE again = {0};

    make_fact(SPEC(.branch = 'z', .height = 7), &made);
    block_hash(branch, height, made.item.fact.block_hash);
    make_item(&made.item, &again);
    return take_made(b, &again);
}

static void a_hash_that_stands_elsewhere_is_not_canonical(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 2);
    assert_int_equal(take_with_hash(b, 'a', 2), CZ_NOT_CANONICAL);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 2), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 2, .salt = 1), CZ_APPLIED);
    assert_int_equal(take_with_hash(b, 'a', 2), CZ_NOT_CANONICAL);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 2, .salt = 1), CZ_APPLIED);
    assert_int_equal(take_with_hash(b, 'a', 2), CZ_APPLIED);
    czi_book_free(b);
}

static void a_retracted_parent_is_not_canonical(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 2), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 3, .salt = 1), CZ_NOT_CANONICAL);
    czi_book_free(b);
}

/* The chain goes back to where it was: the block is there by another fact. */
static void a_retracted_block_can_be_recorded_by_another_fact(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 2), CZ_APPLIED);
    take_chain(b, 'b', 'a', 2, 2);
    assert_int_equal(RETRACT(b, .branch = 'b', .height = 2, .parent = 'a'), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 2, .salt = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 3, .salt = 1), CZ_APPLIED);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 2), CZI_RETRACTED);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 2, .salt = 1), CZI_STANDS);
    czi_book_free(b);
}

static void a_further_fact_of_a_block_stands_beside_the_first(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 2);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1, .salt = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1, .claim = 5), CZ_NOT_CANONICAL);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1, .time = 5), CZ_NOT_CANONICAL);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 1, .salt = 1), CZ_APPLIED);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 1), CZI_RETRACTED);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 2), CZI_RETRACTED);
    czi_book_free(b);
}

static void what_a_block_says_can_be_asked(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct czi_block block;
    uint8_t hash[32];

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 4, .claim = 77,
                          .trust = CZI_TRUST_SIGNED),
                     CZ_APPLIED);
    assert_true(czi_book_block(b, 1, &block));
    assert_int_equal(block.height, 4);
    assert_int_equal(block.time, 1040);
    assert_int_equal(block.trust, CZI_TRUST_SIGNED);
    assert_int_equal(block.root_count, 1);
    assert_int_equal(block.roots[0][0], 77);
    block_hash('a', 3, hash);
    assert_memory_equal(block.parent, hash, 32);
    assert_false(czi_book_block(b, 0, &block));
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 4, .claim = 1,
                          .trust = CZI_TRUST_SIGNED, .header = czi_book_id(b, 1)),
                     CZ_APPLIED);
    assert_false(czi_book_block(b, 2, &block));
    czi_book_free(b);
}

/* ---- Finality ---------------------------------------------------------------------------- */

static enum cz_finality level(struct czi_book *b, char branch, uint64_t height)
{
    uint64_t depth;
    enum cz_finality f =
        czi_book_finality(b, number_of(b, SPEC(.branch = branch, .height = height)), &depth);

    if (STANDING(b, .branch = branch, .height = height) == CZI_STANDS)
        assert_int_equal(depth, domain_of(b).head.height - height);
    return f;
}

static void depth_makes_safe_and_final(void **state)
{
    struct czi_book *b = book_with(by_depth);

    (void)state;
    take_chain(b, 'a', 0, 1, 6);
    assert_int_equal(level(b, 'a', 6), CZ_SEEN);
    assert_int_equal(level(b, 'a', 5), CZ_DEPTH);
    assert_int_equal(level(b, 'a', 4), CZ_SAFE);
    assert_int_equal(level(b, 'a', 3), CZ_SAFE);
    assert_int_equal(level(b, 'a', 2), CZ_FINAL);
    assert_int_equal(domain_of(b).head.safe, 4);
    assert_int_equal(domain_of(b).head.final, 2);
    assert_int_equal(known_of(b).safe, 4);
    assert_int_equal(known_of(b).final, 2);
    czi_book_free(b);
}

static void depth_zero_makes_nothing_safe_or_final(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 9);
    assert_int_equal(level(b, 'a', 1), CZ_DEPTH);
    assert_int_equal(domain_of(b).head.safe, 0);
    czi_book_free(b);
}

static void a_proof_of_finality_settles_what_is_below(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 4, .finality = CZ_SAFE), CZ_APPLIED);
    assert_int_equal(level(b, 'a', 3), CZ_SAFE);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 2, .finality = CZ_FINAL), CZ_APPLIED);
    assert_int_equal(level(b, 'a', 1), CZ_FINAL);
    assert_int_equal(level(b, 'a', 2), CZ_FINAL);
    assert_int_equal(level(b, 'a', 3), CZ_SAFE);
    assert_int_equal(known_of(b).final, 2);
    czi_book_free(b);
}

static void what_was_safe_remains_so_when_the_head_falls(void **state)
{
    struct czi_book *b = book_with(by_depth);

    (void)state;
    take_chain(b, 'a', 0, 1, 6);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 5), CZ_APPLIED);
    assert_int_equal(level(b, 'a', 4), CZ_SAFE);
    assert_int_equal(level(b, 'a', 2), CZ_FINAL);
    czi_book_free(b);
}

static void what_replaces_a_safe_block_is_not_safe_by_that(void **state)
{
    struct czi_book *b = book_with(by_depth);

    (void)state;
    take_chain(b, 'a', 0, 1, 6);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 4), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 4, .parent = 'a'), CZ_APPLIED);
    assert_int_equal(domain_of(b).head.safe, 3);
    assert_int_equal(known_of(b).safe, 4);
    czi_book_free(b);
}

static void a_retracted_block_keeps_the_finality_that_it_had(void **state)
{
    struct czi_book *b = book_with(by_depth);
    uint64_t depth;

    (void)state;
    take_chain(b, 'a', 0, 1, 6);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 3), CZ_APPLIED);
    take_chain(b, 'b', 'a', 3, 20);
    assert_int_equal(czi_book_finality(b, number_of(b, SPEC(.branch = 'a', .height = 3)),
                                       &depth),
                     CZ_SAFE);
    assert_int_equal(depth, 3);
    assert_int_equal(czi_book_finality(b, number_of(b, SPEC(.branch = 'a', .height = 5)),
                                       &depth),
                     CZ_DEPTH);
    assert_int_equal(depth, 1);
    czi_book_free(b);
}

static void another_policy_holds_from_then_on(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct czi_item item = domain_item("test", 1, by_depth);

    (void)state;
    take_chain(b, 'a', 0, 1, 6);
    assert_int_equal(take_item(b, &item), CZ_APPLIED);
    assert_int_equal(level(b, 'a', 2), CZ_FINAL);
    assert_int_equal(known_of(b).final, 2);
    item = domain_item("test", 2, no_policy);
    assert_int_equal(take_item(b, &item), CZ_APPLIED);
    assert_int_equal(level(b, 'a', 2), CZ_FINAL);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 7), CZ_APPLIED);
    assert_int_equal(level(b, 'a', 3), CZ_SAFE);
    czi_book_free(b);
}

/* ---- Facts that rest on blocks ----------------------------------------------------------- */

static void a_fact_above_the_head_is_too_early(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1), CZ_HEAD_BEHIND);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2), CZ_HEAD_BEHIND);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1), CZ_APPLIED);
    czi_book_free(b);
}

static void a_fact_of_a_missing_block_has_no_head(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 3), CZ_HEAD_UNKNOWN);
    czi_book_free(b);
}

static void a_fact_of_another_branch_is_not_canonical(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, EVENT, .branch = 'b', .height = 2), CZ_NOT_CANONICAL);
    czi_book_free(b);
}

static void a_fact_of_a_retracted_block_is_not_canonical(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 2), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 3), CZ_NOT_CANONICAL);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1), CZ_APPLIED);
    czi_book_free(b);
}

static void a_fact_must_agree_with_the_block_that_it_names(void **state)
{
    struct czi_book *b = book_with(no_policy);
    cz_id two = id_of(SPEC(.branch = 'a', .height = 2));

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .header = &two),
                     CZ_HEAD_UNKNOWN);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .time = 7, .header = &two),
                     CZ_HEAD_UNKNOWN);
    assert_int_equal(TAKE(b, EVENT, .branch = 'b', .height = 2, .header = &two),
                     CZ_HEAD_UNKNOWN);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .trust = CZI_TRUST_PINNED,
                          .header = &two),
                     CZ_HEAD_UNKNOWN);
    czi_book_free(b);
}

static void only_a_block_of_the_same_domain_can_be_rested_on(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct czi_item other = domain_item("other", 0, no_policy);
    cz_id elsewhere = id_of(SPEC(.domain = "other", .branch = 'a', .height = 1)), event, config;

    (void)state;
    assert_int_equal(take_item(b, &other), CZ_APPLIED);
    config = *czi_book_id(b, 1);
    assert_int_equal(TAKE(b, .domain = "other", .branch = 'a', .height = 1), CZ_APPLIED);
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2), CZ_APPLIED);
    event = id_of(SPEC(EVENT, .branch = 'a', .height = 2));
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 1, .header = &elsewhere),
                     CZ_HEAD_UNKNOWN);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 2, .header = &event),
                     CZ_HEAD_UNKNOWN);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 2, .header = &config),
                     CZ_HEAD_UNKNOWN);
    czi_book_free(b);
}

static void facts_wait_for_the_record_depth(void **state)
{
    struct czi_book *b = book_with((struct czi_domain_policy){.record_depth = 2});

    (void)state;
    take_chain(b, 'a', 0, 1, 2);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1), CZ_HEAD_BEHIND);
    take_chain(b, 'a', 0, 3, 3);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1), CZ_APPLIED);
    czi_book_free(b);
}

static void facts_wait_for_the_record_finality(void **state)
{
    struct czi_book *b =
        book_with((struct czi_domain_policy){.safe_depth = 2, .record_finality = CZ_SAFE});

    (void)state;
    take_chain(b, 'a', 0, 1, 2);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1), CZ_BELOW_FINALITY);
    take_chain(b, 'a', 0, 3, 3);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1), CZ_APPLIED);
    czi_book_free(b);
}

static void an_event_has_one_claim_everywhere(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 6), CZ_FACT_CONFLICT);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 6, .key = "other"),
                     CZ_APPLIED);
    assert_int_equal(TAKE(b, .kind = CZ_FACT_WITHDRAWAL, .branch = 'a', .height = 2,
                          .claim = 6),
                     CZ_APPLIED);
    czi_book_free(b);
}

static void a_state_has_one_claim_in_each_block(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 1, .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 3, .claim = 7), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 2, .claim = 6), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 2, .claim = 7), CZ_FACT_CONFLICT);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 2, .claim = 6, .salt = 1),
                     CZ_APPLIED);
    czi_book_free(b);
}

static void the_same_key_elsewhere_does_not_conflict(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct czi_item other = domain_item("other", 0, no_policy);

    (void)state;
    assert_int_equal(take_item(b, &other), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, .domain = "other", .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .domain = "other", .branch = 'a', .height = 1, .claim = 6),
                     CZ_APPLIED);
    czi_book_free(b);
}

static void a_retracted_claim_conflicts_no_more(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .claim = 5), CZ_APPLIED);
    assert_int_equal(RETRACT(b, EVENT, .branch = 'a', .height = 1, .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 6), CZ_APPLIED);
    czi_book_free(b);
}

static void what_is_kept_of_a_fact_is_what_it_says(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct czi_entry_info one, two, other;

    (void)state;
    take_chain(b, 'a', 0, 1, 2);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 5, .expires = 5000,
                          .finality = CZ_SAFE),
                     CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .claim = 5), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 1, .claim = 5), CZ_APPLIED);
    one = info_of(b, 3);
    two = info_of(b, 4);
    other = info_of(b, 5);
    assert_int_equal(one.type, CZI_ITEM_FACT);
    assert_int_equal(one.kind, CZ_FACT_DEPOSIT);
    assert_int_equal(one.finality, CZ_SAFE);
    assert_int_equal(one.standing, CZI_STANDS);
    assert_int_equal(one.block, 2);
    assert_int_equal(one.height, 2);
    assert_int_equal(one.time, 1020);
    assert_int_equal(one.expires, 5000);
    assert_int_equal(one.retracted_by, CZI_ID_NONE);
    assert_int_equal(two.expires, UINT64_MAX);
    assert_memory_equal(&one.key, &two.key, 32);
    assert_memory_equal(&one.claim, &two.claim, 32);
    assert_memory_not_equal(&one.key, &other.key, 32);
    assert_int_equal(info_of(b, 1).block, 1);
    assert_int_equal(info_of(b, 0).type, CZI_ITEM_DOMAIN);
    assert_int_equal(info_of(b, 0).block, CZI_ID_NONE);
    czi_book_free(b);
}

/* ---- Retractions ------------------------------------------------------------------------- */

static void only_what_is_recorded_and_stands_is_retracted(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct czi_item other = domain_item("other", 0, no_policy);
    cz_id unknown = {{7}}, one = id_of(SPEC(.branch = 'a', .height = 1));
    cz_id elsewhere = id_of(SPEC(.domain = "other", .branch = 'a', .height = 1));

    (void)state;
    assert_int_equal(take_item(b, &other), CZ_APPLIED);
    assert_int_equal(TAKE(b, .domain = "other", .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(retract_id(b, &unknown, 0), CZ_UNKNOWN_FACT);
    assert_int_equal(retract_id(b, &elsewhere, 0), CZ_WRONG_STATE);
    assert_int_equal(retract_id(b, czi_book_id(b, 0), 0), CZ_WRONG_STATE);
    assert_int_equal(retract_id(b, &one, 0), CZ_APPLIED);
    assert_int_equal(retract_id(b, &one, 1), CZ_NOT_CANONICAL);
    czi_book_free(b);
}

/* Blocks 1..4 of branch a; facts on 2, 3 and 4; block 3 is retracted. */
static void a_retraction_takes_what_is_above_and_rests_there_and_nothing_else(void **state)
{
    struct czi_book *b = book_with(no_policy);
    uint32_t by;

    (void)state;
    take_chain(b, 'a', 0, 1, 4);
    for (uint64_t h = 2; h <= 4; h++)
        assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = h, .claim = h), CZ_APPLIED);
    by = czi_book_count(b);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 3), CZ_APPLIED);
    for (uint64_t h = 1; h <= 4; h++) {
        struct czi_entry_info block =
            info_of(b, number_of(b, SPEC(.branch = 'a', .height = h)));

        assert_int_equal(block.standing, h < 3 ? CZI_STANDS : CZI_RETRACTED);
        assert_int_equal(block.retracted_by, h < 3 ? CZI_ID_NONE : by);
        if (h == 1)
            continue;
        assert_int_equal(STANDING(b, PRICE, .branch = 'a', .height = h, .claim = h),
                         h < 3 ? CZI_STANDS : CZI_RETRACTED);
    }
    assert_int_equal(info_of(b, by).standing, CZI_STANDS);
    assert_int_equal(info_of(b, by).type, CZI_ITEM_RETRACTION);
    assert_int_equal(domain_of(b).head.height, 2);
    assert_false(domain_of(b).frozen);
    czi_book_free(b);
}

static void a_fact_that_is_no_block_s_is_retracted_alone(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 2);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .claim = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 1), CZ_APPLIED);
    assert_int_equal(RETRACT(b, EVENT, .branch = 'a', .height = 1, .claim = 1), CZ_APPLIED);
    assert_int_equal(STANDING(b, EVENT, .branch = 'a', .height = 1, .claim = 1), CZI_RETRACTED);
    assert_int_equal(STANDING(b, EVENT, .branch = 'a', .height = 2, .claim = 1), CZI_STANDS);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 1), CZI_STANDS);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 2), CZI_STANDS);
    czi_book_free(b);
}

static void what_was_retracted_before_keeps_who_did_it(void **state)
{
    struct czi_book *b = book_with(no_policy);
    uint32_t by;

    (void)state;
    take_chain(b, 'a', 0, 1, 2);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2), CZ_APPLIED);
    by = czi_book_count(b);
    assert_int_equal(RETRACT(b, EVENT, .branch = 'a', .height = 2), CZ_APPLIED);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 2), CZ_APPLIED);
    assert_int_equal(
        info_of(b, number_of(b, SPEC(EVENT, .branch = 'a', .height = 2))).retracted_by, by);
    czi_book_free(b);
}

static void the_last_block_can_be_retracted_too(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 0), CZ_APPLIED);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 0), CZ_APPLIED);
    assert_false(domain_of(b).has_head);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 0), CZ_APPLIED);
    assert_true(domain_of(b).has_head);
    czi_book_free(b);
}

/* ---- The time map ------------------------------------------------------------------------ */

static void the_time_map_never_goes_back(void **state)
{
    struct czi_book *b = book_with(no_policy);
    cz_id before;

    (void)state;
    take_chain(b, 'a', 0, 1, 4);
    before = *czi_book_time_id(b);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 2), CZ_APPLIED);
    take_chain(b, 'b', 'a', 2, 3);
    assert_int_equal(known_of(b).height, 4);
    assert_memory_equal(czi_book_time_id(b), &before, 32);
    take_chain(b, 'b', 0, 4, 5);
    assert_int_equal(known_of(b).height, 5);
    assert_memory_not_equal(czi_book_time_id(b), &before, 32);
    czi_book_free(b);
}

static void the_time_map_s_id_is_that_of_its_snapshot(void **state)
{
    struct czi_book *b = book_with(by_depth);
    static const cz_id none;
    cz_id id;
    cz_error err = {0};

    (void)state;
    assert_memory_equal(czi_book_time_id(b), &none, 32);
    for (uint64_t h = 1; h <= 6; h++) {
        assert_int_equal(TAKE(b, .branch = 'a', .height = h), CZ_APPLIED);
        assert_ok(czi_time_map_id(czi_book_time(b), &id, &err), err);
        assert_memory_equal(czi_book_time_id(b), &id, 32);
    }
    czi_book_free(b);
}

/* ---- Contradictions ---------------------------------------------------------------------- */

/* Blocks 1..3 of branch a, the second one final. */
static struct czi_book *book_final(void)
{
    struct czi_book *b = book_with(no_policy);

    take_chain(b, 'a', 0, 1, 3);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 2, .finality = CZ_FINAL), CZ_APPLIED);
    return b;
}

static void assert_frozen_by(struct czi_book *b, const struct spec *stands)
{
    struct czi_domain_info d = domain_of(b);

    assert_true(d.frozen);
    assert_int_equal(d.contradicts[0], number_of(b, stands));
    assert_int_equal(d.contradicts[1], czi_book_count(b) - 1);
    assert_int_equal(info_of(b, d.contradicts[0]).standing, CZI_STANDS);
    assert_int_equal(info_of(b, d.contradicts[1]).standing, CZI_HELD);
}

static void a_block_against_a_final_one_is_not_canonical(void **state)
{
    struct czi_book *b = book_final();

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'b', .height = 2, .finality = CZ_SAFE),
                     CZ_NOT_CANONICAL);
    assert_false(domain_of(b).frozen);
    czi_book_free(b);
}

static void a_final_block_against_one_that_is_not_is_not_canonical(void **state)
{
    struct czi_book *b = book_final();

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'b', .height = 3, .parent = 'a', .finality = CZ_FINAL),
                     CZ_NOT_CANONICAL);
    assert_false(domain_of(b).frozen);
    czi_book_free(b);
}

static void a_final_block_against_a_final_one_freezes(void **state)
{
    struct czi_book *b = book_final();

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'b', .height = 2, .parent = 'a', .finality = CZ_FINAL),
                     CZ_APPLIED);
    assert_frozen_by(b, SPEC(.branch = 'a', .height = 2));
    assert_int_equal(domain_of(b).head.height, 3);
    czi_book_free(b);
}

/* It does not fit below: what stands there is what it contradicts. */
static void a_final_block_on_another_than_the_final_one_freezes(void **state)
{
    struct czi_book *b = book_with(no_policy);

    (void)state;
    take_chain(b, 'a', 0, 1, 1);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 2, .finality = CZ_FINAL), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 3, .finality = CZ_FINAL), CZ_APPLIED);
    assert_frozen_by(b, SPEC(.branch = 'a', .height = 2, .finality = CZ_FINAL));
    czi_book_free(b);
}

static void the_lowest_block_that_does_not_fit_is_what_contradicts(void **state)
{
    struct czi_book *b = book_final();

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'b', .height = 2, .finality = CZ_FINAL), CZ_APPLIED);
    assert_frozen_by(b, SPEC(.branch = 'a', .height = 1));
    czi_book_free(b);
}

static void a_final_block_in_a_gap_below_the_final_height_freezes(void **state)
{
    struct czi_book *b = book_with((struct czi_domain_policy){.final_depth = 2});

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 4), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 3), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 2, .parent = 'a', .finality = CZ_FINAL),
                     CZ_APPLIED);
    assert_frozen_by(b, SPEC(.branch = 'a', .height = 3));
    czi_book_free(b);
}

static void a_retraction_of_a_final_fact_freezes(void **state)
{
    struct czi_book *b = book_final();

    (void)state;
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 1), CZ_APPLIED);
    assert_frozen_by(b, SPEC(.branch = 'a', .height = 1));
    assert_int_equal(domain_of(b).head.height, 3);
    czi_book_free(b);
}

static void final_facts_that_contradict_freeze(void **state)
{
    struct czi_book *b = book_final();

    (void)state;
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .claim = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 3, .claim = 2), CZ_FACT_CONFLICT);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 2), CZ_APPLIED);
    assert_frozen_by(b, SPEC(EVENT, .branch = 'a', .height = 1, .claim = 1));
    czi_book_free(b);
}

static void a_final_state_with_two_claims_freezes(void **state)
{
    struct czi_book *b = book_final();

    (void)state;
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 3, .claim = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 3, .claim = 2), CZ_FACT_CONFLICT);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 1, .claim = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 1, .claim = 2), CZ_APPLIED);
    assert_frozen_by(b, SPEC(PRICE, .branch = 'a', .height = 1, .claim = 1));
    czi_book_free(b);
}

static void a_frozen_domain_takes_no_facts_and_no_retractions(void **state)
{
    struct czi_book *b = book_final();
    struct czi_item other = domain_item("other", 0, no_policy),
                    config = domain_item("test", 1, no_policy);

    (void)state;
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 4), CZ_DOMAIN_FROZEN);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 3), CZ_DOMAIN_FROZEN);
    assert_int_equal(take_item(b, &config), CZ_APPLIED);
    assert_int_equal(take_item(b, &other), CZ_APPLIED);
    assert_int_equal(TAKE(b, .domain = "other", .branch = 'a', .height = 4), CZ_APPLIED);
    czi_book_free(b);
}

/* ---- Decisions --------------------------------------------------------------------------- */

static void only_what_contradicts_can_be_decided(void **state)
{
    struct czi_book *b = book_final();
    cz_id one = id_of(SPEC(.branch = 'a', .height = 1)), retraction;
    cz_id three = id_of(SPEC(.branch = 'a', .height = 3)), unknown = {{7}};

    (void)state;
    assert_int_equal(decide(b, &one, &three), CZ_WRONG_STATE);
    assert_int_equal(decide(b, &unknown, &unknown), CZ_WRONG_STATE);
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 1), CZ_APPLIED);
    retraction = *czi_book_id(b, czi_book_count(b) - 1);
    assert_int_equal(decide(b, &one, &three), CZ_WRONG_STATE);
    assert_int_equal(decide(b, &one, &one), CZ_WRONG_STATE);
    assert_int_equal(decide(b, &one, &unknown), CZ_WRONG_STATE);
    assert_int_equal(decide(b, &one, &retraction), CZ_APPLIED);
    assert_int_equal(decide(b, &retraction, &one), CZ_WRONG_STATE);
    czi_book_free(b);
}

static void a_dropped_retraction_has_no_effect(void **state)
{
    struct czi_book *b = book_final();
    cz_id one = id_of(SPEC(.branch = 'a', .height = 1)), retraction;
    uint32_t n = czi_book_count(b);

    (void)state;
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 1), CZ_APPLIED);
    retraction = *czi_book_id(b, n);
    assert_int_equal(decide(b, &one, &retraction), CZ_APPLIED);
    assert_false(domain_of(b).frozen);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 1), CZI_STANDS);
    assert_int_equal(info_of(b, n).standing, CZI_RETRACTED);
    assert_int_equal(info_of(b, n).retracted_by, n + 1);
    assert_int_equal(domain_of(b).head.final, 2);
    czi_book_free(b);
}

static void a_kept_retraction_takes_effect(void **state)
{
    struct czi_book *b = book_final();
    cz_id two = id_of(SPEC(.branch = 'a', .height = 2)), retraction;
    uint32_t n = czi_book_count(b);

    (void)state;
    assert_int_equal(RETRACT(b, .branch = 'a', .height = 2), CZ_APPLIED);
    retraction = *czi_book_id(b, n);
    assert_int_equal(decide(b, &retraction, &two), CZ_APPLIED);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 1), CZI_STANDS);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 2), CZI_RETRACTED);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 3), CZI_RETRACTED);
    assert_int_equal(info_of(b, number_of(b, SPEC(.branch = 'a', .height = 3))).retracted_by,
                     n);
    assert_int_equal(info_of(b, n).standing, CZI_STANDS);
    assert_int_equal(domain_of(b).head.height, 1);
    assert_int_equal(domain_of(b).head.final, 1);
    assert_int_equal(known_of(b).final, 2);
    czi_book_free(b);
}

static void a_kept_block_replaces_what_it_contradicts_and_what_is_above(void **state)
{
    struct czi_book *b = book_final();
    cz_id two = id_of(SPEC(.branch = 'a', .height = 2)), other;
    uint32_t n = czi_book_count(b);

    (void)state;
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2), CZ_APPLIED);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 2, .parent = 'a', .finality = CZ_FINAL),
                     CZ_APPLIED);
    other = *czi_book_id(b, n + 1);
    assert_int_equal(decide(b, &other, &two), CZ_APPLIED);
    assert_int_equal(info_of(b, n + 1).standing, CZI_STANDS);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 1), CZI_STANDS);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 2), CZI_RETRACTED);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 3), CZI_RETRACTED);
    assert_int_equal(STANDING(b, EVENT, .branch = 'a', .height = 2), CZI_RETRACTED);
    assert_int_equal(info_of(b, n).retracted_by, n + 2);
    assert_int_equal(domain_of(b).head.height, 2);
    assert_int_equal(domain_of(b).head.final, 2);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 3), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'b', .height = 2, .header = &other), CZ_APPLIED);
    czi_book_free(b);
}

static void a_dropped_block_is_as_if_it_had_never_stood(void **state)
{
    struct czi_book *b = book_final();
    cz_id two = id_of(SPEC(.branch = 'a', .height = 2)), other;
    uint64_t depth;
    uint32_t n = czi_book_count(b);

    (void)state;
    assert_int_equal(TAKE(b, .branch = 'b', .height = 2, .parent = 'a', .finality = CZ_FINAL),
                     CZ_APPLIED);
    other = *czi_book_id(b, n);
    assert_int_equal(decide(b, &two, &other), CZ_APPLIED);
    assert_int_equal(info_of(b, n).standing, CZI_RETRACTED);
    assert_int_equal(czi_book_finality(b, n, &depth), CZ_SEEN);
    assert_int_equal(depth, 0);
    assert_int_equal(domain_of(b).head.height, 3);
    assert_int_equal(TAKE(b, .branch = 'b', .height = 3), CZ_NOT_CANONICAL);
    assert_int_equal(TAKE(b, .branch = 'a', .height = 4), CZ_APPLIED);
    czi_book_free(b);
}

/* Two final blocks of one hash that say different roots: whichever is kept, the hash stands. */
static void a_decision_between_blocks_of_one_hash_keeps_the_hash(void **state)
{
    (void)state;
    for (int keep_held = 0; keep_held < 2; keep_held++) {
        struct czi_book *b = book_final();
        cz_id two = id_of(SPEC(.branch = 'a', .height = 2)), other;

        assert_int_equal(TAKE(b, .branch = 'a', .height = 2, .claim = 5, .finality = CZ_FINAL),
                         CZ_APPLIED);
        other = *czi_book_id(b, czi_book_count(b) - 1);
        assert_int_equal(decide(b, keep_held ? &other : &two, keep_held ? &two : &other),
                         CZ_APPLIED);
        assert_int_equal(take_with_hash(b, 'a', 2), CZ_NOT_CANONICAL);
        czi_book_free(b);
    }
}

static void a_kept_fact_replaces_the_claim_of_the_other(void **state)
{
    struct czi_book *b = book_final();
    cz_id one, other;
    uint32_t n;

    (void)state;
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .claim = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 3, .claim = 1), CZ_APPLIED);
    one = id_of(SPEC(EVENT, .branch = 'a', .height = 1, .claim = 1));
    n = czi_book_count(b);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 2), CZ_APPLIED);
    other = *czi_book_id(b, n);
    assert_int_equal(decide(b, &other, &one), CZ_APPLIED);
    assert_int_equal(info_of(b, n).standing, CZI_STANDS);
    assert_int_equal(STANDING(b, EVENT, .branch = 'a', .height = 1, .claim = 1), CZI_RETRACTED);
    assert_int_equal(STANDING(b, EVENT, .branch = 'a', .height = 3, .claim = 1), CZI_RETRACTED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 3, .claim = 2), CZ_APPLIED);
    assert_int_equal(STANDING(b, .branch = 'a', .height = 1), CZI_STANDS);
    assert_int_equal(domain_of(b).head.final, 2);
    czi_book_free(b);
}

static void a_kept_state_replaces_the_claim_in_its_block_only(void **state)
{
    struct czi_book *b = book_final();
    cz_id one, other;
    uint32_t n;

    (void)state;
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 1, .claim = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 2, .claim = 1), CZ_APPLIED);
    one = id_of(SPEC(PRICE, .branch = 'a', .height = 2, .claim = 1));
    n = czi_book_count(b);
    assert_int_equal(TAKE(b, PRICE, .branch = 'a', .height = 2, .claim = 2), CZ_APPLIED);
    other = *czi_book_id(b, n);
    assert_int_equal(decide(b, &other, &one), CZ_APPLIED);
    assert_int_equal(info_of(b, n).standing, CZI_STANDS);
    assert_int_equal(STANDING(b, PRICE, .branch = 'a', .height = 1, .claim = 1), CZI_STANDS);
    assert_int_equal(STANDING(b, PRICE, .branch = 'a', .height = 2, .claim = 1), CZI_RETRACTED);
    czi_book_free(b);
}

static void a_dropped_fact_leaves_the_other_as_it_was(void **state)
{
    struct czi_book *b = book_final();
    cz_id one, other;
    uint32_t n;

    (void)state;
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1, .claim = 1), CZ_APPLIED);
    one = id_of(SPEC(EVENT, .branch = 'a', .height = 1, .claim = 1));
    n = czi_book_count(b);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 2), CZ_APPLIED);
    other = *czi_book_id(b, n);
    assert_int_equal(decide(b, &one, &other), CZ_APPLIED);
    assert_int_equal(info_of(b, n).standing, CZI_RETRACTED);
    assert_int_equal(STANDING(b, EVENT, .branch = 'a', .height = 1, .claim = 1), CZI_STANDS);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2, .claim = 1), CZ_APPLIED);
    czi_book_free(b);
}

/* ---- What still stands ------------------------------------------------------------------- */

static void what_still_stands_of_a_claim_is_found(void **state)
{
    struct czi_book *b = book_with(no_policy);
    uint32_t first, second;

    (void)state;
    take_chain(b, 'a', 0, 1, 2);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(TAKE(b, EVENT, .branch = 'a', .height = 2), CZ_APPLIED);
    first = number_of(b, SPEC(EVENT, .branch = 'a', .height = 1));
    second = number_of(b, SPEC(EVENT, .branch = 'a', .height = 2));
    assert_int_equal(czi_book_standing(b, second), second);
    assert_int_equal(RETRACT(b, EVENT, .branch = 'a', .height = 2), CZ_APPLIED);
    assert_int_equal(czi_book_standing(b, second), first);
    assert_int_equal(RETRACT(b, EVENT, .branch = 'a', .height = 1), CZ_APPLIED);
    assert_int_equal(czi_book_standing(b, second), CZI_ID_NONE);
    assert_int_equal(czi_book_standing(b, 0), CZI_ID_NONE);
    czi_book_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_but_domains_need_a_known_domain),
        cmocka_unit_test(a_domain_begins_with_sequence_zero_once),
        cmocka_unit_test(a_domain_s_later_items_follow_by_number),
        cmocka_unit_test(a_domain_keeps_adapter_and_parameters),
        cmocka_unit_test(names_without_end_are_refused),
        cmocka_unit_test(domains_are_bounded),
        cmocka_unit_test(an_observed_domain_wants_one_of_its_observers),
        cmocka_unit_test(a_domain_without_observers_wants_none),
        cmocka_unit_test(what_expired_before_the_head_is_refused),
        cmocka_unit_test(a_block_whose_claim_is_none_is_refused),
        cmocka_unit_test(the_head_is_the_highest_block),
        cmocka_unit_test(blocks_come_in_any_order_with_gaps),
        cmocka_unit_test(a_second_block_at_a_height_is_not_canonical),
        cmocka_unit_test(neighbours_must_fit_above_and_below),
        cmocka_unit_test(a_parent_of_another_height_is_not_canonical),
        cmocka_unit_test(a_hash_that_stands_elsewhere_is_not_canonical),
        cmocka_unit_test(a_retracted_parent_is_not_canonical),
        cmocka_unit_test(a_retracted_block_can_be_recorded_by_another_fact),
        cmocka_unit_test(a_further_fact_of_a_block_stands_beside_the_first),
        cmocka_unit_test(what_a_block_says_can_be_asked),
        cmocka_unit_test(depth_makes_safe_and_final),
        cmocka_unit_test(depth_zero_makes_nothing_safe_or_final),
        cmocka_unit_test(a_proof_of_finality_settles_what_is_below),
        cmocka_unit_test(what_was_safe_remains_so_when_the_head_falls),
        cmocka_unit_test(what_replaces_a_safe_block_is_not_safe_by_that),
        cmocka_unit_test(a_retracted_block_keeps_the_finality_that_it_had),
        cmocka_unit_test(another_policy_holds_from_then_on),
        cmocka_unit_test(a_fact_above_the_head_is_too_early),
        cmocka_unit_test(a_fact_of_a_missing_block_has_no_head),
        cmocka_unit_test(a_fact_of_another_branch_is_not_canonical),
        cmocka_unit_test(a_fact_of_a_retracted_block_is_not_canonical),
        cmocka_unit_test(a_fact_must_agree_with_the_block_that_it_names),
        cmocka_unit_test(only_a_block_of_the_same_domain_can_be_rested_on),
        cmocka_unit_test(facts_wait_for_the_record_depth),
        cmocka_unit_test(facts_wait_for_the_record_finality),
        cmocka_unit_test(an_event_has_one_claim_everywhere),
        cmocka_unit_test(a_state_has_one_claim_in_each_block),
        cmocka_unit_test(the_same_key_elsewhere_does_not_conflict),
        cmocka_unit_test(a_retracted_claim_conflicts_no_more),
        cmocka_unit_test(what_is_kept_of_a_fact_is_what_it_says),
        cmocka_unit_test(only_what_is_recorded_and_stands_is_retracted),
        cmocka_unit_test(a_retraction_takes_what_is_above_and_rests_there_and_nothing_else),
        cmocka_unit_test(a_fact_that_is_no_block_s_is_retracted_alone),
        cmocka_unit_test(what_was_retracted_before_keeps_who_did_it),
        cmocka_unit_test(the_last_block_can_be_retracted_too),
        cmocka_unit_test(the_time_map_never_goes_back),
        cmocka_unit_test(the_time_map_s_id_is_that_of_its_snapshot),
        cmocka_unit_test(a_block_against_a_final_one_is_not_canonical),
        cmocka_unit_test(a_final_block_against_one_that_is_not_is_not_canonical),
        cmocka_unit_test(a_final_block_against_a_final_one_freezes),
        cmocka_unit_test(a_final_block_on_another_than_the_final_one_freezes),
        cmocka_unit_test(the_lowest_block_that_does_not_fit_is_what_contradicts),
        cmocka_unit_test(a_final_block_in_a_gap_below_the_final_height_freezes),
        cmocka_unit_test(a_retraction_of_a_final_fact_freezes),
        cmocka_unit_test(final_facts_that_contradict_freeze),
        cmocka_unit_test(a_final_state_with_two_claims_freezes),
        cmocka_unit_test(a_frozen_domain_takes_no_facts_and_no_retractions),
        cmocka_unit_test(only_what_contradicts_can_be_decided),
        cmocka_unit_test(a_dropped_retraction_has_no_effect),
        cmocka_unit_test(a_kept_retraction_takes_effect),
        cmocka_unit_test(a_kept_block_replaces_what_it_contradicts_and_what_is_above),
        cmocka_unit_test(a_dropped_block_is_as_if_it_had_never_stood),
        cmocka_unit_test(a_decision_between_blocks_of_one_hash_keeps_the_hash),
        cmocka_unit_test(a_kept_fact_replaces_the_claim_of_the_other),
        cmocka_unit_test(a_kept_state_replaces_the_claim_in_its_block_only),
        cmocka_unit_test(a_dropped_fact_leaves_the_other_as_it_was),
        cmocka_unit_test(what_still_stands_of_a_claim_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
