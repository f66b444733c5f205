/* tail.h - what is in the journal but not yet in the index: effect ids and frames, in memory.
 *
 * Layer: ledger. Threads: one adds; others look up between additions, under the ledger's
 * mutex; czi_tail_prefix needs no mutex while the tail is referenced, up to a count taken
 * under it.
 *
 * A tail that was loaded is cleared on the background thread and used again, so that two tails
 * alternate and a store that runs touches no fresh pages (measured: half of an insert's cost).
 *
 * Ids lie in parts of doubling capacity (16 Ki to 512 Ki), each with an open-addressing table
 * of its own at a load of at most one half. A full part is never touched again, so growing
 * copies and rehashes nothing: there is no stall, and an insert touches one line of a table
 * that it has prefetched. Ids are hashes, so their own bytes are the table's hash.
 */
#ifndef CZI_TAIL_H
#define CZI_TAIL_H

#include "ledger/segment.h"

/* So many parts hold 2^29 effects in 20 GiB: more than one tail ever should. */
#define CZI_TAIL_PARTS_MAX 1024u

struct czi_tail_part {
    cz_id *ids;
    uint32_t *slots; /* tag << 20 | index + 1; 0 is free */
    uint32_t count, capacity;
};

struct czi_tail_frame {
    uint64_t first_position, facts_before, offset;
    uint32_t position_count, fact_count, segment;
};

struct czi_tail {
    unsigned refs;           /* under the ledger's mutex */
    uint64_t first_position; /* of the first id */
    uint64_t count;          /* ids, at consecutive positions */
    uint64_t bytes;          /* of the journal that it stands for */
    struct czi_buf frames;   /* of struct czi_tail_frame */
    uint64_t capacity;       /* of all parts */
    uint32_t part_count;
    uint32_t current; /* the part that is being filled */
    struct czi_tail_part parts[CZI_TAIL_PARTS_MAX];
};

/* NULL when out of memory; one reference. */
CZI_MUST_USE struct czi_tail *czi_tail_new(uint64_t first_position);
void czi_tail_free(struct czi_tail *t);
/* Empties a tail that nobody else refers to; its memory stays. */
void czi_tail_clear(struct czi_tail *t);

/* Room for so many ids and frames, after which czi_tail_add cannot fail. */
CZI_MUST_USE bool czi_tail_reserve(struct czi_tail *t, uint64_t ids, uint64_t frames);
/* A frame and the ids of its effects, at the next positions. */
void czi_tail_add(struct czi_tail *t, const struct czi_frame *f, const cz_id *ids);

CZI_MUST_USE bool czi_tail_find(const struct czi_tail *t, const cz_id *id,
                                uint64_t *ret_position);
/* Positions of the first `count` ids that start with the prefix; *found is advanced to max. */
void czi_tail_prefix(const struct czi_tail *t, uint64_t count, const uint8_t prefix[32],
                     unsigned bits, uint64_t *positions, size_t max, size_t *found);
/* NULL when no frame here holds the position, or the fact (by number, from 0). */
const struct czi_tail_frame *czi_tail_frame_of(const struct czi_tail *t, uint64_t position);
const struct czi_tail_frame *czi_tail_frame_of_fact(const struct czi_tail *t, uint64_t fact);

bool czi_prefix_matches(const uint8_t *id, const uint8_t *prefix, unsigned bits);

#endif
