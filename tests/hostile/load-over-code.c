/* load-over-code.c - has a resource copied over its code. */
#include "attack.h"

ATTACK
{
    return czg_load(TO_READ, 0, (void *)0x10000, 8);
}
