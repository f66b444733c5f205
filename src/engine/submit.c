/* submit.c - the way in (any thread) and how results come back.
 *
 * Layer: engine. A submission is checked before it is queued, on the submitter's thread. Slots
 * are reserved under the lock, filled outside of it, and linked in under it again: that moment
 * is the arrival. What is signed, and what comes behind it, is linked to the verifiers
 * (verify.h), everything else to the inbox.
 */
#include "base/error.h"
#include "engine/engine.h"
#include "fact/fact.h"

/* Slots that one reservation takes at most: long enough to forget the lock's cost, short
 * enough that other submitters come in between. */
#define RESERVE_MAX 256u

static int stopped(const cz_engine *g, cz_error *err)
{
    if (g->stop_code)
        return czi_fail(err, CZ_CLOSED, "the engine stopped: %s", g->stop_detail);
    return czi_fail(err, CZ_CLOSED,
                    g->options.read_only ? "the store is open for reading only"
                                         : "the engine is closing");
}

static bool is_closed(const cz_engine *g)
{
    return g->stop_code || g->closing || g->options.read_only;
}

/* ---- Waiting on the engine ------------------------------------------------------------------
 */

/* Whether the calling thread must not sleep on the engine's lock: a task is suspended instead,
 * a context that was entered can be cancelled, and an engine without threads is driven. */
static bool waits_as_context(const cz_engine *g)
{
    const cz_context *c = czi_context_entered();

    return g->driven || (c && c->engine == g);
}

/* Until something is acknowledged or parked, or for no reason. Under lock, which it gives up.
 */
static int wait_for_news(cz_engine *g, uint64_t deadline, cz_error *err)
{
    cz_context *c = NULL;
    uint64_t now;
    int rc = CZ_OK;

    if (!waits_as_context(g)) {
        now = deadline == UINT64_MAX ? 0 : czi_clock_ns();
        if (deadline == UINT64_MAX)
            czi_cond_wait(g->acknowledged, g->lock);
        else if (now < deadline)
            (void)czi_cond_wait_ms(g->acknowledged, g->lock, (deadline - now) / 1000000 + 1);
        return CZ_OK;
    }
    czi_mutex_unlock(g->lock);
    rc = czi_context_current(g, &c, err);
    if (!rc) {
        czi_manager_lock(g);
        rc = czi_context_may_wait(c, err);
        if (!rc)
            czi_context_wait_ack(c, deadline);
        czi_manager_unlock(g);
    }
    czi_mutex_lock(g->lock);
    return rc;
}

/* Under lock, which it gives up. A task is suspended until something is acknowledged. */
static int wait_for_room(cz_engine *g, cz_error *err)
{
    if (waits_as_context(g))
        return wait_for_news(g, UINT64_MAX, err);
    g->room_wanted++;
    czi_cond_wait(g->room, g->lock);
    g->room_wanted--;
    return CZ_OK;
}

/* ---- Slots ----------------------------------------------------------------------------------
 */

/* Under lock. How many slots can be taken: one that is free, and whose result will have a
 * place. With priorities an old ticket may wait while newer ones pass; none may come so far
 * ahead of it that its result would lie where the old one's belongs. */
static uint32_t room_left(const cz_engine *g, bool under_guards)
{
    uint32_t kept = under_guards ? 0 : CZI_COMMITS_MAX;
    uint64_t ahead = g->next_ticket - g->oldest + (g->slots - g->free_count);

    if (ahead + kept >= g->results.max || g->free_count <= kept)
        return 0;
    return (uint32_t)CZI_MIN(g->results.max - kept - ahead, g->free_count - kept);
}

/* Takes 1 to max slots; waits for the first one if asked to. */
static int reserve(cz_engine *g, uint32_t max, bool wait, bool under_guards, uint32_t *slots,
                   uint32_t *ret_count, cz_error *err)
{
    int rc = CZ_OK;
    uint32_t n = 0;

    czi_mutex_lock(g->lock);
    while (wait && !is_closed(g) && !room_left(g, under_guards) && !rc)
        rc = wait_for_room(g, err);
    if (!rc && is_closed(g))
        rc = stopped(g, err);
    if (!rc && !room_left(g, under_guards))
        rc = czi_fail(err, CZ_BUSY,
                      "the backlog is full (%u submissions wait): try again when results come",
                      g->options.backlog_max);
    if (!rc)
        for (max = CZI_MIN(max, CZI_MIN(RESERVE_MAX, room_left(g, under_guards))); n < max; n++)
            slots[n] = g->free_list[--g->free_count];
    czi_mutex_unlock(g->lock);
    *ret_count = n;
    return rc;
}

/* Gives back slots that were not used. */
static void give_back(cz_engine *g, const uint32_t *slots, uint32_t count)
{
    if (!count)
        return;
    czi_mutex_lock(g->lock);
    while (count)
        g->free_list[g->free_count++] = slots[--count];
    czi_mutex_unlock(g->lock);
}

/* Large submissions lie on the heap, within a bound; `more` bytes of room behind them are not
 * counted. */
static int take_heap(cz_engine *g, struct czi_pending *p, size_t len, size_t more, bool wait,
                     cz_error *err)
{
    int rc = CZ_OK;

    czi_mutex_lock(g->lock);
    while (wait && !is_closed(g) && g->heap_bytes &&
           g->heap_bytes + len > CZI_BACKLOG_BYTES_MAX && !rc)
        rc = wait_for_room(g, err);
    if (!rc && is_closed(g))
        rc = stopped(g, err);
    if (!rc && g->heap_bytes + len > CZI_BACKLOG_BYTES_MAX)
        rc = czi_fail(err, CZ_BUSY, "the backlog is full (%llu bytes wait)",
                      (unsigned long long)g->heap_bytes);
    if (!rc)
        g->heap_bytes += len;
    czi_mutex_unlock(g->lock);
    if (rc)
        return rc;
    p->bytes = czi_alloc(len + more);
    if (p->bytes)
        return CZ_OK;
    p->bytes = p->inline_bytes;
    czi_mutex_lock(g->lock);
    g->heap_bytes -= len;
    czi_mutex_unlock(g->lock);
    return czi_nomem(err, "a submission");
}

/* Room for what does not lie in its slot; signatures bring their verifiers up. */
static __attribute__((noinline)) int place(cz_engine *g, struct czi_pending *p, size_t len,
                                           bool wait, cz_error *err)
{
    int rc = CZ_OK;

    if (p->view.signature_count && !g->driven)
        rc = czi_verifying_start(g, err);
    if (!rc)
        rc = take_heap(g, p, len, p->view.is_open ? CZI_SCOPE_SIZE_MAX : 0, wait, err);
    if (!rc && p->view.signature_count)
        p->bad_signature = false;
    return rc;
}

/* Fills a reserved slot: the only copy of the bytes on their way to the journal. */
static int fill(cz_engine *g, uint32_t slot, const cz_submission *s, bool is_item, bool wait,
                cz_done_fn done, void *arg, cz_error *err)
{
    struct czi_pending *p = &g->pendings[slot];
    int rc = CZ_OK;

    if (is_item)
        p->view = (struct czi_effect_view){.priority = CZ_NORMAL};
    else
        rc = czi_effect_view(s->bytes, s->len, &p->view, err);
    p->bytes = p->inline_bytes;
    if (!rc && CZI_UNLIKELY(is_item || s->len > CZI_INLINE_SIZE || p->view.signature_count ||
                            p->view.is_open))
        rc = place(g, p, s->len, wait, err);
    if (rc)
        return rc;
    memcpy(p->bytes, s->bytes, s->len);
    p->len = (uint32_t)s->len;
    p->done = done;
    p->arg = arg;
    p->is_item = is_item;
    p->under_guards = p->was_parked = false;
    p->parked = NULL;
    return CZ_OK;
}

/* Gives back slots that were filled. */
static void discard(cz_engine *g, const uint32_t *slots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct czi_pending *p = &g->pendings[slots[i]];

        if (p->bytes == p->inline_bytes)
            continue;
        czi_free(p->bytes);
        p->bytes = p->inline_bytes;
        czi_mutex_lock(g->lock);
        g->heap_bytes -= p->len;
        czi_mutex_unlock(g->lock);
    }
    give_back(g, slots, count);
}

/* Under lock. */
static void arrive(cz_engine *g, uint32_t slot)
{
    struct czi_pending *p = &g->pendings[slot];
    struct czi_arrival a = czi_arrival_of(slot, p);

    p->ticket = g->next_ticket++;
    p->in_use = true;
    if (CZI_UNLIKELY((p->view.signature_count && !p->under_guards) || g->verifying.count) &&
        !g->driven)
        czi_verifying_add(g, &a);
    else
        g->inbox[g->inbox_count++] = a;
}

/* The arrival of filled slots, unless the engine stopped meanwhile: then nobody would answer
 * them. *ret_first is the ticket of the first. */
static int link_in(cz_engine *g, const uint32_t *slots, uint32_t count, uint64_t *ret_first,
                   cz_error *err)
{
    int rc = CZ_OK;

    for (uint32_t i = 0; i < count && g->driven; i++)
        czi_verify_pending(&g->pendings[slots[i]]);
    czi_mutex_lock(g->lock);
    if (is_closed(g)) {
        rc = stopped(g, err);
        count = 0;
    } else {
        *ret_first = g->next_ticket;
    }
    for (uint32_t i = 0; i < count; i++)
        arrive(g, slots[i]);
    if (g->inbox_count >= g->wanted)
        czi_cond_signal(g->wake);
    czi_mutex_unlock(g->lock);
    return rc;
}

int czi_submit(cz_engine *g, const void *bytes, size_t len, bool under_guards, cz_done_fn done,
               void *arg, uint64_t *ret_ticket, cz_error *err)
{
    cz_submission s = {bytes, len};
    uint32_t slot, n;
    uint64_t ticket;
    int rc = reserve(g, 1, under_guards, under_guards, &slot, &n, err);

    if (rc)
        return rc;
    rc = fill(g, slot, &s, false, under_guards, done, arg, err);
    if (rc) {
        give_back(g, &slot, 1);
        return rc;
    }
    g->pendings[slot].under_guards = under_guards;
    if (under_guards)
        czi_verify_pending(&g->pendings[slot]);
    rc = link_in(g, &slot, 1, &ticket, err);
    if (rc) {
        discard(g, &slot, 1);
        return rc;
    }
    if (ret_ticket)
        *ret_ticket = ticket;
    return CZ_OK;
}

int cz_submit(cz_engine *g, const void *bytes, size_t len, cz_done_fn done, void *arg,
              uint64_t *ret_ticket, cz_error *err)
{
    return czi_submit(g, bytes, len, false, done, arg, ret_ticket, err);
}

int cz_submit_effect(cz_engine *g, cz_effect *e, cz_done_fn done, void *arg,
                     uint64_t *ret_ticket, cz_error *err)
{
    const uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = cz_effect_encode(e, &bytes, &len, err);

    return rc ? rc : cz_submit(g, bytes, len, done, arg, ret_ticket, err);
}

int cz_submit_batch(cz_engine *g, const cz_submission *submissions, size_t count,
                    cz_done_fn done, void *arg, uint64_t *ret_ticket, size_t *ret_accepted,
                    cz_error *err)
{
    uint32_t slots[RESERVE_MAX];
    size_t accepted = 0;
    uint64_t ticket = 0;
    /* The backlog may be full of effects that wait for the caller. */
    bool wait = !czi_context_holds(g);
    int rc = CZ_OK;

    while (accepted < count && !rc) {
        uint32_t n = 0, filled = 0;
        uint64_t first = 0;
        int linked;

        rc = reserve(g, (uint32_t)CZI_MIN(count - accepted, RESERVE_MAX), wait, false, slots,
                     &n, err);
        while (filled < n && !rc) {
            rc = fill(g, slots[filled], &submissions[accepted + filled], false, wait, done, arg,
                      err);
            if (!rc)
                filled++;
            else
                czi_wrap(err, rc, "submission %zu", accepted + filled);
        }
        give_back(g, slots + filled, n - filled);
        if (!filled)
            break;
        linked = link_in(g, slots, filled, &first, rc ? NULL : err);
        if (linked) {
            discard(g, slots, filled);
            rc = rc ? rc : linked;
            break;
        }
        if (!accepted)
            ticket = first;
        accepted += filled;
    }
    if (ret_ticket)
        *ret_ticket = ticket;
    if (ret_accepted)
        *ret_accepted = accepted;
    return rc;
}

int czi_submit_item(cz_engine *g, const void *bytes, size_t len, cz_done_fn done, void *arg,
                    uint64_t *ret_ticket, cz_error *err)
{
    cz_submission s = {bytes, len};
    uint32_t slot, n;
    int rc;

    if (len > CZI_FACT_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "fact: %zu bytes, at most %u are allowed", len,
                        CZI_FACT_SIZE_MAX);
    rc = reserve(g, 1, true, false, &slot, &n, err);
    if (rc)
        return rc;
    rc = fill(g, slot, &s, true, true, done, arg, err);
    if (!rc) {
        g->pendings[slot].item_id = czi_fact_id(bytes, len);
        rc = link_in(g, &slot, 1, ret_ticket, err);
    }
    if (rc)
        discard(g, &slot, 1);
    return rc;
}

/* ---- Results --------------------------------------------------------------------------------
 */

/* Under lock. CZ_BUSY: not yet; *ret_parked tells whether it waits for a guard. */
static int peek(const cz_engine *g, uint64_t ticket, cz_result *ret, bool *ret_parked,
                cz_error *err)
{
    const cz_result *r = czi_result_find(g, ticket);

    *ret_parked = r && r->status == CZI_STATUS_PARKED;
    if (ticket && r && !*ret_parked) {
        *ret = *r;
        return CZ_OK;
    }
    if (ticket == 0 || ticket >= g->next_ticket ||
        (!r && ticket + g->results.max < g->next_ticket))
        return czi_fail(err, CZ_NOT_FOUND,
                        "ticket %llu: never given, or its result is no longer kept",
                        (unsigned long long)ticket);
    if (g->stop_code)
        return stopped(g, err);
    return czi_fail(err, CZ_BUSY, "ticket %llu: %s", (unsigned long long)ticket,
                    *ret_parked ? "waits for a guard" : "not acknowledged yet");
}

int cz_poll(cz_engine *g, uint64_t ticket, cz_result *ret, cz_error *err)
{
    bool parked;
    int rc;

    czi_mutex_lock(g->lock);
    rc = peek(g, ticket, ret, &parked, err);
    czi_mutex_unlock(g->lock);
    return rc;
}

/* Milliseconds until then, at least 0, for a public timeout. */
static uint64_t left_ms(const cz_engine *g, uint64_t deadline)
{
    uint64_t now;

    if (deadline == UINT64_MAX)
        return CZ_FOREVER;
    now = czi_manager_now(g);
    return deadline > now ? (deadline - now + 999999) / 1000000 : 0;
}

int cz_wait(cz_engine *g, uint64_t ticket, uint64_t timeout_ms, cz_result *ret, cz_error *err)
{
    uint64_t deadline = czi_manager_deadline(g, timeout_ms);
    bool parked, was_parked = false;
    int rc;

    czi_mutex_lock(g->lock);
    while ((rc = peek(g, ticket, ret, &parked, err)) == CZ_BUSY) {
        if (left_ms(g, deadline) == 0) {
            rc = czi_fail(err, CZ_TIMEOUT, "ticket %llu: no result within %llu ms",
                          (unsigned long long)ticket, (unsigned long long)timeout_ms);
            break;
        }
        if (parked && !was_parked) {
            was_parked = true; /* once: it is granted only once */
            czi_mutex_unlock(g->lock);
            rc = czi_wait_parked(g, ticket, left_ms(g, deadline), err);
            czi_mutex_lock(g->lock);
        } else {
            rc = wait_for_news(g, deadline, err);
        }
        if (rc)
            break;
    }
    czi_mutex_unlock(g->lock);
    return rc;
}

/* Under lock: all tickets below `target` are acknowledged, or wait for a guard. */
static int wait_for_all(cz_engine *g, uint64_t target, cz_error *err)
{
    int rc = CZ_OK;

    while (g->oldest < target && !g->stop_code && !rc)
        rc = wait_for_news(g, UINT64_MAX, err);
    return g->stop_code ? stopped(g, err) : rc;
}

int cz_flush(cz_engine *g, cz_error *err)
{
    cz_context *c = NULL;
    uint64_t target;
    int rc;

    czi_mutex_lock(g->lock);
    target = g->next_ticket;
    rc = wait_for_all(g, target, err);
    if (!rc && !g->results.parked) {
        czi_mutex_unlock(g->lock);
        return rc;
    }
    czi_mutex_unlock(g->lock);
    if (!rc)
        rc = czi_wait_parked_before(g, target, err);
    if (!rc)
        rc = czi_context_current(g, &c, err);
    return rc ? rc : czi_wait_acknowledged(g, c, err);
}

/* Under lock: nothing is under way, and nothing begins until `pauses` falls again. */
static int pause_engine(cz_engine *g, cz_error *err)
{
    int rc = CZ_OK;

    g->pauses++;
    czi_cond_signal(g->wake);
    while (!g->driven && !g->resting && !g->stop_code)
        czi_cond_wait(g->acknowledged, g->lock);
    while (g->driven && czi_step_in_flight(&g->step) && !g->stop_code && !rc)
        rc = wait_for_news(g, UINT64_MAX, err);
    if (g->stop_code)
        rc = stopped(g, err);
    if (rc)
        g->pauses--;
    return rc;
}

int czi_read_begin(cz_engine *g, cz_error *err)
{
    int rc;

    czi_mutex_lock(g->lock);
    rc = wait_for_all(g, g->next_ticket, err);
    if (!rc)
        rc = pause_engine(g, err);
    czi_mutex_unlock(g->lock);
    if (!rc)
        czi_mutex_lock(g->reading);
    return rc;
}

void czi_read_end(cz_engine *g)
{
    czi_mutex_unlock(g->reading);
    czi_mutex_lock(g->lock);
    g->pauses--;
    czi_cond_signal(g->wake);
    czi_mutex_unlock(g->lock);
}

const char *cz_status_name(int status)
{
    static const char *const names[] = {"applied", "rejected", "duplicate", "unknown"};

    return status >= 0 && (size_t)status < CZI_COUNTOF(names) ? names[status] : "unknown";
}
