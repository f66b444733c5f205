/* invoke-what-is-no-code.c - invokes a register of bytes. */
#include "attack.h"

ATTACK
{
    struct cz_guest_info info;
    struct cz_guest_invoke call = {.code = CZG_PTR(info.id), .gas = 1000};

    (void)czg_info(TO_READ, &info);
    return czg_invoke(&call);
}
