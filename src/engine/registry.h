/* registry.h - which engines are open in this process.
 *
 * Layer: engine. Threads: any. A guard names its engine by a serial number that is never used
 * again, so a guard of a closed engine is found out and never followed.
 */
#ifndef CZI_REGISTRY_H
#define CZI_REGISTRY_H

#include "base/check.h"
#include "causality/causality.h"

/* Gives g->serial. CZ_LIMIT beyond CZI_ENGINES_MAX. */
CZI_MUST_USE int czi_registry_add(cz_engine *g, cz_error *err);
/* Afterwards nobody finds it. No-op when it is not there. */
void czi_registry_remove(cz_engine *g);
/* NULL: closed. */
cz_engine *czi_registry_find(uint64_t serial);
/* Calls fn with an engine that cannot be closed meanwhile; no-op when it is. */
void czi_registry_with(uint64_t serial, void (*fn)(cz_engine *g, void *arg), void *arg);

#endif
