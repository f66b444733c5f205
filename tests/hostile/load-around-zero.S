/* load-around-zero.S - reads over the end of all addresses. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, -4
    ld a0, 0(t0)
