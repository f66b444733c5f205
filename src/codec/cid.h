/* cid.h - content identifiers: CIDv1, dag-cbor (0x71), BLAKE3-256 (0x1e).
 *
 * Layer: codec. Threads: pure functions. No allocation. Source: multiformats CID and multihash
 * specifications.
 */
#ifndef CZI_CID_H
#define CZI_CID_H

#include "base/bytes.h"
#include "causality/causality.h"

/* 01 71 1e 20 and the digest. */
#define CZI_CID_SIZE 36

void czi_cid_put(uint8_t out[CZI_CID_SIZE], const cz_id *id);
/* False when the bytes are another codec, hash or length. */
CZI_MUST_USE bool czi_cid_get(const uint8_t *bytes, size_t len, cz_id *ret);
/* A prefix of an id as a person types it ("bafyr4i" and some more): digest receives the bits
 * of the digest that it fixes, then zeroes, and *ret_bits how many they are; 0 when the text
 * ends within what all ids begin with. False when it cannot be the prefix of an id. */
CZI_MUST_USE bool czi_cid_prefix(const char *text, uint8_t digest[32], unsigned *ret_bits);

#endif
