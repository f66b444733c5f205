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
 * False when out of memory, and then nothing has changed. */
CZI_MUST_USE bool czi_causal_add(struct czi_causal *c, const uint32_t *preds, uint32_t count);

/* The same for many: counts[i] predecessors of the i-th, one after another. Returns how many
 * were added. Several times as fast, as what is far in memory is fetched ahead. */
CZI_MUST_USE uint32_t czi_causal_add_many(struct czi_causal *c, const uint32_t *preds,
                                          const uint32_t *counts, uint32_t events);

uint32_t czi_causal_count(const struct czi_causal *c);
/* Bytes that the index occupies now, of everything it keeps. */
size_t czi_causal_bytes(const struct czi_causal *c);

/* Whether a path of at least one link leads from a to b. Both must be there. */
bool czi_causal_before(struct czi_causal *c, uint32_t a, uint32_t b);

/* The links, and words of 64 events, that the last czi_causal_before looked at. At most
 * CZI_CAUSAL_SEARCH_STEPS + (b - a) / 64 + 2 + the links of the events between a and b. */
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
