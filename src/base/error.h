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

/* Sets code and detail and returns code; err may be NULL. */
int czi_fail(cz_error *err, int code, const char *fmt, ...) CZI_PRINTF(3, 4);

/* Puts "text: " before the detail that err holds, keeps the code, returns it. */
int czi_wrap(cz_error *err, int code, const char *fmt, ...) CZI_PRINTF(3, 4);

/* CZ_NOMEM with what was to be allocated. */
int czi_nomem(cz_error *err, const char *what);

#endif
