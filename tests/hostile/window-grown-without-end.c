/* window-grown-without-end.c - grows a resource to the size of all addresses. */
#include "attack.h"

ATTACK
{
    return czg_resize(TO_WRITE, SIZE_MAX);
}
