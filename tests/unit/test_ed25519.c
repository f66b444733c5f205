/* test_ed25519.c - signatures against the vectors of RFC 8032 section 7.1 and Wycheproof's.
 */
#include "codec/ed25519.h"
#include "shared.h"

#include <pthread.h>

struct vector {
    const char *seed, *public_key, *message, *signature;
};

static const struct vector rfc8032[] = {
    /* TEST 1 */
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
     "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    /* TEST 2 */
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    /* TEST 3 */
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    /* TEST SHA(abc) */
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
     "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void unhex(uint8_t *out, size_t n, const char *text)
{
    assert_true(czi_unhex(out, n, text, strlen(text)));
}

static void keys_and_signatures_are_those_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(rfc8032); i++) {
        const struct vector *v = &rfc8032[i];
        uint8_t seed[CZI_SEED_SIZE], key[CZI_PUBLIC_SIZE], out[CZI_SIGNATURE_SIZE],
            expected[CZI_SIGNATURE_SIZE], message[64];
        size_t len = strlen(v->message) / 2;

        unhex(seed, sizeof seed, v->seed);
        unhex(expected, CZI_PUBLIC_SIZE, v->public_key);
        unhex(message, len, v->message);
        czi_ed25519_public(seed, key);
        assert_memory_equal(key, expected, CZI_PUBLIC_SIZE);
        memset(key, 0, sizeof key);
        cz_public_key(seed, key);
        assert_memory_equal(key, expected, CZI_PUBLIC_SIZE);
        unhex(expected, sizeof expected, v->signature);
        czi_ed25519_sign(seed, message, len, out);
        assert_memory_equal(out, expected, sizeof out);
        assert_true(czi_ed25519_verify(key, message, len, out));
    }
}

static void every_flipped_bit_is_found(void **state)
{
    const struct vector *v = &rfc8032[2];
    uint8_t all[CZI_PUBLIC_SIZE + CZI_SIGNATURE_SIZE + 2];
    uint8_t *key = all, *signature = all + CZI_PUBLIC_SIZE,
            *message = signature + CZI_SIGNATURE_SIZE;

    (void)state;
    unhex(key, CZI_PUBLIC_SIZE, v->public_key);
    unhex(signature, CZI_SIGNATURE_SIZE, v->signature);
    unhex(message, 2, v->message);
    for (size_t bit = 0; bit < 8 * sizeof all; bit++) {
        all[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(czi_ed25519_verify(key, message, 2, signature));
        all[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(czi_ed25519_verify(key, message, 2, signature));
    assert_false(czi_ed25519_verify(key, message, 1, signature));
    assert_false(czi_ed25519_verify(key, NULL, 0, signature));
}

/* With a key of small order and S = 0, R = that key's like, an equation without checks holds
 * for any message. */
static void keys_of_small_order_are_refused(void **state)
{
    static const char *const keys[] = {
        "0100000000000000000000000000000000000000000000000000000000000000", /* order 1 */
        "0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* 1, not reduced */
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(keys); i++)
        for (size_t k = 0; k < CZI_COUNTOF(keys); k++) {
            uint8_t key[CZI_PUBLIC_SIZE], signature[CZI_SIGNATURE_SIZE] = {0};

            unhex(key, sizeof key, keys[i]);
            unhex(signature, 32, keys[k]);
            assert_false(czi_ed25519_verify(key, "any", 3, signature));
        }
}

/* S + L is S modulo the order of the group: a second form of the same signature. */
static void a_signature_has_one_form(void **state)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                      0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                      0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    const struct vector *v = &rfc8032[1];
    uint8_t key[CZI_PUBLIC_SIZE], signature[CZI_SIGNATURE_SIZE];
    unsigned carry = 0;

    (void)state;
    unhex(key, sizeof key, v->public_key);
    unhex(signature, sizeof signature, v->signature);
    assert_true(czi_ed25519_verify(key, "\x72", 1, signature));
    for (unsigned i = 0; i < 32; i++) {
        carry += signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_false(czi_ed25519_verify(key, "\x72", 1, signature));
}

static void wycheproof_s_vectors_hold(void **state)
{
    json_t *file, *group, *test;
    size_t i, k, valid = 0, invalid = 0;

    (void)state;
    SHARED_OR_SKIP("wycheproof/ed25519_test.json");
    file = json_shared("wycheproof/ed25519_test.json");
    json_array_foreach(json_object_get(file, "testGroups"), i, group)
    {
        CZI_AUTOBUF key = {0};

        from_hex(&key,
                 json_string_value(json_object_get(json_object_get(group, "publicKey"), "pk")));
        assert_int_equal(key.len, CZI_PUBLIC_SIZE);
        json_array_foreach(json_object_get(group, "tests"), k, test)
        {
            CZI_AUTOBUF message = {0}, signature = {0};
            const char *result = json_string_value(json_object_get(test, "result"));
            bool holds;

            from_hex(&message, json_string_value(json_object_get(test, "msg")));
            from_hex(&signature, json_string_value(json_object_get(test, "sig")));
            holds = signature.len == CZI_SIGNATURE_SIZE &&
                    czi_ed25519_verify(key.data, message.data, message.len, signature.data);
            if (holds != (strcmp(result, "valid") == 0))
                fail_msg("tcId %lld is %s",
                         (long long)json_integer_value(json_object_get(test, "tcId")), result);
            valid += holds;
            invalid += !holds;
        }
    }
    assert_int_equal(valid + invalid,
                     json_integer_value(json_object_get(file, "numberOfTests")));
    assert_true(valid > 0 && invalid > 0);
    json_decref(file);
}

/* The first calls of this process, if no test came before. */
static void *sign_first(void *arg)
{
    uint8_t seed[CZI_SEED_SIZE], out[CZI_SIGNATURE_SIZE];

    if (!czi_unhex(seed, sizeof seed, rfc8032[0].seed, 2 * sizeof seed))
        return NULL;
    czi_ed25519_sign(seed, NULL, 0, out);
    memcpy(arg, out, sizeof out);
    return arg;
}

static void many_threads_may_begin_at_once(void **state)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    uint8_t out[THREADS][CZI_SIGNATURE_SIZE], expected[CZI_SIGNATURE_SIZE];

    (void)state;
    unhex(expected, sizeof expected, rfc8032[0].signature);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_first, out[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *done;

        assert_int_equal(pthread_join(threads[i], &done), 0);
        assert_non_null(done);
        assert_memory_equal(out[i], expected, sizeof expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_may_begin_at_once), /* the first one: see there */
        cmocka_unit_test(keys_and_signatures_are_those_of_the_rfc),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(keys_of_small_order_are_refused),
        cmocka_unit_test(a_signature_has_one_form),
        cmocka_unit_test(wycheproof_s_vectors_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
