/* transaction.c - see transaction.h. */
#include "domain/ethereum/transaction.h"

#include "codec/keccak.h"

#include <secp256k1_recovery.h>

#define ROW(name, kind, member)                                                                \
    {name, NULL, CZI_ETH_##kind, offsetof(struct czi_eth_tx, member)}
#define CHAIN_ID ROW("chainId", U64, chain_id)
#define NONCE ROW("nonce", U64, nonce)
#define GAS_PRICE ROW("gasPrice", U256, gas_price)
#define FEES                                                                                   \
    ROW("maxPriorityFeePerGas", U256, max_priority_fee), ROW("maxFeePerGas", U256, max_fee)
#define GAS ROW("gas", U64, gas)
/* Blob and set-code transactions cannot create a contract: decode refuses it. */
#define CALL ROW("to", TO, to), ROW("value", U256, value), ROW("input", BYTES, input)
#define ACCESSES ROW("accessList", ACCESSES, access_list)
#define BLOBS                                                                                  \
    ROW("maxFeePerBlobGas", U256, max_blob_fee), ROW("blobVersionedHashes", HASHES, blob_hashes)
#define AUTHORISATIONS ROW("authorizationList", AUTHORISATIONS, authorisations)
#define R_AND_S ROW("r", U256, r), ROW("s", U256, s)
#define SIGNATURE {"yParity", "v", CZI_ETH_U64, offsetof(struct czi_eth_tx, v)}, R_AND_S

/* Fields of the signature, last in every type. */
#define SIGNATURE_FIELDS 3

static const struct czi_eth_field legacy[] = {NONCE, GAS_PRICE,        GAS,
                                              CALL,  ROW("v", U64, v), R_AND_S};
static const struct czi_eth_field access_list[] = {CHAIN_ID, NONCE,    GAS_PRICE, GAS,
                                                   CALL,     ACCESSES, SIGNATURE};
static const struct czi_eth_field dynamic_fee[] = {CHAIN_ID, NONCE,    FEES,     GAS,
                                                   CALL,     ACCESSES, SIGNATURE};
static const struct czi_eth_field blob[] = {CHAIN_ID, NONCE,    FEES,  GAS,
                                            CALL,     ACCESSES, BLOBS, SIGNATURE};
static const struct czi_eth_field set_code[] = {CHAIN_ID, NONCE,    FEES,           GAS,
                                                CALL,     ACCESSES, AUTHORISATIONS, SIGNATURE};

static const struct czi_eth_fields types[CZI_ETH_TX_TYPES] = {
    [CZI_ETH_LEGACY] = {legacy, CZI_COUNTOF(legacy)},
    [CZI_ETH_ACCESS_LIST] = {access_list, CZI_COUNTOF(access_list)},
    [CZI_ETH_DYNAMIC_FEE] = {dynamic_fee, CZI_COUNTOF(dynamic_fee)},
    [CZI_ETH_BLOB] = {blob, CZI_COUNTOF(blob)},
    [CZI_ETH_SET_CODE] = {set_code, CZI_COUNTOF(set_code)},
};

const struct czi_eth_fields *czi_eth_tx_fields(enum czi_eth_tx_type type)
{
    return &types[type];
}

int czi_eth_tx_encode(json_t *object, struct czi_buf *b, cz_error *err)
{
    json_t *value = NULL;
    uint64_t type = 0;
    size_t opened;
    int rc = czi_eth_json_get(object, "type", NULL, &value, err);

    if (rc != CZ_OK)
        return rc;
    if (!czi_eth_json_u64(value, &type) || type >= CZI_ETH_TX_TYPES)
        return czi_fail(err, CZ_INVALID, "type is none of 0x0 to 0x%x", CZI_ETH_TX_TYPES - 1u);
    if (type != CZI_ETH_LEGACY)
        czi_buf_put_byte(b, (uint8_t)type);
    opened = czi_rlp_open(b);
    rc = czi_eth_json_to_rlp(&types[type], object, b, err);
    if (rc != CZ_OK)
        return rc;
    czi_rlp_close(b, opened);
    return b->failed ? czi_nomem(err, "a transaction") : CZ_OK;
}

/* ---- Decoding ------------------------------------------------------------------------- */

/* Splits v into parity and, for a legacy transaction under EIP-155, chain id. */
static int read_v(struct czi_eth_tx *tx, cz_error *err)
{
    tx->has_chain_id = tx->type != CZI_ETH_LEGACY || tx->v >= 35;
    if (tx->type == CZI_ETH_LEGACY && tx->v >= 35) {
        tx->chain_id = (tx->v - 35) / 2;
        tx->y_parity = (tx->v - 35) % 2;
        return CZ_OK;
    }
    if (tx->type == CZI_ETH_LEGACY && (tx->v < 27 || tx->v > 28))
        return czi_fail(err, CZ_INVALID, "v is neither 27, 28 nor a chain id's (EIP-155)");
    if (tx->type != CZI_ETH_LEGACY && tx->v > 1)
        return czi_fail(err, CZ_INVALID, "yParity is neither 0 nor 1");
    tx->y_parity = (unsigned)(tx->type == CZI_ETH_LEGACY ? tx->v - 27 : tx->v);
    return CZ_OK;
}

static int decode_fields(struct czi_eth_tx *tx, struct czi_rlp *r, cz_error *err)
{
    const struct czi_eth_fields *all = &types[tx->type];
    struct czi_eth_fields fields = {all->row, all->count - SIGNATURE_FIELDS};
    const uint8_t *begin = r->at;
    int rc = czi_eth_rlp_to_struct(&fields, r, tx, err);

    if (rc != CZ_OK)
        return rc;
    tx->signed_fields = (struct czi_slice){begin, (size_t)(r->at - begin)};
    fields = (struct czi_eth_fields){all->row + fields.count, SIGNATURE_FIELDS};
    rc = czi_eth_rlp_to_struct(&fields, r, tx, err);
    if (rc == CZ_OK)
        rc = czi_rlp_end(r, err);
    if (rc == CZ_OK && !tx->to.present &&
        (tx->type == CZI_ETH_BLOB || tx->type == CZI_ETH_SET_CODE))
        rc = czi_fail(err, CZ_INVALID, "to is missing, and this type cannot create a contract");
    return rc == CZ_OK ? read_v(tx, err) : rc;
}

int czi_eth_tx_decode(const void *bytes, size_t len, struct czi_eth_tx *ret, cz_error *err)
{
    const uint8_t *first = bytes;
    struct czi_eth_tx tx = {.type = CZI_ETH_LEGACY, .bytes = {bytes, len}};
    struct czi_rlp r = czi_rlp(bytes, len), inside;
    int rc;

    if (len && first[0] < 0xc0) {
        if (first[0] == 0 || first[0] >= CZI_ETH_TX_TYPES)
            return czi_fail(err, CZ_INVALID, "transaction: unknown type 0x%02x", first[0]);
        tx.type = (enum czi_eth_tx_type)first[0];
        r.at++;
    }
    inside = czi_rlp_list(&r);
    rc = czi_rlp_end(&r, err);
    if (rc == CZ_OK)
        rc = decode_fields(&tx, &inside, err);
    if (rc != CZ_OK)
        return czi_wrap(err, rc, "transaction");
    *ret = tx;
    return CZ_OK;
}

/* ---- Hashes and sender ---------------------------------------------------------------- */

void czi_eth_tx_hash(const struct czi_eth_tx *tx, uint8_t out[32])
{
    czi_keccak256(tx->bytes.data, tx->bytes.len, out);
}

void czi_eth_tx_signing_hash(const struct czi_eth_tx *tx, uint8_t out[32])
{
    uint8_t type = (uint8_t)tx->type, head[CZI_RLP_HEAD_SIZE_MAX];
    /* EIP-155: the chain id and two zeroes stand where the signature will. */
    uint8_t tail[CZI_RLP_HEAD_SIZE_MAX + 2];
    size_t tail_len = 0;
    struct czi_keccak k;

    czi_keccak_init(&k);
    if (tx->type != CZI_ETH_LEGACY)
        czi_keccak_update(&k, &type, 1);
    else if (tx->has_chain_id) {
        tail_len = czi_rlp_write_u64(tail, tx->chain_id);
        tail[tail_len++] = 0x80;
        tail[tail_len++] = 0x80;
    }
    czi_keccak_update(&k, head,
                      czi_rlp_write_list_head(head, tx->signed_fields.len + tail_len));
    czi_keccak_update(&k, tx->signed_fields.data, tx->signed_fields.len);
    czi_keccak_update(&k, tail, tail_len);
    czi_keccak_final(&k, out);
}

/* Order of the secp256k1 group, and half of it (SEC 2, section 2.4.1). */
static const uint8_t group_order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                        0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                        0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
static const uint8_t half_order[32] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d,
                                       0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};

static int check_signature(const struct czi_eth_tx *tx, uint64_t height, cz_error *err)
{
    static const uint8_t zero[32];
    bool high_s = height < CZI_ETH_HOMESTEAD_BLOCK && !tx->has_chain_id;

    if (!memcmp(tx->r, zero, 32) || memcmp(tx->r, group_order, 32) >= 0)
        return czi_fail(err, CZ_PROOF, "signature: r is zero or not below the group's order");
    if (!memcmp(tx->s, zero, 32) || memcmp(tx->s, group_order, 32) >= 0)
        return czi_fail(err, CZ_PROOF, "signature: s is zero or not below the group's order");
    if (!high_s && memcmp(tx->s, half_order, 32) > 0)
        return czi_fail(err, CZ_PROOF, "signature: s is in the upper half (EIP-2)");
    return CZ_OK;
}

int czi_eth_tx_sender(const struct czi_eth_tx *tx, uint64_t height, uint8_t out[20],
                      cz_error *err)
{
    const secp256k1_context *ctx = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey key;
    uint8_t compact[64], message[32], point[65], hash[32];
    size_t point_len = sizeof point;
    int rc = check_signature(tx, height, err);

    if (rc != CZ_OK)
        return rc;
    czi_eth_tx_signing_hash(tx, message);
    memcpy(compact, tx->r, 32);
    memcpy(compact + 32, tx->s, 32);
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &signature, compact,
                                                             (int)tx->y_parity) ||
        !secp256k1_ecdsa_recover(ctx, &key, &signature, message))
        return czi_fail(err, CZ_PROOF, "signature: no key has this signature");
    (void)secp256k1_ec_pubkey_serialize(ctx, point, &point_len, &key,
                                        SECP256K1_EC_UNCOMPRESSED);
    czi_keccak256(point + 1, sizeof point - 1, hash);
    memcpy(out, hash + 12, 20);
    return CZ_OK;
}
