/* index-around-32-bits.c - reads the resource of an index that is good in its low 32 bits. */
#include "attack.h"

ATTACK
{
    return czg_load(INT64_C(1) << 32, 0, HEAP, 8);
}
