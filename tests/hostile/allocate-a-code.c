/* allocate-a-code.c - creates a resource of kind code. */
#include "attack.h"

ATTACK
{
    struct cz_guest_new new = {.kind = CZ_CODE, .label = CZG_PTR("a"), .label_len = 1};

    return czg_allocate(ABSENT, &new);
}
