/* lock.h - who holds what and who waits for what: the wait queue as a state machine (R8, R10).
 *
 * Layer: lock. Thread: one at a time; no I/O, clock, OS lock or thread. The same calls in the
 * same order give the same grants, in the same order.
 *
 * A *lock* stands for one thing that can be held, mostly a resource. An *owner* is whoever
 * holds and waits: a context of a thread or task, or an effect on its way. An owner waits for
 * one set of locks at a time and gets all of it in one step or nothing.
 *
 * Transitions (models/wait_queue.pml has the same names):
 *   acquire   all locks can be had: granted at once. Otherwise the owner enters the queue of
 *             each of them (enqueue), or is told that it would wait (try), or that waiting
 *             would close a cycle (deadlock).
 *   grant     a waiting owner gets all that it waits for
 *   release   one hold ends
 *   cancel    a waiting owner leaves all its queues; or is withdrawn from them
 *   expire    the same, since its deadline passed
 *
 * Rules. First come first served: what waits is never overtaken by what it conflicts with, so
 * a reader behind a waiting writer waits, and neighbouring readers share. No upgrade: an owner
 * that asks for what it holds waits for itself, which is a cycle.
 *
 * Why a queue needs no search: whether a waiting hold *could* be granted by its own lock
 * (`eligible`) never becomes false again, because everything that conflicts with it and comes
 * later waits behind it. Eligible holds are the front of the queue; `frontier` is the first
 * one that is not. An owner is granted when none of its holds is ineligible. So each
 * transition costs the number of its own holds and of those whose eligibility changes.
 */
#ifndef CZI_LOCK_H
#define CZI_LOCK_H

#include "base/check.h"
#include "base/limits.h"
#include "base/pool.h"
#include "causality/causality.h"

struct czi_lock;
struct czi_owner;
struct czi_watcher;

/* One owner's part in one lock, waiting or granted. */
struct czi_hold {
    struct czi_hold *next, *prev;    /* in the lock's queue, or among its holders */
    struct czi_hold *after, *before; /* among the owner's wants, or its holds */
    struct czi_lock *lock;
    struct czi_owner *owner;
    uint8_t mode; /* enum cz_access */
    bool granted, eligible;
    bool seen;     /* by a search */
    uint32_t user; /* of whoever acquired it; 0 at first */
};
_Static_assert(sizeof(struct czi_hold) == 56, "the bound on a waiting request counts on it");

enum czi_owner_state {
    CZI_OWNER_IDLE,
    CZI_OWNER_WAITING,  /* for the locks of `wants` */
    CZI_OWNER_AWAITING, /* for what another owner does (a task to end) */
    CZI_OWNER_WATCHING, /* in no queue, until all that it needs can be had */
};

/* Locks in one request; callers have lower bounds. */
#define CZI_WANTS_MAX ((1u << 20) - 1)

/* Embedded in what owns. All zero but `kind` is valid: holds nothing, waits for nothing. */
struct czi_owner {
    struct czi_hold *holds; /* newest first */
    union {
        struct czi_hold *wants;      /* while WAITING, in the order of the request */
        struct czi_owner *awaits;    /* while AWAITING */
        struct czi_watcher *watches; /* while WATCHING */
    };
    struct czi_owner *link;   /* in the list of woken owners, or in a search */
    struct czi_owner *parent; /* of a search */
    uint64_t deadline;        /* while WAITING; UINT64_MAX: none */
    uint64_t mark;            /* of the last search that came by */
    uint32_t timer;           /* place in the heap of deadlines + 1; 0: none */
    uint32_t blocked : 20;    /* wants that are not eligible */
    uint32_t kind : 6;        /* the user's: what it is embedded in */
    uint32_t state : 2;       /* enum czi_owner_state */
    uint32_t outcome : 2;     /* enum czi_woken, when it was woken */
    bool woken : 1;           /* in the list of woken owners */
    bool is_awaited : 1;      /* by an owner, now or before */
};
_Static_assert(sizeof(struct czi_owner) == 56, "the bound on a waiting request counts on it");

struct czi_lock {
    struct czi_hold *holders;                /* newest first */
    struct czi_hold *head, *tail, *frontier; /* the queue; frontier: first not eligible */
    struct czi_watcher *watchers, *passing;  /* watch.h */
    struct czi_lock *stirred;                /* list of locks whose watchers should look */
    uint64_t key;                            /* what it stands for: the user's */
    uint32_t holder_count, waiting_count;
    bool writer; /* the only holder writes */
    bool is_stirred;
};

/* One owner of a cycle: it waits for what `key` stands for, which the next one (after the last
 * the first) holds, or stands before it in the queue for. */
struct czi_cycle_step {
    struct czi_owner *owner;
    uint64_t key;
    uint8_t wanted; /* enum cz_access */
    bool held;      /* by the next one; false: the next one waits too, ahead */
    bool awaits;    /* no lock: the owner awaits the next one itself; key is unused */
};

struct czi_locks {
    struct czi_pool locks, holds;
    struct czi_owner *woken, *woken_last;
    struct czi_lock *stirred, *stirred_last;
    struct czi_owner **timers; /* 4-ary heap by deadline */
    uint32_t timer_count, timer_room;
    uint32_t awaiting;            /* owners that await another one */
    uint32_t waiting;             /* owners that wait */
    uint32_t live;                /* locks that exist */
    uint64_t mark;                /* of the newest search */
    struct czi_cycle_step *cycle; /* of the newest DEADLOCK */
    uint32_t cycle_count, cycle_room;
    /* A lock that nobody holds, waits for or watches is gone: whoever keeps a pointer to it
     * under its key must forget that. */
    void (*forget)(void *arg, uint64_t key);
    void *forget_arg;
};

void czi_locks_init(struct czi_locks *l, void (*forget)(void *arg, uint64_t key), void *arg);
/* Frees all, whoever holds or waits. Of all zero: no-op. */
void czi_locks_done(struct czi_locks *l);

/* A lock with nobody at it; NULL when out of memory. It must be acquired, watched or dropped
 * next. */
CZI_MUST_USE struct czi_lock *czi_lock_new(struct czi_locks *l, uint64_t key);
/* Forgets a lock that is of no use to anybody; otherwise a no-op. */
void czi_lock_drop(struct czi_locks *l, struct czi_lock *lock);

/* One lock of a request. No lock is twice in a request. */
struct czi_want {
    struct czi_lock *lock;
    enum cz_access mode;
    struct czi_hold *hold; /* set: granted, or in the queue */
};

enum czi_acquired {
    CZI_GRANTED,
    CZI_QUEUED,     /* the owner will be woken */
    CZI_WOULD_WAIT, /* only a try */
    CZI_DEADLOCK,   /* l->cycle tells it, beginning with the owner; empty: no memory for that */
    CZI_TOO_MANY,   /* CZI_WAITING_MAX owners wait */
    CZI_NO_MEMORY,
};

/* For an owner that does not wait. Unless GRANTED or QUEUED nothing has changed, but that locks
 * of the request which are of no use to anybody are gone. `try`: never QUEUED. deadline is in
 * the unit of czi_locks_expire; UINT64_MAX: none. Cost: the number of wants; for an owner that
 * holds something and has to wait also the search for a cycle, at most one step for each owner
 * and hold that it reaches. */
CZI_MUST_USE enum czi_acquired czi_locks_acquire(struct czi_locks *l, struct czi_owner *owner,
                                                 struct czi_want *wants, uint32_t count,
                                                 bool try, uint64_t deadline);

/* Whether a request for this alone would be granted at once. lock NULL: nobody is at it. */
static inline bool czi_lock_available(const struct czi_lock *lock, enum cz_access mode)
{
    if (!lock)
        return true;
    if (mode == CZ_WRITE)
        return !lock->holders && !lock->head;
    return !lock->writer && !lock->frontier && (!lock->head || lock->head->mode == CZ_READ);
}

/* Grants a lock that is available to an owner, which may be waiting for others. NULL when out
 * of memory: the lock is then dropped if it is of no use to anybody. */
CZI_MUST_USE struct czi_hold *czi_locks_seize(struct czi_locks *l, struct czi_owner *owner,
                                              struct czi_lock *lock, enum cz_access mode);

/* Of a granted hold; it is gone afterwards. */
void czi_locks_release(struct czi_locks *l, struct czi_hold *hold);
/* All holds of an owner. */
void czi_locks_release_all(struct czi_locks *l, struct czi_owner *owner);

enum czi_woken { CZI_WOKEN_GRANTED, CZI_WOKEN_CANCELLED, CZI_WOKEN_EXPIRED };

/* Of a WAITING owner, which is woken; O(its wants). */
void czi_locks_cancel(struct czi_locks *l, struct czi_owner *owner);
/* The same, but it is not woken: who does this lets it acquire again. */
void czi_locks_withdraw(struct czi_locks *l, struct czi_owner *owner);
/* Wakes all owners with a deadline <= now, earliest first. */
void czi_locks_expire(struct czi_locks *l, uint64_t now);
/* UINT64_MAX: nobody has one. */
uint64_t czi_locks_next_deadline(const struct czi_locks *l);

/* The next owner that was granted, cancelled or expired since the last call, in the order in
 * which it happened; NULL: no more. Its state is IDLE, its outcome says which. */
struct czi_owner *czi_locks_take_woken(struct czi_locks *l);
/* The next lock that has watchers and whose holders or queue became fewer; NULL: no more. The
 * caller lets its watchers look, then calls czi_lock_stirred; the lock stays until that. */
struct czi_lock *czi_locks_take_stirred(struct czi_locks *l);
void czi_lock_stirred(struct czi_locks *l, struct czi_lock *lock);
/* A watcher that stood before others left it: those should look. */
void czi_lock_stir(struct czi_locks *l, struct czi_lock *lock);

/* ---- Deadlock (deadlock.c) -----------------------------------------------------------------
 */

/* An owner that waits on another one by hand: the other's end wakes nobody here, but the edge
 * counts in searches. False: it would close a cycle (l->cycle), and nothing changed. */
CZI_MUST_USE bool czi_owner_await(struct czi_locks *l, struct czi_owner *owner,
                                  struct czi_owner *awaited);
void czi_owner_await_done(struct czi_locks *l, struct czi_owner *owner);

/* Whether an owner that begins to wait could close a cycle; if not, no search is needed. Who
 * holds nothing can do so only where somebody awaits: for that one itself, or for one who
 * watches. */
static inline bool czi_owner_may_block(const struct czi_locks *l, const struct czi_owner *owner)
{
    return owner->holds || l->awaiting;
}

/* Whether `owner`, which waits, waits for itself through others. Then l->cycle tells it. */
bool czi_owner_in_cycle(struct czi_locks *l, struct czi_owner *owner);

/* For whom `owner`, which waits, waits, directly or through others, and the goal says yes: one
 * of the nearest, or NULL. From there `parent` leads back to it, along those who wait. */
struct czi_owner *czi_owner_reaches(struct czi_locks *l, struct czi_owner *owner,
                                    bool (*goal)(const void *arg, const struct czi_owner *o),
                                    const void *arg);

#endif
