/* registry.c - see registry.h. */
#include "engine/registry.h"

#include "base/error.h"
#include "engine/engine.h"

static struct {
    _Atomic uint64_t serial; /* 0: free */
    cz_engine *engine;
} engines[CZI_ENGINES_MAX];
static uint64_t last_serial; /* under the process's mutex, as all changes */

int czi_registry_add(cz_engine *g, cz_error *err)
{
    int rc = CZ_OK;
    unsigned tries = 0;

    czi_process_lock();
    while (atomic_load(&engines[++last_serial % CZI_ENGINES_MAX].serial) && ++tries)
        if (tries == CZI_ENGINES_MAX)
            break;
    if (tries == CZI_ENGINES_MAX) {
        rc = czi_fail(err, CZ_LIMIT, "this process has %u engines open", CZI_ENGINES_MAX);
    } else {
        g->serial = last_serial;
        engines[last_serial % CZI_ENGINES_MAX].engine = g;
        atomic_store(&engines[last_serial % CZI_ENGINES_MAX].serial, last_serial);
    }
    czi_process_unlock();
    return rc;
}

void czi_registry_remove(cz_engine *g)
{
    size_t i = g->serial % CZI_ENGINES_MAX;

    czi_process_lock();
    if (g->serial && atomic_load(&engines[i].serial) == g->serial)
        atomic_store(&engines[i].serial, 0);
    czi_process_unlock();
}

cz_engine *czi_registry_find(uint64_t serial)
{
    size_t i = serial % CZI_ENGINES_MAX;

    if (serial == 0 || atomic_load_explicit(&engines[i].serial, memory_order_acquire) != serial)
        return NULL;
    return engines[i].engine;
}

void czi_registry_with(uint64_t serial, void (*fn)(cz_engine *g, void *arg), void *arg)
{
    cz_engine *g;

    czi_process_lock();
    g = czi_registry_find(serial);
    if (g)
        fn(g, arg);
    czi_process_unlock();
}
