/* engine.h - inside of cz_engine: the runtime around the state machine.
 *
 * Layer: engine. This is where threads, locks and the ledger meet the core.
 *
 * Threads: submitters (any), verifiers of signatures once there are any (verify.h), the
 * engine's thread (owns `step`), and from two threads on a sealer and a persister. A batch that
 * is alone in the pipeline and small goes through all stages on the engine's thread: handing it
 * over would cost more than its work. `lock` guards what is marked below; nothing is computed
 * while it is held.
 */
#ifndef CZI_ENGINE_H
#define CZI_ENGINE_H

#include "engine/find.h"
#include "engine/history.h"
#include "engine/manager.h"
#include "engine/step.h"
#include "engine/verify.h"
#include "engine/watch.h"
#include "engine/workers.h"
#include "platform/platform.h"

#include <stdatomic.h>

/* Batches below this size are not worth a hand-over (measured: 10 to 20 us for two). */
#define CZI_INLINE_ENTRIES 64u

struct czi_channel {
    struct czi_batch *batches[CZI_BATCHES_IN_FLIGHT];
    uint32_t head, count;
    struct czi_cond *cond;
};

/* Results by ticket, under the engine's lock (results.c). */
struct czi_results {
    cz_result *ring; /* ticket 0: none */
    uint32_t max;
    uint32_t parked; /* tickets that wait for a guard, or did and are not acknowledged */
    /* Of such tickets, when newer ones have taken their place in the ring: oldest first. */
    cz_result *late;
    uint32_t late_count, late_room;
};
#define CZI_STATUS_PARKED ((enum cz_status)15) /* in these only: no result yet */

struct cz_engine {
    _Atomic uint32_t refs;
    uint64_t serial; /* registry.h */
    cz_options options;
    bool driven; /* no threads: czi_engine_pump does the work, on the caller's */
    struct czi_manager manager;
    struct czi_history history;
    struct czi_watches watches;
    struct czi_control *control; /* answers other processes; NULL: none */
    struct czi_fs *fs;           /* owned; NULL when the opener's */
    struct czi_ledger *ledger;
    bool in_memory;       /* gone when closed */
    struct czi_step step; /* the engine's thread; readers while it is paused and idle */
    struct czi_pending *pendings;
    struct czi_predecessor known[CZI_CITATIONS_MAX]; /* the answer to LOOK_UP */
    struct czi_finder finder;                        /* the persist stage's */
    struct czi_finder look_up;                       /* the engine's thread's */
    struct czi_workers *workers;                     /* the same; NULL: no guest ran ahead */
    struct czi_finder reader;                        /* under `reading` */
    struct czi_mutex *reading;                       /* one reader at a time */
    uint8_t tip[32];              /* hash of the newest frame; the persist stage's */
    atomic_bool wants_checkpoint; /* the persist stage's word, heard at acknowledging */
    uint64_t saved_positions;     /* at the last checkpoint */

    struct czi_mutex *lock;
    /* All below: under lock. */
    struct czi_cond *wake, *room, *acknowledged;
    uint32_t slots; /* submissions: of the backlog, and those kept for commits */
    uint32_t *free_list;
    uint32_t free_count;
    uint64_t heap_bytes; /* of waiting submissions that are larger than inline */
    struct czi_arrival *inbox, *inbox_other; /* the other one is read by the engine's thread */
    uint32_t inbox_count;
    uint32_t wanted;                /* the engine's thread wakes for so many in the inbox */
    struct czi_verifying verifying; /* before the inbox */
    struct czi_channel to_seal, to_persist;
    struct czi_event notes[2 * CZI_BATCHES_IN_FLIGHT]; /* of the workers */
    uint32_t note_count;
    struct czi_results results;
    uint64_t next_ticket, oldest; /* tickets below oldest are acknowledged, */
    uint64_t out_of_order;        /* and so many above it */
    uint32_t room_wanted;         /* submitters that wait for room */
    uint32_t pauses;
    bool resting; /* the engine's thread waits and nothing is in flight */
    bool closing, workers_stop;
    int stop_code; /* not CZ_OK: stopped for good */
    char stop_detail[CZ_DETAIL_SIZE];
    struct czi_thread *engine_thread, *seal_thread, *persist_thread;
};

static inline void czi_manager_lock(cz_engine *g)
{
    czi_gate_lock(&g->manager.gate);
}

static inline void czi_manager_unlock(cz_engine *g)
{
    const struct czi_locks *l = &g->step.core.parking.locks;

    if (CZI_UNLIKELY(l->woken || l->stirred))
        czi_manager_settle(g);
    czi_gate_unlock(&g->manager.gate);
}

/* cz_open on any file system and index, which stay the caller's (read_only is taken from the
 * options). Tests bring ones that fail on command. */
CZI_MUST_USE int czi_open_store(const struct czi_ledger_options *store,
                                const cz_options *options, cz_engine **ret, cz_error *err);

/* The same without threads: nothing happens but in czi_engine_pump, or while the calling thread
 * waits. Time is manager.now. */
CZI_MUST_USE int czi_open_driven(const struct czi_ledger_options *store,
                                 const cz_options *options, cz_engine **ret, cz_error *err);
/* Does what there is to do now, or with a driver one thing; false when that was nothing. */
bool czi_engine_pump(cz_engine *engine);
/* Of an engine with a driver: a turn of one of the threads that it would have. So the stages of
 * several batches come in any order that threads could bring about. */
enum czi_turn { CZI_TURN_PERSIST, CZI_TURN_SEAL, CZI_TURN_ENGINE, CZI_TURNS };
bool czi_engine_can(cz_engine *engine, enum czi_turn turn);
void czi_engine_turn(cz_engine *engine, enum czi_turn turn); /* which it can */
/* Of an engine that is driven by hand: stops it for good, unless it has stopped. */
void czi_engine_stop(cz_engine *engine, int code, const char *why);

/* cz_submit; under_guards: its submitter holds guards on all that it touches. Then it uses room
 * that is kept for such effects, so that those who wait for the guards cannot be in its way. */
CZI_MUST_USE int czi_submit(cz_engine *engine, const void *bytes, size_t len, bool under_guards,
                            cz_done_fn done, void *arg, uint64_t *ret_ticket, cz_error *err);

/* Queues one item of a fact log whose proof has been verified (domain/domain.h). The result is
 * APPLIED, DUPLICATE, or REJECTED with what the book said; it has no receipt. done may be NULL.
 */
CZI_MUST_USE int czi_submit_item(cz_engine *engine, const void *bytes, size_t len,
                                 cz_done_fn done, void *arg, uint64_t *ret_ticket,
                                 cz_error *err);

/* Until everything submitted before is acknowledged and the engine rests; between the two
 * calls its state may be read. */
CZI_MUST_USE int czi_read_begin(cz_engine *engine, cz_error *err);
void czi_read_end(cz_engine *engine);

/* recover.c */
CZI_MUST_USE int czi_engine_load(cz_engine *engine, cz_error *err);
/* rows.c */
CZI_MUST_USE int czi_engine_checkpoint(cz_engine *engine, bool background, cz_error *err);

/* Under lock. */
/* The result of a ticket. */
void czi_result_put(cz_engine *engine, const cz_result *r, bool was_parked);
/* A ticket waits for a guard and does not hold back others. */
CZI_MUST_USE int czi_result_parked(cz_engine *engine, uint64_t ticket, cz_error *err);
/* NULL: there is none, or it is no longer kept. */
const cz_result *czi_result_find(const cz_engine *engine, uint64_t ticket);
/* A ticket is acknowledged, or needs not be for others to be. */
void czi_ticket_done(cz_engine *engine, uint64_t ticket);

/* Gives the core what it needs for guests (guest_edge.c). */
void czi_engine_serve_guests(cz_engine *g);

/* Whether an effect would be allowed now (ask.c): CZ_OK, or the reason. */
CZI_MUST_USE int czi_ask(cz_engine *g, const uint8_t *bytes, size_t len,
                         const struct czi_effect_view *v, cz_error *err);

#endif
