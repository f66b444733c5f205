/* signature_audit.h - verifies again that the journal's effects were signed.
 *
 * Layer: replay. Thread: one; signatures are verified on as many threads as are allowed. Those
 * of several frames are verified together, since a frame may hold one effect. What is found
 * names the frame that it is in, and is the first one in the journal.
 */
#ifndef CZI_SIGNATURE_AUDIT_H
#define CZI_SIGNATURE_AUDIT_H

#include "engine/replayer.h"

struct czi_signature_audit {
    unsigned threads; /* 0: nothing is verified */
    uint64_t verified;
    struct czi_buf signatures; /* of struct czi_signature, not verified yet */
    struct czi_buf origins;    /* for each of them: */
};

struct czi_signature_origin {
    uint64_t position, offset; /* of its effect, of the frame in the segment */
    uint32_t segment;
};

/* Takes the signatures of a frame whose effects have their positions. CZ_PROOF names position
 * and key of the first one that is wrong; CZ_NOMEM. */
CZI_MUST_USE int czi_signature_audit_frame(struct czi_signature_audit *a,
                                           const struct czi_frame *frame,
                                           const struct czi_batch *b, cz_error *err);
/* Verifies what was taken and is not yet. */
CZI_MUST_USE int czi_signature_audit_rest(struct czi_signature_audit *a, cz_error *err);
void czi_signature_audit_done(struct czi_signature_audit *a);

#endif
