/* lock_fixture.h - a wait queue in one line of text for each act and each claim.
 *
 * Owners are letters, locks are digits, a hold is a mode and a lock: "r0 w1". What comes out is
 * text too, so a test reads as a table of what happens and what is seen then.
 */
#ifndef CZI_LOCK_FIXTURE_H
#define CZI_LOCK_FIXTURE_H

#include "lock/lock.h"
#include "lock/watch.h"
#include "test.h"

#include <string.h>

#define OWNERS 12
#define LOCKS 10
#define TEXT_SIZE 512

struct fixture {
    struct czi_locks l;
    struct czi_owner owner[OWNERS];
    struct czi_lock *lock[LOCKS]; /* by key; NULL: nobody is at it */
    char text[TEXT_SIZE];
};

static inline void fixture_forget(void *arg, uint64_t key)
{
    struct fixture *f = arg;

    assert_non_null(f->lock[key]);
    f->lock[key] = NULL;
}

static inline void fixture_init(struct fixture *f)
{
    *f = (struct fixture){0};
    czi_locks_init(&f->l, fixture_forget, f);
}

static inline struct czi_owner *owner_of(struct fixture *f, char name)
{
    return &f->owner[name - 'A'];
}

static inline char name_of(const struct fixture *f, const struct czi_owner *o)
{
    return (char)('A' + (o - f->owner));
}

static inline struct czi_lock *lock_at(struct fixture *f, unsigned key)
{
    if (!f->lock[key]) {
        f->lock[key] = czi_lock_new(&f->l, key);
        assert_non_null(f->lock[key]);
    }
    return f->lock[key];
}

/* "w0 r1": writes lock 0 and reads lock 1. */
static inline enum czi_acquired request(struct fixture *f, char name, const char *set, bool try,
                                        uint64_t deadline)
{
    struct czi_want wants[LOCKS];
    uint32_t n = 0;

    for (const char *s = set; *s; s += s[2] ? 3 : 2)
        wants[n++] = (struct czi_want){.lock = lock_at(f, (unsigned)(s[1] - '0')),
                                       .mode = *s == 'w' ? CZ_WRITE : CZ_READ};
    return czi_locks_acquire(&f->l, owner_of(f, name), wants, n, try, deadline);
}

static inline enum czi_acquired acquire(struct fixture *f, char name, const char *set)
{
    return request(f, name, set, false, UINT64_MAX);
}

static inline enum czi_acquired try_acquire(struct fixture *f, char name, const char *set)
{
    return request(f, name, set, true, UINT64_MAX);
}

#define granted(f, name, set) assert_int_equal(acquire(f, name, set), CZI_GRANTED)
#define queued(f, name, set) assert_int_equal(acquire(f, name, set), CZI_QUEUED)
#define deadlocked(f, name, set) assert_int_equal(acquire(f, name, set), CZI_DEADLOCK)
#define would_wait(f, name, set) assert_int_equal(try_acquire(f, name, set), CZI_WOULD_WAIT)

static inline void release(struct fixture *f, char name, unsigned key)
{
    struct czi_hold *h = owner_of(f, name)->holds;

    while (h && h->lock->key != key)
        h = h->after;
    assert_non_null(h);
    czi_locks_release(&f->l, h);
}

static inline void release_all(struct fixture *f, char name)
{
    czi_locks_release_all(&f->l, owner_of(f, name));
}

static inline void cancel(struct fixture *f, char name)
{
    czi_locks_cancel(&f->l, owner_of(f, name));
}

/* ---- What is seen --------------------------------------------------------------------------
 */

static inline void say(struct fixture *f, const char *word)
{
    size_t n = strlen(f->text);

    (void)snprintf(f->text + n, sizeof f->text - n, "%s%s", n ? " " : "", word);
}

/* Who was woken since the last call, in order: + granted, - cancelled, ! expired. */
static inline const char *woken(struct fixture *f)
{
    struct czi_owner *o;

    f->text[0] = 0;
    while ((o = czi_locks_take_woken(&f->l))) {
        assert_int_equal(o->state, CZI_OWNER_IDLE);
        say(f, (char[]){name_of(f, o), "+-!"[o->outcome], 0});
    }
    return f->text;
}

/* "Ar Bw": who holds, oldest first; or who waits, with ' behind what is not eligible. */
static inline const char *holders(struct fixture *f, unsigned key)
{
    const struct czi_hold *h = f->lock[key] ? f->lock[key]->holders : NULL;

    f->text[0] = 0;
    while (h && h->next)
        h = h->next;
    for (; h; h = h->prev)
        say(f, (char[]){name_of(f, h->owner), h->mode == CZ_WRITE ? 'w' : 'r', 0});
    return f->text;
}

static inline const char *queue(struct fixture *f, unsigned key)
{
    f->text[0] = 0;
    if (f->lock[key])
        for (const struct czi_hold *h = f->lock[key]->head; h; h = h->next)
            say(f, (char[]){name_of(f, h->owner), h->mode == CZ_WRITE ? 'w' : 'r',
                            h->eligible ? 0 : '\'', 0});
    return f->text;
}

/* "Aw1h Bw0q": A wants to write 1, which B holds; B wants to write 0, for which A waits ahead.
 * "A~": A awaits the next one itself. */
static inline const char *cycle(struct fixture *f)
{
    f->text[0] = 0;
    for (uint32_t i = 0; i < f->l.cycle_count; i++) {
        const struct czi_cycle_step *s = &f->l.cycle[i];
        char name = name_of(f, s->owner);

        if (s->awaits)
            say(f, (char[]){name, '~', 0});
        else
            say(f, (char[]){name, s->wanted == CZ_WRITE ? 'w' : 'r', (char)('0' + s->key),
                            s->held ? 'h' : 'q', 0});
    }
    return f->text;
}

#define assert_woken(f, expected) assert_string_equal(woken(f), expected)
#define assert_holders(f, key, expected) assert_string_equal(holders(f, key), expected)
#define assert_queue(f, key, expected) assert_string_equal(queue(f, key), expected)
#define assert_cycle(f, expected) assert_string_equal(cycle(f), expected)

/* Ends everything that is left; then no lock may be left, since nobody is of use to one. */
static inline void fixture_done(struct fixture *f)
{
    for (unsigned i = 0; i < OWNERS; i++)
        if (f->owner[i].state == CZI_OWNER_WAITING)
            czi_locks_cancel(&f->l, &f->owner[i]);
    for (unsigned i = 0; i < OWNERS; i++)
        czi_locks_release_all(&f->l, &f->owner[i]);
    (void)woken(f);
    assert_int_equal(f->l.live, 0);
    assert_int_equal(f->l.waiting, 0);
    assert_int_equal(f->l.timer_count, 0);
    for (unsigned i = 0; i < LOCKS; i++)
        assert_null(f->lock[i]);
    czi_locks_done(&f->l);
}

#endif
