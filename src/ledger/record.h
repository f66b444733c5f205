/* record.h - what a frame's payload holds: effects with their outcomes, and the items of fact
 * logs, in order.
 *
 * Layer: ledger. Threads: pure functions.
 *
 * Only what cannot be derived is written: canonical bytes, and of the outcome just enough to
 * rebuild the receipt, and all links between effects, without executing. Positions follow from
 * the frame's first one. `back` is position - the other position, or 0: there is none.
 *
 * - applied: 1, varint length, effect, scope, varint lamport; per write varint version, varint
 * back to the write before, kind << 4 | state, value (zigzag varint, or 32 bytes for data); per
 * read varint version, varint back to the write that was seen; links
 * - rejected: 2, varint length, effect, scope, varint lamport, reason; per access varint
 *   version, varint back; links
 * - scope: of an open effect, the ids that it touched (effect/effect.h); its accesses
 * - links: per predecessor in `after` varint back; with terms varint left out (bit i: the i-th
 *   fact); of a program's varint back to its task's effect before, varint back to its program's
 *   entry before, varint n, n times (varint task, varint count): the vector clock; of one
 *   with a guest a byte: 0, it was never started, or its status + 1, and then varint code,
 *   varint trap, varint pc, varint gas, varint length, output, varint length, messages
 * - item: 3, varint length, bytes
 * - time: 4, 32 bytes: the snapshot of the time map from here on, in this frame; before the
 *   first effect that sees it, and just when it is another one than before
 */
#ifndef CZI_RECORD_H
#define CZI_RECORD_H

#include "effect/receipt.h"

enum czi_record_type {
    CZI_RECORD_APPLIED = 1,
    CZI_RECORD_REJECTED = 2,
    CZI_RECORD_ITEM = 3,
    CZI_RECORD_TIME = 4, /* never given by czi_record_next */
};

struct czi_record {
    enum czi_record_type type;
    struct czi_slice bytes;      /* effect or item; what an open effect touched is behind it */
    struct czi_effect_view view; /* of an effect, checked */
    struct czi_outcome outcome;  /* its posts lie in the reader; slots are unset */
};

/* Of the links of an effect that has any, beyond what czi_record_size_max counts; the second
 * only of one with a guest. */
#define CZI_RECORD_LINKS_MAX ((CZI_CITATIONS_MAX + 4) * 10 + CZI_CLOCK_TASKS_MAX * 15)
#define CZI_RECORD_GUEST_MAX (CZI_SCOPE_SIZE_MAX + 1 + 6 * 10 + CZ_GUEST_OUTPUT_MAX)
static inline size_t czi_record_guest_size_max(const struct czi_extra *x)
{
    return x->scope.len + 1 + 6 * 10 + (x->run ? x->run->output_len + x->run->messages_len : 0);
}
static inline size_t czi_record_size_max(size_t bytes, unsigned posts)
{
    return 1 + 5 + bytes + 10 + 1 + (size_t)posts * (10 + 10 + 1 + 32);
}
/* Where in a record that begins at p the effect's bytes will be. */
static inline const uint8_t *czi_record_effect_at(const uint8_t *p, size_t len)
{
    return p + 2 + (len >= 1u << 7) + (len >= 1u << 14);
}
_Static_assert(CZI_EFFECT_SIZE_MAX < 1u << 21, "its length takes at most three bytes");
/* Returns the byte after; room for czi_record_size_max. */
uint8_t *czi_record_put_effect(uint8_t *p, struct czi_slice effect,
                               const struct czi_outcome *o);
uint8_t *czi_record_put_item(uint8_t *p, struct czi_slice item);
#define CZI_RECORD_TIME_SIZE 33
uint8_t *czi_record_put_time(uint8_t *p, const uint8_t time[32]);

/* Walks a payload; all memory is the payload's or the reader's. */
struct czi_record_reader {
    struct czi_cursor in;
    uint64_t position;   /* of the next effect */
    const uint8_t *time; /* in the payload; NULL: none yet */
    struct czi_post posts[CZI_ACCESSES_MAX];
    struct czi_extra extra;
    size_t scope_len; /* of the record at hand */
    cz_guest_run run; /* what it put out lies in the payload */
    /* Of the record at hand: a struct czi_shared_clock, whose refs is 0. */
    _Alignas(8) uint8_t
        clock[sizeof(struct czi_shared_clock) + CZI_CLOCK_TASKS_MAX * sizeof(cz_clock_part)];
};
static inline void czi_record_reader(struct czi_record_reader *r, struct czi_slice payload,
                                     uint64_t first_position)
{
    r->in = czi_cursor(payload.data, payload.len);
    r->position = first_position;
    r->time = NULL;
}
/* *ret_more is false at the end. CZ_CORRUPT names the offset in the payload. Effects are
 * checked completely, items only for their length. */
CZI_MUST_USE int czi_record_next(struct czi_record_reader *r, bool *ret_more,
                                 struct czi_record *ret, cz_error *err);

#endif
