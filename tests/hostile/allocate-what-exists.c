/* allocate-what-exists.c - creates a resource where there is one. */
#include "attack.h"

ATTACK
{
    struct cz_guest_new new = {.kind = CZ_DATA, .label = CZG_PTR("a"), .label_len = 1};

    return czg_allocate(TO_WRITE, &new);
}
