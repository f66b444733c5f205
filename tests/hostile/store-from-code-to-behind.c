/* store-from-code-to-behind.c - stores more than is mapped behind its pointer. */
#include "attack.h"

ATTACK
{
    return czg_store(TO_WRITE, 0, (void *)(CZ_GUEST_STACK_TOP - 4), 8 + CZ_GUEST_WINDOW_SIZE);
}
