/* trie.h - the Merkle-Patricia trie: root of a set of keys and values, proofs of inclusion
 * and of exclusion, made and verified.
 *
 * Layer: domain/ethereum. Threads: a trie does not change once built and may be read from
 * any thread. Source: Ethereum yellow paper, appendix D. Keys go in as they are: for a
 * "secure" trie the caller hashes them.
 *
 * A trie is built from its final set of entries; nothing is inserted or deleted later, since
 * a block's transactions and withdrawals are known all at once.
 */
#ifndef CZI_ETH_TRIE_H
#define CZI_ETH_TRIE_H

#include "base/bytes.h"
#include "base/error.h"

/* Hashes (state and storage) and RLP of indexes (transactions, receipts, withdrawals). */
#define CZI_TRIE_KEY_SIZE_MAX 32

/* One node a nibble and one for the end. */
#define CZI_TRIE_PROOF_MAX (2 * CZI_TRIE_KEY_SIZE_MAX + 1)

struct czi_trie_entry {
    struct czi_slice key, value;
};

struct czi_trie;

/* Entries in any order, keys different, values not empty. Keys are copied; values must
 * outlive the trie. CZ_INVALID, CZ_LIMIT, CZ_NOMEM. Cost: one Keccak a node. */
CZI_MUST_USE int czi_trie_build(const struct czi_trie_entry *entries, size_t count,
                                struct czi_trie **ret, cz_error *err);
void czi_trie_free(struct czi_trie *t); /* NULL: no-op */
void czi_trie_root(const struct czi_trie *t, uint8_t out[32]);

/* The nodes on the way to a key, root first. Those that lie inside their parent (shorter than
 * 32 bytes) are not repeated. */
struct czi_trie_proof {
    size_t count;
    struct czi_slice nodes[CZI_TRIE_PROOF_MAX];
};

/* The proof that the key is in the trie, or that it is not. Nodes belong to the trie. An
 * empty trie's proof has no nodes. */
void czi_trie_prove(const struct czi_trie *t, struct czi_slice key, struct czi_trie_proof *ret);

/* Follows the key through the nodes from the root's hash. On CZ_OK ret_value is the value
 * (within nodes), or has NULL data when the proof shows that there is none. CZ_PROOF: a node
 * has another hash than its parent says, is not well formed, is missing, or is not needed. */
CZI_MUST_USE int czi_trie_verify(const uint8_t root[32], struct czi_slice key,
                                 const struct czi_slice *nodes, size_t count,
                                 struct czi_slice *ret_value, cz_error *err);

#endif
