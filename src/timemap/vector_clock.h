/* vector_clock.h - logical time within a program: a count of events for each of its tasks.
 *
 * Layer: timemap. Thread: pure functions. Vector time (Fidge 1988, Mattern 1988): with one
 * component for each task, comparing the clocks of two events tells whether one happened before
 * the other. A task's number may be used again by a task that begins after the first one was
 * joined, if all that the new one does follows what the old one did: its first event merges the
 * clock of the number's last event, beside that of the task that forked it. So a clock is as
 * long as the program was wide, at most CZI_CLOCK_TASKS_MAX.
 *
 * Canonical bytes, as a part of receipts: [[task uint, count uint]…], ascending by task, counts
 * not zero.
 */
#ifndef CZI_VECTOR_CLOCK_H
#define CZI_VECTOR_CLOCK_H

#include "base/limits.h"
#include "codec/dag_cbor.h"
#include "timemap/time_map.h"

/* Ascending by task; a task that is not there has count 0. Parts are those of public receipts.
 */
struct czi_vector_clock {
    uint32_t count;
    cz_clock_part parts[CZI_CLOCK_TASKS_MAX];
};

uint64_t czi_clock_get(const struct czi_vector_clock *c, uint32_t task);
/* The task's next event. False, and nothing has changed: the clock is full, or the count. */
CZI_MUST_USE bool czi_clock_increment(struct czi_vector_clock *c, uint32_t task);
/* The greater count of each task. False, and nothing has changed: too many tasks. */
CZI_MUST_USE bool czi_clock_merge(struct czi_vector_clock *c,
                                  const struct czi_vector_clock *other);
enum cz_order czi_clock_compare(const struct czi_vector_clock *a,
                                const struct czi_vector_clock *b);

#define CZI_CLOCK_SIZE_MAX (5 + CZI_CLOCK_TASKS_MAX * (1 + 5 + 9))
/* Writes the canonical bytes; returns behind them. */
uint8_t *czi_clock_put(uint8_t *out, const struct czi_vector_clock *c);
/* Reads them, strictly; errors land in c, and the clock is empty then. */
void czi_clock_read(struct czi_cbor *c, struct czi_vector_clock *ret);

#endif
