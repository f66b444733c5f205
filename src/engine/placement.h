/* placement.h - which resources lie together: groups, where they are kept, and how the journal
 * suggests them (docs/adr/0031).
 *
 * Layer: engine. Thread: a placement is read by the engine's; making one belongs to one thread.
 * Results never depend on it (R1): a group is part of the keys of the index, and through the
 * order in which those are read, of the order of slots in memory. Neither is seen by an effect.
 *
 * The file PLACEMENT of a store says the groups, the index is written by them and names the
 * file's hash. Where the two differ the index is made again, so that the file alone decides.
 */
#ifndef CZI_PLACEMENT_H
#define CZI_PLACEMENT_H

#include "base/id_table.h"
#include "ledger/ledger.h"

struct czi_core;

/* ---- What is (placement_file.c) ------------------------------------------------------------
 */

struct czi_placement {
    struct czi_id_table ids; /* of resources in a group other than 0 */
    uint16_t *groups;        /* by their number */
    uint32_t room;
    uint8_t hash[32]; /* of the file; zero: there is none */
};

CZI_MUST_USE int czi_placement_add(struct czi_placement *p, const cz_id *id, uint16_t group,
                                   cz_error *err);
void czi_placement_done(struct czi_placement *p); /* of all zero: no-op */
void czi_placement_free(struct czi_placement *p); /* and done; NULL: no-op */
/* 0 when it is in none; p may be NULL. */
static inline uint16_t czi_placement_group(const struct czi_placement *p, const void *id)
{
    uint32_t n = p ? czi_id_table_find(&p->ids, id) : CZI_ID_NONE;

    return n == CZI_ID_NONE ? 0 : p->groups[n];
}

/* Into an empty one. A store without the file has no groups. CZ_CORRUPT. */
CZI_MUST_USE int czi_placement_read(struct czi_fs *fs, struct czi_placement *ret,
                                    cz_error *err);
/* Replaces the file: after a crash it is the old one or the new one. */
CZI_MUST_USE int czi_placement_write(struct czi_fs *fs, const struct czi_placement *p,
                                     cz_error *err);

/* czi_ledger_open with what its store says of groups, which core keeps. An index that was
 * written by others is thrown away first. */
CZI_MUST_USE int czi_placement_open(const struct czi_ledger_options *options,
                                    struct czi_core *core, struct czi_ledger **ret,
                                    cz_error *err);

/* ---- What the journal suggests (placement_pairs.c, placement_groups.c) ---------------------
 */

/* How often resources were used, alone and with each other. Bounded: when there are too many,
 * all counts are halved and what is 0 is forgotten. */
struct czi_pair {
    uint32_t a, b; /* numbers, a < b */
    uint32_t count;
};
struct czi_pairs {
    struct czi_id_table ids;
    uint32_t *uses;         /* by number */
    struct czi_pair *pairs; /* a hash table; count 0: free */
    uint32_t pair_count, pairs_max, resources_max;
};
/* The bounds are those of limits.h unless smaller ones are given (tests); 0: those. */
CZI_MUST_USE int czi_pairs_init(struct czi_pairs *p, uint32_t pairs_max, uint32_t resources_max,
                                cz_error *err);
void czi_pairs_done(struct czi_pairs *p); /* of all zero: no-op */
/* One effect that used these, none twice. */
CZI_MUST_USE int czi_pairs_note(struct czi_pairs *p, const uint8_t *const *ids, unsigned count,
                                cz_error *err);

/* Groups of 2 to group_max: the resources that are most seldom apart first, which is the share
 * of the effects with either of them that have both. Into an empty placement. */
CZI_MUST_USE int czi_placement_suggest(const struct czi_pairs *p, uint32_t group_max,
                                       struct czi_placement *ret, cz_error *err);

#endif
