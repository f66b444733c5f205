/* time-of-endless-name.c - asks for the time of a domain whose name is as long as all
 * addresses. */
#include "attack.h"

ATTACK
{
    struct cz_guest_time time;

    return czg_time((const char *)0x10000, SIZE_MAX, &time);
}
