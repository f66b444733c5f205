/* emit-flood-in-a-program.c - adds operations to its effect without end. */
#include "attack.h"

ATTACK
{
    static const cz_id other = {{1, 2, 3}};
    struct cz_guest_op op = {.code = CZ_OP_LOCK, .a = CZG_PTR(&other)};
    int64_t rc = 0;

    while (rc == 0)
        rc = czg_emit(&op);
    return rc;
}
