/* barrier-of-endless-count.c - waits for as many futures as there are addresses. */
#include "attack.h"

ATTACK
{
    return czg_barrier((const uint64_t *)HEAP, SIZE_MAX / 4);
}
