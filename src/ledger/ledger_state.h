/* ledger_state.h - the ledger's own state, shared by ledger.c and recover.c only.
 *
 * Layer: ledger. Threads: see ledger.c; fields under the mutex are marked.
 */
#ifndef CZI_LEDGER_STATE_H
#define CZI_LEDGER_STATE_H

#include "ledger/load.h"

#include <stdatomic.h>

struct czi_ledger {
    struct czi_fs *fs;
    bool read_only, recovered;
    uint64_t segment_size_max;
    struct czi_file *lock;
    struct czi_index *index;
    bool index_borrowed;
    struct czi_place checkpoint; /* what CHECKPOINT said */
    struct czi_place indexed;    /* what the index's meta row said */

    struct czi_file *file; /* of the current segment, once something was appended */
    uint32_t segments;     /* their number; the last is the current one */
    uint64_t end;          /* of the current segment */
    bool sealed_segment;   /* the next append begins a new one */
    _Atomic uint64_t size; /* of all segments */
    struct czi_buf scratch;
    bool stopped;
    cz_error reason;

    struct czi_mutex *mutex;
    struct czi_place tip;           /* mutex */
    struct czi_tail *tail, *sealed; /* mutex */

    struct czi_thread *loader;
    struct czi_load load;
    struct czi_tail *spare; /* cleared, for the next checkpoint; the loader's until joined */
    int load_rc;
    cz_error load_error;
    bool load_error_told;
};

/* A verified, durable frame and its ids: into the tail, for which there is room. */
void czi_ledger_note(struct czi_ledger *l, const struct czi_frame *f, const cz_id *ids);
void czi_ledger_release(struct czi_ledger *l);

#endif
