/* causal_index.h - what the files of the causal index share; see causal.h.
 *
 * Layer: timemap, private to causal*.c.
 *
 * Everything that grows is a pile: an array in chunks that never move. Marks of 32 bits stand
 * for events, hubs, anchors and units. Invariants:
 *  1. A link goes from a lower to a higher number. Lists of successors ascend.
 *  2. Hubs are numbered from 1 in the order of their events, so of two hubs the one with the
 *     lower number is never in the future of the other. up = the newest hub in the past of an
 *     event (itself included), 0: none. It is exact.
 *  3. down = the oldest hub in its future (itself included). CZI_NONE: that is none of those
 *     whose walk is complete (all below walk.hub). What is there is exact.
 *  4. Hubs of one generation are a path: each reaches the next.
 *  5. level = 1 + the highest level of the predecessors; without any 0. The predecessor with
 * the highest level is the parent; anchors are the events whose level is a multiple of
 *     CZI_ANCHOR_STEP; anchor = the nearest on the path to the root (itself included).
 */
#ifndef CZI_CAUSAL_INDEX_H
#define CZI_CAUSAL_INDEX_H

#include "base/alloc.h"
#include "base/limits.h"
#include "timemap/causal.h"

#define CZI_NONE UINT32_MAX
#define CZI_MORE 0x80000000u /* in pred[1], succ[1]: a unit's number, and not an event's */

#define CZI_BLOCK_SHIFT 13u /* 256 KiB: about half a millisecond of page faults at once */
#define CZI_BLOCK (1u << CZI_BLOCK_SHIFT)
#define CZI_ANCHOR_STEP 64u

/* 32 bytes: two to a cache line, and all that a search reads of an event is in one. */
struct czi_node {
    uint32_t pred[2]; /* the two lowest; more than two: the lowest, CZI_MORE | unit */
    uint32_t succ[2]; /* the two lowest; more than two: the lowest, CZI_MORE | last unit */
    uint32_t up, down;
    uint32_t level;
    uint32_t anchor;
};

struct czi_block {
    struct czi_node node[CZI_BLOCK];
    uint64_t mark[CZI_BLOCK / 64]; /* of a sweep; zero otherwise */
};

/* For successors: three and the number of the next unit, the last one's being the first. For
 * predecessors: their number, then all but the lowest, in as many units as that takes. */
struct czi_unit {
    uint32_t word[4];
};

struct czi_anchor {
    uint32_t event, parent, jump, depth;
};

/* Hubs from `start` on, up to the next generation, are one path; `link` is a hub of an earlier
 * generation that reaches `start`, 0: none. */
struct czi_generation {
    uint32_t start, link;
};

struct czi_pile {
    uint8_t **chunk;
    uint32_t chunk_count, chunk_room;
    uint32_t count;
};

/* An event that a search has visited. */
struct czi_visit {
    uint32_t event; /* CZI_MORE: from b's side */
    uint32_t next;  /* in the list of its slab */
    uint32_t at;    /* how far its links were followed */
};

struct czi_slot {
    uint32_t event, tag; /* tag: the search's number, and the side in the lowest bit */
};

/* Visited events of one search, and half the slots of its table. */
#define CZI_VISITS_MAX 32768u

struct czi_search {
    struct czi_visit *visit;
    struct czi_slot *slot;
    uint32_t count, bits, tag;
};

#define CZI_WALK_RING 64u

/* Gives down to the ancestors of hub `hub` that have none. Those whose predecessors are still
 * to be looked at are in the ring, and when that is full on the stack. */
struct czi_walk {
    uint32_t hub; /* all below are done */
    uint32_t head, tail;
    uint32_t ring[CZI_WALK_RING];
    uint32_t at; /* predecessors of ring[head] that were looked at */
    bool begun;  /* the hub itself was put into the ring */
    struct czi_pile stack;
};

struct czi_causal {
    struct czi_pile blocks, units, anchors, groups, hubs, generations;
    uint32_t count;
    /* The chain, and a rival that takes its place when it grows faster. */
    uint32_t tip, rival;
    uint32_t tip_gain, rival_gain, epoch;
    bool fresh; /* the next hub begins a generation */
    struct czi_walk walk;
    struct czi_search search;
    uint32_t *scratch;
    uint32_t scratch_room;
    uint64_t steps;
};

/* ---- Piles ------------------------------------------------------------------------------- */

/* Room for `more` elements after the count-th, in chunks of 1 << shift elements and so many
 * bytes.
 */
CZI_MUST_USE bool czi_pile_grow(struct czi_pile *p, uint32_t more, uint32_t shift,
                                size_t bytes);
void czi_pile_done(struct czi_pile *p);

#define CZI_PILE_SHIFT 12u

#define CZI_PILE_OF(type, name, field)                                                         \
    static inline type *name(const struct czi_causal *c, uint32_t i)                           \
    {                                                                                          \
        return (type *)(void *)c->field.chunk[i >> CZI_PILE_SHIFT] +                           \
               (i & ((1u << CZI_PILE_SHIFT) - 1));                                             \
    }

CZI_PILE_OF(struct czi_unit, czi_causal_unit, units)
CZI_PILE_OF(struct czi_anchor, czi_causal_anchor, anchors)
CZI_PILE_OF(uint32_t, czi_causal_group, groups)
CZI_PILE_OF(uint32_t, czi_causal_hub, hubs)
CZI_PILE_OF(struct czi_generation, czi_causal_generation, generations)

static inline struct czi_block *czi_causal_block(const struct czi_causal *c, uint32_t event)
{
    return (struct czi_block *)(void *)c->blocks.chunk[event >> CZI_BLOCK_SHIFT];
}

static inline struct czi_node *czi_causal_node(const struct czi_causal *c, uint32_t event)
{
    return &czi_causal_block(c, event)->node[event & (CZI_BLOCK - 1)];
}

/* ---- Links ------------------------------------------------------------------------------- */

static inline uint32_t czi_causal_pred_count(const struct czi_causal *c,
                                             const struct czi_node *n)
{
    if (n->pred[1] == CZI_NONE)
        return n->pred[0] != CZI_NONE;
    return n->pred[1] & CZI_MORE ? czi_causal_unit(c, n->pred[1] ^ CZI_MORE)->word[0] : 2;
}

/* i below the count. */
static inline uint32_t czi_causal_pred(const struct czi_causal *c, const struct czi_node *n,
                                       uint32_t i)
{
    if (i == 0 || !(n->pred[1] & CZI_MORE))
        return n->pred[i];
    return czi_causal_unit(c, (n->pred[1] ^ CZI_MORE) + i / 4)->word[i % 4];
}

/* ---- Labels ------------------------------------------------------------------------------ */

enum czi_causal_answer { CZI_CAUSAL_NO, CZI_CAUSAL_YES, CZI_CAUSAL_OPEN };

/* What the labels of two events with x < y say on whether x reaches y. */
enum czi_causal_answer czi_causal_decide(const struct czi_causal *c, const struct czi_node *x,
                                         const struct czi_node *y);

/* After event e got its up, and with room for a hub and a generation: whether it becomes a hub.
 */
void czi_causal_extend(struct czi_causal *c, uint32_t e, const uint32_t *preds, uint32_t count);

/* Goes on with the walk over `credit` links. */
CZI_MUST_USE bool czi_causal_walk_room(struct czi_causal *c, uint32_t credit);
void czi_causal_walk(struct czi_causal *c, uint32_t credit);

/* The representative of an anchor's group: events that links join, whatever their direction. */
uint32_t czi_causal_group_of(const struct czi_causal *c, uint32_t anchor);

bool czi_causal_search_init(struct czi_search *s);
void czi_causal_search_done(struct czi_search *s);
size_t czi_causal_search_bytes(const struct czi_search *s);

#endif
