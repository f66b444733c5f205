/* what-others-left-in-a-window.c - grows a resource and looks for what runs before it left
 * there: zeroes only. */
#include "attack.h"

ATTACK
{
    if (czg_resize(TO_WRITE, CZ_GUEST_WINDOW_SIZE))
        return 99;
    for (size_t i = TO_WRITE_SIZE; i < CZ_GUEST_WINDOW_SIZE; i++)
        if (WINDOW(TO_WRITE)[i])
            return 98;
    return 0;
}
