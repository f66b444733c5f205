/* segment.h - journal segments: names, headers, append marks, and walking over frames.
 *
 * Layer: ledger. Thread: a walk belongs to one thread.
 *
 * A segment file. All numbers little-endian.
 *   0 "CZJ1"  4 u32 number  8 u64 first position  16 u64 facts before
 *  24 hash of the last frame of the segment before (zero for the first)
 *  56 BLAKE3 of bytes 0..55
 *  88 appends: each a mark, then one frame or more (ledger.h), with nothing between
 *
 * A mark begins every append.
 *   0 "CZA1"  4 u32 segment  8 u64 offset of this mark  16 BLAKE3 of bytes 0..15
 * Why it is there: when several frames go to disk with one sync and the power fails, a later
 * one may be whole while an earlier one is not. Only the begin of a later *append* proves that
 * the damaged bytes had been synced, so it tells a broken middle from a torn tail; and it is
 * found without trusting any length in the damaged part.
 */
#ifndef CZI_SEGMENT_H
#define CZI_SEGMENT_H

#include "ledger/ledger.h"

#define CZI_SEGMENT_HEADER_SIZE 88
#define CZI_MARK_SIZE 48
#define CZI_SEGMENT_PATH_SIZE 32

/* A frame's place and what is known after it: the chain up to there. Before the first frame
 * offset is 0, which is no frame's place. */
struct czi_place {
    uint32_t segment;
    uint64_t offset, end;
    uint64_t positions, facts;
    uint8_t hash[32];
};
struct czi_place czi_place_start(void);
struct czi_place czi_place_of(const struct czi_frame *f);

/* "journal/0000000000000001" */
void czi_segment_path(char out[CZI_SEGMENT_PATH_SIZE], uint32_t number);
void czi_segment_header_put(uint8_t out[CZI_SEGMENT_HEADER_SIZE], uint32_t number,
                            const struct czi_place *before);
void czi_mark_put(uint8_t out[CZI_MARK_SIZE], uint32_t segment, uint64_t offset);

/* Reads frames in order, each checked against the chain. */
struct czi_walk {
    struct czi_fs *fs;
    struct czi_file *file;
    uint32_t segment;
    uint64_t offset;        /* of the next unread byte */
    bool marked;            /* a mark was just read: a frame must follow */
    bool may_be_torn;       /* how the last CZ_CORRUPT looks; czi_walk_torn decides */
    struct czi_place place; /* of the last frame given */
    struct czi_buf window;  /* bytes from window_at on */
    uint64_t window_at;
    size_t ahead; /* how much to read at once */
};

/* Goes on after `after`, in its segment. Zero the walk first; czi_walk_done in any case. */
CZI_MUST_USE int czi_walk_begin(struct czi_walk *w, struct czi_fs *fs,
                                const struct czi_place *after, cz_error *err);
/* Moves to the start of a segment and checks its header against the chain. */
CZI_MUST_USE int czi_walk_segment(struct czi_walk *w, uint32_t number, cz_error *err);
/* The next frame, valid until the next call. CZ_NOT_FOUND, without a detail:
 * the segment ends here cleanly.
 * CZ_CORRUPT: the bytes at w->offset are no frame that belongs here. */
CZI_MUST_USE int czi_walk_next(struct czi_walk *w, struct czi_frame *ret, cz_error *err);
/* After CZ_CORRUPT with may_be_torn: whether no later append began, so that nobody was ever
 * told of what is damaged. */
CZI_MUST_USE int czi_walk_torn(struct czi_walk *w, bool *ret, cz_error *err);
/* Forgets what was read ahead; the next frame is read from the file again. */
void czi_walk_refresh(struct czi_walk *w);
void czi_walk_done(struct czi_walk *w);

/* Whether a segment's header is one; CZ_CORRUPT otherwise. *ret_used: a mark follows
 * somewhere, so that the header must once have been whole. */
CZI_MUST_USE int czi_segment_check(struct czi_fs *fs, uint32_t number, bool *ret_used,
                                   uint64_t *ret_size, cz_error *err);

/* The one frame at a place, read into buf and checked against its own hash. */
CZI_MUST_USE int czi_segment_read(struct czi_fs *fs, uint32_t segment, uint64_t offset,
                                  struct czi_buf *buf, struct czi_frame *ret, cz_error *err);

#endif
