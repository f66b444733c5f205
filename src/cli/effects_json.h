/* effects_json.h - one effect from one JSON object; the format is causality-effects(5).
 *
 * Layer: cli. Thread: a reader belongs to one.
 */
#ifndef CZI_EFFECTS_JSON_H
#define CZI_EFFECTS_JSON_H

#include "causality/causality.h"
#include "cli/json_read.h"

/* All zero is valid; keeps its memory for the next effect. */
struct czi_effect_reader {
    struct czi_json_doc doc;
    struct czi_buf data;
};
void czi_effect_reader_done(struct czi_effect_reader *r);

/* Replaces what e says, and leaves it ready to be encoded: what is read can be submitted.
 * Errors are "COLUMN: what is wrong", columns counted in bytes from 1. CZ_INVALID, CZ_LIMIT,
 * CZ_NOMEM. */
CZI_MUST_USE int czi_effect_read(struct czi_effect_reader *r, const char *text, size_t len,
                                 cz_effect *e, cz_error *err);

/* The same with a reader of its own. */
CZI_MUST_USE int czi_effect_from_json(const char *text, size_t len, cz_effect *e,
                                      cz_error *err);

#endif
