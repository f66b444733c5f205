/* name-of-a-program-wild.c - starts a program whose name is not mapped. */
#include "attack.h"

ATTACK
{
    struct cz_guest_spec spec = {.name = 8,
                                 .name_len = 10,
                                 .label = CZG_PTR("a"),
                                 .label_len = 1};

    return czg_call_program(&spec);
}
