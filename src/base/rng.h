/* rng.h - seeded random numbers for tests, benches and simulation; never for the core.
 *
 * Layer: base. xoshiro256** seeded by splitmix64 (Blackman and Vigna, 2018): the same seed
 * gives the same stream everywhere.
 */
#ifndef CZI_RNG_H
#define CZI_RNG_H

#include "base/check.h"

struct czi_rng {
    uint64_t s[4];
};

static inline struct czi_rng czi_rng(uint64_t seed)
{
    struct czi_rng r;

    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        r.s[i] = z ^ z >> 31;
    }
    return r;
}

static inline uint64_t czi_rotl64(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static inline uint64_t czi_rng_next(struct czi_rng *r)
{
    uint64_t out = czi_rotl64(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = czi_rotl64(r->s[3], 45);
    return out;
}

/* 0 <= result < n, n > 0 (Lemire's multiply; its bias is below 2^-32 for n < 2^32). */
static inline uint64_t czi_rng_below(struct czi_rng *r, uint64_t n)
{
    return (uint64_t)((unsigned __int128)czi_rng_next(r) * n >> 64);
}

#endif
