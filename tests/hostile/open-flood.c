/* open-flood.c - opens resources without end, in an effect that declares none. */
#include "attack.h"

ATTACK
{
    cz_id id = {{0}};
    int64_t rc = 0;

    while (rc >= 0) {
        id.bytes[0]++;
        rc = czg_open(&id, CZ_WRITE);
    }
    return rc;
}
