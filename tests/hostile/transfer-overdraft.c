/* transfer-overdraft.c - moves more than there is. */
#include "attack.h"

ATTACK
{
    return czg_transfer(GOLD, SILVER, 1000000);
}
