/* step.c - see step.h. */
#include "engine/step.h"

#include "base/error.h"
#include "engine/cite.h"

static const struct czi_predecessor *known_predecessors(void *arg, const struct czi_pending *p)
{
    struct czi_step *s = arg;

    CZI_CHECK(s->known_of == p);
    return s->known;
}

int czi_step_init(struct czi_step *s, struct czi_pending *pendings, uint32_t capacity,
                  uint32_t batch_max, bool ordered, cz_error *err)
{
    int rc;

    *s = (struct czi_step){0};
    rc = czi_core_init(&s->core, err);
    s->core.predecessors = known_predecessors;
    s->core.predecessors_arg = s;
    s->pendings = pendings;
    if (!rc)
        rc = czi_admission_init(&s->admission, capacity, ordered, err);
    for (unsigned i = 0; i < CZI_BATCHES_IN_FLIGHT && !rc; i++) {
        rc = czi_batch_new(batch_max, &s->all[i], err);
        if (!rc)
            s->free[s->free_count++] = s->all[i];
    }
    if (rc)
        czi_step_done(s);
    return rc;
}

void czi_step_done(struct czi_step *s)
{
    for (unsigned i = 0; i < CZI_BATCHES_IN_FLIGHT; i++)
        czi_batch_free(s->all[i]);
    czi_predecessors_done(s->known, CZI_CITATIONS_MAX);
    czi_admission_done(&s->admission);
    czi_core_done(&s->core);
    *s = (struct czi_step){0};
}

static void emit(struct czi_step *s, enum czi_update_type type, struct czi_batch *b,
                 const struct czi_pending *p)
{
    CZI_CHECK(s->update_count < CZI_UPDATES_MAX);
    s->updates[s->update_count++] = (struct czi_update){type, b, p};
}

/* A batch starts when it would be full, or when no more than one is under way: partial
 * batches then form only as fast as they are finished, and the pipeline stays busy. */
uint32_t czi_step_wanted(const struct czi_step *s)
{
    uint32_t enough = czi_step_in_flight(s) <= 1 ? 1 : s->all[0]->room;

    if (s->paused || s->in_checkpoint || s->wants_checkpoint || s->looking_up || s->blocked ||
        s->free_count == 0)
        return UINT32_MAX;
    return enough > czi_step_waiting(s) ? enough - czi_step_waiting(s) : 0;
}

/* Effects that waited for a guard and have it now come first: who holds what others wait for
 * must not stand behind them. */
static const struct czi_arrival *next(struct czi_step *s)
{
    const struct czi_parked *p = s->core.parking.ready;

    if (CZI_LIKELY(!p))
        return czi_admission_peek(&s->admission);
    s->ready = czi_arrival_of((uint32_t)(p->pending - s->pendings), p->pending);
    return &s->ready;
}

/* Takes what fits, in order. A submission with predecessors begins a batch of its own, after
 * they have been looked up, which needs all batches before it to be sealed. */
static struct czi_batch *fill(struct czi_step *s)
{
    struct czi_batch *b = s->free[s->free_count - 1];
    const struct czi_arrival *a;

    czi_batch_clear(b);
    while ((a = next(s)) != NULL && czi_batch_fits(b, a)) {
        struct czi_pending *p = &s->pendings[a->number];

        if (a->after_count && p != s->known_of) {
            s->blocked = b->entry_count == 0 && s->unsealed > 0;
            if (b->entry_count == 0 && !s->blocked) {
                s->looking_up = p;
                emit(s, CZI_UPDATE_LOOK_UP, NULL, p);
            }
            break;
        }
        if (a->after_count && b->entry_count)
            break;
        czi_batch_add(b, a, p);
        if (p->parked)
            czi_park_pop_ready(&s->core);
        else
            czi_admission_pop(&s->admission);
    }
    return b->entry_count ? b : NULL;
}

/* Plans and executes a batch. Effects that have waited for those in it, and need not any more,
 * come into the same batch: otherwise each of a long queue would need a batch of its own. */
static int run(struct czi_step *s, struct czi_batch *b, cz_error *err)
{
    struct czi_core *core = &s->core;
    uint32_t done = 0;
    int rc;

    do {
        rc = czi_core_plan(core, b, done, err);
        if (!rc)
            rc = czi_core_execute(core, b, done, err);
        done = b->entry_count;
        if (!rc && core->settle && core->parking.locks.woken)
            core->settle(core->breathe_arg);
        while (!rc && core->parking.ready) {
            const struct czi_arrival *a = next(s);

            if (a->after_count || !czi_batch_fits(b, a))
                break;
            czi_batch_add(b, a, core->parking.ready->pending);
            czi_park_pop_ready(core);
        }
    } while (!rc && b->entry_count > done);
    return rc;
}

static int start_batches(struct czi_step *s, cz_error *err)
{
    int rc;

    while (czi_step_waiting(s) && czi_step_wanted(s) == 0) {
        struct czi_batch *b = fill(s);

        if (!b)
            break;
        s->free_count--;
        s->unsealed++;
        rc = run(s, b, err);
        if (rc)
            return rc;
        s->known_of = NULL;
        if (b->entry_count) {
            emit(s, CZI_UPDATE_SEAL, b, NULL);
        } else { /* all of it waits for guards */
            s->free[s->free_count++] = b;
            s->unsealed--;
            s->core.batches--;
        }
    }
    if (s->wants_checkpoint && !s->in_checkpoint && czi_step_in_flight(s) == 0) {
        s->wants_checkpoint = false;
        s->in_checkpoint = true;
        emit(s, CZI_UPDATE_CHECKPOINT, NULL, NULL);
    }
    return CZ_OK;
}

int czi_step(struct czi_step *s, const struct czi_event *event, cz_error *err)
{
    s->update_count = 0;
    switch (event->type) {
    case CZI_EVENT_ADMIT:
        for (uint32_t i = 0; i < event->count; i++) {
            if (i % 64 == 0)
                czi_core_breathe(&s->core);
            czi_admission_push(&s->admission, &event->arrivals[i]);
        }
        break;
    case CZI_EVENT_SEALED:
        s->unsealed--;
        s->blocked = false;
        emit(s, CZI_UPDATE_PERSIST, event->batch, NULL);
        break;
    case CZI_EVENT_PERSISTED:
        emit(s, CZI_UPDATE_ACKNOWLEDGE, event->batch, NULL);
        break;
    case CZI_EVENT_ACKNOWLEDGED:
        CZI_CHECK(s->free_count < CZI_BATCHES_IN_FLIGHT);
        s->free[s->free_count++] = event->batch;
        break;
    case CZI_EVENT_KNOWN:
        CZI_CHECK(s->looking_up);
        czi_predecessors_done(s->known, CZI_CITATIONS_MAX);
        s->known_of = s->looking_up;
        memcpy(s->known, event->predecessors,
               s->looking_up->view.after_count * sizeof *s->known);
        s->looking_up = NULL;
        break;
    case CZI_EVENT_RESUME:
        s->in_checkpoint = false;
        break;
    }
    return start_batches(s, err);
}
