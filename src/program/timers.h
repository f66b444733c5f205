/* timers.h - what is to happen at a time: a heap of deadlines.
 *
 * Layer: program. Thread: one at a time. Deadlines are numbers of any clock. Timers with the
 * same deadline are due in the order in which they were added.
 *
 * Cost: adding, and taking one that is due, touch log4(n) places of 24 bytes; a timer stays
 * where it is and knows its place. What the heap has grown to stays until done.
 */
#ifndef CZI_TIMERS_H
#define CZI_TIMERS_H

#include "base/check.h"
#include "causality/causality.h"

/* Embedded in what is to happen. All zero: not added. */
struct czi_alarm {
    uint32_t place; /* in the heap, from 1; 0: none */
};

struct czi_timer_entry {
    uint64_t deadline, sequence;
    struct czi_alarm *alarm;
};

/* All zero is valid and empty. */
struct czi_timers {
    struct czi_timer_entry *heap;
    uint32_t count, room;
    uint64_t sequence;
};

void czi_timers_done(struct czi_timers *ts);

/* Of one that is not added. CZ_NOMEM. */
CZI_MUST_USE int czi_timers_add(struct czi_timers *ts, struct czi_alarm *alarm,
                                uint64_t deadline, cz_error *err);
/* False: it was not added. */
bool czi_timers_remove(struct czi_timers *ts, struct czi_alarm *alarm);
/* The first one, if its deadline is not after now: it is removed. NULL: none is due. */
struct czi_alarm *czi_timers_due(struct czi_timers *ts, uint64_t now);
/* The earliest deadline; false: there is none. */
bool czi_timers_next(const struct czi_timers *ts, uint64_t *ret);

#endif
