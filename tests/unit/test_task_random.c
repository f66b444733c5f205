/* test_task_random.c - random tasks under random schedules: nobody is forgotten, nobody shares
 * what is exclusive, what was committed is there and nothing else, and all of them end.
 *
 * CAUSALITY_SEEDS: how many.
 */
#include "task_fixture.h"

enum { RESOURCES = 4, TASKS_MAX = 40, STEPS = 150, HOLDERS = 3, DEPTH_MAX = 3 };

struct shared {
    struct world *w;
    struct czi_rng rng; /* of the schedule and of what the test does */
    cz_id ids[RESOURCES];
    unsigned readers[RESOURCES], writers[RESOURCES];
    uint64_t commits[RESOURCES]; /* that were acknowledged */
    uint64_t tasks[TASKS_MAX];   /* to be joined */
    unsigned task_count, spawned, ended;
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

static void die(const struct shared *sh, const char *what)
{
    fail_msg("seed %llu: %s", (unsigned long long)sh->seed, what);
}

/* ---- Who is where ---------------------------------------------------------------------------
 */

static void enter(struct shared *sh, unsigned resource, enum cz_access mode)
{
    if (sh->writers[resource] || (mode == CZ_WRITE && sh->readers[resource]))
        die(sh, "two hold what one writes");
    (mode == CZ_WRITE ? sh->writers : sh->readers)[resource]++;
}

static void leave(struct shared *sh, unsigned resource, enum cz_access mode)
{
    (mode == CZ_WRITE ? sh->writers : sh->readers)[resource]--;
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

static uint64_t spawn_random(struct shared *sh, struct czi_rng *rng, unsigned depth,
                             bool detached);

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
    unsigned i;

    if (!d->held_count)
        return CZ_OK;
    i = (unsigned)czi_rng_below(&d->rng, d->held_count);
    assert_ok(cz_release(&d->held[i].guard, err), *err);
    drop(d, i);
    return CZ_OK;
}

/* Adds one to the number that a resource holds. */
static int commit(struct doer *d, cz_error *err)
{
    unsigned i = 0;
    cz_contents c;
    uint64_t n;
    int rc;

    while (i < d->held_count && d->held[i].mode != CZ_WRITE)
        i++;
    if (i == d->held_count)
        return CZ_OK;
    rc = cz_guard_contents(&d->held[i].guard, &c, err);
    if (rc)
        return rc;
    n = c.data_len == 8 ? czi_get_u64le(c.data) : 0;
    n++;
    c.data = (const uint8_t *)&n;
    c.data_len = 8;
    assert_ok(cz_guard_update(&d->held[i].guard, &c, err), *err);
    if (czi_rng_below(&d->rng, 4) == 0)
        return CZ_OK; /* and thrown away, or part of a later one: see below */
    rc = cz_guard_commit(&d->held[i].guard, NULL, err);
    if (rc)
        return rc;
    d->sh->commits[d->held[i].resource] = n;
    drop(d, i);
    return CZ_OK;
}

static int join_some(struct doer *d, cz_error *err)
{
    struct shared *sh = d->sh;
    uint64_t timeout = czi_rng_below(&d->rng, 3) ? CZ_FOREVER : 2;

    if (!sh->task_count)
        return CZ_OK;
    return cz_task_join(sh->w->s, sh->tasks[czi_rng_below(&d->rng, sh->task_count)], timeout,
                        NULL, err);
}

static int fork_and_join(struct doer *d, cz_error *err)
{
    struct shared *sh = d->sh;
    uint64_t child;

    if (d->depth == DEPTH_MAX || sh->task_count == TASKS_MAX)
        return CZ_OK;
    child = spawn_random(sh, &d->rng, d->depth + 1, false);
    sh->tasks[sh->task_count++] = child;
    return cz_task_join(sh->w->s, child, CZ_FOREVER, NULL, err);
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

        assert_ok(cz_task_guard(i, &guard, err), *err);
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

static struct doer doers[4 * TASKS_MAX];

static uint64_t spawn_random(struct shared *sh, struct czi_rng *rng, unsigned depth,
                             bool detached)
{
    struct doer *d = &doers[sh->spawned++];
    cz_task_spec spec = {.fn = doer_main,
                         .arg = d,
                         .priority = (enum cz_priority)czi_rng_below(rng, CZI_PRIORITIES),
                         .detached = detached,
                         .timeout_ms = czi_rng_below(rng, 5) ? 0 : 1 + czi_rng_below(rng, 3)};
    size_t n = (size_t)czi_rng_below(rng, 4);

    *d = (struct doer){.sh = sh, .rng = czi_rng(czi_rng_next(rng)), .depth = depth};
    for (size_t i = 0; i < n; i++) {
        cz_claim claim = random_claim(sh, rng);
        size_t k = 0;

        while (k < d->need_count &&
               memcmp(&d->needs[k].resource, &claim.resource, sizeof claim.resource) != 0)
            k++;
        if (k == d->need_count)
            d->needs[d->need_count++] = claim;
    }
    spec.needs = d->needs;
    spec.need_count = d->need_count;
    return spawn(sh->w, &spec);
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
static void ignore(int rc)
{
    (void)rc;
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
        if (sh->task_count < TASKS_MAX / 2 && sh->spawned < 2 * TASKS_MAX)
            sh->tasks[sh->task_count++] = spawn_random(sh, &sh->rng, 0, false);
        break;
    case 2:
        if (sh->spawned < 2 * TASKS_MAX)
            (void)spawn_random(sh, &sh->rng, 0, true);
        break;
    case 3:
    case 4:
        disturb(sh, &others[czi_rng_below(&sh->rng, HOLDERS)]);
        break;
    case 5:
        if (sh->task_count && czi_rng_below(&sh->rng, 3) == 0)
            ignore(
                cz_task_cancel(w->s, sh->tasks[czi_rng_below(&sh->rng, sh->task_count)], NULL));
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
        if (n != sh->commits[i] || sh->readers[i] || sh->writers[i])
            die(sh, "what is there is not what was committed");
    }
}

static void one_seed(uint64_t seed)
{
    static struct shared sh;
    struct other others[HOLDERS] = {0};
    cz_error err = {0};

    sh = (struct shared){.rng = czi_rng(seed), .seed = seed};
    sh.w = world_with(
        &(cz_scheduler_options){.stacks_max = seed % 3 ? 1 + (uint32_t)seed % 7 : 0});
    for (unsigned i = 0; i < RESOURCES; i++) {
        char label[8];

        (void)snprintf(label, sizeof label, "r%u", i);
        sh.ids[i] = fx_data(sh.w->g, label);
    }
    if (seed % 2)
        czi_scheduler_choose(sh.w->s, choose, &sh);
    for (unsigned i = 0; i < HOLDERS; i++)
        assert_ok(cz_context_new(sh.w->g, "other", &others[i].h.context, &err), err);
    for (unsigned i = 0; i < STEPS; i++)
        step(&sh, others);
    for (unsigned i = 0; i < HOLDERS; i++) {
        if (others[i].holds)
            leave(&sh, others[i].resource, others[i].mode);
        let_go(&others[i].h);
    }
    all_end(&sh);
    check_contents(&sh);
    world_end(sh.w);
}

static void random_tasks_keep_every_rule_and_end(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 300);

    (void)state;
    for (unsigned long i = 0; i < seeds; i++)
        one_seed(i);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(random_tasks_keep_every_rule_and_end),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
