/* error.c - error details, names of codes, and the end of a process on a broken invariant. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void czi_check_failed(const char *expr, const char *file, int line)
{
    (void)fprintf(stderr, "causality: bug: %s:%d: check failed: %s\n", file, line, expr);
    abort();
}

void czi_error_set(cz_error *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return;
    err->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(err->detail, sizeof err->detail, fmt, ap);
    va_end(ap);
}

int cz_error_set(cz_error *err, int code, const char *format, ...)
{
    va_list ap;

    if (!err)
        return code;
    err->code = code;
    va_start(ap, format);
    (void)vsnprintf(err->detail, sizeof err->detail, format, ap);
    va_end(ap);
    return code;
}

void czi_error_prefix(cz_error *err, int code, const char *fmt, ...)
{
    char inner[sizeof err->detail];
    va_list ap;
    int n;

    if (!err)
        return;
    err->code = code;
    memcpy(inner, err->detail, sizeof inner);
    inner[sizeof inner - 1] = 0;
    va_start(ap, fmt);
    n = vsnprintf(err->detail, sizeof err->detail, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof err->detail - 2)
        return;
    (void)snprintf(err->detail + n, sizeof err->detail - (size_t)n, ": %.*s",
                   (int)(sizeof err->detail - (size_t)n - 3), inner);
}

const char *cz_code_name(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
#define CZI_NAME(code, value, text) {value, text},
        CZ_CODES(CZI_NAME)
#undef CZI_NAME
#define CZI_NAME(fault, value, name, text) {value, name},
            CZ_FAULTS(CZI_NAME)
#undef CZI_NAME
    };

    for (size_t i = 0; i < CZI_COUNTOF(names); i++)
        if (names[i].code == code)
            return names[i].name;
    /* Why an effect is not authorised is told as a code too (cz_authorised). */
    return code >= CZ_BAD_SIGNATURE ? cz_reason_name(code) : "unknown code";
}

const char *cz_reason_name(int reason)
{
    static const char *const names[] = {
#define CZI_NAME(reason, value, name, text) [value] = name,
        CZ_REASONS(CZI_NAME)
#undef CZI_NAME
    };

    if (reason < 0 || (size_t)reason >= CZI_COUNTOF(names) || !names[reason])
        return "unknown";
    return names[reason];
}

const char *cz_reason_text(int reason)
{
    static const char *const texts[] = {
#define CZI_NAME(reason, value, name, text) [value] = text,
        CZ_REASONS(CZI_NAME)
#undef CZI_NAME
    };

    if (reason < 0 || (size_t)reason >= CZI_COUNTOF(texts) || !texts[reason])
        return "unknown";
    return texts[reason];
}
