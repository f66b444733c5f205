/* step.h - the engine as a state machine: an event in, updates out.
 *
 * Layer: engine. Thread: one at a time. No I/O, clock, lock or thread. Whoever drives it
 * performs the updates, on any thread, and reports each as the next event; the runtime
 * (engine.c) does it with threads, tests do it by hand. Batches pass every stage in order.
 *
 *   event                        updates that may follow
 *   ADMIT      submissions came  SEAL a batch that was planned and executed
 *   SEALED     a batch           PERSIST it
 *   PERSISTED  a batch           ACKNOWLEDGE it
 *   ACKNOWLEDGED a batch         SEAL the next one; CHECKPOINT when asked for and none is under
 * way KNOWN      predecessors      SEAL any                          LOOK_UP the next
 * submission's predecessors
 */
#ifndef CZI_STEP_H
#define CZI_STEP_H

#include "engine/core.h"

enum czi_event_type {
    CZI_EVENT_ADMIT,        /* `count` arrivals */
    CZI_EVENT_SEALED,       /* batch */
    CZI_EVENT_PERSISTED,    /* batch */
    CZI_EVENT_ACKNOWLEDGED, /* batch: it is free again, its pendings are gone */
    CZI_EVENT_KNOWN,        /* predecessors of the pending that LOOK_UP named */
    CZI_EVENT_RESUME,       /* checkpoint done, or a pause is over */
};

struct czi_event {
    enum czi_event_type type;
    struct czi_batch *batch;
    const struct czi_arrival *arrivals;
    uint32_t count;
    const struct czi_predecessor *predecessors;
};

enum czi_update_type {
    CZI_UPDATE_SEAL,
    CZI_UPDATE_PERSIST,
    CZI_UPDATE_ACKNOWLEDGE,
    CZI_UPDATE_LOOK_UP,    /* pending; every earlier batch is sealed or later */
    CZI_UPDATE_CHECKPOINT, /* no batch is under way; execution waits for RESUME */
};

struct czi_update {
    enum czi_update_type type;
    struct czi_batch *batch;
    const struct czi_pending *pending;
};

#define CZI_UPDATES_MAX (CZI_BATCHES_IN_FLIGHT + 3)

struct czi_step {
    struct czi_core core;
    struct czi_admission admission;
    struct czi_pending *pendings; /* not owned */
    struct czi_batch *all[CZI_BATCHES_IN_FLIGHT];
    struct czi_batch *free[CZI_BATCHES_IN_FLIGHT];
    uint32_t free_count;
    uint32_t unsealed;     /* batches executed and not yet sealed */
    bool paused;           /* no new batch is started */
    bool wants_checkpoint; /* set by the driver; cleared with the update */
    bool in_checkpoint;
    bool blocked; /* the next submission's predecessors are not sealed yet */
    const struct czi_pending *looking_up; /* LOOK_UP is under way */
    struct czi_predecessor known[CZI_CITATIONS_MAX];
    const struct czi_pending *known_of;
    struct czi_arrival ready; /* of the effect that has its guards and is next */
    struct czi_update updates[CZI_UPDATES_MAX];
    uint32_t update_count;
};

/* capacity: how many pendings there are. */
CZI_MUST_USE int czi_step_init(struct czi_step *s, struct czi_pending *pendings,
                               uint32_t capacity, uint32_t batch_max, bool ordered,
                               cz_error *err);
void czi_step_done(struct czi_step *s);

/* Leaves updates[0 .. update_count). An error means that the engine must stop. */
CZI_MUST_USE int czi_step(struct czi_step *s, const struct czi_event *event, cz_error *err);

/* How many submissions could be in the next batch. */
static inline uint32_t czi_step_waiting(const struct czi_step *s)
{
    return s->admission.count + __atomic_load_n(&s->core.parking.ready_count, __ATOMIC_SEQ_CST);
}

/* How many more submissions an ADMIT must bring to start a batch; UINT32_MAX: another event
 * must come first. */
uint32_t czi_step_wanted(const struct czi_step *s);

static inline uint32_t czi_step_in_flight(const struct czi_step *s)
{
    return CZI_BATCHES_IN_FLIGHT - s->free_count;
}

#endif
