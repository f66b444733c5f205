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
#include "resource/resource.h"

/* ---- A submission that waits: bytes, and what they say ----------------------------------- */

/* A transfer takes 118 to 138 bytes. */
#define CZI_INLINE_SIZE 144

struct czi_pending {
    struct czi_effect_view view;
    uint8_t *bytes; /* inline_bytes or the heap */
    uint64_t ticket;
    cz_done_fn done;
    void *arg;
    uint32_t len;
    bool in_use, is_fact;
    bool under_guards;         /* its submitter holds guards on all that it touches */
    bool was_parked;           /* its ticket does not hold back later ones */
    struct czi_parked *parked; /* while it waits for a guard, until it is executed */
    union {
        uint8_t inline_bytes[CZI_INLINE_SIZE];
        struct { /* of a fact, whose bytes are always on the heap */
            cz_id fact_id;
            struct czi_slice domain; /* in its bytes */
        };
    };
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct czi_pending) == 256, "four cache lines: they move between cores");

static inline struct czi_arrival czi_arrival_of(uint32_t number, const struct czi_pending *p)
{
    return (struct czi_arrival){.number = number,
                                .len = p->len,
                                .accesses = (uint8_t)czi_effect_accesses(&p->view),
                                .priority = p->view.priority,
                                .after_count = p->view.after_count,
                                .is_fact = p->is_fact};
}

/* ---- Batch ------------------------------------------------------------------------------- */

enum czi_entry_status {
    CZI_ENTRY_EFFECT,    /* has a position */
    CZI_ENTRY_FACT,      /* recorded */
    CZI_ENTRY_LOOK_UP,   /* nonce not above the last: duplicate or conflict */
    CZI_ENTRY_DUPLICATE, /* known to be one: a fact, or the look-up's answer */
    CZI_ENTRY_CONFLICT,
};

struct czi_entry {
    cz_quantity quantity; /* of a shape that is not general */
    struct czi_pending *pending;
    uint64_t nonce;
    union {
        uint64_t lamport;
        uint64_t first_position; /* of a duplicate */
    };
    uint32_t posts;    /* first of post_count in the batch's posts */
    uint32_t from, to; /* slots of such a shape */
    uint32_t origin;
    uint32_t number; /* position - the batch's first position; CZI_ID_NONE without one */
    uint8_t post_count;
    uint8_t reason;
    uint8_t status;
    unsigned shape : 4;  /* enum czi_shape; not general only when both slots are known */
    unsigned first : 3;  /* of such a shape: `from` is access 0 or 1 */
    unsigned waited : 1; /* for a guard; now it has it */
};
_Static_assert(sizeof(struct czi_entry) == 64, "one cache line");

struct czi_batch {
    struct czi_entry *entries;
    struct czi_post *posts;
    cz_id *hashes; /* per post: the bytes' hash, of data resources that were written */
    cz_id *effect_ids, *receipt_ids; /* per number */
    struct czi_seal_scratch *scratch;
    uint32_t room, post_room;
    uint32_t entry_count, access_count, post_count, position_count, fact_count, look_ups;
    uint64_t first_position, facts_before;
    uint64_t bytes;       /* of all effects and facts */
    uint64_t number;      /* of the batch, from 1; wraps are not a concern below 2^64 */
    struct czi_buf frame; /* complete once built */
    uint8_t frame_hash[32];
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

struct czi_domain {
    char *name;       /* owned */
    uint8_t head[32]; /* newest node of the fact log; the sealing stage's */
    uint64_t facts;
    bool dirty;
};

/* What is known of a cited predecessor; given by the caller of execute, since finding it may
 * need I/O. */
struct czi_predecessor {
    bool applied;
    uint64_t lamport;
    struct czi_parked *parked; /* it waits for a guard: whoever follows it waits too */
};

struct czi_core {
    struct czi_resources resources;
    struct czi_id_table origin_ids, fact_ids, asset_ids, domain_ids; /* names are hashed */
    struct czi_origin *origins;
    struct czi_asset *assets;
    struct czi_domain *domains;
    uint32_t origin_room, asset_room, domain_room;
    uint32_t facts_saved; /* of fact_ids, in the last checkpoint */
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
    void *breathe_arg;       /* of all three */
    bool plan_only;          /* no posts are kept: nothing can be sealed */
    struct general *general; /* scratch of the general way */
    /* Answers for a submission's predecessors, one per predecessor, in the order cited. */
    const struct czi_predecessor *(*predecessors)(void *arg, const struct czi_pending *p);
    void *predecessors_arg;
};

CZI_MUST_USE int czi_core_init(struct czi_core *core, cz_error *err);
void czi_core_done(struct czi_core *core); /* of all zero: no-op */

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

/* Lets others have the state for a moment. */
static inline void czi_core_breathe(const struct czi_core *core)
{
    if (core->breathe)
        core->breathe(core->breathe_arg);
}

/* Numbers of names (assets, domains); CZI_ID_NONE when there is none, or out of memory. */
uint32_t czi_core_asset(struct czi_core *core, struct czi_slice name, bool add);
uint32_t czi_core_domain(struct czi_core *core, struct czi_slice name, bool add);
uint32_t czi_core_origin(struct czi_core *core, const uint8_t *id, bool add);

/* ---- Sealing ------------------------------------------------------------------------------
 */

/* Writes the frame's payload; from here on the submissions' bytes are read there. */
CZI_MUST_USE int czi_seal_payload(struct czi_batch *b, cz_error *err);
/* Hashes an executed batch: effect ids, receipts, log nodes of resources and domains. Without
 * czi_seal_payload before it, it reads the submissions. */
void czi_seal(struct czi_core *core, struct czi_batch *b);
/* Completes the frame behind the one with hash `previous`. */
void czi_seal_frame(struct czi_batch *b, const uint8_t previous[32]);

static inline struct czi_outcome czi_entry_outcome(const struct czi_batch *b,
                                                   const struct czi_entry *e)
{
    return (struct czi_outcome){b->first_position + e->number, e->lamport, e->reason,
                                e->post_count, b->posts + e->posts};
}

#endif
