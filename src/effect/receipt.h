/* receipt.h - what applying an effect did, and the nodes of logs; canonical bytes of both.
 *
 * Layer: effect. Threads: pure functions.
 *
 *   receipt  [3, effect: link, position, lamport, time: link | null,
 *             clock: [[task, count]…] | null, left out: [uint…], reason, posts: […]]
 *            time: the snapshot of the time map; clock: the program's vector clock; left out:
 *            which of the cited facts, all optional, did not hold, by their places; a post of
 *            an applied effect is [version, state, value] for each write (value: the quantity,
 *            or the BLAKE3 hash of a data resource's bytes), then the version seen for each
 *            read; of a rejected one the version seen for each access (0: unknown)
 *            Of an effect that runs or calls a guest:
 *            [26, effect, position, lamport, time, clock, left out,
 *             scope: [[id written…], [id read…]] | null, reason, posts,
 *             run: [status, code, trap, pc, gas, output: bytes, messages: bytes] | null]
 *            scope: null of one that declares its accesses; run: null when the guest was never
 *            started; messages: each its length as a varint, then its bytes
 *   log node [previous node: link | null, receipt or fact: link]
 */
#ifndef CZI_RECEIPT_H
#define CZI_RECEIPT_H

#include "effect/effect.h"
#include "timemap/vector_clock.h"

/* One access after (or, when only read, at) its effect. */
struct czi_post {
    union {
        cz_quantity quantity;
        const uint8_t *data_hash; /* 32 bytes, of data resources */
    };
    uint64_t version;
    uint64_t previous; /* position of the write before, or that was seen; 0: none */
    uint32_t slot;     /* CZI_ID_NONE when there is no such resource */
    uint8_t kind, state;
    bool written;
};

/* A program's clock, shared by all that came to the same, on any thread. */
struct czi_shared_clock {
    uint32_t refs;
    uint32_t count;
    cz_id program;
    cz_clock_part parts[]; /* as in struct czi_vector_clock */
};

/* What few effects have. */
struct czi_extra {
    uint64_t after[CZI_CITATIONS_MAX]; /* positions of predecessors; 0: not there */
    uint64_t left_out;                 /* bit i: the i-th fact */
    uint64_t task_previous;            /* position of the task's effect before; 0: none */
    uint64_t program_previous;         /* of the program's entry before */
    uint32_t program;                  /* number of its log; CZI_ID_NONE: it has none */
    uint8_t after_count;
    bool has_terms, has_program, has_guest; /* of the effect */
    struct czi_shared_clock *clock; /* NULL: it has no program, or there is no room for it */
    struct czi_slice scope;  /* of an open effect, behind its bytes; data NULL: of no other */
    const cz_guest_run *run; /* NULL: no guest was started */
};

/* A copy in one piece of heap memory, with what it put out, and with zeroes where such an end
 * has no trap or code; NULL: out of memory. czi_free. */
cz_guest_run *czi_guest_run_copy(const cz_guest_run *run);
bool czi_guest_run_same(const cz_guest_run *a, const cz_guest_run *b); /* either may be NULL */

struct czi_outcome {
    uint64_t position, lamport;
    uint8_t reason;
    uint8_t post_count;
    const struct czi_post *posts;
    const uint8_t *time;           /* 32 bytes; NULL: nothing was known */
    const struct czi_extra *extra; /* NULL: as of all zero */
};

static inline size_t czi_receipt_size_max(unsigned posts)
{
    return 100 + CZI_CBOR_LINK_SIZE + CZI_CLOCK_SIZE_MAX + 2 * CZI_CITATIONS_MAX +
           (size_t)posts * (1 + 9 + 1 + 34);
}
/* What a guest adds to it: two heads of arrays, five numbers and two heads of bytes; and its
 * scope, output and messages. */
#define CZI_RECEIPT_RUN_SIZE (2 + 7 * 9)
#define CZI_RECEIPT_GUEST_MAX (CZI_RECEIPT_RUN_SIZE + CZI_SCOPE_SIZE_MAX + CZ_GUEST_OUTPUT_MAX)
static inline size_t czi_receipt_size(const struct czi_outcome *o)
{
    const struct czi_extra *x = o->extra;
    size_t size = czi_receipt_size_max(o->post_count);

    if (x && x->has_guest)
        size += CZI_RECEIPT_RUN_SIZE + x->scope.len +
                (x->run ? x->run->output_len + x->run->messages_len : 0);
    return size;
}
/* Returns the number of bytes; out holds czi_receipt_size(o). */
size_t czi_receipt_encode(uint8_t *out, const cz_id *effect, const struct czi_outcome *o);

#define CZI_NODE_SIZE_MAX (1 + 2 * CZI_CBOR_LINK_SIZE)
/* previous all zero: the first node. */
size_t czi_node_encode(uint8_t *out, const uint8_t previous[32], const uint8_t item[32]);

#endif
