/* workers.c - see workers.h. */
#include "engine/workers.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "platform/platform.h"

#include <stdatomic.h>

/* Turns of spinning before a thread sleeps, of about 40 ns each. Those who sleep take 5 us and
 * more to come; those who spin take a processor from who has work. */
#define SPINS 400u

/* Jobs that are claimed at once: few enough that all end at about the same time. */
#define CLAIM_MAX 8u

struct czi_workers {
    /* wave << 32 | jobs << 16 | first that is not claimed */
    _Atomic uint64_t cursor __attribute__((aligned(64)));
    _Atomic uint32_t left __attribute__((aligned(64))); /* jobs of the wave that are not done */
    _Atomic uint32_t signal __attribute__((aligned(64))); /* changes with each wave */
    _Atomic uint32_t sleepers, owner_sleeps;
    atomic_bool stop;
    /* Of the wave. */
    czi_wave_fn fn;
    void *arg;
    unsigned count; /* threads, the owner's included */
    struct helper {
        struct czi_workers *workers;
        struct czi_thread *thread;
        unsigned number;
    } helpers[CZI_THREADS_MAX];
};

static uint32_t share(const struct czi_workers *w, uint32_t jobs)
{
    return CZI_MAX(1u, CZI_MIN(CLAIM_MAX, jobs / (4 * w->count)));
}

/* Claims jobs; false: there are none. */
static bool claim(struct czi_workers *w, uint32_t *ret_from, uint32_t *ret_to)
{
    uint64_t at = atomic_load_explicit(&w->cursor, memory_order_acquire), then;
    uint32_t jobs, from, to;

    do {
        jobs = at >> 16 & 0xffff;
        from = at & 0xffff;
        if (from >= jobs)
            return false;
        to = CZI_MIN(jobs, from + share(w, jobs));
        then = (at & ~UINT64_C(0xffff)) | to;
    } while (!atomic_compare_exchange_weak_explicit(&w->cursor, &at, then, memory_order_acquire,
                                                    memory_order_acquire));
    *ret_from = from;
    *ret_to = to;
    return true;
}

/* Works until nothing is left to claim. */
static void work(struct czi_workers *w, unsigned number)
{
    uint32_t from, to;

    while (claim(w, &from, &to)) {
        uint32_t n = to - from;

        for (; from < to; from++)
            w->fn(w->arg, number, from);
        if (atomic_fetch_sub(&w->left, n) == n && atomic_load(&w->owner_sleeps))
            czi_word_wake(&w->left, 1);
    }
}

static void rest(struct czi_workers *w, uint32_t seen)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&w->signal, memory_order_acquire) != seen)
            return;
        czi_cpu_relax();
    }
    atomic_fetch_add(&w->sleepers, 1);
    while (atomic_load(&w->signal) == seen)
        (void)czi_word_wait(&w->signal, seen, UINT64_MAX);
    atomic_fetch_sub(&w->sleepers, 1);
}

static void help(void *arg)
{
    const struct helper *h = arg;
    struct czi_workers *w = h->workers;

    for (;;) {
        uint32_t seen = atomic_load(&w->signal);

        if (atomic_load(&w->stop))
            return;
        work(w, h->number);
        rest(w, seen);
    }
}

static void rouse(struct czi_workers *w, uint32_t most)
{
    atomic_fetch_add(&w->signal, 1);
    if (atomic_load(&w->sleepers))
        czi_word_wake(&w->signal, most);
}

void czi_workers_run(struct czi_workers *w, czi_wave_fn fn, void *arg, uint32_t count)
{
    uint64_t wave = (atomic_load_explicit(&w->cursor, memory_order_relaxed) >> 32) + 1;
    uint32_t left;

    CZI_CHECK(count <= CZI_WAVE_MAX);
    if (!count)
        return;
    w->fn = fn;
    w->arg = arg;
    atomic_store_explicit(&w->left, count, memory_order_relaxed);
    atomic_store_explicit(&w->cursor, wave << 32 | (uint64_t)count << 16, memory_order_release);
    if (w->count > 1 && count > 1)
        rouse(w, CZI_MIN(w->count - 1, count - 1));
    work(w, 0);
    for (uint32_t i = 0; i < SPINS && atomic_load(&w->left); i++)
        czi_cpu_relax();
    if (!atomic_load(&w->left))
        return;
    atomic_store(&w->owner_sleeps, 1);
    while ((left = atomic_load(&w->left)) != 0)
        (void)czi_word_wait(&w->left, left, UINT64_MAX);
    atomic_store(&w->owner_sleeps, 0);
}

int czi_workers_new(unsigned threads, struct czi_workers **ret, cz_error *err)
{
    struct czi_workers *w = czi_alloc_aligned(sizeof *w);

    CZI_CHECK(threads >= 1 && threads <= CZI_THREADS_MAX);
    if (!w)
        return czi_nomem(err, "threads that run guests");
    *w = (struct czi_workers){.count = threads};
    for (unsigned i = 1; i < threads; i++) {
        w->helpers[i].workers = w;
        w->helpers[i].number = i;
    }
    for (unsigned i = 1; i < threads; i++)
        if (czi_thread_start(&w->helpers[i].thread, help, &w->helpers[i], "cz-guest", NULL))
            w->helpers[i].thread = NULL; /* its share is left to the others */
    *ret = w;
    return CZ_OK;
}

void czi_workers_free(struct czi_workers *w)
{
    if (!w)
        return;
    atomic_store(&w->stop, true);
    rouse(w, w->count);
    for (unsigned i = 1; i < w->count; i++)
        czi_thread_join(w->helpers[i].thread);
    czi_free(w);
}

unsigned czi_workers_count(const struct czi_workers *w)
{
    return w->count;
}
