/* window-cut-and-grown.c - looks for what it has cut off after growing again: zeroes. */
#include "attack.h"

ATTACK
{
    if (czg_resize(TO_WRITE, 0) || czg_resize(TO_WRITE, TO_WRITE_SIZE))
        return 99;
    return WINDOW(TO_WRITE)[3];
}
