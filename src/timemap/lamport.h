/* lamport.h - Lamport time: greater than that of everything an event depends on.
 *
 * Layer: timemap. Lamport, Time, Clocks, and the Ordering of Events in a Distributed System,
 * 1978. If a happened before b, then a's time is lower; the reverse does not hold.
 */
#ifndef CZI_LAMPORT_H
#define CZI_LAMPORT_H

#include <stdint.h>

/* What the event at hand must be later than. Zero: nothing yet. */
struct czi_lamport {
    uint64_t latest;
};

static inline void czi_lamport_observe(struct czi_lamport *l, uint64_t seen)
{
    if (seen > l->latest)
        l->latest = seen;
}

/* The time of the next event. */
static inline uint64_t czi_lamport_tick(struct czi_lamport *l)
{
    return ++l->latest;
}

#endif
