/* fork-into-data.c - forks a task whose code is its data. */
#include "attack.h"

static uint32_t bytes[2] = {0x00008067, 0x00008067};

ATTACK
{
    int64_t future = czg_fork((czg_task_fn)(uintptr_t)bytes, 0);

    return czg_join(future, NULL);
}
