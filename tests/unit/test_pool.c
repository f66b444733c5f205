/* test_pool.c - the pool of equal objects. */
#include "base/pool.h"
#include "test.h"

#include <string.h>

#define MANY (3 * CZI_POOL_CHUNK + 7)

static void objects_are_apart_aligned_and_stay_where_they_are(void **state)
{
    struct czi_pool p = {.size = 24};
    unsigned char *at[MANY];

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        at[i] = czi_pool_take(&p);
        assert_non_null(at[i]);
        assert_int_equal((uintptr_t)at[i] % 8, 0);
        memset(at[i], (int)(i % 251), 24);
    }
    for (unsigned i = 0; i < MANY; i++)
        for (unsigned k = 0; k < 24; k++)
            assert_int_equal(at[i][k], i % 251);
    czi_pool_done(&p);
}

static void what_was_given_back_is_taken_first(void **state)
{
    struct czi_pool p = {.size = 8};
    void *a = czi_pool_take(&p), *b = czi_pool_take(&p);

    (void)state;
    czi_pool_give(&p, a);
    czi_pool_give(&p, b);
    assert_ptr_equal(czi_pool_take(&p), b);
    assert_ptr_equal(czi_pool_take(&p), a);
    assert_ptr_not_equal(czi_pool_take(&p), b);
    czi_pool_done(&p);
}

static void it_takes_from_the_heap_only_when_all_is_in_use(void **state)
{
    struct czi_pool p = {.size = 16};
    void *at[MANY];
    uint64_t bytes;

    (void)state;
    assert_int_equal(czi_pool_bytes(&p), 0);
    for (unsigned i = 0; i < MANY; i++)
        at[i] = czi_pool_take(&p);
    bytes = czi_pool_bytes(&p);
    assert_true(bytes >= 16ull * MANY && bytes <= 16ull * (MANY + CZI_POOL_CHUNK) + 64);
    for (unsigned i = 0; i < MANY; i++)
        czi_pool_give(&p, at[(i * 5ull) % MANY]);
    for (unsigned i = 0; i < MANY; i++)
        assert_non_null(czi_pool_take(&p));
    assert_int_equal(czi_pool_bytes(&p), bytes);
    czi_pool_done(&p);
}

/* The list of chunks grows too: at the 1st, 9th and 17th. */
static void without_memory_it_says_so_and_goes_on_later(void **state)
{
    bool failed = true;

    (void)state;
    for (int64_t at = 0; failed; at++) {
        struct czi_pool p = {.size = 8};
        unsigned taken = 0;

        czi_alloc_fail_after(at);
        for (unsigned i = 0; i < 17 * CZI_POOL_CHUNK; i++)
            taken += czi_pool_take(&p) != NULL;
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(taken, 17 * CZI_POOL_CHUNK - failed);
        czi_pool_done(&p);
    }
}

static void done_is_for_an_empty_one_too_and_leaves_it_usable(void **state)
{
    struct czi_pool p = {.size = 8};

    (void)state;
    czi_pool_done(&p);
    assert_non_null(czi_pool_take(&p));
    czi_pool_done(&p);
    assert_int_equal(czi_pool_bytes(&p), 0);
    assert_non_null(czi_pool_take(&p));
    czi_pool_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_apart_aligned_and_stay_where_they_are),
        cmocka_unit_test(what_was_given_back_is_taken_first),
        cmocka_unit_test(it_takes_from_the_heap_only_when_all_is_in_use),
        cmocka_unit_test(without_memory_it_says_so_and_goes_on_later),
        cmocka_unit_test(done_is_for_an_empty_one_too_and_leaves_it_usable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
