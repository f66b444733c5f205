/* race-of-what-is-not-mapped.c - races futures that are numbers where nothing is mapped. */
#include "attack.h"

ATTACK
{
    return czg_race(CZ_RACE_ANY, (const uint64_t *)8, 4);
}
