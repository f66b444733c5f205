/* output-flood.c - puts out without end. */
#include "attack.h"

ATTACK
{
    int64_t rc;

    while ((rc = czg_output(HEAP, 100)) == 0)
        continue;
    return rc;
}
