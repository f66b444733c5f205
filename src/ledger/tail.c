/* tail.c - see tail.h. */
#include "ledger/tail.h"

#define PART_MIN (1u << 14)
#define PART_MAX (1u << 19)
#define INDEX_BITS 20
#define INDEX_MASK ((1u << INDEX_BITS) - 1)

_Static_assert(PART_MAX < INDEX_MASK, "index + 1 fits beside the tag");

/* Ids between which the table's line is fetched: about the memory's latency. */
#define AHEAD 12u

struct czi_tail *czi_tail_new(uint64_t first_position)
{
    struct czi_tail *t = czi_alloc_zero(1, sizeof *t);

    if (!t)
        return NULL;
    t->refs = 1;
    t->first_position = first_position;
    return t;
}

void czi_tail_free(struct czi_tail *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->part_count; i++) {
        czi_free(t->parts[i].ids);
        czi_free(t->parts[i].slots);
    }
    czi_buf_done(&t->frames);
    czi_free(t);
}

void czi_tail_clear(struct czi_tail *t)
{
    for (uint32_t i = 0; i < t->part_count; i++) {
        struct czi_tail_part *p = &t->parts[i];

        if (p->count)
            memset(p->slots, 0, (size_t)p->capacity * 2 * sizeof *p->slots);
        p->count = 0;
    }
    t->refs = 1;
    t->first_position = t->count = t->bytes = 0;
    t->frames.len = 0;
    t->current = 0;
}

static bool add_part(struct czi_tail *t)
{
    uint32_t capacity = t->part_count > 5 ? PART_MAX : PART_MIN << t->part_count;
    struct czi_tail_part *p = &t->parts[t->part_count];

    if (t->part_count == CZI_TAIL_PARTS_MAX)
        return false;
    p->ids = czi_alloc((size_t)capacity * sizeof *p->ids);
    p->slots = czi_alloc_zero((size_t)capacity * 2, sizeof *p->slots);
    p->count = 0;
    p->capacity = capacity;
    if (!p->ids || !p->slots) {
        czi_free(p->ids);
        czi_free(p->slots);
        return false;
    }
    t->part_count++;
    t->capacity += capacity;
    return true;
}

bool czi_tail_reserve(struct czi_tail *t, uint64_t ids, uint64_t frames)
{
    while (t->capacity - t->count < ids)
        if (!add_part(t))
            return false;
    if (czi_buf_reserve(&t->frames, (size_t)frames * sizeof(struct czi_tail_frame)))
        return true;
    t->frames.failed = false;
    return false;
}

static uint32_t first_slot(const struct czi_tail_part *p, const cz_id *id)
{
    return czi_get_u32le(id->bytes) & (2 * p->capacity - 1);
}

static uint32_t tag_of(const cz_id *id)
{
    return czi_get_u32le(id->bytes + 4) & ~INDEX_MASK;
}

static void part_add(struct czi_tail_part *p, const cz_id *ids, uint32_t n)
{
    uint32_t mask = 2 * p->capacity - 1;

    memcpy(p->ids + p->count, ids, (size_t)n * sizeof *ids);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = first_slot(p, &ids[i]);

        if (i + AHEAD < n)
            __builtin_prefetch(&p->slots[first_slot(p, &ids[i + AHEAD])], 1);
        while (p->slots[at])
            at = (at + 1) & mask;
        p->slots[at] = tag_of(&ids[i]) | (p->count + i + 1);
    }
    p->count += n;
}

void czi_tail_add(struct czi_tail *t, const struct czi_frame *f, const cz_id *ids)
{
    uint32_t left = f->position_count;
    struct czi_tail_frame frame = {.first_position = f->first_position,
                                   .facts_before = f->facts_before,
                                   .offset = f->offset,
                                   .position_count = left,
                                   .fact_count = f->fact_count,
                                   .segment = f->segment};

    CZI_CHECK(f->first_position == t->first_position + t->count);
    czi_buf_put(&t->frames, &frame, sizeof frame);
    t->count += left;
    while (left) {
        struct czi_tail_part *p;
        uint32_t n;

        while (t->parts[t->current].count == t->parts[t->current].capacity)
            CZI_CHECK(++t->current < t->part_count);
        p = &t->parts[t->current];
        n = CZI_MIN(left, p->capacity - p->count);
        part_add(p, ids, n);
        ids += n;
        left -= n;
    }
}

static bool part_find(const struct czi_tail_part *p, const cz_id *id, uint32_t *ret)
{
    uint32_t mask = 2 * p->capacity - 1, tag = tag_of(id), slot;

    for (uint32_t at = first_slot(p, id); (slot = p->slots[at]); at = (at + 1) & mask) {
        uint32_t index = (slot & INDEX_MASK) - 1;

        if ((slot & ~INDEX_MASK) == tag && !memcmp(&p->ids[index], id, sizeof *id)) {
            *ret = index;
            return true;
        }
    }
    return false;
}

/* Parts in order, so that of an id that came twice the first position is found. */
bool czi_tail_find(const struct czi_tail *t, const cz_id *id, uint64_t *ret_position)
{
    uint64_t first = t->first_position;
    uint32_t index;

    for (uint32_t i = 0; i < t->part_count && t->parts[i].count; i++) {
        if (part_find(&t->parts[i], id, &index)) {
            *ret_position = first + index;
            return true;
        }
        first += t->parts[i].count;
    }
    return false;
}

bool czi_prefix_matches(const uint8_t *id, const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return !memcmp(id, prefix, whole) &&
           (!rest || (id[whole] ^ prefix[whole]) >> (8 - rest) == 0);
}

void czi_tail_prefix(const struct czi_tail *t, uint64_t count, const uint8_t prefix[32],
                     unsigned bits, uint64_t *positions, size_t max, size_t *found)
{
    uint64_t at = 0;

    for (uint32_t i = 0; at < count; i++)
        for (uint32_t j = 0; j < t->parts[i].capacity && at < count; j++, at++)
            if (*found < max && czi_prefix_matches(t->parts[i].ids[j].bytes, prefix, bits))
                positions[(*found)++] = t->first_position + at;
}

/* Both counts rise from frame to frame: the last one that begins at or before n. Of those that
 * begin alike all but the last are empty in what is counted. */
static const struct czi_tail_frame *last_from(const struct czi_tail *t, uint64_t n, bool facts)
{
    const struct czi_tail_frame *f = (const void *)t->frames.data;
    size_t low = 0, high = t->frames.len / sizeof *f;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if ((facts ? f[mid].facts_before : f[mid].first_position) <= n)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? &f[low - 1] : NULL;
}

const struct czi_tail_frame *czi_tail_frame_of(const struct czi_tail *t, uint64_t position)
{
    const struct czi_tail_frame *f = last_from(t, position, false);

    return f && position - f->first_position < f->position_count ? f : NULL;
}

const struct czi_tail_frame *czi_tail_frame_of_fact(const struct czi_tail *t, uint64_t fact)
{
    const struct czi_tail_frame *f = last_from(t, fact, true);

    return f && fact - f->facts_before < f->fact_count ? f : NULL;
}
