/* pool.h - the one pool of equal objects: taken and given back in any order.
 *
 * Layer: base. Thread: one at a time. Memory comes in chunks that stay until the pool is done;
 * an object never moves. Taking and giving cost a few nanoseconds; a new chunk is the only
 * allocation. An object's content is undefined when it is taken.
 */
#ifndef CZI_POOL_H
#define CZI_POOL_H

#include "base/alloc.h"

/* Objects in one chunk. */
#define CZI_POOL_CHUNK 1024u

/* All zero but `size` is valid and empty. */
struct czi_pool {
    uint32_t size; /* bytes of an object, a multiple of 8, at least 8 */
    uint32_t chunk_count, chunk_room;
    uint32_t fresh; /* objects of the last chunk that were never taken */
    void *free;     /* a list through the objects' first word */
    uint8_t **chunks;
};

/* NULL when out of memory. */
CZI_MUST_USE void *czi_pool_take_slow(struct czi_pool *p);

static inline CZI_MUST_USE void *czi_pool_take(struct czi_pool *p)
{
    void *x = p->free;

    if (CZI_UNLIKELY(!x))
        return czi_pool_take_slow(p);
    __builtin_memcpy(&p->free, x, sizeof p->free);
    return x;
}

static inline void czi_pool_give(struct czi_pool *p, void *x)
{
    __builtin_memcpy(x, &p->free, sizeof p->free);
    p->free = x;
}

/* Bytes that the pool has taken from the heap. */
static inline uint64_t czi_pool_bytes(const struct czi_pool *p)
{
    return (uint64_t)p->chunk_count * CZI_POOL_CHUNK * p->size +
           (uint64_t)p->chunk_room * sizeof *p->chunks;
}

/* Frees all chunks, whether their objects were given back or not. */
void czi_pool_done(struct czi_pool *p);

#endif
