/* test_resource.c - identity, names, lifecycle and the table of resources. */
#include "codec/blake3.h"
#include "resource/resource.h"
#include "test.h"

/* Spelled out from resource.h: the hash of [4, creator, label] as DAG-CBOR. */
static void a_resource_id_is_the_hash_of_creator_and_label(void **state)
{
    uint8_t bytes[1 + 1 + 2 + 32 + 1 + 4] = {0x83, 0x04, 0x58, 0x20};
    cz_id creator, expected, got;
    cz_error err = {0};

    (void)state;
    memset(&creator, 0x11, sizeof creator);
    memset(bytes + 4, 0x11, 32);
    memcpy(bytes + 36, "\x64gold", 5);
    czi_blake3(bytes, sizeof bytes, expected.bytes);
    assert_ok(cz_resource_id(&creator, "gold", &got, &err), err);
    assert_memory_equal(&got, &expected, sizeof got);
    creator.bytes[31] ^= 1;
    assert_ok(cz_resource_id(&creator, "gold", &got, &err), err);
    assert_memory_not_equal(&got, &expected, sizeof got);
}

static void a_label_is_short_text_that_is_not_an_id(void **state)
{
    char text[CZ_ID_TEXT_SIZE], longest[CZI_LABEL_SIZE_MAX + 2];
    cz_id id = cz_operator(), got;
    cz_error err = {0};
    static const char *const good[] = {"a", "ethereum:0xabc:ETH", "caf\xc3\xa9", " ", "bafy"};
    static const char *const bad[] = {"", "\n", "a\x7f", "\x1f", "\xc3", "\xed\xa0\x80"};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(good); i++)
        assert_ok(cz_resource_id(&id, good[i], &got, &err), err);
    for (size_t i = 0; i < CZI_COUNTOF(bad); i++)
        assert_int_equal(cz_resource_id(&id, bad[i], &got, &err), CZ_INVALID);
    cz_id_print(&id, text);
    assert_int_equal(cz_resource_id(&id, text, &got, &err), CZ_INVALID);
    memset(longest, 'x', sizeof longest);
    longest[CZI_LABEL_SIZE_MAX] = 0;
    assert_ok(cz_resource_id(&id, longest, &got, &err), err);
    longest[CZI_LABEL_SIZE_MAX] = 'x';
    longest[CZI_LABEL_SIZE_MAX + 1] = 0;
    assert_int_equal(cz_resource_id(&id, longest, &got, &err), CZ_LIMIT);
}

static void only_the_documented_lifecycle_moves_are_legal(void **state)
{
    static const struct {
        enum cz_state from;
        enum czi_move move;
        enum cz_state to;
    } legal[] = {
        {CZ_ACTIVE, CZI_MOVE_LOCK, CZ_LOCKED},      {CZ_LOCKED, CZI_MOVE_UNLOCK, CZ_ACTIVE},
        {CZ_ACTIVE, CZI_MOVE_FREEZE, CZ_FROZEN},    {CZ_FROZEN, CZI_MOVE_UNFREEZE, CZ_ACTIVE},
        {CZ_ACTIVE, CZI_MOVE_CONSUME, CZ_CONSUMED}, {CZ_LOCKED, CZI_MOVE_CONSUME, CZ_CONSUMED},
        {CZ_ACTIVE, CZI_MOVE_ARCHIVE, CZ_ARCHIVED}, {CZ_FROZEN, CZI_MOVE_ARCHIVE, CZ_ARCHIVED},
    };

    (void)state;
    for (unsigned from = CZ_ACTIVE; from <= CZ_ARCHIVED; from++)
        for (unsigned move = CZI_MOVE_LOCK; move <= CZI_MOVE_ARCHIVE; move++) {
            uint8_t now = (uint8_t)from;
            unsigned i = 0;

            while (i < CZI_COUNTOF(legal) && (legal[i].from != from || legal[i].move != move))
                i++;
            assert_int_equal(czi_state_move(&now, (enum czi_move)move), i < CZI_COUNTOF(legal));
            assert_int_equal(now, i < CZI_COUNTOF(legal) ? legal[i].to : from);
        }
}

static cz_id id_number(unsigned n)
{
    cz_id id;

    czi_blake3(&n, sizeof n, id.bytes);
    return id;
}

static void resources_stay_where_they_are_and_are_listed_by_id(void **state)
{
    enum { COUNT = 3 * CZI_RESOURCE_CHUNK };
    struct czi_resources r = {0};
    struct czi_resource *first;
    size_t n;
    uint32_t *sorted;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        cz_id id = id_number(i);

        assert_int_equal(czi_resources_add(&r, &id), i);
        assert_int_equal(czi_resource_at(&r, i)->version, 0);
        /* Every third one is only reserved: it does not exist. */
        czi_resource_at(&r, i)->position = i % 3;
        if (i == 0)
            first = czi_resource_at(&r, 0);
    }
    assert_ptr_equal(first, czi_resource_at(&r, 0));
    sorted = czi_resources_sorted(&r, &n);
    assert_non_null(sorted);
    assert_int_equal(n, COUNT / 3 * 2);
    for (size_t i = 0; i < n; i++) {
        assert_true(sorted[i] % 3 != 0);
        assert_true(i == 0 || memcmp(czi_id_table_id(&r.ids, sorted[i - 1]),
                                     czi_id_table_id(&r.ids, sorted[i]), 32) < 0);
    }
    czi_free(sorted);
    czi_resources_done(&r);
}

static void the_root_is_one_hash_over_ids_and_heads(void **state)
{
    struct czi_resources r = {0};
    uint8_t got[32], expected[32], bytes[128];
    cz_id a = id_number(1), b = id_number(2);
    bool swap = memcmp(&a, &b, 32) > 0;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_resources_root(&r, got, &err), err);
    czi_blake3(NULL, 0, expected);
    assert_memory_equal(got, expected, 32);
    assert_int_equal(czi_resources_add(&r, &a), 0);
    assert_int_equal(czi_resources_add(&r, &b), 1);
    for (unsigned i = 0; i < 2; i++) {
        czi_resource_at(&r, i)->position = 1;
        memset(czi_resource_head(&r, i)->node, (int)i + 1, 32);
        memcpy(bytes + 64 * (i ^ swap), i ? &b : &a, 32);
        memset(bytes + 64 * (i ^ swap) + 32, (int)i + 1, 32);
    }
    czi_blake3(bytes, sizeof bytes, expected);
    assert_ok(czi_resources_root(&r, got, &err), err);
    assert_memory_equal(got, expected, 32);
    czi_resources_done(&r);
}

static void without_memory_nothing_is_added(void **state)
{
    struct czi_resources r = {0};
    bool failed = true;

    (void)state;
    for (int64_t after = 0; failed; after++) {
        cz_id id = id_number((unsigned)r.ids.count);
        uint32_t slot, before = r.ids.count;

        czi_alloc_fail_after(after);
        slot = czi_resources_add(&r, &id);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(slot, failed ? CZI_ID_NONE : before);
        assert_int_equal(r.ids.count, before + !failed);
        czi_resources_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resource_id_is_the_hash_of_creator_and_label),
        cmocka_unit_test(a_label_is_short_text_that_is_not_an_id),
        cmocka_unit_test(only_the_documented_lifecycle_moves_are_legal),
        cmocka_unit_test(resources_stay_where_they_are_and_are_listed_by_id),
        cmocka_unit_test(the_root_is_one_hash_over_ids_and_heads),
        cmocka_unit_test(without_memory_nothing_is_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
