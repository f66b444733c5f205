/* allocate-under-a-foreign-id.c - creates a resource at an id that does not follow from its
 * label. */
#include "attack.h"

ATTACK
{
    struct cz_guest_new new = {.kind = CZ_DATA, .label = CZG_PTR("other"), .label_len = 5};

    return czg_allocate(ABSENT, &new);
}
