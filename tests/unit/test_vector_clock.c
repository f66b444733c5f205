/* test_vector_clock.c - vector clocks: single steps, bounds, and the canonical bytes as
 * vector_clock.h says. That they order events: tests/property/test_vector_clock_property.c.
 */
#include "test.h"
#include "timemap/vector_clock.h"

static struct czi_vector_clock clock_of(const cz_clock_part *parts, uint32_t count)
{
    struct czi_vector_clock c = {.count = count};

    memcpy(c.parts, parts, count * sizeof parts[0]);
    return c;
}
#define CLOCK(...)                                                                             \
    clock_of((cz_clock_part[]){__VA_ARGS__},                                                   \
             sizeof((cz_clock_part[]){__VA_ARGS__}) / sizeof(cz_clock_part))

static void assert_clock(const struct czi_vector_clock *is, struct czi_vector_clock expected)
{
    assert_int_equal(is->count, expected.count);
    for (uint32_t i = 0; i < is->count; i++) {
        assert_int_equal(is->parts[i].task, expected.parts[i].task);
        assert_int_equal(is->parts[i].count, expected.parts[i].count);
    }
}

static void each_event_counts_for_its_task(void **state)
{
    struct czi_vector_clock c = {0};

    (void)state;
    assert_true(czi_clock_increment(&c, 7));
    assert_true(czi_clock_increment(&c, UINT32_MAX));
    assert_true(czi_clock_increment(&c, 0));
    assert_true(czi_clock_increment(&c, 7));
    assert_clock(&c, CLOCK({0, 1}, {7, 2}, {UINT32_MAX, 1}));
    assert_int_equal(czi_clock_get(&c, 7), 2);
    assert_int_equal(czi_clock_get(&c, UINT32_MAX), 1);
    assert_int_equal(czi_clock_get(&c, 6), 0);
    assert_int_equal(czi_clock_get(&c, UINT32_MAX - 1), 0);
}

static void a_merge_takes_the_greater_count_of_each(void **state)
{
    struct czi_vector_clock a = CLOCK({2, 5}, {4, 1}, {9, 9}), empty = {0},
                            b = CLOCK({1, 1}, {2, 4}, {4, 8}, {5, 5}, {10, 2}),
                            both = CLOCK({1, 1}, {2, 5}, {4, 8}, {5, 5}, {9, 9}, {10, 2}),
                            c = a;

    (void)state;
    assert_true(czi_clock_merge(&c, &b));
    assert_clock(&c, both);
    assert_true(czi_clock_merge(&c, &c));
    assert_true(czi_clock_merge(&c, &empty));
    assert_clock(&c, both);
    assert_true(czi_clock_merge(&b, &a));
    assert_clock(&b, both);
    assert_true(czi_clock_merge(&empty, &both));
    assert_clock(&empty, both);
}

static void comparing_is_part_by_part(void **state)
{
    const struct {
        struct czi_vector_clock a, b;
        enum cz_order order, reverse;
    } cases[] = {
        {{0}, {0}, CZ_SAME, CZ_SAME},
        {{0}, CLOCK({0, 1}), CZ_BEFORE, CZ_AFTER},
        {CLOCK({3, 1}), CLOCK({3, 1}), CZ_SAME, CZ_SAME},
        {CLOCK({3, 1}), CLOCK({3, 2}), CZ_BEFORE, CZ_AFTER},
        {CLOCK({3, 1}), CLOCK({4, 1}), CZ_CONCURRENT, CZ_CONCURRENT},
        {CLOCK({3, 1}), CLOCK({2, 1}, {3, 1}), CZ_BEFORE, CZ_AFTER},
        {CLOCK({3, 2}), CLOCK({2, 1}, {3, 1}), CZ_CONCURRENT, CZ_CONCURRENT},
        {CLOCK({1, 1}, {3, 2}), CLOCK({1, 1}, {2, 1}, {3, 2}, {4, 1}), CZ_BEFORE, CZ_AFTER},
        {CLOCK({1, UINT64_MAX}), CLOCK({1, 1}, {2, 1}), CZ_CONCURRENT, CZ_CONCURRENT},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        assert_int_equal(czi_clock_compare(&cases[i].a, &cases[i].b), cases[i].order);
        assert_int_equal(czi_clock_compare(&cases[i].b, &cases[i].a), cases[i].reverse);
        assert_int_equal(cz_clock_compare(cases[i].a.parts, cases[i].a.count, cases[i].b.parts,
                                          cases[i].b.count),
                         cases[i].order);
    }
    assert_int_equal(cz_clock_compare(NULL, 0, NULL, 0), CZ_SAME);
}

/* ---- Bounds ----------------------------------------------------------------------------- */

/* Tasks 0, 2, 4 … */
static struct czi_vector_clock full_clock(void)
{
    struct czi_vector_clock c = {0};

    for (uint32_t i = 0; i < CZI_CLOCK_TASKS_MAX; i++)
        assert_true(czi_clock_increment(&c, 2 * (CZI_CLOCK_TASKS_MAX - 1 - i)));
    return c;
}

static void a_clock_holds_so_many_tasks_and_no_more(void **state)
{
    struct czi_vector_clock c = full_clock(), before = c, one = CLOCK({1, 1}),
                            known = CLOCK({0, 9}, {126, 9});

    (void)state;
    assert_int_equal(c.count, CZI_CLOCK_TASKS_MAX);
    assert_false(czi_clock_increment(&c, 1));
    assert_false(czi_clock_increment(&c, UINT32_MAX));
    assert_false(czi_clock_merge(&c, &one));
    assert_clock(&c, before);
    assert_false(czi_clock_merge(&one, &c));
    assert_clock(&one, CLOCK({1, 1}));
    assert_true(czi_clock_merge(&c, &known));
    assert_true(czi_clock_increment(&c, 126));
    assert_int_equal(czi_clock_get(&c, 0), 9);
    assert_int_equal(czi_clock_get(&c, 126), 10);
}

static void a_count_does_not_wrap(void **state)
{
    struct czi_vector_clock c = CLOCK({1, UINT64_MAX});

    (void)state;
    assert_false(czi_clock_increment(&c, 1));
    assert_clock(&c, CLOCK({1, UINT64_MAX}));
}

/* ---- Canonical bytes -------------------------------------------------------------------- */

static void bytes_are_as_documented(void **state)
{
    static const uint8_t expected[] = {0x83, 0x82, 0x00, 0x01, 0x82, 0x18, 0x18, 0x19, 0x01,
                                       0x00, 0x82, 0x1a, 0xff, 0xff, 0xff, 0xff, 0x1b, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct czi_vector_clock c = CLOCK({0, 1}, {24, 256}, {UINT32_MAX, UINT64_MAX}), again,
                            empty = {0};
    uint8_t out[CZI_CLOCK_SIZE_MAX];
    struct czi_cbor in = czi_cbor(expected, sizeof expected);
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_clock_put(out, &c) - out, sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
    czi_clock_read(&in, &again);
    assert_ok(czi_cbor_end(&in, &err), err);
    assert_clock(&again, c);
    assert_int_equal(czi_clock_put(out, &empty) - out, 1);
    assert_int_equal(out[0], 0x80);
    in = czi_cbor(out, 1);
    czi_clock_read(&in, &again);
    assert_ok(czi_cbor_end(&in, &err), err);
    assert_int_equal(again.count, 0);
}

static void the_longest_clock_fits_what_is_said_to_hold_it(void **state)
{
    struct czi_vector_clock c = {.count = CZI_CLOCK_TASKS_MAX}, again;
    uint8_t out[CZI_CLOCK_SIZE_MAX + 16];
    struct czi_cbor in;
    cz_error err = {0};

    (void)state;
    for (uint32_t i = 0; i < c.count; i++)
        c.parts[i] = (cz_clock_part){UINT32_MAX - CZI_CLOCK_TASKS_MAX + i, UINT64_MAX};
    assert_in_range(czi_clock_put(out, &c) - out, 1, CZI_CLOCK_SIZE_MAX);
    in = czi_cbor(out, (size_t)(czi_clock_put(out, &c) - out));
    czi_clock_read(&in, &again);
    assert_ok(czi_cbor_end(&in, &err), err);
    assert_clock(&again, c);
}

static void assert_refused(const void *bytes, size_t len, const char *why)
{
    struct czi_vector_clock c = {.count = 9};
    struct czi_cbor in = czi_cbor(bytes, len);
    cz_error err = {0};

    czi_clock_read(&in, &c);
    assert_int_equal(czi_cbor_end(&in, &err), CZ_INVALID);
    if (!strstr(err.detail, why))
        fail_msg("\"%s\" does not say \"%s\"", err.detail, why);
    assert_true(c.count == 0 || strstr(err.detail, "after the end"));
}
#define REFUSE(bytes, why) assert_refused((bytes), sizeof(bytes) - 1, (why))

static void other_forms_are_refused(void **state)
{
    (void)state;
    REFUSE("", "end");
    REFUSE("\xf6", "expected");
    REFUSE("\xa0", "expected");
    REFUSE("\x98\x01\x82\x01\x01", "short");
    REFUSE("\x9f\x82\x01\x01\xff", "indefinite");
    REFUSE("\x81\x81\x01", "another number of elements");
    REFUSE("\x81\x83\x01\x01\x01", "another number of elements");
    REFUSE("\x81\x82\x01\x00", "without events");
    REFUSE("\x81\x82\x18\x01\x01", "short");
    REFUSE("\x81\x82\x01\x18\x01", "short");
    REFUSE("\x81\x82\x20\x01", "expected");
    REFUSE("\x81\x82\x1b\x00\x00\x00\x01\x00\x00\x00\x00\x01", "above its maximum");
    REFUSE("\x82\x82\x02\x01\x82\x01\x01", "ascending");
    REFUSE("\x82\x82\x02\x01\x82\x02\x01", "ascending");
    REFUSE("\x83\x82\x02\x01\x82\x03\x01\x82\x00\x01", "ascending");
    REFUSE("\x82\x82\x02\x01", "end");
    REFUSE("\x81\x82\x02\x01\x00", "after the end");
}

static void more_tasks_than_a_clock_holds_are_refused(void **state)
{
    uint8_t out[2 + 3 * (CZI_CLOCK_TASKS_MAX + 1)] = {0x98, CZI_CLOCK_TASKS_MAX + 1},
                                               *p = out + 2;

    (void)state;
    for (uint8_t i = 0; i <= CZI_CLOCK_TASKS_MAX; i++) {
        p = czi_cbor_put_array(p, 2);
        p = czi_cbor_put_uint(p, i % 24);
        p = czi_cbor_put_uint(p, 1);
    }
    assert_refused(out, sizeof out, "CZI_CLOCK_TASKS_MAX");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_counts_for_its_task),
        cmocka_unit_test(a_merge_takes_the_greater_count_of_each),
        cmocka_unit_test(comparing_is_part_by_part),
        cmocka_unit_test(a_clock_holds_so_many_tasks_and_no_more),
        cmocka_unit_test(a_count_does_not_wrap),
        cmocka_unit_test(bytes_are_as_documented),
        cmocka_unit_test(the_longest_clock_fits_what_is_said_to_hold_it),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(more_tasks_than_a_clock_holds_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
