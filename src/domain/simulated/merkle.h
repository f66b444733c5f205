/* merkle.h - the binary Merkle tree of the simulated chain, and paths in it.
 *
 * Layer: domain/simulated. Threads: a tree does not change once built. Source of the shape: RFC
 * 6962, section 2.1 (each level pairs neighbours, an odd last one goes up as it is; leaves and
 * nodes are hashed apart), with BLAKE3. A path names the side of each neighbour, so that every
 * one of its bytes counts.
 */
#ifndef CZI_SIM_MERKLE_H
#define CZI_SIM_MERKLE_H

#include "base/bytes.h"
#include "base/error.h"

/* A side, 0 left or 1 right, and the neighbour's hash. */
#define CZI_SIM_STEP_SIZE 33
#define CZI_SIM_STEPS_MAX 64
#define CZI_SIM_PATH_SIZE_MAX (CZI_SIM_STEP_SIZE * CZI_SIM_STEPS_MAX)

struct czi_sim_tree {
    size_t leaves;
    uint8_t (*nodes)[32]; /* level by level, leaves first; the root is last */
};

/* How many hashes a tree of so many leaves has. */
size_t czi_sim_tree_nodes(size_t leaves);
/* Completes a tree whose nodes begin with its leaves. */
void czi_sim_tree_complete(struct czi_sim_tree *t);
/* Of an empty tree: the hash of nothing. */
void czi_sim_tree_root(const struct czi_sim_tree *t, uint8_t out[32]);
/* The way up from a leaf; returns the length. */
size_t czi_sim_tree_path(const struct czi_sim_tree *t, size_t leaf,
                         uint8_t out[CZI_SIM_PATH_SIZE_MAX]);

/* What root a path leads to. False: it is malformed. */
CZI_MUST_USE bool czi_sim_path_root(const uint8_t leaf[32], struct czi_slice path,
                                    uint8_t out[32]);

#endif
