/* id_table.h - the one hash table: 32-byte ids to consecutive numbers.
 *
 * Layer: base. Thread: one at a time. Numbers are given from 0 in order of insertion and are
 * never taken back; ids stay where they are, so pointers to them live as long as the table.
 * Ids are hashes already, so their own bits place them: open addressing, linear probing, at
 * most 5/8 full. Finding costs one line of buckets and one of ids; czi_id_table_prefetch
 * hides the first. Growth doubles the buckets and happens only in insert.
 */
#ifndef CZI_ID_TABLE_H
#define CZI_ID_TABLE_H

#include "base/alloc.h"
#include "causality/causality.h"

#include <string.h>

#define CZI_ID_NONE UINT32_MAX
#define CZI_ID_CHUNK_BITS 12
#define CZI_ID_CHUNK (1u << CZI_ID_CHUNK_BITS)

struct czi_id_bucket {
    uint32_t tag;
    uint32_t number_plus_one; /* 0: free */
};

/* All zero is valid and empty. */
struct czi_id_table {
    struct czi_id_bucket *buckets;
    cz_id **chunks;
    uint32_t chunk_room; /* pointers in chunks */
    uint32_t mask;       /* buckets - 1; 0 when there are none */
    uint32_t count;
};

void czi_id_table_done(struct czi_id_table *t);

/* The number of an id that is not yet there; CZI_ID_NONE when out of memory (then nothing has
 * changed). */
CZI_MUST_USE uint32_t czi_id_table_insert(struct czi_id_table *t, const cz_id *id);

static inline const cz_id *czi_id_table_id(const struct czi_id_table *t, uint32_t number)
{
    return &t->chunks[number >> CZI_ID_CHUNK_BITS][number & (CZI_ID_CHUNK - 1)];
}

static inline uint64_t czi_id_word(const void *id)
{
    uint64_t v;

    memcpy(&v, id, sizeof v);
    return v;
}

static inline void czi_id_table_prefetch(const struct czi_id_table *t, const void *id)
{
    if (CZI_LIKELY(t->buckets != NULL))
        __builtin_prefetch(&t->buckets[czi_id_word(id) & t->mask]);
}

/* The second step: the id itself, once its bucket is near. */
static inline void czi_id_table_prefetch_id(const struct czi_id_table *t, const void *id)
{
    if (CZI_LIKELY(t->buckets != NULL)) {
        uint32_t n = t->buckets[czi_id_word(id) & t->mask].number_plus_one;

        if (n)
            __builtin_prefetch(czi_id_table_id(t, n - 1));
    }
}

/* Both need no alignment. Four words at once: a call of memcmp costs more than this. */
static inline bool czi_id_equal(const void *a, const void *b)
{
    uint64_t x[4], y[4];

    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

/* The first eight bytes as a number that orders as they do. */
static inline uint64_t czi_id_rank(const void *id)
{
    const uint8_t *p = id;
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

/* As memcmp(a, b, 32) < 0; hashes nearly always differ in the first word. */
static inline bool czi_id_before(const void *a, const void *b)
{
    uint64_t x = czi_id_rank(a), y = czi_id_rank(b);

    return CZI_LIKELY(x != y) ? x < y : memcmp(a, b, sizeof(cz_id)) < 0;
}

/* The number of an id, or CZI_ID_NONE. id needs no alignment. */
static inline uint32_t czi_id_table_find(const struct czi_id_table *t, const void *id)
{
    uint64_t word = czi_id_word(id);
    uint32_t tag = (uint32_t)(word >> 32);

    if (CZI_UNLIKELY(!t->buckets))
        return CZI_ID_NONE;
    for (uint32_t i = (uint32_t)word & t->mask;; i = (i + 1) & t->mask) {
        struct czi_id_bucket b = t->buckets[i];

        if (b.number_plus_one == 0)
            return CZI_ID_NONE;
        if (b.tag == tag &&
            CZI_LIKELY(czi_id_equal(czi_id_table_id(t, b.number_plus_one - 1), id)))
            return b.number_plus_one - 1;
    }
}

#endif
