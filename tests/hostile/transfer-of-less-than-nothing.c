/* transfer-of-less-than-nothing.c - moves a negative amount, so that it would come back. */
#include "attack.h"

ATTACK
{
    return czg_transfer(GOLD, SILVER, -5);
}
