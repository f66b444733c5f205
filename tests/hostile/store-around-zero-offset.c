/* store-around-zero-offset.c - stores at an offset that ends beyond all addresses. */
#include "attack.h"

ATTACK
{
    return czg_store(TO_WRITE, SIZE_MAX - 3, HEAP, 8);
}
