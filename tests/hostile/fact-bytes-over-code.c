/* fact-bytes-over-code.c - has the bytes of a fact copied over its code. */
#include "attack.h"

ATTACK
{
    return czg_fact_bytes(0, 0, (void *)0x10000, 8);
}
