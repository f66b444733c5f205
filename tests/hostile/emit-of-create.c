/* emit-of-create.c - asks for the creation of an account, which guests may not. */
#include "attack.h"

ATTACK
{
    struct cz_guest_op op = {.code = CZ_OP_CREATE,
                             .mode = CZ_ACCOUNT,
                             .text = CZG_PTR("a"),
                             .text_len = 1};

    return czg_emit(&op);
}
