/* gate.c - see gate.h: the way of those who find it held. */
#include "platform/gate.h"

#include "platform/platform.h"

/* What another thread does inside takes well below a microsecond, about this often. Who looks
 * too often takes the gate's cache line away from whoever is inside. */
#define SPINS 200u
#define PAUSE_MAX 16u
/* A bound for what a lost wake-up costs where the system has no membarrier. */
#define NAP_NS 1000000u

void czi_gate_init(struct czi_gate *g)
{
    *g = (struct czi_gate){0};
    czi_barrier_all_prepare();
}

static bool try_lock(struct czi_gate *g)
{
    return atomic_load_explicit(&g->held, memory_order_relaxed) == 0 &&
           atomic_exchange_explicit(&g->held, 1, memory_order_acquire) == 0;
}

/* With longer and longer pauses. */
static bool spin(struct czi_gate *g, unsigned pause, unsigned spins)
{
    for (unsigned i = 0; i < spins; i += pause) {
        for (unsigned k = 0; k < pause; k++)
            czi_cpu_relax();
        if (try_lock(g))
            return true;
        pause = CZI_MIN(2 * pause, PAUSE_MAX);
    }
    return false;
}

void czi_gate_lock_slow(struct czi_gate *g)
{
    if (spin(g, 1, 2 * PAUSE_MAX))
        return;
    atomic_fetch_add(&g->wanted, 1);
    while (!spin(g, PAUSE_MAX, SPINS)) {
        atomic_fetch_add(&g->sleepers, 1);
        /* From here on each thread that leaves sees the sleeper, or we see that it left. */
        czi_barrier_all();
        if (atomic_load(&g->held) != 0)
            (void)czi_word_wait(&g->held, 1, NAP_NS);
        atomic_fetch_sub(&g->sleepers, 1);
    }
    atomic_fetch_sub(&g->wanted, 1);
}

void czi_gate_wake(struct czi_gate *g)
{
    czi_word_wake(&g->held, 1);
}
