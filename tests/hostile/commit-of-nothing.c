/* commit-of-nothing.c - commits without guards. */
#include "attack.h"

ATTACK
{
    return czg_commit(NULL);
}
