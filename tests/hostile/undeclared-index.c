/* undeclared-index.c - reads a resource that it was not given. */
#include "attack.h"

ATTACK
{
    return czg_load(UNDECLARED, 0, HEAP, 8);
}
