/* find.h - one effect with its outcome, read back from the journal.
 *
 * Layer: engine. Thread: a finder belongs to one; ledger reads may run beside appends.
 * Going forward through positions of one frame costs one pass over it.
 */
#ifndef CZI_FIND_H
#define CZI_FIND_H

#include "ledger/ledger.h"
#include "ledger/record.h"

struct czi_finder {
    struct czi_ledger *ledger;
    struct czi_buf buf;
    struct czi_frame frame;
    struct czi_record_reader reader;
    struct czi_record record; /* the last one read; position 0: none */
    cz_id effect, receipt;    /* of that record */
};

/* All zero but the ledger is valid. */
void czi_finder_done(struct czi_finder *f);
/* Leaves the effect at a position in f->record, f->effect and f->receipt. */
CZI_MUST_USE int czi_find_position(struct czi_finder *f, uint64_t position, cz_error *err);
/* The same by id; CZ_NOT_FOUND. */
CZI_MUST_USE int czi_find_effect(struct czi_finder *f, const cz_id *id, cz_error *err);

/* An item of a fact log by its number, from 0; *ret lives until the next call. */
CZI_MUST_USE int czi_find_item(struct czi_finder *f, uint64_t number, struct czi_slice *ret,
                               cz_error *err);

/* Walks the log of a resource through one frame: the entries from the frame's first up to
 * `position`, which is one of them. fn (may be NULL) is called with each in f; its non-zero
 * ends and is returned. *ret_previous is the position before the first of them. */
CZI_MUST_USE int czi_find_log(struct czi_finder *f, const cz_id *resource, uint64_t position,
                              int (*fn)(void *arg, const struct czi_finder *f), void *arg,
                              uint64_t *ret_previous, cz_error *err);

/* The same of the log of a program. */
CZI_MUST_USE int czi_find_entries(struct czi_finder *f, const cz_id *program, uint64_t position,
                                  int (*fn)(void *arg, const struct czi_finder *f), void *arg,
                                  uint64_t *ret_previous, cz_error *err);

/* And of all its entries in a frame that is at hand, of which there may be none. */
CZI_MUST_USE int czi_find_entries_in(struct czi_finder *f, const struct czi_frame *frame,
                                     const cz_id *program,
                                     int (*fn)(void *arg, const struct czi_finder *f),
                                     void *arg, cz_error *err);

/* A record as the public receipt; posts holds CZI_ACCESSES_MAX. */
cz_receipt czi_receipt_describe(const struct czi_record *rec, const cz_id *effect,
                                const cz_id *receipt, cz_post *posts);
/* The receipt's id of one outcome. */
CZI_MUST_USE int czi_receipt_id(const cz_id *effect, const struct czi_outcome *o, cz_id *ret,
                                cz_error *err);

#endif
