/* admission.h - who is next: the backlog between submitters and batches (R11).
 *
 * Layer: engine. Thread: the engine's. Pure: the same submissions in the same order give the
 * same sequence. Four priorities, first come first served within one. A priority that waits
 * while CZI_AGEING_ADMISSIONS others went past it is served once, so none starves. In ordered
 * mode priorities do not matter.
 */
#ifndef CZI_ADMISSION_H
#define CZI_ADMISSION_H

#include "engine/core.h"

struct czi_queue {
    uint32_t head, tail, count; /* numbers of pendings; CZI_ID_NONE when empty */
    uint32_t passed;            /* admissions since it was last served, while not empty */
};

struct czi_admission {
    struct czi_pending *pendings; /* not owned */
    struct czi_queue queues[CZI_PRIORITIES];
    uint32_t count;
    bool ordered;
};

void czi_admission_init(struct czi_admission *a, struct czi_pending *pendings, bool ordered);
void czi_admission_push(struct czi_admission *a, uint32_t number);
/* The next one, still queued; NULL when nothing waits. */
struct czi_pending *czi_admission_peek(struct czi_admission *a);
/* Takes what peek returned. */
void czi_admission_pop(struct czi_admission *a);

#endif
