/* fork-in-an-effect.c - forks a task, which effects do not have. */
#include "attack.h"

ATTACK
{
    return czg_fork((czg_task_fn)0, 0);
}
