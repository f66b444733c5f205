/* output-of-endless-size.c - puts out as many bytes as there are addresses. */
#include "attack.h"

ATTACK
{
    return czg_output(HEAP, SIZE_MAX);
}
