/* placement_pairs.c - which resources were used together, counted in bounded memory.
 *
 * Layer: engine. Thread: one at a time.
 */
#include "engine/placement.h"

#include "base/error.h"
#include "base/limits.h"

/* Of an effect with more accesses only neighbours count: they join it all the same. */
#define ALL_PAIRS_MAX 16u

int czi_pairs_init(struct czi_pairs *p, uint32_t pairs_max, uint32_t resources_max,
                   cz_error *err)
{
    *p = (struct czi_pairs){.pairs_max = pairs_max ? pairs_max : CZI_PLACEMENT_PAIRS_MAX,
                            .resources_max =
                                resources_max ? resources_max : CZI_PLACEMENT_RESOURCES_MAX};
    CZI_CHECK((p->pairs_max & (p->pairs_max - 1)) == 0);
    p->pairs = czi_alloc_zero(2 * (size_t)p->pairs_max, sizeof *p->pairs);
    p->uses = czi_alloc_zero(p->resources_max, sizeof *p->uses);
    if (p->pairs && p->uses)
        return CZ_OK;
    czi_pairs_done(p);
    return czi_nomem(err, "counting pairs");
}

void czi_pairs_done(struct czi_pairs *p)
{
    czi_id_table_done(&p->ids);
    czi_free(p->pairs);
    czi_free(p->uses);
    *p = (struct czi_pairs){0};
}

/* Where a pair is or would be: there are twice as many places as pairs. */
static struct czi_pair *find_pair(const struct czi_pairs *p, uint32_t a, uint32_t b)
{
    uint32_t mask = 2 * p->pairs_max - 1;
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;

    for (uint32_t i = (uint32_t)(h >> 32) & mask;; i = (i + 1) & mask) {
        struct czi_pair *x = &p->pairs[i];

        if (!x->count || (x->a == a && x->b == b))
            return x;
    }
}

/* ---- Forgetting
 * ------------------------------------------------------------------------------
 */

/* Halves all counts, keeps what is left in front, and returns how many that are. */
static uint32_t halve(struct czi_pairs *p)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < 2 * p->pairs_max; i++) {
        struct czi_pair x = p->pairs[i];

        x.count /= 2;
        p->pairs[i].count = 0;
        if (x.count)
            p->pairs[kept++] = x;
    }
    for (uint32_t i = 0; i < p->ids.count; i++)
        p->uses[i] /= 2;
    return kept;
}

/* The number of a resource in the new table. */
static uint32_t renumber(const struct czi_pairs *p, struct czi_id_table *ids, uint32_t *uses,
                         uint32_t old)
{
    const cz_id *id = czi_id_table_id(&p->ids, old);
    uint32_t n = czi_id_table_find(ids, id);

    if (n == CZI_ID_NONE)
        n = czi_id_table_insert(ids, id);
    if (n != CZI_ID_NONE)
        uses[n] = p->uses[old];
    return n;
}

/* Resources that are in none of the pairs any more are forgotten too. */
static int forget(struct czi_pairs *p, cz_error *err)
{
    uint32_t kept = halve(p);
    struct czi_pair *pairs = czi_alloc((size_t)CZI_MAX(kept, 1) * sizeof *pairs);
    uint32_t *uses = czi_alloc_zero(p->resources_max, sizeof *uses);
    struct czi_id_table ids = {0};
    bool failed = !pairs || !uses;

    for (uint32_t i = 0; i < kept && !failed; i++) {
        uint32_t a = renumber(p, &ids, uses, p->pairs[i].a),
                 b = renumber(p, &ids, uses, p->pairs[i].b);

        failed = a == CZI_ID_NONE || b == CZI_ID_NONE;
        pairs[i] = (struct czi_pair){CZI_MIN(a, b), CZI_MAX(a, b), p->pairs[i].count};
    }
    memset(p->pairs, 0, (size_t)kept * sizeof *p->pairs);
    for (uint32_t i = 0; i < kept && !failed; i++)
        *find_pair(p, pairs[i].a, pairs[i].b) = pairs[i];
    czi_free(pairs);
    if (failed) {
        czi_id_table_done(&ids);
        czi_free(uses);
        return czi_nomem(err, "counting pairs");
    }
    czi_id_table_done(&p->ids);
    czi_free(p->uses);
    p->ids = ids;
    p->uses = uses;
    p->pair_count = kept;
    return CZ_OK;
}

/* ---- Counting ------------------------------------------------------------------------------
 */

static void count_pair(struct czi_pairs *p, uint32_t a, uint32_t b)
{
    struct czi_pair *x = find_pair(p, CZI_MIN(a, b), CZI_MAX(a, b));

    if (!x->count) {
        x->a = CZI_MIN(a, b);
        x->b = CZI_MAX(a, b);
        p->pair_count++;
    }
    x->count += x->count != UINT32_MAX;
}

int czi_pairs_note(struct czi_pairs *p, const uint8_t *const *ids, unsigned count,
                   cz_error *err)
{
    bool all = count <= ALL_PAIRS_MAX;
    uint32_t numbers[CZI_ACCESSES_MAX], fresh = all ? count * (count - (count > 0)) / 2 : count;
    int rc;

    CZI_CHECK(count <= CZI_ACCESSES_MAX);
    while (p->pair_count + fresh > p->pairs_max || p->ids.count + count > p->resources_max) {
        rc = forget(p, err);
        if (rc)
            return rc;
    }
    for (unsigned i = 0; i < count; i++) {
        cz_id id;

        memcpy(&id, ids[i], sizeof id);
        numbers[i] = czi_id_table_find(&p->ids, &id);
        if (numbers[i] == CZI_ID_NONE) {
            numbers[i] = czi_id_table_insert(&p->ids, &id);
            if (numbers[i] == CZI_ID_NONE)
                return czi_nomem(err, "counting pairs");
            p->uses[numbers[i]] = 0;
        }
        p->uses[numbers[i]] += p->uses[numbers[i]] != UINT32_MAX;
    }
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = i + 1; k < (all ? count : CZI_MIN(i + 2, count)); k++)
            count_pair(p, numbers[i], numbers[k]);
    return CZ_OK;
}
