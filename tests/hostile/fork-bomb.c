/* fork-bomb.c - forks tasks without end, each of which forks. */
#include "attack.h"

static int64_t bomb(uint64_t depth)
{
    int64_t rc = 0;

    while (rc >= 0)
        rc = czg_fork(bomb, depth + 1);
    return depth ? 0 : rc;
}

ATTACK
{
    return bomb(0);
}
