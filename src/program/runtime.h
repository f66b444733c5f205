/* runtime.h - tasks and futures of programs, without engine, log, clock or I/O (R12).
 *
 * Layer: program. Thread: a runtime and all its trees stay on one thread. Deterministic: the
 * same calls and the same ends of leaves in the same order give the same turns, winners,
 * cancellations and joins.
 *
 * A *tree* is one program: tasks and futures that belong to its first task. The public
 * functions on futures (cz_fork, cz_join, cz_cancel, cz_callback, barriers, races, timeouts)
 * are in this room, for any tree: a cz_program begins with one. Combinators are stackless
 * nodes; only functions of tasks have stacks. A *leaf* is what something outside ends: an
 * effect, a watch, a timer, a message.
 *
 * Order. What becomes ready runs first in, first out. A node that is over tells the one that it
 * is part of at once; no task runs meanwhile. Cancelling a combinator cancels its parts in the
 * order of their indexes; it is over, with CZ_CANCELLED, when the last of them is. One that has
 * its result already keeps it. Cancelling a task that has not begun ends it without running;
 * one that waits gets CZ_CANCELLED where it waits, after what it waits for was cancelled and is
 * over. One whose wait is over gets what it waited for, and CZ_CANCELLED at the next. The
 * futures that a task leaves behind are cancelled in the order in which it made them, and
 * joined, before the task is over.
 *
 * A handle that names nothing (used up, of another task, made without room) is a future that is
 * over with its reason: CZ_STALE, CZ_LIMIT, CZ_NOMEM. It counts as that where it is a part.
 *
 * Callbacks. `won`, `task_over`, `cancel` of leaves and predicates of races are called in the
 * midst of changes: they may end leaves, and call nothing else here. `over` is called by
 * czi_runtime_run_one alone, and may do anything.
 *
 * Stacks. A task that waits for one that has not begun, and is next, calls it on its own stack
 * if that has stack_size bytes left: it cannot go on before the other is over. Files: future.c
 * (nodes, and how they end), combine.c, runtime.c (turns), await.c (what waits).
 *
 * Cost: fork and join of an empty task 25 ns, a yield to another task 8 ns, a race of two that
 * are over at once 65 ns; a million tasks that sleep take 4.3 GiB. AMD EPYC,
 * build-bench/bench/tasks.
 */
#ifndef CZI_RUNTIME_H
#define CZI_RUNTIME_H

#include "program/fiber.h"

struct czi_future;  /* a node: task, leaf or combinator */
struct czi_runtime; /* of a host */

/* One program, as far as its tasks go; first in cz_program. */
struct czi_tree {
    struct czi_runtime *runtime;
    const struct czi_tree_ops *ops;
    struct czi_future *root;    /* its first task */
    struct czi_future *running; /* the task whose turn it is, or NULL */
    uint64_t tasks, races;      /* begun so far: the number of the next one */
    uint32_t live;              /* nodes that are not given back */
    bool stopping;              /* czi_tree_stop; then with */
    int stop_code;
    char *stop_detail; /* NULL: none, or no memory for it */
};

struct czi_tree_ops {
    /* A race (or timeout) has a winner; races are numbered as they are made, from 0. */
    void (*won)(struct czi_tree *t, uint64_t race, size_t index);
    /* A task's function has returned, or it never ran: what it holds is released. */
    void (*task_over)(struct czi_tree *t, uint64_t task, void *user);
    /* A leaf for a deadline: cz_sleep_future. */
    cz_future (*sleep)(struct czi_tree *t, const cz_deadline *deadline);
    /* A pseudo-random number of the program: cz_timeout_with_retry. */
    uint64_t (*random)(struct czi_tree *t);
    /* The first task has ended, and everything of the tree is joined. value: what it gave. */
    void (*over)(struct czi_tree *t, int code, uint64_t value, const cz_error *err);
    /* There was no room for a future (CZ_LIMIT, CZ_NOMEM) or no stack for a task, since others
     * have them: the tree goes on as it would not alone. NULL: nothing. In the midst of
     * changes, as won. */
    void (*starved)(struct czi_tree *t, int code);
};

/* futures_max: not joined, of all trees. 0, each: its default of limits.h. CZ_INVALID,
 * CZ_LIMIT, CZ_NOMEM. */
CZI_MUST_USE int czi_runtime_new(size_t stack_size, uint32_t stacks_max, uint32_t futures_max,
                                 struct czi_runtime **ret, cz_error *err);
void czi_runtime_free(struct czi_runtime *r); /* no tree may be live; NULL: no-op */

/* Begins a tree whose first task calls fn. It is ready, and has not run. */
CZI_MUST_USE int czi_tree_begin(struct czi_tree *t, struct czi_runtime *r,
                                const struct czi_tree_ops *ops, cz_branch_fn fn, void *arg,
                                cz_error *err);
/* Cancels its first task, and with it all. No-op when it has ended. */
void czi_tree_cancel(struct czi_tree *t);
/* From now on every wait of the tree's ends in `code` (CZ_CLOSED, CZ_DIFFERS), as if cancelled,
 * and leaves are cancelled: so it unwinds. */
void czi_tree_stop(struct czi_tree *t, int code, const cz_error *err);

/* Gives one ready task its turn, until it waits, yields or is over; and then up to
 * CZI_TURNS_MAX more of the same tree, as long as those are next. Or tells that a tree is over.
 * False: there is nothing to do. */
bool czi_runtime_run_one(struct czi_runtime *r);
uint32_t czi_runtime_ready(const struct czi_runtime *r);

/* The task whose turn it is: its number in its tree, from 0, and what a host keeps with it. */
uint64_t czi_tree_task(const struct czi_tree *t);
void **czi_tree_user(struct czi_tree *t);

/* ---- Leaves --------------------------------------------------------------------------------
 */

/* Of the task whose turn it is. cancel is called at most once, when it shall end: it ends now,
 * in there, or later, with any code. NULL: it ends with CZ_CANCELLED at once. arg stays the
 * host's. Over with CZ_LIMIT or CZ_NOMEM when there is no room; then *ret_made is false. */
cz_future czi_leaf(struct czi_tree *t, void (*cancel)(void *arg, cz_future leaf), void *arg,
                   bool *ret_made);
/* A future that is over already. err may be NULL. */
cz_future czi_leaf_over(struct czi_tree *t, int code, uint64_t value, const cz_error *err);
/* Ends a leaf. err: its detail, copied; may be NULL. False: it was over. */
bool czi_leaf_end(struct czi_runtime *r, cz_future leaf, int code, uint64_t value,
                  const cz_error *err);

#endif
