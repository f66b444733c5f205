/* blake3_lanes.c - see blake3_lanes.h: the lanes for each kind of processor, and the choice.
 *
 * Layer: codec. Threads: pure functions. Written with the compilers' vector extensions, so
 * four lanes run on any little-endian machine; x86-64 gets wider ones by function
 * multiversioning, chosen when the program runs.
 */
#include "codec/blake3_lanes.h"

#include "codec/blake3_rounds.h"

#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HAS_LANES 1

static const uint32_t iv[8] = CZI_BLAKE3_IV;

static const uint32_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* gcc keeps arrays of vectors in registers only where it has unrolled the loops over them;
 * clang does so by itself. */
#ifdef __clang__
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Where 64 bytes can be read for an input's block at `at`: in place, or, when it is the
 * short last one, padded with zeroes in tail. */
static inline const uint8_t *czi_blake3_row(const uint8_t *in, uint32_t len, uint32_t at,
                                            uint8_t tail[CZI_BLAKE3_BLOCK])
{
    uint32_t n;

    if (at + CZI_BLAKE3_BLOCK <= len)
        return in + at;
    n = at < len ? len - at : 0;
    memset(tail, 0, CZI_BLAKE3_BLOCK);
    if (n)
        memcpy(tail, in + at, n);
    return tail;
}

#define LANES 4
#define LANES_OF(x) x##_any_4
#define LANES_TARGET
#include "codec/blake3_template.h"

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512vl,avx512bw")))

#define LANES 4
#define LANES_OF(x) x##_avx2_4
#define LANES_TARGET AVX2
#include "codec/blake3_template.h"

#define LANES 8
#define LANES_OF(x) x##_avx2_8
#define LANES_TARGET AVX2
#include "codec/blake3_template.h"

#define LANES 4
#define LANES_OF(x) x##_avx512_4
#define LANES_TARGET AVX512
#include "codec/blake3_template.h"

#define LANES 8
#define LANES_OF(x) x##_avx512_8
#define LANES_TARGET AVX512
#include "codec/blake3_template.h"

#define LANES 16
#define LANES_OF(x) x##_avx512_16
#define LANES_TARGET AVX512
#include "codec/blake3_template.h"
#endif
#endif

static const struct czi_blake3_path alone = {.lanes = 1};
#ifdef HAS_LANES
static const struct czi_blake3_path any = {4, 1, {{4, 270, blake3_any_4}}};
#ifdef __x86_64__
static const struct czi_blake3_path avx2 = {8,
                                            2,
                                            {{8, 265, blake3_avx2_8}, {4, 260, blake3_avx2_4}}};
static const struct czi_blake3_path avx512 = {
    16, 3, {{16, 245, blake3_avx512_16}, {8, 225, blake3_avx512_8}, {4, 195, blake3_avx512_4}}};
#endif
#endif

const struct czi_blake3_path *czi_blake3_path_of(unsigned lanes_max)
{
#if defined(HAS_LANES) && defined(__x86_64__)
    __builtin_cpu_init();
    if (lanes_max >= 16 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return &avx512;
    if (lanes_max >= 8 && __builtin_cpu_supports("avx2"))
        return &avx2;
#endif
#ifdef HAS_LANES
    if (lanes_max >= 4)
        return &any;
#endif
    return &alone;
}
