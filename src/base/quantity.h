/* quantity.h - 128-bit signed quantities in text.
 *
 * Layer: base. A quantity counts the smallest unit of one asset (cents, wei). The type is
 * signed so that fungible balances (never negative) and positions (may be) share it.
 */
#ifndef CZI_QUANTITY_H
#define CZI_QUANTITY_H

#include "base/check.h"

#define CZI_QUANTITY_MAX ((__int128)(~(unsigned __int128)0 >> 1))
#define CZI_QUANTITY_MIN (-CZI_QUANTITY_MAX - 1)

/* "-170141183460469231731687303715884105728" and its zero. */
#define CZI_QUANTITY_TEXT_SIZE 41

/* Decimal text; returns its length. */
size_t czi_quantity_print(char out[CZI_QUANTITY_TEXT_SIZE], __int128 v);

/* Strict decimal: optional '-', no '+', no leading zeroes, no "-0", within 128 bits. */
CZI_MUST_USE bool czi_quantity_parse(__int128 *ret, const char *text, size_t len);

#endif
