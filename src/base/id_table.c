/* id_table.c - see id_table.h. */
#include "base/id_table.h"

void czi_id_table_done(struct czi_id_table *t)
{
    for (uint32_t i = 0; i < t->chunk_room; i++)
        czi_free(t->chunks[i]);
    czi_free(t->chunks);
    czi_free(t->buckets);
    *t = (struct czi_id_table){0};
}

static void place(struct czi_id_table *t, const cz_id *id, uint32_t number)
{
    uint64_t word = czi_id_word(id);
    uint32_t i = (uint32_t)word & t->mask;

    while (t->buckets[i].number_plus_one)
        i = (i + 1) & t->mask;
    t->buckets[i] = (struct czi_id_bucket){(uint32_t)(word >> 32), number + 1};
}

static bool grow_buckets(struct czi_id_table *t)
{
    uint32_t size = t->buckets ? (t->mask + 1) * 2 : 256;
    struct czi_id_bucket *fresh = czi_alloc_zero(size, sizeof *fresh);

    if (!fresh)
        return false;
    czi_free(t->buckets);
    t->buckets = fresh;
    t->mask = size - 1;
    for (uint32_t n = 0; n < t->count; n++)
        place(t, czi_id_table_id(t, n), n);
    return true;
}

static bool grow_chunks(struct czi_id_table *t)
{
    uint32_t chunk = t->count >> CZI_ID_CHUNK_BITS;

    if (chunk == t->chunk_room) {
        uint32_t room = CZI_MAX(16u, t->chunk_room * 2);
        cz_id **fresh = czi_realloc(t->chunks, room * sizeof(cz_id *));

        if (!fresh)
            return false;
        memset(fresh + t->chunk_room, 0, (room - t->chunk_room) * sizeof(cz_id *));
        t->chunks = fresh;
        t->chunk_room = room;
    }
    if (!t->chunks[chunk])
        t->chunks[chunk] = czi_alloc_aligned(CZI_ID_CHUNK * sizeof(cz_id));
    return t->chunks[chunk] != NULL;
}

uint32_t czi_id_table_insert(struct czi_id_table *t, const cz_id *id)
{
    uint32_t number = t->count;

    if ((!t->buckets || (uint64_t)number * 8 >= ((uint64_t)t->mask + 1) * 5) &&
        !grow_buckets(t))
        return CZI_ID_NONE;
    if (!grow_chunks(t))
        return CZI_ID_NONE;
    t->chunks[number >> CZI_ID_CHUNK_BITS][number & (CZI_ID_CHUNK - 1)] = *id;
    place(t, id, number);
    t->count++;
    return number;
}
