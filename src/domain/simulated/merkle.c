/* merkle.c - see merkle.h. */
#include "domain/simulated/merkle.h"

#include "codec/blake3.h"

#define NODE_PREFIX 1 /* of a leaf: 0, see format.c */

static void join(const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
    uint8_t node[65] = {NODE_PREFIX};

    memcpy(node + 1, left, 32);
    memcpy(node + 33, right, 32);
    czi_blake3(node, sizeof node, out);
}

size_t czi_sim_tree_nodes(size_t leaves)
{
    size_t n = leaves;

    while (leaves > 1) {
        leaves = (leaves + 1) / 2;
        n += leaves;
    }
    return n;
}

void czi_sim_tree_complete(struct czi_sim_tree *t)
{
    uint8_t(*level)[32] = t->nodes;

    for (size_t count = t->leaves; count > 1; count = (count + 1) / 2) {
        uint8_t(*above)[32] = level + count;

        for (size_t i = 0; i + 1 < count; i += 2)
            join(level[i], level[i + 1], above[i / 2]);
        if (count % 2)
            memcpy(above[count / 2], level[count - 1], 32);
        level = above;
    }
}

void czi_sim_tree_root(const struct czi_sim_tree *t, uint8_t out[32])
{
    if (t->leaves)
        memcpy(out, t->nodes[czi_sim_tree_nodes(t->leaves) - 1], 32);
    else
        czi_blake3(NULL, 0, out);
}

size_t czi_sim_tree_path(const struct czi_sim_tree *t, size_t leaf,
                         uint8_t out[CZI_SIM_PATH_SIZE_MAX])
{
    const uint8_t(*level)[32] = (const uint8_t(*)[32])t->nodes;
    uint8_t *p = out;

    for (size_t count = t->leaves; count > 1; count = (count + 1) / 2) {
        size_t beside = leaf ^ 1;

        if (beside < count) {
            *p = beside > leaf;
            memcpy(p + 1, level[beside], 32);
            p += CZI_SIM_STEP_SIZE;
        }
        level += count;
        leaf /= 2;
    }
    return (size_t)(p - out);
}

bool czi_sim_path_root(const uint8_t leaf[32], struct czi_slice path, uint8_t out[32])
{
    const uint8_t *p = path.data;

    if (path.len % CZI_SIM_STEP_SIZE || path.len > CZI_SIM_PATH_SIZE_MAX)
        return false;
    memcpy(out, leaf, 32);
    for (size_t i = 0; i < path.len / CZI_SIM_STEP_SIZE; i++, p += CZI_SIM_STEP_SIZE) {
        uint8_t below[32];

        if (*p > 1)
            return false;
        memcpy(below, out, sizeof below);
        join(*p ? below : p + 1, *p ? p + 1 : below, out);
    }
    return true;
}
