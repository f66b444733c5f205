/* lock_model.c - see lock_model.h. */
#include "lock_model.h"

/* ---- What is so ----------------------------------------------------------------------------
 */

static bool conflict(struct model_part a, struct model_part b)
{
    return a.lock == b.lock && (a.write || b.write);
}

static bool holds_against(const struct lock_model *m, unsigned owner, struct model_part want)
{
    const struct model_owner *o = &m->owner[owner];

    for (unsigned i = 0; i < o->hold_count; i++)
        if (conflict(o->holds[i], want))
            return true;
    return false;
}

static bool wants_against(const struct lock_model *m, unsigned owner, struct model_part want)
{
    const struct model_owner *o = &m->owner[owner];

    for (unsigned i = 0; i < o->want_count; i++)
        if (conflict(o->wants[i], want))
            return true;
    return false;
}

/* Nobody holds it, and nobody who came before `arrival` waits for it, in a mode that conflicts.
 */
static bool nobody_is_in_the_way(const struct lock_model *m, struct model_part want,
                                 uint64_t arrival)
{
    for (unsigned i = 0; i < m->owners; i++)
        if (holds_against(m, i, want) ||
            (m->owner[i].arrival < arrival && wants_against(m, i, want)))
            return false;
    return true;
}

bool model_in_use(const struct lock_model *m, unsigned lock)
{
    return !nobody_is_in_the_way(m, (struct model_part){(uint8_t)lock, true}, UINT64_MAX);
}

bool model_available(const struct lock_model *m, struct model_part want)
{
    return nobody_is_in_the_way(m, want, UINT64_MAX);
}

bool model_eligible(const struct lock_model *m, unsigned owner, struct model_part want)
{
    return nobody_is_in_the_way(m, want, m->owner[owner].arrival);
}

static bool watches_for(const struct lock_model *m, unsigned from, unsigned to)
{
    const struct model_owner *o = &m->owner[from];

    for (unsigned i = 0; i < o->need_count; i++) {
        if (holds_against(m, to, o->needs[i]) || wants_against(m, to, o->needs[i]))
            return true;
    }
    return false;
}

bool model_waits_at(const struct lock_model *m, unsigned from, struct model_part want,
                    unsigned to, bool held)
{
    if (held)
        return holds_against(m, to, want);
    if (m->owner[from].state == CZI_OWNER_WATCHING)
        return wants_against(m, to, want);
    return m->owner[to].arrival < m->owner[from].arrival && wants_against(m, to, want);
}

bool model_waits_for(const struct lock_model *m, unsigned from, unsigned to)
{
    const struct model_owner *o = &m->owner[from];

    if (o->state == CZI_OWNER_AWAITING)
        return o->awaits == to;
    if (o->state == CZI_OWNER_WATCHING)
        return watches_for(m, from, to);
    if (o->state != CZI_OWNER_WAITING)
        return false;
    for (unsigned i = 0; i < o->want_count; i++)
        if (model_waits_at(m, from, o->wants[i], to, true) ||
            model_waits_at(m, from, o->wants[i], to, false))
            return true;
    return false;
}

static bool reaches(const struct lock_model *m, unsigned from, unsigned to, bool *seen)
{
    for (unsigned next = 0; next < m->owners; next++) {
        if (seen[next] || !model_waits_for(m, from, next))
            continue;
        if (next == to)
            return true;
        seen[next] = true;
        if (reaches(m, next, to, seen))
            return true;
    }
    return false;
}

static bool waits_for_itself(const struct lock_model *m, unsigned owner)
{
    bool seen[MODEL_OWNERS] = {false};

    return reaches(m, owner, owner, seen);
}

static bool anybody_awaits(const struct lock_model *m)
{
    for (unsigned i = 0; i < m->owners; i++)
        if (m->owner[i].state == CZI_OWNER_AWAITING)
            return true;
    return false;
}

uint64_t model_next_deadline(const struct lock_model *m)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < m->owners; i++)
        if (m->owner[i].state == CZI_OWNER_WAITING)
            first = CZI_MIN(first, m->owner[i].deadline);
    return first;
}

/* ---- What is done --------------------------------------------------------------------------
 */

static void hold(struct lock_model *m, unsigned owner, struct model_part part)
{
    struct model_owner *o = &m->owner[owner];

    CZI_CHECK(o->hold_count < MODEL_HOLDS);
    o->holds[o->hold_count++] = part;
}

static void wake(struct lock_model *m, unsigned owner, enum czi_woken outcome)
{
    m->owner[owner].state = CZI_OWNER_IDLE;
    m->woken[m->woken_count++] = (struct model_woken){(uint8_t)owner, outcome};
}

/* The first in the queue of a lock who has nobody in its way at any lock. */
static unsigned first_grantable(const struct lock_model *m, unsigned lock)
{
    struct model_part any = {(uint8_t)lock, true};
    unsigned first = m->owners;

    for (unsigned i = 0; i < m->owners; i++) {
        const struct model_owner *o = &m->owner[i];
        bool all = o->state == CZI_OWNER_WAITING && wants_against(m, i, any);

        for (unsigned k = 0; all && k < o->want_count; k++)
            all = model_eligible(m, i, o->wants[k]);
        if (all && (first == m->owners || o->arrival < m->owner[first].arrival))
            first = i;
    }
    return first;
}

/* After fewer hold a lock or wait for it. */
static void pass(struct lock_model *m, unsigned lock)
{
    unsigned o;

    while ((o = first_grantable(m, lock)) < m->owners) {
        for (unsigned k = 0; k < m->owner[o].want_count; k++)
            hold(m, o, m->owner[o].wants[k]);
        m->owner[o].want_count = 0;
        wake(m, o, CZI_WOKEN_GRANTED);
    }
}

void model_enqueue(struct lock_model *m, unsigned owner, const struct model_part *wants,
                   unsigned count, uint64_t deadline)
{
    struct model_owner *o = &m->owner[owner];

    o->state = CZI_OWNER_WAITING;
    o->arrival = ++m->arrivals;
    o->deadline = deadline;
    o->want_count = count;
    for (unsigned i = 0; i < count; i++)
        o->wants[i] = wants[i];
}

enum czi_acquired model_acquire(struct lock_model *m, unsigned owner,
                                const struct model_part *wants, unsigned count, bool try,
                                uint64_t deadline)
{
    bool available = true;

    for (unsigned i = 0; i < count; i++)
        available = available && model_available(m, wants[i]);
    if (available) {
        for (unsigned i = 0; i < count; i++)
            hold(m, owner, wants[i]);
        return CZI_GRANTED;
    }
    if (try)
        return CZI_WOULD_WAIT;
    model_enqueue(m, owner, wants, count, deadline);
    if ((!m->owner[owner].hold_count && !anybody_awaits(m)) || !waits_for_itself(m, owner))
        return CZI_QUEUED;
    m->owner[owner].state = CZI_OWNER_IDLE;
    m->owner[owner].want_count = 0;
    return CZI_DEADLOCK;
}

void model_seize(struct lock_model *m, unsigned owner, struct model_part part)
{
    hold(m, owner, part);
}

void model_release(struct lock_model *m, unsigned owner, unsigned number)
{
    struct model_owner *o = &m->owner[owner];
    unsigned lock = o->holds[number].lock;

    for (o->hold_count--; number < o->hold_count; number++)
        o->holds[number] = o->holds[number + 1];
    pass(m, lock);
}

void model_release_all(struct lock_model *m, unsigned owner)
{
    while (m->owner[owner].hold_count)
        model_release(m, owner, m->owner[owner].hold_count - 1);
}

/* One queue after the other, in the order of the request. */
static void leave(struct lock_model *m, unsigned owner, enum czi_woken outcome)
{
    struct model_owner *o = &m->owner[owner];

    wake(m, owner, outcome);
    while (o->want_count) {
        unsigned lock = o->wants[0].lock;

        o->want_count--;
        for (unsigned k = 0; k < o->want_count; k++)
            o->wants[k] = o->wants[k + 1];
        pass(m, lock);
    }
}

void model_cancel(struct lock_model *m, unsigned owner)
{
    leave(m, owner, CZI_WOKEN_CANCELLED);
}

bool model_expire(struct lock_model *m, uint64_t now, const uint8_t *order, unsigned count)
{
    uint64_t first;

    while ((first = model_next_deadline(m)) <= now && first != UINT64_MAX) {
        unsigned i = 0;

        while (i < count && (m->owner[order[i]].state != CZI_OWNER_WAITING ||
                             m->owner[order[i]].deadline != first))
            i++;
        if (i == count)
            return false;
        leave(m, order[i], CZI_WOKEN_EXPIRED);
    }
    return true;
}

bool model_await(struct lock_model *m, unsigned owner, unsigned awaited)
{
    m->owner[owner].state = CZI_OWNER_AWAITING;
    m->owner[owner].awaits = awaited;
    if (!waits_for_itself(m, owner))
        return true;
    m->owner[owner].state = CZI_OWNER_IDLE;
    return false;
}

bool model_watch(struct lock_model *m, unsigned owner, const struct model_part *needs,
                 unsigned count, unsigned watched)
{
    struct model_owner *o = &m->owner[owner];

    o->state = CZI_OWNER_WATCHING;
    o->need_count = count;
    o->watched = watched;
    for (unsigned i = 0; i < count; i++)
        o->needs[i] = needs[i];
    if (!waits_for_itself(m, owner))
        return true;
    o->state = CZI_OWNER_IDLE;
    return false;
}

void model_watch_done(struct lock_model *m, unsigned owner)
{
    m->owner[owner].state = CZI_OWNER_IDLE;
}

void model_await_done(struct lock_model *m, unsigned owner)
{
    m->owner[owner].state = CZI_OWNER_IDLE;
}
