/* open-undeclared.c - opens a resource that its effect does not declare. */
#include "attack.h"

ATTACK
{
    static const cz_id other = {{1, 2, 3}};

    return czg_open(&other, CZ_READ);
}
