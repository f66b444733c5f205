/* deadlock.c - cycles in the wait-for graph (R10).
 *
 * Layer: lock. See lock.h. Edges are not stored. An owner that waits has one to each owner that
 * holds what it wants in a conflicting mode, and to each that waits for it ahead in one. Of
 * those ahead the nearest writer is enough, or for a writer also the readers behind that one:
 * these wait for what is further ahead in turn.
 *
 * A depth-first search from the owner that begins to wait. The stack is a list through the
 * owners, so nothing is allocated and the depth has no bound. Only owners that wait are put on
 * it, which leaves the list of woken ones alone.
 */
#include "lock/lock.h"

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
    struct czi_owner *start, *from, *stack;
    uint64_t mark;
};

/* True when the search is back where it began. */
static bool visit(void *arg, struct czi_owner *to)
{
    struct search *s = arg;

    if (to != s->start && (to->mark == s->mark || to->state == CZI_OWNER_IDLE))
        return false;
    to->mark = s->mark;
    to->parent = s->from;
    if (to == s->start)
        return true;
    to->link = s->stack;
    s->stack = to;
    return false;
}

static bool visit_blocker(void *arg, const struct czi_hold *b)
{
    return visit(arg, b->owner);
}

static bool search(struct search *s)
{
    s->from = s->start;
    for (;;) {
        if (s->from->state == CZI_OWNER_AWAITING) {
            if (visit(s, s->from->awaits))
                return true;
        } else {
            for (const struct czi_hold *w = s->from->wants; w; w = w->after)
                if (each_blocker(w, visit_blocker, s))
                    return true;
        }
        if (!s->stack)
            return false;
        s->from = s->stack;
        s->stack = s->from->link;
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

static struct czi_cycle_step step_of(struct czi_owner *from, const struct czi_owner *to)
{
    struct czi_cycle_step step = {.owner = from, .awaits = true};
    struct edge e = {to, NULL};

    if (from->state == CZI_OWNER_AWAITING)
        return step;
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
    struct search s = {.start = owner, .mark = ++l->mark};

    CZI_CHECK(owner->state != CZI_OWNER_IDLE);
    if (!search(&s))
        return false;
    tell(l, owner);
    return true;
}

bool czi_owner_await(struct czi_locks *l, struct czi_owner *owner, struct czi_owner *awaited)
{
    CZI_CHECK(owner->state == CZI_OWNER_IDLE && !owner->woken);
    owner->state = CZI_OWNER_AWAITING;
    owner->awaits = awaited;
    if (!owner->holds || !czi_owner_in_cycle(l, owner))
        return true;
    czi_owner_await_done(owner);
    return false;
}

void czi_owner_await_done(struct czi_owner *owner)
{
    CZI_CHECK(owner->state == CZI_OWNER_AWAITING);
    owner->state = CZI_OWNER_IDLE;
    owner->awaits = NULL;
}
