/* watch.c - see watch.h. */
#include "lock/watch.h"

/* The one with the lower key becomes the root of both. */
static struct czi_watcher *meld(struct czi_watcher *a, struct czi_watcher *b)
{
    struct czi_watcher *t;

    if (!a || !b)
        return a ? a : b;
    if (b->key < a->key) {
        t = a;
        a = b;
        b = t;
    }
    b->next = a->child;
    b->previous = a;
    if (a->child)
        a->child->previous = b;
    a->child = b;
    return a;
}

/* One heap of a list of siblings: in pairs from the left, then all from the right. */
static struct czi_watcher *meld_siblings(struct czi_watcher *first)
{
    struct czi_watcher *pairs = NULL, *root = NULL;

    while (first) {
        struct czi_watcher *a = first, *b = a->next;

        first = b ? b->next : NULL;
        a->next = a->previous = NULL;
        if (b)
            b->next = b->previous = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct czi_watcher *rest = pairs->next;

        pairs->next = NULL;
        root = meld(root, pairs);
        pairs = rest;
    }
    return root;
}

void czi_watchers_add(struct czi_watcher **heap, struct czi_watcher *w)
{
    w->child = w->next = w->previous = NULL;
    *heap = meld(*heap, w);
}

void czi_watchers_remove(struct czi_watcher **heap, struct czi_watcher *w)
{
    struct czi_watcher *below = meld_siblings(w->child);

    if (*heap == w) {
        *heap = below;
        return;
    }
    if (w->previous->child == w)
        w->previous->child = w->next;
    else
        w->previous->next = w->next;
    if (w->next)
        w->next->previous = w->previous;
    *heap = meld(*heap, below);
}

static struct czi_watcher **heap_of(struct czi_lock *lock, const struct czi_watcher *w)
{
    return w->passes ? &lock->passing : &lock->watchers;
}

void czi_watch(struct czi_lock *lock, struct czi_watcher *w, bool passes)
{
    CZI_CHECK(!w->lock);
    w->lock = lock;
    w->passes = passes;
    czi_watchers_add(heap_of(lock, w), w);
}

void czi_watch_pass(struct czi_watcher *w)
{
    if (w->passes)
        return;
    czi_watchers_remove(&w->lock->watchers, w);
    w->passes = true;
    czi_watchers_add(&w->lock->passing, w);
}

void czi_unwatch(struct czi_locks *l, struct czi_watcher *w)
{
    struct czi_lock *lock = w->lock;

    CZI_CHECK(lock);
    w->lock = NULL;
    czi_watchers_remove(heap_of(lock, w), w);
    czi_lock_drop(l, lock);
}

void czi_lock_look(struct czi_lock *lock)
{
    const struct czi_watcher *first;

    do {
        struct czi_watcher *w;

        while ((w = czi_lock_watcher(lock)) != NULL && w->retry(w))
            continue;
        first = w;
        while (w && !w->passes && lock->passing && lock->passing->retry(lock->passing))
            continue;
    } while (czi_lock_watcher(lock) != first); /* it left, while others looked */
}

void czi_owner_watch(struct czi_owner *owner, struct czi_watcher *w)
{
    CZI_CHECK(owner->state == CZI_OWNER_IDLE && !owner->woken);
    owner->state = CZI_OWNER_WATCHING;
    owner->watches = w;
}

void czi_owner_watch_done(struct czi_owner *owner)
{
    CZI_CHECK(owner->state == CZI_OWNER_WATCHING);
    owner->state = CZI_OWNER_IDLE;
    owner->watches = NULL;
}
