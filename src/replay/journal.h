/* journal.h - the way through a store's journal that audit, replay and export share.
 *
 * Layer: replay. Threads: with two or more, frames are read, checked against their hashes and
 * decoded on the calling thread while the one before is worked on by a second; `frame` runs
 * on that one, one frame at a time, in order.
 *
 * A journal is read as it was when it was opened: what a live writer appends later may be seen
 * or not. Nothing is written and no lock is taken. Memory: the state, four frames, and the ids
 * of effects that others follow; not the effects.
 */
#ifndef CZI_JOURNAL_H
#define CZI_JOURNAL_H

#include "engine/core.h"
#include "engine/replayer.h"
#include "platform/platform.h"
#include "replay/signature_audit.h"

struct czi_journal;

/* Works on one frame that was taken into r: checks it and brings j->core behind it, sealed.
 * Errors need not name the place of the frame. */
typedef int (*czi_journal_fn)(void *arg, struct czi_journal *j, const struct czi_frame *frame,
                              struct czi_replayer *r, cz_error *err);

/* An effect that another one cites as its predecessor. */
struct czi_cited {
    struct czi_predecessor what; /* once it was seen: */
    bool seen;                   /* recorded before the frame at hand */
};

struct czi_journal {
    struct czi_fs *fs;         /* not owned */
    struct czi_ledger *ledger; /* reads the journal alone */
    struct czi_index *index;   /* NULL: there is none */
    cz_check_options options;
    struct czi_core core;
    struct czi_signature_audit signatures;
    cz_journal_report report;

    /* Where the index's checkpoint is, and the sizes of the segments. */
    bool has_meta;
    uint8_t meta_hash[32];
    struct czi_buf sizes;  /* of uint64_t */
    uint32_t last_segment; /* the last whole frame's, */
    uint64_t last_end;     /* and where it ends */

    /* Effects that are cited; filled when the first citation comes. */
    bool knows_cited;
    struct czi_id_table cited_ids;
    struct czi_cited *cited;
    uint32_t cited_room;
    struct czi_predecessor known[CZI_CITATIONS_MAX]; /* their clocks are the cited ones' */

    /* Of facts, for guests (items.c). */
    struct czi_buf item_frames, item_bytes;
    struct czi_frame item_frame; /* in item_bytes; its payload NULL: none */
};

/* Where a frame that was worked on has its items. */
CZI_MUST_USE int czi_journal_note_items(struct czi_journal *j, const struct czi_frame *frame,
                                        cz_error *err);
/* Appends the bytes of an item, by its number from 0, that was noted. */
CZI_MUST_USE int czi_journal_item(void *journal, uint32_t number, struct czi_buf *ret,
                                  cz_error *err);

/* All signatures are verified too. Before the run. */
static inline void czi_journal_verify(struct czi_journal *j)
{
    j->signatures.threads = j->options.threads;
}

/* fs stays the caller's and outlives j. */
CZI_MUST_USE int czi_journal_open(struct czi_journal *j, struct czi_fs *fs,
                                  const cz_check_options *options, cz_error *err);
void czi_journal_close(struct czi_journal *j); /* of all zero: no-op */

/* All frames through fn, then the report. An error names segment and offset of its frame. */
CZI_MUST_USE int czi_journal_run(struct czi_journal *j, czi_journal_fn fn, void *arg,
                                 cz_error *err);

/* Frames in order without state, up to and including the last one that a run saw. */
CZI_MUST_USE int czi_journal_again(struct czi_journal *j, czi_frame_fn fn, void *arg,
                                   cz_error *err);

/* Puts "journal/0000000000000001: offset 88: " before what err holds. */
int czi_at_frame(const struct czi_frame *frame, int rc, cz_error *err);

/* The public functions, on a file system. */
CZI_MUST_USE int czi_audit(struct czi_fs *fs, const cz_check_options *options,
                           cz_audit_report *ret, cz_error *err);
CZI_MUST_USE int czi_replay(struct czi_fs *fs, const cz_check_options *options,
                            cz_journal_report *ret, cz_error *err);
CZI_MUST_USE int czi_export_car(struct czi_fs *fs, const cz_check_options *options,
                                cz_sink_fn sink, void *arg, cz_export_report *ret,
                                cz_error *err);

/* Checks one frame without executing it; see audit.c. The auditor is what it keeps. */
struct czi_auditor;
CZI_MUST_USE int czi_auditor_new(struct czi_journal *j, bool proofs, struct czi_auditor **ret,
                                 cz_error *err);
/* A snapshot of the time map, as it was behind an item of a fact log. */
struct czi_snapshot {
    uint64_t number; /* of the item, from 1 */
    size_t at, len;  /* in the bytes of all snapshots */
    cz_id id;
};
/* From now on the auditor keeps all snapshots. Both buffers are the caller's. */
void czi_auditor_keep_snapshots(struct czi_auditor *a, struct czi_buf *snapshots,
                                struct czi_buf *bytes);
void czi_auditor_free(struct czi_auditor *a); /* NULL: no-op */
CZI_MUST_USE int czi_audit_frame(void *auditor, struct czi_journal *j,
                                 const struct czi_frame *frame, struct czi_replayer *r,
                                 cz_error *err);
/* What only the end of the journal shows. */
CZI_MUST_USE int czi_audit_end(const struct czi_journal *j, cz_error *err);

#endif
