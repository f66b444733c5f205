/* world.c - a simulated world: a store on a simulated disk, a clock by hand, one thing at a
 * time (sim.h, "A world").
 *
 * Layer: program. Thread: one at a time. The world drives its engine (czi_driver): a step is a
 * turn of one of the threads that the engine would have otherwise, or of a runner: a scheduler
 * or a host lets one task have its turn. Calls that wait take steps until they need not.
 *
 * Choices come from two streams of the seed: what happens next, and what a crash does. So a
 * run up to a crash is the same wherever the crash is.
 *
 * Losing power. In the step that is told, the disk fails at one of its first operations; after
 * that step, at the latest, it takes and gives nothing any more and the engine is stopped, so
 * that whoever waits on it is told, and what lives on it can be closed. What the disk holds
 * then is drawn when the power is back. The index is kept as it is, since each load of it is
 * durable at once, or is lost altogether, since it is derived.
 *
 * Invariants: `engine` is NULL when none is open; while `off`, the disk is as the power left
 * it.
 */
#include "base/error.h"
#include "base/rng.h"
#include "causality/sim.h"
#include "engine/engine.h"
#include "platform/simulated.h"

/* Small, so that a short run goes through checkpoints and from one segment to the next. */
#define SEGMENT_SIZE 8192u
#define COPY_SIZE 65536u
/* Writing a batch takes two operations of the disk, or six when it begins a segment. */
#define FAULT_AFTER_MAX 6u
#define NS_PER_MS 1000000u
#define THOUSAND 1000u

struct cz_sim_world {
    struct czi_driver driver; /* first */
    cz_options options;
    unsigned disorder;
    struct czi_rng choices, fates;
    struct czi_fs *disk;
    struct czi_index *index; /* NULL: lost, or not there yet */
    cz_engine *engine;
    uint64_t now; /* ns; while an engine is open it has the clock */
    uint64_t steps;
    uint64_t crash_at; /* the step at which the power goes; UINT64_MAX: none */
    uint64_t turns;    /* of runners */
    bool off;
};

/* ---- Choosing ------------------------------------------------------------------------------
 */

static uint32_t pick(void *driver, uint32_t count)
{
    cz_sim_world *w = driver;

    if (count < 2 || czi_rng_below(&w->choices, THOUSAND) >= w->disorder)
        return 0;
    return (uint32_t)czi_rng_below(&w->choices, count);
}

/* Lets the one after `first` runners have a turn, or the next one that wants it. */
static bool run_from(cz_engine *g, uint64_t first)
{
    struct czi_runner *all = g->manager.runners, *r = all;
    uint64_t count = 0;

    for (; r; r = r->next)
        count++;
    for (uint64_t i = 0; i < count; i++) {
        r = all;
        for (uint64_t skip = (first + i) % count; skip > 0; skip--)
            r = r->next;
        if (r->run_one(r))
            return true;
    }
    return false;
}

/* What was begun comes before what is new, and runners take turns. */
static bool do_next(cz_sim_world *w)
{
    cz_engine *g = w->engine;
    enum czi_turn can[CZI_TURNS];
    uint32_t count = 0, chosen;

    for (unsigned t = 0; t < CZI_TURNS; t++)
        if (czi_engine_can(g, (enum czi_turn)t))
            can[count++] = (enum czi_turn)t;
    chosen = pick(w, count + (g->manager.runners != NULL));
    if (chosen == count && run_from(g, w->turns++))
        return true;
    if (!count)
        return false;
    czi_engine_turn(g, can[chosen % count]);
    return true;
}

/* ---- Power ---------------------------------------------------------------------------------
 */

static void lose_power(cz_sim_world *w)
{
    if (w->off)
        return;
    w->off = true;
    w->crash_at = UINT64_MAX;
    czi_sim_power_off(w->disk);
    if (w->engine)
        czi_engine_stop(w->engine, CZ_IO, "the power went (simulated)");
}

/* What the disk holds now; on an error it is still off. */
static int power_on(cz_sim_world *w, cz_error *err)
{
    struct czi_rng fates = w->fates;
    uint64_t seed = czi_rng_next(&fates);
    struct czi_fs *disk = NULL;
    int rc;

    if (!w->off)
        return CZ_OK;
    rc = czi_sim_crash(w->disk, seed, &disk, err);
    if (rc)
        return rc;
    w->disk->ops->free(w->disk);
    w->disk = disk;
    if (w->index && czi_rng_below(&fates, 2)) {
        w->index->ops->close(w->index);
        w->index = NULL;
    }
    w->fates = fates;
    w->off = false;
    return CZ_OK;
}

/* The disk fails within the step that comes now. */
static void arm(cz_sim_world *w)
{
    struct czi_rng fates = w->fates;
    struct czi_sim_fault fault = {.after = czi_rng_below(&fates, FAULT_AFTER_MAX),
                                  .power_off = true,
                                  .seed = czi_rng_next(&fates)};

    w->fates = fates;
    czi_sim_arm(w->disk, &fault);
}

/* ---- Steps ---------------------------------------------------------------------------------
 */

static bool step(cz_sim_world *w)
{
    bool last = w->steps + 1 == w->crash_at, went;

    if (last)
        arm(w);
    went = do_next(w);
    w->steps += went;
    if (last && went)
        lose_power(w);
    else if (last)
        czi_sim_arm(w->disk, NULL);
    return went;
}

/* Of the engine, and of calls that wait. Without power those who wait are told so, and close
 * what they have. */
static bool driver_step(struct czi_driver *d)
{
    cz_sim_world *w = (cz_sim_world *)d;

    return w->off ? run_from(w->engine, w->turns++) : step(w);
}

static void gone(struct czi_driver *d)
{
    cz_sim_world *w = (cz_sim_world *)d;

    w->now = w->engine->manager.now;
    w->engine = NULL;
}

bool cz_sim_step(cz_sim_world *w)
{
    return w->engine && !w->off && step(w);
}

void cz_sim_settle(cz_sim_world *w)
{
    while (cz_sim_step(w))
        continue;
}

/* ---- Time ----------------------------------------------------------------------------------
 */

static uint64_t now_of(const cz_sim_world *w)
{
    return w->engine ? w->engine->manager.now : w->now;
}

uint64_t cz_sim_now(const cz_sim_world *w)
{
    return now_of(w) / NS_PER_MS;
}

static uint64_t later(uint64_t now, uint64_t ms)
{
    uint64_t ns;

    if (__builtin_mul_overflow(ms, NS_PER_MS, &ns) || __builtin_add_overflow(now, ns, &ns))
        return UINT64_MAX;
    return ns;
}

bool cz_sim_advance(cz_sim_world *w, uint64_t at_most_ms)
{
    uint64_t limit = later(now_of(w), at_most_ms), next = UINT64_MAX;

    if (w->off)
        return false;
    if (w->engine)
        next = czi_manager_next_deadline(w->engine);
    limit = CZI_MIN(limit, next);
    if (w->engine && limit != UINT64_MAX)
        czi_manager_pass(w->engine, limit);
    else if (limit != UINT64_MAX)
        w->now = limit;
    return next != UINT64_MAX;
}

/* ---- Crashes -------------------------------------------------------------------------------
 */

void cz_sim_crash(cz_sim_world *w)
{
    lose_power(w);
    if (w->engine)
        (void)cz_close(w->engine, NULL); /* says that it had stopped */
    CZI_CHECK(!w->engine);               /* somebody has a reference, or lives on it */
}

void cz_sim_crash_after(cz_sim_world *w, uint64_t steps)
{
    if (!steps)
        lose_power(w);
    else if (__builtin_add_overflow(w->steps, steps, &w->crash_at))
        w->crash_at = UINT64_MAX;
}

bool cz_sim_crashed(const cz_sim_world *w)
{
    return w->off;
}

uint64_t cz_sim_steps(const cz_sim_world *w)
{
    return w->steps;
}

/* ---- Beginning and end ---------------------------------------------------------------------
 */

int cz_sim_world_new(const cz_sim_options *options, cz_sim_world **ret, cz_error *err)
{
    static const cz_sim_options defaults;
    const cz_sim_options *o = options ? options : &defaults;
    cz_sim_world *w;
    int rc;

    if (o->disorder > THOUSAND)
        return czi_fail(err, CZ_INVALID, "world: disorder %u; of 1000 steps, at most all",
                        o->disorder);
    w = czi_alloc_zero(1, sizeof *w);
    if (!w)
        return czi_nomem(err, "a simulated world");
    w->driver = (struct czi_driver){driver_step, pick, gone};
    w->options = o->engine ? *o->engine : (cz_options){0};
    w->disorder = o->disorder;
    w->choices = czi_rng(o->seed);
    w->fates = czi_rng(~o->seed);
    w->crash_at = UINT64_MAX;
    rc = czi_fs_simulated(CZI_SIM_DURABLE, &w->disk, err);
    if (!rc)
        rc = czi_ledger_create(w->disk, err);
    if (rc) {
        cz_sim_world_free(w);
        return rc;
    }
    *ret = w;
    return CZ_OK;
}

void cz_sim_world_free(cz_sim_world *w)
{
    if (!w)
        return;
    if (w->engine)
        (void)cz_close(w->engine, NULL);
    CZI_CHECK(!w->engine); /* somebody has a reference, or lives on it */
    if (w->index)
        w->index->ops->close(w->index);
    if (w->disk)
        w->disk->ops->free(w->disk);
    czi_free(w);
}

int cz_sim_open(cz_sim_world *w, cz_engine **ret, cz_error *err)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = SEGMENT_SIZE};
    cz_engine *g = NULL;
    int rc;

    if (w->engine)
        return czi_fail(err, CZ_BUSY, "world: its store is open already");
    rc = power_on(w, err);
    if (!rc && !w->index)
        rc = czi_index_memory(&w->index, err);
    store.fs = w->disk;
    store.index = w->index;
    if (!rc)
        rc = czi_open_driven(&store, &w->options, &g, err);
    if (rc)
        return rc;
    CZI_CHECK(g);
    g->manager.driver = &w->driver;
    g->manager.now = CZI_MAX(g->manager.now, w->now);
    w->engine = g;
    *ret = g;
    return CZ_OK;
}

/* ---- Saving --------------------------------------------------------------------------------
 */

struct save {
    struct czi_fs *from, *to;
    const char *dir; /* in both; "": the root */
    cz_error *err;
};

static int copy_bytes(struct czi_file *from, struct czi_file *to, cz_error *err)
{
    uint8_t buf[COPY_SIZE];
    uint64_t at = 0;
    size_t n = 0;
    int rc;

    do {
        rc = from->fs->ops->read(from, at, buf, sizeof buf, &n, err);
        if (!rc && n)
            rc = to->fs->ops->write(to, at, buf, n, err);
        at += n;
    } while (!rc && n);
    return rc ? rc : to->fs->ops->sync(to, err);
}

static int save_file(const struct save *s, const char *path)
{
    struct czi_file *from = NULL, *to = NULL;
    int rc = s->from->ops->open(s->from, path, CZI_OPEN_READ, &from, s->err);

    if (!rc)
        rc = s->to->ops->open(s->to, path, CZI_OPEN_CREATE, &to, s->err);
    if (!rc)
        rc = copy_bytes(from, to, s->err);
    s->to->ops->close(to);
    s->from->ops->close(from);
    return rc;
}

static int save_dir(const struct save *s);

static int save_name(void *arg, const char *name)
{
    const struct save *s = arg;
    struct save below = *s;
    CZI_AUTOBUF path = {0};

    czi_buf_printf(&path, s->dir[0] ? "%s/%s" : "%s%s", s->dir, name);
    czi_buf_put_byte(&path, 0);
    if (path.failed)
        return czi_nomem(s->err, "a path");
    below.dir = (const char *)path.data;
    return strcmp(below.dir, "journal") ? save_file(s, below.dir) : save_dir(&below);
}

static int save_dir(const struct save *s)
{
    struct save copy = *s;
    int rc = s->to->ops->make_dir(s->to, s->dir, s->err);

    if (!rc)
        rc = s->from->ops->list(s->from, s->dir, save_name, &copy, s->err);
    return rc ? rc : s->to->ops->sync_dir(s->to, s->dir, s->err);
}

int cz_sim_save(cz_sim_world *w, const char *dir, cz_error *err)
{
    struct save s = {.dir = "", .err = err};
    int rc;

    if (w->engine)
        return czi_fail(err, CZ_BUSY, "world: its store is open");
    rc = power_on(w, err);
    if (!rc)
        rc = czi_fs_posix(dir, &s.to, err);
    if (rc)
        return rc;
    CZI_CHECK(s.to);
    s.from = w->disk;
    rc = save_dir(&s);
    s.to->ops->free(s.to);
    return rc;
}
