/* test_dag_cbor.c - strict DAG-CBOR in both directions. Bytes come from RFC 8949 appendix A
 * and from the rules of the DAG-CBOR specification, spelled out by hand. */
#include "base/limits.h"
#include "base/quantity.h"
#include "codec/dag_cbor.h"
#include "test.h"
#include <cmocka.h>

#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define LINK "d82a58250001711e20" DIGEST

static struct czi_slice bytes_of(const char *hex)
{
    static uint8_t bytes[4][8192];
    static unsigned turn;
    uint8_t *p = bytes[turn++ % 4];
    size_t n = strlen(hex) / 2;

    assert_true(n <= sizeof bytes[0]);
    assert_true(czi_unhex(p, n, hex, strlen(hex)));
    return (struct czi_slice){p, n};
}

static void assert_bytes(const uint8_t *start, const uint8_t *end, const char *hex)
{
    struct czi_slice s = bytes_of(hex);

    assert_int_equal(end - start, s.len);
    assert_memory_equal(start, s.data, s.len);
}

/* The offset that a refusal names; fails when hex is accepted. */
static size_t refused_at(const char *hex, const char *why)
{
    struct czi_slice s = bytes_of(hex);
    cz_error err = {0};
    size_t offset;

    if (czi_cbor_validate(s.data, s.len, &err) != CZ_INVALID)
        fail_msg("%s: expected %s", hex, why);
    assert_int_equal(sscanf(err.detail, "byte %zu: ", &offset), 1);
    if (!strstr(err.detail, why))
        fail_msg("%s: expected %s, got %s", hex, why, err.detail);
    return offset;
}

static void assert_valid(const char *hex)
{
    struct czi_slice s = bytes_of(hex);
    cz_error err = {0};

    if (czi_cbor_validate(s.data, s.len, &err))
        fail_msg("%s: %s", hex, err.detail);
}

/* ---- Integers ------------------------------------------------------------------------- */

/* RFC 8949 appendix A, and both sides of every change of width. */
static const struct {
    uint64_t v;
    const char *hex;
} uints[] = {
    {0, "00"},
    {1, "01"},
    {10, "0a"},
    {23, "17"},
    {24, "1818"},
    {25, "1819"},
    {100, "1864"},
    {255, "18ff"},
    {256, "190100"},
    {1000, "1903e8"},
    {65535, "19ffff"},
    {65536, "1a00010000"},
    {1000000, "1a000f4240"},
    {4294967295, "1affffffff"},
    {4294967296, "1b0000000100000000"},
    {1000000000000, "1b000000e8d4a51000"},
    {18446744073709551615u, "1bffffffffffffffff"},
};

static void unsigned_integers_are_written_shortest(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(uints); i++) {
        uint8_t out[CZI_CBOR_HEAD_SIZE_MAX];

        assert_bytes(out, czi_cbor_put_uint(out, uints[i].v), uints[i].hex);
    }
}

static void unsigned_integers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(uints); i++) {
        struct czi_slice s = bytes_of(uints[i].hex);
        struct czi_cbor c = czi_cbor(s.data, s.len);
        cz_error err = {0};

        assert_true(czi_cbor_uint(&c) == uints[i].v);
        assert_ok(czi_cbor_end(&c, &err), err);
        assert_valid(uints[i].hex);
    }
}

static void longer_than_shortest_is_refused_for_every_kind_of_head(void **state)
{
    static const struct {
        unsigned info;
        const char *arg;
    } heads[] = {{24, "00"},
                 {24, "17"},
                 {25, "0000"},
                 {25, "00ff"},
                 {26, "00000000"},
                 {26, "0000ffff"},
                 {27, "0000000000000000"},
                 {27, "00000000ffffffff"}};

    (void)state;
    for (unsigned major = 0; major < 7; major++) {
        for (size_t i = 0; i < CZI_COUNTOF(heads); i++) {
            char hex[64];

            (void)snprintf(hex, sizeof hex, "%02x%s", major << 5 | heads[i].info, heads[i].arg);
            assert_int_equal(refused_at(hex, "shortest"), 0);
        }
    }
}

static void reserved_and_indefinite_lengths_are_refused(void **state)
{
    static const char *const indefinite[] = {"5f42010243030405ff", "7f657374726561646d696e67ff",
                                             "9fff", "bfff", "9f0102ff"};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(indefinite); i++)
        assert_int_equal(refused_at(indefinite[i], "indefinite"), 0);
    for (unsigned major = 0; major < 7; major++) {
        for (unsigned info = 28; info < 31; info++) {
            char hex[8];

            (void)snprintf(hex, sizeof hex, "%02x", major << 5 | info);
            assert_int_equal(refused_at(hex, "reserved"), 0);
        }
    }
}

static void numbers_above_a_maximum_are_refused(void **state)
{
    struct czi_cbor c = czi_cbor("\x18\x64", 2);
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_cbor_uint_max(&c, 100), 100);
    assert_ok(czi_cbor_end(&c, &err), err);
    c = czi_cbor("\x18\x64", 2);
    assert_int_equal(czi_cbor_uint_max(&c, 99), 0);
    assert_int_equal(czi_cbor_end(&c, &err), CZ_INVALID);
    assert_string_equal(err.detail, "byte 0: number above its maximum");
}

/* ---- Quantities ----------------------------------------------------------------------- */

/* Integers as in RFC 8949; beyond 64 bits 16 bytes of two's complement. */
static const struct {
    const char *text, *hex;
} quantities[] = {
    {"0", "00"},
    {"1000000", "1a000f4240"},
    {"-1", "20"},
    {"-10", "29"},
    {"-24", "37"},
    {"-25", "3818"},
    {"-100", "3863"},
    {"-1000", "3903e7"},
    {"18446744073709551615", "1bffffffffffffffff"},
    {"-18446744073709551616", "3bffffffffffffffff"},
    {"18446744073709551616", "5000000000000000010000000000000000"},
    {"-18446744073709551617", "50fffffffffffffffeffffffffffffffff"},
    {"170141183460469231731687303715884105727", "507fffffffffffffffffffffffffffffff"},
    {"-170141183460469231731687303715884105728", "5080000000000000000000000000000000"},
};

static void quantities_are_integers_where_those_suffice(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(quantities); i++) {
        uint8_t out[CZI_CBOR_QUANTITY_SIZE_MAX];
        __int128 q;

        assert_true(czi_quantity_parse(&q, quantities[i].text, strlen(quantities[i].text)));
        assert_bytes(out, czi_cbor_put_quantity(out, q), quantities[i].hex);
    }
}

static void quantities_are_read_over_all_128_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(quantities); i++) {
        struct czi_slice s = bytes_of(quantities[i].hex);
        struct czi_cbor c = czi_cbor(s.data, s.len);
        char text[CZI_QUANTITY_TEXT_SIZE];
        cz_error err = {0};

        czi_quantity_print(text, czi_cbor_quantity(&c));
        assert_ok(czi_cbor_end(&c, &err), err);
        assert_string_equal(text, quantities[i].text);
    }
}

static void quantities_in_another_form_are_refused(void **state)
{
    static const char *const forms[] = {
        "5000000000000000000000000000000000", /* 0 in bytes */
        "500000000000000000ffffffffffffffff", /* 2^64 - 1 in bytes */
        "50ffffffffffffffff0000000000000000", /* -2^64 in bytes */
        "50ffffffffffffffffffffffffffffffff", /* -1 in bytes */
        "4f000000000000000100000000000000",   /* 15 bytes */
        "510000000000000000010000000000000000",
        "40",
        "3800",
        "6130",
        "f6",
        "c249010000000000000000", /* a bignum */
        "f93c00",
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(forms); i++) {
        struct czi_slice s = bytes_of(forms[i]);
        struct czi_cbor c = czi_cbor(s.data, s.len);

        assert_true(czi_cbor_quantity(&c) == 0);
        assert_non_null(c.what);
        assert_int_equal(c.offset, 0);
    }
}

/* ---- Strings, simple values, links ---------------------------------------------------- */

static void strings_have_their_rfc_forms_in_both_directions(void **state)
{
    static const struct {
        const char *text, *hex;
    } v[] = {{"", "60"},
             {"a", "6161"},
             {"IETF", "6449455446"},
             {"\"\\", "62225c"},
             {"\u00fc", "62c3bc"},
             {"\u6c34", "63e6b0b4"},
             {"\U00010151", "64f0908591"}};
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(v); i++) {
        size_t len = strlen(v[i].text);
        struct czi_slice s = bytes_of(v[i].hex), text;
        struct czi_cbor c = czi_cbor(s.data, s.len);
        uint8_t out[32];

        assert_bytes(out, czi_cbor_put_text(out, v[i].text, len), v[i].hex);
        text = czi_cbor_text(&c);
        assert_ok(czi_cbor_end(&c, &err), err);
        assert_non_null(text.data);
        assert_int_equal(text.len, len);
        assert_memory_equal(text.data, v[i].text, len);

        /* The same as bytes: major type 2 instead of 3. */
        out[0] = (uint8_t)(0x40 | len);
        memcpy(out + 1, v[i].text, len);
        c = czi_cbor(out, 1 + len);
        text = czi_cbor_bytes(&c);
        assert_ok(czi_cbor_end(&c, &err), err);
        assert_int_equal(text.len, len);
        {
            uint8_t again[32];

            assert_int_equal(czi_cbor_put_bytes(again, v[i].text, len) - again, 1 + len);
            assert_memory_equal(again, out, 1 + len);
        }
    }
}

/* RFC 3629 section 4; the ends of each range and what lies beyond them. */
static void text_is_utf8_and_nothing_else(void **state)
{
    static const char *const good[] = {"00",     "7f",     "c280",   "dfbf",     "e0a080",
                                       "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf"};
    static const char *const bad[] = {
        "80",       "bf",       "c080",     "c1bf", /* a stray and an overlong byte */
        "e09fbf",   "f08fbfbf",                     /* overlong */
        "eda080",   "edbfbf",                       /* surrogates */
        "f4908080", "f5808080", "ff",               /* above U+10FFFF */
        "c2",       "e0a0",     "f09080",           /* cut short */
        "c27f",     "e0a07f",   "f090807f", "c2c2", "e28228"};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(good) + CZI_COUNTOF(bad); i++) {
        bool is_good = i < CZI_COUNTOF(good);
        const char *hex = is_good ? good[i] : bad[i - CZI_COUNTOF(good)];

        /* At every place in and around the eight bytes that are looked at together. */
        for (size_t before = 0; before < 20; before++) {
            char text[64] = {0}, doc[80];

            for (size_t k = 0; k < before; k++)
                strcat(text, "41");
            strcat(text, hex);
            strcat(text, before % 2 ? "" : "42");
            /* "42" ends a cut character as well as the end of the text does. */
            (void)snprintf(doc, sizeof doc, strlen(text) / 2 < 24 ? "%02x%s" : "78%02x%s",
                           (unsigned)(strlen(text) / 2 < 24 ? 0x60 + strlen(text) / 2
                                                            : strlen(text) / 2),
                           text);
            if (is_good)
                assert_valid(doc);
            else
                assert_int_equal(refused_at(doc, "UTF-8"), 0);
        }
    }
}

static void only_three_simple_values_exist(void **state)
{
    (void)state;
    assert_valid("f4");
    assert_valid("f5");
    assert_valid("f6");
    for (unsigned v = 0xe0; v <= 0xff; v++) {
        char hex[32];

        if (v >= 0xf4 && v <= 0xf6)
            continue;
        (void)snprintf(hex, sizeof hex, "%02x2000000000000000", v);
        (void)refused_at(hex, v >= 0xf9 && v <= 0xfb ? "floating" : "simple value");
    }
    (void)refused_at("f93c00", "floating");             /* 1.0 */
    (void)refused_at("fa47c35000", "floating");         /* 100000.0 */
    (void)refused_at("fb3ff199999999999a", "floating"); /* 1.1 */
    (void)refused_at("f97e00", "floating");             /* NaN */
    (void)refused_at("f7", "simple value");             /* undefined */
    (void)refused_at("f8ff", "simple value");
}

static void booleans_and_null_are_read_and_written(void **state)
{
    uint8_t out[3];
    struct czi_cbor c;
    cz_error err = {0};

    (void)state;
    czi_cbor_put_null(czi_cbor_put_bool(czi_cbor_put_bool(out, false), true));
    assert_bytes(out, out + 3, "f4f5f6");
    c = czi_cbor(out, 3);
    assert_false(czi_cbor_null(&c));
    assert_false(czi_cbor_bool(&c));
    assert_true(czi_cbor_bool(&c));
    assert_true(czi_cbor_null(&c));
    assert_ok(czi_cbor_end(&c, &err), err);
    c = czi_cbor("\xf6", 1);
    assert_false(czi_cbor_bool(&c));
    assert_int_equal(czi_cbor_end(&c, &err), CZ_INVALID);
}

static void our_links_are_tag_42_over_a_cid(void **state)
{
    struct czi_slice s = bytes_of(LINK), digest = bytes_of(DIGEST);
    struct czi_cbor c = czi_cbor(s.data, s.len);
    uint8_t out[CZI_CBOR_LINK_SIZE];
    cz_error err = {0};
    cz_id id = czi_cbor_link(&c);

    (void)state;
    assert_ok(czi_cbor_end(&c, &err), err);
    assert_memory_equal(id.bytes, digest.data, 32);
    assert_bytes(out, czi_cbor_put_link(out, &id), LINK);
    assert_valid(LINK);
}

static void links_of_another_kind_are_no_ids(void **state)
{
    struct czi_slice s = bytes_of(LINK);
    uint8_t bytes[CZI_CBOR_LINK_SIZE];

    (void)state;
    for (size_t i = 0; i < CZI_CBOR_LINK_PREFIX_SIZE; i++) {
        struct czi_cbor c = czi_cbor(bytes, sizeof bytes);
        cz_id id;

        memcpy(bytes, s.data, sizeof bytes);
        bytes[i] ^= 1;
        id = czi_cbor_link(&c);
        for (size_t k = 0; k < 32; k++)
            assert_int_equal(id.bytes[k], 0);
        assert_non_null(c.what);
        assert_int_equal(c.offset, i);
    }
    for (size_t n = 0; n < CZI_CBOR_LINK_SIZE; n++) {
        struct czi_cbor c = czi_cbor(s.data, n);

        (void)czi_cbor_link(&c);
        assert_non_null(c.what);
        assert_int_equal(c.offset, n);
    }
}

static void links_to_any_codec_and_hash_are_valid_dag_cbor(void **state)
{
    (void)state;
    assert_valid("d82a58250001551220" DIGEST);     /* raw, SHA2-256 */
    assert_valid("d82a5823001220" DIGEST);         /* version 0 */
    assert_valid("d82a450001550000");              /* raw, identity of nothing */
    assert_valid("d82a480001550003010203");        /* and of three bytes */
    assert_valid("d82a5827000171a0e40220" DIGEST); /* blake2b-256: a hash code of 3 bytes */
}

static void links_that_are_no_cid_are_refused(void **state)
{
    static const char *const forms[] = {
        "d82a40",                             /* nothing */
        "d82a4100",                           /* only the multibase prefix */
        "d82a582401711e20" DIGEST,            /* without it */
        "d82a58250101711e20" DIGEST,          /* another one */
        "d82a58250002711e20" DIGEST,          /* version 2 */
        "d82a58250000711e20" DIGEST,          /* version 0 is not written so */
        "d82a58250001711e1f" DIGEST,          /* hash longer than it says */
        "d82a58250001711e21" DIGEST,          /* and shorter */
        "d82a5826000181001e20" DIGEST,        /* a codec varint of 2 bytes for 1 */
        "d82a5823001221" DIGEST,              /* neither version */
        "d82a430001f1",                       /* ends within a varint */
        "d82a4e0001808080808080808080010000", /* a codec of 64 bits */
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(forms); i++)
        assert_int_equal(refused_at(forms[i], "CID"), 0);
}

static void tags_other_than_42_are_refused(void **state)
{
    (void)state;
    (void)refused_at("c074323031332d30332d32315432303a30343a30305a", "tag");
    (void)refused_at("c11a514b67b0", "tag");
    (void)refused_at("c249010000000000000000", "tag");
    (void)refused_at("d74401020304", "tag");
    (void)refused_at("d818456449455446", "tag");
    (void)refused_at("d82b58250001711e20" DIGEST, "tag");
    (void)refused_at("d82a6161", "byte string");
    (void)refused_at("d82a8100", "byte string");
    (void)refused_at("d82a", "end");
}

/* ---- Arrays and maps ------------------------------------------------------------------ */

static void nested_items_of_the_rfc_are_valid(void **state)
{
    static const char *const docs[] = {
        "80",
        "83010203",
        "8301820203820405",
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        "a0",
        "a26161016162820203",
        "826161a161626163",
        "a56161614161626142616361436164614461656145",
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(docs); i++)
        assert_valid(docs[i]);
}

/* [7, {"a": -5, "bb": h'01'}] */
static void nested_items_are_read_and_written(void **state)
{
    struct czi_slice s = bytes_of("8207a261612462626241"
                                  "01"),
                     prev = {0}, key;
    struct czi_cbor c = czi_cbor(s.data, s.len);
    uint8_t out[64], *p = out;
    cz_error err = {0};

    (void)state;
    p = czi_cbor_put_uint(czi_cbor_put_array(p, 2), 7);
    p = czi_cbor_put_text(czi_cbor_put_map(p, 2), "a", 1);
    p = czi_cbor_put_quantity(p, -5);
    p = czi_cbor_put_bytes(czi_cbor_put_text(p, "bb", 2), "\x01", 1);
    assert_bytes(out, p, "8207a26161246262624101");

    assert_int_equal(czi_cbor_peek(&c), CZI_CBOR_ARRAY);
    czi_cbor_array_of(&c, 2);
    assert_int_equal(czi_cbor_uint(&c), 7);
    assert_int_equal(czi_cbor_peek(&c), CZI_CBOR_MAP);
    assert_int_equal(czi_cbor_map(&c), 2);
    key = czi_cbor_key(&c, &prev);
    assert_true(key.len == 1 && key.data[0] == 'a');
    assert_true(czi_cbor_quantity(&c) == -5);
    key = czi_cbor_key(&c, &prev);
    assert_true(key.len == 2 && key.data[0] == 'b');
    assert_int_equal(czi_cbor_bytes(&c).len, 1);
    assert_int_equal(czi_cbor_peek(&c), -1);
    assert_ok(czi_cbor_end(&c, &err), err);
}

static void map_keys_ascend_by_length_then_bytes(void **state)
{
    (void)state;
    assert_valid("a3617a0062616100626162"
                 "00"); /* z, aa, ab */
    assert_valid("a260006161"
                 "00");                                             /* the empty key is first */
    assert_int_equal(refused_at("a2616200616100", "ascending"), 4); /* b, a */
    assert_int_equal(refused_at("a2616100616100", "ascending"), 4); /* a twice */
    assert_int_equal(refused_at("a262616100617a00", "ascending"), 5); /* aa, z */
    assert_int_equal(refused_at("a260006000", "ascending"), 3);
    /* Order starts anew in each map. */
    assert_valid("a26162a161610061630"
                 "0");
    assert_valid("82a1616200a1616100");
}

static void map_keys_are_text(void **state)
{
    (void)state;
    assert_int_equal(refused_at("a201020304", "text"), 1); /* RFC 8949: {1: 2, 3: 4} */
    assert_int_equal(refused_at("a1416100", "text"), 1);
    assert_int_equal(refused_at("a1f600", "text"), 1);
    assert_int_equal(refused_at("a161ff00", "UTF-8"), 1);
}

static void an_array_of_another_length_is_refused(void **state)
{
    struct czi_cbor c = czi_cbor("\x82\x00\x00", 3);

    (void)state;
    czi_cbor_array_of(&c, 3);
    assert_non_null(c.what);
    assert_int_equal(c.offset, 0);
    assert_ptr_equal(c.at, c.start);
}

/* So no caller can be made to reserve memory for what is not there. */
static void counts_above_what_the_bytes_can_hold_are_refused(void **state)
{
    (void)state;
    assert_int_equal(refused_at("8300", "more elements"), 0);
    assert_int_equal(refused_at("9bffffffffffffffff00", "more elements"), 0);
    assert_int_equal(refused_at("a26161", "more entries"), 0);
    assert_int_equal(refused_at("bb800000000000000060f6", "more entries"), 0);
    assert_int_equal(refused_at("5bffffffffffffffff00", "within a string"), 0);
    assert_int_equal(refused_at("43"
                                "0102",
                                "within a string"),
                     0);
    assert_int_equal(refused_at("7bffffffffffffffff", "within a string"), 0);
}

static void every_cut_of_a_document_is_refused(void **state)
{
    struct czi_slice s = bytes_of("88"
                                  "1903e8"
                                  "3903e7"
                                  "420102"
                                  "6161"
                                  "a1616181f6"
                                  "f5" LINK "82"
                                  "1b000000e8d4a51000"
                                  "80");

    (void)state;
    assert_int_equal(czi_cbor_validate(s.data, s.len, NULL), CZ_OK);
    for (size_t n = 0; n < s.len; n++)
        assert_int_equal(czi_cbor_validate(s.data, n, NULL), CZ_INVALID);
}

static void bytes_after_the_item_are_refused(void **state)
{
    (void)state;
    assert_int_equal(refused_at("0000", "after the end"), 1);
    assert_int_equal(refused_at("8100f6", "after the end"), 2);
    assert_int_equal(refused_at(LINK "00", "after the end"), CZI_CBOR_LINK_SIZE);
}

/* The innermost of n nested arrays or one-entry maps is empty. */
static size_t nest(uint8_t *p, size_t n, bool maps)
{
    size_t len = 0;

    for (size_t i = 1; i < n; i++) {
        p[len++] = maps ? 0xa1 : 0x81;
        if (maps)
            p[len++] = 0x60;
    }
    p[len++] = maps ? 0xa0 : 0x80;
    return len;
}

static void nesting_ends_at_its_limit(void **state)
{
    uint8_t doc[4 * CZI_CBOR_DEPTH_MAX];
    cz_error err = {0};

    (void)state;
    for (int maps = 0; maps <= 1; maps++) {
        assert_ok(czi_cbor_validate(doc, nest(doc, CZI_CBOR_DEPTH_MAX, maps), &err), err);
        assert_int_equal(czi_cbor_validate(doc, nest(doc, CZI_CBOR_DEPTH_MAX + 1, maps), &err),
                         CZ_LIMIT);
        assert_non_null(strstr(err.detail, "CZI_CBOR_DEPTH_MAX"));
    }
}

/* ---- The reader ----------------------------------------------------------------------- */

static void skip_passes_exactly_one_item(void **state)
{
    static const char *const items[] = {
        "00", "3903e7", "420102", "6161", "80", "8301820203820405", "a26161016162820203",
        "f5", LINK};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(items); i++) {
        char hex[256];
        struct czi_slice s;
        struct czi_cbor c;
        cz_error err = {0};

        (void)snprintf(hex, sizeof hex, "%s18ff", items[i]);
        s = bytes_of(hex);
        c = czi_cbor(s.data, s.len);
        czi_cbor_skip(&c);
        assert_int_equal(c.at - c.start, strlen(items[i]) / 2);
        assert_int_equal(czi_cbor_uint(&c), 255);
        assert_ok(czi_cbor_end(&c, &err), err);
    }
}

static void the_first_error_stays_and_the_reader_stands_still(void **state)
{
    struct czi_slice s = bytes_of("82"
                                  "00"
                                  "61ff"
                                  "00"),
                     prev = {0};
    struct czi_cbor c = czi_cbor(s.data, s.len);
    const uint8_t *at;
    cz_id zero = {{0}}, id;
    cz_error err = {0};

    (void)state;
    czi_cbor_array_of(&c, 2);
    (void)czi_cbor_uint(&c);
    assert_null(czi_cbor_text(&c).data);
    at = c.at;
    assert_int_equal(at - c.start, 2);
    assert_int_equal(czi_cbor_uint(&c), 0);
    assert_int_equal(czi_cbor_uint_max(&c, 5), 0);
    assert_true(czi_cbor_quantity(&c) == 0);
    assert_false(czi_cbor_bool(&c));
    assert_null(czi_cbor_bytes(&c).data);
    assert_null(czi_cbor_text(&c).data);
    id = czi_cbor_bytes32(&c);
    assert_memory_equal(&id, &zero, 32);
    id = czi_cbor_link(&c);
    assert_memory_equal(&id, &zero, 32);
    assert_int_equal(czi_cbor_array(&c), 0);
    czi_cbor_array_of(&c, 0);
    assert_int_equal(czi_cbor_map(&c), 0);
    assert_null(czi_cbor_key(&c, &prev).data);
    assert_false(czi_cbor_null(&c));
    assert_int_equal(czi_cbor_peek(&c), -1);
    czi_cbor_skip(&c);
    czi_cbor_fail(&c, "another reason");
    assert_ptr_equal(c.at, at);
    assert_int_equal(czi_cbor_end(&c, &err), CZ_INVALID);
    assert_string_equal(err.detail, "byte 2: text is not UTF-8");
}

static void a_value_of_another_type_is_named(void **state)
{
    struct czi_cbor c = czi_cbor("\x81\x61\x61", 3);
    cz_error err = {0};

    (void)state;
    (void)czi_cbor_array(&c);
    (void)czi_cbor_uint(&c);
    assert_int_equal(czi_cbor_end(&c, &err), CZ_INVALID);
    assert_string_equal(err.detail, "byte 1: expected an unsigned integer");
}

static void byte_strings_of_32_are_exactly_that(void **state)
{
    struct czi_slice s = bytes_of("5820" DIGEST);
    struct czi_cbor c = czi_cbor(s.data, s.len);
    cz_error err = {0};
    cz_id id = czi_cbor_bytes32(&c);

    (void)state;
    assert_ok(czi_cbor_end(&c, &err), err);
    assert_memory_equal(id.bytes, s.data + 2, 32);
    for (size_t n = 0; n < s.len; n++) {
        c = czi_cbor(s.data, n);
        (void)czi_cbor_bytes32(&c);
        assert_non_null(c.what);
    }
    s = bytes_of("5821" DIGEST "00");
    c = czi_cbor(s.data, s.len);
    (void)czi_cbor_bytes32(&c);
    assert_non_null(c.what);
}

struct seen {
    size_t count;
    uint8_t first[4];
};

static void note_link(void *arg, const cz_id *link)
{
    struct seen *seen = arg;

    seen->first[seen->count++ % 4] = link->bytes[0];
}

/* Ours at two depths and under a key, one of another kind, and bytes that look like one. */
static void links_are_found_in_order_at_any_depth(void **state)
{
#define OURS(first)                                                                            \
    "d82a58250001711e20" first "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1" \
    "f"
    struct czi_slice s =
        bytes_of("85" OURS("aa") "82"
                                 "00" OURS("bb") "a16161" OURS("cc") "d82a58250001551220" DIGEST
                                                                     "5829" OURS("dd"));
    struct seen seen = {0};

    (void)state;
    assert_int_equal(czi_cbor_validate(s.data, s.len, NULL), CZ_OK);
    czi_cbor_links(s.data, s.len, note_link, &seen);
    assert_int_equal(seen.count, 3);
    assert_memory_equal(seen.first, "\xaa\xbb\xcc", 3);
}

static void nothing_is_allocated(void **state)
{
    struct czi_slice s = bytes_of("a26161016162820203");
    struct seen seen = {0};

    (void)state;
    czi_alloc_fail_after(0);
    assert_int_equal(czi_cbor_validate(s.data, s.len, NULL), CZ_OK);
    czi_cbor_links(s.data, s.len, note_link, &seen);
    assert_false(czi_alloc_failed());
    czi_alloc_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_integers_are_written_shortest),
        cmocka_unit_test(unsigned_integers_are_read),
        cmocka_unit_test(longer_than_shortest_is_refused_for_every_kind_of_head),
        cmocka_unit_test(reserved_and_indefinite_lengths_are_refused),
        cmocka_unit_test(numbers_above_a_maximum_are_refused),
        cmocka_unit_test(quantities_are_integers_where_those_suffice),
        cmocka_unit_test(quantities_are_read_over_all_128_bits),
        cmocka_unit_test(quantities_in_another_form_are_refused),
        cmocka_unit_test(strings_have_their_rfc_forms_in_both_directions),
        cmocka_unit_test(text_is_utf8_and_nothing_else),
        cmocka_unit_test(only_three_simple_values_exist),
        cmocka_unit_test(booleans_and_null_are_read_and_written),
        cmocka_unit_test(our_links_are_tag_42_over_a_cid),
        cmocka_unit_test(links_of_another_kind_are_no_ids),
        cmocka_unit_test(links_to_any_codec_and_hash_are_valid_dag_cbor),
        cmocka_unit_test(links_that_are_no_cid_are_refused),
        cmocka_unit_test(tags_other_than_42_are_refused),
        cmocka_unit_test(nested_items_of_the_rfc_are_valid),
        cmocka_unit_test(nested_items_are_read_and_written),
        cmocka_unit_test(map_keys_ascend_by_length_then_bytes),
        cmocka_unit_test(map_keys_are_text),
        cmocka_unit_test(an_array_of_another_length_is_refused),
        cmocka_unit_test(counts_above_what_the_bytes_can_hold_are_refused),
        cmocka_unit_test(every_cut_of_a_document_is_refused),
        cmocka_unit_test(bytes_after_the_item_are_refused),
        cmocka_unit_test(nesting_ends_at_its_limit),
        cmocka_unit_test(skip_passes_exactly_one_item),
        cmocka_unit_test(the_first_error_stays_and_the_reader_stands_still),
        cmocka_unit_test(a_value_of_another_type_is_named),
        cmocka_unit_test(byte_strings_of_32_are_exactly_that),
        cmocka_unit_test(links_are_found_in_order_at_any_depth),
        cmocka_unit_test(nothing_is_allocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
