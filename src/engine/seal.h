/* seal.h - the memory that sealing a batch works in; see seal.c. Layer: engine. */
#ifndef CZI_SEAL_H
#define CZI_SEAL_H

#include "base/check.h"

struct czi_seal_scratch;
/* NULL when out of memory. */
CZI_MUST_USE struct czi_seal_scratch *czi_seal_scratch_new(uint32_t entries, uint32_t posts);
void czi_seal_scratch_free(struct czi_seal_scratch *s);

#endif
