/* alloc.c - see alloc.h. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int64_t fail_after = -1;
static atomic_bool has_failed;

bool czi_alloc_must_fail(void)
{
    if (CZI_LIKELY(atomic_load_explicit(&fail_after, memory_order_relaxed) < 0))
        return false;
    if (atomic_fetch_sub(&fail_after, 1) != 0)
        return false;
    atomic_store(&has_failed, true);
    return true;
}

void czi_alloc_fail_after(int64_t skip)
{
    atomic_store(&has_failed, false);
    atomic_store(&fail_after, skip);
}

bool czi_alloc_failed(void)
{
    return atomic_load(&has_failed);
}

void *czi_alloc(size_t size)
{
    return czi_alloc_must_fail() ? NULL : malloc(size ? size : 1);
}

void *czi_alloc_zero(size_t count, size_t size)
{
    return czi_alloc_must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *czi_realloc(void *ptr, size_t size)
{
    return czi_alloc_must_fail() ? NULL : realloc(ptr, size ? size : 1);
}

void *czi_alloc_aligned(size_t size)
{
    if (czi_alloc_must_fail() || size > SIZE_MAX - 63)
        return NULL;
    return aligned_alloc(64, (size + 63) & ~(size_t)63);
}

void czi_free(void *ptr)
{
    free(ptr);
}

void czi_free_ptr(void *ptr_to_ptr)
{
    void *p;

    memcpy(&p, ptr_to_ptr, sizeof p);
    free(p);
}
