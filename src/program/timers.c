/* timers.c - a heap with four children a node, ordered by (deadline, sequence). See timers.h.
 */
#include "program/timers.h"

#include "base/alloc.h"
#include "base/error.h"

static bool before(const struct czi_timer_entry *a, const struct czi_timer_entry *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->sequence < b->sequence;
}

static void put(struct czi_timers *ts, uint32_t at, struct czi_timer_entry e)
{
    ts->heap[at] = e;
    e.alarm->place = at + 1;
}

/* e goes to the place `at`, or above it. */
static void up(struct czi_timers *ts, uint32_t at, struct czi_timer_entry e)
{
    while (at > 0 && before(&e, &ts->heap[(at - 1) / 4])) {
        put(ts, at, ts->heap[(at - 1) / 4]);
        at = (at - 1) / 4;
    }
    put(ts, at, e);
}

/* e goes to the place `at`, or below it. */
static void down(struct czi_timers *ts, uint32_t at, struct czi_timer_entry e)
{
    for (;;) {
        uint32_t first = 4 * at + 1, best = first;

        if (first >= ts->count)
            break;
        for (uint32_t i = first + 1; i < ts->count && i < first + 4; i++)
            if (before(&ts->heap[i], &ts->heap[best]))
                best = i;
        if (!before(&ts->heap[best], &e))
            break;
        put(ts, at, ts->heap[best]);
        at = best;
    }
    put(ts, at, e);
}

void czi_timers_done(struct czi_timers *ts)
{
    czi_free(ts->heap);
    *ts = (struct czi_timers){0};
}

/* 4 * at + 1 stays below 2^32. */
#define ROOM_MAX (1u << 30)

int czi_timers_add(struct czi_timers *ts, struct czi_alarm *alarm, uint64_t deadline,
                   cz_error *err)
{
    CZI_CHECK(alarm->place == 0);
    if (ts->count == ts->room) {
        uint32_t room = ts->room ? 2 * ts->room : 64;
        struct czi_timer_entry *heap =
            room > ROOM_MAX ? NULL : czi_realloc(ts->heap, room * sizeof *heap);

        if (!heap)
            return czi_nomem(err, "a timer");
        ts->heap = heap;
        ts->room = room;
    }
    up(ts, ts->count++, (struct czi_timer_entry){deadline, ts->sequence++, alarm});
    return CZ_OK;
}

bool czi_timers_remove(struct czi_timers *ts, struct czi_alarm *alarm)
{
    uint32_t at = alarm->place;
    struct czi_timer_entry last;

    if (at == 0)
        return false;
    at--;
    CZI_CHECK(at < ts->count && ts->heap[at].alarm == alarm);
    alarm->place = 0;
    last = ts->heap[--ts->count];
    if (at == ts->count)
        return true;
    if (at > 0 && before(&last, &ts->heap[(at - 1) / 4]))
        up(ts, at, last);
    else
        down(ts, at, last);
    return true;
}

struct czi_alarm *czi_timers_due(struct czi_timers *ts, uint64_t now)
{
    struct czi_alarm *alarm;

    if (ts->count == 0 || ts->heap[0].deadline > now)
        return NULL;
    alarm = ts->heap[0].alarm;
    (void)czi_timers_remove(ts, alarm);
    return alarm;
}

bool czi_timers_next(const struct czi_timers *ts, uint64_t *ret)
{
    if (ts->count == 0)
        return false;
    *ret = ts->heap[0].deadline;
    return true;
}
