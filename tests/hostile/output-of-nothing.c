/* output-of-nothing.c - puts out what is not mapped. */
#include "attack.h"

ATTACK
{
    return czg_output((void *)8, 1);
}
