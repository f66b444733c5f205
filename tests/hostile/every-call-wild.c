/* every-call-wild.c - makes the call that its input names, with the pointer that it names in
 * each argument. */
#include "attack.h"

int64_t guest_main(const uint8_t *input, size_t len)
{
    uint64_t number, pointer;

    if (len != 16)
        return 99;
    __builtin_memcpy(&number, input, 8);
    __builtin_memcpy(&pointer, input + 8, 8);
    (void)czg_call(number, pointer, pointer, pointer, pointer, pointer, pointer);
    return 0;
}
