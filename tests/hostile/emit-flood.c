/* emit-flood.c - asks for operations without end. */
#include "attack.h"

ATTACK
{
    struct cz_guest_info info;
    struct cz_guest_op op = {.code = CZ_OP_REQUIRE, .a = CZG_PTR(info.id), .has = 1};
    int64_t rc = czg_info(GOLD, &info);

    op.state = info.state;
    while (rc == 0)
        rc = czg_emit(&op);
    return rc;
}
