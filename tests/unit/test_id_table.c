/* test_id_table.c - the one hash table, against a sorted array and a hostile set of ids. */
#include "base/id_table.h"
#include "test.h"

static cz_id random_id(struct czi_rng *rng)
{
    cz_id id;

    for (unsigned i = 0; i < 32; i += 8)
        czi_put_u64le(id.bytes + i, czi_rng_next(rng));
    return id;
}

static void every_id_is_found_under_its_number_and_no_other(void **state)
{
    enum { COUNT = 20000 };
    struct czi_rng rng = czi_rng(3), again = rng;
    struct czi_id_table t = {0};

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        cz_id id = random_id(&rng);

        assert_int_equal(czi_id_table_find(&t, &id), CZI_ID_NONE);
        assert_int_equal(czi_id_table_insert(&t, &id), i);
        assert_int_equal(czi_id_table_find(&t, &id), i);
    }
    assert_int_equal(t.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        cz_id id = random_id(&again);

        assert_int_equal(czi_id_table_find(&t, &id), i);
        assert_memory_equal(czi_id_table_id(&t, i), &id, sizeof id);
        id.bytes[31] ^= 1; /* the same place, another id */
        assert_int_equal(czi_id_table_find(&t, &id), CZI_ID_NONE);
    }
    czi_id_table_done(&t);
}

/* All bits that place an id are equal: every lookup goes over the whole run. */
static void ids_that_collide_are_told_apart(void **state)
{
    struct czi_id_table t = {0};
    cz_id id = {{0}};

    (void)state;
    for (uint32_t i = 0; i < 500; i++) {
        czi_put_u32le(id.bytes + 8, i);
        assert_int_equal(czi_id_table_insert(&t, &id), i);
    }
    for (uint32_t i = 0; i < 500; i++) {
        czi_put_u32le(id.bytes + 8, i);
        assert_int_equal(czi_id_table_find(&t, &id), i);
    }
    czi_id_table_done(&t);
}

static void ids_stay_where_they_are(void **state)
{
    struct czi_rng rng = czi_rng(4);
    struct czi_id_table t = {0};
    cz_id id = random_id(&rng);
    const cz_id *first;

    (void)state;
    assert_int_equal(czi_id_table_insert(&t, &id), 0);
    first = czi_id_table_id(&t, 0);
    for (uint32_t i = 1; i < 3 * CZI_ID_CHUNK; i++) {
        cz_id other = random_id(&rng);

        assert_int_equal(czi_id_table_insert(&t, &other), i);
    }
    assert_ptr_equal(czi_id_table_id(&t, 0), first);
    assert_memory_equal(first, &id, sizeof id);
    czi_id_table_done(&t);
}

static void without_memory_an_insertion_changes_nothing(void **state)
{
    struct czi_rng rng = czi_rng(6), again;
    struct czi_id_table t = {0};
    unsigned failures = 0;

    (void)state;
    again = rng;
    for (uint32_t i = 0; i < 2 * CZI_ID_CHUNK; i++) {
        cz_id id = random_id(&rng);

        /* The next allocation fails, if the insertion makes one; then the one after it. */
        for (int64_t after = 0; after < 4; after++) {
            uint32_t n;

            czi_alloc_fail_after(after);
            n = czi_id_table_insert(&t, &id);
            failures += czi_alloc_failed();
            if (!czi_alloc_failed()) {
                czi_alloc_fail_after(-1);
                assert_int_equal(n, i);
                break;
            }
            czi_alloc_fail_after(-1);
            assert_int_equal(n, CZI_ID_NONE);
            assert_int_equal(t.count, i);
            assert_int_equal(czi_id_table_find(&t, &id), CZI_ID_NONE);
        }
        assert_int_equal(t.count, i + 1);
    }
    assert_true(failures > 8);
    for (uint32_t i = 0; i < t.count; i++) {
        cz_id id = random_id(&again);

        assert_int_equal(czi_id_table_find(&t, &id), i);
    }
    czi_id_table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_is_found_under_its_number_and_no_other),
        cmocka_unit_test(ids_that_collide_are_told_apart),
        cmocka_unit_test(ids_stay_where_they_are),
        cmocka_unit_test(without_memory_an_insertion_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
