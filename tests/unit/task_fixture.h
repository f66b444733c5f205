/* task_fixture.h - a scheduler with its engine, and tasks that write down when they ran.
 *
 * On an engine that is driven by hand nothing happens but in `turn` and `run_all`, or while the
 * test itself waits; so each run is the same, and counts are exact.
 */
#ifndef CZI_TASK_FIXTURE_H
#define CZI_TASK_FIXTURE_H

#include "guard_fixture.h"
#include "program/scheduler.h"

struct world {
    cz_engine *g;
    cz_scheduler *s;
    char log[4096]; /* of those who ran, a letter each */
};

static inline struct world *world_on(cz_engine *g, const cz_scheduler_options *o)
{
    struct world *w = calloc(1, sizeof *w);
    cz_error err = {0};

    w->g = g;
    assert_ok(cz_scheduler_new(g, o, &w->s, &err), err);
    return w;
}

static inline struct world *world_with(const cz_scheduler_options *o)
{
    return world_on(fx_open_driven(), o);
}

static inline struct world *world(void)
{
    return world_with(NULL);
}

/* With threads. */
static inline struct world *world_live(void)
{
    return world_on(fx_open(2), NULL);
}

/* Nothing is left of its tasks. */
static inline void world_end(struct world *w)
{
    cz_error err = {0};

    assert_ok(cz_scheduler_close(w->s, &err), err);
    assert_int_equal(fx_stats(w->g).guards, 0);
    assert_int_equal(fx_stats(w->g).waiting, 0);
    fx_close(w->g);
    free(w);
}

/* ---- Tasks --------------------------------------------------------------------------------
 */

static inline uint64_t spawn(const struct world *w, const cz_task_spec *spec)
{
    cz_error err = {0};
    uint64_t task = 0;

    assert_ok(cz_task_spawn(w->s, spec, &task, &err), err);
    assert_int_not_equal(task, 0);
    return task;
}

static inline cz_task_report get(const struct world *w, uint64_t task)
{
    cz_error err = {0};
    cz_task_report r;

    assert_ok(cz_task_get(w->s, task, &r, &err), err);
    return r;
}

static inline cz_task_report join(const struct world *w, uint64_t task)
{
    cz_error err = {0};
    cz_task_report r;

    assert_ok(cz_task_join(w->s, task, CZ_FOREVER, &r, &err), err);
    return r;
}

static inline void cancel(const struct world *w, uint64_t task)
{
    cz_error err = {0};

    assert_ok(cz_task_cancel(w->s, task, &err), err);
}

static inline cz_scheduler_stats stats(const struct world *w)
{
    cz_scheduler_stats s;
    cz_error err = {0};

    assert_ok(cz_scheduler_stats_get(w->s, &s, &err), err);
    return s;
}

#define assert_state(w, task, expected)                                                        \
    assert_string_equal(cz_task_state_name(get(w, task).state), cz_task_state_name(expected))

/* So many turns; fails when nobody wants one. */
static inline void turns(const struct world *w, unsigned count)
{
    while (count-- > 0)
        assert_true(czi_scheduler_run_one(w->s));
}

/* Until neither tasks nor the engine have anything to do. Time stands still. */
static inline void run_all(const struct world *w)
{
    while (czi_scheduler_run_one(w->s) || czi_engine_pump(w->g))
        continue;
}

/* A task that writes its letter into the log when it begins, and then does its work. */
struct job {
    struct world *w;
    char letter;
    int (*work)(struct job *j, cz_error *err);
    void *arg;
    uint64_t task;
    cz_guard guard; /* of the job's own */
    cz_error err;   /* of the last call that failed, kept by the work */
    int rc;
    cz_claim needs[4];
};

static inline void note(struct world *w, char letter)
{
    w->log[strlen(w->log)] = letter;
}

static inline int job_main(void *arg, cz_error *err)
{
    struct job *j = arg;

    note(j->w, j->letter);
    return j->work ? j->work(j, err) : CZ_OK;
}

/* needs: like "a w, b r"; NULL: none. */
static inline size_t job_needs(struct job *j, const char *needs)
{
    size_t n = 0;

    for (const char *at = needs; at && *at; at += strspn(at, ", ")) {
        char label[32] = {0};
        size_t len = strcspn(at, " ");

        memcpy(label, at, len);
        at += len + 1;
        assert_true(n < CZI_COUNTOF(j->needs) && (*at == 'w' || *at == 'r'));
        j->needs[n++] = fx_claim(label, *at++ == 'w' ? CZ_WRITE : CZ_READ);
    }
    return n;
}

static inline uint64_t job_start_with(struct job *j, struct world *w, const char *needs,
                                      cz_task_spec spec)
{
    char name[2] = {j->letter};

    j->w = w;
    spec.name = spec.name ? spec.name : name;
    spec.fn = job_main;
    spec.arg = j;
    spec.needs = j->needs;
    spec.need_count = job_needs(j, needs);
    j->task = spawn(w, &spec);
    return j->task;
}

static inline uint64_t job_start(struct job *j, struct world *w, const char *needs,
                                 enum cz_priority priority)
{
    return job_start_with(j, w, needs, (cz_task_spec){.priority = priority});
}

/* ---- What must always be true -------------------------------------------------------------
 */

static inline const struct czi_lock *need_lock(const struct czi_task *t, uint32_t i)
{
    return czi_resource_at(&t->context.engine->step.core.resources, t->needs.slots[i])->lock;
}

/* By one that stands before all others at its lock, in whose name it waits. */
static inline bool stack_is_wanted_before(const struct czi_task *t)
{
    const struct czi_watcher *first = czi_lock_watcher(t->watch.lock);
    size_t offset = offsetof(struct czi_task, watch);

    return first != &t->watch &&
           ((const struct czi_task *)(const void *)((uintptr_t)first - offset))->wants_stack;
}

/* The lock that it watches is in its way, or is its to have once there is a stack. */
static inline void check_watch(const struct czi_task *t)
{
    const struct czi_lock *lock = t->watch.lock;
    const struct czi_watcher *first;
    uint32_t i = 0;

    while (need_lock(t, i) != lock)
        assert_true(++i < t->needs.distinct);
    first = t->watch.passes ? lock->passing : lock->watchers;
    if (first != &t->watch)
        assert_true(first->key < t->watch.key);
    else if (!t->wants_stack && czi_lock_available(lock, t->needs.wants[i].mode))
        assert_true(stack_is_wanted_before(t));
}

static inline void check_queued(const struct czi_task *t)
{
    const cz_scheduler *s = t->scheduler;

    if (t->wants_stack)
        assert_int_equal(s->stacks, s->stacks_max);
    if (t->promoted) {
        assert_true(t->wants_stack ||
                    (t->has_stack && t->context.owner.state == CZI_OWNER_WAITING));
        assert_null(t->watch.lock);
        return;
    }
    assert_true(t->wants_stack || t->watch.lock);
    assert_false(t->has_stack);
    assert_int_equal(t->context.owner.state, CZI_OWNER_WATCHING);
    if (t->watch.lock)
        check_watch(t);
}

/* S1 to S3 of scheduler.h: nobody was forgotten, nobody has what he must not have. */
static inline void check_world(const struct world *w)
{
    const cz_scheduler *s = w->s;
    uint64_t queued = 0, waiting = 0, over = 0;
    uint32_t stacks = 0, count = 0, timed = 0, wanting = 0;

    for (uint32_t i = 0; i < s->table_room; i++) {
        const struct czi_task *t = s->table[i];

        if (!t)
            continue;
        count++;
        assert_int_equal(t->id & (s->table_room - 1), i);
        stacks += t->has_stack;
        timed += t->timed;
        wanting += t->wants_stack;
        over += t->is_over;
        queued += t->state == CZ_TASK_QUEUED;
        waiting += t->state == CZ_TASK_WAITING;
        if (t->state == CZ_TASK_QUEUED)
            check_queued(t);
        else
            assert_int_equal(t->has_stack, !t->is_over);
        if (t->is_over)
            assert_true(!t->context.owner.holds && !t->timed && !t->wants_stack);
    }
    assert_int_equal(timed != 0, s->timers != NULL);
    assert_int_equal(wanting != 0, s->stack_heap != NULL);
    assert_int_equal(stacks, s->stacks);
    assert_true(stacks <= s->stacks_max);
    assert_true(s->fibers.live <= stacks);
    assert_int_equal(count, s->count);
    assert_int_equal(count - over, s->live);
    assert_int_equal(waiting, s->waiting);
    assert_int_equal(queued, stats(w).queued);
}

/* ---- Somebody else ------------------------------------------------------------------------
 */

/* A context that is no task and not the test's own, and holds one guard. */
struct holder {
    cz_context *context;
    cz_guard guard;
};

static inline struct holder hold(const struct world *w, const char *label, enum cz_access mode)
{
    struct holder h;
    cz_error err = {0};

    assert_ok(cz_context_new(w->g, "holder", &h.context, &err), err);
    assert_ok(cz_context_enter(h.context, &err), err);
    h.guard = fx_acquire(w->g, label, mode);
    cz_context_leave();
    return h;
}

static inline void let_go(struct holder *h)
{
    cz_error err = {0};

    assert_ok(cz_context_end(h->context, &err), err);
}

/* ---- Works --------------------------------------------------------------------------------
 */

/* Takes its job's first claim, which is no need of the task, and keeps it. */
static inline int work_acquire(struct job *j, cz_error *err)
{
    const cz_claim *claim = j->arg;

    j->rc = cz_acquire(j->w->g, claim, CZ_FOREVER, &j->guard, err);
    j->err = *err;
    return j->rc;
}

/* Joins the task that arg points to. */
static inline int work_join(struct job *j, cz_error *err)
{
    const uint64_t *task = j->arg;

    j->rc = cz_task_join(j->w->s, *task, CZ_FOREVER, NULL, err);
    j->err = *err;
    return j->rc;
}

/* So many times, from arg. */
static inline int work_yield(struct job *j, cz_error *err)
{
    const unsigned *count = j->arg;

    (void)err;
    for (unsigned i = 0; i < *count; i++) {
        cz_task_yield();
        note(j->w, j->letter);
    }
    return CZ_OK;
}

/* Whether somebody else could have it now, without waiting. */
static inline bool is_free(const struct world *w, const char *label, enum cz_access mode)
{
    cz_id id = fx_id(label);
    cz_error err = {0};
    bool free;

    assert_ok(cz_is_available(w->g, &id, mode, &free, &err), err);
    return free;
}

#endif
