/* transfer-of-the-largest.c - moves the largest number, so that the sum would wrap. */
#include "attack.h"

ATTACK
{
    return czg_transfer(GOLD, SILVER, (cz_quantity)((unsigned __int128)-1 >> 1));
}
