/* codes.h - decoded codes, kept between runs.
 *
 * Layer: engine. Threads: any number may ask at the same time; dropping is the engine's
 * thread's alone, while nobody runs. What a code decodes to follows from its bytes, and those
 * from its id: whether it is kept changes nothing but speed.
 */
#ifndef CZI_CODES_H
#define CZI_CODES_H

#include "base/id_table.h"
#include "base/limits.h"
#include "vm/vm.h"

struct czi_kept_code {
    struct czi_code *code; /* NULL: dropped */
    uint64_t used;         /* when it was asked for last */
};

/* All zero but `lock` is empty. */
struct czi_codes {
    struct czi_mutex *lock;
    struct czi_id_table ids; /* of resources */
    struct czi_kept_code *kept;
    uint32_t room;
    size_t bytes;
    uint64_t time;
};

CZI_MUST_USE int czi_codes_init(struct czi_codes *c, cz_error *err);
void czi_codes_done(struct czi_codes *c); /* of all zero: no-op */
/* The code of a resource whose bytes are `file`; borrowed until czi_codes_trim. CZ_INVALID or
 * CZ_LIMIT: it cannot be loaded; CZ_NOMEM. */
CZI_MUST_USE int czi_codes_get(struct czi_codes *c, const uint8_t id[32], struct czi_slice file,
                               struct czi_code **ret);
/* Drops those that were not asked for longest, until the rest fits. */
void czi_codes_trim(struct czi_codes *c);
static inline bool czi_codes_overfull(const struct czi_codes *c)
{
    return c->bytes > CZI_CODES_BYTES_MAX;
}

#endif
