/* test_lock_property.c - the wait queue against its model on random streams (R8, R10): after
 * each call the outcome, who was woken in which order, who holds what, every queue, what is
 * available and the next deadline are the model's. Whether or not the model is right, besides:
 * nobody is overtaken by what it conflicts with, no wake-up is lost, writers are alone, a
 * cycle that is told is one, and when all let go every wait ends. In half of the streams some
 * owners watch, which the search for cycles takes into account.
 *
 * CAUSALITY_SEEDS: how many streams. CAUSALITY_SEED: only this one. A failure prints the seed.
 */
#include "lock/watch.h"
#include "lock_model.h"
#include "test.h"

#include <string.h>

#define NOTE_SIZE 160

struct run;

/* An owner's, and what it needs. */
struct watcher {
    struct czi_watcher w; /* first */
    struct run *run;
    struct model_part needs[MODEL_LOCKS];
    unsigned count;
};

struct run {
    struct czi_locks l;
    struct czi_owner owner[MODEL_OWNERS];
    struct czi_lock *lock[MODEL_LOCKS]; /* NULL: nobody is at it */
    struct watcher watcher[MODEL_OWNERS];
    bool some_watch;
    struct lock_model m;
    struct czi_rng rng;
    uint64_t now;
    uint64_t ticket[MODEL_OWNERS], tickets; /* of who waits, in the order of coming; or 0 */
    struct model_part ticket_wants[MODEL_OWNERS][MODEL_LOCKS];
    unsigned ticket_count[MODEL_OWNERS];
    uint64_t seed;
    unsigned step, granted, waited, deadlocks, left, watching;
    char note[NOTE_SIZE]; /* the call */
};

_Noreturn static void differs(const struct run *r, const char *what)
{
    fail_msg("CAUSALITY_SEED=%llu step %u, %s: %s", (unsigned long long)r->seed, r->step,
             r->note, what);
    abort();
}

#define require(r, what, condition) ((condition) ? (void)0 : differs(r, what))
#define note(r, ...) ((void)snprintf((r)->note, NOTE_SIZE, __VA_ARGS__))

static void forget(void *arg, uint64_t key)
{
    struct run *r = arg;

    require(r, "an unknown lock is forgotten", r->lock[key]);
    r->lock[key] = NULL;
}

static unsigned below(struct run *r, unsigned n)
{
    return (unsigned)czi_rng_below(&r->rng, n);
}

static struct czi_lock *lock_at(struct run *r, unsigned key)
{
    if (!r->lock[key])
        r->lock[key] = czi_lock_new(&r->l, key);
    assert_non_null(r->lock[key]);
    return r->lock[key];
}

static unsigned number(const struct run *r, const struct czi_owner *o)
{
    return (unsigned)(o - r->owner);
}

static struct model_part part_of(const struct czi_hold *h)
{
    return (struct model_part){(uint8_t)h->lock->key, h->mode == CZ_WRITE};
}

static bool same_part(struct model_part a, struct model_part b)
{
    return a.lock == b.lock && a.write == b.write;
}

/* ---- No barging: without the model ---------------------------------------------------------
 */

static void take_ticket(struct run *r, unsigned owner, const struct model_part *wants,
                        unsigned count)
{
    r->ticket[owner] = ++r->tickets;
    memcpy(r->ticket_wants[owner], wants, count * sizeof *wants);
    r->ticket_count[owner] = count;
}

/* Nobody who came before `ticket` and still waits is in the way of what is granted. */
static void check_overtakes_nobody(struct run *r, uint64_t ticket,
                                   const struct model_part *wants, unsigned count)
{
    for (unsigned o = 0; o < r->m.owners; o++) {
        if (!r->ticket[o] || r->ticket[o] >= ticket)
            continue;
        for (unsigned i = 0; i < count; i++)
            for (unsigned k = 0; k < r->ticket_count[o]; k++)
                require(r, "overtakes who waits",
                        wants[i].lock != r->ticket_wants[o][k].lock ||
                            !(wants[i].write || r->ticket_wants[o][k].write));
    }
}

/* ---- After each call ------------------------------------------------------------------------
 */

/* Takes who was woken; those who expired go to `ret_expired`. */
static unsigned take_woken(struct run *r, struct model_woken *ret, uint8_t *ret_expired)
{
    struct czi_owner *o;
    unsigned n = 0, expired = 0;

    while ((o = czi_locks_take_woken(&r->l))) {
        unsigned i = number(r, o);
        uint64_t ticket = r->ticket[i];

        require(r, "woken twice", n < MODEL_OWNERS && ticket);
        r->ticket[i] = 0;
        if (o->outcome == CZI_WOKEN_GRANTED)
            check_overtakes_nobody(r, ticket, r->ticket_wants[i], r->ticket_count[i]);
        if (o->outcome == CZI_WOKEN_EXPIRED)
            ret_expired[expired++] = (uint8_t)i;
        r->left += o->outcome != CZI_WOKEN_GRANTED;
        ret[n++] = (struct model_woken){(uint8_t)i, (enum czi_woken)o->outcome};
    }
    return n;
}

static void check_woken(struct run *r, const struct model_woken *woken, unsigned count)
{
    require(r, "others are woken", count == r->m.woken_count);
    for (unsigned i = 0; i < count; i++)
        require(r, "woken in another order, or otherwise",
                woken[i].owner == r->m.woken[i].owner &&
                    woken[i].outcome == r->m.woken[i].outcome);
    r->m.woken_count = 0;
}

static void check_owner(struct run *r, unsigned i)
{
    const struct czi_owner *o = &r->owner[i];
    const struct model_owner *m = &r->m.owner[i];
    const struct czi_hold *h = o->holds;
    unsigned blocked = 0;

    require(r, "state", o->state == m->state);
    for (unsigned k = m->hold_count; k-- > 0; h = h->after)
        require(r, "holds", h && h->granted && same_part(part_of(h), m->holds[k]));
    require(r, "holds more", !h);
    if (o->state != CZI_OWNER_WAITING)
        return;
    h = o->wants;
    for (unsigned k = 0; k < m->want_count; k++, h = h->after) {
        require(r, "wants", h && !h->granted && same_part(part_of(h), m->wants[k]));
        require(r, "eligible", h->eligible == model_eligible(&r->m, i, m->wants[k]));
        blocked += !h->eligible;
    }
    require(r, "wants more", !h);
    require(r, "a lost wake-up: nothing is in the way of who waits", blocked > 0);
    require(r, "blocked", o->blocked == blocked);
}

static void check_queue(struct run *r, const struct czi_lock *lock)
{
    uint64_t last = 0;
    unsigned n = 0;

    for (const struct czi_hold *h = lock->head; h; h = h->next, n++) {
        const struct model_owner *m = &r->m.owner[number(r, h->owner)];

        require(r, "in the queue but does not wait", m->state == CZI_OWNER_WAITING);
        require(r, "the queue is in another order", m->arrival > last);
        require(r, "the queue's links", h->next ? h->next->prev == h : lock->tail == h);
        last = m->arrival;
    }
    require(r, "how many wait", n == lock->waiting_count);
}

static void check_holders(struct run *r, const struct czi_lock *lock)
{
    unsigned n = 0, writers = 0;

    for (const struct czi_hold *h = lock->holders; h; h = h->next, n++)
        writers += h->mode == CZ_WRITE;
    require(r, "a writer is not alone", !writers || n == 1);
    require(r, "how many hold", n == lock->holder_count && (writers > 0) == lock->writer);
}

static void check_lock(struct run *r, unsigned k)
{
    const struct czi_lock *lock = r->lock[k];
    unsigned waiting = 0, holds = 0;
    bool in_use = model_in_use(&r->m, k);

    for (unsigned i = 0; i < r->m.owners; i++)
        in_use =
            in_use || (r->m.owner[i].state == CZI_OWNER_WATCHING && r->m.owner[i].watched == k);
    require(r, "a lock of no use stays", !lock || in_use);
    require(r, "a lock in use is gone", lock || !in_use);
    for (unsigned mode = CZ_READ; mode <= CZ_WRITE; mode++)
        require(r, "available",
                czi_lock_available(lock, (enum cz_access)mode) ==
                    model_available(&r->m, (struct model_part){(uint8_t)k, mode == CZ_WRITE}));
    if (!lock)
        return;
    check_queue(r, lock);
    check_holders(r, lock);
    for (unsigned i = 0; i < r->m.owners; i++) {
        const struct model_owner *m = &r->m.owner[i];

        for (unsigned n = 0; m->state == CZI_OWNER_WAITING && n < m->want_count; n++)
            waiting += m->wants[n].lock == k;
        for (unsigned n = 0; n < m->hold_count; n++)
            holds += m->holds[n].lock == k;
    }
    require(r, "who waits", waiting == lock->waiting_count);
    require(r, "who holds", holds == lock->holder_count);
}

static void check_state(struct run *r)
{
    for (unsigned i = 0; i < r->m.owners; i++)
        check_owner(r, i);
    for (unsigned k = 0; k < r->m.locks; k++)
        check_lock(r, k);
    require(r, "next deadline", czi_locks_next_deadline(&r->l) == model_next_deadline(&r->m));
}

static void check_all(struct run *r)
{
    struct model_woken woken[MODEL_OWNERS];
    uint8_t expired[MODEL_OWNERS];
    unsigned count = take_woken(r, woken, expired);
    struct czi_lock *lock;

    check_woken(r, woken, count);
    while ((lock = czi_locks_take_stirred(&r->l)))
        czi_lock_stirred(&r->l, lock);
    check_state(r);
}

/* Each step waits for the next, at the lock and in the mode that are said, in the model as it
 * was while the request that closed the cycle stood in its queues. */
static void check_cycle(struct run *r, const struct lock_model *m, unsigned start)
{
    uint32_t n = r->l.cycle_count;

    r->deadlocks++;
    require(r, "a cycle is told", n > 0 && n <= m->owners);
    require(r, "it begins with who asks", r->l.cycle[0].owner == &r->owner[start]);
    for (uint32_t i = 0; i < n; i++) {
        const struct czi_cycle_step *s = &r->l.cycle[i];
        unsigned from = number(r, s->owner), to = number(r, r->l.cycle[(i + 1) % n].owner);
        struct model_part want = {(uint8_t)s->key, s->wanted == CZ_WRITE};

        require(r, "a step awaits or not",
                s->awaits == (m->owner[from].state == CZI_OWNER_AWAITING));
        require(r, "a step of the cycle", model_waits_for(m, from, to));
        require(r, "why a step waits", s->awaits || model_waits_at(m, from, want, to, s->held));
    }
}

/* ---- The calls ------------------------------------------------------------------------------
 */

static unsigned random_wants(struct run *r, struct model_part *ret)
{
    unsigned many = below(r, 2) ? 1 + below(r, 4) : 1, count = CZI_MIN(many, r->m.locks);
    unsigned writes = below(r, 3); /* none in ten, half, most */
    bool taken[MODEL_LOCKS] = {false};

    for (unsigned i = 0; i < count; i++) {
        unsigned k = below(r, r->m.locks);

        while (taken[k])
            k = (k + 1) % r->m.locks;
        taken[k] = true;
        ret[i] = (struct model_part){(uint8_t)k, below(r, 10) < writes * 4 + 1};
    }
    return count;
}

static void acquire(struct run *r, unsigned owner)
{
    struct model_part parts[MODEL_LOCKS] = {0};
    struct czi_want wants[MODEL_LOCKS];
    unsigned count = random_wants(r, parts);
    bool try = below(r, 6) == 0;
    uint64_t deadline = below(r, 3) ? UINT64_MAX : r->now + below(r, 8);
    struct lock_model before = r->m;
    enum czi_acquired got, expected;

    note(r, "%s by %u of %u from %u", try ? "try" : "acquire", owner, count, parts[0].lock);
    for (unsigned i = 0; i < count; i++)
        wants[i] = (struct czi_want){.lock = lock_at(r, parts[i].lock),
                                     .mode = parts[i].write ? CZ_WRITE : CZ_READ};
    got = czi_locks_acquire(&r->l, &r->owner[owner], wants, count, try, deadline);
    if (got == CZI_QUEUED)
        take_ticket(r, owner, parts, count);
    if (got == CZI_GRANTED)
        check_overtakes_nobody(r, UINT64_MAX, parts, count);
    expected = model_acquire(&r->m, owner, parts, count, try, deadline);
    r->granted += got == CZI_GRANTED;
    r->waited += got == CZI_QUEUED;
    require(r, "what the request is told", got == expected);
    if (got != CZI_DEADLOCK)
        return;
    model_enqueue(&before, owner, parts, count, deadline);
    check_cycle(r, &before, owner);
}

static void await(struct run *r, unsigned owner)
{
    unsigned awaited = below(r, r->m.owners);
    struct lock_model before = r->m;
    bool got = czi_owner_await(&r->l, &r->owner[owner], &r->owner[awaited]);

    note(r, "%u awaits %u", owner, awaited);
    require(r, "whether it may await", got == model_await(&r->m, owner, awaited));
    if (got)
        return;
    before.owner[owner].state = CZI_OWNER_AWAITING;
    before.owner[owner].awaits = awaited;
    check_cycle(r, &before, owner);
}

static bool need(const struct czi_watcher *watcher, uint32_t i, struct czi_want *ret)
{
    const struct watcher *w = (const struct watcher *)watcher;

    if (i >= w->count)
        return false;
    *ret = (struct czi_want){.lock = w->run->lock[w->needs[i].lock],
                             .mode = w->needs[i].write ? CZ_WRITE : CZ_READ};
    return true;
}

static void watch_done(struct run *r, unsigned owner)
{
    note(r, "%u watches no longer", owner);
    czi_owner_watch_done(&r->owner[owner]);
    czi_unwatch(&r->l, &r->watcher[owner].w);
}

/* Whoever needs several watches one of them. */
static void watch(struct run *r, unsigned owner)
{
    struct watcher *w = &r->watcher[owner];
    struct lock_model before = r->m;
    unsigned watched;
    bool closes;

    *w = (struct watcher){.w = {.need = need, .key = ++r->tickets}, .run = r};
    w->count = random_wants(r, w->needs);
    watched = w->needs[below(r, w->count)].lock;
    note(r, "%u watches %u of %u", owner, watched, w->count);
    czi_owner_watch(&r->owner[owner], &w->w);
    czi_watch(lock_at(r, watched), &w->w, below(r, 2));
    closes = czi_owner_may_block(&r->l, &r->owner[owner]) &&
             czi_owner_in_cycle(&r->l, &r->owner[owner]);
    require(r, "whether it may watch",
            closes != model_watch(&r->m, owner, w->needs, w->count, watched));
    r->watching++;
    if (!closes)
        return;
    (void)model_watch(&before, owner, w->needs, w->count, watched);
    before.owner[owner].state = CZI_OWNER_WATCHING;
    check_cycle(r, &before, owner);
    watch_done(r, owner);
}

static void release(struct run *r, unsigned owner)
{
    struct czi_hold *h = r->owner[owner].holds;
    unsigned count = r->m.owner[owner].hold_count, k;

    if (!count)
        return;
    k = below(r, count);
    note(r, "release by %u of its hold %u", owner, k);
    for (unsigned i = count - 1; i > k; i--)
        h = h->after;
    czi_locks_release(&r->l, h);
    model_release(&r->m, owner, k);
}

static void release_all(struct run *r, unsigned owner)
{
    note(r, "release of all by %u", owner);
    czi_locks_release_all(&r->l, &r->owner[owner]);
    model_release_all(&r->m, owner);
}

/* While it waits, too, as effects do. */
static void seize(struct run *r, unsigned owner)
{
    struct model_part part = {(uint8_t)below(r, r->m.locks), below(r, 2)};

    if (!model_available(&r->m, part))
        return;
    note(r, "%u seizes %u to %s", owner, part.lock, part.write ? "write" : "read");
    require(r, "no memory",
            czi_locks_seize(&r->l, &r->owner[owner], lock_at(r, part.lock),
                            part.write ? CZ_WRITE : CZ_READ));
    model_seize(&r->m, owner, part);
}

static void cancel(struct run *r, unsigned owner)
{
    note(r, "cancel of %u", owner);
    czi_locks_cancel(&r->l, &r->owner[owner]);
    model_cancel(&r->m, owner);
}

static void expire(struct run *r)
{
    struct model_woken woken[MODEL_OWNERS];
    uint8_t expired[MODEL_OWNERS] = {0};
    unsigned count, n = 0;

    r->now += below(r, 4);
    note(r, "expire at %llu", (unsigned long long)r->now);
    czi_locks_expire(&r->l, r->now);
    count = take_woken(r, woken, expired);
    for (unsigned i = 0; i < count; i++)
        n += woken[i].outcome == CZI_WOKEN_EXPIRED;
    require(r, "whose deadline comes first", model_expire(&r->m, r->now, expired, n));
    check_woken(r, woken, count);
}

static void any_call(struct run *r)
{
    unsigned owner = below(r, r->m.owners), kind = below(r, 20);

    if (kind == 0)
        expire(r);
    else if (kind == 1)
        seize(r, owner);
    else if (kind < 6)
        release(r, owner);
    else if (kind < 9)
        release_all(r, owner);
    else if (r->owner[owner].state == CZI_OWNER_IDLE && kind == 10 && r->some_watch)
        watch(r, owner);
    else if (r->owner[owner].state == CZI_OWNER_IDLE && kind == 9)
        await(r, owner);
    else if (r->owner[owner].state == CZI_OWNER_IDLE)
        acquire(r, owner);
    else if (r->owner[owner].state == CZI_OWNER_WAITING && kind < 11)
        cancel(r, owner);
    else if (r->owner[owner].state == CZI_OWNER_WATCHING && kind < 14) {
        watch_done(r, owner);
        model_watch_done(&r->m, owner);
    } else if (r->owner[owner].state == CZI_OWNER_AWAITING && kind < 14) {
        note(r, "%u awaits no longer", owner);
        czi_owner_await_done(&r->l, &r->owner[owner]);
        model_await_done(&r->m, owner);
    }
}

/* No starvation: whoever can go on releases all; then each wait must end, in as many rounds as
 * there are owners, without any being cancelled. */
static void drain(struct run *r)
{
    for (unsigned round = 0; round < 2 * r->m.owners; round++)
        for (unsigned i = 0; i < r->m.owners; i++) {
            r->step++;
            if (r->owner[i].state == CZI_OWNER_WATCHING) {
                watch_done(r, i);
                model_watch_done(&r->m, i);
            }
            if (r->owner[i].state == CZI_OWNER_AWAITING &&
                r->owner[r->m.owner[i].awaits].state == CZI_OWNER_IDLE) {
                czi_owner_await_done(&r->l, &r->owner[i]);
                model_await_done(&r->m, i);
            }
            if (r->owner[i].state == CZI_OWNER_IDLE)
                release_all(r, i);
            check_all(r);
        }
    note(r, "all let go");
    for (unsigned i = 0; i < r->m.owners; i++)
        require(r, "somebody waits for ever", r->owner[i].state == CZI_OWNER_IDLE);
    require(r, "something is left",
            r->l.live == 0 && r->l.waiting == 0 && r->l.timer_count == 0);
}

/* What a run came by. */
struct seen {
    unsigned granted, waited, deadlocks, left, watching;
};

static struct seen one_seed(uint64_t seed)
{
    struct run *r = calloc(1, sizeof *r);
    struct seen seen;
    unsigned steps;

    assert_non_null(r);
    r->rng = czi_rng(seed);
    r->seed = seed;
    r->m.owners = 2 + below(r, MODEL_OWNERS - 1);
    r->some_watch = seed % 2;
    r->m.locks = 1 + below(r, MODEL_LOCKS);
    czi_locks_init(&r->l, forget, r);
    steps = 20 + below(r, 180);
    for (r->step = 1; r->step <= steps; r->step++) {
        any_call(r);
        check_all(r);
    }
    drain(r);
    seen = (struct seen){r->granted, r->waited, r->deadlocks, r->left, r->watching};
    czi_locks_done(&r->l);
    free(r);
    return seen;
}

/* Sanitizers take five to ten times as long. */
#ifdef TEST_IS_SLOW
#define SEEDS 2000
#else
#define SEEDS 10000
#endif

static void wait_queue_and_model_agree_on_random_streams(void **state)
{
    unsigned long only = test_env("CAUSALITY_SEED", 0);
    unsigned long seeds = test_env("CAUSALITY_SEEDS", SEEDS);

    (void)state;
    if (only)
        (void)one_seed(only);
    for (uint64_t seed = 1; seed <= seeds && !only; seed++)
        (void)one_seed(seed);
}

/* Otherwise agreement says little. */
static void the_streams_come_by_everything(void **state)
{
    struct seen all = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct seen s = one_seed(seed);

        all.granted += s.granted;
        all.waited += s.waited;
        all.deadlocks += s.deadlocks;
        all.left += s.left;
        all.watching += s.watching;
    }
    print_message("%u granted at once, %u waited, %u deadlocks, %u cancelled or expired, %u "
                  "watched\n",
                  all.granted, all.waited, all.deadlocks, all.left, all.watching);
    assert_true(all.granted > 500 && all.waited > 500);
    assert_true(all.deadlocks > 200 && all.left > 200 && all.watching > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_streams_come_by_everything),
        cmocka_unit_test(wait_queue_and_model_agree_on_random_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
