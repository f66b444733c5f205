/* engine.c - the runtime: opening, threads, performing the updates of the state machine.
 *
 * Layer: engine. See engine.h for threads and locks, step.h for the order of stages.
 */
#include "engine/engine.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/cite.h"
#include "engine/control.h"
#include "engine/placement.h"
#include "engine/seal.h"
#include "platform/simulated.h"

/* ---- Stopping ------------------------------------------------------------------------------
 */

/* Stops the engine for good with the first error; later ones are consequences. */
static void stop(cz_engine *g, int code, const cz_error *err)
{
    czi_mutex_lock(g->lock);
    if (!g->stop_code) {
        g->stop_code = code;
        memcpy(g->stop_detail, err->detail, sizeof g->stop_detail);
    }
    czi_cond_broadcast(g->wake);
    czi_cond_broadcast(g->room);
    czi_cond_broadcast(g->acknowledged);
    czi_cond_broadcast(g->to_seal.cond);
    czi_cond_broadcast(g->to_persist.cond);
    czi_verifying_wake(g);
    czi_mutex_unlock(g->lock);
}

/* ---- Stages --------------------------------------------------------------------------------
 */

/* Answers an entry whose nonce was used: the same effect, or a conflict. Meanwhile look_up may
 * go over the batch, and must only see that this is no effect of it. */
static int resolve(cz_engine *g, struct czi_entry *e, cz_id *ret_receipt, cz_id *ret_id,
                   cz_error *err)
{
    int rc;

    czi_blake3(e->pending->bytes, e->pending->len, ret_id->bytes);
    rc = czi_find_effect(&g->finder, ret_id, err);
    if (rc == CZ_NOT_FOUND) {
        __atomic_store_n(&e->status, CZI_ENTRY_CONFLICT, __ATOMIC_RELAXED);
        return CZ_OK;
    }
    if (rc)
        return rc;
    __atomic_store_n(&e->status, CZI_ENTRY_DUPLICATE, __ATOMIC_RELAXED);
    e->first_position = g->finder.record.outcome.position;
    e->reason = g->finder.record.outcome.reason;
    *ret_receipt = g->finder.receipt;
    return CZ_OK;
}

static int seal(cz_engine *g, struct czi_batch *b, cz_error *err)
{
    int rc = czi_seal_payload(b, err);

    if (!rc)
        czi_seal(&g->step.core, b);
    return rc;
}

/* Completes the frames of some batches and makes them durable together. A batch of nothing but
 * duplicates has no frame. */
static int write_frames(cz_engine *g, struct czi_batch *const *batches, uint32_t count,
                        cz_error *err)
{
    struct czi_piece pieces[CZI_BATCHES_IN_FLIGHT];
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct czi_batch *b = batches[i];

        if (b->position_count + b->fact_count == 0)
            continue;
        czi_seal_frame(b, g->tip);
        memcpy(g->tip, b->frame_hash, sizeof g->tip);
        pieces[n++] = (struct czi_piece){b->frame.data, b->frame.len, b->effect_ids};
    }
    return n ? czi_ledger_append(g->ledger, pieces, n, err) : CZ_OK;
}

/* Behind the positioned ones, the ids and receipts of those that are looked up. */
static int answer_look_ups(cz_engine *g, struct czi_batch *b, cz_error *err)
{
    uint32_t row = b->position_count;
    int rc = CZ_OK;

    for (uint32_t i = 0; i < b->entry_count && b->look_ups && !rc; i++)
        if (b->entries[i].status == CZI_ENTRY_LOOK_UP) {
            b->entries[i].number = row;
            rc = resolve(g, &b->entries[i], &b->receipt_ids[row], &b->effect_ids[row], err);
            row++;
        }
    return rc;
}

static int persist(cz_engine *g, struct czi_batch *const *batches, uint32_t count,
                   cz_error *err)
{
    int rc = write_frames(g, batches, count, err);

    for (uint32_t i = 0; i < count && !rc; i++)
        rc = answer_look_ups(g, batches[i], err);
    atomic_store(&g->wants_checkpoint, czi_ledger_wants_checkpoint(g->ledger));
    return rc;
}

static cz_result result_of(const struct czi_batch *b, const struct czi_entry *e)
{
    cz_result r = {.ticket = e->pending->ticket, .status = CZ_STATUS_APPLIED};

    if (e->pending->is_item || czi_pending_refused(e->pending)) {
        r.effect = e->pending->item_id;
        if (e->status == CZI_ENTRY_DUPLICATE)
            r.status = CZ_STATUS_DUPLICATE;
        if (e->status == CZI_ENTRY_REFUSED) {
            r.status = CZ_STATUS_REJECTED;
            r.reason = (enum cz_reason)e->reason;
        }
        return r;
    }
    r.effect = b->effect_ids[e->number];
    if (e->status == CZI_ENTRY_CONFLICT) {
        r.status = CZ_STATUS_REJECTED;
        r.reason = CZ_NONCE;
        return r;
    }
    r.receipt = b->receipt_ids[e->number];
    r.has_receipt = true;
    r.reason = (enum cz_reason)e->reason;
    r.position = b->first_position + e->number;
    if (e->reason)
        r.status = CZ_STATUS_REJECTED;
    if (e->status == CZI_ENTRY_DUPLICATE) {
        r.status = CZ_STATUS_DUPLICATE;
        r.position = e->first_position;
    }
    return r;
}

/* Under lock: the slot is free again. */
static void release(cz_engine *g, struct czi_pending *p)
{
    if (p->bytes != p->inline_bytes) {
        g->heap_bytes -= p->len;
        czi_free(p->bytes);
    }
    p->in_use = false;
    g->free_list[g->free_count++] = (uint32_t)(p - g->pendings);
}

static int acknowledge(cz_engine *g, struct czi_batch *b, cz_error *err)
{
    enum { GROUP = 256 };
    int rc;

    /* First, so that who is told of an effect can ask what it follows. */
    czi_history_batch(&g->history, g->step.core.book, b);
    czi_watches_batch(g, b);
    for (uint32_t i = 0; i < b->entry_count; i += GROUP) {
        uint32_t end = CZI_MIN(b->entry_count, i + GROUP);

        czi_mutex_lock(g->lock);
        for (uint32_t k = i; k < end; k++) {
            if (k + 8 < b->entry_count)
                __builtin_prefetch(&b->entries[k + 8].pending->ticket);
            cz_result r = result_of(b, &b->entries[k]);

            czi_result_put(g, &r, b->entries[k].pending->was_parked);
        }
        czi_mutex_unlock(g->lock);
        for (uint32_t k = i; k < end; k++) {
            const struct czi_pending *p = b->entries[k].pending;

            if (CZI_UNLIKELY(czi_watches_look(&g->watches)))
                czi_watches_entry(g, b, k);
            if (p->done) {
                cz_result r = result_of(b, &b->entries[k]);

                p->done(p->arg, &r);
            }
        }
        czi_mutex_lock(g->lock);
        for (uint32_t k = i; k < end; k++) {
            if (CZI_LIKELY(!b->entries[k].pending->was_parked))
                czi_ticket_done(g, b->entries[k].pending->ticket);
            release(g, b->entries[k].pending);
        }
        czi_mutex_unlock(g->lock);
    }
    for (uint32_t i = 0; i < b->entry_count && b->look_ups + b->fact_count; i++)
        g->step.core.duplicates += b->entries[i].status == CZI_ENTRY_DUPLICATE;
    czi_mutex_lock(g->lock);
    /* Once a batch: waking submitters for every few slots would cost more than their work. */
    if (g->room_wanted)
        czi_cond_broadcast(g->room);
    czi_cond_broadcast(g->acknowledged);
    czi_mutex_unlock(g->lock);
    czi_manager_acked(g, b->first_position + b->position_count - 1, b->number);
    rc = czi_watches_batch_done(g, b, err);
    if (b->fact_count)
        czi_manager_items(g, g->watches.facts);
    return rc;
}

/* ---- Worker threads
 * -------------------------------------------------------------------------- */

static void channel_put(cz_engine *g, struct czi_channel *c, struct czi_batch *b)
{
    czi_mutex_lock(g->lock);
    CZI_CHECK(c->count < CZI_BATCHES_IN_FLIGHT);
    c->batches[(c->head + c->count++) % CZI_BATCHES_IN_FLIGHT] = b;
    czi_cond_signal(c->cond);
    czi_mutex_unlock(g->lock);
}

/* Waits for batches and takes up to max of them, in order; 0 when the workers shall end. */
static uint32_t channel_take(cz_engine *g, struct czi_channel *c, struct czi_batch **ret,
                             uint32_t max)
{
    uint32_t n = 0;

    czi_mutex_lock(g->lock);
    while (!c->count && !g->workers_stop && !g->stop_code)
        czi_cond_wait(c->cond, g->lock);
    while (c->count && n < max && !g->stop_code) {
        ret[n++] = c->batches[c->head];
        c->head = (c->head + 1) % CZI_BATCHES_IN_FLIGHT;
        c->count--;
    }
    czi_mutex_unlock(g->lock);
    return n;
}

static void note(cz_engine *g, enum czi_event_type type, struct czi_batch *b)
{
    czi_mutex_lock(g->lock);
    CZI_CHECK(g->note_count < CZI_COUNTOF(g->notes));
    g->notes[g->note_count++] = (struct czi_event){.type = type, .batch = b};
    czi_cond_signal(g->wake);
    czi_mutex_unlock(g->lock);
}

/* False: the thread shall end. */
static bool seal_next(cz_engine *g)
{
    struct czi_batch *b;
    cz_error err = {0};

    if (!channel_take(g, &g->to_seal, &b, 1))
        return false;
    if (seal(g, b, &err))
        stop(g, CZ_NOMEM, &err);
    else
        note(g, CZI_EVENT_SEALED, b);
    return true;
}

static void sealer(void *arg)
{
    while (seal_next(arg))
        continue;
}

/* Whatever was sealed while the disk was busy goes to it at once: group commit. */
static bool persist_next(cz_engine *g)
{
    struct czi_batch *batches[CZI_BATCHES_IN_FLIGHT];
    cz_error err = {0};
    uint32_t n = channel_take(g, &g->to_persist, batches, CZI_BATCHES_IN_FLIGHT);
    int rc = n ? persist(g, batches, n, &err) : CZ_OK;

    if (rc)
        stop(g, rc, &err);
    for (uint32_t i = 0; i < n && !rc; i++)
        note(g, CZI_EVENT_PERSISTED, batches[i]);
    return n > 0;
}

static void persister(void *arg)
{
    while (persist_next(arg))
        continue;
}

/* ---- The engine's thread
 * ---------------------------------------------------------------------- */

/* What is known of one predecessor: in a batch under way, or in the journal. */
static int look_up(cz_engine *g, const cz_id *id, struct czi_predecessor *ret, cz_error *err)
{
    struct czi_step *s = &g->step;
    int rc;

    *ret = (struct czi_predecessor){0};
    if (czi_parked_count(&s->core)) {
        czi_manager_lock(g);
        ret->parked = czi_parked_find(&s->core, id);
        czi_manager_unlock(g);
    }
    if (ret->parked)
        return CZ_OK;
    for (unsigned i = 0; i < CZI_BATCHES_IN_FLIGHT; i++) {
        const struct czi_batch *b = s->all[i];

        for (uint32_t k = 0; k < b->entry_count; k++) {
            const struct czi_entry *e = &b->entries[k];

            if (__atomic_load_n(&e->status, __ATOMIC_RELAXED) == CZI_ENTRY_EFFECT &&
                e->number < b->position_count && czi_id_equal(&b->effect_ids[e->number], id)) {
                const struct czi_extra *x = czi_entry_extra(b, e);

                *ret = (struct czi_predecessor){.applied = e->reason == CZ_APPLIED,
                                                .lamport = e->lamport,
                                                .position = b->first_position + e->number,
                                                .clock = czi_clock_ref(x ? x->clock : NULL)};
                return CZ_OK;
            }
        }
    }
    rc = czi_find_effect(&g->look_up, id, err);
    if (rc == CZ_NOT_FOUND)
        return CZ_OK;
    return rc ? rc : czi_predecessor_of(&g->look_up.record.outcome, ret, err);
}

struct local_events {
    struct czi_event events[4 * CZI_BATCHES_IN_FLIGHT + 4];
    uint32_t head, count;
};

static void push(struct local_events *l, struct czi_event e)
{
    CZI_CHECK(l->count < CZI_COUNTOF(l->events));
    l->events[(l->head + l->count++) % CZI_COUNTOF(l->events)] = e;
}

/* A batch alone in the pipeline and small is not worth a hand-over. */
static bool stays_here(const cz_engine *g, const struct czi_batch *b)
{
    if (g->options.threads == 1)
        return !g->manager.driver;
    return czi_step_in_flight(&g->step) == 1 && b->entry_count < CZI_INLINE_ENTRIES;
}

/* g->known has the answers until the step takes them over. */
static int perform_look_up(cz_engine *g, const struct czi_pending *p, struct local_events *l,
                           cz_error *err)
{
    int rc = CZ_OK;

    for (unsigned i = 0; i < p->view.after_count && !rc; i++) {
        cz_id id;

        memcpy(&id, czi_effect_after(p->bytes, &p->view, i), sizeof id);
        rc = look_up(g, &id, &g->known[i], err);
    }
    push(l, (struct czi_event){.type = CZI_EVENT_KNOWN, .predecessors = g->known});
    return rc;
}

static int perform(cz_engine *g, const struct czi_update *u, struct local_events *l,
                   cz_error *err)
{
    int rc;

    switch (u->type) {
    case CZI_UPDATE_SEAL:
        if (!stays_here(g, u->batch)) {
            channel_put(g, &g->to_seal, u->batch);
            return CZ_OK;
        }
        rc = seal(g, u->batch, err);
        push(l, (struct czi_event){.type = CZI_EVENT_SEALED, .batch = u->batch});
        return rc;
    case CZI_UPDATE_PERSIST:
        if (!stays_here(g, u->batch)) {
            channel_put(g, &g->to_persist, u->batch);
            return CZ_OK;
        }
        rc = persist(g, &u->batch, 1, err);
        push(l, (struct czi_event){.type = CZI_EVENT_PERSISTED, .batch = u->batch});
        return rc;
    case CZI_UPDATE_ACKNOWLEDGE:
        rc = acknowledge(g, u->batch, err);
        push(l, (struct czi_event){.type = CZI_EVENT_ACKNOWLEDGED, .batch = u->batch});
        if (atomic_load(&g->wants_checkpoint))
            g->step.wants_checkpoint = true;
        return rc;
    case CZI_UPDATE_LOOK_UP:
        return perform_look_up(g, u->pending, l, err);
    case CZI_UPDATE_CHECKPOINT:
        rc = czi_engine_checkpoint(g, true, err);
        push(l, (struct czi_event){.type = CZI_EVENT_RESUME});
        return rc;
    }
    return CZ_OK;
}

/* Under lock: takes what workers and submitters have left. */
static void collect(cz_engine *g, struct local_events *l)
{
    struct czi_arrival *other = g->inbox;

    for (uint32_t i = 0; i < g->note_count; i++)
        push(l, g->notes[i]);
    g->note_count = 0;
    push(l, (struct czi_event){.type = CZI_EVENT_ADMIT,
                               .arrivals = g->inbox,
                               .count = g->inbox_count});
    g->inbox = g->inbox_other;
    g->inbox_other = other;
    g->inbox_count = 0;
}

/* Events that come into the causal index before the thread looks for other work again: 30 us.
 */
#define CATCH_UP 1024u

/* Waits for something to do; false when the thread shall end. */
static bool gather(cz_engine *g, struct local_events *l)
{
    struct czi_step *s = &g->step;
    bool end;

    czi_mutex_lock(g->lock);
    for (;;) {
        bool idle = czi_step_in_flight(s) == 0;
        bool waiting = g->inbox_count + g->verifying.count + czi_step_waiting(s) > 0;

        s->paused = g->pauses > 0;
        g->wanted = czi_step_wanted(s);
        end = g->stop_code ||
              (g->closing && idle && !waiting && !czi_parked_count(&s->core) && !g->note_count);
        if (end || g->note_count || g->inbox_count >= g->wanted ||
            (!g->pauses && czi_watches_look(&g->watches)))
            break;
        g->resting = idle && (g->pauses || !waiting);
        if (g->resting)
            czi_cond_broadcast(g->acknowledged);
        if (!g->pauses && atomic_load(&g->history.lag)) {
            czi_mutex_unlock(g->lock);
            czi_history_catch_up(&g->history, CATCH_UP);
            czi_mutex_lock(g->lock);
            continue;
        }
        czi_cond_wait(g->wake, g->lock);
    }
    g->resting = false;
    collect(g, l);
    czi_mutex_unlock(g->lock);
    return !end;
}

static void join_workers(cz_engine *g)
{
    czi_mutex_lock(g->lock);
    g->workers_stop = true;
    czi_cond_broadcast(g->to_seal.cond);
    czi_cond_broadcast(g->to_persist.cond);
    czi_verifying_wake(g);
    czi_mutex_unlock(g->lock);
    czi_verifying_join(g);
    czi_thread_join(g->seal_thread);
    czi_thread_join(g->persist_thread);
    g->seal_thread = g->persist_thread = NULL;
}

/* After a stop: whoever wants to be called back learns that nothing is known. */
static void call_back_unknown(cz_engine *g)
{
    for (uint32_t i = 0; i < g->slots; i++) {
        struct czi_pending *p = &g->pendings[i];
        cz_result r = {.ticket = p->ticket, .status = CZ_STATUS_UNKNOWN};

        if (p->in_use && p->done)
            p->done(p->arg, &r);
    }
}

/* One event: a step of the state machine, and what it asks for. */
static int handle(cz_engine *g, const struct czi_event *e, struct local_events *l,
                  cz_error *err)
{
    struct czi_update updates[CZI_UPDATES_MAX];
    uint32_t n;
    int rc;

    czi_manager_lock(g);
    rc = czi_step(&g->step, e, err);
    if (e->type == CZI_EVENT_KNOWN)
        memset(g->known, 0, sizeof g->known); /* the step's now */
    if (!rc)
        rc = czi_report_parked(g, err);
    czi_manager_unlock(g);
    n = g->step.update_count;
    memcpy(updates, g->step.updates, n * sizeof *updates);
    for (uint32_t i = 0; i < n && !rc; i++)
        rc = perform(g, &updates[i], l, err);
    return rc;
}

/* Handles events until none is left; after an error the engine has stopped. */
static void handle_all(cz_engine *g, struct local_events *l)
{
    cz_error err = {0};

    while (l->count) {
        struct czi_event e = l->events[l->head];
        int rc;

        l->head = (l->head + 1) % CZI_COUNTOF(l->events);
        l->count--;
        rc = handle(g, &e, l, &err);
        if (rc) {
            stop(g, rc, &err);
            l->count = 0;
        }
    }
}

/* After a stop: nobody waits any longer. */
static void let_go(cz_engine *g)
{
    czi_manager_close(g, false);
    call_back_unknown(g);
    czi_watches_close(g);
}

static void engine_main(void *arg)
{
    cz_engine *g = arg;
    struct local_events l = {0};

    while (gather(g, &l)) {
        czi_watches_begin(g);
        handle_all(g, &l);
    }
    join_workers(g);
    if (g->stop_code)
        let_go(g);
    else
        czi_watches_close(g);
}

static void run_engine(cz_engine *g)
{
    struct local_events l = {0};

    czi_watches_begin(g);
    collect(g, &l);
    handle_all(g, &l);
    if (g->stop_code)
        let_go(g);
}

bool czi_engine_can(cz_engine *g, enum czi_turn turn)
{
    CZI_CHECK(g->driven);
    if (g->stop_code)
        return false;
    if (turn != CZI_TURN_ENGINE)
        return (turn == CZI_TURN_SEAL ? &g->to_seal : &g->to_persist)->count > 0;
    g->step.paused = g->pauses > 0;
    return g->note_count || g->inbox_count >= czi_step_wanted(&g->step) ||
           (!g->pauses && czi_watches_look(&g->watches));
}

void czi_engine_turn(cz_engine *g, enum czi_turn turn)
{
    bool worked = true;

    CZI_CHECK(czi_engine_can(g, turn));
    if (turn == CZI_TURN_ENGINE) {
        run_engine(g);
        return;
    }
    worked = turn == CZI_TURN_SEAL ? seal_next(g) : persist_next(g);
    CZI_CHECK(worked);
    if (g->stop_code)
        let_go(g);
}

bool czi_engine_pump(cz_engine *g)
{
    struct czi_driver *driver = g->manager.driver;

    if (g->stop_code)
        return false;
    if (driver)
        return driver->step(driver);
    if (!czi_engine_can(g, CZI_TURN_ENGINE))
        return false;
    run_engine(g);
    return true;
}

void czi_engine_stop(cz_engine *g, int code, const char *why)
{
    cz_error err = {0};

    CZI_CHECK(g->driven);
    if (g->stop_code)
        return;
    stop(g, czi_fail(&err, code, "%s", why), &err);
    let_go(g);
}

/* ---- Opening and closing
 * ---------------------------------------------------------------------- */

static void settle(void *arg)
{
    czi_manager_settle(arg);
}

static int make_memory(cz_engine *g, cz_error *err)
{
    uint32_t n = g->options.backlog_max + CZI_COMMITS_MAX;

    g->slots = n;
    g->pendings = czi_pages_take(n * sizeof *g->pendings);
    g->free_list = czi_alloc(n * sizeof *g->free_list);
    g->results.max = CZI_MIN(2 * n, CZI_RESULTS_KEPT);
    g->results.ring = czi_alloc_zero(g->results.max, sizeof *g->results.ring);
    g->inbox = czi_alloc(n * sizeof *g->inbox);
    g->inbox_other = czi_alloc(n * sizeof *g->inbox);
    g->lock = czi_mutex_new();
    g->reading = czi_mutex_new();
    g->wake = czi_cond_new();
    g->room = czi_cond_new();
    g->acknowledged = czi_cond_new();
    g->to_seal.cond = czi_cond_new();
    g->to_persist.cond = czi_cond_new();
    if (!g->pendings || !g->free_list || !g->results.ring || !g->inbox || !g->inbox_other ||
        !g->lock || !g->reading || !g->wake || !g->room || !g->acknowledged ||
        !g->to_seal.cond || !g->to_persist.cond)
        return czi_nomem(err, "an engine");
    while (g->free_count < n) {
        g->free_list[g->free_count] = n - 1 - g->free_count;
        g->free_count++;
    }
    g->next_ticket = g->oldest = 1;
    return CZ_OK;
}

static int start_threads(cz_engine *g, cz_error *err)
{
    int rc = CZ_OK;

    if (g->options.read_only || g->driven)
        return CZ_OK;
    if (g->options.threads > 1)
        rc = czi_thread_start(&g->seal_thread, sealer, g, "cz-seal", err);
    if (g->options.threads > 1 && !rc)
        rc = czi_thread_start(&g->persist_thread, persister, g, "cz-persist", err);
    if (!rc)
        rc = czi_thread_start(&g->engine_thread, engine_main, g, "cz-engine", err);
    return rc;
}

/* Everything but the threads is gone; keeps the first error. */
static int free_engine(cz_engine *g, int rc, cz_error *err)
{
    cz_error late = {0};
    int closed;

    czi_finder_done(&g->finder);
    czi_finder_done(&g->look_up);
    czi_finder_done(&g->reader);
    for (uint32_t i = 0; g->pendings && i < g->slots; i++)
        if (g->pendings[i].in_use && g->pendings[i].bytes != g->pendings[i].inline_bytes)
            czi_free(g->pendings[i].bytes);
    closed = czi_ledger_close(g->ledger, &late);
    if (!rc && closed) {
        rc = closed;
        if (err)
            *err = late;
    }
    if (g->fs)
        g->fs->ops->free(g->fs);
    czi_manager_done(g);
    czi_history_done(&g->history);
    czi_predecessors_done(g->known, CZI_CITATIONS_MAX);
    czi_watches_done(&g->watches);
    czi_workers_free(g->workers);
    czi_step_done(&g->step);
    czi_pages_give(g->pendings, g->slots * sizeof *g->pendings);
    czi_free(g->free_list);
    czi_free(g->results.ring);
    czi_free(g->results.late);
    czi_free(g->inbox);
    czi_free(g->inbox_other);
    czi_cond_free(g->wake);
    czi_cond_free(g->room);
    czi_cond_free(g->acknowledged);
    czi_cond_free(g->to_seal.cond);
    czi_cond_free(g->to_persist.cond);
    czi_verifying_done(&g->verifying);
    czi_mutex_free(g->lock);
    czi_mutex_free(g->reading);
    if (g->manager.driver)
        g->manager.driver->gone(g->manager.driver);
    czi_free(g);
    return rc;
}

static int check_options(cz_options *o, cz_error *err)
{
    if (o->batch_max > CZI_BATCH_ENTRIES_MAX || o->backlog_max > CZI_BACKLOG_MAX ||
        o->threads > CZI_THREADS_MAX)
        return czi_fail(err, CZ_LIMIT,
                        "options: at most %u threads, batches of %u, a backlog of %u",
                        CZI_THREADS_MAX, CZI_BATCH_ENTRIES_MAX, CZI_BACKLOG_MAX);
    if (o->causal_max > CZI_EVENTS_MAX)
        return czi_fail(err, CZ_LIMIT, "options: the causal index holds at most %u events",
                        CZI_EVENTS_MAX);
    if (!o->causal_max)
        o->causal_max = CZI_CAUSAL_EVENTS_DEFAULT;
    if (!o->threads)
        o->threads = CZI_MIN(czi_cpu_count(), CZI_THREADS_MAX);
    if (!o->batch_max)
        o->batch_max = CZI_BATCH_ENTRIES_DEFAULT;
    if (!o->backlog_max)
        o->backlog_max = CZI_BACKLOG_MAX;
    return CZ_OK;
}

int cz_init(const char *dir, cz_error *err)
{
    struct czi_fs *fs;
    int rc = czi_fs_posix(dir, &fs, err);

    if (rc)
        return rc;
    rc = czi_ledger_create(fs, err);
    fs->ops->free(fs);
    return rc;
}

static int open_store(const struct czi_ledger_options *store, const cz_options *options,
                      bool driven, cz_engine **ret, cz_error *err)
{
    struct czi_ledger_options ledger = *store;
    cz_engine *g = czi_alloc_zero(1, sizeof *g);
    int rc;

    if (!g)
        return czi_nomem(err, "an engine");
    if (options)
        g->options = *options;
    g->driven = driven;
    if (driven)
        g->options.threads = 1;
    atomic_init(&g->refs, 1);
    rc = check_options(&g->options, err);
    if (!rc)
        rc = make_memory(g, err);
    if (!rc)
        rc = czi_manager_init(g, err);
    if (!rc)
        rc = czi_history_init(&g->history, g->options.causal_max, err);
    if (!rc)
        rc = czi_step_init(&g->step, g->pendings, g->slots, g->options.batch_max,
                           g->options.ordered, err);
    ledger.read_only = g->options.read_only;
    g->in_memory = ledger.memory_index;
    if (!rc)
        rc = czi_placement_open(&ledger, &g->step.core, &g->ledger, err);
    if (rc)
        return free_engine(g, rc, err);
    g->finder.ledger = g->look_up.ledger = g->reader.ledger = g->ledger;
    g->resting = true;
    g->step.core.settle = settle;
    g->step.core.refuse = czi_manager_refuse;
    g->step.core.breathe_arg = g;
    if (!driven)
        g->step.core.breathe = czi_manager_breathe;
    czi_engine_serve_guests(g);
    rc = czi_engine_load(g, err);
    if (!rc)
        rc = czi_watches_init(g, err);
    atomic_store(&g->manager.durable, g->step.core.positions);
    atomic_store(&g->manager.batches, g->step.core.batches);
    if (!rc && g->options.causal_now)
        rc = czi_history_ensure(&g->history, g, err);
    if (!rc)
        rc = start_threads(g, err);
    if (rc) {
        g->closing = true;
        join_workers(g);
        return free_engine(g, rc, err);
    }
    *ret = g;
    return CZ_OK;
}

int czi_open_store(const struct czi_ledger_options *store, const cz_options *options,
                   cz_engine **ret, cz_error *err)
{
    return open_store(store, options, false, ret, err);
}

int czi_open_driven(const struct czi_ledger_options *store, const cz_options *options,
                    cz_engine **ret, cz_error *err)
{
    return open_store(store, options, true, ret, err);
}

/* A file system without sockets is no reason not to open a store. */
static int start_control(cz_engine *g, const char *dir, cz_error *err)
{
    int rc = czi_control_start(g, dir, cz_wait_graph, &g->control, err);

    return rc == CZ_IO || rc == CZ_UNSUPPORTED ? CZ_OK : rc;
}

int cz_open(const char *dir, const cz_options *options, cz_engine **ret, cz_error *err)
{
    struct czi_ledger_options store = {.memory_index = !dir,
                                       .segment_size_max =
                                           dir ? CZI_SEGMENT_SIZE_MAX : UINT64_MAX};
    cz_engine *g = NULL;
    int rc = dir ? czi_fs_posix(dir, &store.fs, err)
                 : czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, err);

    if (rc)
        return rc;
    if (!dir)
        rc = czi_ledger_create(store.fs, err);
    if (!rc)
        rc = czi_open_store(&store, options, &g, err);
    if (rc) {
        store.fs->ops->free(store.fs);
        return rc;
    }
    CZI_CHECK(g);
    g->fs = store.fs;
    rc = dir && !g->options.read_only ? start_control(g, dir, err) : CZ_OK;
    if (rc) {
        (void)cz_close(g, NULL);
        return rc;
    }
    *ret = g;
    return CZ_OK;
}

cz_engine *cz_ref(cz_engine *g)
{
    atomic_fetch_add(&g->refs, 1);
    return g;
}

int cz_close(cz_engine *g, cz_error *err)
{
    int rc = CZ_OK;

    if (!g || atomic_fetch_sub(&g->refs, 1) != 1)
        return CZ_OK;
    czi_control_stop(g->control);
    czi_manager_close(g, true);
    czi_mutex_lock(g->lock);
    g->closing = true;
    czi_cond_broadcast(g->wake);
    czi_mutex_unlock(g->lock);
    while (g->driven && czi_engine_pump(g))
        continue;
    if (g->driven && !g->stop_code)
        czi_watches_close(g);
    czi_thread_join(g->engine_thread);
    if (g->stop_code)
        rc = czi_fail(err, g->stop_code, "%s", g->stop_detail);
    else if (!g->options.read_only)
        rc = czi_engine_checkpoint(g, false, err);
    return free_engine(g, rc, err);
}
