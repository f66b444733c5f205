/* causal.h - happened-before over the graph of events, answered from an index (R4).
 *
 * Layer: timemap. Thread: one at a time. Events are numbered from 0 in the order of the
 * journal; each names the events that it follows directly, all of them with lower numbers: the
 * last write of every resource that it read or wrote, the facts that it cites, the effects that
 * it follows, its task's previous effect. Happened-before is reachability over those links.
 * Numbers and links are all that is kept here; what an event is, its owner knows.
 */
#ifndef CZI_CAUSAL_H
#define CZI_CAUSAL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct czi_causal;

/* Links that a query looks at before it sweeps over the events between the two. */
#define CZI_CAUSAL_SEARCH_STEPS 131072u

/* NULL when out of memory. */
struct czi_causal *czi_causal_new(void);
void czi_causal_free(struct czi_causal *c); /* NULL: no-op */

/* Adds event number czi_causal_count(c). preds: in any order, repetition allowed, all lower.
 * False when out of memory or at CZI_EVENTS_MAX, and then nothing has changed. What that costs
 * at once is bounded by the number of its predecessors, but for memory that is asked for in
 * chunks of some 300 KiB. */
CZI_MUST_USE bool czi_causal_add(struct czi_causal *c, const uint32_t *preds, uint32_t count);

/* The same for many, which is the way for batches: what is far in memory is fetched ahead.
 * counts[i] predecessors of the i-th, one event's after the other's. Returns how many were
 * added; the first that was not has changed nothing. */
CZI_MUST_USE uint32_t czi_causal_add_many(struct czi_causal *c, const uint32_t *preds,
                                          const uint32_t *counts, uint32_t events);

uint32_t czi_causal_count(const struct czi_causal *c);
/* Bytes that the index occupies now, of everything it keeps: about 37 an effect with two
 * predecessors, 0.9 MiB at first. */
size_t czi_causal_bytes(const struct czi_causal *c);

/* Whether a path of at least one link leads from a to b. Both must be there. The answer is
 * exact; labels give most of them from a few places in memory, a search from both sides the
 * others, and a sweep over the events between a and b those that would take it too long. */
bool czi_causal_before(struct czi_causal *c, uint32_t a, uint32_t b);

/* How many links, and words of 64 events, the last czi_causal_before looked at: none when
 * labels gave the answer, and never more than CZI_CAUSAL_SEARCH_STEPS + (b - a) / 64 + 2 + the
 * links to predecessors of the events after a up to b. Some 10 nanoseconds each. */
uint64_t czi_causal_steps(const struct czi_causal *c);

/* The direct predecessors of an event, ascending, each once, from the `from`-th on: up to
 * `room` of them go to ret; returns how many there are in all. */
uint32_t czi_causal_preds(const struct czi_causal *c, uint32_t event, uint32_t from,
                          uint32_t *ret, uint32_t room);

/* Walks the direct successors of an event, ascending: *cursor is 0 at the beginning; false: no
 * more. Adding an event ends all walks. */
bool czi_causal_next(const struct czi_causal *c, uint32_t event, uint64_t *cursor,
                     uint32_t *ret);

#endif
