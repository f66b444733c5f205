/* runtime.c - trees, whose turn it is, and tasks. See runtime.h and future.h. */
#include "program/runtime.h"

#include "base/alloc.h"
#include "base/error.h"
#include "platform/platform.h"
#include "program/future.h"

/* Of a stack, beyond what its task is promised: as long as a task has used no more, one that it
 * waits for is called on the same stack. */
#define NEST_SIZE (16u << 10)

/* ---- The runtime ---------------------------------------------------------------------------
 */

int czi_runtime_new(size_t stack_size, uint32_t stacks_max, uint32_t futures_max,
                    struct czi_runtime **ret, cz_error *err)
{
    struct czi_runtime *r;
    struct czi_fiber_pool fibers;
    size_t nest;
    int rc;

    stack_size = stack_size ? stack_size : CZI_TASK_STACK_SIZE_DEFAULT;
    stacks_max = stacks_max ? stacks_max : CZI_TASK_STACKS_DEFAULT;
    if (stack_size < CZI_STACK_PAGE)
        return czi_fail(err, CZ_INVALID, "a stack of %zu bytes; at least %u", stack_size,
                        CZI_STACK_PAGE);
    nest = stack_size > CZI_TASK_STACK_SIZE_MAX - NEST_SIZE ? 0 : NEST_SIZE;
    rc = czi_fiber_pool_init(&fibers, stack_size + nest, stacks_max, err);
    if (rc)
        return rc;
    if (futures_max > CZI_FUTURES_MAX)
        return czi_fail(err, CZ_LIMIT, "%u futures; at most %u (FUTURES_MAX)", futures_max,
                        CZI_FUTURES_MAX);
    r = czi_alloc_zero(1, sizeof *r);
    if (!r)
        return czi_nomem(err, "a runtime of programs");
    r->fibers = fibers;
    r->stack_size = stack_size;
    r->max = futures_max ? futures_max : CZI_FUTURES_DEFAULT;
    *ret = r;
    return CZ_OK;
}

void czi_runtime_free(struct czi_runtime *r)
{
    if (!r)
        return;
    CZI_CHECK(r->live == 0);
    for (uint32_t i = 0; i < r->chunk_count; i++)
        czi_free(r->chunks[i]);
    czi_free(r->chunks);
    czi_fiber_pool_done(&r->fibers);
    czi_free(r);
}

uint32_t czi_runtime_ready(const struct czi_runtime *r)
{
    return r->ready_count;
}

/* ---- Tasks ---------------------------------------------------------------------------------
 */

void czi_task_gone(struct czi_future *n)
{
    struct czi_tree *t = n->tree;

    if (t->ops->task_over)
        t->ops->task_over(t, n->task.number, n->task.user);
    czi_future_ended(n);
}

static void init_task(struct czi_future *n, cz_branch_fn fn, void *arg)
{
    n->task.fn = fn;
    n->task.arg = arg;
    n->task.fiber = NULL;
    n->task.waits_for = NULL;
    n->task.user = NULL;
    n->task.number = n->tree->tasks++;
    n->task.winner = SIZE_MAX;
    n->task.is_callback = false;
}

struct czi_future *czi_task_new(struct czi_future *above, cz_branch_fn fn, void *arg,
                                cz_future *ret_reason)
{
    struct czi_future *n = czi_future_take(above->tree, above, CZI_TASK, ret_reason);

    if (CZI_UNLIKELY(!n))
        return NULL;
    init_task(n, fn, arg);
    czi_ready(n);
    return n;
}

static void returned(struct czi_future *n, int code, uint64_t value, const cz_error *err)
{
    struct czi_runtime *r = n->tree->runtime;
    bool outermost = czi_change_begin(r);

    n->tree->running = NULL;
    n->task.fiber = NULL;
    n->is = CZI_RETURNED;
    n->code = code;
    n->value = code ? 0 : value;
    if (CZI_UNLIKELY(code))
        n->detail = czi_detail(err);
    if (n->first)
        czi_future_cancel_members(n);
    else
        czi_task_gone(n);
    czi_change_end(r, outermost);
}

/* Of one whose turn it is, for the first time, on this fiber. Afterwards it may not be there.
 */
static void run(struct czi_future *n, struct czi_fiber *fiber)
{
    cz_program *p = (cz_program *)(void *)n->tree;
    uint64_t value = 0;
    cz_error err;
    int code;

    err.code = CZ_OK;
    err.detail[0] = 0;
    n->task.fiber = fiber;
    if (n->task.is_callback) {
        cz_completion completion = {0, n->task.ended, n->value};

        code = n->task.handler(p, n->task.arg, &completion, &value, &err);
    } else {
        code = n->task.fn(p, n->task.arg, &value, &err);
    }
    returned(n, code, value, &err);
}

static __attribute__((noinline)) void has_no_stack(struct czi_future *n, int code,
                                                   const cz_error *err)
{
    if (n->tree->ops->starved)
        n->tree->ops->starved(n->tree, code);
    returned(n, code, 0, err);
}

/* ---- Turns ---------------------------------------------------------------------------------
 */

/* Who is next, if it may have its turn without a look at the rest of the world. */
static struct czi_future *next_here(struct czi_runtime *r, const struct czi_tree *t)
{
    struct czi_future *n = r->ready.first;

    if (!n || n->tree != t || n->over || r->turns == 0)
        return NULL;
    r->turns--;
    return n;
}

static void take_turn(struct czi_future *n)
{
    czi_unready(n);
    n->is = CZI_RUNNING;
    n->tree->running = n;
}

/* What a fiber does: the task that it was made for, and then those that are next. */
static void task_main(void *arg)
{
    struct czi_future *n = arg;
    struct czi_tree *t = n->tree;
    struct czi_runtime *r = t->runtime;
    struct czi_fiber *fiber = r->fibers.running;

    run(n, fiber);
    while ((n = next_here(r, t))) {
        take_turn(n);
        if (n->task.fiber) {
            czi_fiber_then(&r->fibers, n->task.fiber);
            return;
        }
        run(n, fiber);
    }
}

/* Of one whose turn it is: it begins on a fiber of its own. NULL: it cannot. */
static struct czi_fiber *begin(struct czi_runtime *r, struct czi_future *n)
{
    struct czi_fiber *fiber;
    cz_error err;
    int code = czi_fiber_new(&r->fibers, task_main, n, &fiber, &err);

    if (CZI_LIKELY(!code))
        return fiber;
    has_no_stack(n, code, &err);
    return NULL;
}

/* Whether n, which has not begun, may be called on the stack of self, below whose frames it
 * will stay until it is over. */
static bool may_nest(const struct czi_runtime *r, const struct czi_future *self,
                     const struct czi_future *n)
{
    const struct czi_future *awaited = self->task.waits_for;

    return awaited && awaited->kind != CZI_EACH && (awaited == n || awaited == n->above) &&
           czi_fiber_room(self->task.fiber) >= r->stack_size;
}

/* The task whose turn it was waits or yields, until it is its turn again. */
static void suspend(struct czi_runtime *r, struct czi_future *self)
{
    struct czi_fiber *fiber = self->task.fiber;
    struct czi_future *n;

    while ((n = next_here(r, self->tree))) {
        struct czi_fiber *next = n->task.fiber;

        take_turn(n);
        if (n == self)
            return;
        if (!next && may_nest(r, self, n)) {
            run(n, fiber);
            continue;
        }
        if (!next)
            next = begin(r, n);
        if (next) {
            czi_fiber_pass(fiber, next);
            return;
        }
    }
    self->tree->running = NULL;
    czi_fiber_yield(fiber);
}

static void tell_over(struct czi_future *root)
{
    struct czi_tree *t = root->tree;
    int code = root->code;
    uint64_t value = root->value;
    cz_error err = {0};

    czi_unready(root);
    (void)czi_future_tell(root, &err);
    czi_future_give(root);
    CZI_CHECK(t->live == 0);
    czi_free(t->stop_detail);
    t->stop_detail = NULL;
    t->root = NULL;
    if (t->ops->over)
        t->ops->over(t, code, value, code ? &err : NULL);
}

bool czi_runtime_run_one(struct czi_runtime *r)
{
    struct czi_future *n = r->ready.first;
    struct czi_fiber *fiber;

    CZI_CHECK(!r->fibers.running && !r->settling);
    if (!n)
        return false;
    if (n->over) {
        tell_over(n);
        return true;
    }
    take_turn(n);
    r->turns = CZI_TURNS_MAX;
    fiber = n->task.fiber ? n->task.fiber : begin(r, n);
    if (fiber)
        czi_fiber_switch_to(fiber);
    return true;
}

bool czi_is_cut(const struct czi_tree *t)
{
    return t->running->cancelled || t->stopping;
}

int czi_wait(struct czi_tree *t, struct czi_future *n)
{
    struct czi_runtime *r = t->runtime;
    struct czi_future *self = t->running;

    CZI_CHECK(self && !r->settling && !n->awaited);
    self->cut = self->cancelled || t->stopping;
    if (self->cut && !n->over) {
        bool outermost = czi_change_begin(r);

        czi_future_cancel(n);
        czi_change_end(r, outermost);
    }
    if (!n->over) {
        n->awaited = true;
        self->task.waits_for = n;
        self->is = CZI_WAITING;
        suspend(r, self);
    }
    return self->cut || t->stopping ? czi_cut_code(t) : CZ_OK;
}

/* ---- Trees ---------------------------------------------------------------------------------
 */

int czi_tree_begin(struct czi_tree *t, struct czi_runtime *r, const struct czi_tree_ops *ops,
                   cz_branch_fn fn, void *arg, cz_error *err)
{
    cz_future reason;
    struct czi_future *n;

    *t = (struct czi_tree){.runtime = r, .ops = ops};
    n = czi_future_take(t, NULL, CZI_TASK, &reason);
    if (!n)
        return czi_reason_tell(r, (int)reason.generation, err);
    init_task(n, fn, arg);
    t->root = n;
    czi_ready(n);
    return CZ_OK;
}

void czi_tree_cancel(struct czi_tree *t)
{
    bool outermost;

    if (!t->root)
        return;
    outermost = czi_change_begin(t->runtime);
    czi_future_cancel(t->root);
    czi_change_end(t->runtime, outermost);
}

void czi_tree_stop(struct czi_tree *t, int code, const cz_error *err)
{
    if (!t->root || t->stopping)
        return;
    t->stopping = true;
    t->stop_code = code;
    t->stop_detail = czi_detail(err);
    czi_tree_cancel(t);
}

uint64_t czi_tree_task(const struct czi_tree *t)
{
    return t->running->task.number;
}

void **czi_tree_user(struct czi_tree *t)
{
    return &t->running->task.user;
}

/* ---- Of programs ---------------------------------------------------------------------------
 */

static cz_future no_function(struct czi_tree *t)
{
    cz_error err = {0};

    (void)czi_fail(&err, CZ_INVALID, "no function to run");
    return czi_leaf_over(t, CZ_INVALID, 0, &err);
}

cz_future cz_fork(cz_program *p, cz_branch_fn fn, void *arg)
{
    struct czi_tree *t = czi_tree_of(p);
    cz_future reason;
    struct czi_future *n;

    CZI_CHECK(t->running);
    if (CZI_UNLIKELY(!fn))
        return no_function(t);
    n = czi_task_new(t->running, fn, arg, &reason);
    return CZI_LIKELY(n != NULL) ? czi_future_handle(n) : reason;
}

cz_future cz_callback(cz_program *p, cz_future f, cz_callback_fn handler, void *arg)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future *n, *part;
    cz_future made;
    bool outermost;
    int code;

    CZI_CHECK(t->running);
    if (!handler)
        return no_function(t);
    outermost = czi_change_begin(t->runtime);
    n = czi_future_take(t, t->running, CZI_TASK, &made);
    part = czi_future_of(t, f, &code);
    if (n) {
        made = czi_future_handle(n);
        init_task(n, NULL, arg);
        n->task.handler = handler;
        n->task.is_callback = true;
        n->is = CZI_PENDING;
        if (part) {
            czi_part_of_callback(n, part);
        } else {
            n->task.ended = code;
            czi_ready(n);
        }
    } else if (part) {
        czi_future_drop(part);
    }
    czi_change_end(t->runtime, outermost);
    return made;
}

int cz_program_yield(cz_program *p, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future *self = t->running;

    CZI_CHECK(self && !t->runtime->settling);
    if (!czi_is_cut(t)) {
        czi_ready(self);
        suspend(t->runtime, self);
    }
    return czi_is_cut(t) ? czi_cut(t, err) : CZ_OK;
}

size_t cz_winner(const cz_program *p)
{
    const struct czi_tree *t = (const struct czi_tree *)(const void *)p;

    CZI_CHECK(t->running);
    return t->running->task.winner;
}
