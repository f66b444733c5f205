/* waiting.c - a million requests that wait: what each takes of memory and of time.
 *
 * Through the lock core (src/lock) alone, with a deadline each: what a context or an effect
 * adds of its own is not the queue's.
 */
#include "guards/guards.h"

#include "base/rng.h"
#include "lock/lock.h"

#include <malloc.h>
#include <stdlib.h>

struct crowd {
    struct czi_locks locks;
    struct czi_owner holder;
    struct czi_owner *owners;
    uint32_t count, lock_count;
    struct czi_lock **at;
    uint32_t *order;
};

enum phase { BYTES, ENQUEUE, GRANT, CANCEL, EXPIRE, PHASES };
static const char *const phase_names[] = {"bytes a request", "enqueue", "grant", "cancel",
                                          "expire"};

static void forget(void *arg, uint64_t key)
{
    (void)arg;
    (void)key;
}

static double heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();

    return (double)(m.uordblks + m.hblkhd);
}

static void hold_all(struct crowd *c)
{
    for (uint32_t i = 0; i < c->lock_count; i++) {
        c->at[i] = czi_lock_new(&c->locks, i);
        if (!c->at[i] || !czi_locks_seize(&c->locks, &c->holder, c->at[i], CZ_WRITE))
            die("out of memory");
    }
}

static double enqueue_all(struct crowd *c)
{
    double start = now();

    for (uint32_t i = 0; i < c->count; i++) {
        struct czi_want want = {c->at[i % c->lock_count], CZ_WRITE, NULL};
        uint64_t deadline = 1 + c->order[i];

        if (czi_locks_acquire(&c->locks, &c->owners[i], &want, 1, false, deadline) !=
            CZI_QUEUED)
            die("a request did not wait");
    }
    return (now() - start) * 1e9 / c->count;
}

static void drain_woken(struct crowd *c)
{
    while (czi_locks_take_woken(&c->locks))
        continue;
}

/* Each is granted by the release of the one before. */
static double grant_all(struct crowd *c)
{
    double start = now();
    struct czi_owner *o;
    uint32_t granted = 0;

    czi_locks_release_all(&c->locks, &c->holder);
    while ((o = czi_locks_take_woken(&c->locks)) != NULL) {
        czi_locks_release_all(&c->locks, o);
        granted++;
    }
    if (granted != c->count)
        die("not all were granted");
    return (now() - start) * 1e9 / c->count;
}

/* In random order. */
static double cancel_all(struct crowd *c)
{
    double start = now();

    for (uint32_t i = 0; i < c->count; i++)
        czi_locks_cancel(&c->locks, &c->owners[c->order[i]]);
    drain_woken(c);
    return (now() - start) * 1e9 / c->count;
}

static double expire_all(struct crowd *c)
{
    double start = now();

    czi_locks_expire(&c->locks, UINT64_MAX - 1);
    drain_woken(c);
    return (now() - start) * 1e9 / c->count;
}

static void round_of(uint32_t count, uint32_t lock_count, double *ret)
{
    struct crowd c = {.count = count, .lock_count = lock_count};
    struct czi_rng rng = czi_rng(3);
    double before;

    c.order = calloc(count, sizeof *c.order);
    c.at = calloc(lock_count, sizeof(struct czi_lock *));
    if (!c.order || !c.at)
        die("out of memory");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = (uint32_t)czi_rng_below(&rng, i + 1);

        c.order[i] = c.order[k];
        c.order[k] = i;
    }
    czi_locks_init(&c.locks, forget, NULL);
    hold_all(&c);
    before = heap_bytes();
    c.owners = calloc(count, sizeof *c.owners);
    if (!c.owners)
        die("out of memory");
    ret[ENQUEUE] = enqueue_all(&c);
    ret[BYTES] = (heap_bytes() - before) / count;
    ret[GRANT] = grant_all(&c);
    hold_all(&c);
    (void)enqueue_all(&c);
    ret[CANCEL] = cancel_all(&c);
    (void)enqueue_all(&c);
    ret[EXPIRE] = expire_all(&c);
    czi_locks_done(&c.locks);
    free(c.owners);
    free(c.order);
    free(c.at);
}

void bench_waiting(void)
{
    uint32_t count = CZI_WAITING_MAX < 1000000 ? CZI_WAITING_MAX : 1000000;
    unsigned rounds = options.quick ? 2 : 5;

    for (uint32_t locks = 1; locks <= 1000; locks *= 1000) {
        double figures[PHASES][8], one[PHASES];

        for (unsigned r = 0; r < rounds; r++) {
            round_of(count, locks, one);
            for (unsigned p = 0; p < PHASES; p++)
                figures[p][r] = one[p];
        }
        for (unsigned p = 0; p < PHASES; p++)
            row_of("waiting", phase_names[p], p == BYTES ? "B" : "ns",
                   locks > 1 ? "1000 queues" : "1 queue", figures[p], rounds);
    }
}
