/* join-what-is-none.c - joins numbers that are no futures. */
#include "attack.h"

ATTACK
{
    static const int64_t numbers[] = {0, 1, 77, -1, INT64_MAX, INT64_MIN};

    for (unsigned i = 0; i < 6; i++)
        if (czg_join(numbers[i], NULL) >= 0)
            return 99;
    return 0;
}
