/* load-from-around-zero.c - loads from an offset at the end of all addresses: nothing is
 * there. */
#include "attack.h"

ATTACK
{
    return czg_load(TO_READ, SIZE_MAX, HEAP, 8);
}
