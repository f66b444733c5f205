/* admission.h - who is next: the backlog between submitters and batches (R11).
 *
 * Layer: engine. Thread: the engine's. Pure: the same submissions in the same order give the
 * same sequence. Four priorities, first come first served within one. A priority that waits
 * while CZI_AGEING_ADMISSIONS others went past it is served once, so none starves. In ordered
 * mode priorities do not matter.
 *
 * What waits is known by a few bytes each, so that queueing and forming batches do not touch
 * the submissions themselves.
 */
#ifndef CZI_ADMISSION_H
#define CZI_ADMISSION_H

#include "base/check.h"
#include "base/limits.h"
#include "causality/causality.h"

/* What admission needs to know of a submission. */
struct czi_arrival {
    uint32_t number; /* of its slot */
    uint32_t len;
    uint8_t accesses, priority, after_count;
    bool is_item : 1;
    bool is_refused : 1; /* nothing is executed */
    bool has_guest : 1;
};

struct czi_queue {
    struct czi_arrival *ring; /* of the admission's capacity */
    uint32_t head, count;
    uint32_t passed; /* admissions since it was last served, while not empty */
};

struct czi_admission {
    struct czi_queue queues[CZI_PRIORITIES];
    uint32_t capacity, count;
    bool ordered;
};

CZI_MUST_USE int czi_admission_init(struct czi_admission *a, uint32_t capacity, bool ordered,
                                    cz_error *err);
void czi_admission_done(struct czi_admission *a); /* of all zero: no-op */
/* Never more than capacity wait. */
void czi_admission_push(struct czi_admission *a, const struct czi_arrival *arrival);
/* The next one, still queued; NULL when nothing waits. */
const struct czi_arrival *czi_admission_peek(const struct czi_admission *a);
/* Takes what peek returned. */
void czi_admission_pop(struct czi_admission *a);

#endif
