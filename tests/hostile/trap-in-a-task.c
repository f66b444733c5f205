/* trap-in-a-task.c - traps in a task while its first one waits: that is the end of all. */
#include "attack.h"

static int64_t trap(uint64_t n)
{
    (void)n;
    __builtin_trap();
}

ATTACK
{
    return czg_join(czg_fork(trap, 1), NULL);
}
