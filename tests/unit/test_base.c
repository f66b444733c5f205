/* test_base.c - buffers, cursors, text forms of numbers and bytes, errors. */
#include "base/quantity.h"
#include "test.h"
#include <cmocka.h>

/* RFC 4648 section 10, without padding and in lower case. */
static void base32_gives_the_rfc_vectors(void **state)
{
    static const struct {
        const char *in, *out;
    } v[] = {{"", ""},
             {"f", "my"},
             {"fo", "mzxq"},
             {"foo", "mzxw6"},
             {"foob", "mzxw6yq"},
             {"fooba", "mzxw6ytb"},
             {"foobar", "mzxw6ytboi"}};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(v); i++) {
        char text[32];
        uint8_t back[32];
        size_t n;

        assert_int_equal(czi_base32(text, v[i].in, strlen(v[i].in)), strlen(v[i].out));
        assert_string_equal(text, v[i].out);
        assert_true(czi_unbase32(back, &n, text, strlen(text)));
        assert_int_equal(n, strlen(v[i].in));
        assert_memory_equal(back, v[i].in, n);
    }
}

static void base32_refuses_what_it_would_not_write(void **state)
{
    uint8_t back[32];
    size_t n;

    (void)state;
    assert_false(czi_unbase32(back, &n, "m", 1));      /* no byte has 5 bits */
    assert_false(czi_unbase32(back, &n, "mz", 2));     /* spare bits not zero */
    assert_false(czi_unbase32(back, &n, "MY", 2));     /* upper case */
    assert_false(czi_unbase32(back, &n, "m1", 2));     /* no such digit */
    assert_false(czi_unbase32(back, &n, "mzxw6y", 6)); /* impossible length */
}

static void quantities_round_trip_to_the_ends_of_128_bits(void **state)
{
    static const char *const texts[] = {"0",
                                        "1",
                                        "-1",
                                        "18446744073709551615",
                                        "-18446744073709551616",
                                        "170141183460469231731687303715884105727",
                                        "-170141183460469231731687303715884105728"};
    __int128 v;
    char out[CZI_QUANTITY_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(texts); i++) {
        assert_true(czi_quantity_parse(&v, texts[i], strlen(texts[i])));
        czi_quantity_print(out, v);
        assert_string_equal(out, texts[i]);
    }
}

static void quantities_refuse_other_spellings(void **state)
{
    static const char *const texts[] = {"",
                                        "-",
                                        "-0",
                                        "00",
                                        "01",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "1e3",
                                        "0x1",
                                        "170141183460469231731687303715884105728",
                                        "-170141183460469231731687303715884105729",
                                        "1000000000000000000000000000000000000000000"};
    __int128 v;

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(texts); i++)
        assert_false(czi_quantity_parse(&v, texts[i], strlen(texts[i])));
}

static void varints_round_trip_and_only_the_shortest_form_is_read(void **state)
{
    struct czi_rng r = czi_rng(1);
    uint8_t buf[20];

    (void)state;
    for (int i = 0; i < 10000; i++) {
        unsigned __int128 v = (unsigned __int128)czi_rng_next(&r) << 64 | czi_rng_next(&r);
        struct czi_cursor c;
        size_t n;

        v >>= czi_rng_below(&r, 128);
        n = (size_t)(czi_put_varint128(buf, v) - buf);
        c = czi_cursor(buf, n);
        assert_true(czi_cursor_varint128(&c) == v && !c.failed && c.at == c.end);
        n = (size_t)(czi_put_varint(buf, (uint64_t)v) - buf);
        c = czi_cursor(buf, n);
        assert_true(czi_cursor_varint(&c) == (uint64_t)v && !c.failed && c.at == c.end);
        c = czi_cursor(buf, n - 1);
        (void)czi_cursor_varint(&c);
        assert_true(c.failed);
    }
    static const uint8_t bad[][11] = {{0x80, 0x00},
                                      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0x02},
                                      {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                       0x80, 1}};
    for (size_t i = 0; i < CZI_COUNTOF(bad); i++) {
        struct czi_cursor c = czi_cursor(bad[i], sizeof bad[i]);

        (void)czi_cursor_varint(&c);
        assert_true(c.failed && c.at == c.start);
    }
}

static void zigzag_is_a_bijection_at_the_ends(void **state)
{
    static const __int128 v[] = {0, -1, 1, CZI_QUANTITY_MAX, CZI_QUANTITY_MIN};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(v); i++)
        assert_true(czi_unzigzag(czi_zigzag(v[i])) == v[i]);
    assert_true(czi_zigzag(-1) == 1 && czi_zigzag(1) == 2);
}

static void a_wrapped_error_reads_from_outside_in(void **state)
{
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_fail(&err, CZ_IO, "write: %s", "no space"), CZ_IO);
    assert_int_equal(czi_wrap(&err, CZ_IO, "segment %d", 3), CZ_IO);
    assert_string_equal(err.detail, "segment 3: write: no space");
    for (int i = 0; i < 100; i++)
        (void)czi_wrap(&err, CZ_IO, "a long prefix that would not fit for ever %d", i);
    assert_true(strlen(err.detail) < sizeof err.detail);
    assert_int_equal(czi_fail(NULL, CZ_BUSY, "x"), CZ_BUSY);
}

static void a_buffer_out_of_memory_stays_failed_and_keeps_what_it_had(void **state)
{
    struct czi_buf b = {0};

    (void)state;
    czi_buf_put(&b, "abc", 3);
    czi_alloc_fail_after(0);
    czi_buf_put(&b, &(char[4096]){0}, 4096);
    czi_alloc_fail_after(-1);
    assert_true(b.failed);
    czi_buf_put(&b, "d", 1);
    assert_int_equal(b.len, 3);
    czi_buf_done(&b);
    czi_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base32_gives_the_rfc_vectors),
        cmocka_unit_test(base32_refuses_what_it_would_not_write),
        cmocka_unit_test(quantities_round_trip_to_the_ends_of_128_bits),
        cmocka_unit_test(quantities_refuse_other_spellings),
        cmocka_unit_test(varints_round_trip_and_only_the_shortest_form_is_read),
        cmocka_unit_test(zigzag_is_a_bijection_at_the_ends),
        cmocka_unit_test(a_wrapped_error_reads_from_outside_in),
        cmocka_unit_test(a_buffer_out_of_memory_stays_failed_and_keeps_what_it_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
