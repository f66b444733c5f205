/* verify-bomb.c - verifies signatures without end. */
#include "attack.h"

ATTACK
{
    for (;;)
        (void)czg_verify(HEAP, HEAP, 1024, HEAP);
    return 0;
}
