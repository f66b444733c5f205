/* no-gas-after-writing.c - writes, moves gold, and runs out of gas: nothing of it is
 * applied. */
#include "attack.h"

ATTACK
{
    WINDOW(TO_WRITE)[0] = 'X';
    (void)czg_transfer(GOLD, SILVER, 1);
    for (;;)
        __asm__ volatile("");
    return 0;
}
