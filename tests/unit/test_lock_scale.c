/* test_lock_scale.c - the wait queue where it is large or short of memory: what a waiting
 * request costs, cycles of thousands, bounds, and out of memory at every allocation.
 */
#include "lock_fixture.h"

#define MANY 1000000u

/* A wait queue whose locks and owners are numbers. */
struct crowd {
    struct czi_locks l;
    struct czi_lock **lock;
    struct czi_owner *owner;
    uint32_t owners;
};

static void crowd_forget(void *arg, uint64_t key)
{
    struct crowd *c = arg;

    c->lock[key] = NULL;
}

static struct crowd *crowd(uint32_t owners, uint32_t locks)
{
    struct crowd *c = malloc(sizeof *c);

    *c = (struct crowd){.owner = calloc(owners, sizeof *c->owner),
                        .lock = calloc(locks, sizeof(struct czi_lock *)),
                        .owners = owners};
    assert_non_null(c->owner);
    assert_non_null(c->lock);
    czi_locks_init(&c->l, crowd_forget, c);
    return c;
}

/* False when there is no memory for a lock. */
static bool crowd_locks(struct crowd *c, uint32_t from, uint32_t count)
{
    for (uint32_t k = from; k < from + count; k++) {
        if (!c->lock[k])
            c->lock[k] = czi_lock_new(&c->l, k);
        if (!c->lock[k])
            return false;
    }
    return true;
}

static enum czi_acquired crowd_acquire(struct crowd *c, uint32_t owner, uint32_t key,
                                       enum cz_access mode, uint64_t deadline)
{
    struct czi_want want = {.mode = mode};

    assert_true(crowd_locks(c, key, 1));
    want.lock = c->lock[key];
    return czi_locks_acquire(&c->l, &c->owner[owner], &want, 1, false, deadline);
}

static uint32_t crowd_woken(struct crowd *c)
{
    uint32_t n = 0;

    while (czi_locks_take_woken(&c->l))
        n++;
    return n;
}

/* Releases and wakes until nobody holds or waits; fails if somebody waits for ever. */
static void crowd_done(struct crowd *c)
{
    for (uint32_t last = 0; c->l.waiting || last == 0; last = 1) {
        uint32_t before = c->l.waiting;

        for (uint32_t i = 0; i < c->owners; i++)
            czi_locks_release_all(&c->l, &c->owner[i]);
        (void)crowd_woken(c);
        assert_true(c->l.waiting < before || before == 0);
    }
    for (uint32_t i = 0; i < c->owners; i++)
        czi_locks_release_all(&c->l, &c->owner[i]);
    assert_int_equal(c->l.live, 0);
    assert_int_equal(c->l.timer_count, 0);
    czi_locks_done(&c->l);
    free(c->owner);
    free(c->lock);
    free(c);
}

/* ---- Memory --------------------------------------------------------------------------------
 */

/* A million requests for one write lock each, of a thousand locks that one owner holds. */
static void million(bool deadlines)
{
    struct crowd *c = crowd(MANY + 1, 1000);
    uint64_t bytes;

    for (uint32_t k = 0; k < 1000; k++)
        assert_int_equal(crowd_acquire(c, MANY, k, CZ_WRITE, UINT64_MAX), CZI_GRANTED);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(crowd_acquire(c, i, i % 1000, CZ_WRITE, deadlines ? i : UINT64_MAX),
                         CZI_QUEUED);
    assert_int_equal(c->l.waiting, MANY);
    bytes = czi_pool_bytes(&c->l.locks) + czi_pool_bytes(&c->l.holds) +
            MANY * sizeof(struct czi_owner) + c->l.timer_room * sizeof(struct czi_owner *);
    print_message("a waiting request %s a deadline: %.1f bytes\n",
                  deadlines ? "with" : "without", (double)bytes / MANY);
    assert_true(bytes <= 128ull * MANY);
    if (deadlines)
        czi_locks_expire(&c->l, MANY);
    else
        for (uint32_t i = 0; i < MANY; i++) /* from the middle of the queues, in no order */
            czi_locks_cancel(&c->l, &c->owner[i * 611953ull % MANY]);
    assert_int_equal(crowd_woken(c), MANY);
    crowd_done(c);
}

static void a_million_waiting_requests_cost_at_most_128_bytes_each(void **state)
{
    (void)state;
    million(false);
    million(true);
}

static void the_memory_of_what_is_over_is_used_again(void **state)
{
    struct crowd *c = crowd(100, 100);
    uint64_t bytes = 0;

    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(crowd_acquire(c, i, (i * 7 + round) % 100, CZ_WRITE, 5),
                             CZI_GRANTED);
        for (uint32_t i = 0; i < 100; i++)
            czi_locks_release_all(&c->l, &c->owner[i]);
        assert_true(round == 0 ||
                    bytes == czi_pool_bytes(&c->l.locks) + czi_pool_bytes(&c->l.holds));
        bytes = czi_pool_bytes(&c->l.locks) + czi_pool_bytes(&c->l.holds);
    }
    crowd_done(c);
}

/* ---- Costs that must not grow with the crowd. In a minute none of these ends otherwise. -----
 */

/* All in one queue: if leaving walked along it, this took 10^11 steps and more. */
static void leaving_the_middle_of_a_queue_does_not_depend_on_its_length(void **state)
{
    uint32_t n = MANY / 2;
    struct crowd *c = crowd(n + 1, 1);

    (void)state;
    assert_int_equal(crowd_acquire(c, n, 0, CZ_WRITE, UINT64_MAX), CZI_GRANTED);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(crowd_acquire(c, i, 0, i % 2 ? CZ_READ : CZ_WRITE, i + 1), CZI_QUEUED);
    for (uint32_t i = 0; i < n; i++)
        czi_locks_cancel(&c->l, &c->owner[i * 300007ull % n]);
    assert_int_equal(crowd_woken(c), n);
    crowd_done(c);
}

/* A writer behind n readers that all wait: each of them and each hold is looked at once, so a
 * search is n steps and not n * n. */
static void a_search_along_a_row_of_readers_walks_it_once(void **state)
{
    uint32_t n = MANY / 5;
    struct crowd *c = crowd(n + 3, 2);

    (void)state;
    assert_int_equal(crowd_acquire(c, n, 0, CZ_WRITE, UINT64_MAX), CZI_GRANTED);
    assert_int_equal(crowd_acquire(c, n + 1, 1, CZ_WRITE, UINT64_MAX), CZI_GRANTED);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(crowd_acquire(c, i, 0, CZ_READ, UINT64_MAX), CZI_QUEUED);
    for (unsigned round = 0; round < 10; round++) {
        assert_int_equal(crowd_acquire(c, n + 1, 0, CZ_WRITE, UINT64_MAX), CZI_QUEUED);
        assert_int_equal(crowd_acquire(c, n + 2, 0, CZ_WRITE, UINT64_MAX), CZI_QUEUED);
        czi_locks_cancel(&c->l, &c->owner[n + 1]);
        czi_locks_cancel(&c->l, &c->owner[n + 2]);
        assert_int_equal(crowd_woken(c), 2);
    }
    crowd_done(c);
}

/* ---- A large cycle -------------------------------------------------------------------------
 */

/* Owner i holds lock i and wants lock i + 1. */
static void a_cycle_of_ten_thousand_is_told_step_by_step(void **state)
{
    enum { N = 10000 };
    struct crowd *c = crowd(N, N);

    (void)state;
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(crowd_acquire(c, i, i, i % 2 ? CZ_READ : CZ_WRITE, UINT64_MAX),
                         CZI_GRANTED);
    for (uint32_t i = 0; i < N - 1; i++)
        assert_int_equal(crowd_acquire(c, i, i + 1, CZ_WRITE, UINT64_MAX), CZI_QUEUED);
    assert_int_equal(crowd_acquire(c, N - 1, 0, CZ_READ, UINT64_MAX), CZI_DEADLOCK);
    assert_int_equal(c->l.cycle_count, N);
    for (uint32_t i = 0; i < N; i++) {
        const struct czi_cycle_step *s = &c->l.cycle[i];
        uint32_t who = (i + N - 1) % N;

        assert_ptr_equal(s->owner, &c->owner[who]);
        assert_int_equal(s->key, (who + 1) % N);
        assert_int_equal(s->wanted, who == N - 1 ? CZ_READ : CZ_WRITE);
        assert_true(s->held && !s->awaits);
    }
    crowd_done(c);
}

/* ---- Deadlines -----------------------------------------------------------------------------
 */

/* Leaving takes a deadline out of the middle of the heap, with all that this moves. */
static void deadlines_come_in_order_whoever_left_before(void **state)
{
    enum { N = 400 };

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct crowd *c = crowd(N + 1, 1);
        struct czi_rng rng = czi_rng(seed);
        struct czi_owner *o;
        unsigned left = 0, expired = 0;

        assert_int_equal(crowd_acquire(c, N, 0, CZ_WRITE, UINT64_MAX), CZI_GRANTED);
        for (uint32_t i = 0; i < N; i++)
            assert_int_equal(crowd_acquire(c, i, 0, CZ_WRITE, 1 + czi_rng_below(&rng, 1000)),
                             CZI_QUEUED);
        for (uint32_t i = 0; i < N; i++)
            if (czi_rng_below(&rng, 2)) {
                czi_locks_cancel(&c->l, &c->owner[i]);
                left++;
            }
        assert_int_equal(crowd_woken(c), left);
        for (uint64_t now = 1; now <= 1000; now++) {
            czi_locks_expire(&c->l, now);
            for (; (o = czi_locks_take_woken(&c->l)); expired++)
                assert_int_equal(o->deadline, now);
        }
        assert_int_equal(expired, N - left);
        crowd_done(c);
    }
}

/* ---- Bounds --------------------------------------------------------------------------------
 */

static void no_more_than_the_maximum_wait(void **state)
{
    struct crowd *c = crowd(CZI_WAITING_MAX + 2, 2);

    (void)state;
    assert_int_equal(crowd_acquire(c, 0, 0, CZ_WRITE, UINT64_MAX), CZI_GRANTED);
    for (uint32_t i = 1; i <= CZI_WAITING_MAX; i++)
        assert_int_equal(crowd_acquire(c, i, 0, CZ_WRITE, UINT64_MAX), CZI_QUEUED);
    assert_int_equal(crowd_acquire(c, CZI_WAITING_MAX + 1, 0, CZ_WRITE, UINT64_MAX),
                     CZI_TOO_MANY);
    assert_int_equal(c->l.waiting, CZI_WAITING_MAX);
    /* Who need not wait is not kept out, and a place that was left is free again. */
    assert_int_equal(crowd_acquire(c, CZI_WAITING_MAX + 1, 1, CZ_WRITE, UINT64_MAX),
                     CZI_GRANTED);
    czi_locks_cancel(&c->l, &c->owner[CZI_WAITING_MAX]);
    assert_int_equal(crowd_woken(c), 1);
    assert_int_equal(crowd_acquire(c, CZI_WAITING_MAX, 0, CZ_WRITE, UINT64_MAX), CZI_QUEUED);
    for (uint32_t i = 1; i <= CZI_WAITING_MAX; i++)
        czi_locks_cancel(&c->l, &c->owner[i]);
    crowd_done(c);
}

/* ---- Out of memory -------------------------------------------------------------------------
 */

/* Everything that can be seen of a wait queue, as one number. */
static uint64_t digest(const struct crowd *c, uint32_t locks)
{
    uint64_t d = c->l.waiting * 31ull + c->l.live + c->l.timer_count * 17ull;

    for (uint32_t k = 0; k < locks; k++) {
        const struct czi_lock *lock = c->lock[k];

        if (!lock)
            continue;
        d = d * 1000003u + k;
        for (const struct czi_hold *h = lock->holders; h; h = h->next)
            d = d * 1000003u + (uint64_t)(h->owner - c->owner) * 4 + h->mode;
        for (const struct czi_hold *h = lock->head; h; h = h->next)
            d = d * 1000003u + (uint64_t)(h->owner - c->owner) * 4 + h->mode + 2 * h->eligible;
    }
    return d;
}

#define SCRIPT_LOCKS 3000u

/* One request after the other; one that fails for want of memory has changed nothing, and is
 * made again. Chunks of holds, of locks, the heap and the cycle are all outgrown. */
static uint64_t script(int64_t fail_at, bool *ret_failed)
{
    struct crowd *c = crowd(4000, SCRIPT_LOCKS);
    uint64_t d = 0;

    czi_alloc_fail_after(fail_at);
    for (uint32_t i = 0; i < 4000; i++) {
        struct czi_want wants[3];
        uint32_t keys[3] = {i * 7 % SCRIPT_LOCKS, (i * 7 + 1) % SCRIPT_LOCKS,
                            (i * 7 + 5) % SCRIPT_LOCKS};
        uint64_t deadline = i % 3 ? 100 + i : UINT64_MAX, before = digest(c, SCRIPT_LOCKS);
        enum czi_acquired rc = CZI_NO_MEMORY;

        for (unsigned attempt = 0; rc == CZI_NO_MEMORY; attempt++) {
            bool room = true;

            assert_true(attempt < 2);
            for (unsigned k = 0; k < 3; k++) {
                room = room && crowd_locks(c, keys[k], 1);
                wants[k] =
                    (struct czi_want){c->lock[keys[k]], i % 5 ? CZ_READ : CZ_WRITE, NULL};
            }
            if (room)
                rc = czi_locks_acquire(&c->l, &c->owner[i], wants, 3, false, deadline);
            else
                for (unsigned k = 0; k < 3; k++)
                    if (wants[k].lock)
                        czi_lock_drop(&c->l, wants[k].lock);
            if (rc == CZI_NO_MEMORY)
                assert_int_equal(digest(c, SCRIPT_LOCKS), before);
        }
        d = d * 31 + rc;
    }
    d = d * 31 + digest(c, SCRIPT_LOCKS);
    *ret_failed = czi_alloc_failed();
    czi_alloc_fail_after(-1);
    crowd_done(c);
    return d;
}

static void every_allocation_may_fail_and_nothing_has_changed(void **state)
{
    bool failed = false;
    uint64_t expected = script(-1, &failed);
    int64_t at = 0;

    (void)state;
    assert_false(failed);
    do {
        assert_true(script(at++, &failed) == expected);
    } while (failed);
    print_message("%d allocations\n", (int)at - 1);
    assert_true(at > 20);
}

static void a_deadlock_without_memory_for_its_cycle_is_still_one(void **state)
{
    struct fixture *f = malloc(sizeof *f);

    (void)state;
    fixture_init(f);
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    queued(f, 'A', "w1");
    czi_alloc_fail_after(0);
    deadlocked(f, 'B', "w0");
    assert_true(czi_alloc_failed());
    czi_alloc_fail_after(-1);
    assert_int_equal(f->l.cycle_count, 0);
    assert_queue(f, 0, "");
    deadlocked(f, 'B', "w0");
    assert_cycle(f, "Bw0h Aw1h");
    fixture_done(f);
    free(f);
}

static void seizing_without_memory_changes_nothing(void **state)
{
    struct fixture *f = malloc(sizeof *f);

    (void)state;
    fixture_init(f);
    (void)lock_at(f, 0);
    czi_alloc_fail_after(0);
    assert_null(czi_locks_seize(&f->l, owner_of(f, 'A'), f->lock[0], CZ_WRITE));
    czi_alloc_fail_after(-1);
    assert_null(f->lock[0]);
    assert_null(owner_of(f, 'A')->holds);
    assert_non_null(czi_locks_seize(&f->l, owner_of(f, 'A'), lock_at(f, 0), CZ_WRITE));
    assert_holders(f, 0, "Aw");
    fixture_done(f);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_waiting_requests_cost_at_most_128_bytes_each),
        cmocka_unit_test(the_memory_of_what_is_over_is_used_again),
        cmocka_unit_test(leaving_the_middle_of_a_queue_does_not_depend_on_its_length),
        cmocka_unit_test(a_search_along_a_row_of_readers_walks_it_once),
        cmocka_unit_test(a_cycle_of_ten_thousand_is_told_step_by_step),
        cmocka_unit_test(deadlines_come_in_order_whoever_left_before),
        cmocka_unit_test(no_more_than_the_maximum_wait),
        cmocka_unit_test(every_allocation_may_fail_and_nothing_has_changed),
        cmocka_unit_test(a_deadlock_without_memory_for_its_cycle_is_still_one),
        cmocka_unit_test(seizing_without_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
