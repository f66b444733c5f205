/* window-of-a-balance.c - writes where the window of a balance would be. */
#include "attack.h"

ATTACK
{
    WINDOW(GOLD)[0] = 1;
    return 0;
}
