/* scheduler.h - inside of cz_scheduler: tasks that take turns on one thread (R8, R11, R12).
 *
 * Layer: program. A task is a context (engine/manager.h) with a fiber. Its life:
 *
 *     queued    not admitted: watches the first lock that is in its way (lock/watch.h), or
 *               waits for a stack; promoted, it stands in the queues of all that it needs
 *     running   admitted: its guards are its own, and its turn comes or has come
 *     waiting   suspended in czi_context_block
 *     over      completed, failed or cancelled; kept until somebody has joined it
 *
 * Threads: `ready` and what fibers need belong to the scheduler's thread (of an engine that is
 * driven by hand: whoever drives). All else is under the manager's mutex, in which every
 * transition happens as a whole. Files: task.c (the public functions), admit.c (queued ->
 * running), stuck.c, scheduler.c (turns, time, beginning and end).
 *
 * Invariants, whenever the mutex is given up:
 *  S1  a queued task without a promotion watches a lock that is not available to it, or lets
 *      a watcher with a lower key go first there, or waits for a stack while none is left
 *  S2  tasks that hold a reservation have a stack reserved too, so they can always begin
 *  S3  no task waits for a stack while one is left
 *
 * Cost, in a task: acquire and release of a free guard 35 ns, a yield 40 ns, spawn, run and
 * join of an empty task 210 ns, and 260 ns of one that needs a free guard. To be queued for a
 * guard that 100,000 wait for 430 ns, to be admitted, run and end 210 ns. Two cores of an AMD
 * EPYC, CAUSALITY_TASK_FIGURES=1 build/tests/unit/test_task_threads.
 *
 * Why a task that waits for a stack stays at its lock: it stands for all that watch there. They
 * get their turn when it leaves; else each free stack would move a whole crowd back and forth.
 */
#ifndef CZI_SCHEDULER_H
#define CZI_SCHEDULER_H

#include "engine/engine.h"
#include "lock/watch.h"
#include "program/fiber.h"

/* Who waits in cz_task_join; on its stack. */
struct czi_joiner {
    cz_context *context;
    struct czi_joiner *next;
    bool refused; /* it would never end */
};

struct czi_task {
    cz_context context;       /* first */
    struct czi_watcher watch; /* of a lock; its key is the task's place in all orders */
    struct czi_watcher stack; /* among those that wait for a stack */
    struct czi_watcher timer; /* among those that wait for a time, which is the key */
    uint64_t id;              /* what follows is zeroed for a new task */
    cz_scheduler *scheduler;
    cz_task_fn fn;
    void *arg;
    struct czi_fiber *fiber; /* NULL: has not begun, or is over */
    struct czi_task *next_ready;
    struct czi_task *next, *previous; /* of its priority's queue */
    struct czi_many needs;
    cz_guard *guards; /* per want of `needs`, once admitted */
    struct czi_joiner *joiners;
    uint64_t deadline; /* for admission */
    uint64_t admission, waits;
    cz_error *error; /* when it failed and there was memory for the detail */
    cz_error *result_error;
    int result, code; /* what its function returned, and once it is over */
    uint32_t joining; /* joiners that have not taken their report */
    uint32_t looks;   /* times that it looked in vain */
    atomic_bool told; /* to end */
    uint8_t state;    /* enum cz_task_state */
    uint8_t priority;
    bool detached, promoted, has_stack, wants_stack, timed, is_over, hopeless;
};

struct czi_ready {
    struct czi_task *first, *last;
    uint32_t count;
};

/* Queued tasks of one priority that are not promoted, oldest first. */
struct czi_task_queue {
    struct czi_task *first, *last;
    uint32_t passed; /* admissions of others since its first one became the first */
    uint64_t spawned, admitted, promoted, queued, queued_most;
};

struct cz_scheduler {
    struct czi_runner runner; /* first */
    cz_engine *engine;
    struct czi_thread *thread;
    struct czi_fiber_pool fibers;
    struct czi_ready ready;
    uint32_t (*choose)(void *arg, uint32_t count);
    void *choose_arg;
    _Atomic uint64_t switches, ready_most;
    _Atomic uint32_t arrivals; /* of `arrived` */
    _Atomic uint32_t asleep;   /* the thread's word */
    /* With the mutex: */
    struct czi_ready arrived; /* made ready by other threads */
    struct czi_pool pool;
    struct czi_task **table; /* by id modulo its room */
    uint32_t table_room, count, tasks_max;
    uint32_t stacks, stacks_max; /* reserved, at most */
    uint64_t last_id, admissions, promotions;
    struct czi_task_queue queues[CZI_PRIORITIES];
    struct czi_watcher *stack_heap, *timers;
    uint64_t completed, failed, cancelled, live, waiting, promoted_waiting;
    _Atomic uint32_t joining; /* in all; the closer's word */
    bool closing;
};

/* ---- For tests ------------------------------------------------------------------------------
 */

/* Of an engine that is driven by hand: the next one that is ready has its turn, until it is
 * suspended or over. False: none is ready. */
bool czi_scheduler_run_one(cz_scheduler *s);
uint32_t czi_scheduler_ready(const cz_scheduler *s);
/* Who is next, of `count` in the order in which they became ready; NULL: the first. */
void czi_scheduler_choose(cz_scheduler *s, uint32_t (*choose)(void *arg, uint32_t count),
                          void *arg);

/* ---- scheduler.c ----------------------------------------------------------------------------
 */

/* The task whose turn it is on the calling thread, or NULL. */
struct czi_task *czi_task_here(void);
/* With the mutex, or of the calling task: its turn will come. */
void czi_task_ready(struct czi_task *t);
/* With the mutex: wakes it at a time; not any more. */
void czi_task_arm(struct czi_task *t, uint64_t deadline);
void czi_task_disarm(struct czi_task *t);
/* With the mutex: the thread has something to look at. */
void czi_scheduler_wake(cz_scheduler *s);
extern const struct czi_blocking czi_task_blocking;

/* ---- task.c: with the mutex -----------------------------------------------------------------
 */

/* It never runs again: releases all that it holds, and tells its joiners. */
void czi_task_over(struct czi_task *t, enum cz_task_state state, int code, const cz_error *err);
void czi_task_tell(struct czi_task *t); /* to end */
void czi_task_forget(struct czi_task *t);

/* ---- admit.c: with the mutex ----------------------------------------------------------------
 */

/* Of a new task: it is admitted, or waits for that. */
void czi_task_queue(struct czi_task *t);
/* It was joined: whoever waits for it need not wait for those that it lets go first. */
void czi_task_awaited(struct czi_task *t);
/* Of a promoted task that the locks have woken. */
void czi_task_request_over(struct czi_task *t);
/* It is queued no longer, and waits nowhere. */
void czi_task_unqueue(struct czi_task *t);
/* Of one that is in no queue any more: CZ_TIMEOUT, CZ_CANCELLED or CZ_CLOSED. */
void czi_task_refuse(struct czi_task *t, int code);
/* A stack was given back. */
void czi_stack_free(cz_scheduler *s);

/* ---- stuck.c --------------------------------------------------------------------------------
 */

/* Of one with nothing to do, without the mutex: whether that would be so for ever, which is so
 * no longer. */
bool czi_scheduler_unstick(cz_scheduler *s);

#endif
