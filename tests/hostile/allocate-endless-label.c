/* allocate-endless-label.c - names a resource by as many bytes as there are addresses. */
#include "attack.h"

ATTACK
{
    struct cz_guest_new new = {.kind = CZ_DATA, .label = 0x10000, .label_len = UINT64_MAX};

    return czg_allocate(ABSENT, &new);
}
