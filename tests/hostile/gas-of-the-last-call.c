/* gas-of-the-last-call.c - spends its gas to the last on calls that ask how much is left. */
#include "attack.h"

ATTACK
{
    for (;;)
        (void)czg_gas();
    return 0;
}
