/* trap-after-writing.c - writes, moves gold, and traps: nothing of it is applied. */
#include "attack.h"

ATTACK
{
    WINDOW(TO_WRITE)[0] = 'X';
    (void)czg_transfer(GOLD, SILVER, 1);
    __builtin_trap();
}
