/* stack-exhaustion-in-a-task.c - forks a task that calls itself without end. */
#include "attack.h"

static int64_t again(uint64_t n)
{
    volatile uint8_t room[200];

    room[n % 200] = 1;
    return n ? again(n + 1) + room[n % 100] : 0;
}

ATTACK
{
    return czg_join(czg_fork(again, 1), NULL);
}
