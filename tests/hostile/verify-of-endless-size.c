/* verify-of-endless-size.c - verifies a message as long as all addresses. */
#include "attack.h"

ATTACK
{
    return czg_verify(HEAP, HEAP, SIZE_MAX, HEAP);
}
