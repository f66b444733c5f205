/* observer.h - the end of a fact's or retraction's tuple: who observed, and the signature.
 *
 * Layer: fact. Threads: pure functions.
 */
#ifndef CZI_OBSERVER_H
#define CZI_OBSERVER_H

#include "base/error.h"
#include "codec/dag_cbor.h"
#include "codec/ed25519.h"

/* Two nulls, or both byte strings. */
#define CZI_OBSERVER_ROOM (2 * CZI_CBOR_HEAD_SIZE_MAX + CZI_PUBLIC_SIZE + CZI_SIGNATURE_SIZE)

uint8_t *czi_observer_put(uint8_t *p, bool has, const uint8_t observer[CZI_PUBLIC_SIZE],
                          const uint8_t signature[CZI_SIGNATURE_SIZE]);
void czi_observer_read(struct czi_cbor *c, bool *ret_has, uint8_t observer[CZI_PUBLIC_SIZE],
                       uint8_t signature[CZI_SIGNATURE_SIZE]);

/* What an observer signs: the id of an item with null in place of the signature, which comes
 * last. Replaces it in the canonical bytes. */
cz_id czi_observer_message(struct czi_buf *bytes);

#endif
