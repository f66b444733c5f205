/* quantity.c - see quantity.h. */
#include "base/quantity.h"

#include <string.h>

size_t czi_quantity_print(char out[CZI_QUANTITY_TEXT_SIZE], __int128 v)
{
    char digits[CZI_QUANTITY_TEXT_SIZE];
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    size_t n = 0, len = 0;

    do {
        digits[n++] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u);
    if (v < 0)
        out[len++] = '-';
    while (n)
        out[len++] = digits[--n];
    out[len] = 0;
    return len;
}

bool czi_quantity_parse(__int128 *ret, const char *text, size_t len)
{
    bool negative = len > 0 && text[0] == '-';
    size_t i = negative;
    __int128 v = 0;

    if (i == len || (text[i] == '0' && (len > i + 1 || negative)))
        return false;
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(v, (__int128)10, &v) ||
            __builtin_sub_overflow(v, (__int128)(text[i] - '0'), &v))
            return false;
    }
    /* Gathered as a negative number, which reaches one further than the positive ones. */
    if (!negative && __builtin_sub_overflow((__int128)0, v, &v))
        return false;
    *ret = v;
    return true;
}
