/* check.h - always-on assertions and cleanup attributes.
 *
 * Layer: base. CZI_CHECK stays on in release builds: a broken invariant ends the process
 * (exit by abort) with the place, because going on could acknowledge something untrue.
 */
#ifndef CZI_CHECK_H
#define CZI_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CZI_LIKELY(x) __builtin_expect(!!(x), 1)
#define CZI_UNLIKELY(x) __builtin_expect(!!(x), 0)

_Noreturn void czi_check_failed(const char *expr, const char *file, int line);

#define CZI_CHECK(expr)                                                                        \
    (CZI_LIKELY(expr) ? (void)0 : czi_check_failed(#expr, __FILE__, __LINE__))

#define CZI_MUST_USE __attribute__((warn_unused_result))
#define CZI_CLEANUP(fn) __attribute__((cleanup(fn)))
#define CZI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define CZI_MIN(a, b) ((a) < (b) ? (a) : (b))
#define CZI_MAX(a, b) ((a) > (b) ? (a) : (b))
#define CZI_COUNTOF(a) (sizeof(a) / sizeof((a)[0]))

#endif
