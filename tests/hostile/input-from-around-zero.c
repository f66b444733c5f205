/* input-from-around-zero.c - asks for its input from an offset at the end of all addresses:
 * there is none. */
#include "attack.h"

ATTACK
{
    return czg_input(HEAP, SIZE_MAX - 3, 8);
}
