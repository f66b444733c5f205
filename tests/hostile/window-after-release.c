/* window-after-release.c - writes a window after its guard was released. The register's id is
 * its input. */
#include "attack.h"

int64_t guest_main(const uint8_t *input, size_t len)
{
    struct cz_guest_claim claim = {CZG_PTR(input), CZ_WRITE};

    if (len != 32 || czg_acquire(&claim, 1))
        return 99;
    WINDOW(0)[0] = 1;
    (void)czg_release();
    WINDOW(0)[0] = 2;
    return 0;
}
