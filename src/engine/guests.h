/* guests.h - guests of effects: what they see, where they run, and runs ahead of their turn
 * (R1, R17).
 *
 * Layer: engine. Thread: the engine's, but for jobs of a wave (guests_ahead.c), which change
 * nothing that others see.
 *
 * A run is a pure function of the state that it looks at. So a guest may run before its turn,
 * beside others, on the state as it is then. What it saw is kept with what came of it: each
 * resource's position, also of those that were not there, and how many items the book had, if
 * it asked for time. When its turn comes and all of that is still so, the result is what
 * running it now would give; else it is run again, at once. Which guests run ahead is decided
 * by what they declare, or are predicted to touch: a wrong guess costs time and changes
 * nothing. Facts are read from the journal, so who cites some is run at its turn.
 *
 *   guests.c        memory, one run, the turn
 *   guests_ahead.c  waves: which guests run ahead, and what is kept of them
 *   guest_world.c   what a guest sees (struct czi_world)
 *   guest.c         the operations run and call: what comes of a run
 *
 * Memory: everything is made by the first effect with a guest; stores without pay nothing.
 */
#ifndef CZI_GUESTS_H
#define CZI_GUESTS_H

#include "engine/codes.h"
#include "engine/general.h"
#include "engine/predict.h"
#include "engine/workers.h"
#include "vm/manager.h"

/* ---- What a guest sees ------------------------------------------------------------------- */

struct czi_sight {
    struct czi_world world;
    struct czi_core *core;
    struct general *g; /* at its turn: what the effect did before; NULL: ahead of it */
    const struct czi_pending *pending;
    bool asked_book; /* what it was told may change with each item */
    bool needs_turn; /* what it asked for can be told at its turn only */
    bool no_memory;
};
void czi_sight_init(struct czi_sight *s, struct czi_core *core, struct general *g,
                    const struct czi_pending *p);

/* ---- What an effect asks for ------------------------------------------------------------- */

struct czi_guest_order {
    struct czi_run_input in; /* code and world are set by whoever runs it */
    struct czi_access accesses[CZI_ACCESSES_MAX];
    uint8_t places[CZI_ACCESSES_MAX]; /* of a run: of each in the effect */
};
/* Of the operation run or call. */
void czi_guests_order(const struct czi_pending *p, const struct czi_op *op,
                      struct czi_guest_order *ret);

/* ---- Runs ahead -------------------------------------------------------------------------- */

/* Bytes that stay as long as a batch is executed; each thread has its own. */
struct czi_keep {
    struct czi_buf chunks; /* of uint8_t * */
    size_t chunk, at;      /* the one in use, and how far */
};
#define CZI_KEEP_CHUNK (256u * 1024u)

struct czi_ahead {
    const struct czi_pending *pending;
    struct czi_code *code;                  /* borrowed; NULL: it runs at its turn */
    const struct czi_prediction *predicted; /* of an open effect; NULL: it was not asked for */
    uint32_t items;                         /* of the book when it ran */
    bool asked_book;
    bool tried;                   /* it was in a wave: */
    bool done;                    /* and there is a result */
    struct czi_run_result result; /* if so: what it points to is kept. Last: all before is zero
                                     at first */
};

struct czi_guest_worker {
    struct czi_vm_manager *manager;
    struct czi_keep keep;
};

/* Ids that entries before one at hand write: open addressing by the ids' own bits. */
#define CZI_MARKS 8192u
struct czi_marks {
    uint32_t stamp, count;
    struct czi_mark_bucket {
        uint32_t stamp, tag;
    } buckets[CZI_MARKS];
};

struct czi_guests {
    struct czi_codes codes;
    struct czi_predictor *predictor; /* NULL: out of memory */
    struct czi_guest_worker workers[CZI_THREADS_MAX];
    unsigned worker_count;   /* those that can run a guest; 0 is the engine's thread */
    struct czi_ahead *ahead; /* of the batch that is executed */
    uint32_t ahead_count, ahead_room;
    uint32_t window;  /* entries that are looked at */
    uint32_t horizon; /* up to which of the batch they were */
    uint32_t jobs[CZI_WAVE_ENTRIES_MAX];
    uint32_t job_count, considered; /* of the guests seen */
    struct czi_marks marks;
    /* The effect at hand. */
    struct czi_guest_order order;
    struct czi_sight sight;
    struct czi_run_result result; /* of a run at its turn */
    struct czi_prediction predicted;
    struct czi_code *fresh[CZI_ACCESSES_MAX]; /* of codes that it creates, if they were run */
    struct czi_buf facts[CZI_CITATIONS_MAX];  /* their bytes, as far as they were asked for */
    uint64_t fresh_set, facts_read;           /* bit i */
    /* Since they were made. */
    cz_stats stats; /* the fields about guests */
};

/* Made at the first need; NULL: out of memory. */
CZI_MUST_USE struct czi_guests *czi_guests(struct czi_core *core);
void czi_guests_done(struct czi_core *core);
/* Before the first entry of a batch is executed: nothing was run ahead. */
void czi_guests_begin(struct czi_core *core);
/* Before the entry at i of a batch, a guest's, is executed: it and others run ahead, if that is
 * worth it. */
void czi_guests_look_ahead(struct czi_core *core, struct czi_batch *b, uint32_t i);
/* Drops codes beyond what is kept, while nobody runs. */
void czi_guests_trim(struct czi_guests *g);
/* The kept run of an entry, or NULL. */
struct czi_ahead *czi_guests_ahead(struct czi_core *core, const struct czi_entry *e);

/* What an open effect will touch. */
void czi_guests_predict(struct czi_core *core, const struct czi_pending *p,
                        const struct czi_op *op, const struct czi_code *code,
                        struct czi_prediction *ret);
void czi_guests_predict_input(const struct czi_pending *p, const struct czi_op *op,
                              const struct czi_code *code, struct czi_predict_input *ret);

/* ---- At its turn ------------------------------------------------------------------------- */

/* Begins and ends the effect at hand. */
void czi_guests_effect_done(struct czi_guests *g);
/* The code of a resource that the effect at hand creates; as czi_codes_get. */
CZI_MUST_USE int czi_guests_fresh(struct general *g, const struct work *w,
                                  struct czi_code **ret);
/* One run of what g->order asks for, at its turn; *ret lives until the next one. False: out of
 * memory, or the core has failed. */
CZI_MUST_USE bool czi_guests_run(struct general *g, struct czi_code *code,
                                 const struct czi_run_result **ret);

#endif
