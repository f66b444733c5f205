/* failure-after-writing.c - writes, moves gold, and exits with 1: nothing of it is applied. */
#include "attack.h"

ATTACK
{
    WINDOW(TO_WRITE)[0] = 'X';
    (void)czg_transfer(GOLD, SILVER, 1);
    return 1;
}
