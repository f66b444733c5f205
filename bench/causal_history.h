/* causal_history.h - generated histories for the causal index: its bench and its tests.
 *
 * Single-threaded. The same name, number of events and seed give the same history everywhere.
 * An effect's predecessors are the last writes of what it reads and writes, the facts that it
 * cites and the effects that it follows, as they come: in no order, with repetitions.
 */
#ifndef CZI_CAUSAL_HISTORY_H
#define CZI_CAUSAL_HISTORY_H

#include "base/rng.h"

struct causal_history {
    uint32_t events;
    uint32_t *counts; /* predecessors of each */
    uint32_t *preds;  /* of all, one event's after the other's */
    size_t links;
};

struct causal_kind {
    const char *name;
    void (*make)(struct causal_history *h, const struct causal_kind *k, struct czi_rng *rng);
    uint32_t accounts;
    double zipf;
    uint32_t hot;   /* so many accounts get half of the accesses */
    bool apart;     /* an effect is on hot or on cold ones only */
    uint32_t reads; /* percent of the effects that only read */
    uint32_t width; /* at most so many accounts an effect; half of those beyond two are read */
    uint32_t facts; /* of a thousand events; each effect cites one of the last 16 */
    uint32_t follows; /* percent of the effects that follow one of the last 1000 events too */
    uint32_t groups;  /* accounts are in so many, and effects in one */
    bool rooted;      /* all begin with event 0 */
};

extern const struct causal_kind causal_kinds[];
extern const unsigned causal_kind_count;

/* Ends the program when out of memory. */
struct causal_history causal_history(const struct causal_kind *k, uint32_t events,
                                     uint64_t seed);
void causal_history_done(struct causal_history *h);

#endif
