/* admission.c - see admission.h. */
#include "engine/admission.h"

#include "base/alloc.h"
#include "base/error.h"

int czi_admission_init(struct czi_admission *a, uint32_t capacity, bool ordered, cz_error *err)
{
    *a = (struct czi_admission){.capacity = capacity, .ordered = ordered};
    for (unsigned i = 0; i < (ordered ? 1 : CZI_PRIORITIES); i++) {
        a->queues[i].ring = czi_alloc(capacity * sizeof *a->queues[i].ring);
        if (!a->queues[i].ring) {
            czi_admission_done(a);
            return czi_nomem(err, "the backlog");
        }
    }
    return CZ_OK;
}

void czi_admission_done(struct czi_admission *a)
{
    for (unsigned i = 0; i < CZI_PRIORITIES; i++)
        czi_free(a->queues[i].ring);
    *a = (struct czi_admission){0};
}

static uint32_t wrap(const struct czi_admission *a, uint32_t at)
{
    return at >= a->capacity ? at - a->capacity : at;
}

void czi_admission_push(struct czi_admission *a, const struct czi_arrival *arrival)
{
    struct czi_queue *q = &a->queues[a->ordered ? 0 : arrival->priority];

    CZI_CHECK(a->count < a->capacity);
    q->ring[wrap(a, q->head + q->count++)] = *arrival;
    a->count++;
}

/* The queue to serve: one that has aged, the most urgent of those first; else the most urgent.
 * CZI_PRIORITIES when nothing waits. */
static unsigned choose(const struct czi_admission *a)
{
    unsigned best = CZI_PRIORITIES;

    if (a->ordered)
        return a->count ? 0 : CZI_PRIORITIES;
    for (unsigned i = 0; i < CZI_PRIORITIES; i++) {
        const struct czi_queue *q = &a->queues[i];

        if (q->count && q->passed >= CZI_AGEING_ADMISSIONS)
            return i;
        if (q->count && best == CZI_PRIORITIES)
            best = i;
    }
    return best;
}

const struct czi_arrival *czi_admission_peek(const struct czi_admission *a)
{
    unsigned i = choose(a);

    return i < CZI_PRIORITIES ? &a->queues[i].ring[a->queues[i].head] : NULL;
}

void czi_admission_pop(struct czi_admission *a)
{
    unsigned i = choose(a);

    CZI_CHECK(i < CZI_PRIORITIES);
    a->queues[i].head = wrap(a, a->queues[i].head + 1);
    a->queues[i].count--;
    a->queues[i].passed = 0;
    a->count--;
    for (unsigned k = 0; k < CZI_PRIORITIES && !a->ordered; k++)
        if (k != i && a->queues[k].count)
            a->queues[k].passed++;
}
