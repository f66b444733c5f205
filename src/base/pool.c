/* pool.c - see pool.h. */
#include "base/pool.h"

void *czi_pool_take_slow(struct czi_pool *p)
{
    if (!p->fresh) {
        if (p->chunk_count == p->chunk_room) {
            uint32_t room = p->chunk_room ? 2 * p->chunk_room : 8;
            uint8_t **chunks = czi_realloc(p->chunks, room * sizeof *chunks);

            if (!chunks)
                return NULL;
            p->chunks = chunks;
            p->chunk_room = room;
        }
        p->chunks[p->chunk_count] = czi_alloc_aligned((size_t)CZI_POOL_CHUNK * p->size);
        if (!p->chunks[p->chunk_count])
            return NULL;
        p->chunk_count++;
        p->fresh = CZI_POOL_CHUNK;
    }
    return p->chunks[p->chunk_count - 1] + (size_t)(CZI_POOL_CHUNK - p->fresh--) * p->size;
}

void czi_pool_done(struct czi_pool *p)
{
    for (uint32_t i = 0; i < p->chunk_count; i++)
        czi_free(p->chunks[i]);
    czi_free(p->chunks);
    *p = (struct czi_pool){.size = p->size};
}
