/* admission.c - see admission.h. */
#include "engine/admission.h"

void czi_admission_init(struct czi_admission *a, struct czi_pending *pendings, bool ordered)
{
    *a = (struct czi_admission){.pendings = pendings, .ordered = ordered};
    for (unsigned i = 0; i < CZI_PRIORITIES; i++)
        a->queues[i].head = a->queues[i].tail = CZI_ID_NONE;
}

void czi_admission_push(struct czi_admission *a, uint32_t number)
{
    struct czi_pending *p = &a->pendings[number];
    struct czi_queue *q = &a->queues[a->ordered ? 0 : p->view.priority];

    p->next = CZI_ID_NONE;
    if (q->count++)
        a->pendings[q->tail].next = number;
    else
        q->head = number;
    q->tail = number;
    a->count++;
}

/* The queue to serve: one that has aged, the most urgent of those first; else the most urgent.
 */
static struct czi_queue *choose(struct czi_admission *a)
{
    struct czi_queue *best = NULL;

    for (unsigned i = 0; i < CZI_PRIORITIES; i++) {
        struct czi_queue *q = &a->queues[i];

        if (q->count && q->passed >= CZI_AGEING_ADMISSIONS)
            return q;
        if (q->count && !best)
            best = q;
    }
    return best;
}

struct czi_pending *czi_admission_peek(struct czi_admission *a)
{
    struct czi_queue *q = choose(a);

    return q ? &a->pendings[q->head] : NULL;
}

void czi_admission_pop(struct czi_admission *a)
{
    struct czi_queue *q = choose(a);

    CZI_CHECK(q && q->count);
    q->head = a->pendings[q->head].next;
    q->count--;
    q->passed = 0;
    a->count--;
    for (unsigned i = 0; i < CZI_PRIORITIES; i++)
        if (&a->queues[i] != q && a->queues[i].count)
            a->queues[i].passed++;
}
