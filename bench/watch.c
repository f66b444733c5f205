/* watch.c - what watches cost: an effect while others are watched, a wake, and a crowd.
 *
 * Layer: bench, outside the product. Prints a line of JSON a figure: row, contender, unit,
 * value (the median of the rounds). Contenders of a row are engines in memory of their own, in
 * one process, and take turns. `--quick`: fewer and shorter rounds.
 */
#include "base/alloc.h"
#include "causality/causality.h"
#include "effect/effect.h"
#include "platform/platform.h"
#include "resource/resource.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACCOUNTS = 10000, RUN = 65536, ROUNDS_MAX = 31 };

static unsigned rounds = 15, runs = 8;
static uint32_t crowd = 1000000;

static void must(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "watch: %s: %s\n", cz_code_name(rc), err->detail);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void print(const char *row, const char *contender, const char *unit, double *figures,
                  size_t count)
{
    qsort(figures, count, sizeof *figures, compare);
    printf("{\"row\":\"%s\",\"contender\":\"%s\",\"unit\":\"%s\",\"value\":%.1f}\n", row,
           contender, unit, figures[count / 2]);
    (void)fflush(stdout);
}

static cz_id id_of(const char *kind, uint32_t n)
{
    cz_id creator = cz_operator();
    char label[32];
    int len = snprintf(label, sizeof label, "%s%u", kind, n);

    return czi_identity_id(&creator, (struct czi_slice){(const uint8_t *)label, (size_t)len});
}

/* ---- Engines --------------------------------------------------------------------------------
 */

struct runner {
    const char *name;
    cz_engine *engine;
    cz_id *ids;
    uint64_t nonce, seed;
    double figures[ROUNDS_MAX];
};

static uint8_t (*bytes)[CZI_TRANSFER_SIZE_MAX];
static cz_submission *submissions;

static void create(struct runner *r, const char *kind, uint32_t n, cz_quantity quantity)
{
    cz_effect *e = cz_effect_new();
    char label[32];
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = CZ_FUNGIBLE,
                     .asset = "USD",
                     .quantity = quantity};
    cz_error err = {0};

    (void)snprintf(label, sizeof label, "%s%u", kind, n);
    cz_effect_set_origin(e, &c.creator);
    cz_effect_set_nonce(e, ++r->nonce);
    must(cz_effect_create(e, &c, &err), &err);
    must(cz_submit_effect(r->engine, e, NULL, NULL, NULL, &err), &err);
    cz_effect_free(e);
    if (r->nonce % 10000 == 0)
        must(cz_flush(r->engine, &err), &err);
}

static void open_engine(struct runner *r, const char *name)
{
    cz_options o = {.threads = 2, .ordered = true};
    cz_error err = {0};

    *r = (struct runner){.name = name, .seed = 88172645463325252ull};
    must(cz_open(NULL, &o, &r->engine, &err), &err);
    r->ids = czi_alloc(ACCOUNTS * sizeof *r->ids);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        r->ids[i] = id_of("a", i);
        create(r, "a", i, 1000000000);
    }
    must(cz_flush(r->engine, &err), &err);
}

static void close_engine(struct runner *r)
{
    cz_error err = {0};

    must(cz_close(r->engine, &err), &err);
    czi_free(r->ids);
}

static uint32_t draw(struct runner *r)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return (uint32_t)((r->seed >> 32) % ACCOUNTS);
}

/* Nanoseconds a transfer, from the first submission to the last acknowledgement. */
static double transfers(struct runner *r)
{
    cz_id origin = id_of("origin", 1);
    uint64_t ns = 0;
    cz_error err = {0};

    for (unsigned k = 0; k < runs; k++) {
        uint64_t start;

        for (uint32_t i = 0; i < RUN; i++) {
            const cz_id *from = &r->ids[draw(r)], *to = &r->ids[draw(r)];

            submissions[i] =
                (cz_submission){bytes[i], czi_transfer_encode(bytes[i], &origin, ++r->nonce,
                                                              CZ_NORMAL, from, to, 1)};
        }
        start = czi_clock_ns();
        must(cz_submit_batch(r->engine, submissions, RUN, NULL, NULL, NULL, NULL, &err), &err);
        must(cz_flush(r->engine, &err), &err);
        ns += czi_clock_ns() - start;
    }
    return (double)ns / runs / RUN;
}

/* ---- Effects beside watches -----------------------------------------------------------------
 */

static void ignore(void *arg, const cz_watched *w)
{
    (void)arg;
    (void)w;
}

static bool never(void *arg, const cz_resource *r)
{
    (void)arg;
    return r->version == UINT64_MAX;
}

static void watch_many(struct runner *r, const char *kind, uint32_t count, uint64_t deadline)
{
    cz_error err = {0};

    for (uint32_t i = 0; i < count; i++) {
        cz_id id = id_of(kind, i);
        cz_watch_spec spec = {.resource = &id,
                              .resource_is = never,
                              .deadline_lamport = deadline};

        must(cz_watch(r->engine, &spec, ignore, NULL, NULL, &err), &err);
    }
}

static void bench_effects(void)
{
    static struct runner all[5];
    enum { NONE, ONE, IDLE, ONE_OF, ALL };
    static const char *const names[] = {"no watch", "1 watch of another resource",
                                        "100,000 watches of others, with deadlines",
                                        "1 of the 10,000 accounts is watched",
                                        "each of the 10,000 accounts is watched"};
    cz_error err = {0};

    for (unsigned i = 0; i <= ALL; i++) {
        open_engine(&all[i], names[i]);
        for (uint32_t k = 0; k < 100000 && (i == IDLE || (i == ONE && !k)); k++)
            create(&all[i], "idle", k, 0);
    }
    watch_many(&all[ONE], "idle", 1, 0);
    watch_many(&all[IDLE], "idle", 100000, UINT64_MAX);
    watch_many(&all[ONE_OF], "a", 1, 0);
    watch_many(&all[ALL], "a", ACCOUNTS, 0);
    for (unsigned i = 0; i <= ALL; i++) {
        must(cz_flush(all[i].engine, &err), &err);
        (void)transfers(&all[i]);
    }
    for (unsigned k = 0; k < rounds; k++)
        for (unsigned i = 0; i <= ALL; i++) {
            struct runner *r = &all[(i + k) % (ALL + 1)];

            r->figures[k] = transfers(r);
        }
    for (unsigned i = 0; i <= ALL; i++) {
        print("an effect", names[i], "ns", all[i].figures, rounds);
        close_engine(&all[i]);
    }
}

/* ---- A wake
 * -----------------------------------------------------------------------------------
 */

struct wake {
    struct runner *runner;
    _Atomic uint64_t result, watched, awake;
    _Atomic unsigned waits, stop;
};

static void told(void *arg, const cz_watched *w)
{
    (void)w;
    atomic_store(&((struct wake *)arg)->watched, czi_clock_ns());
}

static void done(void *arg, const cz_result *r)
{
    (void)r;
    atomic_store(&((struct wake *)arg)->result, czi_clock_ns());
}

static void *await(void *arg)
{
    struct wake *w = arg;
    cz_watch_spec spec = {.resource = &w->runner->ids[0]};
    cz_error err = {0};

    while (!atomic_load(&w->stop)) {
        atomic_fetch_add(&w->waits, 1);
        must(cz_await(w->runner->engine, &spec, CZ_FOREVER, NULL, &err), &err);
        atomic_store(&w->awake, czi_clock_ns());
    }
    return NULL;
}

/* From the submission of one effect: to its callback, to that of a watch, to a thread that
 * awaits. */
static void bench_wake(void)
{
    enum { COUNT = 2000 };
    static double figures[3][COUNT];
    static const char *const names[] = {"the effect's callback", "a watch's callback",
                                        "a thread that awaits"};
    struct runner r;
    struct wake w = {.runner = &r};
    cz_id origin = id_of("origin", 1);
    pthread_t thread;
    cz_error err = {0};

    open_engine(&r, "wake");
    (void)pthread_create(&thread, NULL, await, &w);
    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t b[CZI_TRANSFER_SIZE_MAX];
        uint64_t start, watched;
        size_t len;

        while (atomic_load(&w.waits) != i + 1)
            czi_cpu_relax();
        must(cz_watch(r.engine, &(cz_watch_spec){.resource = &r.ids[0]}, told, &w, &watched,
                      &err),
             &err);
        for (start = czi_clock_ns(); czi_clock_ns() - start < 200000;) /* it sleeps by now */
            czi_cpu_relax();
        atomic_store(&w.stop, i + 1 == COUNT);
        len = czi_transfer_encode(b, &origin, ++r.nonce, CZ_NORMAL, &r.ids[0], &r.ids[1], 1);
        start = czi_clock_ns();
        must(cz_submit(r.engine, b, len, done, &w, NULL, &err), &err);
        while (atomic_load(&w.awake) < start || atomic_load(&w.result) < start)
            czi_cpu_relax();
        figures[0][i] = (double)(atomic_load(&w.result) - start) / 1e3;
        figures[1][i] = (double)(atomic_load(&w.watched) - start) / 1e3;
        figures[2][i] = (double)(atomic_load(&w.awake) - start) / 1e3;
    }
    (void)pthread_join(thread, NULL);
    for (unsigned i = 0; i < 3; i++)
        print("from submission to", names[i], "us", figures[i], COUNT);
    close_engine(&r);
}

/* ---- A crowd
 * ----------------------------------------------------------------------------------
 */

static void count_down(void *arg, const cz_watched *w)
{
    (void)w;
    --*(uint32_t *)arg;
}

#define FIRST_DEADLINE 65536u

/* Effects on one resource, whose Lamport time rises by one with each, until it is so far. */
static void climb(struct runner *r, uint64_t lamport)
{
    cz_id origin = id_of("origin", 1);
    cz_resource now;
    cz_error err = {0};

    must(cz_resource_get(r->engine, &r->ids[0], &now, &err), &err);
    for (uint64_t at = now.lamport; at < lamport; at++) {
        cz_submission one = {bytes[0],
                             czi_transfer_encode(bytes[0], &origin, ++r->nonce, CZ_NORMAL,
                                                 &r->ids[0], &r->ids[1], 1)};

        must(cz_submit_batch(r->engine, &one, 1, NULL, NULL, NULL, NULL, &err), &err);
    }
    must(cz_flush(r->engine, &err), &err);
}

/* Deadlines in no order; 1,000 effects then end a thousandth of them each. */
static void bench_crowd(void)
{
    struct runner r;
    uint32_t left = crowd;
    double make, idle, end;
    uint64_t start;
    cz_error err = {0};

    open_engine(&r, "crowd");
    start = czi_clock_ns();
    for (uint32_t i = 0; i < crowd; i++) {
        uint64_t place = (uint64_t)i * 7919 % crowd / (crowd / 1000);
        cz_watch_spec spec = {.time_map = true, .deadline_lamport = FIRST_DEADLINE + place};

        must(cz_watch(r.engine, &spec, count_down, &left, NULL, &err), &err);
    }
    make = (double)(czi_clock_ns() - start) / crowd;
    idle = transfers(&r);
    climb(&r, FIRST_DEADLINE - 1);
    start = czi_clock_ns();
    climb(&r, FIRST_DEADLINE + 1000);
    end = (double)(czi_clock_ns() - start) / crowd;
    if (left) {
        (void)fprintf(stderr, "watch: %u have not ended\n", left);
        exit(1);
    }
    print("a crowd that waits", "to make one", "ns", &make, 1);
    print("a crowd that waits", "an effect meanwhile", "ns", &idle, 1);
    print("a crowd that waits", "to end one", "ns", &end, 1);
    close_engine(&r);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--quick") == 0) {
        rounds = 5;
        runs = 4;
        crowd = 100000;
    }
    czi_memory_keep();
    bytes = czi_alloc((size_t)RUN * sizeof *bytes);
    submissions = czi_alloc(RUN * sizeof *submissions);
    if (!bytes || !submissions)
        return 1;
    bench_effects();
    bench_wake();
    bench_crowd();
    czi_free(bytes);
    czi_free(submissions);
    return 0;
}
