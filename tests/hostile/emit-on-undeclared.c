/* emit-on-undeclared.c - locks a resource that it was not given. */
#include "attack.h"

ATTACK
{
    static const cz_id other = {{1, 2, 3}};
    struct cz_guest_op op = {.code = CZ_OP_LOCK, .a = CZG_PTR(&other)};

    return czg_emit(&op);
}
