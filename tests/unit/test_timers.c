/* test_timers.c - the heap of deadlines (program/timers.h), against a sorted list. */
#include "base/alloc.h"
#include "program/timers.h"
#include "test.h"

enum { TIMERS = 300 };

static void timers_are_due_in_order_and_equal_ones_as_they_were_added(void **state)
{
    static const uint64_t deadlines[] = {5, 3, 5, 9, 3, 1, 5};
    static const unsigned order[] = {5, 1, 4, 0, 2, 6, 3};
    struct czi_alarm timers[7] = {0};
    struct czi_timers ts = {0};
    uint64_t next = 0;
    cz_error err = {0};

    (void)state;
    assert_false(czi_timers_next(&ts, &next));
    assert_null(czi_timers_due(&ts, UINT64_MAX));
    for (int i = 0; i < 7; i++)
        assert_ok(czi_timers_add(&ts, &timers[i], deadlines[i], &err), err);
    for (int i = 0; i < 7; i++) {
        assert_true(czi_timers_next(&ts, &next));
        assert_int_equal(next, deadlines[order[i]]);
        assert_null(czi_timers_due(&ts, next - 1));
        assert_ptr_equal(czi_timers_due(&ts, next), &timers[order[i]]);
    }
    assert_false(czi_timers_next(&ts, &next));
    czi_timers_done(&ts);
}

static void one_that_is_removed_is_not_due_and_may_be_added_again(void **state)
{
    struct czi_alarm a = {0}, b = {0};
    struct czi_timers ts = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_timers_add(&ts, &a, 1, &err), err);
    assert_ok(czi_timers_add(&ts, &b, 2, &err), err);
    assert_true(czi_timers_remove(&ts, &a));
    assert_false(czi_timers_remove(&ts, &a));
    assert_ptr_equal(czi_timers_due(&ts, 9), &b);
    assert_ok(czi_timers_add(&ts, &a, 3, &err), err);
    assert_ptr_equal(czi_timers_due(&ts, 3), &a);
    czi_timers_done(&ts);
    czi_timers_done(&ts); /* no-op */
}

/* The model: the first of the timers that are set, by (deadline, when it was added). */
struct model {
    uint64_t deadline[TIMERS], added[TIMERS];
    bool set[TIMERS];
};

static int first_of(const struct model *m)
{
    int best = -1;

    for (int i = 0; i < TIMERS; i++)
        if (m->set[i] &&
            (best < 0 || m->deadline[i] < m->deadline[best] ||
             (m->deadline[i] == m->deadline[best] && m->added[i] < m->added[best])))
            best = i;
    return best;
}

static void random_timers_are_as_in_a_list(void **state)
{
    static struct czi_alarm timers[TIMERS];
    static struct model m;
    struct czi_timers ts = {0};
    uint64_t seed = test_env("CAUSALITY_SEED", 1), now = 0, next;
    struct czi_rng rng = czi_rng(seed);
    cz_error err = {0};

    (void)state;
    for (uint64_t step = 1; step <= 20000; step++) {
        unsigned i = (unsigned)czi_rng_below(&rng, TIMERS);
        int first;

        if (!m.set[i]) {
            m.deadline[i] = now + czi_rng_below(&rng, 50);
            m.added[i] = step;
            m.set[i] = true;
            assert_ok(czi_timers_add(&ts, &timers[i], m.deadline[i], &err), err);
        } else if (czi_rng_below(&rng, 3) == 0) {
            m.set[i] = false;
            assert_true(czi_timers_remove(&ts, &timers[i]));
        }
        now += czi_rng_below(&rng, 2);
        while ((first = first_of(&m)) >= 0 && m.deadline[first] <= now) {
            assert_true(czi_timers_next(&ts, &next));
            if (next != m.deadline[first] || czi_timers_due(&ts, now) != &timers[first])
                fail_msg("seed %llu, step %llu: not timer %d", (unsigned long long)seed,
                         (unsigned long long)step, first);
            m.set[first] = false;
        }
        assert_null(czi_timers_due(&ts, now));
    }
    czi_timers_done(&ts);
}

static void without_memory_a_timer_is_not_added(void **state)
{
    static struct czi_alarm timers[100];
    struct czi_timers ts = {0};
    cz_error err = {0};
    unsigned count = 0;
    int rc;

    (void)state;
    for (; count < 64; count++) {
        czi_alloc_fail_after(count ? 1000 : 0);
        rc = czi_timers_add(&ts, &timers[count], count, &err);
        if (count == 0 && rc) {
            assert_int_equal(rc, CZ_NOMEM);
            czi_alloc_fail_after(-1);
            assert_ok(czi_timers_add(&ts, &timers[count], count, &err), err);
        }
    }
    czi_alloc_fail_after(0); /* the 65th: the heap grows */
    assert_int_equal(czi_timers_add(&ts, &timers[64], 0, &err), CZ_NOMEM);
    czi_alloc_fail_after(-1);
    assert_int_equal(timers[64].place, 0);
    for (unsigned i = 0; i < 64; i++)
        assert_ptr_equal(czi_timers_due(&ts, 100), &timers[i]);
    czi_timers_done(&ts);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(timers_are_due_in_order_and_equal_ones_as_they_were_added),
        cmocka_unit_test(one_that_is_removed_is_not_due_and_may_be_added_again),
        cmocka_unit_test(random_timers_are_as_in_a_list),
        cmocka_unit_test(without_memory_a_timer_is_not_added),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
