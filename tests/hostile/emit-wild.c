/* emit-wild.c - asks for an operation at an address that is not mapped. */
#include "attack.h"

ATTACK
{
    return czg_emit((void *)0x01e00000);
}
