/* history.h - the causal graph of all that is acknowledged: events, their links, and questions.
 *
 * Layer: engine. Threads: the engine's thread adds a batch before it is acknowledged; any
 * thread asks. `lock` guards all of it. It is made from the journal when the first question
 * comes (or with options.causal_now when the store is opened), and kept up from then on.
 *
 * An event is an effect or an item of a fact log, numbered from 0 in the order of the journal.
 * The index of reachability is timemap/causal.h; here is what an event is: 1 bit says whether
 * it is an item, 1 whether it was rejected, and each 64th position knows its event.
 */
#ifndef CZI_HISTORY_H
#define CZI_HISTORY_H

#include "engine/core.h"
#include "ledger/record.h"
#include "platform/platform.h"
#include "timemap/causal.h"

#include <stdatomic.h>

struct czi_history {
    struct czi_mutex *lock;
    atomic_bool kept; /* there is a graph, and it has all that is acknowledged */
    struct czi_causal *graph;
    uint32_t events_max;
    uint64_t positions;
    uint32_t items;
    struct czi_buf bases;       /* u32 per 64 positions: the event of the first */
    struct czi_buf is_item;     /* bits by event */
    struct czi_buf is_rejected; /* the same */
    struct czi_buf item_events; /* u32 per item */
    /* Events that are not in the index yet: their predecessors, and how many each has. */
    struct czi_buf preds, counts;
    size_t preds_done, counts_done; /* of those arrays, elements that are in the index */
    uint32_t pending, next;         /* how many wait; the number of the next event */
    _Atomic uint32_t lag;           /* pending, for whoever has no lock */
    bool too_large;
};

CZI_MUST_USE int czi_history_init(struct czi_history *h, uint32_t events_max, cz_error *err);
void czi_history_done(struct czi_history *h); /* of all zero: no-op */

/* The engine's thread: what a batch did, once it is on disk. Without memory, or beyond
 * events_max, the graph is dropped, and the next question makes it again or tells why not. */
void czi_history_batch(struct czi_history *h, const struct czi_book *book,
                       const struct czi_batch *b);

/* Events that may wait for the engine's thread to have time for them: 2 ms of work. */
#define CZI_HISTORY_LAG_MAX 65536u
/* Up to `most` of the events that wait come into the index. The engine's thread calls it when
 * it has nothing else to do: so the index costs others little. */
void czi_history_catch_up(struct czi_history *h, uint32_t most);
/* Takes the lock, with everything in the index; false, without the lock: there is no graph. */
CZI_MUST_USE bool czi_history_lock(struct czi_history *h);

/* While the engine rests, `lock` not held: makes the graph if there is none. CZ_LIMIT,
 * CZ_NOMEM, or what reading the journal gives. */
CZI_MUST_USE int czi_history_ensure(struct czi_history *h, cz_engine *engine, cz_error *err);

/* Under lock, kept. */
uint32_t czi_history_effect(const struct czi_history *h, uint64_t position);
uint32_t czi_history_item(const struct czi_history *h, uint32_t number);
bool czi_history_is_item(const struct czi_history *h, uint32_t event);
bool czi_history_is_rejected(const struct czi_history *h, uint32_t event);
/* The position of an effect's event, or the number of an item's. */
uint64_t czi_history_number(const struct czi_history *h, uint32_t event);

/* Which facts an effect is linked to: the numbers of those it cites that were recorded before
 * it and not left out. Returns how many. */
unsigned czi_linked_facts(const struct czi_book *book, uint32_t items_before,
                          const uint8_t *bytes, const struct czi_effect_view *v,
                          const struct czi_extra *x, uint32_t numbers[CZI_CITATIONS_MAX]);
/* Which items an item is linked to: the block that a fact rests on, the fact that is retracted,
 * the two that a decision is about. At most 2; returns how many. */
unsigned czi_linked_items(const struct czi_book *book, const struct czi_item *item,
                          uint32_t number, uint32_t numbers[2]);

#endif
