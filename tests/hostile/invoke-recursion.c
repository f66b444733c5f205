/* invoke-recursion.c - invokes itself without end; tells what the innermost was told. */
#include "attack.h"

ATTACK
{
    cz_id self;
    uint64_t indexes[] = {TO_READ, TO_WRITE, GOLD, SILVER, ABSENT, THE_CODE};
    struct cz_guest_invoke call = {.code = CZG_PTR(&self),
                                   .indexes = CZG_PTR(indexes),
                                   .count = 6,
                                   .gas = UINT64_MAX};
    int64_t rc;

    czg_self(&self);
    rc = czg_invoke(&call);
    return rc == -CZ_REJECTED ? (int64_t)call.ret_code : rc;
}
