/* effect.h - the proposal: canonical bytes, a checked view of them, and the operations.
 *
 * Layer: effect. Threads: pure functions over caller-owned memory.
 *
 * Canonical bytes (DAG-CBOR, every list in this order, nothing optional):
 *   [1, origin: bytes(32), nonce: uint, priority: 0..3,
 *    writes: [bytes(32)…], reads: [bytes(32)…],      each ascending, no id twice
 *    operations: [[opcode, argument…]…],
 *    facts: [link…], after: [link…],                 each ascending, no link twice
 *    signatures: bytes | null]
 * Signatures are one byte string: for each, ascending by key, none twice, the Ed25519 key and
 * its signature of the effect's hash with null in their place. An operation names a resource by
 * its number in writes followed by reads.
 *
 * An effect that says more has the full form, which must not be used for one that does not:
 *   [13, origin … operations as above, facts: [link…], after: [link…],
 *    terms: [[policy, optional bool, finality, depth, max age | null, purpose text | null]…],
 *    time: link | null, program: [bytes(32), task uint] | null, signatures: bytes | null]
 * with one element of terms for each fact, or none: then all are plain (fact/depend.h). depth
 * is not 0 just with finality CZ_DEPTH. An effect of a program may have no operation.
 *
 * An effect that calls a guest declares nothing; it has the open form
 *   [5, origin, nonce, priority, operations, facts, after, terms, time, program, signatures]
 * with one call among its operations, and beside it none that names an access. What it touched
 * is known once it ran: its *scope*, two lists of ids as writes and reads above. That belongs
 * to the outcome, but lies directly behind the effect's bytes, wherever those lie, with the
 * view set to it (czi_effect_set_scope). So accesses are found as those of any other effect;
 * hashes, and all lengths, are of the effect alone.
 */
#ifndef CZI_EFFECT_H
#define CZI_EFFECT_H

#include "causality/guest.h"
#include "codec/dag_cbor.h"
#include "fact/depend.h"
#include "resource/resource.h"

/* code, value, name, arguments after the opcode: one letter each
 *   w access to be written   r any access   q quantity (move: >= 0, else > 0)   d data
 *   f cited fact, by its place   t destination: text of 1 to CZ_DESTINATION_SIZE_MAX bytes
 *   C creation: creator, label, kind, asset|null, quantity|data|null, controller, if_absent
 *   R requirement: state|null, version|null, quantity|null
 *   T domain text, not before, not after: at least as late
 *   g gas   p places of accesses, none twice   i input of a guest   k a code's id
 * A note is the first operation, and of a program's effect. One run at most. */
#define CZI_OPERATIONS(X)                                                                      \
    X(CZI_OP_CREATE, 0, "create", "wC")                                                        \
    X(CZI_OP_TRANSFER, 1, "transfer", "wwq")                                                   \
    X(CZI_OP_MOVE, 2, "move", "wwq")                                                           \
    X(CZI_OP_WRITE, 3, "write", "wd")                                                          \
    X(CZI_OP_LOCK, 4, "lock", "w")                                                             \
    X(CZI_OP_UNLOCK, 5, "unlock", "w")                                                         \
    X(CZI_OP_FREEZE, 6, "freeze", "w")                                                         \
    X(CZI_OP_UNFREEZE, 7, "unfreeze", "w")                                                     \
    X(CZI_OP_CONSUME, 8, "consume", "w")                                                       \
    X(CZI_OP_ARCHIVE, 9, "archive", "w")                                                       \
    X(CZI_OP_REQUIRE, 10, "require", "rR")                                                     \
    X(CZI_OP_USE, 11, "use", "r")                                                              \
    X(CZI_OP_NOTE, 12, "note", "d")                                                            \
    X(CZI_OP_WHEN, 13, "when", "T")                                                            \
    X(CZI_OP_DEPOSIT, 14, "deposit", "wf")                                                     \
    X(CZI_OP_WITHDRAW, 15, "withdraw", "wwwqt")                                                \
    X(CZI_OP_CONFIRM, 16, "confirm", "wwf")                                                    \
    X(CZI_OP_RELEASE, 17, "release", "wwwf")                                                   \
    X(CZI_OP_RUN, 18, "run", "rgpi")                                                           \
    X(CZI_OP_CALL, 19, "call", "kgi")

enum czi_opcode {
#define CZI_DECLARE(code, value, name, arguments) code = value,
    CZI_OPERATIONS(CZI_DECLARE)
#undef CZI_DECLARE
};
#define CZI_OPCODES 20
const char *czi_opcode_name(unsigned code);

/* One operation, read from canonical bytes; slices point into them. */
struct czi_op {
    uint8_t code;
    uint8_t a, b, c; /* accesses */
    uint8_t fact;    /* place of a cited one */
    cz_quantity quantity;
    struct czi_slice data; /* run, call: input */
    /* withdraw: destination; when: domain */
    struct czi_slice text;
    uint64_t not_before, not_after; /* when */
    /* create */
    const uint8_t *creator, *controller; /* 32 bytes each */
    struct czi_slice label, asset;       /* asset.data NULL: none */
    uint8_t kind;
    bool if_absent;
    /* require */
    cz_requirement requirement;
    /* run, call */
    uint64_t gas;
    const uint8_t *code_id;  /* call: 32 bytes; run: access a is the code */
    struct czi_slice places; /* run: CBOR of each, see czi_op_places */
    uint8_t place_count;
};

/* Reads the next operation, with every rule that needs no state; errors land in c. */
void czi_op_next(struct czi_cbor *c, struct czi_op *op);
/* Appends one operation. */
void czi_op_put(struct czi_buf *b, const struct czi_op *op);
/* The accesses that a run gives to its guest, as its indexes 0, 1 ...; returns how many. */
unsigned czi_op_places(const struct czi_op *op, uint8_t ret[CZI_ACCESSES_MAX]);
/* Appends the CBOR of one, for czi_op.places. */
static inline void czi_op_add_place(struct czi_buf *b, uint8_t access)
{
    czi_cbor_add_head(b, CZI_CBOR_UINT, access);
}

/* Effects with two accesses, one operation and no citations are most of all there are; they
 * have a short way through plan and execute. */
enum czi_shape {
    CZI_SHAPE_GENERAL,
    CZI_SHAPE_TRANSFER, /* from one written resource to the other */
    CZI_SHAPE_CHECK,    /* reads two, requires a quantity of `from` */
};

/* What an effect says: one cache line of numbers and offsets into its bytes, so that both can
 * be copied together. */
struct czi_effect_view {
    cz_quantity quantity; /* of a shape that is not general */
    uint64_t nonce;
    uint32_t ops, ops_len;  /* the operations behind their array head */
    uint32_t facts, after;  /* first digest; the next is CZI_CBOR_LINK_SIZE on */
    uint16_t writes, reads; /* first id; the next is CZI_ID_STRIDE on */
    uint16_t op_count;
    uint8_t write_count, read_count, fact_count, after_count;
    uint8_t priority;
    uint8_t signature_count; /* each CZI_SIGNER_SIZE, the last bytes; 0: none */
    uint8_t shape;           /* enum czi_shape */
    uint8_t from, to;        /* accesses of a shape that is not general; of a run: the code */
    bool is_full : 1, has_terms : 1, has_time : 1, has_program : 1;
    bool is_open : 1;     /* it declares nothing; accesses are of its scope, once that is set */
    bool has_guest : 1;   /* a run or a call; */
    bool guest_first : 1; /* and no operation before it changes anything */
    uint32_t terms;       /* of the full and open form: behind their array head */
};
_Static_assert(sizeof(struct czi_effect_view) == 64, "one cache line");
#define CZI_ID_STRIDE 34
#define CZI_SIGNER_SIZE 96u /* an Ed25519 key and its signature */
#define CZI_ORIGIN_OFFSET 4 /* array head, tag, byte string head of two bytes */

static inline unsigned czi_effect_accesses(const struct czi_effect_view *v)
{
    return (unsigned)v->write_count + v->read_count;
}
static inline const uint8_t *czi_effect_origin(const uint8_t *bytes)
{
    return bytes + CZI_ORIGIN_OFFSET;
}
static inline const uint8_t *czi_effect_access_id(const uint8_t *bytes,
                                                  const struct czi_effect_view *v, unsigned i)
{
    return bytes + (i < v->write_count
                        ? v->writes + (size_t)i * CZI_ID_STRIDE
                        : v->reads + (size_t)(i - v->write_count) * CZI_ID_STRIDE);
}
/* The key of the i-th signature, which follows it. */
static inline const uint8_t *czi_effect_signer(const uint8_t *bytes, size_t len,
                                               const struct czi_effect_view *v, unsigned i)
{
    return bytes + len - (size_t)(v->signature_count - i) * CZI_SIGNER_SIZE;
}
/* What the signatures sign: the hash of the effect without them. Cost: a hash of all bytes. */
void czi_effect_signing_id(const uint8_t *bytes, size_t len, const struct czi_effect_view *v,
                           uint8_t ret[32]);

static inline const uint8_t *czi_effect_fact(const uint8_t *bytes,
                                             const struct czi_effect_view *v, unsigned i)
{
    return bytes + v->facts + (size_t)i * CZI_CBOR_LINK_SIZE;
}
static inline const uint8_t *czi_effect_after(const uint8_t *bytes,
                                              const struct czi_effect_view *v, unsigned i)
{
    return bytes + v->after + (size_t)i * CZI_CBOR_LINK_SIZE;
}

/* ---- What an open effect touched: its scope --------------------------------------------- */

#define CZI_SCOPE_SIZE_MAX (2 + CZ_OPEN_ACCESSES_MAX * CZI_ID_STRIDE)
/* Canonical bytes: writes, then reads, each ascending, no id twice, CZ_OPEN_ACCESSES_MAX in
 * all. Returns their number; out holds CZI_SCOPE_SIZE_MAX. */
size_t czi_scope_encode(uint8_t *out, const cz_id *writes, unsigned write_count,
                        const cz_id *reads, unsigned read_count);
/* Sets the accesses of an open effect to the scope at bytes + len; room: how many bytes may be
 * read there. CZ_INVALID, CZ_LIMIT: there is none, *v is as before. */
CZI_MUST_USE int czi_effect_set_scope(struct czi_effect_view *v, const uint8_t *bytes,
                                      size_t len, size_t room, size_t *ret_len, cz_error *err);
/* Bytes of the scope that is set; 0: none is. */
static inline size_t czi_scope_size(const struct czi_effect_view *v)
{
    return v->writes ? 2 + (size_t)czi_effect_accesses(v) * CZI_ID_STRIDE : 0;
}
_Static_assert(CZ_OPEN_ACCESSES_MAX < 24, "heads of its lists have one byte");
/* As before it ran. */
static inline void czi_effect_drop_scope(struct czi_effect_view *v)
{
    v->writes = v->reads = 0;
    v->write_count = v->read_count = 0;
}

/* ---- What only the full and open forms say -------------------------------------------------
 */

/* The terms of the i-th fact and those after it: begin at 0 with *c unset. */
struct czi_terms czi_effect_next_terms(const uint8_t *bytes, size_t len,
                                       const struct czi_effect_view *v, unsigned i,
                                       struct czi_cbor *c);
/* NULL: none. */
const uint8_t *czi_effect_time(const uint8_t *bytes, size_t len,
                               const struct czi_effect_view *v);
/* The program's id, or NULL. */
const uint8_t *czi_effect_program(const uint8_t *bytes, size_t len,
                                  const struct czi_effect_view *v, uint32_t *ret_task);

/* Checks canonical bytes completely; anything that a valid effect cannot hold is CZ_INVALID
 * with the byte offset, a bound of limits.h is CZ_LIMIT. Cost: about 60 ns for a transfer. */
CZI_MUST_USE int czi_effect_view(const void *bytes, size_t len, struct czi_effect_view *ret,
                                 cz_error *err);

/* Canonical bytes of an effect with one transfer, the fast way for a bulk producer; out holds
 * CZI_TRANSFER_SIZE_MAX. from and to may be equal. */
#define CZI_TRANSFER_SIZE_MAX 192
size_t czi_transfer_encode(uint8_t *out, const cz_id *origin, uint64_t nonce, unsigned priority,
                           const cz_id *from, const cz_id *to, cz_quantity quantity);

#endif
