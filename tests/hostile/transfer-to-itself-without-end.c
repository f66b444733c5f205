/* transfer-to-itself-without-end.c - moves gold to where it is until operations or gas run
 * out. */
#include "attack.h"

ATTACK
{
    int64_t rc;

    while ((rc = czg_transfer(GOLD, GOLD, 1)) == 0)
        continue;
    return rc;
}
