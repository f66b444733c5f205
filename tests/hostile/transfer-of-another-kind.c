/* transfer-of-another-kind.c - moves gold out of a register of bytes. */
#include "attack.h"

ATTACK
{
    return czg_transfer(TO_WRITE, GOLD, 1);
}
