/* lock.c - see lock.h.
 *
 * Layer: lock. Invariants of a lock:
 *  I1  holders are one writer or any number of readers
 *  I2  in the queue, what is before `frontier` is eligible and what follows is not
 *  I3  eligible waiting holds are one writer while nobody holds, or readers while no writer
 *      holds
 *  I4  an owner's `blocked` is the number of its wants that are not eligible; while it waits
 *      that is not zero, but in the middle of a transition
 */
#include "lock/lock.h"

#include <string.h>

/* ---- Locks ---------------------------------------------------------------------------------
 */

void czi_locks_init(struct czi_locks *l, void (*forget)(void *arg, uint64_t key), void *arg)
{
    *l = (struct czi_locks){.locks.size = sizeof(struct czi_lock),
                            .holds.size = sizeof(struct czi_hold),
                            .forget = forget,
                            .forget_arg = arg};
}

void czi_locks_done(struct czi_locks *l)
{
    czi_pool_done(&l->locks);
    czi_pool_done(&l->holds);
    czi_free(l->timers);
    czi_free(l->cycle);
    *l = (struct czi_locks){0};
}

struct czi_lock *czi_lock_new(struct czi_locks *l, uint64_t key)
{
    struct czi_lock *lock = czi_pool_take(&l->locks);

    if (!lock)
        return NULL;
    *lock = (struct czi_lock){.key = key};
    l->live++;
    return lock;
}

void czi_lock_drop(struct czi_locks *l, struct czi_lock *lock)
{
    if (lock->holders || lock->head || lock->passing || lock->watchers || lock->is_stirred)
        return;
    l->forget(l->forget_arg, lock->key);
    l->live--;
    czi_pool_give(&l->locks, lock);
}

/* Fewer hold it or wait for it: whoever watches may look again. */
void czi_lock_stir(struct czi_locks *l, struct czi_lock *lock)
{
    if (CZI_LIKELY(!lock->watchers && !lock->passing) || lock->is_stirred)
        return;
    lock->is_stirred = true;
    lock->stirred = NULL;
    if (l->stirred)
        l->stirred_last->stirred = lock;
    else
        l->stirred = lock;
    l->stirred_last = lock;
}

struct czi_lock *czi_locks_take_stirred(struct czi_locks *l)
{
    struct czi_lock *lock = l->stirred;

    if (lock) {
        l->stirred = lock->stirred;
    }
    return lock;
}

void czi_lock_stirred(struct czi_locks *l, struct czi_lock *lock)
{
    lock->is_stirred = false;
    czi_lock_drop(l, lock);
}

/* ---- Deadlines: a 4-ary heap ---------------------------------------------------------------
 */

static void timer_set(struct czi_locks *l, uint32_t i, struct czi_owner *o)
{
    l->timers[i] = o;
    o->timer = i + 1;
}

static void timer_up(struct czi_locks *l, uint32_t i, struct czi_owner *o)
{
    while (i > 0 && o->deadline < l->timers[(i - 1) / 4]->deadline) {
        timer_set(l, i, l->timers[(i - 1) / 4]);
        i = (i - 1) / 4;
    }
    timer_set(l, i, o);
}

static void timer_down(struct czi_locks *l, uint32_t i, struct czi_owner *o)
{
    for (;;) {
        uint32_t first = 4 * i + 1, best = first;

        if (first >= l->timer_count)
            break;
        for (uint32_t k = first + 1; k < CZI_MIN(first + 4, l->timer_count); k++)
            if (l->timers[k]->deadline < l->timers[best]->deadline)
                best = k;
        if (l->timers[best]->deadline >= o->deadline)
            break;
        timer_set(l, i, l->timers[best]);
        i = best;
    }
    timer_set(l, i, o);
}

static bool timer_room(struct czi_locks *l)
{
    uint32_t room = l->timer_room ? 2 * l->timer_room : 64;
    struct czi_owner **timers;

    if (l->timer_count < l->timer_room)
        return true;
    timers = czi_realloc(l->timers, room * sizeof(struct czi_owner *));
    if (!timers)
        return false;
    l->timers = timers;
    l->timer_room = room;
    return true;
}

static void timer_remove(struct czi_locks *l, struct czi_owner *o)
{
    uint32_t i = o->timer - 1;
    struct czi_owner *last;

    if (!o->timer)
        return;
    o->timer = 0;
    last = l->timers[--l->timer_count];
    if (last == o)
        return;
    if (i > 0 && last->deadline < l->timers[(i - 1) / 4]->deadline)
        timer_up(l, i, last);
    else
        timer_down(l, i, last);
}

/* ---- Lists ---------------------------------------------------------------------------------
 */

/* `list` is owner->holds or owner->wants. */
static void owner_push(struct czi_hold **list, struct czi_hold *h)
{
    h->before = NULL;
    h->after = *list;
    if (*list)
        (*list)->before = h;
    *list = h;
}

static void add_holder(struct czi_hold *h)
{
    struct czi_lock *lock = h->lock;

    CZI_CHECK(!lock->writer && (h->mode == CZ_READ || !lock->holders));
    h->granted = true;
    h->prev = NULL;
    h->next = lock->holders;
    if (lock->holders)
        lock->holders->prev = h;
    lock->holders = h;
    lock->holder_count++;
    lock->writer = h->mode == CZ_WRITE;
    owner_push(&h->owner->holds, h);
}

static void enqueue(struct czi_hold *h)
{
    struct czi_lock *lock = h->lock;

    h->granted = h->seen = false;
    h->eligible = czi_lock_available(lock, (enum cz_access)h->mode);
    h->next = NULL;
    h->prev = lock->tail;
    if (lock->tail)
        lock->tail->next = h;
    else
        lock->head = h;
    lock->tail = h;
    lock->waiting_count++;
    if (!h->eligible) {
        h->owner->blocked++;
        if (!lock->frontier)
            lock->frontier = h;
    }
}

static void dequeue(struct czi_hold *h)
{
    struct czi_lock *lock = h->lock;

    if (lock->frontier == h)
        lock->frontier = h->next;
    if (h->prev)
        h->prev->next = h->next;
    else
        lock->head = h->next;
    if (h->next)
        h->next->prev = h->prev;
    else
        lock->tail = h->prev;
    lock->waiting_count--;
}

/* ---- Waking --------------------------------------------------------------------------------
 */

static void rest(struct czi_locks *l, struct czi_owner *o)
{
    CZI_CHECK(o->state == CZI_OWNER_WAITING && !o->woken);
    timer_remove(l, o);
    l->waiting--;
    o->state = CZI_OWNER_IDLE;
    o->wants = NULL;
    o->blocked = 0;
}

static void wake(struct czi_locks *l, struct czi_owner *o, enum czi_woken outcome)
{
    rest(l, o);
    o->outcome = outcome & 3u;
    o->woken = true;
    o->link = NULL;
    if (l->woken)
        l->woken_last->link = o;
    else
        l->woken = o;
    l->woken_last = o;
}

struct czi_owner *czi_locks_take_woken(struct czi_locks *l)
{
    struct czi_owner *o = l->woken;

    if (o) {
        l->woken = o->link;
        o->woken = false;
    }
    return o;
}

/* All that a waiting owner wants is eligible: it gets it. No hold of another owner becomes
 * eligible by that, since what was eligible was counted on already. */
static void grant(struct czi_locks *l, struct czi_owner *o)
{
    struct czi_hold *next;

    for (struct czi_hold *h = o->wants; h; h = next) {
        next = h->after;
        dequeue(h);
        add_holder(h);
    }
    wake(l, o, CZI_WOKEN_GRANTED);
}

/* Whether the first hold that is not eligible could be granted by its lock now. */
static bool frontier_moves(const struct czi_lock *lock)
{
    const struct czi_hold *h = lock->frontier;

    if (!h)
        return false;
    if (h->mode == CZ_WRITE)
        return !lock->holders && h == lock->head;
    return !lock->writer && (h == lock->head || lock->head->mode == CZ_READ);
}

/* After the holders or the queue of a lock became fewer. */
static void pass(struct czi_locks *l, struct czi_lock *lock)
{
    while (frontier_moves(lock)) {
        struct czi_hold *h = lock->frontier;

        h->eligible = true;
        lock->frontier = h->next;
        if (--h->owner->blocked == 0)
            grant(l, h->owner);
    }
    czi_lock_stir(l, lock);
}

/* ---- Transitions ---------------------------------------------------------------------------
 */

static void drop_all(struct czi_locks *l, const struct czi_want *wants, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        czi_lock_drop(l, wants[i].lock);
}

static inline struct czi_hold *take_hold(struct czi_locks *l, struct czi_owner *owner,
                                         struct czi_lock *lock, enum cz_access mode)
{
    struct czi_hold *h = czi_pool_take(&l->holds);

    if (CZI_UNLIKELY(!h))
        return NULL;
    h->lock = lock;
    h->owner = owner;
    h->mode = mode & 1u;
    h->eligible = true;
    h->user = 0;
    return h;
}

/* Takes the holds of a request from the pool. */
static bool take_holds(struct czi_locks *l, struct czi_owner *owner, struct czi_want *wants,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        wants[i].hold = take_hold(l, owner, wants[i].lock, wants[i].mode);
        if (wants[i].hold)
            continue;
        while (i-- > 0)
            czi_pool_give(&l->holds, wants[i].hold);
        return false;
    }
    return true;
}

/* Leaves all queues, without waking; from here on the owner is idle. */
static void leave(struct czi_locks *l, struct czi_owner *o)
{
    struct czi_hold *h = o->wants, *next;

    o->wants = NULL;
    for (struct czi_hold *i = h; i; i = i->after)
        dequeue(i);
    for (; h; h = next) {
        next = h->after;
        pass(l, h->lock);
        czi_lock_drop(l, h->lock);
        czi_pool_give(&l->holds, h);
    }
}

static enum czi_acquired wait_for(struct czi_locks *l, struct czi_owner *owner,
                                  struct czi_want *wants, uint32_t count, uint64_t deadline)
{
    CZI_CHECK(count <= CZI_WANTS_MAX);
    if (l->waiting >= CZI_WAITING_MAX)
        return CZI_TOO_MANY;
    if ((deadline != UINT64_MAX && !timer_room(l)) || !take_holds(l, owner, wants, count))
        return CZI_NO_MEMORY;
    owner->wants = NULL;
    owner->blocked = 0;
    owner->deadline = deadline;
    owner->state = CZI_OWNER_WAITING;
    l->waiting++;
    for (uint32_t i = count; i-- > 0;)
        owner_push(&owner->wants, wants[i].hold);
    for (uint32_t i = 0; i < count; i++)
        enqueue(wants[i].hold);
    if (czi_owner_may_block(l, owner) && czi_owner_in_cycle(l, owner)) {
        l->waiting--;
        owner->state = CZI_OWNER_IDLE;
        owner->blocked = 0;
        leave(l, owner);
        return CZI_DEADLOCK;
    }
    if (deadline != UINT64_MAX)
        timer_up(l, l->timer_count++, owner);
    return CZI_QUEUED;
}

enum czi_acquired czi_locks_acquire(struct czi_locks *l, struct czi_owner *owner,
                                    struct czi_want *wants, uint32_t count, bool try,
                                    uint64_t deadline)
{
    enum czi_acquired rc = CZI_GRANTED;
    bool available = true;

    CZI_CHECK(owner->state == CZI_OWNER_IDLE && !owner->woken);
    for (uint32_t i = 0; i < count; i++)
        available = available && czi_lock_available(wants[i].lock, wants[i].mode);
    if (CZI_UNLIKELY(!available))
        rc = try ? CZI_WOULD_WAIT : wait_for(l, owner, wants, count, deadline);
    else if (CZI_UNLIKELY(!take_holds(l, owner, wants, count)))
        rc = CZI_NO_MEMORY;
    else
        for (uint32_t i = 0; i < count; i++)
            add_holder(wants[i].hold);
    /* leave() of a deadlock has dropped them already. */
    if (CZI_UNLIKELY(rc == CZI_WOULD_WAIT || rc == CZI_TOO_MANY || rc == CZI_NO_MEMORY))
        drop_all(l, wants, count);
    return rc;
}

struct czi_hold *czi_locks_seize(struct czi_locks *l, struct czi_owner *owner,
                                 struct czi_lock *lock, enum cz_access mode)
{
    struct czi_hold *h = take_hold(l, owner, lock, mode);

    if (CZI_LIKELY(h != NULL))
        add_holder(h);
    else
        czi_lock_drop(l, lock);
    return h;
}

void czi_locks_release(struct czi_locks *l, struct czi_hold *h)
{
    struct czi_lock *lock = h->lock;
    struct czi_owner *o = h->owner;

    CZI_CHECK(h->granted);
    if (h->before)
        h->before->after = h->after;
    else
        o->holds = h->after;
    if (h->after)
        h->after->before = h->before;
    if (h->prev)
        h->prev->next = h->next;
    else
        lock->holders = h->next;
    if (h->next)
        h->next->prev = h->prev;
    lock->holder_count--;
    lock->writer = false;
    czi_pool_give(&l->holds, h);
    pass(l, lock);
    czi_lock_drop(l, lock);
}

void czi_locks_release_all(struct czi_locks *l, struct czi_owner *owner)
{
    while (owner->holds)
        czi_locks_release(l, owner->holds);
}

static void give_up(struct czi_locks *l, struct czi_owner *o, enum czi_woken outcome)
{
    struct czi_hold *wants = o->wants;

    wake(l, o, outcome);
    o->wants = wants;
    leave(l, o);
}

void czi_locks_cancel(struct czi_locks *l, struct czi_owner *owner)
{
    CZI_CHECK(owner->state == CZI_OWNER_WAITING);
    give_up(l, owner, CZI_WOKEN_CANCELLED);
}

void czi_locks_withdraw(struct czi_locks *l, struct czi_owner *owner)
{
    struct czi_hold *wants = owner->wants;

    rest(l, owner);
    owner->wants = wants;
    leave(l, owner);
}

void czi_locks_expire(struct czi_locks *l, uint64_t now)
{
    while (l->timer_count && l->timers[0]->deadline <= now)
        give_up(l, l->timers[0], CZI_WOKEN_EXPIRED);
}

uint64_t czi_locks_next_deadline(const struct czi_locks *l)
{
    return l->timer_count ? l->timers[0]->deadline : UINT64_MAX;
}
