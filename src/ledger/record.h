/* record.h - what a frame's payload holds: effects with their outcomes, and facts, in order.
 *
 * Layer: ledger. Threads: pure functions.
 *
 * Only what cannot be derived is written: canonical bytes, and of the outcome just enough to
 * rebuild the receipt without executing. Positions follow from the frame's first one.
 *   applied   1, varint length, effect, varint lamport,
 *             per write: varint version, varint position - previous (0: no previous),
 *                        kind << 4 | state, value (zigzag varint, or 32 bytes for data)
 *             per read:  varint version
 *   rejected  2, varint length, effect, varint lamport, reason, per access: varint version
 *   fact      3, varint length, fact
 */
#ifndef CZI_RECORD_H
#define CZI_RECORD_H

#include "effect/receipt.h"

enum czi_record_type { CZI_RECORD_APPLIED = 1, CZI_RECORD_REJECTED = 2, CZI_RECORD_FACT = 3 };

struct czi_record {
    enum czi_record_type type;
    struct czi_slice bytes;      /* effect or fact */
    struct czi_effect_view view; /* of an effect, checked */
    struct czi_outcome outcome;  /* its posts lie in the reader; slots are unset */
};

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
uint8_t *czi_record_put_fact(uint8_t *p, struct czi_slice fact);

/* Walks a payload; all memory is the payload's or the reader's. */
struct czi_record_reader {
    struct czi_cursor in;
    uint64_t position; /* of the next effect */
    struct czi_post posts[CZI_ACCESSES_MAX];
};
static inline void czi_record_reader(struct czi_record_reader *r, struct czi_slice payload,
                                     uint64_t first_position)
{
    r->in = czi_cursor(payload.data, payload.len);
    r->position = first_position;
}
/* *ret_more is false at the end. CZ_CORRUPT names the offset in the payload. Effects are
 * checked completely, facts only for their length. */
CZI_MUST_USE int czi_record_next(struct czi_record_reader *r, bool *ret_more,
                                 struct czi_record *ret, cz_error *err);

#endif
