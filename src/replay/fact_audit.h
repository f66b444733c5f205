/* fact_audit.h - checks facts as they come by: their form, what they rest on, their proofs.
 *
 * Layer: replay. Thread: one; proofs are verified on as many threads as are allowed.
 * A fact rests on its header's fact, which must be recorded before it. Where each fact lies is
 * kept (24 bytes), so that a header is read again when a much later fact names it.
 */
#ifndef CZI_FACT_AUDIT_H
#define CZI_FACT_AUDIT_H

#include "engine/core.h"
#include "ledger/ledger.h"
#include "platform/platform.h"

struct czi_fact_audit {
    struct czi_core *core; /* knows the facts and domains so far */
    struct czi_fs *fs;
    unsigned threads;
    bool proofs; /* false: form only */
    uint64_t verified, unverified;
    struct czi_buf places, headers, jobs;
};

/* Takes one fact of a frame into the core and prepares the entry for sealing. CZ_CORRUPT,
 * CZ_PROOF. */
CZI_MUST_USE int czi_fact_audit_take(struct czi_fact_audit *a, const struct czi_frame *frame,
                                     struct czi_batch *b, struct czi_entry *e, cz_error *err);
/* Verifies the proofs of what was taken since the last call; CZ_PROOF. While the frame's
 * payload is there. */
CZI_MUST_USE int czi_fact_audit_verify(struct czi_fact_audit *a, cz_error *err);
void czi_fact_audit_done(struct czi_fact_audit *a);

#endif
