/* error.h - filling and wrapping cz_error (declared in causality.h).
 *
 * Layer: base. A function that can fail returns 0 or a CZ_* code and fills an optional
 * cz_error: what failed, where, what to do. Callers that know more put it in front:
 *
 *     rc = czi_journal_read(..., err);
 *     if (rc != CZ_OK)
 *         return czi_wrap(err, rc, "segment %u", n);   // "segment 3: frame at 128: ..."
 */
#ifndef CZI_ERROR_H
#define CZI_ERROR_H

#include "base/check.h"
#include "causality/causality.h"

void czi_error_set(cz_error *err, int code, const char *fmt, ...) CZI_PRINTF(3, 4);
void czi_error_prefix(cz_error *err, int code, const char *fmt, ...) CZI_PRINTF(3, 4);

/* Both return the code that they are given; as macros, so that a compiler or an analyzer sees
 * which code that is. err may be NULL. */

/* Sets code and detail. */
#define czi_fail(err, code, ...)                                                               \
    ({                                                                                         \
        int code_ = (code);                                                                    \
        czi_error_set((err), code_, __VA_ARGS__);                                              \
        code_;                                                                                 \
    })

/* Puts "text: " before the detail that err holds. */
#define czi_wrap(err, code, ...)                                                               \
    ({                                                                                         \
        int code_ = (code);                                                                    \
        czi_error_prefix((err), code_, __VA_ARGS__);                                           \
        code_;                                                                                 \
    })

/* CZ_NOMEM with what was to be allocated. */
static inline int czi_nomem(cz_error *err, const char *what)
{
    return czi_fail(err, CZ_NOMEM, "out of memory for %s", what);
}

#endif
