/* open-to-write.c - opens what is declared read to write it. */
#include "attack.h"

ATTACK
{
    struct cz_guest_info info;

    (void)czg_info(TO_READ, &info);
    return czg_open((const cz_id *)info.id, CZ_WRITE);
}
