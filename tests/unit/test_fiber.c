/* test_fiber.c - the claims of program/fiber.h; with CAUSALITY_FIBER_FIGURES=1 its figures. */
#include "platform/platform.h"
#include "program/fiber.h"
#include "test.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { STACK = 16 * 1024 };

/* What most fibers of these tests are given. */
struct job {
    struct czi_fiber *fiber;
    uint64_t seed, sum;
    unsigned rounds, at;
};

static struct czi_fiber_pool make_pool(uint32_t max)
{
    struct czi_fiber_pool p;
    cz_error err = {0};

    assert_ok(czi_fiber_pool_init(&p, STACK, max, &err), err);
    return p;
}

static struct czi_fiber *make_fiber(struct czi_fiber_pool *p, void (*fn)(void *), void *arg)
{
    struct czi_fiber *f;
    cz_error err = {0};

    assert_ok(czi_fiber_new(p, fn, arg, &f, &err), err);
    return f;
}

static void run_to_end(struct czi_fiber *f)
{
    while (!czi_fiber_done(f))
        czi_fiber_switch_to(f);
}

/* ---- What a switch keeps -------------------------------------------------------------------
 */

/* More live values than there are registers, integers and doubles. job NULL: no yield. */
static uint64_t compute(uint64_t seed, unsigned rounds, struct job *job)
{
    struct czi_rng rng = czi_rng(seed);
    uint64_t a = seed, b = 1, c = 2, d = 3, e = 4, g = 5, h = 6, i = 7;
    double x = (double)(seed % 1000) + 0.5, y = 0.25, z = 3.0;

    for (unsigned n = 0; n < rounds; n++) {
        uint64_t r = czi_rng_next(&rng);

        a += r, b ^= a, c += b << 1, d ^= c >> 3, e += d, g ^= e, h += g, i ^= h;
        x = x / 3.0 + y, y = y * 0.5 + z, z = z / 7.0 + (double)(i & 0xff);
        if (job) {
            job->at = n;
            czi_fiber_yield(job->fiber);
        }
    }
    return a ^ b ^ c ^ d ^ e ^ g ^ h ^ i ^ (uint64_t)(x * 1e6) ^ (uint64_t)(y * 1e6);
}

static void compute_job(void *arg)
{
    struct job *job = arg;

    job->sum = compute(job->seed, job->rounds, job);
}

/* Any schedule gives what no schedule gives. */
static void check_schedule(uint64_t seed)
{
    enum { COUNT = 40 };
    struct czi_fiber_pool p = make_pool(COUNT);
    struct czi_rng rng = czi_rng(seed);
    struct job jobs[COUNT];
    unsigned left = COUNT;

    for (unsigned i = 0; i < COUNT; i++) {
        jobs[i] = (struct job){.seed = czi_rng_next(&rng),
                               .rounds = (unsigned)czi_rng_below(&rng, 60)};
        jobs[i].fiber = make_fiber(&p, compute_job, &jobs[i]);
    }
    while (left) {
        struct job *job = &jobs[czi_rng_below(&rng, COUNT)];

        if (!job->fiber)
            continue;
        czi_fiber_switch_to(job->fiber);
        if (!czi_fiber_done(job->fiber))
            continue;
        job->fiber = NULL;
        left--;
        if (job->sum != compute(job->seed, job->rounds, NULL))
            fail_msg("seed %lu: a fiber computed something else", (unsigned long)seed);
    }
    czi_fiber_pool_done(&p);
}

static void values_survive_switches_in_any_order(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 50);

    (void)state;
    for (uint64_t seed = 1; seed <= CZI_MIN(seeds, 1000u); seed++)
        check_schedule(seed);
}

static volatile double one = 1.0, three = 3.0;

static void round_upward(void *arg)
{
    struct job *job = arg;

    assert_int_equal(fegetround(), FE_TONEAREST); /* as the thread had it */
    assert_int_equal(fesetround(FE_UPWARD), 0);
    czi_fiber_yield(job->fiber);
    assert_int_equal(fegetround(), FE_UPWARD);
    if (!RUNNING_ON_VALGRIND) /* which always rounds to nearest */
        assert_true(one / three > 0x1.5555555555555p-2);
    assert_int_equal(fesetround(FE_TONEAREST), 0);
}

/* The nearest double to 1/3 is below it. */
static void each_fiber_has_its_own_rounding_mode(void **state)
{
    struct czi_fiber_pool p = make_pool(1);
    struct job job = {0};

    (void)state;
    job.fiber = make_fiber(&p, round_upward, &job);
    czi_fiber_switch_to(job.fiber);
    assert_int_equal(fegetround(), FE_TONEAREST);
    assert_true(one / three == 0x1.5555555555555p-2);
    czi_fiber_switch_to(job.fiber);
    assert_true(czi_fiber_done(job.fiber));
    czi_fiber_pool_done(&p);
}

/* ---- From fiber to fiber --------------------------------------------------------------------
 */

enum { RING = 5, LAPS = 200 };

struct ring {
    struct czi_fiber_pool pool;
    struct czi_fiber *fibers[RING];
    unsigned turns[RING * (LAPS + 1)], count; /* whose turn it was */
};

struct runner {
    struct ring *ring;
    unsigned number;
};

/* Each computes with a rounding mode of its own, and names the next one when it is done. */
static void run_in_ring(void *arg)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TONEAREST, FE_TOWARDZERO};
    struct runner *me = arg;
    struct ring *r = me->ring;
    unsigned next = (me->number + 1) % RING;
    int mode = modes[me->number % CZI_COUNTOF(modes)];
    uint64_t a = me->number, b = 1, c = 2, d = 3, e = 4, g = 5, h = 6;
    double x = 1.0 / (me->number + 1.0), y = x * 3;

    assert_int_equal(fesetround(mode), 0);
    for (unsigned lap = 0; lap < LAPS; lap++) {
        r->turns[r->count++] = me->number;
        a += 7, b += a, c ^= b, d += c, e ^= d, g += e, h ^= g, x += 1, y += 1;
        czi_fiber_pass(r->fibers[me->number], r->fibers[next]);
        assert_int_equal(fegetround(), mode);
    }
    assert_int_equal(a, me->number + 7 * LAPS);
    assert_true(x > LAPS && y > LAPS && (b ^ c ^ d ^ e ^ g ^ h) != 0);
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    r->turns[r->count++] = me->number;
    if (next != 0)
        czi_fiber_then(&r->pool, r->fibers[next]);
}

static void fibers_pass_to_each_other_and_keep_what_is_theirs(void **state)
{
    static struct ring r;
    struct runner runners[RING];

    (void)state;
    memset(&r, 0, sizeof r);
    r.pool = make_pool(RING);
    for (unsigned i = 0; i < RING; i++) {
        runners[i] = (struct runner){&r, i};
        r.fibers[i] = make_fiber(&r.pool, run_in_ring, &runners[i]);
    }
    czi_fiber_switch_to(r.fibers[0]); /* comes back when the last one is done */
    assert_int_equal(r.pool.live, 0);
    assert_null(r.pool.running);
    assert_int_equal(r.count, RING * (LAPS + 1));
    for (unsigned i = 0; i < r.count; i++)
        assert_int_equal(r.turns[i], i % RING);
    czi_fiber_pool_done(&r.pool);
}

static void pass_once(void *arg)
{
    struct ring *r = arg;

    r->turns[r->count++] = 0;
    czi_fiber_pass(r->fibers[0], r->fibers[1]);
    r->turns[r->count++] = 2;
}

static void yield_between(void *arg)
{
    struct ring *r = arg;

    r->turns[r->count++] = 1;
    czi_fiber_yield(r->fibers[1]);
    r->turns[r->count++] = 3;
}

static void whoever_was_passed_to_yields_to_the_scheduler(void **state)
{
    struct ring r = {.pool = make_pool(2)};

    (void)state;
    r.fibers[0] = make_fiber(&r.pool, pass_once, &r);
    r.fibers[1] = make_fiber(&r.pool, yield_between, &r);
    czi_fiber_switch_to(r.fibers[0]);
    assert_int_equal(r.count, 2);
    assert_false(czi_fiber_done(r.fibers[0]) || czi_fiber_done(r.fibers[1]));
    czi_fiber_switch_to(r.fibers[0]);
    assert_true(czi_fiber_done(r.fibers[0]));
    czi_fiber_switch_to(r.fibers[1]);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(r.turns[i], i);
    czi_fiber_pool_done(&r.pool);
}

static void look_at_room(void *arg)
{
    struct job *job = arg;

    job->sum = czi_fiber_room(job->fiber);
}

static void the_room_of_a_stack_is_known(void **state)
{
    struct czi_fiber_pool p = make_pool(1);
    struct job job = {0};

    (void)state;
    job.fiber = make_fiber(&p, look_at_room, &job);
    run_to_end(job.fiber);
    assert_in_range(job.sum, STACK - 2048, STACK + 2 * 4096);
    czi_fiber_pool_done(&p);
}

static uint64_t descend(struct job *job, unsigned depth)
{
    uint64_t below;

    czi_fiber_yield(job->fiber);
    below = depth ? descend(job, depth - 1) : 0;
    czi_fiber_yield(job->fiber);
    return below + depth;
}

static void descend_job(void *arg)
{
    struct job *job = arg;

    job->sum = descend(job, job->rounds);
}

static void calls_nest_deeply_and_yield_at_each_depth(void **state)
{
    struct czi_fiber_pool p = make_pool(3);
    struct job jobs[3];
    unsigned switches = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        jobs[i] = (struct job){.rounds = 100};
        jobs[i].fiber = make_fiber(&p, descend_job, &jobs[i]);
    }
    while (p.live) {
        for (unsigned i = 0; i < 3; i++)
            czi_fiber_switch_to(jobs[i].fiber);
        switches++;
    }
    assert_int_equal(switches, 101 * 2 + 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(jobs[i].sum, 100 * 101 / 2);
    czi_fiber_pool_done(&p);
}

static void note_cleanup(unsigned **count)
{
    **count += 1;
}

static void hold_over_a_yield(void *arg)
{
    struct job *job = arg;
    unsigned *outer CZI_CLEANUP(note_cleanup) = &job->at;

    for (unsigned i = 0; i < 3; i++) {
        unsigned *inner CZI_CLEANUP(note_cleanup) = outer;

        (void)inner;
        czi_fiber_yield(job->fiber);
    }
}

static void cleanups_run_when_their_scope_ends_and_not_at_a_yield(void **state)
{
    struct czi_fiber_pool p = make_pool(1);
    struct job job = {0};

    (void)state;
    job.fiber = make_fiber(&p, hold_over_a_yield, &job);
    for (unsigned ended = 0; ended < 3; ended++) {
        czi_fiber_switch_to(job.fiber);
        assert_int_equal(job.at, ended);
    }
    czi_fiber_switch_to(job.fiber);
    assert_true(czi_fiber_done(job.fiber));
    assert_int_equal(job.at, 4);
    czi_fiber_pool_done(&p);
}

/* ---- Many, and one after the other ---------------------------------------------------------
 */

static struct job *last_seen;

/* Notes who was resumed before it. */
static void note_order(void *arg)
{
    struct job *job = arg;

    czi_fiber_yield(job->fiber);
    job->sum = last_seen ? last_seen->seed : 0;
    last_seen = job;
}

static void ten_thousand_wait_at_once_and_go_on_in_reverse(void **state)
{
    enum { COUNT = 10000 };
    struct czi_fiber_pool p = make_pool(COUNT);
    struct job *jobs = calloc(COUNT, sizeof *jobs);

    (void)state;
    last_seen = NULL;
    for (unsigned i = 0; i < COUNT; i++) {
        jobs[i].seed = i + 1;
        jobs[i].fiber = make_fiber(&p, note_order, &jobs[i]);
        czi_fiber_switch_to(jobs[i].fiber);
    }
    assert_int_equal(p.live, COUNT);
    for (unsigned i = COUNT; i-- > 0;) {
        czi_fiber_switch_to(jobs[i].fiber);
        assert_true(czi_fiber_done(jobs[i].fiber));
        assert_int_equal(jobs[i].sum, i == COUNT - 1 ? 0 : i + 2);
    }
    assert_int_equal(p.live, 0);
    czi_fiber_pool_done(&p);
    free(jobs);
}

static void stacks_are_reused(void **state)
{
    struct czi_fiber_pool p = make_pool(100);
    struct job jobs[3];

    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        for (unsigned i = 0; i < 3; i++) {
            jobs[i] = (struct job){.seed = round, .rounds = 2};
            jobs[i].fiber = make_fiber(&p, compute_job, &jobs[i]);
        }
        for (unsigned i = 0; i < 3; i++) {
            run_to_end(jobs[i].fiber);
            assert_int_equal(jobs[i].sum, compute(round, 2, NULL));
        }
    }
    assert_int_equal(p.made, 3);
    czi_fiber_pool_done(&p);
}

static void wait_once(void *arg)
{
    struct job *job = arg;

    czi_fiber_yield(job->fiber);
    job->at++;
}

static unsigned long resident_pages(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (!f || fscanf(f, "%*u %lu", &pages) != 1)
        fail_msg("cannot read /proc/self/statm");
    if (f)
        (void)fclose(f);
    return pages;
}

/* And a 64th; the rest is what a heap takes meanwhile. */
static void a_fiber_that_stays_shallow_takes_one_page(void **state)
{
    enum { COUNT = 6400 };
    static struct job jobs[COUNT];

    (void)state;
    if (SANITIZED || RUNNING_ON_VALGRIND) /* they use memory of their own */
        skip();
    for (int guarded = 0; guarded < 2; guarded++) {
        struct czi_fiber_pool p = make_pool(COUNT);
        unsigned long before;

        czi_stack_guards_limit(guarded ? SIZE_MAX : 0);
        memset(jobs, 0, sizeof jobs);
        before = resident_pages();
        for (unsigned i = 0; i < COUNT; i++) {
            jobs[i].fiber = make_fiber(&p, wait_once, &jobs[i]);
            czi_fiber_switch_to(jobs[i].fiber);
        }
        assert_in_range(resident_pages() - before, COUNT, COUNT + COUNT / 64 + 64);
        for (unsigned i = 0; i < COUNT; i++)
            run_to_end(jobs[i].fiber);
        czi_fiber_pool_done(&p);
    }
    czi_stack_guards_limit(SIZE_MAX);
}

/* A fiber is the scheduler of another pool's. */
static void run_a_pool(void *arg)
{
    struct job *job = arg, inner = {.seed = job->seed, .rounds = 5};
    struct czi_fiber_pool p = make_pool(1);

    inner.fiber = make_fiber(&p, compute_job, &inner);
    while (!czi_fiber_done(inner.fiber)) {
        czi_fiber_switch_to(inner.fiber);
        czi_fiber_yield(job->fiber);
    }
    job->sum = inner.sum;
    czi_fiber_pool_done(&p);
}

static void a_fiber_may_schedule_the_fibers_of_another_pool(void **state)
{
    struct czi_fiber_pool p = make_pool(2);
    struct job jobs[2] = {{.seed = 1}, {.seed = 2}};

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        jobs[i].fiber = make_fiber(&p, run_a_pool, &jobs[i]);
    while (p.live)
        for (unsigned i = 0; i < 2; i++)
            czi_fiber_switch_to(jobs[i].fiber);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(jobs[i].sum, compute(jobs[i].seed, 5, NULL));
    czi_fiber_pool_done(&p);
}

static void schedule_in_a_thread(void *arg)
{
    struct job *job = arg;

    for (uint64_t seed = job->seed; seed < job->seed + 10; seed++)
        check_schedule(seed);
    job->at = 1;
}

static void each_thread_has_pools_of_its_own(void **state)
{
    struct czi_thread *threads[4];
    struct job jobs[4];
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        jobs[i] = (struct job){.seed = 1000 * i};
        assert_ok(czi_thread_start(&threads[i], schedule_in_a_thread, &jobs[i], "scheduler",
                                   &err),
                  err);
    }
    for (unsigned i = 0; i < 4; i++) {
        czi_thread_join(threads[i]);
        assert_int_equal(jobs[i].at, 1);
    }
}

/* ---- Bounds --------------------------------------------------------------------------------
 */

static void the_number_of_stacks_is_bounded(void **state)
{
    struct czi_fiber_pool p = make_pool(70);
    struct job jobs[70] = {0};
    struct czi_fiber *none = NULL;
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < 70; i++)
        jobs[i].fiber = make_fiber(&p, wait_once, &jobs[i]);
    assert_int_equal(czi_fiber_new(&p, wait_once, NULL, &none, &err), CZ_LIMIT);
    assert_string_equal(err.detail, "70 tasks have a stack, and no more may");
    assert_null(none);
    run_to_end(jobs[33].fiber);
    jobs[33].fiber = make_fiber(&p, wait_once, &jobs[33]);
    for (unsigned i = 0; i < 70; i++)
        run_to_end(jobs[i].fiber);
    czi_fiber_pool_done(&p);
}

static void a_pool_is_bounded_in_stacks_and_in_their_size(void **state)
{
    struct czi_fiber_pool p = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fiber_pool_init(&p, STACK, CZI_TASK_STACKS_MAX, &err), err);
    assert_int_equal(p.max, CZI_TASK_STACKS_MAX);
    assert_int_equal(czi_fiber_pool_init(&p, STACK, CZI_TASK_STACKS_MAX + 1, &err), CZ_LIMIT);
    assert_string_equal(err.detail, "1048577 stacks; from 1 to 1048576 (TASK_STACKS_MAX)");
    assert_int_equal(czi_fiber_pool_init(&p, STACK, 0, &err), CZ_LIMIT);
    assert_int_equal(czi_fiber_pool_init(&p, CZI_TASK_STACK_SIZE_MAX + 1, 1, &err), CZ_LIMIT);
    assert_int_equal(czi_fiber_pool_init(&p, CZI_STACK_PAGE - 1, 1, &err), CZ_INVALID);
    czi_fiber_pool_done(&p);
    czi_fiber_pool_done(&p); /* all zero */
}

static void fill_a_stack(void *arg)
{
    struct job *job = arg;
    volatile uint8_t large[CZI_TASK_STACK_SIZE_MAX - 2000];

    for (size_t i = 0; i < sizeof large; i += 500)
        large[i] = (uint8_t)i;
    czi_fiber_yield(job->fiber);
    for (size_t i = 0; i < sizeof large; i += 500)
        job->at += large[i] == (uint8_t)i;
}

static void a_stack_is_as_large_as_was_said(void **state)
{
    struct czi_fiber_pool p;
    struct job job = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fiber_pool_init(&p, CZI_TASK_STACK_SIZE_MAX, 1, &err), err);
    job.fiber = make_fiber(&p, fill_a_stack, &job);
    run_to_end(job.fiber);
    assert_int_equal(job.at, (CZI_TASK_STACK_SIZE_MAX - 2000 + 499) / 500);
    czi_fiber_pool_done(&p);
}

/* At each allocation: the error is clear, and who lives goes on. */
static void out_of_memory_is_survived_at_every_allocation(void **state)
{
    enum { COUNT = 150 };
    bool failed = true;

    (void)state;
    for (int64_t skip = 0; failed; skip++) {
        struct czi_fiber_pool p = make_pool(COUNT);
        struct job jobs[COUNT] = {0};
        cz_error err = {0};
        unsigned refused = 0;

        czi_alloc_fail_after(skip);
        for (unsigned i = 0; i < COUNT; i++) {
            int rc = czi_fiber_new(&p, wait_once, &jobs[i], &jobs[i].fiber, &err);

            if (rc) {
                assert_int_equal(rc, CZ_NOMEM);
                assert_string_equal(err.detail, "out of memory for the stack of a task");
                assert_null(jobs[i].fiber);
                refused++;
            } else {
                czi_fiber_switch_to(jobs[i].fiber);
            }
        }
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(refused, failed);
        for (unsigned i = 0; i < COUNT; i++)
            if (jobs[i].fiber) {
                run_to_end(jobs[i].fiber);
                assert_int_equal(jobs[i].at, 1);
            }
        czi_fiber_pool_done(&p);
        assert_true(skip < 20);
    }
}

static void guards_are_counted_and_given_back(void **state)
{
    uint8_t *stacks = czi_stacks_take(8 * 2 * CZI_STACK_PAGE);

    (void)state;
    assert_non_null(stacks);
    czi_stack_guards_limit(3);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(czi_stack_guard(stacks + (size_t)i * 2 * CZI_STACK_PAGE), i < 3);
        czi_stacks_give(stacks, 8 * 2 * CZI_STACK_PAGE, 3);
        stacks = czi_stacks_take(8 * 2 * CZI_STACK_PAGE);
        assert_non_null(stacks);
    }
    czi_stacks_give(stacks, 8 * 2 * CZI_STACK_PAGE, 0);
    czi_stacks_give(NULL, 0, 0);
    czi_stack_guards_limit(SIZE_MAX);
}

/* ---- What ends the process -----------------------------------------------------------------
 */

/* Runs fn in a child: the signal that it died of, and what it wrote to stderr. */
static int signal_of(void (*fn)(void), char *text, size_t size)
{
    int ends[2], status;
    ssize_t n;
    size_t len = 0;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};

        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static uintptr_t sink_to; /* how far `sink` goes */

/* Small frames, each touched. */
static __attribute__((noinline)) unsigned sink(unsigned depth)
{
    volatile uint8_t bytes[48];
    unsigned below;

    memset((void *)(uintptr_t)bytes, 0xff, sizeof bytes);
    below = (uintptr_t)bytes > sink_to ? sink(depth + 1) : depth;
    return below + bytes[depth % sizeof bytes];
}

/* To 100 bytes below its slot, which begins where the slot below it ends. */
static void sink_past_the_slot(void *arg)
{
    struct czi_fiber_pool *p = arg;

    sink_to = (uintptr_t)p->running - (p->slot_size - 128 - 64) - 100;
    assert_true(sink(0) > 0);
}

static void sink_for_ever(void *arg)
{
    (void)arg;
    sink_to = 0;
    assert_true(sink(0) > 0);
}

static void overflow_on_this_system(void)
{
    struct czi_fiber_pool p = make_pool(2);

    (void)make_fiber(&p, sink_for_ever, &p);
    czi_fiber_switch_to(make_fiber(&p, sink_for_ever, &p));
}

static void overflow_on_an_older_system(void)
{
    czi_stack_guards_limit(100);
    overflow_on_this_system();
}

static void overflow_without_guards(void)
{
    struct czi_fiber_pool p = make_pool(2);

    czi_stack_guards_limit(0);
    (void)make_fiber(&p, sink_past_the_slot, &p);
    czi_fiber_switch_to(make_fiber(&p, sink_past_the_slot, &p));
}

static void an_overflow_meets_a_page_that_faults(void **state)
{
    char text[4096];

    (void)state;
    if (SANITIZED || RUNNING_ON_VALGRIND) /* which see it first */
        skip();
    assert_int_equal(signal_of(overflow_on_this_system, text, sizeof text), SIGSEGV);
    assert_int_equal(signal_of(overflow_on_an_older_system, text, sizeof text), SIGSEGV);
}

static void an_overflow_without_a_guard_is_seen_at_the_next_switch(void **state)
{
    char text[4096];

    (void)state;
    if (SANITIZED || RUNNING_ON_VALGRIND) /* which see it first */
        skip();
    assert_int_equal(signal_of(overflow_without_guards, text, sizeof text), SIGABRT);
    assert_non_null(strstr(text, "overflow of a fiber's stack: its pool needs a larger"));
}

static void switch_to_one_that_is_done(void)
{
    struct czi_fiber_pool p = make_pool(1);
    struct job job = {0};

    job.fiber = make_fiber(&p, wait_once, &job);
    run_to_end(job.fiber);
    czi_fiber_switch_to(job.fiber);
}

static void yield_for_another(void)
{
    struct czi_fiber_pool p = make_pool(2);
    struct job a = {0}, b = {0};

    b.fiber = make_fiber(&p, wait_once, &b);
    a.fiber = b.fiber; /* a yields as b */
    czi_fiber_switch_to(make_fiber(&p, wait_once, &a));
}

static void switch_inside(void *arg)
{
    czi_fiber_switch_to(arg);
}

static void switch_from_fiber_to_fiber(void)
{
    struct czi_fiber_pool p = make_pool(2);
    struct job job = {0};

    job.fiber = make_fiber(&p, wait_once, &job);
    czi_fiber_switch_to(make_fiber(&p, switch_inside, job.fiber));
}

static void pass_to_itself(void *arg)
{
    struct job *job = arg;

    czi_fiber_pass(job->fiber, job->fiber);
}

static void pass_to_oneself(void)
{
    struct czi_fiber_pool p = make_pool(1);
    struct job job = {0};

    job.fiber = make_fiber(&p, pass_to_itself, &job);
    czi_fiber_switch_to(job.fiber);
}

static void unwind_in_a_fiber(void *arg)
{
    struct job *job = arg;
    unsigned *count CZI_CLEANUP(note_cleanup) = &job->at;

    (void)count;
    pthread_exit(NULL);
}

static void unwind(void)
{
    struct czi_fiber_pool p = make_pool(1);
    struct job job = {0};

    czi_fiber_switch_to(make_fiber(&p, unwind_in_a_fiber, &job));
}

static void free_one_that_waits(void)
{
    struct czi_fiber_pool p = make_pool(1);
    struct job job = {0};

    job.fiber = make_fiber(&p, wait_once, &job);
    czi_fiber_switch_to(job.fiber);
    czi_fiber_pool_done(&p);
}

static void misuse_is_a_failed_check(void **state)
{
    static const struct {
        void (*fn)(void);
        const char *said;
    } all[] = {
        {switch_to_one_that_is_done, "!f->done"},
        {yield_for_another, "f->pool->running == f"},
        {switch_from_fiber_to_fiber, "!p->running"},
        {free_one_that_waits, "p->live == 0"},
        {pass_to_oneself, "g != f"},
    };
    char text[4096];

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(all); i++) {
        assert_int_equal(signal_of(all[i].fn, text, sizeof text), SIGABRT);
        assert_non_null(strstr(text, all[i].said));
    }
}

static void unwinding_past_a_fiber_is_a_failed_check(void **state)
{
    char text[4096];

    (void)state;
    if (SANITIZED) /* the thread sanitizer does not allow it either */
        skip();
    assert_int_equal(signal_of(unwind, text, sizeof text), SIGABRT);
    assert_non_null(strstr(text, "a fiber was unwound: it must return"));
}

/* ---- Figures -------------------------------------------------------------------------------
 */

static void yield_for_ever(void *arg)
{
    struct job *job = arg;

    while (!job->at)
        czi_fiber_yield(job->fiber);
}

static void figure_of_switches(unsigned count, bool guarded)
{
    struct czi_fiber_pool p = make_pool(count);
    struct job *jobs = calloc(count, sizeof *jobs);
    unsigned rounds = 20000000 / count;
    uint64_t start, ns;

    czi_stack_guards_limit(guarded ? SIZE_MAX : 0);
    start = czi_clock_ns();
    for (unsigned i = 0; i < count; i++) {
        jobs[i].fiber = make_fiber(&p, yield_for_ever, &jobs[i]);
        czi_fiber_switch_to(jobs[i].fiber);
    }
    ns = czi_clock_ns() - start;
    printf("%7u fibers, %s: first new and run %7.1f ns", count,
           guarded ? "guarded  " : "unguarded", (double)ns / count);
    start = czi_clock_ns();
    for (unsigned n = 0; n < rounds; n++)
        for (unsigned i = 0; i < count; i++)
            czi_fiber_switch_to(jobs[i].fiber);
    ns = czi_clock_ns() - start;
    printf(", switch and yield %6.1f ns", (double)ns / rounds / count);
    for (unsigned i = 0; i < count; i++) {
        jobs[i].at = 1;
        czi_fiber_switch_to(jobs[i].fiber);
    }
    start = czi_clock_ns();
    czi_fiber_pool_done(&p);
    printf(", done %6.1f ns\n", (double)(czi_clock_ns() - start) / count);
    free(jobs);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void figure_of_new(void)
{
    enum { COUNT = 20000000 };
    struct czi_fiber_pool p = make_pool(1);
    struct czi_fiber *f = NULL;
    cz_error err = {0};
    uint64_t start = czi_clock_ns();

    for (unsigned i = 0; i < COUNT; i++) {
        assert_ok(czi_fiber_new(&p, do_nothing, NULL, &f, &err), err);
        czi_fiber_switch_to(f);
    }
    printf("warm new, run and end: %.1f ns\n", (double)(czi_clock_ns() - start) / COUNT);
    czi_fiber_pool_done(&p);
}

static int figures(void)
{
    static const unsigned counts[] = {1, 100, 10000, 100000};

    for (size_t i = 0; i < CZI_COUNTOF(counts); i++)
        for (int guarded = 0; guarded < 2; guarded++)
            figure_of_switches(counts[i], guarded);
    figure_of_new();
    return 0;
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(values_survive_switches_in_any_order),
        cmocka_unit_test(each_fiber_has_its_own_rounding_mode),
        cmocka_unit_test(fibers_pass_to_each_other_and_keep_what_is_theirs),
        cmocka_unit_test(whoever_was_passed_to_yields_to_the_scheduler),
        cmocka_unit_test(the_room_of_a_stack_is_known),
        cmocka_unit_test(calls_nest_deeply_and_yield_at_each_depth),
        cmocka_unit_test(cleanups_run_when_their_scope_ends_and_not_at_a_yield),
        cmocka_unit_test(ten_thousand_wait_at_once_and_go_on_in_reverse),
        cmocka_unit_test(stacks_are_reused),
        cmocka_unit_test(a_fiber_that_stays_shallow_takes_one_page),
        cmocka_unit_test(a_fiber_may_schedule_the_fibers_of_another_pool),
        cmocka_unit_test(the_number_of_stacks_is_bounded),
        cmocka_unit_test(a_pool_is_bounded_in_stacks_and_in_their_size),
        cmocka_unit_test(a_stack_is_as_large_as_was_said),
        cmocka_unit_test(out_of_memory_is_survived_at_every_allocation),
        cmocka_unit_test(guards_are_counted_and_given_back),
        cmocka_unit_test(an_overflow_meets_a_page_that_faults),
        cmocka_unit_test(an_overflow_without_a_guard_is_seen_at_the_next_switch),
        cmocka_unit_test(misuse_is_a_failed_check),
        cmocka_unit_test(unwinding_past_a_fiber_is_a_failed_check),
        cmocka_unit_test(each_thread_has_pools_of_its_own), /* last: who forks has no threads */
    };

    return getenv("CAUSALITY_FIBER_FIGURES") ? figures()
                                             : cmocka_run_group_tests(all, NULL, NULL);
}
