/* window-grown.c - grows a resource to the end of its window, and writes into the next one. */
#include "attack.h"

ATTACK
{
    if (czg_resize(TO_WRITE, CZ_GUEST_WINDOW_SIZE))
        return 99;
    WINDOW(TO_WRITE)[CZ_GUEST_WINDOW_SIZE - 1] = 1;
    WINDOW(TO_WRITE)[CZ_GUEST_WINDOW_SIZE] = 1;
    return 0;
}
