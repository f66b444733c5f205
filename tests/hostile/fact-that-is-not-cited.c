/* fact-that-is-not-cited.c - reads a fact that the effect does not cite. */
#include "attack.h"

ATTACK
{
    struct cz_guest_fact fact;

    return czg_fact(1000, &fact);
}
