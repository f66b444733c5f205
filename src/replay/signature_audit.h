/* signature_audit.h - verifies again that the journal's effects were signed.
 *
 * Layer: replay. Thread: one; with two or more allowed, signatures are verified on all of them
 * while the caller goes on. Those of several frames are verified together, since a frame may
 * hold one effect. What is found names the frame that it is in, and is the first one in the
 * journal.
 */
#ifndef CZI_SIGNATURE_AUDIT_H
#define CZI_SIGNATURE_AUDIT_H

#include "engine/replayer.h"

struct czi_signature_origin {
    uint64_t position, offset; /* of its effect, of the frame in the segment */
    uint32_t segment;
};

struct czi_signature_list {
    struct czi_buf signatures; /* of struct czi_signature */
    struct czi_buf origins;    /* for each of them */
    unsigned threads;
    size_t found; /* the first one that is wrong, once it was verified */
};

struct czi_signature_audit {
    unsigned threads; /* 0: nothing is verified */
    uint64_t verified;
    struct czi_signature_list lists[2];
    unsigned filling;          /* the number of one; the other is empty or verified by */
    struct czi_thread *thread; /* this one; NULL: it is empty */
    cz_error wrong;            /* the first one that was found */
};

/* Takes the signatures of a frame whose effects have their positions. CZ_PROOF names position
 * and key of the first one that is wrong, which may be one that was taken before; CZ_NOMEM. */
CZI_MUST_USE int czi_signature_audit_frame(struct czi_signature_audit *a,
                                           const struct czi_frame *frame,
                                           const struct czi_batch *b, cz_error *err);
/* Verifies what was taken and is not yet. */
CZI_MUST_USE int czi_signature_audit_rest(struct czi_signature_audit *a, cz_error *err);
void czi_signature_audit_done(struct czi_signature_audit *a);

#endif
