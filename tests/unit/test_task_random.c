/* test_task_random.c - random tasks, under schedules drawn from a seed and with threads: nobody
 * is forgotten, nobody shares what is exclusive, what was committed is there and nothing else,
 * and all of them end.
 *
 * CAUSALITY_SEEDS: how many schedules; CAUSALITY_ROUNDS: times with threads; CAUSALITY_SEED:
 * where they start.
 */
#include "task_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { RESOURCES = 4, TASKS_MAX = 40, STEPS = 150, HOLDERS = 3, DEPTH_MAX = 3 };

#ifdef TEST_IS_SLOW
enum { SEEDS = 500, ROUNDS = 50 };
#else
enum { SEEDS = 10000, ROUNDS = 500 };
#endif

struct shared {
    struct world *w;
    struct czi_rng rng; /* of the schedule and of what the test does */
    cz_id ids[RESOURCES];
    _Atomic unsigned readers[RESOURCES], writers[RESOURCES];
    _Atomic uint64_t commits[RESOURCES]; /* that were acknowledged */
    pthread_mutex_t lock;                /* of what follows, and of spawning */
    uint64_t tasks[TASKS_MAX];           /* to be joined */
    unsigned task_count, spawned;
    uint64_t seed;
};

/* One random task. */
struct doer {
    struct shared *sh;
    struct czi_rng rng;
    unsigned depth;
    cz_claim needs[3];
    size_t need_count;
    struct {
        cz_guard guard;
        unsigned resource;
        enum cz_access mode;
    } held[8];
    unsigned held_count;
};

/* A task must not jump out of its stack, as cmocka's assertions do. */
static _Noreturn void die(const struct shared *sh, const char *what)
{
    (void)fprintf(stderr, "seed %llu: %s\n", (unsigned long long)sh->seed, what);
    abort();
}

static void check(const struct shared *sh, int rc, const cz_error *err)
{
    if (rc)
        die(sh, err->detail);
}

/* ---- Who is where ---------------------------------------------------------------------------
 */

static void enter(struct shared *sh, unsigned resource, enum cz_access mode)
{
    atomic_fetch_add(&(mode == CZ_WRITE ? sh->writers : sh->readers)[resource], 1);
    if (atomic_load(&sh->writers[resource]) > (mode == CZ_WRITE) ||
        (mode == CZ_WRITE && atomic_load(&sh->readers[resource])))
        die(sh, "two hold what one writes");
}

static void leave(struct shared *sh, unsigned resource, enum cz_access mode)
{
    atomic_fetch_sub(&(mode == CZ_WRITE ? sh->writers : sh->readers)[resource], 1);
}

static unsigned resource_of(const struct shared *sh, const cz_id *id)
{
    unsigned i = 0;

    while (memcmp(&sh->ids[i], id, sizeof *id) != 0)
        i++;
    return i;
}

static cz_claim random_claim(struct shared *sh, struct czi_rng *rng)
{
    return (cz_claim){sh->ids[czi_rng_below(rng, RESOURCES)],
                      czi_rng_below(rng, 2) ? CZ_WRITE : CZ_READ, 0};
}

/* ---- What a task does -----------------------------------------------------------------------
 */

static uint64_t spawn_random(struct shared *sh, struct czi_rng *rng, unsigned depth);

static void take(struct doer *d, const cz_claim *claim, cz_guard guard)
{
    unsigned r = resource_of(d->sh, &claim->resource);

    enter(d->sh, r, claim->mode);
    d->held[d->held_count].guard = guard;
    d->held[d->held_count].resource = r;
    d->held[d->held_count++].mode = claim->mode;
}

static void drop(struct doer *d, unsigned i)
{
    leave(d->sh, d->held[i].resource, d->held[i].mode);
    d->held[i] = d->held[--d->held_count];
}

static int acquire(struct doer *d, cz_error *err)
{
    cz_claim claim = random_claim(d->sh, &d->rng);
    uint64_t timeout = czi_rng_below(&d->rng, 3) ? CZ_FOREVER : czi_rng_below(&d->rng, 3);
    cz_guard guard = {0};
    int rc;

    if (d->held_count == CZI_COUNTOF(d->held))
        return CZ_OK;
    rc = cz_acquire(d->sh->w->g, &claim, timeout, &guard, err);
    if (!rc)
        take(d, &claim, guard);
    return rc;
}

static int release(struct doer *d, cz_error *err)
{
    cz_guard guard;
    unsigned i;

    if (!d->held_count)
        return CZ_OK;
    i = (unsigned)czi_rng_below(&d->rng, d->held_count);
    guard = d->held[i].guard;
    drop(d, i);
    check(d->sh, cz_release(&guard, err), err);
    return CZ_OK;
}

/* Adds one to the number that a resource holds. An update that is not committed now is thrown
 * away, or part of a later commit. Until the commit is known the guard may be gone and somebody
 * else there: so it counts as left before, and as entered again when it failed. */
static int commit(struct doer *d, cz_error *err)
{
    struct shared *sh = d->sh;
    unsigned i = 0, resource;
    cz_contents c;
    uint64_t n;
    int rc;

    while (i < d->held_count && d->held[i].mode != CZ_WRITE)
        i++;
    if (i == d->held_count)
        return CZ_OK;
    resource = d->held[i].resource;
    rc = cz_guard_contents(&d->held[i].guard, &c, err);
    if (rc)
        return rc;
    n = c.data_len == 8 ? czi_get_u64le(c.data) : 0;
    n++;
    c.data = (const uint8_t *)&n;
    c.data_len = 8;
    check(sh, cz_guard_update(&d->held[i].guard, &c, err), err);
    if (czi_rng_below(&d->rng, 4) == 0)
        return CZ_OK;
    leave(sh, resource, CZ_WRITE);
    rc = cz_guard_commit(&d->held[i].guard, NULL, err);
    if (rc) {
        enter(sh, resource, CZ_WRITE);
        return rc;
    }
    if (atomic_load(&sh->commits[resource]) < n)
        atomic_store(&sh->commits[resource], n);
    d->held[i] = d->held[--d->held_count];
    return CZ_OK;
}

/* 0: there is none. */
static uint64_t some_task(struct shared *sh, struct czi_rng *rng)
{
    uint64_t task = 0;

    pthread_mutex_lock(&sh->lock);
    if (sh->task_count)
        task = sh->tasks[czi_rng_below(rng, sh->task_count)];
    pthread_mutex_unlock(&sh->lock);
    return task;
}

static int join_some(struct doer *d, cz_error *err)
{
    struct shared *sh = d->sh;
    uint64_t timeout = czi_rng_below(&d->rng, 3) ? CZ_FOREVER : 2,
             task = some_task(sh, &d->rng);

    return task ? cz_task_join(sh->w->s, task, timeout, NULL, err) : CZ_OK;
}

static int fork_and_join(struct doer *d, cz_error *err)
{
    struct shared *sh = d->sh;
    uint64_t child;

    if (d->depth == DEPTH_MAX)
        return CZ_OK;
    child = spawn_random(sh, &d->rng, d->depth + 1);
    return child ? cz_task_join(sh->w->s, child, CZ_FOREVER, NULL, err) : CZ_OK;
}

static int act(struct doer *d, cz_error *err)
{
    switch (czi_rng_below(&d->rng, 8)) {
    case 0:
    case 1:
        return acquire(d, err);
    case 2:
        return release(d, err);
    case 3:
    case 4:
        return commit(d, err);
    case 5:
        return join_some(d, err);
    case 6:
        return fork_and_join(d, err);
    default:
        cz_task_yield();
        return CZ_OK;
    }
}

static bool may_be(int rc)
{
    return rc == CZ_OK || rc == CZ_CANCELLED || rc == CZ_DEADLOCK || rc == CZ_TIMEOUT ||
           rc == CZ_NOT_FOUND;
}

static int doer_main(void *arg, cz_error *err)
{
    struct doer *d = arg;
    struct shared *sh = d->sh;
    int rc = CZ_OK;

    for (size_t i = 0; i < d->need_count; i++) {
        cz_guard guard;

        check(sh, cz_task_guard(i, &guard, err), err);
        take(d, &d->needs[i], guard);
    }
    for (uint64_t i = czi_rng_below(&d->rng, 6); i > 0 && !rc; i--) {
        rc = act(d, err);
        if (!may_be(rc))
            die(sh, err->detail);
        if (rc != CZ_CANCELLED && czi_rng_below(&d->rng, 2))
            rc = CZ_OK; /* tries something else */
    }
    while (d->held_count)
        drop(d, 0);
    return rc;
}

/* ---- Spawning -------------------------------------------------------------------------------
 */

static struct doer doers[2 * TASKS_MAX];

static void choose_needs(struct doer *d, struct czi_rng *rng)
{
    size_t n = (size_t)czi_rng_below(rng, 4);

    for (size_t i = 0; i < n; i++) {
        cz_claim claim = random_claim(d->sh, rng);
        size_t k = 0;

        while (k < d->need_count &&
               memcmp(&d->needs[k].resource, &claim.resource, sizeof claim.resource) != 0)
            k++;
        if (k == d->need_count)
            d->needs[d->need_count++] = claim;
    }
}

/* 0: there are enough, or it is detached. */
static uint64_t spawn_random(struct shared *sh, struct czi_rng *rng, unsigned depth)
{
    cz_task_spec spec = {.fn = doer_main,
                         .priority = (enum cz_priority)czi_rng_below(rng, CZI_PRIORITIES),
                         .detached = depth == 0 && czi_rng_below(rng, 3) == 0,
                         .timeout_ms = czi_rng_below(rng, 5) ? 0 : 1 + czi_rng_below(rng, 3)};
    cz_error err = {0};
    struct doer *d;
    uint64_t task = 0;

    pthread_mutex_lock(&sh->lock);
    if (sh->task_count < TASKS_MAX && sh->spawned < CZI_COUNTOF(doers)) {
        d = &doers[sh->spawned++];
        *d = (struct doer){.sh = sh, .rng = czi_rng(czi_rng_next(rng)), .depth = depth};
        choose_needs(d, rng);
        spec.arg = d;
        spec.needs = d->needs;
        spec.need_count = d->need_count;
        check(sh, cz_task_spawn(sh->w->s, &spec, &task, &err), &err);
        if (spec.detached)
            task = 0;
        else
            sh->tasks[sh->task_count++] = task;
    }
    pthread_mutex_unlock(&sh->lock);
    return task;
}

/* ---- A run ----------------------------------------------------------------------------------
 */

struct other {
    struct holder h;
    unsigned resource;
    enum cz_access mode;
    bool holds;
};

/* A context that is no task takes or releases something. */
static void disturb(struct shared *sh, struct other *o)
{
    cz_claim claim = random_claim(sh, &sh->rng);
    cz_error err = {0};

    assert_ok(cz_context_enter(o->h.context, &err), err);
    if (o->holds) {
        leave(sh, o->resource, o->mode);
        fx_release(&o->h.guard);
        o->holds = false;
    } else if (cz_try_acquire(sh->w->g, &claim, &o->h.guard, &err) == CZ_OK) {
        o->resource = resource_of(sh, &claim.resource);
        o->mode = claim.mode;
        o->holds = true;
        enter(sh, o->resource, o->mode);
    }
    cz_context_leave();
}

static uint32_t choose(void *arg, uint32_t count)
{
    struct shared *sh = arg;

    return (uint32_t)czi_rng_below(&sh->rng, count);
}

/* It may have been joined already. */
static void cancel_some(struct shared *sh)
{
    uint64_t task = some_task(sh, &sh->rng);
    int rc = task ? cz_task_cancel(sh->w->s, task, NULL) : CZ_OK;

    if (rc != CZ_OK && rc != CZ_NOT_FOUND)
        die(sh, "it cannot be cancelled");
}

/* As if it had been passed often: runs are too short for that to happen. */
static void make_older(struct shared *sh)
{
    struct czi_task_queue *q = &sh->w->s->queues[czi_rng_below(&sh->rng, CZI_PRIORITIES)];

    if (q->first && czi_rng_below(&sh->rng, 2))
        q->passed = CZI_AGEING_ADMISSIONS - 1;
    if (q->last && czi_rng_below(&sh->rng, 2))
        q->last->looks = CZI_AGEING_ADMISSIONS - 1;
}

static void step(struct shared *sh, struct other *others)
{
    struct world *w = sh->w;

    switch (czi_rng_below(&sh->rng, 13)) {
    case 0:
    case 1:
    case 2:
        (void)spawn_random(sh, &sh->rng, 0);
        break;
    case 3:
    case 4:
        disturb(sh, &others[czi_rng_below(&sh->rng, HOLDERS)]);
        break;
    case 5:
        if (czi_rng_below(&sh->rng, 3) == 0)
            cancel_some(sh);
        break;
    case 6:
        (void)czi_engine_pump(w->g);
        break;
    case 7:
        czi_manager_drive(w->g, w->g->manager.now + 500000);
        break;
    case 8:
        make_older(sh);
        break;
    default:
        (void)czi_scheduler_run_one(w->s);
        break;
    }
    check_world(w);
}

/* Nobody is in the way any more: all end, each within its time. */
static void all_end(struct shared *sh)
{
    struct world *w = sh->w;

    for (unsigned i = 0; w->s->live; i++) {
        if (i == 100000)
            die(sh, "somebody waits for ever");
        czi_manager_drive(w->g, w->g->manager.now + 1000000);
        check_world(w);
    }
    for (unsigned i = 0; i < sh->task_count; i++) {
        cz_task_report r;
        int rc = cz_task_join(w->s, sh->tasks[i], 0, &r, NULL);

        if (rc != CZ_OK && rc != CZ_NOT_FOUND)
            die(sh, "a task that is over was not joined");
        if (rc == CZ_OK && !may_be(r.code))
            die(sh, r.detail);
    }
    if (stats(w).ended)
        die(sh, "a task was not forgotten");
}

static void check_contents(const struct shared *sh)
{
    for (unsigned i = 0; i < RESOURCES; i++) {
        cz_resource r;
        cz_error err = {0};
        uint64_t n;

        assert_ok(cz_resource_get(sh->w->g, &sh->ids[i], &r, &err), err);
        n = r.data_len == 8 ? czi_get_u64le(r.data) : 0;
        if (n != atomic_load(&sh->commits[i]) || atomic_load(&sh->readers[i]) ||
            atomic_load(&sh->writers[i]))
            die(sh, "what is there is not what was committed");
    }
}

static struct shared sh;
static struct other others[HOLDERS];

static void begin(uint64_t seed, struct world *w)
{
    cz_error err = {0};

    sh = (struct shared){.w = w,
                         .rng = czi_rng(seed),
                         .seed = seed,
                         .lock = PTHREAD_MUTEX_INITIALIZER};
    for (unsigned i = 0; i < RESOURCES; i++) {
        char label[8];

        (void)snprintf(label, sizeof label, "r%u", i);
        sh.ids[i] = fx_data(w->g, label);
    }
    for (unsigned i = 0; i < HOLDERS; i++) {
        others[i] = (struct other){0};
        assert_ok(cz_context_new(w->g, "other", &others[i].h.context, &err), err);
    }
}

static void others_go(void)
{
    for (unsigned i = 0; i < HOLDERS; i++) {
        if (others[i].holds)
            leave(&sh, others[i].resource, others[i].mode);
        let_go(&others[i].h);
    }
}

static void one_schedule(uint64_t seed)
{
    begin(seed, world_with(&(cz_scheduler_options){.stacks_max =
                                                       seed % 3 ? 1 + (uint32_t)seed % 7 : 0}));
    if (seed % 2)
        czi_scheduler_choose(sh.w->s, choose, &sh);
    for (unsigned i = 0; i < STEPS; i++)
        step(&sh, others);
    others_go();
    all_end(&sh);
    check_contents(&sh);
    world_end(sh.w);
}

/* This thread does what the others are about. */
static void one_round(uint64_t seed)
{
    begin(seed, world_on(fx_open(1 + seed % 3),
                         &(cz_scheduler_options){.stacks_max = seed % 3 ? 1 + seed % 7 : 0}));
    for (unsigned i = 0; i < STEPS; i++)
        switch (czi_rng_below(&sh.rng, 4)) {
        case 0:
            disturb(&sh, &others[czi_rng_below(&sh.rng, HOLDERS)]);
            break;
        case 1:
            if (czi_rng_below(&sh.rng, 3) == 0)
                cancel_some(&sh);
            break;
        default:
            (void)spawn_random(&sh, &sh.rng, 0);
            break;
        }
    others_go();
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        cz_error err = {0};
        int rc = CZ_NOT_FOUND;

        pthread_mutex_lock(&sh.lock);
        if (i == sh.task_count)
            i = TASKS_MAX;
        pthread_mutex_unlock(&sh.lock);
        if (i < TASKS_MAX)
            rc = cz_task_join(sh.w->s, sh.tasks[i], CZ_FOREVER, NULL, &err);
        if (rc != CZ_OK && rc != CZ_NOT_FOUND && rc != CZ_DEADLOCK)
            die(&sh, err.detail);
    }
    while (stats(sh.w).queued + stats(sh.w).running + stats(sh.w).waiting)
        sched_yield(); /* those that are detached, and whom they have spawned */
    check_contents(&sh);
    world_end(sh.w);
}

static void on_random_schedules_random_tasks_keep_every_rule_and_end(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", SEEDS),
                  first = test_env("CAUSALITY_SEED", 1);

    (void)state;
    for (unsigned long i = first; i < first + seeds; i++)
        one_schedule(i);
}

static void with_threads_random_tasks_keep_every_rule_and_end(void **state)
{
    unsigned long rounds = test_env("CAUSALITY_ROUNDS", ROUNDS),
                  first = test_env("CAUSALITY_SEED", 1);

    (void)state;
    for (unsigned long i = first; i < first + rounds; i++)
        one_round(i);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(on_random_schedules_random_tasks_keep_every_rule_and_end),
        cmocka_unit_test(with_threads_random_tasks_keep_every_rule_and_end),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
