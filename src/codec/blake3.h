/* blake3.h - BLAKE3-256: one-shot, streaming, and many short messages at once.
 *
 * Layer: codec. Threads: pure functions; a hasher belongs to one thread. No allocation.
 * Source: O'Connor, Aumasson, Neves, Wilcox-O'Hearn, "BLAKE3", 2020 (hash mode, 32 bytes).
 * Every path (portable, 4, 8 and 16 lanes) gives equal results; the widest that the
 * processor has is chosen once, at first use.
 */
#ifndef CZI_BLAKE3_H
#define CZI_BLAKE3_H

#include "base/check.h"
#include "causality/causality.h"

/* One message of any length; a long one runs its chunks through the lanes. */
void czi_blake3(const void *data, size_t len, uint8_t out[32]);

/* A message of any length in pieces. */
struct czi_blake3 {
    uint64_t chunks;    /* hashed and in the stack */
    uint32_t chunk_len; /* of the newest one, which waits: the last one is hashed differently */
    uint32_t stack_len;
    uint8_t chunk[1024];
    uint8_t stack[55][32]; /* chaining values of whole subtrees, one a level of 2^54 chunks */
};
void czi_blake3_init(struct czi_blake3 *h);
void czi_blake3_update(struct czi_blake3 *h, const void *data, size_t len);
/* The hasher may go on being updated after it. */
void czi_blake3_final(const struct czi_blake3 *h, uint8_t out[32]);

/* count independent messages; out[i] is the hash of data[i][0 .. len[i]). The hot path:
 * messages of up to 1,024 bytes run as many at once as there are lanes, grouped by their
 * number of 64-byte blocks; longer ones go one at a time. Messages need no alignment and no
 * readable bytes beyond their length. out may not overlap the messages. */
void czi_blake3_many(const uint8_t *const *data, const uint32_t *len, size_t count,
                     uint8_t (*out)[32]);

/* Tests and benches: restricts the paths that are used from now on to at most `lanes`
 * (1, 4, 8 or 16; 0 restores the default). Returns how many are in use. */
unsigned czi_blake3_limit_lanes(unsigned lanes);

#endif
