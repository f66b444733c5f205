/* alloc.h - the one allocator of the library, with fault injection for tests.
 *
 * Layer: base. Threads: any. Tests make the n-th allocation from now fail, to walk every
 * out-of-memory path; production pays one predictable branch.
 */
#ifndef CZI_ALLOC_H
#define CZI_ALLOC_H

#include "base/check.h"

/* Like malloc, calloc, realloc: NULL when out of memory. size 0 is allowed. */
CZI_MUST_USE void *czi_alloc(size_t size);
CZI_MUST_USE void *czi_alloc_zero(size_t count, size_t size);
CZI_MUST_USE void *czi_realloc(void *ptr, size_t size);
void czi_free(void *ptr);

/* Aligned to 64 bytes, for what cache lines or vector lanes touch. Freed by czi_free. */
CZI_MUST_USE void *czi_alloc_aligned(size_t size);

/* Makes the allocation after `skip` further ones fail, once. Negative: never. Tests only. */
void czi_alloc_fail_after(int64_t skip);
/* For other sources of memory: true when this allocation shall fail. */
bool czi_alloc_must_fail(void);
/* True when the armed failure has happened. */
bool czi_alloc_failed(void);

/* For CZI_CLEANUP on pointer variables. */
void czi_free_ptr(void *ptr_to_ptr);
#define CZI_AUTOFREE CZI_CLEANUP(czi_free_ptr)

#endif
