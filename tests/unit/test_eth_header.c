/* test_eth_header.c - headers of real blocks of every fork: their hash is the block's. */
#include "domain/ethereum/header.h"
#include "unit/shared.h"

/* Encodes the header of a block; the caller frees both. */
static void encode(json_t *block, struct czi_buf *rlp, struct czi_eth_header *h)
{
    cz_error err = {0};

    rlp->len = 0;
    assert_ok(czi_eth_header_encode(block, rlp, &err), err);
    assert_ok(czi_eth_header_decode(rlp->data, rlp->len, h, &err), err);
}

static void assert_hash(json_t *block, size_t fields)
{
    CZI_AUTOBUF rlp = {0};
    struct czi_eth_header h;
    uint8_t hash[32];
    char hex[67] = "0x";

    encode(block, &rlp, &h);
    assert_int_equal(h.field_count, fields);
    czi_eth_header_hash(rlp.data, rlp.len, hash);
    czi_hex(hex + 2, hash, 32);
    assert_string_equal(hex, json_string_value(json_object_get(block, "hash")));
}

/* The blocks at which mainnet's headers grew: London 12965000, Shanghai 17034870, Cancun
 * 19426587. */
static size_t fields_at(unsigned long number)
{
    return number < 12965000 ? 15 : number < 17034870 ? 16 : number < 19426587 ? 17 : 20;
}

static void mainnet_headers_have_the_hash_of_their_block(void **state)
{
    (void)state;
    SHARED_OR_SKIP("ethereum-mainnet/46147.json");
    for (size_t i = 0; i < CZI_COUNTOF(mainnet_blocks); i++) {
        char name[64];
        json_t *block;

        (void)snprintf(name, sizeof name, "ethereum-mainnet/%s.json", mainnet_blocks[i]);
        block = json_shared(name);
        assert_hash(block, fields_at(strtoul(mainnet_blocks[i], NULL, 10)));
        json_decref(block);
    }
}

static json_t *anvil;

static json_t *prague_block(void)
{
    anvil = json_shared("anvil/eth-anvil-deposit.json");
    return json_object_get(anvil, "block");
}

static void a_prague_header_has_the_hash_of_its_block(void **state)
{
    (void)state;
    SHARED_OR_SKIP("anvil/eth-anvil-deposit.json");
    assert_hash(prague_block(), 21);
    json_decref(anvil);
}

static void decoding_gives_the_fields(void **state)
{
    CZI_AUTOBUF rlp = {0};
    struct czi_eth_header h;

    (void)state;
    SHARED_OR_SKIP("anvil/eth-anvil-deposit.json");
    encode(prague_block(), &rlp, &h);
    json_decref(anvil);
    assert_int_equal(h.number, 2);
    assert_int_equal(h.gas_limit, 30000000);
    assert_int_equal(h.timestamp, 0x6553f128);
    assert_int_equal(h.extra_data.len, 0);
    assert_int_equal(h.base_fee[28], 0x34);
    assert_int_equal(h.requests_hash[0], 0xe3);
}

/* A later fork's field without an earlier one's is a mistake, not another fork. */
static void a_field_missing_in_the_middle_is_named(void **state)
{
    static const char *const names[] = {"parentHash",    "nonce",
                                        "baseFeePerGas", "blobGasUsed",
                                        "excessBlobGas", "parentBeaconBlockRoot"};
    json_t *block;

    (void)state;
    SHARED_OR_SKIP("anvil/eth-anvil-deposit.json");
    block = prague_block();
    for (size_t i = 0; i < CZI_COUNTOF(names); i++) {
        json_t *copy = json_copy(block);
        CZI_AUTOBUF rlp = {0};
        cz_error err = {0};
        char expected[64];

        (void)json_object_del(copy, names[i]);
        (void)snprintf(expected, sizeof expected, "%s is missing", names[i]);
        assert_int_equal(czi_eth_header_encode(copy, &rlp, &err), CZ_INVALID);
        assert_string_equal(err.detail, expected);
        json_decref(copy);
    }
    json_decref(anvil);
}

static void no_fork_has_other_numbers_of_fields(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 22; n++) {
        CZI_AUTOBUF rlp = {0};
        struct czi_eth_header h;
        cz_error err = {0};
        bool fork = n == 15 || n == 16 || n == 17 || n == 20 || n == 21;
        size_t opened = czi_rlp_open(&rlp);

        for (size_t i = 0; i < n; i++)
            czi_rlp_put_u64(&rlp, 0);
        czi_rlp_close(&rlp, opened);
        assert_int_equal(czi_eth_header_decode(rlp.data, rlp.len, &h, &err), CZ_INVALID);
        assert_non_null(strstr(err.detail, fork ? "parentHash" : "as no fork has"));
    }
}

static void every_cut_of_a_header_is_refused(void **state)
{
    CZI_AUTOBUF rlp = {0};
    struct czi_eth_header h;

    (void)state;
    SHARED_OR_SKIP("anvil/eth-anvil-deposit.json");
    encode(prague_block(), &rlp, &h);
    json_decref(anvil);
    for (size_t len = 0; len < rlp.len; len++)
        assert_int_equal(czi_eth_header_decode(rlp.data, len, &h, NULL), CZ_INVALID);
    czi_buf_put_byte(&rlp, 0x80);
    assert_int_equal(czi_eth_header_decode(rlp.data, rlp.len, &h, NULL), CZ_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mainnet_headers_have_the_hash_of_their_block),
        cmocka_unit_test(a_prague_header_has_the_hash_of_its_block),
        cmocka_unit_test(decoding_gives_the_fields),
        cmocka_unit_test(a_field_missing_in_the_middle_is_named),
        cmocka_unit_test(no_fork_has_other_numbers_of_fields),
        cmocka_unit_test(every_cut_of_a_header_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
