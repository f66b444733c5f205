/* blake3_lanes.h - many BLAKE3 inputs side by side: between blake3.c, which knows chunks and
 * trees, and blake3_lanes.c, which knows the processor.
 *
 * Layer: codec, private to it. Threads: pure functions.
 */
#ifndef CZI_BLAKE3_LANES_H
#define CZI_BLAKE3_LANES_H

#include "base/check.h"

#define CZI_BLAKE3_BLOCK 64
#define CZI_BLAKE3_CHUNK 1024
#define CZI_BLAKE3_LANES_MAX 16

/* Domain separation flags, section 2.2 of the paper. */
enum {
    CZI_BLAKE3_CHUNK_START = 1,
    CZI_BLAKE3_CHUNK_END = 2,
    CZI_BLAKE3_PARENT = 4,
    CZI_BLAKE3_ROOT = 8,
};

/* The constants that the chaining value starts from: those of SHA-256 (section 2.1). */
#define CZI_BLAKE3_IV                                                                          \
    {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,                                           \
     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

/* What the inputs of one call have in common. */
struct czi_blake3_job {
    uint32_t first_flags, last_flags; /* of an input's first and last block */
    uint32_t flags;                   /* of every block */
    /* Counters are counter, counter + 1, ...; else all alike. A run starts at a multiple of
     * the lanes, so it does not carry into the upper word. */
    bool is_run;
    uint64_t counter;
};

/* As many inputs as the function has lanes, each of 0 to 1,024 bytes; out[i] receives the
 * chaining value of in[i][0 .. len[i]) as 32 bytes. least and most bound the inputs' numbers
 * of blocks (an empty one has one); the cost is that of most. */
typedef void (*czi_blake3_lanes_fn)(const uint8_t *const *in, const uint32_t *len,
                                    unsigned least, unsigned most,
                                    const struct czi_blake3_job *job, uint8_t *const *out);

/* The ways through one kind of processor, widest first. `cost` is what a block through all
 * lanes costs in percent of a block hashed alone (bench/hash measures it); it only chooses
 * between ways of equal results. */
struct czi_blake3_path {
    unsigned lanes; /* the widest; 1 when hashing alone is all there is */
    unsigned way_count;
    struct czi_blake3_way {
        unsigned lanes, cost;
        czi_blake3_lanes_fn fn;
    } ways[3];
};

/* The best path with at most that many lanes which this processor has. */
const struct czi_blake3_path *czi_blake3_path_of(unsigned lanes_max);

#endif
