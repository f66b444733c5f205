/* log.h - what a program's log says: notes, which its host writes and reads.
 *
 * Layer: program. Threads: pure functions; builders belong to one thread. The public functions
 * that read logs are in log.c; they need no host.
 *
 * The ledger keeps, for each program, the chain of its effects (engine/programs.h). An effect's
 * note, which the ledger does not interpret, is canonical (DAG-CBOR), at most CZ_NOTE_SIZE_MAX
 * bytes:
 *   begin   [21, 0, name text, version uint, label text, args bytes]
 *   inputs  [21, 1, fingerprint bytes(32), [[kind uint, number uint, code int, value uint,
 *            payload bytes]…], winners [[race uint, index uint]…], emitted [bytes…]]
 *   end     [21, 2, fingerprint … emitted as above, code int, value uint, detail text]
 * A log's first entry begins; at most one, the last, ends. Inputs are what the program was told
 * from outside since the entry before, in the order in which it was told. Lists are in the
 * order in which things happened. The fingerprint is the host's: what the code asked for so
 * far. An instance is named by the hash of [22, name, label, args].
 */
#ifndef CZI_LOG_H
#define CZI_LOG_H

#include "base/limits.h"
#include "codec/dag_cbor.h"

/* ---- Inputs ---------------------------------------------------------------------------------
 */

/* kind, value, name; recorded, so values never change meaning. */
#define CZI_INPUTS(X)                                                                          \
    X(CZI_INPUT_EFFECT, 0, "effect")       /* how an effect of the program ended */            \
    X(CZI_INPUT_WATCH, 1, "watch")         /* a watch was satisfied, or ended */               \
    X(CZI_INPUT_FACT, 2, "fact")           /* a fact is there */                               \
    X(CZI_INPUT_TIMER, 3, "timer")         /* a deadline has come */                           \
    X(CZI_INPUT_READ, 4, "read")           /* what a resource is */                            \
    X(CZI_INPUT_TIME, 5, "time")           /* what a domain's time is */                       \
    X(CZI_INPUT_LOOKUP, 6, "look-up")      /* what else was looked up in the engine */         \
    X(CZI_INPUT_MESSAGE, 7, "message")     /* emitted by a program that it invoked */          \
    X(CZI_INPUT_INVOKED, 8, "invoked")     /* such a program has ended */                      \
    X(CZI_INPUT_GUARDS, 9, "guards")       /* guards were granted, or not */                   \
    X(CZI_INPUT_CONTENTS, 10, "contents")  /* what a guarded resource holds */                 \
    X(CZI_INPUT_CANCEL, 11, "cancel")      /* it was asked to end */                           \
    X(CZI_INPUT_ADMISSION, 12, "admitted") /* an effect was taken or refused by the queue */   \
    X(CZI_INPUT_PART, 13, "part")          /* of the payload of what follows; empty: void */

enum czi_input_kind {
#define CZI_DECLARE(kind, value, name) kind = value,
    CZI_INPUTS(CZI_DECLARE)
#undef CZI_DECLARE
};
#define CZI_INPUT_KINDS 14
const char *czi_input_name(unsigned kind); /* NULL: there is none */

struct czi_input {
    enum czi_input_kind kind;
    uint64_t number; /* of the leaf that it ends, or what the host counts by */
    int32_t code;    /* CZ_OK, or why not */
    uint64_t value;
    struct czi_slice payload;
};

struct czi_winner {
    uint64_t race, index;
};

/* ---- Writing --------------------------------------------------------------------------------
 */

/* What goes into the next note. All zero is none. Adding never fails: the function that makes
 * the note reports what did. */
struct czi_note_parts {
    uint8_t fingerprint[32];
    uint32_t input_count, winner_count, emitted_count;
    struct czi_buf inputs, winners, emitted; /* elements, encoded */
};
void czi_note_parts_done(struct czi_note_parts *p);
/* As of none; the fingerprint stays. */
void czi_note_parts_clear(struct czi_note_parts *p);
void czi_note_add_input(struct czi_note_parts *p, const struct czi_input *input);
void czi_note_add_winner(struct czi_note_parts *p, uint64_t race, uint64_t index);
void czi_note_add_emitted(struct czi_note_parts *p, struct czi_slice data);
static inline bool czi_note_parts_empty(const struct czi_note_parts *p)
{
    return !p->input_count && !p->winner_count && !p->emitted_count;
}

/* A note without its elements takes at most so much, with the longest detail. */
#define CZI_NOTE_OVERHEAD (128 + 5 + CZ_DETAIL_SIZE)
/* An element without its bytes. */
#define CZI_NOTE_ELEMENT_OVERHEAD (1 + 1 + 9 + 5 + 9 + 3)
/* The largest payload of one input; what is longer goes into inputs of kind part before it. */
#define CZI_NOTE_PAYLOAD_MAX (CZ_NOTE_SIZE_MAX - CZI_NOTE_OVERHEAD - CZI_NOTE_ELEMENT_OVERHEAD)
/* Whether an element with so many bytes still has room, whatever kind of note it will be. Else
 * a note with what there is must come first. */
static inline bool czi_note_has_room(const struct czi_note_parts *p, size_t len)
{
    return p->inputs.len + p->winners.len + p->emitted.len + len + CZI_NOTE_ELEMENT_OVERHEAD +
               CZI_NOTE_OVERHEAD <=
           CZ_NOTE_SIZE_MAX;
}

/* Slices: names without terminating zero. */
struct czi_begin {
    struct czi_slice name, label, args;
    uint32_t version;
};
/* CZ_INVALID or CZ_LIMIT, with what is wrong: names have 1 to 63 bytes, labels 1 to 64, both
 * of UTF-8 without control characters; args have at most CZ_ARGS_SIZE_MAX. The version is not
 * looked at. */
CZI_MUST_USE int czi_instance_check(const struct czi_begin *begin, cz_error *err);
/* The id of an instance that passes the check. CZ_NOMEM. */
CZI_MUST_USE int czi_instance_id(const struct czi_begin *begin, cz_id *ret, cz_error *err);

/* Each replaces what out holds. CZ_INVALID, CZ_LIMIT (it would be too long), CZ_NOMEM. */
CZI_MUST_USE int czi_note_begin(const struct czi_begin *begin, struct czi_buf *out,
                                cz_error *err);
CZI_MUST_USE int czi_note_inputs(const struct czi_note_parts *p, struct czi_buf *out,
                                 cz_error *err);
/* detail: control characters and what is not UTF-8 in it are replaced, and what does not fit
 * CZ_DETAIL_SIZE is cut. */
CZI_MUST_USE int czi_note_end(const struct czi_note_parts *p, int32_t code, uint64_t value,
                              const char *detail, struct czi_buf *out, cz_error *err);

/* ---- Reading --------------------------------------------------------------------------------
 */

enum czi_note_type { CZI_NOTE_BEGIN, CZI_NOTE_INPUTS, CZI_NOTE_END };

/* Elements as they stand in the note; they are checked. */
struct czi_note_list {
    uint64_t count;
    struct czi_slice bytes;
};

/* Slices point into the bytes. */
struct czi_note {
    enum czi_note_type type;
    struct czi_begin begin; /* of a begin */
    /* Of the others. */
    uint8_t fingerprint[32];
    struct czi_note_list inputs, winners, emitted;
    /* Of an end. */
    int32_t code;
    uint64_t value;
    struct czi_slice detail;
};

/* Strict: what is decoded encodes to the same bytes. CZ_INVALID with the offset, CZ_LIMIT. */
CZI_MUST_USE int czi_note_decode(struct czi_slice bytes, struct czi_note *ret, cz_error *err);

/* Elements one after the other: count of them, from czi_note_list_start on. */
static inline struct czi_cbor czi_note_list_start(const struct czi_note_list *l)
{
    return czi_cbor(l->bytes.data, l->bytes.len);
}
struct czi_input czi_note_next_input(struct czi_cbor *c);
struct czi_winner czi_note_next_winner(struct czi_cbor *c);
struct czi_slice czi_note_next_emitted(struct czi_cbor *c);

/* What it says, for people: a line an event, without the last newline. `out` is appended to. */
void czi_note_text(const struct czi_note *n, struct czi_buf *out);
/* Bytes as text if that can be shown, else in hex; long ones are cut. */
void czi_note_bytes_text(struct czi_slice bytes, struct czi_buf *out);

/* ---- Of the host ----------------------------------------------------------------------------
 */

/* Whether the host has found that an instance's code does not fit its log; *ret_detail says
 * where. Any thread. */
bool czi_host_misfit(cz_host *h, const cz_id *id, char ret_detail[CZ_DETAIL_SIZE]);

#endif
