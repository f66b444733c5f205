/* invoke-with-wider-rights.c - gives a code that it invokes the right to write what it may only
 * read itself. */
#include "attack.h"

int64_t guest_main(const uint8_t *input, size_t len)
{
    static const uint64_t indexes[] = {TO_READ};
    cz_id self;
    struct cz_guest_invoke call = {.code = CZG_PTR(&self),
                                   .indexes = CZG_PTR(indexes),
                                   .count = 1,
                                   .gas = 100000};

    if (len == 0) /* invoked */
        return czg_store(0, 0, input, 0) ? 98 : 97;
    czg_self(&self);
    return czg_invoke(&call) == -CZ_REJECTED ? 0 : 99;
}
