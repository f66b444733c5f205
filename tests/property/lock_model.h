/* lock_model.h - the rules of the wait queue (R8, R10) as plain arrays that are scanned from
 * one end to the other: what src/lock must do, slowly. Written from the rules in lock/lock.h.
 */
#ifndef CZI_LOCK_MODEL_H
#define CZI_LOCK_MODEL_H

#include "lock/lock.h"

#define MODEL_OWNERS 12
#define MODEL_LOCKS 6
#define MODEL_HOLDS 64

struct model_part {
    uint8_t lock;
    bool write;
};

struct model_owner {
    enum czi_owner_state state;
    struct model_part holds[MODEL_HOLDS], wants[MODEL_LOCKS];
    unsigned hold_count, want_count;      /* both oldest first; none wanted: it does not wait */
    struct model_part needs[MODEL_LOCKS]; /* while it watches */
    unsigned need_count, watched;         /* watched: a lock */
    unsigned awaits;
    uint64_t arrival, deadline; /* while it waits */
};

struct model_woken {
    uint8_t owner;
    enum czi_woken outcome;
};

/* May be copied. */
struct lock_model {
    unsigned owners, locks;
    struct model_owner owner[MODEL_OWNERS];
    uint64_t arrivals;
    struct model_woken woken[MODEL_OWNERS]; /* since the caller set the count to 0 */
    unsigned woken_count;
};

/* ---- What is so ----------------------------------------------------------------------------
 */

/* Whether somebody holds a lock or waits for it. */
bool model_in_use(const struct lock_model *m, unsigned lock);
/* Whether a newcomer would get it. */
bool model_available(const struct lock_model *m, struct model_part want);
/* Whether this want of a waiting owner has nobody in its way. */
bool model_eligible(const struct lock_model *m, unsigned owner, struct model_part want);
/* Whether `from` waits for `to`: which holds what it wants, or else waits for it ahead. */
bool model_waits_at(const struct lock_model *m, unsigned from, struct model_part want,
                    unsigned to, bool held);
bool model_waits_for(const struct lock_model *m, unsigned from, unsigned to);
uint64_t model_next_deadline(const struct lock_model *m);

/* Who asks for something while it holds nothing and nobody awaits is never refused: it could
 * not close a cycle, since who watches holds nothing. (Here one may, and is then not seen.) */

/* ---- What is done --------------------------------------------------------------------------
 */

/* The owner enters its queues, whatever follows. */
void model_enqueue(struct lock_model *m, unsigned owner, const struct model_part *wants,
                   unsigned count, uint64_t deadline);
enum czi_acquired model_acquire(struct lock_model *m, unsigned owner,
                                const struct model_part *wants, unsigned count, bool try,
                                uint64_t deadline);
void model_seize(struct lock_model *m, unsigned owner, struct model_part part);
/* The hold with this number, from the oldest. */
void model_release(struct lock_model *m, unsigned owner, unsigned hold);
void model_release_all(struct lock_model *m, unsigned owner);
void model_cancel(struct lock_model *m, unsigned owner);
/* Of those with the same deadline who goes first is not said: it is the one that comes first in
 * `order`. False when none of them is in it. */
bool model_expire(struct lock_model *m, uint64_t now, const uint8_t *order, unsigned count);
/* False: it would close a cycle. */
bool model_await(struct lock_model *m, unsigned owner, unsigned awaited);
/* The owner waits in no queue for all that it needs. False: it would close a cycle. */
bool model_watch(struct lock_model *m, unsigned owner, const struct model_part *needs,
                 unsigned count, unsigned watched);
void model_watch_done(struct lock_model *m, unsigned owner);
void model_await_done(struct lock_model *m, unsigned owner);

#endif
