/* store-null.S - writes a null pointer. */
    .globl _start
    .section .text.start, "ax"
_start:
    sd a0, 8(zero)
