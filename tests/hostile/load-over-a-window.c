/* load-over-a-window.c - has one resource copied into another that is declared read. */
#include "attack.h"

ATTACK
{
    return czg_load(TO_WRITE, 0, (void *)CZ_GUEST_WINDOW(TO_READ), 4);
}
