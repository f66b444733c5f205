/* resize-on-read.c - cuts a resource that is declared read. */
#include "attack.h"

ATTACK
{
    return czg_resize(TO_READ, 0);
}
