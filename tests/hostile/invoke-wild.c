/* invoke-wild.c - has the output of a code written where nothing is mapped. */
#include "attack.h"

ATTACK
{
    cz_id self;
    struct cz_guest_invoke call = {.code = CZG_PTR(&self),
                                   .gas = 1000,
                                   .output = 8,
                                   .output_size = 64};

    czg_self(&self);
    return czg_invoke(&call);
}
