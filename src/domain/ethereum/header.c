/* header.c - see header.h. */
#include "domain/ethereum/header.h"

#include "codec/keccak.h"

#define ROW(name, kind, member)                                                                \
    {name, NULL, CZI_ETH_##kind, offsetof(struct czi_eth_header, member)}

static const struct czi_eth_field rows[] = {
    ROW("parentHash", HASH, parent_hash),
    ROW("sha3Uncles", HASH, uncles_hash),
    ROW("miner", ADDRESS, miner),
    ROW("stateRoot", HASH, state_root),
    ROW("transactionsRoot", HASH, transactions_root),
    ROW("receiptsRoot", HASH, receipts_root),
    ROW("logsBloom", BLOOM, logs_bloom),
    ROW("difficulty", U256, difficulty),
    ROW("number", U64, number),
    ROW("gasLimit", U64, gas_limit),
    ROW("gasUsed", U64, gas_used),
    ROW("timestamp", U64, timestamp),
    ROW("extraData", BYTES, extra_data),
    ROW("mixHash", HASH, mix_hash),
    ROW("nonce", NONCE, nonce),
    ROW("baseFeePerGas", U256, base_fee),
    ROW("withdrawalsRoot", HASH, withdrawals_root),
    ROW("blobGasUsed", U64, blob_gas_used),
    ROW("excessBlobGas", U64, excess_blob_gas),
    ROW("parentBeaconBlockRoot", HASH, parent_beacon_root),
    ROW("requestsHash", HASH, requests_hash),
};

const struct czi_eth_fields czi_eth_header_fields = {rows, CZI_COUNTOF(rows)};

static bool is_fork(size_t field_count)
{
    return (field_count >= CZI_ETH_FRONTIER_FIELDS && field_count <= CZI_ETH_SHANGHAI_FIELDS) ||
           field_count == CZI_ETH_CANCUN_FIELDS || field_count == CZI_ETH_PRAGUE_FIELDS;
}

/* How many fields the header in JSON has: forks only ever append, so the last one that is
 * there tells, and czi_eth_json_to_rlp names one that is missing before it. */
static size_t json_field_count(json_t *object)
{
    size_t n = CZI_COUNTOF(rows);

    while (n > CZI_ETH_FRONTIER_FIELDS && !json_object_get(object, rows[n - 1].name))
        n--;
    while (!is_fork(n))
        n++;
    return n;
}

int czi_eth_header_encode(json_t *object, struct czi_buf *b, cz_error *err)
{
    struct czi_eth_fields fields = {rows, json_field_count(object)};
    size_t opened = czi_rlp_open(b);
    int rc = czi_eth_json_to_rlp(&fields, object, b, err);

    if (rc != CZ_OK)
        return rc;
    czi_rlp_close(b, opened);
    return b->failed ? czi_nomem(err, "a header") : CZ_OK;
}

static size_t count_items(struct czi_rlp r)
{
    size_t n = 0;

    for (; czi_rlp_more(&r); n++)
        (void)czi_rlp_item(&r);
    return n;
}

int czi_eth_header_decode(const void *bytes, size_t len, struct czi_eth_header *ret,
                          cz_error *err)
{
    struct czi_rlp r = czi_rlp(bytes, len), inside = czi_rlp_list(&r);
    struct czi_eth_header h = {0};
    struct czi_eth_fields fields = {rows, 0};
    int rc = czi_rlp_end(&r, err);

    if (rc != CZ_OK)
        return czi_wrap(err, rc, "header");
    h.field_count = fields.count = count_items(inside);
    if (!is_fork(fields.count))
        return czi_fail(err, CZ_INVALID, "header: %zu fields, as no fork has", fields.count);
    rc = czi_eth_rlp_to_struct(&fields, &inside, &h, err);
    if (rc == CZ_OK)
        rc = czi_rlp_end(&inside, err);
    if (rc != CZ_OK)
        return czi_wrap(err, rc, "header");
    *ret = h;
    return CZ_OK;
}

void czi_eth_header_hash(const void *bytes, size_t len, uint8_t out[32])
{
    czi_keccak256(bytes, len, out);
}
