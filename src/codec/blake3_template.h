/* blake3_template.h - the BLAKE3 compression function over LANES inputs at once.
 *
 * Included by blake3_lanes.c once for each way through a processor, with
 *     LANES        4, 8 or 16
 *     LANES_OF(x)  the name of x for this inclusion
 *     LANES_TARGET the function attributes that select the instruction set
 * Lane i of every vector belongs to input i: word k of all inputs is one vector, so that the
 * rounds are those of the paper with vectors for words. What is left is to transpose blocks
 * on the way in and chaining values on the way out.
 */
#define vec LANES_OF(vec)
#define quad LANES_OF(quad)
typedef uint32_t vec __attribute__((vector_size(LANES * 4)));
typedef uint32_t quad __attribute__((vector_size(16)));

#define LANES_INLINE LANES_TARGET __attribute__((always_inline)) static inline

/* Interleave words, pairs and, between groups of four lanes, quadruples. */
#if LANES == 4
#define LO32(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HI32(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LO64(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define HI64(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#elif LANES == 8
#define LO32(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HI32(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LO64(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HI64(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LO128(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HI128(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#else
#define LO32(a, b)                                                                             \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HI32(a, b)                                                                             \
    __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LO64(a, b)                                                                             \
    __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HI64(a, b)                                                                             \
    __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
/* Quadruples 0 1 of a and of b; 2 3; even ones; odd ones. */
#define LO256(a, b)                                                                            \
    __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HI256(a, b)                                                                            \
    __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define EVEN128(a, b)                                                                          \
    __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD128(a, b)                                                                           \
    __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#endif

/* Transposes each group of four lanes of r[0..4) by itself. */
LANES_INLINE void LANES_OF(transpose_four)(vec *r)
{
    vec ab = LO32(r[0], r[1]), AB = HI32(r[0], r[1]);
    vec cd = LO32(r[2], r[3]), CD = HI32(r[2], r[3]);

    r[0] = LO64(ab, cd);
    r[1] = HI64(ab, cd);
    r[2] = LO64(AB, CD);
    r[3] = HI64(AB, CD);
}

/* LANES rows of LANES words from row + offset bytes; m[k] = word k of every row. */
LANES_INLINE void LANES_OF(load_square)(vec *m, const uint8_t *const *row, size_t offset)
{
#if LANES > 4
    vec r[LANES];
#else
    vec *r = m;
#endif

    UNROLL for (unsigned i = 0; i < LANES; i++) memcpy(&r[i], row[i] + offset, sizeof(vec));
    UNROLL for (unsigned i = 0; i < LANES; i += 4) LANES_OF(transpose_four)(r + i);
#if LANES == 8
    UNROLL for (unsigned k = 0; k < 4; k++)
    {
        m[k] = LO128(r[k], r[4 + k]);
        m[4 + k] = HI128(r[k], r[4 + k]);
    }
#elif LANES == 16
    UNROLL for (unsigned k = 0; k < 4; k++)
    {
        vec lo = LO256(r[k], r[4 + k]), hi = HI256(r[k], r[4 + k]);
        vec LO = LO256(r[8 + k], r[12 + k]), HI = HI256(r[8 + k], r[12 + k]);

        m[k] = EVEN128(lo, LO);
        m[4 + k] = ODD128(lo, LO);
        m[8 + k] = EVEN128(hi, HI);
        m[12 + k] = ODD128(hi, HI);
    }
#endif
}

#define STORE_QUAD(group)                                                                      \
    do {                                                                                       \
        quad q_ = __builtin_shufflevector(v_, v_, 4 * (group), 4 * (group) + 1,                \
                                          4 * (group) + 2, 4 * (group) + 3);                   \
        memcpy(out[4 * (group) + k_] + half_, &q_, 16);                                        \
    } while (0)

/* The eight vectors of h to 32 bytes a lane. */
LANES_INLINE void LANES_OF(store)(uint8_t *const *out, vec *h)
{
    LANES_OF(transpose_four)(h);
    LANES_OF(transpose_four)(h + 4);
    UNROLL for (unsigned i = 0; i < 8; i++)
    {
        unsigned k_ = i % 4, half_ = i / 4 * 16;
        vec v_ = h[i];

        STORE_QUAD(0);
#if LANES > 4
        STORE_QUAD(1);
#endif
#if LANES > 8
        STORE_QUAD(2);
        STORE_QUAD(3);
#endif
    }
}

#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define MIX(a, b, c, d, x, y)                                                                  \
    do {                                                                                       \
        a = a + m[x] + b;                                                                      \
        d = ROTATE(d ^ a, 16);                                                                 \
        c += d;                                                                                \
        b = ROTATE(b ^ c, 12);                                                                 \
        a = a + m[y] + b;                                                                      \
        d = ROTATE(d ^ a, 8);                                                                  \
        c += d;                                                                                \
        b = ROTATE(b ^ c, 7);                                                                  \
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

/* The new chaining values into n[0..8). */
LANES_INLINE void LANES_OF(compress)(vec *n, const vec *h, const vec *m, vec counter_lo,
                                     vec counter_hi, vec len, vec flags)
{
    vec zero = {0};
    vec v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    vec v8 = zero + iv[0], v9 = zero + iv[1], v10 = zero + iv[2], v11 = zero + iv[3];
    vec v12 = counter_lo, v13 = counter_hi, v14 = len, v15 = flags;

    CZI_BLAKE3_ROUNDS(ROUND);
    n[0] = v0 ^ v8;
    n[1] = v1 ^ v9;
    n[2] = v2 ^ v10;
    n[3] = v3 ^ v11;
    n[4] = v4 ^ v12;
    n[5] = v5 ^ v13;
    n[6] = v6 ^ v14;
    n[7] = v7 ^ v15;
}

LANES_TARGET static void LANES_OF(blake3)(const uint8_t *const *in, const uint32_t *len,
                                          unsigned least, unsigned most,
                                          const struct czi_blake3_job *job, uint8_t *const *out)
{
    uint8_t tail[LANES][CZI_BLAKE3_BLOCK];
    const uint8_t *row[LANES];
    vec h[8], n[8], m[16], zero = {0}, lengths;
    vec counter_lo = zero + (uint32_t)job->counter;
    vec counter_hi = zero + (uint32_t)(job->counter >> 32);

    if (job->is_run) {
        vec number;

        memcpy(&number, numbers, sizeof number);
        counter_lo += number;
    }
    memcpy(&lengths, len, sizeof lengths);
    UNROLL for (unsigned k = 0; k < 8; k++) h[k] = zero + iv[k];

    for (unsigned b = 0; b < most; b++) {
        uint32_t at = b * CZI_BLAKE3_BLOCK;
        vec size = zero + CZI_BLAKE3_BLOCK;
        vec flags = zero + (job->flags | (b == 0 ? job->first_flags : 0));

        if (b + 1 < least) {
            for (unsigned i = 0; i < LANES; i++)
                row[i] = in[i] + at;
        } else {
            vec is_last = (vec)(lengths <= at + CZI_BLAKE3_BLOCK);

            size = (size & ~is_last) | ((lengths - at) & is_last);
            flags |= is_last & job->last_flags;
            for (unsigned i = 0; i < LANES; i++)
                row[i] = czi_blake3_row(in[i], len[i], at, tail[i]);
        }
        UNROLL for (unsigned k = 0; k < 16; k += LANES)
            LANES_OF(load_square)(m + k, row, k * 4);
        LANES_OF(compress)(n, h, m, counter_lo, counter_hi, size, flags);
        if (b < least) {
            UNROLL for (unsigned k = 0; k < 8; k++) h[k] = n[k];
        } else {
            /* Finished lanes went over some block, and what they yielded is dropped. */
            vec active = (vec)(lengths > at);

            UNROLL for (unsigned k = 0; k < 8; k++) h[k] ^= (h[k] ^ n[k]) & active;
        }
    }
    LANES_OF(store)(out, h);
}

#undef vec
#undef quad
#undef LANES_INLINE
#undef LO32
#undef HI32
#undef LO64
#undef HI64
#undef LO128
#undef HI128
#undef LO256
#undef HI256
#undef EVEN128
#undef ODD128
#undef STORE_QUAD
#undef ROTATE
#undef MIX
#undef ROUND
#undef LANES
#undef LANES_OF
#undef LANES_TARGET
