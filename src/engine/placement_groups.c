/* placement_groups.c - groups from counted pairs: the pair that is most seldom apart first.
 *
 * Layer: engine. Thread: one at a time. Everything is ordered by counts, then by the order in
 * which the journal names resources, so that the same journal gives the same groups.
 *
 * A pair's closeness is the share of the effects with either of them that have both. Counting
 * together alone would put everything beside what everybody uses. A pair that was seen once
 * says nothing, unless neither was ever used otherwise.
 */
#include "engine/placement.h"

#include "base/error.h"
#include "base/limits.h"

#include <stdlib.h>

struct bond {
    uint64_t both, either;
    uint32_t a, b;
};
struct cluster {
    uint64_t uses;
    uint32_t root, size, first; /* first: its lowest number */
    uint16_t group;
};
struct work {
    const struct czi_pairs *pairs;
    struct bond *bonds;
    struct cluster *clusters;
    uint32_t *parents, *sizes, *places; /* places: of a root's cluster */
    uint32_t bond_count, cluster_count;
};

static int by_closeness(const void *pa, const void *pb)
{
    const struct bond *a = pa, *b = pb;
    uint64_t x = a->both * b->either, y = b->both * a->either;

    if (x != y)
        return x > y ? -1 : 1;
    if (a->both != b->both)
        return a->both > b->both ? -1 : 1;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return a->b < b->b ? -1 : a->b > b->b;
}

static int by_uses(const void *pa, const void *pb)
{
    const struct cluster *a = pa, *b = pb;

    if (a->uses != b->uses)
        return a->uses > b->uses ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

static uint32_t root_of(const struct work *w, uint32_t n)
{
    while (w->parents[n] != n) {
        w->parents[n] = w->parents[w->parents[n]];
        n = w->parents[n];
    }
    return n;
}

static void find_bonds(struct work *w)
{
    const struct czi_pairs *p = w->pairs;

    for (uint32_t i = 0; i < 2 * p->pairs_max; i++) {
        const struct czi_pair *x = &p->pairs[i];
        uint64_t a, b;

        if (!x->count)
            continue;
        a = CZI_MAX(p->uses[x->a], x->count);
        b = CZI_MAX(p->uses[x->b], x->count);
        if (x->count > 1 || a + b == 2)
            w->bonds[w->bond_count++] = (struct bond){x->count, a + b - x->count, x->a, x->b};
    }
    qsort(w->bonds, w->bond_count, sizeof *w->bonds, by_closeness);
}

static void join(struct work *w, uint32_t group_max)
{
    for (uint32_t i = 0; i < w->pairs->ids.count; i++) {
        w->parents[i] = i;
        w->sizes[i] = 1;
    }
    for (uint32_t i = 0; i < w->bond_count; i++) {
        uint32_t a = root_of(w, w->bonds[i].a), b = root_of(w, w->bonds[i].b);

        if (a == b || w->sizes[a] + w->sizes[b] > group_max)
            continue;
        w->parents[CZI_MAX(a, b)] = CZI_MIN(a, b);
        w->sizes[CZI_MIN(a, b)] += w->sizes[CZI_MAX(a, b)];
    }
}

/* Those with more than one, the most used first. */
static void find_clusters(struct work *w)
{
    for (uint32_t i = 0; i < w->pairs->ids.count; i++) {
        uint32_t root = root_of(w, i);

        if (w->sizes[root] < 2)
            continue;
        if (root == i) { /* the lowest number is the root */
            w->places[i] = w->cluster_count;
            w->clusters[w->cluster_count++] =
                (struct cluster){.root = i, .first = i, .size = w->sizes[i]};
        }
        w->clusters[w->places[root]].uses += w->pairs->uses[i];
    }
    qsort(w->clusters, w->cluster_count, sizeof *w->clusters, by_uses);
    for (uint32_t i = 0; i < w->cluster_count; i++)
        w->places[w->clusters[i].root] = i;
}

/* Numbers of groups; clusters share one while they have no more than `size` together. */
static uint32_t number_groups(struct work *w, uint32_t size)
{
    uint32_t group = 0, in_it = UINT32_MAX;

    for (uint32_t i = 0; i < w->cluster_count; i++) {
        if (in_it == UINT32_MAX || in_it + w->clusters[i].size > size) {
            group++;
            in_it = 0;
        }
        in_it += w->clusters[i].size;
        w->clusters[i].group = (uint16_t)CZI_MIN(group, UINT16_MAX);
        if (group > CZ_PLACEMENT_GROUPS_MAX)
            w->clusters[i].group = 0; /* the least used stay where they are */
    }
    return group;
}

static int place_all(struct work *w, struct czi_placement *ret, cz_error *err)
{
    for (uint32_t i = 0; i < w->pairs->ids.count; i++) {
        uint32_t root = root_of(w, i);
        uint16_t group = w->sizes[root] < 2 ? 0 : w->clusters[w->places[root]].group;
        int rc = group ? czi_placement_add(ret, czi_id_table_id(&w->pairs->ids, i), group, err)
                       : CZ_OK;

        if (rc)
            return rc;
    }
    return CZ_OK;
}

static int suggest(struct work *w, uint32_t group_max, struct czi_placement *ret, cz_error *err)
{
    find_bonds(w);
    join(w, group_max);
    find_clusters(w);
    /* When there are more of them than numbers, small ones share. */
    for (uint32_t size = 1;
         number_groups(w, size) > CZ_PLACEMENT_GROUPS_MAX && size < group_max;)
        size = CZI_MIN(2 * size, group_max);
    return place_all(w, ret, err);
}

int czi_placement_suggest(const struct czi_pairs *p, uint32_t group_max,
                          struct czi_placement *ret, cz_error *err)
{
    size_t n = CZI_MAX(p->ids.count, 1);
    struct work w = {.pairs = p,
                     .bonds = czi_alloc(CZI_MAX(p->pair_count, 1) * sizeof *w.bonds),
                     .clusters = czi_alloc(n * sizeof *w.clusters),
                     .parents = czi_alloc(n * sizeof *w.parents),
                     .sizes = czi_alloc(n * sizeof *w.sizes),
                     .places = czi_alloc(n * sizeof *w.places)};
    int rc = w.bonds && w.clusters && w.parents && w.sizes && w.places
                 ? suggest(&w, group_max, ret, err)
                 : czi_nomem(err, "groups");

    czi_free(w.bonds);
    czi_free(w.clusters);
    czi_free(w.parents);
    czi_free(w.sizes);
    czi_free(w.places);
    if (rc)
        czi_placement_done(ret);
    return rc;
}
