/* futures-flood.c - makes futures without end and joins none. */
#include "attack.h"

ATTACK
{
    struct cz_guest_deadline d = {.after_ms = 1000000};
    int64_t rc = 0;

    while (rc >= 0)
        rc = czg_sleep(&d);
    return rc;
}
