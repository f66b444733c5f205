/* deep-fork.c - forks a task that forks a task, without end, and joins it. */
#include "attack.h"

static int64_t deeper(uint64_t depth)
{
    uint64_t value = 0;
    int64_t future = czg_fork(deeper, depth + 1);

    if (future < 0)
        return -future;
    return czg_join(future, &value) ? 99 : (int64_t)value;
}

ATTACK
{
    return deeper(0);
}
