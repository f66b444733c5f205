/* test_rlp.c - RLP against the vectors of ethereum/tests and the rules of the yellow paper. */
#include "base/limits.h"
#include "domain/ethereum/rlp.h"
#include "unit/shared.h"

/* "#123…": a number that JSON cannot hold, as big-endian bytes; returns its length. */
static size_t big_number(const char *digits, uint8_t out[64])
{
    memset(out, 0, 64);
    for (; *digits; digits++) {
        unsigned carry = (unsigned)(*digits - '0');

        for (size_t i = 64; i-- > 0; carry >>= 8) {
            carry += out[i] * 10u;
            out[i] = (uint8_t)carry;
        }
    }
    return 64;
}

static void encode(struct czi_buf *b, json_t *v)
{
    uint8_t number[64];
    size_t opened;

    if (json_is_integer(v)) {
        czi_rlp_put_u64(b, (uint64_t)json_integer_value(v));
    } else if (json_is_string(v) && json_string_value(v)[0] == '#') {
        size_t n = big_number(json_string_value(v) + 1, number);

        czi_rlp_put_number(b, number, n);
    } else if (json_is_string(v)) {
        czi_rlp_put_string(b, json_string_value(v), json_string_length(v));
    } else {
        opened = czi_rlp_open(b);
        for (size_t i = 0; i < json_array_size(v); i++)
            encode(b, json_array_get(v, i));
        czi_rlp_close(b, opened);
    }
}

static void assert_decodes(struct czi_rlp *r, json_t *v)
{
    if (json_is_array(v)) {
        struct czi_rlp inside = czi_rlp_list(r);

        for (size_t i = 0; i < json_array_size(v); i++)
            assert_decodes(&inside, json_array_get(v, i));
        assert_int_equal(czi_rlp_end(&inside, NULL), CZ_OK);
    } else if (json_is_integer(v)) {
        assert_int_equal(czi_rlp_u64(r), json_integer_value(v));
    } else {
        struct czi_slice s = czi_rlp_string(r);
        const uint8_t *expected = (const uint8_t *)json_string_value(v);
        size_t len = json_string_length(v);
        uint8_t number[64];

        if (len && expected[0] == '#') {
            len = big_number(json_string_value(v) + 1, number);
            for (expected = number; len && !*expected; len--)
                expected++;
        }
        assert_int_equal(s.len, len);
        assert_memory_equal(s.data, expected, len);
    }
}

static void every_valid_vector_encodes_and_decodes(void **state)
{
    json_t *all, *vector;
    const char *name;

    (void)state;
    SHARED_OR_SKIP("ethereum-tests/rlptest.json");
    all = json_shared("ethereum-tests/rlptest.json");
    assert_true(json_object_size(all) >= 28);
    json_object_foreach(all, name, vector)
    {
        CZI_AUTOBUF expected = {0};
        CZI_AUTOBUF encoded = {0};
        struct czi_rlp r;
        cz_error err = {0};

        from_hex(&expected, json_string_value(json_object_get(vector, "out")));
        encode(&encoded, json_object_get(vector, "in"));
        assert_int_equal(encoded.len, expected.len);
        assert_memory_equal(encoded.data, expected.data, expected.len);
        assert_ok(czi_rlp_validate(expected.data, expected.len, &err), err);
        r = czi_rlp(expected.data, expected.len);
        assert_decodes(&r, json_object_get(vector, "in"));
        assert_ok(czi_rlp_end(&r, &err), err);
    }
    json_decref(all);
}

static void every_invalid_vector_is_refused(void **state)
{
    json_t *all, *vector;
    const char *name;

    (void)state;
    SHARED_OR_SKIP("ethereum-tests/invalidRLPTest.json");
    all = json_shared("ethereum-tests/invalidRLPTest.json");
    assert_true(json_object_size(all) >= 26);
    json_object_foreach(all, name, vector)
    {
        CZI_AUTOBUF bytes = {0};
        cz_error err = {0};

        from_hex(&bytes, json_string_value(json_object_get(vector, "out")));
        if (czi_rlp_validate(bytes.data, bytes.len, &err) != CZ_INVALID)
            fail_msg("%s was accepted", name);
        assert_memory_equal(err.detail, "byte ", 5);
    }
    json_decref(all);
}

/* Yellow paper, appendix B: what an encoder never writes. */
static void only_the_shortest_form_is_read(void **state)
{
    static const struct {
        const char *hex, *what;
    } cases[] = {
        {"8100", "byte 0: a single byte is not in its shortest form"},
        {"817f", "byte 0: a single byte is not in its shortest form"},
        {"b800", "byte 0: the length of an item is not in its shortest form"},
        {"b90001aa", "byte 0: the length of an item is not in its shortest form"},
        {"f800", "byte 0: the length of an item is not in its shortest form"},
        {"c3808161", "byte 2: a single byte is not in its shortest form"},
        {"83aabb", "byte 0: an item is longer than what contains it"},
        {"c28261", "byte 1: an item is longer than what contains it"},
        {"c281aa", NULL},
        {"c181", "byte 1: an item is longer than what contains it"},
        {"bfffffffffffffffff", "byte 0: an item is longer than what contains it"},
        {"ffffffffffffffffff", "byte 0: an item is longer than what contains it"},
        {"bf00000000000000ff", "byte 0: the length of an item is not in its shortest form"},
        {"b9ff", "byte 0: the length of an item is cut off"},
        {"", "byte 0: an item is missing"},
        {"8080", "byte 1: more items than belong there"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF bytes = {0};
        cz_error err = {0};
        int rc;

        from_hex(&bytes, cases[i].hex);
        rc = czi_rlp_validate(bytes.data, bytes.len, &err);
        assert_int_equal(rc, cases[i].what ? CZ_INVALID : CZ_OK);
        assert_string_equal(err.detail, cases[i].what ? cases[i].what : "");
    }
}

static void numbers_have_no_leading_zeroes_and_fit(void **state)
{
    static const struct {
        const char *hex;
        uint64_t value;
        bool valid;
    } cases[] = {
        {"80", 0, true},       {"01", 1, true},
        {"7f", 0x7f, true},    {"8180", 0x80, true},
        {"820100", 256, true}, {"88ffffffffffffffff", UINT64_MAX, true},
        {"00", 0, false},      {"820001", 0, false},
        {"c0", 0, false},      {"89010000000000000000", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF bytes = {0};
        struct czi_rlp r;

        from_hex(&bytes, cases[i].hex);
        r = czi_rlp(bytes.data, bytes.len);
        assert_int_equal(czi_rlp_u64(&r), cases[i].value);
        assert_int_equal(czi_rlp_end(&r, NULL), cases[i].valid ? CZ_OK : CZ_INVALID);
    }
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    for (size_t depth = CZI_RLP_DEPTH_MAX; depth <= CZI_RLP_DEPTH_MAX + 1; depth++) {
        CZI_AUTOBUF b = {0};
        size_t opened[CZI_RLP_DEPTH_MAX + 1];
        cz_error err = {0};
        bool within = depth <= CZI_RLP_DEPTH_MAX;

        for (size_t i = 0; i < depth; i++)
            opened[i] = czi_rlp_open(&b);
        for (size_t i = depth; i-- > 0;)
            czi_rlp_close(&b, opened[i]);
        assert_int_equal(czi_rlp_validate(b.data, b.len, &err), within ? CZ_OK : CZ_INVALID);
        assert_true(within || strstr(err.detail, "nested too deep"));
    }
}

static void a_reader_stops_at_its_first_error(void **state)
{
    struct czi_rlp r = czi_rlp("\x81\x05\x80", 3);

    (void)state;
    assert_int_equal(czi_rlp_string(&r).len, 0);
    assert_int_equal(czi_rlp_u64(&r), 0);
    assert_null(czi_rlp_fixed(&r, 0));
    assert_false(czi_rlp_more(&r));
    assert_int_equal(r.offset, 0);
}

static void writing_without_memory_is_noticed(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 2; n++) {
        CZI_AUTOBUF b = {0};
        uint8_t data[300] = {0};
        size_t opened;

        czi_alloc_fail_after(n);
        opened = czi_rlp_open(&b);
        czi_rlp_put_u64(&b, 1);
        czi_rlp_put_string(&b, data, sizeof data);
        czi_rlp_close(&b, opened);
        czi_alloc_fail_after(-1);
        assert_true(b.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_valid_vector_encodes_and_decodes),
        cmocka_unit_test(every_invalid_vector_is_refused),
        cmocka_unit_test(only_the_shortest_form_is_read),
        cmocka_unit_test(numbers_have_no_leading_zeroes_and_fit),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_reader_stops_at_its_first_error),
        cmocka_unit_test(writing_without_memory_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
