/* header.h - block headers of every fork from Frontier to Prague.
 *
 * Layer: domain/ethereum. Threads: pure functions. Source: yellow paper, section 4.3;
 * EIP-1559 (baseFeePerGas, 16 fields), EIP-4895 (withdrawalsRoot, 17), EIP-4844 and EIP-4788
 * (blobGasUsed, excessBlobGas, parentBeaconBlockRoot, 20), EIP-7685 (requestsHash, 21).
 */
#ifndef CZI_ETH_HEADER_H
#define CZI_ETH_HEADER_H

#include "domain/ethereum/fields.h"

/* By number of fields. */
enum czi_eth_fork_fields {
    CZI_ETH_FRONTIER_FIELDS = 15,
    CZI_ETH_LONDON_FIELDS = 16,
    CZI_ETH_SHANGHAI_FIELDS = 17,
    CZI_ETH_CANCUN_FIELDS = 20,
    CZI_ETH_PRAGUE_FIELDS = 21,
};

struct czi_eth_header {
    size_t field_count; /* the rest of the fields is zero */
    uint8_t parent_hash[32], uncles_hash[32], miner[20];
    uint8_t state_root[32], transactions_root[32], receipts_root[32];
    uint8_t logs_bloom[256];
    uint8_t difficulty[32];
    uint64_t number, gas_limit, gas_used, timestamp;
    struct czi_slice extra_data;
    uint8_t mix_hash[32], nonce[8];
    uint8_t base_fee[32];
    uint8_t withdrawals_root[32];
    uint64_t blob_gas_used, excess_blob_gas;
    uint8_t parent_beacon_root[32];
    uint8_t requests_hash[32];
};

/* The names of all fields in JSON. */
extern const struct czi_eth_fields czi_eth_header_fields;

/* Appends the RLP of a header as a JSON object gives it; the fork follows from which fields
 * are there. CZ_INVALID names the field. */
CZI_MUST_USE int czi_eth_header_encode(json_t *object, struct czi_buf *b, cz_error *err);

/* Strict. extra_data points into bytes. */
CZI_MUST_USE int czi_eth_header_decode(const void *bytes, size_t len,
                                       struct czi_eth_header *ret, cz_error *err);

/* The block's hash: Keccak-256 of the header's RLP. */
void czi_eth_header_hash(const void *bytes, size_t len, uint8_t out[32]);

#endif
