/* tasks.c - what tasks of programs cost: fork and join, a switch, a race, a million that sleep.
 *
 * Layer: bench, outside the product. Prints a line of JSON a figure: row, unit, value (the
 * median of the rounds, in which the rows take turns), and its ratio to a bare pair of
 * jump_fcontext (to another stack and back) measured in the same rounds. `--quick`: fewer
 * rounds.
 */
#include "base/alloc.h"
#include "platform/platform.h"
#include "platform/simulated.h"
#include "program/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 401
#define CALLS 20000 /* short, so that few rounds are interrupted */
#define SLEEPERS 1000000

static unsigned rounds = 401;

static void must(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "tasks: %s: %s\n", cz_code_name(rc), err->detail);
    exit(1);
}

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "tasks: %s\n", what);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* ---- The bare pair --------------------------------------------------------------------------
 */

struct transfer {
    void *from, *data;
};
struct transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size, void (*fn)(struct transfer));

static void back_and_forth(struct transfer t)
{
    for (;;)
        t = jump_fcontext(t.from, NULL);
}

static double bare_pair(void)
{
    static char stack[65536] __attribute__((aligned(64)));
    void *context = make_fcontext(stack + sizeof stack, sizeof stack, back_and_forth);
    uint64_t start = czi_clock_ns();

    for (unsigned i = 0; i < CALLS; i++)
        context = jump_fcontext(context, NULL).from;
    return (double)(czi_clock_ns() - start) / CALLS;
}

/* ---- In a program ---------------------------------------------------------------------------
 */

static const struct czi_tree_ops ops; /* of trees without deadlines */

static int nothing(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    (void)p;
    (void)arg;
    (void)ret;
    (void)err;
    return CZ_OK;
}

static int yields_once(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    (void)arg;
    (void)ret;
    return cz_program_yield(p, err);
}

/* Each adds the nanoseconds of a call to *arg. */

static int fork_join(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    uint64_t start = czi_clock_ns();

    (void)ret;
    for (unsigned i = 0; i < CALLS; i++)
        must(cz_join(p, cz_fork(p, nothing, NULL), NULL, err), err);
    *(double *)arg = (double)(czi_clock_ns() - start) / CALLS;
    return CZ_OK;
}

/* The one that is joined is suspended once, so each takes part of a stack and two switches. */
static int fork_yield_join(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    uint64_t start = czi_clock_ns();

    (void)ret;
    for (unsigned i = 0; i < CALLS; i++)
        must(cz_join(p, cz_fork(p, yields_once, NULL), NULL, err), err);
    *(double *)arg = (double)(czi_clock_ns() - start) / CALLS;
    return CZ_OK;
}

/* Each branch has a stack of its own, which it leaves for the other's. */
static int yields(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    (void)arg;
    (void)ret;
    for (unsigned i = 0; i < CALLS / 2; i++)
        must(cz_program_yield(p, err), err);
    return CZ_OK;
}

static int switches(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    cz_branch branches[] = {{yields, NULL}, {yields, NULL}};
    uint64_t start = czi_clock_ns();

    (void)ret;
    must(cz_fork_join(p, branches, 2, NULL, err), err);
    *(double *)arg = (double)(czi_clock_ns() - start) / CALLS;
    return CZ_OK;
}

static int races(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    uint64_t start = czi_clock_ns();

    (void)ret;
    for (unsigned i = 0; i < CALLS; i++) {
        cz_future both[] = {cz_fork(p, nothing, NULL), cz_fork(p, nothing, NULL)};
        size_t winner;

        must(cz_race(p, both, 2, &winner, NULL, err), err);
    }
    *(double *)arg = (double)(czi_clock_ns() - start) / CALLS;
    return CZ_OK;
}

/* Until nothing is ready; the runtime is warm and kept. */
static struct czi_runtime *runtime;

static double program(cz_branch_fn fn)
{
    struct czi_tree tree;
    double ns = 0;
    cz_error err = {0};

    must(czi_tree_begin(&tree, runtime, &ops, fn, &ns, &err), &err);
    while (czi_runtime_run_one(runtime)) {
    }
    check(tree.root == NULL, "a program has not ended");
    return ns;
}

static double run_fork_join(void)
{
    return program(fork_join);
}

static double run_fork_yield_join(void)
{
    return program(fork_yield_join);
}

static double run_switches(void)
{
    return program(switches);
}

static double run_races(void)
{
    return program(races);
}

/* A fiber that is entered and left by way of the scheduler. */
static void yield_for_ever(void *arg)
{
    struct czi_fiber **f = arg;

    while (*f)
        czi_fiber_yield(*f);
}

static double run_fiber(void)
{
    static struct czi_fiber_pool pool;
    struct czi_fiber *f, *self;
    uint64_t start;
    double ns;
    cz_error err = {0};

    if (!pool.max)
        must(czi_fiber_pool_init(&pool, 65536, 2, &err), &err);
    must(czi_fiber_new(&pool, yield_for_ever, (void *)&f, &self, &err), &err);
    f = self;
    start = czi_clock_ns();
    for (unsigned i = 0; i < CALLS / 2; i++)
        czi_fiber_switch_to(self);
    ns = (double)(czi_clock_ns() - start) / CALLS;
    f = NULL;
    czi_fiber_switch_to(self);
    check(czi_fiber_done(self), "a fiber does not end");
    return ns;
}

static const struct {
    const char *name;
    double (*run)(void);
    double wanted; /* at most; 0: as it comes */
} rows[] = {
    {"two bare jumps", bare_pair, 0},
    {"fork + join", run_fork_join, 35},
    {"fork + join of one that yields", run_fork_yield_join, 0},
    {"switch", run_switches, 12},
    {"switch, by the scheduler", run_fiber, 0},
    {"race of two", run_races, 120},
};

static void print(const char *row, const char *unit, double value, double pair, double wanted)
{
    printf("{\"row\":\"%s\",\"unit\":\"%s\",\"value\":%.2f", row, unit, value);
    if (pair > 0)
        printf(",\"pairs\":%.2f", value / pair);
    if (wanted > 0)
        printf(",\"wanted\":%.0f", wanted);
    printf("}\n");
    (void)fflush(stdout);
}

static void all_rows(void)
{
    static double figures[CZI_COUNTOF(rows)][ROUNDS_MAX];
    cz_error err = {0};

    must(czi_runtime_new(0, 0, 0, &runtime, &err), &err);
    for (unsigned i = 0; i < rounds; i++)
        for (size_t k = 0; k < CZI_COUNTOF(rows); k++)
            figures[k][i] = rows[k].run();
    czi_runtime_free(runtime);
    for (size_t k = 0; k < CZI_COUNTOF(rows); k++)
        qsort(figures[k], rounds, sizeof(double), compare);
    for (size_t k = 0; k < CZI_COUNTOF(rows); k++)
        print(rows[k].name, "ns", figures[k][rounds / 2], figures[0][rounds / 2],
              rows[k].wanted);
}

/* ---- A million that sleep -------------------------------------------------------------------
 */

static struct {
    cz_branch *branches;
    uint64_t last; /* the deadline of who woke last */
} night;

/* In no order: the deadlines of n = 0, 1, ... are a permutation of the numbers up to a million,
 * as the factor has no divisor in common with it. */
static uint64_t deadline_of(uint64_t n)
{
    return n * 611953 % SLEEPERS + 1;
}

static int sleeps(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    uint64_t mine = deadline_of((uint64_t)(uintptr_t)arg);
    int rc = cz_sleep(p, &(cz_deadline){.after_ms = mine}, err);

    (void)ret;
    if (rc)
        return rc; /* the host closes */
    check(mine == night.last + 1, "a sleeper woke out of its order");
    night.last = mine;
    return CZ_OK;
}

static int bed_time(cz_program *p, const void *args, size_t len, cz_error *err)
{
    (void)args;
    (void)len;
    night.last = 0;
    for (size_t i = 0; i < SLEEPERS; i++)
        night.branches[i] = (cz_branch){sleeps, (void *)(uintptr_t)i};
    return cz_fork_join(p, night.branches, SLEEPERS, NULL, err);
}

static double resident(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long long size, pages = 0;

    if (f) {
        if (fscanf(f, "%llu %llu", &size, &pages) != 2) /* NOLINT: two numbers */
            pages = 0;
        (void)fclose(f);
    }
    return (double)pages * 4096 / (1u << 30);
}

/* In memory, with its log; its clock stands still unless all sleep. */
static cz_engine *open_engine(void)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_engine *g;
    cz_error err = {0};

    must(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), &err);
    must(czi_ledger_create(store.fs, &err), &err);
    must(czi_open_driven(&store, NULL, &g, &err), &err);
    g->fs = store.fs; /* goes with the engine */
    return g;
}

static cz_host *open_host(cz_engine *g)
{
    const cz_program_def def = {.name = "bed-time", .version = 1, .fn = bed_time};
    const cz_host_options options = {.programs = &def,
                                     .count = 1,
                                     .stack_size = 16384,
                                     .stacks_max = CZI_TASK_STACKS_MAX,
                                     .futures_max = CZI_FUTURES_MAX};
    cz_host *h;
    cz_error err = {0};

    must(cz_host_new(g, &options, &h, &err), &err);
    return h;
}

/* Until everybody sleeps. */
static double drive_to_sleep(cz_engine *g, const cz_host *h)
{
    uint64_t start = czi_clock_ns(), evening = g->manager.now;

    for (uint64_t n = 0; h->timers.count + night.last < SLEEPERS; n++) {
        check(n < 2 * SLEEPERS, "not all sleep");
        czi_manager_drive(g, evening);
    }
    check(g->manager.now == evening, "not all at once");
    return (double)(czi_clock_ns() - start);
}

/* Half of them; the other half under the next host, to which the log says who woke. */
static void wake_all(cz_engine *g, cz_host *h, const cz_id *id)
{
    uint64_t start = czi_clock_ns(), midnight;
    cz_program_report report = {0};
    cz_error err = {0};

    while (night.last < SLEEPERS / 2)
        czi_manager_drive(g, UINT64_MAX);
    print("a million wake in order, the first half, each", "ns",
          (double)(czi_clock_ns() - start) / (SLEEPERS / 2.0), 0, 0);
    midnight = night.last;
    must(cz_host_close(h, &err), &err);
    h = open_host(g);
    night.last = 0;
    print("a million under the next host, until all sleep as before, each", "ns",
          drive_to_sleep(g, h) / SLEEPERS, 0, 0);
    check(night.last > midnight / 2 && night.last <= midnight, "the log knows of too few");
    start = czi_clock_ns();
    midnight = night.last;
    must(cz_program_wait(h, id, CZ_FOREVER, &report, &err), &err);
    print("the others wake in order, each", "ns",
          (double)(czi_clock_ns() - start) / (double)(SLEEPERS - midnight), 0, 0);
    print("the log of that program", "entries", (double)report.entries, 0, 0);
    check(night.last == SLEEPERS && report.state == CZ_PROGRAM_COMPLETED, "not all woke");
    must(cz_host_close(h, &err), &err);
}

static void a_million_sleep(void)
{
    const cz_program_spec spec = {.name = "bed-time", .label = "bench"};
    cz_engine *g = open_engine();
    cz_host *h = open_host(g);
    cz_error err = {0};
    cz_id id;

    night.branches = czi_alloc(SLEEPERS * sizeof *night.branches);
    check(night.branches, "out of memory");
    must(cz_program_start(h, &spec, &id, &err), &err);
    print("a million tasks on a host begin to sleep, each", "ns",
          drive_to_sleep(g, h) / SLEEPERS, 0, 0);
    check(night.last == 0, "somebody did not sleep");
    print("a million that sleep", "GiB", resident(), 0, 8);
    wake_all(g, h, &id);
    must(cz_close(g, &err), &err);
    czi_free(night.branches);
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && !strcmp(argv[1], "--quick");

    if (argc > 1 + quick) {
        (void)fprintf(stderr, "usage: tasks [--quick]\n");
        return 2;
    }
    if (quick)
        rounds = 51;
    all_rows();
    a_million_sleep();
    return 0;
}
