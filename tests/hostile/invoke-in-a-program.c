/* invoke-in-a-program.c - invokes a code, which programs do not do. */
#include "attack.h"

ATTACK
{
    static const cz_id other = {{1, 2, 3}};
    struct cz_guest_invoke call = {.code = CZG_PTR(&other), .gas = 1000};

    return czg_invoke(&call);
}
