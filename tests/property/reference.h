/* reference.h - the rules of the core in plain code: one effect at a time, resources in an
 * array, no batch, thread, lane, slot, hash table or journal.
 *
 * It shares with the engine only BLAKE3 and the functions that put one CBOR item. It writes
 * canonical bytes itself, from a description of the effect, so that it also checks those of
 * cz_effect. The rules are those of causality.h, effect.h and receipt.h.
 */
#ifndef CZI_REFERENCE_H
#define CZI_REFERENCE_H

#include "reference_book.h"

#include "base/bytes.h"
#include "causality/causality.h"

enum ref_code {
    REF_CREATE,
    REF_TRANSFER,
    REF_MOVE,
    REF_WRITE,
    REF_LOCK,
    REF_UNLOCK,
    REF_FREEZE,
    REF_UNFREEZE,
    REF_CONSUME,
    REF_ARCHIVE,
    REF_REQUIRE,
};

#define REF_OPS_MAX 16
#define REF_ACCESSES_MAX 64
#define REF_CITATIONS_MAX 4
#define REF_DATA_MAX 600
#define REF_NOTE_MAX 300
#define REF_EFFECT_SIZE_MAX (16u * 1024u)

struct ref_op {
    enum ref_code code;
    cz_id a, b;
    cz_quantity quantity;
    uint8_t data[REF_DATA_MAX];
    size_t data_len;
    cz_creation creation; /* its data is the one above */
    cz_requirement requirement;
};

struct ref_access {
    cz_id id;
    bool written;
};

/* What is asked of a fact. */
struct ref_cited {
    cz_id fact;
    enum cz_fact_policy policy;
    enum cz_finality finality;
    bool optional, has_max_age;
    uint64_t depth, max_age;
    char purpose[8]; /* empty: none */
};

struct ref_effect {
    cz_id origin;
    uint64_t nonce;
    unsigned priority;
    struct ref_op ops[REF_OPS_MAX];
    unsigned op_count;
    struct ref_access declared[REF_ACCESSES_MAX]; /* that no operation implies */
    unsigned declared_count;
    struct ref_cited facts[REF_CITATIONS_MAX];
    cz_id after[REF_CITATIONS_MAX];
    unsigned fact_count, after_count;
    cz_id time, program;
    bool has_time, has_program, has_note;
    uint32_t task;
    uint8_t note[REF_NOTE_MAX]; /* the first operation, which does nothing */
    size_t note_len;
};

/* ---- The model -------------------------------------------------------------------------- */

/* A program's vector clock, by task; room for one task more than there may be at a time. */
struct ref_clock {
    bool any;
    cz_id program;
    unsigned count;
    cz_clock_part parts[CZI_CLOCK_TASKS_MAX];
};

struct ref_resource {
    cz_id id, creator, controller, head, data_hash;
    char label[CZ_LABEL_SIZE_MAX + 1], asset[CZ_ASSET_SIZE_MAX + 1];
    enum cz_kind kind;
    enum cz_state state;
    cz_quantity quantity;
    uint8_t data[REF_DATA_MAX];
    size_t data_len;
    uint64_t version, position, lamport;
    struct ref_clock clock; /* of the program's effect that wrote it last */
};

/* An effect that has a position. */
struct ref_done {
    cz_id effect, receipt;
    uint64_t position, lamport;
    enum cz_reason reason;
    uint64_t left_out; /* facts, as bits */
    struct ref_clock clock;
    bool has_program;
    cz_id program;
};

struct ref_task {
    cz_id program;
    uint32_t task;
    uint64_t lamport;
    struct ref_clock clock;
};

/* A program's log. */
struct ref_program {
    cz_id program;
    uint8_t head[32];
    uint64_t entries, first, last; /* positions */
};

struct ref_origin {
    cz_id id;
    uint64_t next_nonce;
};

/* Rules that the model breaks on demand, to show that a comparison with it can fail. */
enum ref_fault {
    REF_FAITHFUL,
    REF_NO_VERSION,  /* one effect in 16 does not raise its first write's version */
    REF_NO_LAMPORT,  /* Lamport times are those of the effect before, plus one */
    REF_LOST_MOVE,   /* a payment of 5 is not booked */
    REF_LOST_REASON, /* an overdraft is called a wrong state */
    REF_NO_MERGE,    /* what a task reads does not come into its clock */
    REF_NO_USE,      /* events are not used up */
    REF_NO_TIME,     /* receipts name no time map */
    REF_NO_REJECTED, /* rejected effects are in no program's log */
};

/* All zero is a valid empty one. */
struct ref_model {
    struct ref_resource *resources;
    struct ref_done *done;
    struct ref_origin *origins;
    struct ref_task *tasks;
    struct ref_program *programs; /* in the order of their first entries */
    size_t resource_count, done_count, origin_count, task_count, program_count;
    struct ref_book book;
    uint64_t applied, rejected, duplicates;
    enum ref_fault fault;
};

void ref_free(struct ref_model *m);

/* Canonical bytes; out holds REF_EFFECT_SIZE_MAX. */
size_t ref_encode(const struct ref_effect *e, uint8_t *out);
/* What becomes of an effect, of an item of a fact log: a cz_result but for the ticket. */
cz_result ref_apply(struct ref_model *m, const struct ref_effect *e);
cz_result ref_record(struct ref_model *m, const void *item, size_t len);
void ref_root(const struct ref_model *m, uint8_t out[32]);

#endif
