/* keccak.h - Keccak-256 as Ethereum uses it: the sponge of FIPS 202 with rate 136, but with
 * the padding of the original submission (0x01 where SHA3 has 0x06).
 *
 * Layer: codec. Threads: pure; a hasher belongs to one thread.
 * Source: Ethereum yellow paper, appendix A; Bertoni et al., "The Keccak reference", 3.0.
 */
#ifndef CZI_KECCAK_H
#define CZI_KECCAK_H

#include "base/bytes.h"

#include <nettle/sha3.h>

struct czi_keccak {
    struct sha3_256_ctx sponge;
};

void czi_keccak_init(struct czi_keccak *k);
void czi_keccak_update(struct czi_keccak *k, const void *data, size_t len);
/* The hasher must be initialised again before its next use. */
void czi_keccak_final(struct czi_keccak *k, uint8_t out[32]);

void czi_keccak256(const void *data, size_t len, uint8_t out[32]);

#endif
