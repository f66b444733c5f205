/* window-edge-word.c - writes a word of which the last byte is behind a resource; none of it is
 * written. */
#include "attack.h"

ATTACK
{
    __asm__ volatile("sw zero, 0(%0)"
                     :
                     : "r"(CZ_GUEST_WINDOW(TO_WRITE) + TO_WRITE_SIZE - 3)
                     : "memory");
    return 0;
}
