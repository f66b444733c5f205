/* output-around-zero.c - puts out bytes over the end of all addresses. */
#include "attack.h"

ATTACK
{
    return czg_output((void *)-8, 16);
}
