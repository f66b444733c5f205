/* park.h - effects that wait for a guard.
 *
 * Layer: engine. Thread: as core.h; everything here is called with the manager's mutex held.
 *
 * An effect that may not touch a resource yet, because somebody holds a guard on it or waits
 * for one, is taken out of its batch and waits in the queues of all its resources, as one
 * request (R8). The rest of the batch goes on. Once it is granted everything it is *ready*, and
 * gets its position at the end of the batch under way, or first in the next one; so positions
 * of each resource stay in order. Its origin
 * is a lock too: later effects of the origin wait behind it, so nonces stay in order. And so
 * is the effect itself, for those who follow it or wait for its result.
 *
 * An open effect waits for what it would touch now. Once it has that, it may touch something
 * else, since others came first. If that is held too, it waits again: it and all that were
 * parked after it leave their queues, and enter them anew in the order in which they were
 * parked. So every queue has effects in one order, as if all of them had come just now, and no
 * effect can be in a cycle that has only effects.
 */
#ifndef CZI_PARK_H
#define CZI_PARK_H

#include "engine/admission.h"
#include "lock/lock.h"

struct czi_core;
struct czi_entry;
struct czi_pending;

struct czi_parked {
    struct czi_owner owner; /* first: kind is CZ_PARTY_EFFECT */
    struct czi_pending *pending;
    struct czi_parked *next, *previous; /* of all, in the order of parking */
    struct czi_parked *next_ready;
    struct czi_lock *done; /* held until it is applied; NULL: nobody asked */
    cz_id id;              /* of the effect */
};

/* What an open effect touches, as things are: also what is not there. */
struct czi_touched {
    uint8_t ids[CZ_OPEN_ACCESSES_MAX][32];
    bool writes[CZ_OPEN_ACCESSES_MAX];
    unsigned count;
};

struct czi_parking {
    struct czi_touched touched; /* by the open effect at hand */
    struct czi_locks locks;
    struct czi_pool pool;
    struct czi_parked *first, *last;
    struct czi_parked *ready, *ready_last;
    uint32_t waiting;     /* those that are not ready, nor on their way */
    uint32_t count;       /* of all; read by others without the mutex */
    uint32_t ready_count; /* the same */
    uint32_t new_count;   /* the last ones of all, of which nobody was told yet */
};

/* What a lock's key stands for. */
enum czi_key_kind { CZI_KEY_RESOURCE, CZI_KEY_ORIGIN, CZI_KEY_EFFECT };
static inline enum czi_key_kind czi_key_kind(uint64_t key)
{
    return (enum czi_key_kind)(key & 3);
}
/* Of the lock of an effect that is applied, until those who waited for it are gone too. */
#define CZI_KEY_ENDED ((uint64_t)CZI_KEY_EFFECT)
/* The slot, or the origin's number. */
static inline uint32_t czi_key_number(uint64_t key)
{
    return (uint32_t)(key >> 2);
}
static inline struct czi_parked *czi_key_effect(uint64_t key)
{
    return (struct czi_parked *)(uintptr_t)(key & ~(uint64_t)3);
}

void czi_parking_init(struct czi_core *core);
void czi_parking_done(struct czi_core *core); /* of all zero: no-op */

/* Whether an entry of a planned batch must wait now. Of an open effect core->parking.touched
 * says what it touches; it must perhaps wait again when that is something else now. */
bool czi_must_park(const struct czi_core *core, const struct czi_entry *e);
/* Takes such an entry's submission out of its batch. False when out of memory. */
CZI_MUST_USE bool czi_park(struct czi_core *core, const struct czi_entry *e);
/* Of an owner that was woken: it becomes ready. */
void czi_park_granted(struct czi_core *core, struct czi_parked *p);
/* Takes the first one that is ready; its pending keeps pointing to it. */
void czi_park_pop_ready(struct czi_core *core);
/* Once it is executed: its holds end. */
void czi_park_end(struct czi_core *core, struct czi_parked *p);

/* Effects that wait or are ready; from any thread. */
uint32_t czi_parked_count(const struct czi_core *core);

/* The lock of a resource, made if need be; NULL when out of memory. */
CZI_MUST_USE struct czi_lock *czi_resource_lock(struct czi_core *core, uint32_t slot);
/* The lock that a parked effect holds until it is applied. */
CZI_MUST_USE struct czi_lock *czi_parked_lock(struct czi_core *core, struct czi_parked *p);
/* By the effect's id, or its ticket. */
struct czi_parked *czi_parked_find(const struct czi_core *core, const cz_id *effect);
struct czi_parked *czi_parked_ticket(const struct czi_core *core, uint64_t ticket);

#endif
