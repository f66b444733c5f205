/* test_workers.c - threads that help with waves of jobs. */
#include "base/alloc.h"
#include "base/limits.h"
#include "engine/workers.h"
#include "test.h"

#include <stdatomic.h>

#define JOBS 1000u

struct board {
    atomic_uint times[JOBS];
    atomic_uint in_job[CZI_THREADS_MAX];
    atomic_uint total;
    uint64_t plain; /* written by the owner between waves only */
    bool overlapped, stale;
};

static void note_job(void *arg, unsigned worker, uint32_t job)
{
    struct board *b = arg;

    if (atomic_fetch_add(&b->in_job[worker], 1) != 0)
        b->overlapped = true;
    if (b->plain % 2 == 0)
        b->stale = true;
    atomic_fetch_add(&b->times[job], 1);
    atomic_fetch_add(&b->total, 1);
    atomic_fetch_sub(&b->in_job[worker], 1);
}

/* Waves of random sizes, with pauses in which the others fall asleep. */
static void run_waves(unsigned threads, unsigned waves, uint64_t seed)
{
    struct czi_rng rng = czi_rng(seed);
    struct czi_workers *w = NULL;
    static struct board b;
    unsigned expected = 0;
    cz_error err = {0};

    memset(&b, 0, sizeof b);
    assert_ok(czi_workers_new(threads, &w, &err), err);
    assert_int_equal(czi_workers_count(w), threads);
    for (unsigned k = 0; k < waves; k++) {
        uint32_t n = (uint32_t)(1 + czi_rng_below(&rng, JOBS));

        for (uint64_t i = k % 16 ? 0 : czi_rng_below(&rng, 2000); i > 0; i--)
            __asm__ volatile("" ::: "memory");
        b.plain++;
        czi_workers_run(w, note_job, &b, n);
        b.plain++;
        expected += n;
        for (uint32_t i = 0; i < JOBS; i++)
            if (atomic_exchange(&b.times[i], 0) != (i < n))
                fail_msg("seed %llu, wave %u: job %u of %u", (unsigned long long)seed, k, i, n);
    }
    assert_int_equal(atomic_load(&b.total), expected);
    assert_false(b.overlapped);
    assert_false(b.stale);
    czi_workers_free(w);
}

static void each_job_is_done_once_and_within_its_wave(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++)
        run_waves(threads, 300, threads);
}

static void a_wave_without_jobs_is_over_at_once(void **state)
{
    struct czi_workers *w = NULL;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_workers_new(2, &w, &err), err);
    czi_workers_run(w, NULL, NULL, 0);
    czi_workers_free(w);
    czi_workers_free(NULL);
}

static void threads_that_cannot_be_started_leave_their_share_to_others(void **state)
{
    (void)state;
    for (int n = 0; n < 5; n++) {
        struct czi_workers *w = NULL;
        static struct board b;
        cz_error err = {0};
        int rc;

        memset(&b, 0, sizeof b);
        b.plain = 1;
        czi_alloc_fail_after(n);
        rc = czi_workers_new(4, &w, &err);
        czi_alloc_fail_after(-1);
        if (rc) {
            assert_int_equal(rc, CZ_NOMEM);
            assert_int_equal(n, 0);
            continue;
        }
        czi_workers_run(w, note_job, &b, JOBS);
        assert_int_equal(atomic_load(&b.total), JOBS);
        czi_workers_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_job_is_done_once_and_within_its_wave),
        cmocka_unit_test(a_wave_without_jobs_is_over_at_once),
        cmocka_unit_test(threads_that_cannot_be_started_leave_their_share_to_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
