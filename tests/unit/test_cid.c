/* test_cid.c - ids in bytes and text, prefixes of ids, and the public text of quantities. */
#include "codec/blake3.h"
#include "codec/cid.h"
#include "test.h"
#include <cmocka.h>

/* Made with b3sum and Python's base64 from the CID and multihash tables: 01 71 1e 20, hash. */
static const struct {
    const char *message, *text;
} ids[] = {
    {"", "bafyr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmi"},
    {"\xa0", "bafyr4ia7stf7ge5tzyrsk6tskhva7sk2erkw5jqr4t4pi5pfjglrxlw3ai"},
};

static cz_id id_of(const char *message)
{
    cz_id id;

    czi_blake3(message, strlen(message), id.bytes);
    return id;
}

static void ids_print_as_cid_version_1_in_base32(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(ids); i++) {
        cz_id id = id_of(ids[i].message);
        char text[CZ_ID_TEXT_SIZE];

        cz_id_print(&id, text);
        assert_string_equal(text, ids[i].text);
    }
}

static void ids_parse_from_their_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(ids); i++) {
        cz_id id = id_of(ids[i].message), back;
        cz_error err = {0};

        assert_ok(cz_id_parse(ids[i].text, &back, &err), err);
        assert_memory_equal(back.bytes, id.bytes, 32);
    }
}

static void other_text_is_no_id(void **state)
{
    static const char *const texts[] = {
        "",
        "b",
        "bafyr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsm",   /* one less */
        "bafyr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmia", /* one more */
        "BAFYR4IFPCNE3T5PZUGTKAQCN5I3NZSKJTPFSLSNNYEJLPTE2SPFOIHZSMI",  /* upper case */
        "zafyr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmi",  /* another base */
        "bafyr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsm1",  /* no such digit */
        "bafyr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmj",  /* spare bits */
        "bafkr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmi",  /* codec raw */
        "bafyreifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmi",  /* SHA2-256 */
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(texts); i++) {
        cz_error err = {0};
        cz_id id, before;

        memset(&id, 0x5a, sizeof id);
        before = id;
        assert_int_equal(cz_id_parse(texts[i], &id, &err), CZ_INVALID);
        assert_int_equal(err.code, CZ_INVALID);
        assert_non_null(strstr(err.detail, texts[i]));
        assert_memory_equal(&id, &before, sizeof id);
    }
}

static void cid_bytes_are_four_fixed_ones_and_the_digest(void **state)
{
    cz_id id = id_of("x"), back;
    uint8_t cid[CZI_CID_SIZE];

    (void)state;
    czi_cid_put(cid, &id);
    assert_memory_equal(cid, "\x01\x71\x1e\x20", 4);
    assert_memory_equal(cid + 4, id.bytes, 32);
    assert_true(czi_cid_get(cid, sizeof cid, &back));
    assert_memory_equal(&back, &id, sizeof id);
}

static void cid_bytes_of_another_kind_are_refused(void **state)
{
    cz_id id = id_of("x"), back;
    uint8_t cid[CZI_CID_SIZE + 1] = {0};

    (void)state;
    czi_cid_put(cid, &id);
    assert_false(czi_cid_get(cid, CZI_CID_SIZE - 1, &back));
    assert_false(czi_cid_get(cid, CZI_CID_SIZE + 1, &back));
    for (size_t i = 0; i < 4; i++) {
        cid[i] ^= 1;
        assert_false(czi_cid_get(cid, CZI_CID_SIZE, &back));
        cid[i] ^= 1;
    }
}

/* Every length: 5 bits a character, 32 of which are the same in all ids; the last character
 * has 3 bits of the digest and 2 spare ones. */
static void a_prefix_fixes_the_bits_that_it_spells(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(ids); i++) {
        cz_id id = id_of(ids[i].message);

        for (unsigned n = 0; n <= 59; n++) {
            char text[CZ_ID_TEXT_SIZE] = {0};
            uint8_t digest[32];
            unsigned bits = 999, expected = n <= 7 ? 0 : 5 * (n - 1) - 32;

            if (n == 59)
                expected = 256;
            memcpy(text, ids[i].text, n);
            assert_true(czi_cid_prefix(text, digest, &bits));
            assert_int_equal(bits, expected);
            for (unsigned b = 0; b < 256; b++)
                assert_int_equal(digest[b / 8] >> (7 - b % 8) & 1,
                                 b < bits ? id.bytes[b / 8] >> (7 - b % 8) & 1 : 0);
        }
    }
}

static void what_no_id_begins_with_is_no_prefix(void **state)
{
    static const char *const texts[] = {
        "a",
        "B",
        "bb",
        "bafyrei",   /* SHA2-256 */
        "bafkr4i",   /* raw */
        "bafyr4iz",  /* the two bits that are zero in all ids are not */
        "bafyr4if1", /* no such digit */
        "bafyr4if ",
        "bafyr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmj",  /* spare bits */
        "bafyr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmia", /* too long */
    };
    uint8_t digest[32];
    unsigned bits;

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(texts); i++)
        assert_false(czi_cid_prefix(texts[i], digest, &bits));
}

static void public_quantities_round_trip(void **state)
{
    static const char *const texts[] = {"0", "-1", "170141183460469231731687303715884105727",
                                        "-170141183460469231731687303715884105728"};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(texts); i++) {
        char out[CZ_QUANTITY_TEXT_SIZE];
        cz_error err = {0};
        cz_quantity q;

        assert_ok(cz_quantity_parse(texts[i], &q, &err), err);
        cz_quantity_print(q, out);
        assert_string_equal(out, texts[i]);
    }
}

static void public_quantities_refuse_other_text_and_say_which(void **state)
{
    static const char *const texts[] = {"",
                                        "+1",
                                        "01",
                                        "1.5",
                                        "170141183460469231731687303715884105728",
                                        "100000000000000000000000000000000000000000000000000"};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(texts); i++) {
        cz_error err = {0};
        cz_quantity q = 77;

        assert_int_equal(cz_quantity_parse(texts[i], &q, &err), CZ_INVALID);
        assert_non_null(strstr(err.detail, texts[i]));
        assert_true(q == 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_print_as_cid_version_1_in_base32),
        cmocka_unit_test(ids_parse_from_their_text),
        cmocka_unit_test(other_text_is_no_id),
        cmocka_unit_test(cid_bytes_are_four_fixed_ones_and_the_digest),
        cmocka_unit_test(cid_bytes_of_another_kind_are_refused),
        cmocka_unit_test(a_prefix_fixes_the_bits_that_it_spells),
        cmocka_unit_test(what_no_id_begins_with_is_no_prefix),
        cmocka_unit_test(public_quantities_round_trip),
        cmocka_unit_test(public_quantities_refuse_other_text_and_say_which),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
