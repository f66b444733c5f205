/* fact.h - blocks and transfers as facts: made from a verified block, checked from nothing
 * but their bytes.
 *
 * Layer: domain/ethereum. Threads: pure functions. The generic tuple is src/fact/fact.h; here
 * domain is "ethereum", and the finality of an import is `seen`: a file says nothing about
 * what was built on its block.
 *
 * Header fact: kind block, event key = block hash, header null, proof = [header in RLP],
 * claim = [].
 * Transfer fact: kind transaction, event key = transaction hash and four zero bytes (the
 * transfer's number within the transaction), header = the header fact's id, proof = nodes of
 * the transactions trie, root first, claim = [transaction hash bytes, index uint, standard
 * text, sender bytes, from bytes, to bytes, token bytes | null, amount bytes: big-endian
 * without leading zeroes].
 */
#ifndef CZI_ETH_FACT_H
#define CZI_ETH_FACT_H

#include "domain/ethereum/block.h"
#include "fact/fact.h"

#define CZI_ETH_DOMAIN "ethereum"

/* transfer is NULL for the header's fact. Its bytes live until fn returns; a return other
 * than 0 ends the walk and is returned. */
typedef int (*czi_eth_fact_fn)(void *arg, const cz_id *id, struct czi_slice fact,
                               const struct czi_eth_transfer *transfer, cz_error *err);

/* The header's fact, then one for each transfer, in the order of transactions. */
CZI_MUST_USE int czi_eth_block_facts(const struct czi_eth_block *b, czi_eth_fact_fn fn,
                                     void *arg, cz_error *err);

/* Checks one fact of this domain. header: the bytes of the fact that its link names; data
 * NULL for a header's fact. Whatever does not hold is CZ_PROOF, with its own text. What
 * `trust` says is not checked: nothing in the bytes can show it. Cost: a transfer takes one
 * recovery, about 40 us. */
CZI_MUST_USE int czi_eth_fact_verify(struct czi_slice fact, struct czi_slice header,
                                     cz_error *err);

#endif
