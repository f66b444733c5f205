/* test_keccak.c - Keccak-256 against published values and another implementation. */
#include "codec/keccak.h"
#include "test.h"

static void assert_digest(const void *data, size_t len, const char *expected)
{
    uint8_t out[32];
    char text[65];

    czi_keccak256(data, len, out);
    czi_hex(text, out, 32);
    assert_string_equal(text, expected);
}

/* Yellow paper, section 4.1 (KEC of the empty string); Keccak team's vectors for "abc". */
static void published_digests_hold(void **state)
{
    (void)state;
    assert_digest("", 0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    assert_digest("abc", 3, "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

/* The values are those of ethers 6 for the bytes 0, 1, 2, … modulo 256. */
static void lengths_around_the_rate_hold(void **state)
{
    static const struct {
        size_t len;
        const char *digest;
    } cases[] = {
        {135, "cbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62"},
        {136, "7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e"},
        {137, "ac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db"},
        {272, "fdf2ec49e749960d3c8521a0219af8d03e30e2b3bf19bd16150ee0eaf133d66e"},
        {1000, "aca79e4146e30eb1c733f6d6060d72471c36ea4e01ebf45d7f4916249c2bbd82"},
    };
    uint8_t data[1000];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++)
        assert_digest(data, cases[i].len, cases[i].digest);
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
    uint8_t data[300], whole[32], pieces[32];
    struct czi_rng rng = czi_rng(1);

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)czi_rng_next(&rng);
    czi_keccak256(data, sizeof data, whole);
    for (size_t cut = 0; cut <= sizeof data; cut++) {
        struct czi_keccak k;

        czi_keccak_init(&k);
        czi_keccak_update(&k, data, cut);
        czi_keccak_update(&k, data + cut, sizeof data - cut);
        czi_keccak_final(&k, pieces);
        assert_memory_equal(pieces, whole, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_digests_hold),
        cmocka_unit_test(lengths_around_the_rate_hold),
        cmocka_unit_test(pieces_give_the_digest_of_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
