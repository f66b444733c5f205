/* hash-bomb.c - hashes all of its heap, again and again. */
#include "attack.h"

ATTACK
{
    uint8_t out[32];

    for (;;)
        (void)czg_hash(CZ_HASH_KECCAK256, HEAP, 0x7ff000, out);
    return 0;
}
