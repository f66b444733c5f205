/* write-code.c - writes its own code, as a resource. */
#include "attack.h"

ATTACK
{
    return czg_store(THE_CODE, 0, HEAP, 8);
}
