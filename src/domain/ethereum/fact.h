/* fact.h - blocks and transfers as facts: made from a verified block; the adapter
 * czi_adapter_ethereum (domain/domain.h) checks them from nothing but their bytes.
 *
 * Layer: domain/ethereum. Threads: pure functions. The generic tuple is src/fact/fact.h, the
 * formats are in docs/reference/domains.md. The domain of an import is "ethereum"; the finality
 * is `seen`: a file says nothing about what was built on its block.
 *
 * A block's fact: event key = block hash, proof = [header in RLP], claim = [parent hash,
 * transactions root, receipts root, state root].
 * A transfer's: kind transaction, event key = transaction hash and four zero bytes (the
 * transfer's number within the transaction), proof = nodes of the transactions trie, root
 * first, claim = [transaction hash bytes, index uint, standard text, sender bytes, from bytes,
 * to bytes, token bytes | null, amount bytes: big-endian without leading zeroes].
 */
#ifndef CZI_ETH_FACT_H
#define CZI_ETH_FACT_H

#include "domain/ethereum/block.h"
#include "fact/fact.h"

#define CZI_ETH_DOMAIN "ethereum"

/* transfer is NULL for the block's fact. Its bytes live until fn returns; a return other
 * than 0 ends the walk and is returned. */
typedef int (*czi_eth_fact_fn)(void *arg, const cz_id *id, struct czi_slice fact,
                               const struct czi_eth_transfer *transfer, cz_error *err);

/* The block's fact, then one for each transfer, in the order of transactions. */
CZI_MUST_USE int czi_eth_block_facts(const struct czi_eth_block *b, czi_eth_fact_fn fn,
                                     void *arg, cz_error *err);

#endif
