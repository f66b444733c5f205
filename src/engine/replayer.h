/* replayer.h - one frame of the journal as a batch: read, executed again, compared, sealed.
 *
 * Layer: engine. Thread: one at a time; taking a frame may run beside the run of another
 * replayer's frame, which is what replay does with two threads.
 */
#ifndef CZI_REPLAYER_H
#define CZI_REPLAYER_H

#include "engine/core.h"
#include "ledger/ledger.h"

struct czi_replayer {
    struct czi_batch *batch;
    struct czi_pending *pendings; /* CZI_BATCH_ENTRIES_MAX; bytes lie in the frame */
    struct czi_outcome *outcomes; /* per entry what the journal says; posts unset */
    struct czi_buf copies;        /* of bytes of open effects, with their scopes: pointers */
    struct czi_buf posts;         /* theirs, one behind the other */
    struct czi_buf extras;        /* the same; where an outcome has one, extra is not NULL */
};

CZI_MUST_USE int czi_replayer_init(struct czi_replayer *r, cz_error *err);
void czi_replayer_done(struct czi_replayer *r); /* of all zero: no-op */

/* Reads a frame, strictly; CZ_CORRUPT. The frame's payload must stay until the next call. */
CZI_MUST_USE int czi_replayer_take(struct czi_replayer *r, const struct czi_frame *frame,
                                   cz_error *err);
/* Executes what was taken on core and seals it; CZ_DIFFERS names the first difference. */
CZI_MUST_USE int czi_replayer_run(struct czi_replayer *r, struct czi_core *core,
                                  const struct czi_frame *frame, cz_error *err);
/* Its last part: seals an executed batch and compares with the frame's header. */
CZI_MUST_USE int czi_replayer_seal(struct czi_replayer *r, struct czi_core *core,
                                   const struct czi_frame *frame, cz_error *err);

#endif
