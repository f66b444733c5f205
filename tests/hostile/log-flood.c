/* log-flood.c - logs without end. */
#include "attack.h"

ATTACK
{
    int64_t rc;

    while ((rc = czg_log(HEAP, 1000)) == 0)
        continue;
    return rc;
}
