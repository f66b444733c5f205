/* log-of-nothing-flood.c - logs empty messages without end: each takes a byte for its
 * length. */
#include "attack.h"

ATTACK
{
    int64_t rc;

    while ((rc = czg_log(HEAP, 0)) == 0)
        continue;
    return rc;
}
