/* window-grown-too-far.c - grows a resource beyond its window. */
#include "attack.h"

ATTACK
{
    return czg_resize(TO_WRITE, CZ_GUEST_WINDOW_SIZE + 1);
}
