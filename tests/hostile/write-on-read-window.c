/* write-on-read-window.c - writes the window of a resource that is declared read. */
#include "attack.h"

ATTACK
{
    WINDOW(TO_READ)[0] = 1;
    return 0;
}
