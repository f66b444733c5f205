/* load-null.S - reads a null pointer. */
    .globl _start
    .section .text.start, "ax"
_start:
    ld a0, 8(zero)
