/* blake3.c - see blake3.h: chunks, trees and the grouping of many messages.
 *
 * Layer: codec. Threads: pure functions but for the choice of path, which is one atomic
 * pointer. A message is a binary tree over its chunks of 1,024 bytes, whose left subtrees
 * are the largest powers of two (section 2.1); a subtree's chunks, and then each level of its
 * parents, are independent of each other and go through the lanes together.
 */
#include "codec/blake3.h"

#include "codec/blake3_lanes.h"
#include "codec/blake3_rounds.h"

#include <stdatomic.h>
#include <string.h>

#define BLOCK CZI_BLAKE3_BLOCK
#define CHUNK CZI_BLAKE3_CHUNK
#define LANES_MAX CZI_BLAKE3_LANES_MAX

/* Chunks that are hashed as one subtree: enough for its parents to fill the lanes on most
 * levels, few enough for their chaining values (8 KiB) to stay in the L1 cache. */
#define SUBTREE_MAX 256u

static const uint32_t iv[8] = CZI_BLAKE3_IV;

/* ---- One block ------------------------------------------------------------------------ */

static inline uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

#define MIX(a, b, c, d, x, y)                                                                  \
    do {                                                                                       \
        a += b + m[x];                                                                         \
        d = rotate(d ^ a, 16);                                                                 \
        c += d;                                                                                \
        b = rotate(b ^ c, 12);                                                                 \
        a += b + m[y];                                                                         \
        d = rotate(d ^ a, 8);                                                                  \
        c += d;                                                                                \
        b = rotate(b ^ c, 7);                                                                  \
    } while (0)
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15)            \
    do {                                                                                       \
        MIX(v0, v4, v8, v12, s0, s1);                                                          \
        MIX(v1, v5, v9, v13, s2, s3);                                                          \
        MIX(v2, v6, v10, v14, s4, s5);                                                         \
        MIX(v3, v7, v11, v15, s6, s7);                                                         \
        MIX(v0, v5, v10, v15, s8, s9);                                                         \
        MIX(v1, v6, v11, v12, s10, s11);                                                       \
        MIX(v2, v7, v8, v13, s12, s13);                                                        \
        MIX(v3, v4, v9, v14, s14, s15);                                                        \
    } while (0)

/* The compression function, section 2.2, cut to a chaining value. */
static void compress(uint32_t h[8], const uint8_t block[BLOCK], uint64_t counter, uint32_t len,
                     uint32_t flags)
{
    uint32_t m[16];
    uint32_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6],
             v7 = h[7], v8 = iv[0], v9 = iv[1], v10 = iv[2], v11 = iv[3],
             v12 = (uint32_t)counter, v13 = (uint32_t)(counter >> 32), v14 = len, v15 = flags;

    for (unsigned i = 0; i < 16; i++)
        m[i] = load32(block + 4 * i);
    CZI_BLAKE3_ROUNDS(ROUND);
    h[0] = v0 ^ v8;
    h[1] = v1 ^ v9;
    h[2] = v2 ^ v10;
    h[3] = v3 ^ v11;
    h[4] = v4 ^ v12;
    h[5] = v5 ^ v13;
    h[6] = v6 ^ v14;
    h[7] = v7 ^ v15;
}

/* Up to 1,024 bytes, alone. */
static void hash_alone(const uint8_t *in, size_t len, const struct czi_blake3_job *job,
                       uint8_t out[32])
{
    uint32_t h[8], flags = job->flags | job->first_flags;
    uint8_t tail[BLOCK] = {0};

    memcpy(h, iv, sizeof h);
    for (; len > BLOCK; in += BLOCK, len -= BLOCK) {
        compress(h, in, job->counter, BLOCK, flags);
        flags = job->flags;
    }
    if (len < BLOCK) {
        if (len)
            memcpy(tail, in, len);
        in = tail;
    }
    compress(h, in, job->counter, (uint32_t)len, flags | job->last_flags);
    for (unsigned i = 0; i < 8; i++) {
        out[4 * i] = (uint8_t)h[i];
        out[4 * i + 1] = (uint8_t)(h[i] >> 8);
        out[4 * i + 2] = (uint8_t)(h[i] >> 16);
        out[4 * i + 3] = (uint8_t)(h[i] >> 24);
    }
}

/* ---- Which path ----------------------------------------------------------------------- */

static _Atomic(const struct czi_blake3_path *) path_in_use;

static const struct czi_blake3_path *path(void)
{
    const struct czi_blake3_path *p = atomic_load_explicit(&path_in_use, memory_order_acquire);

    if (CZI_UNLIKELY(!p)) {
        p = czi_blake3_path_of(LANES_MAX);
        atomic_store_explicit(&path_in_use, p, memory_order_release);
    }
    return p;
}

unsigned czi_blake3_limit_lanes(unsigned lanes)
{
    const struct czi_blake3_path *p = czi_blake3_path_of(lanes ? lanes : LANES_MAX);

    atomic_store_explicit(&path_in_use, p, memory_order_release);
    return p->lanes;
}

/* ---- Up to 16 inputs ------------------------------------------------------------------ */

static inline unsigned block_count(size_t len)
{
    return len <= BLOCK ? 1 : (unsigned)((len + BLOCK - 1) / BLOCK);
}

/* Inputs that go through the lanes together; filled from the front, 1 <= n <= LANES_MAX. */
struct group {
    const uint8_t *in[LANES_MAX];
    uint32_t len[LANES_MAX];
    uint8_t *out[LANES_MAX];
    unsigned n;
};

static inline void group_add(struct group *g, const uint8_t *in, uint32_t len, uint8_t *out)
{
    g->in[g->n] = in;
    g->len[g->n] = len;
    g->out[g->n++] = out;
}

/* The narrowest way that takes n at once, or the widest. */
static const struct czi_blake3_way *way_for(const struct czi_blake3_path *p, unsigned n)
{
    unsigned i = p->way_count;

    while (i > 1 && p->ways[i - 1].lanes < n)
        i--;
    return &p->ways[i - 1];
}

/* Inputs first .. first + n of g, by a way that takes them at once or else alone. */
static void hash_some(struct group *g, unsigned first, unsigned n,
                      const struct czi_blake3_way *way, const struct czi_blake3_job *job)
{
    uint8_t unused[32];
    unsigned sum = 0, most = 0, least = CHUNK / BLOCK;
    struct czi_blake3_job part = *job;

    for (unsigned i = first; i < first + n; i++) {
        unsigned blocks = block_count(g->len[i]);

        sum += blocks;
        most = CZI_MAX(most, blocks);
        least = CZI_MIN(least, blocks);
    }
    part.counter += job->is_run ? first : 0;
    if (!way || most * way->cost >= sum * 100) {
        for (unsigned i = first; i < first + n; i++, part.counter += job->is_run)
            hash_alone(g->in[i], g->len[i], &part, g->out[i]);
        return;
    }
    for (unsigned i = first + n; i < first + way->lanes; i++) {
        g->in[i] = g->in[first];
        g->len[i] = g->len[first];
        g->out[i] = unused;
    }
    way->fn(g->in + first, g->len + first, least, most, &part, g->out + first);
}

/* Empties g. */
static void hash_group(struct group *g, const struct czi_blake3_job *job)
{
    const struct czi_blake3_path *p = path();

    for (unsigned i = 0; i < g->n;) {
        const struct czi_blake3_way *way = p->way_count ? way_for(p, g->n - i) : NULL;
        unsigned n = CZI_MIN(g->n - i, way ? way->lanes : g->n);

        hash_some(g, i, n, way, job);
        i += n;
    }
    g->n = 0;
}

/* ---- Trees ---------------------------------------------------------------------------- */

/* Chaining values of all chunks of in, the last of which may be short; returns how many. */
static unsigned hash_chunks(const uint8_t *in, size_t len, uint64_t counter, uint8_t (*cv)[32])
{
    struct czi_blake3_job job = {CZI_BLAKE3_CHUNK_START, CZI_BLAKE3_CHUNK_END, 0, true,
                                 counter};
    struct group g;
    unsigned n = 0;

    g.n = 0;
    while (len) {
        size_t part = CZI_MIN(len, (size_t)CHUNK);

        group_add(&g, in, (uint32_t)part, cv[n++]);
        in += part;
        len -= part;
        if (g.n == LANES_MAX || !len) {
            unsigned done = g.n;

            hash_group(&g, &job);
            job.counter += done;
        }
    }
    return n;
}

/* The level above n chaining values, in place; an odd last one moves up as it is. */
static unsigned hash_parents(uint8_t (*cv)[32], unsigned n)
{
    static const struct czi_blake3_job job = {0, 0, CZI_BLAKE3_PARENT, false, 0};
    struct group g;
    unsigned pairs = n / 2;

    g.n = 0;
    for (unsigned i = 0; i < pairs; i++) {
        group_add(&g, cv[2 * i], BLOCK, cv[i]);
        if (g.n == LANES_MAX || i + 1 == pairs)
            hash_group(&g, &job);
    }
    if (n % 2)
        memmove(cv[pairs], cv[n - 1], sizeof cv[0]);
    return pairs + n % 2;
}

static void hash_parent(const uint8_t *pair, uint32_t root_flag, uint8_t out[32])
{
    hash_alone(pair, BLOCK,
               &(struct czi_blake3_job){0, 0, CZI_BLAKE3_PARENT | root_flag, false, 0}, out);
}

/* Adds the subtree of the next n chunks, n a power of two that divides h->chunks, when more
 * input is known to follow: subtrees of equal size merge, so that the stack holds one for
 * each bit of the number of chunks. */
static void push(struct czi_blake3 *h, const uint8_t cv[32], unsigned n)
{
    memcpy(h->stack[h->stack_len++], cv, 32);
    h->chunks += n;
    for (uint64_t subtrees = h->chunks / n; subtrees % 2 == 0; subtrees /= 2) {
        h->stack_len--;
        hash_parent(h->stack[h->stack_len - 1], 0, h->stack[h->stack_len - 1]);
    }
}

static void push_chunks(struct czi_blake3 *h, const uint8_t *in, unsigned n)
{
    uint8_t cv[SUBTREE_MAX][32];

    CZI_CHECK(hash_chunks(in, (size_t)n * CHUNK, h->chunks, cv) == n);
    for (unsigned left = n; left > 1;)
        left = hash_parents(cv, left);
    push(h, cv[0], n);
}

/* Joins the rightmost subtree to the stack up to the root; the stack is not empty. */
static void join(const struct czi_blake3 *h, const uint8_t right[32], uint8_t out[32])
{
    uint8_t pair[BLOCK];

    memcpy(pair + 32, right, 32);
    for (unsigned i = h->stack_len; i-- > 0;) {
        memcpy(pair, h->stack[i], 32);
        hash_parent(pair, i == 0 ? CZI_BLAKE3_ROOT : 0, i == 0 ? out : pair + 32);
    }
}

static const struct czi_blake3_job whole_message = {CZI_BLAKE3_CHUNK_START,
                                                    CZI_BLAKE3_CHUNK_END | CZI_BLAKE3_ROOT, 0,
                                                    false, 0};

/* On its own, so that a short message takes little of a stack: tasks hash on theirs. */
static __attribute__((noinline)) void hash_long(const uint8_t *in, size_t len, uint8_t out[32])
{
    struct czi_blake3 h;
    uint8_t cv[SUBTREE_MAX][32];
    unsigned n;

    czi_blake3_init(&h);
    for (; len > (size_t)SUBTREE_MAX * CHUNK; len -= (size_t)SUBTREE_MAX * CHUNK) {
        push_chunks(&h, in, SUBTREE_MAX);
        in += (size_t)SUBTREE_MAX * CHUNK;
    }
    n = hash_chunks(in, len, h.chunks, cv);
    while (n > (h.stack_len ? 1 : 2))
        n = hash_parents(cv, n);
    if (h.stack_len)
        join(&h, cv[0], out);
    else
        hash_parent(&cv[0][0], CZI_BLAKE3_ROOT, out);
}

void czi_blake3(const void *data, size_t len, uint8_t out[32])
{
    if (len <= CHUNK)
        hash_alone(data, len, &whole_message, out);
    else
        hash_long(data, len, out);
}

/* ---- Pieces --------------------------------------------------------------------------- */

void czi_blake3_init(struct czi_blake3 *h)
{
    h->chunks = 0;
    h->chunk_len = 0;
    h->stack_len = 0;
}

/* The largest subtree that may come next and is not the end of the message. */
static unsigned next_subtree(const struct czi_blake3 *h, size_t len)
{
    unsigned n = 1;

    while (n < SUBTREE_MAX && h->chunks % (2 * n) == 0 && (size_t)(2 * n) * CHUNK < len)
        n *= 2;
    return n;
}

void czi_blake3_update(struct czi_blake3 *h, const void *data, size_t len)
{
    const uint8_t *in = data;

    while (len) {
        size_t n = CZI_MIN(len, (size_t)(CHUNK - h->chunk_len));

        if (h->chunk_len == CHUNK) {
            push_chunks(h, h->chunk, 1);
            h->chunk_len = 0;
            continue;
        }
        if (h->chunk_len == 0 && len > CHUNK) {
            unsigned chunks = next_subtree(h, len);

            push_chunks(h, in, chunks);
            n = (size_t)chunks * CHUNK;
        } else {
            memcpy(h->chunk + h->chunk_len, in, n);
            h->chunk_len += (uint32_t)n;
        }
        in += n;
        len -= n;
    }
}

void czi_blake3_final(const struct czi_blake3 *h, uint8_t out[32])
{
    uint8_t cv[32];

    if (!h->stack_len) {
        hash_alone(h->chunk, h->chunk_len, &whole_message, out);
        return;
    }
    hash_alone(h->chunk, h->chunk_len,
               &(struct czi_blake3_job){CZI_BLAKE3_CHUNK_START, CZI_BLAKE3_CHUNK_END, 0, false,
                                        h->chunks},
               cv);
    join(h, cv, out);
}

/* ---- Many messages -------------------------------------------------------------------- */

/* As many messages of the same number of blocks as the widest way has lanes. */
static void hash_bucket(struct group *g, unsigned blocks, const struct czi_blake3_path *p)
{
    if (p->way_count)
        p->ways[0].fn(g->in, g->len, blocks, blocks, &whole_message, g->out);
    else
        hash_alone(g->in[0], g->len[0], &whole_message, g->out[0]);
    g->n = 0;
}

void czi_blake3_many(const uint8_t *const *data, const uint32_t *len, size_t count,
                     uint8_t (*out)[32])
{
    enum { BUCKETS = CHUNK / BLOCK + 1 };
    struct group bucket[BUCKETS]; /* by the number of blocks */
    struct group rest;
    const struct czi_blake3_path *p = path();
    unsigned lanes = p->lanes;

    if (count == 1) {
        czi_blake3(data[0], len[0], out[0]);
        return;
    }
    for (unsigned b = 0; b < BUCKETS; b++)
        bucket[b].n = 0;
    for (size_t i = 0; i < count; i++) {
        struct group *g;
        unsigned b;

        if (CZI_UNLIKELY(len[i] > CHUNK)) {
            czi_blake3(data[i], len[i], out[i]);
            continue;
        }
        b = block_count(len[i]);
        g = &bucket[b];
        group_add(g, data[i], len[i], out[i]);
        if (g->n == lanes)
            hash_bucket(g, b, p);
    }
    /* What did not fill the lanes, long ones first so that neighbours are of like length. */
    rest.n = 0;
    for (unsigned b = BUCKETS; b-- > 1;) {
        for (unsigned i = 0; i < bucket[b].n; i++) {
            group_add(&rest, bucket[b].in[i], bucket[b].len[i], bucket[b].out[i]);
            if (rest.n == lanes)
                hash_group(&rest, &whole_message);
        }
    }
    if (rest.n)
        hash_group(&rest, &whole_message);
}
