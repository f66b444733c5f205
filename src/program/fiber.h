/* fiber.h - stacks that take turns on one thread: the ground of tasks.
 *
 * Layer: program. Thread: a pool, its fibers and whoever switches to them stay on one thread,
 * from init to done; several pools on several threads know nothing of each other. A fiber
 * never moves to another thread, so it may keep the address of a thread's own variable.
 *
 *     czi_fiber_new(&pool, fn, arg, &f, err)  a fiber that has not run yet
 *     czi_fiber_switch_to(f)                  by the scheduler: runs f until one of the next
 *     czi_fiber_yield(f)                      by f itself: back to the scheduler
 *     czi_fiber_pass(f, g)                    by f itself: g runs, in f's place
 *     return from fn                          back to the scheduler (or to the one that
 *                                             czi_fiber_then names) for the last time
 *
 * There are two levels and no more: the scheduler is on the thread's own stack (or on a fiber
 * of another pool), and whichever fiber runs goes back to it. A switch saves the registers that
 * a call preserves, the modes of floating point among them, and nothing else; signal masks and
 * errno belong to the thread.
 *
 * The only way out is to return from fn. What unwinds (pthread_exit, cancellation of the
 * thread, a C++ exception) runs the cleanups up to fn and there fails a check: "a fiber was
 * unwound". A longjmp to another stack is undefined and not noticed. A suspended fiber cannot
 * be freed, because what it would clean up on its way out would stay: to be rid of one, make it
 * return.
 *
 * A stack is reused, the latest first, and its memory stays. When it overflows, it meets a page
 * that faults (SIGSEGV at an address just below the stack); where the system has no more room
 * for such pages (platform.h), a mark below the stack is checked at each switch, and its damage
 * is a failed check: "overflow of a fiber's stack". A function whose locals are larger than a
 * page may step over both.
 *
 * Cost: a pass 8 ns (bench/tasks); a switch with its yield 25 ns among 100 fibers and 180 ns
 * among 100,000, which no cache holds; new, run and end with a warm stack 20 ns, with a fresh
 * one 2 us; a page of memory (4 KiB) a fiber that goes no deeper, and one page for each 64. Two
 * cores of an AMD EPYC, CAUSALITY_FIBER_FIGURES=1 build/tests/unit/test_fiber.
 */
#ifndef CZI_FIBER_H
#define CZI_FIBER_H

#include "base/check.h"
#include "base/limits.h"
#include "causality/causality.h"

struct czi_fiber;
struct czi_fiber_slab;

/* Embedded in a scheduler. All zero is valid for done only. */
struct czi_fiber_pool {
    struct czi_fiber *running; /* whose turn it is; or NULL */
    struct czi_fiber *then;    /* who runs when the running one is done; NULL: the scheduler */
    struct czi_fiber *left;    /* from whom the last jump was; NULL: the scheduler */
    struct czi_fiber *idle;    /* whose stacks wait for the next, the latest first */
    struct czi_fiber_slab *slabs;
    void *scheduler;  /* where it goes on */
    size_t slot_size; /* a stack and the page below it */
    uint32_t live;    /* not done, suspended or running */
    uint32_t made;    /* stacks there are, idle ones too */
    uint32_t max;
    const void *scheduler_low; /* its stack, for the address sanitizer */
    size_t scheduler_size;
    void *scheduler_state; /* of a sanitizer */
};

/* Each stack has at least stack_size bytes for fn and all that it calls: 16 KiB suit our own
 * code, 64 KiB what calls printf and the like. With a sanitizer it is four times as much.
 * At most `max` fibers are live at once. CZ_INVALID: less than a page; CZ_LIMIT: max is 0 or
 * above CZI_TASK_STACKS_MAX, or a stack above CZI_TASK_STACK_SIZE_MAX. Takes no memory. */
CZI_MUST_USE int czi_fiber_pool_init(struct czi_fiber_pool *p, size_t stack_size, uint32_t max,
                                     cz_error *err);
/* Gives the stacks back. No fiber may be live. */
void czi_fiber_pool_done(struct czi_fiber_pool *p);

/* A fiber that will call fn(arg) when it is first switched to. It can be made anywhere, in a
 * fiber too. CZ_LIMIT: as many as the pool allows are live; CZ_NOMEM. */
CZI_MUST_USE int czi_fiber_new(struct czi_fiber_pool *p, void (*fn)(void *arg), void *arg,
                               struct czi_fiber **ret, cz_error *err);

/* Runs f, and whoever it passes to, until one of them goes back. By the scheduler; f must not
 * be done. */
void czi_fiber_switch_to(struct czi_fiber *f);

/* Back to the scheduler, until somebody switches or passes to f again. By f, which runs. */
void czi_fiber_yield(struct czi_fiber *f);

/* To g, another fiber of the pool that is not done, until somebody switches or passes to f
 * again. By f, which runs. One jump, where by way of the scheduler there are two. */
void czi_fiber_pass(struct czi_fiber *f, struct czi_fiber *g);

/* When the running fiber returns from its fn, g goes on, and not the scheduler. */
void czi_fiber_then(struct czi_fiber_pool *p, struct czi_fiber *g);

/* Bytes of its stack that the running fiber has not used. */
size_t czi_fiber_room(const struct czi_fiber *f);

/* Whether fn has returned. To be asked after a switch and before the next czi_fiber_new: that
 * one may get the same fiber. */
bool czi_fiber_done(const struct czi_fiber *f);

#endif
