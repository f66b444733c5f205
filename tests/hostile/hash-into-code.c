/* hash-into-code.c - has a hash written over its own code. */
#include "attack.h"

ATTACK
{
    return czg_hash(CZ_HASH_SHA256, HEAP, 64, (uint8_t *)0x10000);
}
