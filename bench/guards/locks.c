/* locks.c - acquire and release beside rwlocks and mutexes: alone, of several, and contended.
 *
 * The process has other threads, so no lock leaves out its atomic instructions.
 */
#include "guards/guards.h"

#include "base/id_table.h"
#include "base/rng.h"
#include "platform/platform.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { GUARD, RWLOCK, RWLOCK_FOUND, MUTEX, MUTEX_FOUND, TICKET };

struct pick {
    const struct world *world;
    enum kind kind;
    unsigned threads, reads, hold_ns, set; /* reads: percent; set: locks at once */
};

/* ---- One ------------------------------------------------------------------------------------
 */

static double turns_per_ns;

/* A chain of multiplications, which no processor shortens. */
static void work(uint64_t turns)
{
    uint64_t x = turns;

    for (; turns; turns--) {
        x = x * 0x9e3779b97f4a7c15u + 1;
        __asm__ volatile("" : "+r"(x));
    }
}

static void calibrate(void)
{
    double best = 1;

    for (int i = 0; i < 20; i++) {
        double start = now(), took;

        work(100000);
        took = now() - start;
        best = took < best ? took : best;
    }
    turns_per_ns = 100000 / (best * 1e9);
}

static void touch(struct cell *c, enum cz_access mode, uint64_t turns)
{
    if (mode == CZ_WRITE)
        c->data.value++;
    __asm__ volatile("" ::"r"(c->data.value));
    if (turns)
        work(turns);
}

static void ticket_lock(struct ticket_lock *l)
{
    uint32_t mine = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);

    while (atomic_load_explicit(&l->serving, memory_order_acquire) != mine)
        czi_cpu_relax();
}

static void ticket_unlock(struct ticket_lock *l)
{
    atomic_store_explicit(&l->serving,
                          atomic_load_explicit(&l->serving, memory_order_relaxed) + 1,
                          memory_order_release);
}

static void with_guard(const struct world *w, uint32_t i, enum cz_access mode, uint64_t turns)
{
    cz_error err;
    cz_guard guard;

    must(cz_acquire(w->engine, &(cz_claim){w->ids[i], mode, 0}, CZ_FOREVER, &guard, &err),
         &err);
    touch(&w->cells[i], mode, turns);
    must(cz_release(&guard, &err), &err);
}

static inline void once(const struct pick *p, uint32_t i, enum cz_access mode, uint64_t turns)
{
    const struct world *w = p->world;
    struct cell *c = &w->cells[i];

    switch (p->kind) {
    case GUARD:
        with_guard(w, i, mode, turns);
        break;
    case RWLOCK_FOUND:
        c = &w->cells[czi_id_table_find(w->numbers, &w->ids[i])];
        /* fallthrough */
    case RWLOCK:
        if (mode == CZ_WRITE)
            pthread_rwlock_wrlock(&c->rw.lock);
        else
            pthread_rwlock_rdlock(&c->rw.lock);
        touch(c, mode, turns);
        pthread_rwlock_unlock(&c->rw.lock);
        break;
    case MUTEX_FOUND:
        c = &w->cells[czi_id_table_find(w->numbers, &w->ids[i])];
        /* fallthrough */
    case MUTEX:
        pthread_mutex_lock(&c->mutex.lock);
        touch(c, mode, turns);
        pthread_mutex_unlock(&c->mutex.lock);
        break;
    case TICKET:
        ticket_lock(&c->ticket.lock);
        touch(c, mode, turns);
        ticket_unlock(&c->ticket.lock);
        break;
    }
}

/* ---- Alone ----------------------------------------------------------------------------------
 */

#define STRIDE 4096u

static double measure_alone(void *arg)
{
    const struct pick *p = arg;
    enum cz_access mode = p->reads ? CZ_READ : CZ_WRITE;
    double start = now(), end = start + options.slice_ms / 1e3;
    uint64_t ops = 0;

    do {
        for (uint32_t k = 0; k < STRIDE; k++)
            once(p, p->world->order[(ops + k) % ORDER], mode, 0);
        ops += STRIDE;
    } while (now() < end);
    return (now() - start) * 1e9 / (double)ops;
}

/* The same from a task. */
struct in_task {
    struct pick pick;
    cz_scheduler *scheduler;
    double figure;
};

static int task_alone(void *arg, cz_error *err)
{
    struct in_task *t = arg;

    (void)err;
    t->figure = measure_alone(&t->pick);
    return CZ_OK;
}

static double measure_in_task(void *arg)
{
    struct in_task *t = arg;
    cz_task_spec spec = {.fn = task_alone, .arg = t, .priority = CZ_NORMAL};
    cz_error err = {0};
    uint64_t task;

    must(cz_task_spawn(t->scheduler, &spec, &task, &err), &err);
    must(cz_task_join(t->scheduler, task, CZ_FOREVER, NULL, &err), &err);
    return t->figure;
}

static void alone_rows(uint32_t count, const char *name)
{
    static const char *const names[] = {"guard", "rwlock", "rwlock found by id", "mutex",
                                        "mutex found by id"};
    cz_scheduler *scheduler;
    cz_error err = {0};
    struct world w;

    world_init(&w, count, NULL);
    must(cz_scheduler_new(w.engine, NULL, &scheduler, &err), &err);
    for (unsigned reads = 0; reads <= 100; reads += 100) {
        struct pick picks[CZI_COUNTOF(names)];
        struct contender c[CZI_COUNTOF(names) + 1];
        struct in_task task = {{.world = &w, .kind = GUARD, .reads = reads}, scheduler, 0};
        char text[64];

        for (unsigned i = 0; i < CZI_COUNTOF(names); i++) {
            picks[i] = (struct pick){.world = &w, .kind = (enum kind)i, .reads = reads};
            c[i] = (struct contender){names[i], measure_alone, &picks[i], NULL};
        }
        (void)snprintf(text, sizeof text, "%s, %s", name, reads ? "read" : "write");
        c[CZI_COUNTOF(names)] =
            (struct contender){"guard in a task", measure_in_task, &task, NULL};
        row("alone", text, "ns", c, CZI_COUNTOF(c));
    }
    must(cz_scheduler_close(scheduler, &err), &err);
    world_done(&w);
}

void bench_alone(void)
{
    alone_rows(1, "1 resource");
    alone_rows(10000, "10k resources");
}

/* ---- Contended ------------------------------------------------------------------------------
 */

struct worker {
    const struct pick *pick;
    pthread_t thread;
    uint64_t ops;
    uint32_t number;
    _Atomic uint32_t *go; /* how many are there; beyond: stop */
} __attribute__((aligned(128)));

#define STOP 1000u

/* Threads that share a processor take turns, and would not contend at all. */
static void stay_on(unsigned number)
{
    cpu_set_t own, set;

    CPU_ZERO(&own);
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof own, &own) || !CPU_COUNT(&own))
        return;
    number %= (unsigned)CPU_COUNT(&own);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &own) && number-- == 0)
            CPU_SET(cpu, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void *run_worker(void *arg)
{
    struct worker *me = arg;
    const struct pick *p = me->pick;
    uint64_t turns = (uint64_t)(p->hold_ns * turns_per_ns), ops = 0;
    struct czi_rng rng = czi_rng(me->number + 1);

    stay_on(me->number);
    atomic_fetch_add(me->go, 1);
    while (atomic_load(me->go) < p->threads)
        czi_cpu_relax();
    while (atomic_load_explicit(me->go, memory_order_relaxed) < STOP) {
        uint64_t dice = czi_rng_next(&rng);
        uint32_t i = (uint32_t)((dice & UINT32_MAX) * p->world->count >> 32);

        once(p, i, (dice >> 32) * 100 >> 32 < p->reads ? CZ_READ : CZ_WRITE, turns);
        ops++;
    }
    me->ops = ops;
    return NULL;
}

#define THREADS_MAX 8

static double measure_contended(void *arg)
{
    const struct pick *p = arg;
    struct worker workers[THREADS_MAX];
    _Atomic uint32_t go = 0;
    double start, took;
    uint64_t ops = 0;

    for (uint32_t i = 0; i < p->threads; i++) {
        workers[i] = (struct worker){.pick = p, .number = i, .go = &go};
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]))
            die("a thread could not be made");
    }
    while (atomic_load(&go) < p->threads)
        czi_cpu_relax();
    start = now();
    do {
        struct timespec nap = {.tv_nsec = (long)options.slice_ms * 1000000};

        nanosleep(&nap, NULL);
        took = now() - start;
    } while (took < options.slice_ms / 1e3);
    atomic_store(&go, STOP);
    for (uint32_t i = 0; i < p->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        ops += workers[i].ops;
    }
    return (double)ops / took;
}

/* Shares of reads take turns too, since they are compared. */
static void contended_rows(struct world *w, unsigned hold_ns)
{
    static const struct {
        const char *name;
        enum kind kind;
    } peers[] = {{"guard", GUARD},
                 {"rwlock", RWLOCK},
                 {"mutex", MUTEX},
                 {"ticket lock", TICKET}};
    static const unsigned reads[] = {0, 90, 100};
    enum { PEERS = CZI_COUNTOF(peers), ALL = PEERS * CZI_COUNTOF(reads) };
    struct pick picks[ALL];
    struct contender c[ALL];
    char text[CZI_COUNTOF(reads)][96];

    for (unsigned i = 0; i < ALL; i++) {
        unsigned k = i / PEERS;

        picks[i] = (struct pick){.world = w,
                                 .kind = peers[i % PEERS].kind,
                                 .threads = 2,
                                 .reads = reads[k],
                                 .hold_ns = hold_ns};
        c[i] = (struct contender){peers[i % PEERS].name, measure_contended, &picks[i], text[k]};
        (void)snprintf(text[k], sizeof text[k], "%u resource%s, held %u ns, %u%% reads",
                       w->count, w->count > 1 ? "s" : "", hold_ns, reads[k]);
    }
    row("contended", "", "1/s", c, ALL);
}

void bench_contended(void)
{
    calibrate();
    for (uint32_t count = 1; count <= 1000; count *= 1000) {
        struct world w;

        world_init(&w, count, NULL);
        contended_rows(&w, 0);
        contended_rows(&w, 200);
        world_done(&w);
    }
}

/* ---- Several at once ------------------------------------------------------------------------
 */

#define SETS 1024u
#define SET_MAX 8u

static uint32_t sets[SETS][SET_MAX]; /* each ascending, without repetition */

static int by_number(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void make_sets(const struct world *w, unsigned size)
{
    struct czi_rng rng = czi_rng(2);

    for (uint32_t s = 0; s < SETS; s++) {
        for (bool again = true; again;) {
            again = false;
            for (uint32_t k = 0; k < size; k++)
                sets[s][k] = (uint32_t)czi_rng_below(&rng, w->count);
            qsort(sets[s], size, sizeof sets[s][0], by_number);
            for (uint32_t k = 1; k < size; k++)
                again |= sets[s][k] == sets[s][k - 1];
        }
    }
}

static void many_once(const struct pick *p, const uint32_t *set)
{
    const struct world *w = p->world;
    cz_error err;

    if (p->kind == GUARD) {
        cz_claim claims[SET_MAX];
        cz_guard guards[SET_MAX];

        for (unsigned k = 0; k < p->set; k++)
            claims[k] = (cz_claim){w->ids[set[k]], CZ_WRITE, 0};
        must(cz_acquire_many(w->engine, claims, p->set, CZ_FOREVER, guards, &err), &err);
        must(cz_release_many(guards, p->set, &err), &err);
        return;
    }
    for (unsigned k = 0; k < p->set; k++) {
        uint32_t i = set[k];

        if (p->kind == RWLOCK_FOUND)
            i = czi_id_table_find(w->numbers, &w->ids[i]);
        pthread_rwlock_wrlock(&w->cells[i].rw.lock);
    }
    for (unsigned k = p->set; k-- > 0;)
        pthread_rwlock_unlock(&w->cells[set[k]].rw.lock);
}

static double measure_many(void *arg)
{
    const struct pick *p = arg;
    double start = now(), end = start + options.slice_ms / 1e3;
    uint64_t ops = 0;

    do {
        for (uint32_t s = 0; s < SETS; s++)
            many_once(p, sets[s]);
        ops += SETS;
    } while (now() < end);
    return (now() - start) * 1e9 / (double)ops;
}

void bench_many(void)
{
    static const unsigned sizes[] = {2, 8};
    struct world w;

    world_init(&w, 10000, NULL);
    for (unsigned k = 0; k < CZI_COUNTOF(sizes); k++) {
        struct pick picks[3];
        struct contender c[] = {{"guards", measure_many, &picks[0], NULL},
                                {"rwlocks", measure_many, &picks[1], NULL},
                                {"rwlocks found by id", measure_many, &picks[2], NULL}};
        char text[32];

        for (unsigned i = 0; i < 3; i++)
            picks[i] = (struct pick){.world = &w, .kind = (enum kind)i, .set = sizes[k]};
        make_sets(&w, sizes[k]);
        (void)snprintf(text, sizeof text, "%u of 10k, write", sizes[k]);
        row("many", text, "ns", c, CZI_COUNTOF(c));
    }
    world_done(&w);
}
