/* watch.h - whoever wants to look again when a lock may have become available.
 *
 * Layer: lock. Thread: as lock.h. A watcher is not in the queue and blocks nobody: tasks that
 * were not admitted yet use it (program/scheduler.h). Each lock keeps its watchers in a pairing
 * heap (Fredman, Sedgewick, Sleator, Tarjan: The pairing heap, 1986) by key: the lowest looks
 * first, and those behind it let it go first. Adding costs O(1), removing O(log n) amortised.
 *
 * Who is awaited must not wait for one that goes first and cannot go on, because that one may
 * wait for whoever awaits. Only readers can be in that place: the first one wants to write what
 * others read. So readers that are awaited are *passing*: a heap of their own, which looks too
 * when the first one of all cannot.
 */
#ifndef CZI_WATCH_H
#define CZI_WATCH_H

#include "lock/lock.h"

struct czi_watcher {
    struct czi_watcher *child, *next; /* in the heap */
    struct czi_watcher *previous;     /* the left neighbour, or the parent of the first child */
    struct czi_lock *lock;            /* watched; NULL: none */
    uint64_t key;                     /* lowest first; no two are equal */
    bool passes;                      /* while it watches: it is in the heap of those */
    /* Looks again. False: it still wants this lock, and so does everybody behind it; true: it
     * watches this lock no longer. */
    bool (*retry)(struct czi_watcher *w);
    /* What its owner, which is WATCHING, must have: the i-th, lock NULL if nobody is at that;
     * false: no more. Whoever keeps it from any of them has an edge in searches. */
    bool (*need)(const struct czi_watcher *w, uint32_t i, struct czi_want *ret);
};

/* The same heap of watchers, of no lock: for whoever wants the lowest of anything. */
void czi_watchers_add(struct czi_watcher **heap, struct czi_watcher *w);
void czi_watchers_remove(struct czi_watcher **heap, struct czi_watcher *w);

/* An owner waits, without being in a queue, as its watcher's `need` says. The caller searches
 * (czi_owner_in_cycle). */
void czi_owner_watch(struct czi_owner *owner, struct czi_watcher *w);
void czi_owner_watch_done(struct czi_owner *owner);

void czi_watch(struct czi_lock *lock, struct czi_watcher *w, bool passes);
/* Of one that watches: from now on it passes. */
void czi_watch_pass(struct czi_watcher *w);
/* Of one that watches. The lock is dropped if it is of no use to anybody else. */
void czi_unwatch(struct czi_locks *l, struct czi_watcher *w);
/* The watcher with the lowest key, or NULL. */
static inline struct czi_watcher *czi_lock_watcher(const struct czi_lock *lock)
{
    struct czi_watcher *w = lock->watchers, *p = lock->passing;

    return !w || (p && p->key < w->key) ? p : w;
}
/* Lets those who watch look, first the lowest, as long as that helps. */
void czi_lock_look(struct czi_lock *lock);

#endif
