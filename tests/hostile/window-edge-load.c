/* window-edge-load.c - reads one byte behind the last of a resource. */
#include "attack.h"

ATTACK
{
    return WINDOW(TO_WRITE)[TO_WRITE_SIZE - 1] + WINDOW(TO_WRITE)[TO_WRITE_SIZE];
}
