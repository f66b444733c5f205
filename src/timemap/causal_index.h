/* causal_index.h - what the files of the causal index share; see causal.h.
 *
 * Layer: timemap, private to causal*.c.
 *
 * Everything that grows is a pile: an array in chunks that never move. Invariants:
 *  1. A link goes from a lower to a higher number. Lists of successors ascend.
 *  2. Some events are hubs, numbered from 1. A hub gets its number when its first successor is
 *     added, so of two hubs the one with the lower number is not in the future of the other.
 *  3. up = the highest hub in the past of an event, itself included; 0: none. It is exact.
 *  4. down = the lowest hub in its future, itself included; CZI_NONE: none below walk.hub. What
 * is there is exact.
 *  5. Hubs are in chains. Each reaches the later ones of its chain, but those from `killed` on.
 *  6. An event's family is the chain of its up. Of its ancestors that have predecessors and are
 * of another family, none has a higher number than `foreign`.
 *  7. A run is a path of events that have one predecessor, of which each is the first
 * successor, but for the run's start.
 *  8. level = 1 + the highest level of the predecessors; without any 0.
 */
#ifndef CZI_CAUSAL_INDEX_H
#define CZI_CAUSAL_INDEX_H

#include "base/alloc.h"
#include "base/limits.h"
#include "timemap/causal.h"

#define CZI_NONE UINT32_MAX
#define CZI_BEGIN_LEVELS 64u /* a chain may begin at its multiples */
#define CZI_MORE 0x80000000u /* in pred[1], succ[1]: a unit's number, and not an event's */

#define CZI_BLOCK_SHIFT 13u /* 256 KiB: about half a millisecond of page faults at once */
#define CZI_BLOCK (1u << CZI_BLOCK_SHIFT)

/* 32 bytes: two to a cache line, and nearly all that a search reads of an event is in one. */
struct czi_node {
    /* The two lowest; more than two: the lowest, CZI_MORE | unit; of a run: the one, the run's
     * start, which is not above it. */
    uint32_t pred[2];
    uint32_t succ[2]; /* the two lowest; more than two: the lowest, CZI_MORE | last unit */
    uint32_t up, family;
    uint32_t level;
    uint32_t foreign;
};

/* down apart, since walks read it of many that they read nothing else of. */
struct czi_block {
    struct czi_node node[CZI_BLOCK];
    uint32_t down[CZI_BLOCK];
    uint64_t mark[CZI_BLOCK / 64]; /* of a sweep; zero otherwise */
};

/* For successors: three and the number of the next unit, the last one's being the first. For
 * predecessors: their number, then all but the lowest, in as many units as that takes. */
struct czi_unit {
    uint32_t word[4];
};

struct czi_hub {
    uint32_t event, chain;
    uint32_t prev;   /* in the chain, 0: the first */
    uint32_t killed; /* the hub from which on the chain goes another way */
};

/* A path of hubs that grows at its tip, and ends where it meets a faster one. */
struct czi_chain {
    uint32_t tip;       /* 0: it has ended */
    uint32_t last;      /* when the tip was added, in events */
    uint32_t due;       /* when the next one is late */
    uint32_t gap;       /* events from hub to hub, their mean */
    uint32_t rise;      /* levels from hub to hub, 16 times their mean */
    uint32_t origin;    /* a hub of another chain that reaches the first, 0: none */
    uint32_t exit, via; /* ended: up to this hub, all reach this event */
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

#define CZI_WALK_RING 256u

/* Gives down to the ancestors of hub `hub` that have none. Those whose predecessors are still
 * to be looked at are in the ring, and when that is full on the stack. */
struct czi_walk {
    uint32_t hub; /* all below are done */
    uint32_t head, tail;
    uint32_t at;     /* predecessors of ring[head] that were looked at */
    uint32_t credit; /* links to look at */
    bool begun;      /* the hub itself was put into the ring */
    uint32_t ring[CZI_WALK_RING];
    struct czi_pile stack;
};

struct czi_causal {
    struct czi_pile blocks, units, hubs, chains;
    uint32_t count;
    uint32_t room; /* events with at most two predecessors that need no more memory */
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
CZI_PILE_OF(struct czi_hub, czi_causal_hub, hubs)
CZI_PILE_OF(struct czi_chain, czi_causal_chain, chains)

static inline struct czi_block *czi_causal_block(const struct czi_causal *c, uint32_t event)
{
    return (struct czi_block *)(void *)c->blocks.chunk[event >> CZI_BLOCK_SHIFT];
}

static inline struct czi_node *czi_causal_node(const struct czi_causal *c, uint32_t event)
{
    return &czi_causal_block(c, event)->node[event & (CZI_BLOCK - 1)];
}

static inline uint32_t *czi_causal_down(const struct czi_causal *c, uint32_t event)
{
    return &czi_causal_block(c, event)->down[event & (CZI_BLOCK - 1)];
}

/* ---- Links ------------------------------------------------------------------------------- */

static inline uint32_t czi_causal_pred_count(const struct czi_causal *c,
                                             const struct czi_node *n)
{
    if (n->pred[1] == CZI_NONE)
        return n->pred[0] != CZI_NONE;
    if (n->pred[1] & CZI_MORE)
        return czi_causal_unit(c, n->pred[1] ^ CZI_MORE)->word[0];
    return n->pred[1] > n->pred[0] ? 2 : 1;
}

/* The start of the run that event e, with node n, is of: itself, if it is of none. */
static inline uint32_t czi_causal_run(uint32_t e, const struct czi_node *n)
{
    return n->pred[1] <= n->pred[0] && n->pred[1] != CZI_NONE ? n->pred[1] : e;
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

/* What the labels of two events, a < b, say on whether a reaches b. */
enum czi_causal_answer czi_causal_decide(const struct czi_causal *c, uint32_t a, uint32_t b);

/* Of two families, and nothing of a's is between a and b in b's past: a does not reach b. */
static inline bool czi_causal_apart(uint32_t a, const struct czi_node *x,
                                    const struct czi_node *y)
{
    return y->foreign < a && x->level > 0 && x->family != y->family;
}

/* Whether event e, with node n, becomes a hub now that its first successor is added. There is
 * room for a hub and a chain. */
void czi_causal_name(struct czi_causal *c, uint32_t e, struct czi_node *n);

/* That event e follows two events of two families: the slower chain ends. */
void czi_causal_merge(struct czi_causal *c, uint32_t e, const struct czi_node *x,
                      const struct czi_node *y);

/* Goes on with the walk, after an event with so many predecessors: on the whole over more links
 * than there are, so that it keeps up, and over a bounded number at once. */
void czi_causal_walk(struct czi_causal *c, uint32_t preds);
/* Room for that, and for how many more events with two. */
CZI_MUST_USE bool czi_causal_walk_room(struct czi_causal *c, uint32_t preds);
uint32_t czi_causal_walk_left(const struct czi_causal *c);

bool czi_causal_search_init(struct czi_search *s);
void czi_causal_search_done(struct czi_search *s);
size_t czi_causal_search_bytes(const struct czi_search *s);

#endif
