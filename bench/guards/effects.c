/* effects.c - guards that commit, effects that wait behind a guard, and what the presence of a
 * guard costs effects that have nothing to do with it.
 */
#include "guards/guards.h"

#include "base/rng.h"
#include "effect/effect.h"
#include "engine/core.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Commits --------------------------------------------------------------------------------
 */

struct committer {
    struct world *world;
    bool guards; /* else cz_perform of the same write, without a guard */
    unsigned threads;
    uint64_t *nonces; /* per resource */
};

struct commit_worker {
    struct committer *c;
    pthread_t thread;
    uint32_t resource;
    uint64_t ops;
    double until;
};

static void commit_guard(const struct world *w, const cz_id *id, uint64_t value)
{
    cz_error err;
    cz_guard guard;
    cz_contents contents;

    must(cz_acquire(w->engine, &(cz_claim){*id, CZ_WRITE, 0}, CZ_FOREVER, &guard, &err), &err);
    must(cz_guard_contents(&guard, &contents, &err), &err);
    contents.data = (const uint8_t *)&value;
    contents.data_len = sizeof value;
    must(cz_guard_update(&guard, &contents, &err), &err);
    must(cz_guard_commit(&guard, NULL, &err), &err);
}

static void perform(const struct world *w, cz_effect *e, const cz_id *id, uint64_t value)
{
    cz_error err;
    cz_result result;

    cz_effect_clear(e);
    cz_effect_set_origin(e, id);
    cz_effect_set_nonce(e, value);
    must(cz_effect_write(e, id, &value, sizeof value, &err), &err);
    must(cz_perform(w->engine, e, &result, &err), &err);
}

static void *run_commits(void *arg)
{
    struct commit_worker *me = arg;
    struct committer *c = me->c;
    const cz_id *id = &c->world->ids[me->resource];
    cz_effect *e = cz_effect_new();

    if (!e)
        die("out of memory");
    for (; now() < me->until; me->ops++) {
        uint64_t value = ++c->nonces[me->resource];

        if (c->guards)
            commit_guard(c->world, id, value);
        else
            perform(c->world, e, id, value);
    }
    cz_effect_free(e);
    return NULL;
}

static double measure_commits(void *arg)
{
    struct committer *c = arg;
    struct commit_worker workers[2];
    double start = now();
    uint64_t ops = 0;

    for (unsigned i = 0; i < c->threads; i++) {
        workers[i] = (struct commit_worker){.c = c,
                                            .resource = i,
                                            .until = start + 5 * options.slice_ms / 1e3};
        if (pthread_create(&workers[i].thread, NULL, run_commits, &workers[i]))
            die("a thread could not be made");
    }
    for (unsigned i = 0; i < c->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        ops += workers[i].ops;
    }
    return (double)ops / (now() - start);
}

void bench_commits(void)
{
    for (unsigned durable = 0; durable < 2; durable++) {
        struct world w;
        char path[4096];

        if (durable)
            store_make(path, sizeof path);
        world_init(&w, 2, durable ? path : NULL);
        for (unsigned threads = 1; threads <= 2; threads++) {
            static uint64_t nonces[2][2];
            struct committer of[] = {{&w, true, threads, nonces[durable]},
                                     {&w, false, threads, nonces[durable]}};
            struct contender c[] = {{"guard", measure_commits, &of[0], NULL},
                                    {"cz_perform", measure_commits, &of[1], NULL}};
            char text[64];

            (void)snprintf(text, sizeof text, "%s, %u thread%s",
                           durable ? "durable" : "in memory", threads, threads > 1 ? "s" : "");
            row("commits", text, "1/s", c, CZI_COUNTOF(c));
        }
        world_done(&w);
        if (durable)
            store_remove(path);
    }
}

/* ---- Behind a guard -------------------------------------------------------------------------
 */

#define BEHIND 50000u
#define SIZE_MAX_EACH 256u

/* Effects that were encoded beforehand. */
struct stream {
    cz_submission submissions[BEHIND];
    uint8_t bytes[BEHIND][SIZE_MAX_EACH];
};

struct behind {
    struct world *world;
    struct stream *stream;
    uint64_t *nonces;
    double parked, granted; /* of the last round with a guard: effects a second */
};

/* Writes to resource 0, of a thousand origins. */
static void fill_writes(struct behind *b)
{
    cz_effect *e = cz_effect_new();
    cz_error err;

    if (!e)
        die("out of memory");
    for (uint32_t i = 0; i < BEHIND; i++) {
        uint32_t origin = 1 + i % (b->world->count - 1);
        const uint8_t *bytes;
        size_t len;

        cz_effect_clear(e);
        cz_effect_set_origin(e, &b->world->ids[origin]);
        cz_effect_set_nonce(e, ++b->nonces[origin]);
        must(cz_effect_write(e, &b->world->ids[0], &i, sizeof i, &err), &err);
        must(cz_effect_encode(e, &bytes, &len, &err), &err);
        if (len > SIZE_MAX_EACH)
            die("an effect is larger than was thought");
        memcpy(b->stream->bytes[i], bytes, len);
        b->stream->submissions[i] = (cz_submission){b->stream->bytes[i], len};
    }
    cz_effect_free(e);
}

static void submit_all(const struct behind *b)
{
    cz_error err;

    must(cz_submit_batch(b->world->engine, b->stream->submissions, BEHIND, NULL, NULL, NULL,
                         NULL, &err),
         &err);
}

static double measure_free(void *arg)
{
    struct behind *b = arg;
    cz_error err;
    double start;

    fill_writes(b);
    start = now();
    submit_all(b);
    must(cz_flush(b->world->engine, &err), &err);
    return BEHIND / (now() - start);
}

static double measure_parked(void *arg)
{
    struct behind *b = arg;
    cz_lock_stats s = {0};
    cz_error err;
    cz_guard guard;
    double start;

    fill_writes(b);
    must(cz_acquire(b->world->engine, &(cz_claim){b->world->ids[0], CZ_WRITE, 0}, CZ_FOREVER,
                    &guard, &err),
         &err);
    start = now();
    submit_all(b);
    while (s.waiting_effects < BEHIND) {
        for (int i = 0; i < 1000; i++)
            czi_cpu_relax();
        must(cz_lock_stats_get(b->world->engine, &s, &err), &err);
    }
    b->parked = BEHIND / (now() - start);
    start = now();
    must(cz_release(&guard, &err), &err);
    must(cz_flush(b->world->engine, &err), &err);
    b->granted = BEHIND / (now() - start);
    return b->parked;
}

static double last_granted(void *arg)
{
    return ((struct behind *)arg)->granted;
}

static void behind_rows(void)
{
    struct world w;
    struct behind b = {.world = &w,
                       .stream = malloc(sizeof *b.stream),
                       .nonces = calloc(1001, sizeof *b.nonces)};
    struct contender c[] = {{"no guard: submitted to acknowledged", measure_free, &b, NULL},
                            {"a guard: submitted to waiting", measure_parked, &b, NULL},
                            {"released to acknowledged", last_granted, &b, NULL}};

    if (!b.stream || !b.nonces)
        die("out of memory");
    world_init(&w, 1001, NULL);
    row("behind", "50,000 effects", "1/s", c, CZI_COUNTOF(c));
    world_done(&w);
    free(b.stream);
    free(b.nonces);
}

/* ---- Beside a guard: the engine -------------------------------------------------------------
 */

struct beside {
    struct world *world;
    cz_id *accounts;
    struct stream *stream;
    uint64_t *nonces;
    uint32_t held; /* guards of other resources */
};
#define ACCOUNTS 10000u

static void make_accounts(const struct beside *b)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .kind = CZ_FUNGIBLE,
                     .asset = "USD",
                     .quantity = 1000000000000000};
    cz_effect *e = cz_effect_new();
    cz_error err;

    if (!e)
        die("out of memory");
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        char label[16];

        (void)snprintf(label, sizeof label, "a%u", i);
        c.label = label;
        must(cz_resource_id(&c.creator, label, &b->accounts[i], &err), &err);
        cz_effect_clear(e);
        cz_effect_set_origin(e, &b->accounts[i]);
        cz_effect_set_nonce(e, 0);
        must(cz_effect_create(e, &c, &err), &err);
        must(cz_submit_effect(b->world->engine, e, NULL, NULL, NULL, &err), &err);
    }
    must(cz_flush(b->world->engine, &err), &err);
    cz_effect_free(e);
}

static void fill_transfers(const struct beside *b)
{
    for (uint32_t i = 0; i < BEHIND; i++) {
        uint32_t from = b->world->order[i] % ACCOUNTS,
                 to = (from + 1 + b->world->order[(i + 7) % ORDER] % (ACCOUNTS - 1)) % ACCOUNTS;
        size_t len =
            czi_transfer_encode(b->stream->bytes[i], &b->accounts[from], ++b->nonces[from],
                                CZ_NORMAL, &b->accounts[from], &b->accounts[to], 1);

        b->stream->submissions[i] = (cz_submission){b->stream->bytes[i], len};
    }
}

static double measure_beside(void *arg)
{
    struct beside *b = arg;
    cz_guard *guards = calloc(b->held + 1, sizeof *guards);
    cz_error err;
    double start, took;

    if (!guards)
        die("out of memory");
    for (uint32_t i = 0; i < b->held; i++)
        must(cz_acquire(b->world->engine, &(cz_claim){b->world->ids[i], CZ_WRITE, 0},
                        CZ_FOREVER, &guards[i], &err),
             &err);
    fill_transfers(b);
    start = now();
    must(cz_submit_batch(b->world->engine, b->stream->submissions, BEHIND, NULL, NULL, NULL,
                         NULL, &err),
         &err);
    must(cz_flush(b->world->engine, &err), &err);
    took = now() - start;
    must(cz_release_many(guards, b->held, &err), &err);
    free(guards);
    return BEHIND / took;
}

static void beside_rows(void)
{
    struct world w;
    struct beside b[] = {{.world = &w,
                          .accounts = calloc(ACCOUNTS, sizeof(cz_id)),
                          .stream = malloc(sizeof *b->stream),
                          .nonces = calloc(ACCOUNTS, sizeof *b->nonces)},
                         {0},
                         {0}};
    struct contender c[] = {{"no guard", measure_beside, &b[0], NULL},
                            {"1 guard held", measure_beside, &b[1], NULL},
                            {"1000 guards held", measure_beside, &b[2], NULL}};

    if (!b->accounts || !b->stream || !b->nonces)
        die("out of memory");
    world_init(&w, ACCOUNTS, NULL); /* ACCOUNTS: the range of w.order */
    b[1] = b[2] = b[0];
    b[1].held = 1;
    b[2].held = 1000;
    make_accounts(b);
    row("effects", "others meanwhile, in memory with logs", "1/s", c, CZI_COUNTOF(c));
    world_done(&w);
    free(b->accounts);
    free(b->stream);
    free(b->nonces);
}

/* ---- Beside a guard: plan and execute alone
 * --------------------------------------------------
 */

struct planned {
    struct czi_core core;
    struct czi_batch *batch;
    struct czi_pending *pendings; /* BEHIND */
    cz_id *accounts;
    struct czi_owner owner;
    bool held;
};

static void init_planned(struct planned *p)
{
    cz_error err;
    uint32_t asset;

    must(czi_core_init(&p->core, &err), &err);
    p->core.plan_only = true;
    must(czi_batch_new(CZI_BATCH_ENTRIES_DEFAULT, &p->batch, &err), &err);
    p->pendings = calloc(BEHIND, sizeof *p->pendings);
    p->accounts = calloc(ACCOUNTS + 1, sizeof *p->accounts);
    asset = czi_core_asset(&p->core, (struct czi_slice){(const uint8_t *)"USD", 3}, true);
    if (!p->pendings || !p->accounts || asset == CZI_ID_NONE)
        die("out of memory");
    for (uint32_t i = 0; i <= ACCOUNTS; i++) {
        cz_id creator = cz_operator();
        char label[16];

        (void)snprintf(label, sizeof label, "a%u", i);
        must(cz_resource_id(&creator, label, &p->accounts[i], &err), &err);
        if (czi_resources_add(&p->core.resources, &p->accounts[i]) != i ||
            czi_core_origin(&p->core, p->accounts[i].bytes, true) != i)
            die("out of memory");
        *czi_resource_at(&p->core.resources, i) = (struct czi_resource){
            .quantity = 1000000000000000, .version = 1, .position = 1, .asset = asset};
    }
    p->core.positions = 1;
}

static void fill_planned(struct planned *p)
{
    static uint64_t nonce;
    struct czi_rng rng = czi_rng(4);
    cz_error err;

    for (uint32_t i = 0; i < BEHIND; i++) {
        struct czi_pending *q = &p->pendings[i];
        uint32_t from = (uint32_t)czi_rng_below(&rng, ACCOUNTS),
                 to = (from + 1 + (uint32_t)czi_rng_below(&rng, ACCOUNTS - 1)) % ACCOUNTS;

        q->bytes = q->inline_bytes;
        q->len = (uint32_t)czi_transfer_encode(q->bytes, &p->accounts[from], ++nonce, CZ_NORMAL,
                                               &p->accounts[from], &p->accounts[to], 1);
        must(czi_effect_view(q->bytes, q->len, &q->view, &err), &err);
    }
}

/* The last account is nobody's but the lock's. */
static double measure_planned(void *arg)
{
    struct planned *p = *(struct planned **)arg;
    struct czi_locks *l = &p->core.parking.locks;
    struct czi_hold *hold = NULL;
    cz_error err;
    double start, took;

    fill_planned(p);
    if (p->held) {
        struct czi_lock *lock = czi_resource_lock(&p->core, ACCOUNTS);

        hold = lock ? czi_locks_seize(l, &p->owner, lock, CZ_WRITE) : NULL;
        if (!hold)
            die("out of memory");
    }
    start = now();
    for (uint32_t done = 0; done < BEHIND; done += p->batch->entry_count) {
        czi_batch_clear(p->batch);
        for (uint32_t i = done; i < BEHIND && i < done + p->batch->room; i++) {
            struct czi_arrival a = czi_arrival_of(i, &p->pendings[i]);

            czi_batch_add(p->batch, &a, &p->pendings[i]);
        }
        must(czi_core_plan(&p->core, p->batch, 0, &err), &err);
        must(czi_core_execute(&p->core, p->batch, 0, &err), &err);
    }
    took = now() - start;
    if (hold)
        czi_locks_release(l, hold);
    return BEHIND / took;
}

static double planned_free(void *arg)
{
    (*(struct planned **)arg)->held = false;
    return measure_planned(arg);
}

static double planned_held(void *arg)
{
    (*(struct planned **)arg)->held = true;
    return measure_planned(arg);
}

static void planned_rows(void)
{
    static struct planned planned;
    struct planned *p = &planned;
    struct contender c[] = {{"no guard", planned_free, &p, NULL},
                            {"1 guard held", planned_held, &p}};

    init_planned(p);
    row("effects", "others meanwhile, plan and execute", "1/s", c, CZI_COUNTOF(c));
    czi_batch_free(p->batch);
    czi_core_done(&p->core);
    free(p->pendings);
    free(p->accounts);
}

void bench_effects(void)
{
    behind_rows();
    beside_rows();
    planned_rows();
}
