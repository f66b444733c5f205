/* rows.h - the state as rows of the index, and back.
 *
 * Layer: engine. Thread: the one that owns the core. See also czi_engine_checkpoint.
 */
#ifndef CZI_ROWS_H
#define CZI_ROWS_H

#include "engine/core.h"
#include "ledger/ledger.h"

/* The state of an empty core as of the index's last checkpoint. */
CZI_MUST_USE int czi_core_load(struct czi_core *core, struct czi_ledger *ledger, cz_error *err);

/* Whether the index holds exactly this state, byte for byte; CZ_CORRUPT names the first row
 * that differs. */
CZI_MUST_USE int czi_core_compare(const struct czi_core *core, struct czi_index *index,
                                  cz_error *err);

#endif
