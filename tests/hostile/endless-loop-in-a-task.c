/* endless-loop-in-a-task.c - forks tasks that never end; the first one goes on, and ends
 * all. */
#include "attack.h"

static int64_t loop(uint64_t n)
{
    while (n)
        __asm__ volatile("");
    return 0;
}

ATTACK
{
    for (int i = 0; i < 10; i++)
        if (czg_fork(loop, 1) < 0)
            return 99;
    (void)czg_yield();
    czg_exit(12);
}
