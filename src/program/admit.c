/* admit.c - when a queued task begins: all that it needs at once, or nothing (R8, R11).
 *
 * Layer: program. See scheduler.h; everything here is called with the manager's mutex held.
 *
 * Order: the lower key first, which is priority, then age. A task does not pass a lower key at
 * a lock that both want, but for one thing: who is joined may where it reads (lock/watch.h).
 * Ageing counts admissions: a priority whose first task was passed by CZI_AGEING_ADMISSIONS of
 * them has it promoted. So is a task that as often found a lock changed and still not to be
 * had, since threads that are no tasks can be in its way too. A promoted task has a stack
 * reserved first, and nobody comes before it there.
 */
#include "base/error.h"
#include "program/scheduler.h"

#define KEY_AGE_BITS 56

static struct czi_task *of_watch(const struct czi_watcher *w)
{
    return (struct czi_task *)(void *)((uintptr_t)w - offsetof(struct czi_task, watch));
}

static struct czi_task *of_stack(const struct czi_watcher *w)
{
    return (struct czi_task *)(void *)((uintptr_t)w - offsetof(struct czi_task, stack));
}

static struct czi_locks *locks_of(const struct czi_task *t)
{
    return &t->scheduler->engine->step.core.parking.locks;
}

/* The lock of one of its needs, as it is now; NULL: nobody is at it. */
static struct czi_lock *lock_of(const struct czi_task *t, uint32_t i)
{
    return czi_resource_at(&t->scheduler->engine->step.core.resources, t->needs.slots[i])->lock;
}

/* ---- Waiting to be admitted -----------------------------------------------------------------
 */

/* Mostly the youngest; one whose promotion was taken back is among the oldest. */
static void enter_queue(struct czi_task *t)
{
    struct czi_task_queue *q = &t->scheduler->queues[t->priority];
    struct czi_task *older = q->last, *younger = NULL;

    if (older && older->context.id > t->context.id)
        for (older = NULL, younger = q->first; younger->context.id < t->context.id;) {
            older = younger;
            younger = younger->next;
        }
    t->next = younger;
    t->previous = older;
    *(older ? &older->next : &q->first) = t;
    *(younger ? &younger->previous : &q->last) = t;
    if (!older)
        q->passed = 0;
    if (++q->queued > q->queued_most)
        q->queued_most = q->queued;
}

static void leave_queue(struct czi_task *t)
{
    struct czi_task_queue *q = &t->scheduler->queues[t->priority];

    if (q->first == t)
        q->passed = 0;
    if (t->previous)
        t->previous->next = t->next;
    else
        q->first = t->next;
    if (t->next)
        t->next->previous = t->previous;
    else
        q->last = t->previous;
    q->queued--;
}

static bool stands_before_others(const struct czi_lock *lock, const struct czi_watcher *w)
{
    if (w == lock->watchers)
        return w->child || lock->passing;
    return w == lock->passing && (w->child || lock->watchers);
}

static void unwatch(struct czi_task *t)
{
    struct czi_lock *lock = t->watch.lock;

    if (!lock)
        return;
    if (stands_before_others(lock, &t->watch))
        czi_lock_stir(locks_of(t), lock);
    czi_unwatch(locks_of(t), &t->watch);
}

static void want_stack(struct czi_task *t, bool want)
{
    cz_scheduler *s = t->scheduler;

    if (t->wants_stack == want)
        return;
    t->wants_stack = want;
    if (!want) {
        czi_watchers_remove(&s->stack_heap, &t->stack);
        return;
    }
    t->stack.key = t->watch.key;
    czi_watchers_add(&s->stack_heap, &t->stack);
    czi_scheduler_wake(s); /* it may be stuck from now on */
}

/* False: none is left. */
static bool take_stack(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;

    if (!t->has_stack && s->stacks == s->stacks_max)
        return false;
    s->stacks += !t->has_stack;
    t->has_stack = true;
    return true;
}

static void give_stack(struct czi_task *t)
{
    t->scheduler->stacks -= t->has_stack;
    t->has_stack = false;
}

/* It waits nowhere any more. */
static void stop_waiting(struct czi_task *t)
{
    unwatch(t);
    want_stack(t, false);
    if (t->context.owner.state == CZI_OWNER_WATCHING)
        czi_owner_watch_done(&t->context.owner);
}

/* ---- Admission ------------------------------------------------------------------------------
 */

static void admit(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;

    czi_many_bind(&t->context, &t->needs);
    for (uint32_t i = 0; i < t->needs.distinct; i++)
        t->guards[i] = czi_guard_handle(s->engine, t->needs.guards[i]);
    czi_task_disarm(t);
    t->admission = ++s->admissions;
    t->state = CZ_TASK_RUNNING;
    s->queues[t->priority].admitted++;
    czi_task_ready(t);
}

/* Was it the first of its priority, then nobody behind it was passed. */
static void admit_queued(struct czi_task *t, bool first)
{
    struct czi_task_queue *q = t->scheduler->queues;

    for (unsigned i = 0; i < CZI_PRIORITIES; i++)
        q[i].passed += q[i].first && !(first && i == t->priority);
    admit(t);
}

/* It cannot be admitted, ever. */
static void refuse(struct czi_task *t, enum cz_task_state state, int code, const cz_error *err)
{
    czi_task_disarm(t);
    give_stack(t);
    czi_task_over(t, state, code, err);
}

/* For its i-th need nobody goes before it: watch.h says why. */
static bool passes(const struct czi_task *t, uint32_t i)
{
    return t->context.owner.is_awaited && t->needs.wants[i].mode == CZ_READ;
}

/* The first lock that is in its way, for *ret_need; NULL: it can have all. */
static struct czi_lock *obstacle(const struct czi_task *t, uint32_t *ret_need)
{
    for (uint32_t i = 0; i < t->needs.distinct; i++) {
        struct czi_lock *lock = lock_of(t, i);
        const struct czi_watcher *first;

        *ret_need = i;
        if (!lock)
            continue;
        if (!czi_lock_available(lock, t->needs.wants[i].mode))
            return lock;
        first = czi_lock_watcher(lock);
        if (first && first->key < t->watch.key && !passes(t, i))
            return lock;
    }
    return NULL;
}

/* All is to be had. */
static void grant(struct czi_task *t)
{
    bool first = t->scheduler->queues[t->priority].first == t;
    cz_error err;
    int rc;

    leave_queue(t);
    stop_waiting(t);
    rc = czi_many_prepare(t->scheduler->engine, &t->needs, &err);
    if (!rc && czi_locks_acquire(locks_of(t), &t->context.owner, t->needs.wants,
                                 t->needs.distinct, true, UINT64_MAX) != CZI_GRANTED) {
        czi_guards_unreserve(t->scheduler->engine, t->needs.guards, t->needs.distinct);
        rc = czi_nomem(&err, "a task's guards");
    }
    if (rc)
        refuse(t, CZ_TASK_FAILED, rc, &err);
    else
        admit_queued(t, first);
}

/* Of one that is not promoted. True: it is queued no longer. */
static bool look(struct czi_task *t)
{
    uint32_t i = 0;
    struct czi_lock *lock = obstacle(t, &i);

    if (lock) {
        want_stack(t, false);
        if (t->watch.lock == lock) {
            if (passes(t, i))
                czi_watch_pass(&t->watch);
            return false;
        }
        unwatch(t);
        czi_watch(lock, &t->watch, passes(t, i));
        return false;
    }
    if (!take_stack(t)) {
        want_stack(t, true);
        return false;
    }
    grant(t);
    return true;
}

/* ---- Promotion ------------------------------------------------------------------------------
 */

static uint64_t key_of(const struct czi_task *t)
{
    return (uint64_t)(t->priority + 1) << KEY_AGE_BITS | t->context.id;
}

/* In a queue it would be in the way of a watcher that, through others, it waits for itself. So
 * it watches on, until it is passed so often again. */
static void take_back(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;

    t->promoted = false;
    s->queues[t->priority].promoted--;
    s->promoted_waiting--;
    give_stack(t);
    t->looks = 0;
    t->watch.key = key_of(t);
    czi_owner_watch(&t->context.owner, &t->watch);
    enter_queue(t);
    (void)look(t);
}

/* Of a promoted one: into the queues, as soon as it has a stack. */
static void request(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;
    enum czi_acquired got = CZI_NO_MEMORY;
    cz_error err;
    int rc;

    if (!take_stack(t)) {
        want_stack(t, true);
        return;
    }
    stop_waiting(t);
    rc = czi_many_prepare(s->engine, &t->needs, &err);
    if (!rc)
        got = czi_locks_acquire(locks_of(t), &t->context.owner, t->needs.wants,
                                t->needs.distinct, false, t->deadline);
    if (got == CZI_QUEUED) {
        czi_task_disarm(t); /* the locks know its deadline */
        return;
    }
    if (!rc && got != CZI_GRANTED)
        czi_guards_unreserve(s->engine, t->needs.guards, t->needs.distinct);
    if (got == CZI_DEADLOCK) {
        take_back(t);
        return;
    }
    s->promoted_waiting--;
    if (got == CZI_GRANTED)
        admit_queued(t, false);
    else
        refuse(t, CZ_TASK_FAILED, rc ? rc : czi_nomem(&err, "a task's request"), &err);
}

static void promote(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;

    leave_queue(t);
    unwatch(t);
    want_stack(t, false);
    t->promoted = true;
    s->queues[t->priority].promoted++;
    s->promoted_waiting++;
    t->watch.key = ++s->promotions; /* below all priorities */
    request(t);
}

/* What is left of the bound is for effects that must wait. */
static bool may_promote(const cz_scheduler *s)
{
    return s->engine->step.core.parking.locks.waiting < CZI_WAITING_MAX - CZI_BACKLOG_MAX;
}

static void promote_aged(cz_scheduler *s)
{
    for (unsigned i = 0; i < CZI_PRIORITIES; i++) {
        struct czi_task_queue *q = &s->queues[i];

        if (CZI_LIKELY(q->passed < CZI_AGEING_ADMISSIONS) || !q->first || !may_promote(s))
            continue;
        promote(q->first);
        i = UINT32_MAX; /* that may have been an admission: from the beginning */
    }
}

/* ---- Looking again --------------------------------------------------------------------------
 */

static bool retry(struct czi_watcher *w)
{
    struct czi_task *t = of_watch(w);
    cz_scheduler *s = t->scheduler;
    const struct czi_lock *lock = w->lock;

    if (look(t)) {
        promote_aged(s);
        return true;
    }
    t->looks += !t->wants_stack;
    if (t->looks >= CZI_AGEING_ADMISSIONS && may_promote(s)) {
        promote(t);
        promote_aged(s);
        return true;
    }
    return w->lock != lock;
}

static bool need(const struct czi_watcher *w, uint32_t i, struct czi_want *ret)
{
    const struct czi_task *t = of_watch(w);

    if (i >= t->needs.distinct)
        return false;
    *ret = (struct czi_want){.lock = lock_of(t, i), .mode = t->needs.wants[i].mode};
    return true;
}

void czi_task_queue(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;

    t->state = CZ_TASK_QUEUED;
    t->watch =
        (struct czi_watcher){.key = (uint64_t)(t->priority + 1) << KEY_AGE_BITS | t->context.id,
                             .retry = retry,
                             .need = need};
    if (CZI_LIKELY(!t->needs.distinct && take_stack(t))) {
        admit(t); /* passes nobody who could be in its place */
        return;
    }
    enter_queue(t);
    czi_owner_watch(&t->context.owner, &t->watch);
    if (!look(t) && t->deadline != UINT64_MAX)
        czi_task_arm(t, t->deadline);
    promote_aged(s);
}

void czi_task_awaited(struct czi_task *t)
{
    if (t->state != CZ_TASK_QUEUED || t->promoted)
        return;
    (void)look(t);
    promote_aged(t->scheduler);
}

void czi_stack_free(cz_scheduler *s)
{
    while (s->stacks < s->stacks_max && s->stack_heap) {
        struct czi_task *t = of_stack(s->stack_heap);

        want_stack(t, false);
        if (t->promoted)
            request(t);
        else
            (void)look(t);
    }
    promote_aged(s);
}

/* ---- Other ends -----------------------------------------------------------------------------
 */

void czi_task_request_over(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;
    cz_context *c = &t->context;

    c->lock_woken = false;
    s->promoted_waiting--;
    if (c->owner.outcome == CZI_WOKEN_GRANTED) {
        admit_queued(t, false);
        promote_aged(s);
        return;
    }
    czi_guards_unreserve(s->engine, t->needs.guards, t->needs.distinct);
    if (c->owner.outcome == CZI_WOKEN_EXPIRED)
        czi_task_refuse(t, CZ_TIMEOUT);
    else
        czi_task_refuse(t, atomic_load(&t->told) ? CZ_CANCELLED : CZ_CLOSED);
}

void czi_task_refuse(struct czi_task *t, int code)
{
    static const char *const why[] = {
        [CZ_TIMEOUT] = "what it needs was not to be had in time",
        [CZ_CANCELLED] = "cancelled before it began",
        [CZ_CLOSED] = "the engine is closing or has stopped",
    };
    cz_scheduler *s = t->scheduler;
    cz_error err;

    refuse(t, code == CZ_CANCELLED ? CZ_TASK_CANCELLED : CZ_TASK_FAILED,
           czi_fail(&err, code, "task: %s", why[code]), &err);
    czi_stack_free(s);
}

void czi_task_unqueue(struct czi_task *t)
{
    czi_task_disarm(t);
    if (!t->promoted)
        leave_queue(t);
    else if (t->wants_stack)
        t->scheduler->promoted_waiting--;
    stop_waiting(t);
}
