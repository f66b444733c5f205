/* hash-of-no-kind.c - asks for a hash that there is not. */
#include "attack.h"

ATTACK
{
    uint8_t out[32];

    return czg_hash((enum cz_guest_hash)77, HEAP, 64, out);
}
