/* fact_audit.h - verifies again what was recorded in fact logs: signatures and proofs.
 *
 * Layer: replay. Thread: one; proofs are verified on as many threads as are allowed. No domain
 * is asked: what a proof is checked against is the block's fact, which is recorded before it.
 */
#ifndef CZI_FACT_AUDIT_H
#define CZI_FACT_AUDIT_H

#include "engine/core.h"

struct czi_fact_audit {
    const struct czi_core *core;
    unsigned threads;
    uint64_t verified, unverified; /* items; of domains whose adapter is not known here */
    struct czi_buf jobs;
};

/* Verifies all items that a batch recorded, once the core's book has taken them; CZ_PROOF names
 * the first one that does not hold. */
CZI_MUST_USE int czi_fact_audit_batch(struct czi_fact_audit *a, const struct czi_batch *b,
                                      cz_error *err);
void czi_fact_audit_done(struct czi_fact_audit *a);

#endif
