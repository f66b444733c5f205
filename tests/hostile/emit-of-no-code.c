/* emit-of-no-code.c - asks for an operation that there is not. */
#include "attack.h"

ATTACK
{
    struct cz_guest_op op = {.code = 200};

    return czg_emit(&op);
}
