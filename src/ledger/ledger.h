/* ledger.h - durable, verifiable order: journal segments, recovery, checkpoint, index.
 *
 * Layer: ledger. It stores frames (one batch each) and knows nothing of what is inside them
 * but the number of positions and the ids that it is told. Thread: one writer (append,
 * checkpoint); the finders may be called from any thread.
 *
 * Invariants: frames form one hash chain over all segments; positions are consecutive from 1;
 * append returns after the frame is durable; only the last segment may end in a torn frame,
 * which opening for writing cuts; the index never says more than the journal holds. Where
 * appends begin is marked in the segments (segment.h), so a tail that several frames of one
 * write share is torn, and damage before a later append is not.
 *
 * A store directory:
 *   FORMAT                     "causality store 1\n"
 *   LOCK                       held by the process that writes; its process id
 *   CHECKPOINT                 last frame of a closed store: truncation shows; from creation on
 *   journal/<16 hex digits>    segments, numbered from 1
 *   index/                     derived; may be deleted, is rebuilt
 */
#ifndef CZI_LEDGER_H
#define CZI_LEDGER_H

#include "ledger/index.h"
#include "platform/platform.h"

/* ---- Frame: 128 bytes of header, then the payload. All numbers little-endian. -----------
 *   0 "CZF1"   4 u32 payload length   8 u64 first position  16 u32 positions  20 u32 facts
 *  24 u64 facts before this frame    32 hash of the previous frame (zero for the first)
 *  64 BLAKE3 of the receipt ids of this frame, in position order
 *  96 BLAKE3 of bytes 0..95 and the payload: the frame's hash                             */
#define CZI_FRAME_HEADER_SIZE 128

struct czi_frame {
    uint64_t first_position; /* of the first effect, or what the next one will get */
    uint32_t position_count;
    uint32_t fact_count;
    uint64_t facts_before;
    uint8_t previous[32];
    uint8_t receipts[32];
    uint8_t hash[32];
    struct czi_slice payload;
    /* Where it lies; unset while it is being built. */
    uint32_t segment;
    uint64_t offset;
};

/* Completes a frame in place: `frame` has CZI_FRAME_HEADER_SIZE free bytes, then the payload.
 * Fills the header from f (previous, receipts, positions, facts) and sets f->hash. */
void czi_frame_seal(uint8_t *frame, size_t payload_len, struct czi_frame *f);
/* Checks one frame at the start of data. CZ_NOT_FOUND: data ends before the frame does, or
 * does not begin with a frame's magic; CZ_CORRUPT: whole, but its hash does not hold. */
CZI_MUST_USE int czi_frame_parse(const uint8_t *data, size_t len, struct czi_frame *ret,
                                 cz_error *err);

/* ---- Ledger --------------------------------------------------------------------------- */

struct czi_ledger;

struct czi_ledger_options {
    struct czi_fs *fs; /* not owned */
    bool read_only;
    bool memory_index; /* for a file system in memory */
    /* An index to use, not owned, which may outlive the ledger; NULL: opens its own. */
    struct czi_index *index;
    uint64_t segment_size_max;
};

/* An empty store in fs. CZ_CONFLICT when there is something already. Durable. */
CZI_MUST_USE int czi_ledger_create(struct czi_fs *fs, cz_error *err);

/* Opens, takes the lock, checks FORMAT, the chain of segments and that CHECKPOINT and index
 * agree with the journal (an index that is missing is an empty one; one that contradicts the
 * journal is CZ_CORRUPT and says how to rebuild it). */
CZI_MUST_USE int czi_ledger_open(const struct czi_ledger_options *options,
                                 struct czi_ledger **ret, cz_error *err);

/* Rows of one table of the index, as of its last checkpoint. */
CZI_MUST_USE int czi_ledger_rows(struct czi_ledger *l, uint8_t table,
                                 int (*fn)(void *arg, const struct czi_row *row), void *arg,
                                 cz_error *err);

/* The frames after the index's checkpoint, each verified, in order: the engine executes them
 * again. For each it returns the effect ids (position_count of them, valid until its next
 * call) for the tail's index. After the last whole frame a torn tail is cut (or, read only,
 * ignored); *ret_torn is how many bytes that were. */
typedef int (*czi_recover_fn)(void *arg, const struct czi_frame *frame, const cz_id **ret_ids,
                              cz_error *err);
CZI_MUST_USE int czi_ledger_recover(struct czi_ledger *l, czi_recover_fn fn, void *arg,
                                    uint64_t *ret_torn, cz_error *err);

/* All frames from the first on, verified, whatever the index says. A bad byte anywhere gives
 * CZ_CORRUPT naming segment file and offset; bytes after the last whole frame of the last
 * segment too, unless `allow_torn`. */
typedef int (*czi_frame_fn)(void *arg, const struct czi_frame *frame, cz_error *err);
CZI_MUST_USE int czi_ledger_scan(struct czi_ledger *l, bool allow_torn, czi_frame_fn fn,
                                 void *arg, cz_error *err);

/* The frames that hold the positions from first to last, each verified, in order; last is one
 * that there is. Reads on from frame to frame. */
CZI_MUST_USE int czi_ledger_range(struct czi_ledger *l, uint64_t first, uint64_t last,
                                  czi_frame_fn fn, void *arg, cz_error *err);

/* The hash of the newest frame (zero when empty) and the positions and facts so far. */
void czi_ledger_tip(const struct czi_ledger *l, uint8_t ret_hash[32], uint64_t *ret_positions,
                    uint64_t *ret_facts);

/* Sealed frames one behind another in memory, with one effect id per position. */
struct czi_piece {
    const uint8_t *frames;
    size_t len;
    const cz_id *ids;
};

/* Appends pieces in order, with one sync for all of them. On any error the ledger is stopped
 * for good: the frames are not acknowledged, every later append gives CZ_CLOSED, and a new open
 * recovers. */
CZI_MUST_USE int czi_ledger_append(struct czi_ledger *l, const struct czi_piece *pieces,
                                   size_t count, cz_error *err);

/* The position of an effect: in the tail or the index. CZ_NOT_FOUND. The tail compares all 32
 * bytes, the index holds the first 12: whoever reads the effect there compares the rest. */
CZI_MUST_USE int czi_ledger_find(struct czi_ledger *l, const cz_id *effect,
                                 uint64_t *ret_position, cz_error *err);
/* Up to max effects whose id starts with `bits` bits of prefix. */
CZI_MUST_USE int czi_ledger_find_prefix(struct czi_ledger *l, const uint8_t prefix[32],
                                        unsigned bits, uint64_t *positions, size_t max,
                                        size_t *ret_count, cz_error *err);
/* The frame that holds a position, read and verified. buf keeps it; calling again with the
 * same buf and frame for a position in the same frame reads nothing. */
CZI_MUST_USE int czi_ledger_read(struct czi_ledger *l, uint64_t position, struct czi_buf *buf,
                                 struct czi_frame *frame, cz_error *err);

/* The same for the frame that holds an item of a fact log, by number from 0. */
CZI_MUST_USE int czi_ledger_read_fact(struct czi_ledger *l, uint64_t fact, struct czi_buf *buf,
                                      struct czi_frame *frame, cz_error *err);

/* True when so much was journaled or recovered since the last checkpoint as fills a segment:
 * the engine should make one. Always false when read only, and once it was told that the
 * index cannot be loaded. */
bool czi_ledger_wants_checkpoint(const struct czi_ledger *l);

/* Rows of the engine's state that changed since the last checkpoint, in any order, one key
 * once. Keys and values are owned by the bytes buffer. */
struct czi_rows {
    struct czi_buf bytes;
    struct czi_buf spans; /* of struct czi_row_span */
};
struct czi_row_span {
    uint64_t key, value; /* offsets in bytes */
    uint32_t key_len, value_len;
};
void czi_rows_add(struct czi_rows *rows, const void *key, size_t key_len, const void *value,
                  size_t value_len);
void czi_rows_done(struct czi_rows *rows);

/* Hands over the state as of the newest appended frame: the current segment is sealed, a new
 * one begins with the next append, and the rows, the tail's effect ids and the meta row go to
 * the index on a background thread (`background`), or before returning. Takes rows, whose
 * tables may not be e, g, m or p. An error of an earlier background load is reported here and
 * by close, and then nothing is loaded any more; the journal is not harmed. It may be called
 * from within czi_recover_fn, before that frame is executed: it covers the frames before it, so
 * a long recovery (a rebuilt index) needs no more memory than a short one. */
CZI_MUST_USE int czi_ledger_checkpoint(struct czi_ledger *l, struct czi_rows *rows,
                                       bool background, cz_error *err);

/* Writes CHECKPOINT (atomically; not when read only or stopped), waits for the background,
 * unlocks and frees. NULL: no-op. */
int czi_ledger_close(struct czi_ledger *l, cz_error *err);

/* Removes the derived index of a store that nobody has open for writing (CZ_BUSY). */
CZI_MUST_USE int czi_ledger_drop_index(struct czi_fs *fs, cz_error *err);
/* The same once `first` has returned CZ_OK: it is called while nobody else can write. */
CZI_MUST_USE int czi_ledger_drop_index_after(struct czi_fs *fs,
                                             int (*first)(void *arg, cz_error *err), void *arg,
                                             cz_error *err);

/* Bytes in all segments. */
uint64_t czi_ledger_size(const struct czi_ledger *l);

#endif
