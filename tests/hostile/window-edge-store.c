/* window-edge-store.c - writes the last byte of a resource and one more. */
#include "attack.h"

ATTACK
{
    WINDOW(TO_WRITE)[TO_WRITE_SIZE - 1] = 1;
    WINDOW(TO_WRITE)[TO_WRITE_SIZE] = 1;
    return 0;
}
