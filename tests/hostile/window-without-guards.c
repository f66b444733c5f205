/* window-without-guards.c - writes a window without holding a guard. */
#include "attack.h"

ATTACK
{
    WINDOW(0)[0] = 1;
    return 0;
}
