/* watch.h - who waits until something becomes true: of a resource, a domain, or the time map.
 *
 * Layer: engine. Each state is judged once, at the moment when it is acknowledged, by the
 * engine's thread, in the order of the journal. Execution is ahead of that; so what is judged
 * comes from the batch (posts, moves of the time map, bytes that were replaced) and from `now`,
 * the time map as it is acknowledged. Execution does no more than to mark a batch that writes
 * something watched; a batch without a mark, a new time map or a deadline is not looked at.
 *
 * Threads. `lock` guards the watches and whatever they are in; it comes before the manager's
 * mutex and is not held while callbacks run. Predicates run with it. A watch begins when the
 * engine's thread takes it up: between two entries that are acknowledged, after what was told
 * before and before anything is judged that is told later.
 *
 * Invariants, whenever the lock is given up:
 *  W1  a watch is in the table until it has ended, and in nothing once it has; who took it out
 *      calls its callback
 *  W2  what czi_resource.watched points to lists all watches of the resource that have begun;
 *      only the engine's thread changes that pointer
 *  W3  a batch under way that wrote such a resource is marked
 *
 * Cost: an end, a deadline and a height are places in heaps, O(log n); a predicate is asked at
 * each state of what it is about. A watch takes about 250 bytes, and 90 for each deadline.
 */
#ifndef CZI_ENGINE_WATCH_H
#define CZI_ENGINE_WATCH_H

#include "engine/core.h"
#include "lock/watch.h"
#include "platform/platform.h"

#include <stdatomic.h>

struct czi_sentry;

struct czi_sentries {
    struct czi_sentry *first, *last;
};

/* One watch. */
struct czi_timer {
    struct czi_watcher node; /* first; in a heap while heap is not NULL */
    struct czi_watcher **heap;
    struct czi_sentry *sentry;
    bool is_condition; /* else a deadline */
};

struct czi_sentry {
    struct czi_sentries *list; /* where it is; NULL: in none */
    struct czi_sentry *next, *previous;
    struct czi_sentry *next_ended;
    bool (*resource_is)(void *arg, const cz_resource *resource);
    bool (*time_is)(void *arg, const cz_time_map *map);
    void *arg;
    cz_watched_fn done;
    void *done_arg;
    cz_watched result;
    struct czi_watched *watched; /* of a resource; before it begins: one to spare */
    cz_id resource;
    uint32_t domain, deadline_domain; /* the book's numbers; CZI_ID_NONE */
    uint64_t height, deadline_time, deadline_height, deadline_lamport;
    bool with_data;
    bool is_fresh; /* it has not begun */
    uint8_t timer_count;
    struct czi_timer timers[]; /* as many as it needs */
};

/* A resource that is watched. */
struct czi_watched {
    struct czi_sentries list; /* in the order in which they began */
    struct czi_watched *next_idle;
    uint32_t slot;
    bool idle; /* in the list of those that nobody watches any more */
};

struct czi_domain_watches {
    struct czi_watcher *heights, *deadline_heights, *deadline_times;
    struct czi_sentries list; /* with a predicate, or for the first change */
};

struct czi_watches {
    struct czi_mutex *lock;
    _Atomic uint32_t fresh_count; /* made, and not begun */
    _Atomic uint32_t count;       /* not ended */
    atomic_bool untidy;           /* there are idle ones */
    /* With the lock: */
    struct czi_sentry **table; /* by number, modulo its room */
    uint32_t room;
    uint32_t of_time; /* that want to know of the time map */
    uint64_t last;    /* number */
    struct czi_sentries fresh;
    struct czi_sentries time_map;
    struct czi_domain_watches *domains; /* CZI_DOMAINS_MAX */
    struct czi_watcher *lamport;        /* deadlines */
    struct czi_watched *idle;
    bool closed;
    /* The engine's thread's: */
    cz_time_map now;       /* as acknowledged, with the Lamport time */
    uint64_t position;     /* the newest that is acknowledged */
    uint64_t facts;        /* items of fact logs that are acknowledged */
    uint64_t lamport_next; /* deadlines before this have ended */
    uint32_t at;           /* entries of the batch at hand that are acknowledged, */
    uint32_t moved;        /* and its moves of the time map */
    bool looking;          /* each entry of that batch is judged */
    bool failed;           /* there was no memory for the time map: the engine must stop */
};

/* After the state is loaded. */
CZI_MUST_USE int czi_watches_init(cz_engine *g, cz_error *err);
void czi_watches_done(struct czi_watches *w); /* of all zero: no-op; none may be left */

/* ---- The engine's thread --------------------------------------------------------------------
 */

/* A batch is about to be told, entry by entry; all of it has been. */
void czi_watches_batch(cz_engine *g, const struct czi_batch *b);
CZI_MUST_USE int czi_watches_batch_done(cz_engine *g, struct czi_batch *b, cz_error *err);
/* The k-th entry is on disk. Its result can be asked for, and its callback was not called yet.
 */
void czi_watches_entry(cz_engine *g, struct czi_batch *b, uint32_t k);
static inline bool czi_watches_look(const struct czi_watches *w)
{
    return w->looking || atomic_load_explicit(&w->fresh_count, memory_order_acquire) != 0;
}
/* Between batches: those that were made begin. */
void czi_watches_begin(cz_engine *g);
/* Ends all of them, and from now on there are none. */
void czi_watches_close(cz_engine *g);

/* ---- Between the two files ------------------------------------------------------------------
 */

/* With the lock: takes it out of everything, for whoever calls it back. */
void czi_sentry_end(struct czi_watches *w, struct czi_sentry *s, int code);
/* Without: calls back those that ended, in order of their numbers, and frees them. */
void czi_sentries_tell(struct czi_sentry *ended);
void czi_sentries_add(struct czi_sentries *list, struct czi_sentry *s);
void czi_sentries_remove(struct czi_sentry *s);

#endif
