/* test_watch.c - who watches a lock, lowest first, and when a lock is stirred. */
#include "lock_fixture.h"

#define WATCHERS 300

/* ---- The heap against a plain array ---------------------------------------------------------
 */

static struct czi_watcher *lowest(struct czi_watcher *w, size_t count)
{
    struct czi_watcher *low = NULL;

    for (size_t i = 0; i < count; i++)
        if (w[i].lock && (!low || w[i].key < low->key))
            low = &w[i];
    return low;
}

/* Every watcher of a heap is under one with a lower key, and knows its left neighbour. */
static size_t check_heap(const struct czi_watcher *w)
{
    const struct czi_watcher *left = w;
    size_t n = 1;

    for (const struct czi_watcher *c = w->child; c; c = c->next) {
        assert_true(c->key > w->key);
        assert_ptr_equal(c->previous, left);
        left = c;
        n += check_heap(c);
    }
    return n;
}

static void one_seed(uint64_t seed)
{
    struct fixture *f = malloc(sizeof *f);
    struct czi_watcher w[WATCHERS] = {0};
    struct czi_rng rng = czi_rng(seed);
    struct czi_lock *lock;
    size_t watching = 0;

    fixture_init(f);
    granted(f, 'A', "w0");
    lock = f->lock[0];
    for (unsigned i = 0; i < 1000; i++) {
        struct czi_watcher *some = &w[czi_rng_below(&rng, WATCHERS)];
        /* Grows, then shrinks, then grows. */
        bool add = czi_rng_below(&rng, 10) < (i / 300 % 2 ? 2u : 8u);

        if (add && !some->lock) {
            some->key = czi_rng_next(&rng);
            czi_watch(lock, some, false);
            watching++;
        } else if (!add && watching) {
            some = czi_rng_below(&rng, 2) ? czi_lock_watcher(lock) : some;
            watching -= some->lock != NULL;
            if (some->lock)
                czi_unwatch(&f->l, some);
            assert_null(some->lock);
        }
        if (czi_lock_watcher(lock) != lowest(w, WATCHERS))
            fail_msg("seed %llu, step %u: not the lowest", (unsigned long long)seed, i);
        if (i % 50 == 0 && watching)
            assert_int_equal(check_heap(czi_lock_watcher(lock)), watching);
    }
    for (uint64_t last = 0; czi_lock_watcher(lock); last = czi_lock_watcher(lock)->key) {
        assert_true(czi_lock_watcher(lock)->key >= last);
        czi_unwatch(&f->l, czi_lock_watcher(lock));
        if (!czi_lock_watcher(lock))
            break;
    }
    fixture_done(f);
    free(f);
}

static void the_first_watcher_is_the_lowest_whatever_came_and_went(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 100);

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        one_seed(seed);
}

/* Recursion or a bad shape would show here: ascending keys make a chain, descending a row. */
static void a_hundred_thousand_in_order_come_out_in_order(void **state)
{
    enum { N = 100000 };
    struct fixture *f = malloc(sizeof *f);
    struct czi_watcher *w = calloc(N, sizeof *w);

    (void)state;
    assert_non_null(w);
    fixture_init(f);
    granted(f, 'A', "w0");
    for (int ascending = 0; ascending < 2; ascending++) {
        for (uint64_t i = 0; i < N; i++) {
            w[i].key = ascending ? i : N - 1 - i;
            czi_watch(f->lock[0], &w[i], false);
        }
        for (uint64_t i = 0; i < N; i++) {
            assert_int_equal(czi_lock_watcher(f->lock[0])->key, i);
            czi_unwatch(&f->l, czi_lock_watcher(f->lock[0]));
        }
    }
    free(w);
    fixture_done(f);
    free(f);
}

/* ---- Locks that are watched -----------------------------------------------------------------
 */

static void a_watched_lock_stays_until_nobody_watches(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct czi_watcher w = {.key = 1};

    (void)state;
    fixture_init(f);
    for (unsigned passes = 0; passes < 2; passes++) {
        czi_watch(lock_at(f, 0), &w, passes);
        czi_lock_drop(&f->l, f->lock[0]);
        assert_non_null(f->lock[0]);
        czi_unwatch(&f->l, &w);
        assert_null(f->lock[0]);
    }
    fixture_done(f);
    free(f);
}

static void a_watcher_blocks_nobody(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct czi_watcher w = {.key = 1};

    (void)state;
    fixture_init(f);
    czi_watch(lock_at(f, 0), &w, false);
    granted(f, 'A', "w0");
    czi_unwatch(&f->l, &w);
    fixture_done(f);
    free(f);
}

/* The keys of the locks that were stirred since the last time, in order. */
static const char *stirred(struct fixture *f)
{
    struct czi_lock *lock;

    f->text[0] = 0;
    while ((lock = czi_locks_take_stirred(&f->l))) {
        say(f, (char[]){(char)('0' + lock->key), 0});
        czi_lock_stirred(&f->l, lock);
    }
    return f->text;
}

static void a_watched_lock_is_stirred_when_fewer_hold_it_or_wait(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct czi_watcher w[3] = {{.key = 1}, {.key = 2}, {.key = 3}};

    (void)state;
    fixture_init(f);
    for (unsigned i = 0; i < 3; i++)
        czi_watch(lock_at(f, i), &w[i], false);
    granted(f, 'A', "r0 w1 w2 w3");
    queued(f, 'B', "w0");
    assert_string_equal(stirred(f), "");
    release(f, 'A', 3); /* nobody watches it */
    assert_string_equal(stirred(f), "");
    cancel(f, 'B');
    assert_string_equal(stirred(f), "0");
    release(f, 'A', 2);
    release(f, 'A', 0);
    release(f, 'A', 1);
    assert_string_equal(stirred(f), "2 0 1");
    granted(f, 'A', "r0");
    granted(f, 'C', "r0");
    release(f, 'A', 0);
    release(f, 'C', 0);
    assert_string_equal(stirred(f), "0"); /* once, however often */
    for (unsigned i = 0; i < 3; i++)
        czi_unwatch(&f->l, &w[i]);
    fixture_done(f);
    free(f);
}

static void a_stirred_lock_stays_until_it_was_looked_at(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct czi_watcher w = {.key = 1};
    struct czi_lock *lock;

    (void)state;
    fixture_init(f);
    czi_watch(lock_at(f, 0), &w, false);
    granted(f, 'A', "w0");
    release(f, 'A', 0);
    czi_unwatch(&f->l, &w);
    assert_non_null(f->lock[0]);
    lock = czi_locks_take_stirred(&f->l);
    assert_ptr_equal(lock, f->lock[0]);
    granted(f, 'A', "w0"); /* as one that looks again does, and stirs it anew */
    release(f, 'A', 0);
    assert_non_null(f->lock[0]);
    czi_lock_stirred(&f->l, lock);
    assert_null(f->lock[0]);
    assert_null(czi_locks_take_stirred(&f->l));
    fixture_done(f);
    free(f);
}

/* ---- Owners that watch, in cycles -----------------------------------------------------------
 */

/* What an owner needs that is in no queue: "w0 r1". */
struct needs {
    struct czi_watcher w; /* first */
    struct fixture *f;
    const char *set;
};

static bool need(const struct czi_watcher *w, uint32_t i, struct czi_want *ret)
{
    const struct needs *n = (const struct needs *)w;

    if (strlen(n->set) < 3ul * i + 2)
        return false;
    ret->lock = n->f->lock[n->set[3ul * i + 1] - '0'];
    ret->mode = n->set[3ul * i] == 'w' ? CZ_WRITE : CZ_READ;
    return true;
}

static void watch(struct fixture *f, struct needs *n, char owner, const char *set,
                  unsigned lock)
{
    *n = (struct needs){.w = {.key = 1, .need = need}, .f = f, .set = set};
    czi_owner_watch(owner_of(f, owner), &n->w);
    czi_watch(lock_at(f, lock), &n->w, false);
}

static void unwatch(struct fixture *f, struct needs *n, char owner)
{
    czi_owner_watch_done(owner_of(f, owner));
    czi_unwatch(&f->l, &n->w);
}

static void each_need_of_who_watches_is_an_edge(void **state)
{
    static const char *const sets[] = {"w0", "r2 w0", "r2 r3 r0"};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(sets); i++) {
        struct fixture *f = malloc(sizeof *f);
        struct needs n;

        fixture_init(f);
        granted(f, 'A', "w0");
        granted(f, 'B', "w1");
        granted(f, 'C', "w2");
        watch(f, &n, 'B', sets[i], 2);
        deadlocked(f, 'A', "r1");
        assert_cycle(f, i == 2 ? "Ar1h Br0h" : "Ar1h Bw0h");
        unwatch(f, &n, 'B');
        fixture_done(f);
        free(f);
    }
}

/* ---- Passing --------------------------------------------------------------------------------
 */

/* A watcher that writes down that it looked, and leaves if it can have the lock. */
struct looker {
    struct czi_watcher w;
    struct fixture *f;
    enum cz_access mode;
    char name;
};

static char looks[32];

static bool look(struct czi_watcher *w)
{
    struct looker *k = (struct looker *)w;

    looks[strlen(looks)] = k->name;
    if (!czi_lock_available(w->lock, k->mode))
        return false;
    czi_unwatch(&k->f->l, w);
    return true;
}

static void watch_as(struct fixture *f, struct looker *k, char name, enum cz_access mode,
                     bool passes)
{
    *k = (struct looker){.w = {.key = (uint64_t)name, .retry = look},
                         .f = f,
                         .mode = mode,
                         .name = name};
    czi_watch(lock_at(f, 0), &k->w, passes);
}

static const char *look_all(struct fixture *f)
{
    memset(looks, 0, sizeof looks);
    czi_lock_look(f->lock[0]);
    return looks;
}

/* a and d let nobody pass but those who may; c writes what is read. */
static void who_passes_looks_when_the_first_one_cannot(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct looker a, b, c, d, e;

    (void)state;
    fixture_init(f);
    granted(f, 'A', "r0");
    watch_as(f, &c, 'c', CZ_WRITE, false);
    watch_as(f, &d, 'd', CZ_READ, false);
    watch_as(f, &e, 'e', CZ_READ, true);
    watch_as(f, &a, 'a', CZ_READ, false);
    watch_as(f, &b, 'b', CZ_READ, false);
    czi_watch_pass(&b.w);
    czi_watch_pass(&b.w);
    assert_string_equal(look_all(f), "abce"); /* each by its key, and e before its time */
    assert_ptr_equal(czi_lock_watcher(f->lock[0]), &c.w);
    assert_string_equal(look_all(f), "c");
    czi_unwatch(&f->l, &c.w);
    assert_string_equal(look_all(f), "d");
    fixture_done(f);
    free(f);
}

static struct looker *leaves; /* when somebody looks and can have the lock */

static bool look_and_end_another(struct czi_watcher *w)
{
    struct looker *k = (struct looker *)w;

    if (look(w) && leaves) {
        czi_unwatch(&k->f->l, &leaves->w);
        leaves = NULL;
    }
    return !w->lock;
}

/* b could not look before, since a stands before it, which leaves when c has looked. */
static void who_is_first_after_all_looks_too(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct looker a, b, c;

    (void)state;
    fixture_init(f);
    granted(f, 'A', "r0");
    watch_as(f, &a, 'a', CZ_WRITE, false);
    watch_as(f, &b, 'b', CZ_READ, false);
    watch_as(f, &c, 'c', CZ_READ, true);
    c.w.retry = look_and_end_another;
    leaves = &a;
    assert_string_equal(look_all(f), "acb");
    assert_null(czi_lock_watcher(f->lock[0]));
    fixture_done(f);
    free(f);
}

/* What is not to be read is not to be had at all. */
static void nobody_looks_behind_one_who_passes_and_cannot(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct looker a, b, c;

    (void)state;
    fixture_init(f);
    granted(f, 'A', "w0");
    watch_as(f, &a, 'a', CZ_READ, true);
    watch_as(f, &b, 'b', CZ_READ, true);
    watch_as(f, &c, 'c', CZ_WRITE, false);
    assert_string_equal(look_all(f), "a");
    czi_unwatch(&f->l, &c.w);
    release(f, 'A', 0);
    assert_ptr_equal(czi_locks_take_stirred(&f->l), f->lock[0]);
    assert_string_equal(look_all(f), "ab");
    czi_lock_stirred(&f->l, f->lock[0]);
    assert_null(f->lock[0]);
    fixture_done(f);
    free(f);
}

/* A awaits B, which needs what D has. C asks for that too, and for what A holds: it would stand
 * before B and wait for A, for ever. It holds nothing, but A awaits. */
static void who_would_enter_a_queue_before_one_that_watches_can_close_a_cycle(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct needs n;

    (void)state;
    fixture_init(f);
    granted(f, 'A', "w0");
    granted(f, 'D', "w1");
    watch(f, &n, 'B', "w1", 1);
    assert_true(czi_owner_await(&f->l, owner_of(f, 'A'), owner_of(f, 'B')));
    deadlocked(f, 'C', "w0 w1");
    assert_cycle(f, "Cw0h A~ Bw1q");
    czi_owner_await_done(&f->l, owner_of(f, 'A'));
    queued(f, 'C', "w0 w1");
    (void)stirred(f);
    unwatch(f, &n, 'B');
    fixture_done(f);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_watcher_is_the_lowest_whatever_came_and_went),
        cmocka_unit_test(a_hundred_thousand_in_order_come_out_in_order),
        cmocka_unit_test(a_watched_lock_stays_until_nobody_watches),
        cmocka_unit_test(a_watcher_blocks_nobody),
        cmocka_unit_test(a_watched_lock_is_stirred_when_fewer_hold_it_or_wait),
        cmocka_unit_test(a_stirred_lock_stays_until_it_was_looked_at),
        cmocka_unit_test(each_need_of_who_watches_is_an_edge),
        cmocka_unit_test(who_passes_looks_when_the_first_one_cannot),
        cmocka_unit_test(who_is_first_after_all_looks_too),
        cmocka_unit_test(nobody_looks_behind_one_who_passes_and_cannot),
        cmocka_unit_test(who_would_enter_a_queue_before_one_that_watches_can_close_a_cycle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
