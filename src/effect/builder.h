/* builder.h - inside of cz_effect, for the files of the builder alone.
 *
 * Layer: effect. Thread: one at a time.
 */
#ifndef CZI_BUILDER_H
#define CZI_BUILDER_H

#include "effect/effect.h"

struct czi_builder_access {
    cz_id id;
    bool written;
};

/* An operation whose slices are offsets into `bytes` until it is encoded. */
struct czi_builder_op {
    struct czi_op op;
    size_t data, label, asset, creator, controller, text, code_id;
    size_t places; /* of a run: a byte for each access that it lists */
    cz_id fact;    /* of one that names a cited fact */
};

/* What a fact is asked for; the purpose is an offset into `bytes` until it is encoded. */
struct czi_builder_citation {
    cz_id fact;
    struct czi_terms terms;
    size_t purpose;
};

struct cz_effect {
    cz_id origin, program, time;
    uint32_t task;
    bool has_program, has_time;
    uint64_t nonce;
    uint8_t priority;
    uint8_t access_count, fact_count, after_count, signature_count;
    struct czi_builder_access accesses[CZI_ACCESSES_MAX];
    struct czi_builder_citation facts[CZI_CITATIONS_MAX];
    cz_id after[CZI_CITATIONS_MAX];
    uint8_t signatures[CZI_SIGNATURES_MAX][CZI_SIGNER_SIZE]; /* ascending by key */
    struct czi_buf ops;                                      /* of struct czi_builder_op */
    struct czi_buf bytes;
    struct czi_buf canonical;
    bool encoded;
    bool has_guest; /* a run or a call */
    bool is_open;   /* a call */
};

/* The number of an access, declared now if it was not; the stronger mode wins. */
CZI_MUST_USE int czi_builder_use(cz_effect *e, const cz_id *id, bool written, uint8_t *ret,
                                 cz_error *err);
/* Copies bytes; where they are. Out of memory: czi_builder_add says so. */
size_t czi_builder_keep(cz_effect *e, const void *data, size_t len);
CZI_MUST_USE int czi_builder_add(cz_effect *e, const struct czi_builder_op *op, cz_error *err);

#endif
