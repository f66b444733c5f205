/* test_admission.c - who is next (R11). */
#include "engine/admission.h"
#include "test.h"

static struct czi_arrival arrival(uint32_t number, unsigned priority)
{
    return (struct czi_arrival){.number = number, .priority = (uint8_t)priority};
}

static uint32_t next(struct czi_admission *a)
{
    const struct czi_arrival *p = czi_admission_peek(a);
    uint32_t number;

    assert_non_null(p);
    number = p->number;
    czi_admission_pop(a);
    return number;
}

static void the_urgent_come_first_and_within_a_priority_the_older(void **state)
{
    struct czi_admission a;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_admission_init(&a, 16, false, &err), err);
    for (uint32_t i = 0; i < 12; i++) {
        struct czi_arrival x = arrival(i, 3 - i % 4);

        czi_admission_push(&a, &x);
    }
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(next(&a), i / 3 == 0   ? 3 + 4 * (i % 3)
                                   : i / 3 == 1 ? 2 + 4 * (i % 3)
                                   : i / 3 == 2 ? 1 + 4 * (i % 3)
                                                : 4 * (i % 3));
    assert_null(czi_admission_peek(&a));
    czi_admission_done(&a);
}

static void in_ordered_mode_arrival_decides(void **state)
{
    struct czi_admission a;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_admission_init(&a, 300, true, &err), err);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 250; i++) {
            struct czi_arrival x = arrival(i, (i * 7) % 4);

            czi_admission_push(&a, &x);
        }
        for (uint32_t i = 0; i < 250; i++)
            assert_int_equal(next(&a), i);
    }
    czi_admission_done(&a);
}

/* A stream of urgent ones that never ends: each lower priority is served once in 65, the most
 * urgent of those that have aged first. */
static void one_that_waits_is_served_after_64_went_past_it(void **state)
{
    struct czi_admission a;
    struct czi_arrival low = arrival(1000, CZ_LOW), normal = arrival(2000, CZ_NORMAL);
    cz_error err = {0};

    (void)state;
    assert_ok(czi_admission_init(&a, 8, false, &err), err);
    czi_admission_push(&a, &low);
    czi_admission_push(&a, &low);
    czi_admission_push(&a, &normal);
    for (uint32_t i = 0; i < 200; i++) {
        struct czi_arrival urgent = arrival(i, CZ_URGENT);
        uint32_t got;

        czi_admission_push(&a, &urgent);
        got = next(&a);
        /* 64 urgent ones, then normal, which makes low wait for 65; 64 more, then low again. */
        if (i == CZI_AGEING_ADMISSIONS)
            assert_int_equal(got, 2000);
        else if (i == CZI_AGEING_ADMISSIONS + 1 || i == 2 * CZI_AGEING_ADMISSIONS + 2)
            assert_int_equal(got, 1000);
        else
            assert_true(got < 1000);
    }
    czi_admission_done(&a);
}

/* Random pushes and pops: first come first served within each priority, nothing is lost, no
 * priority waits longer than the ageing and one turn of each other one, and a less urgent one
 * goes first only if it has aged. */
static void whatever_arrives_nothing_is_lost_and_none_starves(void **state)
{
    enum { CAPACITY = 97 };
    struct czi_rng rng = czi_rng(11);
    struct czi_admission a;
    uint32_t pushed[CZI_PRIORITIES] = {0}, popped[CZI_PRIORITIES] = {0},
             waited[CZI_PRIORITIES] = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_admission_init(&a, CAPACITY, false, &err), err);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned twelfth = (unsigned)czi_rng_below(&rng, 12), p = CZI_MIN(twelfth, 3);

        if (a.count < CAPACITY && czi_rng_below(&rng, 100) < 52) {
            struct czi_arrival x = arrival(pushed[p]++, p);

            czi_admission_push(&a, &x);
        } else if (a.count) {
            const struct czi_arrival *x = czi_admission_peek(&a);

            p = x->priority;
            assert_int_equal(x->number, popped[p]);
            for (unsigned q = 0; q < CZI_PRIORITIES; q++) {
                bool waits = pushed[q] != popped[q];

                if (q < p && waits)
                    assert_true(waited[p] >= CZI_AGEING_ADMISSIONS);
                waited[q] = waits && q != p ? waited[q] + 1 : 0;
                assert_true(waited[q] <= CZI_AGEING_ADMISSIONS + CZI_PRIORITIES - 1);
            }
            popped[p]++;
            czi_admission_pop(&a);
        }
    }
    while (a.count) {
        popped[czi_admission_peek(&a)->priority]++;
        czi_admission_pop(&a);
    }
    assert_memory_equal(pushed, popped, sizeof pushed);
    czi_admission_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_urgent_come_first_and_within_a_priority_the_older),
        cmocka_unit_test(in_ordered_mode_arrival_decides),
        cmocka_unit_test(one_that_waits_is_served_after_64_went_past_it),
        cmocka_unit_test(whatever_arrives_nothing_is_lost_and_none_starves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
