/* deadlock.c - cycles in the wait-for graph (R10).
 *
 * Layer: lock. See lock.h. Edges are not stored. An owner that waits has one to each owner that
 * holds what it wants in a conflicting mode, and to each that waits for it ahead in one. Of
 * those ahead the nearest writer is enough, or for a writer also the readers behind that one:
 * these wait for what is further ahead in turn.
 *
 * A breadth-first search from the owner that begins to wait, so the cycle that is told is a
 * shortest one. Its queue is a list through the owners: nothing is allocated, and the depth has
 * no bound. Only owners that wait are put on it, which leaves the list of woken ones alone. Of
 * what a walk along a lock's queue passed, `seen` is set until the end of the search, so that
 * readers in a row do not walk it again and again.
 *
 * An owner that watches has the edges of one who would enter the queues of all that it needs
 * now. That it lets other watchers go first is none: who is awaited does not (watch.h).
 */
#include "lock/watch.h"

/* Calls fn with each owner that keeps a waiting hold from being eligible; ends when it says so.
 */
static bool each_blocker(const struct czi_hold *w,
                         bool (*fn)(void *arg, const struct czi_hold *b), void *arg)
{
    const struct czi_hold *h;

    if (w->eligible)
        return false;
    for (h = w->prev; h; h = h->prev) {
        if ((w->mode == CZ_WRITE || h->mode == CZ_WRITE) && fn(arg, h))
            return true;
        if (h->mode == CZ_WRITE)
            return false;
    }
    for (h = w->lock->holders; h; h = h->next)
        if ((w->mode == CZ_WRITE || h->mode == CZ_WRITE) && fn(arg, h))
            return true;
    return false;
}

struct search {
    struct czi_owner *start, *from, *last;
    uint64_t mark;
    bool (*goal)(const void *arg, const struct czi_owner *o); /* NULL: back to the start */
    const void *goal_arg;
    struct czi_owner *found;
};

/* True when the search is where it wanted to be. */
static bool visit(struct search *s, struct czi_owner *to)
{
    if (to == s->start ? s->goal != NULL : to->mark == s->mark || to->state == CZI_OWNER_IDLE)
        return false;
    to->mark = s->mark;
    to->parent = s->from;
    if (s->goal ? s->goal(s->goal_arg, to) : to == s->start) {
        s->found = to;
        return true;
    }
    to->link = NULL;
    s->last->link = to;
    s->last = to;
    return false;
}

/* The owners that a waiting hold waits for, but those that a walk from behind it, or from next
 * to it, has visited. A writer visits the readers ahead too, so it stops at no sign. */
static bool visit_blockers(struct search *s, struct czi_hold *w)
{
    bool writes = w->mode == CZ_WRITE;
    struct czi_hold *h;

    if (w->eligible || w->seen)
        return false;
    w->seen = !writes;
    for (h = w->prev; h; h = h->prev) {
        if (h->mode == CZ_WRITE)
            return visit(s, h->owner);
        if (writes && visit(s, h->owner))
            return true;
        if (h->seen && !writes)
            return false;
        h->seen = true;
    }
    for (h = w->lock->holders; h; h = h->next)
        if ((writes || h->mode == CZ_WRITE) && visit(s, h->owner))
            return true;
    return false;
}

/* Calls fn with each who is in the way of a need of one who watches. */
static bool each_in_the_way(const struct czi_want *need,
                            bool (*fn)(void *arg, const struct czi_hold *b), void *arg)
{
    const struct czi_lock *lock = need->lock;
    bool writes = need->mode == CZ_WRITE;
    const struct czi_hold *h;

    for (h = lock->tail; h; h = h->prev) {
        if ((writes || h->mode == CZ_WRITE) && fn(arg, h))
            return true;
        if (h->mode == CZ_WRITE)
            return false;
    }
    for (h = lock->holders; h; h = h->next)
        if ((writes || h->mode == CZ_WRITE) && fn(arg, h))
            return true;
    return false;
}

static bool visit_hold(void *arg, const struct czi_hold *h)
{
    return visit(arg, h->owner);
}

static bool visit_needs(struct search *s, const struct czi_watcher *w)
{
    struct czi_want need;

    for (uint32_t i = 0; w->need(w, i, &need); i++)
        if (need.lock && each_in_the_way(&need, visit_hold, s))
            return true;
    return false;
}

static bool visit_wants(struct search *s, const struct czi_owner *o)
{
    for (struct czi_hold *w = o->wants; w; w = w->after)
        if (visit_blockers(s, w))
            return true;
    return false;
}

static bool search(struct search *s)
{
    bool found = false;

    for (s->from = s->start; s->from && !found; s->from = s->from->link) {
        if (s->from->state == CZI_OWNER_AWAITING)
            found = visit(s, s->from->awaits);
        else if (s->from->state == CZI_OWNER_WATCHING)
            found = visit_needs(s, s->from->watches);
        else
            found = visit_wants(s, s->from);
    }
    return found;
}

/* What a walk has seen is a row of neighbours, from where it began. */
static void forget_seen(struct search *s)
{
    for (struct czi_owner *o = s->start; o; o = o->link) {
        if (o->state != CZI_OWNER_WAITING)
            continue;
        for (struct czi_hold *w = o->wants; w; w = w->after) {
            w->seen = false;
            for (struct czi_hold *h = w->prev; h && h->seen; h = h->prev)
                h->seen = false;
        }
    }
}

/* ---- Telling the cycle ----------------------------------------------------------------------
 */

struct edge {
    const struct czi_owner *blocker;
    const struct czi_hold *found;
};

static bool is_blocker(void *arg, const struct czi_hold *b)
{
    struct edge *e = arg;

    if (b->owner != e->blocker)
        return false;
    e->found = b;
    return true;
}

static struct czi_cycle_step step_of_watcher(struct czi_owner *from, const struct czi_owner *to)
{
    struct edge e = {to, NULL};
    struct czi_want need;

    for (uint32_t i = 0; from->watches->need(from->watches, i, &need); i++)
        if (need.lock && each_in_the_way(&need, is_blocker, &e))
            break;
    CZI_CHECK(e.found);
    return (struct czi_cycle_step){.owner = from,
                                   .key = need.lock->key,
                                   .wanted = need.mode & 1u,
                                   .held = e.found->granted};
}

static struct czi_cycle_step step_of(struct czi_owner *from, const struct czi_owner *to)
{
    struct czi_cycle_step step = {.owner = from, .awaits = true};
    struct edge e = {to, NULL};

    if (from->state == CZI_OWNER_AWAITING)
        return step;
    if (from->state == CZI_OWNER_WATCHING)
        return step_of_watcher(from, to);
    for (const struct czi_hold *w = from->wants; w && !e.found; w = w->after)
        if (each_blocker(w, is_blocker, &e))
            step = (struct czi_cycle_step){.owner = from,
                                           .key = w->lock->key,
                                           .wanted = w->mode,
                                           .held = e.found->granted};
    return step;
}

static bool cycle_room(struct czi_locks *l, uint32_t count)
{
    struct czi_cycle_step *steps;

    if (count <= l->cycle_room)
        return true;
    steps = czi_realloc(l->cycle, count * sizeof *steps);
    if (!steps)
        return false;
    l->cycle = steps;
    l->cycle_room = count;
    return true;
}

static void tell(struct czi_locks *l, struct czi_owner *start)
{
    struct czi_owner *to = start;
    uint32_t count = 0;

    l->cycle_count = 0;
    do {
        count++;
        to = to->parent;
    } while (to != start);
    if (!cycle_room(l, count))
        return;
    l->cycle_count = count;
    while (count-- > 0) {
        l->cycle[count] = step_of(to->parent, to);
        to = to->parent;
    }
}

bool czi_owner_in_cycle(struct czi_locks *l, struct czi_owner *owner)
{
    struct search s = {.start = owner, .last = owner, .mark = ++l->mark};
    bool found;

    CZI_CHECK(owner->state != CZI_OWNER_IDLE);
    owner->link = NULL;
    owner->mark = s.mark;
    found = search(&s);
    forget_seen(&s);
    if (found)
        tell(l, owner);
    return found;
}

struct czi_owner *czi_owner_reaches(struct czi_locks *l, struct czi_owner *owner,
                                    bool (*goal)(const void *arg, const struct czi_owner *o),
                                    const void *arg)
{
    struct search s = {
        .start = owner, .last = owner, .mark = ++l->mark, .goal = goal, .goal_arg = arg};

    if (owner->state == CZI_OWNER_IDLE)
        return NULL;
    owner->link = NULL;
    owner->mark = s.mark;
    (void)search(&s);
    forget_seen(&s);
    return s.found;
}

bool czi_owner_await(struct czi_locks *l, struct czi_owner *owner, struct czi_owner *awaited)
{
    /* Who does not wait has no edges. */
    bool may_block =
        owner == awaited || (awaited->state != CZI_OWNER_IDLE && czi_owner_may_block(l, owner));

    CZI_CHECK(owner->state == CZI_OWNER_IDLE && !owner->woken);
    owner->state = CZI_OWNER_AWAITING;
    owner->awaits = awaited;
    awaited->is_awaited = true;
    l->awaiting++;
    if (!may_block || !czi_owner_in_cycle(l, owner))
        return true;
    czi_owner_await_done(l, owner);
    return false;
}

void czi_owner_await_done(struct czi_locks *l, struct czi_owner *owner)
{
    CZI_CHECK(owner->state == CZI_OWNER_AWAITING);
    l->awaiting--;
    owner->state = CZI_OWNER_IDLE;
    owner->awaits = NULL;
}
