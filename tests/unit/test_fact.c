/* test_fact.c - the tuple of a fact, its signature, and what a block's fact says. */
#include "codec/blake3.h"
#include "codec/ed25519.h"
#include "fact/fact.h"
#include "unit/shared.h"

static struct czi_slice slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

static struct czi_fact example(void)
{
    struct czi_fact f = {
        .domain = slice("test"),
        .kind = CZ_FACT_TRANSACTION,
        .height = 7,
        .time = 300,
        .finality = CZ_DEPTH,
        .event_key = slice("ek"),
        .has_expires = true,
        .expires = 1000,
        .trust = CZI_TRUST_SIGNED,
        .has_header = true,
        .proof_count = 1,
        .claim_count = 4,
        .has_observer = true,
    };

    memset(f.block_hash, 0x11, 32);
    memset(f.header.bytes, 0x22, 32);
    memset(f.observer, 0x33, 32);
    memset(f.signature, 0x44, 64);
    f.proof[0] = slice("p");
    f.claim[0] = (struct czi_fact_value){.type = CZI_VALUE_UINT, .number = 1000};
    f.claim[1] = (struct czi_fact_value){.type = CZI_VALUE_BYTES, .bytes = slice("b")};
    f.claim[2] = (struct czi_fact_value){.type = CZI_VALUE_TEXT, .bytes = slice("t")};
    f.claim[3] = (struct czi_fact_value){.type = CZI_VALUE_NULL};
    return f;
}

/* The example by hand, after RFC 8949, appendix B, and the CID specification. */
#define B32(digit) digit digit digit digit digit digit digit digit
#define HASH_11 B32("11111111")
#define HASH_22 B32("22222222")
#define HASH_33 B32("33333333")
#define HASH_44 B32("44444444")
#define UNSIGNED_HEX                                                                           \
    "8d"                        /* a tuple of thirteen */                                      \
    "06"                        /* tag */                                                      \
    "6474657374"                /* "test" */                                                   \
    "02"                        /* transaction */                                              \
    "83"                        /* anchor */                                                   \
    "07"                        /* height */                                                   \
    "5820" HASH_11              /* block hash */                                               \
    "19012c"                    /* time 300 */                                                 \
    "01"                        /* depth */                                                    \
    "42656b"                    /* event key */                                                \
    "1903e8"                    /* expires at 1000 */                                          \
    "02"                        /* signed */                                                   \
    "d82a582500"                /* link: tag 42, 37 bytes, identity */                         \
    "01711e20" HASH_22 "814170" /* proof */                                                    \
    "841903e841626174f6"        /* claim: 1000, bytes, text, null */                           \
    "5820" HASH_33              /* observer */
static const char example_hex[] = UNSIGNED_HEX "5840" HASH_44 HASH_44;

static void the_tuple_is_as_documented(void **state)
{
    CZI_AUTOBUF expected = {0};
    CZI_AUTOBUF encoded = {0};
    struct czi_fact f = example();
    cz_error err = {0};

    (void)state;
    from_hex(&expected, example_hex);
    assert_ok(czi_fact_encode(&f, &encoded, &err), err);
    assert_int_equal(encoded.len, expected.len);
    assert_memory_equal(encoded.data, expected.data, expected.len);
}

static void what_is_not_there_is_null(void **state)
{
    CZI_AUTOBUF encoded = {0};
    CZI_AUTOBUF expected = {0};
    struct czi_fact f = {.domain = slice("d"), .kind = CZ_FACT_BLOCK};
    struct czi_fact g;
    cz_error err = {0};

    (void)state;
    from_hex(&expected, "8d06616401"
                        "83005820" B32("00000000") "00"
                                                   "0040f600f68080f6f6");
    assert_ok(czi_fact_encode(&f, &encoded, &err), err);
    assert_int_equal(encoded.len, expected.len);
    assert_memory_equal(encoded.data, expected.data, expected.len);
    assert_ok(czi_fact_decode(encoded.data, encoded.len, &g, &err), err);
    assert_false(g.has_expires || g.has_header || g.has_observer);
}

static void decoding_gives_what_was_encoded(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_fact f;
    uint8_t hash[32];
    cz_id id;
    cz_error err = {0};

    (void)state;
    from_hex(&bytes, example_hex);
    assert_ok(czi_fact_decode(bytes.data, bytes.len, &f, &err), err);
    assert_int_equal(f.kind, CZ_FACT_TRANSACTION);
    assert_int_equal(f.height, 7);
    assert_int_equal(f.time, 300);
    assert_int_equal(f.block_hash[31], 0x11);
    assert_int_equal(f.finality, CZ_DEPTH);
    assert_true(f.has_expires && f.expires == 1000);
    assert_int_equal(f.trust, CZI_TRUST_SIGNED);
    assert_true(f.has_header && f.header.bytes[0] == 0x22);
    assert_int_equal(f.proof_count, 1);
    assert_int_equal(f.claim_count, 4);
    assert_int_equal(f.claim[0].number, 1000);
    assert_int_equal(f.claim[3].type, CZI_VALUE_NULL);
    assert_int_equal(f.claim_bytes.len, 9);
    assert_memory_equal(f.claim_bytes.data, "\x84\x19\x03\xe8\x41\x62\x61\x74\xf6", 9);
    assert_true(f.has_observer && f.observer[31] == 0x33 && f.signature[63] == 0x44);
    assert_int_equal(f.domain.len, 4);
    assert_memory_equal(f.domain.data, "test", 4);
    id = czi_fact_id(bytes.data, bytes.len);
    czi_blake3(bytes.data, bytes.len, hash);
    assert_memory_equal(id.bytes, hash, 32);
}

static void every_kind_is_known(void **state)
{
    (void)state;
    for (int kind = CZ_FACT_BLOCK; kind <= CZ_FACT_CUSTOM; kind++) {
        CZI_AUTOBUF bytes = {0};
        struct czi_fact f = example(), g;
        cz_error err = {0};

        f.kind = (enum cz_fact_kind)kind;
        f.has_header = kind != CZ_FACT_BLOCK;
        assert_ok(czi_fact_encode(&f, &bytes, &err), err);
        assert_ok(czi_fact_decode(bytes.data, bytes.len, &g, &err), err);
        assert_int_equal(g.kind, kind);
    }
}

static void every_cut_and_every_extra_byte_is_refused(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_fact f;

    (void)state;
    from_hex(&bytes, example_hex);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(czi_fact_decode(bytes.data, len, &f, NULL), CZ_INVALID);
    czi_buf_put_byte(&bytes, 0xf6);
    assert_int_equal(czi_fact_decode(bytes.data, bytes.len, &f, NULL), CZ_INVALID);
}

/* Replaces the first `from` in the example's hex by `to`. */
static void assert_replaced_is_refused(const char *from, const char *to, const char *why)
{
    CZI_AUTOBUF bytes = {0};
    char hex[1024];
    const char *at = strstr(example_hex, from);
    struct czi_fact f;
    cz_error err = {0};

    assert_non_null(at);
    (void)snprintf(hex, sizeof hex, "%.*s%s%s", (int)(at - example_hex), example_hex, to,
                   at + strlen(from));
    from_hex(&bytes, hex);
    assert_int_equal(czi_fact_decode(bytes.data, bytes.len, &f, &err), CZ_INVALID);
    if (!strstr(err.detail, why))
        fail_msg("%s -> %s: %s", from, to, err.detail);
}

static void other_forms_of_the_tuple_are_refused(void **state)
{
    static const struct {
        const char *from, *to, *why;
    } cases[] = {
        {"8d06", "8e06", "byte 0"},
        {"8d06", "8c06", "byte 0"},
        {"8d06", "8d05", "not a fact"},
        {"8d06", "8d1806", "byte 1"},
        {"6474657374", "60", "domain's name is empty"},
        {"0283075820", "0083075820", "unknown kind"},
        {"0283075820", "0a83075820", "byte 7"},
        {"0283075820", "0183075820", "a block's fact with a header"},
        {"83075820", "82075820", "byte"},
        {"0142656b19", "0442656b19", "byte"},
        {"42656b1903e802", "42656b1903e803", "byte"},
        {"42656b1903e802", "42656b4002", "byte"},
        {"d82a58250001711e20" HASH_22, "f6", "without a header, and no block's fact"},
        {"81417084", "f684", "byte"},
        {"841903e8", "84f5", "neither a number"},
        {"f65820" HASH_33, "f6f6", "a signature without its observer"},
        {"5840" HASH_44 HASH_44, "f6", "byte"},
        {"5840" HASH_44 HASH_44, "5820" HASH_44, "does not have 64 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++)
        assert_replaced_is_refused(cases[i].from, cases[i].to, cases[i].why);
}

/* R18. One more than fits is refused when it is written, and when it is read. */
static void limits_hold_both_ways(void **state)
{
    static uint8_t zeroes[CZI_FACT_SIZE_MAX];
    struct czi_slice longer = {zeroes, CZI_EVENT_KEY_SIZE_MAX + 1};
    CZI_AUTOBUF out = {0};
    struct czi_fact f = example();
    cz_error err = {0};

    (void)state;
    f.event_key = longer;
    assert_int_equal(czi_fact_encode(&f, &out, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_EVENT_KEY_SIZE_MAX"));
    f = example();
    f.domain = (struct czi_slice){zeroes, CZI_DOMAIN_SIZE_MAX + 1};
    assert_int_equal(czi_fact_encode(&f, &out, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_DOMAIN_SIZE_MAX"));
    f = example();
    f.proof_count = CZI_FACT_PROOF_ITEMS_MAX + 1;
    assert_int_equal(czi_fact_encode(&f, &out, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_FACT_PROOF_ITEMS_MAX"));
    f = example();
    f.claim_count = CZI_FACT_CLAIM_ITEMS_MAX + 1;
    assert_int_equal(czi_fact_encode(&f, &out, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_FACT_CLAIM_ITEMS_MAX"));
    f = example();
    f.proof[0] = (struct czi_slice){zeroes, sizeof zeroes};
    assert_int_equal(czi_fact_encode(&f, &out, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_FACT_SIZE_MAX"));
    assert_int_equal(czi_fact_decode(zeroes, CZI_FACT_SIZE_MAX + 1, &f, &err), CZ_LIMIT);
    f = example();
    f.proof_count = CZI_FACT_PROOF_ITEMS_MAX;
    f.claim_count = CZI_FACT_CLAIM_ITEMS_MAX;
    memset(f.claim, 0, sizeof f.claim);
    memset(f.proof, 0, sizeof f.proof);
    assert_ok(czi_fact_encode(&f, &out, &err), err);
    assert_ok(czi_fact_decode(out.data, out.len, &f, &err), err);
}

/* ---- Signatures -------------------------------------------------------------------------- */

/* The message is the hash of the tuple with null for the signature. */
static void a_signature_is_over_the_id_without_it(void **state)
{
    static const uint8_t seed[32] = {7};
    CZI_AUTOBUF bytes = {0};
    struct czi_fact f = example();
    uint8_t public_key[32], message[32];
    char hex[1024], key_hex[65];
    cz_error err = {0};

    (void)state;
    czi_ed25519_public(seed, public_key);
    czi_hex(key_hex, public_key, 32);
    (void)snprintf(hex, sizeof hex, "%.*s%sf6", (int)(sizeof UNSIGNED_HEX - 1 - 64),
                   UNSIGNED_HEX, key_hex);
    from_hex(&bytes, hex);
    czi_blake3(bytes.data, bytes.len, message);
    assert_ok(czi_fact_sign(&f, seed, &err), err);
    assert_memory_equal(f.observer, public_key, 32);
    assert_true(czi_ed25519_verify(public_key, message, 32, f.signature));
    assert_ok(czi_fact_check_signature(&f, &err), err);
}

static void a_changed_fact_loses_its_signature(void **state)
{
    static const uint8_t seed[32] = {7}, other[32] = {8};
    struct czi_fact f = example(), g;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fact_sign(&f, seed, &err), err);
    g = f;
    g.height++;
    assert_int_equal(czi_fact_check_signature(&g, &err), CZ_BAD_OBSERVER);
    g = f;
    g.signature[0] ^= 1;
    assert_int_equal(czi_fact_check_signature(&g, &err), CZ_BAD_OBSERVER);
    g = f;
    czi_ed25519_public(other, g.observer);
    assert_int_equal(czi_fact_check_signature(&g, &err), CZ_BAD_OBSERVER);
    g.has_observer = false;
    assert_ok(czi_fact_check_signature(&g, &err), err);
}

/* ---- Blocks ------------------------------------------------------------------------------ */

static struct czi_fact block_example(unsigned roots)
{
    struct czi_fact f = example();

    f.kind = CZ_FACT_BLOCK;
    f.has_header = false;
    f.claim_count = 1 + roots;
    for (unsigned i = 0; i <= roots; i++)
        f.claim[i] = (struct czi_fact_value){
            .type = CZI_VALUE_BYTES,
            .bytes = {(const uint8_t *)"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbb" + i,
                      32}};
    return f;
}

static void a_block_says_its_parent_and_roots(void **state)
{
    struct czi_fact f = block_example(CZI_BLOCK_ROOTS_MAX);
    struct czi_block b;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fact_block(&f, &b, &err), err);
    assert_int_equal(b.height, 7);
    assert_int_equal(b.time, 300);
    assert_int_equal(b.trust, CZI_TRUST_SIGNED);
    assert_int_equal(b.root_count, CZI_BLOCK_ROOTS_MAX);
    assert_memory_equal(b.hash, f.block_hash, 32);
    assert_memory_equal(b.parent, f.claim[0].bytes.data, 32);
    for (unsigned i = 0; i < CZI_BLOCK_ROOTS_MAX; i++)
        assert_memory_equal(b.roots[i], f.claim[1 + i].bytes.data, 32);
}

static void a_claim_of_another_form_is_no_block_s(void **state)
{
    struct czi_fact f = block_example(0);
    struct czi_block b;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fact_block(&f, &b, &err), err);
    f.claim_count = 0;
    assert_int_equal(czi_fact_block(&f, &b, &err), CZ_INVALID);
    f = block_example(CZI_BLOCK_ROOTS_MAX + 1);
    assert_int_equal(czi_fact_block(&f, &b, &err), CZ_INVALID);
    f = block_example(1);
    f.claim[1].bytes.len = 31;
    assert_int_equal(czi_fact_block(&f, &b, &err), CZ_INVALID);
    f = block_example(1);
    f.claim[0].type = CZI_VALUE_TEXT;
    assert_int_equal(czi_fact_block(&f, &b, &err), CZ_INVALID);
    f = block_example(1);
    f.kind = CZ_FACT_TIME;
    assert_int_equal(czi_fact_block(&f, &b, &err), CZ_INVALID);
}

static void no_memory_is_an_error(void **state)
{
    static const uint8_t seed[32] = {7};
    struct czi_fact f = example();
    cz_error err = {0};

    (void)state;
    czi_alloc_fail_after(0);
    assert_int_equal(czi_fact_sign(&f, seed, &err), CZ_NOMEM);
    czi_alloc_fail_after(0);
    assert_int_equal(czi_fact_check_signature(&f, &err), CZ_NOMEM);
    czi_alloc_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tuple_is_as_documented),
        cmocka_unit_test(what_is_not_there_is_null),
        cmocka_unit_test(decoding_gives_what_was_encoded),
        cmocka_unit_test(every_kind_is_known),
        cmocka_unit_test(every_cut_and_every_extra_byte_is_refused),
        cmocka_unit_test(other_forms_of_the_tuple_are_refused),
        cmocka_unit_test(limits_hold_both_ways),
        cmocka_unit_test(a_signature_is_over_the_id_without_it),
        cmocka_unit_test(a_changed_fact_loses_its_signature),
        cmocka_unit_test(a_block_says_its_parent_and_roots),
        cmocka_unit_test(a_claim_of_another_form_is_no_block_s),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
