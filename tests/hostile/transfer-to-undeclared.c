/* transfer-to-undeclared.c - moves gold to a resource that it was not given. */
#include "attack.h"

ATTACK
{
    return czg_transfer(GOLD, UNDECLARED, 1);
}
