/* overlay.h - inside of the manager: what a run has looked at, and what it has changed so far.
 *
 * Layer: vm. Thread: the manager's. Words:
 *
 *   place  a resource that the run has to do with, by its number in the result's accesses
 *   frame  a code that runs: the first one, and those that it invokes, each with a space
 *   index  what a guest calls a place; each frame has its own
 *
 * Contents of data lie in the windows of the frame that runs. They are *kept*, as an operation
 * that writes them, before another code may change them, and before the lifecycle changes: so
 * each write is of one code alone, and operations stand in the order in which they were asked
 * for. What is still in windows at the end is written last.
 *
 * Invariants. (1) A place is in a frame's indexes at most once. (2) A frame that does not run
 * has no written window that the one above it may write: what they share is kept. (3) What is
 * kept and the windows' bytes lie in the arena, in the world or in a space of an outer frame,
 * and stay as long as what points to them.
 */
#ifndef CZI_OVERLAY_H
#define CZI_OVERLAY_H

#include "base/limits.h"
#include "vm/manager.h"

/* The first code need not be among the declared. */
#define CZI_PLACES_MAX (CZI_ACCESSES_MAX + 1)

/* A resource as the run has it; what an invoked code that fails has done to it is undone. */
struct czi_now {
    cz_quantity quantity;
    const uint8_t *controller; /* 32 bytes; NULL while it does not exist */
    struct czi_slice asset;
    struct czi_slice data; /* as found, or kept last */
    uint16_t creation;     /* its number, when is_created */
    uint8_t kind, state;
    bool exists, written;
    bool is_created;
    bool is_filled; /* the creation says what it holds; later contents are written */
    bool ran;       /* of a code: see czi_access */
};
struct czi_place {
    struct czi_found found;
    struct czi_now now;
};
struct czi_index {
    uint8_t place;
    uint8_t outer; /* index of the frame below */
    bool writable;
    bool is_mapped; /* it has a window */
    bool is_kept;   /* contents were kept in this frame: the one below has older ones */
};
struct czi_frame {
    struct czi_space *space; /* NULL: none yet; goes on to the next run */
    struct czi_code *code;
    const uint8_t *code_id;
    unsigned index_count;
    struct czi_index indexes[CZ_GUEST_WINDOWS_MAX];
    unsigned output_len;
    uint8_t output[CZ_GUEST_OUTPUT_MAX];
};

/* Bytes that stay until the next run. */
#define CZI_ARENA_CHUNK (4u * CZI_DATA_SIZE_MAX)
#define CZI_ARENA_CHUNKS (CZI_RUN_BYTES_MAX / (CZI_ARENA_CHUNK - CZI_DATA_SIZE_MAX) + 1)
struct czi_arena {
    uint8_t *chunks[CZI_ARENA_CHUNKS];
    unsigned chunk; /* the one in use */
    size_t at;      /* in it */
    size_t used;    /* of all */
};

/* What invoke goes back to. */
struct czi_mark {
    unsigned places, creations, ops, messages;
    unsigned arena_chunk;
    size_t arena_at, arena_used;
    struct czi_now now[CZI_PLACES_MAX];
};

struct czi_vm_manager {
    struct czi_run_input in;
    uint8_t code_id[32];
    unsigned depth; /* of the frame that runs */
    unsigned place_count;
    bool no_memory;
    uint64_t call_gas; /* of the gas used: calls */
    struct czi_access accesses[CZI_PLACES_MAX];
    struct czi_place places[CZI_PLACES_MAX];
    unsigned creation_count, op_count;
    /* CZI_RUN_OPERATIONS_MAX, and room for the writes of windows behind them. */
    struct czi_op ops[CZI_OPERATIONS_MAX];
    const uint8_t *op_actors[CZI_OPERATIONS_MAX];
    struct czi_op creations[CZI_ACCESSES_MAX];
    const uint8_t *creation_actors[CZI_ACCESSES_MAX];
    /* Both kinds, of a run that creates. */
    struct czi_op all_ops[CZI_OPERATIONS_MAX];
    const uint8_t *all_actors[CZI_OPERATIONS_MAX];
    struct czi_arena arena;
    unsigned messages_len;
    uint8_t messages[CZ_GUEST_OUTPUT_MAX];
    char detail[160];
    struct czi_frame frames[CZI_RUN_DEPTH_MAX];
    struct czi_mark marks[CZI_RUN_DEPTH_MAX];
    uint8_t scratch[CZI_DATA_SIZE_MAX]; /* of one call: bytes on their way */
};

static inline struct czi_frame *czi_frame_now(struct czi_vm_manager *m)
{
    return &m->frames[m->depth];
}

/* ---- Places and indexes ------------------------------------------------------------------ */

/* The place of an id, or place_count. */
unsigned czi_place_find(const struct czi_vm_manager *m, const uint8_t id[32]);
/* A new one, as the world has it; there must be room. found NULL: the world is asked. */
unsigned czi_place_add(struct czi_vm_manager *m, const uint8_t id[32], bool writable,
                       const struct czi_found *found);
/* Gives a frame one more index, with its window; there must be room. */
unsigned czi_index_add(struct czi_vm_manager *m, struct czi_frame *f, unsigned place,
                       bool writable, struct czi_slice contents);
/* Puts contents into the window, as not written; maps it when it should be there. */
void czi_index_map(struct czi_vm_manager *m, struct czi_frame *f, unsigned index,
                   struct czi_slice contents);
/* The index of a place, or index_count. */
unsigned czi_index_find(const struct czi_frame *f, unsigned place);
/* Of what the window holds now. */
struct czi_slice czi_index_contents(const struct czi_vm_manager *m, const struct czi_frame *f,
                                    unsigned index);
/* Notes what windows tell of. */
void czi_index_note(struct czi_vm_manager *m, struct czi_frame *f, unsigned index);

/* ---- Operations ---------------------------------------------------------------------------
 */

/* Room for n more, besides those that are there. */
bool czi_overlay_fits(const struct czi_vm_manager *m, unsigned n);
/* So many bytes that stay, or NULL: *ret is CZ_LIMIT, or CZ_NOMEM. */
uint8_t *czi_overlay_bytes(struct czi_vm_manager *m, size_t len, int *ret);
/* An operation of the frame's code, to be filled in; there must be room. */
struct czi_op *czi_overlay_op(struct czi_vm_manager *m, const struct czi_frame *f);
/* Whether the window holds what is not kept. What is created is, until it is filled. */
bool czi_overlay_is_loose(const struct czi_vm_manager *m, const struct czi_frame *f,
                          unsigned index);
/* Keeps it, as the frame's code's. CZ_OK, CZ_LIMIT, CZ_NOMEM. */
CZI_MUST_USE int czi_overlay_keep(struct czi_vm_manager *m, struct czi_frame *f,
                                  unsigned index);
void czi_overlay_reset(struct czi_vm_manager *m);
void czi_overlay_mark(const struct czi_vm_manager *m, struct czi_mark *ret);
/* Places that were added since stay, as they were found: they are codes. */
void czi_overlay_undo(struct czi_vm_manager *m, const struct czi_mark *mark);

/* ---- Frames (manager.c) -------------------------------------------------------------------
 */

/* A space with the code and its input. False: out of memory. */
CZI_MUST_USE bool czi_frame_begin(struct czi_vm_manager *m, struct czi_frame *f,
                                  struct czi_code *code, const uint8_t *code_id,
                                  struct czi_slice input);
/* Runs until it ends: CZI_STOP_CALL is EXIT, and x[10] its code. */
enum czi_stop czi_frame_run(struct czi_vm_manager *m, struct czi_frame *f, struct czi_hart *h,
                            uint64_t gas);

/* ---- Calls (calls.c) ----------------------------------------------------------------------
 */

struct czi_call {
    struct czi_vm_manager *m;
    struct czi_frame *f;
    struct czi_hart *h;
    const char *name;
    unsigned number;
    uint64_t a[6];
    uint64_t inner; /* gas that was used by another code on its behalf */
    enum czi_stop stop;
};
/* What a call gives, when it does not stop. */
typedef uint64_t (*czi_call_fn)(struct czi_call *c);

static inline uint64_t czi_call_code(int code)
{
    return (uint64_t)-(int64_t)code;
}
/* Each says whether the call goes on; otherwise it is stopped. */

/* More of what the call costs for bytes. */
CZI_MUST_USE bool czi_call_pay_more(struct czi_call *c, uint64_t size);
/* A trap of the call itself, with a text for people. */
void czi_call_refuse(struct czi_call *c, const char *fmt, ...) CZI_PRINTF(2, 3);
void czi_call_no_memory(struct czi_call *c);
/* A range of memory may be written, read. */
CZI_MUST_USE bool czi_call_can(struct czi_call *c, uint64_t address, uint64_t size, bool write);
CZI_MUST_USE bool czi_call_get(struct czi_call *c, uint64_t address, void *to, size_t size);
bool czi_call_put(struct czi_call *c, uint64_t address, const void *from, size_t size);
/* An index that was given to the guest, and may be written when that is asked. */
CZI_MUST_USE bool czi_call_index(struct czi_call *c, uint64_t index, enum cz_access mode);

/* What EMIT shares with others; of indexes that were checked, and a len of CZI_DATA_SIZE_MAX at
 * most. */
uint64_t czi_call_replace(struct czi_call *c, unsigned index, uint64_t from, uint64_t len);
uint64_t czi_call_move(struct czi_call *c, uint64_t from, uint64_t to, unsigned code,
                       cz_quantity q);

uint64_t czi_call_do_open(struct czi_call *c);
uint64_t czi_call_do_info(struct czi_call *c);
uint64_t czi_call_do_length(struct czi_call *c);
uint64_t czi_call_do_load(struct czi_call *c);
uint64_t czi_call_do_store(struct czi_call *c);
uint64_t czi_call_do_resize(struct czi_call *c);
uint64_t czi_call_do_allocate(struct czi_call *c);
uint64_t czi_call_do_transfer(struct czi_call *c);
uint64_t czi_call_do_emit(struct czi_call *c);
uint64_t czi_call_do_invoke(struct czi_call *c);
uint64_t czi_call_do_fact(struct czi_call *c);
uint64_t czi_call_do_fact_bytes(struct czi_call *c);
uint64_t czi_call_do_time(struct czi_call *c);

#endif
