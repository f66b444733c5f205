/* window-cut.c - reads what it has cut off. */
#include "attack.h"

ATTACK
{
    if (czg_resize(TO_WRITE, 4))
        return 99;
    return WINDOW(TO_WRITE)[4];
}
