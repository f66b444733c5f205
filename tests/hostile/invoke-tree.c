/* invoke-tree.c - invokes itself twice at each depth. */
#include "attack.h"

ATTACK
{
    cz_id self;
    struct cz_guest_invoke call = {.code = CZG_PTR(&self), .gas = UINT64_MAX};

    czg_self(&self);
    for (;;) {
        (void)czg_invoke(&call);
        (void)czg_invoke(&call);
    }
    return 0;
}
