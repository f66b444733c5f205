/* input-into-input.c - has its input copied over its input. */
#include "attack.h"

ATTACK
{
    return czg_input((void *)CZ_GUEST_INPUT, 0, 8);
}
