/* block.h - a block as eth_getBlockByNumber(n, true) gives it, read and verified.
 *
 * Layer: domain/ethereum. Threads: one call uses up to `threads` threads for the recovery of
 * senders; a verified block does not change and may be read from any thread.
 *
 * Verified is everything that a hash covers or that can be computed: the header's hash, the
 * roots of transactions and withdrawals, each transaction's hash and sender, and each member
 * that repeats or derives something (blockHash, transactionIndex, gasPrice, v, size, …). A
 * member that is not known is refused, so that nothing unverified passes by. Each value has
 * one text (fields.h). The few members that nothing can verify are in czi_eth_unproven; they
 * are checked for form only, and never recorded.
 */
#ifndef CZI_ETH_BLOCK_H
#define CZI_ETH_BLOCK_H

#include "domain/ethereum/header.h"
#include "domain/ethereum/transaction.h"
#include "domain/ethereum/transfer.h"
#include "domain/ethereum/trie.h"

struct czi_eth_block_options {
    const uint8_t *trust; /* 32 bytes: the hash that the block must have; NULL: any */
    unsigned threads;     /* 0: as many as there are processors */
    /* Called now and then on the calling thread; may be NULL. */
    void (*progress)(void *arg, size_t done, size_t total);
    void *arg;
};

struct czi_eth_block {
    struct czi_eth_header header;
    uint8_t hash[32];
    bool pinned; /* the hash was given by the caller */
    size_t tx_count;
    struct czi_eth_tx *txs;
    uint8_t (*senders)[20];
    struct czi_trie *tx_trie; /* keys: RLP of the index */
    /* What the slices above point into. */
    struct czi_buf header_rlp, tx_bytes;
};

/* json: the block, or the JSON-RPC answer that has it as `result`. CZ_INVALID: malformed or
 * unknown; CZ_PROOF: something is not what it says; both name the block, the transaction and
 * the member. CZ_LIMIT, CZ_NOMEM. */
CZI_MUST_USE int czi_eth_block_verify(const char *json, size_t len,
                                      const struct czi_eth_block_options *options,
                                      struct czi_eth_block **ret, cz_error *err);
void czi_eth_block_free(struct czi_eth_block *b); /* NULL: no-op */

/* The next transfer from *at on, in the order of transactions; *at goes behind it. Begin with
 * 0; false at the end. */
CZI_MUST_USE bool czi_eth_block_next_transfer(const struct czi_eth_block *b, size_t *at,
                                              struct czi_eth_transfer *ret);

/* The members that cannot be verified, and why. */
struct czi_eth_unproven {
    const char *name, *reason;
};
extern const struct czi_eth_unproven czi_eth_unproven[];
extern const size_t czi_eth_unproven_count;

#endif
