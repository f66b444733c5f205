/* test_eth_tx.c - transactions of every type against vectors made by ethers (in
 * tests/golden/ethereum-transactions.json) and the rules of the EIPs. */
#include "domain/ethereum/transaction.h"
#include "domain/ethereum/transfer.h"
#include "unit/shared.h"

#define VECTORS CAUSALITY_SOURCE_ROOT "/tests/golden/ethereum-transactions.json"
#define VECTOR_COUNT 7

/* Homestead and later. */
#define NOW 20000000u

static json_t *vectors;

static int load_vectors(void **state)
{
    (void)state;
    vectors = json_file(VECTORS);
    return json_array_size(json_object_get(vectors, "vectors")) != VECTOR_COUNT;
}

static int drop_vectors(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static json_t *vector(size_t i)
{
    return json_array_get(json_object_get(vectors, "vectors"), i);
}

static const char *text(size_t i, const char *name)
{
    return json_string_value(json_object_get(vector(i), name));
}

static size_t vector_named(const char *name)
{
    size_t i = 0;

    while (i < VECTOR_COUNT && strcmp(text(i, "name"), name) != 0)
        i++;
    assert_true(i < VECTOR_COUNT);
    return i;
}

static void assert_hex(const uint8_t *data, size_t n, const char *expected)
{
    char hex[513] = "0x";

    czi_hex(hex + 2, data, n);
    assert_string_equal(hex, expected);
}

/* Bytes that live as long as the transaction that points into them. */
static void decode(size_t i, struct czi_buf *bytes, struct czi_eth_tx *tx)
{
    cz_error err = {0};

    from_hex(bytes, text(i, "raw"));
    assert_ok(czi_eth_tx_decode(bytes->data, bytes->len, tx, &err), err);
}

static void fields_become_the_canonical_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        CZI_AUTOBUF expected = {0};
        CZI_AUTOBUF encoded = {0};
        cz_error err = {0};

        from_hex(&expected, text(i, "raw"));
        assert_ok(czi_eth_tx_encode(json_object_get(vector(i), "fields"), &encoded, &err), err);
        assert_int_equal(encoded.len, expected.len);
        assert_memory_equal(encoded.data, expected.data, expected.len);
    }
}

static void hashes_and_senders_are_those_of_another_library(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        CZI_AUTOBUF bytes = {0};
        struct czi_eth_tx tx;
        uint8_t hash[32], sender[20];
        cz_error err = {0};

        decode(i, &bytes, &tx);
        czi_eth_tx_hash(&tx, hash);
        assert_hex(hash, 32, text(i, "hash"));
        czi_eth_tx_signing_hash(&tx, hash);
        assert_hex(hash, 32, text(i, "signing"));
        assert_ok(czi_eth_tx_sender(&tx, NOW, sender, &err), err);
        assert_hex(sender, 20, text(i, "sender"));
    }
}

/* EIP-155, section "Example". */
static void the_example_of_eip_155_holds(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_eth_tx tx;
    uint8_t hash[32];

    (void)state;
    decode(vector_named("eip155"), &bytes, &tx);
    czi_eth_tx_signing_hash(&tx, hash);
    assert_hex(hash, 32, "0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    assert_int_equal(tx.nonce, 9);
    assert_int_equal(tx.chain_id, 1);
    assert_int_equal(tx.v, 37);
    assert_true(tx.has_chain_id);
}

static void decoding_fills_the_fields_of_each_type(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_eth_tx tx;

    (void)state;
    decode(vector_named("legacy"), &bytes, &tx);
    assert_false(tx.has_chain_id);
    decode(vector_named("creation"), &bytes, &tx);
    assert_false(tx.to.present);
    assert_int_equal(tx.chain_id, 31337);
    decode(vector_named("dynamic"), &bytes, &tx);
    assert_int_equal(tx.max_fee[31], 100);
    assert_int_equal(tx.max_priority_fee[31], 3);
    assert_int_equal(tx.input.len, 4);
    decode(vector_named("blob"), &bytes, &tx);
    assert_int_equal(tx.max_blob_fee[31], 7);
    assert_int_equal(tx.blob_hashes.len, 34);
    decode(vector_named("setcode"), &bytes, &tx);
    assert_int_equal(tx.type, CZI_ETH_SET_CODE);
    assert_int_equal(tx.authorisations.data[0], 0xf8);
}

static void every_cut_and_every_extra_byte_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        CZI_AUTOBUF bytes = {0};
        struct czi_eth_tx tx;

        decode(i, &bytes, &tx);
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_equal(czi_eth_tx_decode(bytes.data, len, &tx, NULL), CZ_INVALID);
        czi_buf_put_byte(&bytes, 0x80);
        assert_int_equal(czi_eth_tx_decode(bytes.data, bytes.len, &tx, NULL), CZ_INVALID);
    }
}

static void unknown_types_are_refused(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_eth_tx tx;
    cz_error err = {0};

    (void)state;
    from_hex(&bytes, text(vector_named("setcode"), "raw"));
    bytes.data[0] = 5;
    assert_int_equal(czi_eth_tx_decode(bytes.data, bytes.len, &tx, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "unknown type 0x05"));
    bytes.data[0] = 0;
    assert_int_equal(czi_eth_tx_decode(bytes.data, bytes.len, &tx, &err), CZ_INVALID);
}

/* Copies a vector's fields, changes one, and expects what encode and decode say of it. */
static void assert_field_refused(const char *name, const char *field, json_t *value,
                                 const char *why)
{
    json_t *fields = json_deep_copy(json_object_get(vector(vector_named(name)), "fields"));
    CZI_AUTOBUF bytes = {0};
    struct czi_eth_tx tx;
    cz_error err = {0};
    int rc;

    if (value)
        (void)json_object_set_new(fields, field, value);
    else
        (void)json_object_del(fields, field);
    rc = czi_eth_tx_encode(fields, &bytes, &err);
    if (rc == CZ_OK)
        rc = czi_eth_tx_decode(bytes.data, bytes.len, &tx, &err);
    json_decref(fields);
    assert_int_equal(rc, CZ_INVALID);
    if (!strstr(err.detail, why))
        fail_msg("\"%s\" does not say \"%s\"", err.detail, why);
}

static void malformed_fields_are_refused_by_name(void **state)
{
    (void)state;
    assert_field_refused("legacy", "nonce", NULL, "nonce is missing");
    assert_field_refused("legacy", "nonce", json_string("0x09"), "nonce is \"0x09\"; expected");
    assert_field_refused("legacy", "nonce", json_string("0x"), "nonce is");
    assert_field_refused("legacy", "nonce", json_integer(9), "nonce is not text");
    assert_field_refused("legacy", "nonce", json_string("0x10000000000000000"), "64 bits");
    assert_field_refused("legacy", "to", json_string("0x35"), "40 lower-case hex digits");
    assert_field_refused("legacy", "to",
                         json_string("0xABababababababababababababababababababab"),
                         "lower-case");
    assert_field_refused("legacy", "input", json_string("0x0"), "whole bytes");
    assert_field_refused("legacy", "input", json_string("60"), "0x");
    assert_field_refused("legacy", "v", json_string("0x1d"), "v is neither 27, 28");
    assert_field_refused("legacy", "type", json_string("0x5"), "type is none of");
    assert_field_refused("dynamic", "yParity", json_string("0x2"),
                         "yParity is neither 0 nor 1");
    assert_field_refused("dynamic", "accessList", json_string("0x"), "not an array");
    assert_field_refused("dynamic", "accessList", json_pack("[{s:s}]", "address", "0x00"),
                         "accessList, element 0: address is \"0x00\"");
    assert_field_refused("blob", "to", json_null(), "cannot create a contract");
    assert_field_refused("setcode", "to", json_null(), "cannot create a contract");
    assert_field_refused("setcode", "authorizationList", json_pack("[{s:s}]", "x\033", "y"),
                         "element 0: unknown field \"x?\"");
}

/* ---- Signatures ------------------------------------------------------------------------- */

/* Order of the secp256k1 group, SEC 2, section 2.4.1. */
static const char order[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

static void subtract(uint8_t a[32], const uint8_t b[32])
{
    int borrow = 0;

    for (int i = 31; i >= 0; i--) {
        int d = a[i] - b[i] - borrow;

        borrow = d < 0;
        a[i] = (uint8_t)(d + (borrow ? 256 : 0));
    }
}

static void numbers_out_of_the_group_are_refused(void **state)
{
    CZI_AUTOBUF bytes = {0};
    CZI_AUTOBUF n = {0};
    struct czi_eth_tx tx, changed;
    uint8_t sender[20];
    cz_error err = {0};

    (void)state;
    from_hex(&n, order);
    decode(vector_named("legacy"), &bytes, &tx);
    for (int which = 0; which < 4; which++) {
        changed = tx;
        if (which % 2)
            memcpy(which / 2 ? changed.s : changed.r, n.data, 32);
        else
            memset(which / 2 ? changed.s : changed.r, 0, 32);
        assert_int_equal(czi_eth_tx_sender(&changed, 1, sender, &err), CZ_PROOF);
        assert_non_null(strstr(err.detail, which / 2 ? "s is zero or" : "r is zero or"));
    }
}

/* EIP-2: of the two signatures that everyone can make of one, only the lower s is valid from
 * Homestead on; the other has the other parity and the same sender. */
static void the_upper_half_of_s_ends_with_homestead(void **state)
{
    CZI_AUTOBUF bytes = {0};
    CZI_AUTOBUF n = {0};
    struct czi_eth_tx tx, upper;
    uint8_t sender[20], same[20];
    cz_error err = {0};

    (void)state;
    from_hex(&n, order);
    decode(vector_named("legacy"), &bytes, &tx);
    assert_ok(czi_eth_tx_sender(&tx, NOW, sender, &err), err);
    upper = tx;
    memcpy(upper.s, n.data, 32);
    subtract(upper.s, tx.s);
    upper.y_parity ^= 1;
    assert_ok(czi_eth_tx_sender(&upper, 1149999, same, &err), err);
    assert_memory_equal(sender, same, 20);
    assert_int_equal(czi_eth_tx_sender(&upper, 1150000, same, &err), CZ_PROOF);
    assert_non_null(strstr(err.detail, "upper half"));
    upper.has_chain_id = true;
    assert_int_equal(czi_eth_tx_sender(&upper, 1, same, &err), CZ_PROOF);
}

/* ---- Transfers -------------------------------------------------------------------------- */

#define SENDER                                                                                 \
    "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"

static struct czi_eth_tx call(const struct czi_buf *input)
{
    struct czi_eth_tx tx = {.to = {.present = true}, .input = czi_buf_slice(input)};

    memset(tx.to.address, 0xcc, 20);
    return tx;
}

static bool transfer(const struct czi_eth_tx *tx, struct czi_eth_transfer *t)
{
    return czi_eth_transfer_of(tx, 3, (const uint8_t *)SENDER, t);
}

static void ether_moves_with_a_recipient_a_value_and_no_input(void **state)
{
    CZI_AUTOBUF input = {0};
    struct czi_eth_tx tx = call(&input);
    struct czi_eth_transfer t = {0};

    (void)state;
    assert_false(transfer(&tx, &t));
    tx.value[31] = 5;
    assert_true(transfer(&tx, &t));
    assert_int_equal(t.standard, CZI_ETH_NATIVE);
    assert_true(t.quantity == 5 && !t.too_large && t.tx_index == 3);
    assert_memory_equal(t.from, SENDER, 20);
    assert_memory_equal(t.to, tx.to.address, 20);
    tx.to.present = false;
    assert_false(transfer(&tx, &t));
    tx.to.present = true;
    czi_buf_put_byte(&input, 0);
    tx.input = czi_buf_slice(&input);
    assert_false(transfer(&tx, &t));
}

#define ADDRESS_WORD                                                                           \
    "000000000000000000000000"                                                                 \
    "abababababababababababababababababababab"
#define OTHER_WORD                                                                             \
    "000000000000000000000000"                                                                 \
    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
#define ZEROES "000000000000000000000000000000"
#define ONE_WORD ZEROES ZEROES "0001"

static void tokens_move_by_exactly_formed_calls(void **state)
{
    static const struct {
        const char *input;
        enum czi_eth_standard standard; /* native: none */
    } cases[] = {
        {"a9059cbb" ADDRESS_WORD ONE_WORD, CZI_ETH_ERC20_TRANSFER},
        {"23b872dd" OTHER_WORD ADDRESS_WORD ONE_WORD, CZI_ETH_ERC20_TRANSFER_FROM},
        {"a9059cbb" ADDRESS_WORD ONE_WORD "00", CZI_ETH_NATIVE},
        {"a9059cbb" ADDRESS_WORD, CZI_ETH_NATIVE},
        {"a9059cbb"
         "01"
         "0000000000000000000000"
         "abababababababababababababababababababab" ONE_WORD,
         CZI_ETH_NATIVE},
        {"23b872dd" ADDRESS_WORD ONE_WORD, CZI_ETH_NATIVE},
        {"a9059cbb" OTHER_WORD ADDRESS_WORD ONE_WORD, CZI_ETH_NATIVE},
        {"a9059cbc" ADDRESS_WORD ONE_WORD, CZI_ETH_NATIVE},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF input = {0};
        struct czi_eth_transfer t = {0};
        struct czi_eth_tx tx;

        from_hex(&input, cases[i].input);
        tx = call(&input);
        tx.value[31] = 9;
        assert_int_equal(transfer(&tx, &t), cases[i].standard != CZI_ETH_NATIVE);
        assert_int_equal(t.standard, cases[i].standard);
        if (cases[i].standard == CZI_ETH_NATIVE)
            continue;
        assert_true(t.quantity == 1);
        assert_int_equal(t.to[0], 0xab);
        assert_int_equal(t.from[0], t.standard == CZI_ETH_ERC20_TRANSFER ? 0x01 : 0xcd);
        assert_memory_equal(t.sender, SENDER, 20);
        assert_memory_equal(t.token, tx.to.address, 20);
    }
}

/* EIP-20: "Transfers of 0 values MUST be treated as normal transfers". */
static void a_token_transfer_of_nothing_is_a_transfer(void **state)
{
    CZI_AUTOBUF input = {0};
    struct czi_eth_transfer t = {0};
    struct czi_eth_tx tx;

    (void)state;
    from_hex(&input, "a9059cbb" ADDRESS_WORD
                     "0000000000000000000000000000000000000000000000000000000000000000");
    tx = call(&input);
    assert_true(transfer(&tx, &t));
    assert_int_equal(t.standard, CZI_ETH_ERC20_TRANSFER);
    assert_true(t.quantity == 0 && !t.too_large);
}

static void amounts_beyond_a_position_are_flagged(void **state)
{
    CZI_AUTOBUF input = {0};
    struct czi_eth_tx tx = call(&input);
    struct czi_eth_transfer t;

    (void)state;
    memset(tx.value + 16, 0xff, 16);
    tx.value[16] = 0x7f;
    assert_true(transfer(&tx, &t));
    assert_true(!t.too_large && t.quantity == (cz_quantity)(~(unsigned __int128)0 >> 1));
    tx.value[16] = 0x80;
    assert_true(transfer(&tx, &t));
    assert_true(t.too_large && t.quantity == 0);
    memset(tx.value, 0, 32);
    tx.value[0] = 1;
    assert_true(transfer(&tx, &t));
    assert_true(t.too_large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_become_the_canonical_bytes),
        cmocka_unit_test(hashes_and_senders_are_those_of_another_library),
        cmocka_unit_test(the_example_of_eip_155_holds),
        cmocka_unit_test(decoding_fills_the_fields_of_each_type),
        cmocka_unit_test(every_cut_and_every_extra_byte_is_refused),
        cmocka_unit_test(unknown_types_are_refused),
        cmocka_unit_test(malformed_fields_are_refused_by_name),
        cmocka_unit_test(numbers_out_of_the_group_are_refused),
        cmocka_unit_test(the_upper_half_of_s_ends_with_homestead),
        cmocka_unit_test(ether_moves_with_a_recipient_a_value_and_no_input),
        cmocka_unit_test(tokens_move_by_exactly_formed_calls),
        cmocka_unit_test(a_token_transfer_of_nothing_is_a_transfer),
        cmocka_unit_test(amounts_beyond_a_position_are_flagged),
    };

    return cmocka_run_group_tests(tests, load_vectors, drop_vectors);
}
