/* scheduler.c - whose turn it is, what wakes a task, and a scheduler's beginning and end.
 *
 * Layer: program. See scheduler.h.
 */
#include "program/scheduler.h"

#include "base/error.h"

#include <string.h>

/* How long the thread looks for work before it sleeps: a sleep and a wake cost some 10 us. */
#define SPINS 2000u
/* Turns between two looks at the clock, while there are any deadlines. */
#define TURNS 64u
/* While a task waits for a stack, others than tasks may make that last for ever (stuck.c), and
 * do not say so: then the thread looks so often. */
#define STUCK_NS 20000000u

/* Of the calling thread. */
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
    cz_scheduler *scheduler;
    struct czi_task *task;
} here;

struct czi_task *czi_task_here(void)
{
    return here.task;
}

/* ---- Whose turn will come -------------------------------------------------------------------
 */

static void append(struct czi_ready *r, struct czi_task *t)
{
    t->next_ready = NULL;
    if (r->first)
        r->last->next_ready = t;
    else
        r->first = t;
    r->last = t;
    r->count++;
}

void czi_scheduler_wake(cz_scheduler *s)
{
    if (atomic_load(&s->asleep) && atomic_exchange(&s->asleep, 0))
        czi_word_wake(&s->asleep, 1);
}

void czi_task_ready(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;

    if (here.scheduler == s) {
        append(&s->ready, t);
        return;
    }
    append(&s->arrived, t);
    atomic_store(&s->arrivals, s->arrived.count);
    czi_scheduler_wake(s);
}

/* Behind all that were ready before. */
static void take_arrived(cz_scheduler *s)
{
    struct czi_ready *r = &s->ready, *a = &s->arrived;

    if (CZI_LIKELY(atomic_load_explicit(&s->arrivals, memory_order_acquire) == 0))
        return;
    czi_manager_lock(s->engine);
    if (r->first)
        r->last->next_ready = a->first;
    else
        r->first = a->first;
    r->last = a->last;
    r->count += a->count;
    *a = (struct czi_ready){0};
    atomic_store(&s->arrivals, 0);
    czi_manager_unlock(s->engine);
}

/* NULL: none is ready. */
static struct czi_task *next(cz_scheduler *s)
{
    struct czi_task *t, **at = &s->ready.first, *before = NULL;
    uint32_t i;

    take_arrived(s);
    if (!s->ready.count)
        return NULL;
    if (CZI_UNLIKELY(s->ready.count >
                     atomic_load_explicit(&s->ready_most, memory_order_relaxed)))
        atomic_store_explicit(&s->ready_most, s->ready.count, memory_order_relaxed);
    i = s->choose ? s->choose(s->choose_arg, s->ready.count) : 0;
    CZI_CHECK(i < s->ready.count);
    for (; i > 0; i--) {
        before = *at;
        at = &before->next_ready;
    }
    t = *at;
    *at = t->next_ready;
    if (s->ready.last == t)
        s->ready.last = before;
    s->ready.count--;
    return t;
}

/* ---- Waiting --------------------------------------------------------------------------------
 */

void czi_task_arm(struct czi_task *t, uint64_t deadline)
{
    cz_scheduler *s = t->scheduler;

    CZI_CHECK(!t->timed);
    t->timed = true;
    t->timer.key = deadline;
    czi_watchers_add(&s->timers, &t->timer);
    if (here.scheduler != s)
        czi_scheduler_wake(s);
}

void czi_task_disarm(struct czi_task *t)
{
    if (!t->timed)
        return;
    t->timed = false;
    czi_watchers_remove(&t->scheduler->timers, &t->timer);
}

static struct czi_task *of_context(cz_context *c)
{
    return (struct czi_task *)c;
}

static void task_block(cz_context *c, uint64_t deadline)
{
    struct czi_task *t = of_context(c);

    CZI_CHECK(here.task == t);
    t->state = CZ_TASK_WAITING;
    t->waits++;
    t->scheduler->waiting++;
    if (deadline != UINT64_MAX && c->owner.state != CZI_OWNER_WAITING)
        czi_task_arm(t, deadline);
    czi_manager_unlock(c->engine);
    czi_fiber_yield(t->fiber);
    czi_manager_lock(c->engine);
    czi_task_disarm(t);
}

static void task_wake(cz_context *c)
{
    struct czi_task *t = of_context(c);

    if (t->state == CZ_TASK_WAITING) {
        t->state = CZ_TASK_RUNNING;
        t->scheduler->waiting--;
        czi_task_ready(t);
    } else if (t->state == CZ_TASK_QUEUED) {
        atomic_store_explicit(&c->signalled, 0, memory_order_relaxed); /* it is awake */
        if (c->lock_woken)
            czi_task_request_over(t);
    }
}

const struct czi_blocking czi_task_blocking = {task_block, task_wake};

void cz_task_yield(void)
{
    struct czi_task *t = here.task;

    if (!t)
        return;
    czi_task_ready(t);
    czi_fiber_yield(t->fiber);
}

/* ---- Turns ----------------------------------------------------------------------------------
 */

/* On a stack of its own. Whoever switched to it sees that it is done. */
static void task_main(void *arg)
{
    struct czi_task *t = arg;
    cz_error err;

    err.code = CZ_OK;
    err.detail[0] = 0;
    t->result = t->fn(t->arg, &err);
    if (t->result == CZ_OK)
        return;
    err.code = t->result;
    t->result_error = czi_alloc(sizeof *t->result_error);
    if (t->result_error)
        memcpy(t->result_error, &err, sizeof err);
}

static void end(struct czi_task *t, int code, const cz_error *err)
{
    bool told = atomic_load_explicit(&t->told, memory_order_relaxed);
    enum cz_task_state state = CZ_TASK_FAILED;
    cz_engine *g = t->context.engine;

    if (code == CZ_OK)
        state = CZ_TASK_COMPLETED;
    else if (code == CZ_CANCELLED && told)
        state = CZ_TASK_CANCELLED;
    czi_manager_lock(g);
    czi_task_over(t, state, code, err);
    czi_manager_unlock(g);
}

/* It has a stack afterwards, or is over. */
static bool begin(struct czi_task *t)
{
    cz_error err;
    int rc;

    if (atomic_load_explicit(&t->told, memory_order_relaxed))
        rc = czi_fail(&err, CZ_CANCELLED, "task: cancelled before it began");
    else
        rc = czi_fiber_new(&t->scheduler->fibers, task_main, t, &t->fiber, &err);
    if (rc)
        end(t, rc, &err);
    return rc == CZ_OK;
}

static void run(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;
    cz_context *entered = czi_context_entered();

    if (!t->fiber && !begin(t))
        return;
    atomic_store_explicit(&s->switches,
                          atomic_load_explicit(&s->switches, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    here.task = t;
    czi_context_switch(&t->context);
    czi_fiber_switch_to(t->fiber);
    czi_context_switch(entered);
    here.task = NULL;
    if (!czi_fiber_done(t->fiber))
        return;
    t->fiber = NULL;
    end(t, t->result, NULL);
}

bool czi_scheduler_run_one(cz_scheduler *s)
{
    cz_scheduler *outer = here.scheduler;
    struct czi_task *t;

    CZI_CHECK(!here.task);
    here.scheduler = s;
    t = next(s);
    if (t)
        run(t);
    here.scheduler = outer;
    return t || czi_scheduler_unstick(s);
}

uint32_t czi_scheduler_ready(const cz_scheduler *s)
{
    return s->ready.count + atomic_load(&s->arrivals);
}

void czi_scheduler_choose(cz_scheduler *s, uint32_t (*choose)(void *arg, uint32_t count),
                          void *arg)
{
    s->choose = choose;
    s->choose_arg = arg;
}

/* ---- As a runner of the engine --------------------------------------------------------------
 */

static cz_scheduler *of_runner(struct czi_runner *r)
{
    return (cz_scheduler *)r;
}

static bool runner_run_one(struct czi_runner *r)
{
    return czi_scheduler_run_one(of_runner(r));
}

static uint64_t next_deadline(const struct czi_runner *r)
{
    const cz_scheduler *s = (const cz_scheduler *)r;

    return s->timers ? s->timers->key : UINT64_MAX;
}

static struct czi_task *of_timer(const struct czi_watcher *w)
{
    return (struct czi_task *)(void *)((uintptr_t)w - offsetof(struct czi_task, timer));
}

static void expire(struct czi_runner *r, uint64_t now)
{
    cz_scheduler *s = of_runner(r);

    while (s->timers && s->timers->key <= now) {
        struct czi_task *t = of_timer(s->timers);

        czi_task_disarm(t);
        if (t->state == CZ_TASK_QUEUED) {
            czi_task_unqueue(t);
            czi_task_refuse(t, CZ_TIMEOUT);
        } else {
            czi_context_wake(&t->context);
        }
    }
}

/* What stands in queues was told by the manager. */
static void closed(struct czi_runner *r)
{
    cz_scheduler *s = of_runner(r);

    for (uint32_t i = 0; i < s->table_room; i++) {
        struct czi_task *t = s->table[i];

        if (!t || t->state != CZ_TASK_QUEUED || t->context.owner.woken ||
            t->context.owner.state == CZI_OWNER_WAITING)
            continue;
        czi_task_unqueue(t);
        czi_task_refuse(t, CZ_CLOSED);
    }
}

/* ---- The thread -----------------------------------------------------------------------------
 */

/* With the mutex. */
static uint64_t expire_all(cz_scheduler *s)
{
    struct czi_locks *l = &s->engine->step.core.parking.locks;
    uint64_t now;

    if (czi_locks_next_deadline(l) == UINT64_MAX && !s->timers)
        return UINT64_MAX;
    now = czi_manager_now(s->engine);
    czi_locks_expire(l, now);
    czi_manager_settle(s->engine);
    expire(&s->runner, now);
    czi_manager_settle(s->engine);
    return CZI_MIN(czi_locks_next_deadline(l), next_deadline(&s->runner));
}

/* Until something may be ready; false when the thread shall end. */
static bool rest(cz_scheduler *s)
{
    uint64_t deadline, now;
    bool end, work, stuck;

    for (unsigned i = 0; i < SPINS && !atomic_load(&s->arrivals); i++)
        czi_cpu_relax();
    if (czi_scheduler_unstick(s))
        return true;
    czi_manager_lock(s->engine);
    deadline = expire_all(s);
    work = s->ready.count + s->arrived.count > 0;
    end = s->closing && s->live == 0;
    atomic_store(&s->asleep, !work && !end);
    stuck = s->stack_heap != NULL;
    czi_manager_unlock(s->engine);
    now = deadline == UINT64_MAX && !stuck ? 0 : czi_clock_ns();
    if (stuck)
        deadline = CZI_MIN(deadline, now + STUCK_NS);
    if (!work && !end && now < deadline)
        (void)czi_word_wait(&s->asleep, 1,
                            deadline == UINT64_MAX ? UINT64_MAX : deadline - now);
    atomic_store(&s->asleep, 0);
    return !end;
}

static void scheduler_main(void *arg)
{
    cz_scheduler *s = arg;
    struct czi_task *t;

    here.scheduler = s;
    do {
        for (unsigned turns = 0; (t = next(s)) != NULL; turns++) {
            run(t);
            if (turns % TURNS != TURNS - 1)
                continue;
            czi_manager_lock(s->engine);
            (void)expire_all(s);
            czi_manager_unlock(s->engine);
        }
    } while (rest(s));
}

/* ---- Beginning and end ----------------------------------------------------------------------
 */

static int init(cz_scheduler *s, const cz_scheduler_options *o, cz_error *err)
{
    int rc = czi_fiber_pool_init(&s->fibers,
                                 o->stack_size ? o->stack_size : CZI_TASK_STACK_SIZE_DEFAULT,
                                 o->stacks_max ? o->stacks_max : CZI_TASK_STACKS_DEFAULT, err);

    if (rc)
        return rc;
    if (o->tasks_max > CZI_TASKS_MAX)
        return czi_fail(err, CZ_LIMIT, "%u tasks; at most %u (TASKS_MAX)", o->tasks_max,
                        CZI_TASKS_MAX);
    s->tasks_max = o->tasks_max ? o->tasks_max : CZI_TASKS_MAX;
    s->stacks_max = s->fibers.max;
    s->pool.size = sizeof(struct czi_task);
    s->runner = (struct czi_runner){NULL, runner_run_one, next_deadline, expire, closed, NULL};
    return CZ_OK;
}

int cz_scheduler_new(cz_engine *g, const cz_scheduler_options *options, cz_scheduler **ret,
                     cz_error *err)
{
    static const cz_scheduler_options defaults;
    cz_scheduler *s = czi_alloc_zero(1, sizeof *s);
    int rc;

    if (!s)
        return czi_nomem(err, "a scheduler");
    s->engine = g;
    rc = init(s, options ? options : &defaults, err);
    if (!rc && !g->driven)
        rc = czi_thread_start(&s->thread, scheduler_main, s, "cz-tasks", err);
    if (rc) {
        czi_free(s);
        return rc;
    }
    (void)cz_ref(g);
    if (g->manager.driver)
        czi_scheduler_choose(s, g->manager.driver->pick, g->manager.driver);
    czi_manager_lock(g);
    czi_runner_add(g, &s->runner);
    czi_manager_unlock(g);
    *ret = s;
    return CZ_OK;
}

/* With the mutex: all of them, in the order of their places. */
static void each_task(cz_scheduler *s, void (*fn)(struct czi_task *t))
{
    for (uint32_t i = 0; i < s->table_room; i++)
        if (s->table[i])
            fn(s->table[i]);
}

/* Until no task is left that is not over, and nobody joins one. */
static void wait_all_over(cz_scheduler *s)
{
    cz_engine *g = s->engine;
    uint32_t joining;

    while (g->driven && (s->live || atomic_load(&s->joining)))
        czi_manager_drive(g, UINT64_MAX);
    czi_thread_join(s->thread);
    while ((joining = atomic_load(&s->joining)) != 0)
        (void)czi_word_wait(&s->joining, joining, UINT64_MAX);
}

int cz_scheduler_close(cz_scheduler *s, cz_error *err)
{
    cz_engine *g;

    if (!s)
        return CZ_OK;
    if (here.task)
        return czi_fail(err, CZ_INVALID, "scheduler: a task cannot close one");
    g = s->engine;
    czi_manager_lock(g);
    s->closing = true;
    each_task(s, czi_task_tell);
    czi_scheduler_wake(s);
    czi_manager_unlock(g);
    wait_all_over(s);
    czi_manager_lock(g);
    czi_runner_remove(g, &s->runner);
    each_task(s, czi_task_forget);
    czi_manager_unlock(g);
    czi_fiber_pool_done(&s->fibers);
    czi_pool_done(&s->pool);
    czi_free(s->table);
    czi_free(s);
    return cz_close(g, err);
}

int cz_scheduler_stats_get(cz_scheduler *s, cz_scheduler_stats *ret, cz_error *err)
{
    (void)err;
    czi_manager_lock(s->engine);
    *ret = (cz_scheduler_stats){.completed = s->completed,
                                .failed = s->failed,
                                .cancelled = s->cancelled,
                                .queued = s->promoted_waiting,
                                .waiting = s->waiting,
                                .ended = s->count - s->live,
                                .switches = atomic_load(&s->switches),
                                .ready_most = atomic_load(&s->ready_most)};
    for (unsigned i = 0; i < CZI_PRIORITIES; i++) {
        const struct czi_task_queue *q = &s->queues[i];

        ret->priorities[i].spawned = q->spawned;
        ret->priorities[i].admitted = q->admitted;
        ret->priorities[i].promoted = q->promoted;
        ret->priorities[i].queued = q->queued;
        ret->priorities[i].queued_most = q->queued_most;
        ret->queued += q->queued;
    }
    ret->running = s->live - ret->queued - s->waiting;
    czi_manager_unlock(s->engine);
    return CZ_OK;
}
