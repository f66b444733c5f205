/* manager.h - guards and contexts of an engine (the record's ResourceManager): what is shared
 * between the threads that hold guards and the engine's thread.
 *
 * Layer: engine. One mutex guards the locks, the guards, the contexts and the state that
 * execution changes. The engine's thread has it while it plans and executes, and lets others
 * in between entries; a holder of guards has it for the moment of a transition. What a guard
 * shows is read without it: nobody changes that while the guard is held.
 *
 * Order: the manager's mutex before the engine's `lock`. Nothing waits while it has the mutex
 * but in czi_context_block, which gives it up.
 */
#ifndef CZI_MANAGER_H
#define CZI_MANAGER_H

#include "engine/core.h"
#include "platform/gate.h"
#include "platform/platform.h"

#include <stdatomic.h>

/* ---- Contexts -------------------------------------------------------------------------------
 */

/* How a context sleeps. Both are called with the mutex held. */
struct czi_blocking {
    /* Gives the mutex up until wake, the deadline (czi_manager_now; UINT64_MAX: none) or for no
     * reason; has it again when it returns. */
    void (*block)(cz_context *c, uint64_t deadline);
    void (*wake)(cz_context *c);
};

struct cz_context {
    struct czi_owner owner; /* first; its kind is a cz_party_kind */
    cz_engine *engine;
    const struct czi_blocking *blocking;
    void *user; /* of who made it: the task */
    uint64_t id;
    char name[CZ_PARTY_NAME_SIZE];
    cz_context *next, *previous; /* of the engine's */
    _Atomic uint32_t signalled;  /* 1: wake was called since it began to block */
    bool sleeping;               /* a thread, on that word */
    bool lock_woken;             /* the locks have woken its owner */
    bool cancelled;              /* the next wait ends */
    bool stays_cancelled;        /* and every later one */
    bool entered;                /* a thread is in it */
    bool waits_ack;              /* in the list: */
    cz_context *next_ack;
    struct cz_error *refusal; /* while it awaits a task or waits: that would never end */
    bool waits_for_locks;     /* in a call, which tells it that waiting would never end */
    cz_cycle_step *cycle;     /* of its last deadlock */
    size_t cycle_count;
    uint64_t cycle_number; /* 0: none */
};

/* Embedded in a task, or on its own. name NULL: none yet. */
void czi_context_init(cz_context *c, cz_engine *g, enum cz_party_kind kind, const char *name,
                      const struct czi_blocking *blocking);
/* With the mutex. Into the engine's list, with the next id; out of it, when it holds nothing.
 */
void czi_context_add(cz_context *c);
void czi_context_remove(cz_context *c);
/* Without the mutex: what it keeps outside of itself. */
void czi_context_done(cz_context *c);
/* With the mutex: releases all guards, uncommitted. */
void czi_context_release(cz_context *c);

/* The calling thread's: the one it is in, or its own, which is made if need be. */
CZI_MUST_USE int czi_context_current(cz_engine *g, cz_context **ret, cz_error *err);
/* Whether that one holds anything; makes none. */
bool czi_context_holds(cz_engine *g);
/* Puts the calling thread into a context, or with NULL back into its own. */
void czi_context_switch(cz_context *c);
cz_context *czi_context_entered(void);

/* With the mutex. Sleeps as czi_blocking says; `signalled` tells whether it was woken. */
void czi_context_block(cz_context *c, uint64_t deadline);
void czi_context_wake(cz_context *c);
/* With the mutex: until the next time that something is acknowledged or begins to wait. */
void czi_context_wait_ack(cz_context *c, uint64_t deadline);
/* With the mutex. CZ_CANCELLED or CZ_CLOSED: it shall not wait. */
CZI_MUST_USE int czi_context_may_wait(cz_context *c, cz_error *err);
void czi_context_cancel(cz_context *c, bool for_good);

/* ---- Guards ---------------------------------------------------------------------------------
 */

struct czi_staged {
    cz_quantity quantity;
    struct czi_buf data;
    uint8_t state;
    bool has_quantity, has_state, has_data;
};

enum czi_guard_state { CZI_GUARD_FREE, CZI_GUARD_HELD, CZI_GUARD_COMMITTING };

struct czi_guard {
    _Atomic uint32_t generation; /* of the handle; rises when the guard ends */
    uint32_t index;              /* while free: of the next free one + 1 */
    cz_context *_Atomic context; /* NULL: free */
    struct czi_hold *hold;
    const cz_id *id; /* these four stay where they are while the engine is open */
    const struct czi_resource *hot;
    const struct czi_resource_name *name;
    const char *asset; /* NULL for data */
    struct czi_staged *staged;
    uint8_t mode, state;
};

#define CZI_GUARD_CHUNK 1024u

#define CZI_CYCLES_KEPT 16u
#define CZI_CYCLE_STEPS_KEPT 64u

struct czi_kept_cycle {
    cz_cycle_step steps[CZI_CYCLE_STEPS_KEPT];
    size_t count;
    uint64_t number;
};

/* What else runs in an engine: a scheduler of tasks (program/scheduler.h). */
struct czi_runner {
    struct czi_runner *next;
    /* Of an engine that is driven by hand, without the mutex: lets one task have its turn;
     * false: none wants it. */
    bool (*run_one)(struct czi_runner *r);
    /* With the mutex: when the first of those that wait for a time wants to be woken, and to
     * wake all whose time has come. */
    uint64_t (*next_deadline)(const struct czi_runner *r);
    void (*expire)(struct czi_runner *r, uint64_t now);
    /* With the mutex: the engine has stopped. */
    void (*closed)(struct czi_runner *r);
    /* With the mutex: so many items of fact logs are acknowledged in all. May be NULL. */
    void (*facts)(struct czi_runner *r, uint64_t count);
    /* With the mutex: asks a program to end. CZ_NOT_FOUND: it runs no such. NULL: it runs none.
     */
    int (*cancel)(struct czi_runner *r, const cz_id *program, cz_error *err);
};

/* Who drives an engine by hand in another way than czi_manager_drive: a simulated world
 * (program/world.c). A runner of such an engine that has several ready asks it whose turn it
 * is.
 */
struct czi_driver {
    /* Without the mutex: one thing that can happen now happens; false: there is none. */
    bool (*step)(struct czi_driver *d);
    /* Which of `count` > 0 is next, in the order in which they became ready. */
    uint32_t (*pick)(void *driver, uint32_t count);
    /* The engine is closed and its memory about to be freed. */
    void (*gone)(struct czi_driver *d);
};

struct czi_manager {
    struct czi_gate gate;      /* the mutex */
    struct czi_driver *driver; /* NULL: none */
    struct czi_guard *chunks[CZI_GUARDS_MAX / CZI_GUARD_CHUNK];
    uint32_t guard_room, free_guard; /* index + 1 of the first free one */
    cz_context *contexts, *contexts_last;
    uint64_t next_context;
    struct czi_runner *runners;
    cz_context *ack_waiters;
    _Atomic uint32_t ack_waiting;  /* how many those are */
    _Atomic uint64_t durable;      /* the newest position that is acknowledged, */
    _Atomic uint64_t batches;      /* and the newest batch */
    struct czi_kept_cycle *cycles; /* ring */
    uint64_t cycle_count;
    cz_lock_stats stats;
    uint64_t items; /* of fact logs that are acknowledged */
    bool closed;    /* nothing can be acquired, nobody waits */
    uint64_t now;   /* of an engine that is driven by hand, in ns */
};

CZI_MUST_USE int czi_manager_init(cz_engine *g, cz_error *err);
/* The engine stops (what is held stays until it is released) or closes (all is released): from
 * now on nothing can be acquired, and nobody waits. */
void czi_manager_close(cz_engine *g, bool release);
void czi_manager_done(cz_engine *g); /* frees; contexts of threads too */

/* Inline, in engine.h: the mutex; giving it up wakes whom the transitions since have granted
 * something. */
static inline void czi_manager_lock(cz_engine *g);
static inline void czi_manager_unlock(cz_engine *g);
/* With the mutex: the same, without giving it up. */
void czi_manager_settle(cz_engine *g);
/* With the mutex. */
void czi_runner_add(cz_engine *g, struct czi_runner *r);
void czi_runner_remove(cz_engine *g, struct czi_runner *r);
/* Without the mutex. CZ_UNSUPPORTED: nobody here runs it. */
CZI_MUST_USE int czi_runners_cancel(cz_engine *g, const cz_id *program, cz_error *err);
/* Without the mutex, of an engine that is driven by hand: does what there is to do now, or when
 * that is nothing lets time go on to the next deadline, at most to `deadline`. */
void czi_manager_drive(cz_engine *g, uint64_t deadline);
/* When the first of those that wait for a time wants to be woken; UINT64_MAX: never. */
uint64_t czi_manager_next_deadline(cz_engine *g);
/* Lets time go on to `now`, which wakes all whose time has come. */
void czi_manager_pass(cz_engine *g, uint64_t now);
/* Lets others have the mutex if any want it. For core->breathe; arg is the engine. */
void czi_manager_breathe(void *arg);
/* Monotonic nanoseconds, or the driver's. */
uint64_t czi_manager_now(const cz_engine *g);
/* A deadline for a public timeout. */
uint64_t czi_manager_deadline(const cz_engine *g, uint64_t timeout_ms);
/* The engine's thread: everything up to a position and a batch is acknowledged. */
void czi_manager_acked(cz_engine *g, uint64_t position, uint64_t batch);
/* The engine's thread: the same of so many items of fact logs. */
void czi_manager_items(cz_engine *g, uint64_t count);
/* With the mutex: who waits for acknowledgements looks again. */
void czi_manager_wake_ack_waiters(cz_engine *g);

/* With the mutex. Acquires the locks of wants for a context, and waits if need be; the codes of
 * cz_acquire. what is for messages. */
CZI_MUST_USE int czi_manager_acquire(cz_context *c, struct czi_want *wants, uint32_t count,
                                     bool try, uint64_t timeout_ms, cz_error *err);
/* With the mutex: guards for a task's requirements that were granted by its scheduler. */
CZI_MUST_USE int czi_guards_reserve(cz_engine *g, uint32_t count, struct czi_guard **ret,
                                    cz_error *err);
void czi_guards_unreserve(cz_engine *g, struct czi_guard **guards, uint32_t count);
void czi_guard_bind(struct czi_guard *guard, cz_context *c, struct czi_hold *hold,
                    uint32_t slot);
/* Whether it has updates. */
static inline bool czi_guard_changes(const struct czi_guard *guard)
{
    const struct czi_staged *s;

    CZI_CHECK(guard);
    s = guard->staged;
    return s && (s->has_state || s->has_quantity || s->has_data);
}
cz_guard czi_guard_handle(const cz_engine *g, const struct czi_guard *guard);
/* The guard of a handle, of the calling context; CZ_STALE. */
CZI_MUST_USE int czi_guard_of(const cz_guard *handle, cz_engine **ret_engine,
                              struct czi_guard **ret, cz_error *err);
/* With the mutex: the hold ends, updates are thrown away. */
void czi_guard_end(cz_engine *g, struct czi_guard *guard);
/* With the mutex. The slot of a resource that can be acquired. */
CZI_MUST_USE int czi_claim_slot(cz_engine *g, const cz_claim *claim, uint32_t *ret,
                                cz_error *err);
struct czi_guard *czi_guard_at(const struct czi_manager *m, uint32_t index);

/* Claims of one request: by resource, equal ones merged. */
struct czi_many {
    struct czi_want *wants;    /* ascending by resource id; one memory with the others */
    struct czi_guard **guards; /* per want */
    uint32_t *slots;           /* per want */
    uint32_t *want_of;         /* per claim */
    uint32_t *places;          /* claims sorted by resource */
    uint32_t count, distinct;  /* claims, wants */
};
CZI_MUST_USE int czi_claims_check(const cz_claim *claims, size_t count, cz_error *err);
CZI_MUST_USE int czi_many_init(struct czi_many *m, size_t count, cz_error *err);
void czi_many_done(struct czi_many *m); /* of all zero: no-op */
void czi_many_sort(struct czi_many *m, const cz_claim *claims);
/* With the mutex, once sorted: slots and modes. */
CZI_MUST_USE int czi_many_find(cz_engine *g, struct czi_many *m, const cz_claim *claims,
                               cz_error *err);
/* With the mutex: guards, which are the caller's until they are bound, and locks, which must be
 * acquired next. */
CZI_MUST_USE int czi_many_prepare(cz_engine *g, struct czi_many *m, cz_error *err);
/* With the mutex, once all is granted. */
void czi_many_bind(cz_context *c, struct czi_many *m);

/* ---- Waiting for results (perform.c) --------------------------------------------------------
 */

/* An effect whose submitter waits for it, as a context. */
struct czi_performance {
    cz_engine *engine;
    cz_context *context; /* NULL: given up */
    cz_result result;
    bool done, parked;
};

/* cz_done_fn with a performance. */
void czi_performed(void *arg, const cz_result *result);
/* Submits canonical bytes and waits. under_guards: they are granted already, so that the effect
 * never waits and cannot be cancelled. CZ_OK or CZ_REJECTED with *ret, or an error without. */
CZI_MUST_USE int czi_perform(cz_engine *g, cz_context *c, const uint8_t *bytes, size_t len,
                             bool under_guards, cz_result *ret, cz_error *err);
/* The same for an item of a fact log, by the calling context. */
CZI_MUST_USE int czi_perform_item(cz_engine *g, const uint8_t *bytes, size_t len,
                                  cz_result *ret, cz_error *err);
/* Waits until a ticket that waits for a guard does so no longer. */
CZI_MUST_USE int czi_wait_parked(cz_engine *g, uint64_t ticket, uint64_t timeout_ms,
                                 cz_error *err);
/* The same of all tickets below `end`. */
CZI_MUST_USE int czi_wait_parked_before(cz_engine *g, uint64_t end, cz_error *err);
/* Until a position is on disk (R15). */
CZI_MUST_USE int czi_wait_durable(cz_engine *g, cz_context *c, uint64_t position,
                                  cz_error *err);
/* Until what was executed before is acknowledged, whether it has a position or not. */
CZI_MUST_USE int czi_wait_acknowledged(cz_engine *g, cz_context *c, cz_error *err);
/* With the mutex, the engine's thread: what was parked by the last step. */
CZI_MUST_USE int czi_report_parked(cz_engine *g, cz_error *err);

/* ---- Telling (wait_graph.c) -----------------------------------------------------------------
 */

void czi_party_of(const struct czi_owner *owner, cz_party *ret);
/* With the mutex: the id and label of what a lock stands for. */
void czi_lock_names(const cz_engine *g, uint64_t key, cz_id *ret_id, const char **ret_label);
/* With the mutex: keeps the cycle that the locks just found for a context, and says it. */
int czi_deadlock_fail(cz_context *c, cz_error *err);
/* With the mutex: an effect that must wait closes the cycle in the locks, and cannot be
 * refused. A context in it that awaits a task is instead: for core->refuse; arg is the engine.
 */
bool czi_manager_refuse(void *arg, struct czi_owner *awaiting);
/* With the mutex: what that one was told. */
CZI_MUST_USE int czi_context_refusal(cz_context *c, cz_error *err);

#endif
