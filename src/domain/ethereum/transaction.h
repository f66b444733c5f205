/* transaction.h - transactions of all types: their canonical bytes, hash and sender.
 *
 * Layer: domain/ethereum. Threads: pure functions. Source: yellow paper, section 4.2;
 * EIP-155 (chain id in a legacy signature), EIP-2718 (typed envelope), EIP-2930 (type 1),
 * EIP-1559 (2), EIP-4844 (3; in a block, so without blobs), EIP-7702 (4); EIP-2 for the
 * bounds of signatures.
 *
 * A transaction's canonical bytes are what the transactions trie holds: the RLP list of a
 * legacy one, or the type byte and the RLP list.
 */
#ifndef CZI_ETH_TRANSACTION_H
#define CZI_ETH_TRANSACTION_H

#include "domain/ethereum/fields.h"

enum czi_eth_tx_type {
    CZI_ETH_LEGACY,
    CZI_ETH_ACCESS_LIST,
    CZI_ETH_DYNAMIC_FEE,
    CZI_ETH_BLOB,
    CZI_ETH_SET_CODE,
    CZI_ETH_TX_TYPES,
};

/* Fields that a type does not have are zero. Slices point into `bytes`. */
struct czi_eth_tx {
    enum czi_eth_tx_type type;
    struct czi_slice bytes;
    struct czi_slice signed_fields; /* the RLP before the signature */
    bool has_chain_id;              /* false: legacy without EIP-155 */
    uint64_t chain_id;
    uint64_t nonce, gas;
    uint8_t gas_price[32], max_priority_fee[32], max_fee[32], max_blob_fee[32];
    struct czi_eth_to to;
    uint8_t value[32];
    struct czi_slice input;
    struct czi_slice access_list, blob_hashes, authorisations; /* RLP */
    uint64_t v;        /* legacy: with the chain id in it; else the parity */
    unsigned y_parity; /* 0 or 1 */
    uint8_t r[32], s[32];
};

/* The fields of a type in RLP order, with their names in JSON. */
const struct czi_eth_fields *czi_eth_tx_fields(enum czi_eth_tx_type type);

/* Appends the canonical bytes of a transaction as a JSON object gives it. Members that are
 * no part of them (hash, from, blockHash, …) are not looked at. CZ_INVALID names the field. */
CZI_MUST_USE int czi_eth_tx_encode(json_t *object, struct czi_buf *b, cz_error *err);

/* Strict; the signature's parity and chain id too, but r and s only when recovering. */
CZI_MUST_USE int czi_eth_tx_decode(const void *bytes, size_t len, struct czi_eth_tx *ret,
                                   cz_error *err);

/* What names the transaction. */
void czi_eth_tx_hash(const struct czi_eth_tx *tx, uint8_t out[32]);
/* What its sender signed. */
void czi_eth_tx_signing_hash(const struct czi_eth_tx *tx, uint8_t out[32]);

/* The mainnet block from which the upper half of s is refused (EIP-2). */
#define CZI_ETH_HOMESTEAD_BLOCK 1150000u

/* The sender, recovered from the signature, as of a block's height: before Homestead a legacy
 * transaction without chain id may have s in the upper half. No other chain than mainnet has
 * such transactions, and no other kind of transaction was ever valid with it. CZ_PROOF: r or
 * s out of bounds, or no key has this signature. Cost: about 40 us. */
CZI_MUST_USE int czi_eth_tx_sender(const struct czi_eth_tx *tx, uint64_t height,
                                   uint8_t out[20], cz_error *err);

#endif
