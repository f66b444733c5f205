/* gate.h - a mutex for moments: what two threads seldom want at the same time.
 *
 * Layer: platform. Threads: any. Taking it costs one atomic exchange and leaving it a store,
 * less than half of a pthread mutex: leaving needs no barrier, because whoever is about to
 * sleep makes all other threads of the process pass one (membarrier(2), the asymmetric form of
 * Dekker's protocol). Not fair: who holds it for longer must look at `wanted` now and then.
 */
#ifndef CZI_GATE_H
#define CZI_GATE_H

#include "base/check.h"

#include <stdatomic.h>

/* All zero is open, after czi_gate_init was called once in the process. */
struct czi_gate {
    _Atomic uint32_t held;
    _Atomic uint32_t sleepers; /* threads that sleep until it is open */
    _Atomic uint32_t wanted;   /* threads that wait for it, asleep or not */
};

void czi_gate_init(struct czi_gate *g);
void czi_gate_lock_slow(struct czi_gate *g);
void czi_gate_wake(struct czi_gate *g);

static inline void czi_gate_lock(struct czi_gate *g)
{
    if (CZI_UNLIKELY(atomic_exchange_explicit(&g->held, 1, memory_order_acquire) != 0))
        czi_gate_lock_slow(g);
}

static inline void czi_gate_unlock(struct czi_gate *g)
{
    atomic_store_explicit(&g->held, 0, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst); /* the processor's part is czi_barrier_all */
    if (CZI_UNLIKELY(atomic_load_explicit(&g->sleepers, memory_order_relaxed) != 0))
        czi_gate_wake(g);
}

/* Somebody else waits for it. */
static inline bool czi_gate_wanted(const struct czi_gate *g)
{
    return atomic_load_explicit(&g->wanted, memory_order_relaxed) != 0;
}

#endif
