/* depend.h - what an effect asks of the facts that it cites (R6).
 *
 * Layer: fact. A citation without terms of its own has czi_plain_terms: the fact must be
 * recorded and still be true.
 */
#ifndef CZI_DEPEND_H
#define CZI_DEPEND_H

#include "base/bytes.h"
#include "base/limits.h"
#include "causality/causality.h"

struct czi_terms {
    uint8_t policy;   /* enum cz_fact_policy */
    uint8_t finality; /* enum cz_finality, at least */
    bool optional;
    bool has_max_age;
    uint64_t depth;           /* blocks at least, when finality is CZ_DEPTH */
    uint64_t max_age;         /* in the domain's time */
    struct czi_slice purpose; /* the event is consumed for it; data NULL: it is not */
};

struct czi_dependency {
    const uint8_t *fact; /* 32 bytes */
    struct czi_terms terms;
};

static inline struct czi_terms czi_plain_terms(void)
{
    return (struct czi_terms){.policy = CZ_STILL_TRUE, .finality = CZ_SEEN};
}

#endif
