/* negative-index.c - reads the resource of index -1. */
#include "attack.h"

ATTACK
{
    return czg_load(-1, 0, HEAP, 8);
}
