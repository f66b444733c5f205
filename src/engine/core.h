/* core.h - the engine's state and its rules: plan, execute, seal. No I/O, clock, lock or
 * thread.
 *
 * Layer: engine. Thread: plan and execute belong to the engine's thread; seal works on one
 * batch at a time, in batch order, and may run on another thread while later batches execute:
 * it touches only the batch and the log heads.
 *
 * A batch goes   filling -> planned and executed (czi_core_execute) -> sealed (czi_seal_*)
 *             -> framed (czi_frame_build) -> durable -> acknowledged.
 * Nothing here allocates per effect: a batch's arrays have their largest size from the start.
 */
#ifndef CZI_CORE_H
#define CZI_CORE_H

#include "effect/receipt.h"
#include "engine/admission.h"
#include "engine/park.h"
#include "fact/book.h"
#include "resource/resource.h"

/* ---- A submission that waits: bytes, and what they say ----------------------------------- */

/* A transfer takes 118 to 138 bytes. */
#define CZI_INLINE_SIZE 144

struct czi_pending {
    struct czi_effect_view view;
    uint8_t *bytes; /* inline_bytes or the heap; of an open effect the latter, with room for a
                       scope behind them */
    uint64_t ticket;
    cz_done_fn done;
    void *arg;
    uint32_t len;
    bool in_use, is_item;
    bool under_guards;         /* its submitter holds guards on all that it touches */
    bool was_parked;           /* its ticket does not hold back later ones */
    struct czi_parked *parked; /* while it waits for a guard, until it is executed */
    union {
        uint8_t inline_bytes[CZI_INLINE_SIZE];
        /* Of items of fact logs, and of signed and open effects, whose bytes are always on the
         * heap. */
        struct {
            cz_id item_id;      /* of an item, and of an effect whose */
            bool bad_signature; /* (of a signed effect, once it was verified) */
        };
    };
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct czi_pending) == 256, "four cache lines: they move between cores");

/* An effect that is refused before it has a place anywhere. */
static inline bool czi_pending_refused(const struct czi_pending *p)
{
    return CZI_UNLIKELY(p->view.signature_count) && p->bad_signature;
}

/* Accesses that it may have in the end. */
static inline uint8_t czi_accesses_max(const struct czi_effect_view *v)
{
    return CZI_UNLIKELY(v->is_open) ? CZ_OPEN_ACCESSES_MAX : (uint8_t)czi_effect_accesses(v);
}

static inline struct czi_arrival czi_arrival_of(uint32_t number, const struct czi_pending *p)
{
    struct czi_arrival a = {.number = number,
                            .len = p->len,
                            .accesses = (uint8_t)czi_effect_accesses(&p->view),
                            .priority = p->view.priority,
                            .after_count = p->view.after_count,
                            .is_item = p->is_item};

    if (czi_pending_refused(p))
        return (struct czi_arrival){.number = number,
                                    .len = p->len,
                                    .priority = p->view.priority,
                                    .is_refused = true};
    if (CZI_UNLIKELY(p->view.has_guest)) {
        a.has_guest = true;
        a.accesses = czi_accesses_max(&p->view);
    }
    return a;
}

/* ---- Batch ------------------------------------------------------------------------------- */

enum czi_entry_status {
    CZI_ENTRY_EFFECT,    /* has a position */
    CZI_ENTRY_ITEM,      /* recorded */
    CZI_ENTRY_REFUSED,   /* an item that is not, for `reason`, or an effect's signature */
    CZI_ENTRY_LOOK_UP,   /* nonce not above the last: duplicate or conflict */
    CZI_ENTRY_DUPLICATE, /* known to be one: an item, or the look-up's answer */
    CZI_ENTRY_CONFLICT,
};

struct czi_entry {
    union {
        cz_quantity quantity; /* of a shape that is not general */
        uint32_t extra;       /* of one that is: its number + 1; 0: none */
    };
    struct czi_pending *pending;
    uint64_t nonce;
    union {
        uint64_t lamport;
        uint64_t first_position; /* of a duplicate */
    };
    uint32_t posts;    /* first of post_count in the batch's posts */
    uint32_t from, to; /* slots of such a shape; to, with a guest: its run ahead + 1, 0: none */
    uint32_t origin;   /* of an item: its domain */
    uint32_t number;   /* position - the batch's first position; CZI_ID_NONE without one */
    uint8_t post_count;
    uint8_t reason;
    uint8_t status;
    unsigned shape : 4;  /* enum czi_shape; not general only when both slots are known */
    unsigned first : 3;  /* of such a shape: `from` is access 0 or 1 */
    unsigned waited : 1; /* for a guard; now it has it */
};
_Static_assert(sizeof(struct czi_entry) == 64, "one cache line");

/* What an item did to the time map. */
struct czi_time_move {
    struct czi_domain_time at;
    uint32_t domain; /* the book's number */
};

/* The bytes that a data resource had before the effect at a position. Kept until the batch is
 * acknowledged, for whoever watches: by then the resource may have others. */
struct czi_replaced {
    uint64_t position;
    uint8_t *data; /* owned */
    uint32_t slot, len;
};

struct czi_batch {
    struct czi_entry *entries;
    struct czi_post *posts;
    cz_id *hashes; /* per post: the bytes' hash, of data resources that were written */
    cz_id *times;  /* snapshots of the time map, in the order of the items that made them */
    struct czi_buf moves;    /* of struct czi_time_move: what made each of them but the first */
    struct czi_buf replaced; /* of struct czi_replaced, ascending by position */
    struct czi_buf extras;   /* of struct czi_extra */
    cz_id *effect_ids, *receipt_ids; /* per number */
    struct czi_seal_scratch *scratch;
    uint32_t room, post_room;
    uint32_t guest_count; /* effects that start one */
    uint32_t entry_count, access_count, post_count, position_count, fact_count, look_ups;
    uint32_t time_count; /* the first one is what the batch began with */
    uint64_t first_position, facts_before;
    uint64_t lamport;     /* the latest time of all so far */
    uint64_t bytes;       /* of all effects and facts */
    uint64_t number;      /* of the batch, from 1; wraps are not a concern below 2^64 */
    struct czi_buf frame; /* complete once built */
    uint8_t frame_hash[32];
    bool watched; /* it may have written what somebody watches */
};

CZI_MUST_USE int czi_batch_new(uint32_t room, struct czi_batch **ret, cz_error *err);
void czi_batch_free(struct czi_batch *b); /* NULL: no-op; not the pendings */
void czi_batch_clear(struct czi_batch *b);
/* Whether one more submission fits (R18: entries, accesses, bytes). */
bool czi_batch_fits(const struct czi_batch *b, const struct czi_arrival *a);
void czi_batch_add(struct czi_batch *b, const struct czi_arrival *a, struct czi_pending *p);

/* ---- State ------------------------------------------------------------------------------- */

struct czi_asset {
    char *name;         /* owned */
    cz_quantity supply; /* of fungibles */
    bool dirty;
};

struct czi_origin {
    uint64_t next_nonce;   /* lowest one that is not used; 0: none was */
    struct czi_lock *lock; /* of its effects that wait, or NULL */
    bool dirty;
};

/* By the book's number. */
struct czi_domain_log {
    uint8_t head[32]; /* newest node of the fact log; the sealing stage's */
    uint64_t items;
    bool dirty;
};

/* One task of a program, as far as its vector clock goes. */
struct czi_task_clock {
    struct czi_shared_clock *clock; /* of its newest effect */
    uint64_t position, lamport;
    cz_id program;
    uint32_t task, log; /* log: the program's number */
    bool dirty;
};

/* The log of a program: its effects, applied or not, in order. */
struct czi_program_log {
    uint64_t entries, first, last; /* positions; 0: none yet */
    uint8_t head[32];              /* newest node; the sealing stage's */
    bool dirty;
};
/* They stay where they are, since the sealing stage has their heads. */
#define CZI_PROGRAM_CHUNK_BITS 10
#define CZI_PROGRAM_CHUNK (1u << CZI_PROGRAM_CHUNK_BITS)

/* What is known of a cited predecessor; given by the caller of execute, since finding it may
 * need I/O. */
struct czi_predecessor {
    bool applied;
    uint64_t lamport, position;
    struct czi_parked *parked;      /* it waits for a guard: whoever follows it waits too */
    struct czi_shared_clock *clock; /* NULL: none */
};

struct czi_core {
    struct czi_resources resources;
    struct czi_id_table origin_ids, asset_ids, task_ids; /* names are hashed */
    struct czi_id_table program_ids;                     /* in the order of first entries */
    struct czi_book *book;
    struct czi_origin *origins;
    struct czi_asset *assets;
    struct czi_task_clock *tasks;
    struct czi_program_log **programs; /* chunks */
    struct czi_domain_log *domains;    /* CZI_DOMAINS_MAX */
    uint32_t origin_room, asset_room, task_room;
    uint64_t lamport; /* the latest time of all receipts */
    uint32_t *dirty_origins;
    uint32_t dirty_origin_count;
    uint64_t positions; /* given so far */
    uint64_t batches;
    uint64_t applied, rejected, duplicates;
    uint32_t created; /* resources; a slot may be reserved for one that is not */
    struct czi_parking parking;
    /* Called between entries, so that others may come in; NULL: nobody may. */
    void (*breathe)(void *arg);
    /* Called when effects ended that had waited: whom that woke learns it, and effects become
     * ready (czi_park_granted). NULL: later. */
    void (*settle)(void *arg);
    /* An effect that must wait closes a cycle through one who awaits, whom this refuses. False:
     * out of memory. */
    bool (*refuse)(void *arg, struct czi_owner *awaiting);
    void *breathe_arg;               /* of all three */
    bool plan_only;                  /* no posts are kept: nothing can be sealed */
    bool met_watched;                /* something watched was written since the last look */
    struct general *general;         /* scratch of the general way */
    struct czi_placement *placement; /* groups of resources; NULL: all are in group 0 */
    /* Answers for a submission's predecessors, one per predecessor, in the order cited. */
    const struct czi_predecessor *(*predecessors)(void *arg, const struct czi_pending *p);
    void *predecessors_arg;
    struct czi_guests *guests; /* NULL: none ran yet */
    /* Runs jobs beside each other, `threads` at the same time; NULL: there are no threads. */
    void (*fan_out)(void *arg, void (*fn)(void *arg, unsigned worker, uint32_t job), void *ctx,
                    uint32_t count);
    void *fan_out_arg;
    unsigned threads;
    /* The bytes of a recorded item by its number, which may need I/O. */
    int (*item_bytes)(void *arg, uint32_t number, struct czi_buf *ret, cz_error *err);
    void *item_bytes_arg;
    int failed; /* item_bytes did: */
    cz_error why;
};

CZI_MUST_USE int czi_core_init(struct czi_core *core, cz_error *err);
void czi_core_done(struct czi_core *core);         /* of all zero: no-op */
void czi_core_scratch_done(struct czi_core *core); /* its part in execute.c */

/* Both take the entries from `from` on, which is 0 or where the batch ended when it was
 * executed before: a batch may grow until it is sealed. On an error (CZ_NOMEM) the state is
 * unusable and the engine must stop. */
/* Finds what each entry's origin and transfer accesses are, before any of it executes. */
CZI_MUST_USE int czi_core_plan(struct czi_core *core, struct czi_batch *b, uint32_t from,
                               cz_error *err);
/* Executes planned entries in order: positions, outcomes and posts are set. What must wait for
 * a guard leaves the batch. */
CZI_MUST_USE int czi_core_execute(struct czi_core *core, struct czi_batch *b, uint32_t from,
                                  cz_error *err);

/* Begins a batch's times; of a recorded item: what the effects after it see. */
void czi_batch_begin_time(const struct czi_core *core, struct czi_batch *b);
void czi_batch_note_time(const struct czi_core *core, struct czi_batch *b, struct czi_entry *e);

void czi_replaced_done(struct czi_batch *b);

/* Lets others have the state for a moment. */
static inline void czi_core_breathe(const struct czi_core *core)
{
    if (core->breathe)
        core->breathe(core->breathe_arg);
}

/* The number of an asset; CZI_ID_NONE when there is none, or out of memory. */
uint32_t czi_core_asset(struct czi_core *core, struct czi_slice name, bool add);
/* Of a program's task. */
uint32_t czi_core_task(struct czi_core *core, const uint8_t *program, uint32_t task, bool add);
uint32_t czi_core_origin(struct czi_core *core, const uint8_t *id, bool add);
/* Of a program's log. */
uint32_t czi_core_program(struct czi_core *core, const uint8_t *id, bool add);
static inline struct czi_program_log *czi_program_log(const struct czi_core *core, uint32_t n)
{
    return &core->programs[n >> CZI_PROGRAM_CHUNK_BITS][n & (CZI_PROGRAM_CHUNK - 1)];
}

/* ---- Sealing ------------------------------------------------------------------------------
 */

/* Writes the frame's payload; from here on the submissions' bytes are read there. */
CZI_MUST_USE int czi_seal_payload(struct czi_batch *b, cz_error *err);
/* Hashes an executed batch: effect ids, receipts, log nodes of resources and domains. Without
 * czi_seal_payload before it, it reads the submissions. */
void czi_seal(struct czi_core *core, struct czi_batch *b);
/* Completes the frame behind the one with hash `previous`. */
void czi_seal_frame(struct czi_batch *b, const uint8_t previous[32]);

/* Of an effect: what few have, or NULL. */
static inline struct czi_extra *czi_entry_extra(const struct czi_batch *b,
                                                const struct czi_entry *e)
{
    if (CZI_LIKELY(e->shape != CZI_SHAPE_GENERAL || !e->extra))
        return NULL;
    return (struct czi_extra *)(void *)b->extras.data + (e->extra - 1);
}

/* The time map that the effects see which come after the item e, or (NULL) at the beginning of
 * the batch; 32 bytes, or NULL: nothing is known. */
static inline const uint8_t *czi_entry_time(const struct czi_batch *b,
                                            const struct czi_entry *e)
{
    const uint8_t *time = b->times[e ? e->from : 0].bytes;

    return czi_id_word(time) | czi_id_word(time + 8) ? time : NULL;
}

static inline struct czi_outcome
czi_entry_outcome(const struct czi_batch *b, const struct czi_entry *e, const uint8_t *time)
{
    return (struct czi_outcome){b->first_position + e->number,
                                e->lamport,
                                e->reason,
                                e->post_count,
                                b->posts + e->posts,
                                time,
                                czi_entry_extra(b, e)};
}

#endif
