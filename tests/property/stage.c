/* stage.c - see stage.h. */
#include "stage.h"

#include "engine/engine.h"
#include "platform/simulated.h"
#include "program/scheduler.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

void stage_failed(const struct stage *s, const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: seed %llu, %s: %s\n", file, line, (unsigned long long)s->seed,
                  s->threads ? "threads" : "tasks", what);
    abort();
}

/* ---- The engine -----------------------------------------------------------------------------
 */

void driven_open(uint64_t seed, unsigned backlog, cz_engine **ret, cz_scheduler **ret_scheduler)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_options o = {.batch_max = 1 + (unsigned)(seed % 16), .backlog_max = backlog};
    cz_error err = {0};

    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_driven(&store, &o, ret, &err), err);
    (*ret)->fs = store.fs; /* freed with the engine */
    assert_ok(cz_scheduler_new(*ret, NULL, ret_scheduler, &err), err);
}

static uint32_t pick(void *arg, uint32_t count)
{
    return (uint32_t)czi_rng_below(arg, count);
}

static bool any_left(cz_scheduler *s)
{
    cz_scheduler_stats stats;
    cz_error err = {0};

    assert_ok(cz_scheduler_stats_get(s, &stats, &err), err);
    return stats.queued + stats.running + stats.waiting > 0;
}

/* To the next deadline, or a millisecond on. */
static bool let_time_pass(cz_engine *g, bool to_deadline)
{
    struct czi_locks *l = &g->step.core.parking.locks;
    uint64_t next = czi_locks_next_deadline(l);

    if (to_deadline && next == UINT64_MAX)
        return false;
    czi_manager_lock(g);
    g->manager.now = to_deadline ? CZI_MAX(g->manager.now, next) : g->manager.now + 1000000;
    czi_locks_expire(l, g->manager.now);
    czi_manager_unlock(g);
    return true;
}

bool driven_run(cz_engine *g, cz_scheduler *s, struct czi_rng *rng)
{
    bool went = true;

    czi_scheduler_choose(s, pick, rng);
    while (went && any_left(s)) {
        went = czi_rng_below(rng, 16) == 0 && let_time_pass(g, false);
        if (!went && czi_rng_below(rng, 3))
            went = czi_scheduler_run_one(s);
        if (!went)
            went = czi_engine_pump(g);
        if (!went)
            went = czi_scheduler_run_one(s);
        if (!went)
            went = let_time_pass(g, true);
    }
    czi_scheduler_choose(s, NULL, NULL);
    return went;
}

void stage_begin(struct stage *s, uint64_t seed, bool threads, unsigned resources)
{
    cz_options o = {.threads = 1 + (unsigned)(seed % 2) * 2,
                    .batch_max = 1 + (unsigned)(seed % 64),
                    .backlog_max = 256};
    cz_error err = {0};

    memset(s, 0, sizeof *s);
    s->seed = seed;
    s->threads = threads;
    s->resources = resources;
    if (threads)
        assert_ok(cz_open(NULL, &o, &s->engine, &err), err);
    else
        driven_open(seed, 64, &s->engine, &s->scheduler);
    for (unsigned i = 0; i < resources; i++) {
        char label[2] = {(char)('A' + i), 0};
        cz_creation c = {.creator = cz_operator(),
                         .controller = cz_operator(),
                         .label = label,
                         .kind = CZ_DATA,
                         .data = (const uint8_t *)"a",
                         .data_len = 1};

        assert_ok(cz_create(s->engine, &c, &s->ids[i], &err), err);
    }
}

void stage_add(struct stage *s, actor_fn fn)
{
    s->fn[s->actors++] = fn;
}

struct part {
    struct stage *stage;
    unsigned actor;
};

/* ---- Tasks on a schedule from a seed --------------------------------------------------------
 */

static int task_main(void *arg, cz_error *err)
{
    const struct part *p = arg;

    return p->stage->codes[p->actor] = p->stage->fn[p->actor](p->stage, p->actor, err);
}

static void run_tasks(struct stage *s, struct part *parts)
{
    struct czi_rng rng = czi_rng(s->seed);
    cz_error err = {0};

    for (unsigned i = 0; i < s->actors; i++) {
        char name[24];
        cz_task_spec spec = {.name = name,
                             .fn = task_main,
                             .arg = &parts[i],
                             .priority = CZ_NORMAL};

        (void)snprintf(name, sizeof name, "actor %u", i);
        assert_ok(cz_task_spawn(s->scheduler, &spec, &s->tasks[i], &err), err);
    }
    if (!driven_run(s->engine, s->scheduler, &rng))
        stage_failed(s, "somebody waits for ever", __FILE__, __LINE__);
    for (unsigned i = 0; i < s->actors; i++)
        assert_ok(cz_task_join(s->scheduler, s->tasks[i], CZ_FOREVER, NULL, &err), err);
}

/* ---- Threads --------------------------------------------------------------------------------
 */

static void *thread_main(void *arg)
{
    const struct part *p = arg;
    struct stage *s = p->stage;
    cz_error err = {0};

    STAGE_OK(s, cz_context_enter(s->contexts[p->actor], &err), err);
    s->codes[p->actor] = s->fn[p->actor](s, p->actor, &err);
    cz_context_leave();
    return NULL;
}

static void run_threads(struct stage *s, struct part *parts)
{
    pthread_t threads[STAGE_ACTORS_MAX];
    cz_error err = {0};

    for (unsigned i = 0; i < s->actors; i++) {
        char name[24];

        (void)snprintf(name, sizeof name, "actor %u", i);
        assert_ok(cz_context_new(s->engine, name, &s->contexts[i], &err), err);
    }
    for (unsigned i = 0; i < s->actors; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &parts[i]), 0);
    for (unsigned i = 0; i < s->actors; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < s->actors; i++)
        assert_ok(cz_context_end(s->contexts[i], &err), err);
}

void stage_run(struct stage *s)
{
    struct part parts[STAGE_ACTORS_MAX];

    for (unsigned i = 0; i < s->actors; i++)
        parts[i] = (struct part){s, i};
    if (s->threads)
        run_threads(s, parts);
    else
        run_tasks(s, parts);
}

void stage_end(struct stage *s)
{
    cz_lock_stats stats;
    cz_error err = {0};

    assert_ok(cz_flush(s->engine, &err), err);
    assert_ok(cz_lock_stats_get(s->engine, &stats, &err), err);
    STAGE_CHECK(s, stats.guards == 0 && stats.waiting == 0 && stats.waiting_effects == 0);
    assert_ok(cz_scheduler_close(s->scheduler, &err), err);
    assert_ok(cz_close(s->engine, &err), err);
}

/* ---- For actors -----------------------------------------------------------------------------
 */

void stage_yield(struct stage *s)
{
    if (s->threads)
        (void)sched_yield();
    else
        cz_task_yield();
}

void stage_set(struct stage *s, unsigned flag)
{
    atomic_store(&s->flags[flag], 1);
}

void stage_until(struct stage *s, unsigned flag)
{
    while (!atomic_load(&s->flags[flag]))
        stage_yield(s);
}

void stage_until_waiting(struct stage *s, unsigned resource, size_t count)
{
    size_t n = 0;
    cz_error err = {0};

    for (;;) {
        STAGE_OK(s, cz_waiters(s->engine, &s->ids[resource], NULL, 0, &n, &err), err);
        if (n >= count)
            return;
        stage_yield(s);
    }
}

unsigned stage_number(struct stage *s)
{
    return atomic_fetch_add(&s->counter, 1);
}

cz_claim stage_claim(const struct stage *s, unsigned resource, enum cz_access mode)
{
    return (cz_claim){s->ids[resource], mode, CZ_TYPED(CZ_DATA)};
}

int stage_acquire(struct stage *s, unsigned resource, enum cz_access mode, cz_guard *ret,
                  cz_error *err)
{
    cz_claim claim = stage_claim(s, resource, mode);

    return cz_acquire(s->engine, &claim, CZ_FOREVER, ret, err);
}

char stage_look(struct stage *s, const cz_guard *g)
{
    cz_contents c = {0};
    cz_error err = {0};

    STAGE_OK(s, cz_guard_contents(g, &c, &err), err);
    STAGE_CHECK(s, c.data_len == 1);
    return (char)c.data[0];
}

void stage_commit(struct stage *s, cz_guard *g, char byte)
{
    cz_contents c = {0};
    cz_error err = {0};

    STAGE_OK(s, cz_guard_contents(g, &c, &err), err);
    c.data = (const uint8_t *)&byte;
    c.data_len = 1;
    STAGE_OK(s, cz_guard_update(g, &c, &err), err);
    STAGE_OK(s, cz_guard_commit(g, NULL, &err), err);
}

void on_both_stages(void (*test)(uint64_t seed, bool threads), unsigned long seeds,
                    unsigned long rounds)
{
    unsigned long first = test_env("CAUSALITY_SEED", 1);

    seeds = test_env("CAUSALITY_SEEDS", seeds);
    rounds = test_env("CAUSALITY_ROUNDS", rounds);
    for (unsigned long seed = first; seed < first + seeds; seed++)
        test(seed, false);
    for (unsigned long seed = first; seed < first + rounds; seed++)
        test(seed, true);
}
