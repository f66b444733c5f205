/* store-around-zero.S - writes over the end of all addresses. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, -1
    sd a0, 0(t0)
