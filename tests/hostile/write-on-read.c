/* write-on-read.c - stores to a resource that is declared read. */
#include "attack.h"

ATTACK
{
    return czg_store(TO_READ, 0, HEAP, 8);
}
