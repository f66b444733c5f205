/* task.c - tasks as their users see them: spawned, joined, cancelled, and what is told of them.
 *
 * Layer: program. See scheduler.h. Threads: any, and tasks.
 */
#include "base/error.h"
#include "program/scheduler.h"

#include <string.h>

const char *cz_task_state_name(int state)
{
    static const char *const names[] = {
#define NAME(name, value, text) [value] = text,
        CZ_TASK_STATES(NAME)
#undef NAME
    };

    return state >= 0 && (size_t)state < CZI_COUNTOF(names) ? names[state] : NULL;
}

/* ---- Records --------------------------------------------------------------------------------
 */

static struct czi_task **place_of(const cz_scheduler *s, uint64_t id)
{
    return &s->table[id & (s->table_room - 1)];
}

static struct czi_task *find(const cz_scheduler *s, uint64_t id)
{
    struct czi_task *t = s->table_room ? *place_of(s, id) : NULL;

    return t && t->id == id ? t : NULL;
}

/* Twice as large: what had places of its own has them again. At most half of it is used, so a
 * free place is near. */
static bool table_room(cz_scheduler *s)
{
    struct czi_task **old = s->table;
    uint32_t old_room = s->table_room;

    if (CZI_LIKELY(2 * s->count < old_room))
        return true;
    s->table_room = old_room ? 2 * old_room : 64;
    s->table = czi_alloc_zero(s->table_room, sizeof(struct czi_task *));
    if (!s->table) {
        s->table = old;
        s->table_room = old_room;
        return false;
    }
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i])
            *place_of(s, old[i]->id) = old[i];
    czi_free(old);
    return true;
}

/* "task 12", without the cost of a printf. */
static void default_name(char *name, uint64_t id)
{
    char digits[20];
    unsigned n = 0;

    do
        digits[n++] = (char)('0' + id % 10);
    while ((id /= 10) != 0);
    memcpy(name, "task ", 5);
    for (name += 5; n > 0; name++)
        *name = digits[--n];
    *name = 0;
}

/* NULL: *ret_code says why. */
static struct czi_task *task_new(cz_scheduler *s, const cz_task_spec *spec, cz_error *err)
{
    struct czi_task *t = NULL;

    if (s->count == s->tasks_max)
        (void)czi_fail(err, CZ_LIMIT, "spawn: there are %u tasks, which is all there can be",
                       s->tasks_max);
    else if (!table_room(s) || !(t = czi_pool_take(&s->pool)))
        (void)czi_nomem(err, "a task");
    if (!t)
        return NULL;
    memset(&t->id, 0, sizeof *t - offsetof(struct czi_task, id));
    czi_context_init(&t->context, s->engine, CZ_PARTY_TASK, NULL, &czi_task_blocking);
    while (*place_of(s, ++s->last_id))
        continue;
    *place_of(s, s->last_id) = t;
    t->id = s->last_id;
    t->scheduler = s;
    t->fn = spec->fn;
    t->arg = spec->arg;
    t->priority = (uint8_t)spec->priority;
    t->detached = spec->detached;
    t->deadline =
        czi_manager_deadline(s->engine, spec->timeout_ms ? spec->timeout_ms : CZ_FOREVER);
    if (spec->name)
        memcpy(t->context.name, spec->name, strlen(spec->name) + 1);
    else
        default_name(t->context.name, t->id);
    czi_context_add(&t->context);
    s->count++;
    s->live++;
    s->queues[t->priority].spawned++;
    return t;
}

void czi_task_forget(struct czi_task *t)
{
    cz_scheduler *s = t->scheduler;

    *place_of(s, t->id) = NULL;
    s->count--;
    czi_many_done(&t->needs);
    czi_free(t->guards);
    czi_free(t->error);
    czi_context_done(&t->context);
    czi_pool_give(&s->pool, t);
}

void czi_task_over(struct czi_task *t, enum cz_task_state state, int code, const cz_error *err)
{
    cz_scheduler *s = t->scheduler;
    bool had_stack = t->has_stack;

    czi_context_release(&t->context);
    czi_context_remove(&t->context);
    t->error = t->result_error;
    if (code && !t->error && err) {
        t->error = czi_alloc(sizeof *t->error);
        if (t->error)
            *t->error = *err;
    }
    t->code = code;
    t->state = state & 7u;
    t->is_over = true;
    t->has_stack = false;
    s->completed += state == CZ_TASK_COMPLETED;
    s->failed += state == CZ_TASK_FAILED;
    s->cancelled += state == CZ_TASK_CANCELLED;
    if (--s->live == 0 && s->closing)
        czi_scheduler_wake(s);
    for (struct czi_joiner *j = t->joiners; j; j = j->next)
        czi_context_wake(j->context);
    if (t->detached)
        czi_task_forget(t);
    if (!had_stack)
        return;
    s->stacks--;
    czi_stack_free(s);
}

static void report(const struct czi_task *t, cz_task_report *ret)
{
    ret->task = t->id;
    memcpy(ret->name, t->context.name, sizeof ret->name);
    ret->state = (enum cz_task_state)t->state;
    ret->priority = (enum cz_priority)t->priority;
    ret->code = t->code;
    ret->detail[0] = 0;
    if (t->error)
        memcpy(ret->detail, t->error->detail, sizeof ret->detail);
    ret->admission = t->admission;
    ret->waits = t->waits;
    ret->guards = 0;
    for (const struct czi_hold *h = t->context.owner.holds; h; h = h->after)
        ret->guards += h->user != 0;
    ret->promoted = t->promoted;
}

/* ---- Spawning -------------------------------------------------------------------------------
 */

static int check_spec(const cz_task_spec *spec, cz_error *err)
{
    if (!spec->fn)
        return czi_fail(err, CZ_INVALID, "spawn: a task needs a function");
    if (spec->name && (!spec->name[0] || strlen(spec->name) >= CZ_PARTY_NAME_SIZE))
        return czi_fail(err, CZ_INVALID, "spawn: a name has 1 to %d bytes",
                        CZ_PARTY_NAME_SIZE - 1);
    if ((unsigned)spec->priority >= CZI_PRIORITIES)
        return czi_fail(err, CZ_INVALID, "spawn: no priority %d", (int)spec->priority);
    return czi_claims_check(spec->needs, spec->need_count, err);
}

/* With the mutex. */
static int spawn(cz_scheduler *s, const cz_task_spec *spec, struct czi_many *needs,
                 cz_guard *guards, uint64_t *ret_task, cz_error *err)
{
    struct czi_task *t;
    int rc = CZ_OK;

    if (s->closing || s->engine->manager.closed)
        return czi_fail(err, CZ_CLOSED, "spawn: %s",
                        s->closing ? "the scheduler closes"
                                   : "the engine is closing or has stopped");
    if (needs->count)
        rc = czi_many_find(s->engine, needs, spec->needs, err);
    if (rc)
        return rc;
    t = task_new(s, spec, err);
    if (!t)
        return s->count == s->tasks_max ? CZ_LIMIT : CZ_NOMEM;
    t->needs = *needs;
    t->guards = guards;
    *ret_task = t->id;
    czi_task_queue(t);
    return CZ_OK;
}

int cz_task_spawn(cz_scheduler *s, const cz_task_spec *spec, uint64_t *ret_task, cz_error *err)
{
    struct czi_many needs = {0};
    cz_guard *guards = NULL;
    uint64_t task;
    int rc = check_spec(spec, err);

    if (!rc && spec->need_count) {
        rc = czi_many_init(&needs, spec->need_count, err);
        guards = czi_alloc(spec->need_count * sizeof *guards);
        if (!rc && !guards)
            rc = czi_nomem(err, "a task's guards");
        if (!rc)
            czi_many_sort(&needs, spec->needs);
    }
    if (!rc) {
        czi_manager_lock(s->engine);
        rc = spawn(s, spec, &needs, guards, ret_task ? ret_task : &task, err);
        czi_manager_unlock(s->engine);
    }
    if (rc) {
        czi_many_done(&needs);
        czi_free(guards);
    }
    return rc;
}

/* ---- Cancelling and joining -----------------------------------------------------------------
 */

static int fail_unknown(uint64_t task, cz_error *err)
{
    return czi_fail(err, CZ_NOT_FOUND, "no task %llu: it was joined, or never was",
                    (unsigned long long)task);
}

void czi_task_tell(struct czi_task *t)
{
    if (t->is_over)
        return;
    atomic_store(&t->told, true);
    if (t->state != CZ_TASK_QUEUED) {
        czi_context_cancel(&t->context, true);
    } else if (t->context.owner.state == CZI_OWNER_WAITING) {
        czi_locks_cancel(&t->scheduler->engine->step.core.parking.locks, &t->context.owner);
    } else if (!t->context.owner.woken) {
        czi_task_unqueue(t);
        czi_task_refuse(t, CZ_CANCELLED);
    }
}

int cz_task_cancel(cz_scheduler *s, uint64_t task, cz_error *err)
{
    struct czi_task *t;

    czi_manager_lock(s->engine);
    t = find(s, task);
    if (t)
        czi_task_tell(t);
    czi_manager_unlock(s->engine);
    return t ? CZ_OK : fail_unknown(task, err);
}

/* With the mutex. */
static int wait_over(cz_context *c, struct czi_task *t, uint64_t deadline, cz_error *err)
{
    cz_scheduler *s = t->scheduler;
    struct czi_locks *l = &s->engine->step.core.parking.locks;
    struct czi_joiner joiner = {c, NULL, false}, **at;
    int rc = czi_context_may_wait(c, err);

    if (rc)
        return rc;
    t->context.owner.is_awaited = true;
    czi_task_awaited(t);
    if (t->is_over)
        return CZ_OK;
    if (!czi_owner_await(l, &c->owner, &t->context.owner))
        return czi_deadlock_fail(c, err);
    joiner.next = t->joiners;
    /* It is out of the list again before this returns. */
    /* cppcheck-suppress autoVariables */
    t->joiners = &joiner;
    while (!t->is_over && !rc) {
        if (deadline != UINT64_MAX && czi_manager_now(s->engine) >= deadline)
            rc = czi_fail(err, CZ_TIMEOUT, "join: '%s' has not ended in time", t->context.name);
        else
            czi_context_block(c, deadline);
        if (c->refusal)
            rc = czi_context_refusal(c, err);
        else if (joiner.refused)
            rc = czi_fail(err, CZ_DEADLOCK,
                          "join: '%s' would never begin: all stacks (stacks_max, %u) are of "
                          "tasks that wait for others to begin",
                          t->context.name, s->stacks_max);
        else if (!t->is_over && !rc)
            rc = czi_context_may_wait(c, err);
    }
    for (at = &t->joiners; *at != &joiner;)
        at = &(*at)->next;
    *at = joiner.next;
    if (c->owner.state == CZI_OWNER_AWAITING)
        czi_owner_await_done(l, &c->owner);
    czi_free(c->refusal);
    c->refusal = NULL;
    return t->is_over ? CZ_OK : rc;
}

/* Read without the mutex by who closes the scheduler only. */
static void count_joining(cz_scheduler *s, int change)
{
    uint32_t n = atomic_load_explicit(&s->joining, memory_order_relaxed) + (uint32_t)change;

    atomic_store_explicit(&s->joining, n, memory_order_relaxed);
    if (CZI_UNLIKELY(s->closing))
        czi_word_wake(&s->joining, 1);
}

/* With the mutex. */
static int join(cz_context *c, struct czi_task *t, uint64_t deadline, cz_task_report *ret,
                cz_error *err)
{
    cz_scheduler *s = t->scheduler;
    int rc = CZ_OK;

    if (t->detached)
        return czi_fail(err, CZ_INVALID, "join: '%s' is detached", t->context.name);
    t->joining++;
    count_joining(s, 1);
    if (!t->is_over)
        rc = wait_over(c, t, deadline, err);
    if (!rc && ret)
        report(t, ret);
    if (--t->joining == 0 && !rc)
        czi_task_forget(t);
    count_joining(s, -1);
    return rc;
}

int cz_task_join(cz_scheduler *s, uint64_t task, uint64_t timeout_ms, cz_task_report *ret,
                 cz_error *err)
{
    uint64_t deadline = czi_manager_deadline(s->engine, timeout_ms);
    struct czi_task *t;
    cz_context *c = NULL;
    int rc = czi_context_current(s->engine, &c, err);

    if (rc)
        return rc;
    czi_manager_lock(s->engine);
    t = find(s, task);
    rc = t ? join(c, t, deadline, ret, err) : fail_unknown(task, err);
    czi_manager_unlock(s->engine);
    return rc;
}

int cz_task_get(cz_scheduler *s, uint64_t task, cz_task_report *ret, cz_error *err)
{
    const struct czi_task *t;

    czi_manager_lock(s->engine);
    t = find(s, task);
    if (t)
        report(t, ret);
    czi_manager_unlock(s->engine);
    return t ? CZ_OK : fail_unknown(task, err);
}

/* ---- In a task ------------------------------------------------------------------------------
 */

int cz_task_guard(size_t i, cz_guard *ret, cz_error *err)
{
    const struct czi_task *t = czi_task_here();

    if (!t)
        return czi_fail(err, CZ_INVALID, "task: this is none");
    if (i >= t->needs.count)
        return czi_fail(err, CZ_NOT_FOUND, "task: '%s' has %u needs, and no number %zu",
                        t->context.name, t->needs.count, i);
    *ret = t->guards[t->needs.want_of[i]];
    return CZ_OK;
}

uint64_t cz_task_self(void)
{
    const struct czi_task *t = czi_task_here();

    return t ? t->id : 0;
}
