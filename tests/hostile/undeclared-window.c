/* undeclared-window.c - reads the window of a resource that it was not given. */
#include "attack.h"

ATTACK
{
    return WINDOW(UNDECLARED)[0];
}
