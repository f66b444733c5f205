/* allocate-wild-label.c - names a resource by what is not mapped. */
#include "attack.h"

ATTACK
{
    struct cz_guest_new new = {.kind = CZ_DATA, .label = 8, .label_len = 5};

    return czg_allocate(ABSENT, &new);
}
