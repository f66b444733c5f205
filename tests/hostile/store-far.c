/* store-far.c - stores at an offset that no resource reaches. */
#include "attack.h"

ATTACK
{
    return czg_store(TO_WRITE, (size_t)1 << 40, HEAP, 1);
}
